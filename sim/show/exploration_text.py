"""What came of exploring as text for a terminal."""

from rich.console import Console

from sim.explore.exploring import Explored, Schedule
from sim.scenario import Scenario
from sim.show.console import heading, line, table


def show(scenario: Scenario, explored: Explored, console: Console) -> None:
    """Print which hazards can be reached, each with its schedule, a lane for each CPU and agent."""
    covered = "every order" if explored.complete else "some orders"
    line(console, f"{scenario.name}: {covered}: {explored.states:,} states, {explored.ends:,} of them ends")
    line(
        console,
        f"{explored.runs:,} runs; {explored.steps_tried:,} steps tried, {explored.steps_left_out:,} left out as "
        "independent of these",
    )
    for kind, schedule in sorted(explored.schedules.items()):
        heading(console, f"{kind.title}: {len(schedule)} steps")
        _lanes(schedule, console)
    if not explored.schedules:
        line(console, "no hazard can be reached", "green")


def _lanes(schedule: Schedule, console: Console) -> None:
    """A schedule as swim-lanes: a row for each step, a column for each CPU or agent."""
    lanes = sorted({step.who for step in schedule}, key=lambda who: (isinstance(who, str), who))
    titles = {f"cpu{who}" if isinstance(who, int) else who: "wrap" for who in lanes}
    rows = [
        [str(number), *(step.what.removesuffix(":") if who == step.who else "" for who in lanes)]
        for number, step in enumerate(schedule, 1)
    ]
    table(console, {"step": "right"} | titles, rows)
