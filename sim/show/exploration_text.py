"""What came of exploring as text for a terminal."""

from rich.console import Console

from sim.explore.exploration import Explored
from sim.explore.findings import Found, in_order
from sim.explore.random_orders import Sampled, Strategy
from sim.scenario import KvmInit, Scenario
from sim.show.console import heading, line
from sim.show.schedule_text import show_schedule
from sim.units import counted

_MOST_WRITTEN_OUT = 10**15


def show_explored(scenario: Scenario, explored: Explored, console: Console) -> None:
    """Print what every order comes to: hazards and deadlocks, each with its schedule, a lane for each CPU and agent."""
    covered = "every order" if explored.complete else "not every order"
    ended = "orders were not counted" if explored.ends else "no order came to an end"
    if explored.orders:
        ended = f"{_count(explored.orders, 'order')} of the steps tried"
    line(console, f"{_named(scenario)}{covered}: {ended}")
    line(console, f"{_count(explored.states, 'state')}, {explored.ends:,} of them ends; {_count(explored.runs, 'run')}")
    line(
        console,
        f"{_count(explored.steps_tried, 'step')} tried, {explored.steps_left_out:,} left out as independent of these",
    )
    _label(scenario, console)
    for one in in_order(explored.found.values()):
        heading(console, f"{one.what.title}: {one.length}")
        show_schedule(one.schedule, console)
    if not explored.found:
        line(
            console,
            "no hazard and no deadlock was reached"
            if not explored.complete
            else "none can be reached: no hazard, no deadlock",
            "green",
        )


def show_sampled(scenario: Scenario, strategy: Strategy, depth: int, sampled: Sampled, console: Console) -> None:
    """Print what drawn orders came to."""
    line(console, f"{_named(scenario)}{sampled.runs:,} orders drawn ({strategy}): {sampled.ends:,} different ends")
    if strategy is Strategy.PCT:
        least = sampled.actors * sampled.most_steps ** (depth - 1)
        line(
            console,
            f"a run meets what hangs on {depth} steps with a probability of 1 in {least:,} or more: {sampled.actors} "
            f"CPUs and agents, {sampled.most_steps} steps",
        )
    _label(scenario, console)
    for one in in_order(sampled.found.values()):
        heading(console, f"{one.what.title}: in {_share(one, sampled)}; {one.length}")
        show_schedule(one.schedule, console)
    if not sampled.found:
        line(console, "no hazard and no deadlock was met", "green")


def _share(one: Found, sampled: Sampled) -> str:
    return f"{one.runs:,} of {sampled.runs:,} runs"


def _named(scenario: Scenario) -> str:
    return f"{scenario.name}: " if scenario.name else ""


def _label(scenario: Scenario, console: Console) -> None:
    """Say where no real kernel behaves as the scenario has it."""
    if scenario.kvm_init is KvmInit.ANY_TIME:
        line(console, "KVM initialises at any time, as in no real kernel", "yellow")


def _count(number: int, what: str) -> str:
    return counted(number, what) if number < _MOST_WRITTEN_OUT else f"{number:.2e} {what}s"
