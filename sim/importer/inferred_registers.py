"""The registers of CPUs that follow from lines which compare CPUs with the boot CPU, or from their absence."""

from sim.id_registers import AARCH32, AARCH64_ONLY, EL0
from sim.importer.field_editor import FieldEditor
from sim.importer.kernel_log import KernelLog, ShownFeatures, Variation
from sim.importer.logged_cpus import LoggedCpus
from sim.scenario import Scenario


def asymmetric_32bit(editor: FieldEditor, scenario: Scenario, shown: ShownFeatures) -> dict[int, int]:
    """Give CPUs the registers that a log implies where CPUs differ in 32-bit programs, and return the values of EL0.

    The kernel looks at the CPUs in the order in which they come online, and tells of the first that differs from the
    boot CPU. If it keeps that CPU online, it is the first that runs 32-bit programs. CPUs after it are like the CPU of
    their MIDR among the two, as far as there is one.
    """
    differs, cpus = shown.differs_in_32bit, scenario.topology.logical
    if differs is None or not 0 < differs < len(cpus):
        return {}
    boot_cpu_does = differs != shown.kept_for_32bit
    boot_midr, other_midr = (cpus[number].features.core.midr for number in (0, differs))
    found = {}
    for number, cpu in enumerate(cpus):
        midr = cpu.features.core.midr
        is_other = number == differs or (midr == other_midr and number > differs)
        if number > differs and midr not in {boot_midr, other_midr}:
            continue
        value = AARCH32 if boot_cpu_does is not is_other else AARCH64_ONLY
        if editor.value(number, EL0) != value:
            editor.put(number, EL0, value)
            found[number] = value
    return found


def unlogged_differences(log: KernelLog, modelled: KernelLog, cpus: LoggedCpus) -> dict[str, dict[int, Variation]]:
    """Return the differences from the boot CPU that a boot logs and the log does not, by register and CPU."""
    found: dict[str, dict[int, Variation]] = {}
    stated = {(one.cpu, one.register) for one in log.variations}
    for one in modelled.variations:
        if (one.cpu, one.register) not in stated and one.cpu in cpus.came:
            found.setdefault(one.register, {})[one.cpu] = one
    return found
