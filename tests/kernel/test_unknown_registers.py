"""Registers that no source tells: what a boot makes of them, and what it says of them."""

import pytest

from sim import Cpu, Outcome, Scenario, Topology, boot
from sim.cores import known_core
from sim.files.core_properties import cpu_of_core
from sim.kernel.cpufeature import register_values

A510, A710, A715, X3 = (f"arm,cortex-{name}" for name in ("a510", "a710", "a715", "x3"))


def booted(*cores: str, kernel: str = "6.12", kaslr: bool = False) -> Outcome:
    cpus = tuple(Cpu(f"cpu{number}", cpu_of_core(core).features) for number, core in enumerate(cores))
    return boot(Scenario(Topology(cpus), kernel=kernel, kaslr=kaslr))


def test_cores_that_are_64_bit_only_are_not_given_32_bit_programs_by_other_cores() -> None:
    outcome = booted(A510, A710, A715, X3)
    assert "32-bit EL0 Support" not in outcome.log_text
    a710, x3 = register_values(outcome.scenario)[1], register_values(outcome.scenario)[3]
    assert "MVFR0_EL1" in a710
    assert "MVFR0_EL1" not in x3


@pytest.mark.parametrize(("core", "lacks"), [(A715, True), (X3, True), (A710, False), (A510, False)])
def test_a_core_is_known_to_lack_32_bit_programs_where_its_manual_says_so(core: str, *, lacks: bool) -> None:
    assert known_core(core).lacks_aarch32 is lacks
