"""The lines of a kernel log that are understood, whatever stands before them: stamps, levels, callers, names, quotes.

Source: arch/arm64/kernel/setup.c, smp.c, cpufeature.c, fpsimd.c, arch/arm64/kvm/arm.c, drivers/firmware/psci/psci.c,
mm/slub.c, kernel/rcu/tree_plugin.h.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

_LONGEST_LINE = 4096
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_MAYBE = re.compile(r"CPU|cpu|SVE|SME|KVM|kvm \[|Linux|[Kk]ernel|smp: |SLUB: |devtmpfs|as init process")
_STAMP = re.compile(r"\[ *[1-9]\d*\.\d{6}\]|\[ *0\.\d*[1-9]\d*\]")
"""In microseconds, and not 0: no two lines that are alike have the same."""
_BEGINS = r"(?<![^\s\]):;>])"
"""Before a message stands nothing, or the end of a stamp."""
_CPU = r"CPU(?P<cpu>\d{1,7}): "
_PLACE = r"0x(?P<mpidr>[0-9a-f]{1,16}) \[0x(?P<midr>[0-9a-f]{1,8})\]"
_LINES = {
    "boot": rf"Booting Linux on physical CPU {_PLACE}",
    "release": r"Linux version (?P<release>\d\S*)",
    "command_line": r"Kernel command line: (?P<words>.*)",
    "possible": r"(?:SLUB: .*\bCPUs=|.*\bnr_cpu_ids[=:])(?P<count>\d{1,7})\b",
    "booted": rf"{_CPU}Booted secondary processor {_PLACE}",
    "brought_up": r"(?:smp: Brought up \d+ nodes?, |SMP: Total of )(?P<count>\d{1,7}) (?:CPU|processors)",
    "started_at": r"CPU: All CPU\(s\) started at EL(?P<level>[12])",
    "length": r"(?P<type>SVE|SME): (?P<which>minimum|maximum|default) .{0,10}vector length (?P<bytes>\d{1,9})\b",
    "unvirtualisable": r"SVE: unvirtualisable vector lengths present",
    "guests": r"KVM: SVE vector length for guests limited to (?P<bytes>\d{1,9}) byte",
    "kvm": r"kvm \[\d+\]: (?P<what>.*mode initialized successfully|HYP mode not available"
    r"|KVM disabled from command line|error initializing Hyp mode: -?\d+)",
    "went_on": r"devtmpfs: initialized|Freeing unused kernel|Run \S+ as init process",
    "detected": r"CPU features: detected: (?P<what>Scalable (?:Vector|Matrix) Extension)",
    "variation": r"CPU features: SANITY CHECK: Unexpected variation in SYS_ID_AA64PFR(?P<register>[01])_EL1\. "
    r"Boot CPU: 0x(?P<boot>[0-9a-f]{1,16}), CPU(?P<cpu>\d{1,7}): 0x(?P<other>[0-9a-f]{1,16})",
    "conflict": rf"CPU features: {_CPU}Detected conflict for capability \d+ \((?P<what>.{{1,80}}?)\), System",
    "lengths": r"(?P<type>SVE|SME): cpu(?P<cpu>\d{1,7}): (?P<what>Required vector length\(s\) missing"
    r"|Unsupported vector length\(s\) present|would increase maximum VL)",
    "mismatch": rf"CPU features: {_CPU}(?P<type>SVE|SME): vector length support mismatch",
    "unfit": rf"{_CPU}(?P<what>will not boot|is stuck in kernel|does not support .{{1,80}})",
    "failed_online": rf"{_CPU}failed to come online",
    "not_started": rf"{_CPU}failed to boot: (?P<error>-?\d{{1,5}})",
    "killed": r"psci: CPU(?P<cpu>\d{1,7}) (?:killed|may not have shut down cleanly)",
    "panic": r"(?P<what>Kernel panic - not syncing: .*)",
}
_PATTERNS = {kind: re.compile(_BEGINS + f"(?:{pattern})") for kind, pattern in _LINES.items()}
_OTHERS = {
    "x86": re.compile(r"x86/fpu: |BIOS-e820: |smpboot: CPU0: "),
    "32-bit Arm": re.compile(r"CPU: ARMv[4-7] Processor \["),
    "RISC-V": re.compile(r"Booting Linux on hartid |riscv: "),
    "Power": re.compile(r"Linux version \S+ \([^)]*\) \(powerpc|ppc64_pft_size"),
    "arm64 before Linux 4.17": re.compile(r"Boot CPU: AArch64 Processor \["),
}


class Heard(NamedTuple):
    """A line that is understood: its number in the text, from 1 on, its kind, and what it says."""

    line: int
    kind: str
    said: dict[str, str]


def heard(text: str) -> Iterator[Heard]:
    """The lines of a log that are understood; one that two consoles show twice is heard once."""
    before: set[str] = set()
    last = ""
    for number, line in enumerate(text.splitlines(), 1):
        if not _MAYBE.search(line):
            continue
        plain = _COLOUR.sub("", line[:_LONGEST_LINE])
        if plain == last or plain in before:
            continue
        one = _understood(number, plain)
        if one is None:
            continue
        if one.kind == "boot":
            before.clear()
        elif _STAMP.search(plain):
            before.add(plain)
        last = plain
        yield one


def _understood(number: int, line: str) -> Heard | None:
    for kind, pattern in _PATTERNS.items():
        if match := pattern.search(line):
            return Heard(number, kind, match.groupdict())
    return None


def other_kernel(text: str) -> str | None:
    """Whose log a text is, if that of a kernel which cannot be understood."""
    return next((name for name, pattern in _OTHERS.items() if pattern.search(text)), None)
