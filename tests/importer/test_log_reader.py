"""Kernel logs read: encodings, what each line says, what follows from missing lines, and what is refused."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim import InputError, read_running_machine
from sim.importer.hotplug_history import Hotplug, HotplugResult
from sim.importer.kernel_log import parse_command_line
from sim.importer.log_lines import KvmReadyLine, Phase
from sim.importer.log_reader import parse_kernel_log, read_kernel_log
from sim.vectors import VectorType
from tests.importer.machines import BOOTED, HEAD, KILLED, MACHINES, SETS, imported_log


def refusal(text: str | bytes, folder: Path) -> str:
    path = folder / "boot.log"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        read_running_machine(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings_are_read(encoding: str, tmp_path: Path) -> None:
    dmesg = MACHINES / "mixed" / "dmesg"
    (tmp_path / "dmesg").write_text("\0\0" + dmesg.read_text(encoding="utf-8"), encoding=encoding)
    assert read_kernel_log(tmp_path / "dmesg") == read_kernel_log(dmesg)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a log of an arm64 kernel: it has no line 'Booting Linux on physical CPU 0x... [0x...]'"),
        ("[    0.0] x86/fpu: Supporting XSAVE feature 0x001\n", "is a log of x86, which cannot be imported"),
        (
            "[    0.0] Booting Linux on physical CPU 0x0\nCPU: ARMv7 Processor [412fc0f1]\n",
            "is a log of 32-bit Arm, which cannot",
        ),
        (
            "CPU1: failed to come online\nCPU2: thread -1, cpu 2, socket 15, mpidr 80000f02\n",
            "is a log of 32-bit Arm, which cannot",
        ),
        ("[    0.2] CPU: All CPU(s) started in HYP mode.\n", "is a log of 32-bit Arm, which cannot"),
        ("[    0.0] Booting Linux on hartid 0\n", "is a log of RISC-V, which cannot be imported"),
        (
            "Booting Linux on physical CPU 0x0\nBoot CPU: AArch64 Processor [51af8014]\n",
            "is a log of arm64 before Linux 4.17, which cannot be imported",
        ),
        (
            "Booting Linux on physical CPU 0x0\nCPU1: Booted secondary processor [410fd034]\nBrought up 2 CPUs\n",
            "is a log of arm64 before Linux 4.17, which cannot be imported",
        ),
        (
            HEAD.format(cpus=1) + "SVE: maximum available vector length 33 bytes per vector\n",
            "line 4: SVE maximum of 33 bytes: a vector has a multiple of 16 bytes, and at most 256",
        ),
        ("[    9.0] CPU3: Booted secondary processor 0x0000000003 [0x411fd403]\n", "begins after the kernel did, and"),
        ("[    9.0] CPU0: failed to come online\n", "begins after the kernel did, and"),
        (b"\x1f\x8b\x08", "is compressed: give it unpacked"),
        (
            '{"MESSAGE": "Booting Linux on physical CPU 0x0"}',
            "is JSON, and has no kernel's messages of a boot in it: give the log as text",
        ),
        (HEAD.format(cpus=99999), "line 3: 99999 CPUs: a topology has 1 to 65,536"),
        (HEAD.format(cpus=2) + BOOTED.format(2), "line 4: CPU2, and the log says before that the number of CPUs is 2"),
        (
            HEAD.format(cpus=3) + BOOTED.format(1) + BOOTED.format(2).replace("002 [", "001 ["),
            "cpu1 and cpu2 have the same",
        ),
        (
            HEAD.format(cpus=1).replace("0x0000000000", "0x80000000"),
            "line 1: CPU0: 0x80000000 has bits that an MPIDR's affinity does not have",
        ),
        (HEAD.format(cpus=2).partition("\n")[0] + "\nCPU70000: will not boot\n", "line 2: CPU70000: a topology has"),
    ],
)
def test_a_log_that_cannot_be_read_is_refused_in_one_line(text: str | bytes, message: str, tmp_path: Path) -> None:
    assert refusal(text, tmp_path).startswith(message)


@given(st.data())
def test_mutated_logs_are_read_or_refused(data: st.DataObject) -> None:
    lines = (MACHINES / data.draw(st.sampled_from(sorted(SETS))) / "dmesg").read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if re.search(rb"CPU|SVE|kvm|smp|Linux", line)]
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(kept) - 1))
        line = bytearray(kept[place])
        match data.draw(st.sampled_from(["change", "drop", "repeat", "cut"])):
            case "change":
                line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
                kept[place] = bytes(line)
            case "drop":
                kept[place] = b""
            case "repeat":
                kept.insert(data.draw(st.integers(0, len(kept))), kept[place])
            case "cut":
                kept[place] = bytes(line[: data.draw(st.integers(0, len(line)))])
        kept = [line for line in kept if line] or [b"\n"]
    try:
        log = parse_kernel_log(b"".join(kept).decode(errors="replace"))
    except InputError:
        return
    assert log.possible >= 1


def test_a_lost_line_is_seen_by_the_kernels_own_count(tmp_path: Path) -> None:
    text = HEAD.format(cpus=3) + BOOTED.format(2) + "smp: Brought up 1 node, 3 CPUs\n"
    imported = imported_log(text, tmp_path, cluster0=None)
    assert imported.contradictions == ("the log says that the number of CPUs brought up is 3, and shows 2",)
    assert imported.scenario.early == (0, 1, 2)


def test_a_cpu_that_took_the_place_of_another_is_a_contradiction(tmp_path: Path) -> None:
    again = BOOTED.format(1).replace("0x0000000001", "0x0000000002")
    text = HEAD.format(cpus=2) + BOOTED.format(1) + "smp: Brought up 1 node, 2 CPUs\n" + KILLED.format(1) + again
    imported = imported_log(text, tmp_path, cluster0=None)
    assert imported.contradictions == (
        "cpu1 came as MPIDR 0x1, MIDR 0x411fd403, and later as MPIDR 0x2, MIDR 0x411fd403",
    )


# How far a boot came


BROUGHT_UP = {
    "smp: Brought up 1 node, 1 CPU": Phase.BROUGHT_UP,
    "SMP: Total of 1 processors activated.": Phase.BROUGHT_UP,
    "CPU: All CPU(s) started at EL2": Phase.BROUGHT_UP,
    "CPU features: detected: Scalable Vector Extension": Phase.BROUGHT_UP,
    "SVE: maximum available vector length 32 bytes per vector": Phase.BROUGHT_UP,
    "SVE: unvirtualisable vector lengths present": Phase.BROUGHT_UP,
    "KVM: SVE vector length for guests limited to 16 bytes": Phase.BROUGHT_UP,
    "devtmpfs: initialized": Phase.FINAL,
    "Run /init as init process": Phase.FINAL,
    "kvm [1]: VHE mode initialized successfully": Phase.FINAL,
    "kvm [1]: HYP mode not available": Phase.FINAL,
    "kvm [1]: KVM disabled from command line": Phase.FINAL,
    "kvm [1]: error initializing Hyp mode: -12": Phase.FINAL,
}
"""Lines that the kernel logs after its early bring-up, each with the phase that it proves."""


@pytest.mark.parametrize("line", BROUGHT_UP)
def test_any_line_from_after_the_early_bring_up_makes_the_next_cpu_late(line: str) -> None:
    log = parse_kernel_log(f"{HEAD.format(cpus=2)}{line}\n")
    assert log.phase is BROUGHT_UP[line]
    log = parse_kernel_log(f"{HEAD.format(cpus=2)}{line}\n{BOOTED.format(1)}")
    assert (log.early, log.late, log.phase) == ((), (Hotplug(1, HotplugResult.ONLINE),), Phase.FINAL)


def test_without_such_a_line_a_cpu_is_early() -> None:
    log = parse_kernel_log(HEAD.format(cpus=2) + BOOTED.format(1))
    assert (log.early, log.late, log.phase) == ((Hotplug(1, HotplugResult.ONLINE),), (), Phase.EARLY)


@pytest.mark.parametrize(("line", "phase"), BROUGHT_UP.items())
def test_a_log_lacks_sve_only_once_the_kernel_would_have_named_it(line: str, phase: Phase) -> None:
    log = parse_kernel_log(f"{HEAD.format(cpus=1)}{line}\n")
    assert log.lacks_sve == (phase is Phase.FINAL)
    log = parse_kernel_log(f"{HEAD.format(cpus=1)}Kernel command line: arm64.nosve\n{line}\n")
    assert not log.lacks_sve


def test_the_line_on_kvm_is_kept_though_none_came_before(tmp_path: Path) -> None:
    text = HEAD.format(cpus=2) + "kvm [1]: Protected hVHE mode initialized successfully\n" + BOOTED.format(1)
    log = parse_kernel_log(text)
    assert log.kvm == KvmReadyLine("Protected hVHE ")
    scenario = imported_log(text, tmp_path).scenario
    assert (scenario.early, [action.cpu for action in scenario.actions], scenario.arm64_nosve) == ((0,), ["cpu1"], True)


# What each CPU has


SANITY = (
    "CPU features: SANITY CHECK: Unexpected variation in SYS_{register}_EL1. "
    "Boot CPU: {boot:#018x}, CPU1: {other:#018x}\n"
)


@pytest.mark.parametrize(("register", "extension", "shift"), [("ID_AA64PFR0", "SVE", 32), ("ID_AA64PFR1", "SME", 24)])
def test_a_variation_of_an_id_register_says_which_of_two_cpus_has_an_extension(
    register: str, extension: str, shift: int
) -> None:
    head = HEAD.format(cpus=2)
    has, lacks = 0x11 | 1 << shift, 0x11 | 0xF << shift - 4 | 1 << shift + 4
    for boot, other in ((has, lacks), (lacks, has)):
        log = parse_kernel_log(head + SANITY.format(register=register, boot=boot, other=other) + BOOTED.format(1))
        found = [log.cpus[cpu].has(VectorType(extension)) for cpu in (0, 1)]
        assert found == [boot == has, other == has]


def test_a_cpu_without_a_line_on_an_extension_is_like_the_boot_cpu() -> None:
    text = HEAD.format(cpus=3) + BOOTED.format(1) + "CPU features: detected: Scalable Vector Extension\n"
    log = parse_kernel_log(text)
    assert [log.cpus[cpu].has(VectorType.SVE) for cpu in (0, 1)] == [True, True]
    assert [log.cpus[cpu].has(VectorType.SME) for cpu in (0, 1)] == [None, None]
    assert 2 not in log.cpus


def test_a_maximum_says_that_cpus_have_the_extension() -> None:
    text = HEAD.format(cpus=2) + BOOTED.format(1) + "SME: maximum available vector length 32 bytes per vector\n"
    log = parse_kernel_log(text)
    assert [log.cpus[cpu].has(VectorType.SME) for cpu in (0, 1)] == [True, True]


def test_a_command_line_in_parts_is_read_as_a_whole() -> None:
    parts = "Kernel command line: quiet maxcpus=1\nKernel command line: arm64.nosve\n"
    command_line = parse_kernel_log(HEAD.format(cpus=2) + parts).command_line
    assert (command_line.value("maxcpus"), command_line.nosve, command_line.nosme) == ("1", True, False)


@pytest.mark.parametrize("word", ["arm64.nosme", "id_aa64pfr1.sme=0", "id-aa64pfr1.sme=0"])
def test_sme_may_be_hidden(word: str) -> None:
    for words, is_hidden in ((word, True), (f"-- {word}", False), (f"{word}1", False)):
        assert parse_kernel_log(f"{HEAD.format(cpus=1)}Kernel command line: {words}\n").command_line.nosme == is_hidden


@pytest.mark.parametrize(
    ("words", "parameters", "is_hidden"),
    [
        # As the kernel of Debian 13, 6.12.117, logs them with and without SVE.
        ('foo="a arm64.nosve b"', (("foo", "a arm64.nosve b"),), True),
        ('foo="a maxcpus=1 b" "arm64.nosve"', (("foo", "a maxcpus=1 b"), ("arm64.nosve", "")), False),
        ('"maxcpus=1" foo=y', (("maxcpus", "1"), ("foo", "y")), False),
        ('foo=" -- " a="b', (("foo", " -- "), ("a", "b")), False),
        ('foo=a"b c"d "q', (("foo", 'a"b c"d'), ("q", "")), False),
    ],
)
def test_quotes_keep_a_value_together_except_for_overrides(
    words: str, parameters: tuple[tuple[str, str], ...], is_hidden: bool
) -> None:
    command_line = parse_command_line(words)
    assert (command_line.parameters, command_line.nosve) == (parameters, is_hidden)


def test_without_a_count_the_cpus_that_lines_name_are_possible() -> None:
    head, _, _ = HEAD.rpartition("[")
    assert parse_kernel_log(head + BOOTED.format(3)).possible == 4


def test_the_first_count_of_possible_cpus_counts() -> None:
    assert parse_kernel_log(HEAD.format(cpus=3) + "rcu: nr_cpu_ids=2\n").possible == 3


def test_cpus_that_the_kernel_counts_and_no_line_names_came_only_if_the_count_says_which() -> None:
    text = HEAD.format(cpus=4) + BOOTED.format(2) + "smp: Brought up 1 node, 3 CPUs\n"
    log = parse_kernel_log(text)
    assert [step.cpu for step in log.early] == [2]  # CPU 1 or CPU 3 came too: the log does not say which
    assert log.oddities == ("the log says that the number of CPUs brought up is 3, and shows 2",)


def test_a_crash_does_not_change_what_the_kernel_says_of_its_release() -> None:
    debian = "Linux version 6.1.0-27-arm64 (b@h) #1 SMP Debian 6.1.115-1 (2024-11-01)\n"
    crash = "CPU: 1 PID: 5 Comm: sh Not tainted 6.1.0-27-arm64 #1\n"
    first = HEAD.format(cpus=1).partition("\n")[0] + "\n"
    for lines, point_release in ((debian + crash, "6.1.115"), (crash, None)):
        log = parse_kernel_log(first + lines)
        assert (log.release, log.point_release) == ("6.1.0-27-arm64", point_release)
