"""The computation of a part, whatever its sweep is over: what workers call."""

from functools import lru_cache
from typing import Protocol

from sim.sweep.mixture_part import MixturePartComputer
from sim.sweep.mixture_plan import MixturePlan
from sim.sweep.parted_plan import PartedPlan
from sim.sweep.sealed_part import Part
from sim.sweep.sweep_part import PartComputer
from sim.sweep.sweep_plan import Plan


class _Computer(Protocol):
    """A function from parts to their counts and rows, with everything that all parts of a plan share."""

    def part(self, number: int) -> Part:
        """Compute a part."""
        ...


def compute_part(plan: PartedPlan, number: int) -> Part:
    """Compute a part of a sweep."""
    return _computer(plan).part(number)


def prepare(plan: PartedPlan) -> None:
    """Compile what there is to compile, and read the tables that are needed, before the first part is computed."""
    _computer(plan)


# A worker's function gets a plan with each part, and must not compile anew each time.
@lru_cache(maxsize=4)
def _computer(plan: PartedPlan) -> _Computer:
    if isinstance(plan, MixturePlan):
        return MixturePartComputer(plan)
    assert isinstance(plan, Plan)
    return PartComputer(plan)
