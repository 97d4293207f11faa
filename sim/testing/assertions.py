"""Assertions about a boot whose failures say what came instead."""

from sim.errors import choice
from sim.facts import CpuState
from sim.files.expectations import check_hazards
from sim.hazards import HazardKind
from sim.outcome import Outcome
from sim.testing.expectation_diff import missing_in_order, wrong_hazards, wrong_state


def assert_log(outcome: Outcome, *parts: str) -> None:
    """The kernel log has lines with these parts, in this order.

    Raises:
        AssertionError: it has not; the message is a diff of them and the log.
    """
    __tracebackhide__ = True
    _fail(outcome, missing_in_order(outcome, parts))


def assert_hazards(outcome: Outcome, *kinds: HazardKind | str) -> None:
    """The boot has hazards of exactly these kinds; none given: it has none.

    Raises:
        AssertionError: it has others; the message has their sentences.
        InputError: there is no such kind.
    """
    __tracebackhide__ = True
    names = [one.name.lower() if isinstance(one, HazardKind) else one for one in kinds]
    check_hazards(names)
    _fail(outcome, wrong_hazards(outcome, names))


def assert_state(outcome: Outcome, cpu: str, state: CpuState | str) -> None:
    """A CPU, by the file's name, is online, offline, refused, not started or lost at the end.

    Raises:
        AssertionError: it is something else; the message has what the log says of it.
        InputError: there is no such CPU, or no such state.
    """
    __tracebackhide__ = True
    _fail(outcome, wrong_state(outcome, cpu, choice(CpuState, "the state", state)))


def _fail(outcome: Outcome, lines: list[str]) -> None:
    __tracebackhide__ = True
    if lines:
        name = outcome.scenario.name
        raise AssertionError("\n".join([*lines, *([f"in the boot of {name!r}"] if name else [])]))
