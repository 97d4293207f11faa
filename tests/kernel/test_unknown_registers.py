"""Registers that no source tells: what a boot makes of them, and what it says of them."""

import pytest

from sim import Cpu, Outcome, Scenario, Topology, boot
from sim.cores import known_core
from sim.feature_facts import FeatureState
from sim.files.core_properties import cpu_of_core
from sim.kernel.cpufeature import register_values

A510, A710, A715, X3 = (f"arm,cortex-{name}" for name in ("a510", "a710", "a715", "x3"))


def booted(*cores: str, kernel: str = "6.12", kaslr: bool = False, el2: bool = True) -> Outcome:
    cpus = tuple(Cpu(f"cpu{number}", cpu_of_core(core).features) for number, core in enumerate(cores))
    return boot(Scenario(Topology(cpus), kernel=kernel, kaslr=kaslr, el2=el2))


def test_cores_that_are_64_bit_only_are_not_given_32_bit_programs_by_other_cores() -> None:
    outcome = booted(A510, A710, A715, X3)
    assert "32-bit EL0 Support" not in outcome.log_text
    a710, x3 = register_values(outcome.scenario)[1], register_values(outcome.scenario)[3]
    assert "MVFR0_EL1" in a710
    assert "MVFR0_EL1" not in x3


@pytest.mark.parametrize(("core", "lacks"), [(A715, True), (X3, True), (A710, False), (A510, False)])
def test_a_core_is_known_to_lack_32_bit_programs_where_its_manual_says_so(core: str, *, lacks: bool) -> None:
    assert known_core(core).lacks_aarch32 is lacks


def state_of(outcome: Outcome) -> FeatureState:
    state = outcome.facts.features_at_end
    assert state is not None
    return state


def test_the_limit_of_guests_addresses_is_unknown_where_no_cpus_range_is_known() -> None:
    outcome = booted(X3, A715)
    assert "IPA Size Limit" not in outcome.log_text
    assert state_of(outcome).ipa_limit_bits is None


def test_the_limit_is_known_where_a_cpus_range_is() -> None:
    assert "kvm [1]: IPA Size Limit: 40 bits" in booted(X3, A710).log_text


def test_vulnerabilities_that_depend_on_unknown_registers_are_unknown() -> None:
    unknown = {"meltdown": None, "spectre_v2": None, "spec_store_bypass": None}
    assert state_of(booted(X3, A715)).vulnerabilities == unknown
    assert state_of(booted(A710, X3)).vulnerabilities == unknown


def test_a_cpu_that_is_known_to_be_vulnerable_leaves_nothing_open() -> None:
    found = state_of(booted("arm,cortex-a72", X3, el2=False)).vulnerabilities
    assert found == {"meltdown": None, "spectre_v2": "Vulnerable", "spec_store_bypass": "Vulnerable"}


def test_kaslr_forces_nothing_where_no_cpu_tells_of_e0pd() -> None:
    forced = "kernel page table isolation forced ON by KASLR"
    assert forced not in booted(X3, kaslr=True).log_text
    assert forced in booted("arm,cortex-a72", kaslr=True).log_text


def test_no_cpu_is_stuck_for_a_granule_that_is_unknown() -> None:
    cpus = tuple(Cpu(f"cpu{number}", cpu_of_core(X3).features) for number in range(2))
    outcome = boot(Scenario(Topology(cpus), kernel="6.12", page_bytes=16384))
    assert outcome.facts.online == (0, 1)


def test_a_core_of_armv8_0_is_known_to_lack_pan() -> None:
    pan = "emulated: Privileged Access Never (PAN)"
    config = {"CONFIG_ARM64_SW_TTBR0_PAN": True}
    logs = [
        boot(
            Scenario(Topology((Cpu("cpu0", cpu_of_core(core).features),)), kernel="6.12", kernel_config=config)
        ).log_text
        for core in ("Qualcomm Kryo 2xx Gold", X3)
    ]
    assert [pan in log for log in logs] == [True, False]
