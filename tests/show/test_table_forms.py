"""Tests of the forms of tables: the plainest that fits is taken, and nothing is ever cut off."""

import re
from io import StringIO

from rich.console import Console

from sim.show.table_forms import Form, Layout, fitted, table
from tests.command_line import Asymboot

ROWS = [
    ["v6.11", "out-of-bounds write", "1,250", "57.60 %", "socket0/cluster1"],
    ["v6.11", "hypervisor panic", "360", "57.60 %", "socket0/cluster2"],
    ["tabba", "out-of-bounds write", "62", "57.60 %", "socket1/cluster1"],
]
COLUMNS: dict[str, Layout] = {
    "design": "over",
    "hazard": "wrap",
    "systems": "right",
    "share": "right",
    "where": "wrap",
}


def form_at(width: int) -> Form:
    return fitted(COLUMNS, ROWS, width)


def lines_at(width: int) -> list[str]:
    """The lines of the headings and of the rows, without the rule between them."""
    console = Console(file=StringIO(), width=width)
    with console.capture() as printed:
        table(console, COLUMNS, ROWS)
    return [line.rstrip() for line in printed.get().splitlines() if not line.startswith(("─", "in every row"))]


def test_where_there_is_room_a_table_is_as_it_is_given() -> None:
    assert lines_at(80) == [
        "design  hazard               systems    share  where",
        "v6.11   out-of-bounds write    1,250  57.60 %  socket0/cluster1",
        "v6.11   hypervisor panic         360  57.60 %  socket0/cluster2",
        "tabba   out-of-bounds write       62  57.60 %  socket1/cluster1",
    ]
    assert form_at(80).said == {}


def test_a_cell_of_every_row_is_said_once_before_anything_is_narrower() -> None:
    assert form_at(55).said == {"share": "57.60 %"}
    assert lines_at(55)[1] == "v6.11   out-of-bounds write    1,250  socket0/cluster1"


def test_rows_that_share_the_first_cell_have_it_above_them() -> None:
    assert lines_at(50) == [
        "design",
        "  hazard               systems  where",
        "v6.11",
        "  out-of-bounds write    1,250  socket0/cluster1",
        "  hypervisor panic         360  socket0/cluster2",
        "tabba",
        "  out-of-bounds write       62  socket1/cluster1",
    ]


def test_the_last_columns_stand_below_their_rows() -> None:
    assert lines_at(30)[3:5] == ["  out-of-bounds write    1,250", "    where socket0/cluster1"]


def test_no_line_is_wider_and_no_word_is_lost_at_any_width() -> None:
    for width in range(24, 90):
        lines = lines_at(width)
        assert max(map(len, lines)) <= width
        shown = " ".join([*lines, *form_at(width).said.values()])
        for word in ("out-of-bounds", "write", "hypervisor", "panic", "1,250", "57.60 %", "socket1/", "cluster2"):
            assert word in shown


def test_a_single_row_keeps_its_cells() -> None:
    assert fitted(COLUMNS, ROWS[:1], 30).said == {}


def test_a_terminal_that_is_too_narrow_gets_longer_lines() -> None:
    assert "  out-of-bounds write" in "\n".join(lines_at(4))


def test_the_matrix_of_features_calls_the_cpus_that_decide_by_their_names(asymboot: Asymboot) -> None:
    shown = asymboot("features", "big-little").stdout
    assert re.search(r"^CTR_EL0\.L1Ip .* no +cpu0-3 *$", shown, re.MULTILINE)
