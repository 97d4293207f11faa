"""The workers of a Dask cluster that compute a sweep's parts.

Scheduler and workers are trusted: results arrive as pickles, which run code when they are read. See SECURITY.md.
"""

import asyncio
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from sim.errors import AsymbootError, InputError, SchedulerGone, WorkerLost
from sim.extras import needed_by
from sim.sweep.part_computers import compute_part
from sim.sweep.parted_plan import PartedPlan, versions
from sim.sweep.sealed_part import Part
from sim.sweep.workers import PARTS_AHEAD, Compute

if TYPE_CHECKING:
    from distributed import Client, Future

_REACH_S = 10
"""The longest wait for a scheduler's answer, in seconds."""


@contextmanager
def cluster(plan: PartedPlan, address: str) -> Iterator[Compute]:
    """Compute parts on the workers of a Dask cluster.

    Args:
        plan: the plan of the sweep.
        address: the scheduler's, such as ``tcp://host:8786``.

    Raises:
        MissingExtra: Dask is not installed.
        SchedulerGone: no scheduler answers there, or it has gone.
        WorkerLost: workers were killed again and again.
        InputError: there is no worker, or one has other versions.
    """
    client = _client(address)
    try:
        _check_versions(client, address)
        # The plan is a task's result rather than scattered data: when the workers that hold it die, it is made again.
        # Tasks are not `pure`, so each gets a key of its own: Dask would give equal calls one key and one result, and
        # the scheduler may still hold a result, or a failure, of an earlier run.
        sent = client.submit(_same, plan, pure=False)

        def compute(parts: Iterator[int]) -> Iterator[Part]:
            from distributed import as_completed

            ahead = max(1, sum(client.nthreads().values())) * PARTS_AHEAD
            submitted = (client.submit(compute_part, sent, part, pure=False, retries=3) for part in parts)
            done = as_completed(list(islice(submitted, ahead)), loop=client.loop)
            for future in done:
                yield _result(future, address)
                # One new part for each that is done: results wait in the workers' memory until they are fetched.
                for following in islice(submitted, 1):
                    done.add(following)

        yield compute
    finally:
        client.close()


def _same(plan: PartedPlan) -> PartedPlan:
    return plan


def _result(future: "Future[Part]", address: str) -> Part:
    from distributed import KilledWorker

    try:
        part = future.result()
    except KilledWorker as error:
        raise _lost(WorkerLost, address, "its workers were killed", error) from None
    except (CancelledError, OSError) as error:
        raise _lost(SchedulerGone, address, "it or its workers have gone", error) from None
    future.release()  # the worker drops its copy of the part's rows
    return part


def _lost(kind: type[AsymbootError], address: str, what: str, error: BaseException) -> AsymbootError:
    return kind(f"scheduler {address!r:.80}: {what} ({_line(error):.200}); what is done is kept: resume the sweep")


def _client(address: str) -> "Client":
    with needed_by("scheduler"):
        from distributed import Client
    try:
        with ThreadPoolExecutor(1) as thread:  # in a notebook, the caller's own thread runs an event loop already
            thread.submit(asyncio.run, asyncio.wait_for(_reach(address), _REACH_S)).result()
        # The default client stays the caller's own, for whatever else it computes in this process.
        return Client(address, timeout=_REACH_S, set_as_default=False)
    except TimeoutError:
        raise SchedulerGone(f"scheduler {address!r:.80}: cannot be reached: no answer in {_REACH_S} s") from None
    except (OSError, ValueError, TypeError) as error:
        raise SchedulerGone(f"scheduler {address!r:.80}: cannot be reached: {_line(error)}") from None


def _line(error: BaseException) -> str:
    """Return an error as one line; some have no text but their class."""
    return (str(error) or type(error).__name__).splitlines()[0]


async def _reach(address: str) -> None:
    """Connect once: a client would wait for a scheduler that does not answer, and log about it."""
    from distributed.comm.addressing import normalize_address
    from distributed.comm.core import connect

    comm = await connect(normalize_address(address), timeout=_REACH_S)
    await comm.close()


def _check_versions(client: "Client", address: str) -> None:
    """Refuse workers that would write other bytes."""
    try:
        found = client.run(versions)
    # Whatever a worker raises arrives here: an import that fails, an unpickling that fails, an older asymboot.
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
