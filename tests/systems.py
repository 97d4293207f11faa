"""Small systems for tests: a boot in one call, and what it said in few words."""

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from sim.boot_run import boot
from sim.hazard_kinds import HazardKind
from sim.outcome import Outcome
from sim.scenario import Action, BringUp, Do, KvmMode, Relay, Scenario
from sim.study.system_space import Group, Setting, Space
from sim.testing.strategies import designs
from sim.topology import Cpu, Topology, cpu
from sim.vectors import bits_from_vqs

A64FX = [128, 256, 512]
V1 = [128, 256]
N2 = [128]
DESIGN = designs(named=False)
"""Any design that there could be."""


def on(number: int, **more: Any) -> Action:
    return Action(Do.ONLINE, f"cpu{number}", **more)


def off(number: int, **more: Any) -> Action:
    return Action(Do.OFFLINE, f"cpu{number}", **more)


def guest(number: int, **more: Any) -> Action:
    return Action(Do.GUEST, f"cpu{number}", **more)


def wait_for(number: int, **more: Any) -> Action:
    return Action(Do.AWAIT, f"cpu{number}", **more)


def suspend(**more: Any) -> Action:
    return Action(Do.SUSPEND, **more)


def booted(*sve_bits: list[int] | None, **parts: Any) -> Outcome:
    """Boot CPUs cpu0, cpu1, ... with these SVE lengths."""
    return boot(Scenario(Topology.of(sve_bits), **parts))


def under_pkvm(*sve_bits: list[int] | None, **parts: Any) -> Outcome:
    return booted(*sve_bits, kvm_mode=KvmMode.PROTECTED, **parts)


def cpu_of(name: str, sve_vqs: int | None = None, sme_vqs: int | None = None, **parts: Any) -> Cpu:
    """Make a CPU from its sets of lengths as the kernel's bitmaps have them."""
    sve, sme = (None if vqs is None else bits_from_vqs(vqs) for vqs in (sve_vqs, sme_vqs))
    return cpu(name, sve, sme, **parts)


def group_of(name: str, sets_vqs: Iterable[int], *parts: Any, **more: Any) -> Group:
    """Make a group from its candidate sets as the kernel's bitmaps have them."""
    return Group(name, tuple(map(bits_from_vqs, sets_vqs)), *parts, **more)


def point_of(space: Space, sets_vqs: Iterable[int], setting: Setting) -> Scenario:
    """Return the scenario of a point of a space by its sets as the kernel's bitmaps have them."""
    return space.scenario([bits_from_vqs(vqs) for vqs in sets_vqs], setting)


@st.composite
def small_scenarios(draw: DrawFn) -> Scenario:
    """Up to four CPUs, early and late, with a few actions of up to two agents."""
    sets = draw(st.lists(st.sampled_from([N2, V1, A64FX]), min_size=1, max_size=4))
    act = st.builds(
        lambda do, cpu, agent: suspend(agent=agent) if do is suspend else do(cpu, agent=agent),
        st.sampled_from([on, off, guest, suspend]),
        st.integers(0, len(sets) - 1),
        st.sampled_from("ab"),
    )
    return Scenario(
        Topology.of(sets),
        maxcpus=draw(st.integers(1, len(sets))),
        kvm_mode=draw(st.sampled_from(KvmMode)),
        relay=draw(st.sampled_from(Relay)),
        bring_up=draw(st.sampled_from(BringUp)),
        actions=tuple(draw(st.lists(act, max_size=5))),
    )


def texts(outcome: Outcome) -> list[str]:
    return [line.text for line in outcome.facts.log]


def kinds(outcome: Outcome) -> list[HazardKind]:
    return list(dict.fromkeys(hazard.kind for hazard in outcome.found))


def results(outcome: Outcome) -> list[tuple[str, str | None]]:
    """Outcome and errno of each action."""
    return [(one.outcome, one.error) for one in outcome.facts.actions]
