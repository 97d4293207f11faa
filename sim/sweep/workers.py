"""Who computes the parts of a sweep: this process, processes of this machine, or the workers of a Dask cluster.

Each is a context that gives a function: parts to compute in, computed parts out, in whatever order they are done.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from threading import Thread, current_thread, main_thread
from typing import Any

from loky import ProcessPoolExecutor

from sim.errors import InputError
from sim.extras import needed_by
from sim.sweep.sweep_part import Part, compute_part, prepare
from sim.sweep.sweep_plan import Plan, versions

Compute = Callable[[Iterator[int]], Iterator[Part]]

_AHEAD = 2
"""So many parts wait for each worker."""
_REACH_S = 10
_WATCH_S = 1
"""A process looks so often whether its parent is still there."""


def usable_cores() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def here(plan: Plan) -> Iterator[Compute]:
    """This process."""
    yield lambda parts: (compute_part(plan, part) for part in parts)


@contextmanager
def processes(plan: Plan, workers: int) -> Iterator[Compute]:
    """Processes of this machine.

    Raises:
        InputError: a process ended before its work was done.
    """
    pool = ProcessPoolExecutor(workers, initializer=_begin, initargs=(plan,))

    def compute(parts: Iterator[int]) -> Iterator[Part]:
        try:
            with _interrupts_ignored():  # the processes, which are made now, inherit that
                waiting = {pool.submit(_compute, part) for part in islice(parts, workers * _AHEAD)}
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
                waiting |= {pool.submit(_compute, part) for part in islice(parts, workers * _AHEAD - len(waiting))}
        except BrokenProcessPool:
            raise InputError("a worker process was killed; what is done is kept: resume the sweep") from None

    try:
        yield compute
    finally:
        pool.shutdown(wait=True, kill_workers=True)


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Ignore Ctrl-C for a moment; only the main thread can."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_plan: Plan | None = None


def _begin(plan: Plan) -> None:
    """Make a process ready: it leaves Ctrl-C to its parent, and has compiled before it counts."""
    global _plan  # noqa: PLW0603 (sent once to each process, not with each part)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    _plan = plan
    prepare(plan)


def _end_with(parent: int) -> None:
    """End this process when its parent has gone: it may be stuck in handing over what nobody takes."""
    while os.getppid() == parent:
        time.sleep(_WATCH_S)
    os._exit(1)


def _compute(part: int) -> Part:
    assert _plan is not None
    return compute_part(_plan, part)


# Dask


@contextmanager
def cluster(plan: Plan, address: str) -> Iterator[Compute]:
    """The workers of a Dask cluster.

    Raises:
        InputError: there is no scheduler, or no worker of the same versions.
    """
    client = _client(address)
    try:
        _check_versions(client, address)
        # A task and no scattered data: where its workers die with it, it is computed again.
        sent = client.submit(_same, plan, pure=False)

        def compute(parts: Iterator[int]) -> Iterator[Part]:
            from distributed import as_completed

            ahead = max(1, sum(client.nthreads().values())) * _AHEAD
            submitted = (client.submit(compute_part, sent, part, pure=False, retries=3) for part in parts)
            done = as_completed(list(islice(submitted, ahead)), loop=client.loop)
            for future in done:
                yield _result(future, address)
                for following in islice(submitted, 1):
                    done.add(following)

        yield compute
    finally:
        client.close()


def _same(plan: Plan) -> Plan:
    return plan


def _result(future: Any, address: str) -> Part:
    from distributed import KilledWorker

    try:
        part: Part = future.result()
    except (CancelledError, KilledWorker, OSError) as error:
        raise InputError(
            f"scheduler {address!r:.80}: is gone, or its workers are ({_told(error):.200}); what is done is kept: "
            "resume the sweep"
        ) from None
    future.release()
    return part


def _client(address: str) -> Any:
    with needed_by("scheduler"):
        from distributed import Client
    try:
        with ThreadPoolExecutor(1) as thread:  # a notebook's own thread has a running loop already
            thread.submit(asyncio.run, asyncio.wait_for(_reach(address), _REACH_S)).result()
        return Client(address, timeout=_REACH_S, set_as_default=False)
    except TimeoutError:
        raise InputError(f"scheduler {address!r:.80}: cannot be reached: no answer in {_REACH_S} s") from None
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"scheduler {address!r:.80}: cannot be reached: {_told(error)}") from None


def _told(error: BaseException) -> str:
    """An error in one line; some say nothing but what they are."""
    return (str(error) or type(error).__name__).splitlines()[0]


async def _reach(address: str) -> None:
    """See that something that speaks Dask's protocol answers: a client would wait for it with many words."""
    from distributed.comm.addressing import normalize_address
    from distributed.comm.core import connect

    comm = await connect(normalize_address(address), timeout=_REACH_S)
    await comm.close()


def _check_versions(client: Any, address: str) -> None:
    """See that every worker would write the same bytes."""
    try:
        found = client.run(versions)
    except Exception as error:
        raise InputError(f"scheduler {address!r:.80}: its workers cannot run asymboot: {error}") from None
    if not found:
        raise InputError(f"scheduler {address!r:.80}: has no workers")
    own = versions()
    for worker, theirs in found.items():
        for name, mine in own.items():
            if theirs.get(name) != mine:
                raise InputError(
                    f"scheduler {address!r:.80}: {worker} has {name} {theirs.get(name)}, and this is {mine}"
                )
