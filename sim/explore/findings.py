"""Findings: the hazards and deadlocks that orders of steps reach, each with a schedule that shows it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count

from sim.arguments import checked_fields
from sim.environment import Step
from sim.frames import FieldsShown, as_html
from sim.hazard_kinds import HazardKind
from sim.outcome import Outcome
from sim.units import counted

Schedule = tuple[Step, ...]
"""The steps of a run, in order."""


@dataclass(frozen=True, order=True, repr=False)
@checked_fields
class Deadlock(FieldsShown):
    """A state in which no step is enabled and an agent still waits.

    Args:
        waiting: the agents that wait, and for what, as sentences; equal sentences make equal deadlocks.

    >>> Deadlock(("agent a waits until cpu1 is online",))
    <Deadlock: agent a waits until cpu1 is online>
    """

    waiting: tuple[str, ...]

    @property
    def title(self) -> str:
        """Its name for people."""
        return "deadlock: " + "; ".join(self.waiting)

    def __repr__(self) -> str:
        return f"<Deadlock: {'; '.join(self.waiting)}>"


Reached = HazardKind | Deadlock


@dataclass(frozen=True, repr=False)
@checked_fields
class Found:
    """A hazard or deadlock that is reached, and a schedule that shows it.

    Args:
        what: the hazard or deadlock.
        schedule: steps that show it; it can be replayed.
        is_shortest: True if no schedule with fewer steps shows it; False if that is not known.
        is_minimal: True if no step of it can be left out; False if that is not known.
        runs: the number of runs that reached it.

    >>> from sim import explore_orders, read_scenario
    >>> sorted(found.what.title for found in explore_orders(read_scenario("bug")).found.values())[:2]
    ['allocation exceeded, nothing logged', 'header destroyed']
    """

    what: Reached
    schedule: Schedule
    is_shortest: bool = False
    is_minimal: bool = False
    runs: int = 1

    @property
    def length(self) -> str:
        """The number of steps of the schedule, and whether fewer would do."""
        steps = counted(len(self.schedule), "step")
        if self.is_shortest:
            return f"{steps}, the shortest"
        return f"{steps}, of which none can be left out" if self.is_minimal else f"{steps}, perhaps not all needed"

    def __repr__(self) -> str:
        return f"<Found: {self.what.title}: {self.length}>"

    def _repr_html_(self) -> str:
        rows = [
            {
                "step": number,
                "who": f"cpu{step.who}" if isinstance(step.who, int) else step.who,
                "what": step.words,
            }
            for number, step in enumerate(self.schedule, 1)
        ]
        return as_html(f"{self.what.title}: {self.length}", rows)


def reached(outcome: Outcome) -> set[Reached]:
    """Return the hazards and deadlocks of a run."""
    found: set[Reached] = {hazard.kind for hazard in outcome.found}
    if outcome.facts.waiting:
        found.add(Deadlock(outcome.facts.waiting))
    return found


def in_order(found: Iterable[Found]) -> list[Found]:
    """Return findings in order: hazards, worst first, then deadlocks."""
    return sorted(found, key=_order)


def _order(one: Found) -> tuple[bool, int, tuple[str, ...]]:
    if isinstance(one.what, Deadlock):
        return True, 0, one.what.waiting
    return False, one.what.rank, ()


def found_html(title: str, found: Mapping[Reached, Found]) -> str:
    """Return findings as a table for notebooks."""
    rows = [{"reached": one.what.title, "schedule": one.length, "runs": one.runs} for one in in_order(found.values())]
    return as_html(title, rows)


FILE_NAMES = (*(f"{kind.value}.json" for kind in HazardKind), "deadlock_*.json")
"""The names of the files that schedules are written to; the asterisk is a number."""


def file_names(found: Iterable[Found]) -> dict[str, Found]:
    """Return the names of the schedules' files."""
    named: dict[str, Found] = {}
    deadlocks = count(1)
    for one in in_order(found):
        name = f"deadlock_{next(deadlocks)}" if isinstance(one.what, Deadlock) else one.what.value
        named[f"{name}.json"] = one
    return named
