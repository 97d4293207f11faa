"""What an order of steps can come to: hazards, and deadlocks; and the schedules that show them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sim.environment import Step
from sim.frames import as_html
from sim.hazards import HazardKind
from sim.outcome import Outcome
from sim.units import counted

Schedule = tuple[Step, ...]
"""The steps of a run, in order."""


@dataclass(frozen=True, order=True, repr=False)
class Deadlock:
    """Nothing more can happen, and somebody still waits."""

    waiting: tuple[str, ...]
    """Who waits, and for what."""

    @property
    def title(self) -> str:
        """What it is, for people."""
        return "deadlock: " + "; ".join(self.waiting)

    def __repr__(self) -> str:
        return f"<Deadlock: {'; '.join(self.waiting)}>"


Reached = HazardKind | Deadlock


@dataclass(frozen=True, repr=False)
class Found:
    """Something that can be reached, and how."""

    what: Reached
    schedule: Schedule
    """Steps that show it; it can be replayed."""
    is_shortest: bool = False
    """Whether no schedule with fewer steps shows it; otherwise that is not known."""
    is_minimal: bool = False
    """Whether no step of it can be left out; otherwise that is not known."""
    runs: int = 1
    """In how many runs it was met."""

    @property
    def length(self) -> str:
        """How many steps show it, and whether fewer would."""
        steps = counted(len(self.schedule), "step")
        if self.is_shortest:
            return f"{steps}, the shortest"
        return f"{steps}, of which none can be left out" if self.is_minimal else f"{steps}, perhaps not all needed"

    def __repr__(self) -> str:
        return f"<Found: {self.what.title}: {self.length}>"

    def _repr_html_(self) -> str:
        rows = [
            {"step": number, "who": f"cpu{who}" if isinstance(who, int) else who, "what": what.removesuffix(":")}
            for number, (what, who) in enumerate(self.schedule, 1)
        ]
        return as_html(f"{self.what.title}: {self.length}", rows)


def reached(outcome: Outcome) -> set[Reached]:
    """What a run came to."""
    found: set[Reached] = {hazard.kind for hazard in outcome.found}
    if outcome.facts.waiting:
        found.add(Deadlock(outcome.facts.waiting))
    return found


def in_order(found: Iterable[Found]) -> list[Found]:
    """Hazards, worst first, then deadlocks."""
    return sorted(found, key=lambda one: (isinstance(one.what, Deadlock), one.what))


def found_html(title: str, found: Mapping[Reached, Found]) -> str:
    """What was found, as a table for notebooks."""
    rows = [{"reached": one.what.title, "schedule": one.length, "runs": one.runs} for one in in_order(found.values())]
    return as_html(title, rows)


FILE_NAMES = (*(f"{kind.name.lower()}.json" for kind in HazardKind), "deadlock_*.json")
"""What the files may be called that schedules are written to; the asterisk is a number."""


def file_names(found: Iterable[Found]) -> dict[str, Found]:
    """Names for the schedules' files."""
    named: dict[str, Found] = {}
    for one in in_order(found):
        deadlocks = sum(name.startswith("deadlock") for name in named)
        name = f"deadlock_{deadlocks + 1}" if isinstance(one.what, Deadlock) else one.what.name.lower()
        named[f"{name}.json"] = one
    return named
