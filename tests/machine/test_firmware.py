"""Firmware's answers to CPU_ON: by a fault of that call, or by the state of the CPU."""

import pytest

from sim.errnos import Errno
from sim.errors import InputError
from sim.machine.firmware import CpuOn, Psci
from sim.scenario import Fault, Scenario
from sim.topology import Topology
from tests.systems import V1

CPU = 1


def psci(*faults: Fault) -> Psci:
    return Psci({CPU: faults} if faults else {})


def fault(kind: str, first: int = 1, last: int | None = None) -> Fault:
    """Return a fault by its kind: lost, late, or an answer."""
    if kind == "lost":
        return Fault("cpu1", never_arrives=True, first=first, last=last)
    if kind == "late":
        return Fault("cpu1", arrives_after_ns=7_000, first=first, last=last)
    return Fault("cpu1", answer=kind, first=first, last=last)


def told(result: CpuOn) -> str:
    """Return the answer to a CPU_ON; where it is accepted, whether and when the CPU comes."""
    if result.error:
        return result.answer.answer
    return "late" if result.arrives_after_ns is not None else "comes" if result.arrives else "lost"


def answers(firmware: Psci, calls: int, *, goes_off: bool = True) -> list[str]:
    """Call CPU_ON again and again; a CPU that comes goes off again before the next call."""
    results = []
    for _ in range(calls):
        result = firmware.cpu_on(CPU)
        if not result.error and result.arrives:
            firmware.arrived(CPU)
            if goes_off:
                firmware.off(CPU)
        results.append(told(result))
    return results


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ([], ["comes", "comes", "comes", "comes"]),
        ([fault("DENIED")], ["DENIED"] * 4),
        ([fault("DENIED", 1, 1)], ["DENIED", "comes", "comes", "comes"]),
        ([fault("DENIED", 2)], ["comes", "DENIED", "DENIED", "DENIED"]),
        ([fault("DENIED", 1, 3)], ["DENIED", "DENIED", "DENIED", "comes"]),
        ([fault("DENIED", 2, 3)], ["comes", "DENIED", "DENIED", "comes"]),
        ([fault("late", 2, 2)], ["comes", "late", "comes", "comes"]),
        (
            [fault("DENIED", 3, 3), fault("late", 1, 1), fault("NOT_PRESENT", 4)],
            ["late", "comes", "DENIED", "NOT_PRESENT"],
        ),
    ],
)
def test_a_fault_concerns_the_calls_that_it_names(faults: list[Fault], expected: list[str]) -> None:
    assert answers(psci(*faults), 4) == expected


def test_a_cpu_that_was_started_and_lost_is_pending() -> None:
    assert answers(psci(fault("lost", 2)), 4) == ["comes", "lost", "ON_PENDING", "ON_PENDING"]
    assert answers(psci(fault("lost", 2, 2)), 4) == ["comes", "lost", "ON_PENDING", "ON_PENDING"]


def test_a_fault_that_ends_comes_before_on_pending_and_an_answer_before_any_state() -> None:
    assert answers(psci(fault("lost", 1, 2)), 3) == ["lost", "lost", "ON_PENDING"]
    assert answers(psci(fault("lost", 1, 1), fault("late", 2, 2)), 2) == ["lost", "late"]
    assert answers(psci(fault("lost", 1, 1), fault("DENIED", 2)), 3) == ["lost", "DENIED", "DENIED"]


def test_a_cpu_that_runs_is_on_already_except_where_a_fault_answers() -> None:
    faults = fault("lost", 2, 2), fault("late", 3, 3), fault("DENIED", 4)
    assert answers(psci(*faults), 4, goes_off=False) == ["comes", "ALREADY_ON", "ALREADY_ON", "DENIED"]


def test_einval_stands_for_the_answers_that_a_log_cannot_tell_apart() -> None:
    result = psci(fault("EINVAL")).cpu_on(CPU)
    assert (result.error, result.answer.answer) == (Errno.EINVAL, "EINVAL")


def test_calls_after_the_last_that_a_fault_names_are_all_alike() -> None:
    firmware = psci(fault("DENIED", 2, 3), fault("NOT_PRESENT", 5))
    seen = [firmware.snapshot()]
    for _ in range(6):
        answers(firmware, 1)
        seen.append(firmware.snapshot())
    assert len(set(seen)) == 5
    assert seen[4] == seen[5] == seen[6]
    every = psci(fault("DENIED"))
    before = every.snapshot()
    answers(every, 3)
    assert every.snapshot() == before


@pytest.mark.parametrize(
    ("one", "other", "number"),
    [
        (fault("DENIED"), fault("DENIED"), 1),
        (fault("DENIED"), fault("lost", 7, 7), 7),
        (fault("lost", 3), fault("DENIED", 2, 4), 3),
        (fault("lost", 1, 2), fault("DENIED", 2), 2),
    ],
)
def test_faults_of_one_cpu_concern_different_calls(one: Fault, other: Fault, number: int) -> None:
    with pytest.raises(InputError, match=f"two faults of 'cpu1' concern the same CPU_ON, number {number}"):
        Scenario(Topology.of([V1, V1]), faults=(one, other))


def test_faults_of_different_cpus_do_not_meet() -> None:
    both = fault("DENIED"), Fault("cpu2", answer="DENIED")
    assert Scenario(Topology.of([V1, V1, V1]), faults=both).faults == both


@pytest.mark.parametrize(("first", "last"), [(0, None), (0, 0), (-1, 2), (3, 2)])
def test_calls_are_numbered_from_1_on(first: int, last: int | None) -> None:
    with pytest.raises(InputError, match="cpu1: its calls of CPU_ON are numbered from 1 on"):
        fault("DENIED", first, last)
