"""Sweeps: they count what boots show, and no interruption changes a byte."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest

from sim import (
    DESIGNS,
    Distribution,
    Group,
    InputError,
    Latencies,
    Relay,
    Space,
    boot,
    legal_sets,
    read_summary,
    resume_sweep,
    run_sweep,
    scenario_of_row,
)
from sim.errors import WorkerLost
from sim.files.scenario_file import read_scenario
from sim.files.space_file import space_from_data, space_to_data
from sim.hazard_kinds import HazardKind
from sim.study import verdict_bits
from sim.study.points import Exhaustive, sets_at
from sim.sweep import parted_plan
from sim.sweep import sweep_plan as planning
from sim.sweep.parts_run import Progress
from sim.sweep.sweep_folder import Folder
from sim.sweep.timing_study import measure
from sim.units import nanoseconds
from tests.command_line import Asymboot
from tests.systems import group_of, point_of

SETS = (1, 3, 11)
SPACE = Space(
    (
        group_of("boot", SETS),
        group_of("early", SETS),
        group_of("late", (0, *SETS), late=True),
        group_of("last", (0, *SETS), late=True),
    ),
    kernel="6.12",
    name="small",
)
HAZARDS = [kind.value for kind in verdict_bits.HAZARDS]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few points."""
    monkeypatch.setattr(planning, "COUNTED_POINTS", 10)
    monkeypatch.setattr(parted_plan, "KEPT_ROWS", 160)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def by_booting() -> dict[tuple[int, str], int]:
    """For each setting and hazard of a sweep, which has refused CPUs as late CPUs' fates, how many systems have it."""
    counted: Counter[tuple[int, str]] = Counter()
    walk = Exhaustive(SPACE)
    for point in range(SPACE.points):
        for number, setting in enumerate(SPACE.settings):
            outcome = boot(point_of(SPACE, sets_at(walk, point), setting))
            kinds = {one.kind for one in outcome.found} - {HazardKind.CPU_REFUSED}
            counted.update({(number, kind.value) for kind in kinds})
    return dict(counted)


def by_setting(frame: pd.DataFrame) -> dict[tuple[int, str], int]:
    settings = {(one.design.name, str(one.relay)): number for number, one in enumerate(SPACE.settings)}
    return {(settings[row["design"], row["relay"]], row["hazard"]): row["systems"] for row in frame.to_dict("records")}


@pytest.mark.no_cover
@pytest.mark.usefixtures("small_parts")
def test_a_sweep_counts_what_booting_every_system_counts(tmp_path: Path) -> None:
    expected = by_booting()
    every = run_sweep(SPACE, tmp_path / "every", jobs=1)
    alike = run_sweep(SPACE, tmp_path / "alike", jobs=1, symmetric=True)
    assert by_setting(every.hazards) == expected
    assert by_setting(alike.hazards) == expected
    assert (every.points, every.systems) == (144, 144)
    assert alike.points < 144
    assert alike.systems == 144
    for row in every.hazards.to_dict("records"):
        outcome = boot(scenario_of_row(tmp_path / "every", row["smallest_row"]))
        assert row["hazard"] in {one.kind.value for one in outcome.found}


@pytest.mark.usefixtures("small_parts")
def test_the_worst_rows_write_as_many_bytes_as_the_summary_says_and_no_row_writes_more(tmp_path: Path) -> None:
    summary = run_sweep(SPACE, tmp_path / "out", jobs=1, keep="all")
    rows = pd.read_parquet(tmp_path / "out" / "rows")
    settings = ["design", "relay", "kvm_mode", "memory"]
    most = rows.groupby(settings, observed=True)[["underrun_bytes", "overrun_bytes"]].max()
    worst = summary.hazards[summary.hazards["worst_row"].notna()]
    assert set(worst["hazard"]) == {"out_of_bounds_write"}
    assert len(worst) == int((most.sum(axis=1) > 0).sum()) > 0
    for row in worst.to_dict("records"):
        expected = most.loc[tuple(row[name] for name in settings)]
        assert (row["underrun_bytes"], row["overrun_bytes"]) == tuple(expected)
        found = boot(scenario_of_row(tmp_path / "out", int(row["worst_row"]))).found
        outside = [one for one in found if one.kind.value == "out_of_bounds_write"]
        assert max(max(one.underrun_bytes, one.overrun_bytes) for one in outside) == max(expected)
        first = rows[(rows[settings] == [row[name] for name in settings]).all(axis=1)]
        assert row["worst_row"] == first[first["underrun_bytes"] == max(expected)]["row"].min()
    others = json.loads(json.dumps(summary.record()["hazards"]))
    assert {one["hazard"] for one in others if one["worst_row"] is None}.isdisjoint({"out_of_bounds_write"})


