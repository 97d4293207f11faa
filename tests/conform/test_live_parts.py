"""What live boots are made of, without QEMU: what is asked of a kernel, and how what it says is read."""

import asyncio
import errno
import gzip
import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import jsonschema
import msgspec
import psutil
import pytest
from click.testing import Result
from msgspec.structs import replace

from sim import Action, Do, Fault, InputError, KvmInit, Relay, Scenario, Topology, boot, cpu
from sim.cli.stop_signals import TO_END
from sim.conform.live import kernel_image as live_image
from sim.conform.live import kernel_memory, live_boot, live_conformance, parent_death, qemu_machine
from sim.conform.live.bootable_scenario import as_booted, left_out
from sim.conform.live.console_parser import said
from sim.conform.live.initramfs import initramfs
from sim.conform.live.kernel_image import Image
from sim.conform.live.live_boot import LiveBoot
from sim.conform.live_cases import cases_of
from sim.conform.random_cases import random_cases
from sim.conform.record_writer import Recording
from sim.conform.recorded_boot import boot_scenario, compare_boot, not_compared
from sim.conform.run_records import (
    ObservedBoot,
    RecordedAction,
    RecordedBoot,
    RecordedCpu,
    RecordedVlInfo,
    read_records,
)
from sim.kernel_series import kernel_series
from sim.latencies import Latencies, fixed
from sim.schemas import schema_text
from sim.show import conformance_text
from sim.vectors import why_not_sme, why_not_sve
from tests.command_line import Asymboot

DIRECTED = Path(__file__).parents[1] / "truth" / "directed" / "linux-6.12.json"


# Images


def _image(release: str = "6.12.9-test") -> bytes:
    banner = f"Linux version {release} (someone@somewhere)".encode()
    return b"MZ".ljust(56, b"\0") + b"ARM\x64" + bytes(64) + banner + b"\0"


def _busybox() -> bytes:
    return b"\x7fELF\x02\x01".ljust(18, b"\0") + b"\xb7\0" + bytes(64)


@pytest.fixture(autouse=True)
def _emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something by QEMU's name, which starts and ends."""
    program = tmp_path / "bin" / "qemu-system-aarch64"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho out of order >&2\nexit 3\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def kernel(tmp_path: Path) -> Path:
    (tmp_path / "Image").write_bytes(_image())
    (tmp_path / "busybox").write_bytes(_busybox())
    return tmp_path / "Image"


def test_an_image_says_which_linux_it_is(kernel: Path) -> None:
    image = Image.found(kernel)
    assert (image.release, str(image.series)) == ("6.12.9-test", "6.12")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is no arm64 kernel image"),
        (b"\x1f\x8bno", "cannot be unpacked"),
        (_image().replace(b"Linux", b"Minix"), "says nowhere which Linux it is"),
        (_image("5.10.1"), "older than 6.1"),
        (gzip.compress(bytes(1 << 21), mtime=0), "too large for a kernel image when it is unpacked"),
        (gzip.compress(b"MZ", mtime=0)[:-9] + bytes(9), "cannot be unpacked"),
    ],
)
def test_what_is_no_image_is_refused(kernel: Path, content: bytes, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_image, "_LARGEST_IMAGE_BYTES", 1 << 20)
    kernel.write_bytes(content)
    with pytest.raises(InputError, match=told):
        Image.found(kernel)


