"""The findings that follow from several lines of a boot together, or from lines that are missing."""

from typing import TYPE_CHECKING, TypeVar

import msgspec

from sim.cpufeature_tables import KernelTables
from sim.explain import cpu_entries, feature_entries, firmware_entries, kvm_entries
from sim.explain.finding_collection import FindingCollection
from sim.explain.line_entries import short_words, words_of_line
from sim.importer import explained_lines as explained
from sim.importer import firmware_lines
from sim.importer import log_lines as kinds
from sim.importer.explained_lines import OverrideEffect
from sim.importer.firmware_lines import NodeFlaw, NodeFlawLine
from sim.importer.kernel_log import KernelCommandLine, parse_command_line
from sim.importer.log_lines import LogLine, Phase
from sim.importer.log_text import NumberedLine
from sim.importer.suspend_lines import SUSPEND_KINDS, SuspendLine
from sim.topology import MOST_CPUS
from sim.units import counted
from sim.vectors import VectorType

if TYPE_CHECKING:
    from sim.explain.log_entries import LogEntry

_L = TypeVar("_L", bound=LogLine)
_MOST_NAMES = 40
_OF_CRASH_KERNELS = ("reset_devices", "elfcorehdr")
"""The parameters that kexec gives to a kernel which writes a crash dump, and to no other."""
_OF_OVERRIDE = {
    OverrideEffect.FORCED: feature_entries.OVERRIDDEN,
    OverrideEffect.ALREADY: feature_entries.OVERRIDE_NEEDLESS,
}


class BootLines(msgspec.Struct, frozen=True):
    """All lines of a boot that are understood."""

    lines: tuple[NumberedLine, ...]
    phase: Phase
    """The phase that the boot reached."""
    named: frozenset[int]
    """The CPUs that some line names."""
    is_complete: bool
    """True if the lines begin with the kernel's first."""

    def of(self, kind: type[_L]) -> list[_L]:
        """Return the lines of a kind."""
        return [found.line for found in self.lines if isinstance(found.line, kind)]

    def numbered(self, *wanted: type[LogLine]) -> list[NumberedLine]:
        """Return the lines of some kinds, with their numbers."""
        return [found for found in self.lines if isinstance(found.line, wanted)]

    @property
    def command_line(self) -> KernelCommandLine:
        """The kernel's parameters."""
        return parse_command_line(" ".join(line.text for line in self.of(kinds.CommandLineLine)))


def add_system_findings(boot: BootLines, found: FindingCollection, tables: KernelTables) -> None:
    """Add the findings on the whole system."""
    _count_cpus(boot, found)
    _clipped(boot, found)
    _crash_kernel(boot, found)
    _psci_version(boot, found)
    _nodes(boot, found)
    _ends_suspended(boot, found)
    _silent_cpus(boot, found)
    _count_features(boot, found)
    _overrides(boot, found, tables)
    _hypervisor(boot, found)
    _without_kvm(boot, found)
    _without_sve(boot, found)
    _taint(boot, found)


def _count_cpus(boot: BootLines, found: FindingCollection) -> None:
    counts = [line.count for line in boot.of(kinds.BroughtUpLine)]
    if counts:
        words = {"count_words": f"{counted(max(counts), 'CPU')} online"}
        found.add(cpu_entries.BROUGHT_UP, boot.numbered(kinds.BroughtUpLine), words)
    possible = [line.count for line in boot.of(kinds.PossibleLine)][:1]
    if possible and possible[0] != max(counts, default=0):
        words = {"count_words": counted(possible[0], "CPU")}
        found.add(cpu_entries.POSSIBLE, boot.numbered(kinds.PossibleLine)[:1], words)


def _clipped(boot: BootLines, found: FindingCollection) -> None:
    """Find that there are more CPUs than the kernel uses, and whether that was asked for."""
    command_line = boot.numbered(kinds.CommandLineLine)
    is_asked_for = boot.command_line.value("nr_cpus") is not None
    # On arm64 kexec tells the device tree, and not the command line, where the crashed kernel's memory is described.
    is_inferred = not command_line and bool(boot.of(firmware_lines.ElfCoreLine))
    inferred = ("the command line is not in the log: a kernel for a crash dump is usually given `nr_cpus=`",)
    for numbered in boot.numbered(explained.ClippedLine):
        words = words_of_line(numbered.line)
        if is_asked_for:
            found.add(cpu_entries.CLIPPED_BY_OPTION, [numbered, *command_line], words)
        elif is_inferred:
            found.add(cpu_entries.CLIPPED_BY_OPTION, [numbered], words, inferred=inferred)
        else:
            found.add(cpu_entries.CLIPPED, [numbered], words)


