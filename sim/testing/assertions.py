"""Assertions about a boot; a failure shows what the boot did instead."""

from sim.errors import choice
from sim.facts import CpuState
from sim.files.expectations import check_hazards
from sim.hazard_kinds import HazardKind
from sim.outcome import Outcome
from sim.testing.expectation_diff import missing_in_order, wrong_hazards, wrong_state


def assert_log(outcome: Outcome, *parts: str) -> None:
    """Assert that the kernel log has lines with these parts, in this order.

    Raises:
        AssertionError: a line is missing; the message is a diff of the parts and the log.
    """
    __tracebackhide__ = True
    _fail(outcome, missing_in_order(outcome, parts))


def assert_hazards(outcome: Outcome, *kinds: HazardKind | str) -> None:
    """Assert that the boot has hazards of exactly these kinds; without kinds, that it has none.

    Raises:
        AssertionError: the boot has other hazards; the message has their sentences.
        InputError: there is no such kind.
    """
    __tracebackhide__ = True
    names = [kind.value if isinstance(kind, HazardKind) else kind for kind in kinds]
    check_hazards(names)
    _fail(outcome, wrong_hazards(outcome, names))


def assert_state(outcome: Outcome, cpu: str, state: CpuState | str) -> None:
    """Assert that a CPU is online, offline, refused, not started or lost at the end.

    Args:
        outcome: the outcome of a boot.
        cpu: the CPU's name in the scenario file.
        state: the expected state.

    Raises:
        AssertionError: the CPU is in another state; the message has the log's lines about it.
        InputError: there is no such CPU, or no such state.
    """
    __tracebackhide__ = True
    _fail(outcome, wrong_state(outcome, cpu, choice(CpuState, "the state", state)))


def _fail(outcome: Outcome, differences: list[str]) -> None:
    __tracebackhide__ = True
    if differences:
        name = outcome.scenario.name
        raise AssertionError("\n".join([*differences, *([f"in the boot of {name!r}"] if name else [])]))
