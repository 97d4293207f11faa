"""The settings of a kernel and of firmware that decide on CPU features, inferred from a log by booting scenarios.

The cores of a machine and the release of its kernel decide most lines on features. The settings decide the rest: KASLR,
the kernel's configuration, and weaknesses that firmware says a CPU does not have. A setting is inferred if a boot with
it names the log's capabilities better: it mends a name, and breaks none. A name that the log lacks is evidence only
where the log goes on until all capabilities are told.
"""

from collections.abc import Collection, Iterator, Set
from dataclasses import replace

import msgspec

from sim.boot_run import boot
from sim.cpufeature_tables import kernel_tables
from sim.cpufeature_tables.feature_words import ALIASES, FIELD_OPTIONS, SWITCHES, is_switch
from sim.cpufeature_tables.tables import Requirement
from sim.id_registers import AARCH32, EL0
from sim.importer.hotplug_history import Hotplug, HotplugResult
from sim.importer.inferred_registers import asymmetric_32bit, registers_of_refused, replaced, with_register
from sim.importer.kernel_log import KernelCommandLine, KernelLog, RefusedCpu, ShownFeatures, Variation, canonical
from sim.importer.kernel_of_log import modelled_kernel
from sim.importer.log_reader import parse_kernel_log
from sim.kernel.features.core_models import is_in_list
from sim.scenario import Scenario
from sim.topology import Cpu, Weakness, cpu_list

_FORCED_BY_KASLR = "by KASLR"
_ISOLATION, _NOT_BUILT = "CONFIG_UNMAP_KERNEL_AT_EL0", "disabled by kernel configuration"
"""The option for isolated page tables, and the words of a kernel without it."""
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
    """The capabilities that the scenario's boot names and the log does not, although it goes on to their end."""
    contradictions: tuple[str, ...] = ()
    """Sentences on what the log says and the cores cannot have."""