def _crash_kernel(boot: BootLines, found: FindingCollection) -> None:
    """Find that the command line is that of a kernel which writes a crash dump; a line of its own may say so too."""
    if any(boot.command_line.value(name) is not None for name in _OF_CRASH_KERNELS):
        found.add(cpu_entries.CRASH_KERNEL, boot.numbered(kinds.CommandLineLine))


def _psci_version(boot: BootLines, found: FindingCollection) -> None:
    """Find which PSCI firmware has, and whether anything answers its calls."""
    was_started = any(line.cpu != 0 for line in boot.of(kinds.BootedLine)) or bool(boot.of(kinds.KilledLine))
    was_refused = bool(boot.numbered(kinds.NotStartedLine, explained.PsciNotStartedLine))
    for numbered in boot.numbered(explained.PsciVersionLine):
        line = numbered.line
        assert isinstance(line, explained.PsciVersionLine)
        if not line.is_none:
            entry = cpu_entries.PSCI_VERSION
        elif was_refused and not was_started:
            entry = cpu_entries.NO_PSCI
        else:
            entry = cpu_entries.NO_PSCI_VERSION
        found.add(entry, [numbered], words_of_line(line))


def _silent_cpus(boot: BootLines, found: FindingCollection) -> None:
    """Find the CPUs that are possible, and that no line names."""
    possible = next((line.count for line in boot.of(kinds.PossibleLine)), 0)
    silent = [cpu for cpu in range(min(possible, MOST_CPUS)) if cpu not in boot.named]
    came = max((line.count for line in boot.of(kinds.BroughtUpLine)), default=0)
    # Where the kernel counts more CPUs than the log shows, it is their lines that are missing.
    if not boot.is_complete or boot.phase is Phase.EARLY or came > possible - len(silent):
        return
    shown = boot.numbered(kinds.PossibleLine)[:1] + boot.numbered(kinds.BroughtUpLine)[:1]
    limit = boot.command_line.maxcpus
    for cpu in silent:
        if limit is None:
            inferred = "that no line names the CPU does not say whether it was tried"
            found.add(cpu_entries.NEVER_STARTED, shown, cpu=cpu, inferred=(inferred,))
        else:
            entry = cpu_entries.LEFT_BY_MAXCPUS if limit else cpu_entries.ABSENT
            found.add(entry, shown, {"parameter": _limiting_parameter(boot.command_line)}, cpu=cpu)


def _limiting_parameter(command_line: KernelCommandLine) -> str:
    """Return the parameter that limits the early bring-up, the last of several."""
    name, value = [pair for pair in command_line.parameters if pair[0] in {"nosmp", "maxcpus"}][-1]
    return name if name == "nosmp" else f"maxcpus={short_words(value)}"


def _nodes(boot: BootLines, found: FindingCollection) -> None:
    """Find the CPUs' nodes of the device tree that have the same flaw, all together."""
    names: dict[tuple[LogEntry, str], list[str]] = {}
    lines: dict[tuple[LogEntry, str], list[NumberedLine]] = {}
    for numbered in boot.numbered(explained.EnableMethodLine, NodeFlawLine):
        line = numbered.line
        if isinstance(line, NodeFlawLine):
            is_of_boot = line.flaw is NodeFlaw.DUPLICATE_BOOT
            key = (firmware_entries.BAD_BOOT_NODE if is_of_boot else firmware_entries.BAD_NODE, str(line.flaw))
            node = line.node or "a node of /cpus"
        else:
            assert isinstance(line, explained.EnableMethodLine)
            key, node = (cpu_entries.NO_ENABLE_METHOD, ""), line.node
        names.setdefault(key, []).append(short_words(node))
        lines.setdefault(key, []).append(numbered)
    for (entry, flaw), nodes in names.items():
        found.add(entry, lines[entry, flaw], {"nodes": ", ".join(dict.fromkeys(nodes)), "flaw": flaw})


def _ends_suspended(boot: BootLines, found: FindingCollection) -> None:
    """Find that a log ends before the CPUs that a suspend took down come back."""
    of_suspend = boot.numbered(*SUSPEND_KINDS)
    last = of_suspend[-1] if of_suspend else None
    if last is not None and isinstance(last.line, SuspendLine) and not last.line.is_resume:
        after = boot.lines[boot.lines.index(last) :]
        if all(isinstance(one.line, SuspendLine | kinds.KilledLine | explained.ShutdownLine) for one in after):
            found.add(cpu_entries.ENDS_SUSPENDED, after)


