"""Explanations of whole logs: public reports, machines that ran, cut, older and mutated logs, and what is not a log."""

import random
from pathlib import Path

import pytest

from sim import InputError, explain_log
from sim.explain import cpu_entries, crash_entries, feature_entries, kvm_entries
from sim.explain.explanation import explain_bytes
from sim.explain.explanation_rows import explanation_record, in_this_kernel
from sim.explain.log_entries import LogEntry
from tests.explain.logs import FINAL, HEAD, explained, names, of_entry
from tests.importer.machines import MACHINES, REPORTS

LOGS = sorted([*MACHINES.glob("*/dmesg"), *REPORTS.glob("*.log")])
FEW, MANY = 200, 2000

# Public reports

PROBLEMS: dict[str, dict[LogEntry, tuple[int, ...]]] = {
    "fails-then-comes": {cpu_entries.CPU_ON_DENIED: (1,)},
    "late-arrival-guest": {cpu_entries.CPU_LOST: (2,), cpu_entries.CPU_ON_AFTER_LOSS: (2,)},
    "missing-hwcap": {cpu_entries.LACKS_HWCAP: (4,)},
    "mixed-el": {cpu_entries.INCONSISTENT_MODES: (), kvm_entries.NO_HYP_MISMATCH: ()},
    "mixed-el-timer": {cpu_entries.INCONSISTENT_MODES: (), kvm_entries.NO_HYP_MISMATCH: ()},
    "firmware-crash": {cpu_entries.CPU_LOST: (4,), crash_entries.FIRMWARE_EXCEPTION: ()},
    "no-enable-method": {
        crash_entries.OTHER_PANIC: (),
        cpu_entries.NO_ENABLE_METHOD: (),
        cpu_entries.UNSUPPORTED_METHOD: (),
        cpu_entries.NO_RELEASE_ADDRESS: (3,),
    },
    "counter-frequency": {feature_entries.SANITY_COUNTER: (1,)},
    "silent-cpus": {},
    "pi5-reonline": {cpu_entries.CPU_LOST_ON_RETURN: (1,), cpu_entries.CPU_ON_AFTER_LOSS: (1,)},
    "pkvm-android-resume": {},
    "sanity-other-register": {},
    "sme-on-6.1.115": {},
    "wrapped-command-line": {},
    "bookworm": {},
    "clusters": {},
    "mixed": {cpu_entries.LACKS_LENGTHS: (3,), cpu_entries.LACKS_CAPABILITY: (5,)},
    "nosve": {},
    "pkvm": {cpu_entries.CPU_ON_BY_RELAY: (2,)},
}
"""The problems of each log, with their CPUs."""


def name_of(path: Path) -> str:
    return path.parent.name if path.name == "dmesg" else path.stem


@pytest.mark.parametrize("path", LOGS, ids=name_of)
def test_the_problems_of_a_real_log(path: Path) -> None:
    explanation = explain_log(path)
    assert {one.entry: one.cpus for one in explanation.problems} == PROBLEMS[name_of(path)]
    assert explanation.boots == 1


def test_a_register_that_differs_is_decoded() -> None:
    explanation = explain_log(REPORTS / "sanity-other-register.log")
    finding = of_entry(explanation, feature_entries.SANITY_TAINT)
    assert (finding.cpus, len(finding.lines)) == ((2, 3, 4, 5), 5)
    assert finding.register is not None
    (field,) = finding.register.fields
    assert (field.field.name, field.boot, field.cpu, field.lost) == ("SpecSEI", 0, 1, ())
    assert (explanation.cores[0], explanation.cores[2]) == ("arm,cortex-a720", "arm,cortex-a520")


@pytest.mark.parametrize("path", LOGS, ids=name_of)
def test_a_problem_has_a_scenario_that_reproduces_it(path: Path) -> None:
    explanation = explain_log(path)
    assert (explanation.reproduction is not None) == bool(explanation.problems)
    if explanation.reproduction is not None:
        first, second = explanation.reproduction.commands
        assert first.startswith(f"asymboot import --dmesg {path} -o ")
        assert second.startswith("asymboot run ")
        assert "[topology]" in explanation.reproduction.scenario


def test_a_log_without_a_file_is_to_be_saved_first() -> None:
    reproduction = explain_bytes((REPORTS / "pi5-reonline.log").read_bytes()).reproduction
    assert reproduction is not None
    assert reproduction.commands == (
        "# save the log as boot.log",
        "asymboot import --dmesg boot.log -o boot.toml",
        "asymboot run boot.toml",
    )


# Cut, older and repeated logs


