"""A reader of kernel logs: the last boot of a log, line by line, as facts."""

import re
from collections.abc import Set
from functools import singledispatchmethod
from pathlib import Path

from msgspec.structs import replace

from sim.errors import InputError, printable
from sim.files.bounded_read import read_at_most
from sim.files.toml_tables import at
from sim.importer.cpu_evidence import CpuEvidence
from sim.importer.explained_lines import (
    AlternativesLine,
    Asymmetric32Line,
    BringingUpLine,
    EnableMethodLine,
    IpaLimitLine,
    KaslrLine,
    KptiLine,
    MitigationOffLine,
    NoReleaseAddressLine,
    OldBootedLine,
    OldBootLine,
    OldCoreLine,
    OtherFeatureLine,
    OverrideEffect,
    OverrideLine,
    UnknownAsidLine,
    UnsupportedMethodLine,
)
from sim.importer.firmware_lines import ClosedRedistributorLine, NoRedistributorLine
from sim.importer.hotplug_history import Hotplug, HotplugHistory, HotplugResult
from sim.importer.kernel_log import (
    KernelLog,
    Override,
    RefusedCpu,
    ShownFeatures,
    Unfit,
    Variation,
    came_online,
    parse_command_line,
)
from sim.importer.log_lines import (
    BootedLine,
    BootLine,
    Bound,
    BroughtUpLine,
    CommandLineLine,
    ConflictLine,
    CpuLine,
    CrashReleaseLine,
    DetectedLine,
    ExceptionLevelLine,
    GuestsLimitedLine,
    HypMismatch,
    HypMismatchLine,
    ICacheLine,
    InconsistentModesLine,
    KvmLine,
    KvmReadyLine,
    LogLine,
    MissingHwcapLine,
    PageSizeLine,
    PanicLine,
    Phase,
    PossibleLine,
    ReleaseLine,
    SanityLine,
    SmallerAsidLine,
    TimerLine,
    UnameLine,
    UnsupportedLine,
    UnvirtualisableLine,
    VectorLengthLine,
)
from sim.importer.log_text import LARGEST_LOG_BYTES, NumberedLine, log_text, other_architecture, understood_lines
from sim.importer.logged_boots import logged_boots
from sim.importer.own_numbers import OwnNumbers
from sim.importer.suspends import late_actions
from sim.kernel.cpufeature import VHE
from sim.scenario import PAGE_SIZES
from sim.topology import MOST_CPUS, MPIDR_AFFINITY
from sim.vectors import VQ_MAX, VectorType, vl_bytes_from_vq

_LONGEST_PANIC = 120
_OF_CPUS = re.compile(r" on CPU(?P<cpus>[\d,-]+)$")
_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")
_BEFORE_4_17 = (OldBootLine, OldBootedLine, OldCoreLine)
"""Kinds of lines of kernels whose first line names no core."""
_UNFIT = {HypMismatch.VMID: Unfit.VMID, HypMismatch.IPA: Unfit.IPA}


def read_kernel_log(path: Path) -> KernelLog:
    """Read the last boot of a log.

    Raises:
        InputError: the file cannot be read, is not the log of an arm64 kernel, or begins after the kernel's first line.
    """
    return parse_kernel_log(log_text(read_at_most(path, LARGEST_LOG_BYTES, "kernel log")))


def parse_kernel_log(text: str) -> KernelLog:
    """Parse the last boot of a log.

    Raises:
        InputError: see `read_kernel_log`.
    """
    lines = list(understood_lines(text))
    boots = logged_boots(lines)
    if not boots or not isinstance(boots[-1].lines[0].line, BootLine):
        raise InputError(_reason_not_a_log(text, lines))
    reader = _Reader(OwnNumbers(found.line for found in boots[-1].lines))
    for found in boots[-1].lines:
        with at(f"line {found.number}"):
            reader.read(found.line, found.seconds)
    return reader.finish(boots=len(boots))


