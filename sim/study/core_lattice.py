"""The sanitised values that a choice of cores can lead to, and what they mean, as bits that mixtures AND.

Every type of field has a safe value that is a meet: it does not depend on the order in which CPUs come, and a CPU that
came before changes nothing. (`sim.prove.feature_proofs` proves this for all values.) So the values that the kernel can
arrive at from some cores are finitely many, and each is told by the set of values at or below it: of two such sets, the
intersection tells the meet. Where a statement about the meet is true exactly if it is true of both, as "the field is at
least 2" is of a field of type LOWER_SAFE, a single bit is enough.

The meets themselves are computed by the kernel's own function (`Register.safe_value`).
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from sim.cpufeature_tables import KernelTables
from sim.errors import InputError
from sim.study.wide_sets import W, Wide

Values = tuple[int, ...]
"""The values of some registers."""
MOST_VALUES = 4096


class Part(NamedTuple):
    """A part of a register on which a statement depends."""

    register: str
    mask: int


class Lattice:
    """Every value that some parts of registers can have after CPUs of some cores came.

    Args:
        tables: the kernel's tables.
        parts: the parts.
        cores: the registers of each core, by name.

    Raises:
        InputError: there are too many.
    """

    def __init__(self, tables: KernelTables, parts: Sequence[Part], cores: Sequence[Mapping[str, int]]) -> None:
        self._tables, self.parts = tables, tuple(parts)
        self.own = tuple(tuple(core.get(one.register, 0) & one.mask for one in parts) for core in cores)
        """The values of each core."""
        found = list(dict.fromkeys(self.own))
        known = set(found)
        # Each value meets each that was found before it, until nothing new is found.
        for place, value in enumerate(found):
            for other in found[:place]:
                meet = self.meet(value, other)
                if meet not in known:
                    known.add(meet)
                    found.append(meet)
            if len(found) > MOST_VALUES:
                names = ", ".join(one.register for one in parts)
                raise InputError(f"the cores differ in too many ways in {names}: give fewer cores")
        below = {high: [low for low in found if self.meet(low, high) == low] for high in found}
        self.elements = tuple(sorted(found, key=lambda value: len(below[value]), reverse=True))
        """The values, each before those below it."""
        places = {value: place for place, value in enumerate(self.elements)}
        self.below = tuple(sum(1 << places[low] for low in below[value]) for value in self.elements)
        """Of each element the elements at or below it, a bit for each."""

    def meet(self, value: Values, other: Values) -> Values:
        """Return the kernel's safe value of two."""
        return tuple(
            self._tables.registers[one.register].safe_value(first, second) & one.mask
            for one, first, second in zip(self.parts, value, other, strict=True)
        )

    def is_shared(self, truths: Sequence[bool]) -> bool:
        """Return True if a statement is true of a meet exactly where it is true of both values."""
        truth = dict(zip(self.elements, truths, strict=True))
        return all(
            truth[self.meet(one, other)] == (truth[one] and truth[other])
            for one, other in combinations(self.elements, 2)
        )


class Layout:
    """The bits that a core's values are told by, as statements ask for them."""

    def __init__(self, cores: int) -> None:
        self.members = [0] * cores
        """The bits of each core."""
        self.size = 0
        self._placed: dict[tuple[Part, ...], int] = {}

    def add_bit(self, truths: Sequence[bool]) -> int:
        """Add a bit that is set for some cores, and return its place."""
        for core, truth in enumerate(truths):
            self.members[core] |= truth << self.size
        self.size += 1
        return self.size - 1

    def add_lattice(self, lattice: Lattice) -> int:
        """Add the bits of a lattice unless it has some, and return the place of the first."""
        if lattice.parts not in self._placed:
            self._placed[lattice.parts] = self.add_own_lattice(lattice)
        return self._placed[lattice.parts]

    def add_own_lattice(self, lattice: Lattice) -> int:
        """Add bits of a lattice that one statement has for itself, and return the place of the first."""
        for core, value in enumerate(lattice.own):
            self.members[core] |= lattice.below[lattice.elements.index(value)] << self.size
        self.size += len(lattice.elements)
        return self.size - len(lattice.elements)


class Statement:
    """A statement about the sanitised values, which is evaluated on the bits of a mixture.

    Args:
        layout: where its bits are put.
        lattice: the values that it depends on.
        holds: tells whether it is true of values.
    """

    def __init__(self, layout: Layout, lattice: Lattice, holds: Callable[[Values], bool]) -> None:
        truth = {value: holds(value) for value in lattice.elements}
        truths = list(truth.values())
        self.constant = truths[0] if len(set(truths)) == 1 else None
        """True or False if it is so of all values."""
        self._bit: int | None = None
        self._places = self._true = 0
        self.of_core = tuple(truth[value] for value in lattice.own)
        """The truth of the statement about each core by itself."""
        if self.constant is not None:
            return
        if lattice.is_shared(truths):
            self._bit = layout.add_bit(self.of_core)
        else:
            first = layout.add_lattice(lattice)
            self._places = _places(lattice, first)
            self._true = sum(truth << first + place for place, truth in enumerate(truths))

    def __call__(self, members: Wide[W]) -> W:
        """Return a mask: every bit where it is true of the meet of the mixture."""
        if self._bit is not None:
            return members.has(self._bit)
        if self.constant is not None:
            none = members.words[0] & 0
            return ~none if self.constant else none
        return _meet(members, self._places).meets(self._true)


def _places(lattice: Lattice, first: int) -> int:
    """Return the bits of a lattice whose first has a place."""
    return (1 << len(lattice.elements)) - 1 << first


def _meet(members: Wide[W], places: int) -> Wide[W]:
    """Return the bit of the meet among the bits of a lattice: the first, since it stands before those below it."""
    return (members & places).lowest()


class CoreStatement:
    """A statement about a core beside the sanitised values of the CPUs before it.

    Args:
        layout: where the bits of the values are put.
        lattice: the values that it depends on.
        holds: tells whether it is true of a core, by its place, beside values.
    """

    def __init__(self, layout: Layout, lattice: Lattice, holds: Callable[[int, Values], bool]) -> None:
        first = layout.add_own_lattice(lattice)
        self._places = _places(lattice, first)
        self.truths = [
            sum(holds(core, value) << first + place for place, value in enumerate(lattice.elements))
            for core in range(len(lattice.own))
        ]
        """Of each core the values beside which it is true, in the places of their bits."""

    def __call__(self, members: Wide[W], truths: Wide[W]) -> W:
        """Return a mask: every bit where it is true.

        Args:
            members: the bits of the CPUs so far.
            truths: the truths of the core; those of other statements have other places.
        """
        return (_meet(members, self._places) & truths).any()
