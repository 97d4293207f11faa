"""Descriptions of CPUs for comments and labels."""

from sim.topology import Cpu
from sim.vectors import braces


def describe_lengths(spec: Cpu) -> str:
    """Return the vector lengths that a CPU's firmware leaves usable, and those of the hardware where it has more.

    >>> from sim.topology import cpu
    >>> describe_lengths(cpu("a64fx", [128, 256, 512], zcr_el3_len=1))
    'SVE {128,256} of {128,256,512}'
    """
    sve = _describe("SVE", spec.usable_sve_vqs, spec.sve_vqs)
    return sve if spec.sme_vqs is None else f"{sve}, {_describe('SME', spec.usable_sme_vqs, spec.sme_vqs)}"


def _describe(extension: str, usable_vqs: int | None, vqs: int | None) -> str:
    if usable_vqs is None or vqs is None:
        return f"no {extension}"
    return f"{extension} {braces(usable_vqs)}" + (f" of {braces(vqs)}" if usable_vqs != vqs else "")
