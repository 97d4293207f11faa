"""A virtual arm64 machine under QEMU whose CPUs have vector lengths of their own.

QEMU starts stopped; the lengths are set over QMP, and the machine runs. They are set as QOM properties and not with
-cpu, which gives all CPUs the same. QEMU leaves nothing behind: all its files are open descriptors without a name, and
it ends with the process that started it (`parent_death`). tests/conform/live/test_qemu_machine.py holds it to that.
"""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import msgspec
from qemu.qmp import ExecInterruptedError, QMPClient, QMPError, StateError

from sim.conform.live import parent_death
from sim.conform.live.qemu_args import EMULATOR, board_args, vector_properties
from sim.conform.run_records import RecordedCpu
from sim.errors import EmulatorFailed, InputError

_END_OF_PANIC = b"---[ end Kernel panic"
_ANSWER_TIMEOUT_S, _EXIT_TIMEOUT_S = 30, 5
"""The longest wait for an answer to a QMP command, and for the end of a process that has failed, in seconds."""
_CONSOLE_DELAY_S = 0.05
"""The wait for output that is still on its way from a stopped machine, in seconds."""
_LARGEST_CONSOLE_BYTES = 16 * 1024 * 1024
_READ_BYTES = 65536


class _Version(msgspec.Struct):
    major: int
    minor: int


class _CpuInfo(msgspec.Struct):
    """An entry of QMP's answer to query-cpus-fast."""

    qom_path: str = msgspec.field(name="qom-path")


class Machine:
    """A virtual machine: launched, running, or at its end."""

    def __init__(self, process: asyncio.subprocess.Process, monitor: QMPClient, memory: int) -> None:
        """Take over a QEMU process.

        Args:
            process: the process, whose output is the guest's console.
            monitor: a QMP client that is not connected yet.
            memory: descriptor of an empty file, to dump the guest's memory to.
        """
        self._process, self._monitor, self._memory = process, monitor, memory
        self._console = bytearray()
        self._panicked = asyncio.Event()
        self._reader = asyncio.create_task(self._read_console())

    async def _read_console(self) -> None:
        assert self._process.stdout is not None
        while more := await self._process.stdout.read(_READ_BYTES):
            self._console += more
            # A guest that prints for ever keeps its last bytes only.
            del self._console[:-_LARGEST_CONSOLE_BYTES]
            # The mark may be split between this read and the one before.
            if _END_OF_PANIC in self._console[-len(more) - len(_END_OF_PANIC) :]:
                self._panicked.set()

    async def connect(self, monitor: socket.socket) -> None:
        """Connect to QEMU's monitor through a socket.

        Raises:
            EmulatorFailed: QEMU does not start, or does not answer.
        """
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                await self._monitor.connect(monitor)
        except TimeoutError:
            raise EmulatorFailed(f"{EMULATOR} does not answer") from None
        except (QMPError, EOFError, OSError):
            raise EmulatorFailed(f"{EMULATOR} does not start: {await self._exit_message()}") from None

    @property
    def version(self) -> str:
        """QEMU's version, such as 7.2."""
        greeting = self._monitor.greeting
        assert greeting is not None
        version = msgspec.convert(greeting.QMP.version["qemu"], _Version)
        return f"{version.major}.{version.minor}"

    @property
    def console(self) -> str:
        """The output of the guest's console until now."""
        return self._console.decode(errors="replace")

    async def set_lengths(self, cpus: Sequence[RecordedCpu]) -> None:
        """Give each CPU its vector lengths, and read them back.

        Raises:
            InputError: a CPU of this QEMU cannot have its lengths.
            EmulatorFailed: QEMU ended, or does not answer.
        """
        infos = msgspec.convert(await self._execute("query-cpus-fast"), list[_CpuInfo])
        for cpu, (info, lengths) in enumerate(zip(infos, cpus, strict=True)):
            for name, value in vector_properties(lengths.sve_bits, lengths.sme_bits).items():
                await self._set_property(info.qom_path, name, value, f"cpu{cpu}")

    async def _execute(self, command: str, arguments: Mapping[str, str | int | bool] | None = None) -> object:
        """Execute a QMP command, and return its answer.

        Raises:
            EmulatorFailed: QEMU ended, or does not answer.
            QMPError: QEMU refuses the command.
        """
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                return await self._monitor.execute(command, arguments)
        except TimeoutError:
            raise EmulatorFailed(f"{EMULATOR} does not answer {command!r}") from None
        except (StateError, ExecInterruptedError):
            raise EmulatorFailed(f"{EMULATOR} ended: {await self._exit_message()}") from None

    # The value is read back, because a CPU with other lengths than its record's would make the comparison worthless.
    async def _set_property(self, path: str, name: str, value: bool, cpu: str) -> None:
        try:
            await self._execute("qom-set", {"path": path, "property": name, "value": value})
            actual = await self._execute("qom-get", {"path": path, "property": name})
        except QMPError as error:
            raise InputError(f"{EMULATOR}: {cpu}: {name} cannot be set: {error}") from None
        if actual != value:
            raise InputError(f"{EMULATOR}: {cpu}: {name} cannot be {'on' if value else 'off'}")

    async def run(self, timeout_s: float) -> None:
        """Let the machine run until it shuts down or its kernel has panicked, and stop it.

        Raises:
            EmulatorFailed: QEMU ended, or the guest did neither within `timeout_s` seconds.
        """
        # The listener must exist before the machine runs: an event that no listener waits for is lost.
        with self._monitor.listener("SHUTDOWN") as shutdown:
            await self._execute("cont")
            exited = asyncio.create_task(self._process.wait())
            ends = (asyncio.create_task(shutdown.get()), asyncio.create_task(self._panicked.wait()), exited)
            try:
                done, _ = await asyncio.wait(ends, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in ends:
                    task.cancel()
                await asyncio.gather(*ends, return_exceptions=True)
        # QEMU pauses after a shutdown (`_command`), so that a process that ended has crashed or was killed.
        if exited in done:
            raise EmulatorFailed(f"{EMULATOR} ended while the guest ran: {await self._exit_message()}")
        if not done:
            raise EmulatorFailed(f"the guest did not end within {timeout_s} s; its last line: {self._last_line()!r}")
        await self._execute("stop")
        # The last output may still be in the pipe: QMP and the console are different channels.
        await asyncio.sleep(_CONSOLE_DELAY_S)

    def _last_line(self) -> str:
        return next((line for line in reversed(self.console.splitlines()) if line.strip()), "")

    async def _exit_message(self) -> str:
        """Return QEMU's error output, or else its exit status."""
        assert self._process.stderr is not None
        output = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(_EXIT_TIMEOUT_S):
                await self._process.wait()
                output = await self._process.stderr.read()
        return output.decode(errors="replace").strip() or f"its exit status is {self._process.returncode}"

    async def read_memory(self, address: int, size: int) -> bytes:
        """Return `size` bytes of the guest's memory at a physical address; none where there is no memory.

        Raises:
            EmulatorFailed: QEMU ended, or does not answer.
        """
        path = f"/proc/self/fd/{self._memory}"  # QEMU has inherited the descriptor under the same number
        try:
            await self._execute("pmemsave", {"val": address, "size": size, "filename": path})
        except QMPError:
            return b""
        return os.pread(self._memory, size, 0)

    async def close(self) -> None:
        """End the machine in any state, and wait until QEMU is gone, even if the waiting is cancelled."""
        with suppress(ProcessLookupError):
            self._process.kill()
        ending = asyncio.create_task(self._end())
        try:
            # A cancellation ends this wait but not the task that it shields, which is then awaited a second time.
            await asyncio.shield(ending)
        finally:
            await ending

    async def _end(self) -> None:
        await self._process.wait()
        with suppress(QMPError, EOFError, OSError):
            await self._monitor.disconnect()
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)


