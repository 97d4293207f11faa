"""Spaces of mixtures of cores: every choice and order of clusters, each late or early, under some kernels.

A mixture has some clusters of different cores. The first holds the boot CPU; each of the others comes early or late, in
order. A point's number is a mixed-radix number: first the roles, then the choice of each cluster's core among those
that are left, the last digit changing fastest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import perm
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.arguments import checked_fields
from sim.errors import InputError, check_printable
from sim.frames import as_html
from sim.kernel_release import DEFAULT, kernel_release
from sim.scenario import Action, Do, KvmMode, Scenario
from sim.study.core_model import check_core
from sim.topology import Cpu, Topology
from sim.units import counted, spans

LEAST_CLUSTERS = 2
MOST_CORES, MOST_CLUSTERS, MOST_CPUS_OF_CLUSTER = 64, 8, 64
MOST_MIXTURES = 10**9
"""The most mixtures that a sweep visits; a larger space can be sampled."""
KVM_MODES = (KvmMode.DEFAULT, KvmMode.NVHE)
DRAWN_AT_ONCE = 1 << 15
"""The number of draws of a sample that share a random stream."""
BLOCK_ROWS = 1 << 13
"""The largest number of mixtures in a block: its columns of 64 bits then stay in a core's cache."""


class MixturePoint(NamedTuple):
    """A mixture: the places of its cores among the space's, the boot CPU's first, and which come late."""

    cores: tuple[int, ...]
    late: tuple[bool, ...]
    """For each cluster but the first."""


class MixtureBlock(NamedTuple):
    """Mixtures with the same roles."""

    numbers: NDArray[np.int64]
    """The number of each mixture."""
    times: NDArray[np.int64]
    """The number of times that each counts."""
    late: tuple[bool, ...]
    cores: tuple[NDArray[np.int64], ...]
    """The core of each cluster, an array with one for each row."""

    @property
    def rows(self) -> int:
        """The number of mixtures."""
        return len(self.numbers)


