"""A CPU's vector registers, and the control registers that select its vector length.

Registers hold recognisable patterns, so that a restore can be compared with the state before the save. In every
quadword of Zn each byte of the low half is 0x40 + n, and the high half is the CPU's number plus 1. Each byte of Pn is
0x80 + n, and FFR is all 1 bits.

Source: the Arm Architecture Reference Manual. The patterns are those of the measured runs, except for the CPU's number,
by which a neighbour's bytes are recognised.
"""

from collections.abc import Iterator
from functools import lru_cache

import msgspec

from sim import rules
from sim.topology import Cpu
from sim.vectors import LEN_FIELD, QUADWORD_BYTES, largest_vq, vqs_up_to_len

Z_REGISTERS, P_REGISTERS = 32, 16
P_BYTES_PER_VQ = 2
BYTES_PER_VQ = (QUADWORD_BYTES,) * Z_REGISTERS + (P_BYTES_PER_VQ,) * (P_REGISTERS + 1)
"""Bytes per VQ of each register, in the order of a save: Z0 to Z31, P0 to P15, FFR."""
ZCR_EL1_OF_HOST = LEN_FIELD
"""The LEN that the host keeps in ZCR_EL1: the maximum."""


class VectorState(msgspec.Struct, frozen=True):
    """The contents of the registers at one vector length.

    `image` holds Z, P and FFR one after another, as a save lays them in memory.
    """

    vq: int
    image: bytes
    fpsr: int = 0
    fpcr: int = 0

    @classmethod
    @lru_cache(maxsize=256)
    def of_host(cls, vq: int, number: int) -> "VectorState":
        """Return the pattern that the host loads on logical CPU `number`."""
        tag = (number + 1).to_bytes(QUADWORD_BYTES // 2, "little")
        z = b"".join((bytes([0x40 + n]) * (QUADWORD_BYTES // 2) + tag) * vq for n in range(Z_REGISTERS))
        p = b"".join(bytes([0x80 + n]) * (P_BYTES_PER_VQ * vq) for n in range(P_REGISTERS))
        return cls(vq, z + p + b"\xff" * (P_BYTES_PER_VQ * vq))

    def registers(self) -> Iterator[bytes]:
        """Yield each register's bytes, in the order of `BYTES_PER_VQ`."""
        start = 0
        for bytes_per_vq in BYTES_PER_VQ:
            end = start + bytes_per_vq * self.vq
            yield self.image[start:end]
            start = end

    def at(self, vq: int) -> "VectorState":
        """Return the state at another length: each register loses its bytes above it, or gains zeroes up to it."""
        if vq == self.vq:
            return self
        sizes = [bytes_per_vq * vq for bytes_per_vq in BYTES_PER_VQ]
        image = b"".join(one[:size].ljust(size, b"\0") for one, size in zip(self.registers(), sizes, strict=True))
        return VectorState(vq, image, self.fpsr, self.fpcr)

    def same_up_to(self, other: "VectorState", vq: int) -> bool:
        """Return True if the low `vq` quadwords of every register are equal."""
        return self == other or self.at(vq) == other.at(vq)


def register_at(byte: int, vq: int) -> int:
    """Return the register, as a place in `BYTES_PER_VQ`, that a byte of an image belongs to.

    Raises:
        IndexError: the image has no such byte.
    """
    end = 0
    for place, bytes_per_vq in enumerate(BYTES_PER_VQ):
        end += bytes_per_vq * vq
        if byte < end:
            return place
    raise IndexError(byte)


class VectorUnit:
    """A CPU's SVE unit: the lengths that the hardware supports, and ZCR_EL1, ZCR_EL2 and ZCR_EL3.

    The length in force at EL1 is the largest supported length that all three let through; at EL2, ZCR_EL1 does not
    count. Each LEN field keeps four bits of the value written to it.

    Args:
        cpu: the CPU, with its lengths and the ZCR_EL3 that firmware sets.
    """

    __slots__ = ("_el3_vqs", "supported_vqs", "zcr_el1_len", "zcr_el2_len")

    def __init__(self, cpu: Cpu) -> None:
        self.supported_vqs = cpu.sve_vqs or 0
        self._el3_vqs = vqs_up_to_len(cpu.zcr_el3_len)
        self.zcr_el1_len = ZCR_EL1_OF_HOST
        self.zcr_el2_len = LEN_FIELD

    @property
    def usable_vqs(self) -> int:
        """The set of supported lengths that firmware's ZCR_EL3 lets through."""
        return self.supported_vqs & self._el3_vqs

    def snapshot(self) -> tuple[int, int]:
        """Return everything that later steps depend on."""
        return self.zcr_el1_len, self.zcr_el2_len

    def write_zcr_el1(self, value: int) -> None:
        """Write ZCR_EL1; only its LEN field is kept."""
        self.zcr_el1_len = value & LEN_FIELD

    def write_zcr_el2(self, value: int) -> None:
        """Write ZCR_EL2; only its LEN field is kept."""
        self.zcr_el2_len = value & LEN_FIELD

    def vq_at_el2(self) -> int:
        """Return the VQ that EL2 runs with; RDVL there reads 16 × VQ bytes."""
        return largest_vq(rules.selected(self.supported_vqs, self._el3_vqs & vqs_up_to_len(self.zcr_el2_len)))

    def vq_at_el1(self) -> int:
        """Return the VQ that EL1 runs with."""
        limit = self._el3_vqs & vqs_up_to_len(self.zcr_el2_len) & vqs_up_to_len(self.zcr_el1_len)
        return largest_vq(rules.selected(self.supported_vqs, limit))

    def vqs_at_el1_below(self, zcr_el2_len: int) -> int:
        """Return the set of lengths that EL1 can select, by writing ZCR_EL1, while ZCR_EL2.LEN has a value."""
        return self.usable_vqs & vqs_up_to_len(zcr_el2_len)
