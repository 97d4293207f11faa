"""The events of a boot as a directed graph: what waited for what."""

from typing import TYPE_CHECKING

from sim.causes.cause_recorder import recorded_causes
from sim.outcome import Outcome

if TYPE_CHECKING:
    import networkx as nx


def causality(outcome: Outcome) -> "nx.DiGraph[int]":
    """What waited for what in a boot.

    A node is an event, named by its row in `outcome.events`, with that row's `time_ns`, `cpu`, `kind` and `detail`. An
    edge goes from an event to one that could not happen before it. Nodes and edges have `critical`, which is False here
    and which `critical_path()` sets on its path. Edges have also

    - `let_happen`: this is what the later one waited for in the end. Each event but the first has one such edge; others
      only say what came before in the same process, which had to wait longer for something else;
    - `waits`: the steps that took time between the two, as (`sim.environment.Step`, nanoseconds), and `waited_ns`,
      their sum: the time between the two events, where `let_happen`.

    Raises:
        InputError: the outcome is that of a schedule, which has no times.

    >>> from sim import Scenario, Topology, boot
    >>> graph = causality(boot(Scenario(Topology.of([[128], [128]]))))
    >>> [(graph.nodes[a]["kind"], graph.nodes[b]["kind"]) for a, b in graph.edges][:3]
    [('arrived', 'booted'), ('booted', 'lock taken'), ('lock taken', 'CPU_ON')]
    """
    import networkx as nx

    graph: nx.DiGraph[int] = nx.DiGraph()
    events = outcome.facts.events
    for number, event in enumerate(events):
        graph.add_node(number, **event._asdict(), critical=False)
    for number, cause in enumerate(recorded_causes(outcome)):
        if cause.before is None:
            continue
        waited_ns = sum(wait.waited_ns for wait in cause.waits)
        graph.add_edge(cause.before, number, let_happen=True, waits=cause.waits, waited_ns=waited_ns, critical=False)
        if cause.of_process not in {None, cause.before}:
            waited_ns = events[number].time_ns - events[cause.of_process].time_ns
            graph.add_edge(cause.of_process, number, let_happen=False, waits=(), waited_ns=waited_ns, critical=False)
    return graph
