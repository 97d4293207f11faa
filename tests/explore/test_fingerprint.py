"""Fingerprints: every field of every part of a boot counts or says why not, and the frames of generators do not."""

import importlib
import pkgutil
import random
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import fields as fields_of
from dataclasses import is_dataclass, replace
from enum import Enum
from itertools import permutations, product
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
import simpy
from simpy.events import Event, Process
from simpy.resources.resource import Request

from sim import rules
from sim.boot_run import BootRun
from sim.cores import known_core
from sim.cpufeature_tables import KernelTables
from sim.designs import Design
from sim.environment import Lock, Step, StepKind
from sim.errnos import Errno
from sim.explore.controlled_env import ControlledEnvironment, ControlledLock, controlled_boot
from sim.explore.exploration import explore_orders
from sim.explore.fingerprint import fingerprint
from sim.facts import ActionOutcome, Refused
from sim.id_registers import Core
from sim.kernel.features.capabilities import CapabilityTable
from sim.kernel.features.cpu_id import CpuId
from sim.kernel.features.hwcaps import HwcapTable
from sim.kernel.printk import Printk
from sim.kernel.refusal import Refusal
from sim.latencies import Distribution, Latencies, fixed
from sim.processes.guests import Guests, _GuestRun
from sim.processes.hotplug import Hotplug, _BringUp
from sim.processes.recorder import Recorder
from sim.rules import Reason
from sim.scenario import Action, BringUp, Fault, KvmInit, KvmMode, MemoryLayout, Relay, Scenario
from sim.topology import Cpu, EnableMethod, Features, Topology
from sim.vectors import VectorType
from tests.systems import A64FX, N2, V1, cpu_of, guest, off, on, suspend, wait_for

LATE = Latencies(cpu_on=fixed("6s"))
"""Every CPU may arrive after the wait for it has ended."""
A55_REGISTERS = {
    "CTR_EL0": 0x84448004,
    "CLIDR_EL1": 0x82000023,
    "CNTFRQ_EL0": 0x3B9ACA0,
    "DCZID_EL0": 4,
    "ID_AA64DFR0_EL1": 0x10305408,
    "ID_AA64ISAR0_EL1": 0x100010211120,
    "ID_AA64ISAR1_EL1": 0x100001,
    "ID_AA64MMFR0_EL1": 0x101122,
    "ID_AA64MMFR1_EL1": 0x10212122,
    "ID_AA64MMFR2_EL1": 0x1011,
    "ID_AA64PFR0_EL1": 0x11110022,
    "ID_AA64PFR1_EL1": 0x10,
    "ID_ISAR5_EL1": 0x1011121,
    "ID_PFR1_EL1": 0x10010001,
    "MVFR1_EL1": 0x13211111,
}


def core_like_a55(name: str, midr: int, **registers: int) -> Features:
    """Return the features of a core that has Cortex-A55's registers but for some."""
    return Features(core=Core(name, midr, A55_REGISTERS | registers, "a test", has_all_features=True))


