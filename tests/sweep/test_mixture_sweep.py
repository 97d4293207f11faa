"""Tests of sweeps over mixtures of cores: counts, examples, files and their mistakes."""

import json
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sim import (
    InputError,
    Keep,
    MixtureSpace,
    Space,
    boot,
    mixture_space,
    read_mixture_space,
    read_mixtures,
    read_summary,
    resume_mixtures,
    resume_sweep,
    run_sweep,
    scenario_of_row,
    sweep_mixtures,
)
from sim.files.mixture_file import mixtures_from_data, mixtures_text, mixtures_to_data, read_any_space
from sim.files.shipped_scenarios import shipped_spaces
from sim.files.space_file import read_space
from sim.hazard_kinds import HazardKind
from sim.study.mixture_batch import MixtureBatches
from sim.study.mixture_evaluation import OUTCOMES
from sim.sweep import mixture_plan, parted_plan
from sim.sweep.mixture_folder import MixtureFolder
from sim.sweep.mixture_part import MixturePartComputer
from sim.sweep.mixture_plan import MixturePlan
from sim.sweep.mixture_tally import MixturePartRecord
from sim.sweep.parts_run import Progress
from tests.command_line import Asymboot
from tests.systems import group_of

PAIR = """
cores = ["arm,cortex-a55", { core = "arm,cortex-a76", name = "big", features = { MTE = 2 } }, "arm,neoverse-v1"]
kernels = ["6.12", "7.3"]
"""


def space(text: str, folder: Path) -> MixtureSpace:
    file = folder / "mine.toml"
    file.write_text(text, encoding="utf-8")
    read = read_any_space(file)
    assert isinstance(read, MixtureSpace)
    return read


def test_the_counts_are_those_of_the_mixtures(tmp_path: Path) -> None:
    systems = space(PAIR, tmp_path)
    summary = sweep_mixtures(systems)
    for kernel in systems.kernels:
        batches = MixtureBatches(systems, kernel)
        words = [int(word) for block in systems.blocks(0, systems.points) for word in batches.words(block)]
        counts = Counter(name for word in words for place, name in enumerate(OUTCOMES) if word >> place & 1)
        total = summary.total(kernel)
        assert {name: getattr(total, name) for name in OUTCOMES} == {name: counts[name] for name in OUTCOMES}
        assert (total.mixtures, total.fine) == (len(words), words.count(0))


@pytest.mark.parametrize("sample", [0, 50])
def test_pairs_are_counted_for_each_cluster_beside_the_boot_cpus(tmp_path: Path, sample: int) -> None:
    systems = space(PAIR + "clusters = 3\n", tmp_path)
    computer = MixturePartComputer(MixturePlan(systems, sample=sample, seed=1))
    record = computer.part(0).record
    assert isinstance(record, MixturePartRecord)
    for kernel, counted in zip(systems.kernels, record.tallies, strict=True):
        batches, expected = MixtureBatches(systems, kernel), Counter[tuple[bool, int, int, int]]()
        for block in systems.sample(0, sample, 1) if sample else systems.blocks(0, systems.points):
            for row, word in enumerate(batches.words(block)):
                boot_core, *others = (int(one[row]) for one in block.cores)
                for other, is_late in zip(others, block.late, strict=True):
                    expected[is_late, boot_core, other, int(word)] += int(block.times[row])
        assert counted.tally().pairs == expected


def test_kernels_that_follow_each_other_are_told_by_the_first_and_the_last() -> None:
    systems = mixture_space(["arm,cortex-a55", "arm,cortex-a76"], kernels=["6.1", "6.12", "6.16", "7.3"])
    assert systems.span(["6.1", "6.12", "6.16"]) == "6.1 to 6.16"
    assert systems.span(["6.1", "6.16", "7.3"]) == "6.1, 6.16 to 7.3"
    assert systems.span(["7.3"]) == "7.3"


def test_a_sample_is_told_as_one(asymboot: Asymboot, tmp_path: Path) -> None:
    swept = asymboot("sweep", "core-pairs", "-o", tmp_path / "out", "--sample", "9", "--seed", "3", "--jobs", "1")
    assert swept.output.startswith("core-pairs: a sample, seed 3, of the mixtures of 2 of 12 cores: 9;")


