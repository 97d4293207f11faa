"""Work that Ctrl-C or a signal to end stops, so that the command can still show and keep its results.

A signal stops the work by a KeyboardInterrupt, which Python raises for Ctrl-C by itself. Signals that a command is told
to ignore stay ignored: a sweep under nohup survives the end of its terminal.
"""

import signal
from collections.abc import Sequence
from types import FrameType, TracebackType

import click

_OF_SIGNAL = 128
"""A command that a signal stopped exits with 128 plus the signal's number, as shells report it."""

TO_END = (signal.SIGTERM, signal.SIGHUP)
"""The signals that ask a command to end."""


def heard(signals: Sequence[signal.Signals]) -> list[signal.Signals]:
    """Return the signals that are not ignored, as nohup ignores SIGHUP."""
    return [one for one in signals if signal.getsignal(one) is not signal.SIG_IGN]


class Stoppable:
    """A context for work that Ctrl-C or one of some signals stops; the command continues after the ``with`` block.

    Among the given signals, a second signal is ignored while the work ends: the work must not leave processes or files
    behind. Work that has neither need not give SIGINT, and then a second Ctrl-C interrupts it again.

    Args:
        signals: the signals that stop the work like Ctrl-C.
    """

    stopped_by = 0
    """The number of the signal that stopped the work; 0 if no signal did."""

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
        # The handler has noted its signal; without a note it was Python's own handler of Ctrl-C that raised.
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
