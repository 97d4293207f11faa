"""Findings: every entry is found by its own examples, CPUs alike share one, and what follows from several lines."""

import re

import pytest

from sim.explain import cpu_entries, crash_entries, feature_entries, firmware_entries, kvm_entries
from sim.explain.explanation_rows import in_this_kernel
from sim.explain.finding_collection import LogFinding
from sim.explain.log_entries import Circumstance, LogEntry, Severity, harmless_text
from sim.explain.log_findings import every_entry
from sim.importer import explained_lines, firmware_lines, log_lines
from sim.importer.log_text import ALL_KINDS, parse_line
from tests.explain.logs import BROUGHT_UP, FINAL, HEAD, explained, names, of_entry

ENTRIES = list(every_entry())
BEFORE: dict[str, list[str]] = {
    cpu_entries.CPU_LOST_ON_RETURN.name: ["CPU1: Booted secondary processor 0x0000000001 [0x411fd403]", *FINAL],
    cpu_entries.CPU_ON_BY_RELAY.name: FINAL,
    cpu_entries.DIFFERS_FROM_BOOT_CPU.name: BROUGHT_UP[:1],
    cpu_entries.REFUSED_EARLY.name: BROUGHT_UP[:1],
    cpu_entries.LATE_ONLINE.name: FINAL,
    cpu_entries.LEFT_BY_MAXCPUS.name: ["SLUB: HWalign=64, CPUs=2, Nodes=1", *BROUGHT_UP],
    cpu_entries.ABSENT.name: ["SLUB: HWalign=64, CPUs=2, Nodes=1", *BROUGHT_UP],
    cpu_entries.NEVER_STARTED.name: [
        f"CPU{cpu}: Booted secondary processor 0x000000000{cpu} [0x411fd403]" for cpu in (1, 2, 3)
    ],
    feature_entries.SANITY_LATE.name: FINAL,
    feature_entries.NO_SVE.name: FINAL,
    feature_entries.SVE_HIDDEN.name: FINAL,
    kvm_entries.NO_HYP_WANTED.name: ["Kernel command line: kvm-arm.mode=protected"],
}
"""The lines that an entry's examples need before them."""
INSTEAD: dict[str, list[str]] = {
    feature_entries.SANITY_LATE.name: [
        "CPU features: SANITY CHECK: Unexpected variation in SYS_ID_AA64ISAR0_EL1. Boot CPU: 0x10, CPU2: 0x0"
    ],
    **{
        entry.name: [HEAD[0], "Linux version 5.4.0 (gcc)", *entry.examples]
        for entry in (feature_entries.SANITY_TAINT_INFERRED, feature_entries.SANITY_LOSS_UNKNOWN)
    },
    cpu_entries.NOT_OFF.name: ["psci: CPU1 may not have shut down cleanly (AFFINITY_INFO reports 0)"],
}
"""The lines for entries whose examples are of another entry as well."""


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_an_entry_is_found_by_its_examples(entry: LogEntry) -> None:
    lines = [*BEFORE.get(entry.name, []), *INSTEAD.get(entry.name, entry.examples)]
    assert entry.name in names(explained(*lines, head=[] if entry is cpu_entries.CAME_ONLINE else None))


BOOKKEEPING = {
    explained_lines.AlternativesLine,
    explained_lines.Arm64Line,
    explained_lines.BringingUpLine,
    explained_lines.KaslrLine,
    explained_lines.OldBootLine,
    explained_lines.OldBootedLine,
    explained_lines.OldCoreLine,
    firmware_lines.PsciLine,
    firmware_lines.RedistributorLine,
    log_lines.BootLine,
    log_lines.ICacheLine,
    log_lines.PageSizeLine,
    log_lines.CrashReleaseLine,
    log_lines.ReleaseLine,
    log_lines.UnameLine,
}
"""Lines that only tell how far a log goes, and which kernel and which cores it is about."""


def test_every_kind_of_line_is_in_the_examples_of_an_entry() -> None:
    shown = {type(parse_line(line)) for entry in ENTRIES for line in entry.examples}
    assert shown == set(ALL_KINDS) - BOOKKEEPING


def test_titles_and_so_names_are_unique() -> None:
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES) > 70
    assert sorted(ENTRIES, key=lambda entry: entry.severity.rank) == ENTRIES


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_an_entry_that_is_wrong_has_causes_and_a_hint(entry: LogEntry) -> None:
    assert entry.source
    if not entry.severity.is_harmless:
        assert entry.causes
        assert entry.look_at


@pytest.mark.parametrize("start", [Circumstance.FIRST_START, Circumstance.RETURN])
@pytest.mark.parametrize("time", [Circumstance.EARLY, Circumstance.LATE])
@pytest.mark.parametrize("method", [Circumstance.PSCI, Circumstance.SPIN_TABLE, Circumstance.PARKING])
def test_no_log_rules_every_cause_and_all_advice_out(
    start: Circumstance, time: Circumstance, method: Circumstance
) -> None:
    ruled_out = set(Circumstance) - {start, time, method}
    for entry in ENTRIES:
        if not entry.severity.is_harmless:
            assert any(ruled_out.isdisjoint(one.needs) for one in entry.causes), entry.title
            assert any(ruled_out.isdisjoint(one.needs) for one in entry.advice), entry.title


def test_what_is_said_of_maxcpus_as_a_cause_needs_it() -> None:
    texts = [(cause.text, cause.needs) for entry in ENTRIES for cause in entry.causes]
    texts += [(advice.text, advice.needs) for entry in ENTRIES for advice in entry.advice]
    said = [(text, needs) for text, needs in texts if re.search("without `maxcpus=`|`maxcpus=` makes", text)]
    assert len(said) > 20
    assert all(Circumstance.MAXCPUS in needs for _, needs in said)
    assert all(Circumstance.FIRST_START in needs for _, needs in said)


# CPUs


def refusal(cpu: int, reason: str) -> list[str]:
    return [reason.format(cpu), f"CPU{cpu}: will not boot", f"CPU{cpu}: failed to come online"]


def test_cpus_alike_share_a_finding_and_others_do_not() -> None:
    lines = [line for cpu in (4, 5, 6) for line in refusal(cpu, "CPU features: CPU{}: missing HWCAP: SVE2")]
    lines += refusal(7, "CPU features: CPU{}: missing HWCAP: SM4")
    found = [one for one in explained(*FINAL, *lines).findings if one.entry is cpu_entries.LACKS_HWCAP]
    assert [(one.cpus, one.happened) for one in found] == [
        ((4, 5, 6), "refused for lack of the CPU feature SVE2, which programs were promised"),
        ((7,), "refused for lack of the CPU feature SM4, which programs were promised"),
    ]
    assert [len(one.lines) for one in found] == [9, 3]


def test_the_lines_of_a_refusal_are_one_finding_whatever_stands_between() -> None:
    lines = [
        "SVE: cpu4: Required vector length(s) missing",
        "CPU5: Booted secondary processor 0x0000000005 [0x411fd403]",
        "CPU features: CPU4: SVE: vector length support mismatch",
        "CPU4: will not boot",
        "CPU4: failed to come online",
        "psci: CPU4 killed (polled 0 ms)",
        "CPU4: died during early boot",
    ]
    explanation = explained(*FINAL, *lines)
    assert len(of_entry(explanation, cpu_entries.LACKS_LENGTHS).lines) == 6
    assert [one.cpus for one in explanation.problems] == [(4,)]
    assert cpu_entries.WENT_OFFLINE.name not in names(explanation)


def test_a_cpu_that_is_refused_again_is_one_finding() -> None:
    lines = refusal(4, "CPU features: CPU{}: VMID width mismatch")
    finding = of_entry(explained(*FINAL, *lines, *lines), cpu_entries.VMID_WIDTH)
    assert len(finding.lines) == 6


@pytest.mark.parametrize(
    ("first", "entry"),
    [
        ([], cpu_entries.CPU_ON_INVALID),
        (["CPU1: failed to come online", "CPU1: failed in unknown state : 0x0"], cpu_entries.CPU_ON_AFTER_LOSS),
        (["CPU1: failed to come online", "CPU1: is stuck in kernel"], cpu_entries.CPU_ON_AFTER_LOSS),
        (["kvm [1]: Protected hVHE mode initialized successfully"], cpu_entries.CPU_ON_BY_RELAY),
        (
            ["CPU1: failed to come online", "kvm [1]: Protected hVHE mode initialized successfully"],
            cpu_entries.CPU_ON_BY_RELAY,
        ),
    ],
)
def test_what_einval_means_depends_on_what_came_before(first: list[str], entry: LogEntry) -> None:
    lines = ["psci: failed to boot CPU1 (-22)", "CPU1: failed to boot: -22"]
    finding = of_entry(explained(*FINAL, *first, *lines, *lines), entry)
    assert (finding.cpus, len(finding.lines)) == ((1,), 4)
    assert finding.inferred