A55 = core_like_a55("a55", 0x410FD050)
SCENARIOS = {
    "cores that differ": Scenario(
        Topology(
            (
                Cpu("cpu0", core_like_a55("a76", 0x414FD0B1, ID_AA64PFR0_EL1=0x1100000011110011)),
                Cpu("cpu1", A55),
                Cpu("cpu4", A55),
                Cpu("cpu5", A55),
                Cpu("cpu2", core_like_a55("a55 without SSBS", 0x410FD050, ID_AA64PFR1_EL1=0), late=True),
                Cpu("cpu3", core_like_a55("a76 r0", 0x410FD0B0, ID_AA64DFR0_EL1=0x10305409), late=True),
            )
        ),
        kernel="6.12",
        options="allow_mismatched_32bit_el0 kpti=1 mitigations=off",
        actions=(on(3, agent="a"), on(2, agent="b"), off(1, agent="b"), off(0, agent="b"), on(0, agent="b")),
    ),
    "a core of 6.1": Scenario(
        Topology(
            (
                Cpu("cpu0", core_like_a55("a76", 0x414FD0B1, CTR_EL0=0x9444C004)),
                Cpu("cpu1", A55),
                Cpu("cpu2", core_like_a55("a55 with smaller blocks", 0x411FD050, DCZID_EL0=3), late=True),
            )
        ),
        kernel="6.1",
        actions=(off(1), on(2)),
    ),
    "a core of unknown registers": Scenario(
        Topology((Cpu("cpu0", A55), Cpu("cpu1", Features(core=known_core("arm,cortex-x1"))))), kernel="6.12"
    ),
    "registers unknown of all CPUs": Scenario(
        Topology((Cpu("cpu0", Features(core=known_core("arm,cortex-x1"))),)), kernel="6.12"
    ),
    "busy": Scenario(
        Topology.of(
            [A64FX, A64FX, V1, [128, 256, 384, 512], [128, 256, 512, 1024]], [[128], [128], [128], [128], [128]]
        ),
        kernel="6.18",
        design="brown-v4-meant",
        kvm_mode=KvmMode.PROTECTED,
        relay=Relay.RELAXED,
        maxcpus=2,
        actions=(
            guest(0, rounds=2, agent="a"),
            off(1, agent="b"),
            on(1, agent="b"),
            on(2, agent="c"),
            on(4, agent="d"),
            guest(4, agent="d"),
            wait_for(1, agent="e"),
        ),
    ),
    "late arrivals": Scenario(
        Topology.of([V1, V1, N2]),
        maxcpus=2,
        kvm_init=KvmInit.ANY_TIME,
        faults=(Fault("cpu1", arrives_after_ns=6_000_000_000),),
        latencies=LATE,
        actions=(on(2, agent="a"), on(1, agent="b"), wait_for(1, agent="c"), wait_for(2, agent="d")),
    ),
    "parallel bring-up": Scenario(
        Topology.of([V1, V1, V1]),
        bring_up=BringUp.PARALLEL,
        latencies=replace(LATE, probe=Distribution("uniform", (0, 1000))),
    ),
    "pKVM at any time": Scenario(
        Topology.of([V1, V1, None]),
        kvm_mode=KvmMode.PROTECTED,
        kvm_init=KvmInit.ANY_TIME,
        maxcpus=2,
        actions=(off(1, agent="a"), on(1, agent="a"), on(2, agent="b")),
    ),
    "no memory": Scenario(Topology.of([V1, V1]), kvm_mode=KvmMode.PROTECTED, allocation_fails_at="cpu1"),
    "panic": Scenario(
        Topology.of([V1, A64FX]),
        kvm_mode=KvmMode.PROTECTED,
        relay=Relay.RELAXED,
        design="v6.11",
        memory=MemoryLayout.ISOLATED,
        maxcpus=1,
        actions=(on(1), guest(1)),
    ),
    "faults": Scenario(
        Topology.of([V1, V1, V1]), faults=(Fault("cpu1", answer="INTERNAL_FAILURE"), Fault("cpu2", never_arrives=True))
    ),
    "faults of some calls": Scenario(
        Topology.of([V1, V1]),
        arm64_nosme=True,
        faults=(Fault("cpu1", answer="DENIED", first=2, last=3),),
        actions=(off(1), on(1), on(1, agent="other"), on(1, agent="third")),
    ),
    "suspends": Scenario(
        Topology.of([V1, V1, V1]),
        faults=(Fault("cpu2", never_arrives=True, first=2),),
        actions=(suspend(agent="a"), guest(1, agent="b", rounds=2), suspend(agent="c"), off(1, agent="d")),
    ),
    "a CPU that stays on": Scenario(
        Topology.of([V1, V1]), faults=(Fault("cpu1", stays_on=True),), actions=(off(1), on(1))
    ),
    "a spin table": Scenario(
        Topology((cpu_of("cpu0"), cpu_of("cpu1", enable_method=EnableMethod.SPIN_TABLE))), actions=(suspend(),)
    ),
}
SEEDS = {"busy": 4, "late arrivals": 30, "parallel bring-up": 10, "pKVM at any time": 6, "suspends": 4}
"""The number of drawn orders in which each scenario runs; of the others, one."""
UNCOUNTED = {
    # The past, which only the record tells
    "ControlledEnvironment.left_early": "the run is over",
    "FeatureHistory.moments": "the past, which pages show",
    "Recorder.actions": "actions that are over",
    "Recorder.booted_events[]": "a place among the events; that the CPU was online is there",
    "Recorder.early": "tables show it, and nothing depends on it",
    "Recorder.features_at_user_space": "the past, which tables show; the features are there as they are now",
    "Recorder._judged_at_user_space": "the past, as above",
    "Recorder.final_event": "a place among the events",
    "Recorder.guests[].cpu": "of visits, only the lengths that each guest saw",
    "Recorder.guests[].event": "a place among the events",
    "Recorder.guests[].killed": "follows from the lengths and KVM's limit, which are there",
    "Recorder.guests[].time_ns": "a time",
    "Recorder.lost": "the states of lost CPUs are there",
    "Recorder.panic.event": "a place among the events",
    "Recorder.panic.is_silent": "the sentence says it",
    "Recorder.panic.of_hypervisor": "the sentence says it",
    "Recorder.panic.time_ns": "a time",
    "Recorder.refused[].event": "a place among the events",
    "Recorder.refused[].refusal.lengths": "words for what follows from the CPU and the system's lengths",
    "Recorder.refused[].refusal.vector_type": "the extension is there",
    "Recorder.refused[].refusal.verdict": "follows from the CPU, the system's lengths and what was announced",
    "Recorder.refused[].time_ns": "a time",
    "Recorder.relay_refused": "the states of these CPUs are there",
    "Recorder.suspends": "suspends that are over; the states of the CPUs are there",
    "Recorder.shared_tasks": "the CPU that runs each idle task is there",
    "SaveArea.saves[:-1]": "saves that are over; those whose restore is to come are there",
    "SaveArea.saves[].event": "a place among the events",
    "SaveArea.saves[].time_ns": "a time",
    "System._draws": "streams of durations, and any enabled step may be next",
    "UserSpace._underway[]": "the scenario's action, and when it began; that it is under way is there",
    # What is there elsewhere
    "Guests._seats": "locks are in the environment's snapshot",
    "Guests._stays": "awaited steps are in the environment's snapshot",
    "Until._step": "awaited steps are in the environment's snapshot",
    "Hotplug._coming": "the agents that wait are there, with their actions",
    "UserSpace.left[][]": "the scenario's; the number of actions that are left is there",
    "CpuFeatures._counted": "a shortcut, which changes nothing",
    "CpuFeatures._first_code": "a shortcut, which changes nothing",
    "CpuFeatures.judged": "tells whether features may have changed; the features are there",
    "CpuFeatures._known_at": "follows from what is final and the registers, which are there",
    "CpuFeatures._supported": "follows from what is final and the registers, which are there",
    "Mitigations.final": "that the features are final is there",
    "SystemFeatures._nothing_differs": "a shortcut, which changes nothing",
    "SystemFeatures._like_the_boot_cpu": "a shortcut, which changes nothing",
    "SystemFeatures._nothing_new": "a shortcut, which changes nothing",
    "SystemRegisters.version": "the values are there",
    # What only tables show
    "Capabilities.by_option": "what the command line decided alone, which nothing depends on",
    "Capabilities.decided_by": "the CPU that decided, which nothing depends on",
    "SystemFeatures.early_kinds": "the early CPUs, by whose registers tables mark what is unknown",
    "Recorder.stored": "the CPUs whose registers the system's values were made from, which are there",
    "Recorder.refused[].refusal.panics_because": "words for the reason, which is there",
    # What the scenario settles
    "Capabilities._line": "the log",
    "CpuFeatures._capability_of": "the kernel's",
    "CpuFeatures.has_all": "the topology's",
    "CpuFeatures._configured": "the kernel's",
    "CpuFeatures._kinds": "the topology's",
    "CpuFeatures._readings": "the topology's",
    "CpuFeatures._tell": "the log",
    "FtrReg.user_value": "the kernel's",
    "Mitigations._line": "the log",
    "Mitigations._options": "the command line's",
    "Mitigations._warn": "the log",
    "Override.mask": "the command line's, and the boot CPU's",
    "Override.value": "the command line's, and the boot CPU's",
    "SystemFeatures._boot": "the boot CPU's",
    "SystemFeatures._line": "the log",
    "SystemFeatures._series": "the kernel's",
    "SystemFeatures._surroundings": "the log and the record of exception levels, which is there",
    "SystemFeatures._tell": "the log",
    "SystemFeatures.options": "the kernel's and the command line's",
    "SystemRegisters._config": "the kernel's",
    "SystemRegisters._overrides": "the command line's",
    "SystemRegisters._unknown": "the cores'",
    "VectorLengths._announces": "the design's",
    "VectorLengths._has_pseudo_registers": "the kernel's",
    "VectorLengths._late_store": "the design's",
    "VectorLengths._refuses": "the design's",
    "VectorLengths.announced[].time_ns": "a time",
    "ControlledEnvironment._ahead": "the explorer's",
    "ControlledEnvironment._choose": "the explorer's",
    "ControlledEnvironment.late": "follows from the scenario's durations",
    "Psci._faults[key]": "the scenario's",
    "_FaultsOfCpu._faults": "the scenario's",
    "System.logical": "the topology's",
    "VectorUnit._el3_vqs": "the CPU's",
    "VectorUnit.supported_vqs": "the CPU's",
    "VlInfo.type": "its place among the records",
    # What KVM's initcall settles
    "El2Memory._cell_bytes": "follows from KVM's limit for the host, which is there",
    "El2Memory._mapped_from": "follows from the scenario",
    "El2Memory._mapped_to": "follows from KVM's limit for the host, which is there",
    "El2Memory._run_offset": "follows from the scenario",
    "El2Memory.cpus": "the topology's",
    "El2Memory.run_bytes": "follows from KVM's limit for the host, which is there",
    "Pkvm._design": "the scenario's, and the features that are final",
    "SaveArea._allocation_vq": "KVM's limit for the host, which is there",
    "SaveArea._committed_vq": "the largest length of vq_map, which is there",
    "SaveArea._ffr_pointer": "the design's",
    "SaveArea._vq_map": "is there, and final",
    "SaveArea._zcr_el2_len": "follows from the design, vq_map and KVM's limit for the host",
    "SaveArea.allocation_vqs": "KVM's limit for the host, which is there",
    "SaveArea.limit_vqs": "follows from the design, vq_map and KVM's limit for the host",
    "SaveArea.size": "follows from KVM's limit for the host, which is there",
}
_SIMPY = simpy.Environment()
BROKEN = (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError)
"""The errors of a snapshot of a state that cannot be."""


