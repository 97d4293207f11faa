"""The settings of a kernel and of firmware that decide on CPU features, inferred from a log by booting scenarios.

The cores of a machine and the release of its kernel decide most lines on features. The settings decide the rest: KASLR,
the kernel's configuration, and weaknesses that firmware says a CPU does not have. A setting is inferred if a boot with
it names the log's capabilities better: it mends a name, and breaks none. A name that the log lacks is evidence only
where the log goes on until the kernel would have named it: until a CPU is online, for what that CPU decides alone, and
until all capabilities are told, for the rest.
"""

from collections.abc import Iterator, Set
from dataclasses import replace

import msgspec

from sim.cpufeature_tables import kernel_tables
from sim.cpufeature_tables.feature_words import ALIASES, FIELD_OPTIONS, SWITCHES, is_switch
from sim.cpufeature_tables.tables import Requirement
from sim.id_registers import AARCH32
from sim.importer.deciding_fields import deciding_fields
from sim.importer.field_editor import FieldEditor
from sim.importer.fitted_cpus import FittedCpus, simulated
from sim.importer.hotplug_history import HotplugResult
from sim.importer.inferred_registers import asymmetric_32bit, unlogged_differences
from sim.importer.kernel_log import KernelCommandLine, KernelLog, ShownFeatures, Variation, canonical
from sim.importer.kernel_of_log import modelled_kernel
from sim.importer.logged_cpus import LoggedCpus
from sim.importer.named_features import AARCH32_EL0, NamedFeatures
from sim.importer.start_levels import StartLevels
from sim.importer.told_fields import let_lines_agree
from sim.kernel.features.core_models import is_in_list
from sim.kernel_release import Build
from sim.scenario import Scenario
from sim.topology import VH, Weakness, cpu_list

_FORCED_BY_KASLR = "by KASLR"
_ISOLATION, _NOT_BUILT = "CONFIG_UNMAP_KERNEL_AT_EL0", "disabled by kernel configuration"
"""The option for isolated page tables, and the words of a kernel without it."""
_BHB = "CONFIG_MITIGATE_SPECTRE_BRANCH_HISTORY"
_PAN_EMULATION = "Privileged Access Never (PAN) using TTBR0_EL1 switching"
_OFF_BY_DEFAULT = {"CONFIG_ARM64_PSEUDO_NMI": "", "CONFIG_ARM64_SW_TTBR0_PAN": _PAN_EMULATION}
"""Options that Debian's kernels lack, with the capability that no table has."""
_BY_FIRMWARE = {"Spectre-v2": Weakness.SPECTRE_V2, "Spectre-v4": Weakness.SPECTRE_V4}
"""Capabilities that firmware can deny, by the words of the log."""
_OF_FLAGS = {"CONFIG_ARM64_SME"}
"""Options that are kernel flags (`sim.kernel_flags`), which have their own evidence."""
_KVM = "CONFIG_KVM"
_MISMATCHED_32BIT = "allow_mismatched_32bit_el0"
_BESIDE_FEATURES = {"arm64.nosve", "arm64.nosme", "id_aa64pfr0.sve=0", "id_aa64pfr1.sme=0"}
"""Words of the command line that are settings of their own."""


class InferredFeatures(msgspec.Struct, frozen=True):
    """A scenario with the settings that a log shows, and the reasons."""

    scenario: Scenario
    reasons: tuple[str, ...] = ()
    """Sentences on what was inferred, and from what."""
    missing: tuple[str, ...] = ()
    """The capabilities that the log names and the scenario's boot does not."""
    too_many: tuple[str, ...] = ()
    """The capabilities that the scenario's boot names and the log does not, although it goes on until they are told."""
    contradictions: tuple[str, ...] = ()
    """Sentences on what the log says and the cores cannot have."""


