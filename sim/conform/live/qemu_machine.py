"""A virtual arm64 machine under QEMU, each CPU with vector lengths of its own.

It leaves nothing behind: it has no files but open ones, and ends with the process that started it.
"""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from qemu.qmp import ExecInterruptedError, QMPClient, QMPError, StateError

from sim.conform.live import parent_death
from sim.conform.live.qemu_args import EMULATOR, board, properties
from sim.conform.run_records import RecordedCpu
from sim.errors import InputError

_END_OF_PANIC = b"---[ end Kernel panic"
_LONGEST_ANSWER_S, _LONGEST_END_S = 30, 5
_CONSOLE_LAGS_S = 0.05
_MOST_CONSOLE_BYTES = 16 * 1024 * 1024


class Machine:
    """A virtual machine that has not begun, or runs, or came to its end."""

    def __init__(self, process: asyncio.subprocess.Process, monitor: QMPClient, memory: int) -> None:
        self._process, self._monitor, self._memory = process, monitor, memory
        self._console = bytearray()
        self._panicked = asyncio.Event()
        self._reading = asyncio.create_task(self._read_console())

    async def _read_console(self) -> None:
        assert self._process.stdout is not None
        while more := await self._process.stdout.read(65536):
            self._console += more
            del self._console[:-_MOST_CONSOLE_BYTES]
            if _END_OF_PANIC in self._console[-len(more) - len(_END_OF_PANIC) :]:
                self._panicked.set()

    async def begin(self, monitor: socket.socket) -> None:
        """Talk to QEMU by a socket.

        Raises:
            InputError: it does not start.
        """
        try:
            async with asyncio.timeout(_LONGEST_ANSWER_S):
                await self._monitor.connect(monitor)
        except TimeoutError:
            raise InputError(f"{EMULATOR} does not answer") from None
        except (QMPError, EOFError, OSError):
            raise InputError(f"{EMULATOR} does not start: {await self._last_words()}") from None

    @property
    def version(self) -> str:
        """QEMU's version, such as 7.2."""
        greeting = self._monitor.greeting
        assert greeting is not None
        qemu: Any = greeting.QMP.version["qemu"]
        return f"{qemu['major']}.{qemu['minor']}"

    @property
    def console(self) -> str:
        """What the guest's console showed so far."""
        return self._console.decode(errors="replace")

    async def set_lengths(self, cpus: Sequence[RecordedCpu]) -> None:
        """Give each CPU its lengths, and read back that it has them.

        Raises:
            InputError: this QEMU's CPUs cannot have them.
        """
        found = await self._ask("query-cpus-fast")
        for number, (place, cpu) in enumerate(zip(found, cpus, strict=True)):
            await self._set(place["qom-path"], properties(cpu.sve_bits, cpu.sme_bits), f"cpu{number}")

    async def _ask(self, command: str, arguments: dict[str, Any] | None = None) -> Any:
        """Have QEMU do something.

        Raises:
            InputError: it does not answer.
            QMPError: it cannot.
        """
        try:
            async with asyncio.timeout(_LONGEST_ANSWER_S):
                return await self._monitor.execute(command, arguments)
        except TimeoutError:
            raise InputError(f"{EMULATOR} does not answer {command!r}") from None
        except (StateError, ExecInterruptedError):
            raise InputError(f"{EMULATOR} ended: {await self._last_words()}") from None

    async def _set(self, path: str, wanted: dict[str, bool], cpu: str) -> None:
        for name, value in wanted.items():
            try:
                await self._ask("qom-set", {"path": path, "property": name, "value": value})
                has = await self._ask("qom-get", {"path": path, "property": name})
            except QMPError as error:
                raise InputError(f"{EMULATOR}: {cpu}: {name} cannot be set: {error}") from None
            if has != value:
                raise InputError(f"{EMULATOR}: {cpu}: {name} cannot be {'on' if value else 'off'}")

    async def run(self, longest_s: float) -> None:
        """Let it run until it ends, by itself or in a panic.

        Raises:
            InputError: that took too long, or QEMU ended.
        """
        with self._monitor.listener("SHUTDOWN") as ended:
            await self._ask("cont")
            ends = [
                asyncio.create_task(ended.get()),
                asyncio.create_task(self._panicked.wait()),
                asyncio.create_task(self._process.wait()),
            ]
            try:
                done, _ = await asyncio.wait(ends, timeout=longest_s, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in ends:
                    one.cancel()
                await asyncio.gather(*ends, return_exceptions=True)
        if ends[-1] in done:
            raise InputError(f"{EMULATOR} ended while the guest ran: {await self._last_words()}")
        if not done:
            raise InputError(f"the guest did not end within {longest_s} s; its last line: {self._last_line()!r}")
        await self._ask("stop")
        await asyncio.sleep(_CONSOLE_LAGS_S)

    def _last_line(self) -> str:
        return next((line for line in reversed(self.console.splitlines()) if line.strip()), "")

    async def _last_words(self) -> str:
        """What QEMU said before it ended, and how it did."""
        assert self._process.stderr is not None
        told = b""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LONGEST_END_S):
                await self._process.wait()
                told = await self._process.stderr.read()
        return told.decode(errors="replace").strip() or f"its exit status is {self._process.returncode}"

    async def memory(self, address: int, size: int) -> bytes:
        """Some bytes of the guest's memory, by physical address; none where there is no memory.

        Raises:
            InputError: QEMU does not answer.
        """
        path = f"/proc/self/fd/{self._memory}"
        try:
            await self._ask("pmemsave", {"val": address, "size": size, "filename": path})
        except QMPError:
            return b""
        return os.pread(self._memory, size, 0)

    async def close(self) -> None:
        """End it, whatever it does, and wait until it is gone: even where that is cancelled."""
        with suppress(ProcessLookupError):
            self._process.kill()
        ending = asyncio.create_task(self._end())
        try:
            await asyncio.shield(ending)
        finally:
            await ending

    async def _end(self) -> None:
        await self._process.wait()
        with suppress(QMPError, EOFError, OSError):
            await self._monitor.disconnect()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)


