"""Entries on lines of kernel logs: what they mean, whether they are harmless, what causes them, what to look at next.

The entries are data, in the modules whose names end in `_entries`, but for this and those that choose; the page
docs/log-lines.md is made of them (`sim.explain.lines_page`). `sim.explain.log_findings` chooses the entry of a line.
"""

import re
from enum import StrEnum

import msgspec


class Severity(StrEnum):
    """The badness of a finding, the worst first."""

    PANIC = "panic"
    """The machine stopped."""
    FAILURE = "failure"
    """A CPU or KVM is not there."""
    LOSS = "loss"
    """All CPUs are there, and the system has less than it could have."""
    WARNING = "warning"
    """Something is wrong that may have consequences."""
    HARMLESS = "harmless"
    """Something that looks wrong, and is not."""
    NORMAL = "normal"
    """Something that every boot logs."""

    @property
    def rank(self) -> int:
        """The place among severities, 0 for the worst."""
        return list(Severity).index(self)

    @property
    def is_harmless(self) -> bool:
        """True if nothing is wrong."""
        return self in {Severity.HARMLESS, Severity.NORMAL}


class Origin(StrEnum):
    """The place where a cause lies."""

    FIRMWARE = "firmware"
    DEVICE_TREE = "device tree"
    CONFIGURATION = "configuration"
    KERNEL = "kernel"
    HARDWARE = "hardware"
    VMM = "a guest's host"
    USER_SPACE = "user space"


class Circumstance(StrEnum):
    """A thing without which a cause is impossible or advice is pointless, and that a log may show not to be there.

    `sim.explain.ruled_out` says by which lines a log shows that.
    """

    MAXCPUS = "the command line leaves CPUs to user space"
    NR_CPUS = "the command line limits the number of CPUs"
    SVE = "the system has SVE"
    VECTORS = "the CPUs have SVE or SME"
    LEVELS = "a CPU may have started at another exception level"
    VHE = "the kernel may run at EL2"
    MIXED_CORES = "the CPU may be another core, or another revision of it, than the boot CPU"
    LOST_CPU = "a CPU did not come online in time"
    UNDEFINED = "a CPU may have executed an instruction that it does not have"
    READ_ONLY_STORE = "the kernel may have stored to read-only memory"
    TRUSTED_OS = "a trusted OS may live on some CPU"
    MISMATCHED_32 = "32-bit programs may run on some CPUs only"
    PSCI = "CPUs are started by PSCI"
    SPIN_TABLE = "CPUs wait in a spin-table"
    PARKING = "CPUs wait in ACPI's parking protocol"
    PKVM = "KVM runs in protected mode"
    KERNEL_OF_32_BITS = "the kernel may be a 32-bit kernel"
    NONE_STARTED = "no CPU was started by another"
    FIRST_START = "the CPU was not online before"
    RETURN = "the CPU was online before"
    TAKEN_DOWN = "user space or a suspend took the CPU down"
    TESTED = "the kernel's test of PSCI took the CPU down"
    EARLY = "the kernel brought the CPU up at boot"
    LATE = "the CPU came after the early CPUs"
    SECONDARY = "the CPU is not the boot CPU"
    MISSING = "the CPU did not come at a later attempt"
    HIDING = "a parameter hides the feature"


class Cause(msgspec.Struct, frozen=True):
    """A usual cause of a finding."""

    origin: Origin
    text: str
    needs: tuple[Circumstance, ...] = ()
    """The things without which it is impossible."""
    flag: str = ""
    """The kernel flag (`sim.kernel_flags`) that tells whether a kernel can have this cause; empty: any kernel."""
    has_flag: bool = True
    """The value of the flag of the kernels that can."""


class Advice(msgspec.Struct, frozen=True):
    """A thing to do, or to look at, next."""

    text: str
    needs: tuple[Circumstance, ...] = ()
    """The things without which it is pointless."""


class LogEntry(msgspec.Struct, frozen=True):
    """An entry on one kind of finding.

    `happened` may name fields of the line in braces; the CPUs are named before it, and need not be named in it.
    """

    title: str
    severity: Severity
    examples: tuple[str, ...]
    """Lines that tell of it, as the kernel logs them."""
    happened: str
    meaning: str
    consequence: str
    """The loss, or the reason why there is none, as a clause behind the answer to whether it is harmless, yes or no."""
    causes: tuple[Cause, ...] = ()
    look_at: tuple[str | Advice, ...] = ()
    """The things to do, or to look at, next; those that always make sense as plain text."""
    more: str = ""
    """A page of the guide with more, and its section."""
    source: str = ""
    """The kernel files that the facts are from, without arch/arm64/ at the start, and if they were booted or read."""
    is_known: bool = True
    """False if nothing is known of the lines but their words, and so not whether they are harmless."""

    @property
    def name(self) -> str:
        """The name in JSON, and the section of the page, which is the title in small letters with hyphens."""
        return re.sub(r"[^\w -]", "", self.title.lower()).replace(" ", "-")

    @property
    def is_harmless(self) -> bool | None:
        """True if nothing is wrong; None if that is not known."""
        return self.severity.is_harmless if self.is_known else None

    @property
    def advice(self) -> tuple[Advice, ...]:
        """The things to do, or to look at, next, each with what it needs."""
        return tuple(Advice(one) if isinstance(one, str) else one for one in self.look_at)

    @property
    def page(self) -> str:
        """The page and section that has this entry."""
        return f"docs/log-lines.md#{self.name}"


def harmless_text(entry: LogEntry, consequence: str) -> str:
    """Return the answer to whether a finding is harmless."""
    answer = {True: "yes", False: "no", None: "not known"}[entry.is_harmless]
    return f"{answer}, {consequence}" if consequence else answer


def firmware(text: str, *needs: Circumstance) -> Cause:
    """Return a cause in firmware: at EL3, in a boot loader, or in its tables."""
    return Cause(Origin.FIRMWARE, text, needs)


def device_tree(text: str, *needs: Circumstance) -> Cause:
    """Return a cause in the device tree."""
    return Cause(Origin.DEVICE_TREE, text, needs)


def configuration(text: str, *needs: Circumstance) -> Cause:
    """Return a cause in the kernel's command line or its configuration."""
    return Cause(Origin.CONFIGURATION, text, needs)


def kernel(text: str, *needs: Circumstance, flag: str = "", has_flag: bool = True) -> Cause:
    """Return a cause in the kernel itself: a bug or a limit."""
    return Cause(Origin.KERNEL, text, needs, flag, has_flag)


def hardware(text: str, *needs: Circumstance) -> Cause:
    """Return a cause in the CPUs."""
    return Cause(Origin.HARDWARE, text, needs)


def vmm(text: str, *needs: Circumstance) -> Cause:
    """Return a cause in the host of a guest: the hypervisor, or the program that runs it."""
    return Cause(Origin.VMM, text, needs)


def user_space(text: str, *needs: Circumstance) -> Cause:
    """Return a cause in user space."""
    return Cause(Origin.USER_SPACE, text, needs)


def advice(text: str, *needs: Circumstance) -> Advice:
    """Return a thing to do, or to look at, that is pointless without some things."""
    return Advice(text, needs)
