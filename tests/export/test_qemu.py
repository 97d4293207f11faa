"""Tests of scripts for QEMU: run with QEMU, with a fake QEMU, and with names that a shell might execute."""

import asyncio
import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import pytest
from hypothesis import given
from qemu.qmp import ConnectError, QMPClient, Runstate

from sim import Action, Do, ExportFormat, Fault, InputError, KvmMode, Relay, Scenario, Topology, cpu, export_text
from sim.conform.live.qemu_args import vector_properties
from sim.export.export_text import export_scenario
from sim.topology import Cpu
from sim.vectors import bits_from_vqs
from tests.examples import examples
from tests.export.samples import EMULATOR, HOSTILE, NAMES, hostile, needs, shipped
from tests.systems import A64FX, N2, V1


@contextmanager
def started(script: str, folder: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script in a folder with a kernel that waits for ever."""
    wfi_and_back = struct.pack("<II", 0xD503207F, 0x17FFFFFF)
    (folder / "boot.sh").write_text(script, encoding="utf-8")
    (folder / "the kernel").write_bytes(wfi_and_back * 16)
    (folder / "initrd").write_bytes(b"none")
    process = subprocess.Popen(
        ["sh", "boot.sh"],
        cwd=folder,
        env={**os.environ, "KERNEL": "the kernel", "INITRD": "initrd", "TMPDIR": str(folder), **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.terminate()


async def lengths_in(socket: str, count: int) -> list[dict[str, bool]]:
    """Wait until the script lets QEMU run, read each CPU's properties of lengths, and end QEMU."""
    monitor = QMPClient()
    while monitor.runstate is not Runstate.RUNNING:
        with suppress(ConnectError):  # not there yet
            await monitor.connect(socket)
        await asyncio.sleep(0.05)
    while (await ask(monitor, "query-status"))["status"] != "running":
        await asyncio.sleep(0.05)
    found = []
    for info in (await ask(monitor, "query-cpus-fast"))[:count]:
        path = info["qom-path"]
        names = [entry["name"] for entry in await ask(monitor, "qom-list", path=path)]
        lengths = [name for name in names if re.fullmatch(r"s[vm]e\d*", name)]
        found.append({name: await ask(monitor, "qom-get", path=path, property=name) for name in lengths})
    await ask(monitor, "quit")
    with suppress(EOFError):
        await monitor.disconnect()
    return found


async def ask(monitor: QMPClient, command: str, **arguments: str) -> Any:
    return await monitor.execute(command, arguments or None)


def bits(vqs: int | None) -> tuple[int, ...] | None:
    return None if vqs is None else bits_from_vqs(vqs)


WITH_SME = (cpu("a", A64FX, [128, 512]), cpu("b", [*A64FX, 1024], [256], late=True), cpu("c", N2, [2048], late=True))
WITHOUT = (cpu("a", V1), cpu("b", None), cpu("c", [128, 256, 384], zcr_el3_len=1), cpu(HOSTILE[0], A64FX))


@needs[EMULATOR]
@pytest.mark.parametrize("cpus", [WITH_SME, WITHOUT], ids=["sme", "sve"])
def test_cpus_in_qemu_have_the_lengths(cpus: tuple[Cpu, ...], tmp_path: Path) -> None:
    topology = Topology(cpus)
    script = export_text(Scenario(topology), "qemu")
    # Not below tmp_path: a socket's path has at most 107 bytes.
    with TemporaryDirectory(prefix="with, comma") as temporary, started(script, tmp_path, TMPDIR=temporary) as process:
        assert process.stderr is not None
        socket = process.stderr.readline().removeprefix("QMP: ").strip()
        found = asyncio.run(asyncio.wait_for(lengths_in(socket, len(cpus)), 60))
        assert process.wait(30) == 0
        assert not list(Path(temporary).iterdir())
    wanted = [vector_properties(bits(spec.usable_sve_vqs), bits(spec.usable_sme_vqs)) for spec in topology.logical]
    assert [{name: has[name] for name in asked} for has, asked in zip(found, wanted, strict=True)] == wanted
    assert sorted(path.name for path in tmp_path.iterdir()) == ["boot.sh", "initrd", "the kernel"]


FAKE_QEMU = """#!{python}
import json, os, sys
words = sys.argv[1:]
path = words[words.index("-chardev") + 1].rpartition("path=")[2]
notes = open("notes", "a")
print(json.dumps(words), file=notes, flush=True)
values = {{}}
with open(path + ".out", "w") as answers, open(path + ".in") as asked:
    def answer(message):
        print(json.dumps(message), file=answers, flush=True)
    answer({{"QMP": {{"version": {{}}}}}})
    for line in asked:
        notes.write(line)
        command, arguments = json.loads(line)["execute"], json.loads(line).get("arguments", {{}})
        place = arguments.get("path"), arguments.get("property")
        answer({{"event": "SOMETHING", "data": {{"error": "none"}}}})
        if command == "query-cpus-fast":
            answer({{"return": [{{"cpu-index": n, "qom-path": f"/cpus[{{n}}]", "thread-id": 1}} for n in range(2)]}})
        elif command == "qom-set" and place == {refused}:
            answer({{"error": {{"class": "GenericError", "desc": "it cannot"}}}})
        elif command == "qom-set":
            values[place] = arguments["value"]
            answer({{"return": {{}}}})
        elif command == "qom-get":
            answer({{"return": values[place] and place != {ignored}}})
        else:
            answer({{"return": {{}}}})
        if command in ("cont", "quit"):
            break
"""


def run_with_fake(scenario: Scenario, folder: Path, refused: object = None, ignored: object = None) -> tuple[int, str]:
    """Run a script with a fake QEMU, which writes its arguments and commands to the file `notes`."""
    (folder / "bin").mkdir()
    program = folder / "bin" / EMULATOR
    program.write_text(FAKE_QEMU.format(python=sys.executable, refused=refused, ignored=ignored), encoding="utf-8")
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    with started(export_text(scenario, "qemu"), folder, PATH=path) as process:
        _, errors = process.communicate(timeout=60)
    assert {path.name for path in folder.iterdir()} == {"bin", "boot.sh", "initrd", "the kernel", "notes"}
    return process.returncode, errors


def test_qemu_gets_the_system_and_runs_last(tmp_path: Path) -> None:
    topology = Topology((cpu("a", V1), cpu("b", N2, late=True)))
    scenario = Scenario(topology, kvm_mode=KvmMode.PROTECTED, el2=False, options="arm64.nomte")
    code, _ = run_with_fake(scenario, tmp_path)
    words, *commands = map(json.loads, (tmp_path / "notes").read_text(encoding="utf-8").splitlines())
    assert code == 0
    assert words[words.index("-append") + 1] == "console=ttyAMA0 panic=-1 maxcpus=1 kvm-arm.mode=protected arm64.nomte"
    assert words[words.index("-machine") + 1] == "virt,gic-version=3,virtualization=off"
    assert words[words.index("-kernel") + 1] == "the kernel"
    assert {"-S", "-qmp"} <= set(words)
    names = [command["execute"] for command in commands]
    assert names == ["qmp_capabilities", "query-cpus-fast", *["qom-set", "qom-get"] * 34, "cont"]
    given = [command["arguments"] for command in commands if command["execute"] == "qom-set"]
    assert given == [
        {"path": f"/cpus[{number}]", "property": name, "value": value}
        for number, lengths in enumerate([V1, N2])
        for name, value in vector_properties(lengths, None).items()
    ]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("refused", '"property": "sve256", "value": true}} {"error": {"class": "GenericError"'),
        ("ignored", "cpu0 cannot"),
    ],
)
def test_a_length_that_qemu_cannot_have_ends_the_script(fault: str, message: str, tmp_path: Path) -> None:
    code, errors = run_with_fake(shipped("bug"), tmp_path, **{fault: ("/cpus[0]", "sve256")})
    assert code != 0
    assert message in errors
    last = (tmp_path / "notes").read_text(encoding="utf-8").splitlines()[-1]
    assert json.loads(last) == {"execute": "quit"}


