"""The lines of a kernel log that change no scenario, and that an explanation of the log reads.

They are kinds of lines as `sim.importer.log_lines` has them. Lines of kernels before 4.17, which name CPUs differently,
are among them: such a log cannot be imported, and is explained all the same.

Sources: arch/arm64/kernel/smp.c, smp_spin_table.c, cpu_ops.c, cpufeature.c, fpsimd.c, idreg-override.c, proton-pack.c,
traps.c, arch/arm64/mm/context.c, fault.c, arch/arm64/kvm/arm.c, pkvm.c, handle_exit.c, reset.c,
drivers/firmware/psci/psci.c, kernel/cpu.c, kernel/watchdog.c, kernel/rcu/tree_stall.h.
"""

import re
from enum import StrEnum

from sim.importer.log_lines import (
    CPU_PREFIX,
    ID_FIELDS,
    NUMBER,
    REGISTER,
    VECTOR_CAPABILITIES,
    CpuLine,
    Hex,
    LogLine,
    PanicLine,
    Phase,
)
from sim.vectors import VectorType

_ERROR = rf"(?P<error>-?{NUMBER})"

# How CPUs are found and started


class OldBootLine(LogLine, frozen=True):
    """The first line of a kernel before 4.17, which names no core."""

    pattern = r"Booting Linux on physical CPU (?P<mpidr>0x[0-9a-f]{1,16})$"
    is_of_any_kernel = True
    mpidr: Hex


class OldBootedLine(CpuLine, frozen=True):
    """A CPU of a kernel before 4.17 is online; the core is that of its MIDR."""

    pattern = rf"{CPU_PREFIX}Booted secondary processor(?: \[(?P<midr>[0-9a-f]{{8}})\])?$"
    midr: Hex | None = None


class OldCoreLine(LogLine, frozen=True):
    """The boot CPU's core, of a kernel before 4.17."""

    pattern = r"Boot CPU: AArch64 Processor \[(?P<midr>[0-9a-f]{8})\]"
    midr: Hex


class PsciVersionLine(LogLine, frozen=True):
    """The version of PSCI that firmware has; an answer that is not a version is shown as one of two halves."""

    is_taken_for_arm64 = True
    pattern = r"psci: PSCIv(?P<psci_version>\d{1,5}\.\d{1,5}) detected in firmware"
    psci_version: str

    @property
    def is_none(self) -> bool:
        """True if firmware answered NOT_SUPPORTED (-1) to the call for its version."""
        return self.psci_version == "65535.65535"


class PsciConflictLine(LogLine, frozen=True):
    """Firmware has an older PSCI than the device tree says: the kernel does not use it."""

    is_taken_for_arm64 = True
    pattern = r"psci: Conflicting PSCI version detected"


class TrustedOsLine(LogLine, frozen=True):
    """A trusted OS lives on one CPU, which can therefore not be taken down."""

    is_taken_for_arm64 = True
    pattern = rf"psci: Trusted OS resident on physical CPU (?P<mpidr>{REGISTER})"
    mpidr: Hex


class PsciNotStartedLine(CpuLine, frozen=True):
    """Firmware refused CPU_ON; the error is the negative errno that the kernel made of PSCI's answer."""

    pattern = rf"psci: failed to boot CPU(?P<cpu>{NUMBER}) \({_ERROR}\)"
    error: int


class NoCpuOnLine(CpuLine, frozen=True):
    """The device tree names PSCI as the CPU's enable method, and has no PSCI."""

    pattern = rf"psci: no cpu_on method, not booting CPU(?P<cpu>{NUMBER})"


class NoReleaseAddressLine(CpuLine, frozen=True):
    """The spin-table CPU has no address at which it waits."""

    pattern = rf"CPU (?P<cpu>{NUMBER}): missing or invalid cpu-release-addr property"


class EnableMethodLine(LogLine, frozen=True):
    """A CPU of the device tree has no enable method."""

    pattern = r"(?P<node>/cpus/\S{1,60}): missing enable-method property"
    node: str