def test_32_bit_programs_are_among_what_mixtures_lose(tmp_path: Path) -> None:
    cores = (
        'cores = ["arm,cortex-a76", { core = "arm,cortex-a76", name = "without", features = { AArch32_EL0 = 0 } }]\n'
    )
    lost = sweep_mixtures(space(cores + 'kernels = ["6.12"]\n', tmp_path)).lost
    assert "32-bit EL0 Support" in set(lost["name"])


def test_a_sweep_is_read_back_and_its_rows_boot(tmp_path: Path) -> None:
    systems = space(PAIR, tmp_path)
    summary = sweep_mixtures(systems, tmp_path / "out")
    again = read_mixtures(tmp_path / "out")
    assert again.record == summary.record
    assert again.space.kernels == systems.kernels
    assert pd.read_parquet(tmp_path / "out" / "outcomes.parquet").equals(summary.outcomes)
    assert pd.read_parquet(tmp_path / "out" / "lost.parquet").equals(summary.lost)
    example = next(one for one in summary.record.examples if one.outcome == "panicked")
    assert "big" in " ".join(example.cores)
    outcome = boot(scenario_of_row(tmp_path / "out", example.row))
    assert HazardKind.KERNEL_PANIC in {one.kind for one in outcome.found}


def test_a_sample_draws_the_same_mixtures_for_a_seed(tmp_path: Path) -> None:
    systems = space(PAIR, tmp_path)
    one, two = (sweep_mixtures(systems, sample=100, seed=3) for _ in range(2))
    assert one.record == two.record
    assert one.total("6.12").mixtures == 100
    assert sweep_mixtures(systems, sample=100, seed=4).record.rows != one.record.rows


@pytest.mark.parametrize("file", [one for one in shipped_spaces() if "core" in one.stem], ids=lambda file: file.stem)
def test_a_space_of_mixtures_survives_its_plain_values(file: Path, tmp_path: Path) -> None:
    read = read_any_space(file)
    assert isinstance(read, MixtureSpace)
    again = mixtures_from_data(mixtures_to_data(read))
    assert mixtures_to_data(again) == mixtures_to_data(read)
    assert mixtures_to_data(space(mixtures_text(read), tmp_path)) == mixtures_to_data(read)
    assert [one.features.id_registers for one in again.cores] == [one.features.id_registers for one in read.cores]