def test_a_qemu_that_does_not_start_ends_the_script(tmp_path: Path) -> None:
    (tmp_path / EMULATOR).write_text("#!/bin/sh\nexit 7\n", encoding="utf-8")
    (tmp_path / EMULATOR).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    with started(export_text(shipped("bug"), "qemu"), tmp_path, PATH=path) as process:
        assert process.wait(60) == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ["boot.sh", "initrd", EMULATOR, "the kernel"]


@pytest.mark.parametrize("delay", ["", "sleep 1; "], ids=["at-once", "delayed"])
def test_a_terminated_script_ends_qemu(delay: str, tmp_path: Path) -> None:
    """With the delay the signal comes after QEMU was started, and before the script has noted its process id."""
    (tmp_path / EMULATOR).write_text("#!/bin/sh\necho $$ >&2\nexec sleep 600\n", encoding="utf-8")
    (tmp_path / EMULATOR).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    script = export_text(shipped("bug"), "qemu")
    assert script.count('started="$started $!"') == 1
    script = script.replace('started="$started $!"', f'{delay}started="$started $!"')
    with started(script, tmp_path, PATH=path) as process:
        assert process.stderr is not None
        number = next(int(line) for line in process.stderr if line.strip().isdigit())
        emulator = psutil.Process(number)
        process.terminate()
        assert process.wait(60) == 1
        assert psutil.wait_procs([emulator], 10)[1] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["boot.sh", "initrd", EMULATOR, "the kernel"]


