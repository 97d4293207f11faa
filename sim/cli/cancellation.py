"""Asynchronous work that Ctrl-C or a signal to end cancels, so that the command can still show its results.

`sim.cli.stop_signals` does the same for work that is not asynchronous, by an exception out of the signal's handler. An
exception there could hit the event loop in the middle of its bookkeeping, so here the handler only asks the loop to
cancel the task; the task's own ``finally`` clauses then end what it started, such as QEMU.
"""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from types import FrameType

from sim.cli.stop_signals import TO_END, heard


class Cancellable:
    """A runner of asynchronous work; Ctrl-C or a signal to end cancels the work and lets the command continue.

    After the first of these signals the command ignores all of them until it exits, since it is about to end.
    """

    stopped_by = 0
    """The number of the signal that cancelled the work; 0 if no signal did."""
    _task: asyncio.Task[None] | None = None

    def run(self, work: Coroutine[object, object, None]) -> None:
        """Run the work until it is done or cancelled."""
        # asyncio.run() replaces only Python's default handler of SIGINT, so this handler stays in place.
        before = {number: signal.signal(number, self._stop) for number in heard((signal.SIGINT, *TO_END))}
        try:
            with suppress(asyncio.CancelledError):
                asyncio.run(self._do(work))
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_IGN if self.stopped_by else handler)

    async def _do(self, work: Coroutine[object, object, None]) -> None:
        self._task = asyncio.ensure_future(work)
        # A signal that came before there was a task had nothing to cancel; it still counts.
        if self.stopped_by:
            self._task.cancel()
        await self._task

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if not self.stopped_by:
            self.stopped_by = number
            if self._task is not None:
                # The task may be done and its loop closed: then there is nothing left to cancel.
                with suppress(RuntimeError):
                    # A handler runs between two instructions of the main thread, while the loop may wait for input.
                    # The thread-safe call also wakes the loop.
                    self._task.get_loop().call_soon_threadsafe(self._task.cancel)