def test_what_has_no_end_is_not_read(asymboot: Asymboot, kernel: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for endless in (Path("/dev/zero"), tmp_path / "pipe"):
        with pytest.raises(InputError, match=r"is larger than|is no arm64 kernel image"):
            Image.found(endless)
        with pytest.raises(InputError, match=r"is larger than|is no arm64 program"):
            Image.found(kernel, endless)
        assert asymboot.refused("conform", endless, "--kernel", kernel)


def test_what_is_missing_is_named(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="cannot be read as a kernel image: No such file"):
        Image.found(kernel.parent / "none")
    (kernel.parent / "busybox").write_bytes(b"#!/bin/sh")
    with pytest.raises(InputError, match="busybox: is no arm64 program"):
        Image.found(kernel)
    (kernel.parent / "busybox").unlink()
    with pytest.raises(InputError, match="busybox-static:arm64"):
        Image.found(kernel)
    monkeypatch.setenv("PATH", str(kernel.parent))
    with pytest.raises(InputError, match="is not installed: on Debian it is in the package qemu-system-arm"):
        Image.found(kernel)


def test_a_qemu_that_does_not_start_is_told_of_each_case(asymboot: Asymboot, kernel: Path, tmp_path: Path) -> None:
    result = asymboot("conform", "bug", "phone", "--kernel", kernel, "--record", tmp_path / "out")
    assert result.exit_code == 2
    assert "asymboot: 6.12/bug: not booted: qemu-system-aarch64 does not start: out of order" in result.stderr
    assert "asymboot: 6.12/phone: not booted: " in result.stderr
    assert result.stdout == "0 boots, 0 agree\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "told"),
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
        (["--kernel", "KERNEL", str(DIRECTED.parent.parent / "pkvm-saves.json")], "holds no recorded boots"),
    ],
)
def test_wrong_input_is_told_in_a_line(asymboot: Asymboot, kernel: Path, words: list[str], told: str) -> None:
    result = asymboot("conform", *(kernel if word == "KERNEL" else word for word in words))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert told in result.stderr


def test_a_qmp_library_that_is_missing_is_named() -> None:
    program = "import sys; sys.modules['qemu.qmp'] = None; from sim.cli import main; main()"
    words = [sys.executable, "-c", program, "conform", "bug", "--kernel", "Image"]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    told = "asymboot: `conform` needs packages that are not installed: pip install 'asymboot[live]'\n"
    assert (result.returncode, result.stderr) == (2, told)


# What is asked of the guest


def test_the_archive_holds_the_programs_and_a_console() -> None:
    archive = initramfs(b"program")
    names, place = {}, 0
    while "TRAILER!!!" not in names:
        fields = [int(archive[place + 6 + 8 * one : place + 14 + 8 * one], 16) for one in range(13)]
        size, name_size = fields[6], fields[11]
        begins = -(-(place + 110 + name_size) // 4) * 4
        name = archive[place + 110 : place + 109 + name_size].decode()
        names[name] = (fields[1], archive[begins : begins + size])
        place = -(-(begins + size) // 4) * 4
    assert place == len(archive)
    assert names["bin/busybox"] == (0o100755, b"program")
    assert names["init"][1].startswith(b"#!/bin/busybox sh\n")
    assert names["dev/console"][0] == 0o020600


def _scenario(**changes: object) -> Scenario:
    topology = Topology.of([[128], [128, 256], [128]])
    return Scenario(topology, maxcpus=2, kernel="6.18", design="tabba", relay=Relay.RELAXED).but(**changes)


@pytest.fixture
def image(kernel: Path) -> Image:
    return Image.found(kernel)


def test_what_is_the_kernels_is_the_images(image: Image) -> None:
    actions = (Action(Do.ONLINE, "cpu2"), Action(Do.GUEST, "cpu0"))
    booted = as_booted(_scenario(actions=actions), image)
    assert (booted.kernel, booted.design, booted.relay) == ("6.12", None, Relay.ENFORCING)
    assert booted.actions == actions[:1]
    patched = as_booted(_scenario(), image, "tabba").active_design
    assert patched is not None
    assert patched.name == "tabba"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"faults": (Fault("cpu1", never_arrives=True),)}, "faults of firmware"),
        ({"actions": tuple(Action(Do.ONLINE, "cpu2", agent=one) for one in "ab")}, "several agents"),
        ({"actions": (Action(Do.AWAIT, "cpu2"),)}, "await"),
        ({"allocation_fails_at": "cpu1"}, "a failing allocation"),
        ({"bring_up": "parallel"}, "in parallel"),
        ({"kvm_init": KvmInit.ANY_TIME}, "at any time"),
        ({"topology": Topology((cpu("a", [128]), cpu("b", [128], late=True), cpu("c", [128])))}, "behind a late one"),
        ({"topology": Topology((cpu("a", [128], [128]), cpu("b", [128])))}, "with SME and without"),
        ({"topology": Topology((cpu("a", [128], [128]), cpu("b", None, [128])))}, "of which some lack SVE"),
    ],
)
def test_what_only_the_simulator_can_do_is_not_booted(image: Image, changes: dict[str, object], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        as_booted(_scenario(**changes), image)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kernel": "6.12", "design": None, "relay": "enforcing"}, []),
        ({}, ["series 6.18", "design tabba", "relay relaxed"]),
        ({"kernel": "6.12", "design": "constrain-v2", "relay": "enforcing", "seed": 1}, ["seed"]),
        (
            {"kernel": "6.12", "design": None, "page_bytes": 65536, "memory": "isolated"},
            ["relay relaxed", "page_bytes 65536", "memory isolated"],
        ),
        (
            {"kernel": "6.12", "design": "tabba", "latencies": Latencies(probe=fixed("1us"))},
            ["design tabba", "relay relaxed", "latencies"],
        ),
        (
            {"kernel": "6.11", "design": None, "actions": (Action(Do.ONLINE, "cpu2", 5), Action(Do.GUEST, "cpu0"))},
            ["series 6.11", "relay relaxed", "guests", "the actions' times"],
        ),
    ],
)
def test_what_is_left_out_is_said(image: Image, changes: dict[str, object], told: list[str]) -> None:
    scenario = _scenario(**changes)
    assert left_out(scenario, as_booted(scenario, image)) == told


