"""What tells one state of a boot under way from another: equal where everything that may still happen is the same.

A state is what the machine and the kernel hold, where each process stands, and what steps are awaited. Time is no part
of it, nor what is only told of the past: the log, the events, the saves that are over.
"""

from collections.abc import Iterator
from enum import Enum
from hashlib import blake2b
from types import GeneratorType
from typing import Any

import simpy
from simpy.events import Event, Process
from simpy.resources.resource import Request

from sim.boot_run import BootRun
from sim.explore.controlled_env import ChosenEnvironment
from sim.kernel.cpufeature import Announced
from sim.kernel.pkvm import Save
from sim.kernel.printk import Printk
from sim.scenario import Action, Scenario
from sim.topology import Cpu

_PAST = (Printk, Scenario, simpy.Environment, Save, Cpu)
"""What is told of the past, or is the same in every state of one scenario."""
_PLAIN = (int, str, bytes, float, type(None))
_ROOTS = {"_system", "_facts", "_features", "_kvm", "_guests", "_smp"}
"""What parts of a system call each other; each is looked at once."""


def state_of(running: BootRun) -> bytes:
    """What tells states of one scenario apart: 16 bytes, the digest of all that a state is."""
    system = running.system
    env = system.env
    assert isinstance(env, ChosenEnvironment)
    known = _Known(env.processes)
    arguments = running.hotplug.boot_arguments if env.late else None
    facts = system.facts
    if facts.panic is not None:  # nothing more happens, to anybody
        return _digest(known.of(facts.panic))
    seen = {(visit.guest, visit.vqs) for visit in facts.guests}
    refused = [] if system.kvm.decided else facts.refused  # whether that was harmless is not known yet
    parts = (
        system.smp,
        system.features,
        system.kvm,
        system.psci,
        facts.units,
        facts.states,
        facts.ever_online,
        seen,
        {(one.cpu, one.hw_cpu, one.refusal.type, one.refusal.reason) for one in refused},
        {lock.what: lock for lock in env.locks if lock.users or lock.queue},
        running.guests,
        arguments,
        {agent: len(left) for agent, left in running.user_space.left.items()},
    )
    state = (tuple(known.of(one) for one in parts), tuple(env.enabled()), known.processes())
    return _digest(state)


def _digest(state: Any) -> bytes:
    return blake2b(repr(state).encode(), digest_size=16).digest()


class _Known:
    """Turns objects into plain values that are equal where the objects are."""

    def __init__(self, processes: list[Process]) -> None:
        self._places = {process: tuple(_place(process)) for process in processes if process.is_alive}

    def processes(self) -> tuple[Any, ...]:
        """Where each process stands; in no order, since that is the order in which they were made."""
        return tuple(sorted(map(repr, self._places.values())))

    def of(self, one: Any) -> Any:
        """An object as plain values."""
        if isinstance(one, Enum):
            return one.value
        if isinstance(one, _PLAIN):
            return one
        if isinstance(one, simpy.Resource):
            # Who waits in front of whom does not matter: which of them gets it is chosen.
            return tuple(tuple(sorted(map(self._holder, line))) for line in (one.users, one.queue))
        if isinstance(one, Event):
            return one.triggered
        return self._inside(one)

    def _holder(self, request: Request) -> str:
        return repr(self._places.get(request.proc)) if request.proc is not None else ""

    def _inside(self, one: Any) -> Any:
        """What a collection, or an object, has in it."""
        if isinstance(one, bytearray):
            return bytes(one)
        if isinstance(one, dict):
            return tuple(sorted((repr(self.of(key)), self.of(value)) for key, value in one.items()))
        if isinstance(one, set | frozenset):
            return tuple(sorted(map(self.of, one)))
        if isinstance(one, list | tuple) and not isinstance(one, Announced):
            return tuple(map(self.of, one))
        return self._fields(one)

    def _fields(self, one: Any) -> Any:
        if isinstance(one, _PAST) or callable(one):
            return None
        names = vars(one) if hasattr(one, "__dict__") else getattr(type(one), "__slots__", ()) or one._fields
        own = (name for name in sorted(names) if not name.endswith("_ns") and name not in _ROOTS)
        return tuple((name, self.of(getattr(one, name))) for name in own)


def _place(process: Process) -> Iterator[tuple[Any, ...]]:
    """Where a process stands: in each of the functions that it is in, at which place, with which plain values."""
    generator: Any = process._generator  # noqa: SLF001 (SimPy tells where a process stands nowhere else)
    while isinstance(generator, GeneratorType) and generator.gi_frame is not None:
        frame = generator.gi_frame
        values = tuple(
            (name, repr(value))
            for name, value in sorted(frame.f_locals.items())
            if isinstance(value, (*_PLAIN, Enum, Action)) and not name.endswith("_ns")
        )
        yield frame.f_code.co_qualname, frame.f_lasti, values
        generator = generator.gi_yieldfrom
