"""The page docs/log-lines.md, "Which log line means what", made from the entries; `make log-lines` writes it."""

import sys
import textwrap
from collections.abc import Iterator

from sim.explain.log_entries import LogEntry, Severity, harmless_text
from sim.explain.log_findings import every_entry

_WIDTH = 120
_INTRODUCTION = """\
This page lists the lines of arm64 kernel logs that tell of CPUs coming up, features, vector lengths, PSCI, KVM and
hotplug: what each line means, whether it is harmless, what usually causes it, and what to look at next. `asymboot
explain` finds the lines in a log, decodes their values, and names the CPUs ([commands](commands.md#explain)). Both are
made from the same table, in `sim/explain/`; `make log-lines` writes this page.

Numbers, names and addresses in the lines are examples. Paths of kernel files leave out a leading `arch/arm64/`;
"booted" means that boots of Debian's kernels showed it."""
_GROUPS = {
    Severity.PANIC: "The machine stops",
    Severity.FAILURE: "A CPU or KVM is missing",
    Severity.LOSS: "The system has less than it could",
    Severity.WARNING: "Something may have consequences",
    Severity.HARMLESS: "Harmless",
    Severity.NORMAL: "Normal",
}


def page_text() -> str:
    """Return the text of the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    entries = list(every_entry())
    yield "# Which log line means what"
    yield f"\n{_INTRODUCTION}"
    for severity, title in _GROUPS.items():
        yield f"\n## {title}"
        for entry in entries:
            if entry.severity is severity:
                yield from _section(entry)


def _section(entry: LogEntry) -> Iterator[str]:
    yield f"\n### {entry.title}\n"
    yield "```text"
    yield from entry.examples
    yield "```\n"
    yield from _wrapped(entry.meaning)
    yield ""
    answer = harmless_text(entry, entry.consequence)
    yield from _item(f"**Harmless?** {answer[:1].upper()}{answer[1:]}.")
    for cause in entry.causes:
        yield from _item(f"**Cause, {cause.origin}:** {cause.text}.")
    for hint in entry.advice:
        yield from _item(f"**Next:** {hint.text}.")
    if entry.more:
        page, _, section = entry.more.removeprefix("docs/").partition("#")
        yield from _item(f"**More:** [{page}]({page}#{section})")
    if entry.source:
        yield from _item(f"**Source:** {entry.source}.")


def _item(text: str) -> Iterator[str]:
    yield from _wrapped(text, "- ", "  ")


def _wrapped(text: str, first: str = "", others: str = "") -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )


if __name__ == "__main__":
    sys.stdout.write(page_text())