def test_a_log_that_begins_too_late_is_explained_as_far_as_it_goes() -> None:
    text = (REPORTS / "pi5-reonline.log").read_text().partition("devtmpfs: initialized\n")[2]
    explanation = explain_bytes(text.encode())
    assert not explanation.is_complete
    # The log still shows that CPU1 went down, and so that it was online before.
    assert {one.entry for one in explanation.problems} == {
        cpu_entries.CPU_LOST_ON_RETURN,
        cpu_entries.CPU_ON_AFTER_LOSS,
    }
    assert explanation.reproduction is not None
    assert "first lines are needed" in explanation.reproduction.missing


def test_the_last_of_several_boots_is_explained() -> None:
    text = (REPORTS / "pi5-reonline.log").read_text() + (REPORTS / "mixed-el.log").read_text()
    explanation = explain_bytes(text.encode())
    assert (explanation.boots, explanation.begins_late) == (2, False)
    last = {one.entry for one in explanation.problems if not one.earlier_boots}
    assert last == set(PROBLEMS["mixed-el"])


def test_problems_of_earlier_boots_are_told_with_their_number() -> None:
    text = (REPORTS / "pi5-reonline.log").read_text() + "\n".join([*HEAD, *FINAL])
    explanation = explain_bytes(text.encode())
    assert {one.entry: one.earlier_boots for one in explanation.problems} == dict.fromkeys(
        PROBLEMS["pi5-reonline"], (1,)
    )
    lost = of_entry(explanation, cpu_entries.CPU_LOST_ON_RETURN)
    assert lost.happened == "in boot 1 of 2, online before, and not back in time"
    # The scenario would be that of the last boot, with which nothing is wrong.
    assert explanation.reproduction is None


def test_a_problem_of_every_boot_is_told_once() -> None:
    lost = [*HEAD, "CPU1: failed to come online", *FINAL]
    text = "\n".join([*HEAD, *FINAL, *lost, *lost, *HEAD, *FINAL])
    (problem,) = explain_bytes(text.encode()).problems
    assert (problem.earlier_boots, problem.cpus) == ((2, 3), (1,))
    assert problem.happened.startswith("in boots 2-3 of 4, ")
    (problem,) = explain_bytes("\n".join([*lost, *lost]).encode()).problems
    assert problem.earlier_boots == ()


def test_what_stands_above_the_first_boot_is_the_end_of_an_earlier_boot() -> None:
    """Pin that a crash before the machine was started again is told, though a ring buffer lost how that boot began."""
    explanation = explained(
        "devtmpfs: initialized", "Kernel panic - not syncing: Fatal exception", *HEAD, *FINAL, head=[]
    )
    assert (explanation.boots, explanation.begins_late, explanation.is_complete) == (2, True, True)
    panic = of_entry(explanation, crash_entries.OTHER_PANIC)
    assert (panic.earlier_boots, panic.happened) == ((1,), "in boot 1 of 2, the kernel panicked: Fatal exception")
    assert [line.number for line in panic.lines] == [2]


def test_what_people_paste_above_a_log_is_not_a_boot() -> None:
    explanation = explained("Linux version 6.12.1 (gcc)", "Kernel command line: quiet", *HEAD, *FINAL, head=[])
    assert (explanation.boots, explanation.begins_late) == (1, False)


def test_a_second_console_that_repeats_a_boot_is_not_a_boot() -> None:
    begin = [f"[    0.000000] {line}" for line in HEAD] + ["[    0.100000] CPU1: failed to come online"]
    text = "\n".join([*begin, *begin, *(f"[    0.200000] {line}" for line in FINAL)])
    explanation = explain_bytes(text.encode())
    assert explanation.boots == 1
    (problem,) = explanation.problems
    assert problem.earlier_boots == ()


def test_a_log_with_its_last_line_first_is_read_from_its_end() -> None:
    for log in (REPORTS / "pi5-reonline.log", REPORTS / "mixed-el.log"):
        text = log.read_text()
        reverse = "\n".join(reversed(text.splitlines()))
        explanation, straight = explain_bytes(reverse.encode()), explain_bytes(text.encode())
        assert (explanation.is_newest_first, straight.is_newest_first) == (True, False)
        assert [(one.happened, one.cpus) for one in explanation.findings] == [
            (one.happened, one.cpus) for one in straight.findings
        ]
        last = text.count("\n") + 1
        for one, other in zip(explanation.findings, straight.findings, strict=True):
            assert [(last - line.number, line.text) for line in one.lines] == [
                (line.number, line.text) for line in other.lines
            ]


