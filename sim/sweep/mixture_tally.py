"""The outcomes of mixtures under one kernel, counted; and the counts as a record."""

from collections import Counter
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from sim.study.mixture_batch import MixtureBatches
from sim.study.mixture_evaluation import OUTCOMES
from sim.study.mixture_space import MixtureBlock, MixtureSpace
from sim.study.wide_sets import Wide, WordColumn
from sim.sweep.mixture_plan import MixturePlan
from sim.sweep.sealed_part import CountsRecord

_ALL_BITS = (1 << len(OUTCOMES)) - 1
_MOST_PLACES, _LONGEST_NAME = 1 << 12, 200

Lost = tuple[int, str]
"""The place of a capability or hwcap in the kernel's table, and its name."""
Pair = tuple[bool, int, int, int]
"""A cluster beside the boot CPU's: true if it comes late, the boot CPU's core, its own core, the mixture's outcome."""


@dataclass
class MixtureTally:
    """The outcomes of some mixtures under one kernel."""

    words: Counter[tuple[int, int]] = field(default_factory=Counter)
    """The number of mixtures by the number of late clusters and the outcome's bits."""
    pairs: Counter[Pair] = field(default_factory=Counter)
    """The number of mixtures for each cluster beside the boot CPU's: a mixture of three clusters is in two of them."""
    capabilities: Counter[Lost] = field(default_factory=Counter)
    """The number of mixtures that lose each capability."""
    hwcaps: Counter[Lost] = field(default_factory=Counter)
    first: dict[int, int] = field(default_factory=dict)
    """By the place of an outcome's bit: the first mixture with it."""

    def merge(self, other: "MixtureTally") -> None:
        """Add the outcomes of other mixtures under the same kernel."""
        self.words.update(other.words)
        self.pairs.update(other.pairs)
        self.capabilities.update(other.capabilities)
        self.hwcaps.update(other.hwcaps)
        for place, number in other.first.items():
            self.first[place] = min(number, self.first.get(place, number))

    def add(self, block: MixtureBlock, batches: MixtureBatches) -> NDArray[np.uint64]:
        """Count a block, and return the outcome of each of its mixtures, as bits."""
        mixture = batches.mixture(block)
        lost = batches.lost(block, mixture)
        words: NDArray[np.uint64] = np.broadcast_to(mixture.word(lost).array, block.rows)
        for word in np.unique(words):
            shown = words == word
            self.words[sum(block.late), int(word)] += int(block.times[shown].sum())
            self._add_pairs(block, int(word), shown, len(batches.space.cores))
        for place in range(len(OUTCOMES)):
            with_outcome = np.flatnonzero(words >> np.uint64(place) & np.uint64(1))
            if len(with_outcome):
                number = int(block.numbers[with_outcome[0]])
                self.first[place] = min(number, self.first.get(place, number))
        entries, hwcaps = batches.model.table.entries, batches.model.hwcaps
        capabilities, of_programs = (_times(members, block) for members in lost)
        self.capabilities.update({(at, entries[at].words or ""): times for at, times in capabilities.items()})
        self.hwcaps.update({(at, hwcaps[at].words): times for at, times in of_programs.items()})
        return words

    def _add_pairs(self, block: MixtureBlock, word: int, shown: NDArray[np.bool_], cores: int) -> None:
        boot, *others = (one[shown] for one in block.cores)
        for other, is_late in zip(others, block.late, strict=True):
            # As floats, the numbers of a block are exact.
            found = np.bincount(boot * cores + other, block.times[shown], cores * cores)
            for place in np.flatnonzero(found):
                self.pairs[is_late, *divmod(int(place), cores), word] += int(found[place])


def _times(members: Wide[WordColumn], block: MixtureBlock) -> dict[int, int]:
    """Return the number of mixtures that have each member."""
    found: dict[int, int] = {}
    for place, word in enumerate(members.words):
        array: NDArray[np.uint64] = np.broadcast_to(word.array, block.rows)
        for bit in range(64):
            if int(np.bitwise_or.reduce(array)) >> bit & 1:
                found[64 * place + bit] = int(block.times[array >> np.uint64(bit) & np.uint64(1) != 0].sum())
    return found


