"""The registers, or the cores, with which a kernel would refuse CPUs as a log says, the likeliest first.

A log names the capability or the hwcap for which a CPU was refused, and entries of the kernel's tables name the field
that decides, or the core models. Of a CPU that was refused nothing else is known, so that the nearest value is taken
that the kernel refuses. Where MIDR_EL1 decides, the CPU is another core than the CPUs that came, or another revision of
it. A refusal tells of the CPUs that came as well: a CPU is refused for lack of what the system has.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile

import msgspec

from sim.cpufeature_tables import Capability, Hwcap, KernelTables
from sim.cpufeature_tables.conflicts import NO_DESCRIPTION, capabilities_in_conflict
from sim.cpufeature_tables.tables import Requirement
from sim.errors import printable
from sim.id_registers import Core, IdField
from sim.importer.deciding_fields import ADDRESS_AUTH_MATCHERS, deciding_fields, id_field
from sim.importer.field_editor import FieldEditor, field_words, replaced
from sim.importer.hotplug_history import HotplugResult
from sim.importer.imported_cores import revision_words
from sim.importer.kernel_log import KernelLog, RefusedCpu, Unfit
from sim.importer.log_lines import VECTOR_CAPABILITIES
from sim.importer.logged_cpus import LoggedCpus
from sim.importer.other_cores import (
    asks_for_model,
    cores_with,
    features_of,
    may_have,
    mending_bits,
    model_decides,
)
from sim.importer.told_fields import PHYSICAL_BITS
from sim.kernel.cpufeature import VHE
from sim.kernel.features.id_fields import (
    ASIDBITS,
    IMIN_LINE,
    PARANGE,
    PMUVER,
    REVIDR,
    TGRAN4,
    TGRAN16,
    TGRAN64,
    VMIDBITS,
)
from sim.kernel.features.system_features import LISTED_BY_CPU, physical_bits
from sim.scenario import EL1, Scenario
from sim.topology import cpu_list

_8_BITS, _16_BITS = 0, 2
"""The values of ASIDBits and VMIDBits."""
_GRANULES = {4096: (TGRAN4, 15), 16384: (TGRAN16, 0), 65536: (TGRAN64, 15)}
"""By the size of pages: the granule's field, and its value on CPUs without the granule."""
_WITHOUT_LPA2 = {4096: 0, 16384: 1}
"""The values of that field on CPUs with the granule, and without 52-bit addresses."""
_PMU_VERSIONS = (5, 4)
"""Two values of PMUVer: PMUv3 as of Armv8.4 and as of Armv8.1."""
_AMU = "HAS_AMU_EXTN"
_OF_LEVEL = "HAS_ICH_HCR_EL2_TDIR"
"""The capability that a CPU lacks if it started at EL1."""
_MOST_CORES_TRIED = 3
_MOST_CORES_NAMED = 6

Change = Callable[[int], Mapping[IdField, int]]
"""Changes a CPU, and returns the fields that changed."""


class Implied(msgspec.Struct, frozen=True):
    """CPUs with which the kernel may refuse some of them as the log says."""

    scenario: Scenario
    sentence: Callable[[str], str]
    """Returns the sentence on the refused CPUs, given their names."""
    others: tuple[str, ...] = ()
    """Sentences on CPUs that came, of which the refusal tells as well."""

    def reasons(self, cpus: Collection[int]) -> tuple[str, ...]:
        """Return the sentences on what was inferred for some of the CPUs."""
        return (*self.others, self.sentence(f"cpu{cpu_list(sorted(cpus))}"))


def _taken(what: str, why: str, further: str = "") -> Callable[[str], str]:
    """Return the sentence on CPUs that are taken to have or to be something.

    Args:
        what: the thing, in words that begin with a verb.
        why: the reason of the refusal.
        further: the other things that may be instead, to be put behind the sentence.
    """
    return lambda cpus: f"{cpus} is taken to {what}: the kernel then refuses it for {why}, as in the log{further}"


def _of_core(core: Core, words: str, others: Sequence[str], cpus: str) -> str:
    """Return the sentence on CPUs that are another core than the system's, by a capability that MIDR_EL1 decides.

    Args:
        core: the core that they are taken to be.
        words: the capability.
        others: the names of the other cores that they may be.
        cpus: the CPUs.
    """
    more = f" or {len(others) - _MOST_CORES_NAMED} more" * (len(others) > _MOST_CORES_NAMED)
    further = f"; it may be {', '.join(others[:_MOST_CORES_NAMED])}{more} instead" if others else ""
    return (
        f"{cpus} is another core than the CPUs that came, or another revision of one, since MIDR_EL1 decides about "
        f"{words}, for which the kernel refused it: taken to be {core.name} {revision_words(core.midr)}{further}"
    )


