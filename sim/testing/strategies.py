"""Hypothesis strategies: legal sets of vector lengths, topologies, designs, scenarios, schedules.

They shrink to the smallest system: fewer CPUs, smaller and fewer lengths, named before unnamed designs, no actions.
"""

from collections.abc import Callable, Sequence

from sim.extras import needed_by

with needed_by("sim.testing.strategies"):
    from hypothesis import strategies as st
    from hypothesis.strategies import DrawFn, SearchStrategy

from sim.designs import DESIGNS, Design, LateCpu, LateStore, Pointer, Sizing, ZcrEl2
from sim.environment import Step
from sim.errors import choice
from sim.explore.controlled_env import controlled_boot
from sim.explore.findings import Schedule
from sim.kernel_series import RECORDED
from sim.scenario import Action, Do, KvmMode, Relay, Scenario
from sim.study.system_space import legal_sets
from sim.topology import Topology
from sim.vectors import POWERS_OF_TWO, SveRule, bits_from_vqs, vq_from_bits

_KERNELS = ("6.11", *RECORDED)
"""The one with the bug, and those with recorded boots."""
_FEW, _MOST_CPUS = 2, 64
"""CPUs that are late, or acted on."""


def vl_sets(*, up_to_bits: int = 2048, rule: SveRule | str = SveRule.MULTIPLES) -> SearchStrategy[tuple[int, ...]]:
    """Legal sets of SVE lengths, in bits, ascending; {128} is the smallest.

    Args:
        up_to_bits: the largest length that there may be.
        rule: which sets the architecture allows.

    Raises:
        InputError: the length is none, or there is no such rule.
    """
    legal = sorted(
        legal_sets(vq_from_bits(up_to_bits), choice(SveRule, "rule", rule)),
        key=lambda vqs: (vqs.bit_length(), vqs.bit_count(), vqs),
    )
    return st.sampled_from([bits_from_vqs(vqs) for vqs in legal])


def sme_sets(*, up_to_bits: int = 2048) -> SearchStrategy[tuple[int, ...]]:
    """Legal sets of streaming lengths, in bits, ascending: powers of two, at least one.

    Raises:
        InputError: `up_to_bits` is no length.
    """
    powers = [bits for bits in bits_from_vqs(POWERS_OF_TWO) if vq_from_bits(bits) <= vq_from_bits(up_to_bits)]
    return st.sets(st.sampled_from(powers), min_size=1).map(lambda bits: tuple(sorted(bits)))


@st.composite
def topologies(
    draw: DrawFn,
    *,
    least_cpus: int = 1,
    most_cpus: int = 4,
    sve_bits: SearchStrategy[Sequence[int] | None] | None = None,
    sme_bits: SearchStrategy[Sequence[int] | None] | None = None,
) -> Topology:
    """Topologies of CPUs named cpu0, cpu1, ...

    Args:
        draw: given by Hypothesis.
        least_cpus: so many at least.
        most_cpus: so many at most.
        sve_bits: what SVE lengths a CPU may have; None: any legal set up to 512 bits.
        sme_bits: what streaming lengths; None: no SME.
    """
    sve = vl_sets(up_to_bits=512) if sve_bits is None else sve_bits
    cpus = draw(st.lists(sve, min_size=least_cpus, max_size=most_cpus))
    streaming = [None if sme_bits is None else draw(sme_bits) for _ in cpus]
    return Topology.of(cpus, streaming)


def designs(*, named: bool = True) -> SearchStrategy[Design]:
    """Designs: the named ones first; without `named`, every combination of the choices."""
    every = st.builds(
        Design,
        name=st.just("drawn"),
        buffer_sized_by=st.sampled_from(Sizing),
        zcr_el2=st.sampled_from(ZcrEl2),
        ffr_pointer=st.sampled_from(Pointer),
        late_cpu=st.sampled_from(LateCpu),
        late_store=st.sampled_from(LateStore),
    )
    return st.sampled_from(list(DESIGNS.values())) if named else every


@st.composite
def scenarios(
    draw: DrawFn,
    *,
    topology: SearchStrategy[Topology] | None = None,
    design: SearchStrategy[Design | str | None] | None = None,
    kernel: SearchStrategy[str] | None = None,
    relay: SearchStrategy[Relay] | None = None,
    most_actions: int = 4,
) -> Scenario:
    """Scenarios under pKVM: CPUs early and late, visited by a guest, brought online, taken offline.

    Args:
        draw: given by Hypothesis.
        topology: which systems; None: `topologies()`.
        design: which designs; None: the kernel's own, or a named one but nosve, which denies every host its SVE.
        kernel: which series; None: 6.11, which has the bug, and those with recorded boots.
        relay: pKVM's PSCI relay; None: either.
        most_actions: so many at most.
    """
    system = draw(topologies() if topology is None else topology)
    names = [one.name for one in system.logical]
    # A number beyond is the last one's, so that CPUs can go as it shrinks.
    some_cpu = st.integers(0, _FEW) | st.integers(0, _MOST_CPUS - 1)
    act = st.builds(Action, st.sampled_from([Do.GUEST, Do.ONLINE, Do.GUEST, Do.OFFLINE]), some_cpu.map(_one_of(names)))
    early = max(1, len(names) - draw(st.integers(0, _FEW)))
    return Scenario(
        system,
        kernel=draw(st.sampled_from(_KERNELS) if kernel is None else kernel),
        design=draw(st.none() | designs().filter(lambda one: not one.nosve) if design is None else design),
        kvm_mode=KvmMode.PROTECTED,
        relay=draw(st.sampled_from(Relay) if relay is None else relay),
        maxcpus=early,
        actions=tuple(draw(st.lists(act, max_size=most_actions))),
    )


def _one_of(names: Sequence[str]) -> Callable[[int], str]:
    return lambda place: names[min(place, len(names) - 1)]


@st.composite
def schedules(draw: DrawFn, scenario: Scenario) -> Schedule:
    """Orders of a scenario's steps, from its beginning to its end; the simplest takes the first that may be next."""
    taken: list[Step] = []

    def choose(enabled: list[Step]) -> Step:
        taken.append(enabled[draw(st.integers(0, len(enabled) - 1))])
        return taken[-1]

    controlled_boot(scenario, choose).to_the_end()
    return tuple(taken)
