"""The system that a boot brings to life: the clock, machine and kernel, and the facts as they come."""

from collections import Counter
from collections.abc import Generator
from typing import Any

from simpy.events import Event

from sim.environment import Environment, Step
from sim.errnos import Errno
from sim.facts import Buffers, Facts
from sim.kernel.cpufeature import CpuFeatures
from sim.kernel.kvm import Kvm
from sim.kernel.printk import Printk
from sim.kernel.smp import Smp
from sim.latencies import Distribution
from sim.machine.firmware import Psci
from sim.machine.registers import VectorUnit
from sim.scenario import Scenario
from sim.vectors import VectorType, largest_vq

Steps = Generator[Event, Any, None]
"""A process, or a part of one."""
Answer = Generator[Event, Any, Errno]
"""A part of a process that ends with an errno."""


class System:
    """One system: what its processes share."""

    def __init__(self, scenario: Scenario, env: Environment) -> None:
        self.scenario = scenario
        self.logical = scenario.topology.logical
        self.env = env
        self.printk = Printk(lambda: self.env.now_ns)
        self.features = CpuFeatures(scenario, self.printk)
        self.smp = Smp(len(self.logical), scenario.topology.mpidr, self.printk)
        self.kvm = Kvm(scenario, self.features, self.printk)
        self.psci = Psci({scenario.topology.number(fault.cpu): fault for fault in scenario.faults})
        self.facts = Facts(scenario, self.printk.lines, self.printk.events, self.features.vl_info)
        self._draws: Counter[Step] = Counter()

    def wait(self, latency: Distribution, what: str, who: int | str = 0) -> Event:
        """Let a drawn latency pass; each draw has a stream of its own."""
        step = Step(what, who)
        if latency.name == "fixed":
            return self.env.after(latency.draw_ns(""), step)
        self._draws[step] += 1
        drawn_ns = latency.draw_ns(f"{self.scenario.seed}/{what}/{who}/{self._draws[step]}")
        return self.env.after(drawn_ns, step)

    def unit(self, hw_cpu: int) -> VectorUnit:
        """A CPU's vector unit, made when something is first done to it."""
        units = self.facts.units
        if hw_cpu not in units:
            units[hw_cpu] = VectorUnit(self.logical[hw_cpu])
        return units[hw_cpu]

    def gather(self) -> None:
        """Complete the facts with what the kernel holds at the end."""
        facts, kvm = self.facts, self.kvm
        facts.online = self.smp.online()
        facts.runs = self.smp.runs
        facts.supports = {vector_type: self.features.supports(vector_type) for vector_type in VectorType}
        facts.announced = self.features.announced
        facts.kvm_decided = kvm.decided
        facts.kvm_initialised = kvm.initialised
        facts.kvm_sve_max_vl_bytes = kvm.kvm_sve_max_vl_bytes
        facts.kvm_host_sve_max_vl_bytes = kvm.kvm_host_sve_max_vl_bytes
        facts.allocation_failed_at = kvm.allocation_failed_at
        facts.offered_vqs = kvm.offered_vqs()
        pkvm = kvm.saving_pkvm
        if pkvm is not None:
            facts.saves = pkvm.saves
            vq = largest_vq(pkvm.allocation_vqs)
            facts.buffers = Buffers(vq, pkvm.asked_bytes, pkvm.page_order, pkvm.run_bytes)
        facts.left_early = self.env.left_early
        facts.end_ns = max(told[-1].time_ns for told in (self.printk.lines, self.printk.events) if told)
