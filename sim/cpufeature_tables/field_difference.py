"""A field of an ID register that differs between two CPUs, and the words for it."""

import msgspec

from sim.cpufeature_tables.field_uses import EffectKind, FieldEffect
from sim.cpufeature_tables.tables import Field

_COUNTER_FREQUENCY = "ClockFreq"
"""The field of CNTFRQ_EL0, which tells no feature: firmware writes the frequency of the system counter to it."""


class FieldDifference(msgspec.Struct, frozen=True):
    """A field of an ID register that differs between the boot CPU and another."""

    field: Field
    boot: int
    """The boot CPU's value."""
    cpu: int
    """The other CPU's value."""
    is_listed: bool
    """True if the kernel has the field in its table."""
    has_name: bool
    """False for bits that the architecture does not name, or that asymboot does not know."""
    users: tuple[str, ...]
    """The hwcaps and capabilities that look at the field."""
    lost: tuple[str, ...]
    """Those of them that the boot CPU has and the system does not, and what the kernel's own code loses."""
    boot_decides: tuple[str, ...]
    """The capabilities on which the boot CPU decides for all, and of which the two CPUs differ."""
    effect: FieldEffect | None
    """The effect that capabilities and hwcaps do not tell; None if none is known."""
    before: int
    """The system's value before a late CPU came; the boot CPU's value for an early CPU."""
    system: int | None
    """The value that the kernel uses for all CPUs, or None for an unlisted field, of which it uses none.

    For an early CPU it is the value once all early CPUs have come, and for a late CPU the value after it.
    """
    is_late: bool
    """True if the other CPU came late, or came back, so that capabilities were final."""
    is_hidden: bool = False
    """True if the command line hides the field on all CPUs."""
    is_in_table: bool = True
    """False if no table has the register, so that nothing is known of its fields."""
    is_used: bool = False
    """True if something looks at the field, be it a capability that has no name or is a CPU's own."""
    is_alone: bool = False
    """True if no other field differs, so that the kernel logged the line for this field."""
    stand_in: str = ""
    """The series whose tables stand for that of the log's own kernel; empty if the table is its own."""

    @property
    def is_strict(self) -> bool:
        """True if the kernel logs a difference of this field, as its table says or its line shows."""
        return not self.is_listed or self.field.strict or self.is_alone

    @property
    def bits(self) -> str:
        """The field's bits, as the kernel and the architecture write them."""
        high, low = self.field.shift + self.field.width - 1, self.field.shift
        return str(low) if high == low else f"{high}:{low}"

    @property
    def value_words(self) -> str:
        """The field and its values, in words; "here" is the other CPU."""
        bits = f"bit {self.bits}" if self.field.width == 1 else f"bits {self.bits}"
        name = f"{self.field.name} ({bits})" if self.has_name else self.field.name
        return f"{name}: {self.boot} on the boot CPU, {self.cpu} here"

    @property
    def changes_reading(self) -> bool:
        """True if programs read another value of the field from the other CPU's arrival on."""
        is_read = self.is_late and self.is_listed and self.field.visible and not self.is_hidden
        return is_read and self.system != self.before

    @property
    def danger(self) -> str:
        """The failure to expect, where all CPUs are taken to be alike in the field; empty if none is known."""
        return self.effect.words if self.effect is not None and self.effect.kind is EffectKind.DANGER else ""

    @property
    def words(self) -> str:
        """The field, its values, and what the difference costs the system."""
        return f"{self.value_words}: {'; '.join(part for part in self._parts if part)}"

    @property
    def _parts(self) -> tuple[str, ...]:
        if not self.is_in_table:
            return ("what depends on it is not known",)
        if not self.is_listed:
            who = f"Linux {self.stand_in}" if self.stand_in else "the kernel"
            there = " there" if self.stand_in else ""
            return (f"{self._strictness}, in no field that {who} lists: a taint, and nothing is lost{there}",)
        effect = "" if self.effect is None or self.effect.kind is EffectKind.LOSS else self.effect.words
        return (self._strictness, self._of_system, self._of_boot_cpu, effect or self._without_effect)

    @property
    def _of_system(self) -> str:
        there = "there " if self.stand_in else ""
        if self.is_hidden:
            return "the command line hides it on all CPUs"
        if self.is_late:
            if self.changes_reading:
                return f"programs that read the register see {self.system} from then on"
            is_as_before = self.system == self.before != self.boot
            return f"the system had {self.before} already, by a CPU before" if is_as_before else ""
        if self.lost:
            return f"{there}the system has {self.system} and loses {', '.join(self.lost)}"
        return f"{there}the system has {self.system}, and loses nothing by this CPU" if self.is_used else ""

    @property
    def _of_boot_cpu(self) -> str:
        if not self.boot_decides:
            return ""
        names = ", ".join(self.boot_decides)
        return f"the boot CPU decides on {names}, and a CPU without is refused before the kernel can log this line"

    @property
    def _without_effect(self) -> str:
        if self.field.name == _COUNTER_FREQUENCY:
            return "a taint, and programs that read the register here measure time wrongly"
        taint = "a taint, and " * self.is_strict
        if self.is_late:
            return "" if self.changes_reading else f"{taint}capabilities and hwcaps stay as they are"
        is_told = self.is_used or self.lost or self.boot_decides
        return "" if is_told else f"{taint}no hwcap and no capability depends on it"

    @property
    def _strictness(self) -> str:
        """The words on whether the kernel logs a difference of the field, and how that is known."""
        table = f" in Linux {self.stand_in}" if self.stand_in else ""
        if self.is_listed and not self.field.strict:
            return (
                f"strict, as the line shows, and not strict{table or ' in the table'}"
                if self.is_alone
                else (f"not strict{table}")
            )
        return f"strict{table}"
