"""Tests of `asymboot conform --kernel` with replayed records in place of live boots."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from unittest.mock import Mock

import jsonschema
import msgspec
import pytest
from click.testing import Result
from msgspec.structs import replace

from sim import InputError
from sim.cli.stop_signals import TO_END
from sim.conform.conformance import replay
from sim.conform.live import live_conformance
from sim.conform.live.live_boot import LiveBoot
from sim.conform.run_records import ObservedBoot, RecordedBoot, read_records
from sim.errors import EmulatorFailed
from sim.schemas import schema_text
from sim.show import conformance_text
from tests.command_line import Asymboot
from tests.conform.samples import TRUTH, directed_boots


def test_an_emulator_that_does_not_start_is_reported_for_each_case(
    asymboot: Asymboot, kernel: Path, tmp_path: Path
) -> None:
    result = asymboot("conform", "bug", "phone", "--kernel", kernel, "--record", tmp_path / "out")
    assert result.exit_code == 2
    assert "asymboot: 6.12/bug: not booted: qemu-system-aarch64 does not start: out of order" in result.stderr
    assert "asymboot: 6.12/phone: not booted: " in result.stderr
    assert result.stdout == "0 boots, 0 agree\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bug"], "--kernel IMAGE or --recorded is needed"),
        (["--recorded"], "--recorded needs files of recorded runs"),
        (["--recorded", "x.json", "--seed", "1"], "--seed is for live boots and does not go with --recorded"),
        (["--kernel", "KERNEL"], "nothing to boot: give a FILE or --random N"),
        (["--kernel", "KERNEL", "--seed", "1", "bug"], "--seed goes with --random N only"),
        (["--kernel", "KERNEL", "bug", "bug"], "two boots named 'bug': rename a file"),
        (["--kernel", "KERNEL", "late-arrival"], "late-arrival: not booted: it has faults of firmware"),
        (["--kernel", "KERNEL", "bug", "--design", "none"], "asymboot: unknown design 'none'"),
        (["--kernel", "KERNEL", "bug", "--record", "KERNEL"], "is not a folder"),
        (["--kernel", "KERNEL", "nothing.json"], "nothing.json: "),
        (["--kernel", "KERNEL", str(TRUTH / "pkvm-saves.json")], "holds no recorded boots"),
    ],
)
def test_wrong_input_is_one_line(asymboot: Asymboot, kernel: Path, words: list[str], message: str) -> None:
    result = asymboot("conform", *(kernel if word == "KERNEL" else word for word in words))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr


def test_a_missing_qmp_library_is_one_line() -> None:
    program = "import sys; sys.modules['qemu.qmp'] = None; from sim.cli import main; main()"
    words = [sys.executable, "-c", program, "conform", "bug", "--kernel", "Image"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    message = "asymboot: `conform` needs packages that are not installed: pip install 'asymboot[live]'\n"
    assert (result.returncode, result.stderr) == (2, message)


class Stage:
    """A stand-in for live boots that plays recorded boots."""

    def __init__(self, asymboot: Asymboot, kernel: Path, boots: Sequence[RecordedBoot]) -> None:
        self.asymboot = asymboot
        self.kernel = kernel
        self.records = {record.id: record for record in boots}
        self.played = self.records
        self.ended: list[str] = []
        self.before: Callable[[str], Awaitable[None]] = self._return_at_once
        """A coroutine function that is awaited before each boot, with the id of its record."""

    async def _return_at_once(self, identity: str) -> None:
        pass

    async def play(self, identity: str, *_: object) -> LiveBoot:
        helper = asyncio.create_task(_wait_for_ever())  # like a machine's, it must live until the boot has ended
        try:
            await self.before(identity)
            return LiveBoot(self.played[identity], "")
        finally:
            await asyncio.sleep(0.01)
            if helper.cancel():
                self.ended.append(identity)

    def conform(self, *words: str | Path) -> Result:
        file = self.kernel.parent / "boots.json"
        file.write_bytes(msgspec.json.encode(list(self.records.values())))
        return self.asymboot("conform", file, "--kernel", self.kernel, "--jobs", "3", *words, columns="120")


@pytest.fixture
def stage(asymboot: Asymboot, kernel: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage with three boots."""
    stage = Stage(asymboot, kernel, directed_boots()[:3])
    monkeypatch.setattr(live_conformance, "boot_live", stage.play)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, *TO_END)}
    yield stage
    for number, handler in handlers.items():
        signal.signal(number, handler)


async def _wait_for_ever() -> None:
    await asyncio.Event().wait()


