"""Symbolic systems: all systems with given numbers of CPUs at once, evaluated under any setting."""

from collections.abc import Iterable
from functools import cached_property

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


Verdict = tuple[Answer, System | None]
"""An answer for a condition and, if it can hold, a system in which it does."""


class SymbolicSystems:
    """All systems with `early` and `late` CPUs and any legal sets of lengths.

    Conditions on them are Z3's. It has equal conditions once, under one number (`get_id`), whatever setting they come
    from.
    """

    def __init__(self, question: Question, early: int, late: int) -> None:
        self._question, self._early, self._late = question, early, late
        self._sets = [Symbol.named(f"cpu{number}") for number in range(early + late)]
        self._evaluations: dict[Setting, Evaluation[Symbol]] = {}
        self._smallest: dict[int, tuple[z3.BoolRef, System | None]] = {}
        """By the number of a condition, which Z3 gives to another once the condition is gone: so it is kept."""

    def broken(self, prop: Property, setting: Setting) -> z3.BoolRef:
        """Return the condition that a system breaks a property under a setting."""
        if setting not in self._evaluations:
            model = SpaceModel(self._question.space(setting, self._early, self._late))
            # Properties ask only whether a system has a hazard at all, so not every unit's bits need be exact.
            systems = Systems(model, self._sets, Symbol.constant)
            self._evaluations[setting] = Evaluation(systems, setting, exact=False)
        return z3.Not(prop.broken(self._evaluations[setting]).is_empty())

    @cached_property
    def _legal(self) -> list[z3.BoolRef]:
        return [is_legal(one, self._question.rule, self._question.up_to_vq) for one in self._sets]

    def _solver(self, condition: z3.BoolRef) -> Solver:
        """Return a solver for the legal systems in which a condition holds."""
        return Solver(self._question.longest_s, *self._legal, condition)

    def ask(self, conditions: Iterable[z3.BoolRef]) -> dict[int, Verdict]:
        """Return for each condition, by its number, whether it can hold, and a system in which it does.

        One question asks whether any condition can hold that has no answer yet, and the system that is found answers
        all that hold there. So there are about as many questions as different systems, and not as conditions.
        """
        asked = {one.get_id(): one for one in conditions}
        verdicts: dict[int, Verdict] = {}
        while asked:
            # A new solver each time: Z3 simplifies what it is given before its first check alone.
            solver = self._solver(z3.Or(*asked.values()))
            answer = solver.check()
            if answer is Answer.UNKNOWN and len(asked) > 1:
                for one in asked.values():
                    verdicts |= self.ask([one])
                return verdicts
            found = self._found(solver) if answer is Answer.REFUTED else None
            answered = [number for number, one in asked.items() if found is None or solver.holds(one)]
            verdicts |= dict.fromkeys(answered, (answer, found))
            asked = {number: one for number, one in asked.items() if number not in verdicts}
        return verdicts

    def _found(self, solver: Solver) -> System:
        """Return the system that a solver found last."""
        return self._system([solver.value(one) for one in self._sets])

    def _system(self, sets: list[int]) -> System:
        return System(tuple(sets[: self._early]), tuple(sets[self._early :]))

    def smallest(self, condition: z3.BoolRef) -> System | None:
        """Return the smallest system in which a condition holds; None if there is no such system.

        Raises:
            SolverGaveUp: it is not known.
        """
        number = condition.get_id()
        if number not in self._smallest:
            self._smallest[number] = condition, self._minimised(condition)
        return self._smallest[number][1]

    def _minimised(self, condition: z3.BoolRef) -> System | None:
        solver = self._solver(condition)
        if not solver.can_hold():
            return None
        # In the order of `System.size`: each minimum becomes a condition on the following. The number of CPUs is given.
        terms = [one.term for one in self._sets]
        bits = [z3.Extract(place, place, term) for term in terms for place in range(VQ_MAX)]
        lengths = z3.Sum([z3.ZeroExt(_COUNT_BITS - 1, bit) for bit in bits])
        solver.minimise(
            lambda vq: z3.And([term & ~((1 << vq) - 1) == 0 for term in terms]),
            lambda: max(solver.value(one).bit_length() for one in self._sets),
        )
        solver.minimise(
            lambda count: z3.ULE(lengths, count), lambda: sum(solver.value(one).bit_count() for one in self._sets)
        )
        # The sets as numbers make the example unique: the same in every run and with every version of Z3.
        return self._system([solver.minimise_value(one) for one in self._sets])