@asynccontextmanager
async def launch_machine(
    kernel: Path, initramfs: bytes, command_line: str, cpus: Sequence[RecordedCpu], *, el2: bool
) -> AsyncIterator[Machine]:
    """Launch a machine that waits for `Machine.run`, and end it at the end of the block.

    Args:
        kernel: the kernel image.
        initramfs: the guest's root file system.
        command_line: the kernel's command line.
        cpus: the vector lengths of each CPU. Either all CPUs have SME or none, because QEMU fixes that when it starts.
        el2: True if the CPUs start at EL2.

    Raises:
        EmulatorFailed: QEMU does not start.
        InputError: QEMU's CPUs cannot have the lengths.
    """
    ours, theirs = socket.socketpair()
    with _memory_file("memory") as memory, _memory_file("initramfs", initramfs) as initrd, ours:
        command = _command(kernel, command_line, cpus, theirs.fileno(), initrd, el2=el2)
        # Our copy of QEMU's end is closed after the start. Otherwise the connection would stay open when QEMU ends.
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(), initrd, memory),
                start_new_session=True,  # so that Ctrl-C reaches this process alone, which then ends QEMU
            )
        machine = Machine(process, QMPClient(), memory)
        try:
            await machine.connect(ours)
            await machine.set_lengths(cpus)
            yield machine
        finally:
            await machine.close()


def _command(
    kernel: Path, command_line: str, cpus: Sequence[RecordedCpu], monitor: int, initrd: int, *, el2: bool
) -> list[str]:
    sme = any(cpu.sme_bits is not None for cpu in cpus)
    return [
        *(sys.executable, "-I", "-S", parent_death.__file__, str(os.getpid())),
        *board_args(len(cpus), el2=el2, sme=sme),
        # A machine that has shut down keeps its memory, to be read afterwards.
        *("-action", "shutdown=pause"),
        *("-chardev", f"socket,id=monitor,fd={monitor}", "-mon", "chardev=monitor,mode=control"),
        *("-serial", "stdio", "-kernel", str(kernel), "-initrd", f"/proc/self/fd/{initrd}", "-append", command_line),
    ]


@contextmanager
def _memory_file(name: str, content: bytes = b"") -> Iterator[int]:
    """Yield the descriptor of a file that exists in memory only."""
    descriptor = os.memfd_create(name)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        yield descriptor
    finally:
        os.close(descriptor)