def test_an_output_that_fails_ends_the_boots_under_way(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = stage.records
    stage.before = lambda identity: stage._return_at_once("") if identity == first else _wait_for_ever()
    monkeypatch.setattr(conformance_text, "line", Mock(side_effect=InputError("no space left")))
    result = stage.conform()
    assert (result.exit_code, result.stderr) == (2, "asymboot: no space left\n")
    assert sorted(stage.ended) == sorted([first, *others])


def test_a_slow_boot_does_not_delay_the_others(stage: Stage, tmp_path: Path) -> None:
    slow, *others = stage.records
    file = tmp_path / "out" / "linux-6.12.json"

    async def before(identity: str) -> None:
        for _ in range(1000 if identity == slow else 0):
            if file.exists() and len(read_records(file)) == len(others):
                return
            await asyncio.sleep(0.01)
        if identity == slow:
            raise InputError("nothing was recorded meanwhile")

    stage.before = before
    result = stage.conform("--record", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert [line.partition(": ")[0] for line in result.stdout.splitlines() if ": all " in line] == [*others, slow]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("times", [1, 4])
def test_a_signal_ends_the_boots_and_shows_the_finished_results(stage: Stage, number: int, times: int) -> None:
    *quick, last = stage.records

    async def before(identity: str) -> None:
        if identity == last:
            while len(stage.ended) < len(quick):
                await asyncio.sleep(0.01)
            for _ in range(times):
                os.kill(os.getpid(), number)
            await _wait_for_ever()

    stage.before = before
    result = stage.conform("--json")
    assert result.exit_code == 128 + number
    assert result.stderr == "asymboot: stopped; what was found until then is above\n"
    assert [row["id"] for row in json.loads(result.stdout)] == quick
    assert stage.ended[-1] == last


def test_an_ignored_signal_stays_ignored(stage: Stage) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def before(_: str) -> None:
        os.kill(os.getpid(), signal.SIGHUP)

    stage.before = before
    assert stage.conform().exit_code == 0


def test_actions_that_were_asked_for_and_not_performed_differ(
    asymboot: Asymboot, kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boots = [record for record in directed_boots() if record.observed.actions][:1]
    stage = Stage(asymboot, kernel, boots)
    monkeypatch.setattr(live_conformance, "boot_live", stage.play)
    stage.played = {record.id: replace(record, observed=replace(record.observed, actions=[])) for record in boots}
    result = stage.conform()
    assert result.exit_code == 1
    assert "  DIFF  actions\n" in result.stdout


@pytest.mark.parametrize(("differs", "code"), [(True, 1), (False, 2)])
def test_a_difference_outweighs_a_boot_that_failed(stage: Stage, differs: bool, code: int) -> None:
    different, *_, lost = stage.records
    if differs:
        record = stage.records[different]
        stage.played = {**stage.records, different: replace(record, observed=_changed(record))}

    async def before(identity: str) -> None:
        if identity == lost:
            raise EmulatorFailed("it fell over")

    stage.before = before
    result = stage.conform("--json")
    assert (result.exit_code, result.stderr) == (code, f"asymboot: {lost}: not booted: it fell over\n")
    rows = json.loads(result.stdout)
    assert [row["id"] for row in rows] == list(stage.records)
    assert [row["agrees"] for row in rows] == [not differs, True, None]
    assert [row["not_booted"] for row in rows] == [None, None, "it fell over"]
    jsonschema.validate(rows, json.loads(schema_text("conformance")))


def test_a_boot_has_one_line_unless_it_differs_or_everything_is_asked_for(stage: Stage) -> None:
    different, *same = stage.records
    record = stage.records[different]
    stage.played = {**stage.records, different: replace(record, observed=_changed(record))}
    brief, verbose = (stage.conform(*words).stdout.splitlines() for words in ((), ("--verbose",)))
    start = brief.index(f"{different}: 1 of {len(replay(record))} fields differ")
    assert brief[start + 1 : start + 6] == [
        "  booted: Linux 6.12.117+deb13-arm64, QEMU 10.0",
        "  DIFF  online_at_end",
        "        the kernel:    7",
        "        the simulator: 0-2",
        "  not compared: guest_vls_bits, guest_rdvl_bits",
    ]
    one_line = [f"{identity}: all {len(replay(stage.records[identity]))} fields agree" for identity in same]
    assert sorted(line for line in brief if line not in brief[start : start + 6]) == sorted(
        [*one_line, "3 boots, 2 agree"]
    )
    assert sum(line.startswith("  same  completed: True") for line in verbose) == 3


def _changed(record: RecordedBoot) -> ObservedBoot:
    return replace(record.observed, online_at_end="7")


def test_a_folder_that_becomes_a_file_ends_the_command(stage: Stage, tmp_path: Path) -> None:
    *_, last = stage.records

    async def before(identity: str) -> None:
        if identity == last:
            await _wait_for_ever()
        (tmp_path / "out").touch()

    stage.before = before
    result = stage.conform("--record", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (2, f"asymboot: {tmp_path}/out/linux-6.12.json: File exists\n")
    assert last in stage.ended
