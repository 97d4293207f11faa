"""The boot as SimPy processes: the boot CPU, secondaries, user space's agents and guests.

They bring machine and kernel to life and decide nothing themselves. Order of a boot: the boot CPU; early
secondaries; final capabilities; KVM's initcall, with pKVM's allocation; pKVM's finalisation; user space.
"""

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import simpy
from simpy.events import Event

from sim.errnos import Errno
from sim.facts import ActionResult, Buffers, CpuState, Facts, GuestVisit, Lost, PanicFact, Refused, SharedIdleTask
from sim.kernel.cpufeature import CpuFeatures
from sim.kernel.kvm import Kvm
from sim.kernel.pkvm import Pkvm
from sim.kernel.printk import HypervisorPanic, Panic, Printk
from sim.kernel.smp import MIDR, WAIT_NS, SecondaryData, Smp
from sim.machine.firmware import Psci
from sim.machine.registers import VectorUnit
from sim.outcome import Outcome
from sim.scenario import Action, BringUp, Do, Scenario
from sim.scheduling import Completion, SeededEnvironment
from sim.timing import Distribution
from sim.vectors import VectorType, bits_from_vq, largest_vq

Steps = Generator[Event, Any, None]
Answer = Generator[Event, Any, Errno]


def boot(scenario: Scenario) -> Outcome:
    """Boot a scenario, and run everything that happens in it.

    The same scenario always has the same outcome. A panic of the simulated system ends its boot and is part
    of the outcome.

    >>> from sim import Scenario, Topology
    >>> boot(Scenario(Topology.of([[128, 256, 512], [128, 256]]))).vectors["SVE"].max_vl_bytes
    32
    """
    return _Boot(scenario).run()


@dataclass(slots=True)
class _BringUp:
    """What a bring-up and the CPU it waits for share. Linux has one for all; parallel bring-up one a CPU."""

    data: SecondaryData
    running: Completion


