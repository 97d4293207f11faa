"""Spaces of systems: groups of CPUs, the sets of lengths that each may have, and the settings to boot them under.

A point of a space gives every group one of its candidate sets. The first group has the boot CPU. Groups with the same
role, size and candidates, and the same weights, are interchangeable if saves on their CPUs have the same outcomes:
exchanging their sets then gives a system that differs in CPU numbers only. Outcomes differ where a save leaves its run
of pages and reaches beyond the first or the last of all buffers (`sim.study.save_outcomes`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, reduce
from itertools import product
from math import comb, prod
from operator import or_
from typing import TypedDict

from sim import rules
from sim.arguments import checked, checked_fields
from sim.designs import DESIGNS, Design, Pointer
from sim.errors import InputError, NamedChoice, check_printable
from sim.frames import as_html
from sim.kernel_flags import KernelFlags, kernel_flags, kernel_words
from sim.kernel_release import DEFAULT, kernel_release
from sim.latencies import Latencies
from sim.scenario import Action, Do, KvmMode, MemoryLayout, Relay, Scenario
from sim.study.save_outcomes import BufferPlace, SaveSignature, save_signature
from sim.topology import LONGEST_NAME, MOST_CPUS, Cpu, Topology, cpu
from sim.units import counted
from sim.vectors import (
    POWERS_OF_TWO,
    VQ_MAX,
    SveRule,
    bits_from_vqs,
    braces,
    vq_from_bits,
    vqs_from_bits,
)

MOST_GROUPS = 64
MOST_WEIGHT = 1 << 32
_MOST_SETS_SHOWN = 5


@checked
def legal_sets(up_to_bits: int, rule: SveRule = SveRule.MULTIPLES) -> tuple[tuple[int, ...], ...]:
    """Return every set of SVE lengths that the architecture allows, up to a largest length, as `Group` takes them.

    Each set has its lengths in bits, ascending. Sets come in the order of the numbers that have a bit for each length,
    so that of two sets the set with the larger largest length is later.

    Args:
        up_to_bits: the largest length that a set may have, in bits: a multiple of 128 from 128 to 2048.
        rule: the rule of the architecture, or its name.

    Raises:
        InputError: the largest length is not a vector length, or the rule is unknown.

    >>> legal_sets(384)
    ((128,), (128, 256), (128, 256, 384))
    """
    return tuple(map(bits_from_vqs, legal_vqs(up_to_bits, rule)))


def legal_vqs(up_to_bits: int, rule: SveRule = SveRule.MULTIPLES) -> tuple[int, ...]:
    """Return the sets of `legal_sets()` as sets of VQs, ascending as numbers.

    >>> [bin(one) for one in legal_vqs(512)]
    ['0b1', '0b11', '0b111', '0b1011', '0b1111']
    """
    return _legal_vqs(vq_from_bits(up_to_bits), rule)


@cache  # of 32,768 sets each is looked at; a plan asks for every group
def _legal_vqs(up_to_vq: int, rule: SveRule) -> tuple[int, ...]:
    never = 0 if rule is SveRule.MULTIPLES else ~POWERS_OF_TWO
    # Every set has 128 bits, so the others need not be looked at.
    with_128_bits = range(1, 1 << up_to_vq, 2)
    return tuple(vqs for vqs in with_128_bits if not (vqs & never) | rules.lacking(vqs, POWERS_OF_TWO))


@checked
def power_of_two_sets(up_to_bits: int) -> tuple[tuple[int, ...], ...]:
    """Return the sets of every power of two up to a length, for each such length up to a largest length.

    Each set has its lengths in bits, ascending, as in `legal_sets`.

    Args:
        up_to_bits: the largest length, in bits: 128, 256, 512, 1024 or 2048.

    Raises:
        InputError: the largest length is none of these.

    >>> power_of_two_sets(512)
    ((128,), (128, 256), (128, 256, 512))
    """
    return tuple(map(bits_from_vqs, power_of_two_vqs(up_to_bits)))


def power_of_two_vqs(up_to_bits: int) -> tuple[int, ...]:
    """Return the sets of `power_of_two_sets()` as sets of VQs.

    >>> [bin(one) for one in power_of_two_vqs(512)]
    ['0b1', '0b11', '0b1011']
    """
    up_to_vq = vq_from_bits(up_to_bits)
    if up_to_vq & (up_to_vq - 1):
        raise InputError(f"is {up_to_bits}: powers of two are 128, 256, 512, 1024 and 2048")
    powers = [1 << power for power in range(up_to_vq.bit_length())]
    return tuple(sum(1 << (vq - 1) for vq in powers[:count]) for count in range(1, len(powers) + 1))


GroupRow = TypedDict("GroupRow", {"group": str, "CPUs": int, "role": str, "candidate sets, bits": str})
"""A group as a row of a table."""


class NamedSets(NamedChoice):
    """The candidate sets of a group that have a name; they are up to a largest length.

    >>> Group("late", NamedSets.POWERS_OF_TWO, up_to_bits=512).sets
    ((128,), (128, 256), (128, 256, 512))
    """

    LEGAL = "legal"
    """Every set that the architecture allows, as `legal_sets()` returns them."""
    POWERS_OF_TWO = "powers-of-two"
    """The sets of every power of two up to a length, as `power_of_two_sets()` returns them."""


@dataclass(frozen=True, repr=False)
@checked_fields
class Group:
    """A CPU by itself, or several CPUs with equal lengths, such as a cluster.

    Args:
        name: the group's name, which its CPUs take.
        sets: the candidate sets, each of lengths in bits; None, or no lengths, stands for CPUs without SVE. Or
            ``legal`` or ``powers-of-two``, which need `up_to_bits`.
        cpus: the number of CPUs, which all have the same set.
        late: True if its CPUs are brought online after the kernel's capabilities are final.
        weights: whole numbers that say how often each candidate occurs compared with the others. If not given, all
            are 1.
        up_to_bits: the largest length of ``legal`` or ``powers-of-two`` sets, in bits. `sets` holds the sets
            themselves afterwards.

    Raises:
        InputError: there are no candidates; a candidate is given twice or lacks 128 bits; a length is not a vector
            length; the number of CPUs or a weight is out of range; the name cannot be printed, or a file could not
            hold it or those of the CPUs.

    >>> Group("late", [[128], [128, 256], None], cpus=2, late=True)
    <Group 'late': 2 late CPUs; any of {128} {128,256} none>
    >>> Group("boot", "legal", up_to_bits=256).sets
    ((128,), (128, 256))
    """

    name: str
    sets: Sequence[Iterable[int] | None] | NamedSets
    cpus: int = 1
    late: bool = False
    weights: Sequence[int] = ()
    up_to_bits: int | None = None
    sets_vqs: tuple[int, ...] = field(init=False, compare=False)
    """The candidate sets as numbers in which bit n stands for a length of 128·(n + 1) bits; 0 without SVE."""

    def __post_init__(self) -> None:
        if not self.name:
            raise InputError("a group has no name")
        check_printable("the group's name", self.name)
        # The group is a cluster of scenario files, and of the plan by which a sweep is resumed.
        if len(longest := self._last_cpu_name) > LONGEST_NAME:
            raise InputError(f"the name {longest!r} has {len(longest)} characters: the most is {LONGEST_NAME}")
        if self.cpus < 1:
            raise InputError(f"group {self.name!r} has {self.cpus} CPUs: the least is 1")
        object.__setattr__(self, "sets_vqs", self._given_vqs())
        object.__setattr__(self, "sets", tuple(map(bits_from_vqs, self.sets_vqs)))
        object.__setattr__(self, "up_to_bits", None)
        self._check_sets()
        object.__setattr__(self, "weights", tuple(self.weights) or (1,) * len(self.sets_vqs))
        if len(self.weights) != len(self.sets_vqs) or not all(1 <= one <= MOST_WEIGHT for one in self.weights):
            raise InputError(f"group {self.name!r} needs a weight from 1 to {MOST_WEIGHT:,} for each candidate set")

    def _given_vqs(self) -> tuple[int, ...]:
        """Return the candidate sets as numbers: those of a list, or those that a name stands for."""
        if not isinstance(self.sets, NamedSets):
            if self.up_to_bits is not None:
                raise InputError('up_to_bits goes with "legal" or "powers-of-two" sets, not with a list')
            return tuple(0 if one is None else vqs_from_bits(one) for one in self.sets)
        if self.up_to_bits is None:
            raise InputError(f'"{self.sets}" sets need up_to_bits')
        try:
            return legal_vqs(self.up_to_bits) if self.sets is NamedSets.LEGAL else power_of_two_vqs(self.up_to_bits)
        except InputError as error:
            raise InputError(f"up_to_bits: {error}") from None

    def _check_sets(self) -> None:
        if not self.sets_vqs:
            raise InputError(f"group {self.name!r} has no candidate sets")
        if len(set(self.sets_vqs)) < len(self.sets_vqs):
            raise InputError(f"group {self.name!r} has a candidate set twice")
        # A set has bit 0, which is 128 bits. It need not be legal otherwise.
        for vqs in self.sets_vqs:
            if vqs and not vqs & 1:
                raise InputError(f"group {self.name!r}: {braces(vqs)}: every set has 128")

    def __repr__(self) -> str:
        cpus = counted(self.cpus, "late CPU" if self.late else "CPU")
        return f"<Group {self.name!r}: {cpus}; any of {self._candidates()}>"

    def _repr_html_(self) -> str:
        return as_html(repr(self)[1:-1], [self.row()])

    def _candidates(self) -> str:
        """Return the candidates as text: all of them, or the first few and their number."""
        shown = " ".join(braces(one) if one else "none" for one in self.sets_vqs[:_MOST_SETS_SHOWN])
        return shown if len(self.sets_vqs) <= _MOST_SETS_SHOWN else f"{shown} ..., {len(self.sets_vqs):,} sets"

    def row(self) -> GroupRow:
        """Return the group as a row of a table."""
        role = "late" if self.late else "early"
        return {"group": self.name, "CPUs": self.cpus, "role": role, "candidate sets, bits": self._candidates()}

    @property
    def cpu_names(self) -> list[str]:
        """The names of the group's CPUs, which are its own name, numbered from 0 on if there are several CPUs."""
        return [self.name] if self.cpus == 1 else [f"{self.name}{number}" for number in range(self.cpus)]

    @property
    def _last_cpu_name(self) -> str:
        """The last name of `cpu_names`, which is a longest name of the group."""
        return self.name if self.cpus == 1 else f"{self.name}{self.cpus - 1}"

    @cached_property
    def any_vqs(self) -> int:
        """The lengths that occur in any candidate set, as a set."""
        return reduce(or_, self.sets_vqs)


