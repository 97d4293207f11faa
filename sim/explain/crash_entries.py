"""Entries on crashes that concern CPUs, and on what follows when a CPU died.

Sources: kernel/smp.c, kernel/hw_breakpoint.c, kernel/traps.c, mm/fault.c; kernel/panic.c, kernel/exit.c,
kernel/watchdog.c and kernel/rcu/tree_stall.h of the whole kernel; boots of Debian's kernels where an entry says booted.
"""

from sim.explain.log_entries import (
    Circumstance,
    LogEntry,
    Severity,
    advice,
    configuration,
    firmware,
    hardware,
    kernel,
    user_space,
    vmm,
)

_PANIC, _FAILURE, _WARNING = Severity.PANIC, Severity.FAILURE, Severity.WARNING

CONFIGURATION_PANIC = LogEntry(
    "panic for an unsupported CPU",
    _PANIC,
    (
        "CPU features: CPU1: Detected conflict for capability 41 (GICv3 CPU interface), System: 1, CPU: 0",
        "CPU1: failed to come online",
        "Kernel panic - not syncing: CPU1 detected unsupported configuration",
    ),
    "the kernel panicked, because the CPU differs from the boot CPU in what every CPU must share{reason}",
    "Most differences only keep a CPU out. Those that the kernel is built on from the boot CPU on stop the machine: "
    "VHE, the GIC's CPU interface, memory tagging, HCRX_EL2, and ASIDs that are smaller.",
    "the machine stops",
    (
        firmware("it starts CPUs at different exception levels: with VHE, a CPU at EL2 beside a boot CPU at EL1"),
        firmware("EL3 enables the GIC's system registers or memory tagging on some CPUs only"),
        hardware("cores that differ in one of these"),
        vmm("the host gives its virtual CPUs different features"),
    ),
    ("the reason, on the line before", "leave the CPU out with `maxcpus=`"),
    "docs/questions.md#why-was-my-cpu-refused",
    "kernel/cpufeature.c (cpu_panic_kernel), kernel/smp.c; booted on 6.12 and 7.3",
)
IDLE_TASK_PANIC = LogEntry(
    "panic of a CPU that was coming up",
    _PANIC,
    (
        "Unable to handle kernel write to read-only memory at virtual address ffff8000802fc3dc",
        "Kernel panic - not syncing: Attempted to kill the idle task!",
    ),
    "a CPU crashed in its idle task, as a CPU that is coming up does{reason}",
    "A CPU that comes up runs on its idle task, which must not end: a crash there stops the machine.",
    "the machine stops",
    (
        kernel(
            "a late CPU with fewer breakpoints or watchpoints than the early CPUs passes all checks, and then "
            "executes an undefined instruction; booted on 7.3",
            Circumstance.UNDEFINED,
        ),
        kernel(
            "a patch of 2024 stores a larger vector length to read-only memory when a late CPU comes; no release has "
            "it",
            Circumstance.READ_ONLY_STORE,
        ),
        hardware("the CPU lacks an instruction that the kernel was patched to use", Circumstance.UNDEFINED),
        kernel("another bug on the way of a CPU that comes up, or that was lost before"),
    ),
    ("the first lines of the crash: what the CPU could not do, and where",),
    "docs/hazards.md#kernel-panic",
    "kernel/exit.c of the whole kernel, kernel/hw_breakpoint.c; booted on 7.3 and on a 6.12.107 built with the patch",
)
FIRMWARE_EXCEPTION = LogEntry(
    "firmware crashed",
    _FAILURE,
    ("Unhandled Exception in EL3.",),
    "firmware crashed at EL3",
    "The line is from Trusted Firmware-A and not from the kernel: a CPU met an exception at EL3 that firmware does not "
    "handle, and stops there. If several CPUs do, their lines are mixed.",
    "the CPUs that crashed are lost, and firmware's services with them: PSCI no longer starts or stops CPUs",
    (
        firmware("a bug in it, such as in starting a CPU"),
        hardware("an external abort or a bus error that is routed to EL3, as of a device that does not answer"),
    ),
    ("the registers that firmware prints: `esr_el3` says which exception, `elr_el3` where", "firmware's version"),
    "",
    "Trusted Firmware-A, bl31/aarch64/crash_reporting.S",
)
INIT_ILLEGAL = LogEntry(
    "panic for an illegal instruction of init",
    _PANIC,
    ("Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000004",),
    "the first program, init, executed an instruction that it may not (SIGILL), and the kernel panicked",
    "The exit code is the signal that killed init: 4 is SIGILL, 0x7 SIGBUS, 0xb SIGSEGV; 0x80 is added for a core "
    "dump. The kernel sends SIGILL for an instruction that the CPU does not have or that is not enabled. A failed "
    "check of a signed pointer (PAC) or of a branch's target (BTI) is a SIGILL as well.",
    "the machine stops",
    (
        user_space("it was built for more than the CPUs have, such as LSE atomics (armv8.1-a), SVE or PAC"),
        vmm("the system is a guest, and its hypervisor or emulator gives it fewer features than user space needs"),
        configuration("the kernel does not enable the feature: its option is not built in, or `arm64.no...` hides it"),
        configuration("a 32-bit init uses SETEND, SWP or CP15 barriers, and the kernel does not emulate these"),
        firmware("EL3 does not enable the feature, so that the kernel does not use it"),
        user_space("a bug: a jump to what is not code, or a failed check of PAC or BTI"),
    ),
    (
        "the CPUs' features: `/proc/cpuinfo` of a system that starts, or `asymboot features`",
        "the architecture for which user space was built: `-march` and `-mcpu`, or its distribution's baseline",
        "the instruction: `print-fatal-signals=1` on the command line, or a start with `init=` of an older build",
    ),
    "",
    "kernel/exit.c and kernel/signal.c of the whole kernel, kernel/traps.c (do_el0_undef, do_el0_bti, do_el0_fpac); "
    "public report",
)
OTHER_PANIC = LogEntry(
    "panic",
    _PANIC,
    ("Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",),
    "the kernel panicked: {message}",
    "The kernel met something that it cannot go on from. Most panics have nothing to do with bringing up CPUs.",
    "the machine stops",
    (kernel("any: the lines before the panic say more"),),
    ("the lines before the panic",),
    "",
    "kernel/panic.c of the whole kernel",
)
CRASH = LogEntry(
    "crash of a task",
    _FAILURE,
    (
        "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010",
        "Internal error: Oops: 96000004 [#1] SMP",
        "swapper/2[0]: undefined instruction: pc=ffffffc0006e77e4",
    ),
    "the kernel crashed in one of its tasks{reason}",
    "The kernel accessed what it must not, or executed what the CPU does not have, and went on without the task.",
    "locks that the task held stay locked, and what comes later in the log may follow from that",
    (
        kernel("a bug"),
        hardware("a CPU without an instruction that the kernel uses there", Circumstance.UNDEFINED),
    ),
    (
        "the call trace below the line",
        advice("whether it happened on one kind of core only", Circumstance.UNDEFINED),
    ),
    "",
    "kernel/traps.c (die), mm/fault.c",
)
SERROR = LogEntry(
    "asynchronous error of the hardware",
    _FAILURE,
    ("SError Interrupt on CPU1, code 0x00000000be000011 -- SError",),
    "an SError interrupted the CPU",
    "The memory system or a device reported an error after the access that caused it, so the place in the log is not "
    "where it happened.",
    "the kernel panics, unless the error is known to be contained",
    (
        firmware("it leaves a device or a part of memory without clock, power or access rights"),
        hardware("a memory error"),
    ),
    ("the syndrome after `code`", "which driver was at work"),
    "",
    "kernel/traps.c (arm64_serror_panic)",
)
STALL = LogEntry(
    "CPU that does not answer RCU",
    _WARNING,
    ("rcu: INFO: rcu_sched detected stalls on CPUs/tasks:",),
    "a CPU did not take part in RCU for many seconds",
    "RCU waits until every CPU passed a quiet moment, and some CPU does not. A CPU that died while it was coming up "
    "blocks it as well.",
    "what waits for RCU hangs",
    (
        firmware("a CPU was lost while it was coming up: see above, if the log says so", Circumstance.LOST_CPU),
        vmm("the host did not run the virtual CPU"),
        kernel("a loop with interrupts off"),
    ),
    ("the lines below it, which name the CPU", advice("whether a CPU was lost before", Circumstance.LOST_CPU)),
    "",
    "kernel/rcu/tree_stall.h of the whole kernel; after lost CPUs: booted on 6.12 and 7.3",
)
LOCKUP = LogEntry(
    "CPU locked up",
    _WARNING,
    ("watchdog: BUG: soft lockup - CPU#3 stuck for 22s!", "watchdog: Watchdog detected hard LOCKUP on cpu 2"),
    "runs inside of the kernel for many seconds without a break",
    "The watchdog's task, or its interrupt, did not run on this CPU.",
    "nothing else runs on the CPU",
    (
        kernel("a lock that a CPU holds which was lost while it was coming up", Circumstance.LOST_CPU),
        vmm("the host did not run the virtual CPU"),
        kernel("a loop in the kernel"),
    ),
    ("the call trace below the line", advice("whether a CPU was lost before", Circumstance.LOST_CPU)),
    "",
    "kernel/watchdog.c of the whole kernel",
)
NOT_STOPPED = LogEntry(
    "CPUs that did not stop",
    _WARNING,
    ("SMP: failed to stop secondary CPUs 1-3",),
    "some CPUs did not stop when the kernel panicked or restarted",
    "The CPU that panics or restarts asks all others to stop and waits for a second, and not all stopped. From 6.12 on "
    "the line lists those that did not. Before, it lists the CPU that asks as well; and where a kernel for crash dumps "
    "is loaded, all others, also those that stopped.",
    "for a kernel that is started by kexec, such as the kernel that writes a dump: the CPUs still run",
    (kernel("the CPUs hang with interrupts off"), configuration("pseudo-NMIs are off, so that nothing reaches them")),
    (
        "the CPU that asks, as on the line `CPU: ... PID: ...` of the panic, and the call traces of the others",
        "`irqchip.gicv3_pseudo_nmi=1` on a GICv3: kernels from 6.7 on then stop CPUs that have interrupts off",
    ),
    "",
    "kernel/smp.c (smp_send_stop, crash_smp_send_stop, ipi_should_be_nmi); read",
)
STOPPED = LogEntry(
    "CPU stopped by a panic or a restart",
    Severity.NORMAL,
    ("CPU1: stopping",),
    "stopped, because the kernel panicked or restarted",
    "A CPU that panics, or that restarts or powers off the machine, stops the others first; kernels before 2020 log a "
    "line and a call trace for each, which is not a crash of the CPU.",
    "",
    source="kernel/smp.c (ipi_cpu_stop); read",
)

CRASH_ENTRIES = (
    CONFIGURATION_PANIC,
    IDLE_TASK_PANIC,
    INIT_ILLEGAL,
    OTHER_PANIC,
    CRASH,
    FIRMWARE_EXCEPTION,
    SERROR,
    STALL,
    LOCKUP,
    NOT_STOPPED,
    STOPPED,
)
