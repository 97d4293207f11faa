"""The facts that a kernel log states of one boot, and the kernel's command line, which is among them."""

import re
from collections.abc import Iterable, Mapping
from enum import Enum, auto

import msgspec

from sim.importer.cpu_evidence import CpuEvidence
from sim.importer.explained_lines import OverrideEffect
from sim.importer.hotplug_history import Hotplug
from sim.importer.log_lines import Bound, KvmLine, PanicLine, Phase
from sim.importer.suspends import LateAction
from sim.kernel.cpufeature import VHE
from sim.topology import MOST_CPUS
from sim.vector_types import VECTOR_TYPES
from sim.vectors import VectorType

_NOSVE = {"arm64.nosve", "id_aa64pfr0.sve=0"}
_NOSME = {"arm64.nosme", "id_aa64pfr1.sme=0"}
"""The words that hide an extension (arch/arm64/kernel/pi/idreg-override.c)."""
_NO_VHE = "id_aa64mmfr1.vh=0"
_TOLD_BY_LENGTHS = {VHE, *(traits.capability for traits in VECTOR_TYPES.values())}
"""The capabilities that a model of vector lengths alone has as well."""
_MOST_DIGITS = 9
# A quoted part may hold spaces, and ends with the text where its closing quote is missing.
_PARAMETER = re.compile(r'(?:"[^"]*+(?:"|\Z)|[^\s"])++')


class KernelCommandLine(msgspec.Struct, frozen=True):
    """The kernel's own part of a command line, as each of Linux's two parsers sees it."""

    parameters: tuple[tuple[str, str], ...] = ()
    """Parameters with their values, in their order."""
    words: tuple[str, ...] = ()
    """The words between spaces, in their order: of two on one field the later counts.

    The parser of overrides runs first of all, and knows no quotes.
    """

    @property
    def nosve(self) -> bool:
        """True if SVE is hidden."""
        return not _NOSVE.isdisjoint(self.words)

    @property
    def nosme(self) -> bool:
        """True if SME is hidden."""
        return not _NOSME.isdisjoint(self.words)

    @property
    def hides_vhe(self) -> bool:
        """True if the kernel is kept at EL1, without a mode of KVM that says so."""
        return _NO_VHE in self.words

    @property
    def maxcpus(self) -> int | None:
        """The limit of the early bring-up that ``maxcpus=`` or ``nosmp`` sets; None where none is set.

        ``nosmp`` is ``maxcpus=0``, and the later of the two counts (kernel/smp.c of the whole kernel). A number that
        exceeds every topology is cut.
        """
        limit = None
        for name, value in self.parameters:
            if name == "nosmp":
                limit = 0
            elif name == "maxcpus" and (digits := re.match("[0-9]+", value)):
                limit = int(digits[0][-_MOST_DIGITS:]) if not digits[0][:-_MOST_DIGITS].strip("0") else MOST_CPUS
        return limit

    @property
    def is_for_one_cpu(self) -> bool:
        """True if the secondaries are not even present, so that user space cannot bring them up either.

        Source: arch/arm64/kernel/smp.c (``smp_prepare_cpus``), which marks no CPU as present where the limit is 0.
        """
        return self.maxcpus == 0

    def value(self, name: str) -> str | None:
        """Return a parameter's value, the last if it is given several times; None where it is not given."""
        values = [value for given, value in self.parameters if given == canonical(name)]
        return values[-1] if values else None


def parse_command_line(text: str) -> KernelCommandLine:
    """Parse a command line as Linux does: lib/cmdline.c for parameters, idreg-override.c for what hides an extension.

    ``-`` and ``_`` are the same in a parameter's name, and ``--`` ends the kernel's own parameters. Quotes keep a value
    with spaces together, except for the parser of overrides: Linux 6.12 boots without SVE under
    ``foo="a arm64.nosve b"``, and with SVE under ``"arm64.nosve"``.

    >>> parse_command_line("kvm-arm.mode=nvhe kvm_arm.mode=protected -- kvm-arm.mode=none").value("kvm-arm.mode")
    'protected'
    >>> parse_command_line('foo="a maxcpus=1 b" "bar=c d"').parameters
    (('foo', 'a maxcpus=1 b'), ('bar', 'c d'))
    """
    parameters = _kernels_own(_PARAMETER.findall(text))
    words = _kernels_own(text.split())
    return KernelCommandLine(tuple(map(_pair, parameters)), tuple(map(canonical, words)))


def _kernels_own(words: list[str]) -> list[str]:
    return words[: words.index("--")] if "--" in words else words


