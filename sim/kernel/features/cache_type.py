"""CTR_EL0 as the kernel takes it, and the policy of the instruction cache that it tells.

Source: arch/arm64/include/asm/cache.h (``read_cpuid_effective_cachetype``), arch/arm64/kernel/cpuinfo.c
(``cpuinfo_detect_icache_policy``).
"""

from sim.id_registers import L1IP, PIPT, VIPT
from sim.kernel.features.id_fields import LOC, LOUIS, LOUU

IDC, DIC = 1 << 28, 1 << 29
"""CTR_EL0.IDC and CTR_EL0.DIC."""
CTR_WORD = 0xFFFF_FFFF
"""The kernel keeps 32 bits of CTR_EL0; TminLine, above them, is invisible to it."""
_EVERY_BIT = (1 << 64) - 1
_POLICIES = {PIPT: "PIPT", VIPT: "VIPT"}


NEEDS_CLEANING = LOC.put(0, 1) | LOUIS.put(0, 1) | LOUU.put(0, 1)
"""CLIDR_EL1 of a CPU whose first level of cache needs cleaning, so that it does not imply CTR_EL0.IDC."""


def effective_ctr(ctr: int, clidr: int) -> int:
    """Return CTR_EL0, with IDC set where CLIDR_EL1 says that no level of cache needs cleaning."""
    needs_no_cleaning = LOC.of(clidr) == 0 or LOUIS.of(clidr) == LOUU.of(clidr) == 0
    return (ctr | IDC if needs_no_cleaning else ctr) & CTR_WORD


def stored_bits(register: str) -> int:
    """Return the bits of an ID register that the kernel stores, and can compare."""
    return CTR_WORD if register == "CTR_EL0" else _EVERY_BIT


def policy_name(ctr: int, *, knows_vpipt: bool) -> str:
    """Return the policy of the instruction cache, as the log names it."""
    policy = L1IP.of(ctr)
    if policy == 0 and knows_vpipt:
        return "VPIPT"
    return _POLICIES.get(policy, "RESERVED/UNKNOWN")
