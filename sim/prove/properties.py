"""What an engineer wants of a design, as conditions on what a judge says of a system.

A property runs on whatever the judge runs on: on columns it finds the systems that break it, on symbols it says whether
any does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

import numpy as np

from sim import rules
from sim.errors import InputError
from sim.hazards import HazardKind
from sim.study import verdict_bits
from sim.study.batch import NONE, OutcomeBits
from sim.study.evaluate import Evaluation

Broken = Callable[[Evaluation], OutcomeBits]
"""Not 0 in the systems that break a property."""


@dataclass(frozen=True, repr=False)
class Property:
    """A promise that a design keeps or breaks."""

    name: str
    statement: str
    hazards: frozenset[HazardKind]
    """A boot that breaks it shows at least one of these."""
    broken: Broken

    def __repr__(self) -> str:
        return f"<Property {self.name!r}: {self.statement}>"


def _shows(*kinds: HazardKind) -> tuple[frozenset[HazardKind], Broken]:
    """Some hazards that a batch can find, and the condition that any of them is there."""
    bits = sum(1 << verdict_bits.HAZARDS.index(kind) for kind in kinds)
    return frozenset(kinds), lambda judge: reduce(or_, (fate.word for fate in judge.fates), NONE) & np.uint16(bits)


def _of_accepted(condition: Callable[[Evaluation, Any], Any]) -> Broken:
    """A condition on the set of any late CPU that the kernel accepts, where it has SVE."""

    def found(judge: Evaluation) -> Iterator[OutcomeBits]:
        for unit, word in judge.by_unit.items():
            if unit.late and not judge.setting.design.nosve:
                accepted = verdict_bits.when(word & verdict_bits.ACCEPTED)
                yield accepted & judge.batch.record.has_sve & condition(judge, judge.batch.columns[unit.group])

    return lambda judge: reduce(or_, found(judge), NONE)


def _lacks(judge: Evaluation, own: Any) -> Any:
    return rules.missing(judge.batch.record.vq_map, own)


def _guest_sees_otherwise(judge: Evaluation, own: Any) -> Any:
    record = judge.batch.record
    return (own & record.virtualisable_vqs) ^ rules.guest_lengths(record.vq_map, record.virtualisable_vqs)


_EXCEEDED = (HazardKind.ALLOCATION_EXCEEDED_SILENTLY, HazardKind.ALLOCATION_EXCEEDED_ANNOUNCED)
PROPERTIES = {
    one.name: one
    for one in (
        Property("no-panic", "nothing panics", *_shows(HazardKind.KERNEL_PANIC, HazardKind.HYPERVISOR_PANIC)),
        Property(
            "in-its-pages",
            "no save leaves its page run",
            *_shows(HazardKind.OUT_OF_BOUNDS_WRITE, HazardKind.HYPERVISOR_PANIC),
        ),
        Property("in-bytes-asked", "no save exceeds the bytes asked for", *_shows(*_EXCEEDED)),
        Property("restored", "registers come back", *_shows(HazardKind.NOT_RESTORED)),
        Property(
            "committed",
            "no accepted CPU lacks a committed VL",
            frozenset({HazardKind.LACKS_COMMITTED_VL}),
            _of_accepted(_lacks),
        ),
        Property(
            "guests-alike",
            "a guest sees the same VLs everywhere",
            frozenset({HazardKind.GUEST_VLS_DIFFER}),
            _of_accepted(_guest_sees_otherwise),
        ),
        Property(
            "announced",
            "whatever exceeds the allocation is announced",
            *_shows(HazardKind.ALLOCATION_EXCEEDED_SILENTLY),
        ),
        Property("no-harmless-refused", "no harmless CPU is refused", *_shows(HazardKind.HARMLESS_CPU_REFUSED)),
        Property("none-denied", "no VL is denied that all CPUs have", *_shows(HazardKind.HOST_DENIED_VL)),
    )
}
"""By name."""
SAFETY = ("no-panic", "in-its-pages", "in-bytes-asked", "restored", "committed", "guests-alike")
"""What a design must promise to be safe: nothing panics, is overwritten, lost, or different elsewhere."""


def named(name: str) -> Property:
    """Find a property by its name.

    Raises:
        InputError: there is none of that name.
    """
    if name not in PROPERTIES:
        raise InputError(f"unknown property {name[:60]!r}: there are {', '.join(PROPERTIES)}")
    return PROPERTIES[name]
