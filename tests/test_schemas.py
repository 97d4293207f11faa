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
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import folder, shipped, template
from sim.schemas import schema_text
from sim.study.comparison import compare
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
