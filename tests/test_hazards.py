"""Hazards that no scenario reaches today are still found where the facts show them; order and notes."""

from dataclasses import replace
from typing import Any

import sim
from sim.boot_run import boot
from sim.designs import DESIGNS, Sizing
from sim.facts import GuestVisit
from sim.hazards import HazardKind, find_hazards
from sim.scenario import Action, Do, KvmMode, Scenario
from sim.topology import Topology, cpu
from tests.systems import A64FX, N2, V1, booted, guest, kinds, on, under_pkvm

HYPOTHETICAL = "the topology is hypothetical: no shipping system mixes CPUs with different vector lengths"


def test_hazards_are_ranked_and_printed_worst_first() -> None:
    outcome = under_pkvm(V1, A64FX, A64FX, kernel="6.11", actions=(guest(2), guest(1)))
    ranks = [(hazard.kind, hazard.cpu) for hazard in outcome.found]
    assert ranks == sorted(ranks)
    assert [kind.rank for kind in sorted(HazardKind)] == list(range(1, len(HazardKind) + 1))


def test_the_same_harm_again_is_told_once() -> None:
    once = under_pkvm(V1, A64FX, kernel="6.11", actions=(guest(1),))
    often = under_pkvm(V1, A64FX, kernel="6.11", actions=(guest(1, rounds=5),))
    assert [h.sentence for h in once.found] == [h.sentence for h in often.found]


def test_a_cpu_online_without_a_committed_length_is_found() -> None:
    facts = booted(A64FX, A64FX).facts
    mixed = replace(facts, scenario=facts.scenario.but(topology=Topology.of([A64FX, V1])))
    hazards = find_hazards(mixed)
    assert [(h.kind, h.cpu) for h in hazards] == [(HazardKind.LACKS_COMMITTED_VL, 1)]
    assert "{512}" in hazards[0].sentence


def test_a_guest_that_sees_other_lengths_elsewhere_is_found_once_a_cpu() -> None:
    facts = booted(V1, V1, kernel="6.12", actions=(guest(0),)).facts
    others = (GuestVisit("guest", 1, 0, 0b1, killed=False, event=0),) * 2
    hazards = find_hazards(replace(facts, guests=(*facts.guests, *others)))
    assert [(h.kind, h.cpu) for h in hazards] == [(HazardKind.GUEST_VLS_DIFFER, 1)]


def test_a_cpu_of_the_file_s_name_is_called_by_both() -> None:
    topology = Topology((cpu("little", V1), cpu("prime", A64FX)))
    scenario = Scenario(topology, kernel="6.11", kvm_mode=KvmMode.PROTECTED, actions=(Action(Do.GUEST, "prime"),))
    assert boot(scenario).found[0].sentence.startswith("cpu1 (prime)'s save at 512 bits starts 1088 bytes before")


def test_what_is_by_design_is_a_note_and_no_hazard() -> None:
    relay = under_pkvm(V1, V1, kernel="6.12", maxcpus=1, actions=(on(1),))
    assert relay.found == []
    assert relay.notes == ["cpu1 was refused by pKVM's PSCI relay, by design: it was not online at KVM's init"]
    lacking = booted(A64FX, V1, kernel="6.12", maxcpus=1, actions=(on(1),))
    assert lacking.found == []
    assert lacking.notes == ["cpu1 was refused: SVE: lacks a length that all early CPUs have {512}", HYPOTHETICAL]
    without = booted(A64FX, None, kernel="6.12", maxcpus=1, actions=(on(1),))
    assert without.notes == ["cpu1 was refused: SVE: lacks the extension", HYPOTHETICAL]


def test_silicon_that_differs_is_hypothetical_and_firmware_is_not() -> None:
    assert booted(V1, A64FX).notes[-1] == HYPOTHETICAL
    firmware = Topology((cpu("a", A64FX), cpu("b", A64FX, zcr_el3_len=1)))
    assert HYPOTHETICAL not in boot(Scenario(firmware)).notes


def test_a_note_is_given_once() -> None:
    outcome = under_pkvm(V1, V1, kernel="6.12", maxcpus=1, actions=(on(1), on(1), on(1)))
    assert len(outcome.notes) == 1


def test_what_is_announced_after_a_save_does_not_count() -> None:
    small = replace(DESIGNS["brown-v4-meant"], name="small", buffer_sized_by=Sizing.SHARED)
    parts: dict[str, Any] = {"kernel": "6.12", "design": small, "maxcpus": 2, "relay": "relaxed"}
    late = under_pkvm(N2, V1, A64FX, **parts, actions=(guest(1), on(2)))
    assert kinds(late) == [HazardKind.ALLOCATION_EXCEEDED_SILENTLY]
    early = under_pkvm(N2, V1, A64FX, **parts, actions=(on(2), guest(1)))
    assert kinds(early) == [HazardKind.ALLOCATION_EXCEEDED_ANNOUNCED]


def test_memory_that_no_cpu_can_use_is_a_note() -> None:
    narrowed = under_pkvm(V1, V1, design="tabba", kernel="6.12")
    assert narrowed.notes == []
    lavish = replace(DESIGNS["tabba"], buffer_sized_by=Sizing.ARCHITECTURE)
    assert under_pkvm(V1, V1, design=lavish, kernel="6.12").notes == [
        "of the 8752 bytes asked for each of 2 possible CPUs, 7644 are more than any CPU could use"
    ]


def test_nosve_on_the_command_line_denies_what_all_early_cpus_have() -> None:
    assert kinds(booted(V1, A64FX, nosve=True)) == [HazardKind.HOST_DENIED_VL]
    assert kinds(booted(V1, None, nosve=True)) == []


def test_five_lines_of_python_are_enough() -> None:
    outcome = sim.boot(sim.Scenario(sim.Topology.of([V1, A64FX]), kernel="6.11", kvm_mode=KvmMode.PROTECTED))
    assert isinstance(outcome, sim.Outcome)
    assert outcome.vectors["SVE"].max_vl_bytes == 32
