"""Symbolic systems: all systems with given numbers of CPUs at once, evaluated under a setting."""

import z3

from sim.prove.properties import Property
from sim.prove.question import Answer, Question, System
from sim.prove.solver import Solver
from sim.prove.symbols import Symbol, is_legal
from sim.study.evaluation import Evaluation
from sim.study.space_model import SpaceModel
from sim.study.system_space import Setting
from sim.study.systems import Systems
from sim.vectors import VQ_MAX

_COUNT_BITS = 12
"""Enough bits to count the lengths of all CPUs: at most 64 times 16."""


class SymbolicSystems:
    """All systems with `early` and `late` CPUs and any legal sets of lengths, under a setting."""

    def __init__(self, question: Question, setting: Setting, early: int, late: int) -> None:
        self._early, self._question = early, question
        self._sets = [Symbol.named(f"cpu{number}") for number in range(early + late)]
        model = SpaceModel(question.space(setting, early, late))
        # Properties ask only whether a system has a hazard at all, so not every unit's bits need be exact.
        self._evaluation = Evaluation(Systems(model, self._sets, Symbol.constant), setting, exact=False)

    def _solver(self, prop: Property) -> Solver:
        """Return a solver whose conditions hold in the legal systems that break a property."""
        legal = (is_legal(one, self._question.rule, self._question.up_to_vq) for one in self._sets)
        return Solver(self._question.longest_s, *legal, z3.Not(prop.broken(self._evaluation).is_empty()))

    def ask(self, prop: Property) -> tuple[Answer, System | None]:
        """Return the answer for a property and, if it is refuted, a system that breaks it."""
        solver = self._solver(prop)
        answer = solver.check()
        if answer is not Answer.REFUTED:
            return answer, None
        return answer, self._system([solver.value(one) for one in self._sets])

    def _system(self, sets: list[int]) -> System:
        return System(tuple(sets[: self._early]), tuple(sets[self._early :]))

    def smallest(self, prop: Property) -> System | None:
        """Return the smallest system that breaks a property; None if no system does.

        Raises:
            SolverGaveUp: it is not known.
        """
        solver = self._solver(prop)
        if not solver.can_hold():
            return None
        # In the order of `System.size`: each minimum becomes a condition on the following. The number of CPUs is given.
        terms = [one.term for one in self._sets]
        bits = [z3.Extract(place, place, term) for term in terms for place in range(VQ_MAX)]
        lengths = z3.Sum([z3.ZeroExt(_COUNT_BITS - 1, bit) for bit in bits])
        solver.minimise(lambda vq: z3.And([term & ~((1 << vq) - 1) == 0 for term in terms]), self._question.up_to_vq)
        solver.minimise(lambda count: z3.ULE(lengths, count), len(bits))
        # The sets as numbers make the example unique: the same in every run and with every version of Z3.
        return self._system([solver.minimise_set(one) for one in self._sets])
