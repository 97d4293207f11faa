"""The hazards of a boot: what went wrong, worst first, each as one sentence with its numbers.

Here are the hazards of boots, vector lengths, pKVM's buffers and firmware; those of other CPU features are in
`sim.feature_hazards`. docs/hazards.md has a section on each.
"""

from collections.abc import Iterable, Iterator

from sim import feature_hazards, rules
from sim.errnos import Errno
from sim.facts import Facts, LossKind, Lost, Refused
from sim.hazard_kinds import FINDERS, Hazard, HazardKind, finds
from sim.kernel.save_area import Save
from sim.machine.memory import Extent
from sim.units import plural
from sim.vector_types import VECTOR_TYPES
from sim.vectors import VectorType, bits_from_vq, braces, largest_vq


def find_hazards(facts: Facts) -> list[Hazard]:
    """Find every hazard of a boot, worst first, then by CPU and time."""
    found = (hazard for finder in FINDERS.values() for hazard in finder(facts))
    return sorted(found, key=lambda one: (one.kind, -1 if one.cpu is None else one.cpu, one.time_ns, one.sentence))


@finds(HazardKind.SYSTEM_SILENT)
def _system_silent(facts: Facts) -> Iterator[Hazard]:
    for one in facts.lost:
        if _is_of_silent_boot(facts, one):
            sentence = f"{facts.label(0)}: {_loss(one)}, and the system is silent from the start"
            yield Hazard(HazardKind.SYSTEM_SILENT, 0, one.time_ns, sentence, one.event)
    if facts.panic is not None and facts.panic.is_silent:
        panic = facts.panic
        yield Hazard(HazardKind.SYSTEM_SILENT, panic.cpu, panic.time_ns, panic.sentence, panic.event)


def _is_of_silent_boot(facts: Facts, one: Lost) -> bool:
    """Return True if the boot CPU died before anything else happened."""
    return one.cpu == 0 and 0 not in facts.booted_events


@finds(HazardKind.KERNEL_PANIC)
def _kernel_panic(facts: Facts) -> Iterator[Hazard]:
    if facts.panic is not None and not (facts.panic.of_hypervisor or facts.panic.is_silent):
        panic = facts.panic
        yield Hazard(HazardKind.KERNEL_PANIC, panic.cpu, panic.time_ns, panic.sentence, panic.event)


@finds(HazardKind.HYPERVISOR_PANIC)
def _hypervisor_panic(facts: Facts) -> Iterator[Hazard]:
    if facts.panic is not None and facts.panic.of_hypervisor:
        panic = facts.panic
        yield Hazard(HazardKind.HYPERVISOR_PANIC, panic.cpu, panic.time_ns, panic.sentence, panic.event)


# Saves and restores: each hazard once for a CPU, however often its guests come


def _once(hazards: Iterable[Hazard]) -> Iterable[Hazard]:
    """Return the first of each group of hazards that differ in their times only."""
    first: dict[tuple[int | None, str], Hazard] = {}
    for hazard in hazards:
        first.setdefault((hazard.cpu, hazard.sentence), hazard)
    return first.values()


def _of_save(
    kind: HazardKind, facts: Facts, save: Save, words: str, *, underrun_bytes: int = 0, overrun_bytes: int = 0
) -> Hazard:
    sentence = f"{facts.label(save.cpu)}'s {words}"
    return Hazard(kind, save.cpu, save.time_ns, sentence, save.event, underrun_bytes, overrun_bytes)


@finds(HazardKind.OUT_OF_BOUNDS_WRITE)
def _out_of_bounds_write(facts: Facts) -> Iterable[Hazard]:
    return _once(_outside(facts, save) for save in facts.saves if save.outside)


def _outside(facts: Facts, save: Save) -> Hazard:
    # The formula gives the whole extent of the save. A save that panics stops before that, so the bytes are counted
    # from those that it wrote.
    first = rules.save_first_byte(save.pointer_vq, save.running_vq)
    last = rules.save_last_byte(save.pointer_vq, save.running_vq)
    where = (
        f"starts {-first} {plural(-first, 'byte')} before its registers"
        if first < 0
        else f"goes on to byte {last} of its registers"
    )
    if save.panicked:
        where += ", had it got through"
    under, over = save.underrun_bytes, save.overrun_bytes
    victims = "; ".join(_victim(facts, extent) for extent in save.outside)
    words = (
        f"save at {bits_from_vq(save.running_vq)} bits {where}: {under} {plural(under, 'byte')} "
        f"{'falls' if under == 1 else 'fall'} below its page run and {over} above "
        f"({victims})"
    )
    return _of_save(HazardKind.OUT_OF_BOUNDS_WRITE, facts, save, words, underrun_bytes=under, overrun_bytes=over)


