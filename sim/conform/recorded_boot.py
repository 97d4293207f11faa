"""Comparison of a recorded boot: the scenario that it stands for, and its fields beside the simulator's.

Fields that the record lists as not read, and values of the kernel's memory that are None, are left out. Any other None
is an observation: the boot had no such value, and the simulated boot must have none either. docs/conformance.md lists
the fields and their sources.
"""

from collections.abc import Iterator
from itertools import dropwhile
from typing import NamedTuple

from sim.conform.compared_fields import Field, mask_lines
from sim.conform.recorded_actions import action_text, parse_action
from sim.conform.run_records import (
    ObservedBoot,
    RecordedAction,
    RecordedBoot,
    RecordedVlInfo,
    recorded_topology,
    release_name,
)
from sim.errors import InputError, choice
from sim.kernel.fpsimd import VlInfo
from sim.kernel.printk import EventKind
from sim.outcome import Outcome
from sim.outcome_rows import ActionRow
from sim.scenario import Action, Do, KvmMode, Scenario
from sim.topology import cpu_list
from sim.vectors import VectorType, bits_from_vq, bits_from_vqs, largest_vq

_MEMORY_FIELDS = ("vl_info_sve", "kvm_sve_max_vl_bytes", "kvm_host_sve_max_vl_bytes")
"""Fields that are read from the kernel's memory."""
_PANIC_PREFIXES = ("Kernel panic", "Internal error")
_SUSPEND_PREFIX = "PM: "
"""The beginning of lines of a suspend as a whole. Recordings have another way of it than the simulator, see init.sh."""
_BOOT_LOG_PREFIXES = ("SVE: ", "SME: ", "KVM: ", "kvm [")
"""The beginnings of the boot's lines that recordings keep, see ``_BOOT_LINE`` in live/console_parser.py."""


def boot_scenario(record: RecordedBoot) -> Scenario:
    """Return the scenario of a recorded boot: its actions, then a guest on every CPU.

    The guests show which vector lengths KVM offers. On a CPU that is offline by then a guest fails, and shows nothing.

    Raises:
        InputError: the record has kernel arguments or actions that are not modelled, or an impossible system.
    """
    arguments = record.command_line.split()
    unknown = set(arguments) - {"arm64.nosve", "arm64.nosme"}
    if unknown:
        raise InputError(f"kernel arguments that are not modelled: {' '.join(sorted(unknown))}")
    return Scenario(
        recorded_topology(record.cpus),
        kernel=release_name(record),
        page_bytes=record.page_bytes,
        design=record.design,
        kvm_mode=choice(KvmMode, "kvm_mode", record.kvm_mode),
        el2=record.el2,
        maxcpus=record.early,
        arm64_nosve="arm64.nosve" in arguments,
        arm64_nosme="arm64.nosme" in arguments,
        actions=(
            *(parse_action(text) for text in (_performed(record) if record.asked is None else record.asked)),
            *(Action(Do.GUEST, f"cpu{cpu}") for cpu in range(len(record.cpus))),
        ),
        name=record.id,
    )


def _performed(record: RecordedBoot) -> list[str]:
    return [action.action for action in record.observed.actions]


def compare_boot(record: RecordedBoot, outcome: Outcome) -> Iterator[Field]:
    """Compare a recorded boot with a simulated boot of the same system.

    Args:
        record: the recorded boot.
        outcome: the outcome of `boot_scenario(record)`.
    """
    for field in _every_field(record, outcome):
        if field.name not in record.not_read:
            yield field


def uncompared_fields(record: RecordedBoot) -> list[str]:
    """Return the names of the fields that were not read, or could not be."""
    unread = [name for name in _MEMORY_FIELDS if getattr(record.observed, name) is None]
    # None stands for two things: the kernel has no SME, or the lengths were not read. If the kernel logged a maximum
    # for SME, they were not read: a guest that reads them records a list, even an empty list.
    if record.observed.sme_max_bytes is not None and record.observed.task_sme_vls_bits is None:
        unread.append("task_sme_vls_bits")
    without_log = (
        f"{_action_name(index, action)}: log"
        for index, action in enumerate(record.observed.actions)
        if not _log_was_recorded(record, action)
    )
    return [*record.not_read, *unread, *without_log]


def _action_name(index: int, action: RecordedAction) -> str:
    return f"actions[{index}] {action.action}"


def _log_was_recorded(record: RecordedBoot, action: RecordedAction) -> bool:
    """Return True if the action's log can be compared.

    The guest reads the log of an action when the action has ended. After a hang only the console shows it, which the
    oldest recordings, those without `asked`, did not read.
    """
    return action.outcome != "hung" or bool(action.log) or record.asked is not None


def _every_field(record: RecordedBoot, outcome: Outcome) -> Iterator[Field]:
    observed, facts = record.observed, outcome.facts
    # The guest takes the boot's log first thing in user space. Later lines of the same kinds belong to actions.
    user_space_ns = next((e.time_ns for e in facts.events if e.kind is EventKind.USER_SPACE), facts.end_ns)
    boot_log = [
        line.text for line in facts.log if line.time_ns <= user_space_ns and line.text.startswith(_BOOT_LOG_PREFIXES)
    ]
    yield Field("boot_log", mask_lines(observed.boot_log), mask_lines(boot_log))
    yield from _compare_logged_sizes(observed, outcome)
    for vector_type, vl_info in ((VectorType.SVE, observed.vl_info_sve), (VectorType.SME, observed.vl_info_sme)):
        if vl_info is not None:
            yield from _compare_vl_info(f"vl_info_{vector_type.lower()}", vl_info, outcome.vectors[vector_type])
    if observed.kvm_sve_max_vl_bytes is not None:
        yield Field("kvm_sve_max_vl_bytes", observed.kvm_sve_max_vl_bytes, facts.kvm_sve_max_vl_bytes)
    if observed.kvm_host_sve_max_vl_bytes is not None:
        yield Field("kvm_host_sve_max_vl_bytes", observed.kvm_host_sve_max_vl_bytes, facts.kvm_host_sve_max_vl_bytes)
    yield Field("task_vls_bits", observed.task_vls_bits, _task_vls_bits(outcome, VectorType.SVE))
    if observed.task_sme_vls_bits is not None:
        yield Field("task_sme_vls_bits", observed.task_sme_vls_bits, _task_vls_bits(outcome, VectorType.SME))
    yield from _compare_actions(record, outcome)
    yield Field("completed", observed.completed, facts.panic is None)
    yield from _compare_guests(observed, outcome)
    # The guest reports its online CPUs at its end, which it does not reach after a panic.
    online = None if facts.panic is not None else cpu_list(facts.online)
    yield Field("online_at_end", observed.online_at_end, online)