@dataclass(frozen=True, slots=True, repr=False)
@checked_fields
class Setting:
    """A combination of choices to boot a point under; the kernel series is the space's.

    Args:
        design: the design, or its name.
        relay: pKVM's PSCI relay, or its name.
        kvm_mode: ``kvm-arm.mode=``, or its name.
        memory: the memory around pKVM's buffers, or its name.

    >>> Setting(DESIGNS["tabba"], Relay.RELAXED, KvmMode.PROTECTED, MemoryLayout.MAPPED)
    <Setting: design 'tabba', relay relaxed, KVM protected, memory mapped>
    """

    design: Design
    relay: Relay
    kvm_mode: KvmMode
    memory: MemoryLayout

    def __repr__(self) -> str:
        choices = f"relay {self.relay}, KVM {self.kvm_mode}, memory {self.memory}"
        return f"<Setting: design {self.design.name!r}, {choices}>"

    def row(self) -> dict[str, str]:
        """Return the setting as a row of a table."""
        return {
            "design": self.design.name,
            "relay": str(self.relay),
            "kvm_mode": str(self.kvm_mode),
            "memory": str(self.memory),
        }

    def _repr_html_(self) -> str:
        return as_html("Setting", [self.row()])

    @property
    def has_pkvm(self) -> bool:
        """True if KVM comes up in protected mode."""
        return self.kvm_mode is KvmMode.PROTECTED

    @property
    def has_saves(self) -> bool:
        """True if the host's SVE registers are saved."""
        return self.has_pkvm and not self.design.nosve


