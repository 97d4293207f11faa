"""Kernel logs as text: stamps, colours, quotes, repeated lines, and a line of each kind."""

import re

import pytest

from sim.importer import explained_lines, firmware_lines, suspend_lines
from sim.importer.explained_lines import OverrideEffect
from sim.importer.log_lines import (
    BootedLine,
    BootLine,
    Bound,
    BroughtUpLine,
    CommandLineLine,
    ConflictLine,
    CrashReleaseLine,
    DetectedLine,
    DiedLine,
    ExceptionLevelLine,
    GuestsLimitedLine,
    Hex,
    HypMismatch,
    HypMismatchLine,
    ICacheLine,
    InconsistentModesLine,
    InitcallLine,
    KilledLine,
    KvmDisabledLine,
    KvmFailedLine,
    KvmReadyLine,
    KvmUnavailableLine,
    LengthsLine,
    LengthsVerdict,
    LogLine,
    MismatchLine,
    MissingHwcapLine,
    NotKilledLine,
    NotOnlineLine,
    NotStartedLine,
    PageSizeLine,
    PanicLine,
    PossibleLine,
    ReleaseLine,
    SanityLine,
    SmallerAsidLine,
    StuckLine,
    TimerLine,
    UnameLine,
    UnknownStateLine,
    UnsupportedLine,
    UnvirtualisableLine,
    VectorLengthLine,
    WillNotBootLine,
)
from sim.importer.log_reader import parse_kernel_log
from sim.importer.log_text import ALL_KINDS, beginning_of, understood_lines
from sim.vectors import VectorType
from tests.importer.machines import dmesg_of

