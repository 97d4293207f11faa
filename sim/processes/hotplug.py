"""CPU hotplug: bring-up by another CPU, arrival in the kernel, and taking down.

A bring-up is two processes: the onlining CPU (`_cpu_up`), which waits, and the new CPU (`_secondary`), which arrives
and verifies itself. They meet only in the boot arguments and a completion, as in the kernel. A CPU that arrives after
the wait is over therefore finds whatever these hold by then: those of another CPU's bring-up, or no arguments.

Source: arch/arm64/kernel/smp.c (``__cpu_up``, ``secondary_start_kernel``), kernel/cpu.c (the hotplug lock).
"""

from collections.abc import Iterator

import msgspec
from simpy.events import Event

from sim.environment import Completion, Lock, StepKind
from sim.errnos import Errno
from sim.facts import CpuState, LossKind, Lost, Refused, SharedIdleTask
from sim.kernel.printk import Arrival, EventKind, HypervisorPanic, KernelPanic, RefusedBy, SystemHang
from sim.kernel.refusal import Refusal
from sim.kernel.smp import SecondaryData
from sim.latencies import WAIT_NS
from sim.machine.firmware import CpuOn, CpuOnAnswer
from sim.processes.guests import Guests
from sim.processes.system import Answer, Steps, System
from sim.scenario import EL1, BringUp, Fault
from sim.vectors import VectorType


class _BringUp(msgspec.Struct):
    """The state that a bring-up and the CPU it waits for share: ``secondary_data`` and ``cpu_running``.

    Linux has one for all CPUs; parallel bring-up, which Linux does not have on arm64, has one for each.
    """

    data: SecondaryData
    running: Completion

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        return self.data.snapshot(), self.running.snapshot()