def _victim(facts: Facts, extent: Extent) -> str:
    """Name the owner of an extent outside the save's own run: foreign memory, or parts of a neighbour's run."""
    assert facts.buffers is not None
    if extent.foreign:
        return f"{extent.bytes} {plural(extent.bytes, 'byte')} of foreign memory"
    asked = facts.buffers.asked_bytes
    parts = (
        ("header", 0, rules.HEADER_BYTES),
        ("saved registers", rules.HEADER_BYTES, asked),
        ("slack", asked, facts.buffers.run_bytes),
    )
    hit = [
        f"{count} {plural(count, 'byte')} of {facts.label(extent.cpu)}'s {part}"
        for part, start, end in parts
        if (count := min(end, extent.last + 1) - max(start, extent.first)) > 0
    ]
    return ", ".join(hit)


@finds(HazardKind.NOT_RESTORED)
def _not_restored(facts: Facts) -> Iterable[Hazard]:
    return _once(
        _changed(facts, save)
        for save in facts.saves
        # None: no restore followed, because the save panicked or the boot ended.
        if save.is_restored is False
    )


def _changed(facts: Facts, save: Save) -> Hazard:
    assert save.host_vq_after is not None
    before, after = bits_from_vq(save.host_vq), bits_from_vq(save.host_vq_after)
    bits = bits_from_vq(save.running_vq)
    vl = f"; the VL in force at EL1 falls from {before} to {after} bits" if after < before else ""
    how = (
        "come back changed"
        if not save.at_save_vq_restored
        else f"come back without what lies above {bits} bits, which tasks may use"
    )
    # The hardware's registers are lost in any case; a kernel that saved a task's before loads them again for the task.
    saved_before = facts.scenario.flags.host_fpsimd_flushed
    seen = "; no task sees it: its registers were saved before the guest ran" if saved_before else ""
    return _of_save(HazardKind.NOT_RESTORED, facts, save, f"registers, saved at {bits} bits, {how}{seen}{vl}")


@finds(HazardKind.HEADER_DESTROYED)
def _header_destroyed(facts: Facts) -> Iterable[Hazard]:
    return _once(
        _of_save(
            HazardKind.HEADER_DESTROYED,
            facts,
            save,
            f"save at {bits_from_vq(save.running_vq)} bits runs over its own header: zcr_el1 is lost",
        )
        for save in facts.saves
        if not save.header_intact
    )


@finds(HazardKind.ALLOCATION_EXCEEDED_SILENTLY)
def _exceeded_silently(facts: Facts) -> Iterable[Hazard]:
    kind = HazardKind.ALLOCATION_EXCEEDED_SILENTLY
    exceeding = (save for save in facts.saves if _exceeds(facts, save) and not _is_announced(facts, save))
    return _once(_exceeded(kind, facts, save, "and nothing was logged") for save in exceeding)


@finds(HazardKind.ALLOCATION_EXCEEDED_ANNOUNCED)
def _exceeded_announced(facts: Facts) -> Iterable[Hazard]:
    kind = HazardKind.ALLOCATION_EXCEEDED_ANNOUNCED
    exceeding = (save for save in facts.saves if _exceeds(facts, save) and _is_announced(facts, save))
    return _once(_exceeded(kind, facts, save, "and the log announced it") for save in exceeding)


def _exceeds(facts: Facts, save: Save) -> bool:
    # By the bytes asked for, not by the bytes written: rounding up to pages may hide the overrun, but not the mistake.
    assert facts.buffers is not None
    return rules.buffer_bytes(save.running_vq) > facts.buffers.asked_bytes


def _is_announced(facts: Facts, save: Save) -> bool:
    """Return True if the log announced a length at least as large before the save, on whichever CPU."""
    return any(
        one.type is VectorType.SVE and one.time_ns <= save.time_ns and save.running_vq <= largest_vq(one.vqs)
        for one in facts.announced
    )


def _exceeded(kind: HazardKind, facts: Facts, save: Save, logged: str) -> Hazard:
    assert facts.buffers is not None
    size, asked = rules.buffer_bytes(save.running_vq), facts.buffers.asked_bytes
    bits = bits_from_vq(save.running_vq)
    return _of_save(kind, facts, save, f"save at {bits} bits needs {size} bytes of the {asked} asked for, {logged}")


