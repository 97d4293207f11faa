"""``asymboot explain``: text, JSON, exit codes, the standard input, folders, and bad input in one line."""

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from sim.cli import main
from sim.schemas import schema_text
from tests.command_line import Asymboot
from tests.importer.machines import MACHINES, REPORTS

PI5 = REPORTS / "pi5-reonline.log"
SANITY = REPORTS / "sanity-other-register.log"


def piped(raw: bytes, *words: str) -> Result:
    return CliRunner().invoke(main, ["explain", "-", *words], input=raw, catch_exceptions=False)


def test_problems_come_with_everything_that_helps_and_the_scenario(asymboot: Asymboot) -> None:
    result = asymboot("explain", PI5)
    assert result.exit_code == 1
    parts = [
        "pi5-reonline.log: Linux 6.12.75+rpt-rpi-2712",
        "Problems, worst first\nCPU1: online before, and not back in time [failure]\n",
        "  line 10: CPU1: failed to come online\n",
        "  Meaning: The CPU was online before. When the kernel started it again",
        "  Harmless: no, the CPU is gone until the next boot",
        "  Usual causes:\n    firmware: its CPU_OFF, or its CPU_ON of a CPU that was off, does not work:\n",
        "  Next: a newer firmware or boot loader; ",
        "  More: docs/log-lines.md#cpu-lost-on-return,\n    docs/hazards.md#cpu-lost-to-firmware\n",
        "CPU1: not started again: ",
        "  Inferred: which of PSCI's answers became EINVAL is not in the log.\n",
        "\nNormal\n",
        "CPU1: went offline (line 9)\n",
        "\nThe scenario that reproduces it\n",
        " -o pi5-reonline.toml\n  asymboot run pi5-reonline.toml\n",
        "  [topology]\n",
    ]
    places = [result.stdout.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)


def test_a_scenario_that_does_not_reproduce_a_log_is_one_to_start_from(asymboot: Asymboot, tmp_path: Path) -> None:
    log = tmp_path / "panic.log"
    log.write_text(
        "Booting Linux on physical CPU 0x0000000000 [0x411fd403]\nLinux version 6.11.5 (gcc)\n"
        "smp: Brought up 1 node, 1 CPU\nCPU: All CPU(s) started at EL2\n"
        "Kernel panic - not syncing: HYP panic:\n"
    )
    result = asymboot("explain", log, columns="200")
    assert "\nA scenario to start from\n" in result.stdout
    assert "\nNot reproduced: the log ends in 'Kernel panic" in result.stdout
    assert "The scenario that reproduces it" not in result.stdout


def test_a_register_is_decoded_by_field_and_the_exit_code_is_0_where_nothing_is_wrong(asymboot: Asymboot) -> None:
    result = asymboot("explain", SANITY)
    assert result.exit_code == 0
    for part in (
        "Harmless\nCPU2 to CPU5: ID_AA64MMFR1_EL1 differs from the boot CPU's, and the system loses\n  nothing [",
        "  and 3 lines like these\n",
        "  Cores: CPU0 arm,cortex-a720, CPU2 to CPU5 arm,cortex-a520.\n",
        "  SpecSEI (bits 27:24): 0 on the boot CPU, 1 here: strict in Linux 6.18 and 7.3;\n    a taint, and no hwcap",
        "\nNothing is wrong with the CPUs, as far as this log tells.\n",
    ):
        assert part in result.stdout


def test_what_the_system_loses_is_named(asymboot: Asymboot, tmp_path: Path) -> None:
    check = "CPU features: SANITY CHECK: Unexpected variation in SYS_ID_AA64{}_EL1. Boot CPU: {}, CPU1: {}\n"
    log = tmp_path / "boot.log"
    log.write_text(
        "Booting Linux on physical CPU 0x0000000000 [0x411fd403]\nLinux version 6.12.1 (gcc)\n"
        + check.format("PFR0", "0x1301001121110222", "0x1301000021110222")
        + check.format("DFR0", "0x000000000006", "0x000000000016")
        + check.format("ISAR0", "0x000000000010", "0x000000000020")
    )
    result = asymboot("explain", log, columns="200")
    assert result.exit_code == 1
    for part in (
        "SVE (bits 35:32): 1 on the boot CPU, 0 here: strict; the system has 0 and loses hwcap sve, ",
        "SEL2 (bits 39:36): 1 on the boot CPU, 0 here: not strict; no hwcap and no capability depends on it",
        "TraceVer (bits 7:4): 0 on the boot CPU, 1 here: strict, in no field that the kernel lists: a taint",
        "AES (bits 7:4): 1 on the boot CPU, 2 here: strict; the system has 1, and loses nothing by this CPU",
        "Decoded by the table of Linux 6.12.",
    ):
        assert part in result.stdout


def test_a_bug_is_held_against_the_kernel_of_the_log(asymboot: Asymboot, tmp_path: Path) -> None:
    for release, words in (("6.11.5", "(this kernel can have it)"), ("6.12.1", "(not this kernel)")):
        log = tmp_path / f"{release}.log"
        log.write_text(
            f"Booting Linux on physical CPU 0x0000000000 [0x411fd403]\nLinux version {release} (gcc)\n"
            "kvm [50]: nVHE hyp panic at: [<ffff800080252f28>] __kvm_nvhe___sve_save_state+0x8/0xf4!\n"
        )
        assert f"(a9f41588a902) {words}" in asymboot("explain", log, columns="200").stdout


