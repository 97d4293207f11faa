"""Scenarios of systems that exist: device trees, and machines that ran.

The evidence makes a scenario. If the evidence comes from a machine that ran, the scenario is booted, and the evidence
is compared with the boot. `sim.importer.provenance` writes the scenario's file with comments on all of that.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from sim.arguments import checked
from sim.boot_run import boot
from sim.errors import InputError, printable
from sim.files.toml_tables import at
from sim.importer.contradictions import between_sources, with_log, with_sysfs
from sim.importer.cpu_evidence import Clusters, CpuEvidence
from sim.importer.cpu_lengths import CpuLengths, Vls, lengths_of
from sim.importer.imported_cores import ImportedCores, cores_of
from sim.importer.inferred_features import InferredFeatures, with_inferred_features
from sim.importer.late_arrivals import with_late_arrivals
from sim.importer.machine_evidence import MachineEvidence, Sources, read_machine
from sim.importer.scenario_from_evidence import as_in_a_file, linux_topology, scenario_from_log
from sim.importer.start_levels import StartLevels
from sim.scenario import Action, Do, Scenario
from sim.topology import Topology
from sim.vectors import bits_from_vqs

_LONGEST_NAME = 200
"""The longest name that a scenario file may have, in characters."""


class UnknownLengths(msgspec.Struct, frozen=True):
    """A core whose vector lengths are not documented, or not all of them."""

    core: str
    """The core's name, for people."""
    is_in_table: bool
    """True if the table has the core, though not its lengths."""
    inferred: str
    """The lengths that it is taken to have, for people."""
    taken_for: str = ""
    """The name of the core that the scenario has, which was inferred; empty where a source names the core."""

    def __str__(self) -> str:
        core = f"{self.core}, of unknown vector lengths" if self.is_in_table else f"unknown core {self.core}"
        if self.taken_for:
            core = f"core that no source names, taken to be {self.taken_for}"
        return f"{core}: taken to have {self.inferred}"


class Imported(msgspec.Struct, frozen=True):
    """A scenario, and the evidence that it was made from."""

    sources: Sources
    machine: MachineEvidence
    cpus: tuple[CpuEvidence, ...]
    """By ascending logical CPU numbers, from 0 on."""
    clusters: Clusters
    lengths: dict[int, CpuLengths]
    """By logical CPU number."""
    cores: ImportedCores
    """The cores, if all features are modelled."""
    sve_is_hidden: bool
    """True if the scenario has arm64.nosve because every core has SVE and the kernel had none."""
    features: InferredFeatures
    """The settings on CPU features that the log shows."""
    scenario: Scenario
    contradictions: tuple[str, ...]
    """Sentences on the differences between the sources, and between the sources and the model."""

    @property
    def unknown(self) -> dict[UnknownLengths, list[int]]:
        """The CPUs whose lengths are unknown, in groups that are alike."""
        found: dict[UnknownLengths, list[int]] = {}
        for evidence in self.cpus:
            lengths = self.lengths[evidence.cpu]
            if not lengths.is_known:
                is_in_table, taken_for = evidence.core is not None, self.taken_for(evidence.cpu)
                alike = UnknownLengths(evidence.core_name, is_in_table, str(lengths), taken_for)
                found.setdefault(alike, []).append(evidence.cpu)
        return found

    def taken_for(self, cpu: int) -> str:
        """Return the core that a CPU has in the scenario though no source names it; empty if one does."""
        if not self.cores.are_known:
            return ""
        name = self.features.scenario.topology.logical[cpu].features.core.name
        return name if cpu in self.cores.like_others or name != self.cores.cores[cpu].name else ""

    @property
    def inferred_late(self) -> tuple[int, ...]:
        """The CPUs that are late only because sysfs alone shows them offline, which tells no reason."""
        sysfs = self.machine.sysfs
        if self.machine.log is not None or sysfs is None:
            return ()
        return tuple(cpu for cpu in sysfs.possible if cpu not in sysfs.online)


@checked
def read_device_tree(path: Path | str, vls: Vls | None = None) -> Scenario:
    """Read a device tree as a scenario that boots its CPUs.

    Args:
        path: the tree, as a blob (.dtb) or, where dtc is installed, as source (.dts).
        vls: SVE lengths in bits, or None for no SVE, by the name of a CPU or a cluster. The other CPUs have the
            lengths that their core is known to have, and none where the core is unknown.

    Raises:
        InputError: the file is not a sound device tree of an arm64 system, or `vls` has lengths that cannot be.
        MissingExtra: the package pylibfdt is not installed.

    >>> from tempfile import TemporaryDirectory
    >>> from pathlib import Path
    >>> from sim import Topology, Scenario, export_text
    >>> source = export_text(Scenario(Topology.of([[128], [128]])), "dts")
    >>> with TemporaryDirectory() as folder:
    ...     tree = Path(folder, "two.dts")
    ...     length = tree.write_text(source)
    ...     len(read_device_tree(tree, {"cpu@0": [128]}).topology.cpus)  # doctest: +SKIP
    2
    """
    return import_machine(Sources(tree=Path(path)), vls or {}).scenario


