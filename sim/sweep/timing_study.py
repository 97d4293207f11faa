"""Timing studies: every point booted in SimPy, several times under each setting, and the times of each boot.

Each boot has a random stream of its own, spawned from the study's seed by its row and replication: a boot can be
repeated by itself, and the same study gives the same times on any number of machines.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sim.boot_run import boot
from sim.kernel.printk import EventKind
from sim.outcome import Outcome
from sim.study.points import Block
from sim.sweep.sweep_plan import Plan
from sim.vectors import bits_from_vqs

METRICS = {
    "all_online_ns": "time until the last CPU that comes online is online, from power-on",
    "lock_held_ns": "time for which the hotplug lock is held",
    "refused_ns": "the part of it that CPUs take which are then refused, by the kernel or by pKVM's relay",
}
"""The times that a study measures, by column name."""
Times = NDArray[np.int64]
"""Times in ns, by row, replication and metric."""


def seed_of(plan: Plan, row: int, replication: int) -> int:
    """Return the seed of a boot."""
    spawned = np.random.SeedSequence(plan.seed, spawn_key=(row, replication))
    return int(spawned.generate_state(1, np.uint64)[0]) >> 2  # a scenario's seed has 62 bits


def measure(outcome: Outcome) -> tuple[int, int, int]:
    """Return a boot's times, in the order of `METRICS`.

    One task holds the hotplug lock at a time, so a single `since` is enough; a hold that a panic cuts short does not
    count.
    """
    facts = outcome.facts
    refused = {one.cpu for one in facts.refused} | {one.cpu for one in facts.relay_refused}
    last, held, held_refused, since = 0, 0, 0, 0
    for event in facts.events:
        if event.kind is EventKind.BOOTED:
            last = event.time_ns
        elif event.kind is EventKind.LOCK_TAKEN:
            since = event.time_ns
        elif event.kind is EventKind.LOCK_RELEASED:
            held += event.time_ns - since
            held_refused += (event.time_ns - since) * (event.cpu in refused)
    return last, held, held_refused


def times_of(plan: Plan, block: Block) -> Times:
    """Boot every point of a block under every setting, as often as the plan says, and return the times."""
    settings = plan.space.settings
    times = np.empty((block.rows * len(settings), plan.replications, len(METRICS)), np.int64)
    for place, sets in enumerate(_sets(block)):
        for number, setting in enumerate(settings):
            scenario = plan.space.scenario([bits_from_vqs(one) for one in sets], setting)
            row = (block.first + place) * len(settings) + number
            for replication in range(plan.replications):
                outcome = boot(scenario.but(seed=seed_of(plan, row, replication)))
                times[place * len(settings) + number, replication] = measure(outcome)
    return times


def _sets(block: Block) -> Iterator[tuple[int, ...]]:
    columns = [np.broadcast_to(column, block.rows).tolist() for column in block.columns]
    yield from zip(*columns, strict=True)
