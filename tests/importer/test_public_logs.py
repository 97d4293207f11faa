"""Public logs of real machines, imported and booted: lines on CPU features agreed, missing and too many, by machine."""

from pathlib import Path

import msgspec
import pytest

from sim.boot_run import boot
from sim.explain.explanation import explain_log
from sim.files.scenario_file import read_scenario
from sim.importer.imported import Imported, import_machine
from sim.importer.machine_evidence import Sources
from sim.importer.provenance import annotated_text
from tools.machines import LOGS, Comparison, MachineLog

AGREED_MISSING_TOO_MANY = {
    "am67": (15, 0, 0),
    "ampere-altra": (56, 0, 0),
    "bpi-r4": (13, 0, 0),
    "grace-server": (107, 2, 0),
    "imx8mm": (12, 0, 0),
    "khadas-vim3": (20, 0, 0),
    "mt6991": (48, 5, 0),
    "mt8173": (19, 0, 0),
    "odroid-n2plus": (11, 0, 0),
    "qrb4210": (21, 0, 0),
    "raspberry-pi-4": (18, 0, 0),
    "raspberry-pi-5": (23, 0, 0),
    "rk3399": (13, 0, 0),
    "sc7180": (20, 0, 0),
}
"""The lines by machine. What is missing depends on firmware, or the kernel's tables do not have it."""
MACHINES = sorted(AGREED_MISSING_TOO_MANY)


def imported(machine: str) -> Imported:
    return import_machine(Sources(LOGS / f"{machine}.log"), {})


def test_every_log_that_begins_with_the_first_line_has_a_floor() -> None:
    assert sorted(file.stem for file in LOGS.glob("*.log")) == MACHINES


@pytest.mark.parametrize("machine", MACHINES)
def test_an_import_boots_with_the_lines_of_the_log(machine: str, tmp_path: Path) -> None:
    found = imported(machine)
    assert found.contradictions == ()
    file = tmp_path / "machine.toml"
    file.write_text(annotated_text(found), encoding="utf-8")
    log = msgspec.toml.decode((LOGS / f"{machine}.toml").read_bytes(), type=MachineLog)
    # The file is what a user boots: it must say everything that was inferred.
    comparison = Comparison(machine, log, read_scenario(file))
    missing, too_many = map(len, comparison.differing)
    assert (len(comparison.logged) - missing, missing, too_many) == AGREED_MISSING_TOO_MANY[machine]


@pytest.mark.parametrize(
    ("machine", "config"),
    [
        ("bpi-r4", {"CONFIG_ARM64_SW_TTBR0_PAN": True, "CONFIG_KVM": False}),
        ("grace-server", {"CONFIG_ARM64_PSEUDO_NMI": True}),
        ("khadas-vim3", {"CONFIG_ARM64_SW_TTBR0_PAN": True, "CONFIG_ARM64_ERRATUM_845719": False}),
        ("mt8173", {}),
        ("raspberry-pi-5", {"CONFIG_ARM64_PMEM": False}),
        ("rk3399", {"CONFIG_KVM": False}),
    ],
)
def test_configuration_follows_from_names(machine: str, config: dict[str, bool]) -> None:
    found = imported(machine)
    assert found.scenario.kernel_config == config
    assert all(any(option in reason for reason in found.features.reasons) for option in config)


@pytest.mark.parametrize(("machine", "kaslr"), [("am67", True), ("mt8173", False), ("rk3399", False)])
def test_kaslr_follows_from_its_line(machine: str, kaslr: bool) -> None:
    assert imported(machine).scenario.kaslr is kaslr


def test_firmware_denies_a_weakness_of_the_cpus_before_the_line_that_names_it() -> None:
    cpus = imported("qrb4210").scenario.topology.cpus
    assert [sorted(cpu.firmware.unaffected) for cpu in cpus] == [["spectre-v4"]] * 4 + [[]] * 4


def test_a_register_without_a_logged_difference_is_alike_in_its_strict_fields() -> None:
    found = imported("sc7180")
    (reason,) = (one for one in found.features.reasons if "CTR_EL0" in one)
    assert reason.startswith("CTR_EL0 of cpu0-5 is taken to be cpu6-7's, since the log shows no difference")
    # The policy of the instruction cache is not strict: cpu0 keeps its own.
    assert "Detected VIPT I-cache on CPU0" in boot(found.scenario).log_text


def test_words_of_the_command_line_are_options() -> None:
    assert imported("qrb4210").scenario.options == "kpti=0 ssbd=force-off"
    assert imported("mt6991").scenario.options == "arm64.nomte"


def test_an_explained_log_ends_in_the_scenario_of_the_import() -> None:
    explained = explain_log(LOGS / "mt6991.log")
    assert explained.reproduction is not None
    assert explained.reproduction.scenario == annotated_text(imported("mt6991"))
    assert 'core = "arm,cortex-x925"' in explained.reproduction.scenario
