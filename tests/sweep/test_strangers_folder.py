"""A sweep's folder from a stranger: nothing outside it is written, nothing is waited for, each refusal is one line."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sim import InputError, Space, read_summary, resume_sweep, run_sweep, scenario_of_row
from sim.plot.heat_picture import plot_heat
from sim.report.page import sweep_page
from sim.study import verdict_bits
from sim.study.tally import Example
from sim.study.worst_save import Worst
from sim.sweep import parted_plan, parts_folder, sealed_part, sweep_plan
from sim.sweep.part_record import TallyRecord
from sim.sweep.sweep_folder import Folder
from tests.systems import group_of

SPACE = Space((group_of("boot", (1, 3, 11)), group_of("late", (0, 1, 3), late=True)), kernel="6.12", name="strange")
PRECIOUS = "nobody's to replace\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a sweep of three parts, of which the last is missing."""
    monkeypatch.setattr(parted_plan, "KEPT_ROWS", 3 * len(SPACE.settings))
    run_sweep(SPACE, tmp_path / "out", jobs=1, keep="all")
    for missing in ("parts/000002.json", "hazards.parquet", "outcomes.parquet"):
        (tmp_path / "out" / missing).unlink()
    return tmp_path / "out"


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    file = tmp_path / "precious"
    file.write_text(PRECIOUS)
    return file


def refused(*arguments: str, cwd: Path) -> str:
    """Return the one line with which a command ends; in a process of its own, which ends if it waits for a pipe."""
    command = [sys.executable, "-m", "sim.cli", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "parts/.000002.json.new",
        "rows/.000002.parquet.new",
        ".hazards.parquet.new",
        ".outcomes.parquet.new",
        "hazards.parquet",
        "parts/000002.json",
    ],
)
def test_a_link_is_neither_followed_nor_replaced(folder: Path, precious: Path, name: str) -> None:
    (folder / name).symlink_to(precious)
    with pytest.raises(InputError, match=rf"{name}: is a symbolic link"):
        resume_sweep(folder, jobs=1)
    assert precious.read_text() == PRECIOUS
    assert (folder / name).is_symlink()


@pytest.mark.parametrize("name", ["parts", "rows"])
def test_a_linked_folder_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    (folder / name).rename(elsewhere)
    before = {file.name: file.read_bytes() for file in elsewhere.iterdir()}
    (folder / name).symlink_to(elsewhere)
    with pytest.raises(InputError, match=rf"out/{name}: is a symbolic link"):
        resume_sweep(folder, jobs=1)
    assert {file.name: file.read_bytes() for file in elsewhere.iterdir()} == before


def test_a_linked_lock_is_not_followed(folder: Path, precious: Path) -> None:
    (folder / ".lock").symlink_to(precious)
    assert "out/.lock: " in refused("sweep", "--resume", "out", "-q", cwd=folder.parent)
    assert precious.read_text() == PRECIOUS


