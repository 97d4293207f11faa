"""Recorded runs replayed: build the same system, boot it here, compare every field."""

from dataclasses import dataclass
from typing import Any

from sim.booting import boot
from sim.conform.boots import boot_scenario, compare_boot
from sim.conform.records import RecordedBoot, RecordedSave
from sim.conform.saves import compare_save, save_scenario
from sim.errors import InputError


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A field in which the simulator and a recorded run differ."""

    id: str
    field: str
    recorded: Any
    simulated: Any

    def __str__(self) -> str:
        identity = self.id if self.id.isprintable() else ascii(self.id)
        return f"{identity}: {self.field}: recorded {self.recorded!r}, simulated {self.simulated!r}"


def replay(record: RecordedBoot | RecordedSave) -> list[Disagreement]:
    """Boot the system of a recorded run and compare what it showed with what the simulator says.

    Raises:
        InputError: the record describes a system that there cannot be.
    """
    try:
        if isinstance(record, RecordedBoot):
            fields = compare_boot(record, boot(boot_scenario(record)))
        else:
            fields = compare_save(record, boot(save_scenario(record)))
        found = list(fields)
    except InputError as error:
        raise InputError(f"run {record.id}: {error}") from None
    return [Disagreement(record.id, *one) for one in found if not one.agrees]
