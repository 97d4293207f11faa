"""Ctrl-C while something is searched for: what was found by then is shown."""

from types import TracebackType

import click

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended."""


class Stoppable:
    """Lets Ctrl-C end what is done within, and not the command."""

    stopped = False

    def __enter__(self) -> "Stoppable":
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> bool:
        self.stopped = kind is KeyboardInterrupt
        return self.stopped

    def exit_if_stopped(self) -> None:
        """End the command with its code, if it was stopped."""
        if self.stopped:
            click.echo("asymboot: stopped; what was found until then is above", err=True)
            click.get_current_context().exit(INTERRUPTED)
