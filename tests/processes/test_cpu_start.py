"""Firmware starts CPUs: EL3 that does not enable an extension, exception levels, spin tables."""

from typing import Any

import pytest

from sim.boot_run import boot
from sim.errors import InputError
from sim.hazard_kinds import HazardKind
from sim.outcome import Outcome
from sim.scenario import Fault, Scenario
from sim.topology import Cpu, EnableMethod, Topology
from sim.vectors import VectorType
from tests.systems import cpu_of, guest, kinds, off, on, results, texts, wait_for

LOST_LOG = ["CPU1: failed to come online", "CPU1: failed in unknown state : 0x0"]
COUNTS_ONLINE = "6.4"
"""The last series whose ``maxcpus=`` counts CPUs that are online."""


def started(*cpus: Cpu, **parts: Any) -> Outcome:
    return boot(Scenario(Topology(cpus), **parts))


def with_both(name: str, trapped: VectorType | None = None) -> Cpu:
    """Return a CPU with SVE and SME, of which EL3 does not enable one."""
    enabled = {one: one is not trapped for one in VectorType}
    return cpu_of(name, 0b11, 0b11, cptr_el3_ez=enabled[VectorType.SVE], cptr_el3_esm=enabled[VectorType.SME])


@pytest.mark.parametrize(
    ("trapped", "parts", "dies"),
    [
        (VectorType.SVE, {}, True),
        (VectorType.SVE, {"el2": False}, True),
        (VectorType.SVE, {"arm64_nosve": True}, False),
        (VectorType.SVE, {"arm64_nosme": True}, True),
        # Words of the command line have the same effect as keys; the last word on a field counts.
        (VectorType.SVE, {"options": "arm64.nosve"}, False),
        (VectorType.SVE, {"options": "id_aa64pfr0.sve=0x0"}, False),
        (VectorType.SVE, {"options": "id-aa64pfr0.sve=0"}, False),
        (VectorType.SVE, {"options": "id_aa64pfr0.sve=0x0 id_aa64pfr0.sve=1"}, True),
        (VectorType.SVE, {"options": "id_aa64pfr0.sve=zero"}, True),
        (VectorType.SME, {"options": "arm64.nosve", "kernel": "6.1"}, False),
        (VectorType.SME, {"options": "arm64.nosme"}, False),
        (VectorType.SME, {}, True),
        (VectorType.SME, {"arm64_nosme": True}, False),
        (VectorType.SME, {"arm64_nosve": True}, True),
        (VectorType.SME, {"arm64_nosve": True, "kernel": "6.1"}, False),  # it switches SME off as well
        # At EL2 it makes no difference whether the kernel is built to use SME, and at EL1 it does.
        (VectorType.SME, {"kernel": "6.12"}, True),
        (VectorType.SME, {"kernel": "6.12", "el2": False}, False),
        (VectorType.SME, {"el2": False}, True),
    ],
)
def test_a_cpu_dies_when_its_first_use_of_an_extension_traps_to_el3(
    trapped: VectorType, parts: dict[str, Any], dies: bool
) -> None:
    outcome = started(with_both("cpu0"), with_both("cpu1", trapped), **parts)
    assert outcome.facts.online == ((0,) if dies else (0, 1))
    assert (HazardKind.CPU_LOST_TO_FIRMWARE in kinds(outcome)) == dies
    assert [line for line in texts(outcome) if "CPU1: failed" in line] == (LOST_LOG if dies else [])
    silent = started(with_both("cpu0", trapped), with_both("cpu1"), **parts)
    assert (silent.facts.log == ()) == dies
    assert (kinds(silent)[:1] == [HazardKind.SYSTEM_SILENT]) == dies


@pytest.mark.parametrize(
    ("parts", "faults"),
    [
        pytest.param({"cptr_el3_ez": False}, (), id="traps to EL3"),
        pytest.param({"el": 1}, (), id="starts at EL1"),
        pytest.param({"enable_method": EnableMethod.SPIN_TABLE}, (Fault("cpu1", never_arrives=True),), id="spins"),
    ],
)
def test_a_cpu_that_is_gone_looks_the_same_whatever_has_become_of_it(
    parts: dict[str, Any], faults: tuple[Fault, ...]
) -> None:
    outcome = started(cpu_of("cpu0", 0b1), cpu_of("cpu1", 0b1, **parts), cpu_of("cpu2", 0b1), faults=faults)
    assert texts(outcome)[3:8] == [
        *("smp: Bringing up secondary CPUs ...", *LOST_LOG),
        "CPU2: Booted secondary processor 0x0000000002 [0x000f0510]",
        "smp: Brought up 1 node, 2 CPUs",
    ]


