"""Tests of parameters for Arm's FVP."""

import re
from dataclasses import replace

import pytest
from hypothesis import given

from sim import ExportFormat, InputError, Scenario, Topology, cpu, export_text
from sim.export.export_text import export_scenario
from tests.command_line import Asymboot
from tests.export.samples import NAMES, hostile, large, shipped
from tests.systems import A64FX, N2, V1


def parameters(text: str) -> dict[str, int]:
    """Parse a parameter file as an FVP does, which knows comments only on lines of their own."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.]+=\d+", line) for line in lines)
    return {name: int(value) for name, value in (line.split("=") for line in lines)}


def test_veclen_counts_units_of_64_bits() -> None:
    assert parameters(export_text(shipped("bug"), "fvp")) == {
        "cluster0.NUM_CORES": 1,
        "cluster0.has_sve": 1,
        "cluster0.sve.veclen": 4,
        "cluster0.sve.has_sme": 0,
        "cluster1.NUM_CORES": 1,
        "cluster1.has_sve": 1,
        "cluster1.sve.veclen": 8,
        "cluster1.sve.has_sme": 0,
    }


def test_each_streaming_length_is_a_bit() -> None:
    topology = Topology.of([N2, None], [[128, 512], [256, 2048]])
    assert parameters(export_text(Scenario(topology), "fvp")) == {
        "cluster0.NUM_CORES": 1,
        "cluster0.has_sve": 1,
        "cluster0.sve.veclen": 2,
        "cluster0.sve.has_sme": 1,
        "cluster0.sve.sme_only": 0,
        "cluster0.sve.sme_veclens_implemented": 0b101,
        "cluster1.NUM_CORES": 1,
        "cluster1.has_sve": 1,
        "cluster1.sve.has_sme": 1,
        "cluster1.sve.sme_only": 1,
        "cluster1.sve.sme_veclens_implemented": 0b10010,
    }


def test_the_topologys_clusters_are_kept_where_they_fit() -> None:
    cpus = [cpu(f"{name}{number}", V1, clusters=(name,)) for name in ("little", "big") for number in range(2)]
    same = export_scenario(Scenario(Topology(tuple(cpus))), ExportFormat.FVP)
    assert (parameters(same.text)["cluster0.NUM_CORES"], same.lost) == (2, ())
    without = export_scenario(Scenario(Topology((*cpus, cpu("prime", None, clusters=("prime",))))), ExportFormat.FVP)
    found = parameters(without.text)
    assert (found["cluster0.NUM_CORES"], found["cluster1.NUM_CORES"], found["cluster1.has_sve"]) == (4, 1, 0)
    assert without.lost == ("clusters of the topology",)


def test_an_unused_cluster_has_no_cores() -> None:
    assert parameters(export_text(Scenario(Topology.of([V1])), "fvp"))["cluster1.NUM_CORES"] == 0


def test_parts_that_parameters_cannot_hold_are_lost() -> None:
    cpus = (cpu("a", A64FX), cpu("b", V1), replace(cpu("c", A64FX), mpidr=9))
    lost = export_scenario(Scenario(Topology(cpus)), ExportFormat.FVP).lost
    assert lost == (
        "SVE lengths below the largest, where that is above 256 bits",
        "clusters of the topology",
        "the order of CPUs",
        "MPIDRs, which the FVP sets",
    )


def test_late_cpus_are_lost_and_so_is_a_boot_cpu_that_is_not_the_first() -> None:
    topology = Topology((cpu("x", V1, late=True), cpu("y", V1, clusters=("big",))), boot_cpu="y")
    lost = {to: export_scenario(Scenario(topology), to).lost for to in (ExportFormat.FVP, ExportFormat.DTS)}
    assert "late CPUs" in lost[ExportFormat.FVP]
    assert lost[ExportFormat.DTS] == (
        "vector lengths (in comments only)",
        "late CPUs (in comments only)",
        "names of clusters (in comments only)",
        "the boot CPU, y, which is not the first",
    )


def test_a_message_about_the_fvp_names_the_scenario(asymboot: Asymboot) -> None:
    result = asymboot("export", "phone", "--to", "fvp")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("asymboot: phone: FVP_Base_RevC-2xAEMvA has 2 clusters of at most 4 CPUs")


def test_a_system_that_does_not_fit_is_bad_input() -> None:
    for scenario in (shipped("phone"), large(), Scenario(Topology.of([V1, A64FX, N2]))):
        with pytest.raises(InputError, match="FVP_Base_RevC-2xAEMvA has 2 clusters of at most 4 CPUs"):
            export_text(scenario, "fvp")
    odd = Topology((cpu("a", V1, [384]),), any_vls=True)
    with pytest.raises(InputError, match="a: streaming lengths of FVP_Base_RevC-2xAEMvA are powers of two only"):
        export_text(Scenario(odd), "fvp")


@given(NAMES)
def test_names_change_no_parameter(names: list[str]) -> None:
    plain = hostile([f"n{number}" for number in range(len(names))])
    assert parameters(export_text(hostile(names), "fvp")) == parameters(export_text(plain, "fvp"))