def test_without_the_early_bring_up_nothing_is_said_of_the_relay() -> None:
    lines = ["kvm [1]: Protected hVHE mode initialized successfully", "CPU1: failed to boot: -22"]
    assert cpu_entries.CPU_ON_INVALID.name in names(explained(*lines, head=[]))


def lost(cpu: int, stamp: str = "") -> list[str]:
    return [f"{stamp}CPU{cpu}: failed to come online", f"{stamp}CPU{cpu}: failed in unknown state : 0x0"]


def under(number: int, mpidr: int, stamp: str = "") -> str:
    return f"{stamp}CPU{number}: Booted secondary processor {mpidr:#012x} [0x411fd403]"


def test_a_late_cpu_that_takes_another_s_place_is_told_with_both_cpus() -> None:
    explanation = explained(*lost(1), under(2, 0x1), BROUGHT_UP[1].replace("1 CPU", "2 CPUs"), under(2, 0x2))
    given_up = of_entry(explanation, cpu_entries.CPU_LOST)
    assert given_up.happened.endswith("; came online later, after the kernel had given it up, and runs as CPU2")
    assert given_up.consequence == "the CPU runs as CPU2, and the kernel does not know that"
    took = of_entry(explanation, cpu_entries.TOOK_PLACE)
    assert (took.cpus, took.happened) == ((1,), "given up by the kernel, came later, and runs as CPU2")
    assert took.inferred == ("that the MPIDR in line 5 is CPU1's: MPIDRs ascend with the numbers",)
    shared = of_entry(explanation, cpu_entries.SHARED_TASK)
    assert (shared.cpus, [line.text for line in shared.lines]) == ((2,), [under(2, 0x1), under(2, 0x2)])
    assert {cpu_entries.BACK_ONLINE.name, cpu_entries.EARLY_ONLINE.name}.isdisjoint(names(explanation))


def test_an_mpidr_that_its_own_number_had_before_is_known() -> None:
    down = ["psci: CPU1 killed (polled 0 ms)", *lost(1, "[ 15.0] ")]
    explanation = explained(under(1, 0x1), under(2, 0x2), *FINAL, *down, under(2, 0x1, "[ 16.0] "))
    shared = of_entry(explanation, cpu_entries.SHARED_TASK)
    assert (shared.cpus, shared.inferred) == ((1,), ())


@pytest.mark.parametrize(
    ("lines", "came"),
    [
        ([*lost(1), under(1, 0x1), *BROUGHT_UP], "online later, after the kernel had given it up"),
        (
            [*lost(1), *FINAL, "CPU1: failed to boot: -22", under(1, 0x1)],
            "online later, after the kernel had given it up",
        ),
        ([*lost(1), *FINAL, under(1, 0x1)], "online at a later attempt"),
    ],
)
def test_a_cpu_that_came_without_a_further_attempt_is_said_to(lines: list[str], came: str) -> None:
    for finding in explained(*lines).problems:
        assert finding.happened.endswith(f"; came {came}")
        assert finding.consequence.startswith("until the CPU came")


def test_the_kernel_does_not_wait_for_the_cpu_after_a_late_cpu() -> None:
    explanation = explained(*lost(1), under(1, 0x1), *lost(2), *BROUGHT_UP)
    (of_next,) = [one for one in explanation.problems if one.cpus == (2,)]
    assert of_next.inferred == ("that the kernel did not wait: CPU1, which came late, had ended the wait",)


def test_that_a_lost_cpu_went_down_is_inferred_where_no_line_says_so() -> None:
    before, gone = [under(1, 0x1), *FINAL], "psci: CPU1 killed (polled 0 ms)"
    told, not_told = (
        of_entry(explained(*before, *lines, *lost(1)), cpu_entries.CPU_LOST_ON_RETURN) for lines in ([gone], [])
    )
    assert told.inferred == ()
    assert not_told.inferred[0].startswith("that the CPU went down")
    denied = of_entry(explained(*before, "CPU1: failed to boot: -1"), cpu_entries.CPU_ON_DENIED)
    assert denied.happened.endswith("; online before and did not come back")


def test_a_cpu_that_comes_at_a_later_attempt_is_said_to() -> None:
    lines = ["CPU1: failed to boot: -1", "CPU1: Booted secondary processor 0x0000000001 [0x411fd403]"]
    finding = of_entry(explained(*FINAL, *lines), cpu_entries.CPU_ON_DENIED)
    assert finding.happened.endswith("; came online at a later attempt")
    assert len(finding.lines) == 2


def test_early_and_late_are_told_apart() -> None:
    booted = "CPU{0}: Booted secondary processor 0x000000000{0} [0x411fd403]"
    explanation = explained(booted.format(1), *FINAL, booted.format(2))
    assert of_entry(explanation, cpu_entries.EARLY_ONLINE).cpus == (1,)
    assert of_entry(explanation, cpu_entries.LATE_ONLINE).cpus == (2,)


def test_a_log_without_its_beginning_tells_them_apart_if_it_has_the_bring_up() -> None:
    booted = "CPU{0}: Booted secondary processor 0x000000000{0} [0x411fd403]"
    explanation = explained(booted.format(1), *FINAL, booted.format(2), head=[])
    assert of_entry(explanation, cpu_entries.EARLY_ONLINE).cpus == (1,)
    assert of_entry(explanation, cpu_entries.LATE_ONLINE).inferred == ()
    assert names(explained(booted.format(1), head=[])) == [cpu_entries.CAME_ONLINE.name]
    begun = explained("smp: Bringing up secondary CPUs ...", booted.format(1), head=[])
    assert of_entry(begun, cpu_entries.EARLY_ONLINE).cpus == (1,)
    back = explained("psci: CPU1 killed (polled 0 ms)", booted.format(1), head=[])
    assert of_entry(back, cpu_entries.BACK_ONLINE).cpus == (1,)


BOOTED = "CPU{0}: Booted secondary processor 0x000000000{0} [0x411fd403]"


@pytest.mark.parametrize("kernel", [HEAD, []])
def test_a_cpu_that_was_online_before_comes_back(kernel: list[str]) -> None:
    lines = [
        BOOTED.format(1),
        *FINAL,
        BOOTED.format(2),
        "psci: CPU1 killed (polled 0 ms)",
        f"[ 9.0] {BOOTED.format(1)}",
    ]
    explanation = explained(*lines, head=kernel)
    assert of_entry(explanation, cpu_entries.EARLY_ONLINE).cpus == (1,)
    assert of_entry(explanation, cpu_entries.LATE_ONLINE).cpus == (2,)
    back = of_entry(explanation, cpu_entries.BACK_ONLINE)
    assert (back.cpus, back.happened) == ((1,), "came back online, and passed the kernel's checks")


def test_a_late_cpu_comes_back_as_well() -> None:
    lines = [BOOTED.format(2), "psci: CPU2 killed (polled 0 ms)", f"[ 9.0] {BOOTED.format(2)}"]
    explanation = explained(*FINAL, *lines)
    assert of_entry(explanation, cpu_entries.LATE_ONLINE).cpus == (2,)
    assert of_entry(explanation, cpu_entries.BACK_ONLINE).cpus == (2,)


def test_every_cpu_that_a_resume_brings_up_was_online_before() -> None:
    resume = ["Enabling non-boot CPUs ...", BOOTED.format(1), "CPU1 is up", "PM: suspend exit"]
    cut = explained(*FINAL[1:], *resume, BOOTED.format(2), head=[])
    assert of_entry(cut, cpu_entries.BACK_ONLINE).cpus == (1,)
    assert of_entry(cut, cpu_entries.LATE_ONLINE).cpus == (2,)
    # A complete log has the first arrival of every CPU.
    whole = explained(BOOTED.format(1), *FINAL, resume[0], f"[ 9.0] {BOOTED.format(1)}", BOOTED.format(2))
    assert of_entry(whole, cpu_entries.BACK_ONLINE).cpus == (1,)
    assert of_entry(whole, cpu_entries.LATE_ONLINE).cpus == (2,)