def test_a_cpu_without_the_extension_does_not_use_it() -> None:
    outcome = started(cpu_of("cpu0", None, cptr_el3_ez=False), cpu_of("cpu1", 1, cptr_el3_ez=False, late=True))
    assert outcome.facts.online == (0,)
    assert outcome.found == []


def test_at_el1_a_cpu_is_probed_only_if_the_system_has_the_extension() -> None:
    trapped = cpu_of("cpu1", 0b11, cptr_el3_ez=False)
    assert started(cpu_of("cpu0"), trapped, el2=False).facts.online == (0, 1)
    assert started(cpu_of("cpu0"), trapped).facts.online == (0,)


def test_a_late_cpu_that_traps_to_el3_is_lost_and_on_already() -> None:
    trapped = cpu_of("cpu1", 1, cptr_el3_ez=False)
    outcome = started(cpu_of("cpu0", 1), trapped, maxcpus=1, actions=(on(1), on(1)))
    assert results(outcome) == [("failed", "EIO"), ("failed", "EINVAL")]
    assert [row.detail for row in outcome.event_rows() if row.kind in {"died", "CPU_ON answered"}] == [
        "SUCCESS",
        "its first use of SVE traps to EL3",
        "ALREADY_ON",
    ]
    assert outcome.cpu_rows()[1].state == "lost"
    (hazard,) = outcome.found
    assert hazard.sentence == (
        "cpu1: its first use of SVE traps to EL3, where CPTR_EL3.EZ is 0: it dies without a line"
    )


def test_a_system_that_system_silent_does_nothing_else() -> None:
    outcome = started(cpu_of("cpu0", 1, cptr_el3_ez=False), cpu_of("cpu1", 1), actions=(on(1), guest(0)))
    assert [(row.kind, row.cpu) for row in outcome.event_rows()] == [("died", 0)]
    assert [row.state for row in outcome.cpu_rows()] == ["lost", "offline"]
    assert outcome.facts.actions == ()


def test_arm64_nosve_denies_nothing_where_el3_does_not_enable_sve() -> None:
    assert started(cpu_of("cpu0", 0b11, cptr_el3_ez=False), cpu_of("cpu1", 0b11), arm64_nosve=True).found == []


def test_a_cpu_that_traps_to_el3_makes_room_where_maxcpus_counts_online_cpus() -> None:
    cpus = cpu_of("cpu0", 1), cpu_of("cpu1", 1, cptr_el3_ez=False), cpu_of("cpu2", 1)
    outcome = started(*cpus, kernel=COUNTS_ONLINE, maxcpus=2)
    assert (outcome.facts.online, outcome.facts.early, outcome.scenario.early) == ((0, 2), (0, 1, 2), (0, 1, 2))


# Exception levels; the recorded boots of CPUs with different ID registers show the outcomes

LEVEL_LINES = ("CPU: ", "------------[", "kvm [", "SVE: ", "SMP: ")
INCONSISTENT = ["------------[ cut here ]------------", "CPU: CPUs started in inconsistent modes"]
NO_KVM = "kvm [1]: HYP mode not available"


def at(name: str, el: int | None = None, *, vhe: bool = True, sve_vqs: int | None = None, late: bool = False) -> Cpu:
    return cpu_of(name, sve_vqs, el=el, vhe=vhe, late=late)


def on_levels(outcome: Outcome) -> list[str]:
    return [line for line in texts(outcome) if line.startswith(LEVEL_LINES)]


@pytest.mark.parametrize(("el2", "line"), [(True, "EL2"), (False, "EL1")])
def test_the_kernel_logs_the_level_at_which_all_cpus_started(el2: bool, line: str) -> None:
    started_at = f"CPU: All CPU(s) started at {line}"
    total = "SMP: Total of 2 processors activated."
    lengths = ["SVE: maximum available vector length 16 bytes per vector"]
    lengths.append("SVE: default vector length 16 bytes per vector")
    pair = cpu_of("cpu0", 1), cpu_of("cpu1", 1)
    before, since = (on_levels(started(*pair, kernel=kernel, el2=el2)) for kernel in ("6.6", "6.7"))
    assert before[:4] == [total, *lengths, started_at]
    assert since[:4] == [total, started_at, *lengths]