@pytest.mark.usefixtures("small_parts")
def test_kept_rows_are_what_boots_show(tmp_path: Path) -> None:
    run_sweep(SPACE, tmp_path / "all", jobs=1, keep="all")
    run_sweep(SPACE, tmp_path / "hazards", jobs=1, keep="hazards")
    rows = pd.read_parquet(tmp_path / "all" / "rows")
    assert rows["row"].tolist() == list(range(SPACE.points * len(SPACE.settings)))
    for row in rows.iloc[::7].to_dict("records"):
        outcome = boot(scenario_of_row(tmp_path / "all", row["row"]))
        kinds = Counter(one.kind.value for one in outcome.found)
        assert {name: row[name] for name in HAZARDS} == {name: kinds[name] for name in HAZARDS}
        facts = outcome.facts
        assert row["late_refused"] == len({one.cpu for one in facts.refused})
        assert row["late_refused_by_relay"] == len({one.cpu for one in facts.relay_refused})
        assert row["late_warned"] == len({one.cpu for one in facts.announced})
        info = outcome.vectors["SVE"]
        assert outcome.scenario.sve_off or row["max_cpu_vl_bits"] == 128 * info.vq_partial_map.bit_length()
        asked = facts.buffers.asked_bytes if facts.buffers else 16
        assert asked == row["allocation_vl_bits"] // 128 * 546 + 16
        for cpu in outcome.scenario.topology.cpus:
            told = row[f"{cpu.name}_sve_bits"]
            assert told == ",".join(str(128 * (n + 1)) for n in range(16) if (cpu.sve_vqs or 0) >> n & 1)
    kept = pd.read_parquet(tmp_path / "hazards" / "rows")
    assert kept["row"].tolist() == rows["row"][(rows[HAZARDS] > 0).any(axis=1)].tolist()


def test_rows_open_as_they_are_in_pandas_polars_and_duckdb(tmp_path: Path) -> None:
    run_sweep(SPACE, tmp_path, jobs=1, keep="all")
    files = str(tmp_path / "rows" / "*.parquet")
    expected = pd.read_parquet(tmp_path / "rows")["out_of_bounds_write"].sum()
    polars = pytest.importorskip("polars", reason="polars is not installed")
    assert polars.read_parquet(files)["out_of_bounds_write"].sum() == expected
    duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")
    total = duckdb.sql(f"select sum(out_of_bounds_write) from '{files}' where late_sve_bits != 'x'")  # noqa: S608
    assert total.fetchall() == [(expected,)]
    for field in pq.read_schema(tmp_path / "rows" / "000000.parquet"):
        assert field.metadata[b"description"], field.name


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("keep", ["counts", "all"])
def test_the_bytes_are_the_same_however_a_sweep_is_run(tmp_path: Path, keep: str) -> None:
    run_sweep(SPACE, tmp_path / "one", jobs=1, keep=keep)
    run_sweep(SPACE, tmp_path / "two", jobs=2, keep=keep)
    expected = contents(tmp_path / "one")
    assert len([name for name in expected if name.startswith("parts/")]) == 15
    assert contents(tmp_path / "two") == expected


class Stop(Exception):
    """Ends a sweep in its middle."""


