"""The guest's root file system: an initramfs archive (cpio, "newc" format) with a busybox and an init.

Source: the kernel's Documentation/driver-api/early-userspace/buffer-format.rst.
"""

from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple

_DIRECTORY, _EXECUTABLE, _CHARACTER_DEVICE = 0o040755, 0o100755, 0o020600
_CONSOLE = (5, 1)
"""Major and minor number of /dev/console."""


class _Entry(NamedTuple):
    name: str
    mode: int
    content: bytes = b""
    device: tuple[int, int] = (0, 0)


def build_initramfs(busybox: bytes) -> bytes:
    """Return an archive with a static arm64 busybox as the only program; the same bytes for the same busybox."""
    init = (files("sim.conform.live") / "init.sh").read_bytes()
    entries = [
        *(_Entry(name, _DIRECTORY) for name in ("bin", "dev", "proc", "sys")),
        # The kernel opens /dev/console for init before anything is mounted.
        _Entry("dev/console", _CHARACTER_DEVICE, device=_CONSOLE),
        _Entry("bin/busybox", _EXECUTABLE, busybox),
        _Entry("init", _EXECUTABLE, init),
        _Entry("TRAILER!!!", 0),
    ]
    return b"".join(part for inode, entry in enumerate(entries, 1) for part in _encode(inode, entry))


def _encode(inode: int, entry: _Entry) -> Iterator[bytes]:
    """Yield the header with the name, then the content. Owner and times are 0, so that the bytes never change."""
    name = entry.name.encode() + b"\0"
    uid = gid = mtime = device = checksum = 0
    links = 1
    numbers = (inode, entry.mode, uid, gid, links, mtime, len(entry.content), device, device, *entry.device)
    header = "070701" + "".join(f"{number:08x}" for number in (*numbers, len(name), checksum))
    yield _pad(header.encode() + name)
    yield _pad(entry.content)


def _pad(part: bytes) -> bytes:
    """Pad with zeros to a multiple of four bytes."""
    return part + bytes(-len(part) % 4)