def with_inferred_features(scenario: Scenario, log: KernelLog) -> InferredFeatures:
    """Return a scenario of a log, in which all cores are known, with the settings that the log shows."""
    scenario = scenario.but(options=_options(log.command_line))
    if modelled_kernel(log).stands_for_older:
        return InferredFeatures(scenario)
    search = _Search(scenario, log)
    search.kaslr()
    search.isolation()
    search.asymmetric_32bit()
    search.registers()
    # Of a kernel that is not known, a missing name may be another release's.
    if log.shown.is_complete and log.shown.names_features and modelled_kernel(log).in_log is not None:
        search.configuration()
    search.refusals()
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
        return _Difference(named - implied, implied - named)

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

    def isolation(self) -> None:
        """Infer that the kernel is built without isolation of its page tables, as it says itself."""
        if self._log.shown.kpti == _NOT_BUILT:
            scenario = self._configured(_ISOLATION, is_on=False)
            self._take(scenario, _simulated(scenario), f"{_ISOLATION} is off, as the log says")

    def registers(self) -> None:
        """Take registers to be alike where the table of cores has a difference that the log does not show."""
        if not self._log.shown.is_complete:
            return
        stated = {(one.cpu, one.register) for one in self._log.variations}
        alike: dict[str, dict[int, Variation]] = {}
        for one in self._simulated.variations:
            if (one.cpu, one.register) not in stated and one.cpu in self._log.came_early:
                alike.setdefault(one.register, {})[one.cpu] = one
        for register, variations in alike.items():
            self._take_alike(register, variations)

    def _take_alike(self, register: str, variations: dict[int, Variation]) -> None:
        """Take a register of some CPUs to be the boot CPU's, or the boot CPU's to be theirs if that names more."""
        topology, first = self._scenario.topology, next(iter(variations.values()))
        boot_kind = topology.logical[0].features
        of_boot_cpu = [number for number, cpu in enumerate(topology.logical) if cpu.features is boot_kind]
        cpus = f"cpu{cpu_list(sorted(variations))}"
        choices = [
            ({cpu: int(one.boot_value) for cpu, one in variations.items()}, cpus, "the boot CPU's"),
            (dict.fromkeys(of_boot_cpu, int(first.value)), f"cpu{cpu_list(of_boot_cpu)}", f"{cpus}'s"),
        ]
        found = []
        for values, what, whose in choices:
            strict = self._tables.registers[register].strict_mask
            changes = {}
            for cpu, value in values.items():
                # A difference in other bits is not logged, and may be there.
                own = topology.logical[cpu].features.register(register)
                changes[cpu] = with_register(topology.logical[cpu], register, own & ~strict | value & strict)
            scenario = self._scenario.but(topology=replaced(topology, changes))
            found.append((scenario, _simulated(scenario), f"{register} of {what} is taken to be {whose}"))
        scenario, simulated, words = min(found, key=lambda one: len(self._difference(one[1].shown)))
        reason = f"{words}, since the log shows no difference; the table of cores has one"
        self._take(scenario, simulated, reason)

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
        named, implied = (shown.secondaries_before.get(words) for shown in (self._log.shown, self._simulated.shown))
        if named is None or implied is None or implied >= named or not self._log.shown.is_complete:
            return
        midrs = [cpu.features.core.midr for cpu in self._scenario.topology.logical]
        before = set(midrs[: named + 1]) - {midrs[named + 1] if named + 1 < len(midrs) else 0}
        scenario = self._denied(weakness, before)
        simulated = _simulated(scenario)
        if simulated.shown.secondaries_before.get(words) == named:
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
            if not one.any_of and self._is_certain(one):
                yield from ((one.description, (option,)) for option in one.config if self._may_be_off(option))
            # Each alternative that a core here meets must go.
            options = [filter(self._may_be_off, each.config) for each in one.any_of if self._is_certain(each)]
            if every := dict.fromkeys(option for each in options if (option := next(each, None)) is not None):
                yield one.description, tuple(every)

    def _may_be_off(self, option: str) -> bool:
        return option not in _OF_FLAGS and not (option == _KVM and self._log.kvm is not None)

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
        changes = asymmetric_32bit(self._scenario, self._log.shown)
        if not changes:
            return
        scenario = self._scenario.but(topology=replaced(self._scenario.topology, changes))
        runs = [cpu for cpu, one in changes.items() if EL0.of(one.features.register(EL0.register)) == AARCH32]
        others = [cpu for cpu in changes if cpu not in runs]
        words = " and ".join(
            f"cpu{cpu_list(cpus)} {verb} 32-bit programs"
            for verb, cpus in (("runs", runs), ("does not run", others))
            if cpus
        )
        self._take(scenario, _simulated(scenario), f"{words}, as the line on asymmetric 32-bit support implies")

    def refusals(self) -> None:
        """Take faults away from CPUs that the log has refused, if the model refuses them for their features.

        Where it does not, registers are inferred for which it does.
        """
        numbers = {cpu.name: number for number, cpu in enumerate(self._scenario.topology.logical)}
        faulty = {numbers[one.cpu] for one in self._scenario.faults if one.never_arrives}
        refused = {cpu: step for cpu, step in _refused(self._log).items() if cpu in faulty}
        told = {one.cpu: one for one in reversed(self._log.shown.refused)}
        groups: dict[tuple[str, RefusedCpu | None], list[int]] = {}
        for cpu, step in refused.items():
            why = msgspec.structs.replace(told[cpu], cpu=0) if cpu in told else None
            groups.setdefault((step.other_reason, why), []).append(cpu)
        for (_, why), cpus in groups.items():
            self._refused_alike({cpu: refused[cpu] for cpu in cpus}, [told[cpu] for cpu in cpus if why is not None])

    def _refused_alike(self, steps: dict[int, Hotplug], told: list[RefusedCpu]) -> None:
        """Let CPUs arrive that were refused for the same reason, with registers for which the model refuses them."""
        left = steps.keys() - self._accept(steps, {})
        # The registers of a CPU that was online at some time are those that the kernel accepted.
        unknown = [one for one in told if one.cpu in left and one.cpu not in self._log.came]
        for implied in registers_of_refused(self._scenario, self._tables, unknown) if unknown else ():
            accepted = self._accept({cpu: steps[cpu] for cpu in implied.cpus if cpu in left}, implied.cpus)
            if accepted:
                self._reasons.append(implied.reason(accepted))
                left -= accepted
        modelled = self._modelled_refusals(left, {})
        if refused_anyhow := left & modelled.keys():
            self._scenario = self._arriving(refused_anyhow, {})
            words = ", ".join(f"cpu{cpu} for {modelled[cpu].other_reason!r}" for cpu in sorted(refused_anyhow))
            self._reasons.append(f"the cores are such that the model refuses, as the log for another reason, {words}")

    def _accept(self, steps: dict[int, Hotplug], changes: dict[int, Cpu]) -> set[int]:
        """Let CPUs arrive that the model, with other registers, refuses as the log does, and return them."""
        modelled = self._modelled_refusals(steps, changes)
        accepted = {cpu for cpu, step in steps.items() if modelled.get(cpu) == step}
        self._scenario = self._arriving(accepted, {cpu: one for cpu, one in changes.items() if cpu in accepted})
        return accepted

    def _modelled_refusals(self, cpus: Collection[int], changes: dict[int, Cpu]) -> dict[int, Hotplug]:
        """Return the CPUs that a boot refuses where CPUs arrive that the scenario keeps from it."""
        return _refused(parse_kernel_log(boot(self._arriving(cpus, changes)).log_text)) if cpus else {}

    def _arriving(self, cpus: Collection[int], changes: dict[int, Cpu]) -> Scenario:
        """Return the scenario with other registers, and without faults that keep some CPUs from arriving."""
        topology = replaced(self._scenario.topology, changes)
        names = {topology.logical[cpu].name for cpu in cpus}
        faults = (one for one in self._scenario.faults if not (one.never_arrives and one.cpu in names))
        return self._scenario.but(topology=topology, faults=tuple(faults))

    def result(self) -> InferredFeatures:
        """Return the scenario with everything that was inferred."""
        difference = self._difference(self._simulated.shown)
        is_complete = self._log.shown.is_complete and self._log.shown.names_features
        missing = tuple(name for name in dict.fromkeys(self._log.shown.detected) if name in difference.missing)
        too_many = tuple(name for name in dict.fromkeys(self._simulated.shown.detected) if name in difference.too_many)
        return InferredFeatures(
            self._scenario,
            tuple(self._reasons),
            missing,
            too_many if is_complete else (),
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
    return parse_kernel_log(boot(scenario.but(actions=())).log_text)


def _refused(log: KernelLog) -> dict[int, Hotplug]:
    """Return the first refusal of each CPU that was refused for what is not a vector extension."""
    steps = (step for step in reversed(log.steps) if step.result is HotplugResult.REFUSED_OTHERWISE)
    return {step.cpu: step for step in steps}


def _quoted(words: list[str]) -> str:
    return ", ".join(map(repr, words))