class Hotplug:
    """The bring-up and taking down of a system's CPUs, which are logical numbers."""

    def __init__(self, system: System, guests: Guests) -> None:
        self._system = system
        self._printk = system.printk
        self._recorder = system.recorder
        self._smp = system.smp
        self._env = system.env
        self._features = system.features
        self._kvm = system.kvm
        self._guests = guests
        self._lock = system.env.lock(Lock(StepKind.TAKE_HOTPLUG_LOCK))
        self._shared = self._new_bring_up()
        self._arriving: dict[int, _BringUp] = {}
        self._probing: dict[int, int] = {}
        self._coming: dict[int, Event] = {}

    def _new_bring_up(self) -> _BringUp:
        return _BringUp(SecondaryData(), Completion(self._env))

    def snapshot(self, *, late_arrivals: bool) -> tuple[object, ...]:
        """Return everything that later steps depend on; locks and awaited steps are the environment's.

        Args:
            late_arrivals: True if a CPU may still arrive late and find the boot arguments of another. If none may, each
                CPU finds its own, and what the last bring-up left in them changes nothing.
        """
        arriving = tuple(
            (hw_cpu, bring_up is self._shared, bring_up.snapshot())
            for hw_cpu, bring_up in sorted(self._arriving.items())
        )
        shared = self._shared.snapshot() if late_arrivals else None
        return (
            shared,
            arriving if late_arrivals else tuple(sorted(self._arriving)),
            tuple(sorted(self._probing.items())),
        )

    @property
    def has_uncollected_arrivals(self) -> bool:
        """True if a CPU came online when no process waited for it, so that the next wait ends at once."""
        return self._shared.running.done > 0

    def coming(self, number: int) -> Event:
        """Return the event that a CPU comes online the next time; all processes that wait for it share the event."""
        return self._coming.setdefault(number, self._env.event())

    def smp_init(self) -> Steps:
        """Bring up the early secondaries, one at a time or, where the scenario says so, in parallel."""
        system = self._system
        system.printk.line("smp: Bringing up secondary CPUs ...")
        secondaries = system.scenario.early[1:]
        # Bring-ups in parallel take no hotplug lock, and each has its own boot arguments: with shared arguments CPUs
        # would take each other's idle tasks.
        if system.scenario.bring_up is BringUp.PARALLEL:
            self._recorder.early += secondaries
            bring_ups = [system.env.process(self._cpu_up(number, self._new_bring_up())) for number in secondaries]
            yield system.env.all_of(bring_ups)
        else:
            for number in self._candidates():
                self._recorder.early.append(number)
                yield from self.online(number)
        online = len(system.smp.online())
        system.printk.line(f"smp: Brought up 1 node, {online} CPU{'s' if online > 1 else ''}")
        system.printk.line(f"SMP: Total of {online} processors activated.")

    def _candidates(self) -> Iterator[int]:
        """Yield the secondaries that the kernel brings up one after the other.

        Source: kernel/cpu.c (``bringup_nonboot_cpus``), whose limit counted online CPUs until 6.5, and counts CPUs
        that were tried since.
        """
        scenario = self._system.scenario
        if scenario.maxcpus is None or not scenario.flags.maxcpus_counts_online:
            yield from scenario.early[1:]
            return
        for number in scenario.early_candidates[1:]:
            if len(self._smp.online()) >= scenario.maxcpus:
                return
            yield number

    def online(self, number: int) -> Answer:
        """Bring a CPU online under the hotplug lock."""
        return self.locked(number, self.bring_up(number))

    def offline(self, number: int) -> Answer:
        """Take a CPU offline under the hotplug lock."""
        return self.locked(number, self._cpu_down(number))

    def locked(self, number: int | None, steps: Answer) -> Answer:
        """Run steps under the hotplug lock; they do not begin before the lock is taken.

        Args:
            number: the CPU that they concern; None: all CPUs.
            steps: the steps.
        """
        with self._lock.request() as lock:
            yield lock
            self._printk.event(EventKind.LOCK_TAKEN, number)
            error = yield from steps
            self._printk.event(EventKind.LOCK_RELEASED, number)
        return error

    def bring_up(self, number: int) -> Answer:
        """Bring a CPU online; the caller holds the hotplug lock."""
        return self._cpu_up(number, self._shared)

    def _cpu_up(self, number: int, bring_up: _BringUp) -> Answer:
        """Bring a CPU online, as ``__cpu_up`` does, and return the errno: OK if it is online."""
        if not self._smp.is_present(number):
            return Errno.EINVAL
        if self._smp.is_online(number):
            return Errno.OK
        bring_up.data.task = number
        bring_up.data.killed = bring_up.data.stays_on = False
        bring_up.data.panics_because = bring_up.data.stuck = ""
        start = self._cpu_on if self._system.scenario.has_hotplug(number) else self._release
        error = yield from start(number, bring_up)
        if error:
            if error is not Errno.EPERM or not self._system.scenario.flags.eperm_is_silent:
                self._smp.failed_to_boot(number, error)
            return error
        # The kernel ignores the result of the wait, and looks at the online set instead. A completion that another CPU
        # left behind ends the wait at once, and the bring-up then fails although its CPU is still to arrive.
        yield from bring_up.running.wait(WAIT_NS, number)
        if self._smp.is_online(number):
            return Errno.OK
        error = self._smp.failed_to_come_online(number, bring_up.data)
        self._printk.event(EventKind.GAVE_UP, number)
        return error

    def _cpu_on(self, number: int, bring_up: _BringUp) -> Answer:
        """Call PSCI CPU_ON, through pKVM's relay under pKVM, and return the errno of the answer."""
        self._printk.event(EventKind.CPU_ON, number)
        yield self._system.wait(self._system.scenario.latencies.cpu_on_call, StepKind.CPU_ON_CALL, number)
        if self._kvm.pkvm is not None and not self._kvm.pkvm.relays(number):
            return self._refused_by_relay(number)
        answer = self._system.psci.cpu_on(number)
        answered = self._printk.event(EventKind.CPU_ON_ANSWERED, number, answer.answer)
        if answer.error:
            if answer.fault is not None:
                loss = LossKind.FIRMWARE_ANSWERS
                self._lose(number, loss, answered, answer=answer.answer.answer, fault=answer.fault)
            return answer.error
        # Firmware has accepted the call: from here on the wait for the CPU tells whether it comes.
        self._quirk_of_returning(number)
        if answer.arrives:
            self._expect(number, answer, bring_up)
        else:
            self._lose(number, LossKind.NEVER_ARRIVES, answered, fault=answer.fault)
        return Errno.OK

    def _release(self, number: int, bring_up: _BringUp) -> Answer:
        """Release a CPU from its spin table, which cannot fail: the kernel writes to memory and sends an event."""
        released = self._printk.event(EventKind.RELEASED, number)
        yield self._system.wait(self._system.scenario.latencies.cpu_on_call, StepKind.CPU_ON_CALL, number)
        result = self._system.psci.release(number)
        if result.arrives:
            self._expect(number, result, bring_up)
        else:
            self._lose(number, LossKind.STAYS_IN_SPIN_TABLE, released)
        return Errno.OK

    def _expect(self, number: int, result: CpuOn, bring_up: _BringUp) -> None:
        """Let a CPU arrive that was started; a CPU that is on its way since an earlier CPU_ON arrives once."""
        if number not in self._arriving:
            self._arriving[number] = bring_up
            self._env.process(self._secondary(number, self._arrival(number, result), bring_up))

    def _refused_by_relay(self, number: int) -> Errno:
        """Record that pKVM's relay answered CPU_ON with INVALID_PARAMETERS: EINVAL, and the CPU stays present."""
        refusal = CpuOnAnswer("INVALID_PARAMETERS", by_relay=True)
        answered = self._printk.event(EventKind.CPU_ON_ANSWERED, number, refusal)
        lost = Lost(self._env.now_ns, number, LossKind.RELAY_REFUSES, answered, answer=refusal.answer)
        self._recorder.relay_refused.append(lost)
        self._recorder.not_started(number)
        return Errno.EINVAL

    def _arrival(self, number: int, answer: CpuOn) -> Event:
        """Return the event of a CPU's arrival in the kernel."""
        if answer.arrives_after_ns is not None:
            return self._env.after(answer.arrives_after_ns, StepKind.LATE_ARRIVAL, number)
        return self._system.wait(self._system.scenario.latencies.cpu_on, StepKind.CPU_ON, number)

    def _lose(
        self,
        number: int,
        kind: LossKind,
        event: int,
        *,
        answer: str = "",
        fault: Fault | None = None,
        task: int | None = None,
    ) -> None:
        self._recorder.lose(Lost(self._env.now_ns, number, kind, event, answer, fault, task))

    def _quirk_of_returning(self, number: int) -> None:
        """Panic the hypervisor if the kernel's flag says so: a CPU that was online comes back under pKVM with SVE."""
        scenario = self._system.scenario
        if (
            scenario.flags.hyp_panic_on_return
            and self._kvm.pkvm is not None
            and self._features.supports(VectorType.SVE)
            and number in self._recorder.booted_events
        ):
            self._printk.line("Kernel panic - not syncing: HYP panic:")
            raise HypervisorPanic(
                number,
                f"{scenario.topology.label(number)} comes back after it was offline, and the hypervisor of "
                f"{scenario.kernel} panics (a bug of that build)",
            )

    def _secondary(self, hw_cpu: int, arrival: Event, bring_up: _BringUp) -> Steps:
        """Run a secondary CPU from its arrival in the kernel on.

        Args:
            hw_cpu: the hardware CPU.
            arrival: the event of its arrival.
            bring_up: what it shares with the CPU that waits. It reads the boot arguments at its arrival, and they tell
                it which CPU it becomes.
        """
        yield arrival
        del self._arriving[hw_cpu]
        self._system.psci.arrived(hw_cpu)
        self._system.reset_unit(hw_cpu)
        if self._system.dies_at_start(hw_cpu):
            bring_up.data.stuck = self._features.first_code(hw_cpu).why_stuck or ""
            return
        bring_up.data.stuck = ""
        task = bring_up.data.task
        arrived = self._printk.event(EventKind.ARRIVED, hw_cpu, Arrival(task))
        if task is None:
            self._lose(hw_cpu, LossKind.PARKS, arrived)
            return
        if task != hw_cpu:
            self._lose(hw_cpu, LossKind.TAKES_ARGUMENTS, arrived, task=task)
        # The first CPU that takes an idle task runs it; a second CPU on it shares its stack.
        running_hw_cpu = self._smp.runs.setdefault(task, hw_cpu)
        if running_hw_cpu != hw_cpu:
            shared = SharedIdleTask(self._env.now_ns, hw_cpu, task, running_hw_cpu, arrived)
            self._recorder.shared_tasks.append(shared)
        self._probing[hw_cpu] = task
        yield self._system.wait(self._system.scenario.latencies.probe, StepKind.PROBE, hw_cpu)
        del self._probing[hw_cpu]
        self._start_secondary(hw_cpu, task, bring_up)

    def _start_secondary(self, hw_cpu: int, task: int, bring_up: _BringUp) -> None:
        """``secondary_start_kernel``: verify or count a CPU, which then goes online or dies."""
        refusal = self._features.verify_boot_cpu_capabilities(task, hw_cpu)
        if refusal is not None and refusal.panics_because:
            bring_up.data.panics_because = refusal.panics_because
            self._recorder.states[task] = CpuState.LOST
            return
        # check_local_cpu_capabilities() comes before cpuinfo_store_cpu(), so a refused CPU logs no SANITY CHECK line.
        if refusal is None and self._features.final:
            refusal = self._features.verify_local_cpu_capabilities(task, hw_cpu)
        if refusal is not None:
            self._refuse(hw_cpu, task, refusal, bring_up)
            return
        if not self._features.final:
            self._recorder.counted.add(hw_cpu)
        self._recorder.stored.add(hw_cpu)
        self._features.update_cpu_features(task, hw_cpu)
        if self._features.panics_in_reset(hw_cpu):
            self._printk.line("Kernel panic - not syncing: Attempted to kill the idle task!")
            label = self._system.scenario.topology.label(task)
            raise KernelPanic(task, f"{label} has fewer breakpoints or watchpoints than the kernel resets on each CPU")
        self._smp.booted(task, hw_cpu)
        self._recorder.states[task] = CpuState.ONLINE
        self._recorder.booted_events[task] = self._printk.event(EventKind.BOOTED, task)
        self._features.cpu_online(task, hw_cpu, self._smp.runs)
        self._check_hypervisor(task, hw_cpu)
        bring_up.running.complete()
        if (awaited := self._coming.pop(task, None)) is not None:
            awaited.succeed()

    def _refuse(self, hw_cpu: int, task: int, refusal: Refusal, bring_up: _BringUp) -> None:
        """Let a CPU die that refused itself, and record why."""
        self._smp.cpu_die_early(task, hw_cpu, bring_up.data)
        bring_up.data.stays_on = not self._system.psci.off(hw_cpu)
        event = self._printk.event(EventKind.REFUSED, task, RefusedBy(refusal.feature, refusal.reason))
        self._recorder.refused.append(Refused(self._env.now_ns, task, hw_cpu, refusal, event))
        self._recorder.states[task] = CpuState.REFUSED

    def _check_hypervisor(self, task: int, hw_cpu: int) -> None:
        """Hang the system if a CPU that cannot enter the hypervisor comes online while KVM runs beside the kernel.

        Raises:
            SystemHang: KVM sets up its hypervisor on each CPU that comes online, and on this CPU there is no EL2.
        """
        scenario = self._system.scenario
        if self._kvm.initialised and scenario.el(hw_cpu) == EL1:
            label = scenario.topology.label(task)
            raise SystemHang(task, f"{label} comes online at EL1 while KVM has its hypervisor at EL2: the system hangs")

    def _cpu_down(self, number: int) -> Answer:
        """Take a CPU offline, after its guests have left it, and return the errno."""
        if not self._smp.is_online(number):
            return Errno.OK
        if self._features.cannot_go_offline(number):
            return Errno.EPERM
        if len(self._smp.online()) == 1:
            return Errno.EBUSY
        self._guests.leave(number)
        with self._guests.seat(number).request() as seat:
            yield seat
            error = yield from self.take_down(number)
            self._guests.left(number)
        return error

    def take_down(self, number: int) -> Answer:
        """Take a CPU offline that is online and without guests; the caller holds the hotplug lock.

        Source: arch/arm64/kernel/smp.c (``op_cpu_disable``): a CPU of a spin table has no way to be stopped.
        """
        if not self._system.scenario.has_hotplug(number):
            return Errno.EOPNOTSUPP
        yield self._system.wait(self._system.scenario.latencies.cpu_off, StepKind.CPU_OFF, number)
        # CPU_OFF concerns the hardware that ran under the number.
        is_off = self._system.psci.off(self._smp.cpu_down(number))
        self._smp.cpu_kill(number, is_off=is_off)
        self._recorder.states[number] = CpuState.OFFLINE
        self._printk.event(EventKind.OFFLINE, number)
        return Errno.OK
