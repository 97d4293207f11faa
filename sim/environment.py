"""The simulation's clock, its steps, and the order of its events.

SimPy breaks ties between events of the same time by the order in which they were made, an accident of the program.
Here a seeded stream breaks them, so that the outcome of a scenario that depends on such an order varies with the seed,
and the same seed always gives the same order.

Time is a whole number of nanoseconds.
"""

import random
from collections.abc import Callable, Generator
from enum import StrEnum
from heapq import heapify, heappush
from typing import Any, NamedTuple

import simpy
from simpy.events import NORMAL, Event, EventPriority, Timeout


class StepKind(StrEnum):
    """The kinds of step: the latencies of a boot, and what else a process waits for."""

    PROBE = "probe"
    FINALISE = "finalise"
    KVM_INIT = "kvm_init"
    PKVM_FINALISE = "pkvm_finalise"
    USER_SPACE = "user_space"
    CPU_ON_CALL = "cpu_on_call"
    CPU_ON = "cpu_on"
    LATE_ARRIVAL = "late arrival of"
    """A CPU arrives at the time that a fault of firmware sets."""
    GIVE_UP = "give up waiting for"
    """The wait for a CPU ends in vain."""
    CPU_OFF = "cpu_off"
    SLEEP = "sleep"
    GUEST_RUN = "guest_run"
    SAVE = "save"
    RESTORE = "restore"
    SYSFS_WRITE = "sysfs_write by"
    TIME_COMES = "time comes for"
    """The time comes at which an agent's action may start."""
    LOOK_AGAIN = "looks again"
    """An agent that waits for a CPU checks whether it is still online."""
    GO_ON = "goes on"
    """A task that was frozen for a suspend goes on."""
    BEGIN = "begin"
    """An agent begins; chosen by explorers only."""
    TAKE_HOTPLUG_LOCK = "take the hotplug lock"
    TAKE_SEAT = "take a guest's place on"
    """A lock is granted; chosen by explorers only."""

    __hash__ = str.__hash__  # Enum's own runs Python code, and explorers look up steps all the time


_NUMBERED = "cpu{}".format
"""The name of a CPU where only its logical number is known."""
_STATEMENTS = {StepKind.LOOK_AGAIN, StepKind.GO_ON, StepKind.TAKE_HOTPLUG_LOCK, StepKind.TAKE_SEAT}
"""The kinds whose words do not lead over to the CPU or agent: a colon parts the two."""


class Step(NamedTuple):
    """Something that happens after a while.

    No two steps that are awaited at the same time are equal: of each kind there is one at most for a CPU, an agent or a
    seat. Explorers rely on it, because they find the awaited event by the step.
    """

    kind: StepKind
    who: int | str
    """A CPU by its logical number, or an agent of user space by its name."""
    seat: int | None = None
    """The CPU whose seat for guests is taken, by its logical number."""

    @property
    def words(self) -> str:
        """The kind of step, in words; of a seat, with its CPU."""
        return self.doing(_NUMBERED)

    def doing(self, label: Callable[[int], str]) -> str:
        """Return the kind of step, in words; of a seat, with its CPU, which `label` names by its logical number."""
        return self.kind.value if self.seat is None else f"{self.kind} {label(self.seat)}"

    def sentence(self, label: Callable[[int], str]) -> str:
        """Return the step with its CPU or agent, in words; `label` names a CPU by its logical number."""
        colon = ":" if self.kind in _STATEMENTS else ""
        return f"{self.doing(label)}{colon} {label(self.who) if isinstance(self.who, int) else repr(self.who)}"

    def __str__(self) -> str:
        return self.sentence(_NUMBERED)


class Lock(NamedTuple):
    """The identity of a lock: the hotplug lock, or the seat for guests on a CPU."""

    kind: StepKind
    """The step by which it is taken."""
    seat: int | None = None


class Environment(simpy.Environment):
    """The environment that a boot runs in: a clock in whole nanoseconds, and steps that it lets happen."""

    left_early = False
    """The run ended where more could have happened."""

    def __init__(self) -> None:
        super().__init__(initial_time=0)

    def clock(self) -> int:
        """Return the current time in nanoseconds."""
        return int(self._now)

    now_ns = property(clock)
    """The current time in nanoseconds."""

    def after(self, delay_ns: int, kind: StepKind, who: int | str) -> Event:
        """Return an event for a step that happens after a delay.

        Args:
            delay_ns: the delay.
            kind: the kind of step.
            who: the CPU, by its logical number, or the agent that takes the step.
        """
        raise NotImplementedError

    def forget(self, step: Event) -> None:
        """Take note that nothing waits for a step any more."""

    def begin(self, process: Generator[Event, Any, None], agent: str) -> None:
        """Start a process of user space."""
        raise NotImplementedError

    def lock(self, which: Lock) -> simpy.Resource:
        """Make a lock, which one process holds at a time."""
        raise NotImplementedError


