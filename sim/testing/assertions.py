"""Assertions about a boot whose failures say what came instead."""

from sim.hazards import HazardKind
from sim.outcome import Outcome
from sim.testing.expecting import missing_in_order, wrong_hazards


def assert_log(outcome: Outcome, *parts: str) -> None:
    """The kernel log has lines with these parts, in this order.

    Raises:
        AssertionError: it has not; the message shows the log and where the first of them is missing.
    """
    __tracebackhide__ = True
    _fail(outcome, missing_in_order(outcome, parts))


def assert_hazards(outcome: Outcome, *kinds: HazardKind | str) -> None:
    """The boot has hazards of exactly these kinds; none given: it has none.

    Raises:
        AssertionError: it has others; the message has their sentences.
    """
    __tracebackhide__ = True
    names = [one.name.lower() if isinstance(one, HazardKind) else one for one in kinds]
    _fail(outcome, wrong_hazards(outcome, names))


def assert_state(outcome: Outcome, cpu: str, state: str) -> None:
    """A CPU, by the file's name, is online, offline, refused, not started or lost at the end.

    Raises:
        AssertionError: it is something else; the message has what the log says of it.
        InputError: there is no such CPU.
    """
    __tracebackhide__ = True
    number = outcome.scenario.topology.number(cpu)
    seen = outcome.facts.state(number)
    if seen != state:
        about = [line.text for line in outcome.facts.log if f"CPU{number}" in line.text or f"cpu{number}" in line.text]
        _fail(outcome, [f"{cpu}: expected {state}, and it is {seen}", *about])


def _fail(outcome: Outcome, lines: list[str]) -> None:
    __tracebackhide__ = True
    if lines:
        raise AssertionError("\n".join([f"{outcome.scenario.name or 'the boot'}:", *lines]))
