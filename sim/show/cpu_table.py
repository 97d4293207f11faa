"""The table of a boot's CPUs."""

from rich.console import Console

from sim.outcome import Outcome
from sim.outcome_rows import CpuRow
from sim.show.console import heading, legend, lengths, line
from sim.show.row_groups import grouped, short_cpu_list, short_names
from sim.show.table_forms import Layout, table_of_columns
from sim.titles import title

_BITS_IN_A_BYTE = 8
ALLOWED_WORDS = {title("host_max_vl_bytes"): "the largest VL that the host can select at the end"}
"""The legend of a column with the VLs that ZCR_EL2 allows."""


def show_cpus(outcome: Outcome, console: Console) -> None:
    """Print a table of the CPUs, without the columns that tell nothing."""
    rows = outcome.cpu_rows()
    topology = outcome.scenario.topology
    groups = grouped(rows, _what_it_tells, lambda row: topology.logical[row.cpu].clusters)
    numbers = [[row.cpu for row in members] for _, members in groups]
    columns: dict[str, tuple[Layout, bool, list[str]]] = {
        title("cpu"): ("right", True, list(map(short_cpu_list, numbers))),
        "name": (
            "wrap",
            topology.has_own_names(row.cpu for row in rows),
            [short_names(topology, members) for members in numbers],
        ),
        "cluster": ("wrap", any(row.cluster for row in rows), ["/".join(clusters) for clusters, _ in groups]),
        "role": ("wrap", True, [_role(members[0]) for _, members in groups]),
        title("hw_cpu"): (
            "left",
            any(row.hw_cpu != row.cpu for row in rows),
            [outcome.facts.label(members[0].hw_cpu) for _, members in groups],
        ),
        title("el"): ("right", len({row.el for row in rows}) > 1, [str(members[0].el) for _, members in groups]),
        title("sve_bits"): ("wrap", True, [lengths(members[0].sve_bits) for _, members in groups]),
        title("sme_bits"): (
            "wrap",
            any(row.sme_bits is not None for row in rows),
            [lengths(members[0].sme_bits) for _, members in groups],
        ),
        "state": ("left", True, [members[0].state for _, members in groups]),
        title("host_max_vl_bytes"): (
            "right",
            any(row.host_max_vl_bytes for row in rows),
            [str(members[0].host_max_vl_bytes or "") for _, members in groups],
        ),
    }
    heading(console, "CPUs")
    shown = {name: (layout, cells) for name, (layout, tells, cells) in columns.items() if tells}
    legend(console, ALLOWED_WORDS, table_of_columns(console, shown))
    _explain_zcr_el2(outcome, rows, console)


def _what_it_tells(row: CpuRow) -> tuple[object, ...]:
    # Nearly every CPU number is run by its own hardware, so the number itself must not keep rows apart.
    hw_cpu = None if row.hw_cpu == row.cpu else row.hw_cpu
    return row.role, row.late_because, hw_cpu, row.el, row.sve_bits, row.sme_bits, row.state, row.host_max_vl_bytes


def _role(row: CpuRow) -> str:
    return row.role if row.late_because is None else f"{row.role} ({row.late_because})"


def _explain_zcr_el2(outcome: Outcome, rows: list[CpuRow], console: Console) -> None:
    limited = [row for row in rows if row.host_max_vl_bytes]
    below = [row.cpu for row in limited if row.host_max_vl_bytes * _BITS_IN_A_BYTE < max(row.sve_bits or ())]
    if below:
        told = outcome.scenario.topology.labels(below)
        line(console, f"{told}: less than the hardware has, since a save before a guest leaves its limit in ZCR_EL2")
