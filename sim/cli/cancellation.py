"""Ctrl-C, or a signal to end, while something asynchronous is done."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from types import FrameType
from typing import Any

from sim.cli.stop_signals import TO_END


class Cancellable:
    """Lets Ctrl-C, or a signal to end, cancel what is done, and not the command.

    After the first of them no other changes anything while the command lives: it is about to end.
    """

    stopped_by = 0
    """The signal's number; 0 where none came."""
    _task: asyncio.Task[None] | None = None

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something until it is done or cancelled."""
        heard = [one for one in (signal.SIGINT, *TO_END) if signal.getsignal(one) is not signal.SIG_IGN]  # nohup
        before = {one: signal.signal(one, self._stop) for one in heard}
        try:
            with suppress(asyncio.CancelledError):
                asyncio.run(self._do(work))
        finally:
            for number, handler in before.items():
                signal.signal(number, signal.SIG_IGN if self.stopped_by else handler)

    async def _do(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.ensure_future(work)
        if self.stopped_by:
            self._task.cancel()
        await self._task

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if not self.stopped_by:
            self.stopped_by = number
            if self._task is not None:
                with suppress(RuntimeError):  # it is done, and its loop is closed
                    self._task.get_loop().call_soon_threadsafe(self._task.cancel)
