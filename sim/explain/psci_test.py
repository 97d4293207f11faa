"""The kernel's test of PSCI, recognised by CPUs that go down and come back, in logs that lack the test's own lines.

The test takes CPUs down one after another, and then brings them up again, before user space runs.

Source: drivers/firmware/psci/psci_checker.c (``down_and_up_cpus``), a late initcall.
"""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from sim.importer.firmware_lines import CheckerErrorLine, CheckerFailedLine, CheckerLine
from sim.importer.log_lines import BootedLine, KilledLine
from sim.importer.log_text import NumberedLine
from sim.importer.suspend_lines import SuspendLine

_LATEST_S, _LONGEST_GAP_S = 10.0, 0.05
"""The latest time of a boot at which such lines are taken for the test's, and the longest time between two of them."""
_FEWEST = 2
"""The fewest CPUs that go down before the first comes, and that come then."""


def time_of_boot_s(found: NumberedLine) -> float:
    """Return a line's time in the boot, in seconds; 0 where it has no stamp, or the clock did not run yet."""
    return float(found.seconds) if found.seconds else 0.0


def likely_test(boot: Sequence[NumberedLine]) -> frozenset[int]:
    """Return the places of the lines on CPUs that the test is likely to have taken down and brought up.

    Empty where lines of the test itself, or of a suspend, tell what it was.
    """
    told = CheckerErrorLine | CheckerFailedLine | CheckerLine | SuspendLine
    if any(isinstance(found.line, told) for found in boot):
        return frozenset()
    return frozenset(found.place for run in _runs(boot) if _is_like_test(run) for found in run)


def _runs(boot: Sequence[NumberedLine]) -> Iterator[list[NumberedLine]]:
    """Yield lines on CPUs that went down or came, in groups without a long time between two of them."""
    run: list[NumberedLine] = []
    last_s = 0.0
    for found in boot:
        if not isinstance(found.line, KilledLine | BootedLine) or not 0 < (now_s := time_of_boot_s(found)) < _LATEST_S:
            continue
        if now_s - last_s > _LONGEST_GAP_S:
            yield run
            run = []
        if run or isinstance(found.line, KilledLine):
            run.append(found)
            last_s = now_s
    yield run


def _is_like_test(run: Sequence[NumberedLine]) -> bool:
    """Return True if several CPUs went down before several came, some of which were among those that went down."""
    lines = [found.line for found in run]
    before = takewhile(lambda line: not isinstance(line, BootedLine), lines)
    down = {line.cpu for line in before if isinstance(line, KilledLine)}
    came = {line.cpu for line in lines if isinstance(line, BootedLine)}
    return min(len(down), len(came)) >= _FEWEST and not down.isdisjoint(came)
