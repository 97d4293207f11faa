"""The exception levels at which CPUs have started, and what the kernel makes of them.

``__boot_cpu_mode`` keeps a mark for each level at which a CPU entered the kernel, whatever became of that CPU.

Source: arch/arm64/include/asm/virt.h (``is_hyp_mode_available``, ``is_hyp_mode_mismatched``), arch/arm64/kernel/head.S
(``set_cpu_boot_mode_flag``), smp.c (``hyp_mode_check``).
"""

from sim.kernel.printk import EventKind, Printk, Words


class HypMode:
    """The record of exception levels."""

    def __init__(self) -> None:
        self.levels: set[int] = set()
        """The levels at which CPUs have started: 1, 2, or both."""
        self.is_protected = False
        """pKVM is up: hypervisor mode is available, though CPUs enter the kernel at EL1 from then on."""

        self.is_mixed_at_boot = False
        """Early CPUs started at different levels, which taints the kernel."""

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        return tuple(sorted(self.levels)), self.is_protected, self.is_mixed_at_boot

    def is_available(self) -> bool:
        """Return True if the kernel takes hypervisor mode for available: all CPUs started at EL2."""
        return self.is_protected or self.levels == {2}

    def hyp_mode_check(self, printk: Printk) -> None:
        """Log the level at which the CPUs started, or that it is not the same for all."""
        if len(self.levels) == 1:
            printk.line(f"CPU: All CPU(s) started at EL{min(self.levels)}")
            return
        self.is_mixed_at_boot = True
        words = "CPU: CPUs started in inconsistent modes"
        printk.line("------------[ cut here ]------------")
        printk.line(words)
        printk.event(EventKind.WARN, 0, Words(words))
