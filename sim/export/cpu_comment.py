"""What exports say of CPUs in their comments and labels."""

from sim.topology import Cpu
from sim.vectors import braces


def lengths_of(one: Cpu) -> str:
    """The lengths that a CPU's firmware leaves it, and those of its silicon where they are more.

    >>> from sim.topology import cpu
    >>> lengths_of(cpu("a64fx", [128, 256, 512], zcr_el3_len=1))
    'SVE {128,256} of {128,256,512}'
    """
    sve = _lengths("SVE", one.usable_sve_vqs, one.sve_vqs)
    return sve if one.sme_vqs is None else f"{sve}, {_lengths('SME', one.usable_sme_vqs, one.sme_vqs)}"


def _lengths(extension: str, usable_vqs: int | None, vqs: int | None) -> str:
    if usable_vqs is None or vqs is None:
        return f"no {extension}"
    return f"{extension} {braces(usable_vqs)}" + (f" of {braces(vqs)}" if usable_vqs != vqs else "")