class MixtureTallyRecord(msgspec.Struct, frozen=True):
    """The outcomes of a part's mixtures under one kernel."""

    outcomes: list[tuple[int, int, int]]
    """The number of late clusters, the outcome's bits, and the number of mixtures."""
    pairs: list[tuple[bool, int, int, int, int]]
    """A pair (`Pair`), and the number of mixtures."""
    capabilities: list[tuple[int, str, int]]
    """The place and the name of a capability, and the number of mixtures that lose it."""
    hwcaps: list[tuple[int, str, int]]
    first: list[tuple[int, int]]
    """The place of an outcome's bit, and the first mixture with it."""

    @classmethod
    def of(cls, tally: MixtureTally) -> "MixtureTallyRecord":
        """Return the record of a tally."""
        return cls(
            sorted((*key, times) for key, times in tally.words.items()),
            sorted((*key, times) for key, times in tally.pairs.items()),
            sorted((*key, times) for key, times in tally.capabilities.items()),
            sorted((*key, times) for key, times in tally.hwcaps.items()),
            sorted(tally.first.items()),
        )

    def tally(self) -> MixtureTally:
        """Return the tally that the record was made of."""
        return MixtureTally(
            Counter({(late, word): times for late, word, times in self.outcomes}),
            Counter({(is_late, boot, other, word): times for is_late, boot, other, word, times in self.pairs}),
            Counter({(place, name): times for place, name, times in self.capabilities}),
            Counter({(place, name): times for place, name, times in self.hwcaps}),
            dict(self.first),
        )

    def fits(self, plan: MixturePlan, part: int) -> bool:
        """Return True if a part of the plan could have these outcomes."""
        start, stop = plan.span(part)
        mixtures, words = stop - start, {(late, word) for late, word, _ in self.outcomes}
        shown = {place for _, word in words for place in range(len(OUTCOMES)) if word >> place & 1}
        return (
            len(words) == len(self.outcomes)
            and all(0 <= late < plan.space.clusters and 0 <= word <= _ALL_BITS for late, word in words)
            and all(times >= 1 for *_, times in self.outcomes)
            and sum(times for *_, times in self.outcomes) == mixtures
            and self._has_pairs(plan.space)
            and all(_are_lost(lost, mixtures) for lost in (self.capabilities, self.hwcaps))
            and len(self.first) == len(dict(self.first))
            and dict(self.first).keys() == shown
            and all(plan.may_have(number, part) for _, number in self.first)
        )

    def _has_pairs(self, space: MixtureSpace) -> bool:
        """Return True if the pairs are those of clusters of mixtures with these outcomes."""
        cores, expected, counted = range(len(space.cores)), Counter[tuple[bool, int]](), Counter[tuple[bool, int]]()
        for late, word, times in self.outcomes:
            expected[True, word] += late * times
            expected[False, word] += (space.clusters - 1 - late) * times
        for is_late, boot, other, word, times in self.pairs:
            if times < 1 or boot == other or boot not in cores or other not in cores:
                return False
            counted[is_late, word] += times
        return counted == expected and len({pair[:-1] for pair in self.pairs}) == len(self.pairs)


def _are_lost(lost: list[tuple[int, str, int]], mixtures: int) -> bool:
    """Return True if a part of some mixtures can lose these."""
    places = {place for place, _, _ in lost}
    return len(places) == len(lost) and all(
        0 <= place < _MOST_PLACES and len(name) <= _LONGEST_NAME and name.isprintable() and 1 <= times <= mixtures
        for place, name, times in lost
    )


class MixturePartRecord(CountsRecord, frozen=True):
    """The content of a part's file of counts."""

    tallies: list[MixtureTallyRecord]
    """A record for each kernel."""

    def fits(self, plan: MixturePlan, number: int) -> bool:
        """Return True if a part of this number of the plan could have this record."""
        return (
            self.is_part_of(plan, number)
            and len(self.tallies) == len(plan.space.kernels)
            and all(one.fits(plan, number) for one in self.tallies)
        )
