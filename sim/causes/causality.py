"""The events of a boot as a directed graph, whose edges say what waited for what."""

from typing import TYPE_CHECKING

from sim.arguments import checked
from sim.boot_run import booted_again
from sim.cause_recorder import Cause
from sim.errors import InputError
from sim.outcome import Outcome

if TYPE_CHECKING:
    import networkx as nx


@checked
def causality(outcome: Outcome) -> "nx.DiGraph[int]":
    """Return what waited for what in a boot, as a graph of its events.

    A node is an event, named by its row in `outcome.events`, with that row's `time_ns`, `cpu`, `kind` and `detail`. An
    edge goes from an event to another that could not happen before it. Nodes and edges have `critical`, which is False
    here and which `critical_path()` sets on its path. Edges also have

    - `let_happen`: the later event waited for the earlier in the end. Each event but the first has one such edge; the
      others only say what came before in the same process, which had to wait longer for something else;
    - `waits`: the steps that took time between the two, as (`sim.environment.Step`, nanoseconds), and `waited_ns`,
      their sum: the time between the two events, if `let_happen`.

    An outcome of `boot(scenario, causes=True)` has its causes; others are booted again to record them.

    Args:
        outcome: the outcome of `boot()`.

    Raises:
        InputError: the outcome is that of a schedule, which has no times.

    >>> from sim import Scenario, Topology, boot
    >>> graph = causality(boot(Scenario(Topology.of([[128], [128]])), causes=True))
    >>> [(graph.nodes[a]["kind"], graph.nodes[b]["kind"]) for a, b in graph.edges][:3]
    [('arrived', 'booted'), ('booted', 'lock taken'), ('lock taken', 'CPU_ON')]
    """
    import networkx as nx

    graph: nx.DiGraph[int] = nx.DiGraph()
    events = outcome.event_rows()
    for number, event in enumerate(events):
        graph.add_node(
            number, time_ns=event.time_ns, cpu=event.cpu, kind=event.kind, detail=event.detail, critical=False
        )
    for number, cause in enumerate(_causes(outcome)):
        if cause.before is None:
            continue
        waited_ns = sum(wait.waited_ns for wait in cause.waits)
        graph.add_edge(cause.before, number, let_happen=True, waits=cause.waits, waited_ns=waited_ns, critical=False)
        # A process that waited for another: its own earlier event came before, but did not decide when it went on.
        if cause.of_process not in {None, cause.before}:
            waited_ns = events[number].time_ns - events[cause.of_process].time_ns
            graph.add_edge(cause.of_process, number, let_happen=False, waits=(), waited_ns=waited_ns, critical=False)
    return graph


def _causes(outcome: Outcome) -> tuple[Cause, ...]:
    """Return the cause of each event; an outcome without them is booted again."""
    recorded = outcome if outcome.causes is not None else booted_again(outcome, causes=True)
    if recorded is None or recorded.causes is None:
        raise InputError("causes are known only of boots by time; this outcome is that of a schedule")
    return recorded.causes