# Vector lengths that tasks and guests find


@finds(HazardKind.LACKS_COMMITTED_VL)
def _lacks_committed_vl(facts: Facts) -> Iterator[Hazard]:
    for vector_type, info in facts.vectors.items():
        for number in facts.online if facts.supports[vector_type] else ():
            lacking = rules.missing(info.vq_map, facts.hardware(number).usable_vqs(vector_type) or 0)
            if lacking:
                yield Hazard(
                    HazardKind.LACKS_COMMITTED_VL,
                    number,
                    facts.end_ns,
                    f"{facts.label(number)} is online and lacks {vector_type} {braces(lacking)}, which tasks may use",
                    facts.booted_events[number],
                )


@finds(HazardKind.GUEST_VLS_DIFFER)
def _guest_vls_differ(facts: Facts) -> Iterator[Hazard]:
    # Each visit is compared with the guest's first, whose lengths are those that its tasks may have chosen from.
    first_seen: dict[str, tuple[int, int]] = {}
    reported: set[tuple[str, int]] = set()
    for visit in facts.guests:
        cpu, vqs = first_seen.setdefault(visit.guest, (visit.cpu, visit.vqs))
        if visit.vqs != vqs and (visit.guest, visit.cpu) not in reported:
            reported.add((visit.guest, visit.cpu))
            yield Hazard(
                HazardKind.GUEST_VLS_DIFFER,
                visit.cpu,
                visit.time_ns,
                f"guest {visit.guest!r} sees {braces(vqs)} on {facts.label(cpu)} and {braces(visit.vqs)} on "
                f"{facts.label(visit.cpu)}",
                visit.event,
            )


@finds(HazardKind.HOST_DENIED_VL)
def _host_denied_vl(facts: Facts) -> Iterator[Hazard]:
    yield from _once(_denied_by_zcr_el2(facts, save) for save in facts.saves if save.denied_vqs)
    # An option of the command line denies lengths as well: that is the price of arm64.nosve beside the other designs.
    for vector_type, traits in VECTOR_TYPES.items():
        shared = _shared_by_early(facts, vector_type) if facts.scenario.switched_off(vector_type) else 0
        if shared:
            yield Hazard(
                HazardKind.HOST_DENIED_VL,
                None,
                facts.end_ns,
                f"{traits.option} keeps the host from {vector_type} {braces(shared)}, which all early CPUs have",
                facts.final_event,
            )


def _denied_by_zcr_el2(facts: Facts, save: Save) -> Hazard:
    return Hazard(
        HazardKind.HOST_DENIED_VL,
        save.cpu,
        save.time_ns,
        f"on {facts.label(save.cpu)} ZCR_EL2 keeps the host from {braces(save.denied_vqs)}, which all CPUs have",
        save.event,
    )


def _shared_by_early(facts: Facts, vector_type: VectorType) -> int:
    shared = rules.ARCHITECTURE_VQS
    for hw_cpu in facts.counted:
        cpu = facts.scenario.topology.logical[hw_cpu]
        shared &= (cpu.usable_vqs(vector_type) or 0) if cpu.is_enabled(vector_type) else 0
    return shared


# CPUs that do not come, or come as another


@finds(HazardKind.SHARED_IDLE_TASK)
def _shared_idle_task(facts: Facts) -> Iterator[Hazard]:
    for one in facts.shared_tasks:
        owner = "its own" if one.hw_cpu == one.task else f"{facts.label(one.task)}'s"
        yield Hazard(
            HazardKind.SHARED_IDLE_TASK,
            one.hw_cpu,
            one.time_ns,
            f"{facts.label(one.hw_cpu)} starts on {owner} idle task, which {facts.label(one.running_hw_cpu)} runs "
            "already: two CPUs run as one, on one stack",
            one.event,
        )


@finds(HazardKind.HARMLESS_CPU_REFUSED)
def _harmless_cpu_refused(facts: Facts) -> Iterator[Hazard]:
    for one in facts.refused:
        kind = one.refusal.vector_type
        if kind is not None and refused_needlessly(facts, one):
            own = facts.scenario.topology.logical[one.hw_cpu].usable_vqs(kind) or 0
            yield Hazard(
                HazardKind.HARMLESS_CPU_REFUSED,
                one.cpu,
                one.time_ns,
                f"{refused_cpu(facts, one)} with {kind} {braces(own)} is refused ({one.refusal.reason}), "
                f"though it has all of vq_map {braces(facts.vectors[kind].vq_map)} and nothing in the way",
                one.event,
            )