class UnsupportedMethodLine(LogLine, frozen=True):
    """A CPU of the device tree, or of ACPI's tables, has an enable method that the kernel lacks."""

    pattern = r"Unsupported (?:ACPI enable-method|enable-method: (?P<method>.{1,40}))"
    method: str | None = None


class NoBootCpuLine(LogLine, frozen=True):
    """The firmware's tables do not have the CPU that boots: the kernel uses no other CPU."""

    pattern = r"(?:DT |MADT )?missing boot CPU MPIDR(?:\[23:0\])?, not enabling secondaries"


class ClippedLine(LogLine, frozen=True):
    """There are more CPUs than the kernel was built or told to use."""

    pattern = rf"Number of cores \((?P<cores>{NUMBER})\) exceeds configured maximum of (?P<most>{NUMBER})"
    cores: int
    most: int


class BringingUpLine(LogLine, frozen=True):
    """The early bring-up begins."""

    pattern = r"smp: Bringing up secondary CPUs"
    is_of_any_kernel = True


class UncleanLine(CpuLine, frozen=True):
    """A CPU that the kernel gave up may still run."""

    pattern = rf"{CPU_PREFIX}(?:may not have shut down cleanly|cpu didn't die|unable to kill)"


class NotDeadLine(CpuLine, frozen=True):
    """A CPU that went down did not report that it is gone."""

    pattern = rf"CPU(?P<cpu>{NUMBER}) (?:may not have shut down cleanly|failed to report dead state)"


class ShutdownLine(CpuLine, frozen=True):
    """A CPU is being taken down."""

    is_taken_for_arm64 = True
    pattern = rf"{CPU_PREFIX}shutdown"


# Features


class UnknownAsidLine(CpuLine, frozen=True):
    """A CPU's size of ASIDs has a value that the kernel does not know."""

    pattern = rf"{CPU_PREFIX}Unknown ASID size \((?P<value>{NUMBER})\); assuming 8-bit"
    value: int


class MissingFeatureLine(CpuLine, frozen=True):
    """A CPU of a kernel before 4.17 lacks a capability that the system uses: the kernel refuses it."""

    pattern = rf"(?:CPU features: )?{CPU_PREFIX}missing feature: (?P<capability>.{{1,80}})"
    capability: str


class VariationLine(LogLine, frozen=True):
    """The first SANITY CHECK line of a boot; the kernel is tainted."""

    pattern = r"(?:CPU features: )?Unsupported CPU feature variation"


class OtherFeatureLine(LogLine, frozen=True):
    """A feature, an erratum or a mitigation that the kernel detected, besides vector extensions."""

    pattern = (
        rf"(?:CPU features: (?:detected(?: feature| CPU(?P<of_cpu>{NUMBER}))?|enabling workaround for|emulated):?"
        rf"|detected feature:) (?!{'|'.join(VECTOR_CAPABILITIES)})(?P<feature>.{{1,100}})"
    )
    feature: str
    of_cpu: int | None = None
    """The CPU that has the feature, in kernels that tell it by CPU."""


class DisabledAboveLine(LogLine, frozen=True):
    """A feature is there, and firmware or a hypervisor does not let the kernel use it."""

    pattern = r"CPU features: (?P<feature>.{1,60}) present but disabled by higher exception level"
    feature: str


class OverrideEffect(StrEnum):
    """The effect of an override of an ID register's field on the command line, in the kernel's words."""

    FORCED = "forced to"
    ALREADY = "already set to"
    IGNORED = "ignoring override to"
    IMPOSSIBLE = "impossible override, ignored"

    @property
    def hides(self) -> bool:
        """True if the field has the value that the command line gives it."""
        return self in {OverrideEffect.FORCED, OverrideEffect.ALREADY}


