"""What went wrong in a boot: hazards, worst first, and notes, which are worth knowing and no hazard.

Each is one plain sentence with its numbers. docs/hazards.md has a paragraph on each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from sim import rules
from sim.facts import Facts, Refused
from sim.kernel.cpufeature import Reason, own_vqs
from sim.kernel.pkvm import Save
from sim.machine.memory import Extent
from sim.scenario import KvmInit, Relay
from sim.vectors import VectorType, bits_from_vq, braces, largest_vq


class HazardKind(IntEnum):
    """The hazards; the number is the rank, 1 the worst."""

    KERNEL_PANIC = 1
    HYPERVISOR_PANIC = 2
    OUT_OF_BOUNDS_WRITE = 3
    NOT_RESTORED = 4
    HEADER_DESTROYED = 5
    LACKS_COMMITTED_VL = 6
    GUEST_VLS_DIFFER = 7
    ALLOCATION_EXCEEDED_SILENTLY = 8
    ALLOCATION_EXCEEDED_ANNOUNCED = 9
    SHARED_IDLE_TASK = 10
    HOST_DENIED_VL = 11
    HARMLESS_CPU_REFUSED = 12
    CPU_LOST_TO_FIRMWARE = 13

    @property
    def title(self) -> str:
        """The hazard's name for people."""
        return _TITLES[self]


_TITLES = {
    HazardKind.KERNEL_PANIC: "kernel panic",
    HazardKind.HYPERVISOR_PANIC: "hypervisor panic",
    HazardKind.OUT_OF_BOUNDS_WRITE: "out-of-bounds write",
    HazardKind.NOT_RESTORED: "registers or VL not restored",
    HazardKind.HEADER_DESTROYED: "header destroyed",
    HazardKind.LACKS_COMMITTED_VL: "CPU online that lacks a committed VL",
    HazardKind.GUEST_VLS_DIFFER: "guest sees different VLs on different CPUs",
    HazardKind.ALLOCATION_EXCEEDED_SILENTLY: "allocation exceeded, nothing logged",
    HazardKind.ALLOCATION_EXCEEDED_ANNOUNCED: "allocation exceeded, announced",
    HazardKind.SHARED_IDLE_TASK: "two CPUs on one idle task",
    HazardKind.HOST_DENIED_VL: "host denied a VL that all CPUs have",
    HazardKind.HARMLESS_CPU_REFUSED: "harmless CPU refused by VL",
    HazardKind.CPU_LOST_TO_FIRMWARE: "CPU lost to firmware",
}


@dataclass(frozen=True, slots=True, repr=False)
class Hazard:
    """Something that went wrong: its kind, the logical CPU, the moment, and a sentence with the numbers."""

    kind: HazardKind
    cpu: int | None
    time_ns: int
    sentence: str
    underrun_bytes: int = 0
    overrun_bytes: int = 0

    def __repr__(self) -> str:
        return f"<Hazard {self.kind}, {self.kind.title}: {self.sentence}>"


def judge(facts: Facts) -> list[Hazard]:
    """Find every hazard of a boot, worst first, then by CPU and time."""
    found = [
        *_panics(facts),
        *_saves(facts),
        *_committed(facts),
        *_guests(facts),
        *_shared_tasks(facts),
        *_denied_by_command_line(facts),
        *_refused(facts),
        *_lost(facts),
    ]
    return sorted(found, key=lambda h: (h.kind, -1 if h.cpu is None else h.cpu, h.time_ns, h.sentence))


def _panics(facts: Facts) -> Iterator[Hazard]:
    panic = facts.panic
    if panic is not None:
        kind = HazardKind.HYPERVISOR_PANIC if panic.of_hypervisor else HazardKind.KERNEL_PANIC
        yield Hazard(kind, panic.cpu, panic.time_ns, panic.sentence)


def _saves(facts: Facts) -> Iterator[Hazard]:
    """Hazards of saves and restores, each once for a CPU, however often it happened."""
    seen: set[tuple[HazardKind, int, str]] = set()
    for save in facts.saves:
        for hazard in (*_of_save(facts, save), *_of_restore(facts, save)):
            key = hazard.kind, save.cpu, hazard.sentence
            if key not in seen:
                seen.add(key)
                yield hazard


