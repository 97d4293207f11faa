"""Tests of sweeps over mixtures of cores: counts, examples, files and their mistakes."""

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from sim.boot_run import boot
from sim.errors import InputError
from sim.files.mixture_file import mixtures_from_data, mixtures_to_data, read_any_space
from sim.files.shipped_scenarios import shipped_spaces
from sim.hazard_kinds import HazardKind
from sim.study.mixture_batch import MixtureBatches
from sim.study.mixture_evaluation import OUTCOMES
from sim.study.mixture_space import MixtureSpace
from sim.sweep.mixture_sweep import read_mixtures, scenario_of_mixture, sweep_mixtures
from tests.command_line import Asymboot

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
    outcome = boot(scenario_of_mixture(tmp_path / "out", example.row))
    assert HazardKind.KERNEL_PANIC in {one.kind for one in outcome.found}


def test_a_sample_draws_the_same_mixtures_for_a_seed(tmp_path: Path) -> None:
    systems = space(PAIR, tmp_path)
    one, two = (sweep_mixtures(systems, sample=100, seed=3) for _ in range(2))
    assert one.record == two.record
    assert one.total("6.12").mixtures == 100
    assert sweep_mixtures(systems, sample=100, seed=4).record.rows != one.record.rows


@pytest.mark.parametrize("file", [one for one in shipped_spaces() if "core" in one.stem], ids=lambda file: file.stem)
def test_a_space_of_mixtures_survives_its_plain_values(file: Path) -> None:
    read = read_any_space(file)
    assert isinstance(read, MixtureSpace)
    again = mixtures_from_data(mixtures_to_data(read))
    assert mixtures_to_data(again) == mixtures_to_data(read)
    assert [one.features.id_registers for one in again.cores] == [one.features.id_registers for one in read.cores]


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
    assert "exists already" in asymboot("sweep", str(file), "-o", str(out)).output
    for wrong in (["--symmetric"], ["--keep", "all"], ["--jobs", "2"]):
        result = asymboot("sweep", str(file), "-o", str(tmp_path / "other"), *wrong)
        assert result.exit_code == 2
        assert f"takes no {wrong[0]}" in result.output
