"""Entries on CPUs that come, do not come, are refused, or go.

Sources: kernel/smp.c, kernel/psci.c, kernel/cpu_ops.c, kernel/cpufeature.c, kernel/head.S, mm/context.c,
drivers/firmware/psci/psci.c and kernel/cpu.c of the whole kernel; boots of Debian's kernels where an entry says booted.
"""

from sim.explain.log_entries import (
    Circumstance,
    LogEntry,
    Severity,
    advice,
    configuration,
    device_tree,
    firmware,
    hardware,
    kernel,
    user_space,
    vmm,
)

_FAILURE, _LOSS, _WARNING = Severity.FAILURE, Severity.LOSS, Severity.WARNING
_HARMLESS, _NORMAL, _PANIC = Severity.HARMLESS, Severity.NORMAL, Severity.PANIC

_REFUSED = ("CPU4: will not boot", "CPU4: failed to come online", "psci: CPU4 killed (polled 0 ms)")
_REFUSED_FOR_GOOD = (
    "the CPU is gone until the next boot. It left the set of present CPUs, so that another attempt fails "
    "with EINVAL and logs nothing"
)
_NEW, _BACK = Circumstance.FIRST_START, Circumstance.RETURN
_LATE_BY_MAXCPUS = configuration(
    "`maxcpus=` makes it a late CPU. As an early CPU it would be counted, and the system would do without what it "
    "lacks",
    Circumstance.MAXCPUS,
    Circumstance.LATE,
    _NEW,
)
_LATE_BY_FIRMWARE = firmware(
    "it reports the CPU, or starts it, after the kernel has finished with the early CPUs", Circumstance.LATE, _NEW
)
_MIXED_CORES = hardware(
    "the CPU is another core, or another revision of it, than the early CPUs", Circumstance.MIXED_CORES, _NEW
)
_MIXED_VCPUS = vmm("the host gives its virtual CPUs different features", _NEW)
_MOVED_GUEST = vmm("the host moved the guest to another machine after the early CPUs came", Circumstance.LATE)
_STARTED_AT_EL1 = firmware(
    "it starts the CPU at EL1, and the kernel runs at EL2 (VHE)", Circumstance.LEVELS, Circumstance.VHE
)
_LACKS_VHE = kernel(
    "a CPU without VHE dies in code that was patched to use its registers, because the boot CPU has it, before the "
    "check that would panic",
    Circumstance.VHE,
)
_NOT_AS_BEFORE = firmware("it does not set the CPU up as at its first start", _BACK)
_DIFFERENT_CPUS = (_MIXED_CORES, _MIXED_VCPUS, _MOVED_GUEST, _NOT_AS_BEFORE)
_LATE_CPUS = (_LATE_BY_MAXCPUS, _LATE_BY_FIRMWARE)
_COME_EARLY = advice(
    "bring the CPU up early, without `maxcpus=`: what it lacks is then left out for all CPUs",
    Circumstance.MAXCPUS,
    Circumstance.LATE,
    _NEW,
)
_WHY_LATE = advice("why the CPU comes later than the others", Circumstance.LATE, _NEW)
_OTHER_CORE = advice("the core and its revision, against those of the early CPUs", _NEW)
_OTHER_START = advice(
    "what firmware, or the guest's host, does when the CPU comes back, against what it does at the first start", _BACK
)
_WHAT_DIFFERS = (_COME_EARLY, _WHY_LATE, _OTHER_CORE, _OTHER_START)

# CPUs that do not come

CPU_LOST_MEANING = (
    "The kernel had the CPU started, by PSCI or a spin-table, got no error, and waited in vain: 5 s, and 1 s in "
    "kernels from before 2020."
)
"""The meaning of a lost CPU's lines, where none of them tells its state."""
CPU_LOST = LogEntry(
    "CPU lost",
    _FAILURE,
    (
        "CPU2: failed to come online",
        "CPU2: failed in unknown state : 0x0",
        "CPU2 failed to report alive state",
    ),
    "started without an error, and did not come online in time",
    f"{CPU_LOST_MEANING} State 0x0 means that the CPU reported nothing: it never reached the kernel, or died there "
    "before it could report.",
    "the system runs without the CPU. It stays present; firmware usually holds it to be on, and answers "
    "the next CPU_ON with an error that becomes EINVAL",
    (
        firmware("it accepts CPU_ON and does not release the CPU, or sends it to another address", Circumstance.PSCI),
        firmware(
            "EL3 does not enable SVE or SME on this CPU (CPTR_EL3.EZ, CPTR_EL3.ESM): the first access traps to EL3, "
            "and the CPU is gone without a line",
            Circumstance.VECTORS,
        ),
        _STARTED_AT_EL1,
        device_tree("`reg` of the CPU's node names another CPU"),
        device_tree("`cpu-release-addr` of the CPU's node is another address", Circumstance.SPIN_TABLE),
        vmm("the host did not run the virtual CPU in time"),
        _LACKS_VHE,
        kernel(
            "a CPU without LSE atomics or MOPS dies in code that was patched to use them, before the check that would "
            "refuse it",
            Circumstance.LATE,
        ),
    ),
    (
        "firmware's own console at that time: an exception at EL3 is told there only",
        advice(
            "boot with `maxcpus=1` and bring the CPUs up one by one through /sys/devices/system/cpu/cpuN/online",
            Circumstance.EARLY,
        ),
        "a newer firmware",
    ),
    "docs/hazards.md#cpu-lost-to-firmware",
    "kernel/smp.c, Documentation/arch/arm64/booting.rst; missing instructions and VHE: booted on 6.1 to 7.3",
)
CPU_LOST_WITHOUT_PSCI = LogEntry(
    "CPU lost without PSCI",
    _FAILURE,
    (
        "percpu: Embedded 34 pages/cpu s100712 r8192 d30360 u139264",
        "CPU1: failed to come online",
        "CPU1: failed in unknown state : 0x0",
    ),
    "let out of a spin-table, or of ACPI's parking protocol, and did not come online in time",
    "The log has no line on PSCI where a kernel that has PSCI logs one: CPUs wait at a place in memory that the device "
    "tree or the MADT names. The kernel wrote there where the CPU is to begin, and waited in vain.",
    "the system runs without the CPU",
    (
        firmware(
            "the boot loader does not let the CPU wait at the place that it wrote to the device tree, or does not fit "
            "the kernel. Reported for m1n1 on Apple M1"
        ),
        device_tree("`cpu-release-addr` is wrong, or the boot loader wrote another device tree than this"),
        _STARTED_AT_EL1,
        _LACKS_VHE,
    ),
    (
        "`enable-method` and `cpu-release-addr` in /sys/firmware/devicetree/base/cpus",
        "the boot loader's version, and whether it fits this kernel and its device tree",
    ),
    "docs/scenario-files.md#faults",
    "kernel/smp_spin_table.c, kernel/smp.c; public reports; that there is no PSCI is concluded from missing lines",
)
_BY_TEST = configuration(
    "CONFIG_ARM_PSCI_CHECKER: at each boot the kernel itself takes every CPU down and brings it up again, as a test, "
    "which shows the fault of firmware",
    Circumstance.TESTED,
)
_KEEP_ONLINE = (
    advice("until then keep the CPU online, and do not suspend", Circumstance.RETURN, Circumstance.TAKEN_DOWN),
    advice(
        "a kernel without CONFIG_ARM_PSCI_CHECKER, which does not take CPUs down by itself; firmware has the fault "
        "still, and a CPU that is taken down, or a suspend, will show it",
        Circumstance.TESTED,
    ),
)
CPU_LOST_ON_RETURN = LogEntry(
    "CPU lost on return",
    _FAILURE,
    ("psci: CPU1 killed (polled 0 ms)", "CPU1: failed to come online", "CPU1: failed in unknown state : 0x0"),
    "online before, and not back in time",
    "The CPU was online before. When the kernel started it again, firmware gave no error, and the CPU did not arrive "
    "in time.",
    "the CPU is gone until the next boot, and a suspended system resumes without it. The next CPU_ON is "
    "usually answered with an error that becomes EINVAL",
    (
        firmware(
            "its CPU_OFF, or its CPU_ON of a CPU that was off, does not work: each CPU can be started once. Reported "
            "for Raspberry Pi 5, HiKey960, Armada 8K and guests on FT-2500"
        ),
        firmware("it does not restore what it set up for the CPU at the first start"),
        _BY_TEST,
    ),
    (
        "a newer firmware or boot loader",
        *_KEEP_ONLINE,
        advice(
            "`maxcpus=` in place of taking the CPU down, where it shall not run",
            Circumstance.SECONDARY,
            Circumstance.TAKEN_DOWN,
        ),
    ),
    "docs/hazards.md#cpu-lost-to-firmware",
    "kernel/smp.c; public reports",
)
_RELEASED_LATE = (
    firmware("it releases the CPU when the kernel has given it up, 5 s after the call of CPU_ON"),
    vmm("the host did not run the virtual CPU for 5 s"),
)
_LOOK_WHY_LATE = (
    "when the kernel gave the CPU up: the line `failed to come online`",
    "firmware's own console, and how long it takes to start a CPU; the load of a guest's host",
)
TOOK_PLACE = LogEntry(
    "CPU in another CPU's place",
    _FAILURE,
    (
        "CPU1: failed to come online",
        "CPU2: Booted secondary processor 0x0000000001 [0x410fd034]",
        "CPU2: Booted secondary processor 0x0000000002 [0x410fd034]",
    ),
    "given up by the kernel, came later, and runs as CPU{number}",
    "A CPU that arrives takes the idle task of the bring-up that is under way, or was the last: the kernel has a "
    "single record for that, and clears it only when a wait ends in vain. The line has the number of that task, and "
    "the MPIDR of the CPU that runs it.",
    "the kernel takes the number for another CPU than it is: with a GICv3 interrupts between CPUs go to the MPIDR that "
    "belongs to the number. If that CPU comes as well, two CPUs run on one stack",
    _RELEASED_LATE,
    _LOOK_WHY_LATE,
    "docs/hazards.md#two-cpus-on-one-idle-task",
    "kernel/smp.c (__cpu_up, secondary_start_kernel), kernel/head.S, drivers/irqchip/irq-gic-v3.c; read",
)
SHARED_TASK = LogEntry(
    "two CPUs on one idle task",
    _FAILURE,
    (
        "CPU1: failed to come online",
        "CPU2: Booted secondary processor 0x0000000001 [0x410fd034]",
        "CPU2: Booted secondary processor 0x0000000002 [0x410fd034]",
    ),
    "came as CPU{number}, under which number another CPU runs already",
    "A CPU that arrives takes the idle task of the last bring-up, even if another CPU has taken it. No line tells that "
    "the number went offline in between, and the MPIDRs are those of two CPUs.",
    "two CPUs run as one, on one stack: what follows cannot be foreseen, and a crash is likely",
    _RELEASED_LATE,
    _LOOK_WHY_LATE,
    "docs/hazards.md#two-cpus-on-one-idle-task",
    "kernel/smp.c (__cpu_up, secondary_start_kernel), kernel/head.S; read",
)
CPU_STUCK = LogEntry(
    "CPU stuck in the kernel",
    _FAILURE,
    ("CPU2: failed to come online", "CPU2: is stuck in kernel"),
    "stuck inside of the kernel, which cannot go on there",
    "The CPU reached the kernel's first instructions and parked itself there: it lacks something that it needs before "
    "it can run anything else.",
    "the system runs without the CPU, and can no longer be replaced by kexec, because the CPU runs "
    "kernel code. A further attempt fails with EINVAL",
    (*_DIFFERENT_CPUS, kernel("a CPU that could not be switched off after it was refused loops as well")),
    ("the lines after it, which say what the CPU does not support",),
    "",
    "kernel/smp.c, kernel/head.S; booted on 6.12 and 7.3",
)
CPU_STUCK_ADDRESSES = LogEntry(
    "CPU without 52-bit addresses",
    _FAILURE,
    ("CPU2: failed to come online", "CPU2: is stuck in kernel", "CPU2: does not support 52-bit VAs"),
    "stuck for lack of the 52-bit virtual addresses that the kernel uses",
    "The kernel chose 52-bit virtual addresses, because the boot CPU has them (LPA2, or LVA with pages of 64 KiB). A "
    "CPU without them cannot use the kernel's page tables, and loops in its first instructions.",
    "the system runs without the CPU; it stays present, and a further attempt fails with EINVAL",
    (*_DIFFERENT_CPUS, configuration("CONFIG_ARM64_VA_BITS_52: a kernel for 48 bits does without")),
    ("boot with `arm64.nolva`, which kernels from 6.9 on know",),
    "",
    "kernel/head.S, kernel/smp.c; booted on 6.12; the parameter: commit 68aec33f8f5a",
)
CPU_STUCK_GRANULE = LogEntry(
    "CPU without the kernel's page size",
    _FAILURE,
    ("CPU2: failed to come online", "CPU2: is stuck in kernel", "CPU2: does not support 4K granule"),
    "stuck for lack of the kernel's page size ({reason})",
    "ID_AA64MMFR0_EL1 of the CPU says that it cannot translate addresses with pages of the size that this kernel was "
    "built for. It loops in the kernel's first instructions.",
    "the system runs without the CPU; it stays present, and a further attempt fails with EINVAL",
    (configuration("the kernel is built for a page size that not every CPU has"), *_DIFFERENT_CPUS),
    ("a kernel with pages of 4 KiB, or of another size that all CPUs have",),
    "",
    "kernel/head.S, kernel/smp.c; booted on 7.3",
)

