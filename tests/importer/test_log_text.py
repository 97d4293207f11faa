"""Kernel logs as text: stamps, colours, quotes, repeated lines, and a line of each kind."""

import re

import pytest

from sim.importer.log_lines import (
    KINDS,
    BootedLine,
    BootLine,
    Bound,
    BroughtUpLine,
    CommandLineLine,
    ConflictLine,
    DetectedLine,
    ExceptionLevelLine,
    GuestsLimitedLine,
    Hex,
    InitcallLine,
    KilledLine,
    KvmDisabledLine,
    KvmFailedLine,
    KvmReadyLine,
    KvmUnavailableLine,
    LengthsLine,
    LengthsVerdict,
    LogLine,
    MismatchLine,
    MissingHwcapLine,
    NotOnlineLine,
    NotStartedLine,
    PanicLine,
    PossibleLine,
    ReleaseLine,
    SanityLine,
    UnfitLine,
    UnvirtualisableLine,
    VectorLengthLine,
)
from sim.importer.log_reader import parse_kernel_log
from sim.importer.log_text import understood_lines
from sim.vectors import VectorType
from tests.importer.machines import dmesg_of

SVE, SME = VectorType
MIDR = Hex(0x411FD403)
LINES: list[tuple[str, LogLine]] = [
    ("Booting Linux on physical CPU 0x0000000a00 [0x411fd403]", BootLine(Hex(0xA00), MIDR)),
    ("Linux version 6.12.1-arm64 (gcc)", ReleaseLine("6.12.1-arm64")),
    ("Kernel command line: 0x10 maxcpus=2", CommandLineLine("0x10 maxcpus=2")),
    ("SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs=6, Nodes=1", PossibleLine(6)),
    ("rcu: \tRCU restricting CPUs from NR_CPUS=512 to nr_cpu_ids=6.", PossibleLine(6)),
    ("setup_percpu: NR_CPUS:256 nr_cpumask_bits:8 nr_cpu_ids:8 nr_node_ids:1", PossibleLine(8)),
    ("CPU12: Booted secondary processor 0x0000000102 [0x411fd403]", BootedLine(12, Hex(0x102), MIDR)),
    ("smp: Brought up 1 node, 3 CPUs", BroughtUpLine(3)),
    ("smp: Brought up 2 nodes, 1 CPU", BroughtUpLine(1)),
    ("SMP: Total of 3 processors activated.", BroughtUpLine(3)),
    ("CPU: All CPU(s) started at EL2", ExceptionLevelLine("EL2")),
    ("SVE: maximum available vector length 32 bytes per vector", VectorLengthLine(SVE, Bound.MAXIMUM, 32)),
    ("SVE: default vector length 64 bytes per vector", VectorLengthLine(SVE, Bound.DEFAULT, 64)),
    ("SME: minimum available vector length 16 bytes per vector", VectorLengthLine(SME, Bound.MINIMUM, 16)),
    ("SVE: unvirtualisable vector lengths present", UnvirtualisableLine()),
    ("KVM: SVE vector length for guests limited to 16 bytes", GuestsLimitedLine(16)),
    ("kvm [1]: Protected hVHE mode initialized successfully", KvmReadyLine("Protected hVHE ")),
    ("kvm [1]: HYP mode not available", KvmUnavailableLine()),
    ("kvm [1]: KVM disabled from command line", KvmDisabledLine()),
    ("kvm [1]: error initializing Hyp mode: -12", KvmFailedLine(-12)),
    ("devtmpfs: initialized", InitcallLine()),
    ("Freeing unused kernel memory: 4K", InitcallLine()),
    ("Run /init as init process", InitcallLine()),
    ("CPU features: detected: Scalable Matrix Extension", DetectedLine("Scalable Matrix Extension")),
    (
        "CPU features: SANITY CHECK: Unexpected variation in SYS_ID_AA64PFR0_EL1. Boot CPU: 0x1, CPU3: 0x100000002",
        SanityLine(3, "ID_AA64PFR0_EL1", Hex(1), Hex(0x1_0000_0002)),
    ),
    ("CPU features: CPU4: missing HWCAP: SVE2", MissingHwcapLine(4, "SVE2")),
    (
        "CPU features: CPU5: Detected conflict for capability 67 (Scalable Vector Extension), System: 1, CPU: 0",
        ConflictLine(5, "Scalable Vector Extension"),
    ),
    ("SVE: cpu3: Required vector length(s) missing", LengthsLine(3, SVE, LengthsVerdict.MISSING)),
    ("SME: cpu3: Unsupported vector length(s) present", LengthsLine(3, SME, LengthsVerdict.UNSUPPORTED)),
    ("SVE: cpu3: would increase maximum VL", LengthsLine(3, SVE, LengthsVerdict.ABOVE_MAXIMUM)),
    ("CPU features: CPU3: SVE: vector length support mismatch", MismatchLine(3, SVE)),
    ("CPU3: will not boot", UnfitLine(3, "will not boot")),
    ("CPU3: does not support 4K granule", UnfitLine(3, "does not support 4K granule")),
    ("CPU3: failed to come online", NotOnlineLine(3)),
    ("CPU3: failed to boot: -22", NotStartedLine(3, -22)),
    ("psci: CPU3 killed (polled 0 ms)", KilledLine(3)),
    ("psci: CPU3 may not have shut down cleanly (AFFINITY_INFO reports 0)", KilledLine(3)),
    ("Kernel panic - not syncing: VFS", PanicLine("Kernel panic - not syncing: VFS")),
]


