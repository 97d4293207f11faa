"""Tests of JSON Schemas: the shipped schema is the code's, files and outputs are valid, and wrong files are not."""

import json
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from sim import schemas
from sim.boot_run import boot
from sim.cores import core_values
from sim.files.mixture_file import read_mixture_space
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import folder, shipped, template
from sim.files.space_file import read_space
from sim.schemas import schema_text
from sim.study.comparison import compare
from sim.sweep.mixture_sweep import sweep_mixtures
from sim.sweep.summary_rows import SweepHazardRow
from sim.sweep.sweep_run import run_sweep
from tests.command_line import Asymboot
from tests.docs.test_docs import WHOLE, Block

SCHEMAS: dict[str, dict[str, Any]] = {what: json.loads(schema_text(what)) for what in schemas.SCHEMAS}


def valid(what: str, value: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(SCHEMAS[what]).is_valid(value))


@pytest.mark.parametrize("what", SCHEMAS)
def test_a_schema_is_one_and_says_its_version(what: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[what])
    assert SCHEMAS[what]["$id"] == f"urn:asymboot:{what}:{schemas.SCHEMAS[what][1]}"


def test_the_schema_that_ships_is_the_codes() -> None:
    text = (folder() / "scenario.schema.json").read_text(encoding="utf-8")
    assert text == schema_text("scenario"), "run `make schema`"


@pytest.mark.parametrize("file", shipped(), ids=lambda file: file.stem)
def test_scenarios_that_ship_keep_to_the_schema_and_name_it(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert valid("scenario", tomllib.loads(text))
    assert "\n#:schema scenario.schema.json\n" in text


def test_the_template_keeps_to_the_schema() -> None:
    assert valid("scenario", tomllib.loads(template()))


@pytest.mark.parametrize("block", WHOLE, ids=str)
def test_documented_scenarios_keep_to_the_schema(block: Block) -> None:
    assert valid("scenario", tomllib.loads(block.text))


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "topology = 1",
        "[topology]\ncpu = []",
        "[topology]\ncpus = [{ sve_bits = [100] }]",
        "[topology]\ncpus = [{}]\n[kernel]\nseries = 6.12",
        "[topology]\ncpus = [{}]\n[kernel]\nmaxcpus = 0",
        "[topology]\ncpus = [{}]\n[design]\nbase = 'mine'",
        "[topology]\ncpus = [{}]\n[latencies]\nprobe = 5",
        "[topology]\ncpus = [{}]\n[latencies]\nprobee = '5us'",
        "[topology]\ncpus = [{}]\n[latencies]\nprobe = { distribution = 'uniform', low = '1us' }",
        "[topology]\ncpus = [{}]\n[[actions]]\ndo = 'online'\ncpu = 'cpu0'\nat = '5'",
        "[topology]\ncpus = [{}]\n[[faults]]\ncpu = 'cpu1'\nanswer = 'NO'",
    ],
)
def test_wrong_files_do_not(wrong: str) -> None:
    assert not valid("scenario", tomllib.loads(wrong))


@pytest.mark.parametrize("name", ["bug", "sme-only", "phone", "late-arrival", "boot-cpu-larger"])
def test_outputs_keep_to_their_schemas(name: str) -> None:
    scenario = read_scenario(folder() / f"{name}.toml")
    assert valid("outcome", boot(scenario).to_dict())
    comparison = json.loads(msgspec.json.encode(compare(scenario).record()))
    assert valid("comparison", comparison)
    assert not valid("comparison", {**comparison, "designs": [1]})


@pytest.mark.parametrize("sample", [0, 9])
def test_summaries_of_sweeps_keep_to_their_schema(sample: int, tmp_path: Path) -> None:
    summary = run_sweep(read_space("late-cpu"), tmp_path / "out", jobs=1, sample=sample)
    record = json.loads(msgspec.json.encode(summary.record()))
    assert valid("summary", record)
    assert len(record["hazards"]) > 0
    for row in record["hazards"]:
        assert ("share_low" in row) == bool(sample)
        columns = [name for name in row if not name.endswith("_sve_bits")]
        assert columns == [name for name in SweepHazardRow.__struct_fields__ if name in row]
    assert not valid("summary", {**record, "hazards": [{"hazard": "out_of_bounds_write"}]})


def test_the_list_of_cores_keeps_to_its_schema(asymboot: Asymboot) -> None:
    rows = json.loads(asymboot("list", "cores", "--json").output)
    assert valid("cores", rows)
    cores = {row["core"]: row for row in rows}
    assert cores["fujitsu,a64fx"]["sve_bits"] == [128, 256, 512]
    assert cores["arm,c1-nano"]["sve_bits"] is None
    assert cores["arm,cortex-a55"]["sve_bits"] == []
    pfr0 = next(one for one in cores["arm,cortex-a76"]["registers"] if one["register"] == "ID_AA64PFR0_EL1")
    known = core_values("arm,cortex-a76", int(cores["arm,cortex-a76"]["midr"], 16))["ID_AA64PFR0_EL1"]
    assert (int(pfr0["value"], 16), pfr0["source"]) == (known.value, known.source)
    for words in (["list", "--json"], ["list", "kernels", "--json"], ["list", "cores", "kernels", "--json"]):
        assert "--json goes with asymboot list cores only" in asymboot.refused(*words)


def test_summaries_of_mixtures_keep_to_their_schema() -> None:
    record = msgspec.to_builtins(sweep_mixtures(read_mixture_space("core-pairs")).record)
    assert valid("mixture-summary", json.loads(json.dumps(record)))
