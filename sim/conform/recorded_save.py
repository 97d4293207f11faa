"""Comparison of a recorded save of pKVM: the scenario that it stands for, and its fields beside the simulator's.

The kernels were built with each design, and patched to poison the memory around the buffers and to dump it after a
save. Byte positions count from the start of the buffer's registers, so that the header has negative positions: zcr_el1
is at -16 to -9. `Save` counts from the start of the page run, where the header is; the difference is `HEADER_BYTES`.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from sim.conform.compared_fields import Field, Value, mask_lines
from sim.conform.run_records import HostVl, RecordedSave, recorded_topology
from sim.designs import LateStore, named
from sim.errors import InputError, choice
from sim.kernel.save_area import Save
from sim.machine.memory import Extent, merged
from sim.outcome import Outcome
from sim.rules import HEADER_BYTES
from sim.scenario import Action, Do, KvmMode, MemoryLayout, Relay, Scenario
from sim.vectors import VectorType, vl_bytes_from_vq

SAVES_KERNEL = "6.12"
"""The series of the kernels that the saves were measured with."""
ROUND_TRIPS = 3
"""Round trips between host and guest on the saving CPU, as in the measurement.

Each round trip starts with the registers and the VL that the restore before it left: under constrain-v2 the VL before
the last round trip can be smaller than before the first.
"""
# The measurement named the variants of brown-v4's store after the patch: as posted, left out, or made to work.
_LATE_STORES = {"as posted": LateStore.READ_ONLY, "skipped": LateStore.SKIPPED, "works": LateStore.WORKS}
_FAILURE_LINE = re.compile(
    r"psci: |CPU\d+: |SVE: |kvm \[\*\]: .*nVHE (hyp|stacktrace)|Kernel panic|Internal error|Unable to handle kernel"
)
"""Masked lines that report a failure. Logs of saves also have lines of the measurement itself, which are left out."""
_PANIC_ENDS = {True: "hypervisor panic", False: "kernel panic: write to read-only memory"}
"""The values of `end` after a panic, by `Panic.of_hypervisor`.

