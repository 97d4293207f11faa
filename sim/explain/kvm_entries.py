"""Entries on KVM, pKVM and their hypervisor.

Sources: kvm/arm.c, kvm/reset.c, kvm/pkvm.c, kvm/handle_exit.c; boots of Debian's kernels where an entry says booted.
"""

from sim.explain.log_entries import (
    Circumstance,
    LogEntry,
    Severity,
    configuration,
    firmware,
    hardware,
    kernel,
    vmm,
)

_FAILURE, _LOSS, _WARNING = Severity.FAILURE, Severity.LOSS, Severity.WARNING
_HARMLESS, _NORMAL, _PANIC = Severity.HARMLESS, Severity.NORMAL, Severity.PANIC
_WHY_NO_HYP = "docs/questions.md#why-did-kvm-say-that-hyp-mode-is-not-available"

KVM_READY = LogEntry(
    "KVM initialised",
    _NORMAL,
    ("kvm [1]: VHE mode initialized successfully", "kvm [1]: Protected hVHE mode initialized successfully"),
    "KVM is there, in {mode} mode",
    "VHE: the kernel itself runs at EL2. nVHE (before 6.9: Hyp) and hVHE: a small hypervisor runs at EL2, and the "
    "kernel at EL1. Protected: that hypervisor keeps the kernel out of its guests (pKVM).",
    "",
    more="docs/model.md#boot-and-hotplug",
    source="kvm/arm.c (kvm_arm_init); booted on 6.1 to 7.3",
)
NO_HYP = LogEntry(
    "HYP mode not available",
    _HARMLESS,
    ("CPU: All CPU(s) started at EL1", "kvm [1]: HYP mode not available"),
    "there is no KVM, because the CPUs did not start at EL2",
    "KVM needs EL2, and every CPU entered the kernel at EL1. Every guest without nested virtualisation logs this.",
    "in a guest, and where nothing needs KVM; otherwise there is no /dev/kvm",
    (
        vmm("the system is a guest, and its host gives it no EL2"),
        firmware("firmware or a boot loader keeps EL2 to itself, or drops to EL1 before it starts the kernel"),
        hardware("the cores have no EL2"),
    ),
    ("whether the system is a guest (`systemd-detect-virt`, `Machine model:`)", "a setting of firmware"),
    _WHY_NO_HYP,
    "kvm/arm.c (kvm_arm_init), kernel/smp.c (hyp_mode_check); booted on 6.1 to 7.3",
)
NO_HYP_MISMATCH = LogEntry(
    "HYP mode not available on some CPUs",
    _FAILURE,
    ("CPU: CPUs started in inconsistent modes", "kvm [1]: HYP mode not available"),
    "there is no KVM, because the CPUs started at different exception levels",
    "KVM needs every CPU to start at EL2, and some started at EL1.",
    "there is no /dev/kvm although some CPUs have EL2",
    (firmware("it starts some CPUs at EL1 and others at EL2"),),
    ("the exception level at which firmware starts each CPU",),
    _WHY_NO_HYP,
    "kvm/arm.c, kernel/smp.c; booted on 6.12 and 7.3",
)
NO_HYP_WANTED = LogEntry(
    "HYP mode wanted and not available",
    _FAILURE,
    ("KVM is not available. Ignoring kvm-arm.mode", "kvm [1]: HYP mode not available"),
    "the command line asks for {mode}, and there is no KVM, because the CPUs did not start at EL2",
    "Every mode of KVM needs EL2, and the boot CPU entered the kernel at EL1.",
    "there is no /dev/kvm, and no pKVM",
    (
        firmware("firmware or a boot loader keeps EL2 to itself, or drops to EL1 before it starts the kernel"),
        firmware(
            "a hypervisor of the platform holds EL2, such as Gunyah on Qualcomm's Snapdragon: Linux is its guest even "
            "where it looks like the host"
        ),
        vmm("the system is a guest, and its host gives it no EL2"),
    ),
    (
        "the exception level at which the boot loader starts the kernel",
        "whether firmware has a setting, or the boot loader a way, to start Linux at EL2",
    ),
    _WHY_NO_HYP,
    "kvm/arm.c (early_kvm_mode_cfg, kvm_arm_init)",
)
KVM_DISABLED = LogEntry(
    "KVM switched off",
    _NORMAL,
    ("kvm [1]: KVM disabled from command line",),
    "there is no KVM, as the command line says",
    "`kvm-arm.mode=none` switches KVM off. The CPUs are compared as if KVM were there.",
    "asked for",
    (configuration("`kvm-arm.mode=none` is on the command line"),),
    source="kvm/arm.c; booted on 6.1 to 7.3",
)
NO_SLOTS = LogEntry(
    "KVM without vectors at EL2",
    _FAILURE,
    ("kvm [1]: Cannot initialise vector slots",),
    "KVM is given up, because the vectors that mitigate Spectre at EL2 could not be mapped",
    "On CPUs that need it, the hypervisor enters through vectors at an address of their own, which it must map first.",
    "there is no /dev/kvm",
    (
        kernel("a bug in mapping the vectors"),
        configuration("too little memory is left for the hypervisor's page tables (errno -12 in the next line)"),
    ),
    ("the line after it, which has the errno",),
    "",
    "kvm/arm.c (kvm_init_vector_slots); read",
)
KVM_FAILED = LogEntry(
    "KVM not initialised",
    _FAILURE,
    ("kvm [1]: error initializing Hyp mode: -12",),
    "KVM could not be initialised (errno {error})",
    "The CPUs started at EL2, and setting up the hypervisor failed: -12 (ENOMEM) says that memory was short, such as "
    "for the page runs of pKVM's buffers.",
    "there is no /dev/kvm; under `kvm-arm.mode=protected` there is no pKVM, and no relay of PSCI",
    (
        configuration("too little memory, or none in one piece, is left for the hypervisor"),
        kernel("an unknown core, or an erratum that KVM does not support"),
    ),
    ("the lines just before, which say what failed",),
    "docs/model.md#boot-and-hotplug",
    "kvm/arm.c (init_hyp_mode)",
)
PROTECTED_WITH_VHE = LogEntry(
    "protected mode ignored",
    _FAILURE,
    ("Protected KVM not available with VHE",),
    "the command line asks for pKVM, and the kernel runs at EL2 itself, so that there is no pKVM",
    "pKVM needs the kernel at EL1. A parameter parsed earlier keeps it at EL2, or the CPU cannot leave VHE.",
    "KVM runs without protection of its guests",
    (
        configuration("a parameter such as `id_aa64mmfr1.vh=` contradicts `kvm-arm.mode=protected`"),
        hardware("cores whose HCR_EL2.E2H cannot be cleared, such as Apple's"),
    ),
    ("`Kernel command line:` in the log",),
    "",
    "kvm/arm.c (early_kvm_mode_cfg)",
)
STAGE_TWO = LogEntry(
    "page size that guests cannot have",
    _FAILURE,
    ("kvm [1]: PAGE_SIZE not supported at Stage-2, giving up",),
    "there is no KVM, because some CPU cannot translate guests' addresses with pages of the kernel's size",
    "ID_AA64MMFR0_EL1.TGran*_2 of the CPUs, taken together, has no support for the kernel's page size at stage 2.",
    "there is no /dev/kvm",
    (
        hardware("the cores differ in their page sizes at stage 2"),
        configuration("the kernel is built for a page size that the CPUs lack at stage 2"),
    ),
    ("a kernel with another page size",),
    "",
    "kvm/arm.c, kvm/reset.c (kvm_set_ipa_limit); booted on 6.12",
)
PROTECTION_FAILED = LogEntry(
    "pKVM not finalised",
    _FAILURE,
    ("Failed to finalize Hyp protection: -22",),
    "the hypervisor could not be closed against the kernel: there is no pKVM",
    "At the end of its initialisation pKVM takes the kernel's access to the hypervisor's memory away. That failed.",
    "guests are not protected",
    (kernel("memory that the hypervisor was given overlaps something else"), firmware("a wrong memory map")),
    ("the lines just before, often a panic of the hypervisor",),
    "",
    "kvm/pkvm.c (finalize_pkvm); public reports",
)
DEADLOCK = LogEntry(
    "guests that can hang the machine",
    _WARNING,
    ("kvm [1]: Guests without required CPU erratum workarounds can deadlock system!",),
    "a guest that lacks an erratum's workaround can hang the whole machine",
    "An erratum of the core (832075 of Cortex-A57, 1508412 of Cortex-A77) must be worked around in guests as well, and "
    "nothing forces them to.",
    "unless all guests are trusted and have the workaround",
    (hardware("the core has the erratum"),),
    ("run trusted guests only",),
    "",
    "kvm/arm.c; booted on 6.12 and 7.3",
)
IPA_LIMIT = LogEntry(
    "size of guests' address spaces",
    _NORMAL,
    ("kvm [1]: IPA Size Limit: 40 bits",),
    "guests have physical addresses of at most {bits} bits",
    "The limit follows from the smallest PARange of the early CPUs.",
    "",
    source="kvm/reset.c (kvm_set_ipa_limit)",
)
HYP_PANIC_IN_SAVE = LogEntry(
    "hypervisor panic while SVE registers are saved",
    _PANIC,
    (
        "kvm [50]: nVHE hyp panic at: [<ffff800080252f28>] __kvm_nvhe___sve_save_state+0x8/0xf4!",
        "Kernel panic - not syncing: HYP panic:",
    ),
    "the hypervisor panicked while it saved the host's SVE registers",
    "pKVM saves the host's registers to a buffer when a guest first uses the vector unit. The save was larger than the "
    "buffer: it began below it, in memory that the hypervisor does not map.",
    "the machine stops",
    (
        kernel(
            "6.10 and 6.11 size the buffer by the length that all CPUs share, and save at the CPU's own largest "
            "length; mended by 6.12 (a9f41588a902)",
            flag="zcr_el2_constrained",
            has_flag=False,
        ),
        firmware("EL3 limits ZCR_EL3.LEN to different values, which makes equal CPUs differ"),
        hardware("CPUs with different SVE vector lengths; no shipping system is known"),
    ),
    ("Linux 6.12 or newer", "until then `arm64.nosve`", "`asymboot run bug`, which reproduces it"),
    "docs/hazards.md#hypervisor-panic",
    "kvm/hyp/nvhe/hyp-main.c; measured on a 6.12.107 built with the old code",
)
HYP_PANIC = LogEntry(
    "hypervisor panic",
    _PANIC,
    (
        "kvm [95]: nVHE hyp BUG at: arch/arm64/kvm/hyp/nvhe/mem_protect.c:540!",
        "Kernel panic - not syncing: HYP panic:",
    ),
    "the hypervisor panicked in {place}",
    "The code at EL2 met something that it cannot handle. The kernel reports it, and stops as well.",
    "the machine stops",
    (
        kernel(
            "Debian's 6.1 panics when a CPU that was offline comes back under pKVM with SVE; 6.12 does not",
            Circumstance.SVE,
            flag="hyp_panic_on_return",
        ),
        kernel("a bug of the hypervisor, or something that the kernel asked it and must not"),
        firmware("firmware that changes the memory or the registers of EL2"),
    ),
    ("the lines around it, which tell what the kernel was doing", "a newer point release of the series"),
    "docs/hazards.md#hypervisor-panic",
    "kvm/handle_exit.c (nvhe_hyp_panic_handler); booted on 6.1",
)

KVM_ENTRIES = (
    HYP_PANIC_IN_SAVE,
    HYP_PANIC,
    NO_HYP_MISMATCH,
    NO_HYP_WANTED,
    NO_SLOTS,
    KVM_FAILED,
    PROTECTED_WITH_VHE,
    STAGE_TWO,
    PROTECTION_FAILED,
    DEADLOCK,
    NO_HYP,
    KVM_READY,
    KVM_DISABLED,
    IPA_LIMIT,
)
