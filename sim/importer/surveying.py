"""Every device tree below a folder, read one after the other."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sim.errors import InputError, printable
from sim.importer.device_tree import import_device_tree
from sim.importer.imported import Imported
from sim.topology import Topology
from sim.units import counted
from sim.vectors import braces

_SUFFIXES = {".dtb", ".dts"}


@dataclass(slots=True)
class Survey:
    """What a folder's device trees came to."""

    read: int = 0
    cpus: int = 0
    failed: int = 0
    unknown: Counter[str] = field(default_factory=Counter)
    """How many CPUs have a core of which nothing is known, by the core's string."""


def survey(folder: Path, report: Callable[[str, bool], None]) -> Survey:
    """Read every .dtb and .dts below a folder; for each a line is reported, and whether the tree could be read.

    Raises:
        InputError: there are none.
    """
    found = Survey()
    for path in _trees(folder):
        try:
            imported = import_device_tree(path, {})
        except InputError as error:
            found.failed += 1
            report(str(error), False)
            continue
        found.read += 1
        found.cpus += len(imported.cpus)
        found.unknown.update({core: len(numbers) for (core, _), numbers in imported.unknown.items()})
        report(f"{printable(str(path))}: {_line(imported)}", True)
    if not found.read + found.failed:
        raise InputError(f"{folder}: has no .dtb and no .dts below it")
    return found


def _trees(folder: Path) -> Iterator[Path]:
    return (one for one in sorted(folder.rglob("*")) if one.suffix in _SUFFIXES and one.is_file())


def _line(imported: Imported) -> str:
    topology = imported.scenario.topology
    clusters = len(set(imported.clusters.paths.values()) - {()})
    unknown = f"; not known: {', '.join(core for core, _ in imported.unknown)}" if imported.unknown else ""
    return f"{counted(len(topology.cpus), 'CPU')} in {counted(clusters, 'cluster')}, {_lengths(topology)}{unknown}"


def _lengths(topology: Topology) -> str:
    """How many CPUs have which SVE lengths."""
    sets = Counter("no SVE" if one.sve_vqs is None else f"SVE {braces(one.sve_vqs)}" for one in topology.cpus)
    return ", ".join(sets) if len(sets) == 1 else ", ".join(f"{count:,} with {said}" for said, count in sets.items())
