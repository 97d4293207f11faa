"""What was expected of a boot beside what came: each difference in words that a reader of a failed test needs."""

import difflib
import re
from collections.abc import Iterator, Sequence

from msgspec import UNSET, structs

from sim.errors import printable
from sim.files.scenario_tables import ExpectTable, VectorExpectTable
from sim.outcome import Outcome
from sim.units import counted, timestamp

PARTS = ("cpus", "log", "hazards", "sve", "sme")
"""What can be expected, in the order in which it is looked at."""
_NEAR, _MOST_NEAR_TOLD, _LIKE = 3, 5, 0.6
_AROUND = 3
"""Lines of the log that are shown before and after one that matters."""
_MOST_LINES = 24
"""Of those that are about one CPU, or one extension."""


def stated(expect: ExpectTable) -> list[str]:
    """Which of `PARTS` a file expects something of."""
    return [part for part in PARTS if getattr(expect, part) is not UNSET]


def differences(outcome: Outcome, expect: ExpectTable, part: str) -> list[str]:
    """What differs in one of `PARTS`, as lines; none where all is as expected."""
    expected = getattr(expect, part)
    match part:
        case "cpus":
            return [line for name, state in expected.items() for line in wrong_state(outcome, name, state)]
        case "log":
            return missing_in_order(outcome, expected)
        case "hazards":
            return wrong_hazards(outcome, expected)
        case _:
            return _wrong_record(outcome, part.upper(), expected)


def wrong_state(outcome: Outcome, name: str, state: str) -> list[str]:
    """That a CPU is in another state, with what the log says of it; nothing where it is in this one.

    Raises:
        InputError: there is no such CPU.
    """
    number = outcome.scenario.topology.number(name)
    seen = outcome.facts.state(number)
    about = rf"\b(?:CPU|cpu){number}\b"
    return [] if seen == state else [f"{name}: expected {state}, and it is {seen}", *_lines_with(outcome, about)]


def wrong_hazards(outcome: Outcome, expected: Sequence[str]) -> list[str]:
    """Hazards that are not there, and those that are there unexpectedly, with what they say."""
    seen = {hazard.kind.name.lower() for hazard in outcome.found}
    missing = [f"- {name}: expected, and not there" for name in expected if name not in seen]
    more = [
        f"+ {name}: {hazard.sentence}" for hazard in outcome.found if (name := hazard.kind.name.lower()) not in expected
    ]
    return [f"hazards: {len(missing)} missing, {len(more)} unexpected", *missing, *more] if missing or more else []


def _wrong_record(outcome: Outcome, kind: str, expected: VectorExpectTable) -> list[str]:
    row = next(one for one in outcome.vector_rows() if one.type == kind)
    wrong: list[str] = []
    for name, value in structs.asdict(expected).items():
        seen = getattr(row, name)
        shown = list(seen) if isinstance(seen, tuple) else seen
        same = sorted(value) == shown if isinstance(value, list) and isinstance(shown, list) else value == shown
        if value is not UNSET and not same:
            wrong.append(f"{kind} {name}: expected {value}, and it is {shown}")
    return [*wrong, *_lines_with(outcome, rf"^{kind}: ")] if wrong else []


# The log


def missing_in_order(outcome: Outcome, expected: Sequence[str]) -> list[str]:
    """A diff of the lines expected in order and the log; nothing where all come.

    Its first line counts what is missing. ``=`` is before a line that was expected and came, ``-`` before one that
    should have come there, ``?`` before what is like it.
    """
    texts = [line.text for line in outcome.facts.log]
    found: set[int] = set()
    missing: list[tuple[int, str]] = []
    place = 0
    for wanted in expected:
        there = next((number for number in range(place, len(texts)) if wanted in texts[number]), None)
        if there is None:
            missing.append((place, wanted))
        else:
            found.add(there)
            place = there + 1
    if not missing:
        return []
    count = counted(len(missing), "line")
    return [f"the log lacks {count} there: {printable(missing[0][1])}", *_diff(outcome, found, missing)]


def _diff(outcome: Outcome, found: set[int], missing: list[tuple[int, str]]) -> Iterator[str]:
    log = outcome.facts.log
    matter = found | {place for place, _ in missing}
    shown = {near for one in matter for near in range(one - _AROUND, one + _AROUND + 1)}
    told_near = 0
    left_out = False
    for number in range(len(log) + 1):
        for _, wanted in (one for one in missing if one[0] == number):
            yield f"- {printable(wanted)}"
            if (told_near := told_near + 1) <= _MOST_NEAR_TOLD:
                yield from _like(wanted, [line.text for line in log])
        if number < len(log) and number in shown:
            yield f"{'=' if number in found else ' '} {timestamp(log[number].time_ns)} {printable(log[number].text)}"
        elif number < len(log) and not left_out:
            yield "  ..."
        left_out = number not in shown


def _like(wanted: str, texts: list[str]) -> Iterator[str]:
    return (f"? like it: {line}" for line in difflib.get_close_matches(wanted, dict.fromkeys(texts), _NEAR, _LIKE))


def _lines_with(outcome: Outcome, pattern: str) -> list[str]:
    lines = [line for line in outcome.facts.log if re.search(pattern, line.text)]
    told = [f"  {timestamp(line.time_ns)} {printable(line.text)}" for line in lines[-_MOST_LINES:]]
    return ["  ...", *told] if len(lines) > len(told) else told
