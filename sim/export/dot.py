"""A topology as a Graphviz graph: clusters as nested boxes around the CPUs.

Graphviz draws a subgraph as a box if its name begins with "cluster"; the topology's name of a cluster is the label.
"""

from collections.abc import Iterator
from itertools import count as counter

from sim.export.cpu_comment import describe_lengths
from sim.export.export_formats import Exported
from sim.scenario import Scenario
from sim.topology import Topology


def export_dot(scenario: Scenario) -> Exported:
    """Export a scenario's clusters and CPUs, labelled with their lengths; late CPUs are dashed."""
    early = set(scenario.early)
    lines = [
        "graph {",
        f"  label={_quote(scenario.name)};",
        "  node [shape=box];",
        *_cluster_lines(scenario.topology, (), early, counter()),
        "}",
    ]
    lost = ("MPIDRs",) if any(spec.mpidr is not None for spec in scenario.topology.cpus) else ()
    return Exported("".join(f"{line}\n" for line in lines), lost)


def _cluster_lines(topology: Topology, path: tuple[str, ...], early: set[int], ids: Iterator[int]) -> Iterator[str]:
    """Yield the content of the cluster at a path; `ids` numbers the clusters, whose names need not be unique."""
    indent = "  " * (len(path) + 1)
    for node in topology.graph.successors(path):
        if isinstance(node, str):
            yield indent + _cpu_line(topology, topology.number(node), early)
        else:
            yield f"{indent}subgraph cluster{next(ids)} {{"
            yield f"{indent}  label={_quote(node[-1])};"
            yield from _cluster_lines(topology, node, early, ids)
            yield f"{indent}}}"


def _cpu_line(topology: Topology, cpu: int, early: set[int]) -> str:
    label = _quote(topology.label(cpu), describe_lengths(topology.logical[cpu]))
    style = "" if cpu in early else ", style=dashed"
    return f"cpu{cpu} [label={label}{style}];"


def _quote(*lines: str) -> str:
    r"""Return a label of some lines, in which Graphviz finds neither its own escapes nor HTML entities.

    >>> print(_quote("R&D", 'a "b" \\N'))
    "R&amp;D\na \"b\" \\N"
    """
    escaped = (line.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    text = "\\n".join(escaped)
    return f'"{text}"'
