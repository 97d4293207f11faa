"""Comparison of a recorded boot of CPUs whose ID registers differ: its scenario, and its fields beside the simulator's.

A field of the record that is missing was not read, and is left out. Where a CPU died in code that lacks its
instructions, the rest of the boot is a matter of timing, and is left out as well. docs/conformance.md lists the fields.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from sim.conform.compared_features import STATE_FIELDS, compare_state, was_read
from sim.conform.compared_fields import Field
from sim.conform.feature_records import RecordedCore, RecordedFeatureAction, RecordedFeatures
from sim.conform.recorded_actions import action_text, parse_action
from sim.conform.run_records import release_name
from sim.errnos import Errno
from sim.errors import InputError
from sim.facts import ActionOutcome, ActionResult, Facts
from sim.id_registers import TDS, Core
from sim.kernel.printk import EventKind
from sim.outcome import Outcome
from sim.scenario import EL1, EL2, KvmMode, Scenario
from sim.topology import Cpu, Features, Firmware, Topology, cpu_list
from sim.vector_types import VECTOR_TYPES
from sim.vectors import VectorType, bits_from_vqs

_GIC = {TDS.register: TDS.put(0, 1)}
"""The registers of QEMU's GIC, which are not among those of the records."""
_NVHE = "kvm-arm.mode=nvhe"
_LENGTHS = {VectorType.SVE: "sve_vq", VectorType.SME: "sme_vq"}
"""The pseudo registers of a record that hold a CPU's sets of lengths."""
_SHORTEST = 1
"""The set of 128 bits alone: of a CPU that claims an extension whose lengths QEMU was not given."""
_LINES = re.compile(
    r"CPU features:|CPU\d+:|CPU:|Detected .* I-cache|psci: CPU|psci: failed|SVE:|SME:|alternatives:|smp:|SMP:|spectre-"
    r"|Booting Linux|Kernel panic"
)
"""The beginnings of the lines that recordings keep."""
_CAPABILITY_NUMBER = re.compile(r"(?<=capability )\d+")
_POLLED = re.compile(r" \(polled \d+ ms\)")
_RACING_LINE = "spectre-bhb mitigation disabled by command line option"
"""A line that the CPUs race to print: equal boots have it never, once or twice."""
_DIED = "failed in unknown state"


def feature_scenario(record: RecordedFeatures) -> Scenario:
    """Return the scenario of a recorded boot.

    Raises:
        InputError: the record has kernel arguments, registers or actions that are not modelled.
    """
    words = [word for word in record.command_line.split() if word not in {_NVHE, "arm64.nosve", "arm64.nosme"}]
    return Scenario(
        Topology(tuple(_cpus(record)), any_vls=True),
        kernel=release_name(record),
        page_bytes=record.page_bytes,
        kvm_mode=KvmMode.NVHE if _NVHE in record.command_line.split() else KvmMode.DEFAULT,
        el2=record.el2_machine,
        maxcpus=record.early,
        arm64_nosve="arm64.nosve" in record.command_line.split(),
        arm64_nosme="arm64.nosme" in record.command_line.split(),
        options=" ".join(words),
        actions=tuple(map(parse_action, record.actions)),
        name=record.id,
    )


def _cpus(record: RecordedFeatures) -> Iterator[Cpu]:
    """Yield the CPUs, those that are alike with one object for their registers."""
    if not record.cpus:
        raise InputError("no CPUs")
    known: dict[tuple[str, ...], Features] = {}
    first = record.cpus[0]
    for number, one in enumerate(record.cpus):
        registers = {**first.regs, **one.differs}
        kind = one.core, *(f"{name}={value}" for name, value in sorted(registers.items()))
        if kind not in known:
            known[kind] = _features(one, registers)
        # Firmware (QEMU's) starts CPUs at the level of the CPU that asks: without EL2 on CPU 0 there is none at all.
        at_el2 = record.el2_machine and one.el2 and first.el2
        yield Cpu(f"cpu{number}", known[kind], Firmware(el=EL2 if at_el2 else EL1))


def _features(one: RecordedCore, registers: Mapping[str, str]) -> Features:
    values = {**_GIC, **{name: int(value, 16) for name, value in registers.items()}}
    lengths = {vector_type: values.pop(name, 0) for vector_type, name in _LENGTHS.items()}
    lengths_bits = {
        vector_type: bits_from_vqs(lengths[vector_type] or _SHORTEST)
        for vector_type, traits in VECTOR_TYPES.items()
        if traits.id_field.of(values.get(traits.id_field.register, 0))
    }
    stated, midr = MappingProxyType(values), values.get("MIDR_EL1", 0)
    # The emulator was given every value, even such as no hardware has.
    core = Core(one.core, midr, stated, "a recorded boot", has_all_features=True, changes=stated)
    return Features(lengths_bits, core)