def test_a_cpu_that_failed_to_come_back_at_first_came_back_later() -> None:
    lines = ["psci: CPU1 killed (polled 0 ms)", "CPU1: failed to boot: -1", f"[ 9.0] {BOOTED.format(1)}"]
    finding = of_entry(explained(BOOTED.format(1), *FINAL, *lines), cpu_entries.CPU_ON_DENIED)
    assert finding.happened.endswith("; came back at a later attempt")


UNSUPPORTED = ["psci: failed to boot CPU2 (-95)", "CPU2: failed to boot: -95"]


@pytest.mark.parametrize(
    ("lines", "entry"),
    [
        ([*UNSUPPORTED, *FINAL], cpu_entries.CPU_ON_UNSUPPORTED),
        ([BOOTED.format(1), *UNSUPPORTED, *FINAL], cpu_entries.CALL_UNSUPPORTED),
        ([*UNSUPPORTED, BOOTED.format(3), *FINAL], cpu_entries.CALL_UNSUPPORTED),
        ([*UNSUPPORTED, *FINAL, BOOTED.format(2)], cpu_entries.CALL_UNSUPPORTED),
        (
            [BOOTED.format(2), *FINAL, "psci: CPU2 killed (polled 0 ms)", *UNSUPPORTED],
            cpu_entries.CALL_UNSUPPORTED,
        ),
        ([*FINAL, "psci: CPU2 killed (polled 0 ms)", *UNSUPPORTED], cpu_entries.CALL_UNSUPPORTED),
    ],
)
def test_firmware_has_cpu_on_where_it_started_a_cpu(lines: list[str], entry: LogEntry) -> None:
    found = explained(*lines)
    assert of_entry(found, entry).cpus == (2,)
    assert {cpu_entries.CPU_ON_UNSUPPORTED.name, cpu_entries.CALL_UNSUPPORTED.name} & set(names(found)) == {entry.name}


@pytest.mark.parametrize(
    ("parameters", "entry"),
    [
        ("maxcpus=1", cpu_entries.LEFT_BY_MAXCPUS),
        ("nosmp maxcpus=1", cpu_entries.LEFT_BY_MAXCPUS),
        ("nosmp", cpu_entries.ABSENT),
        ("maxcpus=0", cpu_entries.ABSENT),
        ("maxcpus=x", cpu_entries.NEVER_STARTED),
        ("", cpu_entries.NEVER_STARTED),
    ],
)
def test_possible_cpus_that_no_line_names(parameters: str, entry: LogEntry) -> None:
    possible = "SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=4, Nodes=1"
    command_line = f"Kernel command line: quiet {parameters}"
    assert of_entry(explained(command_line, possible, *FINAL), entry).cpus == (1, 2, 3)
    # The lines of CPUs 1 to 3 are lost: the kernel counts them.
    all_came = explained(command_line, possible, "smp: Brought up 1 node, 4 CPUs")
    assert entry.name not in names(all_came)


# Features, KVM, crashes


def test_overrides_of_a_register_are_one_finding_with_the_names_of_fields() -> None:
    lines = [
        "CPU features: SYS_ID_AA64PFR1_EL1[27:24]: forced to 0",
        "CPU features: SYS_ID_AA64PFR1_EL1[3:0]: forced to 0",
        "CPU features: SYS_ID_AA64PFR1_EL1[11:8]: ignoring override to 5",
    ]
    explanation = explained(*lines)
    overridden = of_entry(explanation, feature_entries.OVERRIDDEN)
    assert overridden.happened == "the command line overrides ID_AA64PFR1_EL1: SME = 0, BT = 0"
    assert of_entry(explanation, feature_entries.OVERRIDE_IGNORED).happened.endswith("MTE = 5")


@pytest.mark.parametrize(
    ("before", "entry"),
    [
        (["CPU: All CPU(s) started at EL1"], kvm_entries.NO_HYP),
        (["CPU: CPUs started in inconsistent modes"], kvm_entries.NO_HYP_MISMATCH),
        (["Kernel command line: kvm-arm.mode=nvhe"], kvm_entries.NO_HYP_WANTED),
    ],
)
def test_why_hyp_mode_is_not_available_depends_on_what_came_before(before: list[str], entry: LogEntry) -> None:
    assert entry.name in names(explained(*before, "kvm [1]: HYP mode not available"))


def test_the_interface_of_another_gic_is_told_of_an_excerpt() -> None:
    line = "GICv3 system registers enabled, broken firmware!"
    finding = of_entry(explained("NR_IRQS: 64, nr_irqs: 64", line, head=[]), firmware_entries.SYSTEM_REGISTERS)
    assert finding.entry.severity is Severity.WARNING
    assert "GICv2" in causes_of(finding)


@pytest.mark.parametrize(
    ("code", "entry"),
    [
        ("00000004", crash_entries.INIT_ILLEGAL),
        ("00000084", crash_entries.INIT_ILLEGAL),
        ("00000007", crash_entries.OTHER_PANIC),
        ("0000000b", crash_entries.OTHER_PANIC),
        ("00000400", crash_entries.OTHER_PANIC),
    ],
)
def test_the_signal_that_killed_init_tells_whether_it_lacked_an_instruction(code: str, entry: LogEntry) -> None:
    (panic,) = explained(*FINAL, f"Kernel panic - not syncing: Attempted to kill init! exitcode=0x{code}").problems
    assert panic.entry is entry


def test_the_list_of_cpus_that_did_not_stop_is_not_said_to_be_of_those_alone() -> None:
    finding = of_entry(explained("SMP: failed to stop secondary CPUs 0-8"), crash_entries.NOT_STOPPED)
    assert "Before, it lists the CPU that asks as well" in finding.meaning
    assert "kernels from 6.7 on" in next_of(finding)


def test_an_undefined_instruction_in_the_idle_task_is_a_crash() -> None:
    idle, oops = "swapper/2[0]: undefined instruction: pc=ffffffc0006e77e4", "Internal error: Oops - undefined"
    for lines in ([idle], [idle, f"{oops} instruction: 0 [#1] PREEMPT SMP"]):
        crash = of_entry(explained(*lines), crash_entries.CRASH)
        assert [one.text for one in crash.lines] == lines
        assert "without an instruction" in causes_of(crash)


def test_a_panic_has_the_lines_of_its_crash() -> None:
    lines = [
        "Unable to handle kernel write to read-only memory at virtual address ffff8000802fc3dc",
        "Internal error: Oops: 96000044 [#1] SMP",
        "Kernel panic - not syncing: Attempted to kill the idle task!",
    ]
    explanation = explained(*lines)
    panic = of_entry(explanation, crash_entries.IDLE_TASK_PANIC)
    assert panic.happened.endswith("(write to read-only memory, Oops)")
    assert len(panic.lines) == 3
    assert crash_entries.CRASH.name not in names(explanation)
    assert crash_entries.CRASH.name in names(explained(*lines[:2]))


_NOT_USABLE = "Kernel panic - not syncing: CPU1 detected unsupported configuration"


@pytest.mark.parametrize(
    ("capability", "in_cpu", "words"),
    [
        ("GICv3 CPU interface", 0, 'lacks "GICv3 CPU interface"'),
        ("Virtualization Host Extensions", 1, 'has "Virtualization Host Extensions"'),
    ],
)
def test_the_panic_for_a_cpu_is_a_finding_with_its_reason(capability: str, in_cpu: int, words: str) -> None:
    conflict = f"Detected conflict for capability 41 ({capability}), System: {1 - in_cpu}, CPU: {in_cpu}"
    lines = [f"CPU features: CPU1: {conflict}", "CPU1: failed to come online", _NOT_USABLE]
    (panic,) = explained(*lines).problems
    assert panic.entry is crash_entries.CONFIGURATION_PANIC
    assert (panic.cpus, len(panic.lines), panic.inferred) == ((1,), 3, ())
    assert words in panic.happened
    (cut,) = explained(*lines[:2], head=[HEAD[0], "Linux version 6.18.1 (gcc)"]).problems
    assert cut.entry is crash_entries.CONFIGURATION_PANIC
    assert cut.inferred == ("the log does not have the panic, which follows a conflict of this capability",)


def test_a_panic_for_a_cpu_without_a_reason_is_told_as_well() -> None:
    (panic,) = explained(_NOT_USABLE).problems
    assert panic.happened.endswith("what every CPU must share")


