"""Systems with few CPUs and short lengths, listed in the order of their size: the smallest that breaks a property.

Counterexamples are small. To evaluate all systems that could be smaller, as columns, takes less time than the solver's
search for a minimum.
"""

from functools import lru_cache
from itertools import product

import numpy as np

from sim.prove.properties import Property
from sim.prove.question import Question, System
from sim.study.batch import Batch
from sim.study.column import Column, narrow_sets
from sim.study.evaluation import Evaluation
from sim.study.space_model import SpaceModel
from sim.study.system_space import Setting, legal_vqs

MOST_LISTED = 4096
"""The largest number of systems that are listed with the same numbers of early and late CPUs."""


class _Split:
    """The systems with `early` and `late` CPUs and sets of a list, the smallest first."""

    def __init__(self, question: Question, early: int, late: int, sets: tuple[int, ...]) -> None:
        self._question, self._early, self._late = question, early, late
        listed = (System(chosen[:early], chosen[early:]) for chosen in product(sets, repeat=early + late))
        self._systems = sorted(listed, key=lambda one: one.size)
        self._columns = [
            narrow_sets(column) for column in zip(*(one.early_vqs + one.late_vqs for one in self._systems), strict=True)
        ]
        self._evaluations: dict[Setting, Evaluation[Column]] = {}

    def smallest(self, setting: Setting, prop: Property) -> System | None:
        """Return the first system that breaks a property under a setting; None if none does."""
        if setting not in self._evaluations:
            model = SpaceModel(self._question.space(setting, self._early, self._late))
            batch = Batch(model, self._columns, len(self._systems))
            self._evaluations[setting] = Evaluation(batch, setting, exact=False)
        # A value that is the same in all systems has a single row, which stands for the first too.
        broken = prop.broken(self._evaluations[setting]).array != 0
        place = int(np.argmax(broken))
        return self._systems[place] if broken[place] else None


class ListedSystems:
    """The systems of a question with a number of CPUs and short lengths.

    Args:
        question: the question.
        cpus: the number of CPUs, of which as many are late as the question allows.
    """

    def __init__(self, question: Question, cpus: int) -> None:
        sets = legal_vqs(question.up_to_bits, question.rule)
        all_sets = len(sets)
        while len(sets) ** cpus > MOST_LISTED:
            sets = _without_the_longest(sets)
        self.are_all = len(sets) == all_sets
        """True if no length of the question is left out."""
        late_numbers = [late for late in range(min(cpus - 1, question.late) + 1) if cpus - late <= question.early]
        self._splits = [_Split(question, cpus - late, late, sets) for late in late_numbers]

    def smallest(self, setting: Setting, prop: Property) -> System | None:
        """Return the smallest system with this number of CPUs that breaks a property; None if it is not listed.

        A system that is left out has a longer length than any that is listed, and so is larger.
        """
        found = (split.smallest(setting, prop) for split in self._splits)
        return min((one for one in found if one is not None), key=lambda one: one.size, default=None)


def _without_the_longest(sets: tuple[int, ...]) -> tuple[int, ...]:
    """Return the sets whose largest length is not that of the last, which ascend."""
    return tuple(one for one in sets if one.bit_length() < sets[-1].bit_length())


@lru_cache(maxsize=64)
def listed_systems(question: Question, cpus: int) -> ListedSystems:
    """Return the systems of a question with a number of CPUs, which are listed once for all settings."""
    return ListedSystems(question, cpus)