@asynccontextmanager
async def machine(
    kernel: Path, initramfs: bytes, arguments: str, cpus: Sequence[RecordedCpu], *, el2: bool
) -> AsyncIterator[Machine]:
    """A machine that is about to begin; it is gone afterwards.

    Args:
        kernel: the kernel image.
        initramfs: the guest's root file system.
        arguments: the kernel's command line.
        cpus: the lengths of each CPU. Either all have SME, or none: QEMU fixes that when it starts.
        el2: whether they start at EL2.

    Raises:
        InputError: QEMU does not start, or its CPUs cannot have the lengths.
    """
    ours, theirs = socket.socketpair()
    with _open_memory("memory") as memory, _open_memory("initramfs", initramfs) as initrd, ours:
        command = _command(kernel, arguments, cpus, theirs.fileno(), initrd, el2=el2)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(), initrd, memory),
                start_new_session=True,  # Ctrl-C is for us, and we end it
            )
        running = Machine(process, QMPClient(), memory)
        try:
            await running.begin(ours)
            await running.set_lengths(cpus)
            yield running
        finally:
            await running.close()


def _command(
    kernel: Path, arguments: str, cpus: Sequence[RecordedCpu], monitor: int, initrd: int, *, el2: bool
) -> list[str]:
    sme = any(cpu.sme_bits is not None for cpu in cpus)
    return [
        *(sys.executable, "-I", "-S", parent_death.__file__, str(os.getpid())),
        *board(len(cpus), el2=el2, sme=sme),
        *("-action", "shutdown=pause"),
        *("-chardev", f"socket,id=monitor,fd={monitor}", "-mon", "chardev=monitor,mode=control"),
        *("-serial", "stdio", "-kernel", str(kernel), "-initrd", f"/proc/self/fd/{initrd}", "-append", arguments),
    ]


@contextmanager
def _open_memory(name: str, content: bytes = b"") -> Iterator[int]:
    """An open file that has no place on a disk."""
    descriptor = os.memfd_create(name)
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(content)
        yield descriptor
    finally:
        os.close(descriptor)
