"""Tests of the records that are read from the kernel's memory."""

import asyncio
import struct

import pytest

from sim.conform.live import live_boot
from sim.conform.live.console_parser import parse_console
from sim.conform.live.kernel_memory import decode_vl_infos, image_offset, image_start, search_vl_infos
from sim.conform.run_records import RecordedVlInfo

BITS_128, BITS_256 = 1 << 511, 1 << 510
"""The bits of 128 and 256 in the kernel's bitmaps."""
SVE = RecordedVlInfo(16, 32, 16, [128], [128, 256])
NAME_OFFSET = 0x1234
UNREAD = live_boot._KernelMemory(None, None, None)


def _vl_info(vector_type: int, name: int, *, vq_map: int = 0, vq_partial_map: int = 0) -> bytes:
    maps = (bitmap.to_bytes(64, "little") for bitmap in (vq_map, vq_partial_map))
    return struct.pack("<I4xQiii4x64s64s", vector_type, name, 16, 32, 16, *maps)


def test_records_are_decoded() -> None:
    sve = _vl_info(0, NAME_OFFSET, vq_map=BITS_128, vq_partial_map=BITS_128 | BITS_256)
    assert decode_vl_infos(sve + bytes(160)) == (SVE, None)
    assert decode_vl_infos(sve + _vl_info(1, 8)) == (SVE, RecordedVlInfo(16, 32, 16, [], []))
    assert decode_vl_infos(sve + _vl_info(2, 8)) is None
    assert decode_vl_infos(_vl_info(7, NAME_OFFSET) + bytes(160)) is None
    assert decode_vl_infos(bytes(16) + struct.pack("<i", 17) + bytes(300)) is None


def test_records_without_a_symbol_are_found_by_the_pointer_to_their_name() -> None:
    sve = _vl_info(0, 0xFFFF800008000000 + NAME_OFFSET, vq_map=BITS_128, vq_partial_map=BITS_128 | BITS_256)
    memory = bytearray(0x4000)
    memory[NAME_OFFSET - 1 : NAME_OFFSET + 4] = b"\0SVE\0"
    memory[0x2008 : 0x2008 + len(sve)] = sve
    assert search_vl_infos(bytes(memory)) == (SVE, None)
    memory[0x3000 : 0x3000 + len(sve)] = sve
    assert search_vl_infos(bytes(memory)) is None, "two matches are no match"
    assert search_vl_infos(bytes(64)) is None


def test_symbols_have_offsets_in_the_image() -> None:
    assert image_offset({"_text": 0x1000, "vl_info": 0x1800}, "vl_info") == 0x800
    assert image_offset({"vl_info": 0x1800}, "vl_info") is None
    assert image_offset({"_text": 0x1000}, "vl_info") is None
    assert image_start(0x40210000) == 0x40200000


class _Guest:
    """A guest whose memory starts at 0x40200000."""

    def __init__(self, memory: bytes) -> None:
        self._memory = memory

    async def read_memory(self, address: int, size: int) -> bytes:
        return self._memory[address - 0x40200000 :][:size]


@pytest.mark.parametrize("address", ["0" * 16, "ffff800080000000"])
def test_addresses_that_kallsyms_hides_are_not_read(address: str) -> None:
    code_and_data = ["@@ code   40210000-4185ffff : Kernel code", "@@ data   41eb0000-4220ffff : Kernel data"]
    symbols = [f"@@ symbol {address} D {name}" for name in ("_text", "vl_info", "kvm_sve_max_vl")]
    report = parse_console("\n".join([*code_and_data, *symbols]))
    assert asyncio.run(live_boot._read_kernel_memory(_Guest(b"MZ" * 1000), report)) == UNREAD


def test_addresses_that_iomem_hides_are_not_read() -> None:
    report = parse_console("@@ code 00000000-00000000 : Kernel code\n@@ data 00000000-00000000 : Kernel data\n")
    assert asyncio.run(live_boot._read_kernel_memory(_Guest(b""), report)) == UNREAD


def test_limits_are_read_by_their_symbols() -> None:
    symbols = "@@ symbol ffff800080000000 T _text\n@@ symbol ffff800080000010 D kvm_sve_max_vl\n"
    report = parse_console(f"@@ code 40210000-4185ffff : Kernel code\n@@ data 0-4220ffff : Kernel data\n{symbols}")
    memory = bytes(0x10) + struct.pack("<I", 32) + bytes(0x10)
    assert asyncio.run(live_boot._read_kernel_memory(_Guest(memory), report)).kvm_sve_max_vl_bytes == 32
