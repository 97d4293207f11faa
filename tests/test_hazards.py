"""Hazards that no scenario reaches today are still found where the facts show them; order and notes."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

import sim
from sim.boot_run import boot
from sim.designs import DESIGNS, LateCpu, Pointer, Sizing
from sim.facts import GuestVisit
from sim.hazard_kinds import HazardKind
from sim.hazards import find_hazards
from sim.machine.memory import Extent
from sim.outcome import Outcome
from sim.scenario import Action, Do, Fault, KvmMode, MemoryLayout, Relay, Scenario
from sim.topology import Topology, cpu
from tests.systems import A64FX, N2, V1, booted, guest, kinds, on, under_pkvm

FULL = [128, 256, 512, 1024, 2048]
LATE_BY_6_S = Fault("cpu1", arrives_after_ns=6_000_000_000)
LATE_BY_3_S = Fault("cpu2", arrives_after_ns=3_000_000_000)
HYPOTHETICAL = "the topology is hypothetical: no system known to us mixes CPUs with different vector lengths"


def test_hazards_are_ranked_and_printed_worst_first() -> None:
    outcome = under_pkvm(V1, A64FX, A64FX, kernel="6.11", actions=(guest(2), guest(1)))
    ranks = [(hazard.kind, hazard.cpu) for hazard in outcome.found]
    assert ranks == sorted(ranks)
    assert [kind.rank for kind in sorted(HazardKind)] == list(range(1, len(HazardKind) + 1))


def test_a_kind_has_a_title_for_people() -> None:
    assert [kind.title for kind in sorted(HazardKind)] == [
        "the system falls silent",
        "kernel panic",
        "hypervisor panic",
        "out-of-bounds write",
        "registers or VL not restored",
        "header destroyed",
        "CPU online that lacks a committed VL",
        "memory cleared in blocks that differ",
        "guest sees different VLs on different CPUs",
        "late CPU lowers guests' address range",
        "late CPU takes the PMU from the system",
        "late CPU worsens a mitigation",
        "allocation exceeded, nothing logged",
        "allocation exceeded, announced",
        "ID registers shrink under programs",
        "CPU lost before it can speak",
        "CPU stuck in the kernel",
        "two CPUs on one idle task",
        "host denied a VL that all CPUs have",
        "harmless CPU refused by VL",
        "CPU refused by its features",
        "CPU lost to firmware",
        "feature lost for all by one CPU",
        "kernel tainted by CPUs that differ",
    ]


def test_names_in_files_are_the_kinds_names() -> None:
    assert [kind.value for kind in HazardKind] == [kind.value for kind in HazardKind]


def test_of_one_kind_a_hazard_of_the_system_is_shown_before_those_of_cpus() -> None:
    topology = Topology((cpu("cpu0", FULL, N2), cpu("cpu1", FULL, N2)))
    options: dict[str, Any] = {"kernel": "6.16", "design": "constrain-v1", "arm64_nosme": True}
    outcome = boot(Scenario(topology, kvm_mode=KvmMode.PROTECTED, actions=(guest(1), guest(0)), **options))
    denied = [hazard.cpu for hazard in outcome.found if hazard.kind is HazardKind.HOST_DENIED_VL]
    assert denied == [None, 0, 1]


def test_the_same_harm_again_is_told_once() -> None:
    once = under_pkvm(V1, A64FX, kernel="6.11", actions=(guest(1),))
    often = under_pkvm(V1, A64FX, kernel="6.11", actions=(guest(1, rounds=5),))
    assert [h.sentence for h in once.found] == [h.sentence for h in often.found]


LATE: dict[str, Any] = {"kernel": "6.12", "maxcpus": 2, "relay": Relay.RELAXED, "actions": (on(2), guest(2))}
BY_RDVL = replace(DESIGNS["v6.11"], ffr_pointer=Pointer.RDVL)
CAREFUL = replace(DESIGNS["constrain-v2"], late_cpu=LateCpu.REFUSED)
EXAMPLES: dict[str, tuple[Callable[[], Outcome], list[str]]] = {
    "a save below its buffer, beside another": (
        lambda: under_pkvm(V1, A64FX, design="v6.11", actions=(guest(1),)),
        [
            (
                "out-of-bounds write: cpu1's save at 512 bits starts 1088 bytes before its registers: 1072 bytes fall "
                "below its page run and 0 above (1072 bytes of cpu0's slack)"
            ),
            (
                "registers or VL not restored: cpu1's registers, saved at 512 bits, come back changed; no task sees "
                "it: its registers were saved before the guest ran; the VL in force at EL1 falls from 512 to 128 bits"
            ),
            "header destroyed: cpu1's save at 512 bits runs over its own header: zcr_el1 is lost",
            (
                "allocation exceeded, nothing logged: cpu1's save at 512 bits needs 2200 bytes of the 1108 asked for, "
                "and nothing was logged"
            ),
        ],
    ),
    "a save above its buffer, beside two others": (
        lambda: under_pkvm(FULL, V1, V1, design=BY_RDVL, actions=(guest(0),)),
        [
            (
                "out-of-bounds write: cpu0's save at 2048 bits goes on to byte 8735 of its registers: 0 bytes fall "
                "below its page run and 4656 above (16 bytes of cpu1's header, 1092 bytes of cpu1's saved registers, "
                "2988 bytes of cpu1's slack; 16 bytes of cpu2's header, 544 bytes of cpu2's saved registers)"
            ),
            (
                "allocation exceeded, nothing logged: cpu0's save at 2048 bits needs 8752 bytes of the 1108 asked for, "
                "and nothing was logged"
            ),
        ],
    ),
    "a save into foreign memory above its buffer": (
        lambda: under_pkvm(V1, FULL, design=BY_RDVL, memory=MemoryLayout.MAPPED, actions=(guest(1),)),
        [
            (
                "out-of-bounds write: cpu1's save at 2048 bits goes on to byte 8735 of its registers: 0 bytes fall "
                "below its page run and 4656 above (4656 bytes of foreign memory)"
            ),
            (
                "allocation exceeded, nothing logged: cpu1's save at 2048 bits needs 8752 bytes of the 1108 asked for, "
                "and nothing was logged"
            ),
        ],
    ),
    "a save that ends in memory that is not mapped": (
        lambda: under_pkvm(FULL, V1, V1, design=BY_RDVL, memory=MemoryLayout.ISOLATED, actions=(guest(0),)),
        [
            (
                "hypervisor panic: cpu0's save at 2048 bits stores to memory that is not mapped at EL2: the store at "
                "byte 3840 of its registers (__kvm_nvhe___sve_save_state+0x44/0xf4)"
            ),
            (
                "allocation exceeded, nothing logged: cpu0's save at 2048 bits needs 8752 bytes of the 1108 asked for, "
                "and nothing was logged"
            ),
        ],
    ),
    "a save that panics beyond its neighbour": (
        lambda: under_pkvm(V1, FULL, V1, design=BY_RDVL, actions=(guest(1),)),
        [
            (
                "hypervisor panic: cpu1's save at 2048 bits stores to memory that is not mapped at EL2: the store at "
                "byte 7936 of its registers (__kvm_nvhe___sve_save_state+0x84/0xf4)"
            ),
            (
                "out-of-bounds write: cpu1's save at 2048 bits goes on to byte 8735 of its registers, had it got "
                "through: 0 bytes fall below its page run and 4096 above (16 bytes of cpu2's header, 1092 bytes of "
                "cpu2's saved registers, 2988 bytes of cpu2's slack)"
            ),
            (
                "allocation exceeded, nothing logged: cpu1's save at 2048 bits needs 8752 bytes of the 1108 asked for, "
                "and nothing was logged"
            ),
        ],
    ),
    "a save that is cut off": (
        lambda: under_pkvm(FULL, FULL, design="constrain-v1", actions=(guest(0),)),
        [
            (
                "registers or VL not restored: cpu0's registers, saved at 128 bits, come back without what lies above "
                "128 bits, which tasks may use; no task sees it: its registers were saved before the guest ran; the "
                "VL in force at EL1 falls from 2048 to 128 bits"
            ),
            (
                "host denied a VL that all CPUs have: on cpu0 ZCR_EL2 keeps the host from {256,512,1024,2048}, which "
                "all CPUs have"
            ),
        ],
    ),
    "a late CPU that is announced": (
        lambda: under_pkvm(V1, V1, A64FX, design="brown-v4-meant", **LATE),
        [
            (
                "allocation exceeded, announced: cpu2's save at 512 bits needs 2200 bytes of the 1108 asked for, and "
                "the log announced it"
            ),
        ],
    ),
    "a late CPU that is refused though its save would fit": (
        lambda: under_pkvm(V1, V1, A64FX, design=CAREFUL, **LATE),
        [
            (
                "harmless CPU refused by VL: cpu2 with SVE {128,256,512} is refused (its largest length is above every "
                "counted CPU's largest), though it has all of vq_map {128,256} and nothing in the way"
            ),
        ],
    ),
    "SVE switched off": (
        lambda: booted(V1, A64FX, arm64_nosve=True),
        [
            (
                "host denied a VL that all CPUs have: arm64.nosve keeps the host from SVE {128,256}, which all early "
                "CPUs have"
            ),
        ],
    ),
    "firmware that refuses": (
        lambda: booted(V1, V1, maxcpus=1, actions=(on(1),), faults=(Fault("cpu1", answer="DENIED"),)),
        ["CPU lost to firmware: cpu1: firmware answers CPU_ON with DENIED"],
    ),
    "a CPU that never arrives": (
        lambda: booted(V1, V1, maxcpus=1, actions=(on(1),), faults=(Fault("cpu1", never_arrives=True),)),
        ["CPU lost to firmware: cpu1: firmware accepts CPU_ON, and the CPU never arrives"],
    ),
    "a CPU that arrives too late": (
        lambda: booted(V1, V1, maxcpus=1, actions=(on(1),), faults=(LATE_BY_6_S,)),
        [
            "CPU lost to firmware: cpu1: it arrives when the wait for it is over, finds no boot arguments, and parks",
        ],
    ),
    "a CPU that arrives too late, after another": (
        lambda: booted(V1, V1, V1, maxcpus=1, actions=(on(1), on(2)), faults=(LATE_BY_6_S,)),
        [
            (
                "two CPUs on one idle task: cpu1 starts on cpu2's idle task, which cpu2 runs already: two CPUs run as "
                "one, on one stack"
            ),
            "CPU lost to firmware: cpu1: it arrives when the wait for it is over, and takes cpu2's arguments",
        ],
    ),
    "a CPU whose own idle task another took before it came": (
        lambda: booted(V1, V1, V1, maxcpus=1, actions=(on(1), on(2)), faults=(LATE_BY_6_S, LATE_BY_3_S)),
        [
            (
                "two CPUs on one idle task: cpu2 starts on its own idle task, which cpu1 runs already: two CPUs run as "
                "one, on one stack"
            ),
            "CPU lost to firmware: cpu1: it arrives when the wait for it is over, and takes cpu2's arguments",
        ],
    ),
    "a save below its buffer, in mapped memory": (
        lambda: under_pkvm(V1, A64FX, design="v6.11", memory=MemoryLayout.MAPPED, actions=(guest(1),)),
        [
            (
                "out-of-bounds write: cpu1's save at 512 bits starts 1088 bytes before its registers: 1072 bytes fall "
                "below its page run and 0 above (1072 bytes of foreign memory)"
            ),
            (
                "registers or VL not restored: cpu1's registers, saved at 512 bits, come back changed; no task sees "
                "it: its registers were saved before the guest ran; the VL in force at EL1 falls from 512 to 128 bits"
            ),
            "header destroyed: cpu1's save at 512 bits runs over its own header: zcr_el1 is lost",
            (
                "allocation exceeded, nothing logged: cpu1's save at 512 bits needs 2200 bytes of the 1108 asked for, "
                "and nothing was logged"
            ),
        ],
    ),
}


@pytest.mark.parametrize(("boots", "told"), EXAMPLES.values(), ids=EXAMPLES)
def test_each_hazard_is_a_sentence_with_its_numbers_and_comes_with_its_event(
    boots: Callable[[], Outcome], told: list[str]
) -> None:
    outcome = boots()
    assert [f"{hazard.kind.title}: {hazard.sentence}" for hazard in outcome.found] == told
    for hazard in outcome.found:
        assert hazard.event is not None
        event = outcome.facts.events[hazard.event]
        assert hazard.cpu in {event.cpu, None}
        outside = re.search("([0-9]+) bytes fall below its page run and ([0-9]+) above", hazard.sentence)
        under, over = map(int, outside.groups()) if outside else (0, 0)
        assert (hazard.underrun_bytes, hazard.overrun_bytes) == (under, over)
        assert hazard.time_ns == (event.time_ns if hazard.cpu is not None else outcome.facts.end_ns)


def test_where_the_kernel_saves_a_task_s_registers_first_only_the_hardware_loses_them() -> None:
    """The hardware's registers and its length come back changed in both cases."""
    before, since = (
        under_pkvm(V1, A64FX, kernel=kernel, design="v6.11", actions=(guest(1),)) for kernel in ("6.13.8", "6.13.9")
    )
    sentences = [
        next(one.sentence for one in outcome.found if one.kind is HazardKind.NOT_RESTORED)
        for outcome in (before, since)
    ]
    assert sentences == [
        ("cpu1's registers, saved at 512 bits, come back changed; the VL in force at EL1 falls from 512 to 128 bits"),
        (
            "cpu1's registers, saved at 512 bits, come back changed; no task sees it: its registers were saved before "
            "the guest ran; the VL in force at EL1 falls from 512 to 128 bits"
        ),
    ]
    assert [outcome.save_rows()[0].task_restored for outcome in (before, since)] == [False, True]
    assert [outcome.save_rows()[0].registers_restored for outcome in (before, since)] == [False, False]


