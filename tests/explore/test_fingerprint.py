"""Fingerprints: every field that changes while a boot runs counts, and the frames of generators do not."""

import random
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from typing import Any

import pytest
from simpy.events import Event

from sim import rules
from sim.boot_run import BootRun
from sim.environment import Step
from sim.errnos import Errno
from sim.explore.controlled_env import controlled_boot
from sim.explore.exploration import explore_orders
from sim.explore.fingerprint import fingerprint
from sim.facts import ActionOutcome, Refused
from sim.kernel.cpufeature import Refusal
from sim.latencies import Latencies, fixed
from sim.processes.guests import Guests, _GuestRun
from sim.processes.recorder import Recorder
from sim.rules import Reason
from sim.scenario import Action, Fault, KvmInit, KvmMode, Relay, Scenario
from sim.topology import Topology
from sim.vectors import VectorType
from tests.systems import A64FX, N2, V1, guest, off, on, wait_for

BUSY = Scenario(
    Topology.of([A64FX, A64FX, V1, [128, 256, 384, 512], [128, 256, 512, 1024]], [[128], [128], [128], [128], [128]]),
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
)
LATE_ARRIVALS = Scenario(
    Topology.of([V1, V1, N2]),
    maxcpus=2,
    kvm_init=KvmInit.ANY_TIME,
    faults=(Fault("cpu1", arrives_after_ns=6_000_000_000),),
    latencies=Latencies(cpu_on=fixed("6s")),
    actions=(on(2, agent="a"), on(1, agent="b"), wait_for(1, agent="c"), wait_for(2, agent="d")),
)
PAST = {
    "Recorder.actions": "actions that are over",
    "Recorder.guests": "of visits, only the lengths that each guest saw",
    "Recorder.lost": "the states of lost CPUs are there",
    "Recorder.shared_tasks": "the CPU that runs each idle task is there",
    "Recorder.final_event": "a place among the events",
    "SaveArea.saves": "saves that are over; those whose restore is to come are there",
    "UserSpace._underway": "when the action began; that it is under way is there",
    "Hotplug._coming": "the agents that wait are there, with their actions",
    "Guests._seats": "locks are in the environment's snapshot",
}
"""The fields that change and do not count by themselves, each with the reason."""


def parts(run: BootRun) -> Iterator[Any]:
    """Yield the parts of a boot that hold its state."""
    system, hotplug = run.system, run.hotplug
    yield from (system.smp, system.features, *system.features.vl_info.values(), system.kvm, system.psci)
    yield from (system.recorder, *system.units.values(), run.guests, hotplug, run.user_space)
    yield from (hotplug._shared.data, hotplug._shared.running, *run.guests._runs.values())
    if system.kvm.pkvm is not None:
        yield system.kvm.pkvm
    if system.kvm.save_area is not None:
        yield from (system.kvm.save_area, system.kvm.save_area._memory)


def fields(part: Any) -> dict[str, Any]:
    names = vars(part) if hasattr(part, "__dict__") else type(part).__slots__
    return {name: getattr(part, name) for name in names}


def name_of(part: Any, field: str) -> str:
    return f"{type(part).__name__}.{field}"


def is_plain(value: Any) -> bool:
    return isinstance(value, bool | int | str | bytes | bytearray | tuple | list | dict | set | Event | None)


def test_refusals_count_until_kvm_has_decided_whether_they_were_needless() -> None:
    recorder = Recorder(BUSY)
    before = {decided: recorder.snapshot(kvm_decided=decided) for decided in (False, True)}
    found = rules.late_findings(0, 0, 0, 0, 0)
    refusal = Refusal("SVE", VectorType.SVE, Reason.LACKS_EXTENSION, rules.late_verdict(found, 0, 0))
    recorder.refused.append(Refused(0, 2, 2, refusal, 0))
    assert recorder.snapshot(kvm_decided=False) != before[False]
    assert recorder.snapshot(kvm_decided=True) == before[True]


def changed(value: Any) -> Any:
    """Return another value of the same kind."""
    match value:
        case bool():
            other: Any = not value
        case int():
            other = value ^ 1
        case bytearray():
            other = bytearray([value[0] ^ 1]) + value[1:]
        case dict():
            other = dict(list(value.items())[:-1])
        case set():
            other = value ^ {99}
        case list() | tuple():
            other = value[:-1]
        case _:
            other = 1 if value is None else None
    return other


def walk(scenario: Scenario, look: Callable[[BootRun], None], seed: int) -> None:
    """Run a scenario in a drawn order, and look at each state."""
    draw = random.Random(seed)  # noqa: S311 (an order, not a secret)

    def choose(enabled: list[Step]) -> Step:
        look(run)
        return draw.choice(enabled)

    run = controlled_boot(scenario, choose)
    run.to_the_end()


def fields_that_change(scenario: Scenario, seeds: range) -> set[str]:
    found: set[str] = set()
    for seed in seeds:
        seen: dict[tuple[int, str], str] = {}

        def look(run: BootRun, seen: dict[tuple[int, str], str] = seen) -> None:
            for part in parts(run):
                for field, value in fields(part).items():
                    if is_plain(value):
                        key = id(part), name_of(part, field)
                        if seen.setdefault(key, repr(value)) != repr(value):
                            found.add(key[1])

        walk(scenario, look, seed)
    return found


def fields_that_count(scenario: Scenario, seeds: range) -> set[str]:
    found: set[str] = set()

    def look(run: BootRun) -> None:
        before = fingerprint(run)
        for part in parts(run):
            for field, value in fields(part).items():
                name = name_of(part, field)
                if name in found or not is_plain(value) or (isinstance(value, list | dict | tuple) and not value):
                    continue
                setattr(part, field, changed(value))
                try:
                    differs = fingerprint(run) != before
                except (AssertionError, AttributeError, TypeError, KeyError, ValueError, IndexError):
                    differs = True  # the snapshot looks at the field
                setattr(part, field, value)
                if differs:
                    found.add(name)

    for seed in seeds:
        walk(scenario, look, seed)
    return found


@pytest.fixture(scope="module")
def changing() -> set[str]:
    return fields_that_change(BUSY, range(40)) | fields_that_change(LATE_ARRIVALS, range(150))


def test_every_field_that_changes_counts_or_says_why_not(changing: set[str]) -> None:
    counting = fields_that_count(BUSY, range(4)) | fields_that_count(LATE_ARRIVALS, range(30))
    assert len(counting) > 20
    assert changing - counting <= PAST.keys()


def test_each_reason_is_about_a_field_that_changes(changing: set[str]) -> None:
    assert PAST.keys() <= changing


def guests_that_keep_a_list(self: Guests, action: Action, number: int) -> Any:
    """`Guests.run` with the rounds as a list in a local variable."""
    rounds: list[int] = []
    if not self._smp.is_online(number):
        return ActionOutcome.FAILED, Errno.EINVAL
    run = self._runs[action.agent] = _GuestRun(number)
    while len(rounds) < action.rounds:
        with self.seat(run.number).request() as seat:
            yield seat
            if self._stays(run.number):
                yield from self._round(action.guest, run)
                rounds.append(number)
                run.rounds = len(rounds)
        if len(rounds) < action.rounds and not self._stays(run.number):
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


def test_every_part_is_a_plain_object() -> None:
    run = controlled_boot(BUSY, lambda enabled: enabled[0])
    run.to_the_end()
    assert all(hasattr(part, "__dict__") or is_dataclass(part) or type(part).__slots__ for part in parts(run))