def stop_after(parts: int) -> Any:
    """A report that ends the sweep after a number of parts."""
    left = iter(range(parts))

    def report(_: Progress) -> None:
        if next(left, None) is None:
            raise Stop

    return report


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("jobs", [1, 2])
def test_an_interrupted_sweep_goes_on_to_the_same_bytes(tmp_path: Path, jobs: int) -> None:
    run_sweep(SPACE, tmp_path / "whole", jobs=1, keep="hazards")
    with pytest.raises(Stop):
        run_sweep(SPACE, tmp_path / "half", jobs=jobs, keep="hazards", report=stop_after(4))
    assert 0 < read_summary(tmp_path / "half").points < SPACE.points
    progress: list[tuple[int, int]] = []
    resume_sweep(tmp_path / "half", jobs=jobs, report=lambda one: progress.append((one.done, one.found_before)))
    assert progress[0][0] == progress[0][1] > 0
    assert progress[-1][0] == SPACE.points
    assert contents(tmp_path / "half") == contents(tmp_path / "whole")


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("name", ["parts/000003.json", "rows/000004.parquet"])
@pytest.mark.parametrize(
    "harm",
    [flip, Path.unlink, lambda file: file.write_bytes(file.read_bytes()[:40]), lambda file: file.write_bytes(b"")],
    ids=["a bit flipped", "deleted", "cut off", "empty"],
)
def test_a_part_that_is_broken_is_computed_again(tmp_path: Path, name: str, harm: Any) -> None:
    run_sweep(SPACE, tmp_path, jobs=1, keep="all")
    expected = contents(tmp_path)
    harm(tmp_path / name)
    assert contents(tmp_path) != expected
    resume_sweep(tmp_path, jobs=1)
    assert contents(tmp_path) == expected


@pytest.mark.parametrize("name", ["rows", "parts"])
def test_a_folder_that_is_gone_is_made_again(tmp_path: Path, name: str) -> None:
    run_sweep(SPACE, tmp_path, jobs=1, keep="all")
    expected = contents(tmp_path)
    shutil.rmtree(tmp_path / name)
    resume_sweep(tmp_path, jobs=1)
    assert contents(tmp_path) == expected


@pytest.mark.usefixtures("small_parts")
def test_every_byte_of_a_part_is_checked(tmp_path: Path) -> None:
    run_sweep(SPACE, tmp_path, jobs=1)
    file = tmp_path / "parts" / "000003.json"
    whole = file.read_bytes()
    for place in (0, 63, 64, 65, len(whole) - 1):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert read_summary(tmp_path).points == 134
    resume_sweep(tmp_path, jobs=1)
    assert file.read_bytes() == whole


@pytest.mark.usefixtures("small_parts")
def test_a_changed_plan_and_parts_of_another_are_not_taken(tmp_path: Path) -> None:
    run_sweep(SPACE, tmp_path / "a", jobs=1, sample=50, seed=1)
    run_sweep(SPACE, tmp_path / "b", jobs=1, sample=50, seed=2)
    expected = contents(tmp_path / "a")
    shutil.copy(tmp_path / "b" / "parts" / "000001.json", tmp_path / "a" / "parts" / "000001.json")
    shutil.copy(tmp_path / "a" / "parts" / "000003.json", tmp_path / "a" / "parts" / "000002.json")
    assert read_summary(tmp_path / "a").points == 30
    resume_sweep(tmp_path / "a", jobs=1)
    assert contents(tmp_path / "a") == expected
    manifest = tmp_path / "a" / "sweep.json"
    manifest.write_text(manifest.read_text().replace('"late": true', '"late": false'))
    with pytest.raises(InputError, match=r"sweep\.json: was changed since the sweep began"):
        resume_sweep(tmp_path / "a")


