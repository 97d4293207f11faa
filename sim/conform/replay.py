"""Recorded runs replayed: build the same system, boot it here, compare every field."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from sim.booting import boot
from sim.conform.records import HostVl, ObservedBoot, RecordedBoot, RecordedCpu, RecordedSave, RecordedVlInfo
from sim.designs import LateStore, named
from sim.errors import InputError, choice
from sim.kernel.fpsimd import VlInfo
from sim.kernel.pkvm import Save
from sim.machine.memory import Extent, merged
from sim.outcome import Outcome
from sim.rules import HEADER_BYTES
from sim.scenario import Action, Do, KvmMode, Relay, Scenario, Surroundings
from sim.topology import Topology, cpu, cpu_list
from sim.vectors import VectorType, bits_from_vq, bits_from_vqs, largest_vq, vl_bytes_from_vq

SAVES_KERNEL = "6.12"
"""The saves were measured with kernels built from this series."""
SAVES_IN_A_ROW = 3
_BOOT_LOG = ("SVE: ", "SME: ", "KVM: ", "kvm [")
_MASKS = (
    (re.compile(r"0x[0-9a-f]{8,}"), "0x*"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "*"),
    (re.compile(r"capability \d+"), "capability *"),
    (re.compile(r"polled \d+ ms"), "polled * ms"),
    (re.compile(r"kvm \[\d+\]"), "kvm [*]"),
    (re.compile(r"handle_trap\+0x[0-9a-f]+/0x[0-9a-f]+"), "handle_trap+*"),
)
_FAILURE = re.compile(
    r"psci: |CPU\d+: |SVE: |kvm \[\*\]: .*nVHE (hyp|stacktrace)|Kernel panic|Internal error|Unable to handle kernel"
)
"""Lines of a failure that a save's log holds; it may hold others, which say nothing about it."""
_PANIC_OF = {True: "hypervisor panic", False: "kernel panic: write to read-only memory"}


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
            fields = _compare_boot(record, boot(boot_scenario(record)))
        else:
            fields = _compare_save(record, boot(save_scenario(record)))
        found = list(fields)
    except InputError as error:
        raise InputError(f"run {record.id}: {error}") from None
    return [Disagreement(record.id, *one) for one in found if one[1] != one[2]]


Field = tuple[str, Any, Any]


def _topology(cpus: list[RecordedCpu]) -> Topology:
    return Topology(
        tuple(cpu(f"cpu{number}", one.sve_bits, one.sme_bits) for number, one in enumerate(cpus)), any_vls=True
    )


# Boots


def boot_scenario(record: RecordedBoot) -> Scenario:
    """The scenario of a recorded boot: its actions, then a guest on every CPU."""
    words = record.command_line.split()
    unknown = set(words) - {"arm64.nosve", "arm64.nosme"}
    if unknown:
        raise InputError(f"kernel arguments that are not modelled: {' '.join(sorted(unknown))}")
    return Scenario(
        _topology(record.cpus),
        kernel=record.kernel,
        kvm_mode=choice(KvmMode, "kvm_mode", record.kvm_mode),
        el2=record.el2,
        maxcpus=record.early,
        nosve="arm64.nosve" in words,
        nosme="arm64.nosme" in words,
        actions=(
            *(_action(one.action) for one in record.observed.actions),
            *(Action(Do.GUEST, f"cpu{number}") for number in range(len(record.cpus))),
        ),
        name=record.id,
    )


def _action(text: str) -> Action:
    match = re.fullmatch(r"(on|off):(\d{1,5})", text)
    if match is None:
        raise InputError(f"{text[:40]!r} is no action: it is on:N or off:N")
    return Action(Do.ONLINE if match[1] == "on" else Do.OFFLINE, f"cpu{match[2]}")


def _compare_boot(record: RecordedBoot, outcome: Outcome) -> Iterator[Field]:
    seen, facts = record.observed, outcome.facts
    user_space_ns = next((e.time_ns for e in facts.events if e.kind == "user space"), facts.end_ns)
    boot_log = [line.text for line in facts.log if line.time_ns <= user_space_ns and line.text.startswith(_BOOT_LOG)]
    yield "boot_log", _masked(seen.boot_log), _masked(boot_log)
    yield from _compare_announced(seen, outcome)
    for vector_type, vl_info in ((VectorType.SVE, seen.vl_info_sve), (VectorType.SME, seen.vl_info_sme)):
        if vl_info is not None:
            yield from _compare_vl_info(f"vl_info_{vector_type.lower()}", vl_info, outcome.vectors[vector_type])
    if seen.kvm_sve_max_vl_bytes is not None:
        yield "kvm_sve_max_vl_bytes", seen.kvm_sve_max_vl_bytes, facts.kvm_sve_max_vl_bytes
    if seen.kvm_host_sve_max_vl_bytes is not None:
        yield "kvm_host_sve_max_vl_bytes", seen.kvm_host_sve_max_vl_bytes, facts.kvm_host_sve_max_vl_bytes
    has_sve = facts.supports[VectorType.SVE]
    tasks = list(outcome.vectors[VectorType.SVE].vq_map_bits) if has_sve else None
    yield "task_vls_bits", seen.task_vls_bits, tasks
    yield from _compare_actions(record, outcome)
    yield "completed", seen.completed, facts.panic is None
    yield from _compare_guests(seen, outcome)
    online = None if facts.panic is not None else cpu_list(facts.online)
    yield "online_at_end", seen.online_at_end, online


