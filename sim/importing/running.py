"""A machine that ran, made into a scenario from its kernel log, from its sysfs, or from both: ``asymboot import``."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sim.booting import boot
from sim.errors import InputError, printable
from sim.files.toml_tables import at
from sim.importing import contradictions
from sim.importing.as_booted import scenario_of, series_of
from sim.importing.clusters import ClusterPath, Clusters, by_mpidr
from sim.importing.device_tree import Tree, as_booted_by, read_tree
from sim.importing.imported import LONGEST_NAME, Imported, as_in_a_file, cpus_of
from sim.importing.kernel_log import Ending, KernelLog, read_kernel_log
from sim.importing.lengths import NOT_KNOWN, Lengths, Vls, read_lengths
from sim.importing.seen import SeenCpu, merged
from sim.importing.sysfs import Sysfs, read_sysfs
from sim.scenario import Scenario
from sim.topology import Cpu, Topology, cpu_list
from sim.vectors import VectorType

_BITS_OF_A_BYTE = 8
_SMALLEST_BITS = 128


@dataclass(frozen=True, slots=True)
class _Running:
    """What was read of a machine; None: nobody gave it."""

    log: KernelLog | None
    sysfs: Sysfs | None
    tree: Tree | None


def read_running_machine(
    dmesg: Path | str | None = None,
    sysfs: Path | str | None = None,
    tree: Path | str | None = None,
    vls: Vls | None = None,
) -> Scenario:
    """Read a kernel log, a copy of sysfs, or both, as a scenario that boots the machine as it booted.

    Args:
        dmesg: the log, from the kernel's first line on.
        sysfs: a folder with copies of ``sys/devices/system/cpu`` and ``proc/cpuinfo``; or ``/``.
        tree: its device tree, if it is at hand.
        vls: as for `read_device_tree`; where nobody knows a CPU's lengths, those that the log's maximum implies.

    Raises:
        InputError: neither log nor sysfs is given, something is not as Linux writes it, not of arm64, or of another
            machine, or the lengths cannot be.
    """
    log, root, blob = (None if one is None else Path(one) for one in (dmesg, sysfs, tree))
    return import_running_machine(log, root, blob, vls or {}).scenario


def import_running_machine(dmesg: Path | None, sysfs: Path | None, tree: Path | None, vls: Vls) -> Imported:
    """The same, with what the scenario was made from.

    Raises:
        InputError: see `read_running_machine`.
    """
    path = dmesg or sysfs
    if path is None:
        raise InputError("a kernel log or a copy of sysfs must be given")
    log = _log(dmesg)
    seen = _Running(log, None if sysfs is None else read_sysfs(sysfs), _tree(tree, log))
    with at(f"{path}"):
        cpus, odd = _cpus(seen)
        clusters = _clusters(seen, cpus)
        lengths = read_lengths(cpus, clusters.paths, vls, _otherwise(seen, cpus))
        linux = _with_lateness(cpus_of(cpus, clusters, lengths), _early(seen))
        scenario = _scenario(seen, Topology(tuple(linux)), printable(path.resolve().stem)[:LONGEST_NAME])
        assumed = any(not one.known for one in lengths.values())
        odd += _odd(seen, scenario, "the sets, of which some are assumed," if assumed else "the sets given")
        return Imported(
            path,
            cpus,
            clusters,
            lengths,
            (*_remarks(seen, dmesg, sysfs), *_not_so(seen, cpus, linux)),
            "which a machine does not list; its kernel says the largest that all early CPUs share:",
            scenario.but(**_in_file_order(linux)),
            tuple(odd),
        )


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


def _cpus(seen: _Running) -> tuple[tuple[SeenCpu, ...], list[str]]:
    """Each possible CPU, and where log, sysfs and tree contradict each other."""
    sources: dict[str, Mapping[int, SeenCpu]] = {}
    counts: dict[str, int] = {}
    if seen.log is not None:
        sources["the log"], counts["the log"] = seen.log.cpus, seen.log.possible
    if seen.sysfs is not None:
        sources["sysfs"], counts["sysfs"] = seen.sysfs.cpus, len(seen.sysfs.possible)
    if seen.tree is not None:
        sources["the tree"], counts["the tree"] = {one.number: one for one in seen.tree.cpus}, len(seen.tree.cpus)
    cpus, odd = merged(sources)
    if len(set(counts.values())) > 1:
        odd.append("how many CPUs are possible: " + ", ".join(f"{source} says {n}" for source, n in counts.items()))
    return tuple(cpus.get(number, SeenCpu(number)) for number in range(max(counts.values()))), odd


def _clusters(seen: _Running, cpus: tuple[SeenCpu, ...]) -> Clusters:
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


def _early(seen: _Running) -> set[int]:
    """Who was brought up before user space; without a log, who is online."""
    log = seen.log
    if log is None:
        return set() if seen.sysfs is None else set(seen.sysfs.online)
    if log.brought_up:
        return {0, *(step.cpu for step in log.early)}
    most = log.command_line.value("maxcpus") or ""
    return set(range(max(1, int(most)) if most.isdecimal() else log.possible))


def _with_lateness(cpus: list[Cpu], early: set[int]) -> list[Cpu]:
    return [replace(one, late=number not in early) for number, one in enumerate(cpus)]


def _in_file_order(linux: list[Cpu]) -> dict[str, Any]:
    """What a file says of the topology: with ``maxcpus``, where that tells who is late."""
    topology = as_in_a_file(linux)
    late = [one.late for one in topology.logical]
    early = late.count(False)
    if not any(late) or any(late[:early]):
        return {"topology": topology}
    plain = tuple(replace(one, late=False) for one in topology.cpus)
    return {"topology": Topology(plain, topology.boot_cpu), "maxcpus": early}


def _scenario(seen: _Running, topology: Topology, name: str) -> Scenario:
    if seen.log is not None:
        return scenario_of(seen.log, topology, name)
    return Scenario(topology, nosve=_hidden(seen, topology.cpus), name=name)


def _hidden(seen: _Running, cpus: Iterable[Cpu]) -> bool:
    """Whether cpuinfo has no SVE though a CPU has: as with arm64.nosve."""
    has_not = seen.log is None and seen.sysfs is not None and seen.sysfs.has_sve is False
    return has_not and any(one.sve_vqs is not None for one in cpus)


def _odd(seen: _Running, scenario: Scenario, sets: str) -> Iterator[str]:
    outcome = boot(scenario)
    if seen.log is not None:
        yield from seen.log.oddities
        yield from contradictions.of_log(seen.log, outcome, sets)
    if seen.sysfs is not None:
        yield from seen.sysfs.oddities
        yield from contradictions.of_sysfs(seen.sysfs, outcome, sets)


# Vector lengths of which nobody knows


def _otherwise(seen: _Running, cpus: Iterable[SeenCpu]) -> Lengths:
    announced = {} if seen.log is None else seen.log.announced
    sve, sme = (_largest_bits(announced, vector_type) for vector_type in VectorType)
    if sve or sme:
        source = "not known: as little as the log's maximum implies"
        return Lengths(_up_to(sve, _SMALLEST_BITS), _up_to(sme, _smallest_sme(announced)), source, known=False)
    if any(one.has_sve for one in cpus) or (seen.sysfs is not None and seen.sysfs.has_sve):
        return Lengths((_SMALLEST_BITS,), None, "not known: what every CPU with SVE has", known=False)
    return NOT_KNOWN


def _largest_bits(announced: Mapping[str, str], vector_type: VectorType) -> int:
    return _bits(announced.get(f"{vector_type} maximum", "0"))


def _smallest_sme(announced: Mapping[str, str]) -> int:
    return _bits(announced.get("SME minimum", "0")) or _SMALLEST_BITS


def _bits(size: str) -> int:
    return int(size.removesuffix(" bytes")) * _BITS_OF_A_BYTE


def _up_to(largest: int, smallest: int) -> tuple[int, ...] | None:
    """The smallest, its doubles below the largest, and that; none where there is no largest."""
    doubles = (smallest << power for power in range(largest.bit_length()))
    return (*(one for one in doubles if one < largest), largest) if largest else None


# What is said


def _remarks(seen: _Running, dmesg: Path | None, sysfs: Path | None) -> Iterator[str]:
    if seen.log is not None and dmesg is not None:
        which = f", the last of {seen.log.boots} boots in it" if seen.log.boots > 1 else ""
        yield f"From {printable(dmesg.name)}: Linux {printable(seen.log.release[:60]) or 'of unknown release'}{which}."
        if not_so := series_of(seen.log)[1]:
            yield not_so
    if seen.sysfs is not None and sysfs is not None:
        yield f"From {printable(sysfs.name) or '/'}: {len(seen.sysfs.possible)} possible CPUs, as sysfs shows them."
    if seen.log is None:
        yield "Who came late is not shown: the CPUs that are offline are taken to be late."
    if seen.tree is not None:
        yield from seen.tree.remarks


def _not_so(seen: _Running, cpus: Iterable[SeenCpu], linux: Iterable[Cpu]) -> Iterator[str]:
    """What is not known, and what is simulated otherwise than it was."""
    if silent := [one.number for one in cpus if one.mpidr is None and one.midr is None]:
        yield f"Nothing is known of cpu{cpu_list(silent)}."
    if _hidden(seen, linux):
        yield "cpuinfo has no SVE, and CPUs have: simulated as with arm64.nosve."
    if seen.log is None:
        return
    if not seen.log.final:
        yield "The log ends before capabilities are final: what it does not say is not known."
    for step in (*seen.log.early, *seen.log.late):
        if step.ending is Ending.REFUSED_OTHERWISE:
            yield f"cpu{step.cpu} was refused for what is not modelled ({step.why}): simulated as if it never arrived."
    if seen.log.panic is not None:
        yield f"The log ends in {seen.log.panic!r}."
