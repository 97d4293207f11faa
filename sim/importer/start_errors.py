"""The errnos of CPUs that could not be started, and what gives them where no answer of PSCI becomes them.

PSCI's answers become EPERM, EOPNOTSUPP and EINVAL, and nothing else (``psci_to_linux_errno``). A spin-table gives no
error when a CPU is started: ENODEV and ENOMEM of its preparation leave the CPU out, without a line (``cpu_prepare``).

Sources: drivers/firmware/psci/psci.c (psci_to_linux_errno); arch/arm64/kernel/acpi_parking_protocol.c
(acpi_parking_protocol_cpu_boot), smp_spin_table.c (smp_spin_table_cpu_prepare, smp_spin_table_cpu_boot), smp.c
(smp_prepare_cpus, __cpu_up).
"""

from collections.abc import Iterable, Iterator

from sim.importer.faults_of_log import is_of_psci, simulated_error
from sim.importer.hotplug_history import Hotplug
from sim.topology import cpu_list

EIO, ENXIO = -5, -6
"""The errnos of the parking protocol: the kernel cannot map a CPU's mailbox, or firmware has not prepared it."""
_OF_PARKING = {
    EIO: "the kernel could not map the mailbox of ACPI's parking protocol (EIO)",
    ENXIO: "firmware had not prepared the mailbox of ACPI's parking protocol (ENXIO)",
}
_OF_NOTHING = "no way in which mainline's arm64 kernels start CPUs gives this errno"
_OF_VENDOR = "mainline makes no answer of PSCI this errno"


def unmodelled_errors(steps: Iterable[Hotplug], answered_by_psci: Iterable[int]) -> Iterator[str]:
    """Yield sentences on the CPUs that were not started with an errno which no answer of PSCI becomes.

    Args:
        steps: the steps of a log.
        answered_by_psci: the CPUs of which PSCI's own line tells.
    """
    by_psci = set(answered_by_psci)
    cpus: dict[tuple[int, str], set[int]] = {}
    for step in steps:
        if step.error is not None and not is_of_psci(step.error):
            origin = _OF_VENDOR if step.cpu in by_psci else _OF_PARKING.get(step.error, _OF_NOTHING)
            cpus.setdefault((step.error, origin), set()).add(step.cpu)
    for (error, origin), numbers in cpus.items():
        yield (
            f"cpu{cpu_list(sorted(numbers))} could not be started (errno {error}): {origin}. The model starts CPUs by "
            f"PSCI or a spin-table: simulated by the nearest fault, an answer that becomes EINVAL "
            f"({simulated_error(error)})."
        )