def test_a_beginning_without_a_plan_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / ".sweep.json.new").write_text("{")
    assert run_sweep(SPACE, tmp_path, jobs=1).complete


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keep": "hazards"}, r"96,889,010,407 points are too many to keep rows of .* keep counts alone"),
        ({"replications": 1}, r"96,889,010,407 points are too many to boot under 16 settings: the most is 4,194,304"),
        ({"sample": 10**12, "keep": "all"}, r"1,000,000,000,000 points are too many to keep rows of"),
        ({"sample": 2.5}, r"^run_sweep: sample is 2\.5 \(a float\): allowed is a whole number$"),
        ({"sample": -1}, r"a sample of -1 points: allowed are 1 to"),
    ],
)
def test_a_sweep_that_would_never_end_is_refused_before_it_begins(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    space = Space(tuple(Group(f"g{n}", legal_sets(640)) for n in range(13)), kernel="6.12")
    with pytest.raises(InputError, match=message):
        run_sweep(space, tmp_path / "out", **changes)
    assert not (tmp_path / "out").exists()


def test_a_space_needs_a_kernel_that_there_is() -> None:
    with pytest.raises(InputError, match=r"^unknown kernel release '6\.1x'"):
        Space(SPACE.groups, kernel="6.1x")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (lambda: Space(SPACE.groups, name="n" * 201), "name: must have at most 200 characters"),
        (
            lambda: Space(SPACE.groups, designs=(replace(DESIGNS["v6.11"], name="d" * 61),)),
            r"designs\[0\]\.name: must have at most 60 characters",
        ),
    ],
)
def test_a_space_that_no_file_holds_is_refused_before_it_begins(tmp_path: Path, space: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"out: the file of the sweep's plan cannot hold this space: {message}"):
        run_sweep(space(), tmp_path / "out", jobs=1)
    assert not (tmp_path / "out").exists()


def test_many_cpus_alike_are_walked_through_up_to_symmetry(tmp_path: Path) -> None:
    space = Space(tuple(group_of(f"g{n}", (1, 3)) for n in range(40)), kernel="6.12", designs=(DESIGNS["v6.11"],))
    found = run_sweep(space, tmp_path, symmetric=True, jobs=1)
    assert found.points < 100
    assert found.systems == 2**40


def test_frames_have_the_same_types_whatever_is_found(tmp_path: Path) -> None:
    some = run_sweep(SPACE, tmp_path / "some", jobs=1)
    none = run_sweep(Space((group_of("boot", (1,)),), "6.12", (DESIGNS["constrain-v2"],)), tmp_path / "none", jobs=1)
    assert len(none.hazards) == 0
    shared = [str(name) for name in none.hazards if not str(name).endswith("_sve_bits")]
    assert none.hazards[shared].dtypes.astype(str).tolist() == some.hazards[shared].dtypes.astype(str).tolist()
    types = pq.read_schema(tmp_path / "none" / "hazards.parquet").types
    assert not any(str(one) == "null" for one in types)


def test_a_replication_is_booted_again_with_its_seed(tmp_path: Path) -> None:
    latencies = Latencies(probe=Distribution("uniform", (0, 200_000)))
    space = Space(SPACE.groups[:2], "6.12", SPACE.designs[:1], SPACE.relays[:1], latencies=latencies)
    run_sweep(space, tmp_path, jobs=1, keep="all", replications=3)
    rows = pd.read_parquet(tmp_path / "rows")
    for row in rows.iloc[::5].to_dict("records"):
        scenario = scenario_of_row(tmp_path, row["row"], replication=row["replication"])
        assert scenario.seed == row["seed"]
        assert measure(boot(scenario))[0] == row["all_online_ns"]
    with pytest.raises(InputError, match="there is no replication 3: there are 3"):
        scenario_of_row(tmp_path, 0, replication=3)


@pytest.mark.no_cover
@pytest.mark.slow
def test_intervals_cover_the_truth_where_one_point_tells_most(tmp_path: Path) -> None:
    latencies = Latencies(probe=Distribution("uniform", (0, 200_000)))
    groups = (group_of("boot", (1,)), group_of("early", SETS, weights=(1_000_000, 1, 1)))
    space = Space(groups, "6.12", SPACE.designs[:1], SPACE.relays[:1], latencies=latencies)
    truth, inside = None, 0
    for seed in range(40):
        rows = run_sweep(space, tmp_path / str(seed), jobs=1, replications=2, seed=seed).timings
        row = rows[rows["metric"] == "all_online_ns"].iloc[0]
        truth = truth or run_sweep(space, tmp_path / "truth", jobs=1, replications=1000).timings["mean_ns"].iloc[0]
        inside += row["low_ns"] <= truth <= row["high_ns"]
    assert inside >= 34  # of 40, where 38 are expected; with too many degrees of freedom it was about 28