class OverrideLine(LogLine, frozen=True):
    """A field of an ID register that the command line overrides."""

    pattern = (
        rf"CPU features: SYS_(?P<register>\w{{1,40}})\[(?P<high>{NUMBER}):(?P<low>{NUMBER})\]: "
        rf"(?P<effect>{'|'.join(OverrideEffect)})(?: (?P<value>[0-9a-f]{{1,16}}))?"
    )
    register: str
    high: int
    low: int
    effect: OverrideEffect
    value: Hex | None = None

    @property
    def extension(self) -> VectorType | None:
        """The vector extension that the field tells of; None for other fields."""
        extension, field = ID_FIELDS.get(self.register, (None, None))
        return extension if field is not None and field.shift == self.low else None


class KptiLine(LogLine, frozen=True):
    """Kernel page table isolation is forced."""

    pattern = (
        r"CPU features: kernel page table isolation (?P<state>forced ON|forced OFF|disabled) by (?P<reason>.{1,60})"
    )
    state: str
    reason: str


class KaslrLine(LogLine, frozen=True):
    """The kernel runs at a random address, or says why it does not."""

    pattern = r"KASLR (?P<state>enabled|disabled)\b"
    is_of_any_kernel = True
    state: str


class AlternativesLine(LogLine, frozen=True):
    """The kernel patches itself for the features of its CPUs: of the boot CPU first, and then of all early CPUs."""

    pattern = r"alternatives: (?P<what>applying (?:boot|system-wide) alternatives|patching kernel code)"
    is_of_any_kernel = True
    what: str

    @property
    def is_of_system(self) -> bool:
        """True if the system's capabilities are known by now."""
        return "boot" not in self.what


class Asymmetric32Line(CpuLine, frozen=True):
    """A CPU differs from the boot CPU in running 32-bit programs; a CPU that runs them can no longer go offline."""

    pattern = (
        rf"CPU features: Asymmetric 32-bit EL0 support detected on (?:housekeeping )?CPU (?P<cpu>{NUMBER});"
        rf" ?CPU hot-unplug disabled on CPU (?P<kept>{NUMBER})"
    )
    kept: int


class NoGranuleLine(LogLine, frozen=True):
    """CTR_EL0 does not tell the cache writeback granule."""

    pattern = rf"CPU features: No Cache Writeback Granule information, assuming (?P<granule_bytes>{NUMBER})"
    granule_bytes: int


class MitigationOffLine(LogLine, frozen=True):
    """The command line, or the kernel's configuration, disables a mitigation."""

    pattern = r"(?P<what>spectre-(?:v2|v4|bhb)) mitigation disabled by (?P<by>command[- ]line|compile time) option"
    what: str
    by: str

    @property
    def is_configured(self) -> bool:
        """True if the kernel is built without the mitigation."""
        return self.by == "compile time"


class WorseMitigationLine(LogLine, frozen=True):
    """A late CPU worsens the state of a mitigation: the kernel warns."""

    pattern = r"WARNING: .*\bupdate_mitigation_state\b"


class RaisedMaximumLine(CpuLine, frozen=True):
    """A late CPU has a larger vector length than any CPU before, by a kernel with a patch that says so."""

    pattern = rf"(?P<extension>SVE|SME): cpu(?P<cpu>{NUMBER}): increases maximum VL to (?P<vl_bytes>{NUMBER})"
    extension: VectorType
    vl_bytes: int


class AsidsLine(LogLine, frozen=True):
    """The number of address-space identifiers; other architectures have other numbers."""

    pattern = r"ASID allocator initialised with (?P<asids>128|256|32768|65536) entries"
    asids: int


