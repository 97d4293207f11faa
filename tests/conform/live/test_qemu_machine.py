"""Tests of QEMU's process: it ends whenever the machine or the command ends."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from sim.conform.live import parent_death, qemu_machine
from sim.conform.run_records import RecordedCpu

_START_CHILD = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-I", "-S", sys.argv[1], str(os.getpid()), "sleep", "600"])
input()
"""


def test_a_machine_that_does_not_answer_is_ended_at_once(
    kernel: Path, emulator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    for name in ("_ANSWER_TIMEOUT_S", "_EXIT_TIMEOUT_S"):
        monkeypatch.setattr(qemu_machine, name, 500)

    async def launch() -> None:
        async with qemu_machine.launch_machine(kernel, b"", "", [RecordedCpu([128])], el2=True):
            raise AssertionError

    async def launch_and_cancel() -> None:
        others = psutil.Process().children()
        launching = asyncio.create_task(launch())
        while not (started := [child for child in psutil.Process().children() if child not in others]):
            await asyncio.sleep(0.01)
        launching.cancel()
        with pytest.raises(asyncio.CancelledError):
            await launching
        assert psutil.wait_procs(started, timeout=60)[1] == []

    asyncio.run(asyncio.wait_for(launch_and_cancel(), 120))


def test_a_guarded_program_is_killed_with_its_parent() -> None:
    command = [sys.executable, "-c", _START_CHILD, parent_death.__file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as parent:
        process = psutil.Process(parent.pid)
        while not (guarded := [child for child in process.children() if child.name() == "sleep"]):
            assert parent.poll() is None
        parent.kill()
    assert psutil.wait_procs(guarded, timeout=60)[1] == []


@pytest.mark.parametrize(
    ("parent", "program", "message"),
    [("0", "sleep", "the parent process is gone\n"), ("", "no-such-program", "No such file or directory\n")],
)
def test_a_program_that_cannot_be_guarded_is_not_started(parent: str, program: str, message: str) -> None:
    words = [sys.executable, parent_death.__file__, parent or str(os.getpid()), program]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, message)
