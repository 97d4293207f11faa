"""The folder of a sweep over mixtures of cores."""

from pathlib import Path

from sim.errors import InputError
from sim.sweep.mixture_plan import MixturePlan
from sim.sweep.mixture_tally import MixturePartRecord
from sim.sweep.parted_plan import PlanRecord
from sim.sweep.parts_folder import PartsFolder, space_of


class MixtureFolder(PartsFolder[MixturePlan, MixturePartRecord]):
    """The folder of a sweep over mixtures of cores."""

    @classmethod
    def _plan_of(cls, record: PlanRecord) -> MixturePlan:
        if "cores" not in record.space:
            raise InputError("is a sweep over vector lengths: only a sweep over mixtures of cores has this")
        return MixturePlan.of(record)

    @property
    def _record_type(self) -> type[MixturePartRecord]:
        return MixturePartRecord

    def _fits(self, record: MixturePartRecord, number: int) -> bool:
        return record.fits(self.plan, number)


def is_of_mixtures(folder: Path) -> bool:
    """Return True if a folder holds a sweep over mixtures of cores.

    Raises:
        InputError: it holds no sweep, or one of another version.
    """
    return "cores" in space_of(folder)