# CPUs that are refused

LACKS_CAPABILITY = LogEntry(
    "CPU refused for a missing capability",
    _FAILURE,
    (
        "CPU features: CPU4: Detected conflict for capability 87 (Scalable Vector Extension), System: 1, CPU: 0",
        "CPU features: CPU5: missing feature: Privileged Access Never",
        *_REFUSED,
        "CPU4: died during early boot",
    ),
    "refused for lack of a capability that the system uses: {capability}",
    "Capabilities are final once the early CPUs are up, and some are final with the boot CPU. The kernel and programs "
    "rely on each of them on every CPU, so a CPU that comes later and lacks one is refused. The number of a capability "
    "differs between point releases; only its name counts.",
    _REFUSED_FOR_GOOD,
    (
        *_LATE_CPUS,
        firmware("it hides the feature on this CPU, or does not enable it there"),
        *_DIFFERENT_CPUS,
    ),
    (
        *_WHAT_DIFFERS,
        advice(
            "hide the feature from the beginning, by the parameter for it: `arm64.nosve`, `arm64.nosme`, "
            "`arm64.nobti`, `arm64.nopauth` and others",
            Circumstance.HIDING,
        ),
    ),
    "docs/questions.md#why-was-my-cpu-refused",
    "kernel/cpufeature.c (verify_local_cpu_caps); booted on 6.1 to 7.3",
)
HAS_CAPABILITY = LogEntry(
    "CPU refused for a workaround that is not active",
    _FAILURE,
    ("CPU features: CPU4: Detected conflict for capability 82 (Spectre-v2), System: 0, CPU: 1", *_REFUSED),
    "refused for a need of what the system does not have active: {capability}",
    "The CPU needs the workaround of an erratum, or a mitigation, that no early CPU needed. The kernel applies these "
    "at boot only, and refuses a CPU that comes later and needs another.",
    _REFUSED_FOR_GOOD,
    (*_LATE_CPUS, *_DIFFERENT_CPUS),
    (
        advice(
            "bring the CPU up early, without `maxcpus=`: the kernel then applies the workaround",
            Circumstance.MAXCPUS,
            Circumstance.LATE,
            _NEW,
        ),
        _WHY_LATE,
        _OTHER_CORE,
        _OTHER_START,
    ),
    "docs/questions.md#why-was-my-cpu-refused",
    "kernel/cpufeature.c (verify_local_cpu_caps); booted on 6.1 to 7.3",
)
DIFFERS_FROM_BOOT_CPU = LogEntry(
    "CPU refused for what the boot CPU decides",
    _FAILURE,
    ("CPU features: CPU4: Detected conflict for capability 5 ((null)), System: 1, CPU: 0", *_REFUSED),
    "refused for {having} a capability on which the boot CPU alone decides: {capability}",
    "A few capabilities are final with the boot CPU, such as address authentication (PAC) and its algorithm. The "
    "kernel uses what the boot CPU has, and refuses every CPU without it, whether it comes early or late. A CPU must "
    "have the boot CPU's algorithm of address authentication, and the same level of it; the log shows (null) for it.",
    _REFUSED_FOR_GOOD,
    (
        hardware(
            "the CPU is another core than the boot CPU, or another revision of it", Circumstance.MIXED_CORES, _NEW
        ),
        firmware("it hides the feature on some CPUs only"),
        _MIXED_VCPUS,
        _MOVED_GUEST,
        _NOT_AS_BEFORE,
    ),
    (
        advice("hide the feature on all CPUs: `arm64.nopauth` for address authentication", Circumstance.HIDING),
        "boot from a CPU without the feature: a CPU with more than the boot CPU is accepted",
        "two CPUs with different algorithms refuse each other, whichever boots",
    ),
    "docs/questions.md#why-was-my-cpu-refused",
    "kernel/cpufeature.c (verify_local_cpu_caps, has_address_auth_cpucap); booted",
)
STARTED_BELOW_EL2 = LogEntry(
    "CPU refused for its exception level",
    _FAILURE,
    ("CPU features: CPU1: Detected conflict for capability 38 (ICV_DIR_EL1 trapping), System: 1, CPU: 0", *_REFUSED),
    "refused for a start at EL1, or after a CPU that started there",
    "The capability ICV_DIR_EL1 trapping belongs to systems on which every CPU so far started at EL2. KVM has its "
    "hypervisor at EL2 and could not run on the CPU. Kernels before 6.19 have no such check: there the CPU comes "
    "online, and the system hangs.",
    _REFUSED_FOR_GOOD,
    (
        firmware("it starts this CPU at EL1, and the early CPUs at EL2"),
        firmware("it started an earlier CPU at EL1: from then on every CPU that comes is refused"),
    ),
    ("the exception level at which firmware starts each CPU",),
    "docs/hazards.md#the-system-falls-silent",
    "kernel/cpufeature.c (can_trap_icv_dir_el1), commit 2a28810cbb8b; booted on 7.3",
)
LACKS_HWCAP = LogEntry(
    "CPU refused for a missing hwcap",
    _FAILURE,
    ("CPU features: CPU4: missing HWCAP: KERNEL_HWCAP_PMULL", *_REFUSED, "CPU4: died during early boot"),
    "refused for lack of the CPU feature {hwcap}, which programs were promised",
    "The kernel told programs of the feature (AT_HWCAP, /proc/cpuinfo) before this CPU came, and programs may use it "
    "on any CPU. The line names the first such feature; there may be more.",
    _REFUSED_FOR_GOOD,
    (*_LATE_CPUS, *_DIFFERENT_CPUS),
    _WHAT_DIFFERS,
    "docs/questions.md#why-was-my-cpu-refused",
    "kernel/cpufeature.c (verify_local_elf_hwcaps); booted on 6.1 to 7.3",
)
LACKS_LENGTHS = LogEntry(
    "CPU refused for missing vector lengths",
    _FAILURE,
    (
        "SVE: cpu4: Required vector length(s) missing",
        "CPU features: CPU4: SVE: vector length support mismatch",
        *_REFUSED,
        "CPU4: died during early boot",
    ),
    "refused for lack of {extension} vector lengths that all early CPUs share",
    "Tasks may use every vector length that all early CPUs have. A CPU that lacks one of them could not run such a "
    "task, and is refused.",
    _REFUSED_FOR_GOOD,
    (
        firmware("EL3 limits ZCR_EL3.LEN, or SMCR_EL3.LEN, to a smaller value on this CPU than on the others"),
        *_LATE_CPUS,
        *_DIFFERENT_CPUS,
    ),
    ("what firmware writes to ZCR_EL3 on each CPU", _COME_EARLY, _OTHER_START),
    "docs/questions.md#why-was-my-cpu-refused",
    "kernel/fpsimd.c (vec_verify_vq_map); booted on 6.1 to 7.3",
)
UNSUPPORTED_LENGTHS = LogEntry(
    "CPU refused for unshared vector lengths",
    _FAILURE,
    (
        "SVE: cpu4: Unsupported vector length(s) present",
        "CPU features: CPU4: SVE: vector length support mismatch",
        *_REFUSED,
        "CPU4: died during early boot",
    ),
    "refused for {extension} vector lengths that guests could not be kept from",
    "The CPU has a length that not all early CPUs have, and that lies within what guests may set. A guest that asks "
    "for it would get another length on another CPU. Lengths above the largest that guests may have do not matter. The "
    "kernel checks this where the CPUs started at EL2, even with `kvm-arm.mode=none`.",
    _REFUSED_FOR_GOOD,
    (
        firmware("EL3 limits ZCR_EL3.LEN to different values on different CPUs"),
        *_LATE_CPUS,
        *_DIFFERENT_CPUS,
    ),
    ("what firmware writes to ZCR_EL3 on each CPU", _COME_EARLY, _OTHER_START),
    "docs/hazards.md#harmless-cpu-refused-by-vl",
    "kernel/fpsimd.c (vec_verify_vq_map); booted on 6.1 to 7.3",
)
LARGER_LENGTHS = LogEntry(
    "CPU refused for a larger vector length",
    _FAILURE,
    ("SVE: cpu4: would increase maximum VL", "CPU features: CPU4: SVE: vector length support mismatch", *_REFUSED),
    "refused for a largest {extension} vector length above that of every CPU before",
    "No release logs this line: it is part of a patch of 2024 that refuses such a CPU under pKVM, whose buffers for "
    "the host's registers would be too small for it.",
    _REFUSED_FOR_GOOD,
    (kernel("the kernel has the first version of the series on pKVM's buffers"),),
    ("`asymboot compare late-cpu-above-maximum`, which shows what other designs do with such a CPU",),
    "docs/hazards.md#harmless-cpu-refused-by-vl",
    "message 20240605-kvm-arm64-fix-pkvm-sve-vl-v1-2-680d6b43b4c1",
)
LENGTHS_DIFFER = LogEntry(
    "CPU refused for its vector lengths",
    _FAILURE,
    ("CPU features: CPU4: SVE: vector length support mismatch", *_REFUSED, "CPU4: died during early boot"),
    "refused for {extension} vector lengths, without a line that says which",
    "The line before it, which says whether lengths are missing or too many, is not in the log. Some kernels have a "
    "check that logs no such line.",
    _REFUSED_FOR_GOOD,
    (
        kernel(
            "before 6.7 a CPU is refused, without a line of its own, where its largest length is below the largest of "
            "every early CPU, even if all tasks could run on it; mended by 6.7",
            flag="pseudo_registers",
        ),
        firmware("EL3 limits ZCR_EL3.LEN, or SMCR_EL3.LEN, to different values on different CPUs"),
        *_LATE_CPUS,
        *_DIFFERENT_CPUS,
    ),
    ("the complete log, with warnings: `dmesg` leaves nothing out, a console may", _COME_EARLY, _OTHER_START),
    "docs/hazards.md#harmless-cpu-refused-by-vl",
    "kernel/cpufeature.c (verify_sve_features), message 20230913-arm64-vec-len-cpufeature-v1-1; booted on 6.1",
)
VMID_WIDTH = LogEntry(
    "CPU refused for its VMIDs",
    _FAILURE,
    ("CPU features: CPU4: VMID width mismatch", *_REFUSED),
    "refused for fewer bits of VMID than KVM uses",
    "KVM numbers guests with as many bits as all early CPUs have, 8 or 16. A CPU with 8 would mix up guests where 16 "
    "are in use. The kernel checks this where CPUs started at EL2.",
    _REFUSED_FOR_GOOD,
    (*_LATE_CPUS, *_DIFFERENT_CPUS),
    _WHAT_DIFFERS,
    "docs/questions.md#why-was-my-cpu-refused",
    "kernel/cpufeature.c (verify_hyp_capabilities); booted on 6.1 and 7.3",
)
IPA_RANGE = LogEntry(
    "CPU refused for its address range",
    _FAILURE,
    ("CPU features: CPU4: IPA range mismatch", *_REFUSED),
    "refused, because physical addresses have fewer bits than the limit that KVM gave guests at boot",
    "KVM fixes the largest size of a guest's addresses at boot, from the smallest PARange of the early CPUs.",
    _REFUSED_FOR_GOOD,
    (
        kernel(
            "6.12 and 7.3 look at the system's value instead of the CPU's: a late CPU with a smaller range comes "
            "online, and from then on every CPU is refused, even an early CPU that comes back; 6.1 looks at the CPU",
            flag="ipa_range_of_cpu",
            has_flag=False,
        ),
        *_LATE_CPUS,
        *_DIFFERENT_CPUS,
    ),
    ("whether a CPU with a smaller range came online before", _COME_EARLY),
    "docs/questions.md#why-was-my-cpu-refused",
    "kernel/cpufeature.c (verify_hyp_capabilities); booted on 6.1, 6.12 and 7.3",
)
MPAM_DIFFERS = LogEntry(
    "CPU refused for its MPAM",
    _FAILURE,
    ("CPU features: CPU4: MPAM PARTID/PMG max values are mismatched", *_REFUSED),
    "refused for another partitioning of memory and caches: {mismatch}",
    "The kernel gives tasks partition numbers that every CPU must have (MPAM).",
    _REFUSED_FOR_GOOD,
    (*_LATE_CPUS, *_DIFFERENT_CPUS),
    ("boot with `arm64.nompam`, which newer kernels know", _COME_EARLY),
    "docs/questions.md#why-was-my-cpu-refused",
    "kernel/cpufeature.c (verify_mpam_capabilities); read",
)
REFUSED = LogEntry(
    "CPU refused",
    _FAILURE,
    ("CPU4: will not boot", "CPU4: failed to come online", "CPU4: died during early boot"),
    "refused, without a line that says why",
    "The kernel compared the CPU with the system, and gave it up. The reason is logged just before, and is not in this "
    "log, or is none that asymboot knows.",
    _REFUSED_FOR_GOOD,
    (*_LATE_CPUS, *_DIFFERENT_CPUS),
    ("the complete log: the line before says why", _COME_EARLY),
    "docs/questions.md#why-was-my-cpu-refused",
    "kernel/cpufeature.c (cpu_die_early)",
)
REFUSED_EARLY = LogEntry(
    "early CPU refused",
    _FAILURE,
    ("CPU4: will not boot", "CPU4: failed to come online", "CPU4: died during early boot"),
    "refused while the early CPUs came up, without a line that says why",
    "The kernel compared the CPU with the boot CPU, and gave it up. Of an early CPU it only looks at what the boot CPU "
    "alone decides, such as address authentication (PAC). The reason is logged just before, and is not in this log, or "
    "is none that asymboot knows.",
    _REFUSED_FOR_GOOD,
    (hardware("the CPU is another core than the boot CPU, or another revision of it"), _MIXED_VCPUS),
    ("the complete log: the line before says why",),
    "docs/questions.md#why-was-my-cpu-refused",
    "kernel/cpufeature.c (cpu_die_early)",
)
SMALLER_ASID = LogEntry(
    "CPU with smaller ASIDs",
    _PANIC,
    (
        "CPU2: smaller ASID size(8) than boot CPU (16)",
        "CPU2: failed to come online",
        "Kernel panic - not syncing: CPU2 detected unsupported configuration",
    ),
    "has ASIDs of {bits} bits, and the boot CPU of {boot_bits}: the kernel panics",
    "The kernel numbers address spaces with as many bits as the boot CPU has, and cannot use fewer later.",
    "the machine stops",
    (*_DIFFERENT_CPUS, firmware("firmware boots the wrong CPU: from a CPU with 8 bits, CPUs with 16 are accepted")),
    ("boot from the CPU with the fewest bits, or leave the other out with `maxcpus=`",),
    "",
    "mm/context.c (verify_cpu_asid_bits); booted on 6.12",
)