def test_a_design_that_the_kernel_is_patched_to_is_not_left_out(image: Image) -> None:
    scenario = _scenario(kernel="6.12", relay="enforcing")
    assert left_out(scenario, as_booted(scenario, image, "tabba")) == []


def test_random_cases_are_legal_and_the_same_again() -> None:
    cases = random_cases(60, 7, kernel_series("7.3"))
    assert cases[:20] == random_cases(20, 7, kernel_series("7.3"))
    assert len({case.scenario for case in cases}) == len({case.name for case in cases}) == 60
    for case in cases:
        for one in case.scenario.topology.cpus:
            assert one.sve_vqs is None or why_not_sve(one.sve_vqs) is None
            assert one.sme_vqs is None or why_not_sme(one.sme_vqs) is None
    assert any(one.sme_vqs for case in cases for one in case.scenario.topology.cpus)
    assert not any(
        one.sme_vqs for case in random_cases(60, 7, kernel_series("6.12")) for one in case.scenario.topology.cpus
    )


# What the guest says

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


def test_a_console_is_read() -> None:
    told = said(CONSOLE + "@@ online 0-1\r\n@@ end\r\n")
    assert told.release == "6.12.9-test"
    assert told.boot_log == [
        "SVE: maximum available vector length 32 bytes per vector",
        "kvm [1]: VHE mode initialized successfully",
    ]
    assert told.task_bytes == {"sve": [16, 32]}
    assert (told.code_address, told.image_end) == (0x40210000, 0x42210000)
    assert told.symbols == {"_text": 0xFFFF800080000000}
    assert told.actions == [
        RecordedAction("on:1", "failed", "EIO", ["SVE: cpu1: Required vector length(s) missing"], 5.11),
        RecordedAction("off:2", "offline", None, [], 0.11),
    ]
    assert (told.online, told.ended) == ("0-1", True)


def test_a_length_of_0_is_none() -> None:
    assert said("@@ lengths sve 16 32\n@@ lengths sme 0 0 0\n").task_bytes == {"sve": [16, 32], "sme": []}


