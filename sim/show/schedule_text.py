"""A schedule as swim-lanes for a terminal: a row for each step, a column for each CPU and agent."""

from rich.console import Console

from sim.environment import Step, StepKind
from sim.explore.findings import Schedule
from sim.show.console import table

_MOST_LANES = 12
_OTHERS = "other CPUs"
"""The lane of CPUs that do nothing after the early boot, where there are many."""


def show_schedule(schedule: Schedule, console: Console) -> None:
    """Print a schedule; where there are too many lanes, CPUs that only boot share one, or each step names its lane."""
    own = sorted({step.who for step in schedule}, key=lambda who: (isinstance(who, str), who))
    if len(own) > _MOST_LANES:
        busy = {0, *(step.who for step in _of_user_space(schedule))}
        own = [who for who in own if who in busy]
    if len(own) > _MOST_LANES:
        rows = [[str(number), str(step)] for number, step in enumerate(schedule, 1)]
        table(console, {"step": "right", "what": "left"}, rows)
        return
    lanes = _titles(own)
    shared = [] if {step.who for step in schedule} <= set(own) else [_OTHERS]
    rows = [
        [str(number), *(_what(step) if who == step.who else "" for who in own), *(_shared(step, own) for _ in shared)]
        for number, step in enumerate(schedule, 1)
    ]
    table(console, dict.fromkeys(["step"], "right") | dict.fromkeys([*lanes, *shared], "wrap"), rows)


def _of_user_space(schedule: Schedule) -> Schedule:
    """The steps from the first of user space's on."""
    start = next((place for place, step in enumerate(schedule) if step.kind is StepKind.USER_SPACE), len(schedule))
    return schedule[start:]


def _titles(lanes: list[int | str]) -> list[str]:
    """Names of lanes, all different: an agent may be called as a CPU is, or as another column."""
    taken = {"step", _OTHERS, *(f"cpu{who}" for who in lanes if isinstance(who, int))}
    return [f"cpu{who}" if isinstance(who, int) else repr(who) if who in taken else who for who in lanes]


def _what(step: Step) -> str:
    return step.words.removesuffix(":")


def _shared(step: Step, own: list[int | str]) -> str:
    """What stands in the shared lane."""
    return "" if step.who in own else str(step)