# CPU_ON that is answered with an error

_ERROR_LINES = ("psci: failed to boot CPU1 ({error})", "CPU1: failed to boot: {error}")


def _error_lines(error: int) -> tuple[str, ...]:
    return tuple(line.format(error=error) for line in _ERROR_LINES)


CPU_ON_DENIED = LogEntry(
    "CPU_ON denied",
    _FAILURE,
    _error_lines(-1),
    "not started: firmware answered CPU_ON with DENIED",
    "EPERM (-1) is what Linux makes of PSCI's answer DENIED. From 6.11 on the kernel logs nothing in this case.",
    "the system runs without the CPU; a later attempt may succeed",
    (
        vmm("the virtual CPU is possible and not plugged in yet: its host denies CPU_ON until it is", _NEW),
        vmm("the host took the virtual CPU away while it was offline", _BACK),
        firmware("a policy of firmware or of a trusted OS keeps the CPU off"),
    ),
    (
        advice("whether the CPU comes online later", Circumstance.MISSING),
        "the host's list of virtual CPUs, and their hotplug state",
    ),
    "docs/scenario-files.md#faults",
    "drivers/firmware/psci/psci.c (psci_to_linux_errno)",
)
CPU_ON_INVALID = LogEntry(
    "CPU_ON answered with EINVAL",
    _FAILURE,
    _error_lines(-22),
    "not started: firmware answered CPU_ON with an error",
    "EINVAL (-22) is what Linux makes of PSCI's INVALID_PARAMETERS and INVALID_ADDRESS, and of every answer that it "
    "does not tell apart: ALREADY_ON, ON_PENDING, INTERNAL_FAILURE, NOT_PRESENT, DISABLED.",
    "the system runs without the CPU; a further attempt usually gets the same answer",
    (
        firmware("its CPU_OFF did not end, so that it holds the CPU to be on still (ALREADY_ON)", _BACK),
        firmware("it can start each CPU only once, and does not say so", _BACK),
        device_tree("`reg` of the CPU's node is not the MPIDR of a CPU that firmware knows", _NEW),
        device_tree("the device tree has more CPUs than the machine, or is that of another machine", _NEW),
        device_tree("`enable-method` should not be psci", _NEW, Circumstance.NONE_STARTED),
        firmware(
            "it holds the CPU to be on since before this boot: a reboot or kexec, as for a crash dump, did not take it "
            "down, or it never left the boot loader",
            _NEW,
        ),
        vmm("the guest's host started fewer virtual CPUs than its device tree or ACPI tables say", _NEW),
        vmm(
            "the host has two kinds of cores, and could not set the virtual CPU up on the core that it ran on. "
            "Reported for QEMU with KVM on RK3588"
        ),
        kernel(
            "pKVM answers so for every CPU that was not online when KVM was initialised",
            Circumstance.PKVM,
            Circumstance.LATE,
            _NEW,
        ),
        _BY_TEST,
    ),
    (
        advice("`reg` of /cpus/cpu@N against the MPIDRs that firmware knows", _NEW),
        advice("`enable-method` and the node psci of the device tree", _NEW, Circumstance.NONE_STARTED),
        advice("whether the CPU comes after the power was off: then firmware held it to be on", _NEW),
        advice("firmware's own console when the CPU goes down, and when it is to come back", _BACK),
        advice("a newer firmware", _BACK),
        *_KEEP_ONLINE,
    ),
    "docs/hazards.md#cpu-lost-to-firmware",
    "drivers/firmware/psci/psci.c (psci_to_linux_errno); public reports",
)
CPU_ON_AFTER_LOSS = LogEntry(
    "CPU_ON of a lost CPU",
    _FAILURE,
    ("CPU2: failed to come online", "psci: failed to boot CPU2 (-22)", "CPU2: failed to boot: -22"),
    "not started again: firmware answered CPU_ON with an error, after the CPU was lost at an earlier attempt",
    "The earlier CPU_ON was accepted, and the CPU never arrived. To firmware the CPU is on or on its way, and its "
    "answer, ALREADY_ON or ON_PENDING, becomes EINVAL (-22).",
    "a consequence of the earlier loss: the CPU is gone until the next boot",
    (firmware("see the earlier loss of the CPU: this answer is only its consequence"),),
    ("the first attempt, and why the CPU did not arrive",),
    "docs/hazards.md#cpu-lost-to-firmware",
    "drivers/firmware/psci/psci.c; PSCI (DEN0022); booted for stuck CPUs on 6.12 and 7.3",
)
CPU_ON_STILL_ON = LogEntry(
    "CPU_ON of a CPU that did not go off",
    _FAILURE,
    (
        "psci: CPU1 may not have shut down cleanly (AFFINITY_INFO reports 0)",
        *_error_lines(-22),
    ),
    "went down and stayed on by what firmware said, which answered the next CPU_ON with an error",
    "The CPU called CPU_OFF, and AFFINITY_INFO went on saying that it is on. To firmware it is on still, and the "
    "answer to CPU_ON, ALREADY_ON, becomes EINVAL (-22).",
    "the CPU is gone until the next boot, and may still run kernel code: kexec is not safe",
    (
        firmware("its CPU_OFF returns, or leaves the CPU running, or AFFINITY_INFO does not follow it"),
        vmm("the host does not stop the virtual CPU"),
        _BY_TEST,
    ),
    (
        "firmware's own console at the time when the CPU went down",
        "a newer firmware",
        *_KEEP_ONLINE,
    ),
    "docs/hazards.md#cpu-lost-to-firmware",
    "kernel/psci.c (cpu_psci_cpu_kill), drivers/firmware/psci/psci.c (psci_to_linux_errno)",
)
CPU_ON_BY_RELAY = LogEntry(
    "CPU_ON refused by pKVM",
    _FAILURE,
    ("kvm [1]: Protected hVHE mode initialized successfully", *_error_lines(-22)),
    "not started: pKVM's relay of PSCI does not know the CPU, which was not online when KVM was initialised",
    "In protected mode the hypervisor passes on CPU_ON for the CPUs that were online at KVM's initialisation, and "
    "answers INVALID_PARAMETERS, which becomes EINVAL (-22), for any other.",
    "under pKVM the CPU cannot come online. It stays present, and every attempt fails alike",
    (
        configuration("`maxcpus=` together with `kvm-arm.mode=protected`: late CPUs cannot come", Circumstance.MAXCPUS),
        firmware("the CPU was not there, or failed, when KVM was initialised"),
    ),
    ("bring all CPUs up before KVM is initialised, or do without protected mode",),
    "docs/model.md#boot-and-hotplug",
    "kvm/hyp/nvhe/psci-relay.c; booted on 6.12",
)
CPU_ON_UNSUPPORTED = LogEntry(
    "CPU_ON not supported",
    _FAILURE,
    _error_lines(-95),
    "not started: firmware does not have CPU_ON",
    "EOPNOTSUPP (-95) is what Linux makes of PSCI's answer NOT_SUPPORTED.",
    "no CPU but the boot CPU can be used",
    (
        firmware("its PSCI has no CPU_ON, or the call does not reach it"),
        device_tree("`method` of the node psci is smc where it should be hvc, or the other way round"),
        device_tree(
            "the CPUs are not to be started by PSCI: the boot loader wrote another `enable-method`, and another device "
            "tree took the place of its own. Reported for MSM8916 with lk2nd"
        ),
        vmm("the hypervisor does not implement CPU_ON"),
    ),
    (
        "`method` and `compatible` of the node psci, and `enable-method` of each CPU",
        "the version of PSCI that the log reports: 65535.65535 says that nothing answers",
        "which device tree the kernel got: the boot loader's own, or another in its place",
    ),
    "docs/scenario-files.md#faults",
    "drivers/firmware/psci/psci.c (psci_to_linux_errno); public reports",
)
CALL_UNSUPPORTED = LogEntry(
    "CPU_ON answered with NOT_SUPPORTED",
    _FAILURE,
    (
        "CPU1: Booted secondary processor 0x0000000100 [0x410fd0f0]",
        "psci: failed to boot CPU2 (-95)",
        "CPU2: failed to boot: -95",
    ),
    "not started: firmware answered this call of CPU_ON with NOT_SUPPORTED, although CPU_ON started a CPU",
    "EOPNOTSUPP (-95) is what Linux makes of PSCI's answer NOT_SUPPORTED. In the log a CPU came online, or went down "
    "after it had: firmware has CPU_ON, and the answer was for this call only. PSCI does not list it among the answers "
    "of CPU_ON.",
    "the system runs without the CPU; it may come at a later attempt",
    (
        firmware("it gives this answer for an error of its own, such as for a CPU or a state that it does not know"),
        vmm("the hypervisor gives this answer for some of its virtual CPUs, or at some times"),
    ),
    (
        advice("whether the CPU comes at a second attempt", Circumstance.MISSING),
        "whether other CPUs come back when they are taken down and brought up by hand",
        "firmware's own console at the time of the call",
    ),
    "docs/scenario-files.md#faults",
    "drivers/firmware/psci/psci.c (psci_to_linux_errno); that firmware has CPU_ON is concluded from other lines",
)
CPU_WITHOUT_METHOD = LogEntry(
    "CPU that the kernel has no way to start",
    _FAILURE,
    ("CPU1: failed to boot: -38",),
    "not started: the kernel has no way for that (ENOSYS)",
    "ENOSYS (-38) is not an answer of firmware: PSCI's NOT_SUPPORTED becomes EOPNOTSUPP (-95). 32-bit kernels give it "
    "where nothing on the platform starts CPUs. Of arm64 kernels only the first, of 2013, gave it, where a CPU did not "
    "leave its spin-table within a second.",
    "the system runs without the CPU",
    (
        device_tree(
            "it lists more CPUs than the machine has, as a board's tree does for an emulator with one CPU",
            Circumstance.KERNEL_OF_32_BITS,
        ),
        kernel("a 32-bit kernel without the code that starts this platform's CPUs", Circumstance.KERNEL_OF_32_BITS),
        kernel("a vendor's kernel, with a way of its own to start CPUs"),
    ),
    (
        advice("whether the kernel is a 32-bit kernel (`uname -m`)", Circumstance.KERNEL_OF_32_BITS),
        "the number of CPUs that the machine really has, as `-smp`",
        "the kernel's source, for the code that starts CPUs",
    ),
    "",
    "arch/arm/kernel/smp.c of the whole kernel (__cpu_up), kernel/smp_spin_table.c of 2013; public logs",
)
NO_MAILBOX = LogEntry(
    "CPU that firmware did not park",
    _FAILURE,
    ("CPU1: failed to boot: -6",),
    "not started: firmware had not prepared the mailbox of ACPI's parking protocol (ENXIO)",
    "Where ACPI's tables do not say that there is PSCI, each CPU waits for its address in a mailbox of its own, the "
    "parking protocol. Its field for the CPU's number must have all bits set before the kernel writes to it, as a sign "
    "that the CPU waits there; it had not.",
    "the system runs without the CPU; a further attempt gets the same error unless firmware parks the CPU meanwhile",
    (
        firmware(
            "it does not park its secondary CPUs before it starts the kernel. Reported for HP Moonshot m400 (X-Gene)"
        ),
        firmware("the MADT's Parked Address is not that of the mailbox"),
        firmware("a kernel before this one took the CPUs out, as before kexec: nothing parks them again"),
    ),
    (
        "a newer firmware, or another way to boot: by device tree, if firmware has one",
        "Parked Address and Parking Protocol Version in the MADT: `acpidump -b -n APIC` and `iasl -d apic.dat`",
    ),
    "docs/importing.md#from-a-machine-that-ran",
    "kernel/acpi_parking_protocol.c (acpi_parking_protocol_cpu_boot); public reports",
)
MAILBOX_UNMAPPED = LogEntry(
    "parking protocol whose mailbox cannot be mapped",
    _FAILURE,
    ("CPU1: failed to boot: -5",),
    "not started: the kernel could not map the mailbox of ACPI's parking protocol (EIO)",
    "Where ACPI's tables do not say that there is PSCI, each CPU waits for its address in a mailbox of its own, the "
    "parking protocol. The kernel maps it like a device, which fails where the mailbox lies in memory that the kernel "
    "uses itself.",
    "the system runs without the CPU, and every attempt gets the same error",
    (
        firmware("the mailbox lies in memory that firmware gave to the kernel, and not in reserved memory"),
        firmware("the MADT's Parked Address is not that of the mailbox"),
    ),
    ("Parked Address of the MADT against the memory map (`efi=debug`)", "a newer firmware"),
    "docs/importing.md#from-a-machine-that-ran",
    "kernel/acpi_parking_protocol.c (acpi_parking_protocol_cpu_boot); read",
)
CPU_NOT_STARTED = LogEntry(
    "CPU not started",
    _FAILURE,
    _error_lines(-19),
    "not started, with errno {error}",
    "No way in which mainline's arm64 kernels start CPUs gives this error, as far as the log shows which way it is: "
    "PSCI's answers become -1, -22 and -95, ACPI's parking protocol gives -5 and -6, and a spin-table none. What fails "
    "while CPUs are prepared, such as -12 (ENOMEM) where a spin-table's address cannot be mapped and -19 (ENODEV) "
    "without a method, leaves the CPU out without such a line. The kernel itself gives -95 (EOPNOTSUPP) where a CPU's "
    "method has no code that starts it; all of mainline's have.",
    "the system runs without the CPU",
    (
        kernel("a vendor's kernel, with a way of its own to start CPUs, or with errors of its own"),
        kernel("a 32-bit kernel", Circumstance.KERNEL_OF_32_BITS),
    ),
    ("the kernel's source, for the code that starts CPUs", "the lines just before, which may be the vendor's"),
    "docs/scenario-files.md#faults",
    "kernel/smp.c (__cpu_up, smp_prepare_cpus), kernel/cpu_ops.c, kernel/smp_spin_table.c, "
    "kernel/acpi_parking_protocol.c, drivers/firmware/psci/psci.c (psci_to_linux_errno)",
)
NO_CPU_ON = LogEntry(
    "no PSCI for a CPU that needs it",
    _FAILURE,
    ("psci: no cpu_on method, not booting CPU1",),
    "not started: the enable method is psci, and the kernel has no PSCI",
    "The kernel found no working PSCI: the node psci is missing, or its version did not fit.",
    "the CPUs with this enable method are not used",
    (
        device_tree("there is no node psci, or its `compatible` is older than the firmware"),
        vmm("a hypervisor passed its guest a device tree without the node psci"),
    ),
    ('add `psci { compatible = "arm,psci-1.0"; method = "smc"; };`, or hvc in a guest',),
    "",
    "kernel/psci.c; public reports",
)
NO_RELEASE_ADDRESS = LogEntry(
    "spin-table CPU without an address",
    _FAILURE,
    ("CPU 1: missing or invalid cpu-release-addr property",),
    "not started: the device tree has no `cpu-release-addr`",
    "A CPU of a spin-table waits until an address is written to a place in memory that its node names.",
    "the CPU is not used",
    (device_tree("`cpu-release-addr` is missing, or has the wrong number of cells"),),
    ("the boot loader, which usually adds the property", "PSCI in place of the spin-table"),
    "",
    "kernel/smp_spin_table.c",
)
NO_ENABLE_METHOD = LogEntry(
    "CPU without an enable method",
    _FAILURE,
    ("/cpus/cpu@1: missing enable-method property",),
    "{nodes}: no `enable-method`, so that the kernel cannot start the CPU",
    "arm64 Linux starts CPUs by PSCI or a spin-table, as `enable-method` of each CPU's node says.",
    "the CPU is not used. For a system that shall run with one CPU it is meant so",
    (
        device_tree("`enable-method` is missing, or the boot loader usually adds it and did not"),
        vmm("a simulator or hypervisor wrote a device tree for one CPU"),
    ),
    (
        '`enable-method = "psci"` and a node psci, if firmware has PSCI',
        advice(
            '`enable-method = "spin-table"` and `cpu-release-addr`, if firmware has no PSCI and lets the CPU wait at '
            "that address, as Raspberry Pi's and U-Boot's do",
            Circumstance.SPIN_TABLE,
        ),
    ),
    "",
    "kernel/cpu_ops.c",
)
UNSUPPORTED_METHOD = LogEntry(
    "unsupported enable method",
    _FAILURE,
    ("Unsupported enable-method: acme,smp", "Unsupported ACPI enable-method"),
    "the enable method {method_words} of a CPU is not one of the kernel's, so that it cannot start the CPU",
    "arm64 Linux starts CPUs by PSCI, by a spin-table, or by ACPI's parking protocol. The line does not say which CPU "
    "it is about, and comes once for each.",
    "the CPU is not used",
    (
        device_tree("`enable-method` is that of 32-bit kernels, or a vendor's"),
        firmware("ACPI's tables have neither PSCI nor the parking protocol, or the kernel lacks the latter"),
    ),
    ("`enable-method` of every node /cpus/cpu@N", "the flags of PSCI in the FADT, if the machine boots by ACPI"),
    "",
    "kernel/cpu_ops.c",
)
NO_BOOT_CPU = LogEntry(
    "boot CPU missing from the tables",
    _FAILURE,
    ("Failed to find device node for boot cpu", "missing boot CPU MPIDR, not enabling secondaries"),
    "no node or table entry has the MPIDR of the CPU that boots, so the kernel uses no other CPU",
    "The kernel compares the boot CPU's MPIDR with `reg` of each CPU's node, or with the MADT.",
    "the system runs with one CPU",
    (
        device_tree("`reg` of the boot CPU's node is wrong, or has the wrong number of cells"),
        firmware("the MADT lacks the CPU that boots"),
        vmm("the host gives the virtual CPU another MPIDR than the device tree says"),
    ),
    ("the MPIDR in `Booting Linux on physical CPU` against `reg` of each CPU",),
    "",
    "kernel/smp.c (smp_init_cpus), kernel/cpu_ops.c (cpu_read_enable_method)",
)
CLIPPED = LogEntry(
    "more CPUs than the kernel uses",
    _LOSS,
    ("Number of cores (8) exceeds configured maximum of 4 - clipping",),
    "{cores} CPUs are listed, and this kernel uses {most}",
    "The kernel's limit is CONFIG_NR_CPUS, or `nr_cpus=` on the command line.",
    "the CPUs above the limit are not used",
    (
        configuration("CONFIG_NR_CPUS is too small"),
        configuration("`nr_cpus=` is on the command line", Circumstance.NR_CPUS),
    ),
    ("CONFIG_NR_CPUS", advice("`nr_cpus=`", Circumstance.NR_CPUS)),
    "",
    "kernel/smp.c (smp_init_cpus)",
)
CLIPPED_BY_OPTION = LogEntry(
    "fewer CPUs by the command line",
    _HARMLESS,
    ("Number of cores (64) exceeds configured maximum of 1 - clipping", "Kernel command line: nr_cpus=1"),
    "{cores} CPUs are listed, and this kernel uses {most}, as `nr_cpus=` says",
    "`nr_cpus=` limits the CPUs that are possible. The others cannot be brought up later either. Kernels that write "
    "crash dumps are usually given 1.",
    "asked for",
    (configuration("`nr_cpus=` is on the command line"),),
    source="kernel/smp.c (smp_init_cpus), kernel/smp.c of the whole kernel (nrcpus)",
)
CRASH_KERNEL = LogEntry(
    "kernel for a crash dump",
    _NORMAL,
    (
        "Kernel command line: nr_cpus=1 irqpoll reset_devices",
        "Reserving 4KB of memory at 0x000000007fdff000 for elfcorehdr",
    ),
    "the kernel was started to write the dump of a kernel that crashed",
    "Such a kernel (kdump) is started by kexec on the CPU that crashed, whatever its MPIDR is, and usually runs on "
    "that CPU alone. The other CPUs still run what the crashed kernel left them with.",
    "",
    source="kernel/machine_kexec.c, drivers/of/fdt.c and Documentation/admin-guide/kdump/kdump.rst of the whole kernel",
)
NOT_OFF = LogEntry(
    "CPU that may not be off",
    _WARNING,
    (
        "psci: CPU1 may not have shut down cleanly (AFFINITY_INFO reports 0)",
        "CPU1: may not have shut down cleanly",
        "CPU1: cpu didn't die",
        "CPU1: unable to kill",
        "CPU1 failed to report dead state",
    ),
    "went down, and firmware does not confirm that",
    "After a CPU went down the kernel asks AFFINITY_INFO until it says that the CPU is off, for at most a tenth of a "
    "second. 0 means on, 2 means that it is on its way.",
    "where the CPU still runs kernel code: it cannot be started again, and kexec is not safe",
    (
        firmware("its AFFINITY_INFO does not follow CPU_OFF, or takes long"),
        vmm("the host has not stopped the virtual CPU yet"),
    ),
    ("whether the CPU can be brought up again",),
    "",
    "kernel/psci.c (cpu_psci_cpu_kill), kernel/smp.c",
)
NOT_RESUMED = LogEntry(
    "CPU missing after resume",
    _FAILURE,
    ("Enabling non-boot CPUs ...", "Error taking CPU1 up: -1"),
    "online before the suspend, and not back after the resume (errno {error})",
    "Suspend takes down all CPUs but one, and resume brings them back. This CPU failed as it would by hotplug; the "
    "lines before say how.",
    "the system runs without the CPU, and firmware may deny the next suspend, since the CPU is not off",
    (firmware("CPU_ON of a CPU that was off does not work after suspend"),),
    ("the lines on this CPU just before", "taking the CPU down and up by hand, without suspend"),
    "docs/hazards.md#cpu-lost-to-firmware",
    "kernel/cpu.c of the whole kernel (thaw_secondary_cpus)",
)
BUSY = LogEntry(
    "CPU that is needed and does not go down",
    _WARNING,
    ("Disabling non-boot CPUs ...", "Error taking CPU1 down: -16"),
    "needed, and could not be taken down for suspend (EBUSY, -16)",
    "The scheduler does not let a CPU go if the CPUs that would be left could not give all deadline tasks the time "
    "that they were promised; it counts the reserve for normal tasks (the fair server) among it. The last CPU that is "
    "online cannot go either, nor any CPU while the kernel has hotplug disabled. The suspend was given up.",
    "the system does not suspend",
    (
        user_space("SCHED_DEADLINE tasks leave too little time on the CPUs that would remain"),
        kernel(
            "the scheduler's account of deadline time is wrong after CPUs went down, above all with `isolcpus=` or "
            "exclusive cpusets, and with the threads of schedutil, which are deadline tasks. Reported for Tegra186 "
            "before 6.14; mended by 6.15 (2ff899e35164), and posted for the stable releases of 6.14"
        ),
        configuration("`isolcpus=` or a cpuset leaves one CPU in a domain of its own, which then has none"),
        kernel("it is the last CPU that is online, or a driver has disabled hotplug"),
    ),
    (
        "`ps -eLo cls,cpuid,comm | grep DLN`: the deadline tasks",
        "`isolcpus=` on the command line, and cpusets",
        "taking the CPUs down by hand, in the same order",
    ),
    "docs/scenario-files.md#suspend-and-resume",
    "kernel/cpu.c (freeze_secondary_cpus, _cpu_down), kernel/sched/deadline.c of the whole kernel; public reports",
)
TRUSTED_OS_STAYS = LogEntry(
    "CPU with a trusted OS does not go down",
    _WARNING,
    ("Disabling non-boot CPUs ...", "Error taking CPU1 down: -1"),
    "home of a trusted OS, and could not be taken down for suspend (EPERM, -1)",
    "PSCI says on which CPU a trusted OS lives that cannot move, and the kernel does not take that CPU down. The "
    "suspend was given up. With `allow_mismatched_32bit_el0` the kernel also keeps one CPU that runs 32-bit programs.",
    "the system does not suspend",
    (
        firmware(
            "a trusted OS that does not migrate lives on another CPU than that which suspends", Circumstance.TRUSTED_OS
        ),
        configuration(
            "`allow_mismatched_32bit_el0` keeps a CPU with 32-bit programs online", Circumstance.MISMATCHED_32
        ),
        kernel("a vendor's kernel, with a rule of its own"),
    ),
    (
        "`psci: Trusted OS resident on physical CPU` in the log",
        advice("a newer trusted OS", Circumstance.TRUSTED_OS),
    ),
    "docs/scenario-files.md#suspend-and-resume",
    "kernel/psci.c (cpu_psci_cpu_disable), kernel/cpufeature.c",
)
NOT_SUSPENDED = LogEntry(
    "CPU that does not go down for suspend",
    _WARNING,
    ("Disabling non-boot CPUs ...", "Error taking CPU1 down: -95"),
    "could not be taken down for suspend (errno {error})",
    "Suspend needs all CPUs but one to go down. The suspend was given up.",
    "the system does not suspend",
    (
        device_tree("the CPU waits in a spin-table, from which no CPU can be stopped (errno -95)"),
        kernel("a driver does not let the CPU go"),
    ),
    ("the lines on this CPU just before",),
    "docs/scenario-files.md#suspend-and-resume",
    "kernel/cpu.c of the whole kernel (freeze_secondary_cpus), kernel/smp.c (op_cpu_disable), kernel/psci.c",
)
SUSPEND_GIVEN_UP = LogEntry(
    "suspend given up",
    _HARMLESS,
    ("Disabling non-boot CPUs ...", "Non-boot CPUs are not disabled"),
    "a suspend was given up before all CPUs were down",
    "The CPUs that went down before come up again.",
    "where it happens now and then, because a wake-up came; not if a CPU never goes down",
    look_at=("the line before: a CPU that does not go down, or a pending wake-up",),
    more="docs/scenario-files.md#suspend-and-resume",
    source="kernel/cpu.c of the whole kernel (freeze_secondary_cpus)",
)
INCONSISTENT_MODES = LogEntry(
    "CPUs at different exception levels",
    _FAILURE,
    ("CPU: CPUs started in inconsistent modes",),
    "some CPUs started at EL2, and others at EL1: there is no KVM",
    "Every CPU must enter the kernel at the same exception level. The kernel warns and taints itself, and KVM says "
    "later that HYP mode is not available. A CPU that started and died counts as well: where the kernel runs at EL2 "
    "(VHE), a CPU at EL1 is lost without a line.",
    "there is no KVM, and nothing else that runs at EL2; all CPUs that are online work otherwise",
    (
        firmware("it starts secondary CPUs at EL1 and the boot CPU at EL2, or the other way round"),
        firmware("the boot loader dropped to EL1 before it started the kernel, and CPU_ON starts CPUs at EL2"),
        vmm("a hypervisor's reset or CPU_ON leaves a CPU at the wrong level"),
    ),
    ("the exception level at which firmware and the boot loader enter the kernel on each CPU",),
    "docs/questions.md#why-did-kvm-say-that-hyp-mode-is-not-available",
    "kernel/smp.c (hyp_mode_check), Documentation/arch/arm64/booting.rst; booted on 6.12 and 7.3",
)

