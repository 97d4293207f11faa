"""Recorded boots of CPUs whose ID registers differ, as files hold them: their fields and types.

Registers, masks and hwcaps are hexadecimal digits without 0x. A value that is missing was not read, and a state that is
missing was not reached. tests/truth/README.md describes the recordings.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar

import msgspec
from msgspec import Meta
from msgspec.structs import force_setattr

USUAL_PAGE_BYTES = 4096
_PAGES = {"16k": 16384, "64k": 65536}
"""The endings of kernels' names by which they say that their pages are larger."""
_Digits = Annotated[str, Meta(pattern="^[0-9a-f]{1,16}$")]


class RecordedCore(msgspec.Struct, frozen=True):
    """A CPU: QEMU's core model, and its ID registers."""

    core: str
    el2: bool
    """The CPU has EL2."""
    regs: Mapping[str, _Digits] = {}
    """Of CPU 0, every register that is not 0, as an MRS at EL1 reads it.

    ``sve_vq`` and ``sme_vq`` are its sets of lengths, bit n for (n + 1) * 128 bits.
    """
    differs: Mapping[str, _Digits] = {}
    """Of the other CPUs, the registers that differ from those of CPU 0."""


class RecordedFeatureAction(msgspec.Struct, frozen=True):
    """An action of user space, its result and the state after it."""

    action: str
    """``on:N`` or ``off:N``; N is a logical CPU number."""
    outcome: str
    """online, offline, failed, panic or hung."""
    log: list[str]
    errno: int | None = None
    """Of the write to sysfs, 0 where it succeeded; None where it never returned."""
    online: str | None = None
    present: str | None = None
    taint: int | None = None


class FeatureSnapshot(msgspec.Struct, frozen=True, omit_defaults=True):
    """The system at one moment, and at the end the changes since the boot."""

    online: str | None = None
    offline: str | None = None
    present: str | None = None
    """Sets of CPUs as sysfs writes them, such as ``0-2,4``."""
    taint: int | None = None
    aarch32_el0: str | None = None
    """The CPUs that run 32-bit programs; None without the option that lets CPUs differ in that."""
    features: list[str] | None = None
    """The names in /proc/cpuinfo."""
    hwcap: list[str] | None = None
    """AT_HWCAP, AT_HWCAP2 and AT_HWCAP3."""
    compat_elf_hwcap: str | None = None
    compat_elf_hwcap2: str | None = None
    vulnerabilities: Mapping[str, str] | None = None
    mrs: Mapping[str, str] | None = None
    """The ID registers that a program reads, without those that are 0."""
    sanitised: Mapping[str, str] | None = None
    user: Mapping[str, str] | None = None
    """The values for programs that the kernel's memory holds."""
    strict_masks_changed: Mapping[str, str] | None = None
    """The strict masks that differ from the kernel's table."""
    cpucaps: list[str] | None = None
    """The capabilities of the system, by name."""
    boot_cpucaps: list[str] | None = None
    """Those of them that the boot CPU decided."""
    mrs_since_boot: Mapping[str, str] = {}
    sanitised_since_boot: Mapping[str, str] = {}
    user_since_boot: Mapping[str, str] = {}
    strict_masks_changed_since_boot: Mapping[str, str] = {}

    def __post_init__(self) -> None:
        # A recorder that cannot read the kernel's registers writes empty tables: every system has some.
        if self.sanitised == {}:
            force_setattr(self, "sanitised", None)
            force_setattr(self, "strict_masks_changed", None)

    def then(self, end: "FeatureSnapshot") -> "FeatureSnapshot":
        """Return the whole state at the end, of which a record holds the changes since this state alone."""
        merged = {name: new for name in self.__struct_fields__ if (new := getattr(end, name)) not in (None, {})}
        for name in ("mrs", "sanitised", "user", "strict_masks_changed"):
            before, changes = getattr(self, name), getattr(end, f"{name}_since_boot")
            if before is not None:
                merged[name] = {**before, **changes}
        # A mask that is as in the table again has left the map, and stands among the changes as 0.
        if (masks := merged.get("strict_masks_changed")) is not None:
            back = {name for name, mask in end.strict_masks_changed_since_boot.items() if mask == "0"}
            merged["strict_masks_changed"] = {name: mask for name, mask in masks.items() if name not in back}
        return msgspec.structs.replace(self, **merged)


class ObservedFeatures(msgspec.Struct, frozen=True):
    """The observations of one boot."""

    boot_log: list[str]
    """The boot's lines on CPUs and their features, in order."""
    actions: list[RecordedFeatureAction]
    boot: FeatureSnapshot | None = None
    """The state when user space began."""
    end: FeatureSnapshot | None = None
    """The changes of that state until the end."""
    completed: bool = True
    """False if the boot stopped before its end: a state without entries was not reached."""

    def __post_init__(self) -> None:
        for name in ("boot", "end"):
            if not self.completed and getattr(self, name) == FeatureSnapshot():
                force_setattr(self, name, None)


class RecordedFeatures(msgspec.Struct, frozen=True, kw_only=True):
    """A boot of a distribution's kernel on CPUs whose ID registers differ."""

    kind: ClassVar[str] = "feature boot"
    """The noun that summaries count these runs by."""
    id: str
    kernel: str
    """The kernel series, such as 6.12, or 7.3-16k with pages of 16 KiB."""
    release: str = ""
    page_bytes: int = USUAL_PAGE_BYTES
    note: str = ""
    """The case in a few words."""
    cpus: list[RecordedCore]
    early: int
    """The number of CPUs brought up early, as ``maxcpus=`` counts them."""
    el2_machine: bool
    """The machine has EL2, so that CPUs that have it start there."""
    command_line: str
    """Further kernel arguments."""
    actions: list[str]
    """The actions that user space was asked to perform."""
    observed: ObservedFeatures

    def __post_init__(self) -> None:
        series, _, pages = self.kernel.partition("-")
        if pages in _PAGES:
            force_setattr(self, "kernel", series)
            force_setattr(self, "page_bytes", _PAGES[pages])