def test_a_kernel_before_4_17_is_explained() -> None:
    explanation = explained(
        "Booting Linux on physical CPU 0x0",
        "Linux version 4.14.34-v8+ (gcc) #1 SMP",
        "Boot CPU: AArch64 Processor [410fd034]",
        "CPU1: Booted secondary processor [410fd034]",
        "CPU2: failed to come online",
        "CPU2: failed in unknown state : 0x0",
        "smp: Brought up 1 node, 2 CPUs",
        head=[],
    )
    assert (explanation.release, explanation.is_older, explanation.kernel) == ("4.14.34-v8+", True, None)
    assert explanation.cores == {0: "arm,cortex-a53", 1: "arm,cortex-a53"}
    assert of_entry(explanation, cpu_entries.EARLY_ONLINE).cpus == (1,)
    assert of_entry(explanation, cpu_entries.CPU_LOST).cpus == (2,)


@pytest.mark.parametrize(
    ("release", "kernel", "tables"),
    [
        ("6.12.75+rpt-rpi-2712", "6.12.75+rpt-rpi-2712", "6.12"),
        ("7.0.5-generic", "7.0.5-generic", "6.18"),
        ("6.1.0-27-arm64 (b@h) (gcc) #1 SMP Debian 6.1.115-1 (2024-11-01)", "6.1.115+deb", "6.1"),
        ("5.4.37", None, "6.1"),
        ("6.10.0-rc1+", "6.10.0-rc1+", "6.1"),
    ],
)
def test_the_kernel_decides_on_tables_and_flags(release: str, kernel: str | None, tables: str) -> None:
    explanation = explained(head=[HEAD[0], f"Linux version {release}"])
    assert (None if explanation.kernel is None else str(explanation.kernel), explanation.tables) == (kernel, tables)


CRASH_HEADER = "CPU: 1 UID: 0 PID: 1 Comm: init Tainted: G        W   6.18.3-custom #1"
UNAME = "Linux board 6.16.1 #1 SMP PREEMPT Tue May 5 10:00:00 UTC 2026 aarch64 GNU/Linux"


@pytest.mark.parametrize(
    ("lines", "release"),
    [
        ([CRASH_HEADER, "  ESR = 0x000000008600000e"], "6.18.3-custom"),
        ([UNAME, HEAD[0], *FINAL], "6.16.1"),
        ([HEAD[0], *FINAL, UNAME], "6.16.1"),
        ([UNAME, *HEAD, *FINAL, CRASH_HEADER], "6.12.1"),
    ],
)
def test_a_log_without_its_release_has_that_of_a_crash_or_of_uname(lines: list[str], release: str) -> None:
    explanation = explained(*lines, head=[])
    assert (explanation.release, explanation.boots, str(explanation.kernel)) == (release, 1, release)


@pytest.mark.parametrize(("release", "can"), [("6.11.5", True), ("6.12.1", False), ("5.15.1", None)])
def test_a_kernel_bug_is_held_against_the_logs_kernel(release: str, can: bool | None) -> None:
    panic = "kvm [50]: nVHE hyp panic at: [<ffff800080252f28>] __kvm_nvhe___sve_save_state+0x8/0xf4!"
    explanation = explained(panic, head=[HEAD[0], f"Linux version {release}"])
    bug = of_entry(explanation, kvm_entries.HYP_PANIC_IN_SAVE).entry.causes[0]
    assert in_this_kernel(bug, explanation.flags) is can


# Mutated logs


def mutated(text: bytes, seed: int) -> bytes:
    """Return a log with lines dropped, repeated, moved and cut, and bytes and digits changed."""
    drawn = random.Random(seed)  # noqa: S311 (a repeatable draw, not a secret)
    lines = text.splitlines(keepends=True)
    for _ in range(drawn.randint(1, 8)):
        place = drawn.randrange(len(lines))
        line = bytearray(lines[place])
        match drawn.randrange(6):
            case 0:
                line[drawn.randrange(len(line))] = drawn.randrange(256)
                lines[place] = bytes(line)
            case 1:
                del lines[place : place + drawn.randint(1, 40)]
            case 2:
                lines.insert(drawn.randrange(len(lines)), lines[place])
            case 3:
                lines[place] = bytes(line[: drawn.randrange(len(line))])
            case 4:
                digits = [index for index, byte in enumerate(line) if byte in b"0123456789"]
                for index in drawn.sample(digits, min(3, len(digits))):
                    line[index] = drawn.choice(b"0123456789")
                lines[place] = bytes(line)
            case _:
                lines[place] = bytes(line) * drawn.randint(2, 9)
        lines = [line for line in lines if line] or [b"\n"]
    return b"".join(lines)