def compare_features(record: RecordedFeatures, outcome: Outcome) -> Iterator[Field]:
    """Compare a recorded boot with a simulated boot of the same system.

    Args:
        record: the recorded boot.
        outcome: the outcome of `feature_scenario(record)`.
    """
    observed, facts = record.observed, outcome.facts
    user_space = next((place for place, one in enumerate(facts.events) if one.kind is EventKind.USER_SPACE), None)
    boot_lines = min((one.log_from for one in facts.actions), default=len(facts.log))
    yield Field("boot_log", _masked(observed.boot_log), _lines(facts, 0, boot_lines))
    if observed.boot is not None:
        state = None if user_space is None else facts.features_at_user_space
        yield from compare_state("boot", observed.boot, state, facts, user_space)
    compared = list(_compared_actions(record))
    # Of the actions that follow a dead CPU it is left open how many there are.
    simulated = facts.actions[: len(compared)] if _has_dead_cpu(record) else facts.actions
    performed = [action_text(one.action.do, one.cpu) for one in simulated]
    yield Field("actions", [one.action for one in compared], performed)
    for index, action in enumerate(compared):
        result = facts.actions[index] if index < len(facts.actions) else None
        yield from _compare_action(f"actions[{index}] {action.action}", action, result, facts)
    if observed.boot is not None and observed.end is not None and not _has_dead_cpu(record):
        whole = observed.boot.then(observed.end)
        yield from compare_state("end", whole, facts.features_at_end, facts, len(facts.events))


def uncompared_features(record: RecordedFeatures) -> list[str]:
    """Return the names of the fields that were not read, not reached, or are a matter of timing."""
    observed, compared = record.observed, len(list(_compared_actions(record)))
    states = {"boot": observed.boot, "end": None if _has_dead_cpu(record) else observed.end}
    unreached = [point for point, state in states.items() if state is None]
    unread = [
        f"{point}.{name}"
        for point, state in states.items()
        if observed.boot is not None and state is not None
        for name in STATE_FIELDS
        if not was_read(observed.boot.then(state), name)
    ]
    actions = [f"actions[{index}] {one.action}" for index, one in enumerate(observed.actions) if index >= compared]
    return [*unreached, *unread, *actions]


def _has_dead_cpu(record: RecordedFeatures) -> bool:
    """Return True if some CPU died in code that lacks its instructions, so that what follows depends on timing."""
    logs = [record.observed.boot_log, *(one.log for one in record.observed.actions)]
    return any(_DIED in line for log in logs for line in log)


def _compared_actions(record: RecordedFeatures) -> Iterator[RecordedFeatureAction]:
    """Yield the actions up to the first in which a CPU dies in such code; none if one did before them."""
    if any(_DIED in line for line in record.observed.boot_log):
        return
    for action in record.observed.actions:
        yield action
        if any(_DIED in line for line in action.log):
            return


def _lines(facts: Facts, log_from: int, log_to: int) -> list[str]:
    """Return the lines that a recording would have kept."""
    lines = (line.text for line in facts.log[log_from:log_to])
    return _masked([line for line in lines if _LINES.match(line)])


def _masked(lines: Sequence[str]) -> list[str]:
    return [_CAPABILITY_NUMBER.sub("*", _POLLED.sub("", line)) for line in lines if line != _RACING_LINE]


def _compare_action(
    name: str, action: RecordedFeatureAction, result: ActionResult | None, facts: Facts
) -> Iterator[Field]:
    """Compare an action; where its CPU died in unknown state, neither a hang nor the state after it is a fact."""
    log = [] if result is None else _lines(facts, result.log_from, result.log_to)
    yield Field(f"{name}: log", _masked(action.log), log)
    is_dead = any(_DIED in line for line in action.log)
    if not (is_dead and action.outcome == "hung"):
        yield Field(f"{name}: outcome", action.outcome, None if result is None else _outcome(result, facts))
        error = None if result is None or action.errno is None else Errno[result.error or "OK"]
        yield Field(f"{name}: errno", action.errno, error)
    if is_dead or result is None:
        return
    sets = facts.cpu_sets(result.events_to)
    if action.online is not None:
        yield Field(f"{name}: online", action.online, cpu_list(sorted(sets.online)))
    if action.present is not None:
        yield Field(f"{name}: present", action.present, cpu_list(sorted(sets.present)))
    if action.taint is not None:
        yield Field(f"{name}: taint", action.taint, result.taint)


def _outcome(result: ActionResult, facts: Facts) -> str:
    has_panicked = facts.panic is not None and not facts.panic.is_silent
    return "panic" if result.outcome is ActionOutcome.HUNG and has_panicked else str(result.outcome)
