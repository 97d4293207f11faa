"""The folder of a sweep over vector lengths."""

from sim.errors import InputError
from sim.sweep.part_record import PartRecord
from sim.sweep.parted_plan import PlanRecord
from sim.sweep.parts_folder import PartsFolder
from sim.sweep.sweep_plan import Plan


class Folder(PartsFolder[Plan, PartRecord]):
    """The folder of a sweep over vector lengths."""

    @classmethod
    def _plan_of(cls, record: PlanRecord) -> Plan:
        if "cores" in record.space:
            raise InputError("is a sweep over mixtures of cores: only a sweep over vector lengths has this")
        return Plan.of(record)

    @property
    def _record_type(self) -> type[PartRecord]:
        return PartRecord

    def _fits(self, record: PartRecord, number: int) -> bool:
        return record.fits(self.plan, number)
