"""The notes of a boot: facts worth knowing that are not hazards, each as one sentence, in a fixed order."""

from collections.abc import Iterator

from sim.facts import Facts
from sim.feature_notes import feature_notes
from sim.flag_notes import flag_notes
from sim.hazards import passes_required, refused_cpu, refused_needlessly, stands_for
from sim.kernel.printk import EventKind
from sim.scenario import KvmInit, Relay
from sim.units import counted
from sim.unknown_features import unknown_notes
from sim.vectors import VectorType, braces

_FAILED, _GIVEN_UP = "firmware had failed to start it", "the kernel had given it up"


def notes_of(facts: Facts) -> list[str]:
    """Return the notes of a boot; each is there once."""
    waiting = (f"{one} for ever" for one in facts.waiting)
    left_early = ["the schedule ends here, and more could have happened"] if facts.left_early else []
    told = (
        *left_early,
        *_refusal_notes(facts),
        *_substitute_notes(facts),
        *_return_notes(facts),
        *_suspend_notes(facts),
        *waiting,
        *_level_notes(facts),
        *_spin_table_notes(facts),
        *_limit_notes(facts),
        *_memory_notes(facts),
        *_setting_notes(facts),
        *feature_notes(facts),
        *unknown_notes(facts),
    )
    return list(dict.fromkeys(told))


def _refusal_notes(facts: Facts) -> Iterator[str]:
    for lost in facts.relay_refused:
        yield f"{facts.label(lost.cpu)} was refused by pKVM's PSCI relay, by design: it was not online at KVM's init"
    for one in facts.refused:
        # Every other refusal is a hazard, which says the same.
        if passes_required(one) and not refused_needlessly(facts, one):
            yield f"{refused_cpu(facts, one)} was refused, which keeps it from harm: {one.refusal.words}"


def _substitute_notes(facts: Facts) -> Iterator[str]:
    for lost in facts.lost:
        if why := stands_for(lost):
            yield f"{facts.label(lost.cpu)} never arrives here, in place of what a real kernel says of it: {why}"


def _return_notes(facts: Facts) -> Iterator[str]:
    failed = {lost.cpu: lost.event for lost in reversed(facts.lost)}  # the first of each CPU
    given_up = {event.cpu: place for place, event in enumerate(facts.events) if event.kind is EventKind.GAVE_UP}
    for number in sorted(facts.booted_events):
        for place, what in ((failed.get(number), _FAILED), (given_up.get(number), _GIVEN_UP)):
            if place is not None and _came_after(facts, number, place):
                came = "came back online" if _went_before(facts, number, place) else "came online"
                yield f"{facts.label(number)} {came} after {what}"
                break


def _came_after(facts: Facts, number: int, place: int) -> bool:
    """Return True if a CPU came online, with its own hardware, after an event."""
    return facts.booted_events[number] > place and facts.hw_cpu(number) == number


def _went_before(facts: Facts, number: int, place: int) -> bool:
    """Return True if a CPU had been online before an event, and had gone down."""
    return any(event.kind is EventKind.OFFLINE and event.cpu == number for event in facts.events[:place])


def _suspend_notes(facts: Facts) -> Iterator[str]:
    for one in facts.suspends:
        if one.stayed_up is not None:
            why = "waits in a spin table, and cannot be taken down"
            yield f"the system cannot suspend: {facts.label(one.stayed_up)} {why}"
        if one.not_off:
            cpus = facts.scenario.topology.labels(one.not_off)
            yield f"the system cannot suspend: firmware denies SYSTEM_SUSPEND while {cpus} is not off"
        for number in one.not_back:
            yield f"{facts.label(number)} was online before the system suspended, and did not come back"


def _level_notes(facts: Facts) -> Iterator[str]:
    if len(facts.start_levels) > 1:
        kvm = "KVM was there before" if facts.kvm_initialised else "there is no KVM"
        yield f"some CPUs start at EL1 and some at EL2: the kernel takes hypervisor mode for not available, and {kvm}"


def _spin_table_notes(facts: Facts) -> Iterator[str]:
    cpus = range(len(facts.scenario.topology.cpus))
    stuck = [number for number in cpus if facts.role(number) == "late" and not facts.scenario.has_hotplug(number)]
    if stuck:
        why = "a CPU in a spin table has no online file, and comes early or not at all"
        yield f"{facts.scenario.topology.labels(stuck)} can never come: {why}"


def _limit_notes(facts: Facts) -> Iterator[str]:
    for vector_type, info in facts.vectors.items():
        hidden = info.vq_partial_map & ~info.vq_map
        if facts.supports[vector_type] and hidden:
            yield (
                f"tasks may use the {vector_type} lengths that all early CPUs share, {braces(info.vq_map)}: "
                f"{braces(hidden)} is not on every early CPU"
            )
    if facts.supports[VectorType.SME] and not facts.vectors[VectorType.SME].vq_map:
        yield "the early CPUs share no streaming length: the kernel warns, reports 0 bytes and goes on"
    killed = sorted({visit.guest for visit in facts.guests if visit.killed})
    if killed:
        yield (
            f"KVM's limit of {facts.kvm_sve_max_vl_bytes} bytes is not a vector length of the CPUs: a guest that "
            f"uses it is killed ({', '.join(killed)})"
        )


def _memory_notes(facts: Facts) -> Iterator[str]:
    if facts.allocation_failed_at is not None:
        who = facts.label(facts.allocation_failed_at)
        yield f"pKVM got no memory for {who}'s buffer: the system goes on without KVM and without the PSCI relay"
    if facts.buffers is None:
        return
    # All buffers are alike, so what even the largest save leaves unused is wasted for every CPU.
    cpus = len(facts.scenario.topology.cpus)
    needed = max(facts.need(hw_cpu).size_bytes for hw_cpu in range(cpus))
    unused = facts.buffers.asked_bytes - needed
    if unused > 0:
        yield (
            f"of the {facts.buffers.asked_bytes} bytes asked for each of {counted(cpus, 'possible CPU')}, {unused} are "
            "more than any CPU could use"
        )


def _setting_notes(facts: Facts) -> Iterator[str]:
    scenario = facts.scenario
    if scenario.kernel_flags:
        yield f"the kernel is {scenario.kernel_words}, which the scenario sets"
    if scenario.topology.hypothetical:
        yield "the topology is hypothetical: no system known to us mixes CPUs with different vector lengths"
    if scenario.relay is Relay.RELAXED and scenario.has_pkvm:
        yield "the PSCI relay is relaxed: no real pKVM starts a CPU that was not online at KVM's init"
    if scenario.kvm_init is KvmInit.ANY_TIME:
        yield "KVM initialises at any time: no real kernel lets user space begin before it"
    has_sme = any(one.vqs(VectorType.SME) is not None for one in scenario.topology.cpus)
    if has_sme and not scenario.configured(VectorType.SME):
        # A scenario that sets the flag has a reason of its own.
        why = "" if "sme" in scenario.kernel_flags else ": ARM64_SME depends on BROKEN there"
        yield f"kernel {scenario.kernel} is not configured with SME{why}"
    yield from flag_notes(scenario.release, scenario.kernel_flags)
    if scenario.allocation_fails_at is not None and facts.allocation_failed_at is None:
        yield "allocation_fails_at has no effect: pKVM allocates no buffers in this boot"
