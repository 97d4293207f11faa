"""The findings of earlier boots of a log: a machine that crashed and was started again is explained for its crash."""

from collections.abc import Sequence

from msgspec.structs import replace

from sim.explain.finding_collection import LogFinding
from sim.topology import cpu_list


def with_problems_of_earlier_boots(
    findings: Sequence[LogFinding], earlier: Sequence[Sequence[LogFinding]]
) -> tuple[LogFinding, ...]:
    """Return the findings of a log: those of its last boot, and those problems that earlier boots alone have.

    Args:
        findings: the findings of the last boot, the worst first.
        earlier: the findings of each earlier boot, in order of time.
    """
    known = {_identity(finding) for finding in findings}
    first: dict[object, LogFinding] = {}
    boots: dict[object, list[int]] = {}
    for number, of_boot in enumerate(earlier, 1):
        for finding in of_boot:
            identity = _identity(finding)
            if not finding.entry.severity.is_harmless and identity not in known:
                first.setdefault(identity, finding)
                boots.setdefault(identity, []).append(number)
    total = len(earlier) + 1
    added = [
        replace(one, happened=f"{_which(boots[key], total)}, {one.happened}", earlier_boots=tuple(boots[key]))
        for key, one in first.items()
    ]
    return tuple(sorted([*findings, *added], key=lambda one: one.entry.severity.rank))


def _identity(finding: LogFinding) -> object:
    return finding.entry.title, finding.happened, finding.cpus


def _which(boots: list[int], total: int) -> str:
    return f"in boot{'s' * (len(boots) > 1)} {cpu_list(boots)} of {total}"
