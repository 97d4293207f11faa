"""The properties that an engineer wants of a design, as conditions on the evaluation of a system.

A condition runs on whatever the evaluation runs on: on columns it finds the systems that break the property, on symbols
Z3 decides whether there is such a system.
"""

from dataclasses import dataclass
from typing import Protocol

from sim import rules
from sim.arguments import checked, checked_fields
from sim.errors import InputError, did_you_mean
from sim.frames import as_html
from sim.hazard_kinds import HazardKind
from sim.prove.feature_properties import FEATURE_PROPERTIES
from sim.study import verdict_bits
from sim.study.evaluation import Evaluation
from sim.study.systems import Record
from sim.study.value import V


class Broken(Protocol):
    """A condition: a value that is not 0 in the systems that break a property."""

    def __call__(self, evaluation: Evaluation[V], /) -> V:
        """Return the value, which has as many systems as the evaluation."""
        ...


class _BrokenByCpu(Protocol):
    """A condition on the kernel's record and the set of a late CPU that came online."""

    def __call__(self, record: Record[V], own_vqs: V, /) -> V: ...


@dataclass(frozen=True, repr=False)
@checked_fields
class Property:
    """A promise that a design keeps or breaks.

    Args:
        name: its name, as `asymboot list properties` has it.
        statement: the promise, in words.
        hazards: the hazards of which a boot that breaks it shows at least one.
        broken: the condition that a system breaks it, over every value of its lengths.

    >>> from sim import PROPERTIES
    >>> PROPERTIES["restored"]
    <Property 'restored': registers come back>
    """

    name: str
    statement: str
    hazards: frozenset[HazardKind]
    broken: Broken

    @classmethod
    @checked
    def from_text(cls, text: str) -> "Property":
        """Return a property by its name; a parameter that takes a property takes its name as well.

        Args:
            text: the name, one of `PROPERTIES`.

        Raises:
            InputError: no property of designs has that name.

        >>> Property.from_text("restored")
        <Property 'restored': registers come back>
        """
        return named(text)

    def __repr__(self) -> str:
        return f"<Property {self.name!r}: {self.statement}>"

    def _repr_html_(self) -> str:
        return as_html(
            f"{self.name}: {self.statement}",
            [{"a boot that breaks it shows": one.title} for one in sorted(self.hazards)],
        )


def _shows(*kinds: HazardKind) -> tuple[frozenset[HazardKind], Broken]:
    """Return hazards that a batch can find, and the condition that a system shows one of them."""
    bits = sum(1 << verdict_bits.HAZARDS.index(kind) for kind in kinds)  # a hazard's place is its bit

    def broken(evaluation: Evaluation[V], /) -> V:
        return evaluation.word & bits

    return frozenset(kinds), broken


def _of_accepted(broken_by: _BrokenByCpu) -> Broken:
    """Return the condition that the kernel uses SVE and accepts a late CPU that breaks a property."""

    def broken(evaluation: Evaluation[V], /) -> V:
        systems = evaluation.systems
        found = systems.none
        # Without SVE in use no length is committed or offered, so no set of a late CPU can contradict one.
        for unit, word in evaluation.by_unit.items():
            if unit.late and not evaluation.setting.design.nosve:
                accepted = rules.when(word & verdict_bits.ACCEPTED) & systems.record.has_sve
                found = found | (accepted & broken_by(systems.record, systems.vqs[unit.group]))
        return found

    return broken


def _lacks(record: Record[V], own_vqs: V, /) -> V:
    return rules.missing(record.vq_map, own_vqs)


def _guest_sees_otherwise(record: Record[V], own_vqs: V, /) -> V:
    offered = rules.guest_lengths(record.vq_map, record.virtualisable_vqs)
    selectable = own_vqs & record.virtualisable_vqs
    # The symmetric difference; `^` is not among the operators that every kind of value has (`sim.rules.bits`).
    return (offered & ~selectable) | (selectable & ~offered)


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
"""The properties, by name."""
SAFETY = ("no-panic", "in-its-pages", "in-bytes-asked", "restored", "committed", "guests-alike")
"""The promises of a safe design: nothing panics, is overwritten, lost, or different elsewhere."""


def named(name: str) -> Property:
    """Find a property by its name.

    Raises:
        InputError: there is no property of that name, or it is about CPU features and not about designs.
    """
    if name in FEATURE_PROPERTIES:
        raise InputError(
            f"property {name!r} is about CPU features, and not about designs: asymboot prove asks about it"
        )
    if name not in PROPERTIES:
        known = (*PROPERTIES, *FEATURE_PROPERTIES)
        raise InputError(f"unknown property {name[:60]!r}: there are {', '.join(known)}{did_you_mean(name, known)}")
    return PROPERTIES[name]
