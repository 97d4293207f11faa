"""Tests of the state of all CPU features that a boot keeps: when, of whom, and that lengths alone have none."""

from typing import Any

from sim.feature_facts import DetectedCapability, FeatureState, Scope
from sim.outcome import Outcome
from sim.scenario import KvmMode
from tests.feature_systems import cores, with_field
from tests.systems import booted, off, on

NO_REGIONS = with_field("ID_AA64MMFR1_EL1", 16, 0)
NO_CRC = with_field("ID_AA64ISAR0_EL1", 16, 0)
NO_DIRTY_BIT = with_field("ID_AA64MMFR1_EL1", 0, 1)
A57 = {"MIDR_EL1": 0x411FD070}
NO_AARCH32 = with_field("ID_AA64PFR0_EL1", 0, 1)


def _states(outcome: Outcome) -> tuple[FeatureState, FeatureState]:
    at_user_space, at_end = outcome.facts.features_at_user_space, outcome.facts.features_at_end
    assert at_user_space is not None
    assert at_end is not None
    return at_user_space, at_end


def _capability(state: FeatureState, name: str) -> DetectedCapability:
    return next(one for one in state.capabilities if one.entry.name == name)


def test_there_is_no_state_where_lengths_alone_are_modelled() -> None:
    facts = booted([128], [128]).facts
    assert (facts.features_at_user_space, facts.features_at_end) == (None, None)


def test_there_is_no_state_at_user_space_where_the_boot_ends_before_it() -> None:
    facts = cores({}, with_field("ID_AA64MMFR0_EL1", 4, 0), kernel="6.12").facts
    assert facts.panic is not None
    assert facts.features_at_user_space is None
    assert facts.features_at_end is not None


def test_each_capability_has_its_scope_and_the_cpu_that_decided() -> None:
    start, _ = _states(cores({}, {**A57, **NO_DIRTY_BIT}, {}, kernel="7.3"))
    decided = {name: _capability(start, name) for name in ("HAS_GICV3_CPUIF", "SPECTRE_V3A", "HAS_CRC32")}
    assert {name: (one.scope, one.decided_by) for name, one in decided.items()} == {
        "HAS_GICV3_CPUIF": (Scope.BOOT, 0),
        "SPECTRE_V3A": (Scope.LOCAL, 1),
        "HAS_CRC32": (Scope.SYSTEM, None),
    }
    assert _capability(start, "HW_DBM").cpus == (0, 2)


def test_a_capability_that_no_register_shows_is_the_command_lines() -> None:
    name, mismatched = "HAS_32BIT_EL0_DO_NOT_USE", dict[str, Any](options="allow_mismatched_32bit_el0", kernel="7.3")
    without, _ = _states(cores(NO_AARCH32, NO_AARCH32, **mismatched))
    assert _capability(without, name).scope is Scope.COMMAND_LINE
    # A late CPU changes the registers afterwards, and not who decided.
    for changes, maxcpus, actions in (({}, None, ()), (NO_AARCH32, 1, (on(1),))):
        states = _states(cores({}, changes, **mismatched, maxcpus=maxcpus, actions=actions))
        assert [_capability(one, name).scope for one in states] == [Scope.SYSTEM, Scope.SYSTEM]
    protected, _ = _states(cores({}, {}, kernel="6.12", kvm_mode=KvmMode.PROTECTED))
    assert _capability(protected, "KVM_PROTECTED_MODE").scope is Scope.COMMAND_LINE


def test_what_all_early_cpus_must_have_is_decided_by_them_together() -> None:
    start, _ = _states(cores({}, {}, kernel="7.3"))
    together = [one for one in start.capabilities if one.scope is Scope.ALL_EARLY]
    assert together
    assert [one.decided_by for one in together] == [None] * len(together)


def test_a_late_cpu_changes_the_registers_at_the_end_and_neither_capabilities_nor_hwcaps() -> None:
    start, end = _states(cores({}, {}, NO_REGIONS, kernel="6.12", maxcpus=2, actions=(on(2),)))
    name = "ID_AA64MMFR1_EL1"
    assert (start.registers[name].system_value, end.registers[name].system_value) == (0x10212122, 0x10202122)
    assert [one.entry for one in start.capabilities] == [one.entry for one in end.capabilities]
    assert start.hwcaps == end.hwcaps
    assert (_capability(start, "HW_DBM").cpus, _capability(end, "HW_DBM").cpus) == ((0, 1), (0, 1, 2))


def test_taint_and_32_bit_cpus_are_those_of_the_moment() -> None:
    options = "allow_mismatched_32bit_el0"
    outcome = cores({}, {}, NO_AARCH32, kernel="6.12", maxcpus=2, actions=(on(2), off(1)), options=options)
    start, end = _states(outcome)
    assert (start.aarch32_cpus, start.pinned_cpu) == ((0, 1), None)
    assert (end.aarch32_cpus, end.pinned_cpu) == ((0, 1), 0)
    assert _states(cores({}, {}, kernel="6.12"))[0].aarch32_cpus is None


def test_the_result_of_an_action_has_the_taint_and_the_sets_of_cpus_after_it() -> None:
    facts = cores({}, {}, NO_REGIONS, NO_CRC, kernel="6.12", maxcpus=2, actions=(off(1), on(2), on(3))).facts
    seen = [(facts.cpu_sets(one.events_to), one.taint) for one in facts.actions]
    assert [sorted(sets.online) for sets, _ in seen] == [[0], [0, 2], [0, 2]]
    assert [sorted(sets.present) for sets, _ in seen] == [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1, 2]]
    assert [taint for _, taint in seen] == [0, 4, 4]
    assert tuple(sorted(facts.cpu_sets().online)) == facts.online
