"""The designs that the thread argued over, each as a set of independent choices.

A design says which vector length sizes pKVM's buffer for the host's SVE registers, what ZCR_EL2 is set to during the
save and the restore, which vector length places the pointer to FFR, and what happens to a late CPU whose largest
vector length is above every length counted so far; where such a CPU raises the maximum, also whether the store works.

Sources: the thread "KVM: arm64: Fix underallocation of storage for SVE state" (June to October 2024); each
named design cites its message.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from sim import rules
from sim.arguments import checked, checked_fields
from sim.errors import InputError, NamedChoice, did_you_mean
from sim.frames import FieldsShown
from sim.rules import S


class Sizing(NamedChoice):
    """The vector length that the buffer is allocated for.

    >>> from sim import DESIGNS
    >>> [name for name, design in DESIGNS.items() if design.buffer_sized_by is Sizing.SHARED]
    ['v6.11', 'constrain-v1', 'constrain-v2', 'nosve']
    """

    SHARED = "max_vl"
    """The largest length that all counted CPUs have."""
    MAX_CPU_VL = "max_cpu_vl"
    """The largest length of any CPU, as ``max_cpu_vl`` in the kernel's record counts it."""
    EARLY = "any-early-cpu"
    """The largest length of any early CPU, found by asking each of them.

    It equals `MAX_CPU_VL` unless a late CPU has raised ``max_cpu_vl``, and in real kernels none is online before KVM's
    initcall.
    """
    ARCHITECTURE = "architecture"
    """2048 bits, whatever the CPUs have."""


class ZcrEl2(NamedChoice):
    """The setting of ZCR_EL2.LEN during the save and the restore.

    >>> from sim import DESIGNS
    >>> [name for name, design in DESIGNS.items() if design.zcr_el2 is ZcrEl2.SHARED]
    ['constrain-v2']
    """

    ALL_ONES = "all-ones"
    """LEN = 15, which lets every length of the hardware through."""
    SHARED = "max_vl"
    """LEN = VQ - 1 of the largest length that all counted CPUs have."""
    SHARED_ONE_TOO_MANY = "max_vl-one-too-many"
    """LEN = VQ of that length, although the field counts from 0; a VQ of 16 does not fit four bits and leaves 0."""
    BUFFER = "buffer"
    """LEN = VQ - 1 of the length that the buffer was allocated for."""


class Pointer(NamedChoice):
    """The vector length that places the pointer to FFR in the buffer.

    >>> from sim import DESIGNS
    >>> [name for name, design in DESIGNS.items() if design.ffr_pointer is Pointer.RDVL]
    ['brown-v1', 'brown-v4', 'brown-v4-meant']
    """

    BUFFER = "buffer"
    """The length that the buffer was allocated for, which makes the offset fixed."""
    RDVL = "rdvl"
    """The length that the CPU runs with at the moment of the save."""

    def vq(self, allocation_vq: int, running_vq: int) -> int:
        """Return the VQ that places the pointer, of the buffer's and of the CPU's."""
        return allocation_vq if self is Pointer.BUFFER else running_vq


class LateCpu(NamedChoice):
    """The kernel's response to a late CPU whose largest vector length is above ``max_cpu_vl``.

    >>> from sim import DESIGNS
    >>> [name for name, design in DESIGNS.items() if design.late_cpu is LateCpu.RAISES]
    ['brown-v4', 'brown-v4-meant']
    """

    SILENT = "silent"
    """No check is made."""
    REFUSED = "refused"
    """The log announces it, then the CPU is refused."""
    REFUSED_UNDER_PKVM = "refused-under-pkvm"
    """As `REFUSED` under pKVM; without pKVM as `SILENT`."""
    WARNED = "warned"
    """The log announces it, and the CPU comes online."""
    RAISES = "warned-and-raised"
    """As `WARNED`, and ``max_cpu_vl`` is raised by a store, see `LateStore`."""


