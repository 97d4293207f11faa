"""The kernel's record of vector lengths, as its memory holds it.

Source: ``struct vl_info`` and ``vl_info`` in arch/arm64/include/asm/fpsimd.h and arch/arm64/kernel/fpsimd.c, the same
from 5.16 on: the type, the name, the smallest, the largest and the largest virtualisable length in bytes, and two maps
of 512 bits whose last bit stands for 128 bits.
"""

import re
import struct
from collections.abc import Mapping

from sim.conform.run_records import RecordedVlInfo
from sim.vectors import VQ_MAX, bits_from_vq

_RECORD = struct.Struct("<I4xQiii4x64s64s")
RECORDS_BYTES = 2 * _RECORD.size
"""Both records: SVE's, then SME's."""
_NAME = b"\0SVE\0"
_ABI_VQ_MAX = 512
_IMAGE_ALIGNED_BYTES = 2 * 1024 * 1024

VlInfos = tuple[RecordedVlInfo, RecordedVlInfo | None]
"""Of SVE and SME; None where the kernel was built without SME."""


def place(symbols: Mapping[str, int], name: str) -> int | None:
    """Where a symbol lies in the kernel's image; None where the kernel does not name it, or hides where it is as 0.

    Args:
        symbols: virtual addresses, of the image's beginning among them.
        name: the symbol.
    """
    there, begins = symbols.get(name, 0), symbols.get("_text", 0)
    return there - begins if 0 < begins < there else None


def beginning(code: int) -> int:
    """Where the kernel's image begins in the guest's memory, by where some of its first code is.

    Without KASLR it begins at a multiple of 2 MiB, in virtual memory as well.
    """
    return code - code % _IMAGE_ALIGNED_BYTES


def found_vl_infos(image: bytes) -> VlInfos | None:
    """The records somewhere in the kernel's image, where it does not name them; None unless they are in one place.

    What is looked for is a record whose pointer to its name leads to "SVE", as far as the image's alignment tells.
    """
    found = []
    for name in re.finditer(_NAME, image):
        address = (name.start() + 1) % _IMAGE_ALIGNED_BYTES
        for match in re.finditer(b"\0{8}" + re.escape(address.to_bytes(3, "little")[:2]), image):
            pointer = int.from_bytes(image[match.start() + 8 : match.end() + 6], "little")
            if match.start() % 8 == 0 and pointer % _IMAGE_ALIGNED_BYTES == address:
                found.append(vl_infos(image[match.start() : match.start() + RECORDS_BYTES]))
    known = [one for one in found if one is not None]
    return known[0] if len(known) == 1 else None


def vl_infos(memory: bytes) -> VlInfos | None:
    """The records; None where the bytes hold something else."""
    if len(memory) != RECORDS_BYTES:
        return None
    sve, sme = _RECORD.iter_unpack(memory)
    first = _vl_info(*sve[2:]) if sve[0] == 0 else None
    second = _vl_info(*sme[2:]) if sme[0] == 1 else None
    return None if first is None or (second is None and any(memory[_RECORD.size :])) else (first, second)


def _vl_info(smallest: int, largest: int, virtualisable: int, shared: bytes, partial: bytes) -> RecordedVlInfo | None:
    lengths = (smallest, largest, virtualisable)
    if any(one % 16 or not 0 <= one <= _ABI_VQ_MAX * 16 for one in lengths):
        return None
    return RecordedVlInfo(*lengths, _bits(shared), _bits(partial))


def _bits(bitmap: bytes) -> list[int]:
    number = int.from_bytes(bitmap, "little")
    return [bits_from_vq(vq) for vq in range(1, VQ_MAX + 1) if number >> (_ABI_VQ_MAX - vq) & 1]