def _of_save(facts: Facts, save: Save) -> Iterator[Hazard]:
    assert facts.buffers is not None
    who, bits = facts.label(save.cpu), bits_from_vq(save.running_vq)
    first = rules.save_first_byte(save.pointer_vq, save.running_vq)
    outside = save.outside
    under = sum(extent.bytes for extent in outside if _is_below(extent, save.cpu))
    over = sum(extent.bytes for extent in outside) - under
    if outside:
        last = rules.save_last_byte(save.pointer_vq, save.running_vq)
        where = (
            f"starts {-first} bytes before its registers" if first < 0 else f"goes on to byte {last} of its registers"
        )
        if save.panicked:
            where += ", had it got through"
        victims = "; ".join(_victim(facts, extent) for extent in outside)
        yield Hazard(
            HazardKind.OUT_OF_BOUNDS_WRITE,
            save.cpu,
            save.time_ns,
            f"{who}'s save at {bits} bits {where}: {under} bytes fall below its page run and {over} above ({victims})",
            under,
            over,
        )
    if not save.header_intact:
        yield Hazard(
            HazardKind.HEADER_DESTROYED,
            save.cpu,
            save.time_ns,
            f"{who}'s save at {bits} bits runs over its own header: zcr_el1 is lost",
        )
    if save.denied_vqs:
        yield Hazard(
            HazardKind.HOST_DENIED_VL,
            save.cpu,
            save.time_ns,
            f"on {who} ZCR_EL2 keeps the host from {braces(save.denied_vqs)}, which all CPUs have",
        )
    size = rules.buffer_bytes(save.running_vq)
    if size > facts.buffers.asked_bytes:
        announced = any(
            one.type is VectorType.SVE and one.time_ns <= save.time_ns and save.running_vq <= largest_vq(one.vqs)
            for one in facts.announced
        )
        yield Hazard(
            HazardKind.ALLOCATION_EXCEEDED_ANNOUNCED if announced else HazardKind.ALLOCATION_EXCEEDED_SILENTLY,
            save.cpu,
            save.time_ns,
            f"{who}'s save at {bits} bits needs {size} bytes of the {facts.buffers.asked_bytes} asked for, "
            + ("and the log announced it" if announced else "and nothing was logged"),
        )


def _is_below(extent: Extent, cpu: int) -> bool:
    return extent.cpu < cpu or (extent.cpu == cpu and extent.first < 0)


def _victim(facts: Facts, extent: Extent) -> str:
    """Whose bytes an extent outside the own run hits: foreign memory, or parts of a neighbour's run."""
    assert facts.buffers is not None
    if extent.foreign:
        return f"{extent.bytes} bytes of foreign memory"
    asked = facts.buffers.asked_bytes
    parts = (
        ("header", 0, rules.HEADER_BYTES),
        ("saved registers", rules.HEADER_BYTES, asked),
        ("slack", asked, facts.buffers.run_bytes),
    )
    hit = [
        f"{min(end, extent.last + 1) - max(start, extent.first)} bytes of {facts.label(extent.cpu)}'s {what}"
        for what, start, end in parts
        if max(start, extent.first) < min(end, extent.last + 1)
    ]
    return ", ".join(hit)


def _of_restore(facts: Facts, save: Save) -> Iterator[Hazard]:
    if save.at_save_vq_restored is None or (save.at_save_vq_restored and save.committed_vq_restored):
        return
    assert save.host_vq_after is not None
    who, bits = facts.label(save.cpu), bits_from_vq(save.running_vq)
    before, after = bits_from_vq(save.host_vq), bits_from_vq(save.host_vq_after)
    vl = f"; the host's vector length falls from {before} to {after} bits" if after < before else ""
    how = (
        "come back changed"
        if not save.at_save_vq_restored
        else f"come back without what lies above {bits} bits, which tasks may use"
    )
    yield Hazard(
        HazardKind.NOT_RESTORED,
        save.cpu,
        save.time_ns,
        f"{who}'s registers, saved at {bits} bits, {how}{vl}",
    )