def is_part(value: Any) -> bool:
    """Return True for what changes while a boot runs: neither a value, nor a record, nor the log."""
    return (
        type(value).__module__.startswith("sim.")
        and not isinstance(value, tuple | Enum | Printk | Topology | CapabilityTable | HwcapTable)
        and not (isinstance(value, msgspec.Struct) and value.__struct_config__.frozen)
        and not (is_dataclass(value) and vars(type(value))["__dataclass_params__"].frozen)
    )


def fields(part: Any) -> dict[str, Any]:
    """Return the fields of a part, but for those that SimPy gives it."""
    if isinstance(part, ControlledLock):
        return {"which": part.which, "users": part.users, "queue": part.queue}
    if isinstance(part, msgspec.Struct):
        return {name: getattr(part, name) for name in part.__struct_fields__}
    names = vars(part) if hasattr(part, "__dict__") else type(part).__slots__
    of_simpy = () if not isinstance(part, simpy.Environment | simpy.Event) else (*vars(_SIMPY), *vars(_SIMPY.event()))
    return {name: getattr(part, name) for name in names if name not in of_simpy}


def parts(run: BootRun) -> list[Any]:
    """Return the parts of a boot, each once: those that its fields lead to."""
    found: dict[int, Any] = {}
    to_do: list[Any] = [run]
    while to_do:
        value = to_do.pop()
        if isinstance(value, Mapping):
            to_do += value.values()
        elif isinstance(value, list | tuple):
            to_do += value
        elif is_part(value) and id(value) not in found:
            found[id(value)] = value
            to_do += fields(value).values()
    return list(found.values())