def test_the_text_of_a_space_of_mixtures_names_cores_that_are_as_the_table_has_them(tmp_path: Path) -> None:
    read = space(PAIR, tmp_path)
    text = mixtures_text(read)
    assert mixtures_to_data(space(text, tmp_path)) == mixtures_to_data(read)
    assert '"arm,cortex-a55",\n' in text
    assert '{ core = "arm,cortex-a76", name = "big"' in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('cores = ["arm,cortex-a56", "arm,cortex-a55"]', "cores[0]: core: unknown core 'arm,cortex-a56': did you mean"),
        ('cores = ["arm,cortex-a55", "arm,cortex-a520"]', "cores[1]: 1 of the ID registers of arm,cortex-a520 are"),
        ('cores = "some"', "cores: "),
        ('cores = "all"\nclusters = 1', "clusters: "),
        ('cores = "all"\nkernels = ["5.4"]', "5.4"),
        ('cores = "all"\nkvm_mode = "protected"', "kvm_mode: "),
        ('cores = "all"\ncluster = 2', "unknown key 'cluster'; did you mean 'clusters'?"),
        (
            'cores = [{ core = "arm,cortex-a55", features = { MTEE = 1 } }, "arm,cortex-a76"]',
            "cores[0]: features.MTEE: ",
        ),
    ],
)
def test_a_mistake_in_the_file_is_told_in_one_line(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        space(text, tmp_path)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_the_commands_take_a_space_of_mixtures(asymboot: Asymboot, tmp_path: Path) -> None:
    file, out = tmp_path / "mine.toml", tmp_path / "out"
    file.write_text(PAIR, encoding="utf-8")
    assert "12 mixtures, each under 2 kernels" in asymboot("space", str(file)).output
    assert json.loads(asymboot("space", str(file), "--json").output)["points"] == 12
    swept = asymboot("sweep", str(file), "-o", str(out))
    assert swept.exit_code == 0
    assert asymboot("summary", str(out)).output == swept.output
    assert json.loads(asymboot("summary", str(out), "--json").output)["points"] == 12
    assert asymboot("replay", str(out), "--row", "0", "--log-only").output.startswith("[")
    assert "holds this sweep already" in asymboot("sweep", str(file), "-o", str(out)).output
    for wrong in (["--symmetric"], ["--replications", "2"]):
        result = asymboot("sweep", str(file), "-o", str(tmp_path / "other"), *wrong)
        assert result.exit_code == 2
        assert f"takes no {wrong[0]}" in result.output


# Parts, interruptions, rows


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few mixtures."""
    monkeypatch.setattr(mixture_plan, "COUNTED_MIXTURES", 5)
    monkeypatch.setattr(parted_plan, "KEPT_ROWS", 10)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


class Stopped(Exception):
    """An end in the middle, as Ctrl-C is."""


def stop_after(parts: int) -> Callable[[Progress], None]:
    """Return a report that stops a sweep once some parts are done."""
    reports = 0

    def report(_progress: Progress) -> None:
        nonlocal reports
        reports += 1
        if reports > parts:
            raise Stopped

    return report


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("keep", Keep)
@pytest.mark.parametrize("sample", [0, 13])
def test_an_interrupted_sweep_goes_on_to_the_same_bytes(tmp_path: Path, keep: Keep, sample: int) -> None:
    systems = space(PAIR, tmp_path)
    whole = sweep_mixtures(systems, tmp_path / "whole", sample=sample, seed=7, keep=keep, jobs=1)
    assert MixtureFolder.open(tmp_path / "whole").plan.parts == 3
    with pytest.raises(Stopped):
        sweep_mixtures(systems, tmp_path / "out", sample=sample, seed=7, keep=keep, jobs=1, report=stop_after(1))
    so_far = read_mixtures(tmp_path / "out")
    assert (so_far.complete, so_far.record.points, so_far.record.points_in_all) == (False, 5, sample or 12)
    seen: list[tuple[int, int]] = []
    again = resume_mixtures(
        tmp_path / "out", jobs=1, report=lambda progress: seen.append((progress.found_before, progress.done))
    )
    assert seen[0] == (5, 5)
    assert again.complete
    assert again.record == whole.record
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_counts_do_not_depend_on_parts_and_need_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    systems = space(PAIR, tmp_path)
    whole = [sweep_mixtures(systems, sample=sample, seed=7).record for sample in (0, 13)]
    monkeypatch.setattr(mixture_plan, "COUNTED_MIXTURES", 5)
    for sample, expected in zip((0, 13), whole, strict=True):
        assert sweep_mixtures(systems, sample=sample, seed=7).record == expected
        found = sweep_mixtures(systems, tmp_path / str(sample), sample=sample, seed=7, jobs=2)
        assert found.record == expected
    with pytest.raises(InputError, match="keep is all, and rows are kept in a folder: name one"):
        sweep_mixtures(systems, keep="all")


@pytest.mark.usefixtures("small_parts")
def test_kept_rows_are_the_mixtures_and_their_outcomes(tmp_path: Path) -> None:
    twins = PAIR.replace('"arm,neoverse-v1"', '{ core = "arm,cortex-a76", name = "twin", features = { MTE = 2 } }')
    systems = space(twins, tmp_path)
    summary = sweep_mixtures(systems, tmp_path / "all", keep="all", jobs=1)
    sweep_mixtures(systems, tmp_path / "hazards", keep="hazards", jobs=1)
    rows = pd.read_parquet(tmp_path / "all" / "rows")
    assert rows["row"].tolist() == list(range(systems.points * len(systems.kernels)))
    assert set(rows["weight"]) == {1}
    for kernel in systems.kernels:
        of_kernel = rows[rows["kernel"] == kernel]
        total = summary.total(kernel)
        for name in OUTCOMES:
            assert int(of_kernel[name].sum()) == getattr(total, name)
    for row in rows.to_dict("records"):
        scenario = scenario_of_row(tmp_path / "all", row["row"])
        assert scenario.kernel == row["kernel"]
        late = " late" if row["cluster1_late"] else ""
        assert scenario.name == f"{row['cluster0_core']}, {row['cluster1_core']}{late}"
    shown = rows[rows[list(OUTCOMES)].any(axis=1)]
    kept = pd.read_parquet(tmp_path / "hazards" / "rows")
    assert 0 < len(kept) < len(rows)
    assert kept["row"].tolist() == shown["row"].tolist()


@pytest.mark.usefixtures("small_parts")
def test_the_rows_of_a_sample_weigh_as_often_as_they_were_drawn(tmp_path: Path) -> None:
    systems = space(PAIR, tmp_path)
    sweep_mixtures(systems, tmp_path / "out", sample=300, seed=2, keep="all", jobs=1)
    rows = pd.read_parquet(tmp_path / "out" / "rows")
    assert rows.groupby("kernel", observed=True)["weight"].sum().tolist() == [300, 300]
    assert set(rows["mixture"]) <= set(range(systems.points))


def test_a_draw_does_not_depend_on_the_others(tmp_path: Path) -> None:
    systems = space(PAIR, tmp_path)

    def drawn(start: int, stop: int) -> Counter[int]:
        found: Counter[int] = Counter()
        for block in systems.sample(start, stop, 5):
            found.update(dict(zip(block.numbers.tolist(), block.times.tolist(), strict=True)))
        return found

    assert drawn(0, 80_000) == drawn(0, 40_000) + drawn(40_000, 80_000)
    assert drawn(0, 1).total() == 1


WRONG: dict[str, Callable[[dict[str, Any]], object]] = {
    "a kernel too few": lambda content: content["tallies"].pop(),
    "no outcomes": lambda content: content["tallies"][0].update(outcomes=[], first=[]),
    "too many mixtures": lambda content: content["tallies"][0]["outcomes"][0].__setitem__(2, 10**30),
    "a negative count": lambda content: content["tallies"][0]["outcomes"].append([0, 1, -1]),
    "more late clusters than there are": lambda content: content["tallies"][0]["outcomes"][0].__setitem__(0, 2),
    "bits that there are not": lambda content: content["tallies"][0]["outcomes"][0].__setitem__(1, 64),
    "outcomes twice": lambda content: content["tallies"][0]["outcomes"].append(content["tallies"][0]["outcomes"][0]),
    "no first example": lambda content: content["tallies"][0]["first"].pop(),
    "an example elsewhere": lambda content: content["tallies"][0]["first"][0].__setitem__(1, 11),
    "no pairs": lambda content: content["tallies"][0].update(pairs=[]),
    "a pair of one core": lambda content: content["tallies"][0]["pairs"][0].__setitem__(2, 0),
    "a pair of a core that there is not": lambda content: content["tallies"][0]["pairs"][0].__setitem__(2, 3),
    "a pair that comes at another time": lambda content: content["tallies"][0]["pairs"][0].__setitem__(0, True),
    "a pair twice": lambda content: content["tallies"][0]["pairs"].extend(
        [[*content["tallies"][0]["pairs"][0][:4], 1], [*content["tallies"][0]["pairs"].pop(0)[:4], 0]]
    ),
    "a capability lost too often": lambda content: content["tallies"][0]["capabilities"].append([0, "x", 6]),
    "a capability that a terminal would obey": lambda content: content["tallies"][0]["hwcaps"].append([0, "\x1b[", 1]),
    "a capability that no kernel has": lambda content: content["tallies"][0]["hwcaps"].append([10**9, "x", 1]),
    "rows that are not kept": lambda content: content.update(rows_sha256="0" * 64),
    "another part's number": lambda content: content.update(part=1),
    "text for a number": lambda content: content.update(part="0"),
}


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("wrong", WRONG)
def test_a_part_that_no_part_could_be_is_computed_again(tmp_path: Path, wrong: str) -> None:
    sweep_mixtures(space(PAIR, tmp_path), tmp_path / "out", jobs=1)
    file = tmp_path / "out" / "parts" / "000000.json"
    expected = file.read_bytes()
    content = json.loads(expected.split(b"\n", 1)[1])
    WRONG[wrong](content)
    body = json.dumps(content).encode() + b"\n"
    file.write_bytes(sha256(body).hexdigest().encode() + b"\n" + body)
    assert read_mixtures(tmp_path / "out").record.points == 7
    assert resume_mixtures(tmp_path / "out", jobs=1).complete
    assert file.read_bytes() == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"walk": "symmetric"}, "visits all of them or a sample"),
        ({"walk": "sample"}, "visits all of them or a sample"),
        ({"replications": 2}, "and boots nothing"),
        ({"part_points": 10**9}, "parts of 1,000,000,000 points are too large: the most is 1,048,576"),
        ({"sample": -1}, "a sample of -1 points"),
        ({"walk": "sample", "sample": 10**10}, "a sample of 10,000,000,000 points: allowed are 1 to 1,000,000,000"),
        ({"seed": -1}, "the seed is -1"),
        ({"keep": "most"}, "keep"),
        ({"space": {"cores": "some"}}, "cores"),
    ],
)
def test_a_plan_that_cannot_be_is_one_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    sweep_mixtures(space(PAIR, tmp_path), tmp_path / "out", jobs=1)
    file = tmp_path / "out" / "sweep.json"
    manifest = json.loads(file.read_text())
    manifest["plan"] |= changes
    file.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=rf"out/sweep\.json: .*{message}"):
        read_mixtures(tmp_path / "out")


def test_too_many_mixtures_are_refused_before_a_folder_is_made(tmp_path: Path) -> None:
    every = mixture_space("all", clusters=8)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "2,554,675,200 mixtures are too many: the most is 1,000,000,000; take a sample"),
        ({"sample": 10**10}, "a sample of 10,000,000,000 points: allowed are 1 to 1,000,000,000"),
        ({"sample": -1}, "a sample of -1 points"),
        ({"seed": -1, "sample": 5}, "the seed is -1"),
        ({"keep": "most"}, "keep is 'most'"),
    ]
    for more, message in wrong:
        with pytest.raises(InputError, match=message):
            sweep_mixtures(every, tmp_path / "out", **more)
    assert not (tmp_path / "out").exists()


def test_a_sweep_of_the_other_kind_is_told_apart(asymboot: Asymboot, tmp_path: Path) -> None:
    mixtures, lengths = tmp_path / "mixtures", tmp_path / "lengths"
    sweep_mixtures(space(PAIR, tmp_path), mixtures, jobs=1)
    run_sweep(Space((group_of("boot", (1, 3)),)), lengths, jobs=1)
    for use in (read_mixtures, resume_mixtures):
        with pytest.raises(InputError, match="is a sweep over vector lengths: only a sweep over mixtures of cores has"):
            use(lengths)
    for other in (read_summary, resume_sweep):
        with pytest.raises(InputError, match="is a sweep over mixtures of cores: only a sweep over vector"):
            other(mixtures)
    assert "holds another sweep" in asymboot.refused("sweep", "core-pairs", "-o", str(mixtures))
    assert "holds another sweep" in asymboot.refused("sweep", "core-pairs", "-o", str(lengths))


@pytest.mark.usefixtures("small_parts")
def test_the_command_resumes_a_sweep_over_mixtures(asymboot: Asymboot, tmp_path: Path) -> None:
    systems = space(PAIR, tmp_path)
    whole = asymboot(
        "sweep", str(tmp_path / "mine.toml"), "-o", str(tmp_path / "whole"), "--keep", "all", "--jobs", "1"
    )
    assert whole.exit_code == 0
    with pytest.raises(Stopped):
        sweep_mixtures(systems, tmp_path / "out", keep="all", jobs=1, report=stop_after(2))
    assert "10 of 12" in asymboot("summary", str(tmp_path / "out")).stdout
    resumed = asymboot("sweep", "--resume", str(tmp_path / "out"), "--jobs", "1")
    assert (resumed.exit_code, resumed.stdout) == (0, whole.stdout)
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    assert "leave out --keep" in asymboot.refused("sweep", "--resume", str(tmp_path / "out"), "--keep", "all")


# What a script needs


def test_a_space_is_made_of_names() -> None:
    made = mixture_space(["arm,cortex-a55", "arm,cortex-a76"], kernels=["6.12"], cpus=2, name="pair")
    assert [core.name for core in made.cores] == ["arm,cortex-a55", "arm,cortex-a76"]
    assert (made.points, made.cpus, made.kernels, made.name) == (4, 2, ("6.12",), "pair")
    assert mixture_space(kernels="recorded").points == read_mixture_space("core-pairs").points
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"cores": "arm,cortex-a55"}, "allowed are names in a list, and 'all'"),
        ({"kernels": "6.12"}, "allowed are series in a list, and 'recorded'"),
        ({"cores": ["arm,cortex-a56", "arm,cortex-a55"]}, "cores.0.: core: unknown core 'arm,cortex-a56'"),
    ]
    for arguments, message in wrong:
        with pytest.raises(InputError, match=message):
            mixture_space(**arguments)
    with pytest.raises(InputError, match=r"is a space of vector lengths, which read_space\(\) reads"):
        read_mixture_space("late-cpu")
    with pytest.raises(InputError, match=r"is a space of mixtures of cores, which read_mixture_space\(\) reads"):
        read_space("core-pairs")