@dataclass(frozen=True, repr=False)
@checked_fields
class MixtureSpace:
    """A space of mixtures of cores: each choice and order of clusters, early or late, under each kernel.

    Args:
        cores: a CPU of each core, whose ID registers are all known; its name stands for the core.
        clusters: the number of clusters of a mixture, each of another core, 2 to 8.
        kernels: kernel series or releases, such as "6.12".
        cpus: the number of CPUs of each cluster, 1 to 64.
        kvm_mode: ``kvm-arm.mode=``, default or nvhe.
        name: the space's name.

    Raises:
        InputError: there are too few cores or clusters, or too many; a name is given twice; a core is left out.

    >>> from sim import mixture_space
    >>> MixtureSpace(mixture_space("all").cores[:3], clusters=3, kernels=("6.12",))
    <MixtureSpace '': 3 of 3 cores, points 24, kernels 6.12>
    """

    cores: tuple[Cpu, ...]
    clusters: int = 2
    kernels: tuple[str, ...] = (DEFAULT,)
    cpus: int = 1
    kvm_mode: KvmMode = KvmMode.DEFAULT
    name: str = ""
    _names: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_printable("the space's name", self.name)
        object.__setattr__(self, "_names", tuple(one.name for one in self.cores))
        twice = {name for name in self._names if self._names.count(name) > 1}
        if twice:
            raise InputError(f"cores: {', '.join(sorted(twice))} is there twice")
        if not LEAST_CLUSTERS <= self.clusters <= MOST_CLUSTERS:
            raise InputError(f"clusters: is {self.clusters}: a mixture has {LEAST_CLUSTERS} to {MOST_CLUSTERS}")
        if not self.clusters <= len(self.cores) <= MOST_CORES:
            raise InputError(
                f"cores: there are {len(self.cores)}: {self.clusters} clusters of different cores need "
                f"{self.clusters} to {MOST_CORES}"
            )
        if not 1 <= self.cpus <= MOST_CPUS_OF_CLUSTER:
            raise InputError(f"cpus: is {self.cpus}: a cluster has 1 to {MOST_CPUS_OF_CLUSTER} CPUs")
        if self.kvm_mode not in KVM_MODES:
            raise InputError(f"kvm_mode: is {self.kvm_mode}: mixtures boot with {' or '.join(KVM_MODES)}")
        self._check_kernels()
        for core in self.cores:
            try:
                check_core(core)
            except InputError as error:
                raise InputError(f"core {core.name!r:.60}: {error}") from None

    def _check_kernels(self) -> None:
        if not self.kernels:
            raise InputError("kernels: there is none")
        for kernel in self.kernels:
            kernel_release(kernel)
            if self.kernels.count(kernel) > 1:
                raise InputError(f"kernels: {kernel} is there twice")

    def __repr__(self) -> str:
        told = f"{self.clusters} of {counted(len(self.cores), 'core')}, points {self.points:,}"
        return f"<MixtureSpace {self.name!r}: {told}, kernels {' '.join(self.kernels)}>"

    def _repr_html_(self) -> str:
        return as_html(
            repr(self)[1:-1], [{"core": one.name, "MIDR_EL1": hex(one.features.core.midr)} for one in self.cores]
        )

    @cached_property
    def choices(self) -> int:
        """The number of ordered choices of cores."""
        return perm(len(self.cores), self.clusters)

    @property
    def points(self) -> int:
        """The number of mixtures."""
        return self.choices << (self.clusters - 1)

    def span(self, kernels: Sequence[str]) -> str:
        """Return some of the space's kernels in words: of those that follow each other the first and the last.

        Args:
            kernels: the kernels' releases.
        """
        return spans(self.kernels, [one for one in self.kernels if one in kernels], 1)

    def blocks(self, start: int, stop: int) -> Iterator[MixtureBlock]:
        """Yield the points from number `start` to before `stop`, as blocks in ascending order.

        Args:
            start: the number of the first mixture, from 0.
            stop: the number after the last mixture.
        """
        while start < stop:
            roles, place = divmod(start, self.choices)
            end = min(stop, start + BLOCK_ROWS, (roles + 1) * self.choices)
            numbers = np.arange(place, place + end - start, dtype=np.int64)
            times = np.ones(len(numbers), np.int64)
            yield MixtureBlock(numbers + roles * self.choices, times, self._late(roles), self._chosen(numbers))
            start = end

    def sample(self, start: int, stop: int, seed: int) -> Iterator[MixtureBlock]:
        """Yield the mixtures of the draws from number `start` to before `stop`, with replacement.

        Each mixture is there once, with the number of times that it was drawn. Every `DRAWN_AT_ONCE` draws have a
        random stream of their own, spawned from the seed: a draw does not depend on which other draws are asked for.

        Args:
            start: the number of the first draw, from 0.
            stop: the number after the last draw.
            seed: the seed of the draws, 0 to 2^62 - 1.
        """
        numbers, times = np.unique(self._drawn(start, stop, seed), return_counts=True)
        roles = numbers // self.choices
        for role in np.unique(roles):
            (places,) = np.nonzero(roles == role)
            for first in range(0, len(places), BLOCK_ROWS):
                part = places[first : first + BLOCK_ROWS]
                chosen = self._chosen(numbers[part] % self.choices)
                yield MixtureBlock(numbers[part], times[part], self._late(int(role)), chosen)

    def _drawn(self, start: int, stop: int, seed: int) -> NDArray[np.int64]:
        drawn = []
        for number in range(start // DRAWN_AT_ONCE, -(-stop // DRAWN_AT_ONCE)):
            stream = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(number,))))
            first = number * DRAWN_AT_ONCE
            every = stream.integers(self.points, size=DRAWN_AT_ONCE)
            drawn.append(every[max(0, start - first) : stop - first])
        return np.concatenate(drawn)

    def _late(self, roles: int) -> tuple[bool, ...]:
        return tuple(bool(roles >> place & 1) for place in reversed(range(self.clusters - 1)))

    def _chosen(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
        """Return each cluster's core: a digit counts the cores that no earlier cluster has."""
        digits = []
        for left in range(len(self.cores) - self.clusters + 1, len(self.cores) + 1):
            numbers, digit = np.divmod(numbers, left)
            digits.append(digit)
        chosen: list[NDArray[np.int64]] = []
        for digit in reversed(digits):
            core = digit
            # In ascending order of the cores chosen before, each at or below this one moves it up.
            for earlier in np.sort(np.stack(chosen), axis=0) if chosen else ():
                core = core + (core >= earlier)
            chosen.append(core)
        return tuple(chosen)

    def point(self, number: int) -> MixturePoint:
        """Return a mixture by its number.

        Args:
            number: the mixture's number, from 0.

        Raises:
            InputError: there is no such mixture.
        """
        if not 0 <= number < self.points:
            raise InputError(f"there is no point {number:,}: there are {self.points:,}, counted from 0")
        block = next(self.blocks(number, number + 1))
        return MixturePoint(tuple(int(one[0]) for one in block.cores), block.late)

    def scenario(self, point: MixturePoint, kernel: str) -> Scenario:
        """Return the scenario of a mixture: late CPUs are brought online one after the other, in order.

        Args:
            point: the mixture, as `point()` returns it.
            kernel: the kernel's release.
        """
        cpus: list[Cpu] = []
        for core, is_late in zip(point.cores, (False, *point.late), strict=True):
            one = self.cores[core]
            cluster = f"cluster{len({cpu.clusters for cpu in cpus})}"
            cpus += [
                Cpu(f"cpu{len(cpus) + place}", one.features, one.firmware, late=is_late, clusters=(cluster,))
                for place in range(self.cpus)
            ]
        actions = tuple(Action(Do.ONLINE, cpu.name) for cpu in cpus if cpu.late)
        words = ", ".join(
            f"{self._names[core]}{' late' if late else ''}"
            for core, late in zip(point.cores, (False, *point.late), strict=True)
        )
        return Scenario(
            Topology(tuple(cpus), any_vls=True),
            kernel=kernel,
            kvm_mode=self.kvm_mode,
            actions=actions,
            name=words[:200],
        )


def names_of(space: MixtureSpace, point: MixturePoint) -> Sequence[str]:
    """Return the names of a mixture's cores, the boot CPU's first."""
    return [space.cores[core].name for core in point.cores]
