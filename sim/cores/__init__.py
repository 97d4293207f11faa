"""Known cores: the values of their ID registers, each with its source.

The README beside this module describes the file of values.
"""

from sim.cores.known_cores import (
    GIC_FIELDS,
    GICV2,
    GICV3,
    CoreValue,
    core_names,
    core_values,
    is_stepping_of,
    known_core,
    steppings,
)
from sim.cores.named_fields import named_field

__all__ = [
    "GICV2",
    "GICV3",
    "GIC_FIELDS",
    "CoreValue",
    "core_names",
    "core_values",
    "is_stepping_of",
    "known_core",
    "named_field",
    "steppings",
]
