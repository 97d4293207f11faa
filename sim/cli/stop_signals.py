"""Ctrl-C, or a signal to end, while something is searched for: what was found by then is shown and kept."""

import signal
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any

import click

_OF_SIGNAL = 128
"""What a signal's number is added to, for the exit code of a command that it ended."""

TO_END = (signal.SIGTERM, signal.SIGHUP)
"""Signals that ask a command to end."""


class Stoppable:
    """Lets Ctrl-C, or one of some signals, end what is done within, and not the command."""

    stopped_by = 0
    """The signal's number; 0 where none came."""

    def __init__(self, signals: Sequence[signal.Signals] = ()) -> None:
        self._signals = signals

    def __enter__(self) -> "Stoppable":
        self._before: dict[int, Any] = {one: signal.signal(one, self._stop) for one in self._signals}
        return self

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self.stopped_by = number
        raise KeyboardInterrupt

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> bool:
        for number, before in self._before.items():
            signal.signal(number, before)
        if kind is KeyboardInterrupt:
            self.stopped_by = self.stopped_by or signal.SIGINT
        return kind is KeyboardInterrupt

    def exit_if_stopped(self) -> None:
        """End the command with its code, if it was stopped."""
        exit_if_stopped_by(self.stopped_by)


def exit_if_stopped_by(number: int) -> None:
    """End the command with the code of a signal; do nothing where its number is 0."""
    if number:
        click.echo("asymboot: stopped; what was found until then is above", err=True)
        click.get_current_context().exit(_OF_SIGNAL + number)
