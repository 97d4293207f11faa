"""Small random scenarios, in which some CPUs are often alike and others break the symmetry, and what they have."""

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from sim.cores.known_cores import known_core
from sim.cores.named_fields import named_field
from sim.designs import DESIGNS
from sim.id_registers import Core
from sim.scenario import Action, BringUp, Do, Fault, KvmInit, KvmMode, MemoryLayout, Relay, Scenario
from sim.topology import Cpu, EnableMethod, Topology, Weakness
from tests.systems import cpu_of, guest, off, on, suspend, wait_for

LENGTHS = (None, 0b1, 0b11, 0b11, 0b1011, 0b1011)
PROGRAMS = (
    *((on,), (on,), (on,), (guest,), (guest,), (on, guest), (on, off), (off, on), (wait_for,), (wait_for, guest)),
    *((guest, guest), (on, off, on)),
)
FAULTS = (
    Fault("cpu0", answer="DENIED", last=1),
    Fault("cpu0", never_arrives=True),
    Fault("cpu0", arrives_after_ns=6_000_000_000),
    Fault("cpu0", stays_on=True),
)
DESIGN_NAMES = tuple(name for name in DESIGNS if name != "constrain-v2")
CORES = ("arm,neoverse-v1", "arm,neoverse-v1", "arm,cortex-a76", "arm,cortex-a55")
CHANGES: tuple[dict[str, int], ...] = (
    {},
    {},
    {},
    {"BRPs": 1},
    {"CRC32": 0},
    {"RNDR": 1},
    {"PARange": 2},
    {"AArch32_EL0": 2},
)

Kind = Callable[[str, bool], Cpu]
"""Make a CPU of a kind, by its name and by whether firmware lists it late."""


def drawn(seed: int) -> Scenario:
    """Return a small scenario."""
    draw = random.Random(seed)  # noqa: S311 (a scenario)
    core = draw.choice((None, None, None, *CORES[:1], draw.choice(CORES)))
    kinds = [(_kind(draw, core), draw.sample(PROGRAMS, draw.choice((1, 1, 2)))) for _ in range(2)]
    of_cpu = [kinds[draw.random() < 0.25] for _ in range(draw.choice((2, 2, 3)))]  # the CPUs but for the boot CPU
    boot_cpu, lists_late = draw.choice((kinds[0][0], _kind(draw, core))), draw.random() < 0.1
    cpus = [boot_cpu("cpu0", False), *(kind(f"cpu{n}", lists_late) for n, (kind, _) in enumerate(of_cpu, 1))]
    psci = [n for n, one in enumerate(cpus) if n and one.firmware.enable_method is EnableMethod.PSCI]
    return Scenario(
        Topology(tuple(cpus), any_vls=True),
        draw.choice(("6.1", "6.6", "6.11", "6.12", "6.12")),
        design=draw.choice((None, None, *DESIGN_NAMES)),
        kvm_mode=draw.choice((KvmMode.PROTECTED, KvmMode.PROTECTED, KvmMode.DEFAULT)),
        relay=draw.choice((Relay.RELAXED, Relay.RELAXED, Relay.ENFORCING)),
        memory=draw.choice(tuple(MemoryLayout)),
        maxcpus=draw.choice((1, 1, 1, 2, None)),
        arm64_nosve=draw.random() < 0.05,
        bring_up=draw.choice((BringUp.ONE_AT_A_TIME,) * 5 + (BringUp.PARALLEL,)),
        kvm_init=draw.choice((KvmInit.IN_ORDER,) * 5 + (KvmInit.ANY_TIME,)),
        options=draw.choice(("",) * 5 + ("allow_mismatched_32bit_el0",)),
        actions=tuple(_actions(draw, [programs for _, programs in of_cpu])),
        faults=tuple(_faults(draw, psci)),
    )


def _kind(draw: random.Random, core: str | None) -> Kind:
    """Draw hardware and firmware; `core` None: only the vector lengths are modelled."""
    sve_vqs, more = draw.choice(LENGTHS), dict[str, Any]()
    if core is not None:
        more["core"] = _changed(draw, known_core(core))
        more["unaffected"] = frozenset(draw.sample(list(Weakness), draw.choice((0, 0, 0, 1, 2))))
    for chance, name, values in (
        (0.15, "sme_vqs", (0b1, 0b11)),
        (0.05, "cptr_el3_ez", (False,)),
        (0.1, "zcr_el3_len", (0, 1)),
        (0.05, "el", (1,)),
        (0.08, "enable_method", (EnableMethod.SPIN_TABLE,)),
    ):
        if draw.random() < chance:
            more[name] = draw.choice(values)
    return lambda name, late: cpu_of(name, sve_vqs, late=late, **more)


def _changed(draw: random.Random, core: Core) -> Core:
    """Draw changes of a core, which sometimes calls itself another."""
    changes = dict[str, int]()
    for name, value in draw.choice(CHANGES).items():
        field = named_field(name)
        changes[field.register] = field.put(core.id_registers.get(field.register, 0), value)
    return core.with_registers(draw.choice((core.midr,) * 4 + (known_core("arm,cortex-a76").midr,)), changes)


def _actions(draw: random.Random, of_cpu: list[list[tuple[Callable[..., Action], ...]]]) -> list[Action]:
    """Draw the order of agents' programs, on one CPU each, and sometimes an action that breaks the symmetry."""
    actions: list[Action] = []
    for number, programs in enumerate(of_cpu, 1):
        for place, program in enumerate(programs):
            agent, name = f"{'ab'[place]}{number}", draw.choice(("guest", f"guest {number}"))
            actions += (
                guest(number, agent=agent, guest=name) if do is guest else do(number, agent=agent) for do in program
            )
    if draw.random() < 0.2:
        actions.append(draw.choice((off, guest, on))(draw.choice((0, 0, 1)), agent="c"))
    if draw.random() < 0.15:
        actions.append(draw.choice((guest, wait_for, on))(draw.choice((1, 2)), agent="a1"))
    if draw.random() < 0.05:
        actions.append(suspend(agent="d"))
    draw.shuffle(actions)
    return actions


def _faults(draw: random.Random, numbers: list[int]) -> Iterator[Fault]:
    """Draw a fault, of the first or of all of these CPUs."""
    if numbers and draw.random() < 0.3:
        fault = draw.choice(FAULTS)
        for number in numbers[: draw.choice((1, len(numbers)))]:
            yield replace(fault, cpu=f"cpu{number}")


def parts(scenario: Scenario) -> Iterable[str]:
    """Yield the names of what a scenario has, to count scenarios by it."""
    if scenario.has_all_features:
        yield "features"
    if scenario.faults:
        yield "faults"
    if any(action.do is Do.SUSPEND for action in scenario.actions):
        yield "suspend"
    if scenario.has_pkvm:
        yield "pKVM"
