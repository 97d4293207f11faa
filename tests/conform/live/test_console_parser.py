"""Tests of the parser of the guest's console."""

from sim.conform.live.console_parser import parse_console
from sim.conform.run_records import RecordedAction

CONSOLE = """\
[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x000f0510]
@@ release 6.12.9-test\r
@@ log [    0.092657] CPU features: detected: Scalable Vector Extension\r
@@ log [    0.104840] SVE: maximum available vector length 32 bytes per vector\r
@@ log [    0.506315] kvm [1]: IPA Size Limit: 48 bits\r
@@ log [    0.510081] kvm [1]: VHE mode initialized successfully\r
@@ lengths sve 16 16 32\r
@@ code   40210000-4185ffff : Kernel code\r
@@ data   41eb0000-4220ffff : Kernel data\r
@@ symbol ffff800080000000 T _text\r
@@ try on:1 1.50\r
@@ done on:1 6.61 sh: write error: Input/output error\r
@@ log [    2.1] GICv3: CPU1: found redistributor 1 region 0:0x00000000080c0000\r
@@ log [    2.2] SVE: cpu1: Required vector length(s) missing\r
@@ try off:2 6.70\r
@@ done off:2 6.81\r
"""


def test_a_whole_console_is_parsed() -> None:
    report = parse_console(CONSOLE + "@@ online 0-1\r\n@@ end\r\n")
    assert report.release == "6.12.9-test"
    assert report.boot_log == [
        "SVE: maximum available vector length 32 bytes per vector",
        "kvm [1]: VHE mode initialized successfully",
    ]
    assert report.task_bytes == {"sve": [16, 32]}
    assert (report.code_address, report.image_end) == (0x40210000, 0x42210000)
    assert report.symbols == {"_text": 0xFFFF800080000000}
    assert report.actions == [
        RecordedAction("on:1", "failed", "EIO", ["SVE: cpu1: Required vector length(s) missing"], 5.11),
        RecordedAction("off:2", "offline", None, [], 0.11),
    ]
    assert (report.online, report.ended) == ("0-1", True)


def test_of_a_suspend_the_lines_on_cpus_are_kept() -> None:
    lines = [
        "Disabling non-boot CPUs ...",
        "psci: CPU1 killed (polled 0 ms)",
        "Enabling non-boot CPUs ...",
        "CPU1: Booted secondary processor 0x0000000001 [0x000f0510]",
        "CPU1 is up",
        "Error taking CPU2 up: -5",
    ]
    others = ["PM: hibernation: hibernation entry", "Detected PIPT I-cache on CPU1", "Freezing user space processes"]
    log = "".join(f"@@ log [    7.1] {line}\r\n" for line in [others[0], *lines, *others[1:]])
    report = parse_console(f"{CONSOLE}@@ try suspend 6.90\r\n@@ done suspend 12.01\r\n{log}")
    assert report.actions[-1] == RecordedAction("suspend", "resumed", None, lines, 5.11)


def test_lengths_of_0_bytes_mean_no_length() -> None:
    report = parse_console("@@ lengths sve 16 32\n@@ lengths sme 0 0 0\n")
    assert report.task_bytes == {"sve": [16, 32], "sme": []}


def test_an_action_without_an_end_hangs_with_the_panic_on_the_console() -> None:
    panic = "[    7.1] Kernel panic - not syncing: HYP panic:\n[    7.1] ---[ end Kernel panic - not syncing ]---\n"
    report = parse_console(CONSOLE + "@@ try on:2 6.90\r\n" + panic)
    assert report.actions[-1] == RecordedAction("on:2", "hung", None, ["Kernel panic - not syncing: HYP panic:"])
    assert not report.ended


def test_lines_that_a_panic_broke_into_are_dropped() -> None:
    console = "@@ lengths sve 16 [    7.1] Kernel panic\n@@ symbol\n@@ code \n@@ try on:1\n@@ done on"
    report = parse_console(console)
    assert (report.task_bytes, report.symbols, report.code_address, report.actions) == ({}, {}, None, [])