def test_a_cpu_online_without_a_committed_length_is_found() -> None:
    facts = booted(A64FX, A64FX).facts
    mixed = structs.replace(facts, scenario=facts.scenario.but(topology=Topology.of([A64FX, V1])))
    hazards = find_hazards(mixed)
    assert [(h.kind, h.cpu) for h in hazards] == [(HazardKind.LACKS_COMMITTED_VL, 1)]
    assert "{512}" in hazards[0].sentence


def test_a_guest_that_sees_other_lengths_elsewhere_is_found_once_a_cpu() -> None:
    facts = booted(V1, V1, kernel="6.12", actions=(guest(0),)).facts
    others = (GuestVisit("guest", 1, 0, 0b1, killed=False, event=0),) * 2
    hazards = find_hazards(structs.replace(facts, guests=(*facts.guests, *others)))
    assert [(h.kind, h.cpu) for h in hazards] == [(HazardKind.GUEST_VLS_DIFFER, 1)]


def test_a_cpu_of_the_file_s_name_is_called_by_both() -> None:
    topology = Topology((cpu("little", V1), cpu("prime", A64FX)))
    scenario = Scenario(topology, kernel="6.11", kvm_mode=KvmMode.PROTECTED, actions=(Action(Do.GUEST, "prime"),))
    assert boot(scenario).found[0].sentence.startswith("cpu1 (prime)'s save at 512 bits starts 1088 bytes before")


