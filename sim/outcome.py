"""The outcome of a boot: log, events, CPUs, buffers, saves, hazards, as rows and as pandas frames."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from sim import rules
from sim.arguments import checked
from sim.cause_recorder import Cause
from sim.event_text import event_detail
from sim.facts import CpuState, Facts
from sim.feature_rows import (
    CapabilityRow,
    FieldRow,
    HwcapRow,
    RegisterRow,
    UnusedRow,
    capability_rows,
    features_record,
    field_rows,
    hwcap_rows,
    register_rows,
    unused_rows,
)
from sim.frames import as_html, frame
from sim.hazard_kinds import Hazard
from sim.hazards import find_hazards
from sim.kernel.feature_history import KnownFeatures
from sim.kernel.fpsimd import VlInfo
from sim.notes import notes_of
from sim.outcome_rows import (
    ActionRow,
    BufferRow,
    CpuRow,
    EventRow,
    HazardRow,
    KvmRow,
    LogRow,
    OutcomeRecord,
    SaveRow,
    ScenarioRow,
    VectorRow,
)
from sim.rows import SCHEMA_VERSION
from sim.scenario import Scenario
from sim.units import counted, timestamp
from sim.vectors import bits_from_vq, bits_from_vqs

if TYPE_CHECKING:
    import pandas as pd


class Outcome:
    """The outcome of a boot. `facts` has everything raw; the rest is made from it when it is asked for.

    Args:
        facts: everything that happened.
        causes: the cause of each event, if they were recorded.
        history: the record of lengths and the capabilities at each moment at which they changed, if it was kept.

    >>> from sim import boot, read_scenario
    >>> boot(read_scenario("bug"))
    <Outcome of 'the bug of Linux 6.11': 2 of 2 CPUs online, 4 hazards>
    """

    @checked
    def __init__(
        self,
        facts: Facts,
        causes: tuple[Cause, ...] | None = None,
        history: tuple[KnownFeatures, ...] | None = None,
    ) -> None:
        self.facts = facts
        self.causes = causes
        self.history = history

    def __repr__(self) -> str:
        facts = self.facts
        name = f" of {self.scenario.name!r}" if self.scenario.name else ""
        panic = "" if facts.panic is None else "panicked, "
        cpus, hazards = counted(len(self.scenario.topology.cpus), "CPU"), counted(len(self.found), "hazard")
        return f"<Outcome{name}: {panic}{len(facts.online):,} of {cpus} online, {hazards}>"

    def _repr_html_(self) -> str:
        hazards = self.hazards[["title", "cpu", "sentence"]]
        told = as_html(f"{repr(self)[1:-1]}; hazards:", hazards) + as_html("CPUs", self.cpus)
        if self.facts.features_at_end is None:
            return told
        # Frames keep tuples whole, so each CPU's value has its place in one cell.
        fields = self.register_fields[["register", "field", "values", "sanitised", "decided_by"]]
        capabilities = self.capabilities[["name", "description", "scope", "decided_by"]]
        return told + as_html("Features in which CPUs differ", fields) + as_html("Capabilities", capabilities)

    @property
    def scenario(self) -> Scenario:
        """The scenario that was booted."""
        return self.facts.scenario

    @property
    def vectors(self) -> dict[str, VlInfo]:
        """The kernel's record of vector lengths, by ``"SVE"`` and ``"SME"``.

        >>> from sim import boot, read_scenario
        >>> boot(read_scenario("bug")).vectors["SVE"].vq_map_bits
        (128, 256)
        """
        return {str(vector_type): info for vector_type, info in self.facts.vectors.items()}

    @cached_property
    def found(self) -> list[Hazard]:
        """The hazards, worst first."""
        return find_hazards(self.facts)

    @cached_property
    def notes(self) -> list[str]:
        """Facts worth knowing that are not hazards, as sentences."""
        return notes_of(self.facts)

    @property
    def verdict(self) -> str:
        """One line on the hazards, the worst of them, the CPUs online, and tasks that wait for ever."""
        told = "no hazard"
        if self.found:
            worst = self.found[0]
            where = "" if worst.cpu is None else f" on {self.facts.label(worst.cpu)}"
            told = f"{counted(len(self.found), 'hazard')}, worst: {worst.kind.title}{where}"
        told += f"; {len(self.facts.online):,} of {counted(len(self.scenario.topology.cpus), 'CPU')} online"
        if self.facts.waiting:
            told += f"; {counted(len(self.facts.waiting), 'task')} waiting for ever"
        return told

    @property
    def log_text(self) -> str:
        """The kernel log as text, with time stamps."""
        return "".join(f"{timestamp(line.time_ns)} {line.text}\n" for line in self.facts.log)

    # Rows, from which frames, tables and JSON are made

    def event_rows(self) -> list[EventRow]:
        """Return a row for each event."""
        cpus = self.scenario.topology
        return [EventRow(one.time_ns, one.cpu, one.kind.value, event_detail(one, cpus)) for one in self.facts.events]

    def cpu_rows(self) -> list[CpuRow]:
        """Return a row for each CPU, by logical number."""
        facts = self.facts
        return [
            CpuRow(
                cpu=number,
                name=one.name,
                cluster="/".join(one.clusters),
                role=facts.role(number),
                late_because=facts.late_because(number),
                hw_cpu=facts.hw_cpu(number),
                el=self.scenario.el(facts.hw_cpu(number)),
                sve_bits=_bits(facts.hardware(number).usable_sve_vqs),
                sme_bits=_bits(facts.hardware(number).usable_sme_vqs),
                state=str(facts.state(number)),
                host_max_vl_bytes=facts.host_max_vl_bytes(number) if facts.state(number) is CpuState.ONLINE else 0,
            )
            for number, one in enumerate(self.scenario.topology.logical)
        ]

    def buffer_rows(self) -> list[BufferRow]:
        """Return a row for each buffer, one for every possible CPU; none where pKVM has no buffers."""
        buffers = self.facts.buffers
        if buffers is None:
            return []
        # The buffer belongs to the number, and the length of its saves to the hardware that runs under it.
        needs = [self.facts.need(self.facts.hw_cpu(number)) for number in range(len(self.scenario.topology.cpus))]
        return [
            BufferRow(
                cpu=number,
                allocation_vl_bits=bits_from_vq(buffers.allocation_vq),
                asked_bytes=buffers.asked_bytes,
                page_order=buffers.page_order,
                run_bytes=buffers.run_bytes,
                save_bytes=need.size_bytes,
                save_first_byte=need.first_byte,
                # A save may need more than was asked for, which is a hazard and leaves nothing unused.
                unused_bytes=max(0, buffers.asked_bytes - need.size_bytes),
            )
            for number, need in enumerate(needs)
        ]

    def save_rows(self) -> list[SaveRow]:
        """Return a row for each save."""
        saved_before = self.facts.scenario.flags.host_fpsimd_flushed
        return [
            SaveRow(
                cpu=save.cpu,
                time_ns=save.time_ns,
                host_vl_bits=bits_from_vq(save.host_vq),
                save_vl_bits=bits_from_vq(save.running_vq),
                pointer_vl_bits=bits_from_vq(save.pointer_vq),
                # A save that panicked wrote only a part of that range.
                first_byte=None if save.panicked else rules.save_first_byte(save.pointer_vq, save.running_vq),
                last_byte=None if save.panicked else rules.save_last_byte(save.pointer_vq, save.running_vq),
                written_bytes=sum(extent.bytes for extent in save.touched),
                header_intact=save.header_intact,
                panicked=save.panicked,
                registers_restored=save.at_save_vq_restored,
                committed_restored=save.committed_vq_restored,
                task_restored=None if save.is_restored is None else save.is_restored or saved_before,
                host_vl_after_bits=None if save.host_vq_after is None else bits_from_vq(save.host_vq_after),
            )
            for save in self.facts.saves
        ]

    def action_rows(self) -> list[ActionRow]:
        """Return a row for each action of user space, in the order in which they ended."""
        return [
            ActionRow(
                agent=one.action.agent,
                do=one.action.do.value,
                cpu=one.cpu,
                outcome=one.outcome.value,
                error=one.error,
                started_ns=one.started_ns,
                ended_ns=one.ended_ns,
                log=[line.text for line in self.facts.log[one.log_from : one.log_to]],
            )
            for one in self.facts.actions
        ]

    def hazard_rows(self) -> list[HazardRow]:
        """Return a row for each hazard, worst first."""
        return [
            HazardRow(
                rank=one.kind.rank,
                hazard=one.kind.value,
                title=one.kind.title,
                cpu=one.cpu,
                time_ns=one.time_ns,
                underrun_bytes=one.underrun_bytes,
                overrun_bytes=one.overrun_bytes,
                sentence=one.sentence,
            )
            for one in self.found
        ]

    def vector_rows(self) -> list[VectorRow]:
        """Return a row for each vector type: the kernel's record."""
        return [
            VectorRow(
                type=vector_type.value,
                supported=self.facts.supports[vector_type],
                vq_map_bits=info.vq_map_bits,
                vq_partial_map_bits=info.vq_partial_map_bits,
                min_vl_bytes=info.min_vl_bytes,
                max_vl_bytes=info.max_vl_bytes,
                default_vl_bytes=info.default_vl_bytes,
                max_virtualisable_vl_bytes=info.max_virtualisable_vl_bytes,
                max_cpu_vl_bytes=info.max_cpu_vl_bytes,
            )
            for vector_type, info in self.facts.vectors.items()
        ]

    def kvm_row(self) -> KvmRow:
        """Return KVM's limits."""
        facts = self.facts
        return KvmRow(
            initialised=facts.kvm_initialised,
            kvm_sve_max_vl_bytes=facts.kvm_sve_max_vl_bytes,
            kvm_host_sve_max_vl_bytes=facts.kvm_host_sve_max_vl_bytes,
            offered_bits=bits_from_vqs(facts.offered_vqs),
        )

    def record(self, without_effect: Sequence[str] = ()) -> OutcomeRecord:
        """Return everything, as JSON has it.

        Args:
            without_effect: the settings that options changed and that do nothing.
        """
        facts = self.facts
        return OutcomeRecord(
            schema_version=SCHEMA_VERSION,
            scenario=scenario_row(self.scenario),
            without_effect=tuple(without_effect),
            log=[LogRow(line.time_ns, line.text) for line in facts.log],
            events=self.event_rows(),
            cpus=self.cpu_rows(),
            vectors=self.vector_rows(),
            kvm=self.kvm_row(),
            buffers=self.buffer_rows(),
            saves=self.save_rows(),
            actions=self.action_rows(),
            hazards=self.hazard_rows(),
            notes=self.notes,
            features=None if facts.features_at_end is None else features_record(facts),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, as JSON has them."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self.record()))
        return plain

    # Frames: docs/outcome.md has their columns

    @cached_property
    def log(self) -> "pd.DataFrame":
        """The kernel log; columns of `LogRow`."""
        return frame([LogRow(line.time_ns, line.text) for line in self.facts.log], LogRow)

    @cached_property
    def events(self) -> "pd.DataFrame":
        """The events; columns of `EventRow`."""
        return frame(self.event_rows(), EventRow)

    @cached_property
    def cpus(self) -> "pd.DataFrame":
        """The CPUs; columns of `CpuRow`."""
        return frame(self.cpu_rows(), CpuRow)

    @cached_property
    def buffers(self) -> "pd.DataFrame":
        """The buffers of pKVM; columns of `BufferRow`."""
        return frame(self.buffer_rows(), BufferRow)

    @cached_property
    def saves(self) -> "pd.DataFrame":
        """The saves; columns of `SaveRow`."""
        return frame(self.save_rows(), SaveRow)

    @cached_property
    def actions(self) -> "pd.DataFrame":
        """The actions of user space; columns of `ActionRow`."""
        return frame(self.action_rows(), ActionRow)

    @cached_property
    def hazards(self) -> "pd.DataFrame":
        """The hazards, worst first; columns of `HazardRow`."""
        return frame(self.hazard_rows(), HazardRow)

    # Frames of CPU features: without rows where vector lengths alone are modelled

    @cached_property
    def registers(self) -> "pd.DataFrame":
        """The ID registers that the kernel keeps; columns of `RegisterRow`."""
        return frame(register_rows(self.facts), RegisterRow)

    @cached_property
    def register_fields(self) -> "pd.DataFrame":
        """The fields of ID registers in which CPUs differ; columns of `FieldRow`."""
        return frame(field_rows(self.facts), FieldRow)

    @cached_property
    def capabilities(self) -> "pd.DataFrame":
        """The capabilities of the system; columns of `CapabilityRow`."""
        return frame(capability_rows(self.facts), CapabilityRow)

    @cached_property
    def hwcaps(self) -> "pd.DataFrame":
        """The features that programs are promised; columns of `HwcapRow`."""
        return frame(hwcap_rows(self.facts), HwcapRow)

    @cached_property
    def unused_features(self) -> "pd.DataFrame":
        """The features that CPUs have and the system cannot use; columns of `UnusedRow`."""
        return frame(unused_rows(self.facts), UnusedRow)


def scenario_row(scenario: Scenario) -> ScenarioRow:
    """Return the settings of a scenario."""
    design = scenario.active_design
    return ScenarioRow(
        name=scenario.name,
        kernel=scenario.kernel,
        kernel_flags=dict(scenario.kernel_flags),
        design=None if design is None else design.name,
        kvm_mode=str(scenario.kvm_mode),
        relay=str(scenario.relay),
        memory=str(scenario.memory),
        seed=scenario.seed,
        command_line=scenario.command_line,
    )


def _bits(vqs: int | None) -> tuple[int, ...] | None:
    return None if vqs is None else bits_from_vqs(vqs)
