"""Boots of real kernels: the scenario that each amounts to, and what is compared."""

import re
from collections.abc import Iterator
from itertools import dropwhile

from sim.conform.compared_fields import Field, masked
from sim.conform.run_records import ObservedBoot, RecordedAction, RecordedBoot, RecordedVlInfo, topology_of
from sim.errors import InputError, choice
from sim.kernel.fpsimd import VlInfo
from sim.outcome import Outcome
from sim.outcome_rows import ActionRow
from sim.scenario import Action, Do, KvmMode, Scenario
from sim.topology import cpu_list
from sim.vectors import VectorType, bits_from_vq, bits_from_vqs, largest_vq

_FROM_MEMORY = ("vl_info_sve", "kvm_sve_max_vl_bytes", "kvm_host_sve_max_vl_bytes")
_LAST_WORDS = ("Kernel panic", "Internal error")
_BOOT_LOG = ("SVE: ", "SME: ", "KVM: ", "kvm [")


def boot_scenario(record: RecordedBoot) -> Scenario:
    """The scenario of a recorded boot: its actions, then a guest on every CPU."""
    words = record.command_line.split()
    unknown = set(words) - {"arm64.nosve", "arm64.nosme"}
    if unknown:
        raise InputError(f"kernel arguments that are not modelled: {' '.join(sorted(unknown))}")
    return Scenario(
        topology_of(record.cpus),
        kernel=record.kernel,
        design=record.design,
        kvm_mode=choice(KvmMode, "kvm_mode", record.kvm_mode),
        el2=record.el2,
        maxcpus=record.early,
        nosve="arm64.nosve" in words,
        nosme="arm64.nosme" in words,
        actions=(
            *(_action(one) for one in (_performed(record) if record.asked is None else record.asked)),
            *(Action(Do.GUEST, f"cpu{number}") for number in range(len(record.cpus))),
        ),
        name=record.id,
    )


def _performed(record: RecordedBoot) -> list[str]:
    return [one.action for one in record.observed.actions]


def _action(text: str) -> Action:
    match = re.fullmatch(r"(on|off):(\d{1,5})", text)
    if match is None:
        raise InputError(f"{text[:40]!r} is no action: it is on:N or off:N")
    return Action(Do.ONLINE if match[1] == "on" else Do.OFFLINE, f"cpu{match[2]}")


def action_text(do: str, number: int) -> str:
    """An action on a CPU as records have it: on:N or off:N."""
    return f"{'on' if do == Do.ONLINE else 'off'}:{number}"


def compare_boot(record: RecordedBoot, outcome: Outcome) -> Iterator[Field]:
    """What a boot showed, beside what a simulated boot of the same system shows."""
    for field in _every_field(record, outcome):
        if field.name not in record.not_read:
            yield field


def not_compared(record: RecordedBoot) -> list[str]:
    """The names of what was not read, or could not be."""
    unread = (name for name in _FROM_MEMORY if getattr(record.observed, name) is None)
    unheard = (f"{_place(*one)}: log" for one in enumerate(record.observed.actions) if not _is_heard(record, one[1]))
    has_sme, asked = record.observed.sme_max_bytes is not None, record.observed.task_sme_vls_bits is not None
    return [*record.not_read, *unread, *(["task_sme_vls_bits"] if has_sme and not asked else []), *unheard]


def _place(place: int, action: RecordedAction) -> str:
    return f"actions[{place}] {action.action}"


def _is_heard(record: RecordedBoot, action: RecordedAction) -> bool:
    """Whether somebody noted an action's log: where it hung, a console that was listened to."""
    return action.outcome != "hung" or bool(action.log) or record.asked is not None


