"""Ctrl-C, or a signal to end, while a command works: what it found by then is shown and kept."""

import signal
from collections.abc import Sequence
from types import FrameType, TracebackType

import click

_OF_SIGNAL = 128
"""A command that a signal ended exits with this and the signal's number, as in a shell."""

TO_END = (signal.SIGTERM, signal.SIGHUP)
"""The signals that ask a command to end."""


def heard(signals: Sequence[signal.Signals]) -> list[signal.Signals]:
    """Return the signals that are not ignored, as nohup ignores SIGHUP."""
    return [one for one in signals if signal.getsignal(one) is not signal.SIG_IGN]


class Stoppable:
    """A block of work that Ctrl-C, or one of some signals, ends, and not the command.

    A second signal is ignored: the first has begun to end the work, which must not leave processes or files behind.
    """

    stopped_by = 0
    """The number of the signal that ended the work; 0 where none did."""

    def __init__(self, signals: Sequence[signal.Signals] = ()) -> None:
        self._signals = heard(signals)

    def __enter__(self) -> "Stoppable":
        self._before = {one: signal.signal(one, self._stop) for one in self._signals}
        return self

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if not self.stopped_by:
            self.stopped_by = number
            raise KeyboardInterrupt

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> bool:
        for number, before in self._before.items():
            signal.signal(number, before)
        if kind is KeyboardInterrupt:
            self.stopped_by = self.stopped_by or signal.SIGINT
        return kind is KeyboardInterrupt

    def exit_if_stopped(self, line: str = "what was found until then is above") -> None:
        """End the command with its exit code if the work was stopped; `line`, unless empty, says what is left."""
        exit_if_stopped_by(self.stopped_by, line)


def exit_if_stopped_by(number: int, line: str = "what was found until then is above") -> None:
    """End the command with the exit code of a signal; do nothing where its number is 0."""
    if number:
        if line:
            click.echo(f"asymboot: stopped; {line}", err=True)
        click.get_current_context().exit(_OF_SIGNAL + number)