def test_a_lost_cpu_may_be_one_at_another_level_where_the_log_says_that_levels_differ() -> None:
    lost = ["CPU1: failed to come online", "CPU1: failed in unknown state : 0x0"]
    finding = of_entry(explained(*lost, *BROUGHT_UP, "CPU: CPUs started in inconsistent modes"), cpu_entries.CPU_LOST)
    assert "exception level" in finding.inferred[0]
    assert of_entry(explained(*lost, *FINAL), cpu_entries.CPU_LOST).inferred == ()


def test_the_panic_for_smaller_asids_is_one_finding() -> None:
    lines = ["CPU1: smaller ASID size(8) than boot CPU (16)", "CPU1: failed to come online", _NOT_USABLE]
    (panic,) = explained(*lines).problems
    assert panic.entry is cpu_entries.SMALLER_ASID
    assert len(panic.lines) == 3


def test_a_cpu_that_started_at_el1_is_refused_for_its_level() -> None:
    conflict = "Detected conflict for capability 38 (ICV_DIR_EL1 trapping), System: 1, CPU: 0"
    (refused,) = explained(*FINAL, f"CPU features: CPU1: {conflict}", "CPU1: will not boot").problems
    assert refused.entry is cpu_entries.STARTED_BELOW_EL2


_NAMELESS = "CPU features: CPU1: Detected conflict for capability 5 ((null)), System: 1, CPU: 0"


@pytest.mark.parametrize("end", [BROUGHT_UP[1:], []])
def test_a_conflict_without_a_name_of_an_early_cpu_is_one_of_address_authentication(end: list[str]) -> None:
    lines = [BROUGHT_UP[0], _NAMELESS, "CPU1: will not boot", *end]
    finding = of_entry(explained(*lines), cpu_entries.DIFFERS_FROM_BOOT_CPU)
    assert finding.happened.endswith("on which the boot CPU alone decides: number 5, address authentication")
    assert finding.inferred == (
        "the log does not name the capability: for an early CPU it can be HAS_ADDRESS_AUTH, by Linux 6.12",
    )


def test_a_conflict_without_a_name_of_a_late_cpu_says_which_it_may_be() -> None:
    finding = of_entry(explained(*FINAL, _NAMELESS, "CPU1: will not boot"), cpu_entries.LACKS_CAPABILITY)
    assert finding.happened.endswith(
        "number 5, 32-bit programs or address authentication or floating point and Advanced SIMD or TCR2_EL1"
    )
    assert "(null)" not in finding.happened


def test_nameless_capabilities_of_two_numbers_are_two_problems() -> None:
    conflicts = [
        f"CPU features: CPU{cpu}: Detected conflict for capability {number} ((null)), System: 1, CPU: 0"
        for cpu, number in ((5, 25), (6, 25), (7, 3))
    ]
    problems = explained(*FINAL, *conflicts).problems
    assert [(one.entry, one.cpus) for one in problems] == [
        (cpu_entries.LACKS_CAPABILITY, (5, 6)),
        (cpu_entries.LACKS_CAPABILITY, (7,)),
    ]


@pytest.mark.parametrize("name", ["Address authentication (architected QARMA5 algorithm)", "Bogus thing"])
def test_nothing_said_of_an_early_refusal_is_of_late_cpus(name: str) -> None:
    conflict = f"CPU features: CPU1: Detected conflict for capability 7 ({name}), System: 1, CPU: 0"
    for reason in ([conflict], []):
        (finding,) = explained(BROUGHT_UP[0], *reason, "CPU1: will not boot", BROUGHT_UP[1]).problems
        assert not any("maxcpus" in one.text for one in finding.advice)
        assert "maxcpus" not in causes_of(finding)


def test_the_boot_cpu_decides_for_late_cpus_as_well() -> None:
    name = "Address authentication (IMP DEF algorithm)"
    conflict = f"CPU features: CPU1: Detected conflict for capability 7 ({name}), System: 1, CPU: 0"
    assert of_entry(explained(*FINAL, conflict), cpu_entries.DIFFERS_FROM_BOOT_CPU).happened.endswith(f'"{name}"')


def test_the_worst_comes_first_and_equals_in_the_order_of_the_log() -> None:
    lines = ["CPU3: failed to boot: -22", "CPU2: failed to come online", "Kernel panic - not syncing: VFS"]
    problems = explained(*FINAL, *lines).problems
    assert [one.entry for one in problems] == [
        crash_entries.OTHER_PANIC,
        cpu_entries.CPU_ON_INVALID,
        cpu_entries.CPU_LOST,
    ]


def test_a_cpu_that_is_missing_after_resume_is_lost_and_its_scenario_suspends() -> None:
    booted = "CPU{0}: Booted secondary processor 0x000000000{0} [0x411fd403]"
    resume = [
        *("Disabling non-boot CPUs ...", "psci: CPU2 killed (polled 0 ms)", "psci: CPU1 killed (polled 0 ms)"),
        *("Enabling non-boot CPUs ...", "CPU1: failed to come online", "CPU1: failed in unknown state : 0x0"),
        *("Error taking CPU1 up: -5", booted.format(2), "CPU2 is up", "PM: suspend exit"),
    ]
    early = [booted.format(1), booted.format(2), "smp: Brought up 1 node, 3 CPUs"]
    found = explained(*early, "devtmpfs: initialized", *resume)
    (lost,) = found.problems
    assert (lost.entry, lost.cpus, len(lost.lines)) == (cpu_entries.CPU_LOST_ON_RETURN, (1,), 3)
    assert found.reproduction is not None
    assert 'actions = [\n    { do = "suspend" },\n]' in found.reproduction.scenario


RESUMING = ["Disabling non-boot CPUs ...", "Enabling non-boot CPUs ..."]


@pytest.mark.parametrize(
    "lines",
    [
        [*RESUMING, "CPU1: failed to come online", "Error taking CPU1 up: -5"],
        ["CPU1: failed to come online", "Error taking CPU1 up: -5"],
        [*RESUMING, "CPU1: failed to come online     Error taking CPU1 up: -5"],
        ["CPU1: failed to come online", "psci_checker: Error occurred (-5) while trying to power up CPU 1"],
    ],
)
def test_a_cpu_that_is_to_come_back_was_online_even_if_an_excerpt_does_not_show_it(lines: list[str]) -> None:
    found = explained("CPU: All CPU(s) started at EL2", *lines, head=[])
    (lost,) = found.problems
    assert (lost.entry, lost.cpus) == (cpu_entries.CPU_LOST_ON_RETURN, (1,))


def test_a_cpu_that_is_answered_with_an_error_is_said_to_have_been_online() -> None:
    booted = "CPU1: Booted secondary processor 0x0000000001 [0x411fd403]"
    down = ["psci: CPU1 killed (polled 0 ms)", "psci: failed to boot CPU1 (-22)", "CPU1: failed to boot: -22"]
    (denied,) = explained(booted, *FINAL, *down).problems
    assert denied.happened.endswith("; online before, went down, and did not come back")


NOT_OFF = [
    "psci: CPU1 may not have shut down cleanly (AFFINITY_INFO reports 0)",
    "CPU1 may not have shut down cleanly: -110",
]


def test_a_cpu_that_does_not_go_off_and_its_next_cpu_on_are_one_incident() -> None:
    denied = ["psci: failed to boot CPU1 (-22)", "CPU1: failed to boot: -22"]
    (finding,) = explained(*FINAL, *NOT_OFF, *denied).problems
    assert (finding.entry, len(finding.lines)) == (cpu_entries.CPU_ON_STILL_ON, 4)
    found = explained(*FINAL, *NOT_OFF, "CPU1: Booted secondary processor 0x0000000001 [0x411fd403]")
    (finding,) = found.problems
    assert finding.entry is cpu_entries.NOT_OFF
    assert finding.happened.endswith("; came back later")
    assert cpu_entries.WENT_OFFLINE.name not in names(found)


@pytest.mark.parametrize(
    ("error", "entry"),
    [(-16, cpu_entries.BUSY), (-1, cpu_entries.TRUSTED_OS_STAYS), (-95, cpu_entries.NOT_SUSPENDED)],
)
def test_why_a_cpu_does_not_go_down_depends_on_the_errno(error: int, entry: LogEntry) -> None:
    assert entry.name in names(explained(*FINAL, f"Error taking CPU1 down: {error}"))


