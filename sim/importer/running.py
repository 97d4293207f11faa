"""A machine that ran, made into a scenario: ``asymboot import --dmesg --sysfs``."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.boot_run import boot
from sim.errors import InputError, printable
from sim.files.toml_tables import at
from sim.importer import contradictions
from sim.importer.as_booted import scenario_of
from sim.importer.assumed import assumed_lengths
from sim.importer.imported import LONGEST_NAME, Imported, as_in_a_file
from sim.importer.imported import cpus_of as simulated
from sim.importer.lengths import Vls, read_lengths
from sim.importer.machine import Machine, clusters_of, cpus_of, early_of, read_machine
from sim.importer.remarks import not_so, origin
from sim.scenario import Action, Do, Scenario
from sim.topology import Cpu, Topology


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
    seen = read_machine(dmesg, sysfs, tree)
    with at(f"{path}"):
        cpus, odd = cpus_of(seen)
        clusters = clusters_of(seen, cpus)
        lengths = read_lengths(cpus, clusters.paths, vls, assumed_lengths(seen, cpus))
        linux = _with_lateness(simulated(cpus, clusters, lengths), early_of(seen))
        hidden = not vls and _hides_sve(seen, linux)
        name = printable(path.stem or path.resolve().stem)[:LONGEST_NAME]
        scenario = _scenario(seen, Topology(tuple(linux)), name, sve_hidden=hidden)
        assumed = any(not one.known for one in lengths.values())
        given = "the sets given" if vls else "the cores' sets"
        odd += _odd(seen, scenario, "the sets, of which some are assumed," if assumed else given)
        return Imported(
            path,
            cpus,
            clusters,
            lengths,
            (*origin(seen, dmesg, sysfs), *not_so(seen, cpus, sve_hidden=hidden)),
            "which a machine does not list; its kernel says the largest that all early CPUs share:",
            scenario.but(**_in_file_order(linux)),
            tuple(odd),
        )


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


def _hides_sve(seen: Machine, linux: list[Cpu]) -> bool:
    """Whether every early CPU has SVE by its core, and neither log nor cpuinfo has any."""
    without = seen.log.without_sve if seen.log is not None else seen.sysfs is not None and seen.sysfs.has_sve is False
    return without and all(one.sve_vqs is not None for one in linux if not one.late)


def _scenario(seen: Machine, topology: Topology, name: str, *, sve_hidden: bool) -> Scenario:
    if seen.log is not None:
        scenario = scenario_of(seen.log, topology, name)
        return scenario.but(nosve=scenario.nosve or sve_hidden)
    boot_cpu = topology.logical[0].name
    online = seen.sysfs is None or 0 in seen.sysfs.online
    gone = () if online else (Action(Do.OFFLINE, boot_cpu),)
    return Scenario(topology, nosve=sve_hidden, actions=gone, name=name)


def _odd(seen: Machine, scenario: Scenario, sets: str) -> Iterator[str]:
    outcome = boot(scenario)
    if seen.log is not None:
        yield from seen.log.oddities
        yield from contradictions.of_log(seen.log, outcome, sets)
    if seen.sysfs is not None:
        yield from seen.sysfs.oddities
        yield from contradictions.of_sysfs(seen.sysfs, outcome, sets)