def test_the_level_of_a_cpu_counts_before_that_of_the_scenario() -> None:
    assert "CPU: All CPU(s) started at EL1" in texts(started(at("cpu0", 1), at("cpu1", 1)))
    assert "CPU: All CPU(s) started at EL2" in texts(started(at("cpu0", 2), at("cpu1", 2), el2=False))


@pytest.mark.parametrize(
    ("options", "hides"),
    [
        ("", False),
        ("id_aa64mmfr1.vh=0", True),
        ("id_aa64mmfr1.vh=0x0", True),
        ("id-aa64mmfr1.vh=0", True),
        ("id_aa64mmfr1.vh=0 id_aa64mmfr1.vh=1", False),
    ],
)
def test_words_of_the_command_line_keep_the_kernel_from_running_at_el2(options: str, hides: bool) -> None:
    assert Scenario(Topology.of([[128]]), options=options).runs_at_el2(0) is not hides
    # A number that this kernel cannot read has no effect.
    assert Scenario(Topology.of([[128]]), options="id_aa64mmfr1.vh=00").runs_at_el2(0)


def test_sve_that_an_option_hides_is_denied_like_sve_that_a_key_hides() -> None:
    def denied(**parts: Any) -> list[str]:
        return [one.sentence for one in boot(Scenario(Topology.of([[128, 256]] * 2), **parts)).found]

    assert denied(options="arm64.nosve") == denied(arm64_nosve=True) != []
    assert denied(options="id_aa64pfr0.sve=0") == denied(arm64_nosve=True)


def test_a_cpu_at_el1_dies_without_a_line_where_the_kernel_runs_at_el2() -> None:
    outcome = started(at("cpu0"), at("cpu1", 1), at("cpu2"), maxcpus=2, kernel="6.12", actions=(on(2), on(1)))
    assert [line for line in texts(outcome) if "CPU1: failed" in line][:2] == LOST_LOG
    assert on_levels(outcome) == ["SMP: Total of 1 processors activated.", *INCONSISTENT, NO_KVM]
    assert results(outcome) == [("online", None), ("failed", "EINVAL")]
    assert [hazard.sentence for hazard in outcome.found] == [
        "cpu1: the kernel runs at EL2 (VHE), and the CPU starts at EL1: it dies without a line"
    ]
    (note,) = outcome.notes
    assert note.startswith("some CPUs start at EL1 and some at EL2: ")
    assert note.endswith("and there is no KVM")


def test_a_cpu_without_vhe_dies_as_well_and_the_levels_are_the_same() -> None:
    outcome = started(at("cpu0"), at("cpu1", vhe=False))
    assert outcome.facts.online == (0,)
    assert "CPU: All CPU(s) started at EL2" in texts(outcome)
    assert "kvm [1]: VHE mode initialized successfully" in texts(outcome)


@pytest.mark.parametrize("parts", [{"kvm_mode": "nvhe"}, {"kvm_mode": "protected"}])
def test_cpus_at_both_levels_come_where_the_kernel_runs_at_el1_and_there_is_no_kvm(parts: dict[str, Any]) -> None:
    outcome = started(at("cpu0"), at("cpu1", 1), **parts)
    assert outcome.facts.online == (0, 1)
    assert on_levels(outcome)[1:] == [*INCONSISTENT, NO_KVM]
    assert outcome.facts.kvm_initialised is False


def test_cores_before_armv8_1_at_both_levels_come_without_asking_for_it() -> None:
    outcome = started(at("cpu0", vhe=False), at("cpu1", 1, vhe=False), at("cpu2", vhe=False))
    assert outcome.facts.online == (0, 1, 2)
    assert on_levels(outcome)[1:] == [*INCONSISTENT, NO_KVM]


@pytest.mark.parametrize(
    ("kernel", "mode", "words"),
    [
        ("6.1", "default", "Hyp mode"),
        ("6.12", "default", "Hyp nVHE mode"),
        ("6.12", "nvhe", "Hyp nVHE mode"),
        ("6.12", "protected", "Protected nVHE mode"),
    ],
)
def test_kvm_on_cores_before_armv8_1(kernel: str, mode: str, words: str) -> None:
    outcome = started(at("cpu0", vhe=False), at("cpu1", vhe=False), kernel=kernel, kvm_mode=mode)
    assert f"kvm [1]: {words} initialized successfully" in texts(outcome)