class Arm64Line(LogLine, frozen=True):
    """A line that tells nothing but that the kernel is of arm64: a part of a crash, or of the boot.

    Other kernels have a ``dump_backtrace`` too: 32-bit Arm names its caller behind it, RISC-V its address before it.

    Source: arch/arm64/mm/fault.c (``mem_abort_decode``), arch/arm64/kernel/process.c (``__show_regs``), entry.S and
    stacktrace.c (the names in call traces), irq.c (``set_handle_irq``), armv8_deprecated.c.
    """

    pattern = (
        r"(?:Mem abort info:|ESR = 0x[0-9a-f]{8}|EC = 0x[0-9a-f]{2}: |pstate: [0-9a-f]{8} \(|x29: [0-9a-f]{16} x28: "
        r"|dump_backtrace\+0x"
        r"|(?:\[<[0-9a-f]{16}>\] )?el[01][ht]?_(?:64_|32_)?(?:sync|irq|fiq|error|svc|da|ia|undef|inv|abort)\w{0,20}\+0x"
        r"|Root (?:IRQ|FIQ) handler: |Enabled (?:setend|cp15_barrier|swp) support)"
    )


# KVM


class KvmModeIgnoredLine(LogLine, frozen=True):
    """The command line asks for a mode of KVM, and the CPUs did not start at EL2."""

    pattern = r"KVM is not available\. Ignoring kvm-arm\.mode"


class ProtectedWithVheLine(LogLine, frozen=True):
    """The command line asks for protected mode, and the kernel runs at EL2 itself."""

    pattern = r"Protected KVM not available with VHE"


class StageTwoLine(LogLine, frozen=True):
    """The CPUs cannot translate guests' addresses with pages of the kernel's size."""

    pattern = r"kvm \[\d+\]: PAGE_SIZE not supported at Stage-2"
    phase = Phase.FINAL


class DeadlockLine(LogLine, frozen=True):
    """A guest without the workaround of an erratum can hang the machine."""

    pattern = r"kvm \[\d+\]: Guests without required CPU erratum work-?arounds can deadlock system"
    phase = Phase.FINAL


class IpaLimitLine(LogLine, frozen=True):
    """The largest size of guests' address spaces."""

    pattern = rf"kvm \[\d+\]: IPA Size Limit: (?P<bits>{NUMBER}) ?bits"
    phase = Phase.FINAL
    bits: int


class ProtectionFailedLine(LogLine, frozen=True):
    """pKVM could not take the host's access to the hypervisor away."""

    pattern = r"(?:kvm \[\d+\]: )?Failed to (?:finalize Hyp protection|init hyp memory protection)"


class HypPanicLine(LogLine, frozen=True):
    """The hypervisor panicked at some place in it."""

    pattern = r"kvm \[\d+\]: [nh]VHE hyp (?P<what>panic|BUG) at: (?:\[<[0-9a-f]*>\] )?(?P<place>\S{1,100})"
    what: str
    place: str

    @property
    def is_in_sve_save(self) -> bool:
        """True if the hypervisor was saving the host's SVE registers."""
        return "sve_save_state" in self.place


# Crashes, and what follows CPUs that died


class ConfigurationPanicLine(PanicLine, frozen=True):
    """A CPU differs from the boot CPU in something that the kernel cannot do without: it panics."""

    pattern = rf"(?P<message>Kernel panic - not syncing: CPU(?P<cpu>{NUMBER}) detected unsupported configuration)"
    cpu: int


class IdleTaskPanicLine(PanicLine, frozen=True):
    """A CPU crashed before it ran its first task."""

    pattern = r"(?P<message>Kernel panic - not syncing: Attempted to kill the idle task!?)"


class InitIllegalPanicLine(PanicLine, frozen=True):
    """A signal for an illegal instruction killed the first program; the exit code may have the bit of a core dump.

    Source: kernel/exit.c (``do_exit``), kernel/signal.c (``get_signal``).
    """

    pattern = r"(?P<message>Kernel panic - not syncing: Attempted to kill init! exitcode=0x000000[08]4)"


class HypervisorPanicLine(PanicLine, frozen=True):
    """The kernel ends because its hypervisor panicked."""

    pattern = r"(?P<message>Kernel panic - not syncing: HYP panic.*)"


class FaultLine(LogLine, frozen=True):
    """The kernel accessed memory that it must not."""

    pattern = r"Unable to handle kernel (?P<fault>.{1,60}?) at virtual address"
    is_of_any_kernel = True
    fault: str

    @property
    def is_store_to_read_only(self) -> bool:
        """True if the kernel stored to memory that it only may read."""
        return self.fault == "write to read-only memory"


