"""Tests of device trees: compiled by dtc, and with names that a parser might interpret."""

import re
import subprocess
from dataclasses import replace

import pytest

from sim import ExportFormat, InputError, Scenario, Topology, cpu, export_text
from sim.export.export_text import export_scenario
from sim.files.scenario_file import scenario_from_text
from tests.export.samples import HOSTILE, NESTED, hostile, needs, shipped
from tests.systems import V1


def cores(cpus: str) -> Scenario:
    return scenario_from_text(f"[topology]\ncpus = [{cpus}]\n[kernel]\nseries = '6.12'\n")


def compiled(text: str) -> str:
    """Compile a tree with dtc, and return it decompiled; a warning is an error."""
    words = ["dtc", "-q", "-I", "dts", "-O", "dts", "-"]
    made = subprocess.run([words[0], *words[2:]], input=text, capture_output=True, text=True, check=True)
    assert made.stderr == ""
    return made.stdout


@needs["dtc"]
@pytest.mark.parametrize(
    "scenario", [shipped("bug"), shipped("phone"), NESTED, hostile(HOSTILE)], ids=["bug", "phone", "nested", "hostile"]
)
def test_dtc_compiles_a_tree_without_a_warning(scenario: Scenario) -> None:
    tree = compiled(export_text(scenario, "dts"))
    assert tree.count('compatible = "arm,armv8"') == len(scenario.topology.cpus)
    assert tree.count('enable-method = "psci"') == len(scenario.topology.cpus)


@needs["dtc"]
def test_no_line_ends_in_a_backslash() -> None:
    """Trees are often run through the C preprocessor, which joins lines that end in a backslash with the next."""
    text = export_text(hostile(HOSTILE), "dts")
    assert "\\\n" not in text


def test_a_tree_nests_clusters_and_keeps_the_files_order() -> None:
    text = export_text(NESTED, "dts")
    assert re.findall(r"(\w+): cpu@(\w+) ", text) == [
        ("cpu1", "0"),
        ("cpu2", "1"),
        ("cpu0", "2"),
        ("cpu3", "1200345678"),
        ("cpu4", "100000100"),
    ]
    assert "reg = <0x12 0x345678>;" in text
    nodes = [line.split(" {")[0] for line in text.splitlines() if "{" in line or "cpu =" in line]
    begin = nodes.index("\t\tcpu-map")
    assert [node.removeprefix("\t\t\t") for node in nodes[begin + 1 : begin + 15]] == [
        "cluster0",
        "\tcore0",
        "\t\tcpu = <&cpu1>;",
        "\tcore1",
        "\t\tcpu = <&cpu3>;",
        "\tcore2",
        "\t\tcpu = <&cpu4>;",
        "cluster1",
        "\tcluster0",
        "\t\tcore0",
        "\t\t\tcpu = <&cpu0>;",
        "\tcluster1",
        "\t\tcore0",
        "\t\t\tcpu = <&cpu2>;",
    ]


def test_a_tree_names_cores_and_says_what_it_cannot_say_of_them() -> None:
    a72 = "{ core = 'arm,cortex-a72' }"  # it has no VHE, and starts at EL2 like the other
    made = export_scenario(cores(f"{{ core = 'arm,cortex-a76' }}, {a72}"), ExportFormat.DTS)
    assert re.findall(r'compatible = "(.*)"', made.text) == ["arm,cortex-a76", "arm,cortex-a72"]
    assert made.lost == ("vector lengths (in comments only)", "variants and revisions of cores (in comments only)")
    assert "// cpu0: MIDR 0x414fd0b1, no SVE\n" in made.text
    assert "// Lost" not in made.text
    other = "{ core = 'arm,cortex-a76', features = { CRC32 = 0 } }, { core = 'Qualcomm Oryon' }, { core = 'AmpereOne' }"
    made = export_scenario(cores(other), ExportFormat.DTS)
    assert re.findall(r'compatible = "(.*)"', made.text) == ["arm,cortex-a76", "arm,armv8", "ampere,ampere1"]
    assert made.lost[2:] == ("cores whose compatible strings are unknown", "ID registers that are not as the core's")
    assert "\n// Lost: ID registers that are not as the core's.\n" in made.text


@pytest.mark.parametrize("to", [ExportFormat.FVP, ExportFormat.QEMU])
def test_cpus_that_differ_in_vhe_start_at_one_exception_level(to: ExportFormat) -> None:
    lost = export_scenario(cores("{ core = 'arm,cortex-a76' }, { core = 'arm,cortex-a72' }"), to).lost
    assert not any("exception levels" in part for part in lost)
    assert any(part.startswith("named cores") for part in lost)


def test_comments_state_lengths() -> None:
    text = export_text(NESTED, "dts")
    assert "// cpu3 (far): late (listed later), SVE {128,256}\n" in text
    assert "// cpu0 (own): no SVE\n" in text


def test_mpidr_bits_outside_the_affinities_are_lost_or_cause_a_duplicate() -> None:
    odd = replace(cpu("b", V1), mpidr=0x8100_0000)
    assert "MPIDR bits outside the affinities" in export_scenario(Scenario(Topology((odd,))), ExportFormat.DTS).lost
    with pytest.raises(InputError, match="a and b have the same affinities, 0x0"):
        export_text(Scenario(Topology((cpu("a", V1), odd))), "dts")