def test_an_errno_that_no_arm64_kernel_logs_is_named() -> None:
    (finding,) = explained("CPU1: failed to boot: -38").problems
    assert finding.entry is cpu_entries.CPU_WITHOUT_METHOD


def test_nodes_with_the_same_flaw_are_one_finding() -> None:
    flaws = [f"/cpus/cpu@{node}: missing enable-method property" for node in (1, 2, 3)]
    found = explained(*flaws, "/cpus/cpu@3: invalid reg property", "duplicate boot cpu reg property in DT")
    method = of_entry(found, cpu_entries.NO_ENABLE_METHOD)
    assert method.happened.startswith("/cpus/cpu@1, /cpus/cpu@2, /cpus/cpu@3: ")
    assert of_entry(found, firmware_entries.BAD_NODE).happened.startswith("/cpus/cpu@3: invalid reg property")
    assert of_entry(found, firmware_entries.BAD_BOOT_NODE).happened.startswith("a node of /cpus: ")


def test_a_mode_of_kvm_that_is_ignored_was_wanted_even_if_the_command_line_is_not_in_the_log() -> None:
    (finding,) = explained("KVM is not available. Ignoring kvm-arm.mode", "kvm [1]: HYP mode not available").problems
    assert finding.entry is kvm_entries.NO_HYP_WANTED
    assert "a mode of KVM (`kvm-arm.mode`)" in finding.happened


@pytest.mark.parametrize(
    "text",
    [
        "psci: [Firmware Bug]: failed to do something: -3",
        "CPU3: something went wrong, and it does not start: error 7",
        "GICv3: CPU2: something is missing here",
        "psci_checker: Missing PSCI operations, aborting tests",
        "/cpus/cpu@1: unsupported something",
    ],
)
def test_a_line_of_the_bring_up_that_is_not_known_is_listed(text: str) -> None:
    found = explained(*FINAL, text)
    assert [one.happened for one in found.problems] == [f"not known to this table: {text}"]
    assert found.problems[0].entry.is_harmless is None
    assert harmless_text(found.problems[0].entry, "read it yourself") == "not known, read it yourself"


def test_secondary_cpus_that_pass_through_op_tee_are_told_once() -> None:
    lines = [f"I/TC:{cpu} 0 Secondary CPU {cpu} switching to normal world boot" for cpu in (1, 4, 2)]
    finding = of_entry(explained(*lines, *FINAL), firmware_entries.OPTEE)
    assert len(finding.lines) == len(lines)
    assert finding.cpus == ()


def test_a_mode_of_idle_states_that_firmware_refuses_is_harmless() -> None:
    for text in ("psci: [Firmware Bug]: failed to set PC mode: -3", "psci: failed to set PC mode: -3"):
        finding = of_entry(explained(*FINAL, text), firmware_entries.SUSPEND_MODE)
        assert finding.entry.is_harmless
        assert finding.happened == "firmware answers -3 to the call that sets the PC mode of idle states"


@pytest.mark.parametrize(
    "text",
    [
        "psci: MIGRATE_INFO_TYPE not supported.",
        "psci: probing for conduit method from DT.",
        "psci: Trusted OS migration not required",
        "psci: SMC Calling Convention v1.1",
        "CPU features: detected: Unsupported something",
        "GICv3: CPU0: found redistributor 0 region 0:0x00000000080a0000",
        "usb 1-1: device descriptor read error",
        "cpu cpu0: failed to get clock",
    ],
)
def test_what_every_boot_logs_and_what_other_parts_log_is_not(text: str) -> None:
    assert not explained(*FINAL, text).problems


@pytest.mark.parametrize(
    ("lines", "possible"),
    [
        (["SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=3, Nodes=1"], 3),
        (["rcu: Adjusting geometry for rcu_fanout_leaf=16, nr_cpu_ids=1"], 1),
        (["SLUB: HWalign=64, CPUs=4, Nodes=1", "smp: Brought up 1 node, 3 CPUs"], 4),
        (["SLUB: HWalign=64, CPUs=3, Nodes=1", "smp: Brought up 1 node, 3 CPUs"], None),
    ],
)
def test_the_number_of_possible_cpus_is_told_if_it_is_not_that_of_online_ones(
    lines: list[str], possible: int | None
) -> None:
    found = [one.happened for one in explained(*lines).findings if one.entry is cpu_entries.POSSIBLE]
    count = "1 CPU" if possible == 1 else f"{possible} CPUs"
    assert found == ([] if possible is None else [f"the kernel knows {count}, and can bring up no more"])


def test_suspend_to_idle_takes_no_cpu_down() -> None:
    assert cpu_entries.SUSPENDED.name not in names(explained(*FINAL, "PM: suspend entry (s2idle)", "PM: suspend exit"))
    assert cpu_entries.SUSPENDED.name in names(explained(*FINAL, "Disabling non-boot CPUs ...", "PM: suspend exit"))


def test_a_log_that_ends_in_suspend_says_so() -> None:
    down = ["Disabling non-boot CPUs ...", "psci: CPU1 killed (polled 0 ms)"]
    assert cpu_entries.ENDS_SUSPENDED.name in names(explained(*FINAL, *down))
    assert cpu_entries.ENDS_SUSPENDED.name not in names(explained(*FINAL, *down, "Enabling non-boot CPUs ..."))


def test_a_log_without_features_says_nothing_of_sve() -> None:
    assert feature_entries.NO_SVE.name not in names(explained(*FINAL))
    assert feature_entries.NO_SVE.name in names(explained("CPU features: detected: Spectre-v2", *FINAL))


# The log decides which parts of an entry it has


def causes_of(finding: LogFinding) -> str:
    return " ".join(cause.text for cause in finding.causes)


def test_a_cpu_that_came_later_is_not_said_to_be_missing() -> None:
    refused = ["psci: failed to boot CPU1 (-1)", "CPU1: failed to boot: -1"]
    for further, consequence in (
        ([], "the system runs without the CPU; a later attempt may succeed"),
        ([BOOTED.format(1)], "until the CPU came online, the system ran without it"),
    ):
        finding = of_entry(explained(*FINAL, *refused, *further), cpu_entries.CPU_ON_DENIED)
        assert finding.consequence == consequence


def test_a_state_is_explained_where_a_line_tells_it() -> None:
    lost = ["CPU2: failed to come online", "CPU2: failed in unknown state : 0x0"]
    for lines in (lost, lost[:1]):
        finding = of_entry(explained(*FINAL, *lines), cpu_entries.CPU_LOST)
        assert ("State 0x0 means" in finding.meaning) is (len(lines) > 1)
        assert "1 s in kernels from before 2020" in finding.meaning


@pytest.mark.parametrize(
    ("parameters", "is_possible"), [("quiet", False), ("maxcpus=1", True), ("nosmp", True), (None, True)]
)
def test_maxcpus_is_a_cause_only_if_it_may_be_on_the_command_line(parameters: str | None, *, is_possible: bool) -> None:
    line = [] if parameters is None else [f"Kernel command line: {parameters}"]
    explanation = explained(*line, *FINAL, "CPU features: CPU1: missing HWCAP: SVE2", "CPU1: will not boot")
    finding = of_entry(explanation, cpu_entries.LACKS_HWCAP)
    assert ("`maxcpus=`" in causes_of(finding)) is is_possible


@pytest.mark.parametrize(("midr", "is_possible"), [("0x411fd0c1", False), ("0x411fd401", True), ("0x410fd0f0", True)])
def test_a_panic_of_sve_is_no_cause_on_a_core_without_it(midr: str, *, is_possible: bool) -> None:
    head = [
        f"Booting Linux on physical CPU 0x0000000000 [{midr}]",
        "Linux version 6.1.0-41-arm64 (gcc) Debian 6.1.158-1",
    ]
    explanation = explained(*FINAL, "Kernel panic - not syncing: HYP panic:", head=head)
    finding = of_entry(explanation, kvm_entries.HYP_PANIC)
    assert ("under pKVM with SVE" in causes_of(finding)) is is_possible


def test_a_conflict_of_sve_shows_that_the_system_has_it() -> None:
    conflict = "CPU features: CPU1: Detected conflict for capability 22 (Scalable Vector Extension), System: 1, CPU: 0"
    other = "CPU features: detected: LSE atomic instructions"
    for lines, has_none in (([other], True), ([other, conflict], False)):
        assert (feature_entries.NO_SVE.name in names(explained(*FINAL, *lines))) is has_none