def test_a_linked_plan_is_neither_read_nor_replaced(tmp_path: Path, precious: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    (new / ".sweep.json.new").symlink_to(precious)
    with pytest.raises(InputError, match=r"\.sweep\.json\.new: is a symbolic link"):
        run_sweep(SPACE, new, jobs=1)
    assert precious.read_text() == PRECIOUS
    (new / ".sweep.json.new").unlink()
    (new / "sweep.json").symlink_to(precious)
    with pytest.raises(InputError, match=r"sweep\.json: is a symbolic link"):
        read_summary(new)


def test_what_a_killed_sweep_left_beside_is_replaced(folder: Path) -> None:
    (folder / "parts" / ".000002.json.new").write_text("half")
    assert resume_sweep(folder, jobs=1).complete
    assert not list(folder.rglob(".*"))


HEAT_OF_ROWS = ("plot", "heat", "out", "--hazard", "kernel_panic", "--x", "allocation_vl_bits", "-o", "x.svg")


def heat(folder: Path) -> object:
    """Draw a heat map that needs the rows."""
    return plot_heat(folder, "kernel_panic", x="allocation_vl_bits")


def endless(file: Path) -> None:
    """A file of more bytes than any disk has."""
    file.touch()
    os.truncate(file, 1 << 42)


@pytest.mark.parametrize("harm", [os.mkfifo, endless, Path.mkdir, lambda file: file.symlink_to("/dev/zero")])
@pytest.mark.parametrize(
    ("name", "commands"),
    [
        ("sweep.json", ("summary", "resume", "heat", "report", "replay")),
        ("parts/000001.json", ("summary", "resume", "heat", "report")),
        ("rows/000001.parquet", ("resume", "heat")),
    ],
)
def test_only_regular_files_of_bounded_size_are_read(
    folder: Path, name: str, commands: tuple[str, ...], harm: Callable[[Path], None]
) -> None:
    uses: dict[str, Callable[[], object]] = {
        "summary": lambda: read_summary(folder),
        "resume": lambda: resume_sweep(folder, jobs=1),
        "heat": lambda: heat(folder),
        "report": lambda: sweep_page(folder),
        "replay": lambda: scenario_of_row(folder, 0),
    }
    (folder / name).unlink()
    harm(folder / name)
    for command in commands:
        with pytest.raises(InputError, match=rf"{name}: is (not a regular file|larger than|a symbolic link)"):
            uses[command]()


def test_a_pipe_for_a_plan_is_one_line_of_every_command(folder: Path) -> None:
    (folder / "sweep.json").unlink()
    os.mkfifo(folder / "sweep.json")
    for arguments in (
        ("summary", "out"),
        ("sweep", "--resume", "out"),
        ("plot", "heat", "out", "--hazard", "kernel_panic", "-o", "heat.svg"),
        ("replay", "out", "--row", "1"),
    ):
        assert "out/sweep.json: is not a regular file" in refused(*arguments, cwd=folder.parent)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "JSON is malformed"),
        (b'{"schema_version": 1, "made_with": {"\xff": ""}}', "is not UTF-8"),
        (b'{"schema_version": 1, "made_with": ' + b"[" * 100_000, "is nested too deeply"),
        (b'{"schema_version": 9' + b"9" * 6000 + b"}", "Integer value out of range"),
    ],
)
def test_a_plan_of_any_bytes_is_one_line(folder: Path, content: bytes, message: str) -> None:
    (folder / "sweep.json").write_bytes(content)
    with pytest.raises(InputError, match=rf"out/sweep\.json: .*{message}"):
        read_summary(folder)


def changed_plan(folder: Path, **changes: Any) -> None:
    """Change the plan, with a checksum that fits."""
    manifest = json.loads((folder / "sweep.json").read_text())
    manifest["plan"] |= changes
    encoded = msgspec.json.encode(msgspec.convert(manifest["plan"], parted_plan.PlanRecord), order="sorted")
    manifest["plan_sha256"] = sha256(encoded).hexdigest()
    (folder / "sweep.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"part_points": 10**9}, "parts of 1,000,000,000 points are too large: the most is"),
        ({"part_points": 10**30}, "parts of 1,0.* points are too large"),
        ({"replications": 10**9}, "1,000,000,000 replications: allowed are"),
        ({"walk": "in circles"}, "walk is 'in circles': allowed are"),
        ({"space": {"groups": 3}}, "groups: must be a list"),
        (
            {"space": {"groups": [{"name": "g", "sets": "legal"}], "kernel": None}},
            "kernel: must be text in quotes, and is null",
        ),
        ({"space": {"groups": None}}, "groups: must be a list, and is null"),
        (
            {"space": {"description": "x", "groups": [{"name": "g", "sets": [[128]]}], "latencies": {"a": [[]] * 3}}},
            "a",
        ),
        ({"seed": -1}, "the seed is -1"),
    ],
)
def test_a_plan_that_cannot_be_is_one_line(folder: Path, changes: dict[str, Any], message: str) -> None:
    changed_plan(folder, **changes)
    for use in (read_summary, resume_sweep):
        with pytest.raises(InputError, match=rf"out/sweep\.json: .*{message}"):
            use(folder)


def test_a_plan_that_nests_deeply_is_one_line(folder: Path) -> None:
    inside: Any = {}
    for _ in range(800):
        inside = {"a": inside}
    changed_plan(folder, space={"groups": [], "latencies": inside})
    with pytest.raises(InputError, match=r"out/sweep\.json: "):
        read_summary(folder)


# Parts with a right checksum


