"""The evidence of one machine, from up to three sources: its kernel log, its sysfs and its device tree."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sim.errors import InputError
from sim.files.toml_tables import at
from sim.importer.cpu_evidence import Clusters, CpuEvidence, clusters_by_mpidr, merge
from sim.importer.kernel_log import KernelLog
from sim.importer.kernel_of_log import modelled_kernel
from sim.importer.log_lines import Phase
from sim.importer.log_reader import read_kernel_log
from sim.importer.start_levels import StartLevels, shows_vhe, start_levels
from sim.importer.sysfs import Sysfs, read_sysfs
from sim.kernel_flags import kernel_flags
from sim.kernel_release import kernel_release
from sim.topology import EnableMethod, cpu_list
from sim.vectors import VectorType

if TYPE_CHECKING:
    from sim.importer.device_tree import DeviceTree


class Sources(msgspec.Struct, frozen=True):
    """The files and folders that are given of a machine, at least one of them."""

    dmesg: Path | None = None
    sysfs: Path | None = None
    tree: Path | None = None

    @property
    def first(self) -> Path:
        """The source that names the machine.

        Raises:
            InputError: there is none.
        """
        found = self.dmesg or self.sysfs or self.tree
        if found is None:
            raise InputError("a kernel log, a copy of sysfs or a device tree must be given")
        return found


class MachineEvidence(msgspec.Struct, frozen=True):
    """The facts that each source states; None where it is not given."""

    log: KernelLog | None
    sysfs: Sysfs | None
    tree: "DeviceTree | None"

    def by_source(self) -> dict[str, Mapping[int, CpuEvidence]]:
        """Return what each source says of each CPU, by the source's name; the most trustworthy source comes first."""
        found: dict[str, Mapping[int, CpuEvidence]] = {}
        if self.log is not None:
            found["the log"] = self.log.cpus
        if self.sysfs is not None:
            found["sysfs"] = self.sysfs.cpus
        if self.tree is not None:
            # nr_cpus= makes Linux ignore the nodes behind that number, so that they are not evidence of possible CPUs.
            in_use = self.tree.cpus[: self._nr_cpus()]
            evidence = self.tree.evidence()
            found["the tree"] = {node.cpu: evidence[node.cpu] for node in in_use}
        return found

    def possible_by_source(self) -> dict[str, int]:
        """Return the number of possible CPUs that each source states, by the source's name."""
        counts = {source: len(cpus) for source, cpus in self.by_source().items()}
        if self.log is not None:
            # A log names only the CPUs that something happened to.
            counts["the log"] = self.log.possible
        return counts

    def _nr_cpus(self) -> int | None:
        """Return the number of the tree's CPUs that ``nr_cpus=`` leaves; None, which means all, if it is not given."""
        if self.log is None or self.log.command_line.value("nr_cpus") is None:
            return None
        return self.log.possible

    def cpus(self) -> tuple[CpuEvidence, ...]:
        """Return what is known of each possible CPU, by ascending logical CPU number from 0 on."""
        known = merge(self.by_source().values())
        return tuple(known.get(cpu, CpuEvidence(cpu)) for cpu in range(max(self.possible_by_source().values())))

    def clusters(self) -> Clusters:
        """Return the clusters: as the tree has them, else sysfs, else by the MPIDRs in the log.

        A CPU that no source places is put beside the secondary before it, or the first that is placed: the boot CPU
        comes first whatever its cluster. A copy of sysfs may lack every topology.
        """
        cpus = self.cpus()
        if self.tree is not None:
            found = self.tree.clusters
        elif self.sysfs is not None and self.sysfs.paths:
            found = Clusters(self.sysfs.paths, "sysfs, which shows those of CPUs that were online")
        elif mpidrs := {evidence.cpu: evidence.mpidr for evidence in cpus if evidence.mpidr is not None}:
            found = clusters_by_mpidr(mpidrs, "a log shows no cpu-map")
        else:
            return Clusters({evidence.cpu: () for evidence in cpus}, "no source, so that there are none")
        unplaced = [evidence.cpu for evidence in cpus if evidence.cpu not in found.paths]
        if not unplaced:
            return found
        secondaries = (found.paths[cpu] for cpu in range(1, len(cpus)) if cpu in found.paths)
        path = next(secondaries, found.paths.get(0, ()))
        paths = {0: found.paths.get(0, path)}
        for cpu in range(1, len(cpus)):
            paths[cpu] = path = found.paths.get(cpu, path)
        return Clusters(paths, f"{found.origin}; cpu{cpu_list(unplaced)} is put beside the secondary before it")

    def early(self) -> set[int]:
        """Return the CPUs that the kernel brought up before user space.

        Without a log these are the CPUs that are online, and without sysfs all of the tree's.
        """
        log = self.log
        if log is None:
            return set(range(len(self.cpus()))) if self.sysfs is None else {0, *self.sysfs.online}
        # CPUs that failed early are early too. A log that ends before the bring-up's end lacks some of them: maxcpus=
        # says how many Linux would have tried.
        tried = {0, *(step.cpu for step in log.early)}
        if log.phase is not Phase.EARLY:
            return tried
        limit = self.maxcpus()
        if limit is None:
            return set(range(log.possible))
        if kernel_flags(kernel_release(modelled_kernel(log).release)).maxcpus_counts_online:
            limit += len(tried - log.came_early - {0})
        return tried | set(range(min(limit, log.possible)))

    def maxcpus(self) -> int | None:
        """Return the limit of the early bring-up that the command line sets; None where it sets none, or is unknown."""
        limit = None if self.log is None else self.log.command_line.maxcpus
        return None if limit is None else min(max(1, limit), len(self.cpus()))

    def has_vhe(self) -> bool:
        """Return True if the CPUs can run a kernel at EL2: as the log shows, else as the boot CPU's core can.

        The kernel brings up no CPU that differs from the boot CPU in this; `StartLevels.have_vhe` are those it refused.
        """
        can_vhe = self._boot_core_can_vhe()
        shown = None if self.log is None else shows_vhe(self.log, boot_cpu_can_vhe=can_vhe)
        return can_vhe if shown is None else shown

    def _boot_core_can_vhe(self) -> bool:
        """Return False if the boot CPU's core is documented to lack VHE."""
        core = self.cpus()[0].core
        return core is None or core.vhe

    def start_levels(self) -> StartLevels | None:
        """Return the levels at which the CPUs started; None without a log."""
        return None if self.log is None else start_levels(self.log, boot_cpu_can_vhe=self._boot_core_can_vhe())

    def spin_tables(self) -> set[int]:
        """Return the CPUs that wait in a spin table, as the tree says."""
        nodes = () if self.tree is None else self.tree.cpus
        return {node.cpu for node in nodes if node.enable_method == EnableMethod.SPIN_TABLE}

    def may_have_maxcpus(self) -> bool:
        """Return True if CPUs that did not come early may have been left out by ``maxcpus=``."""
        words = () if self.log is None else self.log.command_line.words
        return not words or self.maxcpus() is not None

    def hides_sve(self) -> bool:
        """Return True if the kernel has no SVE, and its command line does not say why."""
        if self.log is not None:
            return self.log.lacks_sve
        return self.sysfs is not None and self.sysfs.extensions.get(VectorType.SVE) is False


def read_machine(sources: Sources) -> MachineEvidence:
    """Read every source that is given.

    Raises:
        InputError: a source is not as Linux writes it, or not of arm64, or the tree is of another machine.
        MissingExtra: there is a tree, and the package pylibfdt is not installed.
    """
    log = None if sources.dmesg is None else _log(sources.dmesg)
    sysfs = None if sources.sysfs is None else read_sysfs(sources.sysfs)
    tree = None if sources.tree is None else _tree(sources.tree)
    if sources.tree is not None and tree is not None and log is not None and log.cpus[0].mpidr is not None:
        # The log says which CPU booted, which decides how Linux numbers the tree's CPUs.
        with at(f"{sources.tree}"):
            tree = tree.booted_by(log.cpus[0].mpidr)
    return MachineEvidence(log, sysfs, tree)


def _log(path: Path) -> KernelLog:
    with at(f"{path}"):
        return read_kernel_log(path)


def _tree(path: Path) -> "DeviceTree":
    # Here, because logs are explained without the readers of blobs and sources.
    from sim.importer.device_tree import read_tree

    return read_tree(path)
