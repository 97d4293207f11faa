"""Schedules as files: a scenario and the order of its steps, as JSON that replays to the same log."""

from pathlib import Path

import msgspec

from sim.environment import Step
from sim.errors import InputError
from sim.explore.controlled_env import chosen_boot
from sim.files.bounded_read import read_regular_file
from sim.files.json_record import record_from_json
from sim.files.new_file import write_new
from sim.files.scenario_file import scenario_from_text
from sim.files.scenario_text import scenario_text
from sim.files.toml_tables import at
from sim.outcome import Outcome
from sim.rows import SCHEDULE_VERSION, ScheduleRecord
from sim.scenario import Scenario

MOST_BYTES = 64 << 20
_MOST_TOLD = 5


def schedule_text(scenario: Scenario, steps: tuple[Step, ...]) -> str:
    """Return a schedule as the text of its file.

    Raises:
        InputError: the schedule is so long that its file could not be read again.
    """
    record = ScheduleRecord(SCHEDULE_VERSION, scenario_text(scenario), [(step.what, step.who) for step in steps])
    text = msgspec.json.format(msgspec.json.encode(record), indent=2).decode() + "\n"
    if len(text.encode()) > MOST_BYTES:
        raise InputError(f"a schedule of {len(steps):,} steps needs more than the {MOST_BYTES >> 20} MiB that are read")
    return text


def save_schedule(scenario: Scenario, steps: tuple[Step, ...], path: Path) -> None:
    """Write a schedule to a file that does not exist yet, in a folder that is made where it is missing.

    Raises:
        InputError: the file exists, or the schedule is too long for one.
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_new(path, schedule_text(scenario, steps))


def read_schedule(path: Path) -> tuple[Scenario, tuple[Step, ...]]:
    """Read a schedule, which must be a regular file.

    Raises:
        InputError: the file holds no schedule, or its scenario is wrong.
    """
    with at(str(path)):
        raw = read_regular_file(path, MOST_BYTES, "schedule")
        try:
            record = record_from_json(raw, ScheduleRecord)
        except InputError as error:
            raise InputError(f"is not a schedule: {error}") from None
        if record.schema_version != SCHEDULE_VERSION:
            raise InputError(f"is of version {record.schema_version}, and this program reads {SCHEDULE_VERSION}")
        with at("scenario"):
            scenario = scenario_from_text(record.scenario)
    return scenario, tuple(Step(what, who) for what, who in record.steps)


def replay_schedule(scenario: Scenario, steps: tuple[Step, ...]) -> Outcome:
    """Run a scenario by a schedule; it ends where the schedule ends.

    Raises:
        InputError: a step of the schedule may not be next.
    """
    left = iter(enumerate(steps, 1))

    def choose(enabled: list[Step]) -> Step | None:
        number, step = next(left, (0, None))
        if step is not None and step not in enabled:
            told = ", ".join(map(str, enabled[:_MOST_TOLD])) + (", ..." if len(enabled) > _MOST_TOLD else "")
            raise InputError(f"step {number} of the schedule, {str(step)!r}, cannot be next: what can is {told}")
        return step

    outcome = chosen_boot(scenario, choose).to_the_end()
    if (following := next(left, None)) is not None:
        raise InputError(f"step {following[0]} of the schedule, {str(following[1])!r}: nothing more can happen")
    return outcome
