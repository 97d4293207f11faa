"""Entries on CPU features that differ or are overridden, and on vector lengths.

Sources: kernel/cpufeature.c, kernel/fpsimd.c, kernel/pi/idreg-override.c, kernel/proton-pack.c, mm/context.c; boots of
Debian's kernels where an entry says booted.
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
    vmm,
)

_LOSS, _WARNING, _HARMLESS, _NORMAL = Severity.LOSS, Severity.WARNING, Severity.HARMLESS, Severity.NORMAL

_CHECK = "CPU features: SANITY CHECK: Unexpected variation in SYS_{}. Boot CPU: {}, CPU2: {}"
_SANITY = (
    _CHECK.format("ID_AA64MMFR1_EL1", "0x1001111010312122", "0x1001111011312122"),
    "CPU features: Unsupported CPU feature variation detected.",
)
_SANITY_MEANING = (
    "The kernel compares the ID registers of each CPU with the boot CPU's. Where they differ in a strict field, or in "
    "a bit that the kernel does not list, it logs the line and taints itself (TAINT_CPU_OUT_OF_SPEC). It refuses no "
    "CPU for that, and uses of each listed field the value that is safe on all CPUs."
)
_SANITY_CAUSES = (
    hardware("the cores are of two kinds, or of two revisions, as in big.LITTLE systems", Circumstance.MIXED_CORES),
    firmware("it sets a control bit that hides a feature on some CPUs only"),
    vmm("the host shows its guest the registers of whatever core a virtual CPU runs on"),
)
_LATE_BY_MAXCPUS = configuration(
    "`maxcpus=` makes it a late CPU", Circumstance.MAXCPUS, Circumstance.LATE, Circumstance.FIRST_START
)
_COME_EARLY = advice(
    "bring the CPU up early, without `maxcpus=`", Circumstance.MAXCPUS, Circumstance.LATE, Circumstance.FIRST_START
)
_SANITY_SOURCE = "kernel/cpufeature.c (check_update_ftr_reg, update_cpu_features); booted on 6.1 to 7.3"
_WHY_SANITY = "docs/questions.md#why-sanity-check"

SANITY_TAINT = LogEntry(
    "CPUs with different ID registers",
    _HARMLESS,
    _SANITY,
    "{register} differs from the boot CPU's, and the system loses nothing",
    _SANITY_MEANING,
    "no feature is lost. The kernel is tainted, which bug reports show and nothing else depends on: `asymboot run` has "
    "that as its least severe kind of hazard",
    _SANITY_CAUSES,
    ("nothing, unless firmware is yours: which core differs in which field is told above",),
    _WHY_SANITY,
    _SANITY_SOURCE,
)
SANITY_LOSS = LogEntry(
    "CPUs with different features",
    _LOSS,
    (
        _CHECK.format("ID_AA64PFR0_EL1", "0x1301001121110222", "0x1301000021110222"),
        "CPU features: Unsupported CPU feature variation detected.",
    ),
    "{register} differs from the boot CPU's, and the system loses what not every CPU has: {lost}",
    _SANITY_MEANING,
    "no CPU uses these features any more, neither for the kernel nor for programs. Besides, the kernel is tainted",
    _SANITY_CAUSES,
    (
        "whether firmware could enable the feature on all CPUs, or hides it on some",
        "where the features matter more than the CPUs: leave the CPUs without them offline from the beginning",
    ),
    _WHY_SANITY,
    _SANITY_SOURCE,
)
_BY_ANOTHER_TABLE = (
    " There is no table of this kernel's own series here, or the log does not name the kernel: tables of other kernels "
    "stand for it. Fields and capabilities came and went: `32-bit EL1 Support` came in 5.8."
)
SANITY_TAINT_INFERRED = LogEntry(
    "CPUs with different ID registers, by the table of another kernel",
    _HARMLESS,
    _SANITY,
    "{register} differs from the boot CPU's, and Linux {table} would lose nothing by it",
    _SANITY_MEANING + _BY_ANOTHER_TABLE,
    "as far as these tables tell. The kernel is tainted, which bug reports show and nothing else depends on: `asymboot "
    "run` has that as its least severe kind of hazard",
    _SANITY_CAUSES,
    ("the whole log, where the kernel is only not named", "nothing, unless firmware is yours"),
    _WHY_SANITY,
    _SANITY_SOURCE,
)
SANITY_LOSS_UNKNOWN = LogEntry(
    "CPUs with different features, by the table of another kernel",
    _WARNING,
    (
        _CHECK.format("ID_AA64PFR0_EL1", "0x1301001121110222", "0x1301000021110222"),
        "CPU features: Unsupported CPU feature variation detected.",
    ),
    "{register} differs from the boot CPU's, and Linux {table} would lose what not every CPU has: {lost}",
    _SANITY_MEANING + _BY_ANOTHER_TABLE,
    "if this kernel knows these features and uses them: no CPU then has them. Besides, the kernel is tainted",
    _SANITY_CAUSES,
    (
        "`CPU features: detected:` in the log, and /proc/cpuinfo: what this kernel uses",
        "the whole log, where the kernel is only not named",
    ),
    _WHY_SANITY,
    _SANITY_SOURCE,
)
SANITY_UNKNOWN = LogEntry(
    "CPUs that differ in an unknown register",
    _WARNING,
    (_CHECK.format("ACME_EL1", "0x00000000000001", "0x00000000000000"), _SANITY[1]),
    "{register} differs from the boot CPU's, and what the system loses by it is not known",
    _SANITY_MEANING + " No table of this kernel or of its neighbours has the register, so that its fields, and what "
    "depends on them, are not known.",
    "as far as is known: the kernel is tainted, and may have lost what not every CPU has",
    _SANITY_CAUSES,
    ("`CPU features: detected:` in the log, and /proc/cpuinfo: what this kernel uses",),
    _WHY_SANITY,
    _SANITY_SOURCE,
)
SANITY_EQUAL = LogEntry(
    "SANITY CHECK of equal values",
    _WARNING,
    (_CHECK.format("ID_AA64MMFR0_EL1", "0x00000000101125", "0x00000000101125"),),
    "the two values of {register} are equal, of which no kernel prints this line",
    "The kernel logs the line only where the two values differ. The text is most likely not the kernel's own: it was "
    "edited, typed off a screen, or read by a program that makes mistakes.",
    "for what it says of this CPU: how the CPU differs, and what the system loses by it, cannot be told",
    (kernel("if the text is its own, a tree whose check was changed: no release prints the line"),),
    ("the log as the kernel wrote it (`dmesg`), without changes",),
    _WHY_SANITY,
    "kernel/cpufeature.c (check_update_ftr_reg)",
)
_NOT_COMPARED = (
    "the difference is of no consequence. The kernel is tainted, which bug reports show and nothing else depends on"
)
SANITY_PMU = LogEntry(
    "different PMU versions that the kernel should allow",
    _HARMLESS,
    (
        _CHECK.format("ID_DFR0_EL1", "0x00000004011088", "0x00000005011088"),
        "CPU features: Unsupported CPU feature variation detected.",
    ),
    "{register} differs in the version of the performance monitors, which this kernel is too strict about",
    "The field tells the version of the performance monitors (PMU). Clusters may differ in it, and the kernel drives "
    "each PMU by itself, so that a difference needs no warning. Older kernels compared the field all the same: "
    "ID_AA64DFR0_EL1.PMUVer until commit b20d1ba3cf4b, ID_DFR0_EL1.PerfMon, which tells the same for 32-bit state, "
    "until commit 506506cad394.",
    _NOT_COMPARED,
    (
        kernel("a bug: ID_DFR0_EL1.PerfMon is strict before 6.0; mended in 6.0 and 5.15.61 (commit 506506cad394)"),
        hardware("the cores are of two kinds, with PMUs of different versions"),
    ),
    ("nothing, or a kernel that has the commit",),
    _WHY_SANITY,
    "kernel/cpufeature.c, commits b20d1ba3cf4b and 506506cad394, the announcement of 5.15.61; booted on 6.1 to 7.3, "
    "which log no such line",
)
SANITY_SMCR = LogEntry(
    "SMCR_EL1 that the kernel should not compare",
    _HARMLESS,
    (
        _CHECK.format("SMCR_EL1", "0x0000000000000f", "0x0000008000000f"),
        "CPU features: Unsupported CPU feature variation detected.",
    ),
    "SMCR_EL1 differs in more than the vector length, which this kernel should not compare",
    "SMCR_EL1 is a control register, of which the kernel wants only the vector length (LEN). It also compared the "
    "other bits, which the kernel itself sets once it uses SME (FA64, bit 31): the boot CPU's value is from before "
    "that, and the value of a CPU that comes back from after it.",
    _NOT_COMPARED,
    (kernel("a bug before 6.6: mended in 6.6 and 6.1.53 (commit 01948b09edc3)"),),
    ("nothing, or a kernel that has the commit",),
    _WHY_SANITY,
    "kernel/fpsimd.c (read_smcr_features), commit 01948b09edc3, the review of 6.1.53",
)
KERNEL_BUGS = {
    ("ID_DFR0_EL1", "PerfMon"): SANITY_PMU,
    ("ID_AA64DFR0_EL1", "PMUVer"): SANITY_PMU,
    ("SMCR_EL1", ""): SANITY_SMCR,
}
"""The entries of lines that are bugs of the kernel, by register and field; without a field, any."""
SANITY_LATE = LogEntry(
    "other ID registers after the boot",
    _WARNING,
    (_CHECK.format("ID_AA64ISAR1_EL1", "0x00000000110000", "0x00000000010000"), _SANITY[1]),
    "{register} differs from the boot CPU's, and its value changes after programs have started: {changed}",
    _SANITY_MEANING
    + " A CPU that comes late, or comes back, no longer changes capabilities, hwcaps and /proc/cpuinfo; a program that "
    "reads the register with MRS sees a smaller value than before.",
    "programs that started before and after the CPU may read different features with MRS",
    (
        _LATE_BY_MAXCPUS,
        firmware("it does not set the CPU up as at its first start", Circumstance.RETURN),
        *_SANITY_CAUSES,
    ),
    (_COME_EARLY, "the CPU's registers at its first start, and when it comes back or late"),
    _WHY_SANITY,
    "kernel/cpufeature.c (update_cpu_features); booted on 6.12 to 7.3",
)
SANITY_DANGER = LogEntry(
    "CPUs that differ in what nothing makes up for",
    _WARNING,
    (_CHECK.format("DCZID_EL0", "0x00000000000004", "0x00000000000005"), _SANITY[1]),
    "{register} differs from the boot CPU's, and {dangers}",
    _SANITY_MEANING + " Some fields are used as if all CPUs were alike in them, by the kernel or by programs that read "
    "them once: the size of the blocks that DC ZVA clears (DCZID_EL0), and, once the kernel has booted, the numbers of "
    "breakpoints and watchpoints (ID_AA64DFR0_EL1) and the range of physical addresses that KVM gives to guests "
    "(ID_AA64MMFR0_EL1.PARange).",
    "it works until something depends on the field, and then fails without naming it",
    (
        *_SANITY_CAUSES,
        configuration(
            "`maxcpus=` makes a CPU late that would only cost the system a feature if it came early",
            Circumstance.MAXCPUS,
            Circumstance.LATE,
            Circumstance.FIRST_START,
        ),
    ),
    ("leave the CPUs that differ offline", _COME_EARLY, "a panic below this line"),
    "docs/hazards.md#kernel-panic",
    "kernel/hw_breakpoint.c (hw_breakpoint_reset), booted on 6.12 and 7.3; kernel/cpufeature.c "
    "(verify_hyp_capabilities), booted on 6.12 and 7.3; the Arm ARM on DC ZVA, read",
)
SANITY_COUNTER = LogEntry(
    "CPUs with different counter frequencies",
    _WARNING,
    (_CHECK.format("CNTFRQ_EL0", "0x00000003938700", "0x00000000000000"),),
    "CNTFRQ_EL0 is {value} Hz, and {boot_value} Hz on the boot CPU",
    "CNTFRQ_EL0 only tells the frequency of the system counter; firmware writes it on each CPU. The counter itself is "
    "the same for all CPUs.",
    "for programs that read CNTFRQ_EL0 to measure time: on these CPUs they are wrong. The kernel uses the "
    "boot CPU's value, or the device tree's. Besides, the kernel is tainted",
    (firmware("it writes CNTFRQ_EL0 on the boot CPU only, or not after a CPU was off"),),
    ("firmware's code that runs on every CPU when it starts",),
    _WHY_SANITY,
    "kernel/cpufeature.c; drivers/clocksource/arm_arch_timer.c; public logs",
)
ASYMMETRIC_32 = LogEntry(
    "32-bit programs on some CPUs only",
    _HARMLESS,
    ("CPU features: Asymmetric 32-bit EL0 support detected on CPU 4; CPU hot-unplug disabled on CPU 0",),
    "differs from the boot CPU in whether it runs 32-bit programs; CPU{kept} can no longer go offline",
    "With `allow_mismatched_32bit_el0` the kernel runs 32-bit programs on the CPUs that can, and keeps one such CPU "
    "online. Without the parameter the whole system does without 32-bit programs.",
    "asked for; taking that CPU down fails with EPERM",
    (configuration("`allow_mismatched_32bit_el0` is on the command line"),),
    source="kernel/cpufeature.c (enable_mismatched_32bit_el0); booted on 6.12 and 7.3",
)
OVERRIDDEN = LogEntry(
    "feature hidden by the command line",
    _NORMAL,
    ("CPU features: SYS_ID_AA64PFR1_EL1[27:24]: forced to 0",),
    "the command line overrides {register}: {fields}",
    "A parameter such as `arm64.nosme` or `id_aa64pfr1.sme=0` overrides a field of the boot CPU's ID register, and so "
    "hides the feature from the kernel and from programs. One parameter may override several fields.",
    "asked for",
    (configuration("a parameter such as `arm64.nosve`, `arm64.nosme`, `arm64.nopauth`, `kvm-arm.mode=nvhe`"),),
    ("`Kernel command line:` in the log",),
    "docs/questions.md#how-do-i-limit-the-vector-length-of-the-system",
    "kernel/pi/idreg-override.c, kernel/cpufeature.c (init_cpu_ftr_reg); booted on 6.1 to 7.3",
)
OVERRIDE_NEEDLESS = LogEntry(
    "feature that is not there hidden",
    _HARMLESS,
    ("CPU features: SYS_ID_AA64SMFR0_EL1[63:63]: already set to 0",),
    "the command line overrides {register} by what the boot CPU has anyway: {fields}",
    "The boot CPU does not have the feature that the command line hides.",
    "",
    (configuration("a parameter that hides a feature which this machine lacks"),),
    source="kernel/cpufeature.c (init_cpu_ftr_reg); booted on 6.1 to 7.3",
)
OVERRIDE_IGNORED = LogEntry(
    "override that the kernel ignores",
    _WARNING,
    (
        "CPU features: SYS_ID_AA64PFR1_EL1[3:0]: ignoring override to 5",
        "CPU features: SYS_ID_AA64MMFR2_EL1[19:16]: impossible override, ignored",
    ),
    "the command line's override of {register} is ignored: {fields}",
    "An override may only take something away: the value must be the safe value of the field, against what the boot "
    "CPU has.",
    "if the parameter was meant to have an effect",
    (configuration("the parameter asks for more than the CPU has, or for a value that the field cannot have"),),
    ("the parameter's value: one hexadecimal digit, smaller than the CPU's own",),
    source="kernel/cpufeature.c (init_cpu_ftr_reg); booted on 6.12 and 7.3",
)
KPTI = LogEntry(
    "kernel page table isolation forced",
    _NORMAL,
    (
        "CPU features: kernel page table isolation forced ON by KASLR",
        "CPU features: kernel page table isolation forced OFF by kpti command line option",
        "CPU features: kernel page table isolation disabled by kernel configuration",
    ),
    "kernel page table isolation is {state} by {reason}",
    "Isolation protects cores that are vulnerable to Meltdown, and hides the kernel's random address from all others. "
    "It is forced on by KASLR unless the CPUs have E0PD. A kernel that is built without it says so.",
    "with isolation forced off or disabled, a core that needs it is vulnerable",
    (
        configuration("KASLR, `kpti=`, `mitigations=off` or CONFIG_UNMAP_KERNEL_AT_EL0"),
        hardware("an erratum of ThunderX forces it off"),
    ),
    source="kernel/cpufeature.c (unmap_kernel_at_el0); booted on 6.12 and 7.3",
)
DISABLED_ABOVE = LogEntry(
    "feature disabled by firmware",
    _HARMLESS,
    ("CPU features: GIC system register CPU interface present but disabled by higher exception level",),
    "{feature} is there, and the kernel may not use it",
    "EL3 or EL2 keeps the GIC's system registers to itself: ICC_SRE_EL3.Enable or ICC_SRE_EL2.Enable is 0. The kernel "
    "uses the GIC by its memory-mapped registers, if it has them.",
    "where the GIC has memory-mapped registers (GICv2, or compatibility with it); a GICv3 without them does not work",
    (
        firmware("it does not enable the system registers for lower exception levels"),
        vmm("the virtual machine has a GICv2"),
    ),
    source="kernel/cpufeature.c (has_useable_gicv3_cpuif), Documentation/arch/arm64/booting.rst",
)
NO_GRANULE = LogEntry(
    "cache writeback granule unknown",
    _HARMLESS,
    ("CPU features: No Cache Writeback Granule information, assuming 128",),
    "CTR_EL0 does not tell the cache writeback granule, and the kernel takes {granule_bytes} bytes",
    "CTR_EL0.CWG is 0, on this CPU or after CPUs that differ were compared. The kernel then aligns buffers for devices "
    "to the largest size that it supports.",
    "a little memory is wasted",
    (hardware("the core does not report it"), vmm("the host does not show it")),
    source="kernel/cpufeature.c (setup_system_features); booted on 7.3",
)
DETECTED = LogEntry(
    "features detected",
    _NORMAL,
    ("CPU features: detected: Spectre-v2", "CPU features: enabling workaround for ARM erratum 845719"),
    "the kernel detected: {names}",
    "Each capability that the kernel found, when it found it: errata and mitigations CPU by CPU, features once all "
    "early CPUs are up.",
    "an erratum that is detected is worked around",
    source="kernel/cpufeature.c",
)
MITIGATION_OFF = LogEntry(
    "mitigation switched off",
    _HARMLESS,
    ("spectre-v2 mitigation disabled by command-line option",),
    "the {what} mitigation is off",
    "The command line, or the kernel's configuration, switches a mitigation off that some CPU needs.",
    "asked for. Programs or guests that are not trusted may read what they must not",
    (
        configuration("`mitigations=off`, `nospectre_v2`, `nospectre_bhb` or `ssbd=force-off`"),
        configuration("for Spectre-BHB also CONFIG_MITIGATE_SPECTRE_BRANCH_HISTORY, which is off"),
    ),
    ("/sys/devices/system/cpu/vulnerabilities",),
    source="kernel/proton-pack.c; booted on 6.12 and 7.3",
)
WORSE_MITIGATION = LogEntry(
    "CPU that weakens a mitigation",
    _WARNING,
    ("WARNING: CPU: 1 PID: 0 at arch/arm64/kernel/proton-pack.c:64 update_mitigation_state+0x5c/0x70",),
    "a CPU that came late, or came back, has a mitigation in a worse state than the system",
    "The state of each mitigation is settled at boot. A CPU that comes later and cannot be mitigated as well causes "
    "the warning (taint 512), even if it is refused right afterwards for another reason.",
    "if the CPU came online: the system is as vulnerable as its weakest CPU",
    (
        _LATE_BY_MAXCPUS,
        hardware("the CPU is another core than the early CPUs"),
        vmm("the host moved the guest to another machine"),
    ),
    ("/sys/devices/system/cpu/vulnerabilities", _COME_EARLY),
    source="kernel/proton-pack.c (update_mitigation_state); booted on 6.12",
)
UNKNOWN_ASID = LogEntry(
    "size of ASIDs unknown",
    _WARNING,
    ("CPU1: Unknown ASID size (1); assuming 8-bit",),
    "the size of ASIDs is {value}, which the architecture does not define; 8 bits are used",
    "ID_AA64MMFR0_EL1.ASIDBits is 0 for 8 bits and 2 for 16 bits.",
    "a panic follows if the boot CPU has 16 bits; on the boot CPU itself it does no harm",
    (hardware("the core's ID register is wrong"), vmm("the host shows a value that is not defined")),
    ("ID_AA64MMFR0_EL1 of the CPU, as firmware or the host shows it",),
    source="mm/context.c; booted on 6.12",
)

# Vector lengths

VECTOR_LENGTHS = LogEntry(
    "vector lengths",
    _NORMAL,
    (
        "SVE: maximum available vector length 32 bytes per vector",
        "SVE: default vector length 32 bytes per vector",
        "SME: minimum available vector length 16 bytes per vector",
    ),
    "{extension}: the {bound} vector length is {vl_bytes} bytes ({vl_bits} bits)",
    "The maximum is the largest length that all early CPUs have. A new program has the default: for SVE the largest "
    "length up to 64 bytes, for SME up to 32 bytes.",
    "",
    more="docs/questions.md#how-do-i-limit-the-vector-length-of-a-program",
    source="kernel/fpsimd.c (sve_setup, sme_setup); booted on 6.1 to 7.3",
)
NO_SHARED_LENGTH = LogEntry(
    "no streaming vector length shared",
    _LOSS,
    ("SME: maximum available vector length 0 bytes per vector",),
    "{extension}: the {bound} vector length is 0: the CPUs share no length",
    "The early CPUs have SME, and no streaming vector length that all of them have. The kernel warns and goes on.",
    "no program can use SME",
    (firmware("EL3 limits SMCR_EL3.LEN to different values on different CPUs"), hardware("the cores differ")),
    ("what firmware writes to SMCR_EL3 on each CPU",),
    source="kernel/fpsimd.c (sme_setup); booted on 7.3",
)
VECTORS_DETECTED = LogEntry(
    "vector extension detected",
    _NORMAL,
    ("CPU features: detected: Scalable Vector Extension",),
    "all early CPUs have the {capability}",
    "The kernel uses a vector extension if every early CPU has it, and configuration and command line allow it.",
    "",
    more="docs/questions.md#why-is-there-no-sve-on-half-of-my-cpus",
    source="kernel/cpufeature.c",
)
UNVIRTUALISABLE = LogEntry(
    "vector lengths that guests cannot have",
    _LOSS,
    ("SVE: unvirtualisable vector lengths present", "KVM: SVE vector length for guests limited to 16 bytes"),
    "some early CPUs have SVE vector lengths that others lack",
    "Tasks use the lengths that all early CPUs share. A guest could see the others, so the kernel limits guests to the "
    "lengths below the smallest that only some CPUs have. This can be less than what tasks may use.",
    "for guests: they may have shorter vectors than the host's programs; the host loses nothing that all CPUs have",
    (
        firmware("EL3 limits ZCR_EL3.LEN to different values on different CPUs"),
        hardware("the cores have different lengths; no shipping system is known"),
    ),
    ("what firmware writes to ZCR_EL3 on each CPU",),
    "docs/questions.md#how-do-i-limit-the-vector-length-of-a-guest",
    "kernel/fpsimd.c (sve_setup), kvm/reset.c; booted on 6.1 to 7.3",
)
GUESTS_LIMITED = LogEntry(
    "vector length of guests limited",
    _LOSS,
    ("KVM: SVE vector length for guests limited to 16 bytes",),
    "guests have SVE vectors of at most {vl_bytes} bytes, less than the host's programs",
    "The early CPUs differ in SVE lengths, and guests may only use lengths below the smallest that some CPU lacks.",
    "for guests: their vectors are shorter than the host's",
    (firmware("EL3 limits ZCR_EL3.LEN to different values on different CPUs"),),
    ("what firmware writes to ZCR_EL3 on each CPU",),
    "docs/questions.md#how-do-i-limit-the-vector-length-of-a-guest",
    "kvm/reset.c (kvm_arm_init_sve); booted on 6.1 to 7.3",
)
MAXIMUM_RAISED = LogEntry(
    "late CPU raises the largest vector length",
    _WARNING,
    ("SVE: cpu2: increases maximum VL to 64",),
    "came with {extension} vectors of {vl_bytes} bytes, more than any CPU before",
    "No release logs this line: it is part of a series of 2024 that sizes pKVM's buffers by the largest length of any "
    "CPU. As posted, its store to read-only memory panics the kernel.",
    "under pKVM the CPU's registers may not fit into the buffer",
    (kernel("the kernel has version 2 to 7 of the series on pKVM's buffers"),),
    ("`asymboot run late-cpu-above-maximum`",),
    "docs/hazards.md#kernel-panic",
    "message 20240704-kvm-arm64-fix-pkvm-sve-vl-v4-0-b6898ab23dc4; booted on a 6.12.107 built with it",
)
ASIDS = LogEntry(
    "number of address-space identifiers",
    _NORMAL,
    ("ASID allocator initialised with 32768 entries",),
    "the kernel has {asids} address-space identifiers (ASIDs) for programs",
    "CPUs have 256 ASIDs, or 65,536. From 5.10 on, half of these, 128 or 32,768, says that kernel page table isolation "
    "is on, which takes two for each program. Older kernels log the line before they know: half says that they assume "
    "isolation.",
    "",
    source="mm/context.c (asids_init, asids_update_limit); read",
)
NO_SVE = LogEntry(
    "system without SVE",
    _NORMAL,
    ("CPU features: detected: Spectre-v2", "devtmpfs: initialized"),
    "the system does not use SVE",
    "The kernel names SVE in its log where all early CPUs have it. Here it did not.",
    "unless SVE is wanted",
    (
        hardware("the cores have no SVE, or some of them have none"),
        firmware("EL3 hides SVE, on all CPUs or on some"),
        configuration("the kernel was built without CONFIG_ARM64_SVE"),
        vmm("the host gives its guest no SVE"),
    ),
    ("SANITY CHECK lines with SYS_ID_AA64PFR0_EL1: then some CPUs have SVE",),
    "docs/questions.md#why-is-there-no-sve-on-half-of-my-cpus",
    "kernel/cpufeature.c; concluded from missing lines",
)
SVE_HIDDEN = LogEntry(
    "SVE hidden by the command line",
    _NORMAL,
    ("Kernel command line: arm64.nosve",),
    "the system does not use SVE, because the command line hides it",
    "`arm64.nosve`, or `id_aa64pfr0.sve=0`, makes the kernel do as if no CPU had SVE. Before 6.4 SME goes with it.",
    "asked for",
    (configuration("`arm64.nosve` is on the command line"),),
    (),
    "docs/questions.md#how-do-i-limit-the-vector-length-of-the-system",
    "kernel/pi/idreg-override.c; booted on 6.1 to 7.3",
)

FEATURE_ENTRIES = (
    SANITY_EQUAL,
    SANITY_LOSS,
    UNVIRTUALISABLE,
    GUESTS_LIMITED,
    NO_SHARED_LENGTH,
    SANITY_DANGER,
    SANITY_LATE,
    SANITY_LOSS_UNKNOWN,
    SANITY_UNKNOWN,
    SANITY_COUNTER,
    OVERRIDE_IGNORED,
    MITIGATION_OFF,
    WORSE_MITIGATION,
    UNKNOWN_ASID,
    MAXIMUM_RAISED,
    SANITY_TAINT,
    SANITY_TAINT_INFERRED,
    SANITY_PMU,
    SANITY_SMCR,
    ASYMMETRIC_32,
    OVERRIDE_NEEDLESS,
    DISABLED_ABOVE,
    NO_GRANULE,
    OVERRIDDEN,
    KPTI,
    DETECTED,
    VECTORS_DETECTED,
    VECTOR_LENGTHS,
    ASIDS,
    NO_SVE,
    SVE_HIDDEN,
)
