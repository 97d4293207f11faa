"""Every recorded run of a real kernel agrees, and a record that says otherwise is caught."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sim.conform.conformance import replay
from sim.conform.recorded_boot import not_compared
from sim.conform.run_records import RecordedBoot, RecordedSave, read_records
from sim.errors import InputError
from sim.kernel.feature_tables import CAPABILITIES
from sim.kernel_series import RECORDED, kernel_series

TRUTH = Path(__file__).parents[1] / "truth"
FILES = sorted(TRUTH.rglob("*.json"))
BOOTS_AND_SAVES = {"boots": 700, "saves": 114}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_recorded_runs_agree(file: Path) -> None:
    disagreements = [
        f"{record.id}: {field}" for record in read_records(file) for field in replay(record) if not field.agrees
    ]
    assert disagreements == []


def test_the_corpus_is_whole() -> None:
    records = [record for file in FILES for record in read_records(file)]
    boots = sum(isinstance(record, RecordedBoot) for record in records)
    assert {"boots": boots, "saves": len(records) - boots} == BOOTS_AND_SAVES


def _altered(value: Any) -> Any:
    """Something else of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 16
    if isinstance(value, str):
        return "offline" if value == "online" else value + " more"
    if isinstance(value, list):
        return [*value[:-1], _altered(value[-1])]
    if isinstance(value, dict):
        key = min(value)
        return {**value, key: _altered(value[key])}
    raise TypeError(value)


def _first(kind: str, identity: str) -> dict[str, Any]:
    for file in FILES:
        for raw in msgspec.json.decode(file.read_bytes()):
            if raw["id"] == identity:
                return dict(raw)
    raise LookupError(kind)


def _fields(identity: str) -> list[tuple[str, str]]:
    observed = _first("run", identity)["observed"]
    return [(identity, name) for name, value in observed.items() if value not in (None, [], {})]


@pytest.mark.parametrize(
    ("identity", "field"),
    [*_fields("6.16/sme-early-asym-late-missing"), *_fields("6.12/b2"), *_fields("B_T2_stock"), *_fields("B_T2_iso")],
)
def test_each_field_is_compared(identity: str, field: str) -> None:
    raw = _first("run", identity)
    value = raw["observed"][field]
    if field == "actions":
        value[0]["outcome"] = _altered(value[0]["outcome"])
    elif field in {"vl_info_sve", "vl_info_sme", "host_vl_bytes"}:
        value[max(value)] = _altered(value[max(value)])
    elif field == "bytes_in_other_cpus_buffers":
        value["0"][0] += 1
    elif field == "log":
        value[2] += " of another kind"
    else:
        raw["observed"][field] = _altered(value)
    record: RecordedBoot | RecordedSave
    record = msgspec.convert(raw, RecordedSave) if "saving_cpu" in raw else msgspec.convert(raw, RecordedBoot)
    differ = [one.name for one in replay(record) if not one.agrees]
    assert [name.split(".")[0].split("[")[0] for name in differ] == [field]


def _boot(identity: str, asked: list[str] | None, **observed: Any) -> RecordedBoot:
    raw = _first("run", identity)
    return msgspec.convert({**raw, "asked": asked, "observed": {**raw["observed"], **observed}}, RecordedBoot)


def _differ(record: RecordedBoot) -> dict[str, tuple[Any, Any]]:
    return {one.name: (one.recorded, one.simulated) for one in replay(record) if not one.agrees}


def test_an_action_that_was_asked_for_and_not_performed_is_a_difference() -> None:
    performed = [one["action"] for one in _first("run", "6.12/late-refused-retried")["observed"]["actions"]]
    whole = _boot("6.12/late-refused-retried", performed)
    assert _differ(whole) == {}
    none = _boot("6.12/late-refused-retried", performed, actions=[])
    assert _differ(none)["actions"] == ([], performed)
    dead = _boot("6.12/late-refused-retried", performed, actions=[], completed=False, online_at_end=None)
    assert {"actions", "completed", "online_at_end"} <= set(_differ(dead))


def test_actions_that_are_other_ones_are_a_difference() -> None:
    actions = _first("run", "6.12/late-refused-retried")["observed"]["actions"]
    asked = [one["action"] for one in actions]
    other = _differ(_boot("6.12/late-refused-retried", asked, actions=[{**actions[0], "action": "on:9"}, *actions[1:]]))
    assert other["actions"][0][0] == "on:9"
    assert "actions[0] on:9: outcome" in other


def test_a_panics_text_is_compared_where_it_was_heard() -> None:
    *others, hung = _first("run", "6.1/random-5-8")["observed"]["actions"]
    asked = [one["action"] for one in (*others, hung)]
    name = f"actions[{len(others)}] {hung['action']}: log"
    for log in ([], ["Kernel panic - not syncing: Fatal exception"]):
        record = _boot("6.1/random-5-8", asked, actions=[*others, {**hung, "log": log}])
        assert _differ(record) == {name: (log, ["Kernel panic - not syncing: HYP panic:"])}
        assert name not in not_compared(record)


def test_a_panics_text_that_nobody_noted_is_not_compared() -> None:
    *others, hung = _first("run", "6.1/f-a")["observed"]["actions"]
    assert (hung["outcome"], hung["log"]) == ("hung", [])
    assert f"actions[{len(others)}] {hung['action']}: log" in not_compared(_boot("6.1/f-a", None))


def test_a_recording_says_how_its_kernel_was_patched() -> None:
    raw = _first("run", "6.12/protected-early-differ")
    own, patched = (msgspec.convert({**raw, "design": name}, RecordedBoot) for name in (None, "brown-v4"))
    assert _differ(own) == {}
    assert "kvm_host_sve_max_vl_bytes" in _differ(patched)
    with pytest.raises(InputError, match="unknown design 'mine'"):
        replay(msgspec.convert({**raw, "design": "mine"}, RecordedBoot))


def test_lengths_that_tasks_have_of_sme_are_compared_where_somebody_asked() -> None:
    identity = "6.16/sme-early-asym-late-missing"
    shared = _first("run", identity)["observed"]["vl_info_sme"]["vq_map_bits"]
    assert _differ(_boot(identity, None, task_sme_vls_bits=shared)) == {}
    assert _differ(_boot(identity, None, task_sme_vls_bits=[128])) == {"task_sme_vls_bits": ([128], shared)}
    assert "task_sme_vls_bits" in not_compared(_boot(identity, None))
    assert "task_sme_vls_bits" not in not_compared(_boot("6.12/b2", None))


def test_the_series_that_are_said_to_be_recorded_are() -> None:
    boots = [one for file in FILES for one in read_records(file) if isinstance(one, RecordedBoot)]
    assert {one.kernel for one in boots} == set(RECORDED)


def test_capabilities_have_the_numbers_that_were_recorded() -> None:
    lines = [
        (one.kernel, int(match[1]))
        for file in FILES
        for one in read_records(file)
        if isinstance(one, RecordedBoot)
        for action in one.observed.actions
        for match in re.finditer(r"capability (\d+) \(Scalable Vector Extension\)", "\n".join(action.log))
    ]
    assert {kernel for kernel, _ in lines} == set(RECORDED)
    for kernel, number in lines:
        assert CAPABILITIES[0].number(kernel_series(kernel)) == number