class LateStore(NamedChoice):
    """The effect of the store that raises ``max_cpu_vl``; it matters only where `late_cpu` is ``warned-and-raised``.

    ``vl_info`` is ``__ro_after_init``: as posted the store faults and the kernel panics.

    >>> from sim import DESIGNS
    >>> DESIGNS["brown-v4"].late_store
    <LateStore.READ_ONLY: 'read-only'>
    """

    WORKS = "works"
    """The maximum is raised."""
    READ_ONLY = "read-only"
    """The kernel panics."""
    SKIPPED = "skipped"
    """The store is left out, so every later CPU is compared with the old maximum."""


class AboveMaximum(NamedTuple):
    """The parts of the kernel's response to a late CPU whose largest vector length is above ``max_cpu_vl``."""

    announces: bool
    """The log says so."""
    refuses: bool
    """The CPU is refused after that."""
    late_store: LateStore | None
    """The effect of the store that raises the maximum; None where there is no store."""


IGNORED = AboveMaximum(announces=False, refuses=False, late_store=None)
"""Nothing is done about such a CPU."""


@dataclass(frozen=True, slots=True, repr=False)
@checked_fields
class Design(FieldsShown):
    """A design: a choice for each of its parts. A choice may be given as the text of its value.

    Args:
        name: the design's name.
        buffer_sized_by: the vector length that the buffer is allocated for, or its name.
        zcr_el2: the setting of ZCR_EL2.LEN during the save and the restore, or its name.
        ffr_pointer: the vector length that places the pointer to FFR, or its name.
        late_cpu: the response to a late CPU whose largest length is above ``max_cpu_vl``, or its name.
        late_store: the effect of the store that raises ``max_cpu_vl``, or its name.
        nosve: True if the kernel boots with ``arm64.nosve`` instead, so that no CPU has SVE and nothing is saved.
        source: where the design was proposed, for people.

    Raises:
        InputError: a choice has a value that is not allowed.

    >>> Design("mine", Sizing.ARCHITECTURE, ZcrEl2.ALL_ONES, Pointer.BUFFER, "silent").late_cpu
    <LateCpu.SILENT: 'silent'>
    """

    name: str
    buffer_sized_by: Sizing
    zcr_el2: ZcrEl2
    ffr_pointer: Pointer
    late_cpu: LateCpu
    late_store: LateStore = LateStore.READ_ONLY
    nosve: bool = False
    source: str = field(default="defined by the user", compare=False)

    @classmethod
    @checked
    def from_text(cls, text: str) -> "Design":
        """Return a design by its name; a parameter that takes a design takes its name as well.

        Args:
            text: the name, one of `DESIGNS`.

        Raises:
            InputError: no design has that name.

        >>> Design.from_text("tabba").buffer_sized_by
        <Sizing.EARLY: 'any-early-cpu'>
        """
        return named(text)

    def __repr__(self) -> str:
        return (
            f"<Design {self.name!r}: buffer sized by {self.buffer_sized_by}, ZCR_EL2 {self.zcr_el2}, FFR pointer by "
            f"{self.ffr_pointer}, late CPU above the maximum {self.late_cpu}>"
        )

    def allocation_vqs(self, vq_map: S, max_cpu_vqs: S, early_vqs: S, architecture_vqs: S) -> S:
        """Return the length that the buffers are allocated for, as a set with one member.

        Args:
            vq_map: the lengths that every counted CPU has.
            max_cpu_vqs: a set of lengths, of which the largest is ``max_cpu_vl``.
            early_vqs: the lengths that at least one early CPU has.
            architecture_vqs: all lengths of the architecture, `sim.rules.ARCHITECTURE_VQS`, as a set of the same kind.
        """
        sized_by = {
            Sizing.SHARED: vq_map,
            Sizing.MAX_CPU_VL: max_cpu_vqs,
            Sizing.EARLY: early_vqs,
            Sizing.ARCHITECTURE: architecture_vqs,
        }
        return rules.largest(sized_by[self.buffer_sized_by])

    def save_always_fits(self, *, late: bool) -> bool:
        """Return True if no save on an early, or on a late, CPU exceeds its buffer, whatever lengths CPUs have.

        Args:
            late: True to ask about saves on late CPUs, False about those on early CPUs.
        """
        if self.zcr_el2 in {ZcrEl2.SHARED, ZcrEl2.BUFFER} or self.buffer_sized_by is Sizing.ARCHITECTURE:
            return True  # ZCR_EL2 lets nothing through for which the buffer is too small
        return not late and self.buffer_sized_by is not Sizing.SHARED

    def zcr_el2_limit(self, vq_map: S, allocation_vqs: S, architecture_vqs: S) -> S:
        """Return every VQ that ZCR_EL2 lets through during the save and the restore.

        Args:
            vq_map: the lengths that every counted CPU has.
            allocation_vqs: the length that the buffers are allocated for, as a set with one member.
            architecture_vqs: all lengths of the architecture, `sim.rules.ARCHITECTURE_VQS`, as a set of the same kind.
        """
        match self.zcr_el2:
            case ZcrEl2.ALL_ONES:
                return architecture_vqs
            case ZcrEl2.SHARED:
                return rules.smear(vq_map)
            case ZcrEl2.SHARED_ONE_TOO_MANY:
                return rules.limit_one_too_many(vq_map)
            case ZcrEl2.BUFFER:
                return rules.smear(allocation_vqs)

    def above_maximum(self, *, has_pkvm: bool) -> AboveMaximum:
        """Return what the kernel does about a late CPU above the maximum, with or without pKVM.

        Args:
            has_pkvm: True if KVM comes up in protected mode.
        """
        if self.late_cpu is LateCpu.SILENT or (self.late_cpu is LateCpu.REFUSED_UNDER_PKVM and not has_pkvm):
            return IGNORED
        return AboveMaximum(
            announces=True,
            refuses=self.late_cpu in {LateCpu.REFUSED, LateCpu.REFUSED_UNDER_PKVM},
            late_store=self.late_store if self.late_cpu is LateCpu.RAISES else None,
        )


