"""A topology as nested boxes, in Graphviz' language."""

from collections.abc import Iterator
from itertools import count as counter

from sim.export.cpu_comment import lengths_of
from sim.export.export_formats import Exported
from sim.scenario import Scenario
from sim.topology import Topology


def dot(scenario: Scenario) -> Exported:
    """Clusters as boxes in boxes, CPUs with their lengths in them; late ones are dashed."""
    early = set(scenario.early)
    lines = [
        "graph {",
        f"  label={_quoted(scenario.name)};",
        "  node [shape=box];",
        *_inside(scenario.topology, (), early, counter()),
        "}",
    ]
    lost = ("MPIDRs",) if any(one.mpidr is not None for one in scenario.topology.cpus) else ()
    return Exported("".join(f"{line}\n" for line in lines), lost)


def _inside(topology: Topology, path: tuple[str, ...], early: set[int], numbers: Iterator[int]) -> Iterator[str]:
    indent = "  " * (len(path) + 1)
    for node in topology.graph.successors(path):
        if isinstance(node, str):
            yield indent + _cpu(topology, topology.number(node), early)
        else:
            yield f"{indent}subgraph cluster{next(numbers)} {{"
            yield f"{indent}  label={_quoted(node[-1])};"
            yield from _inside(topology, node, early, numbers)
            yield f"{indent}}}"


def _cpu(topology: Topology, number: int, early: set[int]) -> str:
    label = _quoted(topology.label(number), lengths_of(topology.logical[number]))
    style = "" if number in early else ", style=dashed"
    return f"cpu{number} [label={label}{style}];"


def _quoted(*lines: str) -> str:
    r"""A label: Graphviz reads escapes and entities in it.

    >>> print(_quoted("R&D", 'a "b" \\N'))
    "R&amp;D\na \"b\" \\N"
    """
    escaped = (one.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for one in lines)
    text = "\\n".join(escaped)
    return f'"{text}"'