def test_a_script_names_a_missing_variable(tmp_path: Path) -> None:
    with started(export_text(shipped("bug"), "qemu"), tmp_path, KERNEL="") as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "KERNEL: an arm64 kernel image" in errors


@examples(0.25)
@given(NAMES)
def test_a_shell_does_not_execute_names(names: list[str]) -> None:
    with TemporaryDirectory() as folder:
        lines = export_text(hostile(names), "qemu").splitlines()
        assert [line for line in lines if not line.lstrip().startswith("#")] == [
            line
            for line in export_text(hostile([f"n{number}" for number in range(len(names))]), "qemu").splitlines()
            if not line.lstrip().startswith("#")
        ]
        subprocess.run(["sh", "-n"], input="\n".join(lines), text=True, cwd=folder, check=True)


def test_hostile_names_do_nothing(tmp_path: Path) -> None:
    scenario = hostile(HOSTILE[:2]).but(name=HOSTILE[2])
    code, _ = run_with_fake(scenario, tmp_path)
    assert code == 0


@pytest.mark.parametrize(
    ("topology", "reason"),
    [
        (Topology((cpu("a", V1, [128]), cpu("b", V1))), "it has CPUs with SME and without"),
        (Topology((cpu("a", V1, [128]), cpu("b", None, [128]))), "it has CPUs with SME of which some lack SVE"),
        (Topology((cpu("a", V1), cpu("b", V1, late=True), cpu("c", V1))), "an early CPU behind a late CPU"),
        (Topology.of([V1] * 513), "it has 513 CPUs, of at most 512"),
    ],
)
def test_a_topology_that_qemu_cannot_have_is_bad_input(topology: Topology, reason: str) -> None:
    with pytest.raises(InputError, match=f"QEMU cannot have it: .*{reason}"):
        export_text(Scenario(topology), "qemu")


def test_parts_that_a_script_leaves_out_are_lost() -> None:
    lost = export_scenario(
        Scenario(
            Topology((cpu("a", V1), replace(cpu("b", V1), mpidr=7))),
            design="tabba",
            kvm_mode=KvmMode.PROTECTED,
            relay=Relay.RELAXED,
            actions=(Action(Do.ONLINE, "b"),),
            faults=(Fault("b", never_arrives=True),),
        ),
        ExportFormat.QEMU,
    ).lost
    assert lost == (
        "faults of firmware",
        "the design, unless KERNEL is patched to it",
        "the relaxed relay",
        "user space's actions",
        "MPIDRs, which the board sets",
    )
