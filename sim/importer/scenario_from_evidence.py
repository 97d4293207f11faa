"""The scenario of an imported system: its topology, and what a kernel log tells of the boot.

Linux numbers CPUs in the order of the device tree, and a scenario file must have the CPUs of a cluster together. A
scenario is therefore made in Linux's order, so that a boot logs what the real kernel logged. It is put in a file's
order at the end.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from sim.boot_run import boot
from sim.id_registers import QEMU_MAX, Core
from sim.importer.cpu_evidence import ClusterPath, CpuEvidence
from sim.importer.cpu_lengths import CpuLengths
from sim.importer.faults_of_log import faults_of_log
from sim.importer.hotplug_history import HotplugResult
from sim.importer.kernel_log import KernelLog
from sim.importer.kernel_of_log import modelled_kernel
from sim.importer.log_lines import KvmReadyLine
from sim.importer.start_levels import StartLevels
from sim.importer.suspends import LateAction
from sim.scenario import EL2, Action, Do, KvmMode, Scenario
from sim.topology import Cpu, EnableMethod, Topology, cpu, lacks_el2


def linux_topology(
    cpus: Iterable[CpuEvidence],
    paths: Mapping[int, ClusterPath],
    lengths: Mapping[int, CpuLengths],
    early: set[int],
    levels: StartLevels | None = None,
    *,
    vhe: bool = True,
    spin_tables: Container[int] = (),
    cores: Mapping[int, Core] = MappingProxyType({}),
) -> Topology:
    """Return CPUs in Linux's order: a CPU's place is its logical number, and the first CPU boots.

    Args:
        cpus: the CPUs.
        paths: the clusters around each CPU.
        lengths: each CPU's vector lengths.
        early: the CPUs that the kernel brought up before user space.
        levels: the exception levels at which they started, if a log shows them.
        vhe: True if they can run a kernel at EL2.
        spin_tables: the CPUs that wait in a spin table.
        cores: each CPU's core where all features are modelled; none where vector lengths are modelled alone.

    Raises:
        InputError: a length is not a vector length, or the architecture does not allow a set of lengths.
    """
    found = []
    for evidence in cpus:
        has = lengths[evidence.cpu]
        found.append(
            cpu(
                evidence.name,
                has.sve_bits,
                has.sme_bits,
                el=_own_level(evidence.cpu, levels, cores.get(evidence.cpu, QEMU_MAX)),
                vhe=vhe or (levels is not None and evidence.cpu in levels.have_vhe),
                core=cores.get(evidence.cpu, QEMU_MAX),
                enable_method=EnableMethod.SPIN_TABLE if evidence.cpu in spin_tables else EnableMethod.PSCI,
                late=evidence.cpu not in early,
                mpidr=evidence.mpidr,
                clusters=paths[evidence.cpu],
            )
        )
    return Topology(tuple(found))


def _own_level(cpu: int, levels: StartLevels | None, core: Core) -> int | None:
    """Return the level at which a CPU started; None where it is the boot CPU's, or its registers lack it."""
    level = None if levels is None else levels.own_level(cpu)
    return None if level == EL2 and lacks_el2(core) else level


# From a kernel log


def scenario_from_log(log: KernelLog, topology: Topology, levels: StartLevels, name: str) -> Scenario:
    """Return the scenario of a log, on a topology in which late CPUs are marked as such.

    Args:
        log: the log.
        topology: the CPUs.
        levels: the exception levels at which they started.
        name: the scenario's name.

    Raises:
        InputError: the log has more steps than a scenario may have.
    """
    kernel = modelled_kernel(log)
    scenario = Scenario(
        topology,
        kernel=kernel.release,
        kernel_flags=kernel.flags,
        page_bytes=kernel.page_bytes,
        kvm_mode=_kvm_mode(log),
        el2=levels.boot == EL2,
        arm64_nosve=log.command_line.nosve,
        arm64_nosme=log.command_line.nosme,
        actions=tuple(map(_action, log.actions)),
        name=name,
    )
    faults = faults_of_log(log, has_pkvm=scenario.has_pkvm)
    # A CPU that dies for its level needs no fault, and must start to leave its mark.
    dead = {f"cpu{cpu}" for cpu in levels.dead}
    return scenario.but(faults=tuple(fault for fault in faults if fault.cpu not in dead))


