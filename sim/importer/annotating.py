"""An imported scenario as the text of its file, with comments on what came from where."""

from collections.abc import Iterator
from itertools import groupby

from sim.errors import printable
from sim.files.scenario_text import scenario_text
from sim.importer.imported import Imported
from sim.importer.seen import SeenCpu
from sim.topology import cpu_list

_LONGEST_TEXT = 100


def annotated_text(imported: Imported) -> str:
    """The text of the scenario's file; its comments say what was seen, what was given, what is not known."""
    comments = "".join(f"# {line}".rstrip() + "\n" for line in _lines(imported))
    return f"{comments}\n{scenario_text(imported.scenario)}"


def _lines(imported: Imported) -> Iterator[str]:
    yield from imported.remarks
    yield f"Clusters: from {imported.clusters.origin}."
    if [one.name for one in imported.scenario.topology.logical] != [one.name for one in imported.cpus]:
        yield "This file has a cluster's CPUs together: Linux numbers CPUs as their names do, the simulator does not."
    yield f"Vector lengths, {imported.about_lengths}"
    yield from _cpu_lines(imported)
    yield from (f"Contradiction: {one}." for one in imported.contradictions)
    yield "All else is as by default: nothing that was read says it."


def _cpu_lines(imported: Imported) -> Iterator[str]:
    """A line for all CPUs in a row that are alike."""
    for said, alike in groupby(imported.cpus, lambda one: _said(imported, one)):
        yield f"  cpu{cpu_list([one.number for one in alike])}: {said}"


def _said(imported: Imported, cpu: SeenCpu) -> str:
    has = imported.lengths[cpu.number]
    parts = [cpu.core_name, "/".join(imported.clusters.paths[cpu.number]) or "in no cluster"]
    if cpu.capacity is not None:
        parts.append(f"capacity {cpu.capacity}")
    return f"{', '.join(parts)}: {printable(f'{has}'[:_LONGEST_TEXT])} ({printable(has.source[:_LONGEST_TEXT])})"
