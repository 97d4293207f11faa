"""What was expected of a boot beside what came: each difference in words that a reader of a failed test needs."""

import difflib
from collections.abc import Iterator, Sequence

from msgspec import UNSET, structs

from sim.files.scenario_tables import ExpectTable, VectorExpectTable
from sim.outcome import Outcome
from sim.units import timestamp

PARTS = ("cpus", "log", "hazards", "sve", "sme")
"""What can be expected, in the order in which it is looked at."""
_NEAR = 3


def stated(expect: ExpectTable) -> list[str]:
    """Which of `PARTS` a file expects something of."""
    return [part for part in PARTS if getattr(expect, part) is not UNSET]


def differences(outcome: Outcome, expect: ExpectTable, part: str) -> list[str]:
    """What differs in one of `PARTS`, as lines; none where all is as expected."""
    expected = getattr(expect, part)
    match part:
        case "cpus":
            return list(_cpus(outcome, expected))
        case "log":
            return missing_in_order(outcome, expected)
        case "hazards":
            return wrong_hazards(outcome, expected)
        case _:
            return list(_record(outcome, part.upper(), expected))


def _cpus(outcome: Outcome, expected: dict[str, str]) -> Iterator[str]:
    for name, state in expected.items():
        seen = outcome.facts.state(outcome.scenario.topology.number(name))
        if seen != state:
            yield f"{name}: expected {state}, and it is {seen}"


def missing_in_order(outcome: Outcome, expected: Sequence[str]) -> list[str]:
    """The log beside lines expected in order, where one of them does not come: a diff, else nothing."""
    lines = [f"{timestamp(line.time_ns)} {line.text}" for line in outcome.facts.log]
    place, found = 0, list[tuple[int, str]]()
    for wanted in expected:
        there = next((number for number in range(place, len(lines)) if wanted in lines[number]), None)
        if there is None:
            return _diff(lines, found, wanted)
        found.append((there, wanted))
        place = there + 1
    return []


def _diff(lines: list[str], found: list[tuple[int, str]], wanted: str) -> list[str]:
    """The log with the lines that were found, and where the first that was not should have come."""
    matched = {number for number, _ in found}
    place = found[-1][0] + 1 if found else 0
    told = [f"{'=' if number in matched else ' '} {line}" for number, line in enumerate(lines)]
    told.insert(place, f"- expected from here on: {wanted}")
    near = difflib.get_close_matches(wanted, [line.partition("] ")[2] for line in lines], _NEAR, 0.6)
    return ["the log has not, in this order:", *told, *(f"? like it: {line}" for line in near)]


def wrong_hazards(outcome: Outcome, expected: Sequence[str]) -> list[str]:
    """Hazards that are not there, and those that are there unexpectedly, with what they say."""
    seen = {hazard.kind.name.lower() for hazard in outcome.found}
    missing = [f"- {name}: expected, and not there" for name in expected if name not in seen]
    more = [
        f"+ {name}: {hazard.sentence}" for hazard in outcome.found if (name := hazard.kind.name.lower()) not in expected
    ]
    return missing + more


def _record(outcome: Outcome, kind: str, expected: VectorExpectTable) -> Iterator[str]:
    row = next(one for one in outcome.vector_rows() if one.type == kind)
    for name, value in structs.asdict(expected).items():
        seen = getattr(row, name)
        seen = list(seen) if isinstance(seen, tuple) else seen
        if value is not UNSET and seen != value:
            yield f"{kind} {name}: expected {value}, and it is {seen}"
