"""The ID registers in which a log's CPUs differ from the boot CPU, decoded by the tables of the log's kernel."""

import msgspec

from sim.cpufeature_tables.sanity_decoder import (
    RegisterDifference,
    decode_differences,
    decoding_tables,
    register_name,
)
from sim.cpufeature_tables.system_values import LoggedDifference
from sim.importer.hotplug_history import HotplugResult
from sim.importer.kernel_log import KernelLog
from sim.importer.kernel_of_log import modelled_kernel
from sim.kernel_flags import kernel_flags
from sim.kernel_release import kernel_release
from sim.vector_types import VECTOR_TYPES

_SIMULATED = {(traits.id_field.register, traits.id_field.name) for traits in VECTOR_TYPES.values()}


class DifferingCpus(msgspec.Struct, frozen=True):
    """CPUs that differ from the boot CPU in the same way."""

    cpus: tuple[int, ...]
    """By ascending numbers."""
    register: RegisterDifference
    is_late: bool
    """True if they came after the kernel's capabilities were final."""
    is_return: bool
    """True if they had come before, and came back after the kernel's capabilities were final."""

    @property
    def is_simulated(self) -> bool:
        """True if the CPUs of a scenario can differ in this way: in having a vector extension, and in nothing else."""
        name = self.register.register
        return all((name, field.field.name) in _SIMULATED for field in self.register.fields if field.is_strict)


def register_differences(log: KernelLog) -> list[DifferingCpus]:
    """Return the registers that differ, in the order of the log."""
    kernel = modelled_kernel(log)
    release = kernel_release(kernel.release)
    decoding = decoding_tables(
        kernel.in_log,
        release.series,
        compares_own_range=None if kernel.in_log is None else kernel_flags(release).ipa_range_of_cpu,
    )
    came = [step.cpu for step in log.steps if step.result is HotplugResult.ONLINE]
    came_online = log.came
    lines = [
        LoggedDifference(
            register_name(one.register, decoding.register_names),
            one.boot_value,
            one.value,
            is_late=one.is_late,
            came_online=one.cpu in came_online,
            others_came=one.cpu in came_online and came[-1] != one.cpu,
        )
        for one in log.variations
    ]
    came_early = log.came_early | {0}
    alike: dict[tuple[RegisterDifference, bool, bool], set[int]] = {}
    for one, decoded in zip(log.variations, decode_differences(lines, decoding, log.hidden_fields), strict=True):
        is_return = one.is_late and one.cpu in came_early
        alike.setdefault((decoded, one.is_late, is_return), set()).add(one.cpu)
    return [
        DifferingCpus(tuple(sorted(cpus)), decoded, is_late, is_return)
        for (decoded, is_late, is_return), cpus in alike.items()
    ]
