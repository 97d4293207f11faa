"""Systems drawn at random, to be booted live."""

import random

from sim.conform.live_cases import Case
from sim.kernel_flags import kernel_flags
from sim.kernel_series import KernelSeries
from sim.scenario import Action, Do, KvmMode, Scenario
from sim.topology import Cpu, Topology
from sim.vectors import VQ_MAX, bits_from_vq, vqs_from_bits

_CPUS = (2, 5)
_MOST_ACTIONS = 6
_POWERS = tuple(1 << power for power in range(5))
_SELDOM = 0.1
"""How often a CPU lacks SVE, CPUs do not start at EL2, or the command line hides SVE."""


def random_cases(count: int, seed: int, series: KernelSeries) -> list[Case]:
    """Legal topologies, splits into early and late, KVM modes and orders of actions.

    A case depends on the seed and its number alone, and on whether the kernel uses SME. CPUs with SME have SVE too:
    QEMU cannot mix what they have.

    Args:
        count: so many.
        seed: of all draws; each case has a stream of its own.
        series: the kernel's.
    """
    return [_case(random.Random(f"{seed}/live/{number}"), seed, number, series) for number in range(count)]  # noqa: S311


def _case(draw: random.Random, seed: int, number: int, series: KernelSeries) -> Case:
    count = draw.randint(*_CPUS)
    with_sme = kernel_flags(series).sme and draw.random() < 1 / 3
    pool = [_sve_vqs(draw) for _ in range(draw.randint(1, 3))]
    cpus = tuple(
        Cpu.of(
            f"cpu{one}",
            None if not with_sme and draw.random() < _SELDOM else draw.choice(pool),
            _sme_vqs(draw) if with_sme else None,
        )
        for one in range(count)
    )
    name = f"random-{seed}-{number}"
    scenario = Scenario(
        Topology(cpus),
        kernel=str(series),
        kvm_mode=draw.choice(list(KvmMode)),
        el2=draw.random() >= _SELDOM,
        maxcpus=draw.randint(1, count),
        nosve=draw.random() < _SELDOM,
        actions=tuple(_action(draw, count) for _ in range(draw.randint(1, _MOST_ACTIONS))),
        name=name,
    )
    return Case(name, scenario)


def _sve_vqs(draw: random.Random) -> int:
    """A legal set: every power of two up to its largest length, and some other lengths."""
    largest = draw.choice([draw.choice(_POWERS), draw.randint(1, VQ_MAX)])
    others = [vq for vq in range(1, largest) if draw.random() < 1 / 4]
    return vqs_from_bits(bits_from_vq(vq) for vq in {largest, *others, *(one for one in _POWERS if one < largest)})


def _sme_vqs(draw: random.Random) -> int:
    return vqs_from_bits(bits_from_vq(vq) for vq in draw.sample(_POWERS, draw.randint(1, len(_POWERS))))


def _action(draw: random.Random, count: int) -> Action:
    do = Do.ONLINE if draw.random() < 2 / 3 else Do.OFFLINE
    return Action(do, f"cpu{draw.randrange(1, count)}")
