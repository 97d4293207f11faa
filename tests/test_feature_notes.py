"""Notes on CPU features: tables that stand for others, statements without effect, and firmware that is not modelled."""

import re

import pytest

from sim.boot_run import boot
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.notes import notes_of

ONE_CORE = """
schema_version = 1
[kernel]
series = "{series}"
{kernel}
[topology]
cpus = [{{ core = "arm,cortex-a76"{cpu} }}]
"""


def notes(series: str, *, kernel: str = "", cpu: str = "") -> str:
    scenario = scenario_from_text(ONE_CORE.format(series=series, kernel=kernel, cpu=cpu), "notes.toml")
    return "\n".join(notes_of(boot(scenario).facts))


@pytest.mark.parametrize(
    ("series", "stands_in"),
    [("6.1", None), ("6.6", "6.1"), ("6.10", "6.1"), ("6.12", None), ("7.2", "6.18"), ("7.3", None)],
)
def test_a_series_without_a_table_says_which_stands_for_it(series: str, stands_in: str | None) -> None:
    told = f"no table of Linux {series}'s CPU features is known, and that of {stands_in} stands for it"
    assert (told in notes(series)) is (stands_in is not None)


def test_a_register_that_the_series_does_not_know_has_no_effect() -> None:
    cpu = ', registers = { ID_AA64FPFR0_EL1 = "0x1" }'
    assert "Linux 6.1 does not know ID_AA64FPFR0_EL1, which a CPU states" in notes("6.1", cpu=cpu)
    assert "does not know" not in notes("7.3", cpu=cpu)


def test_an_option_that_nothing_in_the_series_depends_on_has_no_effect() -> None:
    config = "config = { CONFIG_ARM64_LSE_ATOMICS = false, CONFIG_KVM = true }"
    assert "nothing in Linux 7.3 depends on CONFIG_ARM64_LSE_ATOMICS" in notes("7.3", kernel=config)
    assert "depends on" not in notes("6.12", kernel=config)


def test_an_option_that_selects_what_the_series_depends_on_is_not_the_one_to_state() -> None:
    config = "config = { CONFIG_ARM64_ERRATUM_2457168 = false }"
    told = "CONFIG_ARM64_ERRATUM_2457168 selects CONFIG_ARM64_WORKAROUND_BROKEN_AMU_CONSTCNT for some cores"
    assert told in notes("7.3", kernel=config)
    assert "nothing in Linux" not in notes("7.3", kernel=config)
    assert "CONFIG_ARM64_ERRATUM_2457168" not in notes("6.1", kernel=config)


def test_firmware_that_mitigates_is_said_not_to_be_modelled() -> None:
    told = "firmware that mitigates Spectre"
    assert told in "\n".join(notes_of(boot(read_scenario("rk3399")).facts))
    assert told not in "\n".join(notes_of(boot(read_scenario("rk3399").but(options="mitigations=off")).facts))


def test_lengths_alone_have_no_notes_on_features() -> None:
    assert not [note for note in notes_of(boot(read_scenario("bug").but(kernel="6.6")).facts) if "CPU features" in note]


NAMELESS = """
schema_version = 1
[kernel]
series = "6.12"
maxcpus = 2
[topology]
cpus = [{cpus}]
[[actions]]
do = "online"
cpu = "cpu2"
"""
NAMED, WITHOUT = '{ core = "arm,cortex-a510" }', "{ sve_bits = [128] }"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_beside_cpus_with_cores_nothing_is_said_of_the_registers_of_a_cpu_without_a_core(place: int) -> None:
    cpus = [NAMED, NAMED, NAMED]
    cpus[place] = WITHOUT
    outcome = boot(scenario_from_text(NAMELESS.format(cpus=", ".join(cpus))))
    told = f"cpu{place} has no core, and other CPUs have: vector lengths alone are modelled, and no other feature"
    assert any(note.startswith(told) for note in outcome.notes)
    assert outcome.facts.online == (0, 1, 2)
    midrs = re.findall(r"(?:Booting Linux on physical CPU|Booted secondary processor) \w+ \[(\w+)\]", outcome.log_text)
    assert midrs == ["0x411fd461"] * 2


def test_without_any_core_no_note_says_that_features_are_unknown() -> None:
    outcome = boot(scenario_from_text(NAMELESS.format(cpus=", ".join([WITHOUT] * 3))))
    assert not any("no core" in note for note in outcome.notes)
    assert "[0x000f0510]" in outcome.log_text


def test_a_cpu_without_a_core_has_no_line_that_shows_its_registers() -> None:
    cpus = f"{NAMED}, {{ sve_bits = [] }}, {NAMED}"
    outcome = boot(scenario_from_text(NAMELESS.format(cpus=cpus)))
    assert "SANITY CHECK" not in outcome.log_text
    assert "Unsupported CPU feature variation detected" in outcome.log_text
