"""The command line: what it prints, what it exits with, and that bad input is one line."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from sim.cli import main
from sim.cli.command_group import Command
from sim.schemas import SCHEMAS
from tests.command_line import Asymboot

ROOT = Path(__file__).parents[2]
BUG = str(ROOT / "topologies" / "bug.toml")
TRUTH = ROOT / "tests" / "truth"


def test_run_shows_settings_verdict_hazards_tables_and_log(asymboot: Asymboot) -> None:
    result = asymboot("run", BUG)
    assert result.exit_code == 1
    parts = [
        "the bug of Linux 6.11\n2 CPUs\nkernel 6.11, KVM mode protected, design v6.11, relay enforcing, memory",
        "4 hazards, worst: out-of-bounds write on cpu1; 2 of 2 CPUs online",
        "out-of-bounds write: cpu1's save at 512 bits starts 1088 bytes before its\n  registers: ",
        "allocation exceeded, nothing logged: ",
        "Notes",
        "\nCPUs\n",
        "{128,256,512}",
        "max_virtualisable_vl, bytes",
        "1108 bytes asked for",
        "[    0.000000] Linux version 6.11\n",
        "[    0.000420] CPU1: Booted secondary processor 0x0000000001 [0x000f0510]",
    ]
    places = [result.stdout.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)
    assert "changed by options" not in result.stdout


def test_run_says_what_options_changed(asymboot: Asymboot) -> None:
    shown = asymboot("run", BUG, "--kernel", "6.12", "--relay", "enforcing").stdout
    assert "changed by options: kernel 6.12 (the file: 6.11), design constrain-v2 (the file:\n  v6.11)\n" in shown


def test_run_shows_a_long_log_where_asked_for(asymboot: Asymboot) -> None:
    file = str(ROOT / "topologies" / "server-1024.toml")
    assert "789 lines; --log prints them here" in asymboot("run", file).stdout
    assert "SMP: Total of 768 processors activated." in asymboot("run", file, "--log").stdout


def test_run_names_a_cpu_by_its_number_and_its_name(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "boots-cpu2.toml"
    file.write_text(
        "[topology]\nboot_cpu = 'cpu2'\ncpus = [{}, { late = true }, {}]\n[[actions]]\ndo = 'online'\ncpu = 'cpu1'\n"
    )
    assert "online cpu2 (cpu1)" in asymboot("run", str(file)).stdout


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 1),
        (["--design", "constrain-v2"], 0),
        (["--kernel", "6.12"], 0),
        (["--kvm-mode", "nvhe"], 0),
        (["--memory", "isolated"], 1),
        (["--relay", "relaxed", "--seed", "3"], 1),
    ],
)
def test_options_take_the_place_of_what_the_file_says(asymboot: Asymboot, options: list[str], code: int) -> None:
    assert asymboot("run", BUG, *options).exit_code == code


def test_memory_changes_the_verdict(asymboot: Asymboot) -> None:
    assert "hypervisor panic: " in asymboot("run", BUG, "--memory", "isolated").stdout


def test_json_has_everything_and_a_schema_version(asymboot: Asymboot) -> None:
    result = asymboot("run", BUG, "--json")
    assert result.exit_code == 1
    outcome = json.loads(result.stdout)
    assert outcome["schema_version"] == 2
    assert outcome["hazards"][0]["rank"] == 4
    assert outcome["buffers"][0]["asked_bytes"] == 1108
    assert {"log", "events", "cpus", "vectors", "kvm", "saves", "actions", "notes"} <= set(outcome)


def test_many_cpus_share_rows(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "many.toml"
    file.write_text('[topology]\nclusters = [{ name = "all", count = 1000, sve_bits = [128, 256] }]\n')
    result = asymboot("run", str(file))
    assert result.exit_code == 0
    tables = result.stdout.partition("\nCPUs\n")[2]
    assert "1-999" in tables
    assert len(tables.splitlines()) < 40


def test_conform_counts_what_agrees(asymboot: Asymboot) -> None:
    result = asymboot("conform", "--recorded", *(str(TRUTH / name) for name in ("linux-6.16.json", "pkvm-saves.json")))
    assert result.exit_code == 0
    *runs, boots, saves = result.stdout.splitlines()
    assert (boots, saves) == ("25 boots, 25 agree", "114 saves, 114 agree")
    assert (len(runs), runs[0]) == (139, "6.16/a: all 26 fields agree")
    assert all(re.fullmatch(r"\S+: all \d+ fields agree", run) for run in runs)


def test_conform_reads_folders_and_what_is_below(asymboot: Asymboot, tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    for folder, name in ((tmp_path, "linux-6.16.json"), (below, "pkvm-saves.json")):
        (folder / name).write_bytes((TRUTH / name).read_bytes())
    (tmp_path / "README.md").write_text("no record")
    result = asymboot("conform", "--recorded", str(tmp_path))
    assert result.stdout.splitlines()[-2:] == ["25 boots, 25 agree", "114 saves, 114 agree"]
    (tmp_path / "empty").mkdir()
    result = asymboot("conform", "--recorded", str(tmp_path / "empty"))
    assert (result.exit_code, result.stderr) == (2, f"asymboot: {tmp_path / 'empty'}: has no .json file below it\n")


def test_conform_prints_what_disagrees(asymboot: Asymboot, tmp_path: Path) -> None:
    runs = json.loads((TRUTH / "linux-6.16.json").read_text())
    runs[3]["observed"]["sve_max_bytes"] = 256
    file = tmp_path / "runs.json"
    file.write_text(json.dumps(runs))
    result = asymboot("conform", "--recorded", str(file))
    assert result.exit_code == 1
    details = [
        "6.16/c: 1 of 26 fields differ",
        "  booted: Linux 6.16.12+deb13-arm64, QEMU 10.0",
        "  DIFF  sve_max_bytes",
        "        the kernel:    256",
        "        the simulator: 64",
    ]
    lines = result.stdout.splitlines()
    start = lines.index(details[0])
    assert lines[start : start + len(details)] == details
    assert [line for line in lines[:start] + lines[start + len(details) :] if line.startswith("  ")] == []
    assert lines[-1] == "25 boots, 24 agree"


def test_conform_counts_boots_of_other_id_registers_by_themselves(asymboot: Asymboot) -> None:
    files = [str(TRUTH / name) for name in ("linux-6.16.json", "features/linux-6.16.json")]
    result = asymboot("conform", "--recorded", *files)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-2:] == ["25 boots, 25 agree", "4 feature boots, 4 agree"]


def test_conform_prints_the_entries_of_a_map_that_differ(asymboot: Asymboot, tmp_path: Path) -> None:
    (run, *_) = json.loads((TRUTH / "features" / "linux-6.16.json").read_text())
    run["observed"]["boot"]["sanitised"] |= {"ID_AA64PFR1_EL1": "abc", "ID_NEW_EL1": "1"}
    del run["observed"]["end"]
    file = tmp_path / "runs.json"
    file.write_text(json.dumps([run]))
    assert asymboot("conform", "--recorded", str(file)).stdout.splitlines() == [
        f"{run['id']}: 1 of 30 fields differ",
        "  booted: Linux 6.16.12+deb13-arm64",
        "  DIFF  boot.sanitised",
        "        ID_AA64PFR1_EL1: the kernel: abc, the simulator: 10",
        "        ID_NEW_EL1: the kernel: 1, the simulator: 0",
        "  not compared: end",
        "1 feature boot, 0 agree",
    ]
    verbose = asymboot("conform", "--recorded", str(file), "--verbose").stdout
    assert "  same  boot.vulnerabilities: meltdown Not affected (and 2 more)" in verbose


def test_conform_shows_every_field_when_it_is_verbose(asymboot: Asymboot) -> None:
    file = str(TRUTH / "linux-6.16.json")
    result = asymboot("conform", "--recorded", file, "--verbose")
    assert result.exit_code == 0
    assert result.stdout.count("  same  sve_max_bytes: ") == 25
    assert "--verbose does not go with --json" in asymboot.refused("conform", "--recorded", file, "--verbose", "--json")


def test_bad_input_is_one_line_and_exit_code_2(asymboot: Asymboot, tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    assert asymboot.refused("run", str(missing)) == f"asymboot: {missing}: No such file or directory"
    assert "unknown kernel release" in asymboot.refused("run", BUG, "--kernel", "newest")
    assert "older than 6.1" in asymboot.refused("run", BUG, "--kernel", "5.10")
    broken = tmp_path / "broken.toml"
    broken.write_text("[topology]\ncpus = [{ sve_bit = [128] }]\n")
    assert asymboot.refused("run", str(broken)).endswith(
        "topology.cpus[0]: unknown key 'sve_bit'; did you mean 'sve_bits'?"
    )
    assert "is not TOML" in asymboot.refused("run", str(TRUTH / "linux-6.16.json"))


@pytest.mark.parametrize("words", [("run",), ("sweep", "-o", "out"), ("conform", "--recorded"), ("replay",)])
def test_a_pipe_that_nobody_writes_to_is_empty_and_not_waited_for(
    asymboot: Asymboot, words: tuple[str, ...], tmp_path: Path
) -> None:
    for name in ("pipe.toml", "pipe.json"):
        os.mkfifo(tmp_path / name)
        assert f"{name}: " in asymboot.refused(*words, str(tmp_path / name))


def test_a_scenario_may_come_through_a_pipe(asymboot: Asymboot) -> None:
    reading, writing = os.pipe()
    os.write(writing, Path(BUG).read_bytes())
    os.close(writing)
    assert asymboot("run", f"/dev/fd/{reading}", "--quiet").exit_code == 1
    os.close(reading)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a JSON list"),
        ("{}", "not a JSON list"),
        ("[]", "holds no recorded runs"),
        ("[1]", "run 0"),
        ('[{"id": "x"}]', "run 0"),
        ("[" * 100_000, "not a JSON list"),
        ("\udcff", "not a JSON list"),
    ],
)
def test_conform_refuses_what_is_no_record(asymboot: Asymboot, tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "bad.json"
    file.write_bytes(text.encode(errors="surrogateescape"))
    assert message in asymboot.refused("conform", "--recorded", str(file))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cpus": []}, "1 to 65,536 CPUs"),
        ({"kernel": "4.19", "release": ""}, "older than 6.1"),
        ({"kvm_mode": "sideways"}, "kvm_mode is 'sideways'"),
        ({"early": 0}, "maxcpus is 0"),
        ({"command_line": "quiet"}, "not modelled: quiet"),
        ({"cpus": [{"sve_bits": [100], "sme_bits": None}]}, "100 bits is not a vector length"),
    ],
)
def test_conform_names_the_run_that_cannot_be(
    asymboot: Asymboot, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    runs = json.loads((TRUTH / "linux-6.16.json").read_text())
    file = tmp_path / "runs.json"
    file.write_text(json.dumps([{**runs[0], **change}]))
    line = asymboot.refused("conform", "--recorded", str(file))
    assert message in line
    assert "run 6.16/a" in line


@pytest.mark.parametrize("what", SCHEMAS)
def test_every_schema_is_printed(asymboot: Asymboot, what: str) -> None:
    result = asymboot("schema", what)
    assert (result.exit_code, json.loads(result.stdout)["$id"]) == (
        0,
        f"urn:asymboot:{what}:{1 if what in {'scenario', 'space', 'mixtures'} else 2}",
    )


def test_help_and_version(asymboot: Asymboot) -> None:
    for command in ([], *([name] for name in main.commands)):
        shown = asymboot(*command, "--help").stdout
        assert "Example" in shown
        assert max(map(len, shown.splitlines())) <= 80
    assert asymboot("--version").stdout.startswith("asymboot, version ")


def test_the_list_of_commands_imports_none_of_them() -> None:
    program = (
        "import sys; from click.testing import CliRunner; from sim.cli import main; "
        "print(CliRunner().invoke(main, ['--help']).exit_code, "
        "sorted(one for one in sys.modules if one.startswith('sim.')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "0 ['sim.cli', 'sim.cli.command_group', 'sim.errors', 'sim.extras']\n"


def test_the_list_of_commands_says_of_each_what_its_own_help_says() -> None:
    with click.Context(main) as ctx:
        before = main.get_help(ctx)
        loaded = {name: main.get_command(ctx, name) for name in main.list_commands(ctx)}
        assert main.get_help(ctx) == before
    assert all(isinstance(command, Command) and command.name == name for name, command in loaded.items())


def test_blocks_of_a_help_text_keep_their_lines() -> None:
    help_text = """Do it.

    One line, and
    another.

    Examples:
      first
      second  with  spaces

    Not a block:
    all of it is filled.
    """
    with click.Context(Command("do", help=help_text)) as ctx:
        shown = ctx.get_help()
    assert "  One line, and another.\n\n  Examples:\n    first\n    second  with  spaces\n" in shown
    assert "  Not a block: all of it is filled." in shown


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    program = (
        "import sys, sim, sim.cli; print(sorted({'pandas', 'networkx', 'simpy', 'rich', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    booted = "import sys; from sim import boot; print(sorted({'pandas', 'networkx', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", booted], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
