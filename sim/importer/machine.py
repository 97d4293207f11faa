"""A machine that ran, as its kernel log, its sysfs and its device tree show it."""

from dataclasses import dataclass
from pathlib import Path

from sim.files.toml_tables import at
from sim.importer.clusters import ClusterPath, Clusters, by_mpidr
from sim.importer.device_tree import Tree, as_booted_by, read_tree
from sim.importer.kernel_log import KernelLog
from sim.importer.log_reading import read_kernel_log
from sim.importer.seen import SeenCpu, merged
from sim.importer.sysfs import Sysfs, read_sysfs
from sim.topology import cpu_list


@dataclass(frozen=True, slots=True)
class Machine:
    """What was read of a machine; None: nobody gave it."""

    log: KernelLog | None
    sysfs: Sysfs | None
    tree: Tree | None


def read_machine(dmesg: Path | None, sysfs: Path | None, tree: Path | None) -> Machine:
    """Read what is given of a machine.

    Raises:
        InputError: something is not as Linux writes it, not of arm64, or of another machine.
    """
    log = _log(dmesg)
    return Machine(log, None if sysfs is None else read_sysfs(sysfs), _tree(tree, log))


def _log(dmesg: Path | None) -> KernelLog | None:
    if dmesg is None:
        return None
    with at(f"{dmesg}"):
        return read_kernel_log(dmesg)


def _tree(path: Path | None, log: KernelLog | None) -> Tree | None:
    if path is None:
        return None
    tree = read_tree(path)
    boot_mpidr = None if log is None else log.cpus[0].mpidr
    with at(f"{path}"):
        return tree if boot_mpidr is None else as_booted_by(tree, boot_mpidr)


def cpus_of(seen: Machine) -> tuple[tuple[SeenCpu, ...], list[str]]:
    """Each possible CPU, and where log, sysfs and tree contradict each other."""
    sources: dict[str, dict[int, SeenCpu]] = {}
    counts: dict[str, int] = {}
    if seen.log is not None:
        sources["the log"], counts["the log"] = seen.log.cpus, seen.log.possible
    if seen.sysfs is not None:
        sources["sysfs"], counts["sysfs"] = seen.sysfs.cpus, len(seen.sysfs.possible)
    if seen.tree is not None:
        own = seen.tree.cpus[: _nr_cpus(seen.log)]
        sources["the tree"], counts["the tree"] = {one.number: one for one in own}, len(own)
    cpus, odd = merged(sources)
    if len(set(counts.values())) > 1:
        odd.append("how many CPUs are possible: " + ", ".join(f"{source} says {n}" for source, n in counts.items()))
    return tuple(cpus.get(number, SeenCpu(number)) for number in range(max(counts.values()))), odd


def _nr_cpus(log: KernelLog | None) -> int | None:
    """How many CPUs ``nr_cpus=`` leaves of all; None where it is not given."""
    given = None if log is None else log.command_line.value("nr_cpus")
    return log.possible if log is not None and given is not None else None


def clusters_of(seen: Machine, cpus: tuple[SeenCpu, ...]) -> Clusters:
    """Those that the tree has, or sysfs, or that MPIDRs show; a CPU of which nobody says it is put beside another."""
    if seen.tree is not None:
        found = seen.tree.clusters
    elif seen.sysfs is not None:
        found = Clusters(seen.sysfs.paths, "sysfs, which shows those of CPUs that were online")
    else:
        found = by_mpidr({one.number: one.mpidr for one in cpus if one.mpidr is not None}, "a log shows no cpu-map")
    unseen = [one.number for one in cpus if one.number not in found.paths]
    if not unseen:
        return found
    paths: dict[int, ClusterPath] = {}
    for one in cpus:
        paths[one.number] = found.paths.get(one.number, paths.get(one.number - 1, ()))
    return Clusters(paths, f"{found.origin}; cpu{cpu_list(unseen)} is put beside the CPU before it")


def early_of(seen: Machine) -> set[int]:
    """Who was brought up before user space; without a log, who is online."""
    log = seen.log
    if log is None:
        return {0} if seen.sysfs is None else {0, *seen.sysfs.online}
    if log.brought_up:
        return {0, *(step.cpu for step in log.early)}
    most = log.command_line.value("maxcpus") or ""
    return set(range(max(1, int(most)) if most.isdecimal() else log.possible))