@pytest.mark.parametrize(("version", "is_possible"), [("6.6.30", False), ("6.12.1", True)])
def test_the_cause_of_a_range_that_others_lowered_is_told_of_kernels_that_can_have_it(
    version: str, *, is_possible: bool
) -> None:
    explanation = explained(
        *FINAL, "CPU features: CPU1: IPA range mismatch", head=[HEAD[0], f"Linux version {version} (gcc)"]
    )
    (cause,) = [one for one in cpu_entries.IPA_RANGE.causes if "look at the system's value" in one.text]
    assert in_this_kernel(cause, explanation.flags) is is_possible


def test_an_enable_method_that_the_kernel_could_not_get_is_a_finding() -> None:
    line = "CPU: failed to get enable method for cpu@3"
    assert of_entry(explained(line), firmware_entries.UNKNOWN).lines[0].text == line


def test_the_sentence_on_several_cpus_names_none_of_them_as_one() -> None:
    of_the_system = {cpu_entries.PSCI_CONFLICT, cpu_entries.UNSUPPORTED_METHOD, cpu_entries.ENDS_SUSPENDED}
    for entry in cpu_entries.CPU_ENTRIES:
        if entry.severity is not Severity.NORMAL and entry not in of_the_system:
            assert not re.search(r"\b(it|its|lacks)\b", entry.happened), entry.title


def next_of(finding: LogFinding) -> str:
    return " ".join(one.text for one in finding.advice)


EINVAL = ["psci: failed to boot CPU1 (-22)", "CPU1: failed to boot: -22"]
DOWN = "psci: CPU1 killed (polled 0 ms)"


@pytest.mark.parametrize(
    ("lines", "is_new", "was_online"),
    [
        ([*FINAL, *EINVAL], True, False),
        ([BOOTED.format(1), *FINAL, DOWN, *EINVAL], False, True),
        ([*RESUMING, *EINVAL, "Error taking CPU1 up: -22"], False, True),
    ],
)
def test_what_is_wrong_with_the_tables_is_no_cause_of_a_cpu_that_was_online(
    lines: list[str], *, is_new: bool, was_online: bool
) -> None:
    finding = of_entry(explained(*lines), cpu_entries.CPU_ON_INVALID)
    for words in (causes_of(finding), next_of(finding)):
        assert ("MPIDR" in words) is is_new
        assert ("CPU_OFF" in words or "goes down" in words) is was_online


def test_an_excerpt_leaves_both_open() -> None:
    finding = of_entry(explained(*EINVAL, head=[]), cpu_entries.CPU_ON_INVALID)
    assert "MPIDR" in causes_of(finding)
    assert "CPU_OFF" in causes_of(finding)


def test_the_boot_cpu_was_online_even_in_an_excerpt() -> None:
    finding = of_entry(explained("CPU0: failed to boot: -22", head=[]), cpu_entries.CPU_ON_INVALID)
    assert "MPIDR" not in causes_of(finding)
    lost = of_entry(explained("CPU0: failed to come online", head=[]), cpu_entries.CPU_LOST_ON_RETURN)
    assert "maxcpus" not in next_of(lost)
    assert "maxcpus" in next_of(
        of_entry(explained(DOWN, "CPU1: failed to come online", head=[]), cpu_entries.CPU_LOST_ON_RETURN)
    )


HWCAP = ["CPU features: CPU1: missing HWCAP: SVE2", "CPU1: will not boot"]


def test_a_cpu_that_is_refused_when_it_comes_back_cannot_come_early() -> None:
    command_line = "Kernel command line: maxcpus=2"
    finding = of_entry(explained(command_line, BOOTED.format(1), *FINAL, DOWN, *HWCAP), cpu_entries.LACKS_HWCAP)
    assert [cause.text for cause in finding.causes] == [
        "the host moved the guest to another machine after the early CPUs came",
        "it does not set the CPU up as at its first start",
    ]
    assert next_of(finding).startswith("what firmware, or the guest's host, does when the CPU comes back")
    late = of_entry(explained(command_line, *FINAL, *HWCAP), cpu_entries.LACKS_HWCAP)
    assert "bring the CPU up early" in next_of(late)
    assert "comes back" not in next_of(late)


def test_a_finding_of_several_cpus_has_the_causes_of_each() -> None:
    begin = ["Kernel command line: maxcpus=2", BOOTED.format(1), *FINAL, DOWN]
    sanity = "CPU features: SANITY CHECK: Unexpected variation in SYS_DCZID_EL0. Boot CPU: 0x4, CPU{}: 0x5"
    back, late = sanity.format(1), sanity.format(2)
    for lines, cpus, may_be in (([back], (1,), False), ([back, late], (1, 2), True), ([late], (2,), True)):
        finding = of_entry(explained(*begin, *lines), feature_entries.SANITY_DANGER)
        assert finding.cpus == cpus
        assert ("`maxcpus=` makes a CPU late" in causes_of(finding)) is may_be


@pytest.mark.parametrize(
    ("capability", "is_hideable"),
    [
        ("Privileged Access Never", False),
        ("Speculative Store Bypassing Safe (SSBS)", False),
        ("Scalable Vector Extension", True),
        ("Bogus thing", True),
    ],
)
def test_a_feature_that_no_parameter_hides_is_not_said_to_be_hideable(capability: str, *, is_hideable: bool) -> None:
    conflict = f"CPU features: CPU1: Detected conflict for capability 29 ({capability}), System: 1, CPU: 0"
    finding = of_entry(explained(*FINAL, conflict), cpu_entries.LACKS_CAPABILITY)
    assert ("arm64.nosve" in next_of(finding)) is is_hideable


LOST = ["CPU1: failed to come online", "CPU1: failed in unknown state : 0x0"]
PERCPU = "percpu: Embedded 34 pages/cpu s100712 r8192 d30360 u139264"


@pytest.mark.parametrize(
    ("lines", "absent"),
    [
        ([*LOST, *FINAL], ("at EL1", "LSE")),
        ([*LOST, *BROUGHT_UP], ("LSE",)),
        ([*FINAL, *LOST], ()),
        (["psci: CPU2 killed (polled 0 ms)", *LOST], ("cpu-release-addr",)),
        (["Kernel command line: arm64.nosve", "psci: PSCIv1.1 detected in firmware.", *LOST], ()),
    ],
)
def test_what_a_lost_cpu_cannot_have_died_of_is_no_cause(lines: list[str], absent: tuple[str, ...]) -> None:
    words = causes_of(of_entry(explained(*lines), cpu_entries.CPU_LOST))
    for one in ("at EL1", "LSE", "cpu-release-addr", "accepts CPU_ON", "SVE or SME"):
        assert (one in words) is (one not in absent), one


@pytest.mark.parametrize(
    ("lines", "may_be"),
    [
        ([*LOST, *FINAL], True),
        ([*FINAL, *LOST], True),
        ([*LOST, "Kernel command line: id_aa64mmfr1.vh=0"], False),
    ],
)
@pytest.mark.parametrize("without_psci", [False, True])
def test_a_cpu_without_vhe_is_lost_on_a_kernel_that_may_use_it(
    lines: list[str], *, may_be: bool, without_psci: bool
) -> None:
    entry = cpu_entries.CPU_LOST_WITHOUT_PSCI if without_psci else cpu_entries.CPU_LOST
    found = of_entry(explained(*[PERCPU] * without_psci, *lines), entry)
    assert ("a CPU without VHE" in causes_of(found)) is may_be


def test_the_advice_to_come_one_by_one_is_for_early_cpus() -> None:
    assert "maxcpus=1" in next_of(of_entry(explained(*LOST, *FINAL), cpu_entries.CPU_LOST))
    assert "maxcpus=1" not in next_of(of_entry(explained(*FINAL, *LOST), cpu_entries.CPU_LOST))


def test_a_core_that_is_older_than_sve_and_sme_does_not_die_of_them() -> None:
    old = ["Booting Linux on physical CPU 0x0000000000 [0x410fd034]", "Linux version 6.12.1 (gcc)"]
    assert "SVE or SME" not in causes_of(of_entry(explained(*LOST, *FINAL, head=old), cpu_entries.CPU_LOST))