def _reason_not_a_log(text: str, lines: list[NumberedLine]) -> str:
    """Return the most helpful reason why a text without the kernel's first line cannot be read."""
    if other := other_architecture(text):
        return f"is a log of {other}, which cannot be imported"
    is_arm64 = any(not found.line.is_of_any_kernel for found in lines)
    if is_arm64 and any(isinstance(found.line, _BEFORE_4_17) for found in lines):
        return "is a log of arm64 before Linux 4.17, which cannot be imported"
    if text.lstrip().startswith(("{", "[{")):
        return "is JSON, and has no kernel's messages of a boot in it: give the log as text"
    if is_arm64:
        return "begins after the kernel did, and its first lines are needed: journalctl -k -b may have them"
    return "is not a log of an arm64 kernel: it has no line 'Booting Linux on physical CPU 0x... [0x...]'"


def _cpus_of(text: str) -> set[int]:
    """Return the CPUs of a list as the kernel writes it; ranges that no kernel writes are left out.

    >>> sorted(_cpus_of("0-2,5"))
    [0, 1, 2, 5]
    """
    ranges = [match for match in map(_RANGE.fullmatch, text.split(",")) if match is not None]
    ends = [(int(match[1]), int(match[2] or match[1])) for match in ranges]
    return {cpu for first, last in ends if last < MOST_CPUS for cpu in range(first, last + 1)}


