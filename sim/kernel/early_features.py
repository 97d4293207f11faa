"""The features of a system if just some CPUs came early, to find what one CPU costs the others."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from sim.cpufeature_tables import Capability, Hwcap, KernelTables, kernel_tables
from sim.kernel.cpufeature import cpu_readings, has_threads, unheard
from sim.kernel.feature_options import feature_options, override_words
from sim.kernel.features.cpu_id import CpuId
from sim.kernel.features.id_override import overrides
from sim.kernel.features.system_features import FeatureOptions, Surroundings, SystemFeatures
from sim.kernel_release import Series
from sim.scenario import EL2, Scenario


class _Kernel(msgspec.Struct, frozen=True):
    """Everything besides CPUs that decides on a system's features."""

    tables: KernelTables
    series: Series
    options: FeatureOptions
    words: tuple[str, ...]
    """The words of the command line, of which some give registers values."""
    nosve_hides_sme: bool
    has_threads: bool


class EarlyFeatures:
    """The features that a system has if some CPUs of a scenario come early, and no others.

    Args:
        scenario: the scenario, of which all features are modelled.
    """

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.readings = cpu_readings(scenario)
        """Each CPU as the kernel reads it, by the logical number of its hardware."""
        series = scenario.release.series
        self._kernel = _Kernel(
            kernel_tables(series, scenario.page_bytes),
            series,
            feature_options(scenario),
            tuple(override_words(scenario)),
            scenario.flags.nosve_hides_sme,
            has_threads(scenario),
        )

    def shared(self, cpus: Sequence[int]) -> tuple[Capability | Hwcap, ...]:
        """Return the capabilities that no early CPU may lack, and the hwcaps.

        Args:
            cpus: the CPUs, by the logical numbers of their hardware; the first boots, and none is refused.
        """
        at_el2 = all(self._scenario.el(cpu) == EL2 for cpu in cpus)
        return _shared(self._kernel, tuple(dict.fromkeys(self.readings[cpu] for cpu in cpus)), at_el2=at_el2)


# The same CPUs meet in every end of an exploration, and in every variant of a comparison.
@lru_cache(maxsize=4096)
def _shared(kernel: _Kernel, readings: tuple[CpuId, ...], *, at_el2: bool) -> tuple[Capability | Hwcap, ...]:
    boot, *others = readings
    hide = overrides(
        list(kernel.words), kernel.tables, kernel.series, boot.registers, nosve_hides_sme=kernel.nosve_hides_sme
    )
    surroundings = Surroundings(unheard, unheard, unheard, _unrecorded, lambda: at_el2, kernel.has_threads)
    system = SystemFeatures(kernel.tables, kernel.series, hide, kernel.options, surroundings)
    system.init_cpu_features(boot)
    for number, reading in enumerate(others, 1):
        system.detect_local(number, reading)
        system.store(number, reading)
    system.setup_system_capabilities()
    system.finalise()
    return (*_of_all(system), *_promised(system))


def _of_all(system: SystemFeatures) -> list[Capability]:
    detected = (one for _place, one in system.capabilities.of_system())
    return [one for one in detected if "SYSTEM" in one.type or "MATCH_ALL_EARLY" in one.type]


def _promised(system: SystemFeatures) -> list[Hwcap]:
    promised = system.hwcaps.promised
    return [one for place, one in enumerate(system.hwcaps.entries) if promised >> place & 1]


def _unrecorded(_cpu: int, _registers: tuple[str, ...]) -> None:
    """Drop a variation."""