def _compare_announced(seen: ObservedBoot, outcome: Outcome) -> Iterator[Field]:
    """The sizes that the kernel announces, where it announces any."""
    facts = outcome.facts
    sve, sme = (outcome.vectors[one] if facts.supports[one] else None for one in VectorType)
    limited = any(line.text == "SVE: unvirtualisable vector lengths present" for line in facts.log)
    yield "sve_max_bytes", seen.sve_max_bytes, sve and sve.max_vl_bytes
    yield "sve_default_bytes", seen.sve_default_bytes, sve and sve.default_vl_bytes
    yield "unvirtualisable_warning", seen.unvirtualisable_warning, limited
    yield "sme_min_bytes", seen.sme_min_bytes, sme and sme.min_vl_bytes
    yield "sme_max_bytes", seen.sme_max_bytes, sme and sme.max_vl_bytes
    yield "sme_default_bytes", seen.sme_default_bytes, sme and sme.default_vl_bytes


def _compare_vl_info(name: str, seen: RecordedVlInfo, info: VlInfo) -> Iterator[Field]:
    yield f"{name}.min_vl_bytes", seen.min_vl_bytes, info.min_vl_bytes
    yield f"{name}.max_vl_bytes", seen.max_vl_bytes, info.max_vl_bytes
    yield (
        f"{name}.max_virtualisable_vl_bytes",
        seen.max_virtualisable_vl_bytes,
        info.max_virtualisable_vl_bytes,
    )
    yield f"{name}.vq_map_bits", seen.vq_map_bits, list(info.vq_map_bits)
    yield f"{name}.vq_partial_map_bits", seen.vq_partial_map_bits, list(info.vq_partial_map_bits)


def _compare_actions(record: RecordedBoot, outcome: Outcome) -> Iterator[Field]:
    rows = [row for row in outcome.action_rows() if row.do != Do.GUEST]
    for place, seen in enumerate(record.observed.actions):
        name = f"actions[{place}] {seen.action}"
        row = rows[place] if place < len(rows) else None
        yield f"{name}: outcome", seen.outcome, None if row is None else row.outcome
        yield f"{name}: error", seen.error, None if row is None else row.error
        if seen.outcome != "hung":  # nobody was left to write its log down
            yield f"{name}: log", _masked(seen.log), [] if row is None else _masked(row.log)


def _compare_guests(seen: ObservedBoot, outcome: Outcome) -> Iterator[Field]:
    """What guests had, which was asked at the end."""
    facts = outcome.facts
    asked = facts.panic is None and facts.offered_vqs
    yield "guest_vls_bits", seen.guest_vls_bits, list(bits_from_vqs(facts.offered_vqs)) if asked else None
    rdvl = {str(visit.cpu): bits_from_vq(largest_vq(visit.vqs)) for visit in facts.guests if not visit.killed}
    yield "guest_rdvl_bits", seen.guest_rdvl_bits, rdvl if asked and rdvl else None


def _masked(lines: list[str]) -> list[str]:
    """Replace what differs from machine to machine: identification values, process numbers and the like."""
    masked = []
    for line in lines:
        text = line
        for pattern, stands in _MASKS:
            text = pattern.sub(stands, text)
        masked.append(text)
    return masked


# Saves


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
        _topology(record.cpus),
        kernel=SAVES_KERNEL,
        design=design,
        kvm_mode=choice(KvmMode, "kvm_mode", record.kvm_mode),
        maxcpus=record.early,
        relay=choice(Relay, "relay", record.relay),
        surroundings=choice(Surroundings, "memory", record.memory),
        actions=(
            *(Action(Do.ONLINE, f"cpu{number}") for number in cpus if number >= record.early),
            *(Action(Do.GUEST, f"cpu{number}") for number in record.saved_before),
            Action(Do.GUEST, f"cpu{record.saving_cpu}", rounds=SAVES_IN_A_ROW),
        ),
        name=record.id,
    )


def _compare_save(record: RecordedSave, outcome: Outcome) -> Iterator[Field]:
    seen, facts = record.observed, outcome.facts
    info = outcome.vectors[VectorType.SVE]
    yield "end", seen.end, _PANIC_OF[facts.panic.of_hypervisor] if facts.panic else "completed"
    yield "max_vl_bytes", seen.max_vl_bytes, info.max_vl_bytes
    if seen.max_cpu_vl_bytes is not None:
        yield "max_cpu_vl_bytes", seen.max_cpu_vl_bytes, info.max_cpu_vl_bytes
    simulated = iter(_masked([line.text for line in facts.log]))
    modelled = [line for line in _masked(seen.log) if _FAILURE.match(line)]
    missing = [line for line in modelled if line not in simulated]
    yield "log", missing, []
    buffers = facts.buffers
    yield "buffer_bytes", seen.buffer_bytes, buffers and buffers.asked_bytes
    yield "page_order", seen.page_order, buffers and buffers.page_order
    shown = _shown(record, outcome) if buffers is not None else dict.fromkeys(_SHOWN)
    for name, value in shown.items():
        yield name, getattr(seen, name), value


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
    own = _changed(outcome, last.cpu, and_around=record.memory != Surroundings.ADJACENT)
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
