"""The critical path of a boot: the chain of waits that its length is the sum of."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from sim.causes.causality import causality
from sim.causes.cause_recorder import Wait
from sim.environment import Step
from sim.errors import InputError
from sim.frames import as_html, frame
from sim.outcome import Outcome
from sim.processes.hotplug import GIVE_UP, LATE_ARRIVAL
from sim.rows import WaitRow
from sim.topology import cpu_list
from sim.units import duration

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

_OF_SYSTEM = {
    "finalise": "the capabilities to be final",
    "kvm_init": "KVM's initcall",
    "pkvm_finalise": "the initcalls after KVM's",
    "user_space": "user space to start",
}
_OF_CPU = {
    "probe": "{}'s probing",
    "cpu_on_call": "the answer to CPU_ON for {}",
    "cpu_on": "{}'s CPU_ON",
    "cpu_off": "{} to go off",
    "guest_run": "the guest on {}",
    "save": "{}'s saves and restores",
    GIVE_UP: "{}, which did not come online",
    LATE_ARRIVAL: "{}'s late arrival",
}
_OF_AGENT = {
    "sysfs_write by": "the pause before the next action of {}",
    "time comes for": "the time at which {} acts",
}
_MOST_NAMED = 4


@dataclass(frozen=True)
class CriticalPath:
    """What determined when an event of a boot happened."""

    graph: "nx.DiGraph[int]"
    """As `causality()` made it; nodes and edges on the path are marked `critical`, the others are not."""
    events: tuple[int, ...]
    """The events on the path, in their order, as nodes of the graph."""
    total_ns: int
    """From the beginning to the last of them."""

    def rows(self) -> list[WaitRow]:
        """What the time went to, the most first: a row a kind of wait, whichever CPUs it was for."""
        waits: dict[str, list[Wait]] = {}
        for wait in self._waits():
            waits.setdefault(wait.step.what, []).append(wait)
        rows = [
            WaitRow(
                waited_for=_named(what, [wait.step for wait in alike]),
                waited_ns=sum(wait.waited_ns for wait in alike),
                times=len(alike),
                share=sum(wait.waited_ns for wait in alike) / self.total_ns,
            )
            for what, alike in waits.items()
        ]
        return sorted(rows, key=lambda row: -row.waited_ns)

    @property
    def waits(self) -> "pd.DataFrame":
        """The same as a frame; columns of `WaitRow`."""
        return frame(self.rows(), WaitRow)

    @property
    def sentence(self) -> str:
        """What most of the time was spent on."""
        rows = self.rows()
        if not rows:
            return "nothing took any time"
        return f"{duration(rows[0].waited_ns)} of {duration(self.total_ns)} were spent waiting for {rows[0].waited_for}"

    def _waits(self) -> Iterator[Wait]:
        for before, after in pairwise(self.events):
            yield from (wait for wait in self.graph.edges[before, after]["waits"] if wait.waited_ns)

    def __repr__(self) -> str:
        return f"<CriticalPath: {self.sentence}>"

    def _repr_html_(self) -> str:
        return as_html(self.sentence, self.waits)


def critical_path(outcome: Outcome, end: int | None = None) -> CriticalPath:
    """The chain of waits that determined when a boot's last event happened, or another.

    The sum of the waits is exactly the time of that event.

    Args:
        outcome: what came of a boot.
        end: the event, as its row in `outcome.events`; by default the last.

    Raises:
        InputError: there is no such event, or the outcome is that of a schedule, which has no times.

    >>> from sim import Scenario, Topology, boot
    >>> critical_path(boot(Scenario(Topology.of([[128], [128]])))).sentence
    '400 ms of 450.72 ms were spent waiting for user space to start'
    """
    graph = causality(outcome)
    last = len(graph) - 1 if end is None else end
    if last not in graph:
        raise InputError(f"event {last}: the boot has {len(graph):,} events, from 0")
    path = path_to(graph, last)
    for event in path:
        graph.nodes[event]["critical"] = True
    for before, after in pairwise(path):
        graph.edges[before, after]["critical"] = True
    return CriticalPath(graph, tuple(path), graph.nodes[last]["time_ns"])


def path_to(graph: "nx.DiGraph[int]", event: int) -> list[int]:
    """The events that let one happen, from the first on; that one is the last."""
    path = [event]
    while causes := _let_happen(graph, path[-1]):
        path.extend(causes)
    return path[::-1]


def _let_happen(graph: "nx.DiGraph[int]", event: int) -> list[int]:
    return [before for before, _, edge in graph.in_edges(event, data=True) if edge["let_happen"]]


def _named(what: str, steps: list[Step]) -> str:
    """What steps of a kind wait for, in words."""
    if what in _OF_SYSTEM:
        return _OF_SYSTEM[what]
    if what in _OF_AGENT:
        return _OF_AGENT[what].format(" and ".join(sorted({str(step.who) for step in steps})))
    numbers = sorted({int(step.who) for step in steps})
    cpus = f"cpu{cpu_list(numbers)}" if len(numbers) <= _MOST_NAMED else f"{len(numbers):,} CPUs"
    return _OF_CPU[what].format(cpus).replace("CPUs's", "CPUs'")
