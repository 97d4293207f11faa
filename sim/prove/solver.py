"""The solver: Z3 with some conditions, which answers whether they can hold, and minimises."""

from collections.abc import Callable

import z3

from sim.prove.question import Answer
from sim.prove.symbols import Symbol
from sim.vectors import VQ_MAX

_ANSWERS = {"sat": Answer.REFUTED, "unsat": Answer.PROVED}
"""Z3's results. The conditions say that a system breaks a property: if they can hold, the property is refuted."""
_INTERRUPTED = "interrupted"
"""Z3's reason for an unknown result after an interrupt."""


class SolverGaveUp(Exception):
    """The solver gave up in the search for the smallest system."""


class Solver:
    """Z3, with conditions that more are added to.

    Args:
        longest_s: the longest time for an answer, in seconds.
        conditions: what must hold.
    """

    def __init__(self, longest_s: float, *conditions: z3.BoolRef) -> None:
        self._solver = z3.SolverFor("QF_BV")
        self._solver.set("timeout", int(longest_s * 1000))
        self._solver.set("ctrl_c", False)  # `sim.prove.interruptible_solver` handles it
        self._solver.add(*conditions)

    def check(self, *more: z3.BoolRef) -> Answer:
        """Answer: refuted if the conditions, and more for this time, can hold together; proved if they cannot.

        Raises:
            KeyboardInterrupt: Z3 was interrupted.
        """
        answer = _ANSWERS.get(str(self._solver.check(*more)), Answer.UNKNOWN)
        if answer is Answer.UNKNOWN and self._solver.reason_unknown() == _INTERRUPTED:
            raise KeyboardInterrupt
        return answer

    def value(self, vqs: Symbol) -> int:
        """Return the value of a set in the system that was found last."""
        # Completed: a set that does not matter has no value in the model, and gets one.
        return int(self._solver.model().eval(vqs.term, model_completion=True).as_long())

    def can_hold(self, *more: z3.BoolRef) -> bool:
        """Return True if the conditions, and more for this time, can hold together.

        Raises:
            SolverGaveUp: this is not known.
        """
        answer = self.check(*more)
        if answer is Answer.UNKNOWN:
            raise SolverGaveUp
        return answer is Answer.REFUTED

    def minimise(self, at_most: Callable[[int], z3.BoolRef], most: int) -> None:
        """Add the condition that a number is the least possible.

        Args:
            at_most: returns the condition that the number is at most a limit.
            most: an upper bound of the number; 1 is a lower bound.

        Raises:
            SolverGaveUp: some step of the binary search is not decided.
        """
        least = 1
        while least < most:
            middle = (least + most) // 2
            if self.can_hold(at_most(middle)):
                most = middle
            else:
                least = middle + 1
        self._solver.add(at_most(most))

    def minimise_set(self, vqs: Symbol) -> int:
        """Add the condition that a set, as a number, is the least possible, and return it.

        Raises:
            SolverGaveUp: some bit is not decided.
        """
        value = 0
        # From the highest bit down: a bit is 1 only if no solution has 0 there, the higher bits being settled.
        for place in reversed(range(VQ_MAX)):
            without_bit = value | ((1 << place) - 1)
            if not self.can_hold(z3.UGE(vqs.term, value), z3.ULE(vqs.term, without_bit)):
                value |= 1 << place
        self._solver.add(vqs.term == value)
        return value
