"""The system that a boot runs: the clock, machine and kernel, and the recorder of facts."""

from collections import Counter
from collections.abc import Generator
from typing import Any

from simpy.events import Event

from sim.environment import Environment, Step, StepKind
from sim.errnos import Errno
from sim.facts import Facts, LossKind, Lost
from sim.kernel.cpufeature import CpuFeatures
from sim.kernel.hyp_mode import HypMode
from sim.kernel.kvm import Kvm
from sim.kernel.printk import EventKind, Printk, Words
from sim.kernel.smp import Smp
from sim.latencies import Distribution
from sim.machine.firmware import Psci
from sim.machine.registers import VectorUnit
from sim.processes.freezer import Freezer
from sim.processes.recorder import Recorder
from sim.scenario import EL2, Fault, Scenario
from sim.vectors import VectorType

Steps = Generator[Event, Any, None]
"""A process, or a part of a process."""
Answer = Generator[Event, Any, Errno]
"""A part of a process that ends with an errno."""

_STREAMS = {StepKind.RESTORE: StepKind.SAVE}
"""Saves and restores have one latency, and draw from one stream."""


class System:
    """A system: everything that its processes share.

    Args:
        scenario: what is booted.
        env: the environment that lets its steps happen.
    """

    def __init__(self, scenario: Scenario, env: Environment) -> None:
        self.scenario = scenario
        self.logical = scenario.topology.logical
        self.env = env
        self.printk = Printk(env.clock)
        self.hyp = HypMode()
        self.features = CpuFeatures(scenario, self.printk, self.hyp)
        self.smp = Smp(scenario.topology, self.printk)
        self.kvm = Kvm(scenario, self.features, self.printk, self.hyp)
        self.units: dict[int, VectorUnit] = {}
        """The vector units that were used, by hardware CPU; the others are as firmware left them."""
        faults: dict[int, list[Fault]] = {}
        for fault in scenario.faults:
            faults.setdefault(scenario.topology.number(fault.cpu), []).append(fault)
        self.psci = Psci(faults)
        self.recorder = Recorder(scenario)
        self.freezer = Freezer(env)
        self._draws: Counter[Step] = Counter()

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on, except the progress of processes."""
        parts = self.smp, self.features, self.kvm, self.psci, self.hyp, self.freezer
        units = tuple((hw_cpu, unit.snapshot()) for hw_cpu, unit in sorted(self.units.items()))
        return *(part.snapshot() for part in parts), units, self.recorder.snapshot(kvm_decided=self.kvm.decided)

    def wait(self, latency: Distribution, kind: StepKind, who: int | str = 0) -> Event:
        """Return the event that a latency has passed.

        Each draw has a random stream of its own, named by the seed, the latency, the CPU or agent, and the number of
        the draw. A draw therefore does not depend on the order of other draws (`sim.latencies`).

        Args:
            latency: the latency's distribution.
            kind: the step that follows it.
            who: the CPU, by its logical number, or the agent of user space that it concerns.
        """
        if latency.name == "fixed":
            return self.env.after(latency.draw_ns(""), kind, who)
        stream = Step(_STREAMS.get(kind, kind), who)
        self._draws[stream] += 1
        drawn_ns = latency.draw_ns(f"{self.scenario.seed}/{stream.kind}/{who}/{self._draws[stream]}")
        return self.env.after(drawn_ns, kind, who)

    def unit(self, hw_cpu: int) -> VectorUnit:
        """Return a hardware CPU's vector unit, which is made at its first use."""
        if hw_cpu not in self.units:
            self.units[hw_cpu] = VectorUnit(self.logical[hw_cpu])
        return self.units[hw_cpu]

    def reset_unit(self, hw_cpu: int) -> None:
        """Reset a hardware CPU's vector unit to the state in which firmware leaves it when the CPU starts."""
        self.units.pop(hw_cpu, None)

    def dies_at_start(self, hw_cpu: int) -> bool:
        """Mark the exception level at which a hardware CPU starts, and return True if it dies before it can log.

        A CPU that dies is recorded as lost. It marks its level once its MMU is on. Where the kernel runs at EL2, its
        code uses registers that a CPU without VHE, or at EL1, does not have.

        Source: arch/arm64/kernel/head.S (``secondary_startup``, ``__secondary_switched``).
        """
        trapped = self.scenario.el3_traps(hw_cpu, self.features.supported())
        if trapped is not None:
            self.lose(hw_cpu, LossKind.EL3_TRAPS, f"its first use of {trapped} traps to EL3", trapped)
            return True
        first_code = self.features.first_code(hw_cpu)
        if first_code.why_stuck is not None:
            self.lose(hw_cpu, LossKind.STUCK, f"it is stuck in the kernel without {first_code.why_stuck}")
            return True
        if first_code.why_dies_without_mmu is not None:
            self.lose(hw_cpu, LossKind.DIES_IN_PATCHED_CODE, first_code.why_dies_without_mmu)
            return True
        self.hyp.levels.add(self.scenario.el(hw_cpu))
        dies = first_code.why_dies
        if dies is None and first_code.cannot_run_at_el2 and self.scenario.el(hw_cpu) == EL2:
            dies = "it lacks VHE, whose registers the kernel uses since its first patches"
        if dies is not None:
            self.lose(hw_cpu, LossKind.DIES_IN_PATCHED_CODE, dies)
            return True
        if first_code.cannot_run_at_el2:
            self.lose(hw_cpu, LossKind.CANNOT_RUN_AT_EL2, "it cannot run at EL2, where the kernel does")
            return True
        return False

    def lose(self, hw_cpu: int, kind: LossKind, words: str, vector_type: VectorType | None = None) -> None:
        """Record that a CPU dies before it can log anything."""
        died = self.printk.event(EventKind.DIED, hw_cpu, Words(words))
        self.recorder.lose(Lost(self.env.now_ns, hw_cpu, kind, died, vector_type=vector_type, lacks=words))

    def facts(self) -> Facts:
        """Return the facts of the boot, which is over."""
        zcr_el2_len = {hw_cpu: unit.zcr_el2_len for hw_cpu, unit in self.units.items()}
        return self.recorder.facts(
            self.printk,
            self.features,
            self.smp,
            self.kvm,
            zcr_el2_len=zcr_el2_len,
            start_levels=frozenset(self.hyp.levels),
            left_early=self.env.left_early,
        )