def test_an_action_that_nobody_came_back_from_hangs_with_what_the_console_shows() -> None:
    panic = "[    7.1] Kernel panic - not syncing: HYP panic:\n[    7.1] ---[ end Kernel panic - not syncing ]---\n"
    told = said(CONSOLE + "@@ try on:2 6.90\r\n" + panic)
    assert told.actions[-1] == RecordedAction("on:2", "hung", None, ["Kernel panic - not syncing: HYP panic:"])
    assert not told.ended


def test_lines_that_a_panic_ran_into_say_nothing() -> None:
    assert (
        said("@@ lengths sve 16 [    7.1] Kernel panic\n@@ symbol\n@@ code \n@@ try on:1\n@@ done on").task_bytes == {}
    )


# What the kernel's memory holds


def _record(kind: int, name: int, *, shared: int = 0, partial: int = 0) -> bytes:
    maps = (one.to_bytes(64, "little") for one in (shared, partial))
    return struct.pack("<I4xQiii4x64s64s", kind, name, 16, 32, 16, *maps)


FIRST, SECOND = 1 << 511, 1 << 510
SVE = RecordedVlInfo(16, 32, 16, [128], [128, 256])
NAME_AT = 0x1234


def test_the_kernels_record_is_read() -> None:
    sve = _record(0, NAME_AT, shared=FIRST, partial=FIRST | SECOND)
    assert kernel_memory.vl_infos(sve + bytes(160)) == (SVE, None)
    assert kernel_memory.vl_infos(sve + _record(1, 8)) == (SVE, RecordedVlInfo(16, 32, 16, [], []))
    assert kernel_memory.vl_infos(sve + _record(2, 8)) is None
    assert kernel_memory.vl_infos(_record(7, NAME_AT) + bytes(160)) is None
    assert kernel_memory.vl_infos(bytes(16) + struct.pack("<i", 17) + bytes(300)) is None


def test_a_record_that_has_no_symbol_is_found_by_its_name() -> None:
    sve = _record(0, 0xFFFF800008000000 + NAME_AT, shared=FIRST, partial=FIRST | SECOND)
    memory = bytearray(0x4000)
    memory[NAME_AT - 1 : NAME_AT + 4] = b"\0SVE\0"
    memory[0x2008 : 0x2008 + len(sve)] = sve
    assert kernel_memory.found_vl_infos(bytes(memory)) == (SVE, None)
    memory[0x3000 : 0x3000 + len(sve)] = sve
    assert kernel_memory.found_vl_infos(bytes(memory)) is None
    assert kernel_memory.found_vl_infos(bytes(64)) is None


def test_symbols_lie_in_the_image() -> None:
    assert kernel_memory.place({"_text": 0x1000, "vl_info": 0x1800}, "vl_info") == 0x800
    assert kernel_memory.place({"vl_info": 0x1800}, "vl_info") is None
    assert kernel_memory.place({"_text": 0x1000}, "vl_info") is None
    assert kernel_memory.beginning(0x40210000) == 0x40200000


class _Guest:
    """A guest whose memory begins at 0x40200000."""

    console = ""

    def __init__(self, memory: bytes) -> None:
        self._memory = memory

    async def memory(self, address: int, size: int) -> bytes:
        return self._memory[address - 0x40200000 :][:size]


@pytest.mark.parametrize("hidden", ["0" * 16, "ffff800080000000"])
def test_what_kallsyms_hides_is_not_compared(hidden: str) -> None:
    symbols = [f"@@ symbol {hidden} D {name}" for name in ("_text", "vl_info", "kvm_sve_max_vl")]
    told = said("\n".join([*CONSOLE.splitlines()[:-5], *symbols]))
    memory = asyncio.run(live_boot._of_memory(cast("Any", _Guest(b"MZ" * 1000)), told))
    assert memory == live_boot._OfMemory(None, None, None)