def _committed(facts: Facts) -> Iterator[Hazard]:
    for vector_type, info in facts.vectors.items():
        if not facts.supports.get(vector_type):
            continue
        for number in facts.online:
            own = own_vqs(facts.hardware(number), vector_type) or 0
            lacking = rules.missing(info.vq_map, own)
            if lacking:
                yield Hazard(
                    HazardKind.LACKS_COMMITTED_VL,
                    number,
                    facts.end_ns,
                    f"{facts.label(number)} is online and lacks {vector_type} {braces(lacking)}, which tasks may use",
                )


def _guests(facts: Facts) -> Iterator[Hazard]:
    first_seen: dict[str, tuple[int, int]] = {}
    told: set[tuple[str, int]] = set()
    for visit in facts.guests:
        cpu, vqs = first_seen.setdefault(visit.guest, (visit.cpu, visit.vqs))
        if visit.vqs != vqs and (visit.guest, visit.cpu) not in told:
            told.add((visit.guest, visit.cpu))
            yield Hazard(
                HazardKind.GUEST_VLS_DIFFER,
                visit.cpu,
                visit.time_ns,
                f"guest {visit.guest!r} sees {braces(vqs)} on {facts.label(cpu)} and {braces(visit.vqs)} on "
                f"{facts.label(visit.cpu)}",
            )


def _shared_tasks(facts: Facts) -> Iterator[Hazard]:
    for one in facts.shared_tasks:
        whose = "its own" if one.cpu == one.task else f"cpu{one.task}'s"
        yield Hazard(
            HazardKind.SHARED_IDLE_TASK,
            one.cpu,
            one.time_ns,
            f"{facts.label(one.cpu)} starts on {whose} idle task, which {facts.label(one.running_hw_cpu)} runs "
            "already: two CPUs run as one, on one stack",
        )


def _denied_by_command_line(facts: Facts) -> Iterator[Hazard]:
    scenario = facts.scenario
    logical = scenario.topology.logical
    sme_off = scenario.nosme and scenario.series.has_sme
    for vector_type, off in ((VectorType.SVE, scenario.sve_off), (VectorType.SME, sme_off)):
        if not off:
            continue
        shared = rules.ARCHITECTURE_VQS
        for number in scenario.early:
            shared &= own_vqs(logical[number], vector_type) or 0
        if shared:
            yield Hazard(
                HazardKind.HOST_DENIED_VL,
                None,
                facts.end_ns,
                f"arm64.no{vector_type.lower()} keeps the host from {vector_type} {braces(shared)}, "
                "which all early CPUs have",
            )


def _refused(facts: Facts) -> Iterator[Hazard]:
    for one in facts.refused:
        if is_harmless(facts, one):
            own = _own_vqs(facts, one)
            yield Hazard(
                HazardKind.HARMLESS_CPU_REFUSED,
                one.cpu,
                one.time_ns,
                f"{_refused_cpu(facts, one)} with {one.refusal.type} {braces(own)} is refused ({one.refusal.reason}), "
                f"though it has all of vq_map {braces(facts.vectors[one.refusal.type].vq_map)} and nothing in the way",
            )


def _own_vqs(facts: Facts, one: Refused) -> int:
    return own_vqs(facts.scenario.topology.logical[one.hw_cpu], one.refusal.type) or 0


def _refused_cpu(facts: Facts, one: Refused) -> str:
    return facts.label(one.hw_cpu) + ("" if one.hw_cpu == one.cpu else f", started as cpu{one.cpu},")


def is_harmless(facts: Facts, one: Refused) -> bool:
    """Whether a CPU refused by its vector lengths would have done no harm.

    It has all of ``vq_map``; no extra length up to ``max_virtualisable_vl`` where hypervisor mode is available;
    and its own save would stay inside the bytes asked for and come back. That is not known before KVM's initcall.
    """
    if one.refusal.reason is Reason.LACKS_EXTENSION or not facts.kvm_decided:
        return False
    info = facts.vectors[one.refusal.type]
    own = _own_vqs(facts, one)
    if rules.missing(info.vq_map, own):
        return False
    if facts.scenario.el2 and rules.unsupported(info.vq_map, info.virtualisable_vqs, own):
        return False
    design = facts.scenario.active_design
    if facts.buffers is None or design is None:
        return True
    need = facts.need(design, one.hw_cpu)
    return need.size_bytes <= facts.buffers.asked_bytes and need.keeps_committed