@pytest.mark.parametrize("boot_cpu", [at("cpu0", 1), at("cpu0", vhe=False)])
@pytest.mark.parametrize("maxcpus", [1, 2])
def test_a_cpu_on_which_the_kernel_would_run_at_el2_panics_a_kernel_at_el1(boot_cpu: Cpu, maxcpus: int) -> None:
    outcome = started(boot_cpu, at("cpu1"), kernel="6.12", maxcpus=maxcpus, actions=(on(1),))
    assert texts(outcome)[-3:] == [
        "CPU features: CPU1: Detected conflict for capability 51 (Virtualization Host Extensions), System: 0, CPU: 1",
        "CPU1: failed to come online",
        "Kernel panic - not syncing: CPU1 detected unsupported configuration",
    ]
    assert kinds(outcome) == [HazardKind.KERNEL_PANIC]
    assert outcome.cpu_rows()[1].state == "lost"
    assert [one[0] for one in results(outcome)] == (["hung"] if maxcpus == 1 else [])
    # A CPU whose turn did not come is not a CPU that maxcpus= leaves out.
    (last,) = (row for row in started(boot_cpu, at("cpu1"), at("cpu2"), kernel="6.12").cpu_rows() if row.cpu == 2)
    assert (last.role, last.late_because) == ("early", None)


def test_a_late_cpu_at_el1_hangs_a_system_with_kvm_beside_the_kernel() -> None:
    outcome = started(at("cpu0", vhe=False), at("cpu1", 1, vhe=False), maxcpus=1, kernel="6.12", actions=(on(1),))
    assert texts(outcome)[-1] == "CPU1: Booted secondary processor 0x0000000001 [0x000f0510]"
    assert results(outcome) == [("hung", None)]
    assert [(hazard.kind, hazard.sentence) for hazard in outcome.found] == [
        (
            HazardKind.SYSTEM_SILENT,
            "cpu1 comes online at EL1 while KVM has its hypervisor at EL2: the system hangs",
        )
    ]
    assert outcome.event_rows()[-1].kind == "hang"


def test_from_6_19_on_a_late_cpu_at_el1_is_refused_and_every_cpu_after_it() -> None:
    """The second refusal: hypervisor mode is no longer available, since a CPU has started at EL1."""
    cpus = [at("cpu0", vhe=False), at("cpu1", 1, vhe=False), at("cpu2", vhe=False)]
    outcome = started(*cpus, maxcpus=1, kernel="7.3", actions=(on(1), on(2)))
    refusal = "Detected conflict for capability 38 (ICV_DIR_EL1 trapping), System: 1, CPU: 0"
    assert [line for line in texts(outcome) if "conflict" in line] == [
        f"CPU features: CPU{number}: {refusal}" for number in (1, 2)
    ]
    assert results(outcome) == [("failed", "EIO")] * 2
    assert [one.sentence for one in outcome.found] == [
        f"cpu{number} was refused: ICV_DIR_EL1 trapping: lacks what the system has" for number in (1, 2)
    ]
    assert outcome.notes[0].endswith("and KVM was there before")


def test_an_early_cpu_at_el1_takes_that_capability_from_the_system() -> None:
    cpus = [at("cpu0", vhe=False), at("cpu1", 1, vhe=False), at("cpu2", vhe=False)]
    outcome = started(*cpus, maxcpus=2, kernel="7.3", actions=(on(2),))
    assert results(outcome) == [("online", None)]
    # A CPU that died counts, and its capability does not.
    died = started(at("cpu0"), at("cpu1", 1), at("cpu2"), maxcpus=2, kernel="7.3", actions=(on(2),))
    assert results(died) == [("failed", "EIO")]


def test_the_check_for_guests_lengths_ends_when_hypervisor_mode_is_no_longer_available() -> None:
    """Lengths that guests must not see are looked for in late CPUs only while all CPUs have started at EL2."""
    cpus = [
        at("cpu0", sve_vqs=0b1011, vhe=False),
        at("cpu1", sve_vqs=0b1111, vhe=False),
        at("cpu2", 1, sve_vqs=0b1011, vhe=False),
    ]
    alone = started(cpus[0], cpus[1], maxcpus=1, kernel="6.12", actions=(on(1),))
    assert results(alone) == [("failed", "EIO")]
    mixed = started(cpus[0], cpus[2], cpu_of("cpu1", 0b1111, vhe=False), maxcpus=2, kernel="6.12", actions=(on(2),))
    assert results(mixed) == [("online", None)]


