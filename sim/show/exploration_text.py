"""The findings of an exploration as text: hazards and deadlocks, each with its schedule."""

from decimal import Decimal

from rich.console import Console

from sim.explore.exploration import Explored
from sim.explore.findings import in_order
from sim.explore.random_orders import Sampled, Strategy
from sim.scenario import KvmInit, Scenario
from sim.show.console import heading, line
from sim.show.schedule_text import show_schedule
from sim.units import counted

_ONE_ORDER = (
    "only one order exists, since never more than one of the CPUs and agents can act: the actions of an agent follow "
    "each other. Give actions agents of their own to explore their orders"
)
_MAX_WRITTEN_OUT = 10**15
"""The count from which on a power of ten is used, since orders grow as factorials: 2.43e+18."""


def show_explored(scenario: Scenario, explored: Explored, console: Console) -> None:
    """Print what an exploration of every order found, and how much it covered."""
    covered = "every order covered" if explored.complete else "not every order covered"
    # A search that Ctrl-C ended knows its ends, but has not counted the orders that lead to them.
    orders = "orders were not counted" if explored.ends else "no order reached its end"
    if explored.orders:
        orders = f"{_count(explored.orders, 'order')} of the steps tried"
    line(console, f"{_name(scenario)}{covered}: {orders}")
    states = _count(explored.states, "state") + (" up to symmetry" if explored.alike else "")
    line(console, f"{states}, {explored.ends:,} of them final; {_count(explored.runs, 'run')} of the scenario")
    steps = _count(explored.steps_tried, "step")
    line(console, f"{steps} tried, and {explored.steps_left_out:,} left out that are independent of these")
    for group in explored.alike:
        line(console, f"{scenario.topology.labels(group)} are alike, so states that differ by their order are one")
    _warn_of_kvm_init(scenario, console)
    if explored.complete and explored.orders == 1:
        line(console, _ONE_ORDER, "yellow")
    for found in in_order(explored.found.values()):
        heading(console, f"{found.what.title}: {found.length}")
        show_schedule(found.schedule, scenario.topology, console)
    if not explored.found:
        reached = "can be reached" if explored.complete else "was reached"
        line(console, f"no hazard and no deadlock {reached}", "green")


def show_sampled(scenario: Scenario, strategy: Strategy, depth: int, sampled: Sampled, console: Console) -> None:
    """Print what randomly drawn orders found; `depth` is PCT's."""
    drawn, ends = counted(sampled.runs, "order"), counted(sampled.ends, "different final state")
    line(console, f"{_name(scenario)}{drawn} drawn ({strategy}): {ends}")
    if strategy is Strategy.PCT:
        # Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs" (ASPLOS 2010):
        # a run of n actors and k steps meets a bug of depth d with a probability of at least 1 / (n k^(d-1)).
        least = sampled.actors * sampled.most_steps ** (depth - 1)
        line(
            console,
            f"a run meets what depends on the order of {counted(depth, 'step')} with a probability of at least 1 "
            f"in {least:,}: {sampled.actors} CPUs and agents, {counted(sampled.most_steps, 'step')}",
        )
    _warn_of_kvm_init(scenario, console)
    for found in in_order(sampled.found.values()):
        heading(console, f"{found.what.title}: in {found.runs:,} of {counted(sampled.runs, 'run')}; {found.length}")
        show_schedule(found.schedule, scenario.topology, console)
    if not sampled.found:
        line(console, "no hazard and no deadlock was met", "green")


def _name(scenario: Scenario) -> str:
    return f"{scenario.name}: " if scenario.name else ""


def _warn_of_kvm_init(scenario: Scenario, console: Console) -> None:
    """Warn if the scenario lets KVM initialise at a time at which no real kernel does."""
    if scenario.kvm_init is KvmInit.ANY_TIME:
        line(console, "KVM initialises at any time, as in no real kernel", "yellow")


def _count(number: int, noun: str) -> str:
    # A float would overflow: 171 steps that may happen in any order have more orders than the largest float.
    return counted(number, noun) if number < _MAX_WRITTEN_OUT else f"{Decimal(number):.2e} {noun}s"
