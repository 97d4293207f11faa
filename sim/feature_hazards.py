"""The hazards of CPU features: what goes wrong where CPUs differ in more than vector lengths.

Each is found where all features are modelled, except for CPUs that are lost in the kernel's code.
"""

from collections.abc import Iterator

from sim.cpufeature_tables import Capability, Hwcap
from sim.facts import Facts, LossKind
from sim.hazard_kinds import Hazard, HazardKind, finds
from sim.kernel.cpufeature import cpu_readings
from sim.kernel.early_features import EarlyFeatures
from sim.kernel.features.cpu_id import CpuId
from sim.kernel.features.id_fields import BS, DZP, PARANGE, PMUVER
from sim.kernel.features.matchers import WITHOUT_PMUV3
from sim.kernel.features.system_features import TAINT_CPU_OUT_OF_SPEC, TAINT_WARN, physical_bits

LOSSES = frozenset({LossKind.STUCK, LossKind.DIES_IN_PATCHED_CODE})
"""The losses of CPUs that the kernel's own code causes."""
_REFUSES_ALL = (
    "the kernel refuses every CPU that comes from now on, even an early CPU that went offline and comes back, as all "
    "but the boot CPU do in a suspend"
)
_WORD_BYTES, _UNKNOWN_BYTES = 4, -1
_FEW = 3
"""The least number of CPUs of which one can deprive the others: of two that differ none is the odd one."""


@finds(HazardKind.CPU_STUCK)
def _cpu_stuck(facts: Facts) -> Iterator[Hazard]:
    yield from _lost(facts, LossKind.STUCK, HazardKind.CPU_STUCK)


@finds(HazardKind.DIES_IN_PATCHED_CODE)
def _dies_in_patched_code(facts: Facts) -> Iterator[Hazard]:
    yield from _lost(facts, LossKind.DIES_IN_PATCHED_CODE, HazardKind.DIES_IN_PATCHED_CODE)


def _lost(facts: Facts, loss: LossKind, kind: HazardKind) -> Iterator[Hazard]:
    # The boot CPU's loss leaves the system silent, which is another hazard.
    for one in facts.lost:
        if one.kind is loss and (one.cpu or 0 in facts.booted_events):
            yield Hazard(kind, one.cpu, one.time_ns, f"{facts.label(one.cpu)}: {one.lacks}", one.event)


@finds(HazardKind.MITIGATION_WORSENED)
def _mitigation_worsened(facts: Facts) -> Iterator[Hazard]:
    state = facts.features_at_end
    if state is not None and TAINT_WARN in state.tainted_by:
        cpu = state.tainted_by[TAINT_WARN]
        sentence = (
            f"{facts.label(cpu)}, a late CPU, lacks what a mitigation of speculation needs: the kernel warns, and is "
            "tainted"
        )
        yield _caused_by(facts, HazardKind.MITIGATION_WORSENED, cpu, sentence)


@finds(HazardKind.ZEROED_BLOCKS_DIFFER)
def _zeroed_blocks_differ(facts: Facts) -> Iterator[Hazard]:
    """Yield a hazard for each size of DC ZVA that is not the boot CPU's.

    Programs read DCZID_EL0 of the CPU they run on, since no kernel traps it, and C libraries do so once. The recorded
    boots show what programs read on each CPU.
    """
    if facts.features_at_user_space is None:
        return
    readings = cpu_readings(facts.scenario)
    boot_bytes = _zeroed_bytes(readings[0])
    told = {boot_bytes, _UNKNOWN_BYTES}
    for cpu in () if boot_bytes == _UNKNOWN_BYTES else sorted(facts.booted_events):
        own_bytes = _zeroed_bytes(readings[facts.hw_cpu(cpu)])
        if own_bytes not in told:
            told.add(own_bytes)
            sentence = _zeroing_words(facts.label(cpu), own_bytes, facts.label(0), boot_bytes)
            yield _caused_by(facts, HazardKind.ZEROED_BLOCKS_DIFFER, cpu, sentence)


def _zeroed_bytes(cpu: CpuId) -> int:
    """Return the number of bytes that DC ZVA clears on a CPU; 0 where it is prohibited."""
    if not (cpu.knows(DZP) and cpu.knows(BS)):
        return _UNKNOWN_BYTES
    return 0 if cpu.field(DZP) else _WORD_BYTES << cpu.field(BS)


def _zeroing_words(cpu: str, own_bytes: int, boot_cpu: str, boot_bytes: int) -> str:
    if own_bytes and boot_bytes:
        return (
            f"DC ZVA clears {own_bytes} bytes on {cpu}, and {boot_bytes} on {boot_cpu}: a program that moves between "
            "them clears more or less memory than it means to"
        )
    allowing, prohibiting = (cpu, boot_cpu) if own_bytes else (boot_cpu, cpu)
    return (
        f"{prohibiting} prohibits DC ZVA, and {allowing} allows it: a program that clears memory by it gets SIGILL on "
        f"{prohibiting}"
    )


@finds(HazardKind.USER_VIEW_SHRINKS)
def _user_view_shrinks(facts: Facts) -> Iterator[Hazard]:
    before, after = facts.features_at_user_space, facts.features_at_end
    if before is None or after is None:
        return
    shown = ((name, one) for name, one in after.registers.items() if after.shows_programs(name))
    for name, register in shown:
        old, new = before.registers[name].user_value, register.user_value
        # The first CPU that runs 32-bit programs gives their registers a first value, and hwcaps follow: no loss.
        narrowed = [one for one in register.table.fields if (name, one.shift) in after.changed_late_by]
        fields = [one for one in narrowed if one.visible and one.of(old) != one.of(new)]
        if fields:
            told = ", ".join(f"{one.name} {one.of(old)} to {one.of(new)}" for one in fields)
            cpu = after.changed_late_by[name, fields[0].shift]
            sentence = (
                f"{facts.label(cpu)}, a late CPU, changes what programs read of {name}, while hwcaps stay: {told}"
            )
            yield _caused_by(facts, HazardKind.USER_VIEW_SHRINKS, cpu, sentence)