def test_a_part_of_another_sweep_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    run_sweep(SPACE, tmp_path / "a", jobs=1)
    run_sweep(Space(SPACE.groups[:2], kernel="6.12", designs=SPACE.designs[:1]), tmp_path / "b", jobs=1)
    (tmp_path / "a" / "parts" / "000000.json").write_bytes((tmp_path / "b" / "parts" / "000000.json").read_bytes())
    assert Folder.open(tmp_path / "a").part(0) is None


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (lambda folder: (folder / "notes.txt").write_text("mine"), "holds 'notes.txt', which no sweep wrote"),
        (lambda folder: run_sweep(SPACE, folder, jobs=1), "holds this sweep already: asymboot sweep --resume"),
        (lambda folder: run_sweep(SPACE, folder, jobs=1, keep="all"), "holds another sweep"),
        (lambda folder: (folder / "sweep.json").write_text("{"), "sweep.json: Input data was truncated"),
        (lambda folder: (folder / "sweep.json").write_text("{}"), "is of version None, and this program reads 1"),
        (
            lambda folder: (folder / "sweep.json").write_text('{"schema_version": 1}'),
            "Object missing required field `made_with`",
        ),
        (
            lambda folder: (folder / "sweep.json").write_text('{"schema_version": 1, "made_with": {}, "plan": {}}'),
            r"Object missing required field `space` - at `\$\.plan`",
        ),
    ],
)
def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path, prepare: Any, message: str) -> None:
    prepare(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(InputError, match=message):
        run_sweep(SPACE, tmp_path, jobs=1)
    assert contents(tmp_path) == before


def test_what_is_no_sweep_is_not_resumed_summed_up_or_replayed(tmp_path: Path) -> None:
    for use in (resume_sweep, read_summary, lambda folder: scenario_of_row(folder, 0)):
        with pytest.raises(InputError, match=r"holds no sweep: there is no sweep\.json"):
            use(tmp_path)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InputError, match="is not a folder"):
        run_sweep(SPACE, file)
    run_sweep(SPACE, tmp_path / "out", jobs=1)
    with pytest.raises(InputError, match=r"there is no row 2,304: there are 2,304, counted from 0"):
        scenario_of_row(tmp_path / "out", 2304)


def test_other_versions_do_not_go_on_with_a_sweep(tmp_path: Path) -> None:
    run_sweep(SPACE, tmp_path, jobs=1)
    manifest = json.loads((tmp_path / "sweep.json").read_text())
    manifest["made_with"]["numpy"] = "1.0"
    (tmp_path / "sweep.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=r"was begun with numpy 1\.0, and this is"):
        resume_sweep(tmp_path)


def test_two_sweeps_do_not_work_in_one_folder(tmp_path: Path) -> None:
    run_sweep(SPACE, tmp_path, jobs=1)
    with (
        Folder.open(tmp_path).locked(),
        pytest.raises(InputError, match="another sweep is running in this folder"),
    ):
        resume_sweep(tmp_path, jobs=1)


@pytest.mark.usefixtures("small_parts")
def test_a_killed_worker_is_one_line_and_costs_nothing_that_was_done(tmp_path: Path) -> None:
    run_sweep(SPACE, tmp_path / "whole", jobs=1)

    def kill(progress: Progress) -> None:
        if progress.done:
            own = str(os.getpid())
            listed = subprocess.run(
                ["ps", "-o", "pid=,args=", "--ppid", own], capture_output=True, text=True, check=True
            )
            for line in listed.stdout.splitlines():
                if "loky.backend.popen" in line:
                    os.kill(int(line.split()[0]), signal.SIGKILL)

    with pytest.raises(WorkerLost, match="a worker process was killed; what is done is kept"):
        run_sweep(SPACE, tmp_path / "half", jobs=2, report=kill)
    resume_sweep(tmp_path / "half", jobs=1)
    assert contents(tmp_path / "half") == contents(tmp_path / "whole")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"symmetric": True, "sample": 5}, "up to symmetry, or a sample, not both"),
        ({"keep": "some"}, "keep"),
        ({"jobs": 0}, "0 processes: at least 1 is needed"),
        ({"sample": 5, "seed": -1}, "the seed is -1"),
        ({"replications": -1}, "replications"),
    ],
)
def test_what_cannot_be_asked_is_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run_sweep(SPACE, tmp_path / "out", **changes)