def test_json_keeps_to_its_schema_and_has_what_the_text_has(asymboot: Asymboot) -> None:
    result = asymboot("explain", PI5, SANITY, "--json")
    assert result.exit_code == 1
    record = json.loads(result.stdout)
    jsonschema.Draft202012Validator(json.loads(schema_text("explanation"))).validate(record)
    first, second = record["logs"]
    assert (first["file"], first["release"], first["problems"]) == (str(PI5), "6.12.75+rpt-rpi-2712", 2)
    finding = first["findings"][0]
    assert (finding["finding"], finding["cpus"], finding["harmless"]) == ("cpu-lost-on-return", [1], False)
    assert finding["lines"][0] == {"number": 10, "text": "CPU1: failed to come online"}
    assert "[topology]" in first["reproduction"]["scenario"]
    assert second["reproduction"] is None
    (field,) = second["findings"][0]["register"]["fields"]
    assert (field["field"], field["boot_value"], field["value"], field["lost"]) == ("SpecSEI", 0, 1, [])


def test_the_standard_input_is_read() -> None:
    result = piped(PI5.read_bytes())
    assert (result.exit_code, result.stderr) == (1, "")
    assert "standard input: Linux 6.12.75+rpt-rpi-2712, 2 problems\n" in result.stdout
    assert "\n  # save the log as boot.log\n" in result.stdout
    assert json.loads(piped(SANITY.read_bytes(), "--json").stdout)["logs"][0]["file"] == "-"


def test_several_files_and_a_folder_are_explained_one_by_one(asymboot: Asymboot) -> None:
    result = asymboot("explain", SANITY, MACHINES, columns="300")
    assert result.exit_code == 1
    titles = [line for line in result.stdout.splitlines() if line.endswith((" problem", " problems"))]
    shown = [title.split(": Linux ")[0] for title in titles]
    assert shown == [str(SANITY), *(str(path) for path in sorted(MACHINES.glob("*/dmesg")))]
    # The folder has copies of sysfs and a README beside the logs.
    assert "passed over" in result.stderr


def test_a_log_that_begins_too_late_says_so(asymboot: Asymboot, tmp_path: Path) -> None:
    log = tmp_path / "tail.log"
    log.write_text("".join(PI5.read_text().splitlines(keepends=True)[8:]))
    result = asymboot("explain", log)
    assert result.exit_code == 1
    assert "The log begins after the kernel's first line: what came before is unknown." in result.stdout
    assert "No scenario can be made of this log: it begins after the kernel did" in result.stdout


def test_a_log_that_may_be_of_32_bit_arm_says_so(asymboot: Asymboot, tmp_path: Path) -> None:
    log = tmp_path / "psci.log"
    for further, is_told in (("", True), ("[    0.2] CPU: All CPU(s) started at EL1\n", False)):
        log.write_text(f"[    0.0] psci: PSCIv1.0 detected in firmware.\n{further}")
        result = asymboot("explain", log, columns="300")
        assert result.exit_code == 0
        assert ("taken to be of an arm64 kernel, which no line shows" in result.stdout) is is_told


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (bytes(range(256)), "is not a log of an arm64 kernel"),
        (b"", "is not a log of an arm64 kernel"),
        (b"x" * 3_000_000, "is not a log of an arm64 kernel"),
        (b"[    0.0] x86/fpu: x87 FPU will use FXSAVE\n", "is a log of x86"),
    ],
)
def test_what_is_not_a_log_is_one_line(asymboot: Asymboot, tmp_path: Path, raw: bytes, message: str) -> None:
    log = tmp_path / "boot.log"
    log.write_bytes(raw)
    assert asymboot.refused("explain", log).startswith(f"asymboot: {log}: {message}")
    result = piped(raw)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert f"asymboot: -: {message}" in result.stderr


def test_a_file_that_is_too_large_is_not_read(asymboot: Asymboot, tmp_path: Path) -> None:
    log = tmp_path / "large.log"
    with log.open("wb") as file:
        file.truncate(1 << 30)
    assert asymboot.refused("explain", log).endswith("is larger than 64 MiB, which no kernel log needs")


def test_other_bad_input_is_one_line(asymboot: Asymboot, tmp_path: Path) -> None:
    assert asymboot.refused("explain", tmp_path / "none.log").endswith("none.log: No such file or directory")
    assert asymboot.refused("explain").startswith("asymboot explain: Missing argument 'FILE...'.")
    (tmp_path / "empty").mkdir()
    assert asymboot.refused("explain", tmp_path / "empty").endswith("has no log of an arm64 kernel below it")


def test_a_good_file_beside_a_bad_one_is_explained(asymboot: Asymboot, tmp_path: Path) -> None:
    result = asymboot("explain", tmp_path / "none.log", SANITY)
    assert result.exit_code == 2
    assert "SpecSEI" in result.stdout
    assert result.stderr.count("\n") == 1
