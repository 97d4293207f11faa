"""Proofs about CPU features as text: a table for each promise."""

from collections.abc import Sequence

from rich.console import Console

from sim.prove.feature_proofs import FeatureFinding
from sim.prove.feature_properties import FEATURE_PROPERTIES
from sim.show.console import heading, line
from sim.show.table_forms import Layout, table

_COLUMNS: dict[str, Layout] = {"answer": "left", "of": "wrap", "because": "wrap"}


def show_feature_findings(findings: Sequence[FeatureFinding], console: Console) -> None:
    """Print the answers of each promise."""
    for place, prop in enumerate(FEATURE_PROPERTIES.values()):
        found = [one for one in findings if one.prop == prop]
        if found:
            heading(console, f"{prop.name}: {prop.statement} (kernel {found[0].kernel})", first=place == 0)
            table(console, _COLUMNS, [(str(one.answer), one.subject, one.why) for one in found])
    line(
        console,
        "proved: for all values of ID registers. refuted: the command writes a scenario that shows it (-o), except "
        "where the reason says that it is meant so. unknown: neither.",
    )