def test_what_iomem_hides_is_not_compared() -> None:
    told = said("@@ code 00000000-00000000 : Kernel code\n@@ data 00000000-00000000 : Kernel data\n")
    memory = asyncio.run(live_boot._of_memory(cast("Any", _Guest(b"")), told))
    assert memory == live_boot._OfMemory(None, None, None)


# Many boots


def _boots() -> list[RecordedBoot]:
    return [one for one in read_records(DIRECTED) if isinstance(one, RecordedBoot)]


class Stage:
    """Where recorded boots are played as if they were booted."""

    def __init__(self, asymboot: Asymboot, kernel: Path, boots: Sequence[RecordedBoot]) -> None:
        self.asymboot = asymboot
        self.kernel = kernel
        self.records = {one.id: one for one in boots}
        self.played = self.records
        self.ended: list[str] = []
        self.first: Callable[[str], Awaitable[None]] = self._nothing
        """What is done before a boot, by its id."""

    async def _nothing(self, identity: str) -> None:
        pass

    async def play(self, identity: str, *_: object) -> LiveBoot:
        beside = asyncio.create_task(_for_ever())  # as a machine has some, which it needs to its end
        try:
            await self.first(identity)
            return LiveBoot(self.played[identity], "")
        finally:
            await asyncio.sleep(0.01)
            if beside.cancel():
                self.ended.append(identity)

    def conform(self, *words: str | Path) -> Result:
        file = self.kernel.parent / "boots.json"
        file.write_bytes(msgspec.json.encode(list(self.records.values())))
        return self.asymboot("conform", file, "--kernel", self.kernel, "--jobs", "3", *words, columns="120")


