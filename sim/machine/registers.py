"""One CPU's vector registers and the control registers that select its vector length.

Registers hold recognisable patterns, so that what comes back can be compared with what was there: every
byte of Zn is 0x40 + n in the low half of each quadword, with the CPU's number plus 1 in the high half; Pn is
0x80 + n, FFR all ones.

Source: the Arm Architecture Reference Manual; the patterns are those of the measured runs.
"""

from dataclasses import dataclass

from sim import rules
from sim.topology import Cpu
from sim.vectors import LEN_FIELD, QUADWORD_BYTES, largest_vq, vqs_up_to_len

Z_REGISTERS = 32
P_REGISTERS = 16
P_BYTES_PER_VQ = 2
ZCR_EL1_OF_HOST = LEN_FIELD
"""What the host has in ZCR_EL1: its maximum."""


@dataclass(slots=True)
class VectorState:
    """The contents of Z, P, FFR, FPSR and FPCR at one vector length."""

    vq: int
    z: list[bytes]
    p: list[bytes]
    ffr: bytes
    fpsr: int = 0
    fpcr: int = 0

    @classmethod
    def of_host(cls, vq: int, number: int) -> "VectorState":
        """What the host loads on logical CPU `number`."""
        tag = (number + 1).to_bytes(QUADWORD_BYTES // 2, "little")
        z = [(bytes([0x40 + n]) * (QUADWORD_BYTES // 2) + tag) * vq for n in range(Z_REGISTERS)]
        p = [bytes([0x80 + n]) * (P_BYTES_PER_VQ * vq) for n in range(P_REGISTERS)]
        return cls(vq, z, p, b"\xff" * (P_BYTES_PER_VQ * vq))

    def same_up_to(self, other: "VectorState", vq: int) -> bool:
        """Whether both hold the same in the low `vq` quadwords of every register."""
        z_bytes, p_bytes = vq * QUADWORD_BYTES, vq * P_BYTES_PER_VQ
        return (
            all(a[:z_bytes] == b[:z_bytes] for a, b in zip(self.z, other.z, strict=True))
            and all(a[:p_bytes] == b[:p_bytes] for a, b in zip(self.p, other.p, strict=True))
            and self.ffr[:p_bytes] == other.ffr[:p_bytes]
            and (self.fpsr, self.fpcr) == (other.fpsr, other.fpcr)
        )


class VectorUnit:
    """The SVE side of one CPU: what its silicon supports, and ZCR_EL1, ZCR_EL2 and ZCR_EL3.

    The length in force at EL1 is the largest supported one that all three let through; at EL2, ZCR_EL1 has
    no say. Each LEN field keeps four bits of what is written to it.
    """

    __slots__ = ("_el3_vqs", "supported_vqs", "zcr_el1_len", "zcr_el2_len")

    def __init__(self, cpu: Cpu) -> None:
        self.supported_vqs = cpu.sve_vqs or 0
        self._el3_vqs = vqs_up_to_len(cpu.zcr_el3_len)
        self.zcr_el1_len = ZCR_EL1_OF_HOST
        self.zcr_el2_len = LEN_FIELD

    def write_zcr_el1(self, value: int) -> None:
        """Set ZCR_EL1; only its LEN field is kept."""
        self.zcr_el1_len = value & LEN_FIELD

    def write_zcr_el2(self, value: int) -> None:
        """Set ZCR_EL2; only its LEN field is kept."""
        self.zcr_el2_len = value & LEN_FIELD

    def vq_at_el2(self) -> int:
        """The VQ that EL2 runs with; RDVL there reads 16 times as many bytes."""
        return largest_vq(rules.selected(self.supported_vqs, self._el3_vqs & vqs_up_to_len(self.zcr_el2_len)))

    def vq_at_el1(self) -> int:
        """The VQ that EL1 runs with."""
        limit = self._el3_vqs & vqs_up_to_len(self.zcr_el2_len) & vqs_up_to_len(self.zcr_el1_len)
        return largest_vq(rules.selected(self.supported_vqs, limit))

    def vqs_at_el1_below(self, zcr_el2_len: int) -> int:
        """The set of lengths that EL1 can select while ZCR_EL2.LEN is as given."""
        return self.supported_vqs & self._el3_vqs & vqs_up_to_len(zcr_el2_len)