@dataclass(frozen=True, repr=False)
@checked_fields
class Space:
    """A space of systems and the settings to boot them under.

    Args:
        groups: the groups of CPUs; the first has the boot CPU.
        kernel: the kernel's release.
        designs: the designs of the settings, or their names.
        relays: the settings of pKVM's PSCI relay, or their names.
        kvm_modes: the modes of KVM, or their names.
        memories: the kinds of memory around pKVM's buffers, or their names.
        latencies: the duration of each step, in timing studies.
        name: the space's name, for people.
        kernel_flags: kernel flags that are set otherwise than in the release, by name, as in scenario files.

    Raises:
        InputError: there are no settings, no groups, or too many groups or CPUs; the first group is late; a name or a
            setting is given twice.

    >>> Space((Group("boot", legal_sets(512)), Group("late", legal_sets(256), late=True)), kernel="6.12")
    <Space '': CPUs 2, points 10, settings 16, kernel 6.12>
    """

    groups: tuple[Group, ...]
    kernel: str = DEFAULT
    designs: tuple[Design, ...] = field(default_factory=lambda: tuple(DESIGNS.values()))
    relays: tuple[Relay, ...] = tuple(Relay)
    kvm_modes: tuple[KvmMode, ...] = (KvmMode.PROTECTED,)
    memories: tuple[MemoryLayout, ...] = (MemoryLayout.ADJACENT,)
    latencies: Latencies = field(default_factory=Latencies)
    name: str = ""
    kernel_flags: Mapping[str, bool] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not 1 <= len(self.groups) <= MOST_GROUPS:
            raise InputError(f"a space has 1 to {MOST_GROUPS} groups, not {len(self.groups)}")
        if self.groups[0].late:
            raise InputError("the first group holds the boot CPU, and cannot be late")
        if self.cpus > MOST_CPUS:
            raise InputError(f"a space has systems of at most {MOST_CPUS:,} CPUs, not {self.cpus:,}")
        check_printable("the space's name", self.name)
        kernel_flags(kernel_release(self.kernel), self.kernel_flags)  # raises if there is no such release or flag
        for what, of in (("groups", self.groups), ("designs", self.designs)):
            for name, times in Counter(one.name for one in of).items():
                if times > 1:
                    raise InputError(f"two {what} are named {name!r:.60}")
        self._check_settings()
        # The names of groups may differ where those of CPUs do not: "a" with two CPUs and "a0" both have a CPU "a0".
        if len({name for one in self.groups for name in one.cpu_names}) < self.cpus:
            raise InputError("two CPUs have the same name: groups' CPUs are named by the group, and numbered if many")

    def _check_settings(self) -> None:
        for what, choices in (("relays", self.relays), ("kvm_modes", self.kvm_modes), ("memories", self.memories)):
            if len(set(choices)) < len(choices):
                raise InputError(f"{what}: one is there twice: {', '.join(choices)}")
        if not self.settings:
            raise InputError("a space needs a design, a relay setting, a KVM mode and a memory, or more of each")

    def __repr__(self) -> str:
        return (
            f"<Space {self.name!r}: CPUs {self.cpus:,}, points {self.points:,}, settings {len(self.settings):,}, "
            f"kernel {self.kernel_words}>"
        )

    def _repr_html_(self) -> str:
        groups = as_html(repr(self)[1:-1], [one.row() for one in self.groups])
        return groups + as_html("Settings", [one.row() for one in self.settings])

    @cached_property
    def flags(self) -> KernelFlags:
        """The kernel's flags, which are its release's defaults with `kernel_flags` applied."""
        return kernel_flags(kernel_release(self.kernel), self.kernel_flags)

    @property
    def kernel_words(self) -> str:
        """The kernel with the flags that are set, such as "6.12 with pseudo_registers on"."""
        return kernel_words(self.kernel, self.kernel_flags)

    @property
    def cpus(self) -> int:
        """The number of CPUs of each system."""
        return sum(one.cpus for one in self.groups)

    @property
    def points(self) -> int:
        """The number of points."""
        return prod(len(one.sets_vqs) for one in self.groups)

    @cached_property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that each point is booted under, in order."""
        combined = product(self.kvm_modes, self.memories, self.relays, self.designs)
        return tuple(Setting(design, relay, mode, memory) for mode, memory, relay, design in combined)

    @cached_property
    def classes(self) -> tuple[tuple[int, ...], ...]:
        """The classes of interchangeable groups, as places in `groups`; the boot CPU's group is a class of its own."""
        classes: dict[tuple[Group, tuple[SaveSignature, ...]], list[int]] = {}
        first = self.groups[0].cpus
        for place, group in enumerate(self.groups[1:], 1):
            # The key compares everything but the name: candidates, weights, size and role.
            key = (replace(group, name="any"), self._save_key(group, first))
            classes.setdefault(key, []).append(place)
            first += group.cpus
        return ((0,), *map(tuple, classes.values()))

    @cached_property
    def save_settings(self) -> tuple[tuple[Pointer, MemoryLayout], ...]:
        """The pointers to FFR and the kinds of memory in all settings that have saves."""
        under = {(one.design.ffr_pointer, one.memory) for one in self.settings if one.has_saves}
        return tuple(sorted(under))

    @cached_property
    def allocation_vqs(self) -> int:
        """The set of lengths that buffers may be allocated for.

        It has the lengths of the early CPUs, and 2048 bits: the length for which `Sizing.ARCHITECTURE` allocates.
        """
        return reduce(or_, (one.any_vqs for one in self.groups if not one.late), 1 << (VQ_MAX - 1))

    def _save_key(self, group: Group, first: int) -> tuple[SaveSignature, ...]:
        """Return a key that is equal for two groups if saves on their CPUs have the same outcomes in every setting."""
        return tuple(
            save_signature(BufferPlace.of(cpu, self.cpus, memory), pointer, group.any_vqs)
            for pointer, memory in self.save_settings
            for cpu in range(first, first + group.cpus)
        )

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The CPU numbers in the order in which CPUs with equal sets act, which is by class, then by number.

        The class comes first so that exchanging the sets of interchangeable groups changes CPU numbers only.
        """
        class_of = {place: index for index, places in enumerate(self.classes) for place in places}
        of_cpu = [class_of[place] for place, one in enumerate(self.groups) for _ in range(one.cpus)]
        return tuple(sorted(range(self.cpus), key=lambda number: (of_cpu[number], number)))

    @property
    def points_up_to_symmetry(self) -> int:
        """The number of points, if points that differ only by an exchange of interchangeable groups count once.

        A class of m groups with n candidates has C(n + m - 1, m) multisets.

        >>> pair = tuple(Group(name, legal_sets(384)) for name in ("boot", "a", "b"))
        >>> Space(pair).points, Space(pair).points_up_to_symmetry
        (27, 18)
        """
        return prod(
            comb(len(self.groups[places[0]].sets_vqs) + len(places) - 1, len(places)) for places in self.classes
        )

    @checked
    def scenario(self, sets_bits: Sequence[Iterable[int] | None], setting: Setting) -> Scenario:
        """Return the scenario of a point: late CPUs are brought online, then a guest visits every online CPU.

        Both happen in the order of the sets, the smaller number first, then of `order`. The outcome therefore does not
        depend on the numbering of interchangeable groups.

        Args:
            sets_bits: the lengths of each group's CPUs, in bits, in the order of the groups; None, or no
                lengths, for CPUs without SVE.
            setting: the setting to boot the point under.

        Raises:
            InputError: a length is not a vector length, or there are not as many sets as groups.
        """
        if len(sets_bits) != len(self.groups):
            sets, groups = counted(len(sets_bits), "set"), counted(len(self.groups), "group")
            raise InputError(f"Space.scenario: sets_bits has {sets} for {groups}: give one for each")
        cpus = tuple(self._cpus(sets_bits))
        # Sorting is stable, so CPUs with equal sets stay in the order of `order`.
        order = sorted(self.order, key=lambda number: cpus[number].sve_vqs or 0)
        late = [Action(Do.ONLINE, cpus[number].name) for number in order if cpus[number].late]
        guests = [Action(Do.GUEST, cpus[number].name) for number in order]
        return Scenario(
            Topology(cpus, any_vls=True),
            kernel=self.kernel,
            kernel_flags=self.kernel_flags,
            design=setting.design,
            kvm_mode=setting.kvm_mode,
            relay=setting.relay,
            memory=setting.memory,
            actions=(*late, *guests),
            latencies=self.latencies,
            name=self.name,
        )

    def _cpus(self, sets_bits: Sequence[Iterable[int] | None]) -> Iterator[Cpu]:
        """Yield the CPUs of a point; groups are clusters if any has several CPUs."""
        has_clusters = any(one.cpus > 1 for one in self.groups)
        for one, bits in zip(self.groups, sets_bits, strict=True):
            lengths = () if bits is None else tuple(bits)
            for name in one.cpu_names:
                yield cpu(name, lengths, late=one.late, clusters=(one.name,) if has_clusters else ())