The kernel itself panics for one reason only in these runs: brown-v4 stores to ``vl_info`` after it became read-only.
"""


def save_scenario(record: RecordedSave) -> Scenario:
    """Return the scenario of a recorded save: its late CPUs come online, then guests make the CPUs save.

    Raises:
        InputError: the record has a choice that is not modelled, or an impossible system.
    """
    design = named(record.design)
    if record.late_store is not None:
        if record.late_store not in _LATE_STORES:
            raise InputError(f"late_store is {record.late_store!r}: allowed are {', '.join(_LATE_STORES)}")
        design = replace(design, late_store=_LATE_STORES[record.late_store])
    cpus = list(dict.fromkeys([*record.saved_before, record.saving_cpu]))  # without duplicates, in order
    return Scenario(
        recorded_topology(record.cpus),
        kernel=SAVES_KERNEL,
        design=design,
        kvm_mode=choice(KvmMode, "kvm_mode", record.kvm_mode),
        maxcpus=record.early,
        relay=choice(Relay, "relay", record.relay),
        memory=choice(MemoryLayout, "memory", record.memory),
        actions=(
            *(Action(Do.ONLINE, f"cpu{cpu}") for cpu in cpus if cpu >= record.early),
            *(Action(Do.GUEST, f"cpu{cpu}") for cpu in record.saved_before),
            Action(Do.GUEST, f"cpu{record.saving_cpu}", rounds=ROUND_TRIPS),
        ),
        name=record.id,
    )


def compare_save(record: RecordedSave, outcome: Outcome) -> Iterator[Field]:
    """Compare a recorded run of saves with a simulated run of the same system.

    Args:
        record: the recorded run.
        outcome: the outcome of `save_scenario(record)`.
    """
    observed, facts = record.observed, outcome.facts
    info = outcome.vectors[VectorType.SVE]
    yield Field("end", observed.end, _PANIC_ENDS[facts.panic.of_hypervisor] if facts.panic else "completed")
    yield Field("max_vl_bytes", observed.max_vl_bytes, info.max_vl_bytes)
    if observed.max_cpu_vl_bytes is not None:
        yield Field("max_cpu_vl_bytes", observed.max_cpu_vl_bytes, info.max_cpu_vl_bytes)
    # Recorded lines must be a subsequence of the simulated lines: `in` consumes the iterator up to the line that it
    # finds, so that the next line is looked for behind it.
    simulated = iter(mask_lines([line.text for line in facts.log]))
    modelled = [line for line in mask_lines(observed.log) if _FAILURE_LINE.match(line)]
    missing = [line for line in modelled if line not in simulated]
    yield Field("log", missing, [])
    buffers = facts.buffers
    yield Field("buffer_bytes", observed.buffer_bytes, None if buffers is None else buffers.asked_bytes)
    yield Field("page_order", observed.page_order, None if buffers is None else buffers.page_order)
    # Without buffers (no pKVM, or its allocation failed) there is nothing that a save could be measured by.
    values = _save_values(record, outcome) if buffers is not None else dict.fromkeys(_SAVE_FIELDS)
    for name, value in values.items():
        yield Field(name, getattr(observed, name), value)


_SAVE_FIELDS = (
    "first_byte",
    "last_byte",
    "changed_ranges",
    "zcr_el1_intact",
    "bytes_in_other_cpus_buffers",
    "registers_restored",
    "host_vl_bytes",
)


def _save_values(record: RecordedSave, outcome: Outcome) -> dict[str, Value]:
    """Return the fields of `_SAVE_FIELDS` as simulated; without a save they are None, and `changed_ranges` is 0."""
    saves = [save for save in outcome.facts.saves if save.cpu == record.saving_cpu]
    if not saves:
        return {**dict.fromkeys(_SAVE_FIELDS), "changed_ranges": 0}
    # Isolated and mapped runs have other memory around them, which the measurement dumped with the run. Around an
    # adjacent run are the other CPUs' runs, and their bytes are in `bytes_in_other_cpus_buffers`.
    own = _changed_extents(outcome, record.saving_cpu, and_around=record.memory != MemoryLayout.ADJACENT)
    others = {
        str(cpu): (changed[0].first - HEADER_BYTES, changed[-1].last - HEADER_BYTES)
        for cpu in range(len(record.cpus))
        if cpu != record.saving_cpu and (changed := _changed_extents(outcome, cpu, and_around=False))
    }
    return {
        "first_byte": own[0].first - HEADER_BYTES,
        "last_byte": own[-1].last - HEADER_BYTES,
        "changed_ranges": _count_ranges(own),
        "zcr_el1_intact": saves[-1].header_intact,
        "bytes_in_other_cpus_buffers": others or None,
        "registers_restored": all(save.at_save_vq_restored for save in saves if not save.panicked),
        "host_vl_bytes": _host_vl(saves),
    }


def _changed_extents(outcome: Outcome, cpu: int, *, and_around: bool) -> list[Extent]:
    """Return the bytes that any save changed in a CPU's run of pages, or also around it."""
    return merged(
        [
            extent
            for save in outcome.facts.saves
            for extent in save.touched
            if extent.cpu == cpu and (and_around or not extent.foreign)
        ]
    )


def _count_ranges(extents: list[Extent]) -> int:
    """Count contiguous ranges; extents that touch each other, but have different owners, are one range."""
    gaps = sum(after.first > before.last + 1 for before, after in pairwise(extents))
    return 1 + gaps


def _host_vl(saves: list[Save]) -> HostVl:
    first, last = saves[0], saves[-1]
    # A save that panicked has no restore: the VL is still the VL before it.
    after = last.host_vq if last.host_vq_after is None else last.host_vq_after
    return HostVl(*(vl_bytes_from_vq(vq) for vq in (first.host_vq, last.host_vq, after)))