@pytest.mark.parametrize(
    ("lines", "entry"),
    [
        ([PERCPU, *LOST], cpu_entries.CPU_LOST_WITHOUT_PSCI),
        (["psci: probing for conduit method from DT.", PERCPU, *LOST], cpu_entries.CPU_LOST),
        (["psci: PSCIv1.1 detected in firmware.", PERCPU, *LOST], cpu_entries.CPU_LOST),
        ([*LOST], cpu_entries.CPU_LOST),
    ],
)
def test_a_log_that_shows_no_psci_is_of_a_spin_table(lines: list[str], entry: LogEntry) -> None:
    assert of_entry(explained(*lines), entry).cpus == (1,)
    assert cpu_entries.CPU_LOST_WITHOUT_PSCI.name not in names(explained(*lines, head=[]))


@pytest.mark.parametrize(
    ("lines", "entry", "is_inferred"),
    [
        (["CPU1: failed to boot: -6"], cpu_entries.NO_MAILBOX, True),
        (["CPU1: failed to boot: -5"], cpu_entries.MAILBOX_UNMAPPED, True),
        (["psci: PSCIv1.1 detected in firmware.", "CPU1: failed to boot: -6"], cpu_entries.CPU_NOT_STARTED, False),
        (["psci: failed to boot CPU1 (-5)", "CPU1: failed to boot: -5"], cpu_entries.CPU_NOT_STARTED, False),
        (["psci: failed to boot CPU1 (-12)"], cpu_entries.CPU_NOT_STARTED, False),
        (["CPU1: failed to boot: -12"], cpu_entries.CPU_NOT_STARTED, False),
        (["CPU1: failed to boot: -95"], cpu_entries.CPU_ON_UNSUPPORTED, True),
        (["psci: failed to boot CPU1 (-95)"], cpu_entries.CPU_ON_UNSUPPORTED, False),
        ([PERCPU, "CPU1: failed to boot: -95"], cpu_entries.CPU_NOT_STARTED, False),
        ([PERCPU, "CPU1: failed to boot: -6"], cpu_entries.NO_MAILBOX, True),
    ],
)
def test_what_gives_an_errno_depends_on_how_cpus_are_started(
    lines: list[str], entry: LogEntry, *, is_inferred: bool
) -> None:
    finding = of_entry(explained(*lines, BROUGHT_UP[1]), entry)
    assert (finding.cpus, bool(finding.inferred)) == ((1,), is_inferred)


def test_a_kernel_that_names_the_core_in_its_first_line_is_not_one_of_32_bits() -> None:
    line = "CPU1: failed to boot: -38"
    for head, may_be in (([HEAD[0]], False), ([], True)):
        finding = of_entry(explained(line, head=head), cpu_entries.CPU_WITHOUT_METHOD)
        assert ("32-bit kernel" in causes_of(finding)) is may_be


# What is asked for

CLIPPED = "Number of cores (64) exceeds configured maximum of 1 - clipping"
ELFCOREHDR = "OF: fdt: Reserving 64 KiB of memory at 0x00000000bfe00000 for elfcorehdr"


@pytest.mark.parametrize(
    ("lines", "entry"),
    [
        ([CLIPPED], cpu_entries.CLIPPED),
        (["Kernel command line: quiet", CLIPPED], cpu_entries.CLIPPED),
        ([CLIPPED, "Kernel command line: quiet nr_cpus=1"], cpu_entries.CLIPPED_BY_OPTION),
        ([ELFCOREHDR, CLIPPED], cpu_entries.CLIPPED_BY_OPTION),
        ([ELFCOREHDR, CLIPPED, "Kernel command line: quiet"], cpu_entries.CLIPPED),
    ],
)
def test_fewer_cpus_by_the_command_line_are_asked_for(lines: list[str], entry: LogEntry) -> None:
    explanation = explained(*lines, *FINAL)
    finding = of_entry(explanation, entry)
    assert bool(explanation.problems) is (entry is cpu_entries.CLIPPED)
    has_option = "nr_cpus=" in causes_of(finding)
    assert has_option is (entry is cpu_entries.CLIPPED_BY_OPTION or "Kernel command line: quiet" not in lines)


def test_nr_cpus_does_not_make_a_cpu_late() -> None:
    finding = of_entry(explained("Kernel command line: nr_cpus=2", *FINAL, *HWCAP), cpu_entries.LACKS_HWCAP)
    assert "maxcpus" not in causes_of(finding)


@pytest.mark.parametrize(
    ("line", "is_dump"),
    [
        ("Kernel command line: irqpoll nr_cpus=1 reset_devices", True),
        ("Kernel command line: elfcorehdr=0x7f000000", True),
        (ELFCOREHDR, True),
        ("Kernel command line: crashkernel=512M", False),
    ],
)
def test_a_kernel_for_a_crash_dump_is_named(line: str, *, is_dump: bool) -> None:
    head = ["Booting Linux on physical CPU 0x0000000201 [0x413fd0c1]", "Linux version 6.6.30 (gcc)"]
    explanation = explained(line, *FINAL, head=head)
    assert not explanation.problems
    assert (cpu_entries.CRASH_KERNEL.name in names(explanation)) is is_dump


def test_a_mitigation_that_the_command_line_switches_off_is_no_problem() -> None:
    explanation = explained(
        "Kernel command line: mitigations=off", "spectre-v2 mitigation disabled by command-line option", *FINAL
    )
    assert of_entry(explanation, feature_entries.MITIGATION_OFF).consequence.startswith("asked for")
    assert not explanation.problems


# PSCI and the GIC

NO_VERSION = "psci: PSCIv65535.65535 detected in firmware."


@pytest.mark.parametrize(
    ("lines", "entry"),
    [
        ([NO_VERSION, *FINAL], cpu_entries.NO_PSCI_VERSION),
        ([NO_VERSION, BOOTED.format(1), *FINAL], cpu_entries.NO_PSCI_VERSION),
        ([NO_VERSION, BOOTED.format(1), *UNSUPPORTED, *FINAL], cpu_entries.NO_PSCI_VERSION),
        ([NO_VERSION, *UNSUPPORTED, *FINAL], cpu_entries.NO_PSCI),
        (["psci: PSCIv1.1 detected in firmware.", *UNSUPPORTED, *FINAL], cpu_entries.PSCI_VERSION),
    ],
)
def test_whether_anything_answers_psci_is_told_by_what_came_of_it(lines: list[str], entry: LogEntry) -> None:
    of_version = {cpu_entries.NO_PSCI_VERSION, cpu_entries.NO_PSCI, cpu_entries.PSCI_VERSION}
    assert [one.entry for one in explained(*lines).findings if one.entry in of_version] == [entry]


@pytest.mark.parametrize(
    ("proof", "is_taken"),
    [
        ("psci: SMC Calling Convention v1.1", True),
        ("GICv3: CPU0: found redistributor 0 region 0:0x000000000c100000", True),
        ("arch_timer: cp15 timer(s) running at 8.00MHz (phys).", True),
        ("CPU: All CPU(s) started at EL2", False),
        ("$ uname -m\naarch64", False),
    ],
)
def test_what_32_bit_arm_logs_of_psci_shows_no_arm64(proof: str, *, is_taken: bool) -> None:
    lines = ["psci: probing for conduit method from DT.", "psci: PSCIv1.0 detected in firmware.", proof]
    assert explained(*lines, head=[]).is_taken_for_arm64 is is_taken


def test_cpus_without_a_redistributor_are_named() -> None:
    lines = ["CPU4: mpidr 100 has no re-distributor!", BOOTED.format(4)]
    explanation = explained(*lines, "GICv3: CPU 3's redistributor is inaccessible: this CPU can't be brought online")
    without = of_entry(explanation, firmware_entries.NO_REDISTRIBUTOR)
    assert (without.cpus, without.happened[-5:]) == ((4,), "0x100")
    assert of_entry(explanation, firmware_entries.REDISTRIBUTOR_CLOSED).cpus == (3,)


def test_lines_that_other_architectures_log_too_are_taken_for_arm64s() -> None:
    for line, entry in ((LOST[0], cpu_entries.CPU_LOST), ("CPU1: failed to boot: -22", cpu_entries.CPU_ON_INVALID)):
        excerpt, longer = explained(line, head=[]), explained(line, LOST[1], head=[])
        assert "32-bit Arm and RISC-V log the same" in of_entry(excerpt, entry).inferred[-1]
        assert (excerpt.is_taken_for_arm64, longer.is_taken_for_arm64) == (True, False)
        assert not any("RISC-V" in one for one in longer.problems[0].inferred)