# What every boot logs

EARLY_ONLINE = LogEntry(
    "CPU came online early",
    _NORMAL,
    ("CPU1: Booted secondary processor 0x0000000100 [0x410fd0f0]",),
    "came online early",
    "The kernel brought the CPU up before user space, and counts it in its capabilities. The numbers are MPIDR_EL1 and "
    "MIDR_EL1.",
    "",
    source="kernel/smp.c (secondary_start_kernel)",
)
LATE_ONLINE = LogEntry(
    "CPU came online late",
    _NORMAL,
    ("CPU1: Booted secondary processor 0x0000000100 [0x410fd0f0]",),
    "came online late, and passed the kernel's checks",
    "User space brought the CPU up for the first time after the kernel's capabilities were final.",
    "",
    source="kernel/smp.c (secondary_start_kernel)",
)
BACK_ONLINE = LogEntry(
    "CPU came back online",
    _NORMAL,
    ("psci: CPU1 killed (polled 0 ms)", "CPU1: Booted secondary processor 0x0000000100 [0x410fd0f0]"),
    "came back online, and passed the kernel's checks",
    "The CPU was online before, and went down. User space, a resume or the kernel's test of PSCI brought it up again. "
    "The kernel checks it as it checks a late CPU.",
    "",
    source="kernel/smp.c (secondary_start_kernel), kernel/cpufeature.c (check_local_cpu_capabilities)",
)
CAME_ONLINE = LogEntry(
    "CPU came online",
    _NORMAL,
    ("CPU1: Booted secondary processor 0x0000000100 [0x410fd0f0]",),
    "came online; whether early or late is not shown",
    "The log begins too late to show whether the kernel brought the CPU up at boot, or user space later.",
    "",
    source="kernel/smp.c (secondary_start_kernel)",
)
WENT_OFFLINE = LogEntry(
    "CPU went offline",
    _NORMAL,
    ("psci: CPU1 killed (polled 0 ms)", "CPU1: shutdown"),
    "went offline",
    "User space, a suspend, a governor or the kernel's test of PSCI took the CPU down, and firmware confirms that it "
    "is off.",
    "",
    source="kernel/psci.c (cpu_psci_cpu_kill)",
)
BROUGHT_UP = LogEntry(
    "CPUs after the early bring-up",
    _NORMAL,
    ("smp: Brought up 1 node, 8 CPUs", "SMP: Total of 8 processors activated."),
    "{count_words} after the early bring-up",
    "The CPUs that are online when the kernel makes its capabilities final.",
    "",
    source="kernel/smp.c; kernel/smp.c of the whole kernel",
)
POSSIBLE = LogEntry(
    "number of possible CPUs",
    _NORMAL,
    ("SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=3, Nodes=1", "rcu: Adjusting geometry, nr_cpu_ids=10"),
    "the kernel knows {count_words}, and can bring up no more",
    "The possible CPUs are those that the device tree or the MADT describes, as far as the kernel can use them, and up "
    "to the most that it was built for. If the machine has more CPUs, the tables leave them out, the kernel passed "
    "over them with a line that says why, or `nr_cpus=` leaves them out. Such a CPU is not refused, and has no file in "
    "sysfs.",
    "unless the machine has more CPUs",
    (),
    ("the nodes /cpus/cpu@N in /sys/firmware/devicetree/base/cpus, and their `status`", "`nr_cpus=`"),
    source="kernel/smp.c (smp_init_cpus); mm/slub.c and kernel/rcu/tree.c of the whole kernel",
)
LEFT_BY_MAXCPUS = LogEntry(
    "CPU left offline by the command line",
    _NORMAL,
    ("Kernel command line: maxcpus=4",),
    "left offline by `{parameter}`",
    "The kernel brings up as many CPUs as `maxcpus=` says; user space may bring up the others, as late CPUs. Up to 6.4 "
    "CPUs that are online are counted, from 6.5 on CPUs that were tried.",
    "a late CPU must have all that the early CPUs have",
    look_at=("/sys/devices/system/cpu/cpuN/online",),
    more="docs/scenario-files.md#kernel",
    source="kernel/cpu.c of the whole kernel (bringup_nonboot_cpus); booted on 6.1",
)
ABSENT = LogEntry(
    "CPU kept out by the command line",
    _NORMAL,
    ("Kernel command line: nosmp", "Kernel command line: maxcpus=0"),
    "kept out by `{parameter}`",
    "`nosmp`, or `maxcpus=0`, asks for a system with one CPU: the kernel marks no other CPU as present. With "
    "`maxcpus=1` the others are present, and come late.",
    "user space cannot bring the CPU up either; `maxcpus=1` in its place lets it",
    look_at=("/sys/devices/system/cpu/possible and present",),
    more="docs/scenario-files.md#kernel",
    source="kernel/smp.c (smp_prepare_cpus), kernel/smp.c of the whole kernel (nosmp)",
)
NEVER_STARTED = LogEntry(
    "CPU of which the log tells nothing",
    _HARMLESS,
    ("SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=8, Nodes=1", "smp: Brought up 1 node, 4 CPUs"),
    "possible, and no line tells of a start",
    "A possible CPU need not be present: firmware may list CPUs that can be plugged in later. From 6.11 on, a CPU_ON "
    "that firmware denies leaves no line either.",
    "where the CPU is not there",
    (
        firmware("the MADT lists CPUs that are not enabled, for hotplug"),
        vmm("virtual CPUs that are not plugged in"),
    ),
    ("/sys/devices/system/cpu/possible and present",),
    "",
    "kernel/smp.c (smp_init_cpus); that nothing happened is concluded from missing lines",
)
PSCI_VERSION = LogEntry(
    "version of PSCI",
    _NORMAL,
    ("psci: PSCIv1.1 detected in firmware.",),
    "firmware has PSCI {psci_version}",
    "PSCI is the interface by which the kernel starts and stops CPUs.",
    "",
    source="drivers/firmware/psci/psci.c (psci_probe)",
)
NO_PSCI_VERSION = LogEntry(
    "PSCI without a version",
    _HARMLESS,
    ("psci: PSCIv65535.65535 detected in firmware.",),
    "firmware does not tell the version of PSCI",
    "PSCI_VERSION was answered with NOT_SUPPORTED (-1), which the kernel shows as 65535.65535. It goes on as with PSCI "
    "1.0, and firmware may have all that is needed.",
    "where CPUs are started, and the system restarts and turns off",
    (firmware("its PSCI is older than 0.2, or has CPU_ON and little else. Reported for Rockchip's"),),
    source="drivers/firmware/psci/psci.c (psci_probe, psci_get_version); public logs",
)
NO_PSCI = LogEntry(
    "no PSCI that answers",
    _FAILURE,
    (
        "psci: PSCIv65535.65535 detected in firmware.",
        *_error_lines(-95),
    ),
    "nothing answers the calls of PSCI, not even the call for a version",
    "PSCI_VERSION was answered with NOT_SUPPORTED (-1), which the kernel shows as 65535.65535, and no CPU was started. "
    "There may be no PSCI at all: what answers is whatever EL3 or EL2 does with a call that it does not know.",
    "no CPU but the boot CPU can be used, and neither poweroff nor restart work by PSCI",
    (
        firmware("it has no PSCI"),
        device_tree(
            "a node psci that this firmware does not bear out, with `enable-method` of each CPU: a boot loader was to "
            "change both, and another device tree took the place of its own. Reported for MSM8916 with lk2nd"
        ),
        device_tree("`method` of the node psci is smc where it should be hvc, or the other way round"),
    ),
    (
        "which device tree the kernel got: the boot loader's own, or another in its place",
        "`method` of the node psci, and `enable-method` of each CPU",
    ),
    "",
    "drivers/firmware/psci/psci.c (psci_probe, psci_get_version); public reports",
)
PSCI_CONFLICT = LogEntry(
    "PSCI older than the device tree says",
    _FAILURE,
    ("psci: PSCIv0.1 detected in firmware.", "psci: Conflicting PSCI version detected."),
    "firmware reports a PSCI older than 0.2, and the device tree promises a newer: the kernel does not use it",
    "From 0.2 on PSCI reports its version. A version below contradicts the node's `compatible`.",
    "no CPU but the boot CPU can be started by PSCI, and none can be switched off",
    (
        device_tree('`compatible` of the node psci should be "arm,psci"'),
        firmware("PSCI_VERSION is not implemented, and a stub answers 0"),
    ),
    ("`compatible` of the node psci", "firmware's answer to PSCI_VERSION"),
    "",
    "drivers/firmware/psci/psci.c (psci_probe)",
)
TRUSTED_OS = LogEntry(
    "trusted OS on a CPU",
    _HARMLESS,
    ("psci: Trusted OS resident on physical CPU 0x0",),
    "a trusted OS lives on the CPU with MPIDR {mpidr}, which therefore cannot go offline",
    "The trusted OS runs on one CPU and does not move to another, so the kernel does not offer to take that CPU down.",
    "unless that CPU shall go offline",
    (firmware("a trusted OS that cannot migrate, such as OP-TEE in some configurations"),),
    source="drivers/firmware/psci/psci.c (psci_init_migrate), kernel/psci.c",
)
STARTED_AT_EL2 = LogEntry(
    "CPUs started at EL2",
    _NORMAL,
    ("CPU: All CPU(s) started at EL2",),
    "all CPUs started at EL2",
    "EL2 is the hypervisor's level: KVM is possible.",
    "",
    source="kernel/smp.c (hyp_mode_check)",
)
STARTED_AT_EL1 = LogEntry(
    "CPUs started at EL1",
    _NORMAL,
    ("CPU: All CPU(s) started at EL1",),
    "all CPUs started at EL1",
    "EL1 is the level of a guest, or of a kernel whose firmware keeps EL2 to itself: there is no KVM.",
    "unless KVM is wanted",
    more="docs/questions.md#why-did-kvm-say-that-hyp-mode-is-not-available",
    source="kernel/smp.c (hyp_mode_check)",
)
TIMER = LogEntry(
    "timer of the kernel",
    _NORMAL,
    ("arch_timer: cp15 timer(s) running at 62.50MHz (phys).", "arch_timer: cp15 timer running at 54.00MHz (virt)."),
    "the kernel uses the timer {timer}: {level_words}",
    "The kernel uses the virtual timer if the boot CPU started at EL1, and the physical timer if it started at EL2. "
    "Where CPUs started at different levels, this line tells the boot CPU's.",
    "",
    source="drivers/clocksource/arm_arch_timer.c (arch_timer_select_ppi); booted on 6.1, 6.12 and 7.3",
)
ENDS_SUSPENDED = LogEntry(
    "log that ends in suspend",
    _HARMLESS,
    ("Disabling non-boot CPUs ...", "psci: CPU1 killed (polled 0 ms)"),
    "the log ends while the system is suspended, or on its way there",
    "The CPUs were taken down, and no line tells that they came back. The console may have been suspended as well.",
    "if the log was taken before the system resumed; if the system never resumed, it hangs in suspend",
    (
        firmware("SYSTEM_SUSPEND does not return, or a wake-up does not arrive"),
        kernel("a driver hangs when devices suspend or resume"),
    ),
    ("`no_console_suspend` on the command line", "/sys/power/pm_test set to `processors`, `platform` and so on"),
    "docs/scenario-files.md#suspend-and-resume",
    "kernel/cpu.c of the whole kernel; concluded from missing lines",
)
SUSPENDED = LogEntry(
    "suspend and resume",
    _NORMAL,
    ("Disabling non-boot CPUs ...", "Enabling non-boot CPUs ...", "CPU1 is up", "PM: suspend exit"),
    "the system suspended or resumed, and its CPUs went down or came back",
    "Suspend takes all CPUs but one down, and resume brings them up again. The kernel checks them as it checks late "
    "CPUs.",
    "",
    more="docs/scenario-files.md#suspend-and-resume",
    source="kernel/cpu.c of the whole kernel",
)