def part(folder: Path, number: int = 1) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "parts" / f"{number:06}.json").read_bytes().split(b"\n", 1)[1])
    return content


def put(folder: Path, content: object, number: int = 1) -> None:
    """Write a part with the checksum of its content."""
    body = json.dumps(content).encode() + b"\n"
    (folder / "parts" / f"{number:06}.json").write_bytes(sha256(body).hexdigest().encode() + b"\n" + body)


def drop_tally(content: dict[str, Any]) -> None:
    content["tallies"].pop()


def shown(content: dict[str, Any]) -> dict[str, Any]:
    """A tally that has hazards."""
    tally: dict[str, Any] = next(one for one in content["tallies"] if one["first"])
    return tally


def set_words(words: list[list[int]]) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        for tally in content["tallies"]:
            tally |= {"outcomes": words, "first": [], "smallest": [], "underrun": None, "overrun": None}

    return change


WRONG: dict[str, Callable[[dict[str, Any]], object]] = {
    "a tally too few": drop_tally,
    "no tallies": lambda content: content["tallies"].clear(),
    "no outcomes": set_words([]),
    "a negative count": set_words([[0, 1, 1, 4], [512, 1, 1, -1]]),
    "outcomes below zero": set_words([[-1, 1, 1, 3]]),
    "bits that there are not": set_words([[1 << 13, 1, 1, 3]]),
    "outcomes twice": set_words([[0, 1, 1, 1], [0, 1, 1, 2]]),
    "systems too few": set_words([[0, 1, 1, 1]]),
    "systems too many": set_words([[0, 1, 1, 10**30]]),
    "a length that there is not": set_words([[0, 17, 1, 3]]),
    "a worst save where none is out of bounds": lambda content: content["tallies"][0].update(underrun=[16, 3]),
    "systems that differ": lambda content: content["tallies"][0]["outcomes"][0].__setitem__(3, 7),
    "no first example": lambda content: shown(content)["first"].pop(),
    "no smallest example": lambda content: shown(content)["smallest"].pop(),
    "an example elsewhere": lambda content: shown(content)["first"][0].__setitem__(1, 8),
    "an example beyond the last": lambda content: shown(content)["smallest"][0].__setitem__(1, [1, 1, 10**30]),
    "an example without a size": lambda content: shown(content)["smallest"][0].__setitem__(1, [-1, 1, 3]),
    "no rows": lambda content: content.update(rows_sha256=None),
    "times without a study": lambda content: content.update(times=[[]]),
    "text for a number": lambda content: content.update(part="1"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_part_that_no_part_could_be_is_computed_again(folder: Path, wrong: str) -> None:
    expected = (folder / "parts" / "000001.json").read_bytes()
    content = part(folder)
    WRONG[wrong](content)
    put(folder, content)
    summary = read_summary(folder)
    assert summary.points == 3
    assert summary.record()["points"] == 3
    assert len(summary.hazards) == len(summary.hazard_rows)
    assert resume_sweep(folder, jobs=1).complete
    assert (folder / "parts" / "000001.json").read_bytes() == expected


@pytest.mark.parametrize(
    ("underrun", "overrun", "fits"),
    [
        (Worst(16, 3), None, True),
        (None, Worst(16, 5), True),
        (Worst(8144, 4), Worst(1, 4), True),
        (None, None, False),
        (Worst(0, 3), None, False),
        (Worst(10**6, 3), None, False),
        (Worst(16, 2), None, False),
        (Worst(16, 3), Worst(16, 6), False),
    ],
)
def test_the_worst_save_is_one_that_a_part_can_have(underrun: Worst | None, overrun: Worst | None, fits: bool) -> None:
    bit = verdict_bits.OUTSIDE
    record = TallyRecord([(bit, 1, 1, 3)], [(bit, 3)], [(bit, Example(1, 1, 3))], underrun, overrun)
    assert record.fits(3, 6, has_cells=True) == fits


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a timing study of a sample, in three parts."""
    monkeypatch.setattr(sweep_plan, "BOOTS", 6)
    space = Space(SPACE.groups, "6.12", SPACE.designs[:1], SPACE.relays[:1])
    run_sweep(space, tmp_path / "study", jobs=1, sample=9, replications=2)
    return tmp_path / "study"


WRONG_TIMES: dict[str, dict[str, Any]] = {
    "no number": {"sum": "many"},
    "a number below zero": {"between": "-1"},
    "a huge number": {"within": "9" * 5000},
    "no weight": {"weights": "0"},
    "no points": {"points": 0},
    "no spread beside one": {"within": "5", "within_squared": "0"},
    "a spread that is too small": {"sum": "1" + "0" * 100},
}


@pytest.mark.parametrize("wrong", WRONG_TIMES)
def test_times_that_no_boots_could_have_are_measured_again(study: Path, wrong: str) -> None:
    expected = (study / "parts" / "000001.json").read_bytes()
    content = part(study)
    content["times"][0][0] |= WRONG_TIMES[wrong]
    put(study, content)
    assert len(read_summary(study).timings) == 3
    assert read_summary(study).points == 6
    resume_sweep(study, jobs=1)
    assert (study / "parts" / "000001.json").read_bytes() == expected


def test_parts_that_count_more_systems_than_there_are_are_one_line(folder: Path) -> None:
    content = part(folder)
    for tally in content["tallies"]:
        tally["outcomes"][0][3] += 5
    put(folder, content)
    for use in (read_summary, lambda one: resume_sweep(one, jobs=1)):
        with pytest.raises(InputError, match=r"out: its parts count 1[14] systems, and the space has 9"):
            use(folder)


# Rows with a right checksum


def put_rows(folder: Path, content: bytes) -> None:
    (folder / "rows" / "000001.parquet").write_bytes(content)
    put(folder, part(folder) | {"rows_sha256": sha256(content).hexdigest()})


def changed_rows(folder: Path, name: str, value: object) -> bytes:
    """The rows of a part, with another value in a column of the first."""
    table = pq.read_table(folder / "rows" / "000001.parquet")
    place = table.schema.get_field_index(name)
    column = table[name].to_pylist()
    column[0] = value
    field = table.schema.field(name)
    file = io.BytesIO()
    pq.write_table(table.set_column(place, field, pa.array(column, field.type)), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda _: b"", "000001.parquet: does not hold rows of this sweep"),
        (lambda _: b"PAR1" * 20, "000001.parquet: does not hold rows of this sweep"),
        (lambda folder: (folder / "hazards.parquet").read_bytes(), "does not hold rows of this sweep"),
        (lambda folder: changed_rows(folder, "weight", 0), "does not hold rows of this sweep"),
        (lambda folder: changed_rows(folder, "weight", 1 << 62), "does not hold rows of this sweep"),
        (
            lambda folder: changed_rows(folder, "boot_sve_bits", "many"),
            "have sets in boot_sve_bits that its space has not",
        ),
    ],
)
def test_rows_that_are_not_the_sweeps_are_one_line(
    folder: Path, content: Callable[[Path], bytes], message: str
) -> None:
    resume_sweep(folder, jobs=1)
    put_rows(folder, content(folder))
    with pytest.raises(InputError, match=message):
        heat(folder)


def test_rows_that_were_cut_off_are_one_line_that_says_what_to_do(folder: Path) -> None:
    (folder / "rows" / "000001.parquet").write_bytes(b"")
    expected = "asymboot: out/rows/000001.parquet: is not what the sweep wrote: asymboot sweep --resume out computes it"
    assert refused(*HEAT_OF_ROWS, cwd=folder.parent).startswith(expected)
    (folder / "rows" / "000001.parquet").unlink()
    with pytest.raises(InputError, match=r"000001\.parquet: is missing: asymboot sweep --resume"):
        heat(folder)
    resume_sweep(folder, jobs=1)
    assert heat(folder)


# Written once, read once


def test_a_part_is_sealed_once_and_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counting(name: str) -> None:
        original: Callable[..., Any] = getattr(sealed_part, name)

        def counted(*arguments: object) -> object:
            calls.append(name)
            return original(*arguments)

        monkeypatch.setattr(parts_folder, name, counted)

    counting("seal")
    counting("unseal")
    resume_sweep(folder, jobs=1)
    assert sorted(calls) == ["seal", "unseal", "unseal"]
    calls.clear()
    run_sweep(SPACE, folder.parent / "anew", jobs=1, keep="all")
    assert calls == ["seal"] * 3
    assert Folder.open(folder).plan == Folder.open(folder.parent / "anew").plan