def _every_field(record: RecordedBoot, outcome: Outcome) -> Iterator[Field]:
    seen, facts = record.observed, outcome.facts
    user_space_ns = next((e.time_ns for e in facts.events if e.kind == "user space"), facts.end_ns)
    boot_log = [line.text for line in facts.log if line.time_ns <= user_space_ns and line.text.startswith(_BOOT_LOG)]
    yield Field("boot_log", masked(seen.boot_log), masked(boot_log))
    yield from _compare_announced(seen, outcome)
    for vector_type, vl_info in ((VectorType.SVE, seen.vl_info_sve), (VectorType.SME, seen.vl_info_sme)):
        if vl_info is not None:
            yield from _compare_vl_info(f"vl_info_{vector_type.lower()}", vl_info, outcome.vectors[vector_type])
    if seen.kvm_sve_max_vl_bytes is not None:
        yield Field("kvm_sve_max_vl_bytes", seen.kvm_sve_max_vl_bytes, facts.kvm_sve_max_vl_bytes)
    if seen.kvm_host_sve_max_vl_bytes is not None:
        yield Field("kvm_host_sve_max_vl_bytes", seen.kvm_host_sve_max_vl_bytes, facts.kvm_host_sve_max_vl_bytes)
    yield Field("task_vls_bits", seen.task_vls_bits, _task_vls_bits(outcome, VectorType.SVE))
    if seen.task_sme_vls_bits is not None:
        yield Field("task_sme_vls_bits", seen.task_sme_vls_bits, _task_vls_bits(outcome, VectorType.SME))
    yield from _compare_actions(record, outcome)
    yield Field("completed", seen.completed, facts.panic is None)
    yield from _compare_guests(seen, outcome)
    online = None if facts.panic is not None else cpu_list(facts.online)
    yield Field("online_at_end", seen.online_at_end, online)


def _task_vls_bits(outcome: Outcome, vector_type: VectorType) -> list[int] | None:
    return list(outcome.vectors[vector_type].vq_map_bits) if outcome.facts.supports[vector_type] else None


def _compare_announced(seen: ObservedBoot, outcome: Outcome) -> Iterator[Field]:
    """The sizes that the kernel announces, where it announces any."""
    facts = outcome.facts
    sve, sme = (outcome.vectors[one] if facts.supports[one] else None for one in VectorType)
    limited = any(line.text == "SVE: unvirtualisable vector lengths present" for line in facts.log)
    yield Field("sve_max_bytes", seen.sve_max_bytes, sve and sve.max_vl_bytes)
    yield Field("sve_default_bytes", seen.sve_default_bytes, sve and sve.default_vl_bytes)
    yield Field("unvirtualisable_warning", seen.unvirtualisable_warning, limited)
    yield Field("sme_min_bytes", seen.sme_min_bytes, sme and sme.min_vl_bytes)
    yield Field("sme_max_bytes", seen.sme_max_bytes, sme and sme.max_vl_bytes)
    yield Field("sme_default_bytes", seen.sme_default_bytes, sme and sme.default_vl_bytes)


def _compare_vl_info(name: str, seen: RecordedVlInfo, info: VlInfo) -> Iterator[Field]:
    yield Field(f"{name}.min_vl_bytes", seen.min_vl_bytes, info.min_vl_bytes)
    yield Field(f"{name}.max_vl_bytes", seen.max_vl_bytes, info.max_vl_bytes)
    yield Field(f"{name}.max_virtualisable_vl_bytes", seen.max_virtualisable_vl_bytes, info.max_virtualisable_vl_bytes)
    yield Field(f"{name}.vq_map_bits", seen.vq_map_bits, list(info.vq_map_bits))
    yield Field(f"{name}.vq_partial_map_bits", seen.vq_partial_map_bits, list(info.vq_partial_map_bits))


def _compare_actions(record: RecordedBoot, outcome: Outcome) -> Iterator[Field]:
    rows = [row for row in outcome.action_rows() if row.do != Do.GUEST]
    simulated = [action_text(row.do, row.cpu) for row in rows]
    yield Field("actions", _performed(record), simulated)
    for place, seen in enumerate(record.observed.actions):
        name = _place(place, seen)
        row = rows[place] if simulated[place : place + 1] == [seen.action] else None
        yield Field(f"{name}: outcome", seen.outcome, None if row is None else row.outcome)
        yield Field(f"{name}: error", seen.error, None if row is None else row.error)
        if _is_heard(record, seen):
            yield Field(f"{name}: log", masked(seen.log), [] if row is None else masked(_heard(row)))


def _heard(row: ActionRow) -> list[str]:
    """An action's log, as far as it can be heard: where it hung, what a console shows, which is the kernel's end."""
    if row.outcome != "hung":
        return row.log
    return list(dropwhile(lambda line: not line.startswith(_LAST_WORDS), row.log))


def _compare_guests(seen: ObservedBoot, outcome: Outcome) -> Iterator[Field]:
    """What guests had, which was asked at the end."""
    facts = outcome.facts
    asked = facts.panic is None and facts.offered_vqs
    yield Field("guest_vls_bits", seen.guest_vls_bits, list(bits_from_vqs(facts.offered_vqs)) if asked else None)
    rdvl = {str(visit.cpu): bits_from_vq(largest_vq(visit.vqs)) for visit in facts.guests if not visit.killed}
    yield Field("guest_rdvl_bits", seen.guest_rdvl_bits, rdvl if asked and rdvl else None)
