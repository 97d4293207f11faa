"""CPUs coming and going: bring-up by another CPU, arrival in the kernel, taking down.

Source: arch/arm64/kernel/smp.c (``__cpu_up``, ``secondary_start_kernel``), kernel/cpu.c (the hotplug lock).
"""

from dataclasses import dataclass

from simpy.events import Event

from sim.environment import Completion, Step
from sim.errnos import Errno
from sim.facts import CpuState, Lost, Refused, SharedIdleTask
from sim.kernel.printk import HypervisorPanic
from sim.kernel.smp import WAIT_NS, SecondaryData
from sim.processes.guests import Guests
from sim.processes.system import Answer, Steps, System
from sim.scenario import BringUp
from sim.vectors import VectorType

GIVE_UP, LATE_ARRIVAL = "give up waiting for", "late arrival of"
"""Steps: the wait for a CPU ends in vain; a CPU arrives when firmware's fault lets it."""


@dataclass(slots=True)
class _BringUp:
    """What a bring-up and the CPU it waits for share. Linux has one for all; parallel bring-up one a CPU."""

    data: SecondaryData
    running: Completion


class Hotplug:
    """Bring-up and taking down of one system's CPUs, numbered logically."""

    def __init__(self, system: System, guests: Guests) -> None:
        self._system = system
        self._printk = system.printk
        self._facts = system.facts
        self._smp = system.smp
        self._env = system.env
        self._features = system.features
        self._kvm = system.kvm
        self._guests = guests
        self._lock = system.env.lock("the hotplug lock")
        self._shared = self._apart()
        self._coming: dict[int, Event] = {}

    def _apart(self) -> _BringUp:
        return _BringUp(SecondaryData(), Completion(self._env))

    @property
    def boot_arguments(self) -> object:
        """What a CPU that arrives late may find: ``secondary_data``, and whether its arrival is counted."""
        return self._shared

    @property
    def has_uncollected_arrivals(self) -> bool:
        """Whether a CPU came when nobody waited for it, so that the next wait ends at once."""
        return self._shared.running.done > 0

    def coming(self, number: int) -> Event:
        """The event that a CPU comes online, the next time that it does."""
        return self._coming.setdefault(number, self._env.event())

    def smp_init(self) -> Steps:
        """Bring up the early secondaries, one at a time or, where the scenario wants it, in parallel."""
        system = self._system
        system.printk.line("smp: Bringing up secondary CPUs ...")
        secondaries = system.scenario.early[1:]
        if system.scenario.bring_up is BringUp.PARALLEL:
            apart = [system.env.process(self._cpu_up(number, self._apart())) for number in secondaries]
            yield system.env.all_of(apart)
        else:
            for number in secondaries:
                yield from self.online(number)
        online = len(system.smp.online())
        system.printk.line(f"smp: Brought up 1 node, {online} CPU{'s' if online > 1 else ''}")
        system.printk.line(f"SMP: Total of {online} processors activated.")

    def online(self, number: int) -> Answer:
        """Bring a CPU online under the hotplug lock."""
        return (yield from self._locked(number, self._cpu_up(number, self._shared)))

    def offline(self, number: int) -> Answer:
        """Take a CPU offline under the hotplug lock."""
        return (yield from self._locked(number, self._cpu_down(number)))

    def _locked(self, number: int, steps: Answer) -> Answer:
        """Do something to a CPU under the hotplug lock."""
        with self._lock.request() as lock:
            yield lock
            self._printk.event("lock taken", number)
            error = yield from steps
            self._printk.event("lock released", number)
        return error

    def _cpu_up(self, number: int, bring_up: _BringUp) -> Answer:
        """Bring a CPU online; the answer says whether it is."""
        if not self._smp.is_present(number):
            return Errno.EINVAL
        if self._smp.is_online(number):
            return Errno.OK
        bring_up.data.task = number
        bring_up.data.killed = False
        error = yield from self._cpu_on(number, bring_up)
        if error:
            self._smp.failed_to_boot(number, error)
            return error
        yield from bring_up.running.wait(WAIT_NS, Step(GIVE_UP, number))
        if self._smp.is_online(number):
            return Errno.OK
        error = self._smp.failed_to_come_online(number, bring_up.data)
        self._printk.event("gave up", number)
        return error

    def _cpu_on(self, number: int, bring_up: _BringUp) -> Answer:
        """Call PSCI CPU_ON, through pKVM's relay where there is one."""
        latencies = self._system.scenario.latencies
        self._printk.event("CPU_ON", number)
        yield self._system.wait(latencies.cpu_on_call, "cpu_on_call", number)
        if self._kvm.pkvm is not None and not self._kvm.pkvm.relays(number):
            self._facts.relay_refused.append(Lost(self._env.now_ns, number, "INVALID_PARAMETERS"))
            self._facts.states[number] = CpuState.NOT_STARTED
            self._printk.event("CPU_ON answered", number, "INVALID_PARAMETERS by pKVM's relay")
            return Errno.EINVAL
        answer = self._system.psci.cpu_on(number)
        self._printk.event("CPU_ON answered", number, answer.answer)
        if answer.by_fault:
            self._lose(number, f"firmware answers CPU_ON with {answer.answer}", started=False)
        if answer.error:
            return answer.error
        self._quirk_of_returning(number)
        if not answer.arrives:
            self._lose(number, "firmware accepts CPU_ON, and the CPU never arrives")
            return Errno.OK
        if answer.arrives_after_ns is not None:
            arrival = self._env.after(answer.arrives_after_ns, Step(LATE_ARRIVAL, number))
        else:
            arrival = self._system.wait(latencies.cpu_on, "cpu_on", number)
        self._env.process(self._secondary(number, arrival, bring_up))
        return Errno.OK

    def _lose(self, number: int, how: str, *, started: bool = True) -> None:
        self._facts.lost.append(Lost(self._env.now_ns, number, how))
        if started or self._facts.states.get(number) is not CpuState.LOST:
            self._facts.states[number] = CpuState.LOST if started else CpuState.NOT_STARTED

    def _quirk_of_returning(self, number: int) -> None:
        """6.1's hypervisor panics when a CPU that was online comes back under pKVM with SVE."""
        if (
            self._system.scenario.series.panics_when_cpu_returns_under_pkvm
            and self._kvm.pkvm is not None
            and self._features.supports(VectorType.SVE)
            and number in self._facts.ever_online
        ):
            self._printk.line("Kernel panic - not syncing: HYP panic:")
            raise HypervisorPanic(
                number,
                f"{self._facts.label(number)} comes back after it was offline, and the hypervisor of "
                f"{self._system.scenario.kernel} panics (a bug of that series)",
            )

    def _secondary(self, hw_cpu: int, arrival: Event, bring_up: _BringUp) -> Steps:
        """A secondary CPU, from its arrival in the kernel on. Which CPU it becomes, it is told there."""
        yield arrival
        self._system.psci.arrived(hw_cpu)
        self._facts.units.pop(hw_cpu, None)
        task = bring_up.data.task
        self._printk.event("arrived", hw_cpu, "" if task is None else f"takes the idle task of cpu{task}")
        if task is None:
            self._lose(hw_cpu, "it arrives when nobody waits for it any more, finds no boot arguments, and parks")
            return
        if task != hw_cpu:
            self._lose(hw_cpu, f"it arrives when nobody waits for it any more, and takes cpu{task}'s arguments")
        running_hw_cpu = self._smp.runs.setdefault(task, hw_cpu)
        if running_hw_cpu != hw_cpu:
            self._facts.shared_tasks.append(SharedIdleTask(self._env.now_ns, hw_cpu, task, running_hw_cpu))
        yield self._system.wait(self._system.scenario.latencies.probe, "probe", hw_cpu)
        self._start_secondary(hw_cpu, task, bring_up)

    def _start_secondary(self, hw_cpu: int, task: int, bring_up: _BringUp) -> None:
        """``secondary_start_kernel``: be verified or counted, then go online or die."""
        cpu = self._system.logical[hw_cpu]
        if self._features.final:
            refusal = self._features.verify_local_cpu_capabilities(task, cpu)
            if refusal is not None:
                self._smp.cpu_die_early(task, hw_cpu, bring_up.data)
                self._system.psci.off(hw_cpu)
                self._facts.refused.append(Refused(self._env.now_ns, task, hw_cpu, refusal))
                self._facts.states[task] = CpuState.REFUSED
                self._printk.event("refused", task, f"{refusal.type}: {refusal.reason}")
                return
        self._features.update_cpu_features(task, cpu)
        self._smp.booted(task, hw_cpu)
        self._facts.ever_online.add(task)
        self._facts.states[task] = CpuState.ONLINE
        self._printk.event("booted", task)
        bring_up.running.complete()
        if (awaited := self._coming.pop(task, None)) is not None:
            awaited.succeed()

    def _cpu_down(self, number: int) -> Answer:
        """Take a CPU offline, once its guests have left it."""
        if not self._smp.is_online(number):
            return Errno.OK
        if len(self._smp.online()) == 1:
            return Errno.EBUSY
        self._guests.leave(number)
        with self._guests.seat(number).request() as seat:
            yield seat
            yield self._system.wait(self._system.scenario.latencies.cpu_off, "cpu_off", number)
            self._system.psci.off(self._smp.cpu_down(number))
            self._guests.left(number)
        self._facts.states[number] = CpuState.OFFLINE
        self._printk.event("offline", number)
        return Errno.OK