@pytest.mark.no_cover
@pytest.mark.parametrize("path", LOGS, ids=name_of)
@pytest.mark.parametrize(
    "seeds", [range(FEW), pytest.param(range(FEW, MANY), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_mutated_logs_are_explained_or_refused(path: Path, seeds: range) -> None:
    text = path.read_bytes()
    for seed in seeds[:: len(LOGS)]:
        try:
            explanation = explain_bytes(mutated(text, seed))
        except InputError:
            continue
        assert explanation_record([explanation]).logs[0].problems == len(explanation.problems)


def test_numbers_as_large_as_they_can_be_are_no_burden() -> None:
    lines = ["SLUB: HWalign=64, CPUs=9999999, Nodes=1", *FINAL, "CPU9999999: failed to come online"]
    explanation = explained(*lines)
    assert of_entry(explanation, cpu_entries.CPU_LOST).cpus == (9999999,)


# What is not a log


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is not a log of an arm64 kernel: no line of it tells of CPUs"),
        (b"Dear list,\n\nmy board does not boot.\n", "is not a log of an arm64 kernel: no line of it tells"),
        (bytes(range(256)) * 64, "is not a log of an arm64 kernel"),
        (b"\x7fELF\x02\x01\x01\0" + bytes(4096), "is not a log of an arm64 kernel"),
        (b"\x1f\x8b\x08\0", "is compressed"),
        (b"x" * 5_000_000, "is not a log of an arm64 kernel"),
        (b"[    0.0] Linux version 6.1.0 (gcc)\n[    0.1] x86/fpu: x87 FPU will use FXSAVE\n", "is a log of x86"),
        (b"[    0.1] smpboot: CPU0: Intel(R) Xeon(R)\n[    0.2] smp: Brought up 1 node, 8 CPUs\n", "is a log of x86"),
        (b"Booting Linux on physical CPU 0x0\nCPU: ARMv7 Processor [412fc0f1]\n", "is a log of 32-bit Arm"),
        (b"Booting Linux on hartid 0\n", "is a log of RISC-V"),
        (
            b"riscv_timer_init_dt: Registering clocksource cpuid [0] hartid [1]\nCPU1: failed to come online\n",
            "is a log of RISC-V",
        ),
        (b"Linux version 6.1.0 (b@h) (powerpc64le-linux-gnu-gcc)\nppc64_pft_size    = 0x1a\n", "is a log of Power"),
        (b"setup: Linux is running as a z/VM guest\nsmp: Brought up 1 node, 2 CPUs\n", "is a log of s390"),
        (b"smp: Brought up 1 node, 2 CPUs\n", "it has no line that only arm64 kernels log"),
    ],
)
def test_what_is_not_a_log_is_refused_in_one_line(raw: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        explain_bytes(raw)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_cut_log_whose_lines_any_kernel_logs_is_arm64_if_it_says_so() -> None:
    text = b"Linux version 6.12.1 (aarch64-linux-gnu-gcc)\nrcu: INFO: rcu_sched detected stalls on CPUs/tasks:\n"
    assert names(explain_bytes(text)) == [crash_entries.STALL.name]


@pytest.mark.parametrize(
    ("proof", "crash", "entry"),
    [
        (
            "  EC = 0x21: IABT (current EL), IL = 32 bits",
            "Internal error: Oops: 000000008600000e [#1] SMP",
            crash_entries.CRASH,
        ),
        ("pstate: 40000085 (nZcv daIf -PAN -UAO)", "Internal error: Oops: 0 [#1] SMP", crash_entries.CRASH),
        ("x29: ffffffc0304efcf0 x28: 0000000000000002", "Internal error: Oops: 0 [#1] SMP", crash_entries.CRASH),
        ("[<ffffffc001083dac>] el1_irq+0x6c/0xd8", "CPU1: stopping", crash_entries.STOPPED),
        (" dump_backtrace+0x108/0x21c", "Kernel panic - not syncing: Fatal exception", crash_entries.OTHER_PANIC),
    ],
)
def test_a_crash_without_the_rest_of_its_log_is_arm64_if_only_arm64_prints_it_so(
    proof: str, crash: str, entry: LogEntry
) -> None:
    assert names(explained(crash, proof, head=[])) == [entry.name]
    with pytest.raises(InputError, match="it has no line that only arm64 kernels log"):
        explained(crash, head=[])


@pytest.mark.parametrize(
    "line",
    ["Root IRQ handler: aic_handle_irq", "Enabled setend support", "ASID allocator initialised with 256 entries"],
)
def test_an_excerpt_of_a_boot_is_arm64_if_only_arm64_logs_a_line_of_it(line: str) -> None:
    assert not explained("Kernel command line: quiet", line, head=[]).problems


def test_the_trace_of_another_kernel_is_not_arm64() -> None:
    for line in ("[<ffffffff80006a4a>] dump_backtrace+0x1c/0x24", " dump_backtrace from show_stack+0x10/0x14"):
        with pytest.raises(InputError, match="it has no line that only arm64 kernels log"):
            explained("Kernel panic - not syncing: Fatal exception", line, head=[])
