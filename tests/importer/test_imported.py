"""Imported machines: recorded machines boot as they did, and the log of any boot makes the scenario that logs it."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sim import Action, Do, KvmMode, Scenario, boot
from sim.importer.kernel_log import KernelLog
from sim.importer.log_reader import parse_kernel_log, read_kernel_log
from sim.testing.strategies import topologies, vl_sets
from sim.vectors import bits_from_vqs
from tests.importer.machines import MACHINES, SETS, imported_log, imported_machine, vls


def facts(log: KernelLog) -> tuple[object, ...]:
    """Return what a boot and a real machine must have in common; KVM's mode also depends on VHE."""
    return (
        log.vl_bytes,
        log.has_unvirtualisable,
        log.guests_max_vl_bytes,
        type(log.kvm),
        log.early,
        log.late,
        log.panic,
    )


@pytest.mark.parametrize("machine", SETS)
def test_a_real_machine_with_its_own_sets_contradicts_nothing_and_boots_as_it_did(machine: str) -> None:
    imported = imported_machine(machine, **vls(SETS[machine]))
    assert imported.contradictions == ()
    outcome = boot(imported.scenario)
    assert facts(parse_kernel_log(outcome.log_text)) == facts(read_kernel_log(MACHINES / machine / "dmesg"))
    names = [cpu.name for cpu in imported.scenario.topology.logical]
    assert names == [f"cpu{cpu}" for cpu in range(len(SETS[machine]))]


@st.composite
def boots(draw: st.DrawFn) -> Scenario:
    """Draw a scenario that a log tells completely: CPUs brought up and taken down, one after the other."""
    system = draw(topologies(sve_bits=st.none() | vl_sets(up_to_bits=512)))
    names = [cpu.name for cpu in system.cpus]
    actions = st.builds(Action, st.sampled_from([Do.ONLINE, Do.OFFLINE]), st.sampled_from(names))
    return Scenario(
        system,
        kernel=draw(st.sampled_from(["6.1", "6.12", "6.18"])),
        kvm_mode=draw(st.sampled_from(KvmMode)),
        el2=draw(st.booleans()),
        arm64_nosve=draw(st.booleans()),
        maxcpus=draw(st.none() | st.integers(1, len(names))),
        actions=tuple(draw(st.lists(actions, max_size=5))),
    )


def without_stamps(text: str) -> list[str]:
    """Return a log's lines but for the command line, where maxcpus may have another value of the same effect."""
    lines = [re.sub(r"^\[.*?\] ", "", line) for line in text.splitlines()]
    return [line for line in lines if not line.startswith("Kernel command line")]


@given(boots())
def test_the_log_of_any_boot_makes_the_scenario_that_logs_the_same(
    tmp_path_factory: pytest.TempPathFactory, scenario: Scenario
) -> None:
    outcome = boot(scenario)
    assume(outcome.facts.panic is None)
    more = f"Linux version {scenario.kernel}.0\nnr_cpu_ids={len(scenario.topology.cpus)}\n"
    first, _, rest = outcome.log_text.partition("\n")
    sets = {cpu.name: bits_from_vqs(cpu.sve_vqs) if cpu.sve_vqs else None for cpu in scenario.topology.cpus}
    imported = imported_log(f"{first}\n{more}{rest}", tmp_path_factory.mktemp("log"), **sets)
    assert imported.contradictions == ()
    assert without_stamps(outcome.log_text) == without_stamps(boot(imported.scenario).log_text)
