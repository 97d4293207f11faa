"""What came of exploring as plain values, for JSON."""

from collections.abc import Iterable

from sim.explore.exploration import Explored
from sim.explore.findings import Deadlock, Found, in_order
from sim.explore.random_orders import Sampled, Strategy
from sim.rows import SCHEMA_VERSION, ExplorationRecord, FoundRow
from sim.scenario import Scenario

_LARGEST = 2**63 - 1


def exploration_record(scenario: Scenario, explored: Explored) -> ExplorationRecord:
    """What came of exploring every order, as plain values."""
    return ExplorationRecord(
        SCHEMA_VERSION,
        scenario.name,
        "exhaustive",
        explored.complete,
        explored.states,
        explored.ends,
        explored.orders if explored.orders <= _LARGEST else float(explored.orders),
        explored.runs,
        explored.steps_left_out,
        _rows(explored.found.values()),
    )


def sampling_record(scenario: Scenario, strategy: Strategy, sampled: Sampled) -> ExplorationRecord:
    """What came of orders that were drawn, as plain values."""
    found = _rows(sampled.found.values())
    runs = sampled.runs
    return ExplorationRecord(
        SCHEMA_VERSION, scenario.name, str(strategy), False, None, sampled.ends, runs, runs, None, found
    )


def _rows(found: Iterable[Found]) -> list[FoundRow]:
    return [
        FoundRow(
            what="deadlock" if isinstance(one.what, Deadlock) else one.what.title,
            waiting=one.what.waiting if isinstance(one.what, Deadlock) else (),
            steps=tuple((step.what, step.who) for step in one.schedule),
            shortest=one.is_shortest,
            minimal=one.is_shortest or one.is_minimal,
            runs=one.runs,
        )
        for one in in_order(found)
    ]