class OopsLine(LogLine, frozen=True):
    """The kernel crashed in one of its tasks."""

    pattern = r"Internal error: (?P<what>.{1,60}?)(?:: [0-9a-f]{4,16})? \[#\d+\]"
    is_of_any_kernel = True
    what: str

    @property
    def is_undefined_instruction(self) -> bool:
        """True if a CPU met an instruction that it does not have, or that is not enabled."""
        return re.search("undefined instruction", self.what, re.IGNORECASE) is not None


class SErrorLine(CpuLine, frozen=True):
    """The hardware reported an asynchronous error."""

    pattern = rf"SError Interrupt on CPU(?P<cpu>{NUMBER})"


class FirmwareExceptionLine(LogLine, frozen=True):
    """Trusted Firmware-A crashed; it writes to the console itself, and every CPU that crashes writes."""

    pattern = r"Unhandled Exception (?:in EL3|from lower EL)"


class IdleUndefinedLine(CpuLine, frozen=True):
    """A CPU met an undefined instruction in its idle task, as older kernels log it."""

    pattern = rf"swapper/(?P<cpu>{NUMBER})\[0\]: undefined instruction: pc="


class StoppedLine(CpuLine, frozen=True):
    """A CPU stops, because the kernel panics or restarts."""

    is_of_any_kernel = True
    pattern = rf"{CPU_PREFIX}stopping$"


class StallLine(LogLine, frozen=True):
    """A CPU does not take part in RCU."""

    pattern = r"(?:rcu: )?INFO: \w{1,40} (?:self-)?detected (?:expedited )?stalls? on CPU"
    is_of_any_kernel = True


class LockupLine(CpuLine, frozen=True):
    """A CPU runs inside of the kernel for seconds without scheduling."""

    pattern = rf"watchdog: (?:BUG: soft lockup - CPU#|Watchdog detected hard LOCKUP on cpu )(?P<cpu>{NUMBER})"
    is_of_any_kernel = True


class NotStoppedLine(LogLine, frozen=True):
    """Other CPUs did not stop when the kernel panicked or rebooted."""

    pattern = r"SMP: failed to stop secondary CPUs"


EXPLAINED_KINDS: tuple[type[LogLine], ...] = (
    OldBootLine,
    OldBootedLine,
    OldCoreLine,
    PsciVersionLine,
    PsciConflictLine,
    TrustedOsLine,
    PsciNotStartedLine,
    NoCpuOnLine,
    NoReleaseAddressLine,
    EnableMethodLine,
    UnsupportedMethodLine,
    NoBootCpuLine,
    ClippedLine,
    BringingUpLine,
    UncleanLine,
    NotDeadLine,
    ShutdownLine,
    UnknownAsidLine,
    MissingFeatureLine,
    VariationLine,
    OtherFeatureLine,
    DisabledAboveLine,
    OverrideLine,
    KptiLine,
    KaslrLine,
    AlternativesLine,
    Asymmetric32Line,
    NoGranuleLine,
    MitigationOffLine,
    WorseMitigationLine,
    RaisedMaximumLine,
    AsidsLine,
    Arm64Line,
    KvmModeIgnoredLine,
    ProtectedWithVheLine,
    StageTwoLine,
    DeadlockLine,
    IpaLimitLine,
    ProtectionFailedLine,
    HypPanicLine,
    ConfigurationPanicLine,
    IdleTaskPanicLine,
    InitIllegalPanicLine,
    HypervisorPanicLine,
    FaultLine,
    OopsLine,
    SErrorLine,
    FirmwareExceptionLine,
    IdleUndefinedLine,
    StoppedLine,
    StallLine,
    LockupLine,
    NotStoppedLine,
)
"""Every kind of line of this module. Their patterns are tried first: a crash of a kind is a panic as well."""
