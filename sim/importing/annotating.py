"""A scenario made from a device tree as the text of its file, with comments on what came from where."""

from collections.abc import Iterator
from itertools import groupby

from sim.errors import printable
from sim.files.scenario_writing import scenario_text
from sim.importing.cpu_nodes import CpuNode
from sim.importing.device_tree import Imported, core_name
from sim.topology import cpu_list

_LONGEST_TEXT = 100


def annotated_text(imported: Imported) -> str:
    """The text of the scenario's file; its comments say what the tree has, what was given, what is not known."""
    comments = "".join(f"# {line}".rstrip() + "\n" for line in _lines(imported))
    return f"{comments}\n{scenario_text(imported.scenario)}"


def _lines(imported: Imported) -> Iterator[str]:
    nodes = imported.nodes
    yield f"From {_short(imported.path.name)}: {_short(imported.model)}."
    yield "CPUs: as Linux numbers them, in the order of /cpus; mpidr is reg. That the first one boots is an assumption."
    yield f"Clusters: from {imported.clusters.origin}."
    if [one.name for one in imported.scenario.topology.logical] != [one.name for one in nodes.cpus]:
        yield "This file has a cluster's CPUs together: Linux numbers CPUs as their names do, the simulator does not."
    for one in nodes.failed:
        yield f"Left out: {_short(one.node)}, whose status is {_short(one.status)}."
    yield from _start_up(nodes.cpus)
    yield "Vector lengths, of which a tree has none; capacity is capacity-dmips-mhz, which nothing here depends on:"
    yield from _cpu_lines(imported)
    yield "All else is as by default: a tree does not say it."


def _start_up(cpus: tuple[CpuNode, ...]) -> Iterator[str]:
    """How CPUs are started, as far as that is not as simulated; and who is disabled."""
    other: dict[str, list[int]] = {}
    for one in cpus:
        if one.enable_method != "psci":
            other.setdefault(one.enable_method, []).append(one.number)
    for method, numbers in other.items():
        said = f'enable-method "{_short(method)}"' if method else "no enable-method"
        yield f"Simulated as if started by PSCI: cpu{cpu_list(numbers)} with {said}."
    if disabled := [one.number for one in cpus if one.status not in {"", "okay", "ok"}]:
        yield f"Not okay by status, and started by Linux all the same: cpu{cpu_list(disabled)}."


def _cpu_lines(imported: Imported) -> Iterator[str]:
    """A line for all CPUs in a row that are alike."""
    for said, alike in groupby(imported.nodes.cpus, lambda one: _said(imported, one)):
        yield f"  cpu{cpu_list([one.number for one in alike])}: {said}"


def _said(imported: Imported, cpu: CpuNode) -> str:
    has = imported.lengths[cpu.number]
    parts = [core_name(cpu), "/".join(imported.clusters.paths[cpu.number]) or "in no cluster"]
    if cpu.capacity is not None:
        parts.append(f"capacity {cpu.capacity}")
    bits = "no SVE" if has.sve_bits is None else "SVE {" + ",".join(map(str, has.sve_bits)) + "}"
    if has.sme_bits is not None:
        bits += ", SME {" + ",".join(map(str, has.sme_bits)) + "}"
    return f"{', '.join(parts)}: {_short(bits)} ({_short(has.source)})"


def _short(text: str) -> str:
    return printable(text[:_LONGEST_TEXT])