class Refusals:
    """CPUs that a kernel refused, all for the same reason.

    Args:
        scenario: the CPUs, with the registers that they have otherwise.
        tables: the kernel's tables.
        log: the log.
        refused: the CPUs.
    """

    def __init__(self, scenario: Scenario, tables: KernelTables, log: KernelLog, refused: Sequence[RefusedCpu]) -> None:
        self._scenario = scenario
        self._tables = tables
        self._log = log
        self._why = refused[0]
        self._refused = sorted(one.cpu for one in refused)
        self._cpus = LoggedCpus(log, scenario, tables)

    def implied(self) -> Iterator[Implied]:
        """Yield what the CPUs may be, the likeliest first."""
        if self._why.unfit is not None:
            yield from self._unfit(self._why.unfit)
            return
        entries = self._entries()
        for one, words in entries:
            others = " or ".join(other for each, other in entries if each is not one)
            further = f"; it may be {others} instead" if others else ""
            if one.name == _OF_LEVEL and self._scenario.el2:
                yield self._at_el1(words)
            if one.matcher == "has_mismatched_cache_type":
                yield self._of_cache_type(words)
            if one.matcher == "has_pmuv3" and self._why.in_system:
                yield from self._of_pmu()
            yield from self._of_fields(one, words, further)
            if asks_for_model(one) and not self._why.in_system:
                yield from self._of_cores(one, words)

    def _entries(self) -> list[tuple[Capability | Hwcap, str]]:
        """Return the entries for which the CPUs may have been refused, each with its words, the likeliest first."""
        why, tables = self._why, self._tables
        if why.hwcap:
            found = (one for one in tables.hwcaps if one.name == why.hwcap and one.compat is why.is_compat)
            return [(one, f"the missing hwcap {one.cpuinfo_name}") for one in found]
        if why.capability == VHE:
            return []  # the exception level decides as well, and has its own evidence
        capabilities = capabilities_in_conflict(why.capability, tables, in_system=why.in_system, is_early=why.is_early)
        # Numbers shift between point releases, so that the nearest is a guess, and the others are told.
        series = self._scenario.release.series
        capabilities = tuple(sorted(capabilities, key=lambda one: abs(one.number(series) - why.number)))
        is_named = why.capability != NO_DESCRIPTION
        words = f"capability {printable(why.capability)!r}"
        return [(one, words if is_named else one.words_for_people) for one in capabilities]

    # Fields that decide

    def _of_fields(self, one: Capability | Hwcap, words: str, further: str) -> Iterator[Implied]:
        """Yield the nearest values of the fields that decide about an entry of the tables."""
        editor, in_system = FieldEditor(self._scenario, self._tables), self._why.in_system
        if not deciding_fields(one, self._tables).fields:
            return
        fields = self._change(self._refused, partial(editor.let, one=one, has=not in_system))
        others: tuple[str, ...] = ()
        if one.matcher in ADDRESS_AUTH_MATCHERS:
            further += "; another algorithm, or another level of one, is refused as well"
        else:
            others = self._others_agree(partial(self._agree, editor, one), words)
        if fields:
            yield Implied(editor.scenario(), _taken(f"have {next(iter(fields))}", words, further), others)
        elif others:
            yield Implied(editor.scenario(), lambda cpus: f"the kernel then refuses {cpus} for {words}", others)

    def _agree(self, editor: FieldEditor, one: Requirement, cpu: int) -> Mapping[IdField, int]:
        """Let a CPU agree with the system about an entry, unless what is known of it is enough."""
        fields = [id_field(each, self._tables) for each in deciding_fields(one, self._tables).fields]
        if any(self._cpus.is_stated(cpu, field.register) for field in fields):
            return {}
        if not self._why.in_system and all(editor.knows(cpu, field) for field in fields):
            return {}  # the names of the log have decided what the CPU has
        return editor.let(cpu, one, has=self._why.in_system)

    def _of_cache_type(self, words: str) -> Implied:
        """Return CPUs with another size of a line of the instruction cache, whose difference is refused."""
        editor = FieldEditor(self._scenario, self._tables)
        own = editor.value(0, IMIN_LINE)
        others = self._others_agree(partial(editor.put, field=IMIN_LINE, value=own), words)
        fields = self._change(self._refused, partial(editor.put, field=IMIN_LINE, value=own ^ 1))
        further = "; another field of CTR_EL0 that the kernel compares may differ instead"
        return Implied(editor.scenario(), _taken(f"have {next(iter(fields))}", words, further), others)

    def _unfit(self, unfit: Unfit) -> Iterator[Implied]:
        """Yield the nearest values of the field for which the kernel does not use the CPUs."""
        page_bytes = self._scenario.page_bytes
        granule, without_granule = _GRANULES[page_bytes]
        match unfit:
            case Unfit.VMID:
                yield self._of_field(VMIDBITS, _8_BITS, "fewer bits of VMID than KVM uses", of_others=_16_BITS)
            case Unfit.ASID:
                size = self._log.shown.asid_sizes.get(self._refused[0], _8_BITS)
                yield self._of_field(ASIDBITS, size, "fewer bits of ASID than the boot CPU has", of_others=_16_BITS)
            case Unfit.GRANULE:
                yield self._of_field(granule, without_granule, "lack of the kernel's size of pages")
            case Unfit.ADDRESSES:
                value = _WITHOUT_LPA2.get(page_bytes, without_granule)
                yield self._of_field(granule, value, "lack of 52-bit virtual addresses")
            case Unfit.IPA:
                yield from self._of_range()

    def _of_field(self, field: IdField, value: int, why: str, of_others: int | None = None) -> Implied:
        """Return CPUs with a value of a field, and with the value that the CPUs which came must have then."""
        editor = FieldEditor(self._scenario, self._tables)
        others: tuple[str, ...] = ()
        if of_others is not None:
            others = self._others_agree(partial(editor.put, field=field, value=of_others), why)
        self._change(self._refused, partial(editor.put, field=field, value=value))
        return Implied(editor.scenario(), _taken(f"have {field_words({field: value})}", why), others)

    def _of_range(self) -> Iterator[Implied]:
        """Yield a range of physical addresses below KVM's limit: of the CPUs, or of the CPU that came before them.

        Kernels from 6.12 on look at the system's range. The CPU that came last before the first refusal has lowered it:
        when that CPU came itself, nothing was wrong yet.
        """
        editor, is_own = FieldEditor(self._scenario, self._tables), self._scenario.flags.ipa_range_of_cpu
        limit = self._log.shown.ipa_limit_bits or physical_bits(editor.value(0, PARANGE))
        below = [value for bits, value in sorted(PHYSICAL_BITS.items()) if bits < limit]
        cpus = self._refused if is_own else self._came_last()
        if not below or not cpus:
            return
        fields = self._change(cpus, partial(editor.put, field=PARANGE, value=below[-1]))
        if not fields:
            return
        words = next(iter(fields))
        if is_own:
            yield Implied(editor.scenario(), _taken(f"have {words}", "a range below KVM's limit of guests' addresses"))
            return
        cause = f"cpu{cpus[0]} is taken to have {words}, which lowered the system's range of addresses when it came"
        limits = "below KVM's limit of guests' addresses, for which the kernel refuses every CPU from then on"
        yield Implied(editor.scenario(), lambda refused: f"{cause} {limits}, {refused} among them")

    def _of_pmu(self) -> Iterator[Implied]:
        """Yield another version of the PMU for the CPU that came before the CPUs.

        The kernel looks for PMUv3 in the system's registers, where two versions make none. A CPU is compared before its
        registers count, so that the CPU that changed the system's came itself.
        """
        cpus, editor = self._came_last(), FieldEditor(self._scenario, self._tables)
        if not cpus:
            return
        value = next(one for one in _PMU_VERSIONS if one != editor.value(0, PMUVER))
        fields = self._change(cpus, partial(editor.put, field=PMUVER, value=value))
        if fields:
            cause = (
                f"cpu{cpus[0]} is taken to have {next(iter(fields))}, which took the PMU from the system when it came"
            )
            yield Implied(
                editor.scenario(),
                lambda refused: f"{cause}: the kernel refuses every CPU from then on, {refused} among them",
            )

    def _came_last(self) -> list[int]:
        """Return the CPU that came last before the first of these was refused."""
        came = []
        for step in self._log.late:
            if step.cpu in self._refused and step.is_refusal:
                break
            if step.result is HotplugResult.ONLINE:
                came.append(step.cpu)
        return came[-1:]

    def _at_el1(self, words: str) -> Implied:
        """Return the CPUs as CPUs that started at EL1."""
        topology = self._scenario.topology
        changes = {
            cpu: replace(one, firmware=replace(one.firmware, el=EL1))
            for cpu, one in enumerate(topology.logical)
            if cpu in self._refused
        }
        scenario = self._scenario.but(topology=replaced(topology, changes))
        return Implied(scenario, _taken("start at EL1", words, "; it may lack ICH_VTR_EL2.TDS instead"))

    # Other cores

    def _of_cores(self, one: Capability | Hwcap, words: str) -> Iterator[Implied]:
        """Yield other cores, which have an erratum or a weakness by MIDR_EL1."""
        cpus = self._scenario.topology.logical
        like = cpus[self._refused[0]].features
        cores: dict[str, Core] = {}
        for each in cores_with(one, self._tables, like.core):
            for core in self._refused_first(one, each):
                cores.setdefault(core.name, core)
        for core in list(cores.values())[:_MOST_CORES_TRIED]:
            features = features_of(core, like)
            changes = {cpu: replace(cpus[cpu], features=features) for cpu in self._refused}
            scenario = self._scenario.but(topology=replaced(self._scenario.topology, changes))
            editor = FieldEditor(scenario, self._tables)
            told = self._change(self._refused, partial(self._passes, editor, one))
            passed = ", in which it is like the system, since the kernel looks at these before"
            yield Implied(
                editor.scenario(),
                partial(_of_core, core, words, [name for name in cores if name != core.name]),
                tuple(f"cpu{cpu_list(those)} is taken to have {fields}{passed}" for fields, those in told.items()),
            )

    def _passes(self, editor: FieldEditor, one: Capability | Hwcap, cpu: int) -> Mapping[IdField, int]:
        """Let a CPU have the system's capabilities that the kernel looks at before an entry."""
        changes, shown = dict[IdField, int](), self._log.shown
        for other in takewhile(lambda each: each is not one, self._tables.capabilities):
            words = other.description
            if words in VECTOR_CAPABILITIES and words in shown.detected:
                editor.copy_lengths(cpu, VECTOR_CAPABILITIES[words])
            if words in shown.detected and "OPTIONAL_LATE" not in other.type:
                changes |= editor.agree(cpu, other, has=True)
            elif other.name == _AMU and words is None:  # each CPU tells that it has it when it is enabled
                changes |= editor.let(cpu, other, has=cpu in shown.listed_on.get(LISTED_BY_CPU[_AMU][0], ()))
        return changes

    def _refused_first(self, one: Capability | Hwcap, core: Core) -> Iterator[Core]:
        """Yield a core if the kernel refuses it for an entry first, and for no other erratum before.

        REVIDR_EL1 may say that the core no longer has the other.
        """
        mended = 0
        for other in takewhile(lambda each: each is not one, self._tables.capabilities):
            is_refused = "PERMITTED_LATE" not in other.type and other.description not in self._log.shown.detected
            if is_refused and model_decides(other) and may_have(other, self._tables, core.midr):
                bits = mending_bits(other, core.midr)
                if not bits:
                    return
                mended |= bits
        if not mended:
            yield core
        elif not mended & mending_bits(one, core.midr):
            yield core.with_registers(core.midr, {REVIDR.register: mended})

    # Changes

    @staticmethod
    def _change(cpus: Collection[int], change: Change) -> dict[str, list[int]]:
        """Change CPUs, and return the changed fields in words, each with its CPUs."""
        told: dict[str, list[int]] = {}
        for cpu in cpus:
            if fields := change(cpu):
                told.setdefault(field_words(fields), []).append(cpu)
        return told

    def _others_agree(self, change: Change, words: str) -> tuple[str, ...]:
        """Let the CPUs that came, and those like them, agree with the system, and return sentences on what changed."""
        cpus = [cpu for cpu in self._cpus.alike(self._cpus.came) if cpu not in self._refused]
        told = self._change(cpus, change)
        why = f"the kernel refuses cpu{cpu_list(self._refused)} for {words}, in which it differs from the system"
        return tuple(f"cpu{cpu_list(those)} is taken to have {fields}: {why}" for fields, those in told.items())
