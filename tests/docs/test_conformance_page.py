"""Tests that docs/conformance.md shows the agreement of boots of other ID registers as it is measured."""

import re
from collections import Counter

from sim.conform.conformance import Conformance, replay
from sim.conform.run_records import kernel_name
from tests.conform.samples import feature_boots
from tests.docs.test_docs import ROOT

KERNELS = ("6.1", "6.12", "6.16", "6.18", "7.3", "7.3-16k")


def measured() -> list[str]:
    """Return the table's rows: each field, and by kernel the number of its values that agree, of those compared."""
    compared: dict[str, Counter[str]] = {}
    agree: dict[str, Counter[str]] = {}
    for record in feature_boots().values():
        kernel = kernel_name(record.kernel, record.page_bytes)
        for field in Conformance(record, replay(record)).fields:
            name = re.sub(r"actions\[\d+\] \S+: ", "actions: ", field.name)
            compared.setdefault(name, Counter())[kernel] += 1
            agree.setdefault(name, Counter())[kernel] += field.agrees
    # A record may lack a field that others have, so that the order of the first record is not that of all.
    points = ("boot_log", "boot.", "actions", "end.")
    names = sorted(compared, key=lambda name: next(place for place, one in enumerate(points) if name.startswith(one)))
    cells = {name: [_cell(agree[name][kernel], compared[name][kernel]) for kernel in KERNELS] for name in names}
    return [f"| `{name}` | {' | '.join(values)} |" for name, values in cells.items()]


def _cell(agree: int, compared: int) -> str:
    return "" if not compared else str(agree) if agree == compared else f"{agree} of {compared}"


def test_the_page_shows_the_measured_agreement() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text()
    heading = f"| Field | {' | '.join(KERNELS)} |"
    table = page.partition(f"{heading}\n|---|{'---:|' * len(KERNELS)}\n")[2].partition("\n\n")[0]
    assert table.splitlines() == measured()