class _Reader:
    """A reader of one boot, which takes its lines one after the other.

    The lines on single CPUs go to the `HotplugHistory` as well. Conclusions from lines that are missing are drawn in
    `finish`, when all lines are known.

    Args:
        own_numbers: the own numbers of the CPUs in the boot's lines.
    """

    def __init__(self, own_numbers: OwnNumbers) -> None:
        self._own_numbers = own_numbers.of_mpidr()
        self._history = HotplugHistory({0}, self._own_numbers)
        self._oddities: list[str] = []
        self._cpus: dict[int, CpuEvidence] = {}
        self._release = ""
        self._point_release: str | None = None
        self._command_line: list[str] = []
        self._page_bytes: int | None = None
        self._granule_bytes: int | None = None
        self._possible: int | None = None
        self._brought_up: int | None = None
        self._vl_bytes: dict[tuple[VectorType, Bound], int] = {}
        self._has_unvirtualisable = False
        self._guests_max_vl_bytes: int | None = None
        self._left_out: list[str] = []
        self._without_redistributor: set[int] = set()
        self._variations: list[Variation] = []
        self._hidden_fields: dict[str, frozenset[int]] = {}
        self._shown = ShownFeatures()
        self._unplaced: list[str] = []
        """The capabilities that were named since the last line on a CPU that comes up."""
        self._kvm: KvmLine | None = None
        self._el2: bool | None = None
        self._levels_differ = False
        self._boot_level: int | None = None
        self._has_vhe = False
        self._vhe_conflicts: set[int] = set()
        self._panic: PanicLine | None = None

    def read(self, line: LogLine, seconds: str) -> None:
        """Read the next line, with its stamp, which is empty if it has none.

        Raises:
            InputError: the line says what cannot be.
        """
        if isinstance(line, CpuLine):
            self._check_number(line.cpu)
            self._place_names(line.cpu)
        self._read(line)
        self._history.read(line, seconds)

    def _check_number(self, cpu: int) -> None:
        if cpu >= MOST_CPUS:
            raise InputError(f"CPU{cpu}: a topology has at most {MOST_CPUS:,} CPUs")
        if self._possible is not None and cpu >= self._possible:
            raise InputError(f"CPU{cpu}, and the log says before that the number of CPUs is {self._possible}")

    # A method for each kind of line, but for those on the comings and goings of CPUs, which the history reads

    @singledispatchmethod
    def _read(self, line: LogLine) -> None:
        """Pass over a line that only the history reads, or that only proves a phase."""

    @_read.register
    def _boot(self, line: BootLine) -> None:
        self._identify(0, line)

    @_read.register
    def _release_line(self, line: ReleaseLine) -> None:
        self._release, self._point_release = line.release, line.point_release

    @_read.register
    def _release_elsewhere(self, line: CrashReleaseLine | UnameLine) -> None:
        # The kernel's own line may tell the point release besides.
        if not self._release:
            self._release_line(line)

    @_read.register
    def _command_line_part(self, line: CommandLineLine) -> None:
        self._command_line.append(line.text)

    @_read.register
    def _enable_method(self, line: EnableMethodLine) -> None:
        self._left_out.append(f"{printable(line.node)}, whose enable-method is missing")

    @_read.register
    def _unsupported_method(self, line: UnsupportedMethodLine) -> None:
        method = "of ACPI" if line.method is None else printable(line.method)
        self._left_out.append(f"a CPU that the log does not name, whose enable-method is unsupported ({method})")

    @_read.register
    def _no_release_address(self, line: NoReleaseAddressLine) -> None:
        self._left_out.append(f"CPU {line.cpu} of the tree, whose cpu-release-addr is missing or invalid")

    @_read.register
    def _closed_redistributor(self, line: ClosedRedistributorLine) -> None:
        self._left_out.append(f"cpu{line.cpu}, whose redistributor of the GIC it cannot reach")

    @_read.register
    def _no_redistributor(self, line: NoRedistributorLine) -> None:
        self._without_redistributor.add(line.cpu)

    @_read.register
    def _possible_line(self, line: PossibleLine) -> None:
        if not 1 <= line.count <= MOST_CPUS:
            raise InputError(f"{line.count} CPUs: a topology has 1 to {MOST_CPUS:,}")
        # SLUB and RCU both report it: the first line counts, and the others repeat it.
        if self._possible is None:
            self._possible = line.count

    @_read.register
    def _page_size(self, line: PageSizeLine) -> None:
        if line.page_bytes in PAGE_SIZES:
            self._page_bytes = line.page_bytes

    @_read.register
    def _brought_up_line(self, line: BroughtUpLine) -> None:
        self._brought_up = line.count

    @_read.register
    def _exception_level(self, line: ExceptionLevelLine) -> None:
        self._el2 = line.level == "EL2"

    @_read.register
    def _inconsistent_modes(self, _line: InconsistentModesLine) -> None:
        self._levels_differ = True

    @_read.register
    def _timer_line(self, line: TimerLine) -> None:
        self._boot_level = line.boot_level

    @_read.register
    def _other_feature(self, line: OtherFeatureLine) -> None:
        self._has_vhe |= line.feature.startswith(VHE)
        match = _OF_CPUS.search(line.feature)
        name = line.feature if match is None else line.feature[: match.start()]
        self._names(name)
        if match is not None:
            self._lists(name, _cpus_of(match["cpus"]))
        elif line.of_cpu is not None:
            self._lists(name, {line.of_cpu})

    def _names(self, capability: str) -> None:
        # A CPU that comes late does not add to the system's capabilities.
        if self._history.phase is Phase.FINAL:
            return
        name, shown = printable(capability), self._shown
        if not shown.boot_cpu_is_complete:
            shown = replace(shown, named_on={name: 0, **shown.named_on})
        elif self._history.phase is Phase.EARLY:
            self._unplaced.append(name)
        self._shown = replace(shown, detected=(*shown.detected, name))

    def _place_names(self, cpu: int) -> None:
        """Put the capabilities named last to the CPU that comes up: it is checked before a line names it."""
        if self._unplaced and self._history.phase is Phase.EARLY and cpu != 0:
            named_on = {**dict.fromkeys(self._unplaced, cpu), **self._shown.named_on}
            self._shown = replace(self._shown, named_on=named_on)
        self._unplaced.clear()

    def _lists(self, capability: str, cpus: Set[int]) -> None:
        name = printable(capability)
        listed = {**self._shown.listed_on, name: self._shown.listed_on.get(name, frozenset()) | cpus}
        self._shown = replace(self._shown, listed_on=listed)

    @_read.register
    def _icache(self, line: ICacheLine) -> None:
        self._shown = replace(self._shown, icaches={**self._shown.icaches, line.cpu: line.policy})

    @_read.register
    def _bringing_up(self, _line: BringingUpLine) -> None:
        self._shown = replace(self._shown, boot_cpu_is_complete=True)

    @_read.register
    def _kaslr(self, line: KaslrLine) -> None:
        self._shown = replace(self._shown, kaslr=line.state == "enabled")

    @_read.register
    def _kpti(self, line: KptiLine) -> None:
        self._shown = replace(self._shown, kpti=printable(f"{line.state} by {line.reason}"))

    @_read.register
    def _mitigation_off(self, line: MitigationOffLine) -> None:
        self._shown = replace(self._shown, is_without_bhb=self._shown.is_without_bhb or line.is_configured)

    @_read.register
    def _asymmetric_32bit(self, line: Asymmetric32Line) -> None:
        if self._shown.differs_in_32bit is None:
            self._shown = replace(self._shown, differs_in_32bit=line.cpu, kept_for_32bit=line.kept)

    @_read.register
    def _alternatives(self, line: AlternativesLine) -> None:
        is_complete = self._shown.is_complete or line.is_of_system
        self._shown = replace(self._shown, boot_cpu_is_complete=True, is_complete=is_complete)

    @_read.register
    def _panic_line(self, line: PanicLine) -> None:
        self._panic = PanicLine(printable(line.message[:_LONGEST_PANIC]))

    @_read.register
    def _detected(self, line: DetectedLine) -> None:
        # The system has the extension only if the boot CPU has it. `_conclude_extensions` goes on from there.
        self._set_extension(0, line.extension, present=True)
        self._names(line.capability)

    @_read.register
    def _vector_length(self, line: VectorLengthLine) -> None:
        smallest, largest = vl_bytes_from_vq(1), vl_bytes_from_vq(VQ_MAX)
        if line.vl_bytes % smallest or line.vl_bytes > largest:
            raise InputError(
                f"{line.extension} {line.bound} of {line.vl_bytes} bytes: a vector has a multiple of {smallest} bytes, "
                f"and at most {largest}"
            )
        # 0 bytes is legal: the kernel reports it where early CPUs share no streaming length.
        self._vl_bytes[line.extension, line.bound] = line.vl_bytes

    @_read.register
    def _unvirtualisable(self, _line: UnvirtualisableLine) -> None:
        self._has_unvirtualisable = True

    @_read.register
    def _guests_limited(self, line: GuestsLimitedLine) -> None:
        self._guests_max_vl_bytes = line.vl_bytes

    @_read.register
    def _kvm_line(self, line: KvmLine) -> None:
        self._kvm = line
        self._has_vhe |= isinstance(line, KvmReadyLine) and line.shows_vhe

    @_read.register
    def _sanity(self, line: SanityLine) -> None:
        is_late = self._history.late_cpus.is_late(line.cpu)
        self._variations.append(Variation(line.cpu, line.register, line.boot_value, line.value, is_late))
        if line.extension is not None:
            for cpu, value in ((0, line.boot_value), (line.cpu, line.value)):
                self._set_extension(cpu, line.extension, present=line.has_extension(value))

    @_read.register
    def _override(self, line: OverrideLine) -> None:
        if line.effect.hides:
            hidden = self._hidden_fields.get(line.register, frozenset())
            self._hidden_fields[line.register] = hidden | {line.low}
        if line.value is None:
            return
        override = Override(line.register, line.low, line.effect, int(line.value))
        self._shown = replace(self._shown, overrides=(*self._shown.overrides, override))
        extension = line.extension
        if extension is not None and not line.value and line.effect.hides:
            self._set_extension(0, extension, present=line.effect is OverrideEffect.FORCED)

    @_read.register
    def _conflict(self, line: ConflictLine) -> None:
        if line.extension is not None:
            self._set_extension(0, line.extension, present=line.in_system)
            self._set_extension(line.cpu, line.extension, present=not line.in_system)
            return
        if line.capability == VHE:
            self._vhe_conflicts.add(line.cpu)
            self._has_vhe |= line.in_system
        is_early = self._history.phase is Phase.EARLY
        self._refused(RefusedCpu(line.cpu, line.capability, line.in_system, is_early, line.number))

    def _refused(self, one: RefusedCpu) -> None:
        self._shown = replace(self._shown, refused=(*self._shown.refused, one))

    @_read.register
    def _missing_hwcap(self, line: MissingHwcapLine) -> None:
        # Programs were promised SVE2 only if all early CPUs have SVE; a late CPU without SVE is refused for that first.
        is_of_64_bits = line.table is None or "COMPAT" not in line.table
        self._refused(RefusedCpu(line.cpu, hwcap=line.hwcap, is_compat=not is_of_64_bits))
        for extension in VectorType:
            if is_of_64_bits and line.hwcap.startswith(extension):
                self._set_extension(0, extension, present=True)
                self._set_extension(line.cpu, extension, present=True)

    @_read.register
    def _hyp_mismatch(self, line: HypMismatchLine) -> None:
        if line.mismatch in _UNFIT:
            self._refused(RefusedCpu(line.cpu, unfit=_UNFIT[line.mismatch]))

    @_read.register
    def _smaller_asid(self, line: SmallerAsidLine) -> None:
        self._refused(RefusedCpu(line.cpu, unfit=Unfit.ASID))

    @_read.register
    def _unknown_asid(self, line: UnknownAsidLine) -> None:
        self._shown = replace(self._shown, asid_sizes={**self._shown.asid_sizes, line.cpu: line.value})

    @_read.register
    def _unsupported(self, line: UnsupportedLine) -> None:
        self._refused(RefusedCpu(line.cpu, unfit=Unfit.ADDRESSES if line.is_of_addresses else Unfit.GRANULE))
        if line.granule_bytes in PAGE_SIZES:
            self._granule_bytes = line.granule_bytes

    @_read.register
    def _ipa_limit(self, line: IpaLimitLine) -> None:
        self._shown = replace(self._shown, ipa_limit_bits=line.bits)

    @_read.register
    def _booted(self, line: BootedLine) -> None:
        self._identify(self._own_numbers.get(int(line.mpidr), line.cpu), line)

    def _identify(self, cpu: int, line: BootLine | BootedLine) -> None:
        mpidr, midr = int(line.mpidr), int(line.midr)
        if mpidr & ~MPIDR_AFFINITY:
            raise InputError(f"CPU{cpu}: {mpidr:#x} has bits that an MPIDR's affinity does not have")
        before = self._cpus.get(cpu, CpuEvidence(cpu))
        if before.mpidr is None:
            self._cpus[cpu] = replace(before, mpidr=mpidr, midr=midr)
        elif (before.mpidr, before.midr) != (mpidr, midr):
            was = f"MPIDR {before.mpidr:#x}, MIDR {before.midr or 0:#x}"
            self._oddities.append(f"cpu{cpu} came as {was}, and later as MPIDR {mpidr:#x}, MIDR {midr:#x}")

    def _set_extension(self, cpu: int, extension: VectorType, *, present: bool) -> None:
        self._cpus[cpu] = self._cpus.get(cpu, CpuEvidence(cpu)).with_extension(extension, present=present)

    # Conclusions from all lines together

    def finish(self, boots: int) -> KernelLog:
        """Return the facts, among them those that follow from lines that are missing.

        Args:
            boots: the number of boots in the text.
        """
        self._history.finish()
        for cpu in {cpu for step in self._history.sequence for cpu in (step.cpu, step.runs)}:
            self._cpus.setdefault(cpu, CpuEvidence(cpu))
        possible = self._possible or max(self._cpus) + 1
        early = (*self._history.early, *self._unseen_early(possible))
        late = tuple(self._history.late)
        self._conclude_extensions(came_online((*early, *self._history.sequence)) | {0})
        return KernelLog(
            boots=boots,
            release=self._release,
            point_release=self._point_release,
            page_bytes=self._page_bytes,
            granule_bytes=self._granule_bytes,
            command_line=parse_command_line(" ".join(self._command_line)),
            cpus=self._cpus,
            possible=possible,
            # User space acts only after the kernel's own initcalls.
            phase=Phase.FINAL if late else self._history.phase,
            early=early,
            late=late,
            actions=late_actions(late, self._history.suspend_marks),
            sequence=tuple(self._history.sequence),
            arrived_early=tuple(one.step for one in self._history.arrivals if one.is_early),
            vl_bytes=self._vl_bytes,
            has_unvirtualisable=self._has_unvirtualisable,
            guests_max_vl_bytes=self._guests_max_vl_bytes,
            kvm=self._kvm,
            el2=self._el2,
            levels_differ=self._levels_differ,
            boot_level=self._boot_level,
            has_vhe=self._has_vhe,
            vhe_conflicts=frozenset(self._vhe_conflicts),
            answered_by_psci=frozenset(self._history.answered_by_psci),
            without_redistributor=frozenset(self._without_redistributor),
            left_out=tuple(dict.fromkeys(self._left_out)),
            variations=tuple(self._variations),
            shown=self._finished_shown(is_final=bool(late)),
            hidden_fields=self._hidden_fields,
            panic=self._panic,
            oddities=(*self._oddities, *self._history.oddities),
        )

    def _finished_shown(self, *, is_final: bool) -> ShownFeatures:
        shown = self._shown
        # A log that names nothing of the boot CPU's may have been cut before its capabilities.
        boot_cpu_is_complete = shown.boot_cpu_is_complete and 0 in shown.named_on.values()
        return replace(shown, boot_cpu_is_complete=boot_cpu_is_complete, is_complete=shown.is_complete or is_final)

    def _unseen_early(self, possible: int) -> list[Hotplug]:
        """Conclude which CPUs came early though their lines are lost.

        The kernel counts the CPUs that it brought up. If the log shows fewer, and the CPUs that no line names are
        exactly as many as are missing, it was those; otherwise the log does not say which.
        """
        arrived = (one.step for one in self._history.arrivals if one.is_early)
        came = {0, *(step.cpu for step in (*self._history.early, *arrived) if step.comes_online)}
        if self._brought_up in {None, len(came)}:
            return []
        self._oddities.append(
            f"the log says that the number of CPUs brought up is {self._brought_up}, and shows {len(came)}"
        )
        silent = [cpu for cpu in range(possible) if cpu not in self._cpus]
        if len(silent) + len(came) != self._brought_up:
            return []
        self._cpus |= {cpu: CpuEvidence(cpu) for cpu in silent}
        return [Hotplug(cpu, HotplugResult.ONLINE) for cpu in silent]

    def _conclude_extensions(self, came: set[int]) -> None:
        """Conclude that a CPU without a line on an extension is like the boot CPU.

        The kernel compares a CPU's ID registers with the boot CPU's when the CPU comes up, and logs a difference.

        Args:
            came: the CPUs that were brought online at some time, and the boot CPU.
        """
        for extension in VectorType:
            present = self._cpus[0].has(extension)
            if present is None and (extension, Bound.MAXIMUM) in self._vl_bytes:
                present = True
            if present is None:
                continue
            for cpu in came:
                if self._cpus[cpu].has(extension) is None:
                    self._set_extension(cpu, extension, present=present)
