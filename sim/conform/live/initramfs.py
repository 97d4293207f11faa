"""The guest's root file system: a busybox and an init, as the kernel's initramfs archive ("newc" cpio)."""

from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple

_DIRECTORY, _FILE, _CHARACTER_DEVICE = 0o040755, 0o100755, 0o020600
_CONSOLE = (5, 1)


class _Entry(NamedTuple):
    name: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def initramfs(busybox: bytes) -> bytes:
    """The archive with a static arm64 busybox as the only program; the same bytes for the same busybox."""
    init = (files("sim.conform.live") / "init.sh").read_bytes()
    entries = [
        *(_Entry(name, _DIRECTORY) for name in ("bin", "dev", "proc", "sys")),
        _Entry("dev/console", _CHARACTER_DEVICE, device=_CONSOLE),
        _Entry("bin/busybox", _FILE, busybox),
        _Entry("init", _FILE, init),
        _Entry("TRAILER!!!", 0),
    ]
    return b"".join(part for inode, entry in enumerate(entries, 1) for part in _parts(inode, entry))


def _parts(inode: int, entry: _Entry) -> Iterator[bytes]:
    name = entry.name.encode() + b"\0"
    owner = modified = device = checksum = 0
    numbers = (inode, entry.mode, owner, owner, 1, modified, len(entry.content), device, device, *entry.device)
    header = "070701" + "".join(f"{number:08x}" for number in (*numbers, len(name), checksum))
    yield _padded(header.encode() + name)
    yield _padded(entry.content)


def _padded(part: bytes) -> bytes:
    """To a multiple of four bytes."""
    return part + bytes(-len(part) % 4)
