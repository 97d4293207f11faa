"""Tests of `asymboot trace` and of `save_trace`."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sim import save_trace
from sim.boot_run import boot
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import find
from sim.outcome import Outcome
from sim.trace.perfetto import perfetto_trace
from sim.trace.trace_formats import TraceFormat
from tests.command_line import Asymboot

ASYMBOOT = [sys.executable, "-m", "sim.cli"]


def shipped_outcome(name: str) -> Outcome:
    return boot(read_scenario(find(Path(name))))


def printed(asymboot: Asymboot, *words: str | Path) -> str:
    result = asymboot("trace", *words)
    assert (result.exit_code, result.stderr) == (0, "")
    return result.stdout


def test_the_log_is_printed_as_dmesg_has_it(asymboot: Asymboot) -> None:
    assert printed(asymboot, "bug", "--format", "dmesg") == shipped_outcome("bug").log_text


def test_events_are_printed_as_json_lines(asymboot: Asymboot) -> None:
    outcome = shipped_outcome("bug")
    rows = [json.loads(line) for line in printed(asymboot, "bug", "--format", "jsonl").splitlines()]
    assert rows == outcome.to_dict()["events"]
    assert {tuple(row) for row in rows} == {tuple(outcome.events.columns)}


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("boot.perfetto-trace", TraceFormat.PERFETTO),
        ("boot.pftrace", TraceFormat.PERFETTO),
        ("boot.txt", TraceFormat.DMESG),
        ("boot.log", TraceFormat.DMESG),
        ("boot.dmesg", TraceFormat.DMESG),
        ("boot.jsonl", TraceFormat.JSONL),
    ],
)
def test_a_files_name_says_its_format(asymboot: Asymboot, name: str, form: TraceFormat, tmp_path: Path) -> None:
    assert printed(asymboot, "bug", "-o", tmp_path / name) == ""
    assert printed(asymboot, "bug", "-o", tmp_path / "other", "--format", form) == ""
    save_trace(shipped_outcome("bug"), tmp_path / f"from python {name}")
    content = (tmp_path / name).read_bytes()
    assert {(tmp_path / other).read_bytes() for other in ("other", f"from python {name}")} == {content}
    match form:
        case TraceFormat.PERFETTO:
            assert content == perfetto_trace(shipped_outcome("bug"))
        case TraceFormat.DMESG:
            assert content.decode() == shipped_outcome("bug").log_text
        case TraceFormat.JSONL:
            assert content.decode() == printed(asymboot, "bug", "--format", "jsonl")


def test_the_format_option_overrides_the_name(asymboot: Asymboot, tmp_path: Path) -> None:
    printed(asymboot, "bug", "-o", tmp_path / "boot.pftrace", "--format", "dmesg")
    assert (tmp_path / "boot.pftrace").read_text() == shipped_outcome("bug").log_text


@pytest.mark.parametrize(
    ("options", "changes"),
    [
        (["--design", "nosve"], {"design": "nosve"}),
        (["--kernel", "6.16"], {"kernel": "6.16"}),
        (["--kvm-mode", "none"], {"kvm_mode": "none"}),
        (["--memory", "isolated"], {"memory": "isolated"}),
        (["--relay", "relaxed", "--seed", "3"], {"relay": "relaxed", "seed": 3}),
    ],
    ids=lambda value: "-".join(value).lstrip("-") if isinstance(value, list) else "",
)
def test_options_change_the_scenario_as_in_run(asymboot: Asymboot, options: list[str], changes: dict[str, Any]) -> None:
    outcome = boot(read_scenario(find(Path("bug"))).but(**changes))
    assert printed(asymboot, "bug", "--format", "dmesg", *options) == outcome.log_text


def test_bad_input_is_one_line(asymboot: Asymboot, tmp_path: Path) -> None:
    here = tmp_path / "boot.pftrace"
    assert "--output FILE is needed, or --format dmesg or jsonl to print" in asymboot.refused("trace", "bug")
    assert "is binary: --output FILE is needed" in asymboot.refused("trace", "bug", "--format", "perfetto")
    assert "'svg' is not one of 'perfetto', 'dmesg', 'jsonl'" in asymboot.refused(
        "trace", "bug", "--format", "svg", "-o", here
    )
    assert (
        "boot.svg: the name does not say the format: let it end in one of .perfetto-trace, .pftrace, .txt"
        in asymboot.refused("trace", "bug", "-o", tmp_path / "boot.svg")
    )
    assert "a path cannot be empty" in asymboot.refused("trace", "bug", "-o", "")
    assert asymboot.refused("trace", "no-such", "-o", here).startswith("asymboot: no-such: ")
    assert "unknown kernel release" in asymboot.refused("trace", "bug", "--kernel", "newest", "-o", here)
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[topology]\ncpus = [{ sve_bit = [128] }]\n")
    assert "unknown key 'sve_bit'" in asymboot.refused("trace", wrong, "-o", here)
    assert sorted(tmp_path.iterdir()) == [wrong]


def test_an_existing_file_is_not_overwritten(asymboot: Asymboot, tmp_path: Path) -> None:
    there, folder = tmp_path / "boot.log", tmp_path / "folder.log"
    there.write_text("mine")
    folder.mkdir()
    for path in (there, folder):
        assert asymboot.refused("trace", "bug", "-o", path) == f"asymboot: {path}: exists already"
    assert there.read_text() == "mine"


def test_more_than_4096_cpus_are_too_many_for_perfetto(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "many.toml"
    file.write_text('[topology]\nclusters = [{ name = "all", count = 4097, sve_bits = [128] }]\n')
    assert "at most 4,096, not 4,097" in asymboot.refused("trace", file, "-o", tmp_path / "boot.pftrace")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("limit", "file", "message"),
    [
        ("unlimited", "missing/boot.log", "No such file or directory"),
        ("unlimited", "a-file/boot.log", "Not a directory"),
        ("8", "boot.pftrace", "File too large"),
    ],
)
def test_a_file_is_written_as_a_whole_or_not_at_all(limit: str, file: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a-file").touch()
    trace = f"{shlex.join(ASYMBOOT)} trace server-1024 -o {shlex.quote(str(tmp_path / file))}"
    done = subprocess.run(["bash", "-c", f"ulimit -f {limit}; {trace}"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"asymboot: {tmp_path / file}: {message}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a-file"]


def test_perfetto_is_imported_only_when_used() -> None:
    program = "import sys, sim.cli.trace, sim.trace.trace_file; print('perfetto' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