def test_a_sweep_keeps_the_kernel_flags_of_its_space(tmp_path: Path) -> None:
    flags = {"pseudo_registers": True}
    groups = tuple(Group(f"g{n}", legal_sets(512), late=n == 2) for n in range(3))
    space = Space(groups, "6.12", (DESIGNS["tabba"],), (Relay.RELAXED,), kernel_flags=flags)
    assert space_from_data(space_to_data(space)) == space
    summary = run_sweep(space, tmp_path / "out", jobs=1)
    smallest_rows = dict(zip(summary.hazards["hazard"], summary.hazards["smallest_row"], strict=True))
    scenario = scenario_of_row(tmp_path / "out", smallest_rows["harmless_cpu_refused"])
    assert scenario.kernel_flags == flags
    assert HazardKind.HARMLESS_CPU_REFUSED in {one.kind for one in boot(scenario).found}
    with pytest.raises(InputError, match=r"^kernel_flags: unknown kernel flag 'pseudo': "):
        space_from_data(space_to_data(space) | {"kernel_flags": {"pseudo": True}})


def test_a_sample_has_shares_with_intervals_around_the_truth(tmp_path: Path) -> None:
    every = run_sweep(SPACE, tmp_path / "every", jobs=1).hazards.to_dict("records")
    truth = {(row["design"], row["relay"], row["hazard"]): row["share"] for row in every}
    drawn = run_sweep(SPACE, tmp_path / "drawn", jobs=1, sample=20_000, seed=5).hazards.to_dict("records")
    inside = 0
    for row in drawn:
        low, share, high = row["share_low"], row["share"], row["share_high"]
        assert low <= share <= high
        true = truth[row["design"], row["relay"], row["hazard"]]
        assert share == pytest.approx(true, abs=0.02)
        inside += low <= true <= high
    assert inside / len(drawn) > 0.8


# The command line

SPACE_FILE = """
kernel = "6.12"
[[groups]]
name = "early"
count = 4
sets = "legal"
up_to_bits = 512
[[groups]]
name = "late"
count = 2
late = true
sets = "legal"
up_to_bits = 512
"""


