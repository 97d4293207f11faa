"""A boot's outcome as text: settings, verdict, hazards, notes, CPUs, features, buffers, actions, kernel log."""

from itertools import groupby

from rich.console import Console

from sim.outcome import Outcome
from sim.outcome_rows import ActionRow, BufferRow
from sim.scenario import Scenario
from sim.show.console import heading, lengths, line
from sim.show.cpu_table import show_cpus
from sim.show.features_text import show_features
from sim.show.row_groups import MAX_ROWS, grouped, short_cpu_list, short_labels, short_names
from sim.show.settings_text import show_settings
from sim.show.table_forms import Layout, table, table_of_columns
from sim.titles import title
from sim.units import counted, duration

_MAX_ALIKE = 8
"""The number of hazards of each kind, and of notes, that are shown if there are more than 32 in all."""


def show(outcome: Outcome, console: Console, before: Scenario | None = None, *, with_log: bool = False) -> None:
    """Print everything that `asymboot run` shows.

    Args:
        outcome: the outcome of a boot.
        console: the terminal.
        before: the scenario as its file has it, if options changed it.
        with_log: print the kernel log even if it is long.
    """
    show_settings(outcome.scenario, before or outcome.scenario, console)
    console.print()
    line(console, outcome.verdict, "bold")
    _hazards(outcome, console)
    _notes(outcome, console)
    show_cpus(outcome, console)
    _record(outcome, console)
    show_features(outcome, console)
    _buffers(outcome, console)
    _actions(outcome, console)
    _log(outcome, console, whole=with_log)


def _record(outcome: Outcome, console: Console) -> None:
    heading(console, "The kernel's record of vector lengths")
    rows = [row for row in outcome.vector_rows() if row.is_told]
    if not rows:
        line(console, "no vector lengths: the system has neither SVE nor SME")
        return
    keys = [key for key in rows[0].__struct_fields__ if key not in {"type", "supported"}]
    columns: dict[str, Layout] = dict.fromkeys(["", *(row.type for row in rows)], "left")
    cells = [[title(key), *(_value(getattr(row, key)) for row in rows)] for key in keys]
    table(console, columns, cells)


def _value(value: int | tuple[int, ...]) -> str:
    return str(value) if isinstance(value, int) else lengths(value)


def _buffers(outcome: Outcome, console: Console) -> None:
    rows = outcome.buffer_rows()
    if not rows:
        return
    first, topology = rows[0], outcome.scenario.topology  # all buffers have the same size
    heading(console, "pKVM's buffers for the host's SVE registers")
    line(
        console,
        f"for {first.allocation_vl_bits} bits: {first.asked_bytes} bytes asked for, a run of "
        f"{first.run_bytes} bytes for each of {counted(len(rows), 'possible CPU')}",
    )

    def alike(row: BufferRow) -> tuple[int, ...]:
        return row.save_bytes, row.save_first_byte, row.unused_bytes

    groups = [members for _, members in grouped(rows, alike, lambda row: topology.logical[row.cpu].clusters)]
    cells = list(zip(*(alike(members[0]) for members in groups), strict=True))
    numbers = [[row.cpu for row in members] for members in groups]
    # Each possible CPU has a buffer, and many never save to it.
    titles = [title(name) for name in ("save_bytes", "save_first_byte", "unused_bytes")]
    columns: dict[str, tuple[Layout, list[str]]] = {title("cpu"): ("right", list(map(short_cpu_list, numbers)))}
    if topology.has_own_names(range(len(topology.cpus))):
        columns["name"] = ("wrap", [short_names(topology, members) for members in numbers])
    columns |= {name: ("right", [str(cell) for cell in own]) for name, own in zip(titles, cells, strict=True)}
    table_of_columns(console, columns)


def _actions(outcome: Outcome, console: Console) -> None:
    rows = outcome.action_rows()
    if not rows:
        return
    heading(console, "What user space did")

    def alike(row: ActionRow) -> tuple[object, ...]:
        return row.agent, row.do, row.outcome, row.error

    columns: dict[str, Layout] = {"agent": "wrap", "action": "wrap", "outcome": "left", "took": "wrap"}
    cells = []
    for _, members in grouped(rows, alike):
        row = members[0]
        # An agent may have repeated an action on a CPU; the list has each CPU once.
        cpus = list({member.cpu for member in members if member.cpu is not None})
        shown = short_labels(outcome.scenario.topology, cpus) if cpus else ""
        end = f"{row.outcome} ({row.error})" if row.error else row.outcome
        cells.append([row.agent, f"{row.do} {shown}".rstrip(), end, _durations(members)])
    table(console, columns, cells)


def _durations(rows: list[ActionRow]) -> str:
    """Return the shortest and the longest duration of actions."""
    durations_ns = [row.ended_ns - row.started_ns for row in rows]
    return " to ".join(dict.fromkeys([duration(min(durations_ns)), duration(max(durations_ns))]))


def _hazards(outcome: Outcome, console: Console) -> None:
    for kind, hazards in groupby(outcome.found, lambda hazard: hazard.kind):
        members = list(hazards)
        shown = members if len(outcome.found) <= MAX_ROWS else members[:_MAX_ALIKE]
        for hazard in shown:
            line(console, f"{kind.title}: {hazard.sentence}", "bold red", len(kind.title) + 1)
        if len(shown) < len(members):
            line(console, f"{kind.title}: {len(members) - len(shown)} more", "bold red", len(kind.title) + 1)


def _notes(outcome: Outcome, console: Console) -> None:
    if not outcome.notes:
        return
    heading(console, "Notes")
    shown = outcome.notes if len(outcome.notes) <= MAX_ROWS else outcome.notes[:_MAX_ALIKE]
    for note in shown:
        line(console, note)
    if len(shown) < len(outcome.notes):
        line(console, f"{len(outcome.notes) - len(shown)} more; --json prints them all")


def _log(outcome: Outcome, console: Console, *, whole: bool) -> None:
    heading(console, "Kernel log")
    if not whole and len(outcome.facts.log) > MAX_ROWS:
        line(console, f"{len(outcome.facts.log):,} lines; --log prints them here, --log-only prints them alone")
        return
    # The log does not go through rich, which would wrap the kernel's lines: they stay exact to the letter.
    console.file.write(outcome.log_text)
