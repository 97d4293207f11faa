"""CPU features as text: fields by CPU, capabilities, hwcaps, and what CPUs have that the system cannot use."""

from functools import partial
from itertools import groupby

from rich.console import Console

from sim.feature_facts import FeatureState
from sim.feature_rows import (
    CapabilityRow,
    FieldRow,
    capability_rows,
    cpu_kinds,
    field_rows,
    register_rows,
    unused_rows,
)
from sim.outcome import Outcome
from sim.show.console import heading, line
from sim.show.row_groups import short_labels
from sim.show.table_forms import Layout, table
from sim.topology import Topology, cpu_list
from sim.unknown_features import core_sentences, partly_known_cores

UNKNOWN = "unknown"
LACKS = "-"
COMMAND_LINE = "the command line"
NEVER_BEGAN = "the kernel stopped before it read the boot CPU's ID registers"
_LARGE = 10
_TAINTS = {4: "CPU out of spec", 512: "a kernel warning"}


def show_matrix(outcome: Outcome, console: Console, *, everything: bool) -> None:
    """Print the matrix of fields by kind of CPU.

    Args:
        outcome: a boot with all features.
        console: the terminal.
        everything: print the fields too in which all CPUs are alike.
    """
    rows, state = field_rows(outcome.facts, only_differing=not everything), outcome.facts.features_at_end
    assert state is not None
    topology = outcome.scenario.topology
    kinds = cpu_kinds(topology)
    heading(console, "Fields of ID registers" if everything else "Fields in which CPUs differ", first=True)
    for kind in kinds:
        line(console, f"{topology.labels(kind.cpus)}: {kind.words}")
    for sentence in core_sentences(outcome.scenario):
        line(console, sentence)
    if not state.has_values:
        line(console, f"no field has a sanitised value: {NEVER_BEGAN}")
    elif outcome.facts.final_event is None:
        line(console, "the kernel stopped before its capabilities were final: the system's values are those until then")
    console.print()
    if not rows:
        known = ", as far as they are known" if partly_known_cores(outcome.scenario) else ""
        line(console, f"none: all CPUs have the same ID registers{known}")
        return
    columns: dict[str, Layout] = {"register.field": "path"}
    # The lines above tell the names of these numbers; here they would make the table wider than a terminal.
    columns |= {f"cpu{cpu_list(kind.cpus)}": "right" for kind in kinds}
    columns |= {"system": "right", "rule": "wrap", "logged": "left", "decided by": "wrap"}
    firsts = [kind.cpus[0] for kind in kinds]
    table(console, columns, [_cells(row, firsts, has_values=state.has_values) for row in rows])
    line(console, "logged: the kernel logs a SANITY CHECK line where a CPU differs from the boot CPU")
    if any(row.taken_as for row in rows):
        line(
            console,
            "0 as 1: the kernel takes CTR_EL0.IDC for 1, since no level of cache needs cleaning, as CLIDR_EL1 says",
        )
    if any(row.lacked_by for row in rows):
        line(console, f"{LACKS}: the CPU runs no 32-bit code, and lacks the register")
    if any(row.values.count(None) > len(row.lacked_by) for row in rows):
        line(console, "?: unknown, since no source tells the CPU's register")


def _cells(row: FieldRow, cpus: list[int], *, has_values: bool) -> list[str]:
    # Small numbers read the same in both; large numbers are read in hexadecimal.
    form = str if max((value for value in row.values if value is not None), default=0) < _LARGE else hex

    def shown(value: int | None) -> str:
        return "?" if value is None else form(value)

    own = [LACKS if cpu in row.lacked_by else row.own_text(cpu, shown) for cpu in cpus]
    system = shown(row.sanitised) if row.is_listed and has_values else ""
    decided = COMMAND_LINE if row.forced else f"cpu{cpu_list(row.decided_by)}" if row.decided_by else ""
    return [f"{row.register}.{row.field}", *own, system, row.rule, "yes" if row.strict else "no", decided]


def show_features(outcome: Outcome, console: Console) -> None:
    """Print what the system makes of CPUs' features: registers, capabilities, hwcaps, taint, and what goes unused."""
    state = outcome.facts.features_at_end
    if state is None:
        return
    _sanitised_registers(outcome, state, console)
    shown = [row for row in capability_rows(outcome.facts) if row.description is not None and row.cpus != ()]
    heading(console, "Capabilities")
    columns: dict[str, Layout] = {"capability": "wrap", "decided by": "left", "CPUs": "wrap"}
    if state.has_values:
        table(console, columns, [_capability(row, outcome.scenario.topology) for row in shown])
    else:
        line(console, f"none: {NEVER_BEGAN}")
    certainty = state.certainty
    if certainty.unknown_capabilities:
        line(console, f"unknown: {len(certainty.unknown_capabilities)}, which --json names")
    heading(console, "Features that programs see")
    if outcome.facts.features_at_user_space is None:
        line(console, "none: user space was not reached")
    else:
        _of_programs(state, console)
    taints = [words for bit, words in _TAINTS.items() if state.taint & bit]
    line(console, f"taint: {state.taint}" + (f" ({', '.join(taints)})" if taints else ""))
    _unused(outcome, console)


def _sanitised_registers(outcome: Outcome, state: FeatureState, console: Console) -> None:
    """Print the system's values of ID registers that are known and not 0, those of 64-bit code first, as they are."""
    cells = [
        [row.register, row.sanitised, (row.user_value or "") if state.shows_programs(row.register) else ""]
        for row in register_rows(outcome.facts)
        if row.sanitised is not None and int(row.sanitised, 16)
    ]
    if cells:
        heading(console, "Sanitised registers")
        table(console, {"register": "left", "system": "right", "programs read": "right"}, cells)


def _of_programs(state: FeatureState, console: Console) -> None:
    """Print the hwcaps, and what sysfs says of vulnerabilities."""
    certainty = state.certainty
    line(console, " ".join(name for name in state.hwcaps if name not in certainty.assumed_hwcaps))
    if certainty.assumed_hwcaps:
        line(console, f"assumed: {' '.join(certainty.assumed_hwcaps)}")
    if certainty.unknown_hwcaps:
        line(console, f"unknown: {' '.join(certainty.unknown_hwcaps)}")
    if state.compat_hwcaps:
        assumed = ", assumed" if certainty.compat_hwcaps_are_assumed else ""
        line(console, f"32-bit programs{assumed}: {' '.join(state.compat_hwcaps)}")
    for name, words in state.vulnerabilities.items():
        line(console, f"{name}: {words or UNKNOWN}")


def _capability(row: CapabilityRow, topology: Topology) -> list[str]:
    scope = row.scope if row.decided_by is None else f"{row.scope}: {topology.label(row.decided_by)}"
    scope += ", assumed" if row.assumed else ""
    return [row.description or row.name, scope, row.cpus_text(partial(short_labels, topology))]


def _unused(outcome: Outcome, console: Console) -> None:
    rows = unused_rows(outcome.facts)
    if not rows:
        return
    heading(console, "What CPUs have and the system cannot use")

    topology = outcome.scenario.topology
    cells = []
    for _, group in groupby(rows, lambda row: (row.register, row.field, row.value)):
        members = list(group)
        first, cpus = members[0], topology.labels([row.cpu for row in members])
        lost = topology.labels(first.lost_by) if first.lost_by else COMMAND_LINE
        cells.append([f"{first.register}.{first.field}", cpus, str(first.value), str(first.sanitised), lost])
    columns: dict[str, Layout] = {"field": "path", "CPUs": "wrap", "have": "right", "system": "right"}
    columns["because of"] = "wrap"
    table(console, columns, cells)