def _kvm_mode(log: KernelLog) -> KvmMode:
    mode = log.command_line.value("kvm-arm.mode")
    if mode in set(KvmMode):
        return KvmMode(mode)
    # The command line may be lost, or come from a place that the kernel does not log.
    is_protected = isinstance(log.kvm, KvmReadyLine) and log.kvm.is_protected
    return KvmMode.PROTECTED if is_protected else KvmMode.DEFAULT


def _action(action: LateAction) -> Action:
    if action.is_suspend:
        return Action(Do.SUSPEND)
    (step,) = action.steps
    return Action(Do.OFFLINE if step.result is HotplugResult.OFFLINE else Do.ONLINE, f"cpu{step.cpu}")


# As a file has it


def as_in_a_file(scenario: Scenario, *, maxcpus: int | None, may_have_maxcpus: bool) -> Scenario:
    """Return a scenario in Linux's order as a file can have it: with the CPUs of each cluster together.

    Late CPUs are expressed by ``maxcpus`` if the kernel then tries the same CPUs early. Else they are marked.

    Args:
        scenario: the scenario, in which late CPUs are marked.
        maxcpus: the limit that the command line sets; None where it sets none, or is unknown.
        may_have_maxcpus: True if the command line may have a limit.
    """
    linux = scenario.topology.cpus
    topology = Topology(tuple(_in_file_order(linux)), boot_cpu=linux[0].name)
    marked = scenario.but(topology=topology)
    early = [number for number, cpu in enumerate(topology.logical) if not cpu.late]
    is_limited = len(early) < len(linux) or (maxcpus is not None and maxcpus < len(linux))
    if not may_have_maxcpus or not is_limited or early != list(range(len(early))):
        return marked
    plain = Topology(tuple(replace(cpu, late=False) for cpu in topology.cpus), topology.boot_cpu)
    for limit in _limits(marked, maxcpus):
        if _tried_early(limited := scenario.but(topology=plain, maxcpus=limit)) == len(early):
            return limited
    return marked


def _limits(marked: Scenario, maxcpus: int | None) -> Iterator[int]:
    """Yield the limits that may leave the late CPUs out, the likeliest first."""
    if maxcpus is not None:
        yield maxcpus
    elif not marked.flags.maxcpus_counts_online:
        yield len(marked.early)
    else:
        # An early CPU that did not come made room for the next.
        facts = boot(marked.but(actions=())).facts
        yield sum(number in facts.online for number in facts.early)


def _tried_early(scenario: Scenario) -> int:
    """Return the number of CPUs that the kernel tries to bring up early."""
    if not scenario.flags.maxcpus_counts_online:
        return len(scenario.early)
    return len(boot(scenario.but(actions=())).facts.early)


def _in_file_order(linux: Sequence[Cpu]) -> list[Cpu]:
    """Put the CPUs of each cluster together, in Linux's order as far as that goes.

    The boot CPU is first of all in Linux's order, and may lie in any cluster: the others order the clusters.
    """
    boot_cpu, *rest = linux
    ordered = _by_cluster(rest, 0)
    places = (
        place
        for depth in range(len(boot_cpu.clusters), 0, -1)
        for place, cpu in enumerate(ordered)
        if cpu.clusters[:depth] == boot_cpu.clusters[:depth]
    )
    ordered.insert(next(places, 0), boot_cpu)
    return _by_cluster(ordered, 0)


def _by_cluster(cpus: Sequence[Cpu], depth: int) -> list[Cpu]:
    """Put the CPUs of each cluster together, after those that lie in no cluster of this depth."""
    ordered: list[Cpu] = []
    clusters: dict[str, list[Cpu]] = {}
    for one in cpus:
        if len(one.clusters) == depth:
            ordered.append(one)
        else:
            clusters.setdefault(one.clusters[depth], []).append(one)
    for members in clusters.values():
        ordered += _by_cluster(members, depth + 1)
    return ordered