_V6_11 = Design(
    "v6.11",
    Sizing.SHARED,
    ZcrEl2.ALL_ONES,
    Pointer.BUFFER,
    LateCpu.SILENT,
    source="the bug: commit 66d5b53e20a6, Linux 6.11",
)
_BROWN_V4 = Design(
    "brown-v4",
    Sizing.MAX_CPU_VL,
    ZcrEl2.ALL_ONES,
    Pointer.RDVL,
    LateCpu.RAISES,
    source="message 20240704-kvm-arm64-fix-pkvm-sve-vl-v4-0-b6898ab23dc4, as posted; v2 to v7 agree",
)

DESIGNS = {
    design.name: design
    for design in (
        _V6_11,
        replace(
            _BROWN_V4,
            name="brown-v1",
            late_cpu=LateCpu.REFUSED_UNDER_PKVM,
            source="message 20240605-kvm-arm64-fix-pkvm-sve-vl-v1-2-680d6b43b4c1",
        ),
        _BROWN_V4,
        replace(
            _BROWN_V4,
            name="brown-v4-meant",
            late_store=LateStore.WORKS,
            source="brown-v4 with a store that works, as its authors meant it",
        ),
        replace(
            _V6_11,
            name="tabba",
            buffer_sized_by=Sizing.EARLY,
            source="message 20240606092623.2236172-1-tabba",
        ),
        replace(
            _V6_11,
            name="constrain-v1",
            zcr_el2=ZcrEl2.SHARED_ONE_TOO_MANY,
            source="message 20240910-kvm-arm64-limit-guest-vl-v1-1-54df40b95ffb",
        ),
        replace(
            _V6_11,
            name="constrain-v2",
            zcr_el2=ZcrEl2.SHARED,
            source="message 20240912-kvm-arm64-limit-guest-vl-v2-1-dd2c29cb2ac9; commit a9f41588a902, Linux 6.12",
        ),
        replace(
            _V6_11,
            name="nosve",
            nosve=True,  # the choices taken over from v6.11 decide nothing: without SVE there is nothing to save
            source="the rival that every user already has: arm64.nosve on the command line",
        ),
    )
}
"""The designs by name, in the order in which they are shown."""


def named(name: str) -> Design:
    """Return the design of that name.

    Raises:
        InputError: no design has that name.
    """
    if name not in DESIGNS:
        hint = did_you_mean(name, DESIGNS)
        raise InputError(f"unknown design {name[:60]!r}: there are {', '.join(DESIGNS)}{hint}")
    return DESIGNS[name]