SVE, SME = VectorType
MIDR = Hex(0x411FD403)
LINES: list[tuple[str, LogLine]] = [
    ("Booting Linux on physical CPU 0x0000000a00 [0x411fd403]", BootLine(Hex(0xA00), MIDR)),
    ("Linux version 6.12.1-arm64 (gcc)", ReleaseLine("6.12.1-arm64")),
    ("Dentry cache hash table entries: 65536 (order: 5, 524288 bytes, linear)", PageSizeLine(5, 524288)),
    (
        "Linux version 6.1.0-27-arm64 (b@h) (gcc-12 (Debian 12.2.0-14) 12.2.0) #1 SMP Debian 6.1.115-1 (2024-11-01)",
        ReleaseLine("6.1.0-27-arm64", debian="6.1.115"),
    ),
    (
        "Linux version 6.1.0-rpi7-rpi-v8 (gcc) #1 SMP PREEMPT Debian 1:6.1.63-1+rpt1 (2023-11-24)",
        ReleaseLine("6.1.0-rpi7-rpi-v8", debian="6.1.63"),
    ),
    (
        (
            "Linux version 6.8.0-45-generic (b@h) (gcc-13 (Ubuntu 13.2.0-23ubuntu4) 13.2.0, GNU ld (GNU Binutils for "
            "Ubuntu) 2.42) #45-Ubuntu SMP PREEMPT_DYNAMIC Fri Aug 30 2024 (Ubuntu 6.8.0-45.45-generic 6.8.12)"
        ),
        ReleaseLine("6.8.0-45-generic", ubuntu="6.8.12"),
    ),
    (
        "Linux pi5 6.12.75+rpt-rpi-2712 #1 SMP PREEMPT Debian 1:6.12.75-1+rpt1 (2026-03-11) aarch64 GNU/Linux",
        UnameLine("6.12.75+rpt-rpi-2712", debian="6.12.75"),
    ),
    ("CPU: 0 PID: 295 Comm: sh Not tainted 4.19.133", CrashReleaseLine("4.19.133")),
    ("CPU: 0 PID: 0 Comm: swapper/0 Not tainted 5.10.110 #3", CrashReleaseLine("5.10.110")),
    (
        "CPU: 0 UID: 0 PID: 1 Comm: init Tainted: G                T  6.12.76-android16-6-gf091f196a7ae-dirty #1",
        CrashReleaseLine("6.12.76-android16-6-gf091f196a7ae-dirty"),
    ),
    (
        "CPU: 3 PID: 77 Comm: kworker/3:1 Tainted: G        W          6.1.0-27-arm64 #1  Debian 6.1.115-1",
        CrashReleaseLine("6.1.0-27-arm64", debian="6.1.115"),
    ),
    (
        "Linux version 6.8.0-45-generic (b@h) (gcc-13 (Ubuntu 13.2.0-23ubuntu4) 13.2.0) #45-Ubuntu SMP",
        ReleaseLine("6.8.0-45-generic"),
    ),
    ("Kernel command line: 0x10 maxcpus=2", CommandLineLine("0x10 maxcpus=2")),
    ("SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=6, Nodes=1", PossibleLine(6)),
    ("rcu: \tRCU restricting CPUs from NR_CPUS=512 to nr_cpu_ids=6.", PossibleLine(6)),
    ("setup_percpu: NR_CPUS:256 nr_cpumask_bits:8 nr_cpu_ids:8 nr_node_ids:1", PossibleLine(8)),
    ("CPU12: Booted secondary processor 0x0000000102 [0x411fd403]", BootedLine(12, Hex(0x102), MIDR)),
    ("smp: Brought up 1 node, 3 CPUs", BroughtUpLine(3)),
    ("smp: Brought up 2 nodes, 1 CPU", BroughtUpLine(1)),
    ("SMP: Total of 3 processors activated.", BroughtUpLine(3)),
    ("CPU: All CPU(s) started at EL2", ExceptionLevelLine("EL2")),
    ("arch_timer: cp15 and mmio timer(s) running at 19.20MHz (virt/virt).", TimerLine("virt")),
    ("arch_timer: cp15 timer running at 62.50MHz (hyp-phys).", TimerLine("hyp-phys")),
    ("arm_arch_timer: Architected cp15 timer(s) running at 61.50MHz (virt).", TimerLine("virt")),
    ("Architected cp15 timer(s) running at 50.00MHz (phys).", TimerLine("phys")),
    ("SVE: maximum available vector length 32 bytes per vector", VectorLengthLine(SVE, Bound.MAXIMUM, 32)),
    ("SVE: default vector length 64 bytes per vector", VectorLengthLine(SVE, Bound.DEFAULT, 64)),
    ("SME: minimum available vector length 16 bytes per vector", VectorLengthLine(SME, Bound.MINIMUM, 16)),
    ("SVE: unvirtualisable vector lengths present", UnvirtualisableLine()),
    ("KVM: SVE vector length for guests limited to 16 bytes", GuestsLimitedLine(16)),
    ("kvm [1]: Protected hVHE mode initialized successfully", KvmReadyLine("Protected hVHE ")),
    ("kvm [1]: HYP mode not available", KvmUnavailableLine()),
    ("kvm [1]: KVM disabled from command line", KvmDisabledLine()),
    ("kvm [1]: error initializing Hyp mode: -12", KvmFailedLine(-12)),
    ("devtmpfs: initialized", InitcallLine()),
    ("Freeing unused kernel memory: 4K", InitcallLine()),
    ("Run /init as init process", InitcallLine()),
    ("CPU features: detected: Scalable Matrix Extension", DetectedLine("Scalable Matrix Extension")),
    (
        "CPU features: SANITY CHECK: Unexpected variation in SYS_ID_AA64PFR0_EL1. Boot CPU: 0x1, CPU3: 0x100000002",
        SanityLine(3, "ID_AA64PFR0_EL1", Hex(1), Hex(0x1_0000_0002)),
    ),
    ("CPU features: CPU4: missing HWCAP: SVE2", MissingHwcapLine(4, "SVE2")),
    (
        "CPU features: CPU5: Detected conflict for capability 67 (Scalable Vector Extension), System: 1, CPU: 0",
        ConflictLine(5, "Scalable Vector Extension", number=67),
    ),
    ("SVE: cpu3: Required vector length(s) missing", LengthsLine(3, SVE, LengthsVerdict.MISSING)),
    ("SME: cpu3: Unsupported vector length(s) present", LengthsLine(3, SME, LengthsVerdict.UNSUPPORTED)),
    ("SVE: cpu3: would increase maximum VL", LengthsLine(3, SVE, LengthsVerdict.ABOVE_MAXIMUM)),
    ("CPU features: CPU3: SVE: vector length support mismatch", MismatchLine(3, SVE)),
    (
        "CPU features: CPU5: Detected conflict for capability 15 (Spectre-v2), System: 0, CPU: 1",
        ConflictLine(5, "Spectre-v2", in_system=False, in_cpu=True, number=15),
    ),
    (
        "CPU5: Detected conflict for capability 3 ((null)), System: 1, CPU: 0",
        ConflictLine(5, "(null)", number=3),
    ),
    ("CPU features: CPU4: missing HWCAP: KERNEL_HWCAP_SVE2", MissingHwcapLine(4, "SVE2", "KERNEL_HWCAP_")),
    ("CPU features: CPU4: missing HWCAP: SVE2", MissingHwcapLine(4, "SVE2")),
    ("CPU features: CPU4: VMID width mismatch", HypMismatchLine(4, HypMismatch.VMID)),
    ("CPU4: IPA range mismatch", HypMismatchLine(4, HypMismatch.IPA)),
    ("CPU3: smaller ASID size(8) than boot CPU (16)", SmallerAsidLine(3, 8, 16)),
    ("CPU3: will not boot", WillNotBootLine(3, "will not boot")),
    ("CPU3: is stuck in kernel", StuckLine(3, "is stuck in kernel")),
    ("CPU3: does not support 4K granule", UnsupportedLine(3, "does not support 4K granule")),
    ("CPU3: failed in unknown state : 0x0", UnknownStateLine(3, Hex(0))),
    ("CPU3: died during early boot", DiedLine(3)),
    ("CPU: CPUs started in inconsistent modes", InconsistentModesLine()),
    ("CPU3: failed to come online", NotOnlineLine(3)),
    ("CPU3: failed to boot: -22", NotStartedLine(3, -22)),
    ("psci: CPU3 killed (polled 0 ms)", KilledLine(3)),
    ("psci: CPU3 may not have shut down cleanly (AFFINITY_INFO reports 0)", NotKilledLine(3)),
    ("Kernel panic - not syncing: VFS", PanicLine("Kernel panic - not syncing: VFS")),
    (
        "SANITY CHECK: Unexpected variation in cntfrq. Boot CPU: 0x18cba80, CPU4: 0x0",
        SanityLine(4, "cntfrq", Hex(0x18CBA80), Hex(0)),
    ),
    ("Brought up 4 CPUs", BroughtUpLine(4)),
    # Lines that only an explanation reads
    ("Booting Linux on physical CPU 0x100", explained_lines.OldBootLine(Hex(0x100))),
    ("Boot CPU: AArch64 Processor [410fd034]", explained_lines.OldCoreLine(Hex(0x410FD034))),
    ("CPU2: Booted secondary processor [410fd034]", explained_lines.OldBootedLine(2, Hex(0x410FD034))),
    ("CPU2: Booted secondary processor", explained_lines.OldBootedLine(2)),
    ("psci: PSCIv1.1 detected in firmware.", explained_lines.PsciVersionLine("1.1")),
    ("psci: Conflicting PSCI version detected.", explained_lines.PsciConflictLine()),
    ("psci: Trusted OS resident on physical CPU 0x0", explained_lines.TrustedOsLine(Hex(0))),
    ("psci: failed to boot CPU1 (-22)", explained_lines.PsciNotStartedLine(1, -22)),
    ("psci: no cpu_on method, not booting CPU1", explained_lines.NoCpuOnLine(1)),
    ("CPU 1: missing or invalid cpu-release-addr property", explained_lines.NoReleaseAddressLine(1)),
    ("/cpus/cpu@1: missing enable-method property", explained_lines.EnableMethodLine("/cpus/cpu@1")),
    ("Unsupported enable-method: acme,smp", explained_lines.UnsupportedMethodLine("acme,smp")),
    ("Unsupported ACPI enable-method", explained_lines.UnsupportedMethodLine()),
    ("missing boot CPU MPIDR, not enabling secondaries", explained_lines.NoBootCpuLine()),
    ("DT missing boot CPU MPIDR[23:0], not enabling secondaries", explained_lines.NoBootCpuLine()),
    ("Number of cores (8) exceeds configured maximum of 4 - clipping", explained_lines.ClippedLine(8, 4)),
    ("smp: Bringing up secondary CPUs ...", explained_lines.BringingUpLine()),
    ("CPU1: may not have shut down cleanly", explained_lines.UncleanLine(1)),
    ("CPU1: cpu didn't die", explained_lines.UncleanLine(1)),
    ("CPU1: shutdown", explained_lines.ShutdownLine(1)),
    ("CPU1 is up", suspend_lines.CpuIsUpLine(1)),
    ("Error taking CPU1 up: -5", suspend_lines.ResumeErrorLine(1, "up", -5)),
    ("Disabling non-boot CPUs ...", suspend_lines.SuspendLine("Disabling")),
    ("Non-boot CPUs are not disabled", suspend_lines.SuspendGivenUpLine()),
    ("PM: suspend exit", suspend_lines.SuspendEndLine()),
    ("PM: hibernation: hibernation exit", suspend_lines.SuspendEndLine()),
    ("CPU1: Unknown ASID size (1); assuming 8-bit", explained_lines.UnknownAsidLine(1, 1)),
    ("CPU features: Unsupported CPU feature variation detected.", explained_lines.VariationLine()),
    ("CPU features: detected: Spectre-v2", explained_lines.OtherFeatureLine("Spectre-v2")),
    (
        "CPU features: detected CPU4: Activity Monitors Unit",
        explained_lines.OtherFeatureLine("Activity Monitors Unit", 4),
    ),
    ("Detected PIPT I-cache on CPU4", ICacheLine(4, "PIPT")),
    ("Detected RESERVED/UNKNOWN I-cache on CPU0", ICacheLine(0, "RESERVED/UNKNOWN")),
    ("detected feature: 32-bit EL0 Support", explained_lines.OtherFeatureLine("32-bit EL0 Support")),
    (
        "CPU features: enabling workaround for ARM erratum 845719",
        explained_lines.OtherFeatureLine("ARM erratum 845719"),
    ),
    (
        "CPU features: SYS_ID_AA64PFR1_EL1[3:0]: forced to 0",
        explained_lines.OverrideLine("ID_AA64PFR1_EL1", 3, 0, OverrideEffect.FORCED, Hex(0)),
    ),
    (
        "CPU features: SYS_ID_AA64MMFR2_EL1[19:16]: impossible override, ignored",
        explained_lines.OverrideLine("ID_AA64MMFR2_EL1", 19, 16, OverrideEffect.IMPOSSIBLE),
    ),
    (
        "CPU features: kernel page table isolation forced ON by KASLR",
        explained_lines.KptiLine("forced ON", "KASLR"),
    ),
    ("KASLR disabled due to lack of seed", explained_lines.KaslrLine("disabled")),
    (
        "alternatives: applying system-wide alternatives",
        explained_lines.AlternativesLine("applying system-wide alternatives"),
    ),
    (
        "CPU features: Asymmetric 32-bit EL0 support detected on CPU 4; CPU hot-unplug disabled on CPU 0",
        explained_lines.Asymmetric32Line(4, 0),
    ),
    ("CPU features: No Cache Writeback Granule information, assuming 128", explained_lines.NoGranuleLine(128)),
    (
        "spectre-v2 mitigation disabled by command-line option",
        explained_lines.MitigationOffLine("spectre-v2", "command-line"),
    ),
    (
        "spectre-bhb mitigation disabled by compile time option",
        explained_lines.MitigationOffLine("spectre-bhb", "compile time"),
    ),
    (
        "WARNING: CPU: 1 PID: 0 at arch/arm64/kernel/proton-pack.c:64 update_mitigation_state+0x5c/0x70",
        explained_lines.WorseMitigationLine(),
    ),
    ("SVE: cpu2: increases maximum VL to 64", explained_lines.RaisedMaximumLine(2, SVE, 64)),
    ("KVM is not available. Ignoring kvm-arm.mode", explained_lines.KvmModeIgnoredLine()),
    ("Protected KVM not available with VHE", explained_lines.ProtectedWithVheLine()),
    ("kvm [1]: PAGE_SIZE not supported at Stage-2, giving up", explained_lines.StageTwoLine()),
    (
        "kvm [1]: Guests without required CPU erratum workarounds can deadlock system!",
        explained_lines.DeadlockLine(),
    ),
    ("kvm [1]: IPA Size Limit: 40 bits", explained_lines.IpaLimitLine(40)),
    ("Failed to finalize Hyp protection: -22", explained_lines.ProtectionFailedLine()),
    (
        "kvm [50]: nVHE hyp panic at: [<ffff800080252f28>] __kvm_nvhe___sve_save_state+0x8/0xf4!",
        explained_lines.HypPanicLine("panic", "__kvm_nvhe___sve_save_state+0x8/0xf4!"),
    ),
    (
        "kvm [95]: nVHE hyp BUG at: arch/arm64/kvm/hyp/nvhe/mem_protect.c:540!",
        explained_lines.HypPanicLine("BUG", "arch/arm64/kvm/hyp/nvhe/mem_protect.c:540!"),
    ),
    (
        "Kernel panic - not syncing: CPU3 detected unsupported configuration",
        explained_lines.ConfigurationPanicLine(
            "Kernel panic - not syncing: CPU3 detected unsupported configuration", 3
        ),
    ),
    (
        "Kernel panic - not syncing: Attempted to kill the idle task!",
        explained_lines.IdleTaskPanicLine("Kernel panic - not syncing: Attempted to kill the idle task!"),
    ),
    (
        "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000004",
        explained_lines.InitIllegalPanicLine("Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000004"),
    ),
    (
        "Kernel panic - not syncing: HYP panic:",
        explained_lines.HypervisorPanicLine("Kernel panic - not syncing: HYP panic:"),
    ),
    (
        "Unable to handle kernel write to read-only memory at virtual address ffff8000802fc3dc",
        explained_lines.FaultLine("write to read-only memory"),
    ),
    (
        "Internal error: Oops - Undefined instruction: 0000000002000000 [#1] SMP",
        explained_lines.OopsLine("Oops - Undefined instruction"),
    ),
    ("CPU1 may not have shut down cleanly: -110", explained_lines.NotDeadLine(1)),
    ("CPU1 failed to report dead state", explained_lines.NotDeadLine(1)),
    ("Unhandled Exception in EL3.", explained_lines.FirmwareExceptionLine()),
    (
        "CPU features: GIC system register CPU interface present but disabled by higher exception level",
        explained_lines.DisabledAboveLine("GIC system register CPU interface"),
    ),
    ("SError Interrupt on CPU1, code 0xbe000011 -- SError", explained_lines.SErrorLine(1)),
    ("swapper/2[0]: undefined instruction: pc=ffffffc0006e77e4", explained_lines.IdleUndefinedLine(2)),
    ("CPU1: stopping", explained_lines.StoppedLine(1)),
    ("ASID allocator initialised with 32768 entries", explained_lines.AsidsLine(32768)),
    *(
        (text, explained_lines.Arm64Line())
        for text in (
            "Mem abort info:",
            "  ESR = 0x000000008600000e",
            "  EC = 0x21: IABT (current EL), IL = 32 bits",
            "pstate: 60000085 (nZCv daIf -PAN -UAO -TCO BTYPE=--)",
            "x29: ffffffc0304efcf0 x28: 0000000000000002",
            "[<ffffffc001083dac>] el1_irq+0x6c/0xd8",
            " el1h_64_irq+0x78/0x7c",
            " dump_backtrace+0x108/0x21c",
            "Root IRQ handler: aic_handle_irq",
            "Root FIQ handler: aic_handle_fiq",
            "Enabled setend support",
        )
    ),
    ("rcu: INFO: rcu_sched detected stalls on CPUs/tasks:", explained_lines.StallLine()),
    ("watchdog: BUG: soft lockup - CPU#3 stuck for 22s!", explained_lines.LockupLine(3)),
    ("watchdog: Watchdog detected hard LOCKUP on cpu 2", explained_lines.LockupLine(2)),
    ("SMP: failed to stop secondary CPUs 1-3", explained_lines.NotStoppedLine()),
    ("CPU4 failed to report alive state", NotOnlineLine(4)),
    ("CPU1: unable to kill", explained_lines.UncleanLine(1)),
    (
        "/cpus/cpu@3: duplicate cpu reg properties in the DT",
        firmware_lines.NodeFlawLine(firmware_lines.NodeFlaw.DUPLICATE, "/cpus/cpu@3"),
    ),
    (
        "duplicate boot cpu reg property in DT",
        firmware_lines.NodeFlawLine(firmware_lines.NodeFlaw.DUPLICATE_BOOT),
    ),
    ("duplicate CPU MPIDR 0x100 in MADT", firmware_lines.MadtFlawLine("duplicate CPU MPIDR", Hex(0x100))),
    ("duplicate boot CPU MPIDR: 0x0 in MADT", firmware_lines.MadtFlawLine("duplicate boot CPU MPIDR", Hex(0))),
    ("skipping disabled CPU entry with 0x300 MPIDR", firmware_lines.DisabledEntryLine(Hex(0x300))),
    ("Failed to find device node for boot cpu", firmware_lines.NoBootNodeLine()),
    ('psci: missing "method" property', firmware_lines.ConduitLine("missing")),
    ('psci: invalid "method" property: svc', firmware_lines.ConduitLine("invalid", "svc")),
    ("psci: [Firmware Bug]: failed to set PC mode: -3", firmware_lines.SuspendModeLine("PC", -3)),
    ("psci: failed to set OSI mode: -1", firmware_lines.SuspendModeLine("OSI", -1)),
    ("generic_boot_cpu_on_handler:972 cpu 1: a0 0x0", firmware_lines.OpteeLine()),
    ("init_secondary_helper:957 Secondary CPU Switching to normal world boot", firmware_lines.OpteeLine()),
    ("Secondary CPU 2 switching to normal world boot", firmware_lines.OpteeLine()),
    ("boot_cpu_on_handler:1200 cpu 1: a0 0x0", firmware_lines.OpteeLine()),
    ("Can't kexec: CPUs are stuck in the kernel.", firmware_lines.StuckKexecLine()),
    (
        "psci_checker: Error occurred (-5) while trying to power up CPU 1",
        firmware_lines.CheckerErrorLine(1, -5, "up"),
    ),
    (
        "psci_checker: Unexpected return code 0 while trying to power down TOS resident CPU 2",
        firmware_lines.CheckerErrorLine(2, 0, "down"),
    ),
    ("psci_checker: 2 error(s) encountered in hotplug tests", firmware_lines.CheckerFailedLine(2, "hotplug")),
    ("psci_checker: Starting hotplug tests", firmware_lines.CheckerLine()),
    ("kvm [1]: Cannot initialise vector slots", firmware_lines.VectorSlotsLine()),
    ("psci: probing for conduit method from DT.", firmware_lines.PsciLine()),
    (
        "psci: Trusted OS migration not required",
        firmware_lines.PsciLine("Trusted OS migration not required"),
    ),
    ("psci: PSCIv65535.65535 detected in firmware.", explained_lines.PsciVersionLine("65535.65535")),
    (
        "CPU features: CPU4: missing feature: Privileged Access Never",
        explained_lines.MissingFeatureLine(4, "Privileged Access Never"),
    ),
    ("percpu: Embedded 34 pages/cpu s100712 r8192 d30360 u139264", firmware_lines.PerCpuLine()),
    ("PERCPU: Embedded 12 pages/cpu @ffffffc0ff6c1000 s19264", firmware_lines.PerCpuLine()),
    ("GICv3: CPU0: found redistributor 0 region 0:0x000000000c100000", firmware_lines.RedistributorLine()),
    ("CPU4: mpidr 100 has no re-distributor!", firmware_lines.NoRedistributorLine(4, Hex(0x100))),
    ("GICv3: CPU4: mpidr 8020100 has no re-distributor!", firmware_lines.NoRedistributorLine(4, Hex(0x8020100))),
    (
        "GICv3: CPU 3's redistributor is inaccessible: this CPU can't be brought online",
        firmware_lines.ClosedRedistributorLine(3),
    ),
    ("GICv3 system registers enabled, broken firmware!", firmware_lines.SystemRegistersLine()),
    ("Reserving 4KB of memory at 0x7fdff000 for elfcorehdr", firmware_lines.ElfCoreLine()),
    ("OF: fdt: Reserving 64 KiB of memory at 0xbfe00000 for elfcorehdr", firmware_lines.ElfCoreLine()),
    ("psci: something failed", firmware_lines.UnknownLine()),
]