def test_a_refusal_by_the_relay_is_a_note_and_no_hazard() -> None:
    relay = under_pkvm(V1, V1, kernel="6.12", maxcpus=1, actions=(on(1),))
    assert relay.found == []
    assert relay.notes == ["cpu1 was refused by pKVM's PSCI relay, by design: it was not online at KVM's init"]


@pytest.mark.parametrize(
    ("lengths", "why"),
    [(V1, "lacks a length that all early CPUs have {512}"), (None, "lacks the extension")],
)
def test_a_late_cpu_without_what_tasks_use_is_refused(lengths: list[int] | None, why: str) -> None:
    refused = booted(A64FX, lengths, kernel="6.12", maxcpus=1, actions=(on(1),))
    assert kinds(refused) == [HazardKind.CPU_REFUSED]
    assert refused.found[0].sentence == f"cpu1 was refused: SVE: {why}"
    assert refused.notes == [HYPOTHETICAL]


def test_a_refusal_for_the_largest_length_alone_is_a_note_where_it_prevents_harm() -> None:
    refusing = replace(DESIGNS["brown-v1"], late_cpu=LateCpu.REFUSED)
    late = under_pkvm(V1, A64FX, kernel="6.12", design=refusing, relay=Relay.RELAXED, maxcpus=1, actions=(on(1),))
    assert late.found == []
    why = "SVE: its largest length is above every counted CPU's largest (512 above 256 bits)"
    assert late.notes[0] == f"cpu1 was refused, which keeps it from harm: {why}"


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