@checked
def read_running_machine(
    dmesg: Path | str | None = None,
    sysfs: Path | str | None = None,
    tree: Path | str | None = None,
    vls: Vls | None = None,
) -> Scenario:
    """Read a kernel log, a copy of sysfs, or both, as a scenario that boots the machine as it booted.

    Args:
        dmesg: the log, from the kernel's first line on.
        sysfs: a folder with copies of ``sys/devices/system/cpu`` and ``proc/cpuinfo``; ``/`` for this machine itself.
        tree: the machine's device tree, as a blob or as source.
        vls: SVE lengths in bits, as for `read_device_tree`. Where neither they nor the core tell a CPU's lengths, it
            has as few as the log's maximum implies.

    Raises:
        InputError: neither log nor sysfs is given; a file is not as Linux writes it, not of arm64, or of another
            machine; or `vls` has lengths that cannot be.
        MissingExtra: a tree is given, and the package pylibfdt is not installed.

    >>> from tempfile import TemporaryDirectory
    >>> from pathlib import Path
    >>> from sim import boot, read_scenario
    >>> with TemporaryDirectory() as folder:
    ...     log = Path(folder, "boot.log")
    ...     length = log.write_text(boot(read_scenario("late-cpu-refused")).log_text)
    ...     read_running_machine(dmesg=log).topology
    <Topology of 3 CPUs: SVE bits of 2 with {128,256,512}, 1 with {128}>
    """
    if dmesg is None and sysfs is None:
        raise InputError("a kernel log or a copy of sysfs must be given")
    given = (None if path is None else Path(path) for path in (dmesg, sysfs, tree))
    return import_machine(Sources(*given), vls or {}).scenario


def import_machine(sources: Sources, vls: Vls) -> Imported:
    """Make a scenario from every source that is given, and find where they contradict each other or the model.

    Raises:
        InputError: see `read_device_tree` and `read_running_machine`.
        MissingExtra: see there.
    """
    named_by = sources.first
    machine = read_machine(sources)
    with at(f"{named_by}"):
        cpus, clusters = machine.cpus(), machine.clusters()
        lengths = lengths_of(cpus, clusters.paths, machine, vls)
        cores = cores_of(cpus, lengths, machine)
        levels = machine.start_levels()
        topology = linux_topology(
            cpus,
            clusters.paths,
            lengths,
            machine.early(),
            levels,
            vhe=machine.has_vhe(),
            spin_tables=machine.spin_tables(),
            cores=cores.cores,
        )
        # A user who gives lengths has said what there is; a log without SVE then contradicts the user. An early CPU
        # without SVE takes it from the whole system, so that nothing needs to hide it.
        sve_is_hidden = not vls and machine.hides_sve() and _every_early_cpu_has_sve(topology)
        # The path "." has no stem, unlike the folder that it resolves to.
        name = printable(named_by.stem or named_by.resolve().stem)[:_LONGEST_NAME]
        scenario = _scenario(machine, topology, levels, name, sve_is_hidden=sve_is_hidden)
        features = InferredFeatures(scenario)
        if machine.log is not None and levels is not None and cores.are_known:
            features = with_inferred_features(scenario, machine.log, levels)
        if machine.log is not None:
            features = replace(features, scenario=with_late_arrivals(features.scenario, machine.log))
        lengths |= _of_other_cores(features.scenario, cores)
        found = _contradictions(machine, features.scenario, _name_of_sets(lengths, vls))
        return Imported(
            sources,
            machine,
            cpus,
            clusters,
            lengths,
            cores,
            sve_is_hidden,
            features,
            as_in_a_file(features.scenario, maxcpus=machine.maxcpus(), may_have_maxcpus=machine.may_have_maxcpus()),
            (*found, *features.contradictions),
        )


def _of_other_cores(scenario: Scenario, cores: ImportedCores) -> dict[int, CpuLengths]:
    """Return the lengths of the CPUs that the log shows to be other cores than they were taken to be."""
    found = {}
    for cpu, core in cores.cores.items() if cores.are_known else ():
        simulated = scenario.topology.logical[cpu]
        if simulated.features.core.name != core.name:
            sve_bits, sme_bits = (
                None if vqs is None else bits_from_vqs(vqs) for vqs in (simulated.sve_vqs, simulated.sme_vqs)
            )
            found[cpu] = CpuLengths(sve_bits, sme_bits, "like the core that it is taken to be", is_known=False)
    return found


def _every_early_cpu_has_sve(topology: Topology) -> bool:
    return all(cpu.sve_vqs is not None for cpu in topology.cpus if not cpu.late)


def _scenario(
    machine: MachineEvidence, topology: Topology, levels: StartLevels | None, name: str, *, sve_is_hidden: bool
) -> Scenario:
    if machine.log is not None and levels is not None:
        scenario = scenario_from_log(machine.log, topology, levels, name)
        return scenario.but(arm64_nosve=scenario.arm64_nosve or sve_is_hidden)
    # The boot CPU cannot be late. If sysfs shows it offline, user space took it down after the boot.
    boot_cpu_is_gone = machine.sysfs is not None and 0 not in machine.sysfs.online
    actions = (Action(Do.OFFLINE, topology.logical[0].name),) if boot_cpu_is_gone else ()
    return Scenario(topology, arm64_nosve=sve_is_hidden, actions=actions, name=name)


def _name_of_sets(lengths: dict[int, CpuLengths], vls: Vls) -> str:
    """Name the sets of lengths that imply what the model says, for sentences on contradictions."""
    if not all(has.is_known for has in lengths.values()):
        return "the sets, of which some are assumed,"
    return "the sets given" if vls else "the cores' sets"


def _contradictions(machine: MachineEvidence, scenario: Scenario, sets: str) -> Iterator[str]:
    yield from between_sources(machine)
    if machine.log is None and machine.sysfs is None:
        return  # a tree says nothing that a boot could contradict
    outcome = boot(scenario)
    if machine.log is not None:
        yield from machine.log.oddities
        yield from with_log(machine.log, outcome, sets)
    if machine.sysfs is not None:
        yield from machine.sysfs.oddities
        yield from with_sysfs(machine.sysfs, outcome, sets)
