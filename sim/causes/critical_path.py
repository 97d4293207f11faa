"""The critical path of a boot: the chain of waits whose sum is the boot's length."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sim.arguments import checked, checked_fields
from sim.cause_recorder import Wait
from sim.causes.causality import causality
from sim.environment import Step, StepKind
from sim.errors import InputError
from sim.frames import as_html, frame
from sim.outcome import Outcome
from sim.rows import Row
from sim.topology import Topology
from sim.units import counted, duration

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd

# Other kinds of steps take no time, or are chosen by explorers only, so no wait on a critical path is theirs.
_OF_SYSTEM = {
    StepKind.FINALISE: "the capabilities to be final",
    StepKind.KVM_INIT: "KVM's initcall",
    StepKind.PKVM_FINALISE: "the initcalls after KVM's",
    StepKind.USER_SPACE: "user space to start",
    StepKind.SLEEP: "the system to wake",
}
_OF_CPU = {
    StepKind.PROBE: "the probing of {}",
    StepKind.CPU_ON_CALL: "the answer to CPU_ON for {}",
    StepKind.CPU_ON: "the CPU_ON of {}",
    StepKind.CPU_OFF: "{} to go off",
    StepKind.GUEST_RUN: "the guest on {}",
    StepKind.SAVE: "the saves and restores of {}",
    StepKind.GIVE_UP: "{}, which did not come online",
    StepKind.LATE_ARRIVAL: "the late arrival of {}",
}
_OF_AGENT = {
    StepKind.SYSFS_WRITE: "the pause before the next action of {}",
    StepKind.TIME_COMES: "the time at which {} acts",
}
_COUNTED_AS = {StepKind.RESTORE: StepKind.SAVE}
"""Restores are counted with saves."""
_MOST_NAMED = 4


class WaitRow(Row, frozen=True, gc=False):
    """The waits of a kind on a boot's critical path; rows are longest first."""

    waited_for: Annotated[str, Meta(description="subject of the wait, in words")]
    waited_ns: Annotated[int, Meta(description="sum of the waits")]
    times: Annotated[int, Meta(description="number of waits")]
    share: Annotated[float, Meta(description="share of the whole path, 0 to 1")]


@dataclass(frozen=True)
@checked_fields
class CriticalPath:
    """The chain of waits that determined when an event of a boot happened.

    Args:
        graph: as `causality()` made it; nodes and edges on the path are marked `critical`, the others are not.
        events: the events on the path, in their order, as nodes of the graph.
        total_ns: the time from the beginning to the last of them, in nanoseconds.
        topology: the CPUs of the boot, which have the names.

    >>> from sim import boot, critical_path, read_scenario
    >>> critical_path(boot(read_scenario("bug"))).total_ns
    451224000
    """

    graph: "nx.DiGraph[int]"
    events: tuple[int, ...]
    total_ns: int
    topology: Topology

    def rows(self) -> list[WaitRow]:
        """Return a row for each kind of wait, whichever CPUs it was for; the longest first."""
        waits: dict[StepKind, list[Wait]] = {}
        for wait in self._waits():
            waits.setdefault(_COUNTED_AS.get(wait.step.kind, wait.step.kind), []).append(wait)
        rows = [
            WaitRow(
                waited_for=self._named(kind, [wait.step for wait in alike]),
                waited_ns=sum(wait.waited_ns for wait in alike),
                times=len(alike),
                share=sum(wait.waited_ns for wait in alike) / self.total_ns,
            )
            for kind, alike in waits.items()
        ]
        return sorted(rows, key=lambda row: -row.waited_ns)

    @property
    def waits(self) -> "pd.DataFrame":
        """The rows as a frame; columns of `WaitRow`."""
        return frame(self.rows(), WaitRow)

    @property
    def sentence(self) -> str:
        """The kind of wait that most of the time was spent on, in a sentence."""
        rows = self.rows()
        if not rows:
            return "nothing took any time"
        return f"{duration(rows[0].waited_ns)} of {duration(self.total_ns)} were spent waiting for {rows[0].waited_for}"

    def _waits(self) -> Iterator[Wait]:
        for before, after in pairwise(self.events):
            yield from (wait for wait in self.graph.edges[before, after]["waits"] if wait.waited_ns)

    def _named(self, kind: StepKind, steps: list[Step]) -> str:
        """Return what steps of a kind wait for, in words."""
        if kind in _OF_SYSTEM:
            return _OF_SYSTEM[kind]
        if kind in _OF_AGENT:
            return _OF_AGENT[kind].format(" and ".join(sorted({str(step.who) for step in steps})))
        numbers = sorted({int(step.who) for step in steps})
        cpus = self.topology.labels(numbers) if len(numbers) <= _MOST_NAMED else f"{len(numbers):,} CPUs"
        return _OF_CPU[kind].format(cpus)

    def __repr__(self) -> str:
        return f"<CriticalPath: {self.sentence}>"

    def _repr_html_(self) -> str:
        return as_html(self.sentence, self.waits)


@checked
def critical_path(outcome: Outcome, end: int | None = None) -> CriticalPath:
    """Return the chain of waits that determined when a boot's last event, or another, happened.

    The sum of the waits is exactly the time of that event.

    Args:
        outcome: the outcome of a boot; `boot(scenario, causes=True)` spares a second boot.
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
        raise InputError(f"event {last}: the boot has {counted(len(graph), 'event')}, from 0")
    path = path_to(graph, last)
    for event in path:
        graph.nodes[event]["critical"] = True
    for before, after in pairwise(path):
        graph.edges[before, after]["critical"] = True
    return CriticalPath(graph, tuple(path), graph.nodes[last]["time_ns"], outcome.scenario.topology)


def path_to(graph: "nx.DiGraph[int]", event: int) -> list[int]:
    """Return the events that let an event happen, from the first to that event."""
    # Each event but the first has exactly one edge with `let_happen`, so there is no choice of paths to compare.
    path = [event]
    while causes := _let_happen(graph, path[-1]):
        path.extend(causes)
    return path[::-1]


def _let_happen(graph: "nx.DiGraph[int]", event: int) -> list[int]:
    return [before for before, _, edge in graph.in_edges(event, data=True) if edge["let_happen"]]