def with_inferred_features(scenario: Scenario, log: KernelLog, levels: StartLevels) -> InferredFeatures:
    """Return a scenario of a log, in which all cores are known, with the settings that the log shows.

    Args:
        scenario: the scenario.
        log: the log.
        levels: the exception levels at which the CPUs started.
    """
    scenario = scenario.but(options=_options(log.command_line))
    if modelled_kernel(log).stands_for_older:
        return InferredFeatures(scenario)
    search = _Search(scenario, log)
    search.vhe(levels)
    search.kaslr()
    search.built_without()
    search.asymmetric_32bit()
    # Of a kernel that is not known, a missing name may be another release's.
    has_names = log.shown.names_features and modelled_kernel(log).in_log is not None
    search.told()
    if has_names:
        search.named(of_boot_cpu=True)
    search.came(late=False)
    search.registers(late=False)
    if has_names and (log.shown.is_complete or log.shown.boot_cpu_is_complete):
        search.configuration()
        search.named(of_boot_cpu=False)
    search.refused()
    if log.late:
        search.came(late=True)
        search.registers(late=True)
    return search.result()


def _options(command_line: KernelCommandLine) -> str:
    """Return the words of a command line that decide on CPU features."""
    # The reader of a log has every - as _.
    spelt = {canonical(word): word for word in (*SWITCHES, *ALIASES) if not word.startswith("kvm-arm.mode")}
    words = (spelt.get(word, word if _is_field(word) or is_switch(word) else "") for word in command_line.words)
    return " ".join(word for word in words if word and word not in _BESIDE_FEATURES)


def _is_field(word: str) -> bool:
    name, _, value = word.partition("=")
    return name in FIELD_OPTIONS and bool(value)


class _Difference(msgspec.Struct, frozen=True):
    """The capabilities in which a log and a boot differ."""

    missing: frozenset[str]
    too_many: frozenset[str]

    def __len__(self) -> int:
        return len(self.missing) + len(self.too_many)

    def is_better_than(self, other: "_Difference") -> bool:
        """Return True if fewer names differ, and none that agreed."""
        return self != other and self.missing <= other.missing and self.too_many <= other.too_many


