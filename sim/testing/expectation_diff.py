"""The differences between the expectations of a test and a boot, in lines that explain a failed test."""

import difflib
import re
from collections.abc import Iterator, Sequence

from msgspec import UNSET, structs

from sim.errors import printable
from sim.files.scenario_tables import ExpectTable, VectorExpectTable
from sim.outcome import Outcome
from sim.units import counted, timestamp

PARTS = ("cpus", "log", "hazards", "capabilities", "hwcaps", "taint", "sve", "sme")
"""The parts of a table of expectations, in the order in which they are checked."""
_MAX_SIMILAR, _SIMILARITY = 3, 0.6
"""The number of the log's lines that are shown as similar to a missing line, and the least similarity (0 to 1)."""
_MAX_EXPLAINED = 5
"""The number of missing lines for which similar lines are looked up: each look-up compares the whole log."""
_CONTEXT_LINES = 3
"""The number of the log's lines that are shown before and after a line that was found or is missing."""
_MAX_LINES = 24
"""The number of the log's last lines about a CPU, or about an extension, that are shown."""


def stated(expect: ExpectTable) -> list[str]:
    """Return those of `PARTS` for which a table states an expectation."""
    return [part for part in PARTS if getattr(expect, part) is not UNSET]


def differences(outcome: Outcome, expect: ExpectTable, part: str) -> list[str]:
    """Return the differences in one of `PARTS` as lines; no lines if all is as expected."""
    expected = getattr(expect, part)
    match part:
        case "cpus":
            return [line for name, state in expected.items() for line in wrong_state(outcome, name, state)]
        case "log":
            return missing_in_order(outcome, expected)
        case "hazards":
            return wrong_hazards(outcome, expected)
        case "capabilities" | "hwcaps" | "taint":
            return _wrong_features(outcome, part, expected)
        case _:
            return _wrong_record(outcome, part.upper(), expected)


def wrong_state(outcome: Outcome, name: str, state: str) -> list[str]:
    """Return a line that says that a CPU is in another state, and the log's lines about the CPU.

    Returns:
        The lines; no lines if the CPU is in the state.

    Raises:
        InputError: there is no such CPU.
    """
    number = outcome.scenario.topology.number(name)
    actual = outcome.facts.state(number)
    if actual == state:
        return []
    # Lines of kernel/smp.c write CPU1, lines on vector lengths write cpu1.
    return [f"{name}: expected {state}, and it is {actual}", *_lines_with(outcome, rf"\b(?:CPU|cpu){number}\b")]


def wrong_hazards(outcome: Outcome, expected: Sequence[str]) -> list[str]:
    """Return a line for each missing hazard, and the sentence of each unexpected hazard; no lines if all is right."""
    found = {hazard.kind.value for hazard in outcome.found}
    missing = [f"- {name}: expected, and not there" for name in expected if name not in found]
    unexpected = [
        f"+ {name}: {hazard.sentence}" for hazard in outcome.found if (name := hazard.kind.value) not in expected
    ]
    if not missing and not unexpected:
        return []
    return [f"hazards: {len(missing)} missing, {len(unexpected)} unexpected", *missing, *unexpected]


def _wrong_features(outcome: Outcome, part: str, expected: Sequence[str] | int) -> list[str]:
    """Return a line for each capability, hwcap or taint that is otherwise at the end."""
    state = outcome.facts.features_at_end
    if state is None:
        return [f"{part}: the boot has none: not all cores are known"]
    if isinstance(expected, int):
        return [] if state.taint == expected else [f"taint: expected {expected}, and it is {state.taint}"]
    if part == "hwcaps":
        missing = [f"- {name}: expected, and not there" for name in expected if name not in state.hwcaps]
        return missing + [f"+ {name}: not expected, and there" for name in state.hwcaps if name not in expected]
    has = {word for one in state.capabilities for word in (one.entry.label, one.entry.words)}
    return [f"- {name}: expected, and not there" for name in expected if name not in has]


def _wrong_record(outcome: Outcome, kind: str, expected: VectorExpectTable) -> list[str]:
    row = next(row for row in outcome.vector_rows() if row.type == kind)
    wrong: list[str] = []
    for name, value in structs.asdict(expected).items():
        actual = getattr(row, name)
        shown = list(actual) if isinstance(actual, tuple) else actual
        # The lengths of a set may be expected in any order.
        same = sorted(value) == shown if isinstance(value, list) and isinstance(shown, list) else value == shown
        if value is not UNSET and not same:
            wrong.append(f"{kind} {name}: expected {value}, and it is {shown}")
    return [*wrong, *_lines_with(outcome, rf"^{kind}: ")] if wrong else []


# The log


def missing_in_order(outcome: Outcome, expected: Sequence[str]) -> list[str]:
    """Return a diff of the lines that are expected in order and the log.

    The first line counts the missing lines. In the others ``=`` marks a line of the log that was expected, ``-`` an
    expected line that is missing at that place, and ``?`` a line of the log that is similar to the missing line.

    Returns:
        The diff; no lines if all expected lines are there.
    """
    texts = [line.text for line in outcome.facts.log]
    found: set[int] = set()
    missing: list[tuple[int, str]] = []
    start = 0
    for part in expected:
        number = next((number for number in range(start, len(texts)) if part in texts[number]), None)
        # A missing line does not move the start, so that one mistake does not make every later line missing.
        if number is None:
            missing.append((start, part))
        else:
            found.add(number)
            start = number + 1
    if not missing:
        return []
    count = counted(len(missing), "line")
    return [f"the log lacks {count} there: {printable(missing[0][1])}", *_diff(outcome, found, missing)]


def _diff(outcome: Outcome, found: set[int], missing: list[tuple[int, str]]) -> Iterator[str]:
    """Yield the diff, with the context of each line that was found or is missing.

    Args:
        outcome: the outcome of the boot.
        found: the numbers of the log's lines that were expected.
        missing: the missing lines, each with the number of the log's line from which on it was looked for.
    """
    log = outcome.facts.log
    centres = found | {number for number, _ in missing}
    # Numbers before the first line or beyond the last do no harm: the loop below never reaches them.
    shown = {number for centre in centres for number in range(centre - _CONTEXT_LINES, centre + _CONTEXT_LINES + 1)}
    explained = 0
    left_out = False
    for number in range(len(log) + 1):  # a line may be missing at the end of the log
        for part in (part for start, part in missing if start == number):
            yield f"- {printable(part)}"
            explained += 1
            if explained <= _MAX_EXPLAINED:
                yield from _similar(part, [line.text for line in log])
        if number < len(log) and number in shown:
            yield f"{'=' if number in found else ' '} {timestamp(log[number].time_ns)} {printable(log[number].text)}"
        elif number < len(log) and not left_out:
            yield "  ..."
        left_out = number not in shown


def _similar(part: str, texts: list[str]) -> Iterator[str]:
    similar = difflib.get_close_matches(part, dict.fromkeys(texts), _MAX_SIMILAR, _SIMILARITY)
    return (f"? similar: {line}" for line in similar)


def _lines_with(outcome: Outcome, pattern: str) -> list[str]:
    lines = [line for line in outcome.facts.log if re.search(pattern, line.text)]
    shown = [f"  {timestamp(line.time_ns)} {printable(line.text)}" for line in lines[-_MAX_LINES:]]
    return ["  ...", *shown] if len(lines) > len(shown) else shown
