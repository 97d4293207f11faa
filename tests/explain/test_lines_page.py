"""The page docs/log-lines.md is the entries', and its links have their targets."""

import re
from pathlib import Path

import pytest

from sim.explain.lines_page import page_text
from sim.explain.log_entries import LogEntry
from sim.explain.log_findings import every_entry

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "log-lines.md").read_text(encoding="utf-8")


def anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", (DOCS / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_page_is_made_of_the_entries() -> None:
    assert page_text() == PAGE, "run `make log-lines`"


@pytest.mark.parametrize("entry", list(every_entry()), ids=lambda entry: entry.name)
def test_the_sections_that_an_entry_names_are_there(entry: LogEntry) -> None:
    for link in (entry.page, *([entry.more] if entry.more else [])):
        page, _, section = link.removeprefix("docs/").partition("#")
        assert section in anchors(page), link
