"""Tests that every recorded run of a real kernel agrees, and that a record with another value does not."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sim.boot_run import boot
from sim.conform.compared_fields import Value
from sim.conform.conformance import replay
from sim.conform.recorded_boot import boot_scenario, compare_boot, uncompared_fields
from sim.conform.run_records import RecordedBoot, RecordedSave, kernel_name, read_records
from sim.cpufeature_tables import kernel_tables
from sim.errors import InputError
from sim.kernel_release import RECORDED, kernel_release
from tests.conform.samples import TRUTH, directed_boots

FILES = sorted(TRUTH.rglob("*.json"))
KINDS = {"boot": 1280, "feature boot": 282, "save": 114}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_recorded_runs_agree(file: Path) -> None:
    disagreements = [
        f"{record.id}: {field}" for record in read_records(file) for field in replay(record) if not field.agrees
    ]
    assert disagreements == []


def test_the_corpus_is_complete() -> None:
    assert Counter(record.kind for file in FILES for record in read_records(file)) == KINDS


def test_a_boot_in_a_folder_is_in_the_file_of_its_kernel() -> None:
    in_folders = [(file, record) for file in FILES if file.parent != TRUTH for record in read_records(file)]
    for file, record in in_folders:
        assert not isinstance(record, RecordedSave)
        kernel = kernel_name(record.kernel, record.page_bytes)
        assert (file.stem, record.id.partition("/")[0]) == (f"linux-{kernel}", kernel)
        assert not record.release or (record.page_bytes == 16384) == record.release.endswith("-16k")


def _altered(value: Any) -> Any:
    """Return another value of the same type."""
    match value:
        case bool():
            return not value
        case int():
            return value + 16
        case str():
            return "offline" if value == "online" else value + " more"
        case list():
            return [*value[:-1], _altered(value[-1])]
        case dict():
            key = min(value)
            return {**value, key: _altered(value[key])}
        case _:
            raise TypeError(value)


def _raw(identity: str) -> dict[str, Any]:
    """Return a recorded run as plain values, of which any can be altered."""
    for file in FILES:
        for raw in msgspec.json.decode(file.read_bytes(), type=list[dict[str, Any]]):
            if raw["id"] == identity:
                return raw
    raise LookupError(identity)


def _fields(identity: str) -> list[tuple[str, str]]:
    """Return the observations of a run that have a value, each with the id of the run."""
    return [(identity, name) for name, value in _raw(identity)["observed"].items() if value not in (None, [], {})]


@pytest.mark.parametrize(
    ("identity", "field"),
    [*_fields("6.16/sme-early-asym-late-missing"), *_fields("6.12/b2"), *_fields("B_T2_stock"), *_fields("B_T2_iso")],
)
def test_each_field_is_compared(identity: str, field: str) -> None:
    raw = _raw(identity)
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
    different = [compared.name for compared in replay(record) if not compared.agrees]
    assert [name.split(".")[0].split("[")[0] for name in different] == [field]


def _boot(identity: str, asked: list[str] | None, **observed: Any) -> RecordedBoot:
    raw = _raw(identity)
    return msgspec.convert({**raw, "asked": asked, "observed": {**raw["observed"], **observed}}, RecordedBoot)


def _differences(record: RecordedBoot) -> dict[str, tuple[Value, Value]]:
    return {field.name: (field.recorded, field.simulated) for field in replay(record) if not field.agrees}


def _actions(identity: str) -> list[dict[str, Any]]:
    return list(_raw(identity)["observed"]["actions"])


def _performed(identity: str) -> list[str]:
    return [action["action"] for action in _actions(identity)]


def test_an_action_that_was_asked_for_and_not_performed_is_a_difference() -> None:
    identity = "6.12/late-refused-retried"
    performed = _performed(identity)
    assert _differences(_boot(identity, performed)) == {}
    none = _boot(identity, performed, actions=[])
    assert _differences(none)["actions"] == ([], performed)
    dead = _boot(identity, performed, actions=[], completed=False, online_at_end=None)
    assert {"actions", "completed", "online_at_end"} <= set(_differences(dead))


def test_another_action_than_the_one_that_was_asked_for_is_a_difference() -> None:
    identity = "6.12/late-refused-retried"
    first, *others = _actions(identity)
    different = _differences(_boot(identity, _performed(identity), actions=[{**first, "action": "on:9"}, *others]))
    performed, _ = different["actions"]
    assert isinstance(performed, list)
    assert performed[0] == "on:9"
    assert "actions[0] on:9: outcome" in different


def test_the_text_of_a_panic_is_compared_where_the_console_was_read() -> None:
    identity = "6.1/random-5-8"
    *others, hung = _actions(identity)
    name = f"actions[{len(others)}] {hung['action']}: log"
    for log in ([], ["Kernel panic - not syncing: Fatal exception"]):
        record = _boot(identity, _performed(identity), actions=[*others, {**hung, "log": log}])
        assert _differences(record) == {name: (log, ["Kernel panic - not syncing: HYP panic:"])}
        assert name not in uncompared_fields(record)


def test_the_text_of_a_panic_is_not_compared_where_the_console_was_not_read() -> None:
    *others, hung = _actions("6.1/f-a")
    assert (hung["outcome"], hung["log"]) == ("hung", [])
    assert f"actions[{len(others)}] {hung['action']}: log" in uncompared_fields(_boot("6.1/f-a", None))


def test_a_record_names_the_design_that_its_kernel_was_patched_to() -> None:
    raw = _raw("6.12/protected-early-differ")
    own, patched = (msgspec.convert({**raw, "design": name}, RecordedBoot) for name in (None, "brown-v4"))
    assert _differences(own) == {}
    assert "kvm_host_sve_max_vl_bytes" in _differences(patched)
    with pytest.raises(InputError, match="unknown design 'mine'"):
        replay(msgspec.convert({**raw, "design": "mine"}, RecordedBoot))


def test_the_lengths_that_tasks_have_of_sme_are_compared_where_they_were_read() -> None:
    identity = "6.16/sme-early-asym-late-missing"
    shared = _raw(identity)["observed"]["vl_info_sme"]["vq_map_bits"]
    assert _differences(_boot(identity, None, task_sme_vls_bits=shared)) == {}
    assert _differences(_boot(identity, None, task_sme_vls_bits=[128])) == {"task_sme_vls_bits": ([128], shared)}
    assert "task_sme_vls_bits" in uncompared_fields(_boot(identity, None))
    assert "task_sme_vls_bits" not in uncompared_fields(_boot("6.12/b2", None))


def test_fields_that_were_not_read_are_not_compared() -> None:
    record = directed_boots()[0]
    names = [field.name for field in compare_boot(record, boot(boot_scenario(record)))]
    assert "task_vls_bits" in names
    assert not set(record.not_read) & set(names)
    assert uncompared_fields(record) == record.not_read == ["guest_vls_bits", "guest_rdvl_bits"]


def test_the_recorded_series_are_listed() -> None:
    boots = [record for file in FILES for record in read_records(file) if isinstance(record, RecordedBoot)]
    assert {record.kernel for record in boots} == set(RECORDED)


def test_capabilities_have_the_recorded_numbers() -> None:
    numbers = [
        (record.kernel, int(match[1]))
        for file in FILES
        for record in read_records(file)
        if isinstance(record, RecordedBoot)
        for action in record.observed.actions
        for match in re.finditer(r"capability (\d+) \(Scalable Vector Extension\)", "\n".join(action.log))
    ]
    assert {kernel for kernel, _ in numbers} == set(RECORDED)
    for kernel, number in numbers:
        series = kernel_release(kernel).series
        (sve,) = (one for one in kernel_tables(series).capabilities if one.name == "SVE")
        assert sve.number(series) == number
