"""The promises that mixtures of cores may break: what an engineer wants to hold whatever ID registers CPUs have."""

from dataclasses import dataclass

from sim.errors import InputError, did_you_mean


@dataclass(frozen=True)
class FeatureProperty:
    """A promise about CPUs whose ID registers differ."""

    name: str
    statement: str


LATE_HAS_ALL = FeatureProperty("late-has-all", "a late CPU that is accepted has every capability and hwcap in use")
EARLY_ORDER = FeatureProperty("early-order", "the order in which early CPUs come does not matter")
LATE_KEEPS_VIEW = FeatureProperty(
    "late-keeps-view", "a late CPU that is accepted changes no register that programs read"
)
FEATURE_PROPERTIES = {one.name: one for one in (LATE_HAS_ALL, EARLY_ORDER, LATE_KEEPS_VIEW)}
"""The promises, by name."""


def feature_property(name: str) -> FeatureProperty:
    """Find a promise by its name.

    Raises:
        InputError: there is no promise of that name.
    """
    if name not in FEATURE_PROPERTIES:
        there_are = f"there are {', '.join(FEATURE_PROPERTIES)}{did_you_mean(name, FEATURE_PROPERTIES)}"
        raise InputError(f"unknown property {name[:60]!r}: {there_are}")
    return FEATURE_PROPERTIES[name]
