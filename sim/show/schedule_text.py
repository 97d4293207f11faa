"""A schedule as swim lanes: a row for each step, a column for each CPU and each agent of user space."""

from rich.console import Console

from sim.environment import StepKind
from sim.explore.findings import Schedule
from sim.show.table_forms import Layout, table
from sim.topology import Topology

_MAX_LANES = 12
"""The number of lanes above which a terminal is too narrow for them."""
_IN_LANE = {
    StepKind.LATE_ARRIVAL: "arrives late",
    StepKind.GIVE_UP: "is given up",
    StepKind.SYSFS_WRITE: "writes to sysfs",
    StepKind.TIME_COMES: "its time comes",
}
"""The words of the steps whose own words lead over to a CPU or an agent, which a lane has in its heading."""
_OTHERS = "other CPUs"
"""The lane that CPUs share which do nothing after the early boot."""


def show_schedule(schedule: Schedule, topology: Topology, console: Console) -> None:
    """Print a schedule in at most 12 lanes of CPUs and agents.

    Where there are more, the CPUs that do nothing but boot share a lane; where that does not help, there are no lanes,
    and each step names its CPU or agent.

    Args:
        schedule: the steps.
        topology: the CPUs that take them, for their names.
        console: the terminal.
    """
    # CPUs by number, then agents by name: Python does not compare the two.
    lanes = sorted({step.who for step in schedule}, key=lambda lane: (isinstance(lane, str), lane))
    if len(lanes) > _MAX_LANES:
        busy = {0, *(step.who for step in _of_user_space(schedule))}
        lanes = [lane for lane in lanes if lane in busy]
    if len(lanes) > _MAX_LANES:
        rows = [[str(number), step.sentence(topology.label)] for number, step in enumerate(schedule, 1)]
        table(console, {"step": "right", "what happens": "left"}, rows)
        return
    shared = [] if {step.who for step in schedule} <= set(lanes) else [_OTHERS]
    rows = [
        [
            str(number),
            *(_IN_LANE.get(step.kind, step.doing(topology.label)) if lane == step.who else "" for lane in lanes),
            *("" if step.who in lanes else step.sentence(topology.label) for _ in shared),
        ]
        for number, step in enumerate(schedule, 1)
    ]
    columns: dict[str, Layout] = {"step": "right"}
    columns.update(dict.fromkeys([*_titles(lanes, topology), *shared], "wrap"))
    table(console, columns, rows)


def _of_user_space(schedule: Schedule) -> Schedule:
    """Return the steps from the beginning of user space on."""
    start = next((index for index, step in enumerate(schedule) if step.kind is StepKind.USER_SPACE), len(schedule))
    return schedule[start:]


def _titles(lanes: list[int | str], topology: Topology) -> list[str]:
    """Return a title for each lane. An agent's name is quoted where another column has that title already."""
    taken = {"step", _OTHERS, *(topology.label(lane) for lane in lanes if isinstance(lane, int))}
    return [topology.label(lane) if isinstance(lane, int) else repr(lane) if lane in taken else lane for lane in lanes]
