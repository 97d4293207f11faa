"""A comparison of variants as text: a table, and for each variant what was refused, lost and not there."""

from rich.console import Console

from sim.show.console import Layout, heading, line, table
from sim.study.variant_comparison import VariantComparison, VariantRow

_AXES = {"boot_cpu": "boot CPU", "early": "early CPUs", "kernel": "kernel"}


def show_variants(comparison: VariantComparison, console: Console) -> None:
    """Print a comparison of variants."""
    axes = [name for name in _AXES if getattr(comparison.rows[0], name) is not None]
    heading(console, "Variants", first=True)
    columns: dict[str, Layout] = {"": "right"}
    columns |= {_AXES[name]: "wrap" for name in axes}
    columns |= dict.fromkeys(["online", "refused", "lost", "caps\nlost", "hwcaps\nlost", "taint", "hazards"], "right")
    table(console, columns, [_cells(number, row, axes) for number, row in enumerate(comparison.rows, 1)])
    for number, row in enumerate(comparison.rows, 1):
        _particulars(console, number, row)


def _cells(number: int, row: VariantRow, axes: list[str]) -> list[str]:
    counts = row.online, row.refused_cpus, row.lost_cpus, len(row.capabilities_lost), len(row.hwcaps_lost)
    online, *others = (str(count or "") for count in counts)
    taint = "" if not row.taint else str(row.taint)
    stopped = "stopped" if row.panic is not None else online
    return [str(number), *(getattr(row, name) for name in axes), stopped, *others, taint, str(row.hazards or "")]


def _particulars(console: Console, number: int, row: VariantRow) -> None:
    """Print what the numbers of a variant stand for."""
    told = [f"refused: {one}" for one in row.refused] + [f"lost: {one}" for one in row.lost]
    if row.panic is not None:
        told.append(f"stopped: {row.panic}")
    if row.capabilities_lost:
        told.append(f"capabilities lost: {', '.join(row.capabilities_lost)}")
    if row.hwcaps_lost:
        told.append(f"hwcaps lost: {' '.join(row.hwcaps_lost)}")
    if told:
        heading(console, f"Variant {number}")
        for one in told:
            line(console, one)
