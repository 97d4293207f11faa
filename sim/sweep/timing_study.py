"""Timing studies: points booted in SimPy, so many times each, and what their times come to.

Each boot has a stream of its own, spawned from the study's seed by its row and replication.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from sim.boot_run import boot
from sim.outcome import Outcome
from sim.study.points import Block
from sim.sweep.sweep_plan import Plan

METRICS = {
    "all_online_ns": "time until the last CPU that comes online is online, from power-on",
    "lock_held_ns": "time for which the hotplug lock is held",
    "refused_ns": "the part of it that CPUs take which are then refused, by the kernel or by pKVM's relay",
}
Times = NDArray[np.int64]
"""By row, replication and metric."""

_CONFIDENCE = 0.95


def seed_of(plan: Plan, row: int, replication: int) -> int:
    """The seed of a boot."""
    spawned = np.random.SeedSequence(plan.seed, spawn_key=(row, replication))
    return int(spawned.generate_state(1, np.uint64)[0]) >> 2


def measure(outcome: Outcome) -> tuple[int, int, int]:
    """A boot's `METRICS`."""
    facts = outcome.facts
    refused = {one.cpu for one in facts.refused} | {one.cpu for one in facts.relay_refused}
    last, held, held_refused, since = 0, 0, 0, 0
    for event in facts.events:
        if event.kind == "booted":
            last = event.time_ns
        elif event.kind == "lock taken":
            since = event.time_ns
        elif event.kind == "lock released":
            held += event.time_ns - since
            held_refused += (event.time_ns - since) * (event.cpu in refused)
    return last, held, held_refused


def times_of(plan: Plan, block: Block) -> Times:
    """Boot every point of a block under every setting, as often as the plan says."""
    settings = plan.space.settings
    times = np.empty((block.rows * len(settings), plan.replications, len(METRICS)), np.int64)
    for place, sets in enumerate(_sets(block)):
        for number, setting in enumerate(settings):
            scenario = plan.space.scenario(sets, setting)
            row = (block.first + place) * len(settings) + number
            for replication in range(plan.replications):
                outcome = boot(scenario.but(seed=seed_of(plan, row, replication)))
                times[place * len(settings) + number, replication] = measure(outcome)
    return times


def _sets(block: Block) -> Iterator[tuple[int, ...]]:
    columns = [np.broadcast_to(column, block.rows).tolist() for column in block.columns]
    yield from zip(*columns, strict=True)


class TimesRecord(msgspec.Struct, frozen=True):
    """What one metric came to under one setting: whole sums, written as text because they exceed 64 bits."""

    points: int
    weights: str
    sum: str
    """Of all times, by their points' weights."""
    within: str
    """Of each point's replications times squares, less the square of the sum, by the weights' squares."""
    within_squared: str
    """Of the squares of the terms of `within`."""
    between: str
    """Of the squares of each point's sum."""


@dataclass
class TimesTally:
    """What one metric came to under one setting, over some points; whole numbers, so that no order matters."""

    points: int = 0
    weights: int = 0
    sum: int = 0
    within: int = 0
    within_squared: int = 0
    between: int = 0

    def add(self, weight: int, times: list[int]) -> None:
        """Count one point's replications."""
        total = sum(times)
        self.points += 1
        self.weights += weight
        self.sum += weight * total
        within = weight**2 * (len(times) * sum(one * one for one in times) - total**2)
        self.within += within
        self.within_squared += within**2
        self.between += total**2

    def merge(self, record: TimesRecord) -> None:
        """Add what the same setting came to over other points."""
        self.points += record.points
        self.weights += int(record.weights)
        self.sum += int(record.sum)
        self.within += int(record.within)
        self.within_squared += int(record.within_squared)
        self.between += int(record.between)

    def record(self) -> TimesRecord:
        """The tally's record."""
        sums = (self.weights, self.sum, self.within, self.within_squared, self.between)
        return TimesRecord(self.points, *map(str, sums))

    def mean_ns(self, replications: int) -> float:
        """The mean over all points, by weight."""
        return self.sum / (self.weights * replications)

    def interval_ns(self, replications: int, *, sampled: bool) -> tuple[float, float]:
        """The mean's 95 % interval, Student's: over points drawn, or over each point's replications.

        Points whose times spread more, or that weigh more, tell more of the mean's spread than others: over
        replications the degrees of freedom are Welch's and Satterthwaite's. NaN where there are too few to tell.
        """
        from scipy.stats import t

        many = self.points if sampled else replications
        if many < 2:  # noqa: PLR2004 (a spread needs two)
            return float("nan"), float("nan")
        if sampled:
            spread = (self.points * self.between - self.sum**2) / (self.points - 1)
            error, freedom = sqrt(spread) / self.points / replications, float(self.points - 1)
        else:
            spread = self.within / (replications - 1)
            error = sqrt(spread) / replications / self.weights
            freedom = (replications - 1) * self.within**2 / self.within_squared if self.within else 1.0
        reach = float(t.ppf((1 + _CONFIDENCE) / 2, freedom)) * error
        mean = self.mean_ns(replications)
        return mean - reach, mean + reach


@dataclass
class TimesTallies:
    """The tallies of one setting, one for each metric."""

    by_metric: list[TimesTally] = field(default_factory=lambda: [TimesTally() for _ in METRICS])

    def add(self, weight: int, times: Times) -> None:
        """Count one point's replications, by replication and metric."""
        for tally, column in zip(self.by_metric, times.T.tolist(), strict=True):
            tally.add(weight, column)

    def merge(self, records: list[TimesRecord]) -> None:
        """Add what the same setting came to over other points."""
        for tally, record in zip(self.by_metric, records, strict=True):
            tally.merge(record)


def tally_times(plan: Plan, block: Block, times: Times, tallies: list[TimesTallies]) -> None:
    """Count a block's times, a tally for each setting."""
    many = len(plan.space.settings)
    weights = np.broadcast_to(block.weights, block.rows).tolist()
    for place, weight in enumerate(weights):
        for number, tally in enumerate(tallies):
            tally.add(weight, times[place * many + number])
