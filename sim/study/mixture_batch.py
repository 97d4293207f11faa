"""Batches of mixtures: many mixtures of one space at once, as columns, under one kernel.

A core is a number, and its capabilities are bits: a mixture's outcome is a handful of operations on columns of 64 bits.
`tests/study/test_mixtures.py` compares the outcomes with boots of the mixtures' scenarios.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sim.study.core_model import CoreModel
from sim.study.mixture_evaluation import Alone, CoreBits, Mixture
from sim.study.mixture_space import MixtureBlock, MixtureSpace
from sim.study.wide_sets import WORD_BITS, Wide, WordColumn, Words, words_of


class MixtureBatches:
    """The mixtures of a space under one kernel.

    Args:
        space: the space.
        kernel: one of its kernels.
    """

    def __init__(self, space: MixtureSpace, kernel: str) -> None:
        self.space = space
        self.model = model = CoreModel(space.cores, kernel, space.kvm_mode)
        cores = range(len(space.cores))
        capabilities, hwcaps = len(model.table.entries), len(model.hwcaps)
        self._beside = np.array(model.beside, np.uint64)
        self._boot = _table(model.boot_capabilities, capabilities)
        self._has = _table(model.has, capabilities)
        self._dies_without = _table(model.dies_without, capabilities)
        self._hwcaps = _table(model.has_hwcaps, hwcaps)
        self._values = _table(model.values.members, model.values.size)
        self._truths = _table(model.truths, model.values.size)
        self._vqs = np.array(model.vqs, np.uint64)
        alone = Mixture(model, self._boot_of(np.array(cores)), [self._core(np.array(cores), np.array(cores))], [])
        self._alone_capabilities = [one.array for one in alone.capabilities.words]
        self._alone_hwcaps = [one.array for one in alone.hwcaps.words]

    def _boot_of(self, boot: NDArray[np.int64]) -> Wide[WordColumn]:
        return _gather(self._boot, boot)

    def _core(self, boot: NDArray[np.int64], core: NDArray[np.int64]) -> CoreBits[WordColumn]:
        return CoreBits(
            WordColumn(self._beside.take(boot * len(self.space.cores) + core, mode="clip")),
            _gather(self._has, core),
            _gather(self._dies_without, core),
            _gather(self._hwcaps, core),
            _gather(self._values, core),
            _gather(self._truths, core),
            WordColumn(self._vqs.take(core, mode="clip")),
        )

    def mixture(self, block: MixtureBlock) -> Mixture[WordColumn]:
        """Return the outcome of each mixture of a block."""
        boot = block.cores[0]
        cores = [self._core(boot, core) for core in block.cores]
        return Mixture(self.model, self._boot_of(boot), cores, block.late, self.space.cpus)

    def lost(self, block: MixtureBlock, mixture: Mixture[WordColumn]) -> tuple[Wide[WordColumn], Wide[WordColumn]]:
        """Return the capabilities and hwcaps that each mixture lacks and some core of it would have by itself."""
        return mixture.lost(
            [Alone(_gather(self._alone_capabilities, core), _gather(self._alone_hwcaps, core)) for core in block.cores]
        )

    def words(self, block: MixtureBlock) -> NDArray[np.uint8]:
        """Return the outcome of each mixture, as bits of `sim.study.mixture_evaluation`."""
        mixture = self.mixture(block)
        word: Words = mixture.word(self.lost(block, mixture)).array
        return np.broadcast_to(word, block.rows).astype(np.uint8)


def _table(members: Sequence[int], size: int) -> list[Words]:
    """Return the sets of all cores, word by word."""
    count = max(1, -(-size // WORD_BITS))
    return [np.array(one, np.uint64) for one in zip(*(words_of(each, count) for each in members), strict=True)]


def _gather(table: list[Words], core: NDArray[np.int64]) -> Wide[WordColumn]:
    return Wide(tuple(WordColumn(word.take(core, mode="clip")) for word in table))
