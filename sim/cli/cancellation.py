"""Ctrl-C, or a signal to end, while a command works asynchronously."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from types import FrameType

from sim.cli.stop_signals import TO_END, heard


class Cancellable:
    """Asynchronous work that Ctrl-C, or a signal to end, cancels, and not the command.

    After the first of these signals, the command ignores them until it exits: it is about to end.
    """

    stopped_by = 0
    """The number of the signal that cancelled the work; 0 where none did."""
    _task: asyncio.Task[None] | None = None

    def run(self, work: Coroutine[object, object, None]) -> None:
        """Run the work until it is done or cancelled."""
        before = {one: signal.signal(one, self._stop) for one in heard((signal.SIGINT, *TO_END))}
        try:
            with suppress(asyncio.CancelledError):
                asyncio.run(self._do(work))
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_IGN if self.stopped_by else handler)

    async def _do(self, work: Coroutine[object, object, None]) -> None:
        self._task = asyncio.ensure_future(work)
        if self.stopped_by:  # before there was a task to cancel
            self._task.cancel()
        await self._task

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if not self.stopped_by:
            self.stopped_by = number
            if self._task is not None:
                with suppress(RuntimeError):  # it is done, and its loop is closed
                    self._task.get_loop().call_soon_threadsafe(self._task.cancel)
