"""Worker processes of a sweep: none outlives its parent, none ends before it, and none has a line of its own."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from sim.sweep.local_processes import _signals_held
from tests.sweep.test_sweep import SPACE_FILE

LONGEST_S = 60


def started(folder: Path) -> "subprocess.Popen[str]":
    """A sweep that takes long, with two workers, in a session of its own."""
    (folder / "mine.toml").write_text(SPACE_FILE.replace("count = 4", "count = 7"))
    command = [sys.executable, "-m", "sim.cli", "sweep", "mine.toml", "-o", "out", "--keep", "hazards", "--jobs", "2"]
    return subprocess.Popen(
        [*command, "--sample", "3000000"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def workers_of(pid: int) -> list[psutil.Process]:
    """The worker processes of a sweep, as soon as there are some."""
    until = time.monotonic() + LONGEST_S
    while time.monotonic() < until:
        children: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
        if sum("popen_loky" in " ".join(one.cmdline()) for one in children if one.is_running()) >= 2:
            return children
        time.sleep(0.01)
    raise AssertionError("no worker was started")


def until_a_part_is_written(folder: Path) -> None:
    until = time.monotonic() + LONGEST_S
    while not list((folder / "out" / "parts").glob("0*.json")):
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("after_s", [0.05, 0.4])
def test_no_process_outlives_a_sweep_that_is_killed_while_workers_start(tmp_path: Path, after_s: float) -> None:
    running = started(tmp_path)
    below = workers_of(running.pid)
    time.sleep(after_s)  # they have what they need to start, and import modules
    running.kill()
    running.communicate()
    _, left = psutil.wait_procs(below, timeout=LONGEST_S)
    for one in left:
        one.kill()
    assert not left


@pytest.mark.parametrize(
    ("number", "is_group"),
    [
        pytest.param(signal.SIGTERM, False, id="SIGTERM to the command"),
        pytest.param(signal.SIGINT, True, id="SIGINT to its workers too"),
        pytest.param(signal.SIGHUP, False, id="SIGHUP to the command", marks=pytest.mark.slow),
        pytest.param(signal.SIGINT, False, id="SIGINT to the command", marks=pytest.mark.slow),
        pytest.param(signal.SIGTERM, True, id="SIGTERM to its workers too", marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, True, id="SIGHUP to its workers too", marks=pytest.mark.slow),
    ],
)
def test_a_signal_to_end_is_one_line_and_leaves_no_process(tmp_path: Path, number: int, is_group: bool) -> None:
    running = started(tmp_path)
    below = workers_of(running.pid)
    until_a_part_is_written(tmp_path)
    if is_group:
        os.killpg(running.pid, number)
    else:
        os.kill(running.pid, number)
    told = running.communicate(timeout=LONGEST_S)
    assert told == ("", "asymboot: stopped; what is done is kept: asymboot sweep --resume out continues it\n")
    assert running.returncode == 128 + number
    _, left = psutil.wait_procs(below, timeout=LONGEST_S)
    assert not left
    assert not list((tmp_path / "out").rglob(".*"))


def test_a_signal_that_another_thread_takes_is_held_back_too() -> None:
    events: list[str] = []
    is_over = threading.Event()
    other = threading.Thread(target=is_over.wait)
    other.start()
    before = signal.signal(signal.SIGTERM, lambda _number, _frame: events.append("handled"))
    try:
        with _signals_held():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.1)  # the main thread runs the handler, if it is to, before it goes on
            events.append("held")
    finally:
        signal.signal(signal.SIGTERM, before)
        is_over.set()
        other.join()
    assert events == ["held", "handled"]


def test_a_signal_while_workers_start_is_heard(tmp_path: Path) -> None:
    running = started(tmp_path)
    workers_of(running.pid)
    os.killpg(running.pid, signal.SIGTERM)
    assert running.communicate(timeout=LONGEST_S)[1].count("\n") == 1
    assert running.returncode == 128 + signal.SIGTERM