def changes(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield other values of the same kind, each with the name of what differs within."""
    if isinstance(value, dict):
        yield from _changes_of_a_dict(value)
    elif isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        if isinstance(value, list):
            yield "[:-1]", value[:-1]
        for place, one in enumerate(value):
            for name, other in () if refers(one) else changes(one):
                yield f"[]{name}", type(value)([*value[:place], other, *value[place + 1 :]])
    elif names := names_in(value):
        for field in names:
            for name, other in changes(getattr(value, field)):
                record = {one: getattr(value, one) for one in names} | {field: other}
                yield f".{field}{name}", type(value)(**record)
    else:
        yield "", _another(value)


def names_in(value: Any) -> tuple[str, ...]:
    """Return the fields of a record; a part of a scenario has none, because it stays the same."""
    if isinstance(value, msgspec.Struct):
        return () if stays_the_same(value) else value.__struct_fields__
    if not is_dataclass(value) or isinstance(value, Action | Cpu | Design | Fault):
        return getattr(value, "_fields", ())
    return tuple(one.name for one in fields_of(value))


def _changes_of_a_dict(value: dict[Any, Any]) -> Iterator[tuple[str, Any]]:
    for key, content in value.items():
        rest = {one: of for one, of in value.items() if one != key}
        # A process cannot be changed, so it is left out.
        # Beside other keys another key may show by its place alone.
        keys = () if rest or isinstance(key, Process) else (other for _, other in changes(key))
        yield "", rest
        for other in keys:
            yield "[key]", {**rest, other: content}
        for name, other in () if refers(content) else changes(content):
            yield f"[]{name}", {**value, key: other}


def _another(value: Any) -> Any:
    """Return another value in the place of a value without parts."""
    other: Any = None
    match value:
        case bool():
            other = not value
        case Enum():
            other = next(one for one in type(value) if one is not value)
        case int():
            other = value ^ 1
        case str():
            other = value + "x"
        case bytes() | bytearray():
            other = type(value)([value[0] ^ 1]) + value[1:]
        case set() | frozenset():
            other = value ^ {99}
        case Event():
            other = Event(value.env)
            if not value.triggered:
                other._ok, other._value = True, None
        case None:
            other = 1
    return other


def refers(value: Any) -> bool:
    """Return True for another part, whose own fields are changed, and for what is the same in a whole exploration."""
    constant = Scenario | Topology | Printk | Request | KernelTables | CapabilityTable | HwcapTable | CpuId
    return is_part(value) or isinstance(value, constant) or stays_the_same(value)


def stays_the_same(value: Any) -> bool:
    """Return True for an entry of the kernel's tables, and for what was logged, which nothing reads back."""
    of_tables_or_log = ("sim.cpufeature_tables.", "sim.kernel.printk")
    return isinstance(value, msgspec.Struct) and type(value).__module__.startswith(of_tables_or_log)


class Survey:
    """The fields of the parts of boots, and those whose change changes the fingerprint."""

    def __init__(self) -> None:
        self.types: set[type] = set()
        self.seen: set[str] = set()
        self.counting: set[str] = set()
        self._empty: set[str] = set()
        self._filled: set[str] = set()

    @property
    def never_filled(self) -> set[str]:
        """The fields that were None or empty in every state."""
        return self._empty - self._filled

    def look(self, run: BootRun) -> None:
        """Change every field of a boot's current state, one at a time."""
        before = fingerprint(run)
        for part in parts(run):
            self.types.add(type(part))
            for field, value in fields(part).items():
                name = f"{type(part).__name__}.{field}"
                is_empty = value is None or (isinstance(value, list | dict | set | frozenset) and not value)
                (self._empty if is_empty else self._filled).add(name)
                for within, other in () if refers(value) else changes(value):
                    if name + within in self.counting:
                        continue
                    own = snapshot_of(part)
                    setattr(part, field, other)
                    try:
                        # Another part may look at the field too, which does not declare it.
                        declares = own is None or snapshot_of(part) != own
                        differs = fingerprint(run) != before and declares
                    except BROKEN:
                        continue  # such a state cannot be, and a snapshot reads the field
                    finally:
                        setattr(part, field, value)
                    self.seen.add(name + within)
                    if differs:
                        self.counting.add(name + within)


def snapshot_of(part: Any) -> tuple[object, ...] | None:
    """Return a part's own snapshot, with all that it may hold; None where another part's has its fields."""
    match part:
        case Recorder():
            return part.snapshot(kvm_decided=False) if part.panic is None else None
        case Hotplug() | BootRun():
            return part.snapshot(late_arrivals=True)
    return part.snapshot() if hasattr(part, "snapshot") else None


def reason_for(name: str) -> str | None:
    """Return the entry of `UNCOUNTED` that a field falls under."""
    return next((one for one in UNCOUNTED if name == one or (name.startswith(one) and name[len(one)] in ".[")), None)


def survey(found: Survey, scenario: Scenario, seed: int) -> None:
    """Run a scenario in a drawn order, and look at each state."""
    draw = random.Random(seed)  # noqa: S311 (an order, not a secret)

    def choose(enabled: list[Step]) -> Step:
        found.look(run)
        return draw.choice(enabled)

    run = controlled_boot(scenario, choose)
    run.system.features.watch()
    run.to_the_end()
    found.look(run)


@pytest.fixture(scope="module")
def surveyed() -> Survey:
    found = Survey()
    for name, scenario in SCENARIOS.items():
        for seed in range(SEEDS.get(name, 1)):
            survey(found, scenario, seed)
    return found


def test_every_field_counts_or_says_why_not(surveyed: Survey) -> None:
    assert {name for name in surveyed.seen - surveyed.counting if reason_for(name) is None} == set()


def test_each_reason_is_about_a_field_that_does_not_count(surveyed: Survey) -> None:
    assert {reason_for(name) for name in surveyed.counting} == {None}
    assert {reason_for(name) for name in surveyed.seen} - {None} == UNCOUNTED.keys()


def test_every_field_occurs_with_a_value(surveyed: Survey) -> None:
    assert surveyed.never_filled == set()


def test_every_class_with_a_snapshot_occurs(surveyed: Survey) -> None:
    modules = [importlib.import_module(type_.__module__) for type_ in surveyed.types]
    folders = {module.__name__.rpartition(".")[0] for module in modules}
    classes = {
        one
        for folder in folders
        for found in pkgutil.iter_modules(importlib.import_module(folder).__path__, f"{folder}.")
        if not found.ispkg
        for one in vars(importlib.import_module(found.name)).values()
        if isinstance(one, type) and "snapshot" in vars(one)
    }
    assert classes == {one for one in surveyed.types if "snapshot" in vars(one)}


def test_locks_count_with_their_identity_their_holders_and_their_waiters() -> None:
    env = ControlledEnvironment(lambda enabled: enabled[0], frozenset())
    env._agents = {name: name for name in "ab"}  # type: ignore[misc]
    snapshots = []
    for which in (Lock(StepKind.TAKE_SEAT, 0), Lock(StepKind.TAKE_SEAT, 1), Lock(StepKind.TAKE_HOTPLUG_LOCK)):
        env.locks = []
        lock: Any = env.lock(which)
        for lock.users, lock.queue in product(*([[], *([SimpleNamespace(proc=name)] for name in "ab")],) * 2):
            if lock.users or lock.queue:
                snapshots.append(env.snapshot())
    assert len(set(snapshots)) == len(snapshots) == 24


def test_the_order_in_which_locks_were_made_does_not_count() -> None:
    def snapshot(*made: Lock) -> tuple[object, ...]:
        env = ControlledEnvironment(lambda enabled: enabled[0], frozenset())
        for which in made:
            held: Any = env.lock(which)
            held.users = [SimpleNamespace(proc=None)]
        return env.snapshot()

    locks = (Lock(StepKind.TAKE_HOTPLUG_LOCK), Lock(StepKind.TAKE_SEAT, 0), Lock(StepKind.TAKE_SEAT, 1))
    assert len({snapshot(*made) for made in permutations(locks)}) == 1


def late_run() -> BootRun:
    """Return a boot in whose state two CPUs are on their way, each with boot arguments of its own."""
    scenario, taken = SCENARIOS["parallel bring-up"], 0

    def choose(enabled: list[Step]) -> Step | None:
        nonlocal taken
        taken += 1
        calls = [step for step in enabled if step.kind in {StepKind.PROBE, StepKind.CPU_ON_CALL}]
        return calls[0] if calls else None

    run = controlled_boot(scenario, choose)
    run.system.env.run()
    assert len(run.hotplug._arriving) == 2
    return run


def test_boot_arguments_count_while_a_cpu_may_arrive_late_and_take_them() -> None:
    run = late_run()
    hotplug, own = run.hotplug, run.hotplug._arriving[1]
    before = {late: hotplug.snapshot(late_arrivals=late) for late in (False, True)}
    for data in (own.data, hotplug._shared.data):
        task, data.task = data.task, 0
        assert hotplug.snapshot(late_arrivals=True) != before[True]
        assert hotplug.snapshot(late_arrivals=False) == before[False]
        data.task = task
    assert hotplug.snapshot(late_arrivals=True) == before[True]
    alone = []
    for number in (1, 2):
        hotplug._arriving = {number: own}
        alone.append(hotplug.snapshot(late_arrivals=True))
    assert alone[0] != alone[1]


def test_the_actions_that_are_left_count_as_those_of_their_agent() -> None:
    user_space = late_run().user_space
    user_space.left = {"a": [], "b": [on(1)]}
    before = user_space.snapshot()
    user_space.left = {"a": [on(1)], "b": []}
    assert user_space.snapshot() != before


def test_arguments_of_its_own_and_shared_ones_differ_though_they_are_equal() -> None:
    hotplug = late_run().hotplug
    shared = hotplug._shared
    hotplug._arriving[1] = _BringUp(copy(shared.data), shared.running)
    own = hotplug.snapshot(late_arrivals=True)
    hotplug._arriving[1] = shared
    assert hotplug.snapshot(late_arrivals=True) != own


def test_refusals_count_until_kvm_has_decided_whether_they_were_needless() -> None:
    recorder = Recorder(SCENARIOS["busy"])
    before = {decided: recorder.snapshot(kvm_decided=decided) for decided in (False, True)}
    found = rules.late_findings(0, 0, 0, 0, 0)
    refusal = Refusal("SVE", VectorType.SVE, Reason.LACKS_EXTENSION, rules.late_verdict(found, 0, 0))
    recorder.refused.append(Refused(0, 2, 2, refusal, 0))
    assert recorder.snapshot(kvm_decided=False) != before[False]
    assert recorder.snapshot(kvm_decided=True) == before[True]


def guests_that_keep_a_list(self: Guests, action: Action, number: int) -> Any:
    """`Guests.run` with the rounds as a list in a local variable."""
    rounds: list[int] = []
    if not self._smp.is_online(number):
        return ActionOutcome.FAILED, Errno.EINVAL
    run = self._runs[action.agent] = _GuestRun(number)
    while len(rounds) < action.rounds:
        with self.seat(run.number).request() as seat:
            yield seat
            if self._may_enter(run.number):
                yield from self._round(action.guest, run)
                rounds.append(number)
                run.rounds = len(rounds)
        if len(rounds) < action.rounds and not self._may_enter(run.number):
            run.number = next(online for online in self._smp.online() if online != run.number)
    del self._runs[action.agent]
    return ActionOutcome.RAN, Errno.OK


def test_a_process_that_is_written_otherwise_has_the_same_states(monkeypatch: pytest.MonkeyPatch) -> None:
    actions = (guest(1, rounds=3, agent="a"), off(1, agent="b"), guest(0, rounds=2, agent="c"))
    scenario = Scenario(Topology.of([N2, A64FX]), kernel="6.11", kvm_mode=KvmMode.PROTECTED, actions=actions)
    before = explore_orders(scenario)
    monkeypatch.setattr(Guests, "run", guests_that_keep_a_list)
    after = explore_orders(scenario)
    assert (after.states, after.ends, after.orders, after.found) == (
        before.states,
        before.ends,
        before.orders,
        before.found,
    )