class _Search:
    """A search for the settings with which a scenario's boot names a log's capabilities.

    Args:
        scenario: the scenario without them.
        log: the log.
    """

    def __init__(self, scenario: Scenario, log: KernelLog) -> None:
        self._scenario = scenario
        self._log = log
        self._reasons: list[str] = []
        self._contradictions: list[str] = []
        self._tables = kernel_tables(scenario.release.series, scenario.page_bytes)
        self._cpus = LoggedCpus(log, scenario, self._tables)
        self._simulated = _simulated(scenario)

    def _try(self, scenario: Scenario, reason: str) -> bool:
        """Keep a scenario if its boot is nearer to the log."""
        simulated = _simulated(scenario)
        if not self._difference(simulated.shown).is_better_than(self._difference(self._simulated.shown)):
            return False
        self._take(scenario, simulated, reason)
        return True

    def _take(self, scenario: Scenario, simulated: KernelLog, reason: str) -> None:
        self._scenario, self._simulated = scenario, simulated
        self._reasons.append(reason)

    def _difference(self, shown: ShownFeatures) -> _Difference:
        named, implied = frozenset(self._log.shown.detected), frozenset(shown.detected)
        # A vector extension that differs is a difference of lengths, which have their own sentences.
        too_many = frozenset(words for words in implied - named if self._is_told(words, shown))
        return _Difference(named - implied, too_many)

    def _is_told(self, words: str, shown: ShownFeatures) -> bool:
        """Return True if the log would have named a capability that a boot shows."""
        return self._log.shown.is_complete or shown.named_on.get(words) in self._cpus.told

    def vhe(self, levels: StartLevels) -> None:
        """Give VHE to the CPUs that the kernel refused for it, and which are other cores than the boot CPU."""
        editor = self._editor()
        for cpu in levels.have_vhe:
            editor.put(cpu, VH, 1)
        self._take_all(editor, [])

    def kaslr(self) -> None:
        """Infer whether the kernel runs at a random address."""
        shown = self._log.shown
        is_forced = shown.kpti is not None and _FORCED_BY_KASLR in shown.kpti
        if shown.kaslr is False and is_forced:
            self._contradictions.append("the log says that KASLR is disabled, and that page tables are isolated for it")
        if not (shown.kaslr or is_forced):
            if shown.kaslr is False:
                self._reasons.append("KASLR is off, as the log says")
            return
        scenario = self._scenario.but(kaslr=True)
        says = "the log says" if shown.kaslr else "page table isolation forced on by it shows"
        self._take(scenario, _simulated(scenario), f"KASLR is on, as {says}")

    def built_without(self) -> None:
        """Infer that the kernel is built without isolation of its page tables, or a mitigation, as it says itself."""
        shown = self._log.shown
        for option, is_off in ((_ISOLATION, shown.kpti == _NOT_BUILT), (_BHB, shown.is_without_bhb)):
            if is_off:
                scenario = self._configured(option, is_on=False)
                self._take(scenario, _simulated(scenario), f"{option} is off, as the log says")

    def told(self) -> None:
        """Take over what lines tell of single CPUs, and the range of addresses that KVM's line tells."""
        editor = self._editor()
        reasons = list(let_lines_agree(editor, self._log.shown, self._simulated.shown, self._tables, self._cpus))
        self._take_all(editor, reasons)

    def named(self, *, of_boot_cpu: bool) -> None:
        """Give CPUs fields with which a boot names what the log names.

        Args:
            of_boot_cpu: True for what the boot CPU decides alone, False for the rest.
        """
        editor, kept = self._editor(), {AARCH32_EL0} if self._log.shown.differs_in_32bit is not None else set()
        found = NamedFeatures(editor, self._log.shown, self._simulated.shown, self._tables, self._cpus)
        self._take_all(editor, list(found.agree(kept, of_boot_cpu=of_boot_cpu)))

    def _editor(self) -> FieldEditor:
        return FieldEditor(self._scenario, self._tables)

    def _take_all(self, editor: FieldEditor, reasons: list[str]) -> None:
        if editor.changes():
            self._scenario = editor.scenario()
            self._simulated = _simulated(self._scenario)
            self._reasons += reasons

    def registers(self, *, late: bool) -> None:
        """Take registers to be alike where the table of cores has a difference that the log does not show.

        Args:
            late: look at late CPUs too.
        """
        if not (self._log.shown.is_complete or self._cpus.told):
            return
        modelled = simulated(self._scenario) if late else self._simulated
        for register, variations in unlogged_differences(self._log, modelled, self._cpus).items():
            self._take_alike(register, variations)

    def _take_alike(self, register: str, variations: dict[int, Variation]) -> None:
        """Take a register of some CPUs to be the boot CPU's, or the boot CPU's to be theirs if that names more."""
        first = next(iter(variations.values()))
        groups = [
            [cpu for cpu in self._cpus.alike(one) if not self._cpus.is_stated(cpu, register)]
            for one in (variations, [0])
        ]
        cpus, of_boot_cpu = (f"cpu{cpu_list(sorted(group))}" for group in groups)
        choices = (
            (groups[0], int(first.boot_value), f"{register} of {cpus} is taken to be the boot CPU's"),
            (groups[1], int(first.value), f"{register} of {of_boot_cpu} is taken to be {cpus}'s"),
        )
        found = []
        for group, value, words in choices:
            editor = self._editor()
            for cpu in group:
                # A difference in other bits is not logged, and may be there.
                editor.put_bits(cpu, register, self._tables.registers[register].strict_mask, value)
            found.append((editor.scenario(), words))
        tried = [(scenario, _simulated(scenario), words) for scenario, words in found]
        scenario, shown, words = min(tried, key=lambda one: len(self._difference(one[1].shown)))
        self._take(scenario, shown, f"{words}, since the log shows no difference; the table of cores has one")

    def configuration(self) -> None:
        """Infer configuration options, and weaknesses that firmware denies."""
        for option in sorted(_OFF_BY_DEFAULT):
            difference = self._difference(self._simulated.shown)
            if named := sorted(difference.missing & {*self._names_with(option), _OFF_BY_DEFAULT[option]}):
                self._try(self._configured(option, is_on=True), f"{option} is on: the log names {_quoted(named)}")
        for words, options in self._candidates():
            if words in self._difference(self._simulated.shown).too_many:
                verb = "is" if len(options) == 1 else "are"
                self._try(
                    self._configured(*options, is_on=False),
                    f"{', '.join(options)} {verb} off: a core here has {words!r}, and the log does not name it",
                )
        for words, weakness in _BY_FIRMWARE.items():
            if words in self._difference(self._simulated.shown).too_many:
                self._try(
                    self._denied(weakness, {cpu.features.core.midr for cpu in self._scenario.topology.cpus}),
                    f"firmware says that no CPU has {words}: a core here has it, and the log does not name it",
                )
            self._denied_before(words, weakness)

    def _denied_before(self, words: str, weakness: Weakness) -> None:
        """Infer that firmware denies a weakness of the CPUs that came before the log names it."""
        named, implied = (shown.named_on.get(words) for shown in (self._log.shown, self._simulated.shown))
        if named is None or implied is None or implied >= named:
            return
        midrs = [cpu.features.core.midr for cpu in self._scenario.topology.logical]
        before = set(midrs[:named]) - {midrs[named]}
        scenario = self._denied(weakness, before)
        simulated = _simulated(scenario)
        if simulated.shown.named_on.get(words) == named:
            cpus = cpu_list([number for number, midr in enumerate(midrs) if midr in before])
            reason = f"firmware says that cpu{cpus} do not have {words}: the log names it when later CPUs come"
            self._take(scenario, simulated, reason)

    def _denied(self, weakness: Weakness, midrs: Set[int]) -> Scenario:
        """Return the scenario with firmware that says that no CPU with these MIDRs has a weakness."""
        topology = self._scenario.topology
        firmware = {
            one: replace(one, unaffected=one.unaffected | {weakness})
            for one in dict.fromkeys(cpu.firmware for cpu in topology.cpus)
        }
        cpus = (
            replace(cpu, firmware=firmware[cpu.firmware]) if cpu.features.core.midr in midrs else cpu
            for cpu in topology.cpus
        )
        return self._scenario.but(topology=replace(topology, cpus=tuple(cpus)))

    def _names_with(self, option: str) -> set[str]:
        return {one.description for one in self._tables.capabilities if option in one.config and one.description}

    def _configured(self, *options: str, is_on: bool) -> Scenario:
        config = {**self._scenario.kernel_config, **dict.fromkeys(options, is_on)}
        return self._scenario.but(kernel_config=config)

    def _candidates(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the capabilities that the log lacks, each with options without which the kernel would lack them.

        Only facts count: an erratum follows from MIDR_EL1, and another capability from a register that is known.
        """
        for one in self._tables.capabilities:
            if one.description is None or one.description not in self._difference(self._simulated.shown).too_many:
                continue
            # What the tables tell of the configuration is that of Debian's kernels.
            if self._scenario.release.build is Build.DEBIAN and (
                one.fixed or deciding_fields(one, self._tables).fields
            ):
                continue
            if not one.any_of and self._is_certain(one):
                yield from ((one.description, (option,)) for option in one.config if self._may_be_off(option))
            # Each alternative that a core here meets must go.
            options = [filter(self._may_be_off, each.config) for each in one.any_of if self._is_certain(each)]
            if every := dict.fromkeys(option for each in options if (option := next(each, None)) is not None):
                yield one.description, tuple(every)

    def _may_be_off(self, option: str) -> bool:
        if option in _OF_FLAGS or (option == _KVM and self._log.kvm is not None):
            return False
        return self._names_with(option).isdisjoint(self._log.shown.detected)

    def _is_certain(self, entry: Requirement) -> bool:
        kinds = [cpu.features for cpu in self._scenario.topology.cpus]
        if entry.midr:
            return any(is_in_list(kind.core.midr, entry.midr) for kind in kinds)
        return entry.register is None or all(kind.knows(entry.register) for kind in kinds)

    def asymmetric_32bit(self) -> None:
        """Infer which CPUs run 32-bit programs, where the log tells that they differ in it."""
        if self._log.shown.differs_in_32bit is not None and _MISMATCHED_32BIT not in self._scenario.options.split():
            options = f"{self._scenario.options} {_MISMATCHED_32BIT}".strip()
            self._scenario = self._scenario.but(options=options)
            self._reasons.append(f"{_MISMATCHED_32BIT} is on the command line, as the line on asymmetric support shows")
        editor = self._editor()
        changes = asymmetric_32bit(editor, self._scenario, self._log.shown)
        if not changes:
            return
        runs = [cpu for cpu, value in changes.items() if value == AARCH32]
        others = [cpu for cpu in changes if cpu not in runs]
        words = " and ".join(
            f"cpu{cpu_list(cpus)} {verb} 32-bit programs"
            for verb, cpus in (("runs", runs), ("does not run", others))
            if cpus
        )
        self._take_all(editor, [f"{words}, as the line on asymmetric 32-bit support implies"])

    def came(self, *, late: bool) -> None:
        """Let CPUs come that came in the log, and which a boot refuses.

        Args:
            late: look at the CPUs that came late, and not at the early CPUs.
        """
        steps = self._log.late if late else self._log.early
        found = FittedCpus(self._scenario, self._log, self._tables)
        if late or not {step.cpu for step in steps if step.result is HotplugResult.ONLINE} <= self._simulated.came:
            found.came(steps)
            self._take_found(found)

    def refused(self) -> None:
        """Let CPUs arrive that the log has refused, with registers for which a boot refuses them."""
        found = FittedCpus(self._scenario, self._log, self._tables)
        found.refused()
        self._take_found(found)

    def _take_found(self, found: FittedCpus) -> None:
        if found.scenario is not self._scenario:
            self._scenario = found.scenario
            self._simulated = _simulated(self._scenario)
            self._reasons += found.reasons

    def result(self) -> InferredFeatures:
        """Return the scenario with everything that was inferred."""
        difference = self._difference(self._simulated.shown)
        missing = tuple(name for name in dict.fromkeys(self._log.shown.detected) if name in difference.missing)
        too_many = tuple(name for name in dict.fromkeys(self._simulated.shown.detected) if name in difference.too_many)
        return InferredFeatures(
            self._scenario,
            tuple(self._reasons),
            missing,
            too_many if self._log.shown.names_features else (),
            (*self._contradictions, *self._impossible(missing)),
        )

    def _impossible(self, missing: tuple[str, ...]) -> Iterator[str]:
        """Yield sentences on capabilities that the log names, and that no core here can have by what is known of it."""
        kinds = [cpu.features for cpu in self._scenario.topology.cpus]
        for one in self._tables.capabilities:
            if one.description not in missing or one.any_of:
                continue
            if one.midr and not any(is_in_list(kind.core.midr, one.midr) for kind in kinds):
                yield f"the log names {one.description!r}, which none of the cores has by its MIDR"
            elif one.register is not None and all(kind.core.is_complete for kind in kinds) and not one.config:
                yield f"the log names {one.description!r}, which the cores' {one.register} does not have"


def _simulated(scenario: Scenario) -> KernelLog:
    return simulated(scenario.but(actions=()))


def _quoted(words: list[str]) -> str:
    return ", ".join(map(repr, words))
