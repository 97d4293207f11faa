"""Logs that the tests of explanations make up."""

from sim.explain.explanation import Explanation, explain_bytes
from sim.explain.finding_collection import LogFinding
from sim.explain.log_entries import LogEntry

HEAD = [
    "Booting Linux on physical CPU 0x0000000000 [0x411fd403]",
    "Linux version 6.12.1 (gcc)",
]
BROUGHT_UP = ["smp: Bringing up secondary CPUs ...", "smp: Brought up 1 node, 1 CPU"]
FINAL = [*BROUGHT_UP, "CPU: All CPU(s) started at EL2", "devtmpfs: initialized"]


def explained(*lines: str, head: list[str] | None = None) -> Explanation:
    """Explain a log of these lines below a head."""
    return explain_bytes("\n".join([*(HEAD if head is None else head), *lines]).encode())


def names(explanation: Explanation) -> list[str]:
    return [one.entry.name for one in explanation.findings]


def of_entry(explanation: Explanation, entry: LogEntry) -> LogFinding:
    (finding,) = [one for one in explanation.findings if one.entry is entry]
    return finding