def _lost(facts: Facts) -> Iterator[Hazard]:
    """CPUs that firmware kept away, each once for a reason, however often user space tried."""
    first = {(one.cpu, one.how): one for one in reversed(facts.lost)}
    for one in first.values():
        yield Hazard(
            HazardKind.CPU_LOST_TO_FIRMWARE,
            one.cpu,
            one.time_ns,
            f"{facts.label(one.cpu)}: {one.how}",
        )


def notes(facts: Facts) -> list[str]:
    """What is worth knowing and no hazard, in a fixed order."""
    waiting = (f"{one} for ever" for one in facts.waiting)
    early = ["the schedule ends here, and more could have happened"] if facts.left_early else []
    told = (
        *early,
        *_refusal_notes(facts),
        *waiting,
        *_limit_notes(facts),
        *_memory_notes(facts),
        *_setting_notes(facts),
    )
    return list(dict.fromkeys(told))


def _refusal_notes(facts: Facts) -> Iterator[str]:
    for lost in facts.relay_refused:
        yield f"{facts.label(lost.cpu)} was refused by pKVM's PSCI relay, by design: it was not online at KVM's init"
    for one in facts.refused:
        if not is_harmless(facts, one):
            why = f"{one.refusal.reason} {one.refusal.lengths}".rstrip()
            yield f"{_refused_cpu(facts, one)} was refused: {one.refusal.type}: {why}"


def _limit_notes(facts: Facts) -> Iterator[str]:
    for vector_type, info in facts.vectors.items():
        hidden = info.vq_partial_map & ~info.vq_map
        if facts.supports.get(vector_type) and hidden:
            yield (
                f"the host is limited to the {vector_type} lengths that all CPUs share, {braces(info.vq_map)}: "
                f"{braces(hidden)} is not on every early CPU"
            )
    if facts.supports.get(VectorType.SME) and not facts.vectors[VectorType.SME].vq_map:
        yield "the early CPUs' streaming lengths share nothing: the kernel warns, reports 0 bytes and goes on"
    killed = sorted({visit.guest for visit in facts.guests if visit.killed})
    if killed:
        yield (
            f"KVM's limit of {facts.kvm_sve_max_vl_bytes} bytes is no vector length that the CPUs have: a guest "
            f"that uses it is killed ({', '.join(killed)})"
        )


def _memory_notes(facts: Facts) -> Iterator[str]:
    design = facts.scenario.active_design
    if facts.allocation_failed_at is not None:
        who = facts.label(facts.allocation_failed_at)
        yield f"pKVM got no memory for {who}'s buffer: the system goes on without KVM and without the PSCI relay"
    if facts.buffers is None or design is None:
        return
    cpus = len(facts.scenario.topology.cpus)
    needed = max(facts.need(design, number).size_bytes for number in range(cpus))
    unused = facts.buffers.asked_bytes - needed
    if unused > 0:
        yield (
            f"of the {facts.buffers.asked_bytes} bytes asked for each of {cpus} possible CPUs, {unused} are more than "
            "any CPU could use"
        )


def _setting_notes(facts: Facts) -> Iterator[str]:
    scenario = facts.scenario
    if scenario.topology.hypothetical:
        yield "the topology is hypothetical: no shipping system mixes CPUs with different vector lengths"
    if scenario.relay is Relay.RELAXED and scenario.has_pkvm:
        yield "the PSCI relay is relaxed: no real pKVM starts a CPU that was not online at KVM's init"
    if scenario.kvm_init is KvmInit.ANY_TIME:
        yield "KVM initialises at any time: no real kernel lets user space begin before it"
    if not scenario.series.has_sme and any(one.sme_vqs is not None for one in scenario.topology.cpus):
        yield f"kernel {scenario.kernel} is taken not to use SME: ARM64_SME depended on BROKEN until 6.16"
    if scenario.allocation_fails_at is not None and facts.allocation_failed_at is None:
        yield "allocation_fails_at has no effect: pKVM allocates no buffers in this boot"