@finds(HazardKind.IPA_RANGE_LOWERED)
def _ipa_range_lowered(facts: Facts) -> Iterator[Hazard]:
    state = facts.features_at_end
    if state is None or not state.ipa_limit_bits or facts.scenario.flags.ipa_range_of_cpu:
        return
    bits = physical_bits(PARANGE.of(state.registers[PARANGE.register].system_value))
    if bits < state.ipa_limit_bits:
        cpu = state.changed_late_by[PARANGE.register, PARANGE.shift]
        sentence = (
            f"{facts.label(cpu)}, a late CPU, lowers the system's range of physical addresses to {bits} bits, below "
            f"KVM's limit of {state.ipa_limit_bits}{_refuses_all(facts)}"
        )
        yield _caused_by(facts, HazardKind.IPA_RANGE_LOWERED, cpu, sentence)


def _refuses_all(facts: Facts) -> str:
    """Return what follows for CPUs that come later; nothing after a panic, since none comes."""
    return f": {_REFUSES_ALL}" if facts.panic is None else ""


@finds(HazardKind.PMU_VERSION_LOWERED)
def _pmu_version_lowered(facts: Facts) -> Iterator[Hazard]:
    state = facts.features_at_end
    if state is None or not any(one.entry.matcher == "has_pmuv3" for one in state.capabilities):
        return
    if PMUVER.of(state.registers[PMUVER.register].system_value) in WITHOUT_PMUV3:
        cpu = state.changed_late_by[PMUVER.register, PMUVER.shift]
        sentence = (
            f"{facts.label(cpu)}, a late CPU, has another version of the PMU, so that the system's is none"
            f"{_refuses_all(facts)}"
        )
        yield _caused_by(facts, HazardKind.PMU_VERSION_LOWERED, cpu, sentence)


@finds(HazardKind.FEATURE_LOST_TO_ONE_CPU)
def _feature_lost_to_one_cpu(facts: Facts) -> Iterator[Hazard]:
    """Yield a hazard for what the system would have if one early CPU, of a kind of its own, did not come."""
    counted, state = sorted(facts.counted), facts.features_at_user_space
    if state is None or len(counted) < _FEW:
        return
    early = EarlyFeatures(facts.scenario)
    of_kind: dict[CpuId, list[int]] = {}
    for cpu in counted:
        of_kind.setdefault(early.readings[cpu], []).append(cpu)
    if len(of_kind) == 1:
        return
    # Where the command line lets 32-bit programs run on some CPUs only, the system has them in spite of a CPU.
    in_use = {*(_words(one.entry) for one in state.capabilities), *map(_hwcap_words, state.hwcaps_in_words)}
    for loser in sorted(cpus[0] for cpus in of_kind.values() if len(cpus) == 1):
        lost: dict[str, dict[str, None]] = {}
        for one in early.shared([cpus[0] for cpus in of_kind.values() if cpus[0] != loser]):
            name = _words(one)
            # Where no 32-bit programs run, a capability is lost, and none of their hwcaps.
            counts = state.compat_hwcaps or not (isinstance(one, Hwcap) and one.compat)
            if counts and name not in in_use:
                of_field = f" ({one.register}.{one.field})" if one.register and one.field else ""
                lost.setdefault(of_field, {})[name] = None
        for of_field, names in lost.items():
            sentence = f"{facts.label(loser)} alone deprives all CPUs of {', '.join(names)}{of_field}"
            yield _caused_by(facts, HazardKind.FEATURE_LOST_TO_ONE_CPU, loser, sentence)


def _words(one: Capability | Hwcap) -> str:
    if isinstance(one, Hwcap):
        return _hwcap_words(one.words)
    return one.words_for_people


def _hwcap_words(name: str) -> str:
    return f"hwcap {name}"


@finds(HazardKind.TAINTED)
def _tainted(facts: Facts) -> Iterator[Hazard]:
    state = facts.features_at_end
    if state is not None and state.taint & TAINT_CPU_OUT_OF_SPEC:
        cpu = state.tainted_by.get(TAINT_CPU_OUT_OF_SPEC)
        if cpu is None:
            sentence = f"the kernel is tainted ({state.taint}): CPUs started at exception levels that differ"
            time_ns = facts.end_ns if facts.final_event is None else facts.events[facts.final_event].time_ns
            yield Hazard(HazardKind.TAINTED, None, time_ns, sentence, facts.final_event)
            return
        sentence = (
            f"the kernel is tainted ({state.taint}): {facts.label(cpu)} differs from the boot CPU in ID registers in "
            "which it expects them alike"
        )
        yield _caused_by(facts, HazardKind.TAINTED, cpu, sentence)


def _caused_by(facts: Facts, kind: HazardKind, cpu: int, sentence: str) -> Hazard:
    """Return the hazard that a CPU caused as it came: with that event, or the last of a CPU that did not come."""
    event = facts.booted_events.get(cpu)
    if event is None:
        event = max((place for place, one in enumerate(facts.events) if one.cpu == cpu), default=None)
    time_ns = facts.end_ns if event is None else facts.events[event].time_ns
    return Hazard(kind, cpu, time_ns, sentence, event)