def _count_features(boot: BootLines, found: FindingCollection) -> None:
    names = list(dict.fromkeys(short_words(line.feature) for line in boot.of(explained.OtherFeatureLine)))
    if names:
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        words = {"names": ", ".join(names[:_MOST_NAMES]) + more}
        found.add(feature_entries.DETECTED, boot.numbered(explained.OtherFeatureLine), words)


def _overrides(boot: BootLines, found: FindingCollection, tables: KernelTables) -> None:
    """Find the fields that the command line overrides, all of a register together."""
    names: dict[tuple[str, OverrideEffect], list[str]] = {}
    lines: dict[tuple[str, OverrideEffect], list[NumberedLine]] = {}
    for numbered in boot.numbered(explained.OverrideLine):
        line = numbered.line
        assert isinstance(line, explained.OverrideLine)
        names.setdefault((line.register, line.effect), []).append(_field_name(line, tables))
        lines.setdefault((line.register, line.effect), []).append(numbered)
    for (register, effect), fields in names.items():
        entry = _OF_OVERRIDE.get(effect, feature_entries.OVERRIDE_IGNORED)
        found.add(entry, lines[register, effect], {"register": register, "fields": ", ".join(fields)})


def _field_name(line: explained.OverrideLine, tables: KernelTables) -> str:
    register = tables.registers.get(line.register)
    fields = () if register is None else register.fields
    name = next((field.name for field in fields if field.shift == line.low), f"bits {line.high}:{line.low}")
    return name if line.value is None else f"{name} = {line.value:x}"


def _hypervisor(boot: BootLines, found: FindingCollection) -> None:
    lines = boot.numbered(explained.HypPanicLine, explained.HypervisorPanicLine)
    panics = boot.of(explained.HypPanicLine)
    if any(line.is_in_sve_save for line in panics):
        found.add(kvm_entries.HYP_PANIC_IN_SAVE, lines)
    elif lines:
        place = short_words(panics[0].place.rstrip("!")) if panics else "an unknown place"
        found.add(kvm_entries.HYP_PANIC, lines, {"place": place})


def _without_kvm(boot: BootLines, found: FindingCollection) -> None:
    lines = boot.numbered(kinds.KvmUnavailableLine, explained.KvmModeIgnoredLine)
    mode = boot.command_line.value("kvm-arm.mode")
    if not lines:
        return
    if boot.of(kinds.InconsistentModesLine):
        found.add(kvm_entries.NO_HYP_MISMATCH, lines)
    elif mode not in {None, "none"} or boot.of(explained.KvmModeIgnoredLine):
        asked = f"`kvm-arm.mode={short_words(mode)}`" if mode else "a mode of KVM (`kvm-arm.mode`)"
        found.add(kvm_entries.NO_HYP_WANTED, lines, {"mode": asked})
    else:
        found.add(kvm_entries.NO_HYP, lines)


def _without_sve(boot: BootLines, found: FindingCollection) -> None:
    """Find that a complete log does not mention SVE."""
    named = {line.extension for line in boot.of(kinds.DetectedLine)}
    named |= {line.extension for line in boot.of(kinds.VectorLengthLine)}
    # A CPU is refused for lack of SVE where the system has it.
    named |= {line.extension for line in boot.of(kinds.ConflictLine) if line.extension is not None and line.in_system}
    if VectorType.SVE in named or boot.phase is not Phase.FINAL or not boot.is_complete:
        return
    if boot.command_line.nosve:
        found.add(feature_entries.SVE_HIDDEN, boot.numbered(kinds.CommandLineLine))
    # Every boot logs some feature. A log without any was cut, or was shortened by hand.
    elif named or boot.of(explained.OtherFeatureLine):
        inferred = "no line says it: the log has lines on other features, and none on SVE"
        found.add(feature_entries.NO_SVE, (), inferred=(inferred,))


def _taint(boot: BootLines, found: FindingCollection) -> None:
    """Put the line on the taint to the first SANITY CHECK line, with which the kernel logs it."""
    for line in boot.numbered(explained.VariationLine):
        if not found.add_to_first_register(line):
            inferred = "the SANITY CHECK lines, which say which register, are not in the log"
            words = {"register": "an ID register of some CPU"}
            found.add(feature_entries.SANITY_TAINT, [line], words, inferred=(inferred,))