class SeededEnvironment(Environment):
    """A SimPy environment whose same-time order is drawn from a seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._tie_break = random.Random(f"{seed}/same-time order").random  # noqa: S311 (a simulation)
        self._forgotten: set[Event] = set()

    def after(self, delay_ns: int, kind: StepKind, who: int | str) -> Event:
        """Return an event for a step that happens after a delay."""
        del kind, who  # time alone decides here
        return Timeout(self, delay_ns)

    def forget(self, step: Event) -> None:
        """Take steps that nothing waits for out of the queue, once they are most of it.

        A boot would otherwise carry a wait of 5 s for each CPU along, and every event would take longer to queue.
        """
        self._forgotten.add(step)
        if 2 * len(self._forgotten) > len(self._queue):
            self._queue = [entry for entry in self._queue if entry[-1] not in self._forgotten]
            heapify(self._queue)
            self._forgotten.clear()

    def begin(self, process: Generator[Event, Any, None], agent: str) -> None:
        """Start a process of user space."""
        del agent  # all agents begin at the same time
        self.process(process)

    def lock(self, which: Lock) -> simpy.Resource:
        """Make a lock that is granted in the order of the requests."""
        del which  # locks differ for explorers only
        return simpy.Resource(self, capacity=1)

    def schedule(self, event: Event, priority: EventPriority = NORMAL, delay: float = 0) -> None:
        """Queue an event; events of the same time and priority are taken in a drawn order."""
        # SimPy's own key is the number alone. It is kept behind the drawn one, because events cannot be compared.
        order = (self._tie_break(), next(self._eid))
        queue: list[Any] = self._queue
        heappush(queue, (self._now + delay, priority, order, event))


class Until(Event):
    """An event that happens when a step does, unless it is cut short before.

    SimPy's own condition of several events asks all of them at each, and collects their values, which no process here
    uses.

    Args:
        env: the environment.
        step: the step, as `Environment.after` returns it.
    """

    def __init__(self, env: Environment, step: Event) -> None:
        super().__init__(env)
        self._env, self._step = env, step
        step.callbacks.append(self._end)

    def _end(self, _step: Event) -> None:
        if not self.triggered:
            self.succeed()

    def cut_short(self) -> None:
        """Let it happen now; what happened already stays as it is."""
        if self.triggered:
            return
        # Nothing follows from the step any more: an explorer must not take it for awaited.
        self._step.callbacks.remove(self._end)
        if not self._step.callbacks:
            self._env.forget(self._step)
        self.succeed()


class Completion:
    """The kernel's completion: it counts, so a completion that came before the wait satisfies the next wait.

    One process at a time may wait; the hotplug lock ensures that.

    Source: include/linux/completion.h; arch/arm64/kernel/smp.c never reinitialises ``cpu_running``.
    """

    def __init__(self, env: Environment) -> None:
        self._env = env
        self.done = 0
        self._awaited: Until | None = None

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        return self.done, self._awaited is not None

    def complete(self) -> None:
        """Wake the process that waits, or let the next wait end at once."""
        awaited, self._awaited = self._awaited, None
        if awaited is None:
            self.done += 1
        else:
            # The time may be over already. The process looks only when it goes on, and then takes this completion.
            awaited.cut_short()

    def wait(self, timeout_ns: int, number: int) -> Generator[Event, Any, None]:
        """Wait for a CPU until completed, or for a time at most, after which the caller gives up.

        The caller cannot tell which of the two ended the wait. ``__cpu_up`` likewise ignores the result of
        ``wait_for_completion_timeout`` and looks at whether the CPU is online.
        """
        if self.done:
            self.done -= 1
            return
        # After a completion the timeout may stay in SimPy's queue, so a run's clock goes on past the boot's last event.
        # The end of a boot is therefore the time of its last event or line (`sim.processes.recorder`).
        awaited = self._awaited = Until(self._env, self._env.after(timeout_ns, StepKind.GIVE_UP, number))
        yield awaited
        self._awaited = None