@pytest.mark.parametrize(("text", "line"), LINES, ids=[text for text, _ in LINES])
def test_a_line_is_understood(text: str, line: LogLine) -> None:
    for before in ("", "[    1.000000] "):
        assert [found.line for found in understood_lines(f"another\n{before}{text}\n")] == [line]


@pytest.mark.parametrize(("text", "line"), LINES, ids=[text for text, _ in LINES])
def test_a_line_is_understood_wherever_a_mail_program_wraps_it(text: str, line: LogLine) -> None:
    words = text.split(" ")
    for place in range(1, len(words)):
        first, rest = " ".join(words[:place]), " ".join(words[place:])
        if re.match(r"\d+:", rest):
            continue  # it reads like the line number that grep prints
        longer = "x" * 400  # without a longer line it would be a screen that cut this line
        found = [found.line for found in understood_lines(f"[    1.000000] {first}\n{rest}\n[    2.000000] {longer}\n")]
        assert found == [line]


@pytest.mark.parametrize("kind", ALL_KINDS, ids=lambda kind: kind.__name__)
def test_a_pattern_has_no_alternatives_outside_of_groups(kind: type[LogLine]) -> None:
    outside = re.sub(r"\\.|\[[^]]*\]", "", kind.pattern)
    while (inner := re.sub(r"\([^()]*\)", "", outside)) != outside:
        outside = inner
    assert "|" not in outside


