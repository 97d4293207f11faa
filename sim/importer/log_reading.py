"""Kernel logs read, line by line."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.errors import InputError, printable
from sim.files.bounded_read import read_at_most
from sim.importer.command_line import command_line
from sim.importer.kernel_log import Ending, Hotplug, KernelLog
from sim.importer.log_lines import Heard, heard, other_kernel
from sim.importer.seen import SeenCpu
from sim.topology import MOST_CPUS, MPIDR_AFFINITY
from sim.vectors import VQ_MAX, vl_bytes_from_vq

_LARGEST_LOG_BYTES = 64 * 1024 * 1024
_FIELDS = {"0": ("has_sve", 32), "1": ("has_sme", 24)}
"""ID_AA64PFR0_EL1.SVE and ID_AA64PFR1_EL1.SME: what it tells, and where its four bits begin."""
_CAPABILITIES = {"Scalable Vector Extension": "has_sve", "Scalable Matrix Extension": "has_sme"}
_LONGEST_TEXT = 120
_GZIP = b"\x1f\x8b"


def read_kernel_log(path: Path) -> KernelLog:
    """Read a log's last boot.

    Raises:
        InputError: it cannot be read, is no log of an arm64 kernel, or begins after the kernel did.
    """
    raw = read_at_most(path, _LARGEST_LOG_BYTES, "kernel log")
    if raw.startswith(_GZIP):
        raise InputError("is compressed: give it unpacked")
    encoding = "utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return kernel_log(raw.decode(encoding, errors="replace").replace("\0", ""))


def kernel_log(text: str) -> KernelLog:
    """The same from a log's text.

    Raises:
        InputError: see `read_kernel_log`.
    """
    lines = list(heard(text))
    begins = [place for place, one in enumerate(lines) if one.kind == "boot"]
    if not begins:
        raise InputError(_why_not(text, lines))
    reader = _Reader(online={0})
    for one in lines[begins[-1] :]:
        reader.read(one)
    reader.finish()
    reader.log.boots = len(begins)
    return reader.log


def hotplugs_of(lines: Iterable[str]) -> list[Hotplug]:
    """What became of CPUs in some lines of a log."""
    reader = _Reader(online=None)
    for one in heard("\n".join(lines)):
        reader.read(one)
    return reader.log.early


def _why_not(text: str, lines: list[Heard]) -> str:
    if other := other_kernel(text):
        return f"is a log of {other}, which cannot be imported"
    if text.lstrip().startswith(("{", "[{")):
        return "is JSON: give the log as text"
    if any(one.kind in {"booted", "kvm", "length", "killed"} for one in lines):
        return "begins after the kernel did, and its first lines are needed: journalctl -k -b may have them"
    return "is no log of an arm64 kernel: it has no line 'Booting Linux on physical CPU 0x... [0x...]'"


class _Reader:
    """Takes one line after the other."""

    def __init__(self, online: set[int] | None) -> None:
        """`online` are the CPUs that are before the first line; None: nobody knows."""
        self.log = KernelLog()
        self._words: list[str] = []
        """Of the command line; a long one comes as several lines."""
        self._why: dict[int, str] = {}
        """Why a CPU is about to be refused, for its lengths."""
        self._otherwise: dict[int, str] = {}
        """Why it is, for what is not modelled."""
        self._dying: set[int] = set()
        """CPUs that the kernel kills because it refused them."""
        self._online = online
        self._count: int | None = None
        """How many CPUs were brought up early, in the kernel's account."""

    def read(self, one: Heard) -> None:
        try:
            getattr(self, f"_{one.kind}")(one.said)
        except InputError as error:
            raise InputError(f"line {one.line}: {error}") from None

    # What each kind of line says

    def _boot(self, said: Mapping[str, str]) -> None:
        self._see(0, said)

    def _release(self, said: Mapping[str, str]) -> None:
        self.log.release = said["release"]

    def _command_line(self, said: Mapping[str, str]) -> None:
        self._words.append(said["words"])
        self.log.command_line = command_line(" ".join(self._words))

    def _possible(self, said: Mapping[str, str]) -> None:
        count = int(said["count"])
        if not 1 <= count <= MOST_CPUS:
            raise InputError(f"{count} CPUs: a topology has 1 to {MOST_CPUS:,}")
        self.log.possible = self.log.possible or count

    def _booted(self, said: Mapping[str, str]) -> None:
        number = self._number(said)
        self._see(number, said)
        self._dying.discard(number)
        if self._online is not None and number in self._online:
            self._step(number, Ending.OFFLINE)  # nothing said so: PSCI before 0.2 does not, or a line is lost
        self._step(number, Ending.ONLINE)

    def _brought_up(self, said: Mapping[str, str]) -> None:
        self.log.brought_up = True
        self._count = int(said["count"])

    def _went_on(self, _: Mapping[str, str]) -> None:
        self.log.brought_up = self.log.final = True

    def _detected(self, said: Mapping[str, str]) -> None:
        self.log.brought_up = True
        self._change(0, **{_CAPABILITIES[said["what"]]: True})

    def _started_at(self, said: Mapping[str, str]) -> None:
        self.log.brought_up = True
        self.log.el2 = said["level"] == "2"

    def _length(self, said: Mapping[str, str]) -> None:
        vl_bytes, most = int(said["bytes"]), vl_bytes_from_vq(VQ_MAX)
        if vl_bytes % vl_bytes_from_vq(1) or vl_bytes > most:
            raise InputError(f"{said['type']} {said['which']} of {vl_bytes} bytes, which no vector has: 16 to {most}")
        self.log.announced[f"{said['type']} {said['which']}"] = f"{vl_bytes} bytes"
        self.log.brought_up = True

    def _unvirtualisable(self, _: Mapping[str, str]) -> None:
        self.log.announced["unvirtualisable SVE lengths"] = "are present"

    def _guests(self, said: Mapping[str, str]) -> None:
        self.log.announced["guests' SVE maximum"] = f"{said['bytes']} bytes"

    def _kvm(self, said: Mapping[str, str]) -> None:
        mode = "not in protected mode" if "Protected" not in said["what"] else "in protected mode"
        initialised = said["what"].endswith("successfully")  # which other mode it is depends on the CPUs' VHE
        self.log.announced["KVM"] = f"is initialised, {mode}" if initialised else repr(said["what"])
        self.log.brought_up = self.log.final = True

    def _variation(self, said: Mapping[str, str]) -> None:
        name, shift = _FIELDS[said["register"]]
        for number, value in ((0, said["boot"]), (self._number(said), said["other"])):
            self._change(number, **{name: bool(int(value, 16) >> shift & 0xF)})

    def _conflict(self, said: Mapping[str, str]) -> None:
        number = self._number(said)
        if said["what"] in _CAPABILITIES:
            self._why[number] = f"lacks {said['what']}"
            self._change(number, **{_CAPABILITIES[said["what"]]: False})
        else:
            self._otherwise[number] = f"conflict of {printable(said['what'])}"

    def _lengths(self, said: Mapping[str, str]) -> None:
        self._why[self._number(said)] = f"{said['type']}: {said['what']}"

    def _mismatch(self, said: Mapping[str, str]) -> None:
        self._why.setdefault(self._number(said), f"{said['type']}: vector length support mismatch")

    def _unfit(self, said: Mapping[str, str]) -> None:
        self._otherwise.setdefault(self._number(said), printable(said["what"]))

    def _failed_online(self, said: Mapping[str, str]) -> None:
        number = self._number(said)
        if number in self._why or number in self._otherwise:
            self._refuse(number)
            self._dying.add(number)
        else:
            self._step(number, Ending.LOST)

    def _not_started(self, said: Mapping[str, str]) -> None:
        self._step(self._number(said), Ending.NOT_STARTED, said["error"])

    def _killed(self, said: Mapping[str, str]) -> None:
        number = self._number(said)
        if number in self._dying:
            self._dying.discard(number)
        elif self._online is not None and number not in self._online:
            self.log.oddities.append(f"the log says that cpu{number} goes offline, and it is not online")
        else:
            self._step(number, Ending.OFFLINE)

    def _panic(self, said: Mapping[str, str]) -> None:
        self.log.panic = printable(said["what"][:_LONGEST_TEXT])

    # What is kept

    def _number(self, said: Mapping[str, str]) -> int:
        number = int(said["cpu"])
        if number >= MOST_CPUS:
            raise InputError(f"CPU{number}: a topology has at most {MOST_CPUS:,} CPUs")
        if self.log.possible and number >= self.log.possible:
            raise InputError(f"CPU{number}, and the log says before that there are {self.log.possible} CPUs")
        return number

    def _step(self, number: int, ending: Ending, why: str = "") -> None:
        self._change(number)
        if self._online is not None:
            self._online = self._online - {number} | ({number} if ending is Ending.ONLINE else set())
        (self.log.late if self.log.brought_up else self.log.early).append(Hotplug(number, ending, why))

    def _refuse(self, number: int) -> None:
        why, otherwise = self._why.pop(number, None), self._otherwise.pop(number, "")
        self._step(
            number, Ending.REFUSED_OTHERWISE if why is None else Ending.REFUSED, otherwise if why is None else why
        )

    def _see(self, number: int, said: Mapping[str, str]) -> None:
        mpidr, midr = int(said["mpidr"], 16), int(said["midr"], 16)
        if mpidr & ~MPIDR_AFFINITY:
            raise InputError(f"CPU{number}: {mpidr:#x} has bits that are none of an MPIDR's affinity")
        before = self.log.cpus.get(number)
        if before is None or before.mpidr is None:
            self._change(number, mpidr=mpidr, midr=midr)
        elif (before.mpidr, before.midr) != (mpidr, midr):
            was, now = f"MPIDR {before.mpidr:#x}, MIDR {before.midr or 0:#x}", f"MPIDR {mpidr:#x}, MIDR {midr:#x}"
            self.log.oddities.append(f"cpu{number} came as {was}, and later as {now}")

    def _change(self, number: int, **changes: Any) -> None:
        self.log.cpus[number] = replace(self.log.cpus.get(number, SeenCpu(number)), **changes)

    # What follows from what was not said

    def finish(self) -> None:
        """Conclude who came, and who has SVE and SME."""
        for number in sorted({*self._why, *self._otherwise}):  # the log ends before the kernel gave them up
            self._refuse(number)
        self.log.final = self.log.final or bool(self.log.late)
        self.log.possible = self.log.possible or max(self.log.cpus) + 1
        self._conclude_who_came()
        self._conclude_who_has_what()

    def _conclude_who_came(self) -> None:
        """Where the kernel counted more early CPUs than lines came, those that nothing is said of were among them."""
        came = {0, *(step.cpu for step in self.log.early if step.ending is Ending.ONLINE)}
        if self._count in {None, len(came)}:
            return
        self.log.oddities.append(f"the log says that {self._count} CPUs were brought up, and shows {len(came)}")
        silent = [number for number in range(self.log.possible) if number not in self.log.cpus]
        if len(silent) + len(came) == self._count:
            for number in silent:
                self._change(number)
                self.log.early.append(Hotplug(number, Ending.ONLINE))

    def _conclude_who_has_what(self) -> None:
        """Whoever came without a word on an extension is like the boot CPU."""
        log = self.log
        for name, said in (("has_sve", "SVE maximum"), ("has_sme", "SME maximum")):
            of_boot = getattr(log.cpus[0], name)
            if of_boot is None and said in log.announced:
                of_boot = True
            for number in sorted(log.came | {0}):
                if getattr(log.cpus[number], name) is None:
                    self._change(number, **{name: of_boot})