def _pair(parameter: str) -> tuple[str, str]:
    """Return a parameter's name and value, without the quotes around the value or around both."""
    if parameter.startswith('"'):
        parameter = parameter[1:].removesuffix('"')
    name, _, value = parameter.partition("=")
    return canonical(name), value[1:].removesuffix('"') if value.startswith('"') else value


def canonical(name: str) -> str:
    """Return a word of the command line as the kernel compares it: - and _ are the same."""
    return name.replace("-", "_")


def came_online(steps: Iterable[Hotplug]) -> set[int]:
    """Return the CPUs that some steps brought online: their numbers, and the CPUs that run under these."""
    return {cpu for step in steps if step.comes_online for cpu in (step.cpu, step.runs)}


class Variation(msgspec.Struct, frozen=True):
    """A register of a CPU that differs from the boot CPU's."""

    cpu: int
    register: str
    """As the kernel logged its name."""
    boot_value: int
    value: int
    is_late: bool
    """True if the CPU came after the kernel's capabilities were final."""


class Unfit(Enum):
    """The reasons other than capabilities and hwcaps for which the kernel does not use a CPU."""

    VMID = auto()
    """It has fewer bits of VMID than KVM uses."""
    IPA = auto()
    """Its range of physical addresses, or the system's, is below that of KVM's guests."""
    ASID = auto()
    """It has fewer bits of ASID than the boot CPU."""
    GRANULE = auto()
    """It lacks pages of the kernel's size."""
    ADDRESSES = auto()
    """It lacks 52-bit virtual addresses."""


class RefusedCpu(msgspec.Struct, frozen=True):
    """A CPU that the kernel refused, or that got stuck: for a capability, a hwcap, or for what is `unfit`."""

    cpu: int
    capability: str = ""
    """The words of the log; empty where the reason is another."""
    in_system: bool = True
    """True if the CPU lacks what the system has, False if it has what the system lacks."""
    is_early: bool = False
    """True if the kernel brought up the early CPUs."""
    number: int = 0
    """The capability's number in the kernel that logged it, which a kernel near it has for one near it."""
    hwcap: str = ""
    """The name of the hwcap; empty for a capability."""
    is_compat: bool = False
    """True for a hwcap of 32-bit programs."""
    unfit: Unfit | None = None


class Override(msgspec.Struct, frozen=True):
    """A field of the boot CPU that the command line overrides."""

    register: str
    """As the kernel logged its name, without SYS_."""
    low: int
    """The field's lowest bit."""
    effect: OverrideEffect
    value: int


class ShownFeatures(msgspec.Struct, frozen=True):
    """The lines of a log on CPU features besides vector lengths and registers that differ."""

    detected: tuple[str, ...] = ()
    """The capabilities that the kernel names, in its words and order, without the CPUs that it lists behind them."""
    named_on: Mapping[str, int] = msgspec.field(default_factory=dict)
    """The CPU that was coming up when the kernel named a capability; those of all CPUs together have none."""
    listed_on: Mapping[str, frozenset[int]] = msgspec.field(default_factory=dict)
    """The CPUs that have a capability, where the kernel lists them."""
    icaches: Mapping[int, str] = msgspec.field(default_factory=dict)
    """The policy of each CPU's instruction cache, in the kernel's words."""
    asid_sizes: Mapping[int, int] = msgspec.field(default_factory=dict)
    """The sizes of ASIDs that the kernel does not know, as ID_AA64MMFR0_EL1.ASIDBits has them, by CPU."""
    overrides: tuple[Override, ...] = ()
    """The fields that the command line overrides, as far as a line tells the value."""
    ipa_limit_bits: int | None = None
    """KVM's limit of guests' physical addresses; None where the log does not tell it."""
    kaslr: bool | None = None
    """True if the kernel says that it runs at a random address; None where it does not say."""
    kpti: str | None = None
    """The words of the line on forced page table isolation; None where there is none."""
    is_without_bhb: bool = False
    """True if the kernel says that it is built without the mitigation of Spectre-BHB."""
    refused: tuple[RefusedCpu, ...] = ()
    """The CPUs that were refused for what is not a vector extension, in the order of the log."""
    differs_in_32bit: int | None = None
    """The first CPU that runs 32-bit programs and the boot CPU does not, or the reverse; None where none is told."""
    kept_for_32bit: int | None = None
    """The CPU that may no longer go offline, because it runs 32-bit programs."""
    boot_cpu_is_complete: bool = False
    """True if the log goes on until the boot CPU's capabilities are all told."""
    is_complete: bool = False
    """True if the log goes on until the system's capabilities are all told, so that a missing name is evidence."""

    @property
    def compared_in_32bit(self) -> int:
        """The CPU with whose registers of 32-bit code the others are compared: the first that runs 32-bit programs."""
        is_of_boot_cpu = self.differs_in_32bit is None or self.differs_in_32bit != self.kept_for_32bit
        return 0 if is_of_boot_cpu else self.differs_in_32bit or 0

    @property
    def names_features(self) -> bool:
        """True if the kernel names a capability that is not a vector extension or the use of EL2."""
        return any(words not in _TOLD_BY_LENGTHS for words in self.detected)


