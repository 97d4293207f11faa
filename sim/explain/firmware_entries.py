"""Entries on CPUs that firmware's tables describe wrongly, on the kernel's test of PSCI, and on lines of no known kind.

Sources: kernel/smp.c, kernel/cpu_ops.c, kernel/machine_kexec.c, drivers/firmware/psci/psci.c and psci_checker.c,
drivers/irqchip/irq-gic.c and irq-gic-v3.c, read.
"""

from sim.explain.log_entries import (
    Circumstance,
    LogEntry,
    Severity,
    advice,
    configuration,
    device_tree,
    firmware,
    kernel,
    vmm,
)

_FAILURE, _WARNING, _HARMLESS, _NORMAL = Severity.FAILURE, Severity.WARNING, Severity.HARMLESS, Severity.NORMAL
_REG = "`reg` of every node /cpus/cpu@N, and `#address-cells` of /cpus"

BAD_NODE = LogEntry(
    "CPU node that the kernel passes over",
    _FAILURE,
    ("/cpus/cpu@3: duplicate cpu reg properties in the DT", "/cpus/cpu@4: missing reg property"),
    "{nodes}: {flaw}. The kernel does not use the CPU of such a node",
    "Each CPU's node of the device tree has the CPU's MPIDR in `reg`. A node whose `reg` is missing, has bits that no "
    "MPIDR has, or is that of a node before it is passed over; the other CPUs keep their numbers.",
    "the system runs without the CPU: it is not possible, so that no file in sysfs can bring it up",
    (
        device_tree("`reg` was copied from another node, or is not the CPU's MPIDR"),
        device_tree("`#address-cells` of /cpus does not fit `reg`"),
        firmware("a boot loader writes the nodes, or changes them"),
    ),
    (_REG, "/sys/firmware/devicetree/base/cpus on the machine, which is the tree after the boot loader"),
    "",
    "kernel/smp.c (of_parse_and_init_cpus); read",
)
BAD_BOOT_NODE = LogEntry(
    "boot CPU in the device tree twice",
    _WARNING,
    ("/cpus/cpu@1: duplicate boot cpu reg property in DT",),
    "{nodes}: {flaw}. The kernel does not use the second node with the boot CPU's MPIDR",
    "Two nodes of the device tree have the MPIDR of the CPU that boots. The kernel takes the first, and passes over "
    "the other. Which CPU the second was meant to describe is not known.",
    "if the second node was meant for another CPU: that CPU is not used",
    (device_tree("`reg` was copied from the boot CPU's node"), firmware("a boot loader writes the nodes")),
    (_REG,),
    "",
    "kernel/smp.c (of_parse_and_init_cpus); read",
)
BAD_MADT = LogEntry(
    "CPU entry of ACPI that the kernel passes over",
    _FAILURE,
    (
        "duplicate CPU MPIDR 0x100 in MADT",
        "duplicate boot CPU MPIDR: 0x0 in MADT",
        "skipping CPU entry with invalid MPIDR 0xffffffffffffffff",
    ),
    "{flaw} {mpidr}: the kernel does not use the CPU of this entry of the MADT",
    "Each CPU's entry (GICC) of the MADT has the CPU's MPIDR. An entry whose MPIDR is not an MPIDR, or is that of an "
    "entry before it, is passed over.",
    "the system runs without the CPU, unless the entry is superfluous",
    (
        firmware("its MADT has the same MPIDR twice, or one with bits that no MPIDR has"),
        vmm("the host writes wrong MPIDRs into the guest's MADT"),
    ),
    ("the MADT: `acpidump -b -n APIC` and `iasl -d apic.dat`",),
    "",
    "kernel/smp.c (acpi_map_gic_cpu_interface); read",
)
DISABLED_ENTRY = LogEntry(
    "CPU entry of ACPI that is disabled",
    _HARMLESS,
    ("skipping disabled CPU entry with 0x300 MPIDR",),
    "the MADT marks the CPU with MPIDR {mpidr} as disabled, and the kernel does not use it",
    "Firmware lists CPUs that this model of the machine does not have, or that were switched off in its setup. The "
    "kernel logs this in debugging only.",
    "where the CPU is meant to be off",
    (firmware("the CPU is fused off, or switched off in firmware's setup"),),
    source="kernel/smp.c (acpi_map_gic_cpu_interface); read",
)
NO_CONDUIT = LogEntry(
    "PSCI without a method",
    _FAILURE,
    ('psci: missing "method" property', 'psci: invalid "method" property: svc'),
    "the node psci has {article} `method`, so that the kernel does not use PSCI",
    "`method` says by which instruction firmware is called: smc, or hvc where a hypervisor answers.",
    "no CPU but the boot CPU can be started by PSCI, and neither poweroff nor restart work by it",
    (device_tree("`method` of the node psci is missing, or neither smc nor hvc"),),
    ('`method = "smc"` in the node psci, or "hvc" in a guest',),
    "",
    "drivers/firmware/psci/psci.c (get_set_conduit_method); read",
)
NO_KEXEC = LogEntry(
    "kexec refused for CPUs that cannot be stopped",
    _WARNING,
    ("Can't kexec: CPUs are stuck in the kernel.",),
    "the kernel refuses to load another kernel by kexec, because CPUs run code of this kernel and cannot be stopped",
    "A CPU that was lost or is stuck may still run this kernel's code, which kexec would overwrite. CPUs of a spin "
    "table cannot be stopped either, and newer kernels refuse under pKVM as well. A kernel for crash dumps is loaded "
    "all the same.",
    "kexec does not work until the next restart",
    (
        firmware("a CPU did not come online, or is stuck: see above, if the log says so", Circumstance.LOST_CPU),
        device_tree("the CPUs wait in a spin-table, which has no way to stop them", Circumstance.SPIN_TABLE),
        firmware("the CPUs wait in ACPI's parking protocol, which has no way to stop them", Circumstance.PARKING),
        configuration("`kvm-arm.mode=protected`", Circumstance.PKVM),
        kernel("it was built without CONFIG_HOTPLUG_CPU"),
    ),
    (advice("CPUs that failed earlier in the log", Circumstance.LOST_CPU), "`enable-method` of the CPUs' nodes"),
    "",
    "kernel/machine_kexec.c (machine_kexec_prepare), kernel/smp.c (cpus_are_stuck_in_kernel); read",
)
SUSPEND_MODE = LogEntry(
    "mode of idle states refused by firmware",
    _HARMLESS,
    ("psci: [Firmware Bug]: failed to set PC mode: -3", "psci: failed to set PC mode: -3"),
    "firmware answers {error} to the call that sets the {mode} mode of idle states",
    "Firmware that can leave the coordination of idle states to the system (OSI) is first set to coordinate them "
    "itself (PC). The number is PSCI's own: -3 is DENIED, as of firmware that has OSI alone; -1 NOT_SUPPORTED, -2 "
    "INVALID_PARAMETERS. Newer kernels call it a bug of firmware.",
    "for CPUs that come and go: it only decides which states idle CPUs enter",
    (firmware("it does not let the mode be set"),),
    source="drivers/firmware/psci/psci.c (psci_set_osi_mode); read",
)
OPTEE = LogEntry(
    "CPU that passes through OP-TEE",
    _NORMAL,
    (
        "generic_boot_cpu_on_handler:972 cpu 1: a0 0x0",
        "init_secondary_helper:957 Secondary CPU Switching to normal world boot",
        "Secondary CPU 2 switching to normal world boot",
    ),
    "OP-TEE, the trusted OS beside the kernel, starts on secondary CPUs",
    "The lines are OP-TEE's and not the kernel's. Trusted Firmware-A enters it on every CPU that CPU_ON starts; the "
    "second line says that OP-TEE is done, so that EL3 can start the kernel on the CPU. The numbers are OP-TEE's own, "
    "made of the MPIDR, and need not be the kernel's. If a CPU with both lines does not come online, it was lost "
    "behind OP-TEE; if it has the first line alone, in OP-TEE.",
    "",
    source="OP-TEE, core/arch/arm/kernel/boot.c (boot_cpu_on_handler, init_secondary_helper); read",
)
CHECKER_FAILED = LogEntry(
    "test of PSCI failed",
    _WARNING,
    (
        "psci_checker: Error occurred (-16) while trying to power down CPU 2",
        "psci_checker: 1 error(s) encountered in hotplug tests",
    ),
    "the kernel's test of PSCI at boot failed",
    "With CONFIG_ARM_PSCI_CHECKER the kernel takes every CPU down and brings it up again, once it has booted, and then "
    "suspends each of them. A CPU that does not come back stays offline.",
    "hotplug, suspend or idle states of firmware do not work as they should",
    (
        firmware("its CPU_OFF, CPU_ON or CPU_SUSPEND does not work for this CPU"),
        kernel("a CPU that could not be taken down was busy (errno -16), or a trusted OS lives on it (errno -1)"),
    ),
    ("the lines on this CPU just before", "taking the CPU down and up by hand"),
    "",
    "drivers/firmware/psci/psci_checker.c; read",
)
CHECKER = LogEntry(
    "test of PSCI",
    _NORMAL,
    ("psci_checker: PSCI checker started using 4 CPUs", "psci_checker: Hotplug tests passed OK"),
    "the kernel tests PSCI: it takes every CPU down and brings it up again",
    "The kernel was built with CONFIG_ARM_PSCI_CHECKER.",
    "",
    source="drivers/firmware/psci/psci_checker.c; read",
)
NO_REDISTRIBUTOR = LogEntry(
    "CPU without a redistributor of the GIC",
    _FAILURE,
    ("CPU4: mpidr 100 has no re-distributor!",),
    "without interrupts: no redistributor of the GIC has the MPIDR {mpidr}",
    "A GICv3 has a redistributor for each CPU, which tells in GICR_TYPER whose it is. The kernel looks through the "
    "regions that the device tree or the MADT names, and found none with this MPIDR. It brings the CPU up all the "
    "same: neither the CPU's timer nor calls from other CPUs reach it. The kernel warns with a call trace.",
    "what the CPU does, and what waits for it, soon hangs; if it is the boot CPU, the kernel goes no further",
    (
        device_tree("`reg`, `#redistributor-regions` or `redistributor-stride` of the GIC's node leave a region out"),
        device_tree("`reg` of the CPU's node is not the CPU's MPIDR"),
        firmware("the MADT's entries for redistributors (GICR, or GICC with GICR Base Address) are wrong"),
        vmm("GICR_TYPER that the guest sees has another affinity than the CPU, or says Last before the last"),
    ),
    (
        "the lines `found redistributor` of the other CPUs, which have each CPU's MPIDR, region and address",
        "the GIC's node, or the MADT: `acpidump -b -n APIC` and `iasl -d apic.dat`",
    ),
    "",
    "drivers/irqchip/irq-gic-v3.c of the whole kernel (gic_populate_rdist, gic_cpu_init); public reports",
)
REDISTRIBUTOR_CLOSED = LogEntry(
    "CPU whose redistributor cannot be reached",
    Severity.LOSS,
    ("GICv3: CPU 3's redistributor is inaccessible: this CPU can't be brought online",),
    "listed to be enabled later, and cannot come online: the kernel cannot reach the redistributor of the GIC",
    "The MADT has the CPU as disabled but online-capable, and its redistributor in the CPU's own entry (GICC). The "
    "kernel does not touch the redistributor of a CPU that is disabled, and refuses every attempt to bring the CPU up, "
    "with EINVAL and without a line.",
    "the CPU cannot be used until the next boot, even if the machine enables it meanwhile",
    (
        firmware("the CPU is off, or not there, and is to be plugged in: its redistributor is not always on"),
        vmm("the host describes redistributors in GICC entries; virtual CPUs that can be plugged in need a GICR entry"),
    ),
    ("the MADT: `acpidump -b -n APIC` and `iasl -d apic.dat`",),
    "",
    "drivers/irqchip/irq-gic-v3.c of the whole kernel (gic_acpi_parse_madt_gicc, gic_check_rdist); read",
)
SYSTEM_REGISTERS = LogEntry(
    "GIC described as another than its CPUs use",
    _WARNING,
    ("GICv3 system registers enabled, broken firmware!",),
    "firmware's tables describe a GICv2, and the CPUs have a GICv3's system registers enabled",
    "The device tree, or the MADT, describes a GICv2, whose CPU interface is in memory. ID_AA64PFR0_EL1 says that the "
    "boot CPU has a GICv3's interface, and ICC_SRE_EL1.SRE stays set: it then uses system registers, and the interface "
    "in memory need not work. The kernel warns with a call trace, is tainted (CPU_OUT_OF_SPEC), and goes on.",
    "interrupts may not reach the CPUs, and the kernel then hangs or panics where it waits for the first",
    (
        device_tree("it describes a GICv2, and the machine has a GICv3"),
        firmware("it is meant to offer a GICv2, and EL3 or EL2 left ICC_SRE_EL3 or ICC_SRE_EL2 enabled"),
        vmm("the guest is given a GICv2, and its host or emulator leaves ICC_SRE_EL1.SRE settable"),
    ),
    (
        "`compatible` of the GIC's node: arm,gic-v3, or arm,gic-400 and arm,cortex-a15-gic for a GICv2",
        "which GIC the host or emulator gives the guest, such as `-M virt,gic-version=` of QEMU",
    ),
    "",
    "drivers/irqchip/irq-gic.c of the whole kernel (gic_check_cpu_features), kernel/cpufeature.c "
    "(has_useable_gicv3_cpuif); public reports",
)
UNKNOWN = LogEntry(
    "line not known to this table",
    _WARNING,
    ("psci: something failed that this table does not know",),
    "not known to this table: {text}",
    "The line is of a part of the kernel that brings CPUs up, and its words tell of something wrong. This table has no "
    "entry on it.",
    "read it yourself",
    (kernel("not known"),),
    ("the kernel's source, for the words of the line", "the lines around it"),
    is_known=False,
    source="concluded from the words of the line",
)

FIRMWARE_ENTRIES = (
    BAD_NODE,
    BAD_MADT,
    NO_CONDUIT,
    NO_REDISTRIBUTOR,
    REDISTRIBUTOR_CLOSED,
    BAD_BOOT_NODE,
    NO_KEXEC,
    SYSTEM_REGISTERS,
    CHECKER_FAILED,
    UNKNOWN,
    DISABLED_ENTRY,
    SUSPEND_MODE,
    CHECKER,
    OPTEE,
)