def refused_needlessly(facts: Facts, one: Refused) -> bool:
    """Return True if a CPU that was refused by its vector lengths would have done no harm.

    Its own save would stay inside the bytes asked for and come back (`sim.rules.refused_needlessly`). This is not
    known before KVM's initcall.
    """
    if not facts.kvm_decided:
        return False
    exceeds = loses = 0  # without buffers nothing is saved, so nothing can exceed them
    if facts.buffers is not None:
        own = facts.scenario.topology.logical[one.hw_cpu].usable_vqs(VectorType.SVE) or 0
        limit, vq_map = facts.buffers.limit_vqs, facts.vectors[VectorType.SVE].vq_map
        exceeds = rules.save_exceeds(own, limit, 1 << (facts.buffers.allocation_vq - 1))
        loses = rules.save_denies(vq_map, own, limit)
    return bool(rules.refused_needlessly(one.refusal.verdict, exceeds, loses))


@finds(HazardKind.CPU_REFUSED)
def _cpu_refused(facts: Facts) -> Iterator[Hazard]:
    for one in facts.refused:
        if not passes_required(one):
            sentence = f"{refused_cpu(facts, one)} was refused: {one.refusal.words}"
            yield Hazard(HazardKind.CPU_REFUSED, one.cpu, one.time_ns, sentence, one.event)


def passes_required(one: Refused) -> bool:
    """Return True if a refused CPU has all that it must have, and nothing that it must not have.

    Its largest length alone was in the way: a kernel without pseudo registers would accept it, or another design.
    """
    return bool(one.refusal.verdict.passes_required)


def refused_cpu(facts: Facts, one: Refused) -> str:
    """Name a refused CPU, with the logical number under which it started where that is another's."""
    return facts.label(one.hw_cpu) + ("" if one.hw_cpu == one.cpu else f", started as cpu{one.cpu},")


@finds(HazardKind.CPU_LOST_TO_FIRMWARE)
def _cpu_lost_to_firmware(facts: Facts) -> Iterable[Hazard]:
    kind = HazardKind.CPU_LOST_TO_FIRMWARE
    return _once(
        Hazard(kind, one.cpu, one.time_ns, f"{facts.label(one.cpu)}: {_loss(one)}", one.event)
        for one in facts.lost
        if one.kind not in feature_hazards.LOSSES and not _is_of_silent_boot(facts, one) and not stands_for(one)
    )


def stands_for(one: Lost) -> str:
    """Return the reason for which a real kernel kept out a CPU that is only simulated as lost; empty for others."""
    return "" if one.fault is None else one.fault.stands_for


_LOSSES = {
    LossKind.STAYS_IN_SPIN_TABLE: "the kernel releases it from its spin table, and it never arrives",
    LossKind.CANNOT_RUN_AT_EL2: "the kernel runs at EL2 (VHE), and the CPU starts at EL1: it dies without a line",
    LossKind.PARKS: "it arrives when the wait for it is over, finds no boot arguments, and parks",
}
"""The sentences on losses that have no particulars."""


def _loss(one: Lost) -> str:
    which = "CPU_ON" if one.fault is None else one.fault.which
    match one.kind:
        # Refusals by the relay are intended and not hazards, so `Facts.lost` never has them; they are notes.
        case LossKind.FIRMWARE_ANSWERS | LossKind.RELAY_REFUSES:
            # Of some answers only the errno is known.
            answer = f"an error that is {one.answer}" if one.answer in Errno.__members__ else one.answer
            stays_on = one.fault is not None and one.fault.stays_on
            before = "firmware did not switch it off when it was taken down, and " if stays_on else "firmware "
            return f"{before}answers {'CPU_ON' if stays_on else which} with {answer}"
        case LossKind.NEVER_ARRIVES:
            return f"firmware accepts {which}, and the CPU never arrives"
        case LossKind.EL3_TRAPS:
            assert one.vector_type is not None
            enable = VECTOR_TYPES[one.vector_type].el3_enable
            return f"its first use of {one.vector_type} traps to EL3, where {enable} is 0: it dies without a line"
        case LossKind.TAKES_ARGUMENTS:
            return f"it arrives when the wait for it is over, and takes cpu{one.task}'s arguments"
        case kind if kind in feature_hazards.LOSSES:
            return one.lacks
        case kind:
            return _LOSSES[kind]
