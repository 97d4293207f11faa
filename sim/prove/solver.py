"""The solver: Z3 with some conditions, which answers whether they can hold, and minimises."""

from collections.abc import Callable

import z3

from sim.prove.question import Answer
from sim.prove.symbols import Symbol

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
        self._model: z3.ModelRef | None = None

    def check(self, *more: z3.BoolRef) -> Answer:
        """Answer: refuted if the conditions, and more for this time, can hold together; proved if they cannot.

        Raises:
            KeyboardInterrupt: Z3 was interrupted.
        """
        answer = _ANSWERS.get(str(self._solver.check(*more)), Answer.UNKNOWN)
        if answer is Answer.UNKNOWN and self._solver.reason_unknown() == _INTERRUPTED:
            raise KeyboardInterrupt
        if answer is Answer.REFUTED:
            self._model = self._solver.model()
        return answer

    def holds(self, condition: z3.BoolRef) -> bool:
        """Return True if a condition holds in the system that was found last."""
        assert self._model is not None
        return bool(z3.is_true(self._model.eval(condition, model_completion=True)))

    def value(self, symbol: Symbol) -> int:
        """Return the value of a symbol in the system that was found last."""
        assert self._model is not None
        # Completed: a symbol that does not matter has no value in the model, and gets one.
        return int(self._model.eval(symbol.term, model_completion=True).as_long())

    def can_hold(self, *more: z3.BoolRef) -> bool:
        """Return True if the conditions, and more for this time, can hold together.

        Raises:
            SolverGaveUp: this is not known.
        """
        answer = self.check(*more)
        if answer is Answer.UNKNOWN:
            raise SolverGaveUp
        return answer is Answer.REFUTED

    def minimise(self, at_most: Callable[[int], z3.BoolRef], found: Callable[[], int]) -> None:
        """Add the condition that a number is the least possible.

        A system was found before in which all conditions hold.

        Args:
            at_most: returns the condition that the number is at most a limit.
            found: returns the number in the system that was found last.

        Raises:
            SolverGaveUp: some step of the binary search is not decided.
        """
        least, most = 0, found()
        while least < most:
            middle = (least + most) // 2
            if self.can_hold(at_most(middle)):
                most = found()
            else:
                least = middle + 1
        self._solver.add(at_most(most))

    def minimise_value(self, symbol: Symbol) -> int:
        """Add the condition that a value, as a number, is the least possible, and return it.

        A system was found before in which all conditions hold.

        Raises:
            SolverGaveUp: some bit is not decided.
        """
        found = self.value(symbol)
        # From the highest bit down: a bit is 1 only if no solution has 0 there, the higher bits being settled.
        for place in reversed(range(symbol.term.size())):
            bit = 1 << place
            higher = found & -bit & ~bit
            if found & bit and self.can_hold(z3.UGE(symbol.term, higher), z3.ULT(symbol.term, higher | bit)):
                found = self.value(symbol)
        self._solver.add(symbol.term == found)
        return found
