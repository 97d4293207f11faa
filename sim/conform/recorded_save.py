"""Saves of real pKVMs: the scenario that each amounts to, and what is compared."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

from sim.conform.compared_fields import Field, masked
from sim.conform.run_records import HostVl, RecordedSave, topology_of
from sim.designs import LateStore, named
from sim.errors import InputError, choice
from sim.kernel.save_area import Save
from sim.machine.memory import Extent, merged
from sim.outcome import Outcome
from sim.rules import HEADER_BYTES
from sim.scenario import Action, Do, KvmMode, MemoryLayout, Relay, Scenario
from sim.vectors import VectorType, vl_bytes_from_vq

SAVES_KERNEL = "6.12"
"""The saves were measured with kernels built from this series."""
SAVES_IN_A_ROW = 3
_FAILURE = re.compile(
    r"psci: |CPU\d+: |SVE: |kvm \[\*\]: .*nVHE (hyp|stacktrace)|Kernel panic|Internal error|Unable to handle kernel"
)
"""Lines of a failure that a save's log holds; it may hold others, which say nothing about it."""
_PANIC_OF = {True: "hypervisor panic", False: "kernel panic: write to read-only memory"}


def save_scenario(record: RecordedSave) -> Scenario:
    """The scenario of a recorded save: late CPUs that it names come online, then guests make them save."""
    design = named(record.design)
    if record.late_store is not None:
        stores = {"as posted": LateStore.READ_ONLY, "skipped": LateStore.SKIPPED, "works": LateStore.WORKS}
        if record.late_store not in stores:
            raise InputError(f"late_store is {record.late_store!r}: allowed are {', '.join(stores)}")
        design = replace(design, late_store=stores[record.late_store])
    cpus = list(dict.fromkeys([*record.saved_before, record.saving_cpu]))
    return Scenario(
        topology_of(record.cpus),
        kernel=SAVES_KERNEL,
        design=design,
        kvm_mode=choice(KvmMode, "kvm_mode", record.kvm_mode),
        maxcpus=record.early,
        relay=choice(Relay, "relay", record.relay),
        memory=choice(MemoryLayout, "memory", record.memory),
        actions=(
            *(Action(Do.ONLINE, f"cpu{number}") for number in cpus if number >= record.early),
            *(Action(Do.GUEST, f"cpu{number}") for number in record.saved_before),
            Action(Do.GUEST, f"cpu{record.saving_cpu}", rounds=SAVES_IN_A_ROW),
        ),
        name=record.id,
    )


def compare_save(record: RecordedSave, outcome: Outcome) -> Iterator[Field]:
    """What a run of saves showed, beside what a simulated run of the same shows."""
    seen, facts = record.observed, outcome.facts
    info = outcome.vectors[VectorType.SVE]
    yield Field("end", seen.end, _PANIC_OF[facts.panic.of_hypervisor] if facts.panic else "completed")
    yield Field("max_vl_bytes", seen.max_vl_bytes, info.max_vl_bytes)
    if seen.max_cpu_vl_bytes is not None:
        yield Field("max_cpu_vl_bytes", seen.max_cpu_vl_bytes, info.max_cpu_vl_bytes)
    simulated = iter(masked([line.text for line in facts.log]))
    modelled = [line for line in masked(seen.log) if _FAILURE.match(line)]
    missing = [line for line in modelled if line not in simulated]
    yield Field("log", missing, [])
    buffers = facts.buffers
    yield Field("buffer_bytes", seen.buffer_bytes, buffers and buffers.asked_bytes)
    yield Field("page_order", seen.page_order, buffers and buffers.page_order)
    shown = _shown(record, outcome) if buffers is not None else dict.fromkeys(_SHOWN)
    for name, value in shown.items():
        yield Field(name, getattr(seen, name), value)


_SHOWN = (
    "first_byte",
    "last_byte",
    "changed_ranges",
    "zcr_el1_intact",
    "bytes_in_other_cpus_buffers",
    "registers_restored",
    "host_vl_bytes",
)


def _shown(record: RecordedSave, outcome: Outcome) -> dict[str, Any]:
    """What the saves of the saving CPU show; None and 0 where there was none."""
    saves = [save for save in outcome.facts.saves if save.cpu == record.saving_cpu]
    if not saves:
        return {**dict.fromkeys(_SHOWN), "changed_ranges": 0}
    last = saves[-1]
    own = _changed(outcome, last.cpu, and_around=record.memory != MemoryLayout.ADJACENT)
    others = {
        str(cpu): (changed[0].first - HEADER_BYTES, changed[-1].last - HEADER_BYTES)
        for cpu in range(len(record.cpus))
        if cpu != last.cpu and (changed := _changed(outcome, cpu, and_around=False))
    }
    return {
        "first_byte": own[0].first - HEADER_BYTES,
        "last_byte": own[-1].last - HEADER_BYTES,
        "changed_ranges": _ranges(own),
        "zcr_el1_intact": last.header_intact,
        "bytes_in_other_cpus_buffers": others or None,
        "registers_restored": all(save.at_save_vq_restored for save in saves if not save.panicked),
        "host_vl_bytes": _host_vl(saves),
    }


def _changed(outcome: Outcome, cpu: int, *, and_around: bool) -> list[Extent]:
    """The bytes in a CPU's run of pages, or also around it, that any save changed."""
    return merged(
        [
            extent
            for save in outcome.facts.saves
            for extent in save.touched
            if extent.cpu == cpu and (and_around or not extent.foreign)
        ]
    )


def _ranges(extents: list[Extent]) -> int:
    """How many stretches of bytes, where neighbouring owners count as one."""
    gaps = sum(after.first > before.last + 1 for before, after in pairwise(extents))
    return 1 + gaps


def _host_vl(saves: list[Save]) -> HostVl:
    first, last = saves[0], saves[-1]
    after = last.host_vq if last.host_vq_after is None else last.host_vq_after
    return HostVl(*(vl_bytes_from_vq(vq) for vq in (first.host_vq, last.host_vq, after)))