def _task_vls_bits(outcome: Outcome, vector_type: VectorType) -> list[int] | None:
    return list(outcome.vectors[vector_type].vq_map_bits) if outcome.facts.supports[vector_type] else None


def _compare_logged_sizes(observed: ObservedBoot, outcome: Outcome) -> Iterator[Field]:
    """Compare the lengths that the kernel logs when its capabilities are final.

    Without an extension the kernel logs no length of it, though its ``vl_info`` has initial values.
    """
    limited = any(line.text == "SVE: unvirtualisable vector lengths present" for line in outcome.facts.log)
    sve, sme = _logged_sizes(outcome, VectorType.SVE), _logged_sizes(outcome, VectorType.SME)
    yield Field("sve_max_bytes", observed.sve_max_bytes, sve.max_bytes)
    yield Field("sve_default_bytes", observed.sve_default_bytes, sve.default_bytes)
    yield Field("unvirtualisable_warning", observed.unvirtualisable_warning, limited)
    yield Field("sme_min_bytes", observed.sme_min_bytes, sme.min_bytes)
    yield Field("sme_max_bytes", observed.sme_max_bytes, sme.max_bytes)
    yield Field("sme_default_bytes", observed.sme_default_bytes, sme.default_bytes)


class _LoggedSizes(NamedTuple):
    min_bytes: int | None = None
    max_bytes: int | None = None
    default_bytes: int | None = None


def _logged_sizes(outcome: Outcome, vector_type: VectorType) -> _LoggedSizes:
    if not outcome.facts.supports[vector_type]:
        return _LoggedSizes()
    info = outcome.vectors[vector_type]
    return _LoggedSizes(info.min_vl_bytes, info.max_vl_bytes, info.default_vl_bytes)


def _compare_vl_info(name: str, observed: RecordedVlInfo, info: VlInfo) -> Iterator[Field]:
    yield Field(f"{name}.min_vl_bytes", observed.min_vl_bytes, info.min_vl_bytes)
    yield Field(f"{name}.max_vl_bytes", observed.max_vl_bytes, info.max_vl_bytes)
    yield Field(
        f"{name}.max_virtualisable_vl_bytes", observed.max_virtualisable_vl_bytes, info.max_virtualisable_vl_bytes
    )
    yield Field(f"{name}.vq_map_bits", observed.vq_map_bits, list(info.vq_map_bits))
    yield Field(f"{name}.vq_partial_map_bits", observed.vq_partial_map_bits, list(info.vq_partial_map_bits))


def _compare_actions(record: RecordedBoot, outcome: Outcome) -> Iterator[Field]:
    rows = [row for row in outcome.action_rows() if row.do != Do.GUEST]
    simulated = [action_text(row.do, row.cpu) for row in rows]
    yield Field("actions", _performed(record), simulated)
    for index, recorded in enumerate(record.observed.actions):
        name = _action_name(index, recorded)
        # A recorded action without a simulated counterpart at the same index is compared with nothing, so that each of
        # its fields differs.
        row = rows[index] if simulated[index : index + 1] == [recorded.action] else None
        yield Field(f"{name}: outcome", recorded.outcome, None if row is None else row.outcome)
        yield Field(f"{name}: error", recorded.error, None if row is None else row.error)
        if _log_was_recorded(record, recorded):
            log = [] if row is None else mask_lines(_observable_log(row))
            yield Field(f"{name}: log", mask_lines(recorded.log), log)


def _observable_log(row: ActionRow) -> list[str]:
    """Return the lines of an action that a recording can hold: those on CPUs.

    The guest takes an action's lines from dmesg when the action has ended. A hung action does not end, and its lines
    must be read from the console, which the guest silences until a panic (``dmesg -n 1``). Only the lines from the
    panic on can be seen then.
    """
    log = [line for line in row.log if not line.startswith(_SUSPEND_PREFIX)]
    if row.outcome != "hung":
        return log
    return list(dropwhile(lambda line: not line.startswith(_PANIC_PREFIXES), log))


def _compare_guests(observed: ObservedBoot, outcome: Outcome) -> Iterator[Field]:
    """Compare the lengths that KVM offered to guests, and the length that each guest read with RDVL."""
    facts = outcome.facts
    has_guests = facts.panic is None and facts.offered_vqs
    offered = list(bits_from_vqs(facts.offered_vqs)) if has_guests else None
    yield Field("guest_vls_bits", observed.guest_vls_bits, offered)
    rdvl = {str(visit.cpu): bits_from_vq(largest_vq(visit.vqs)) for visit in facts.guests if not visit.killed}
    yield Field("guest_rdvl_bits", observed.guest_rdvl_bits, rdvl if has_guests and rdvl else None)
