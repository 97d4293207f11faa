"""The lines of a kernel log on tables of CPUs that are wrong, on the kernel's test of PSCI, and lines of no known kind.

They change no scenario; an explanation of the log reads them, like those of `sim.importer.explained_lines`.

Sources: arch/arm64/kernel/smp.c (``of_parse_and_init_cpus``, ``acpi_map_gic_cpu_interface``), cpu_ops.c,
machine_kexec.c, arch/arm64/kvm/arm.c, drivers/firmware/psci/psci.c, psci_checker.c, drivers/irqchip/irq-gic.c,
irq-gic-v3.c, drivers/of/fdt.c, mm/percpu.c.
"""

from enum import StrEnum

from sim.importer.log_lines import CPU_PREFIX, NUMBER, REGISTER, CpuLine, Hex, LogLine, Phase


class NodeFlaw(StrEnum):
    """The kernel's reason to pass over a CPU's node of the device tree, in its words."""

    DUPLICATE = "duplicate cpu reg properties in the DT"
    DUPLICATE_BOOT = "duplicate boot cpu reg property in DT"
    MISSING = "missing reg property"
    INVALID = "invalid reg property"


class NodeFlawLine(LogLine, frozen=True):
    """The kernel passes over a CPU's node of the device tree; of the boot CPU the node may be missing in the line."""

    pattern = rf"(?:(?P<node>/cpus/\S{{1,60}}): )?(?P<flaw>{'|'.join(NodeFlaw)})"
    flaw: NodeFlaw
    node: str | None = None


class MadtFlawLine(LogLine, frozen=True):
    """The kernel passes over a CPU of ACPI's MADT."""

    pattern = (
        rf"(?P<flaw>duplicate CPU MPIDR|duplicate boot CPU MPIDR|skipping CPU entry with invalid MPIDR):? "
        rf"(?P<mpidr>{REGISTER})(?: in MADT)?"
    )
    flaw: str
    mpidr: Hex


class DisabledEntryLine(LogLine, frozen=True):
    """The MADT has an entry that is marked as not to be used; kernels log it in debugging."""

    pattern = rf"skipping disabled CPU entry with (?P<mpidr>{REGISTER}) MPIDR"
    mpidr: Hex


class NoBootNodeLine(LogLine, frozen=True):
    """No node of the device tree has the MPIDR of the CPU that boots."""

    pattern = r"Failed to find device node for boot cpu"


class ConduitLine(LogLine, frozen=True):
    """The device tree's node psci does not say by which instruction firmware is called."""

    is_taken_for_arm64 = True
    pattern = r"psci: (?P<flaw>missing|invalid) \"method\" property(?:: (?P<method>.{1,40}))?"
    flaw: str
    method: str | None = None


class SuspendModeLine(LogLine, frozen=True):
    """Firmware did not accept the mode of idle states: coordinated by the platform (PC) or by the system (OSI)."""

    is_taken_for_arm64 = True
    pattern = rf"psci: (?:\[Firmware Bug\]: )?failed to set (?P<mode>PC|OSI) mode: (?P<error>-?{NUMBER})"
    mode: str
    error: int
    """PSCI's own error code, not an errno."""


class OpteeLine(LogLine, frozen=True):
    """OP-TEE starts on a secondary CPU, and lets the CPU go on to the kernel; it writes to the console itself.

    Source: OP-TEE, core/arch/arm/kernel/boot.c, generic_boot.c in old releases.
    """

    is_taken_for_arm64 = True
    pattern = (
        r"(?:(?:generic_)?boot_cpu_on_handler:\d{1,5} cpu \d{1,4}: a0 0x"
        r"|(?:init_secondary_helper:\d{1,5} )?Secondary CPU (?:\d{1,4} )?[Ss]witching to normal world boot)"
    )


class StuckKexecLine(LogLine, frozen=True):
    """The kernel refuses to load another kernel by kexec, because CPUs cannot be stopped."""

    pattern = r"(?:\w{1,20}: )?(?:Can't kexec: )?CPUs (?:are )?stuck in the kernel"


class CheckerErrorLine(CpuLine, frozen=True):
    """The kernel's test of PSCI could not take a CPU down or bring it up again; it only brings up what it took down."""

    pattern = (
        rf"psci_checker: (?:Error occurred|Unexpected return code) \(?(?P<error>-?{NUMBER})\)? while trying to power "
        rf"(?P<direction>up|down) (?:TOS resident |last online )?CPU (?P<cpu>{NUMBER})"
    )
    is_of_any_kernel = True
    phase = Phase.FINAL
    error: int
    direction: str