class KernelLog(msgspec.Struct, frozen=True):
    """The facts that a log states of its last boot, as far as the log reaches.

    A log is evidence of what it says. `phase` decides whether the absence of a line is evidence as well.
    """

    boots: int
    """The number of boots in the text."""
    release: str
    """Empty where the log does not say."""
    point_release: str | None
    """The point release that the kernel is built from, where the kernel is Debian's or Ubuntu's and says so."""
    page_bytes: int | None
    """The size of a page in bytes, where the size of a hash table tells it."""
    granule_bytes: int | None
    """The size of a page in bytes, where a line tells it on a CPU that lacks it."""
    command_line: KernelCommandLine
    cpus: Mapping[int, CpuEvidence]
    """The CPUs that some line names, and the boot CPU."""
    possible: int
    """The number of possible CPUs."""
    phase: Phase
    """The phase that the boot reached before the log ends."""
    early: tuple[Hotplug, ...]
    """The steps of the kernel's early bring-up."""
    late: tuple[Hotplug, ...]
    """The steps after it, which are user space's."""
    actions: tuple[LateAction, ...]
    """The same steps as actions of user space: those of a suspend are one action."""
    sequence: tuple[Hotplug, ...]
    """All these steps in the order of the log, with the CPUs that arrived late between them; without lost lines."""
    arrived_early: tuple[Hotplug, ...]
    """The CPUs that arrived late, but before the early bring-up was over."""
    vl_bytes: Mapping[tuple[VectorType, Bound], int]
    """The system's vector lengths, as far as the log states them."""
    has_unvirtualisable: bool
    """True if the kernel says that guests cannot have every SVE length."""
    guests_max_vl_bytes: int | None
    """The largest SVE length of guests, where the kernel limits it."""
    kvm: KvmLine | None
    el2: bool | None
    """True if all CPUs started at EL2, False if at EL1."""
    levels_differ: bool
    """True if the kernel says that some CPUs started at EL2 and others at EL1."""
    boot_level: int | None
    """The exception level at which the boot CPU started, as the kernel's timer shows."""
    has_vhe: bool
    """True if the kernel says that it runs at EL2 itself, or that its CPUs could."""
    vhe_conflicts: frozenset[int]
    """The CPUs on which the kernel would run at another level than on the boot CPU."""
    answered_by_psci: frozenset[int]
    """The CPUs of which PSCI's own line tells that CPU_ON was answered with an error."""
    without_redistributor: frozenset[int]
    """The CPUs that have no redistributor of the GIC, and so no interrupts."""
    left_out: tuple[str, ...]
    """Phrases on the CPUs of the device tree that Linux does not use, and why."""
    variations: tuple[Variation, ...]
    """The registers that differ, in the order of the log."""
    shown: ShownFeatures
    """The other lines on CPU features."""
    hidden_fields: Mapping[str, frozenset[int]]
    """The lowest bits of the fields that the command line hides on all CPUs, by register."""
    panic: PanicLine | None
    oddities: tuple[str, ...]
    """Sentences on lines that contradict each other."""

    @property
    def steps(self) -> tuple[Hotplug, ...]:
        """Every CPU that was brought up or taken down, in the order of the log."""
        return (*self.early, *self.late)

    @property
    def has_late_arrivals(self) -> bool:
        """True if a CPU came after the kernel had given it up."""
        return any(step.is_late_arrival for step in self.sequence)

    @property
    def came(self) -> set[int]:
        """The CPUs that were brought online at some time."""
        return came_online((*self.early, *self.sequence))

    @property
    def lacks_sve(self) -> bool:
        """True if the kernel would have said by now that there is SVE, did not, and was not told to hide it."""
        mentioned = self.cpus[0].has(VectorType.SVE) or any(
            extension is VectorType.SVE for extension, _ in self.vl_bytes
        )
        return self.phase is Phase.FINAL and not mentioned and not self.command_line.nosve

    @property
    def came_early(self) -> set[int]:
        """The CPUs that were brought online before user space."""
        return came_online((*self.early, *self.arrived_early))