@pytest.fixture
def stage(asymboot: Asymboot, kernel: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Three boots to be played."""
    there = Stage(asymboot, kernel, _boots()[:3])
    monkeypatch.setattr(live_conformance, "boot_live", there.play)
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, *TO_END)}
    yield there
    for number, handler in before.items():
        signal.signal(number, handler)


async def _for_ever() -> None:
    await asyncio.Event().wait()


def test_what_cannot_be_written_ends_the_boots_that_are_under_way(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *others = stage.records
    stage.first = lambda identity: stage._nothing("") if identity == first else _for_ever()
    monkeypatch.setattr(conformance_text, "heading", Mock(side_effect=InputError("no space left")))
    result = stage.conform()
    assert (result.exit_code, result.stderr) == (2, "asymboot: no space left\n")
    assert sorted(stage.ended) == sorted([first, *others])


def test_a_slow_boot_holds_up_no_other(stage: Stage, tmp_path: Path) -> None:
    slow, *others = stage.records
    file = tmp_path / "out" / "linux-6.12.json"

    async def first(identity: str) -> None:
        for _ in range(1000 if identity == slow else 0):
            if file.exists() and len(read_records(file)) == len(others):
                return
            await asyncio.sleep(0.01)
        if identity == slow:
            raise InputError("nothing was recorded meanwhile")

    stage.first = first
    result = stage.conform("--record", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert [line.partition(": ")[0] for line in result.stdout.splitlines() if "agree:" in line] == [*others, slow]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("times", [1, 4])
def test_a_signal_ends_the_boots_and_what_was_done_is_told(stage: Stage, number: int, times: int) -> None:
    *quick, last = stage.records

    async def first(identity: str) -> None:
        if identity == last:
            while len(stage.ended) < len(quick):
                await asyncio.sleep(0.01)
            for _ in range(times):
                os.kill(os.getpid(), number)
            await _for_ever()

    stage.first = first
    result = stage.conform("--json")
    assert result.exit_code == 128 + number
    assert result.stderr == "asymboot: stopped; what was found until then is above\n"
    assert [row["id"] for row in json.loads(result.stdout)] == quick
    assert stage.ended[-1] == last


def test_a_signal_that_is_ignored_stays_so(stage: Stage) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    async def first(_: str) -> None:
        os.kill(os.getpid(), signal.SIGHUP)

    stage.first = first
    assert stage.conform().exit_code == 0


def test_actions_that_no_guest_performed_are_a_difference(
    asymboot: Asymboot, kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boots = [one for one in _boots() if one.observed.actions][:1]
    stage = Stage(asymboot, kernel, boots)
    monkeypatch.setattr(live_conformance, "boot_live", stage.play)
    stage.played = {one.id: replace(one, observed=replace(one.observed, actions=[])) for one in boots}
    result = stage.conform()
    assert result.exit_code == 1
    assert "  DIFF  actions\n" in result.stdout


@pytest.mark.parametrize(("differs", "code"), [(True, 1), (False, 2)])
def test_a_difference_outweighs_a_boot_that_there_was_not(stage: Stage, differs: bool, code: int) -> None:
    one, *_, lost = stage.records
    if differs:
        stage.played = {**stage.records, one: replace(stage.records[one], observed=_other(stage.records[one]))}

    async def first(identity: str) -> None:
        if identity == lost:
            raise InputError("it fell over")

    stage.first = first
    result = stage.conform("--json")
    assert (result.exit_code, result.stderr) == (code, f"asymboot: {lost}: not booted: it fell over\n")
    rows = json.loads(result.stdout)
    assert [row["id"] for row in rows] == list(stage.records)
    assert [row["agrees"] for row in rows] == [not differs, True, None]
    assert [row["not_booted"] for row in rows] == [None, None, "it fell over"]
    jsonschema.validate(rows, json.loads(schema_text("conformance")))


def _other(record: RecordedBoot) -> ObservedBoot:
    return replace(record.observed, online_at_end="7")


@pytest.fixture
def _emulator_that_is_silent(_emulator: None, tmp_path: Path) -> None:
    (tmp_path / "bin" / "qemu-system-aarch64").write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")


@pytest.mark.usefixtures("_emulator_that_is_silent")
def test_a_machine_that_does_not_answer_is_ended_at_once(kernel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_LONGEST_ANSWER_S", "_LONGEST_END_S"):
        monkeypatch.setattr(qemu_machine, name, 500)

    async def begin() -> None:
        async with qemu_machine.machine(kernel, b"", "", [RecordedCpu([128])], el2=True):
            raise AssertionError

    async def begin_and_cancel() -> None:
        others = psutil.Process().children()
        beginning = asyncio.create_task(begin())
        while not (started := [one for one in psutil.Process().children() if one not in others]):
            await asyncio.sleep(0.01)
        beginning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await beginning
        assert psutil.wait_procs(started, timeout=60)[1] == []

    asyncio.run(asyncio.wait_for(begin_and_cancel(), 120))


_STARTS = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-I", "-S", sys.argv[1], str(os.getpid()), "sleep", "600"])
input()
"""


def test_a_guarded_program_is_killed_with_what_started_it() -> None:
    command = [sys.executable, "-c", _STARTS, parent_death.__file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as parent:
        while not (there := [one for one in psutil.Process(parent.pid).children() if one.name() == "sleep"]):
            assert parent.poll() is None
        parent.kill()
    assert psutil.wait_procs(there, timeout=60)[1] == []


@pytest.mark.parametrize(
    ("parent", "program", "told"),
    [("0", "sleep", "what started it is gone\n"), ("", "no-such-program", "No such file or directory\n")],
)
def test_a_program_that_cannot_be_guarded_is_told(parent: str, program: str, told: str) -> None:
    words = [sys.executable, parent_death.__file__, parent or str(os.getpid()), program]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, told)


# Recordings


def test_a_recording_grows_and_has_each_boot_once(tmp_path: Path) -> None:
    first, second = _boots()[:2]
    series = kernel_series("6.12")
    Recording(tmp_path / "new", series, ["any"]).add(first)
    Recording(tmp_path / "new", series, ["any"]).add(second)
    path = tmp_path / "new" / "linux-6.12.json"
    assert read_records(path) == [first, second]
    assert path.read_text(encoding="utf-8").count("\n") == 4
    with pytest.raises(InputError, match=f"has {first.id} already: record elsewhere, or take it out"):
        Recording(tmp_path / "new", series, [first.id.removeprefix("6.12/")])


def test_boots_lie_in_the_order_of_their_cases_behind_those_of_others(tmp_path: Path) -> None:
    series, (other, *boots) = kernel_series("6.12"), _boots()[:5]
    own = Recording(tmp_path, series, [one.id.removeprefix("6.12/") for one in boots])
    Recording(tmp_path, series, []).add(other)
    for one in (boots[2], boots[0], boots[3], boots[1]):
        own.add(one)
    assert read_records(own.path) == [other, *boots]


def _record_some(folder: Path, part: int) -> None:
    boots = _boots()[part::3]
    recording = Recording(folder, kernel_series("6.12"), [one.id.removeprefix("6.12/") for one in boots])
    for one in boots:
        recording.add(one)


def test_commands_that_record_into_one_folder_lose_nothing(tmp_path: Path) -> None:
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        assert list(pool.map(_record_some, [tmp_path / "out"] * 3, range(3))) == [None] * 3
    (file,) = (tmp_path / "out").iterdir()
    assert {one.id for one in read_records(file)} == {one.id for one in _boots()}


def test_a_boot_that_another_command_recorded_meanwhile_is_told(tmp_path: Path) -> None:
    boot, series = _boots()[0], kernel_series("6.12")
    first, second = (Recording(tmp_path, series, [boot.id.removeprefix("6.12/")]) for _ in range(2))
    first.add(boot)
    with pytest.raises(InputError, match=f"has {boot.id} already"):
        second.add(boot)


def test_a_recording_that_cannot_be_written_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = _boots()[:2]
    recording = Recording(tmp_path / "out", kernel_series("6.12"), [])
    recording.add(first)
    monkeypatch.setattr(Path, "replace", Mock(side_effect=OSError(errno.ENOSPC, "No space left on device")))
    with pytest.raises(InputError, match="json: No space left on device"):
        recording.add(second)
    assert list((tmp_path / "out").iterdir()) == [recording.path]
    assert read_records(recording.path) == [first]


def test_a_folder_that_becomes_a_file_ends_the_command(stage: Stage, tmp_path: Path) -> None:
    *_, last = stage.records

    async def first(identity: str) -> None:
        if identity == last:
            await _for_ever()
        (tmp_path / "out").touch()

    stage.first = first
    result = stage.conform("--record", tmp_path / "out")
    assert (result.exit_code, result.stderr) == (2, f"asymboot: {tmp_path}/out/linux-6.12.json: File exists\n")
    assert last in stage.ended


@pytest.mark.parametrize(
    "file", sorted(DIRECTED.parent.parent.rglob("linux-*.json")), ids=lambda file: file.parent.name
)
def test_every_recorded_boot_has_a_name_of_its_own(file: Path) -> None:
    cases = cases_of(file)
    assert len({case.name for case in cases}) == len(cases) == len(read_records(file))
    assert not [case for case in cases if any(one.do is Do.GUEST for one in case.scenario.actions)]


def test_recorded_boots_can_be_booted_again(image: Image) -> None:
    for case, record in zip(cases_of(DIRECTED), _boots(), strict=True):
        booted = as_booted(case.scenario, image)
        assert [f"{'on' if one.do is Do.ONLINE else 'off'}:{one.cpu[3:]}" for one in booted.actions] == [
            one.action for one in record.observed.actions
        ]


def test_what_was_not_read_is_not_compared() -> None:
    record = _boots()[0]
    names = [field.name for field in compare_boot(record, boot(boot_scenario(record)))]
    assert "task_vls_bits" in names
    assert not set(record.not_read) & set(names)
    assert not_compared(record) == record.not_read == ["guest_vls_bits", "guest_rdvl_bits"]
