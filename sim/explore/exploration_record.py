"""The result of an exploration as plain values, for JSON."""

import sys
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sim.explore.exploration import Explored
from sim.explore.findings import Deadlock, Found, in_order
from sim.explore.random_orders import Sampled, Strategy
from sim.explore.schedule_file import StepRecord
from sim.rows import SCHEMA_VERSION, Row
from sim.scenario import Scenario

_LARGEST = 2**63 - 1
"""The largest signed number of 64 bits; larger counts are written as floats."""
_LARGEST_FLOAT = int(sys.float_info.max)


class FoundRow(Row, frozen=True, gc=False):
    """A hazard or deadlock that some order of a scenario's steps reaches."""

    what: Annotated[str, Meta(description="name of the hazard, or deadlock")]
    waiting: Annotated[tuple[str, ...], Meta(description="of a deadlock: the agents that wait, and for what")]
    steps: Annotated[
        tuple[StepRecord, ...], Meta(description="schedule that shows it: kind of step, CPU or agent, seat")
    ]
    shortest: Annotated[bool, Meta(description="no schedule has fewer steps; false: not known")]
    minimal: Annotated[bool, Meta(description="no step of it can be left out; false: not known")]
    runs: Annotated[int, Meta(description="drawn orders that reached it")]


class ExplorationRecord(msgspec.Struct, frozen=True):
    """The findings of all orders of a scenario's steps, or of drawn orders."""

    schema_version: Literal[2]
    scenario: str
    strategy: Annotated[str, Meta(description="exhaustive, random or pct")]
    complete: Annotated[bool, Meta(description="all orders were covered")]
    alike: Annotated[
        tuple[tuple[int, ...], ...],
        Meta(
            description="groups of interchangeable CPUs, by logical number: states and ends that differ by a "
            "permutation of them count once; empty if orders were drawn"
        ),
    ]
    states: Annotated[int | None, Meta(description="states covered; null if orders were drawn")]
    ends: Annotated[int, Meta(description="different states in which no step is enabled")]
    orders: Annotated[
        int | float,
        Meta(
            description="orders of the steps tried or drawn, from the beginning to an end; rounded from 2^63 on, "
            "and 1.8e308 if there are more"
        ),
    ]
    runs: Annotated[int, Meta(description="runs from the beginning")]
    steps_left_out: Annotated[
        int | None, Meta(description="steps independent of those tried; null if orders were drawn")
    ]
    found: Annotated[list[FoundRow], Meta(description="hazards, worst first, then deadlocks")]


def exploration_record(scenario: Scenario, explored: Explored) -> ExplorationRecord:
    """Return the result of exploring every order."""
    return ExplorationRecord(
        SCHEMA_VERSION,
        scenario.name,
        "exhaustive",
        explored.complete,
        explored.alike,
        explored.states,
        explored.ends,
        explored.orders if explored.orders <= _LARGEST else float(min(explored.orders, _LARGEST_FLOAT)),
        explored.runs,
        explored.steps_left_out,
        _rows(explored.found.values()),
    )


def sampling_record(scenario: Scenario, strategy: Strategy, sampled: Sampled) -> ExplorationRecord:
    """Return the result of drawn orders."""
    found = _rows(sampled.found.values())
    runs = sampled.runs
    return ExplorationRecord(
        SCHEMA_VERSION, scenario.name, str(strategy), False, (), None, sampled.ends, runs, runs, None, found
    )


def _rows(found: Iterable[Found]) -> list[FoundRow]:
    return [
        FoundRow(
            what="deadlock" if isinstance(one.what, Deadlock) else one.what.value,
            waiting=one.what.waiting if isinstance(one.what, Deadlock) else (),
            steps=tuple(StepRecord.of(step) for step in one.schedule),
            shortest=one.is_shortest,
            minimal=one.is_shortest or one.is_minimal,
            runs=one.runs,
        )
        for one in in_order(found)
    ]