def test_a_cpu_that_dies_at_its_start_makes_room_where_maxcpus_counts_online_cpus() -> None:
    outcome = started(at("cpu0"), at("cpu1", 1), at("cpu2"), kernel=COUNTS_ONLINE, maxcpus=2)
    assert (outcome.facts.online, outcome.scenario.early) == ((0, 2), (0, 1, 2))


def test_a_level_is_1_or_2() -> None:
    with pytest.raises(InputError, match="cpu1: el is 3: a CPU starts at exception level 1 or 2"):
        Topology((at("cpu0"), at("cpu1", 3)))


def test_tables_show_the_levels_where_they_differ() -> None:
    outcome = started(at("cpu0", vhe=False), at("cpu1", 1, vhe=False))
    assert [row.el for row in outcome.cpu_rows()] == [2, 1]


# Spin tables


def spinning(number: int, *, late: bool = False) -> Cpu:
    return cpu_of(f"cpu{number}", 1, enable_method=EnableMethod.SPIN_TABLE, late=late)


def test_a_cpu_leaves_its_spin_table_without_an_answer() -> None:
    outcome = started(spinning(0), spinning(1))
    assert outcome.facts.online == (0, 1)
    assert [(row.kind, row.time_ns) for row in outcome.event_rows() if row.cpu == 1] == [
        ("lock taken", 100_000),
        ("released", 100_000),
        ("arrived", 320_000),
        ("booted", 420_000),
        ("lock released", 420_000),
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_a_cpu_in_a_spin_table_has_no_online_file(number: int) -> None:
    outcome = started(spinning(0), spinning(1), actions=(off(number), on(number), guest(number)))
    assert results(outcome) == [("failed", "ENOENT"), ("failed", "ENOENT"), ("ran", None)]
    assert outcome.facts.online == (0, 1)
    assert [row.log for row in outcome.action_rows()] == [[], [], []]


def test_a_cpu_in_a_spin_table_that_is_left_out_cannot_come() -> None:
    parts = {"maxcpus": 2, "actions": (on(2), on(3), wait_for(2))}
    outcome = started(spinning(0), spinning(1), spinning(2), spinning(3, late=True), **parts)
    assert outcome.facts.online == (0, 1)
    assert results(outcome) == [("failed", "ENOENT"), ("failed", "ENOENT"), ("hung", None)]
    assert (
        "cpu2-3 can never come: a CPU in a spin table has no online file, and comes early or not at all"
        in outcome.notes
    )


def test_psci_and_spin_tables_live_beside_each_other() -> None:
    outcome = started(spinning(0), cpu_of("cpu1", 1), spinning(2), actions=(off(1), off(2), on(1)))
    assert results(outcome) == [("offline", None), ("failed", "ENOENT"), ("online", None)]
    assert outcome.notes == []


def test_a_cpu_that_does_not_leave_its_spin_table_is_lost() -> None:
    outcome = started(spinning(0), spinning(1), faults=(Fault("cpu1", never_arrives=True),))
    assert [line for line in texts(outcome) if "CPU1: failed" in line] == LOST_LOG
    assert [hazard.sentence for hazard in outcome.found] == [
        "cpu1: the kernel releases it from its spin table, and it never arrives"
    ]
    late = started(spinning(0), spinning(1), faults=(Fault("cpu1", arrives_after_ns=6_000_000_000),))
    assert [hazard.sentence for hazard in late.found] == [
        "cpu1: it arrives when the wait for it is over, finds no boot arguments, and parks"
    ]


def test_a_spin_table_answers_nothing() -> None:
    with pytest.raises(InputError, match="a fault of cpu1: it waits in a spin table, where nothing is answered"):
        Scenario(Topology((spinning(0), spinning(1))), faults=(Fault("cpu1", answer="DENIED"),))


def test_pkvm_needs_psci() -> None:
    lines = ["kvm [1]: Cannot initialize protected mode without PSCI", "kvm [1]: error initializing Hyp mode: -19"]
    alone = started(spinning(0), spinning(1), kvm_mode="protected", kernel="6.12")
    assert [line for line in texts(alone) if line.startswith("kvm [")] == lines
    beside = started(spinning(0), cpu_of("cpu1", 1), kvm_mode="protected", kernel="6.12")
    assert "kvm [1]: Protected hVHE mode initialized successfully" in texts(beside)