def test_from_a_file_to_a_saved_example(asymboot: Asymboot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(SPACE_FILE)
    told = json.loads(asymboot("space", "mine.toml", "--json").stdout)
    assert (told["points"], told["settings"], told["rows"]) == (15_625, 16, 250_000)
    done = asymboot("sweep", "mine.toml", "-o", "out", "--symmetric", "--jobs", "1")
    assert done.exit_code == 0
    shown = asymboot("summary", "out")
    assert shown.exit_code == 0
    assert shown.stdout == done.stdout
    told = json.loads(asymboot("summary", "out", "--json").stdout)
    assert told["complete"]
    worst = next(row for row in told["hazards"] if row["hazard"] == "kernel_panic")
    replayed = asymboot("replay", "out", "--row", str(worst["smallest_row"]), "--save", "worst.toml")
    assert replayed.exit_code == 1
    assert "Kernel panic" in replayed.stdout
    saved = read_scenario(tmp_path / "worst.toml")
    assert saved == scenario_of_row(tmp_path / "out", worst["smallest_row"])
    again = asymboot("replay", "out", "--row", str(worst["smallest_row"]), "--save", "worst.toml")
    assert (again.exit_code, again.stderr) == (2, "asymboot: worst.toml: exists already\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sweep", "nosuch", "-o", "out"], "nosuch: there is no such file, and no space of that name"),
        (["sweep", "mine.toml"], "FILE and --output DIR are needed, or --resume DIR"),
        (["sweep", "mine.toml", "--resume", "out"], "leave out FILE"),
        (["sweep", "mine.toml", "-o", "out", "--seed", "1"], "--seed goes with --sample or --replications"),
        (["sweep", "mine.toml", "-o", "full", "--sample", "2", "--symmetric"], "not both"),
        (["sweep", "mine.toml", "-o", "mine.toml"], "is not a folder"),
        (["sweep", "--resume", "nothing"], "nothing: there is no such folder of a sweep"),
        (
            ["sweep", "huge.toml", "-o", "out"],
            "points are too many to walk through",
        ),
        (["space", "empty.toml"], "empty.toml: the key 'groups' is missing"),
        (["summary", "nothing"], "nothing: there is no such folder of a sweep"),
        (["replay", "nothing", "--row", "1"], "nothing: there is no such folder of a sweep"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    asymboot: Asymboot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text(SPACE_FILE)
    (tmp_path / "huge.toml").write_text(SPACE_FILE.replace("count = 4", "count = 40"))
    (tmp_path / "empty.toml").write_text("")
    assert message in asymboot.refused(*arguments)
    assert {file.name for file in tmp_path.iterdir()} == {"mine.toml", "huge.toml", "empty.toml"}


def begun(tmp_path: Path, *, parts: int) -> "subprocess.Popen[str]":
    """A sweep of many parts, of which some are done."""
    (tmp_path / "mine.toml").write_text(SPACE_FILE.replace("count = 4", "count = 7"))
    command = [sys.executable, "-m", "sim.cli", "sweep", "mine.toml", "-o", "out", "--keep", "hazards", "--jobs", "2"]
    running = subprocess.Popen(
        [*command, "--sample", "400000"], cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until = time.monotonic() + nanoseconds("300s") / 1e9
    while len(list((tmp_path / "out" / "parts").glob("0*.json"))) < parts:
        assert running.poll() is None
        assert time.monotonic() < until
        time.sleep(0.02)
    return running


def whole(tmp_path: Path) -> dict[str, bytes]:
    """The files of the same sweep, uninterrupted."""
    space = space_from_data(json.loads((tmp_path / "out" / "sweep.json").read_text())["plan"]["space"])
    run_sweep(space, tmp_path / "whole", sample=400_000, keep="hazards", jobs=2)
    return contents(tmp_path / "whole")


@pytest.mark.no_cover
@pytest.mark.slow
def test_a_sweep_that_is_killed_or_stopped_goes_on_to_the_same_bytes(asymboot: Asymboot, tmp_path: Path) -> None:
    running = begun(tmp_path, parts=3)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    assert running.stderr is not None
    running.stderr.close()
    before = contents(tmp_path / "out")
    assert not any(name.startswith("hazards") for name in before)
    command = [sys.executable, "-m", "sim.cli", "sweep", "--resume", "out", "--jobs", "2"]
    stopped = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while len(list((tmp_path / "out" / "parts").glob("0*.json"))) < 6:
        assert stopped.poll() is None
        time.sleep(0.02)
    stopped.send_signal(signal.SIGINT)
    _, told = stopped.communicate()
    assert stopped.returncode == 130
    assert "what is done is kept: asymboot sweep --resume out continues it" in told
    assert "Traceback" not in told
    parts = {name: content for name, content in before.items() if name.startswith("parts/0")}
    after = contents(tmp_path / "out")
    assert {name: after[name] for name in parts} == parts
    resumed = asymboot("sweep", "--resume", tmp_path / "out", "--quiet")
    assert (resumed.exit_code, resumed.stdout, resumed.stderr) == (0, "", "")
    assert contents(tmp_path / "out") == whole(tmp_path)


def test_no_process_outlives_a_sweep_that_is_killed(tmp_path: Path) -> None:
    running = begun(tmp_path, parts=1)
    below = psutil.Process(running.pid).children(recursive=True)
    assert below
    running.kill()
    running.wait()
    assert running.stderr is not None
    running.stderr.close()
    _, left = psutil.wait_procs(below, timeout=30)
    assert not left


def test_a_full_disk_is_one_line_and_loses_nothing(asymboot: Asymboot, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(SPACE_FILE)
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)); sys.argv[0] = 'asymboot'; "
        "from sim.cli import main; main()"
    )
    command = [sys.executable, "-c", limited, "sweep", "mine.toml", "-o", "out", "--keep", "all", "--jobs", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "rows/000000.parquet" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").rglob(".*.new"))
    assert asymboot("sweep", "--resume", tmp_path / "out", "--quiet", "--jobs", "1").exit_code == 0
