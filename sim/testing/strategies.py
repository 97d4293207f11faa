"""Hypothesis strategies for legal sets of vector lengths, topologies, designs, scenarios and schedules.

Examples shrink to the smallest system: fewer CPUs, smaller and fewer lengths, a named design, no actions.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from sim.extras import needed_by

with needed_by("sim.testing.strategies"):
    from hypothesis import strategies as st
    from hypothesis.strategies import DrawFn, SearchStrategy

from sim.designs import DESIGNS, Design, LateCpu, LateStore, Pointer, Sizing, ZcrEl2
from sim.environment import Step
from sim.errors import choice
from sim.explore.controlled_env import controlled_boot
from sim.explore.findings import Schedule
from sim.files.core_properties import complete_cores, cpu_of_core
from sim.kernel_release import RECORDED
from sim.scenario import Action, Do, KvmMode, Relay, Scenario
from sim.study.system_space import legal_vqs
from sim.topology import Cpu, Topology
from sim.vectors import POWERS_OF_TWO, SveRule, bits_from_vqs, vq_from_bits

_KERNELS = ("6.11", *RECORDED)
"""The series with the bug, and the series with recorded boots. Hypothesis shrinks towards the first."""
_FEW = 2
"""The largest number of late CPUs, and the largest CPU number in half of the actions, so that actions often meet."""
_MAX_CPUS = 64


def vl_sets(*, up_to_bits: int = 2048, rule: SveRule | str = SveRule.MULTIPLES) -> SearchStrategy[tuple[int, ...]]:
    """Draw legal sets of SVE lengths, each in bits and ascending; {128} is the simplest.

    Args:
        up_to_bits: the largest length that a set may have, in bits.
        rule: the architecture's rule about sets.

    Raises:
        InputError: `up_to_bits` is not a vector length, or there is no such rule.
    """
    legal = sorted(
        legal_vqs(up_to_bits, choice(SveRule, "rule", rule)),
        key=lambda vqs: (vqs.bit_length(), vqs.bit_count(), vqs),
    )
    return st.sampled_from([bits_from_vqs(vqs) for vqs in legal])


def sme_sets(*, up_to_bits: int = 2048) -> SearchStrategy[tuple[int, ...]]:
    """Draw legal sets of streaming lengths, each in bits and ascending: powers of two, at least one of them.

    Raises:
        InputError: `up_to_bits` is not a vector length.
    """
    powers = [bits for bits in bits_from_vqs(POWERS_OF_TWO) if vq_from_bits(bits) <= vq_from_bits(up_to_bits)]
    return st.sets(st.sampled_from(powers), min_size=1).map(lambda bits: tuple(sorted(bits)))


@st.composite
def core_mixtures(
    draw: DrawFn,
    *,
    cores: Sequence[str | Cpu] | None = None,
    most_clusters: int = 3,
    most_cpus: int = 2,
    late: bool = True,
) -> Topology:
    """Draw topologies of clusters of known cores, such as Cortex-A55 beside Cortex-A76.

    No field of a core is changed: a core with other registers, or whose firmware hides some, is given as a CPU.

    Args:
        draw: given by Hypothesis.
        cores: the cores, by compatible string, or as a CPU, such as a scenario file describes; None: those whose ID
            registers are all known.
        most_clusters: the largest number of clusters.
        most_cpus: the largest number of CPUs of a cluster.
        late: clusters after the first may come late.

    Raises:
        InputError: there is no core of a name.
    """
    kinds = (
        complete_cores() if cores is None else tuple(one if isinstance(one, Cpu) else cpu_of_core(one) for one in cores)
    )
    clusters = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=most_clusters))
    cpus: list[Cpu] = []
    for place, kind in enumerate(clusters):
        is_late = draw(st.booleans()) if late and place else False
        for _ in range(draw(st.integers(1, most_cpus))):
            cpus.append(replace(kind, name=f"cpu{len(cpus)}", late=is_late, clusters=(f"cluster{place}",)))
    return Topology(tuple(cpus))


@st.composite
def topologies(
    draw: DrawFn,
    *,
    least_cpus: int = 1,
    most_cpus: int = 4,
    sve_bits: SearchStrategy[Sequence[int] | None] | None = None,
    sme_bits: SearchStrategy[Sequence[int] | None] | None = None,
) -> Topology:
    """Draw topologies of CPUs named cpu0, cpu1 and so on.

    Args:
        draw: given by Hypothesis.
        least_cpus: the smallest number of CPUs.
        most_cpus: the largest number of CPUs.
        sve_bits: the sets of SVE lengths of a CPU, in bits; None: any legal set up to 512 bits.
        sme_bits: the sets of streaming lengths of a CPU, in bits; None: no SME.
    """
    sve = vl_sets(up_to_bits=512) if sve_bits is None else sve_bits
    cpus = draw(st.lists(sve, min_size=least_cpus, max_size=most_cpus))
    streaming = [None if sme_bits is None else draw(sme_bits) for _ in cpus]
    return Topology.of(cpus, streaming)


def designs(*, named: bool = True) -> SearchStrategy[Design]:
    """Draw named designs or, without `named`, any combination of a design's choices."""
    combinations = st.builds(
        Design,
        name=st.just("drawn"),
        buffer_sized_by=st.sampled_from(Sizing),
        zcr_el2=st.sampled_from(ZcrEl2),
        ffr_pointer=st.sampled_from(Pointer),
        late_cpu=st.sampled_from(LateCpu),
        late_store=st.sampled_from(LateStore),
    )
    return st.sampled_from(list(DESIGNS.values())) if named else combinations


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
    """Draw scenarios under pKVM with early and late CPUs, which run guests, come online and go offline, and suspend.

    Args:
        draw: given by Hypothesis.
        topology: the topologies; None: `topologies()`.
        design: the designs; None: the kernel's own, or any named design except nosve, which denies every host its SVE.
        kernel: the kernel series; None: 6.11, which has the bug, and the series with recorded boots.
        relay: the settings of pKVM's PSCI relay; None: both.
        most_actions: the largest number of actions.
    """
    system = draw(topologies() if topology is None else topology)
    names = [cpu.name for cpu in system.logical]
    # A number beyond the topology stands for its last CPU, so that an action stays valid while Hypothesis removes CPUs.
    numbers = st.integers(0, _FEW) | st.integers(0, _MAX_CPUS - 1)
    # Only guests make the hypervisor save.
    kinds = st.sampled_from([Do.GUEST, Do.ONLINE, Do.GUEST, Do.OFFLINE, Do.GUEST, Do.SUSPEND])
    action = st.builds(_action, kinds, numbers.map(_name_at(names)))
    early = max(1, len(names) - draw(st.integers(0, _FEW)))
    return Scenario(
        system,
        kernel=draw(st.sampled_from(_KERNELS) if kernel is None else kernel),
        design=draw(st.none() | designs().filter(lambda design: not design.nosve) if design is None else design),
        kvm_mode=KvmMode.PROTECTED,
        relay=draw(st.sampled_from(Relay) if relay is None else relay),
        maxcpus=early,
        actions=tuple(draw(st.lists(action, max_size=most_actions))),
    )


def _action(do: Do, cpu: str) -> Action:
    return Action(do, None if do is Do.SUSPEND else cpu)


def _name_at(names: Sequence[str]) -> Callable[[int], str]:
    return lambda number: names[min(number, len(names) - 1)]


@st.composite
def schedules(draw: DrawFn, scenario: Scenario) -> Schedule:
    """Draw orders of a scenario's steps, from its beginning to its end; the simplest takes the first enabled step."""
    steps: list[Step] = []

    def choose(enabled: list[Step]) -> Step:
        steps.append(enabled[draw(st.integers(0, len(enabled) - 1))])
        return steps[-1]

    controlled_boot(scenario, choose).to_the_end()
    return tuple(steps)
