"""A topology's graph as GraphML.

GraphML has neither null nor lists: a set of lengths is an attribute of text, and an attribute without a value is left
out.
"""

from collections.abc import Mapping
from typing import TypeAlias

from sim.export.export_formats import Exported
from sim.scenario import Scenario
from sim.topology import Topology
from sim.vectors import VectorType

_Node: TypeAlias = str | tuple[str, ...]
"""A node of `Topology.graph`: a CPU's name, or a cluster's path."""


def export_graphml(scenario: Scenario) -> Exported:
    """Export the graph of `Topology.graph`, with node ids and attributes that GraphML can hold.

    Nodes have the ids ``system``, ``cluster0``, ``cluster1``, ... and, by logical number, ``cpu0``, ``cpu1``, ...; the
    names of the scenario are their attribute ``name``. Lengths in bits are text, as in "128,256", and left out where
    the CPU lacks the extension.
    """
    import networkx as nx

    graph: nx.DiGraph[str] = nx.DiGraph(name=scenario.name)
    ids = _node_ids(scenario.topology)
    for node, attributes in scenario.topology.graph.nodes.items():
        graph.add_node(ids[node], **_graphml_attributes(node, attributes))
    for cpu, spec in enumerate(scenario.topology.logical):
        graph.nodes[ids[spec.name]].update(
            mpidr=scenario.topology.mpidr(cpu),
            zcr_el3_len=spec.zcr_el3_len,
            smcr_el3_len=spec.smcr_el3_len,
            cptr_el3_ez=spec.is_enabled(VectorType.SVE),
            cptr_el3_esm=spec.is_enabled(VectorType.SME),
        )
    graph.add_edges_from((ids[parent], ids[child]) for parent, child in scenario.topology.graph.edges)
    return Exported("".join(f"{line}\n" for line in nx.generate_graphml(graph)))


def _node_ids(topology: Topology) -> dict[_Node, str]:
    """Return an id for each node: names will not do, because a CPU and a cluster may have the same."""
    clusters = [node for node in topology.graph if isinstance(node, tuple) and node]
    return {
        (): "system",
        **{path: f"cluster{index}" for index, path in enumerate(clusters)},
        **{spec.name: f"cpu{cpu}" for cpu, spec in enumerate(topology.logical)},
    }


def _graphml_attributes(node: _Node, attributes: Mapping[str, object]) -> dict[str, object]:
    """Return a node's attributes without None and tuples, which GraphML lacks."""
    name = {} if node == () else {"name": node if isinstance(node, str) else node[-1]}
    values = {key: _graphml_value(value) for key, value in attributes.items() if value is not None}
    return {**name, **values}


def _graphml_value(value: object) -> object:
    return ",".join(map(str, value)) if isinstance(value, tuple) else value