@pytest.mark.parametrize(
    "line",
    [
        "kvm [1]: Hyp nVHE mode initialized successfully",
        "arch_timer: cp15 timer(s) running at 62.50MHz (virt).",
        "Kernel command line: id_aa64mmfr1.vh=0",
    ],
)
def test_a_kernel_that_does_not_run_at_el2_has_no_cpu_that_dies_below_it(line: str) -> None:
    for lines, may_be in ((LOST, True), ([*LOST, line], False)):
        assert ("at EL1" in causes_of(of_entry(explained(*lines), cpu_entries.CPU_LOST))) is may_be
    differ = "CPU: CPUs started in inconsistent modes"
    assert of_entry(explained(*LOST, line, differ), cpu_entries.CPU_LOST).inferred == ()


def test_cpus_of_the_same_midr_are_not_two_kinds_of_cores() -> None:
    sanity = "CPU features: SANITY CHECK: Unexpected variation in SYS_DCZID_EL0. Boot CPU: 0x4, CPU1: 0x5"
    for midr, may_be in (("0x411fd403", False), ("0x411fd413", True)):
        booted = f"CPU1: Booted secondary processor 0x0000000001 [{midr}]"
        finding = of_entry(explained(sanity, booted, *FINAL), feature_entries.SANITY_DANGER)
        assert ("of two kinds" in causes_of(finding)) is may_be


def test_a_lost_cpu_is_a_cause_of_a_stall_only_if_one_was_lost() -> None:
    stall = "rcu: INFO: rcu_sched detected stalls on CPUs/tasks:"
    for lines, may_be in ((LOST, True), ([], False)):
        finding = of_entry(explained(*lines, *FINAL, stall), crash_entries.STALL)
        assert ("a CPU was lost" in causes_of(finding)) is may_be
        assert ("whether a CPU was lost" in next_of(finding)) is may_be


def test_a_cpu_that_must_stay_has_the_causes_that_the_log_leaves() -> None:
    stays = "Error taking CPU1 down: -1"
    not_resident, options = "psci: Trusted OS migration not required", "Kernel command line: quiet"
    for lines, absent in (
        ([], ()),
        ([not_resident], ("trusted OS",)),
        ([options], ("allow_mismatched",)),
        ([not_resident, options], ("trusted OS", "allow_mismatched")),
    ):
        words = causes_of(of_entry(explained(*lines, *FINAL, stays), cpu_entries.TRUSTED_OS_STAYS))
        assert [one for one in ("trusted OS", "allow_mismatched") if one not in words] == list(absent)


READ_ONLY = "Unable to handle kernel write to read-only memory at virtual address ffff8000802fc3dc"
NULL = "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000000"
UNDEFINED = "Internal error: Oops - Undefined instruction: 0000000002000000 [#1] SMP"


@pytest.mark.parametrize(
    ("lines", "possible"),
    [
        ([], ["breakpoints", "read-only", "lacks an instruction"]),
        ([READ_ONLY, "Internal error: Oops: 96000044 [#1] SMP"], ["read-only"]),
        ([NULL, "Internal error: Oops: 96000004 [#1] SMP"], []),
        ([UNDEFINED], ["breakpoints", "lacks an instruction"]),
    ],
)
def test_a_crash_has_the_causes_of_its_kind(lines: list[str], possible: list[str]) -> None:
    panic = "Kernel panic - not syncing: Attempted to kill the idle task!"
    words = causes_of(of_entry(explained(*lines, panic), crash_entries.IDLE_TASK_PANIC))
    assert [one for one in ("breakpoints", "read-only", "lacks an instruction") if one in words] == possible
    if lines:
        crash = of_entry(explained(*lines), crash_entries.CRASH)
        assert ("without an instruction" in causes_of(crash)) is (UNDEFINED in lines)


def test_a_kernel_before_4_17_says_otherwise_that_a_capability_is_missing() -> None:
    lines = ["CPU features: CPU1: missing feature: Privileged Access Never", "CPU1: will not boot"]
    finding = of_entry(explained(*FINAL, *lines), cpu_entries.LACKS_CAPABILITY)
    assert finding.happened == 'refused for lack of a capability that the system uses: "Privileged Access Never"'
    assert len(finding.lines) == 2
    assert "arm64.nosve" not in next_of(finding)


# The kernel's test of PSCI


FAILED_TEST = "psci_checker: Error occurred ({}) while trying to power up CPU 1"


@pytest.mark.parametrize(
    ("lines", "entry"),
    [
        ([*lost(1), FAILED_TEST.format(-5)], cpu_entries.CPU_LOST_ON_RETURN),
        (["psci: failed to boot CPU1 (-22)", FAILED_TEST.format(-22)], cpu_entries.CPU_ON_INVALID),
    ],
)
def test_a_cpu_that_the_kernel_s_own_test_took_down_cannot_be_kept_online(lines: list[str], entry: LogEntry) -> None:
    tested = of_entry(explained(*lines, head=[]), entry)
    assert "the kernel's own test of PSCI, which it makes at each boot, took it down" in tested.happened
    assert "CONFIG_ARM_PSCI_CHECKER" in causes_of(tested)
    assert "a kernel without CONFIG_ARM_PSCI_CHECKER" in next_of(tested)
    assert "keep the CPU online" not in next_of(tested)
    by_user = of_entry(explained("psci: CPU1 killed (polled 0 ms)", *lines[:-1], head=[]), entry)
    assert "CHECKER" not in causes_of(by_user) + next_of(by_user)
    assert "keep the CPU online" in next_of(by_user)


def toggled(first_s: float, step_s: float, *, one_by_one: bool = False) -> list[str]:
    """Three CPUs of an excerpt go down and come back, and CPU4 comes."""
    down = [f"psci: CPU{cpu} killed (polled 0 ms)" for cpu in (1, 2, 3)]
    up = [f"CPU{cpu}: Booted secondary processor {cpu:#012x} [0x412fd050]" for cpu in (1, 2, 3, 4)]
    lines = [line for pair in zip(down, up, strict=False) for line in pair] + up[3:] if one_by_one else down + up
    return [f"[{first_s + step_s * place:12.6f}] {line}" for place, line in enumerate(lines)]


@pytest.mark.parametrize(
    ("lines", "is_likely"),
    [
        (toggled(1.5, 0.001), True),
        (toggled(1.5, 0.1), False),
        (toggled(60, 0.001), False),
        (toggled(1.5, 0.001, one_by_one=True), False),
        (["[    1.400000] psci_checker: PSCI checker started using 5 CPUs", *toggled(1.5, 0.001)], False),
        (["[    1.400000] Disabling non-boot CPUs ...", *toggled(1.5, 0.001)], False),
    ],
)
def test_cpus_that_go_and_come_at_once_soon_after_the_start_are_likely_tested(
    lines: list[str], *, is_likely: bool
) -> None:
    explanation = explained(*lines, head=[])
    for entry in (cpu_entries.WENT_OFFLINE, cpu_entries.BACK_ONLINE):
        inferred = " ".join(of_entry(explanation, entry).inferred)
        assert ("CONFIG_ARM_PSCI_CHECKER" in inferred) is is_likely
    # The test brings up only what it took down; else the early bring-up is over once a CPU has come back.
    expected = cpu_entries.BACK_ONLINE if is_likely else cpu_entries.LATE_ONLINE
    assert 4 in of_entry(explanation, expected).cpus
    assert cpu_entries.CAME_ONLINE.name not in names(explanation)


@pytest.mark.parametrize(("stamp", "is_early"), [("[    0.001399] ", True), ("[    9.001399] ", False), ("", False)])
def test_an_attempt_right_after_the_start_is_the_cpu_s_first(stamp: str, *, is_early: bool) -> None:
    (finding,) = explained(f"{stamp}psci: failed to boot CPU1 (-22)", head=[]).findings
    assert ("its CPU_OFF did not end" in causes_of(finding)) is not is_early
    assert ("keep the CPU online" in next_of(finding)) is not is_early


def test_a_cpu_without_an_enable_method_may_wait_in_a_spin_table() -> None:
    line = "/cpus/cpu@1: missing enable-method property"
    assert "`cpu-release-addr`" in next_of(of_entry(explained(line), cpu_entries.NO_ENABLE_METHOD))
    with_psci = explained("psci: PSCIv1.1 detected in firmware.", "psci: CPU2 killed (polled 0 ms)", line)
    assert "spin-table" not in next_of(of_entry(with_psci, cpu_entries.NO_ENABLE_METHOD))