@pytest.mark.parametrize(("text", "line"), LINES, ids=[text for text, _ in LINES])
def test_a_line_is_understood(text: str, line: LogLine) -> None:
    for before in ("", "[    1.000000] "):
        assert [found.line for found in understood_lines(f"another\n{before}{text}\n")] == [line]


def test_every_kind_of_line_has_an_example_above() -> None:
    assert {type(line) for _, line in LINES} == set(KINDS)


@pytest.mark.parametrize(
    "text",
    ["", "CPU3: will go on", "xCPU3: will not boot", "SVE: maximum VL 32 bytes", "psci: CPUx killed", "CPU03: is"],
)
def test_another_line_is_passed_over(text: str) -> None:
    assert [*understood_lines(text)] == []


def without_stamps(text: str) -> list[str]:
    return [re.sub(r"^\[.*?\] ", "", line) for line in text.splitlines()]


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "<6>",
        "[    0.000000] ",
        "[    0.000000][    T1] ",
        "<6>[    0.000000] ",
        "[Thu Nov 26 18:32:36 2026] ",
        "[Nov26 18:32] ",
        "kern  :info  : [    0.000000] ",
        "Nov 26 18:32:36 board kernel: ",
        "Nov  6 18:32:36 board kernel: [    0.000000] ",
        "2026-11-26T18:32:36+0000 board kernel: ",
        "[    0.000000] board kernel: ",
        "6,0,0,-;",
        "2026-11-26T18:32:36,000000+00:00 ",
        "\x1b[32m[    0.000000] \x1b[0m",
        "2026-11-26T18:32:36.123 [    0.000000] ",
        "[    0.000000] c0 0 ",
        "[    0.000000]  (0)[0:swapper]",
        "[    0.000000] I[0:      swapper/0:    0] ",
        "> > [    0.000000] ",
        "12:[    0.000000] ",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_stamps_of_every_kind_are_passed_over(stamp: str, end: str) -> None:
    text = dmesg_of("mixed")
    stamped = "".join(stamp + line + end for line in without_stamps(text))
    assert parse_kernel_log(stamped) == parse_kernel_log(text)


def test_lines_that_two_consoles_show_count_once() -> None:
    text = dmesg_of("mixed")
    doubled = "".join(2 * line for line in text.splitlines(keepends=True))
    assert parse_kernel_log(doubled) == parse_kernel_log(text)


def test_a_log_that_a_second_console_shows_again_from_the_beginning_counts_once() -> None:
    first, _, rest = dmesg_of("mixed").partition("\n")
    place = rest.index("\n", len(rest) // 2) + 1
    again = "".join(line for line in rest[:place].splitlines(keepends=True) if not line.startswith("[    0.000000]"))
    assert parse_kernel_log(f"{first}\n{rest[:place]}{again}{rest[place:]}") == parse_kernel_log(f"{first}\n{rest}")


def test_a_line_that_the_kernel_logs_again_counts_again() -> None:
    text = dmesg_of("mixed")
    off = "[   99.00000{}] psci: CPU1 killed (polled 0 ms)\n"
    on = "[   99.00000{}] CPU1: Booted secondary processor 0x0000000001 [0x000f0510]\n"
    more = off.format(1) + on.format(2) + off.format(3) + on.format(4)
    assert len(parse_kernel_log(text + more).late) == len(parse_kernel_log(text).late) + 4
