"""Tests of recorded boots of CPUs whose ID registers differ: each field is compared, and only facts are."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sim.boot_run import boot
from sim.conform.compared_features import STATE_FIELDS
from sim.conform.conformance import Conformance, replay
from sim.conform.feature_records import FeatureSnapshot, RecordedFeatures
from sim.conform.recorded_features import feature_scenario
from sim.conform.run_records import read_records
from sim.errors import InputError
from sim.facts import LossKind
from tests.conform.samples import FEATURES, feature_boots

EVERY_FIELD = "7.3/aa32-early-without1"
"""A record that has every field of a state."""


def _raw(identity: str) -> dict[str, Any]:
    """Return a record as plain values, of which any can be altered."""
    plain: dict[str, Any] = msgspec.to_builtins(feature_boots()[identity])
    return plain


def _differing(raw: dict[str, Any]) -> list[str]:
    return [field.name for field in replay(msgspec.convert(raw, RecordedFeatures)) if not field.agrees]


@pytest.mark.parametrize("file", sorted(FEATURES.glob("*.json")), ids=lambda file: file.stem)
def test_records_agree(file: Path) -> None:
    disagreements = [
        f"{record.id}: {field}" for record in read_records(file) for field in replay(record) if not field.agrees
    ]
    assert disagreements == []


@pytest.mark.parametrize(
    "identity", ["6.12/el2-late-none@6.12-el1", "7.3-16k/gran16-late@16k", "7.3/rnd-1004", "6.16/real-09"]
)
def test_records_as_a_recorder_writes_them_agree(identity: str) -> None:
    """A recorder names the pages with the kernel, and writes empty tables for what was not reached or not read."""
    raw = _raw(identity)
    observed = raw["observed"]
    if raw["page_bytes"] == 16384:
        raw["kernel"] += "-16k"
        raw["page_bytes"] = 4096
    for name in ("boot", "end"):
        if observed[name] is None:
            observed |= {name: {}, "completed": False}
    if observed["boot"] and "sanitised" not in observed["boot"]:
        observed["boot"] |= {"sanitised": {}, "strict_masks_changed": {}}
    assert raw != _raw(identity)
    assert _differing(raw) == []


def test_the_records_have_every_field_of_a_state() -> None:
    snapshot = feature_boots()[EVERY_FIELD].observed.boot
    assert snapshot is not None
    assert [name for name in STATE_FIELDS if getattr(snapshot, name) is None] == []


def _altered(value: Any) -> Any:
    match value:
        case int():
            return value + 16
        case str():
            return f"{value},9"
        case list():
            return [*value, "another"]
        case dict():
            return {**value, min(value): "e" + value[min(value)]}


@pytest.mark.parametrize("name", STATE_FIELDS)
def test_each_field_of_a_state_is_compared(name: str) -> None:
    raw = _raw(EVERY_FIELD)
    raw["observed"]["boot"][name] = _altered(raw["observed"]["boot"][name])
    # What does not change until the end is taken from the boot.
    assert f"boot.{name}" in _differing(raw)
    assert set(_differing(raw)) <= {f"boot.{name}", f"end.{name}"}


@pytest.mark.parametrize("name", ["online", "offline", "present", "taint", "aarch32_el0", "vulnerabilities"])
def test_each_field_of_the_end_is_compared(name: str) -> None:
    raw = _raw(EVERY_FIELD)
    before = raw["observed"]["end"].get(name) or raw["observed"]["boot"][name]
    raw["observed"]["end"][name] = _altered(before)
    assert _differing(raw) == [f"end.{name}"]


@pytest.mark.parametrize("name", ["sanitised", "user", "mrs", "strict_masks_changed"])
def test_changes_since_the_boot_are_compared(name: str) -> None:
    raw = _raw(EVERY_FIELD)
    raw["observed"]["end"].setdefault(f"{name}_since_boot", {})["ID_ISAR5_EL1"] = "7"
    assert _differing(raw) == [f"end.{name}"]


def test_a_register_that_the_record_lacks_must_be_0() -> None:
    raw = _raw(EVERY_FIELD)
    del raw["observed"]["boot"]["mrs"]["ID_AA64ISAR0_EL1"]
    assert _differing(raw) == ["boot.mrs", "end.mrs"]


@pytest.mark.parametrize("name", ["outcome", "errno", "log", "online", "present", "taint"])
def test_each_field_of_an_action_is_compared(name: str) -> None:
    raw = _raw("7.3/aa32-early-without1")
    raw["observed"]["actions"][0][name] = _altered(raw["observed"]["actions"][0][name])
    assert _differing(raw) == [f"actions[0] on:2: {name}"]


def test_an_action_that_was_not_performed_is_a_difference() -> None:
    raw = _raw(EVERY_FIELD)
    performed = [one["action"] for one in raw["observed"]["actions"]]
    del raw["observed"]["actions"][-1]
    fields = {field.name: field for field in replay(msgspec.convert(raw, RecordedFeatures))}
    assert (fields["actions"].recorded, fields["actions"].simulated) == (performed[:-1], performed)


def test_a_line_of_the_boot_is_compared_but_for_numbers_of_capabilities_and_the_line_that_cpus_race_to_print() -> None:
    raw = _raw("7.3/real-12")
    log = raw["observed"]["boot_log"]
    conflict = next(place for place, line in enumerate(log) if "conflict for capability 5 " in line)
    log[conflict] = log[conflict].replace("capability 5 ", "capability 77 ")
    log.insert(conflict, "spectre-bhb mitigation disabled by command line option")
    assert _differing(raw) == []
    log[conflict + 1] = log[conflict + 1].replace("CPU: 0", "CPU: 1")
    assert _differing(raw) == ["boot_log"]


def test_nothing_is_compared_after_a_cpu_died_in_code_that_lacks_its_instructions() -> None:
    raw = _raw("6.18/rnd-1010")
    died, last = raw["observed"]["actions"][2:]
    assert any("failed in unknown state" in line for line in died["log"])
    last["outcome"], died["online"], died["taint"], raw["observed"]["end"]["online"] = "hung", "0", 512, "0"
    assert _differing(raw) == []
    assert Conformance(msgspec.convert(raw, RecordedFeatures), []).not_compared == ["end", "actions[3] on:1"]
    died["log"][0] += " now"
    assert _differing(raw) == ["actions[2] on:4: log"]


def test_a_hang_of_such_an_action_is_no_fact_and_another_is() -> None:
    died, hung = _raw("6.12/real-02"), _raw("6.12/el2-late-none@6.12-el1")
    died["observed"]["actions"][0] |= {"outcome": "failed", "errno": 5}
    hung["observed"]["actions"][0] |= {"outcome": "failed", "errno": 5}
    assert _differing(died) == []
    assert _differing(hung) == ["actions[0] on:2: outcome", "actions[0] on:2: errno"]


def test_a_state_that_the_simulated_boot_does_not_reach_has_no_values() -> None:
    raw = _raw("6.12/asid-early")
    raw["observed"]["boot"] = {"online": "0", "taint": 0}
    fields = {field.name: field.simulated for field in replay(msgspec.convert(raw, RecordedFeatures))}
    assert (fields["boot.online"], fields["boot.taint"]) == (None, None)


def test_fields_that_were_not_read_are_listed() -> None:
    not_compared = {name: Conformance(record, []).not_compared for name, record in feature_boots().items()}
    assert not_compared["6.16/real-09"][:3] == ["boot.sanitised", "boot.user", "boot.strict_masks_changed"]
    names = ("cpucaps", "boot_cpucaps", "compat_elf_hwcap", "compat_elf_hwcap2")
    assert not_compared["6.1/mix-6.1"] == [f"{point}.{name}" for point in ("boot", "end") for name in names]
    assert not_compared["7.3/mte-early-none@7.3"] == ["boot", "end"]
    assert sum(not names for names in not_compared.values()) > 0


def test_the_state_at_the_end_is_that_of_the_boot_with_its_changes() -> None:
    start = FeatureSnapshot(online="0", taint=0, sanitised={"A": "1", "B": "2"}, strict_masks_changed={"A": "0"})
    changes = FeatureSnapshot(
        offline="", sanitised_since_boot={"B": "0"}, strict_masks_changed_since_boot={"A": "0", "B": "f0"}
    )
    end = start.then(changes)
    assert (end.online, end.offline, end.taint) == ("0", "", 0)
    assert (end.sanitised, end.strict_masks_changed) == ({"A": "1", "B": "0"}, {"B": "f0"})


def test_without_el2_on_the_boot_cpu_every_cpu_starts_at_el1() -> None:
    levels = {
        name: [feature_scenario(feature_boots()[name]).el(number) for number in range(3)]
        for name in ("6.12/el2-boot-none-el1", "6.12/el2-early-none@6.12-el1")
    }
    assert list(levels.values()) == [[1, 1, 1], [2, 1, 2]]


def test_a_boot_cpu_without_the_granule_of_the_kernel_prints_nothing() -> None:
    facts = boot(feature_scenario(feature_boots()["7.3-16k/real-17"])).facts
    assert [one.kind for one in facts.lost] == [LossKind.STUCK]
    assert facts.log == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cpus": []}, "run mine: no CPUs"),
        ({"actions": ["up:1"]}, "run mine: unknown action 'up:1': allowed are on:N, off:N and suspend"),
        ({"command_line": "arm64.nomt"}, "run mine: options: 'arm64.nomt' does not concern CPU features"),
        ({"early": 0}, "run mine: maxcpus is 0"),
    ],
)
def test_a_record_of_an_impossible_system_is_an_error(change: dict[str, Any], message: str) -> None:
    raw = _raw("6.12/asid-early") | {"id": "mine"} | change
    with pytest.raises(InputError, match=message):
        replay(msgspec.convert(raw, RecordedFeatures))


@pytest.mark.parametrize("value", ["", "-1", "0x10", "11112222333344445", "G"])
def test_a_register_is_at_most_16_hexadecimal_digits(value: str, tmp_path: Path) -> None:
    raw = _raw("6.12/asid-early")
    raw["cpus"][0]["regs"]["ID_AA64PFR0_EL1"] = value
    (tmp_path / "mine.json").write_bytes(msgspec.json.encode([raw]))
    with pytest.raises(InputError, match=r"run 0: .*regs"):
        read_records(tmp_path / "mine.json")
