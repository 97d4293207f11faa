"""Tests of the guest's initramfs archive."""

from sim.conform.live.initramfs import build_initramfs

_HEADER_BYTES = 110


def _aligned(position: int) -> int:
    """Return the next multiple of 4."""
    return -(-position // 4) * 4


def test_the_archive_holds_the_programs_and_a_console() -> None:
    archive = build_initramfs(b"program")
    entries: dict[str, tuple[int, bytes]] = {}
    position = 0
    while "TRAILER!!!" not in entries:
        fields = [int(archive[position + 6 + 8 * n : position + 14 + 8 * n], 16) for n in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        name = archive[position + _HEADER_BYTES : position + _HEADER_BYTES - 1 + name_size].decode()
        content = _aligned(position + _HEADER_BYTES + name_size)
        entries[name] = (mode, archive[content : content + size])
        position = _aligned(content + size)
    assert position == len(archive)
    assert entries["bin/busybox"] == (0o100755, b"program")
    assert entries["init"][1].startswith(b"#!/bin/busybox sh\n")
    assert entries["dev/console"][0] == 0o020600
