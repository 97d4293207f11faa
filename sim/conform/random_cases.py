"""Random systems for live boots: legal topologies, splits into early and late CPUs, KVM modes and actions.

The order of the draws is part of the result: a draw that is added, left out or moved changes every later value of its
case. tests/truth/random was recorded with ``--random 30 --seed 5``, which should go on to name the same systems.
"""

import random

from sim.conform.live_cases import Case
from sim.kernel_flags import kernel_flags
from sim.kernel_release import KernelRelease
from sim.scenario import Action, Do, KvmMode, Scenario
from sim.topology import Topology, cpu
from sim.vectors import VQ_MAX, bits_from_vq

_CPU_COUNTS = (2, 5)
"""The fewest and the most CPUs of a case; with fewer than two none could be late."""
_MOST_ACTIONS = 6
_POWERS_OF_TWO = tuple(1 << power for power in range(5))
"""The VQs of 128, 256, 512, 1024 and 2048 bits."""
_SME_SHARE = 1 / 3
"""Probability that the CPUs have SME, where the kernel uses it."""
_RARE = 0.1
"""Probability that a CPU lacks SVE, that CPUs do not start at EL2, and that the command line switches SVE off."""


def random_cases(count: int, seed: int, release: KernelRelease) -> list[Case]:
    """Return random cases, each with a random stream of its own.

    Case N depends on the seed, on N and on whether the kernel uses SME, but not on `count`: a larger `count`
    only adds cases. CPUs with SME have SVE too, because QEMU cannot mix them otherwise.

    Args:
        count: number of cases.
        seed: seed of all streams.
        release: the release of the kernel to be booted.
    """
    return [_case(random.Random(f"{seed}/live/{number}"), seed, number, release) for number in range(count)]  # noqa: S311


def _case(draw: random.Random, seed: int, number: int, release: KernelRelease) -> Case:
    cpu_count = draw.randint(*_CPU_COUNTS)
    with_sme = kernel_flags(release).sme and draw.random() < _SME_SHARE
    # Few sets for many CPUs: otherwise hardly any two CPUs would be alike, and every late CPU would be refused.
    sve_sets = [_sve_bits(draw) for _ in range(draw.randint(1, 3))]
    cpus = tuple(
        cpu(
            f"cpu{number}",
            None if not with_sme and draw.random() < _RARE else draw.choice(sve_sets),
            _sme_bits(draw) if with_sme else None,
        )
        for number in range(cpu_count)
    )
    name = f"random-{seed}-{number}"
    scenario = Scenario(
        Topology(cpus),
        kernel=str(release),
        kvm_mode=draw.choice(list(KvmMode)),
        el2=draw.random() >= _RARE,
        maxcpus=draw.randint(1, cpu_count),
        arm64_nosve=draw.random() < _RARE,
        actions=tuple(_action(draw, cpu_count) for _ in range(draw.randint(1, _MOST_ACTIONS))),
        name=name,
    )
    return Case(name, scenario)


def _sve_bits(draw: random.Random) -> tuple[int, ...]:
    """Draw a legal set: every power of two up to its largest length, and each other length with probability 1/4."""
    # The largest length is a power of two in 21 of 32 sets; drawn from 1 to 16 alone it would be in 10 of 32.
    largest = draw.choice([draw.choice(_POWERS_OF_TWO), draw.randint(1, VQ_MAX)])
    optional = [vq for vq in range(1, largest) if draw.random() < 1 / 4]
    mandatory = [vq for vq in _POWERS_OF_TWO if vq < largest]
    return tuple(bits_from_vq(vq) for vq in {largest, *optional, *mandatory})


def _sme_bits(draw: random.Random) -> tuple[int, ...]:
    """Draw a legal set: any powers of two, at least one."""
    return tuple(bits_from_vq(vq) for vq in draw.sample(_POWERS_OF_TWO, draw.randint(1, len(_POWERS_OF_TWO))))


def _action(draw: random.Random, cpu_count: int) -> Action:
    # Never the boot CPU, which is online from the start and which no case of the corpus takes down.
    do = Do.ONLINE if draw.random() < 2 / 3 else Do.OFFLINE
    return Action(do, f"cpu{draw.randrange(1, cpu_count)}")
