"""Processes of this machine that compute a sweep's parts.

They must not outlive the process that started them, however it ends, and must not end before it: Ctrl-C, a closing
terminal and a service manager send their signals to parent and workers alike, and only the parent knows what to say.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from threading import Thread, current_thread, main_thread
from types import FrameType
from typing import Any, ClassVar

from loky import ProcessPoolExecutor

from sim.errors import WorkerLost
from sim.sweep.part_computers import compute_part, prepare
from sim.sweep.parted_plan import PartedPlan
from sim.sweep.sealed_part import Part
from sim.sweep.workers import PARTS_AHEAD, Compute

_WATCH_S = 1
"""The time between two looks at whether the parent still runs, in seconds."""
_TO_PARENT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that workers leave to their parent."""

Handler = Callable[[int, FrameType | None], Any]


@contextmanager
def processes(plan: PartedPlan, workers: int) -> Iterator[Compute]:
    """Compute parts in processes of this machine.

    Raises:
        WorkerLost: a process ended before its work was done.
    """
    with _signals_held():  # loky's resource tracker starts here
        # A worker that asked for its parent's pid itself might ask after the parent has gone, and would wait for ever.
        pool = ProcessPoolExecutor(workers, initializer=_begin, initargs=(plan, os.getpid()))

    def compute(parts: Iterator[int]) -> Iterator[Part]:
        try:
            with _signals_held():  # the processes start here
                waiting = {pool.submit(_compute, part) for part in islice(parts, workers * PARTS_AHEAD)}
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
                # Computed parts wait in memory until the caller has written them, so no more are handed out than that.
                following = islice(parts, workers * PARTS_AHEAD - len(waiting))
                waiting |= {pool.submit(_compute, part) for part in following}
        except BrokenProcessPool:
            raise WorkerLost("a worker process was killed; what is done is kept: resume the sweep") from None

    try:
        yield compute
    finally:
        # Parts under way are given up: after Ctrl-C, which workers ignore, their results have no reader any more.
        pool.shutdown(wait=True, kill_workers=True)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Hold back signals; the processes that are started meanwhile hold them back until they can ignore them.

    The mask is this thread's, and the processes inherit it. Another thread may take a signal all the same, and Python
    then runs its handler in the main thread, so the handlers are held back too.
    """
    held: list[int] = []
    # Python lets only the main thread set handlers.
    handlers = _held_handlers(held) if current_thread() is main_thread() else {}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _TO_PARENT)
    try:
        yield
    finally:
        # The mask first: a signal that it held back then still meets the noting handler, and none is lost in between.
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for one in held:
            signal.raise_signal(one)


def _held_handlers(held: list[int]) -> dict[signal.Signals, Handler]:
    """Have signals that Python handles noted in a list, and return their handlers.

    A signal that is ignored, or has its default action, is left alone: nohup's ignored SIGHUP must stay ignored.
    """
    handlers: dict[signal.Signals, Handler] = {}
    for number in _TO_PARENT:
        handler = signal.getsignal(number)
        if callable(handler):
            handlers[number] = handler
            signal.signal(number, lambda one, _frame: held.append(one))
    return handlers


class _Worker:
    """The state of a worker process: its initializer sets the plan, so that the plan is not sent with each part."""

    plan: ClassVar[PartedPlan]


def _begin(plan: PartedPlan, parent: int) -> None:
    """Make a process ready: it leaves signals to its parent, ends with it, and has compiled before it counts."""
    # Ignored first and then let through: what arrived while this process was starting is dropped.
    for one in _TO_PARENT:
        signal.signal(one, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _TO_PARENT)
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    _Worker.plan = plan
    prepare(plan)


def _end_with(parent: int) -> None:
    """End this process when its parent has gone."""
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    # The main thread may be stuck in handing over a part that has no reader, and would never end by itself.
    os._exit(1)


def _compute(part: int) -> Part:
    return compute_part(_Worker.plan, part)
