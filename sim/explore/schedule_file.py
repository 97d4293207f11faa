"""Schedule files: a scenario and the order of its steps, as JSON that replays to the same log."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from sim.arguments import checked
from sim.environment import Step, StepKind
from sim.errors import InputError
from sim.explore.controlled_env import controlled_boot
from sim.files.bounded_read import STANDARD_INPUT, read_at_most, read_regular_file
from sim.files.json_record import record_from_json
from sim.files.new_file import write_new
from sim.files.scenario_file import scenario_from_text
from sim.files.scenario_text import scenario_text
from sim.files.toml_tables import at
from sim.outcome import Outcome
from sim.scenario import Scenario

SCHEDULE_VERSION = 2
"""The version of schedule files: 2 since steps have a kind, an owner and a seat."""
MOST_BYTES = 64 << 20
_MOST_TOLD = 5
_COLONS = {StepKind.LOOK_AGAIN, StepKind.TAKE_HOTPLUG_LOCK}
_IN_FILES = {kind: f"{kind}:" if kind in _COLONS else kind.value for kind in StepKind}
"""The names of kinds in files. Version 2 has a colon in two of them."""
_KINDS = {name: kind for kind, name in _IN_FILES.items()}


class StepRecord(msgspec.Struct, frozen=True, array_like=True):
    """A step, as an array: its kind, the CPU or agent, and the CPU of a seat that is taken or null."""

    kind: Annotated[str, Meta(extra_json_schema={"enum": sorted(_KINDS)})]
    who: int | str
    seat: int | None = None

    @classmethod
    def of(cls, step: Step) -> "StepRecord":
        """Return the record of a step."""
        return cls(_IN_FILES[step.kind], step.who, step.seat)

    def step(self) -> Step:
        """Return the step.

        Raises:
            InputError: there is no such kind.
        """
        if self.kind not in _KINDS:
            raise InputError(f"unknown kind of step {self.kind!r:.60}")
        return Step(_KINDS[self.kind], self.who, self.seat)


class ScheduleRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of a schedule file."""

    schema_version: Annotated[int, Meta(description="2")]
    scenario: Annotated[str, Meta(description="text of the scenario file")]
    steps: Annotated[
        list[StepRecord],
        Meta(description="kind of step, CPU by its logical number or agent by its name, and CPU of a seat"),
    ]


def schedule_text(scenario: Scenario, steps: tuple[Step, ...]) -> str:
    """Return a schedule as the text of its file.

    Raises:
        InputError: the schedule is so long that its file could not be read again.
    """
    record = ScheduleRecord(SCHEDULE_VERSION, scenario_text(scenario), [StepRecord.of(step) for step in steps])
    text = msgspec.json.format(msgspec.json.encode(record), indent=2).decode() + "\n"
    if len(text.encode()) > MOST_BYTES:
        raise InputError(f"a schedule of {len(steps):,} steps needs more than the {MOST_BYTES >> 20} MiB that are read")
    return text


@checked
def save_schedule(scenario: Scenario, steps: tuple[Step, ...], path: Path) -> None:
    """Write a schedule to a new file, in a folder that is made if it is missing.

    Args:
        scenario: the scenario whose steps they are.
        steps: the schedule: what happens, in order.
        path: the file, which must not exist.

    Raises:
        InputError: the file exists, or the schedule is too long for a file.
        OSError: it cannot be written.

    >>> from tempfile import TemporaryDirectory
    >>> from sim import explore_orders, read_scenario
    >>> scenario = read_scenario("late-arrival")
    >>> schedules = [one.schedule for one in explore_orders(scenario).found.values()]
    >>> with TemporaryDirectory() as folder:
    ...     save_schedule(scenario, schedules[0], f"{folder}/schedule.json")
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_new(path, schedule_text(scenario, steps))


@checked
def read_schedule(path: Path) -> tuple[Scenario, tuple[Step, ...]]:
    """Read a schedule, which must be a regular file or the standard input.

    Args:
        path: the schedule's file; "-" is the standard input.

    Raises:
        InputError: the file is not a schedule, or its scenario is wrong.

    >>> from tempfile import TemporaryDirectory
    >>> from sim import explore_orders, read_scenario, save_schedule
    >>> scenario = read_scenario("late-arrival")
    >>> found = min(explore_orders(scenario).found.values(), key=lambda one: len(one.schedule))
    >>> with TemporaryDirectory() as folder:
    ...     save_schedule(scenario, found.schedule, f"{folder}/schedule.json")
    ...     read_schedule(f"{folder}/schedule.json") == (scenario, found.schedule)
    True
    """
    with at(str(path)):
        read = read_at_most if path == STANDARD_INPUT else read_regular_file
        raw = read(path, MOST_BYTES, "schedule")
        try:
            record = record_from_json(raw, ScheduleRecord)
        except InputError as error:
            raise InputError(f"is not a schedule: {error}") from None
        if record.schema_version != SCHEDULE_VERSION:
            raise InputError(f"is of version {record.schema_version}, and this program reads {SCHEDULE_VERSION}")
        with at("scenario"):
            scenario = scenario_from_text(record.scenario)
        return scenario, tuple(one.step() for one in record.steps)


@checked
def replay_schedule(scenario: Scenario, steps: tuple[Step, ...]) -> Outcome:
    """Run a scenario by a schedule; the run ends where the schedule ends.

    Args:
        scenario: the scenario whose steps they are.
        steps: the schedule: what happens, in order.

    Raises:
        InputError: a step of the schedule is not enabled in its turn.

    >>> from sim import HazardKind, explore_orders, read_scenario
    >>> scenario = read_scenario("late-arrival")
    >>> found = explore_orders(scenario).found[HazardKind.SHARED_IDLE_TASK]
    >>> replay_schedule(scenario, found.schedule).found[0].kind.title
    'two CPUs on one idle task'
    """
    left = iter(enumerate(steps, 1))

    def choose(enabled: list[Step]) -> Step | None:
        number, step = next(left, (0, None))
        if step is not None and step not in enabled:
            told = ", ".join(map(str, enabled[:_MOST_TOLD])) + (", ..." if len(enabled) > _MOST_TOLD else "")
            raise InputError(f"step {number} of the schedule, {str(step)!r}, cannot be next: what can is {told}")
        return step

    outcome = controlled_boot(scenario, choose).to_the_end()
    # Steps are left over if the run ended by itself: nothing was enabled any more, or the system panicked.
    if (following := next(left, None)) is not None:
        raise InputError(f"step {following[0]} of the schedule, {str(following[1])!r}: nothing more can happen")
    return outcome
