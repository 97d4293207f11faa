"""Questions: the systems that a proof is about, and the answers to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sim.arguments import checked_fields
from sim.errors import InputError, NamedChoice
from sim.frames import FieldsShown
from sim.kernel_flags import kernel_flags, kernel_words
from sim.kernel_release import DEFAULT, kernel_release
from sim.scenario import MemoryLayout
from sim.study.system_space import MOST_GROUPS, Group, Setting, Space
from sim.vectors import ALL_VQS, QUADWORD_BITS, VQ_MAX, SveRule, bits_from_vqs, braces, vq_from_bits

EARLY, LATE = 3, 1
"""The CPUs of a system that stands for any number of them.

Two early CPUs give the shared lengths and the lengths of any CPU; one more, early or late, breaks the property
(docs/proofs.md).
"""
LONGEST_S = 60
"""The longest time for an answer by default, in seconds."""


class Answer(NamedChoice):
    """The answer to a question about a property.

    >>> from sim import DESIGNS, PROPERTIES, Question, Setting, prove_property
    >>> question = Question(early=2, late=0, up_to_bits=256, kernel="6.12")
    >>> setting = Setting(DESIGNS["v6.11"], "enforcing", "protected", question.memory)
    >>> prove_property(question, setting, PROPERTIES["restored"]).answer is Answer.REFUTED
    True
    """

    PROVED = "proved"
    REFUTED = "refuted"
    UNKNOWN = "unknown"
    """The solver gave up."""


class System(NamedTuple):
    """A system, as the sets of lengths of its CPUs."""

    early_vqs: tuple[int, ...]
    """The sets of the early CPUs as numbers, the boot CPU first; bit n stands for a length of 128·(n + 1) bits."""
    late_vqs: tuple[int, ...]
    """The sets of the late CPUs in the same form."""

    def __repr__(self) -> str:
        return f"<System: {self}>"

    def __str__(self) -> str:
        early, late = (" ".join(map(braces, sets)) for sets in self)
        return f"{early} and late {late}" if late else early

    @property
    def early_sve_bits(self) -> tuple[tuple[int, ...], ...]:
        """The SVE lengths of each early CPU, in bits, the boot CPU first."""
        return tuple(map(bits_from_vqs, self.early_vqs))

    @property
    def late_sve_bits(self) -> tuple[tuple[int, ...], ...]:
        """The SVE lengths of each late CPU, in bits."""
        return tuple(map(bits_from_vqs, self.late_vqs))

    @property
    def size(self) -> tuple[int, int, int, int, "System"]:
        """The size by CPUs, then the largest VL, then lengths, then late CPUs; the smaller, the better an example.

        The system itself comes last, so that no two systems are of equal size and the smallest is unique.
        """
        sets = self.early_vqs + self.late_vqs
        return (len(sets), max(sets).bit_length(), sum(one.bit_count() for one in sets), len(self.late_vqs), self)


@dataclass(frozen=True, repr=False)
@checked_fields
class Question(FieldsShown):
    """The systems that a proof is about; memory and rule may be given by name.

    Args:
        early: the number of early CPUs.
        late: the number of late CPUs.
        kernel: the kernel's release.
        memory: the memory around pKVM's buffers, or its name. In mapped memory a save has the same outcome on every
            CPU, and only the kernel can panic.
        up_to_bits: the largest vector length of any CPU, in bits.
        rule: the architecture's rule about SVE sets, or its name.
        longest_s: the longest time for an answer, in seconds.
        kernel_flags: kernel flags that are set otherwise than in the release, by name, as in scenario files.

    Raises:
        InputError: there are too many CPUs, or too few; the largest length is not a vector length; a name is unknown.

    >>> Question(early=2, up_to_bits=512, kernel="6.12")
    <Question: 2 early and 1 late CPUs; lengths multiples-of-128 up to 512 bits; kernel 6.12, memory mapped>
    """

    early: int = EARLY
    late: int = LATE
    kernel: str = DEFAULT
    memory: MemoryLayout = MemoryLayout.MAPPED
    up_to_bits: int = VQ_MAX * QUADWORD_BITS
    rule: SveRule = SveRule.MULTIPLES
    longest_s: float = LONGEST_S
    kernel_flags: Mapping[str, bool] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if self.early < 1 or self.late < 0 or self.early + self.late > MOST_GROUPS:
            cpus = f"{self.early} early and {self.late} late CPUs"
            raise InputError(f"{cpus}: allowed are 1 early CPU or more, and {MOST_GROUPS} CPUs in all")
        vq_from_bits(self.up_to_bits)  # raises if it is not a vector length
        kernel_flags(kernel_release(self.kernel), self.kernel_flags)  # raises if there is no such release or flag

    def __repr__(self) -> str:
        many = ", which stand for any number" if self.stands_for_any_number else ""
        cpus = f"{self.early} early and {self.late} late CPUs{many}"
        sets = f"{self.rule} up to {self.up_to_bits} bits"
        return f"<Question: {cpus}; lengths {sets}; kernel {self.kernel_words}, memory {self.memory}>"

    @property
    def kernel_words(self) -> str:
        """The kernel with the flags that are set, such as "6.12 with pseudo_registers on"."""
        return kernel_words(self.kernel, self.kernel_flags)

    @property
    def up_to_vq(self) -> int:
        """The largest VQ of any CPU."""
        return vq_from_bits(self.up_to_bits)

    @property
    def stands_for_any_number(self) -> bool:
        """True if the answer holds for any number of CPUs (docs/proofs.md)."""
        # A pseudo register depends on a third thing of the early CPUs: the smallest of their largest lengths.
        has_pseudo_registers = kernel_flags(kernel_release(self.kernel), self.kernel_flags).pseudo_registers
        enough = self.early >= EARLY and self.late >= LATE
        return enough and self.memory is MemoryLayout.MAPPED and not has_pseudo_registers

    def space(self, setting: Setting, early: int, late: int) -> Space:
        """Return the space of all systems with these numbers of CPUs, under one setting.

        Args:
            setting: the setting.
            early: the number of early CPUs.
            late: the number of late CPUs.
        """
        # Only the union of the candidates matters to a proof: they are symbols, and never listed.
        candidates = ((QUADWORD_BITS,), bits_from_vqs(ALL_VQS))
        cpus = [Group("boot" if not n else f"early{n}", candidates) for n in range(early)]
        cpus += [Group(f"late{n}" if late > 1 else "late", candidates, late=True) for n in range(late)]
        return Space(
            tuple(cpus),
            self.kernel,
            (setting.design,),
            (setting.relay,),
            (setting.kvm_mode,),
            (self.memory,),
            kernel_flags=self.kernel_flags,
        )