@pytest.mark.parametrize(
    ("pattern", "beginning"),
    [(r"CPU ?\d", "CPU"), ("Kernel panic - x*", "Kernel panic - "), ("(?:a|b)", ""), ("psci: no", "psci: no")],
)
def test_the_beginning_of_a_pattern_is_what_every_match_begins_with(pattern: str, beginning: str) -> None:
    assert beginning_of(pattern) == beginning


def test_every_kind_of_line_has_an_example_above() -> None:
    assert {type(line) for _, line in LINES} == set(ALL_KINDS)


@pytest.mark.parametrize(
    "text",
    ["", "CPU3: will go on", "xCPU3: will not boot", "SVE: maximum VL 32 bytes", "psci: CPUx killed", "CPU03: is"],
)
def test_another_line_is_passed_over(text: str) -> None:
    assert [*understood_lines(text)] == []


def without_stamps(text: str) -> list[str]:
    return [re.sub(r"^\[.*?\] ", "", line) for line in text.splitlines()]


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "<6>",
        "[    0.000000] ",
        "[    0.000000][    T1] ",
        "<6>[    0.000000] ",
        "[Thu Nov 26 18:32:36 2026] ",
        "[Nov26 18:32] ",
        "kern  :info  : [    0.000000] ",
        "Nov 26 18:32:36 board kernel: ",
        "Nov  6 18:32:36 board kernel: [    0.000000] ",
        "2026-11-26T18:32:36+0000 board kernel: ",
        "[    0.000000] board kernel: ",
        "6,0,0,-;",
        "2026-11-26T18:32:36,000000+00:00 ",
        "\x1b[32m[    0.000000] \x1b[0m",
        "2026-11-26T18:32:36.123 [    0.000000] ",
        "[    0.000000] c0 0 ",
        "[    0.000000]  (0)[0:swapper]",
        "[    0.000000] I[0:      swapper/0:    0] ",
        "> > [    0.000000] ",
        "12:[    0.000000] ",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_stamps_of_every_kind_are_passed_over(stamp: str, end: str) -> None:
    text = dmesg_of("mixed")
    stamped = "".join(stamp + line + end for line in without_stamps(text))
    assert parse_kernel_log(stamped) == parse_kernel_log(text)


def test_lines_that_two_consoles_show_count_once() -> None:
    text = dmesg_of("mixed")
    doubled = "".join(2 * line for line in text.splitlines(keepends=True))
    assert parse_kernel_log(doubled) == parse_kernel_log(text)


def test_a_log_that_a_second_console_shows_again_from_the_beginning_counts_once() -> None:
    first, _, rest = dmesg_of("mixed").partition("\n")
    place = rest.index("\n", len(rest) // 2) + 1
    again = "".join(line for line in rest[:place].splitlines(keepends=True) if not line.startswith("[    0.000000]"))
    assert parse_kernel_log(f"{first}\n{rest[:place]}{again}{rest[place:]}") == parse_kernel_log(f"{first}\n{rest}")


def test_a_line_that_the_kernel_logs_again_counts_again() -> None:
    text = dmesg_of("mixed")
    off = "[   99.00000{}] psci: CPU1 killed (polled 0 ms)\n"
    on = "[   99.00000{}] CPU1: Booted secondary processor 0x0000000001 [0x000f0510]\n"
    more = off.format(1) + on.format(2) + off.format(3) + on.format(4)
    assert len(parse_kernel_log(text + more).late) == len(parse_kernel_log(text).late) + 4