def test_what_is_announced_in_the_nanosecond_of_a_save_counts() -> None:
    warned = replace(DESIGNS["v6.11"], late_cpu=LateCpu.WARNED)
    parts: dict[str, Any] = {"kernel": "6.12", "design": warned, "maxcpus": 2, "relay": "relaxed"}
    outcome = under_pkvm(N2, V1, A64FX, **parts, actions=(on(2, agent="a"), guest(1, agent="b", at_ns=320_000)))
    assert outcome.facts.announced[0].time_ns == outcome.facts.saves[0].time_ns
    assert HazardKind.ALLOCATION_EXCEEDED_ANNOUNCED in kinds(outcome)


@pytest.mark.parametrize(
    ("first", "last", "victims"),
    [
        (0, 0, "1 byte of cpu0's header"),
        (15, 16, "1 byte of cpu0's header, 1 byte of cpu0's saved registers"),
        (1107, 1108, "1 byte of cpu0's saved registers, 1 byte of cpu0's slack"),
        (4094, 4095, "2 bytes of cpu0's slack"),
    ],
)
def test_each_byte_outside_has_its_victim(first: int, last: int, victims: str) -> None:
    facts = under_pkvm(V1, A64FX, design="v6.11", actions=(guest(1),)).facts
    save = facts.saves[0]._replace(touched=(Extent(0, first, last, foreign=False),))
    hazards = find_hazards(structs.replace(facts, saves=(save,)))
    (hazard,) = (one for one in hazards if one.kind.title == "out-of-bounds write")
    assert hazard.sentence.endswith(f" above ({victims})")
    assert repr(hazard) == f"<Hazard 4, out-of-bounds write: {hazard.sentence}>"


def test_memory_that_no_cpu_can_use_is_a_note() -> None:
    narrowed = under_pkvm(V1, V1, design="tabba", kernel="6.12")
    assert narrowed.notes == []
    lavish = replace(DESIGNS["tabba"], buffer_sized_by=Sizing.ARCHITECTURE)
    assert under_pkvm(V1, V1, design=lavish, kernel="6.12").notes == [
        "of the 8752 bytes asked for each of 2 possible CPUs, 7644 are more than any CPU could use"
    ]


def test_nosve_on_the_command_line_denies_what_all_early_cpus_have() -> None:
    assert kinds(booted(V1, A64FX, arm64_nosve=True)) == [HazardKind.HOST_DENIED_VL]
    assert kinds(booted(V1, None, arm64_nosve=True)) == []


def test_five_lines_of_python_are_enough() -> None:
    outcome = sim.boot(sim.Scenario(sim.Topology.of([V1, A64FX]), kernel="6.11", kvm_mode=KvmMode.PROTECTED))
    assert isinstance(outcome, sim.Outcome)
    assert outcome.vectors["SVE"].max_vl_bytes == 32
