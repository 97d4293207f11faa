"""Signals that end a command's work, and what may stand on its standard error."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sim.cli.stop_signals import TO_END, Stoppable


def test_a_signal_ends_the_work_and_not_the_command() -> None:
    with Stoppable(TO_END) as work:
        signal.raise_signal(signal.SIGTERM)
        pytest.fail("the work went on")
    assert work.stopped_by == signal.SIGTERM


def test_a_second_signal_does_not_end_what_the_first_began_to_end() -> None:
    ended = False
    with Stoppable(TO_END) as work:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGHUP if signal.SIGHUP in work._signals else signal.SIGTERM)
            ended = True
    assert ended
    assert work.stopped_by == signal.SIGTERM


def test_a_signal_that_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stoppable(TO_END) as work:
            signal.raise_signal(signal.SIGHUP)
        assert work.stopped_by == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    "arguments", [["plot", "boot", "missing.toml", "-o", "x.svg"], ["report", "missing.toml", "-o", "x.html"]]
)
def test_matplotlib_says_nothing_beside_the_one_line(tmp_path: Path, arguments: list[str]) -> None:
    nowhere = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), "/dev/null")
    kept = {name: value for name, value in os.environ.items() if name != "MPLCONFIGDIR"}
    done = subprocess.run(
        [sys.executable, "-m", "sim.cli", *arguments],
        cwd=tmp_path,
        env=kept | nowhere | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "asymboot: missing.toml: No such file or directory\n"