CPU_ENTRIES = (
    SMALLER_ASID,
    CPU_LOST,
    CPU_LOST_WITHOUT_PSCI,
    CPU_LOST_ON_RETURN,
    TOOK_PLACE,
    SHARED_TASK,
    CPU_STUCK,
    CPU_STUCK_ADDRESSES,
    CPU_STUCK_GRANULE,
    LACKS_CAPABILITY,
    HAS_CAPABILITY,
    DIFFERS_FROM_BOOT_CPU,
    STARTED_BELOW_EL2,
    LACKS_HWCAP,
    LACKS_LENGTHS,
    UNSUPPORTED_LENGTHS,
    LARGER_LENGTHS,
    LENGTHS_DIFFER,
    VMID_WIDTH,
    IPA_RANGE,
    MPAM_DIFFERS,
    REFUSED,
    REFUSED_EARLY,
    CPU_ON_DENIED,
    CPU_ON_INVALID,
    CPU_ON_AFTER_LOSS,
    CPU_ON_STILL_ON,
    CPU_ON_BY_RELAY,
    CPU_ON_UNSUPPORTED,
    CALL_UNSUPPORTED,
    CPU_WITHOUT_METHOD,
    NO_MAILBOX,
    MAILBOX_UNMAPPED,
    CPU_NOT_STARTED,
    NO_PSCI,
    NO_PSCI_VERSION,
    PSCI_CONFLICT,
    NO_CPU_ON,
    NO_RELEASE_ADDRESS,
    NO_ENABLE_METHOD,
    UNSUPPORTED_METHOD,
    NO_BOOT_CPU,
    INCONSISTENT_MODES,
    NOT_RESUMED,
    CLIPPED,
    CLIPPED_BY_OPTION,
    CRASH_KERNEL,
    NOT_OFF,
    BUSY,
    TRUSTED_OS_STAYS,
    NOT_SUSPENDED,
    SUSPEND_GIVEN_UP,
    ENDS_SUSPENDED,
    NEVER_STARTED,
    TRUSTED_OS,
    LEFT_BY_MAXCPUS,
    ABSENT,
    EARLY_ONLINE,
    CAME_ONLINE,
    LATE_ONLINE,
    BACK_ONLINE,
    WENT_OFFLINE,
    BROUGHT_UP,
    POSSIBLE,
    PSCI_VERSION,
    STARTED_AT_EL2,
    STARTED_AT_EL1,
    TIMER,
    SUSPENDED,
)