class CheckerFailedLine(LogLine, frozen=True):
    """The number of errors that the kernel's test of PSCI found."""

    pattern = rf"psci_checker: (?P<errors>{NUMBER}) error\(s\) encountered in (?P<test>hotplug|suspend) tests"
    is_of_any_kernel = True
    phase = Phase.FINAL
    errors: int
    test: str


class CheckerLine(LogLine, frozen=True):
    """The kernel's test of PSCI goes on: it takes every CPU down and brings it up again."""

    pattern = (
        r"psci_checker: (?:PSCI checker (?:started|completed)|Starting |Trying to turn off|\w+ tests passed OK"
        r"|CPU \d+ (?:entering suspend cycles|suspend test results))"
    )
    is_of_any_kernel = True
    phase = Phase.FINAL


class VectorSlotsLine(LogLine, frozen=True):
    """KVM could not map the vectors that mitigate Spectre at EL2."""

    pattern = r"kvm \[\d+\]: Cannot initialise vector slots"
    phase = Phase.FINAL


class PsciLine(LogLine, frozen=True):
    """The kernel looks for PSCI in firmware's tables, and what it found."""

    is_taken_for_arm64 = True
    pattern = (
        r"psci: (?:probing for conduit method|Using (?:standard )?PSCI|SMC Calling Convention|MIGRATE_INFO_TYPE not "
        r"supported|(?P<trusted_os>Trusted OS migration not required))"
    )
    trusted_os: str | None = None

    @property
    def has_no_resident_os(self) -> bool:
        """True if the line says that no trusted OS keeps a CPU from going offline."""
        return self.trusted_os is not None


class RedistributorLine(LogLine, frozen=True):
    """A CPU found its redistributor of the GIC, as every CPU does that comes up on a GICv3."""

    is_taken_for_arm64 = True
    pattern = r"(?:GICv3: )?CPU\d{1,5}: found redistributor [0-9a-f]{1,16} region \d"


class NoRedistributorLine(CpuLine, frozen=True):
    """A CPU has no redistributor of the GIC, and so no interrupts; the kernel brings it up all the same."""

    pattern = rf"(?:GICv3: )?{CPU_PREFIX}mpidr (?P<mpidr>[0-9a-f]{{1,16}}) has no re-distributor!"
    mpidr: Hex


class ClosedRedistributorLine(CpuLine, frozen=True):
    """A CPU is disabled in the MADT, and so is its redistributor of the GIC: the CPU can never come online."""

    pattern = rf"(?:GICv3: )?CPU (?P<cpu>{NUMBER})'s redistributor is inaccessible: this CPU can't be brought online"


class SystemRegistersLine(LogLine, frozen=True):
    """A CPU uses the GIC's system registers, and the firmware's tables describe a GIC without."""

    pattern = r"GICv3 system registers enabled, broken firmware"


class ElfCoreLine(LogLine, frozen=True):
    """The kernel was started by kexec to write the dump of a kernel that crashed, whose memory the header describes."""

    pattern = rf"(?:OF: fdt: )?Reserving {NUMBER} ?Ki?B of memory at {REGISTER} for elfcorehdr"
    is_of_any_kernel = True


class PerCpuLine(LogLine, frozen=True):
    """The kernel sets up memory for each CPU, right after it looked for PSCI."""

    pattern = r"(?:percpu|PERCPU): Embedded \d"
    is_of_any_kernel = True


class UnknownLine(LogLine, frozen=True):
    """A line of the subsystems that bring CPUs up, of no known kind, whose words tell of something wrong."""

    pattern = (
        r"(?:psci(?:_checker)?: |smp: |SMP: |CPU ?\d{1,5}:? |CPU: |CPU features: |/cpus/\S{1,60}: |kvm \[1\]: "
        r"|GICv3: CPU\d+: )"
        r".{0,200}?(?i:\b(?:fail|error|invalid|missing|unable|can't|cannot|could not|unsupported|mismatch|unexpected"
        r"|stuck|time[ds]? ?out|refus|conflict|duplicate|skipping|firmware bug|did ?n[o']t|has no "
        r"|not (?:supported|available|present|responding|boot|online|start)))"
    )
    is_of_any_kernel = True


FIRMWARE_KINDS: tuple[type[LogLine], ...] = (
    NodeFlawLine,
    MadtFlawLine,
    DisabledEntryLine,
    NoBootNodeLine,
    ConduitLine,
    SuspendModeLine,
    OpteeLine,
    StuckKexecLine,
    CheckerErrorLine,
    CheckerFailedLine,
    CheckerLine,
    VectorSlotsLine,
    PsciLine,
    RedistributorLine,
    NoRedistributorLine,
    ClosedRedistributorLine,
    SystemRegistersLine,
    ElfCoreLine,
    PerCpuLine,
)
"""Every kind of line of this module but `UnknownLine`, which is the last of all kinds."""
