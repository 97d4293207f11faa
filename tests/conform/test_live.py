"""Tests that boot real kernels: the simulator predicts them, and no process is left behind.

They boot at most three systems for each kernel series; `make conform` boots the other cases.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from click.testing import Result

from sim.conform.conformance import replay
from sim.conform.live import live_boot
from sim.conform.run_records import RecordedBoot, read_records
from tests.command_line import Asymboot
from tests.conform.samples import EMULATOR, TRUTH

ROOT = Path(__file__).parents[2]
# Of those with pages of 4 KiB: QEMU 7.2 cannot boot the others in protected mode.
KERNELS = sorted((ROOT / "kernels").glob("vmlinuz-*-arm64"), key=lambda path: path.stat().st_mtime)
DIRECTED = TRUTH / "directed"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which(EMULATOR) is None or not KERNELS,
        reason="LIVE BOOTS SKIPPED: they need qemu-system-arm and a Debian arm64 kernel in kernels/: make system-deps",
    ),
]

DIRECTED_CASES = [
    "6.1/late-below-every-early",
    "6.1/late-refused-retried",
    "6.1/protected-early-differ",
    "6.12/late-refused-retried",
]


def _conform(asymboot: Asymboot, *words: str | Path, kernel: Path | None = None) -> Result:
    return asymboot("conform", *map(str, words), "--kernel", str(kernel or KERNELS[-1]))


@pytest.mark.parametrize("case", DIRECTED_CASES)
def test_the_simulator_predicts_a_real_kernel(asymboot: Asymboot, case: str, tmp_path: Path) -> None:
    series, name = case.split("/")
    kernels = [path for path in KERNELS if path.name.startswith(f"vmlinuz-{series}.")]
    if not kernels:
        pytest.skip(f"LIVE BOOT SKIPPED: kernels/ has no {series}: make system-deps")
    records = (DIRECTED / f"linux-{series}.json").read_text(encoding="utf-8")
    (line,) = [line for line in records.splitlines() if f'"{case}"' in line]
    (tmp_path / "case.json").write_text(f"[{line.rstrip(',')}]", encoding="utf-8")
    result = _conform(asymboot, tmp_path / "case.json", kernel=kernels[-1])
    assert result.exit_code == 0, result.output
    assert f"/{name}: all " in result.output


def test_a_real_boot_is_recorded_and_replays(asymboot: Asymboot, tmp_path: Path) -> None:
    result = _conform(asymboot, "--random", "1", "--seed", "3", "--record", tmp_path, "--json")
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    (file,) = tmp_path.iterdir()
    (record,) = read_records(file)
    assert isinstance(record, RecordedBoot)
    assert (row["id"], row["release"]) == (record.id, record.release)
    assert all(field.agrees for field in replay(record))


def test_a_wrong_prediction_is_shown_live_and_in_a_replay(asymboot: Asymboot, tmp_path: Path) -> None:
    result = _conform(asymboot, "bug", "--design", "brown-v4", "--record", tmp_path)
    again = asymboot("conform", "--recorded", *map(str, tmp_path.iterdir()))
    for shown in (result, again):
        assert shown.exit_code == 1, shown.output
        assert "  DIFF  kvm_host_sve_max_vl_bytes\n" in shown.output
        assert "the kernel:    32" in shown.output
        assert "the simulator: 64" in shown.output
        assert shown.output.endswith("1 boot, 0 agree\n")


def test_a_guest_that_does_not_end_in_time_is_not_a_difference(
    asymboot: Asymboot, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_TIMEOUT_S", "_TIMEOUT_PER_CPU_S", "_TIMEOUT_PER_ACTION_S"):
        monkeypatch.setattr(live_boot, name, 0.5)
    result = _conform(asymboot, "bug")
    assert (result.exit_code, result.stdout) == (2, "0 boots, 0 agree\n")
    assert "bug: not booted: the guest did not end within " in result.stderr


def _emulators(of: psutil.Process) -> list[psutil.Process]:
    return [child for child in of.children(recursive=True) if child.name() == EMULATOR]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_no_machine_outlives_the_command(how: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / EMULATOR).symlink_to(str(shutil.which(EMULATOR)))  # the only program there is
    words = [sys.executable, "-m", "sim.cli", "conform", "--random", "4", "--kernel", str(KERNELS[-1])]
    command = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=-1, env={**os.environ, "PATH": str(tmp_path)}, cwd=ROOT
    )
    process = psutil.Process(command.pid)
    while not (machines := _emulators(process)):
        assert command.poll() is None
        time.sleep(0.05)
    time.sleep(0.5)
    command.send_signal(how)
    _, errors = command.communicate(timeout=30)
    gone, alive = psutil.wait_procs(machines, timeout=10)
    assert (len(gone), alive) == (len(machines), [])
    assert command.returncode == (-how if how is signal.SIGKILL else 128 + how)
    assert b"Traceback" not in errors
