"""A boot's outcome as text: kernel log, CPUs, vector lengths, buffers, actions, hazards and notes."""

from itertools import groupby

from rich.console import Console

from sim.outcome import Outcome
from sim.outcome_rows import ActionRow, BufferRow, CpuRow
from sim.show.console import Layout, heading, lengths, line, table
from sim.show.features_text import show_features
from sim.show.row_groups import MAX_ROWS, grouped, short_cpu_list
from sim.units import counted, duration, with_unit

_MAX_ALIKE = 8
"""The number of hazards of each kind, and of notes, that are shown if there are more than 32 in all."""


def show(outcome: Outcome, console: Console) -> None:
    """Print everything that `asymboot run` shows."""
    heading(console, "Kernel log", first=True)
    # The log does not go through rich, which would wrap the kernel's lines: they stay exact to the letter.
    console.file.write(outcome.log_text)
    _cpus(outcome, console)
    _record(outcome, console)
    show_features(outcome, console)
    _buffers(outcome, console)
    _actions(outcome, console)
    _hazards(outcome, console)
    _notes(outcome, console)


def _cpus(outcome: Outcome, console: Console) -> None:
    rows = outcome.cpu_rows()
    logical = outcome.scenario.topology.logical
    has_sme = any(row.sme_bits is not None for row in rows)
    has_levels = len({row.el for row in rows}) > 1
    columns: dict[str, Layout] = {"CPU": "right", "name": "wrap", "role": "wrap"}
    if has_levels:
        columns["EL"] = "right"
    columns["SVE, bits"] = "wrap"
    if has_sme:
        columns["SME, bits"] = "wrap"
    columns |= {"state": "left", "host max\nVL, bytes": "right"}

    def alike(row: CpuRow) -> tuple[object, ...]:
        # Nearly every CPU number is run by its own hardware, so the number itself must not keep rows apart.
        hw_cpu = None if row.hw_cpu == row.cpu else row.hw_cpu
        return row.role, row.late_because, hw_cpu, row.el, row.sve_bits, row.sme_bits, row.state, row.host_max_vl_bytes

    cells = []
    for clusters, members in grouped(rows, alike, lambda row: logical[row.cpu].clusters):
        row = members[0]
        sme = [lengths(row.sme_bits)] if has_sme else []
        vl = str(row.host_max_vl_bytes or "")
        cpus = short_cpu_list([member.cpu for member in members])
        role = row.role if row.late_because is None else f"{row.role} ({row.late_because})"
        level = [str(row.el)] if has_levels else []
        cells.append([cpus, _name(clusters, members), role, *level, lengths(row.sve_bits), *sme, row.state, vl])
    heading(console, "CPUs")
    table(console, columns, cells)


def _name(clusters: tuple[str, ...], members: list[CpuRow]) -> str:
    """Return the path of a CPU's clusters and its name; inside a cluster the name ``cpuN`` of CPU N is left out."""
    first, last = members[0], members[-1]
    if first is not last:
        return "/".join(clusters) or f"{first.name}..{last.name}"
    name = () if clusters and first.name == f"cpu{first.cpu}" else (first.name,)
    hw_cpu = "" if first.hw_cpu == first.cpu else f", run by cpu{first.hw_cpu}"
    return "/".join((*clusters, *name)) + hw_cpu


def _record(outcome: Outcome, console: Console) -> None:
    heading(console, "The kernel's record of vector lengths")
    # Where SVE is not supported because one early CPU lacks it, the maps keep the lengths that were counted before.
    rows = [row for row in outcome.vector_rows() if row.supported or row.vq_partial_map_bits]
    if not rows:
        line(console, "no vector lengths: the system has neither SVE nor SME")
        return
    keys = [key for key in rows[0].__struct_fields__ if key not in {"type", "supported"}]
    columns: dict[str, Layout] = dict.fromkeys(["", *(row.type for row in rows)], "left")
    cells = [[with_unit(key), *(_value(getattr(row, key)) for row in rows)] for key in keys]
    table(console, columns, cells)


def _value(value: int | tuple[int, ...]) -> str:
    return str(value) if isinstance(value, int) else lengths(value)


def _buffers(outcome: Outcome, console: Console) -> None:
    rows = outcome.buffer_rows()
    if not rows:
        return
    first, logical = rows[0], outcome.scenario.topology.logical  # all buffers have the same size
    heading(console, "pKVM's buffers for the host's SVE registers")
    line(
        console,
        f"for {first.allocation_vl_bits} bits: {first.asked_bytes} bytes asked for, a run of "
        f"{first.run_bytes} bytes for each of {counted(len(rows), 'possible CPU')}",
    )

    def alike(row: BufferRow) -> tuple[int, ...]:
        return row.save_bytes, row.save_first_byte, row.unused_bytes

    columns: dict[str, Layout] = dict.fromkeys(
        ["CPU", "its save, bytes", "registers from byte", "unused, bytes"], "right"
    )
    cells = [
        [short_cpu_list([row.cpu for row in members]), *map(str, alike(members[0]))]
        for _, members in grouped(rows, alike, lambda row: logical[row.cpu].clusters)
    ]
    table(console, columns, cells)


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
        shown = f"cpu{row.cpu}" if len(members) == len(cpus) == 1 else short_cpu_list(cpus)
        end = f"{row.outcome} ({row.error})" if row.error else row.outcome
        cells.append([row.agent, f"{row.do} {shown}".rstrip(), end, _durations(members)])
    table(console, columns, cells)


def _durations(rows: list[ActionRow]) -> str:
    """Return the shortest and the longest duration of actions."""
    durations_ns = [row.ended_ns - row.started_ns for row in rows]
    return " to ".join(dict.fromkeys([duration(min(durations_ns)), duration(max(durations_ns))]))


def _hazards(outcome: Outcome, console: Console) -> None:
    heading(console, "Hazards, worst first")
    if not outcome.found:
        line(console, "none", "green")
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
