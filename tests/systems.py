"""Small systems for tests: a boot in one call, and what it said in few words."""

from typing import Any

from hypothesis import strategies as st

from sim.booting import boot
from sim.designs import Design, LateCpu, LateStore, Pointer, Sizing, ZcrEl2
from sim.hazards import HazardKind
from sim.outcome import Outcome
from sim.scenario import Action, Do, KvmMode, Scenario
from sim.topology import Topology

A64FX = [128, 256, 512]
V1 = [128, 256]
N2 = [128]
DESIGN = st.builds(
    Design,
    name=st.just("drawn"),
    buffer_sized_by=st.sampled_from(Sizing),
    zcr_el2=st.sampled_from(ZcrEl2),
    ffr_pointer=st.sampled_from(Pointer),
    late_cpu=st.sampled_from(LateCpu),
    late_store=st.sampled_from(LateStore),
)
"""Any design that there could be."""


def on(number: int, **more: Any) -> Action:
    return Action(Do.ONLINE, f"cpu{number}", **more)


def off(number: int, **more: Any) -> Action:
    return Action(Do.OFFLINE, f"cpu{number}", **more)


def guest(number: int, **more: Any) -> Action:
    return Action(Do.GUEST, f"cpu{number}", **more)


def wait_for(number: int, **more: Any) -> Action:
    return Action(Do.AWAIT, f"cpu{number}", **more)


def booted(*sve_bits: list[int] | None, **parts: Any) -> Outcome:
    """Boot CPUs cpu0, cpu1, ... with these SVE lengths."""
    return boot(Scenario(Topology.of(sve_bits), **parts))


def under_pkvm(*sve_bits: list[int] | None, **parts: Any) -> Outcome:
    return booted(*sve_bits, kvm_mode=KvmMode.PROTECTED, **parts)


def texts(outcome: Outcome) -> list[str]:
    return [line.text for line in outcome.facts.log]


def kinds(outcome: Outcome) -> list[HazardKind]:
    return list(dict.fromkeys(hazard.kind for hazard in outcome.found))


def results(outcome: Outcome) -> list[tuple[str, str | None]]:
    """Outcome and errno of each action."""
    return [(one.outcome, one.error) for one in outcome.facts.actions]
