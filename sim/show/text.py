"""A boot's outcome as text for a terminal: log, tables, record, buffers, hazards, notes."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sim.outcome import Outcome
from sim.topology import cpu_list
from sim.units import duration

MOST_ROWS = 32
"""Above so many CPUs, neighbours that are alike share a row."""


def show(outcome: Outcome, console: Console) -> None:
    """Print everything that `asymboot run` shows."""
    _line(console, "Kernel log", "bold")
    console.file.write(outcome.log_text)
    _cpus(outcome, console)
    _record(outcome, console)
    _buffers(outcome, console)
    _actions(outcome, console)
    _hazards(outcome, console)
    _notes(outcome, console)


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style), soft_wrap=True)


def _heading(console: Console, text: str) -> None:
    _line(console, f"\n{text}", "bold")


def _bits(lengths: Iterable[int] | None) -> str:
    return "none" if lengths is None else "{" + ",".join(map(str, lengths)) + "}"


def _together(rows: list[dict[str, Any]], cpus: int) -> list[dict[str, Any]]:
    """Join neighbouring rows that differ in CPU number and name only, where there are many CPUs."""
    if cpus <= MOST_ROWS:
        return [{**row, "cpu": str(row["cpu"])} for row in rows]

    def alike(row: dict[str, Any]) -> list[str]:
        return [str(value) for key, value in row.items() if key not in {"cpu", "name"}]

    joined = []
    for _, group in groupby(rows, alike):
        members = list(group)
        last = members[-1].get("name")
        first = members[0].get("name")
        joined.append(
            {
                **members[0],
                "cpu": cpu_list([row["cpu"] for row in members]),
                "name": first if first == last else f"{first}..{last}",
            }
        )
    return joined


def _table(console: Console, columns: dict[str, str], rows: list[list[str]]) -> None:
    """Print a table; each column's heading maps to its justification."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading, justify in columns.items():
        table.add_column(heading, justify="right" if justify == "right" else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _cpus(outcome: Outcome, console: Console) -> None:
    own = [{**row, "run_by": None} if row["run_by"] == row["cpu"] else row for row in outcome.cpu_rows()]
    rows = _together(own, len(outcome.scenario.topology.cpus))
    has_sme = any(row["sme_bits"] is not None for row in rows)
    columns = {"CPU": "right", "name": "left", "role": "left", "SVE, bits": "left"}
    if has_sme:
        columns["SME, bits"] = "left"
    columns |= {"state": "left", "host max VL, bytes": "right"}
    cells = []
    for row in rows:
        name = f"{row['cluster']}/{row['name']}" if row["cluster"] else row["name"]
        if row["run_by"] is not None:
            name += f", run by cpu{row['run_by']}"
        sme = [_bits(row["sme_bits"])] if has_sme else []
        vl = str(row["host_max_vl_bytes"] or "")
        cells.append([row["cpu"], name, row["role"], _bits(row["sve_bits"]), *sme, row["state"], vl])
    _heading(console, "CPUs")
    _table(console, columns, cells)


def _record(outcome: Outcome, console: Console) -> None:
    _heading(console, "The kernel's record of vector lengths")
    rows = [row for row in outcome.vector_rows() if row["supported"] or row["vq_partial_map_bits"]]
    if not rows:
        _line(console, "no vector lengths: the system has neither SVE nor SME")
        return
    keys = [key for key in rows[0] if key not in {"type", "supported"}]
    columns = dict.fromkeys(["", *(row["type"] for row in rows)], "left")
    cells = [[key.replace("_b", ", b"), *(_value(row[key]) for row in rows)] for key in keys]
    _table(console, columns, cells)


def _value(value: Any) -> str:
    return str(value) if isinstance(value, int) else _bits(value)


def _buffers(outcome: Outcome, console: Console) -> None:
    rows = _together(outcome.buffer_rows(), len(outcome.scenario.topology.cpus))
    if not rows:
        return
    first = rows[0]
    _heading(console, "pKVM's buffers for the host's SVE registers")
    _line(
        console,
        f"for {first['allocation_vl_bits']} bits: {first['asked_bytes']} bytes asked for, a run of "
        f"{first['run_bytes']} bytes for each of {len(outcome.scenario.topology.cpus)} possible CPUs",
    )
    columns = dict.fromkeys(["CPU", "its save, bytes", "registers from byte", "unused, bytes"], "right")
    keys = ("cpu", "save_bytes", "save_first_byte", "unused_bytes")
    _table(console, columns, [[str(row[key]) for key in keys] for row in rows])


def _actions(outcome: Outcome, console: Console) -> None:
    rows = outcome.action_rows()
    if not rows:
        return
    _heading(console, "What user space did")
    columns = dict.fromkeys(["agent", "action", "outcome"], "left") | {"took": "right"}
    cells = [
        [
            row["agent"],
            f"{row['do']} cpu{row['cpu']}",
            f"{row['outcome']} ({row['error']})" if row["error"] else row["outcome"],
            duration(row["ended_ns"] - row["started_ns"]),
        ]
        for row in rows
    ]
    _table(console, columns, cells)


def _hazards(outcome: Outcome, console: Console) -> None:
    _heading(console, "Hazards, worst first")
    if not outcome.found:
        _line(console, "none", "green")
    for hazard in outcome.found:
        line = Text()
        line.append(f"{hazard.kind.title}: ", "bold red")
        line.append(hazard.sentence)
        console.print(line, soft_wrap=True)


def _notes(outcome: Outcome, console: Console) -> None:
    if outcome.notes:
        _heading(console, "Notes")
    for note in outcome.notes:
        _line(console, note)
