"""The capabilities that a conflict of the log may concern: its line shows a description, which some do not have.

Source: ``verify_local_cpu_caps`` of arch/arm64/kernel/cpufeature.c; booted on 6.1 to 7.3.
"""

from sim.cpufeature_tables.feature_words import FIELD_OPTIONS
from sim.cpufeature_tables.tables import NAMELESS, Capability, KernelTables

NO_DESCRIPTION = "(null)"
"""The kernel's words in the place of a description."""
_HIDDEN_FIELDS = {(one.register, one.field) for one in FIELD_OPTIONS.values()}
_HIDDEN_BY_NAME = {"HAS_ADDRESS_AUTH", "HAS_GENERIC_AUTH", "HAS_32BIT_EL0_DO_NOT_USE"}
"""Capabilities of several fields, or of a matcher of their own, whose fields the command line can hide."""
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


def can_be_hidden(capability: Capability) -> bool:
    """Return True if some kernel has a parameter that hides a capability from the boot CPU on.

    >>> from sim.cpufeature_tables import kernel_tables
    >>> some = [one for one in kernel_tables((6, 12)).capabilities if one.name in {"BTI", "HAS_PAN"}]
    >>> [(one.name, can_be_hidden(one)) for one in some]
    [('BTI', True), ('HAS_PAN', False)]
    """
    parts = (capability, *capability.any_of)
    return capability.name in _HIDDEN_BY_NAME or any((one.register, one.field) in _HIDDEN_FIELDS for one in parts)
