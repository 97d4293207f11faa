"""The capabilities that a conflict of the log may concern: its line shows a description, which some do not have.

Source: ``verify_local_cpu_caps`` of arch/arm64/kernel/cpufeature.c; booted on 6.1 to 7.3.
"""

from sim.cpufeature_tables.tables import Capability, KernelTables

NAMELESS = {
    "HAS_32BIT_EL0_DO_NOT_USE": "32-bit programs",
    "HAS_ADDRESS_AUTH": "address authentication",
    "HAS_GENERIC_AUTH": "generic authentication",
    "HAS_FPSIMD": "floating point and Advanced SIMD",
    "HAS_NO_FPSIMD": "the lack of floating point and Advanced SIMD",
    "HAS_TCR2": "TCR2_EL1",
}
"""Words for capabilities that the kernel's log does not name."""
NO_DESCRIPTION = "(null)"
"""The kernel's words in the place of a description."""
_ALIKE_ON_EVERY_CPU = {"has_always", "has_generic_auth"}
"""The matchers that answer for the whole system, whichever CPU they are asked for."""


def capabilities_in_conflict(
    description: str, tables: KernelTables, *, in_system: bool, is_early: bool
) -> tuple[Capability, ...]:
    """Return the capabilities that a conflict may concern, in the order of their numbers; none if no table has any.

    The number that the line shows tells nothing, since it differs between point releases of one series.

    Args:
        description: the line's words for the capability.
        tables: the kernel's tables.
        in_system: True if the CPU lacks what the system has, False if it has what the system lacks.
        is_early: True if the CPU came early, so that only what the boot CPU decides alone was final.

    >>> from sim.cpufeature_tables import kernel_tables
    >>> [one.name for one in capabilities_in_conflict("(null)", kernel_tables((7, 3)), in_system=True, is_early=True)]
    ['HAS_ADDRESS_AUTH']
    """
    words = None if description == NO_DESCRIPTION else description
    accepted = "OPTIONAL_LATE" if in_system else "PERMITTED_LATE"
    return tuple(
        one
        for one in tables.capabilities
        if one.description == words
        and (words is not None or one.name in NAMELESS)
        and one.matcher not in _ALIKE_ON_EVERY_CPU
        and accepted not in one.type
        and ("BOOT" in one.type or not is_early)
    )
