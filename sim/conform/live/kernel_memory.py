"""The kernel's ``vl_info`` records, found and decoded in an image of the kernel's memory.

Source: ``struct vl_info`` in arch/arm64/include/asm/fpsimd.h and ``vl_info`` in arch/arm64/kernel/fpsimd.c, unchanged
since 5.16: the type, a pointer to the name, the minimum, the maximum and the maximum virtualisable length in bytes, and
two bitmaps of 512 bits. A bitmap has VQ at bit 512 - VQ (``__vq_to_bit``), so that its last bit stands for 128 bits.
"""

import re
import struct
from collections.abc import Mapping

from sim.conform.run_records import RecordedVlInfo
from sim.vectors import QUADWORD_BYTES, VQ_MAX, bits_from_vq

# The gaps of four bytes are the compiler's: before the pointer, and before the bitmaps, which are arrays of longs.
_VL_INFO = struct.Struct("<I4xQiii4x64s64s")
VL_INFOS_BYTES = 2 * _VL_INFO.size
"""The size of both records, SVE's and then SME's, in bytes."""
_SVE, _SME = 0, 1
"""``enum vec_type``"""
_NAME = b"\0SVE\0"
_SVE_VQ_MAX = 512
"""The ABI's largest VQ (uapi/asm/sve_context.h), which sizes the bitmaps; the architecture's is `VQ_MAX`, 16."""
_IMAGE_ALIGNMENT_BYTES = 2 * 1024 * 1024

VlInfos = tuple[RecordedVlInfo, RecordedVlInfo | None]
"""The records of SVE and of SME; None where the kernel was built without SME."""


def image_offset(symbols: Mapping[str, int], name: str) -> int | None:
    """Return the offset of a symbol in the kernel's image, in bytes.

    Args:
        symbols: virtual addresses from /proc/kallsyms, among them that of ``_text``, the beginning of the image.
        name: the symbol.

    Returns:
        None if the kernel does not list the symbol, or hides its address: then it reads as 0.
    """
    address, text = symbols.get(name, 0), symbols.get("_text", 0)
    return address - text if 0 < text < address else None


def image_start(code_address: int) -> int:
    """Return the physical address of the kernel's image, given that of its first code in /proc/iomem.

    Without KASLR the image lies at a multiple of 2 MiB, and its first code less than 2 MiB behind that.
    """
    return code_address - code_address % _IMAGE_ALIGNMENT_BYTES


def search_vl_infos(image: bytes) -> VlInfos | None:
    """Search the kernel's image for the records, as 6.1 does not list them in /proc/kallsyms.

    A record of SVE begins with eight bytes of zeros (the type and padding), followed by a pointer to the string "SVE".
    The virtual address of the image is unknown, but a multiple of 2 MiB, so that pointer and string have the same
    offset modulo 2 MiB: 21 bits to recognise the pointer by. What follows must decode as two records.

    Returns:
        The records, or None unless there is exactly one valid match.
    """
    found = []
    for name in re.finditer(_NAME, image):
        offset = (name.start() + 1) % _IMAGE_ALIGNMENT_BYTES
        # The lower 16 of the 21 known bits are whole bytes, which an expression finds fast; the rest is compared below.
        for match in re.finditer(b"\0{8}" + re.escape(offset.to_bytes(3, "little")[:2]), image):
            pointer = int.from_bytes(image[match.start() + 8 : match.end() + 6], "little")
            if match.start() % 8 == 0 and pointer % _IMAGE_ALIGNMENT_BYTES == offset:
                found.append(decode_vl_infos(image[match.start() : match.start() + VL_INFOS_BYTES]))
    valid = [vl_infos for vl_infos in found if vl_infos is not None]
    return valid[0] if len(valid) == 1 else None


def decode_vl_infos(memory: bytes) -> VlInfos | None:
    """Decode the records; None if the bytes hold something else."""
    if len(memory) != VL_INFOS_BYTES:
        return None
    (sve_type, _, *sve_fields), (sme_type, _, *sme_fields) = _VL_INFO.iter_unpack(memory)
    sve = _decode_vl_info(*sve_fields) if sve_type == _SVE else None
    sme = _decode_vl_info(*sme_fields) if sme_type == _SME else None
    # Without SME the second record is all zeros.
    return None if sve is None or (sme is None and any(memory[_VL_INFO.size :])) else (sve, sme)


def _decode_vl_info(
    min_vl: int, max_vl: int, max_virtualisable_vl: int, vq_map: bytes, vq_partial_map: bytes
) -> RecordedVlInfo | None:
    lengths = (min_vl, max_vl, max_virtualisable_vl)
    if any(vl % QUADWORD_BYTES or not 0 <= vl <= _SVE_VQ_MAX * QUADWORD_BYTES for vl in lengths):
        return None
    return RecordedVlInfo(*lengths, _bits_from_bitmap(vq_map), _bits_from_bitmap(vq_partial_map))


def _bits_from_bitmap(bitmap: bytes) -> list[int]:
    number = int.from_bytes(bitmap, "little")
    return [bits_from_vq(vq) for vq in range(1, VQ_MAX + 1) if number >> (_SVE_VQ_MAX - vq) & 1]
