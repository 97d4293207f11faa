"""Notes on CPU features: tables that stand for others, statements without effect, and firmware that is not modelled."""

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


def test_firmware_that_mitigates_is_said_not_to_be_modelled() -> None:
    told = "firmware that mitigates Spectre"
    assert told in "\n".join(notes_of(boot(read_scenario("rk3399")).facts))
    assert told not in "\n".join(notes_of(boot(read_scenario("rk3399").but(options="mitigations=off")).facts))


def test_lengths_alone_have_no_notes_on_features() -> None:
    assert not [note for note in notes_of(boot(read_scenario("bug").but(kernel="6.6")).facts) if "CPU features" in note]
