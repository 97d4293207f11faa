"""The exception levels at which CPUs started, as far as a kernel log shows them, and whether the kernel runs at EL2.

A kernel logs one level for all CPUs, or that there are both. Which CPU started where follows from other lines, if at
all: the kernel's timer tells the boot CPU's level, and a kernel that runs at EL2 itself loses every CPU that starts at
EL1. What the log leaves open is assumed, and `LevelSource` and `StartLevels.others` say so.

Source: arch/arm64/kernel/smp.c (``hyp_mode_check``), head.S, hyp-stub.S; drivers/clocksource/arm_arch_timer.c
(``arch_timer_select_ppi``).
"""

from enum import Enum, auto

import msgspec

from sim.importer.hotplug_history import HotplugResult
from sim.importer.kernel_log import KernelLog
from sim.importer.kernel_of_log import lacks_vhe_under_pkvm
from sim.importer.log_lines import KvmReadyLine, KvmUnavailableLine
from sim.scenario import EL1, EL2

_HIDES_VHE = {"nvhe", "protected"}
"""The values of ``kvm-arm.mode=`` that keep the kernel at EL1 on cores with VHE."""
_LOST = {HotplugResult.LOST, HotplugResult.REFUSED_OTHERWISE}
_STARTED = {HotplugResult.ONLINE, HotplugResult.REFUSED} | _LOST
"""The results of a CPU_ON after which the CPU may have entered the kernel."""


class LevelSource(Enum):
    """The source of the boot CPU's level."""

    LINE = auto()
    """The line on all CPUs."""
    VHE = auto()
    """The kernel runs at EL2 itself."""
    CONFLICT = auto()
    """The kernel would run at EL2 on another CPU, and does not on the boot CPU."""
    TIMER = auto()
    """The timer that the kernel uses."""
    KVM = auto()
    """The state of KVM."""
    ASSUMED = auto()
    """Nothing tells it."""


class StartLevels(msgspec.Struct, frozen=True):
    """The levels at which CPUs started: the boot CPU's, and the CPUs of the other level."""

    boot: int
    source: LevelSource
    others: tuple[int, ...] = ()
    """The CPUs that are simulated at the other level: all that can have started there, ascending."""
    are_dead: bool = False
    """True if such CPUs cannot come online: the kernel runs at EL2 on the boot CPU, or on them, and not on both."""
    have_vhe: tuple[int, ...] = ()
    """The CPUs on which the kernel would run at EL2 because they have VHE, which the boot CPU's core lacks."""

    @property
    def dead(self) -> tuple[int, ...]:
        """The CPUs that cannot come online for the level at which the kernel would run on them."""
        return self.have_vhe or (self.others if self.are_dead else ())

    @property
    def other(self) -> int:
        """The level that the boot CPU did not start at."""
        return EL1 if self.boot == EL2 else EL2

    def own_level(self, cpu: int) -> int | None:
        """Return the level of a CPU if it is not the boot CPU's."""
        return self.other if cpu in self.others else None


def start_levels(log: KernelLog, *, boot_cpu_can_vhe: bool) -> StartLevels:
    """Return the levels at which the CPUs of a log started.

    Args:
        log: the log.
        boot_cpu_can_vhe: False if the boot CPU's core is known to lack VHE, so that the kernel cannot run at EL2 on it.
    """
    boot, source = _of_boot_cpu(log, boot_cpu_can_vhe=boot_cpu_can_vhe)
    if log.vhe_conflicts and not boot_cpu_can_vhe:
        return StartLevels(boot, source, have_vhe=tuple(sorted(log.vhe_conflicts)))
    if log.vhe_conflicts:
        return StartLevels(boot, source, tuple(sorted(log.vhe_conflicts)), are_dead=True)
    if not log.levels_differ:
        return StartLevels(boot, source)
    results = {step.cpu: step.result for step in log.early if step.result in _STARTED}
    lost = tuple(cpu for cpu in sorted(results) if results[cpu] in _LOST)
    # A kernel that runs at EL2 itself loses exactly the CPUs that start at EL1. A CPU that came then started at EL2.
    if boot == EL2 and (log.has_vhe or (lost and len(lost) == len(results))):
        return StartLevels(boot, source, lost, are_dead=True)
    return StartLevels(boot, source, tuple(sorted(results)))


def _of_boot_cpu(log: KernelLog, *, boot_cpu_can_vhe: bool) -> tuple[int, LevelSource]:
    if log.el2 is not None and not log.levels_differ:
        return EL2 if log.el2 else EL1, LevelSource.LINE
    if log.has_vhe:
        return EL2, LevelSource.VHE
    if log.vhe_conflicts and boot_cpu_can_vhe:
        return EL1, LevelSource.CONFLICT
    if log.boot_level is not None:
        return log.boot_level, LevelSource.TIMER
    if log.levels_differ or log.vhe_conflicts:
        return EL2, LevelSource.ASSUMED
    # Where no line states the exception level, KVM can only complain about it.
    return EL1 if isinstance(log.kvm, KvmUnavailableLine) else EL2, LevelSource.KVM


def shows_vhe(log: KernelLog, *, boot_cpu_can_vhe: bool) -> bool | None:
    """Return True or False if a log shows whether the boot CPU can run a kernel at EL2, None if it does not show it."""
    if log.has_vhe or start_levels(log, boot_cpu_can_vhe=boot_cpu_can_vhe).are_dead:
        return True
    if lacks_vhe_under_pkvm(log):
        return False
    if log.command_line.value("kvm-arm.mode") in _HIDES_VHE or log.command_line.hides_vhe:
        return None
    # With VHE the kernel would run at EL2 on every CPU that started there, and KVM would need no hypervisor beside it.
    is_beside = isinstance(log.kvm, KvmReadyLine) and not log.kvm.is_protected
    return False if log.levels_differ or is_beside else None
