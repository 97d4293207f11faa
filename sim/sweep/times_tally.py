"""The times of a timing study's boots, as exact sums, and what follows from them: means and their intervals.

Sums are whole numbers of any size, so that neither the order of the parts nor who computed them changes a digit.
"""

import re
from dataclasses import dataclass, field
from math import sqrt

import msgspec
import numpy as np

from sim.extras import needed_by
from sim.study.points import Block
from sim.sweep.sweep_plan import Plan
from sim.sweep.timing_study import METRICS, Times

_CONFIDENCE = 0.95
_FEWEST = 2
"""A spread needs two values."""
_WHOLE = re.compile(r"[0-9]{1,200}")
"""A sum as text: longer than any that arises, and short enough for the square root of a float."""


class TimesRecord(msgspec.Struct, frozen=True):
    """The sums of one metric under one setting, over points i with weight w and boot times t.

    They are written as text because they exceed 64 bits. r is the number of replications.
    """

    points: int
    """The number of points."""
    weights: str
    """Σ w."""
    sum: str
    """Σ w·Σt, in ns."""
    within: str
    """Σ w²·(r·Σt² - (Σt)²), in ns²: how much each point's replications spread."""
    within_squared: str
    """Σ (w²·(r·Σt² - (Σt)²))², in ns⁴."""
    between: str
    """Σ (Σt)², in ns²: how much points differ."""

    def fits(self, points: int, systems: int, *, sampled: bool) -> bool:
        """Return True if points could have these sums.

        Args:
            points: the number of points.
            systems: the sum of their weights.
            sampled: the points were drawn, each with the weight 1.
        """
        sums = (self.weights, self.sum, self.within, self.within_squared, self.between)
        if self.points != points or not all(_WHOLE.fullmatch(one) for one in sums):
            return False
        weights, total, within, within_squared, between = map(int, sums)
        # Cauchy and Schwarz: for terms of 0 or more, Σx² <= (Σx)² <= n·Σx².
        possible = within_squared <= within**2 <= points * within_squared
        return weights == systems and possible and (not sampled or total**2 <= points * between)


@dataclass
class TimesTally:
    """The sums of a `TimesRecord`, to be added to."""

    points: int = 0
    weights: int = 0
    sum: int = 0
    within: int = 0
    within_squared: int = 0
    between: int = 0

    def add(self, weight: int, times: list[int]) -> None:
        """Add one point's replications: their times in ns."""
        total = sum(times)
        self.points += 1
        self.weights += weight
        self.sum += weight * total
        # In this form all is whole: r·Σt² - (Σt)² is r·(r - 1) times the sample variance.
        within = weight**2 * (len(times) * sum(one * one for one in times) - total**2)
        self.within += within
        self.within_squared += within**2
        self.between += total**2

    def merge(self, record: TimesRecord) -> None:
        """Add the sums of the same setting over other points."""
        self.points += record.points
        self.weights += int(record.weights)
        self.sum += int(record.sum)
        self.within += int(record.within)
        self.within_squared += int(record.within_squared)
        self.between += int(record.between)

    def record(self) -> TimesRecord:
        """Return the sums as they stand in files."""
        sums = (self.weights, self.sum, self.within, self.within_squared, self.between)
        return TimesRecord(self.points, *map(str, sums))

    def mean_ns(self, replications: int) -> float:
        """Return the mean over all points, by weight."""
        return self.sum / (self.weights * replications)

    def interval_ns(self, replications: int, *, sampled: bool) -> tuple[float, float]:
        """Return the mean's 95 % interval, Student's: over points drawn, or over each point's replications.

        With n points, r replications and W = Σ w, the mean is Σ w·Σt / (r·W), and the variance of the mean is

        - over points drawn, (n·Σ(Σt)² - (ΣΣt)²) / (n - 1) / (n·r)²;
        - over replications, Σ w²·(r·Σt² - (Σt)²) / (r - 1) / (r·W)².

        Points whose times spread more, or that weigh more, determine more of the mean's error than others. Over
        replications the degrees of freedom are therefore Welch's and Satterthwaite's, (r - 1)·(Σx)² / Σx² with the
        terms x of `within`. Both ends are NaN where there are fewer than two values.

        Args:
            replications: r, the number of boots of each point.
            sampled: True: points were drawn, and their differences are the error. False: every point was visited, so
                only replications vary.
        """
        with needed_by("sim.Summary"):
            from scipy.stats import t

        if (self.points if sampled else replications) < _FEWEST:
            return float("nan"), float("nan")
        if sampled:
            spread = (self.points * self.between - self.sum**2) / (self.points - 1)
            error, freedom = sqrt(spread) / self.points / replications, float(self.points - 1)
        else:
            spread = self.within / (replications - 1)
            error = sqrt(spread) / replications / self.weights
            # Without any spread the error is 0, and the degrees of freedom do not matter.
            freedom = (replications - 1) * self.within**2 / self.within_squared if self.within else 1.0
        reach = float(t.ppf((1 + _CONFIDENCE) / 2, freedom)) * error
        mean = self.mean_ns(replications)
        return mean - reach, mean + reach


@dataclass
class TimesTallies:
    """The tallies of one setting, one for each metric."""

    by_metric: list[TimesTally] = field(default_factory=lambda: [TimesTally() for _ in METRICS])

    def add(self, weight: int, times: Times) -> None:
        """Add one point's times, by replication and metric."""
        for tally, column in zip(self.by_metric, times.T.tolist(), strict=True):
            tally.add(weight, column)

    def merge(self, records: list[TimesRecord]) -> None:
        """Add the sums of the same setting over other points."""
        for tally, record in zip(self.by_metric, records, strict=True):
            tally.merge(record)


def tally_times(plan: Plan, block: Block, times: Times, tallies: list[TimesTallies]) -> None:
    """Add a block's times to a tally for each setting."""
    many = len(plan.space.settings)
    weights = np.broadcast_to(block.weights, block.rows).tolist()
    for place, weight in enumerate(weights):
        for number, tally in enumerate(tallies):
            tally.add(weight, times[place * many + number])
