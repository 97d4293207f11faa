"""The freezer of user space: while the system suspends, no task goes on.

A task is frozen when it returns to user space, or while it sleeps there; what it does inside of the kernel goes on
until then.

Source: kernel/freezer.c, kernel/power/process.c (``freeze_processes``).
"""

from collections.abc import Generator
from typing import Any

from simpy.events import Event

from sim.environment import Environment, StepKind


class Freezer:
    """The freezer of a system."""

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._thaw: Event | None = None
        """The event that tasks go on; None: they are not frozen."""

    def snapshot(self) -> bool:
        """Return everything that later steps depend on."""
        return self._thaw is not None

    def freeze(self) -> None:
        """Freeze all tasks but the caller."""
        self._thaw = self._env.event()

    def thaw(self) -> None:
        """Let frozen tasks go on, each by a step of its own."""
        assert self._thaw is not None
        self._thaw.succeed()
        self._thaw = None

    def thawed(self, agent: str) -> Generator[Event, Any, None]:
        """Wait until tasks are not frozen; an agent's task passes at once if they are not."""
        while self._thaw is not None:
            yield self._thaw
            yield self._env.after(0, StepKind.GO_ON, agent)
