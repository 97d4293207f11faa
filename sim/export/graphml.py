"""A topology's graph as GraphML."""

import networkx as nx

from sim.export.export_formats import Exported
from sim.scenario import Scenario
from sim.topology import Topology


def graphml(scenario: Scenario) -> Exported:
    """The graph of `Topology.graph`, in attributes that GraphML has.

    Nodes are called ``system``, ``cluster0``, ``cluster1``, ... and by logical number ``cpu0``, ``cpu1``, ...; the
    file's names are their ``name``. Lengths are text, as in "128,256", and left out where the CPU lacks the extension.
    """
    graph: nx.DiGraph[str] = nx.DiGraph(name=scenario.name)
    ids = _ids(scenario.topology)
    for node, attributes in scenario.topology.graph.nodes.items():
        graph.add_node(ids[node], **_held(node, attributes))
    for number, one in enumerate(scenario.topology.logical):
        graph.nodes[ids[one.name]].update(
            mpidr=scenario.topology.mpidr(number), zcr_el3_len=one.zcr_el3_len, smcr_el3_len=one.smcr_el3_len
        )
    graph.add_edges_from((ids[above], ids[below]) for above, below in scenario.topology.graph.edges)
    return Exported("".join(f"{line}\n" for line in nx.generate_graphml(graph)))


def _ids(topology: Topology) -> dict[str | tuple[str, ...], str]:
    """What nodes are called: a CPU and a cluster may have the same name."""
    clusters = [node for node in topology.graph if isinstance(node, tuple) and node]
    return {
        (): "system",
        **{path: f"cluster{number}" for number, path in enumerate(clusters)},
        **{one.name: f"cpu{number}" for number, one in enumerate(topology.logical)},
    }


def _held(node: str | tuple[str, ...], attributes: dict[str, object]) -> dict[str, object]:
    name = {} if node == () else {"name": node if isinstance(node, str) else node[-1]}
    texts = {key: _text(value) for key, value in attributes.items() if value is not None}
    return {**name, **texts}


def _text(value: object) -> object:
    return ",".join(map(str, value)) if isinstance(value, tuple) else value