class _Boot:
    """One boot: machine, kernel, and the processes that move them."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.logical = scenario.topology.logical
        self.env = SeededEnvironment(scenario.seed)
        self.printk = Printk(lambda: self.env.now_ns)
        self.features = CpuFeatures(scenario, self.printk)
        self.smp = Smp(len(self.logical), scenario.topology.mpidr, self.printk)
        self.kvm = Kvm(scenario, self.features, self.printk)
        self.psci = Psci({scenario.topology.number(fault.cpu): fault for fault in scenario.faults})
        self.hotplug_lock = simpy.Resource(self.env, capacity=1)
        self.bring_up = _BringUp(SecondaryData(), Completion(self.env))
        self.guest_seats: dict[int, simpy.Resource] = {}
        self.going_down: dict[int, Event] = {}
        self.underway: dict[str, tuple[Action, int, int]] = {}
        self.draws: Counter[tuple[str, int]] = Counter()
        self.facts = Facts(scenario, self.printk.lines, self.printk.events, self.features.vl_info)

    # Running

    def run(self) -> Outcome:
        self.env.process(self.boot_cpu())
        try:
            self.env.run()
        except Panic as panic:
            self.note_panic(panic)
        self.gather()
        return Outcome(self.facts)

    def note_panic(self, panic: Panic) -> None:
        self.printk.event("panic", panic.cpu, panic.sentence)
        self.facts.panic = PanicFact(self.env.now_ns, panic.cpu, isinstance(panic, HypervisorPanic), panic.sentence)
        for agent in list(self.underway):
            self.finish(agent, "hung", None)

    def gather(self) -> None:
        """Complete the facts with what the kernel holds at the end."""
        facts, kvm = self.facts, self.kvm
        facts.online = self.smp.online()
        facts.runs = self.smp.runs
        facts.supports = {vector_type: self.features.supports(vector_type) for vector_type in VectorType}
        facts.announced = self.features.announced
        facts.kvm_initialised = kvm.initialised
        facts.kvm_sve_max_vl_bytes = kvm.kvm_sve_max_vl_bytes
        facts.kvm_host_sve_max_vl_bytes = kvm.kvm_host_sve_max_vl_bytes
        facts.allocation_failed_at = kvm.allocation_failed_at
        facts.offered_vqs = kvm.offered_vqs()
        if kvm.pkvm is not None:
            facts.saves = kvm.pkvm.saves
            facts.buffers = _buffers(kvm.pkvm)
        facts.end_ns = max(self.printk.lines[-1].time_ns, self.printk.events[-1].time_ns)

    def wait(self, latency: Distribution, what: str, cpu: int = 0) -> Event:
        """Let a drawn latency pass; each draw has a stream of its own."""
        if latency.name == "fixed":
            return self.env.timeout(latency.draw_ns(""))
        self.draws[what, cpu] += 1
        return self.env.timeout(latency.draw_ns(f"{self.scenario.seed}/{what}/{cpu}/{self.draws[what, cpu]}"))

    def unit(self, physical: int) -> VectorUnit:
        """A CPU's vector unit, made when something is first done to it."""
        units = self.facts.units
        if physical not in units:
            units[physical] = VectorUnit(self.logical[physical])
        return units[physical]

    # The boot CPU

    def boot_cpu(self) -> Steps:
        latencies = self.scenario.latencies
        mpidr = self.scenario.topology.mpidr(0)
        self.printk.line(f"Booting Linux on physical CPU {mpidr:#012x} [{MIDR:#010x}]")
        self.printk.line(f"Kernel command line: {self.scenario.command_line}".rstrip())
        self.kvm.early_kvm_mode_cfg()
        yield self.wait(latencies.probe, "probe")
        self.features.init_cpu_features(self.logical[0])
        self.smp.boot_cpu_online()
        self.facts.ever_online.add(0)
        self.facts.states[0] = CpuState.ONLINE
        self.printk.event("booted", 0, "boot CPU")
        yield from self.smp_init()
        yield self.wait(latencies.finalise, "finalise")
        self.features.setup_system_features()
        self.printk.event("capabilities final", 0)
        yield self.wait(latencies.kvm_init, "kvm_init")
        self.kvm.kvm_arm_init(self.smp.online(), len(self.logical))
        self.printk.event("kvm init", 0)
        yield self.wait(latencies.pkvm_finalise, "pkvm_finalise")
        if self.kvm.pkvm is not None:
            self.kvm.pkvm.finalise()
        yield self.wait(latencies.user_space, "user_space")
        self.printk.event("user space", 0)
        for agent in dict.fromkeys(action.agent for action in self.scenario.actions):
            self.env.process(self.agent(agent))

    def smp_init(self) -> Steps:
        self.printk.line("smp: Bringing up secondary CPUs ...")
        secondaries = self.scenario.early[1:]
        if self.scenario.bring_up is BringUp.PARALLEL:
            apart = [self.cpu_up(number, _BringUp(SecondaryData(), Completion(self.env))) for number in secondaries]
            yield self.env.all_of([self.env.process(one) for one in apart])
        else:
            for number in secondaries:
                yield from self.locked(number, self.cpu_up(number, self.bring_up))
        online = len(self.smp.online())
        self.printk.line(f"smp: Brought up 1 node, {online} CPU{'s' if online > 1 else ''}")
        self.printk.line(f"SMP: Total of {online} processors activated.")

    # Hotplug

    def locked(self, number: int, steps: Answer) -> Answer:
        """Do something to a CPU under the hotplug lock."""
        with self.hotplug_lock.request() as lock:
            yield lock
            self.printk.event("lock taken", number)
            error = yield from steps
            self.printk.event("lock released", number)
        return error

    def cpu_up(self, number: int, bring_up: _BringUp) -> Answer:
        """Bring a CPU online; the answer says whether it is."""
        if not self.smp.is_present(number):
            return Errno.EINVAL
        if self.smp.is_online(number):
            return Errno.OK
        bring_up.data.task = number
        bring_up.data.killed = False
        error = yield from self.cpu_on(number, bring_up)
        if error:
            self.smp.failed_to_boot(number, error)
            return error
        yield from bring_up.running.wait(WAIT_NS)
        if self.smp.is_online(number):
            return Errno.OK
        return self.smp.failed_to_come_online(number, bring_up.data)

    def cpu_on(self, number: int, bring_up: _BringUp) -> Answer:
        """Call PSCI CPU_ON, through pKVM's relay where there is one."""
        latencies = self.scenario.latencies
        self.printk.event("CPU_ON", number)
        yield self.wait(latencies.cpu_on_call, "cpu_on_call", number)
        if self.kvm.pkvm is not None and not self.kvm.pkvm.relays(number):
            self.facts.relay_refused.append(Lost(self.env.now_ns, number, "INVALID_PARAMETERS"))
            self.facts.states[number] = CpuState.NOT_STARTED
            self.printk.event("CPU_ON answered", number, "INVALID_PARAMETERS by pKVM's relay")
            return Errno.EINVAL
        answer = self.psci.cpu_on(number)
        self.printk.event("CPU_ON answered", number, answer.answer)
        if answer.error:
            self.lose(number, f"firmware answers CPU_ON with {answer.answer}", started=False)
            return answer.error
        self.quirk_of_returning(number)
        if not answer.arrives:
            self.lose(number, "firmware accepts CPU_ON, and the CPU never arrives")
            return Errno.OK
        if answer.arrives_after_ns is not None:
            arrival: Event = self.env.timeout(answer.arrives_after_ns)
        else:
            arrival = self.wait(latencies.cpu_on, "cpu_on", number)
        self.env.process(self.secondary(number, arrival, bring_up))
        return Errno.OK

    def lose(self, number: int, how: str, *, started: bool = True) -> None:
        self.facts.lost.append(Lost(self.env.now_ns, number, how))
        if started or self.facts.states.get(number) is not CpuState.LOST:
            self.facts.states[number] = CpuState.LOST if started else CpuState.NOT_STARTED

    def quirk_of_returning(self, number: int) -> None:
        """6.1's hypervisor panics when a CPU that was online comes back under pKVM with SVE."""
        if (
            self.scenario.series.panics_when_cpu_returns_under_pkvm
            and self.kvm.pkvm is not None
            and self.features.supports(VectorType.SVE)
            and number in self.facts.ever_online
        ):
            self.printk.line("Kernel panic - not syncing: HYP panic:")
            raise HypervisorPanic(
                number,
                f"{self.scenario.topology.label(number)} comes back after it was offline, and the hypervisor of "
                f"{self.scenario.kernel} panics (a bug of that series)",
            )

    def secondary(self, physical: int, arrival: Event, bring_up: _BringUp) -> Steps:
        """A secondary CPU, from its arrival in the kernel on. Which CPU it becomes, it is told there."""
        yield arrival
        self.psci.arrived(physical)
        self.facts.units.pop(physical, None)
        task = bring_up.data.task
        self.printk.event("arrived", physical, "" if task is None else f"takes the idle task of cpu{task}")
        if task is None:
            self.lose(physical, "it arrives when nobody waits for it any more, finds no boot arguments, and parks")
            return
        if task != physical:
            self.lose(physical, f"it arrives when nobody waits for it any more, and takes cpu{task}'s boot arguments")
        runs_it = self.smp.runs.setdefault(task, physical)
        if runs_it != physical:
            self.facts.shared_tasks.append(SharedIdleTask(self.env.now_ns, physical, task, runs_it))
        yield self.wait(self.scenario.latencies.probe, "probe", physical)
        self.start_secondary(physical, task, bring_up)

    def start_secondary(self, physical: int, task: int, bring_up: _BringUp) -> None:
        """``secondary_start_kernel``: be verified or counted, then go online or die."""
        cpu = self.logical[physical]
        if self.features.final:
            refusal = self.features.verify_local_cpu_capabilities(task, cpu)
            if refusal is not None:
                self.smp.cpu_die_early(task, physical, bring_up.data)
                self.facts.refused.append(Refused(self.env.now_ns, task, physical, refusal))
                if not self.smp.is_online(task):
                    self.facts.states[task] = CpuState.REFUSED
                self.printk.event("refused", task, f"{refusal.type}: {refusal.reason}")
                return
        self.features.update_cpu_features(task, cpu)
        self.smp.booted(task, physical)
        self.facts.ever_online.add(task)
        self.facts.states[task] = CpuState.ONLINE
        self.printk.event("booted", task)
        bring_up.running.complete()

    def cpu_down(self, number: int) -> Answer:
        """Take a CPU offline, once its guests have left it."""
        if not self.smp.is_online(number):
            return Errno.OK
        if len(self.smp.online()) == 1:
            return Errno.EBUSY
        self.leaving(number).succeed()
        with self.seat(number).request() as seat:
            yield seat
            yield self.wait(self.scenario.latencies.cpu_off, "cpu_off", number)
            self.smp.cpu_down(number)
        del self.going_down[number]
        self.facts.states[number] = CpuState.OFFLINE
        self.printk.event("offline", number)
        return Errno.OK

    # User space

    def agent(self, name: str) -> Steps:
        """Perform one agent's actions in order."""
        start_ns = self.env.now_ns
        actions = [action for action in self.scenario.actions if action.agent == name]
        for place, action in enumerate(actions):
            if place:
                yield self.wait(self.scenario.latencies.sysfs_write, f"sysfs_write by {name}")
            if start_ns + action.at_ns > self.env.now_ns:
                yield self.env.timeout(start_ns + action.at_ns - self.env.now_ns)
            self.underway[name] = (action, self.env.now_ns, len(self.printk.lines))
            number = self.scenario.topology.number(action.cpu)
            match action.do:
                case Do.ONLINE:
                    error = yield from self.locked(number, self.cpu_up(number, self.bring_up))
                    outcome = "online"
                case Do.OFFLINE:
                    error = yield from self.locked(number, self.cpu_down(number))
                    outcome = "offline"
                case Do.GUEST:
                    outcome, error = yield from self.guest(action, number)
            self.finish(name, outcome if not error else "failed", error.name if error else None)

    def finish(self, agent: str, outcome: str, error: str | None) -> None:
        """Record what came of the action that an agent has under way."""
        action, started_ns, log_from = self.underway.pop(agent)
        number = self.scenario.topology.number(action.cpu)
        ended_ns, log_to = self.env.now_ns, len(self.printk.lines)
        self.facts.actions.append(ActionResult(action, number, outcome, error, started_ns, ended_ns, log_from, log_to))

    # Guests

    def leaving(self, number: int) -> Event:
        """The event that tells guests to leave a CPU."""
        return self.going_down.setdefault(number, self.env.event())

    def stays(self, number: int) -> bool:
        """Whether a CPU is online and nobody takes it down."""
        return self.smp.is_online(number) and not self.leaving(number).triggered

    def seat(self, number: int) -> simpy.Resource:
        """What a guest holds while it is on a CPU: one at a time."""
        return self.guest_seats.setdefault(number, simpy.Resource(self.env, capacity=1))

    def guest(self, action: Action, number: int) -> Generator[Event, Any, tuple[str, Errno]]:
        """Run a guest on a CPU; where that goes offline, it moves to the lowest one online."""
        if not self.kvm.initialised:
            return "failed", Errno.ENOENT
        if not self.smp.is_online(number):
            return "failed", Errno.EINVAL
        rounds = 0
        while rounds < action.rounds:
            with self.seat(number).request() as seat:
                yield seat
                if self.stays(number):
                    killed = yield from self.guest_round(action.guest, number)
                    rounds += 1
                    if killed:
                        return "killed", Errno.OK
            if not self.stays(number):
                number = next(one for one in self.smp.online() if one != number)
        return "ran", Errno.OK

    def guest_round(self, guest: str, number: int) -> Generator[Event, Any, bool]:
        """One stay of a guest on a CPU: it touches SVE, so the host's registers are saved and restored.

        The answer is whether the host kills the guest for what it finds afterwards.
        """
        latencies = self.scenario.latencies
        unit = self.unit(self.smp.runs[number])
        view = self.kvm.guest_view(unit)
        self.facts.guests.append(GuestVisit(guest, number, self.env.now_ns, view.vqs, view.killed))
        self.printk.event("guest enters", number, guest)
        pkvm = self.kvm.pkvm
        saves = pkvm is not None and pkvm.has_buffers
        if pkvm is not None and saves:
            save = pkvm.save(number, unit, self.env.now_ns)
            self.printk.event("save", number, f"{bits_from_vq(save.running_vq)} bits")
            yield self.wait(latencies.save, "save", number)
        yield self.wait(latencies.guest_run, "guest_run", number) | self.leaving(number)
        self.printk.event("guest leaves", number, guest)
        if pkvm is not None and saves:
            pkvm.restore(number, unit)
            self.printk.event("restore", number)
            yield self.wait(latencies.save, "save", number)
        return view.killed


def _buffers(pkvm: Pkvm) -> Buffers | None:
    if not pkvm.has_buffers:
        return None
    return Buffers(largest_vq(pkvm.allocation_vqs), pkvm.asked_bytes, pkvm.page_order, pkvm.run_bytes)
