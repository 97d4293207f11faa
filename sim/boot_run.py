"""A boot from beginning to end.

Its order: the boot CPU; early secondaries; final capabilities; KVM's initcall, with pKVM's allocation; pKVM's
finalisation; user space. A scenario may let KVM's initcall run beside user space.
"""

from sim.arguments import checked
from sim.cause_recorder import CauseRecorder
from sim.environment import Environment, SeededEnvironment, StepKind
from sim.facts import CpuState, Facts, PanicFact
from sim.kernel.printk import EventKind, HypervisorPanic, Panic, SystemHang, Words
from sim.outcome import Outcome
from sim.processes.guests import Guests
from sim.processes.hotplug import Hotplug
from sim.processes.suspend import Suspend
from sim.processes.system import Steps, System
from sim.processes.user_space import UserSpace
from sim.scenario import KvmInit, Scenario


@checked
def boot(scenario: Scenario, *, causes: bool = False, history: bool = False) -> Outcome:
    """Boot a scenario, and run everything that happens in it.

    The same scenario always has the same outcome. A panic of the simulated system ends its boot and is part of the
    outcome.

    Args:
        scenario: what to boot.
        causes: record what caused each event, as `causality()` and `critical_path()` need; a boot takes longer then.
        history: record what the kernel knew of its features at each moment, as reports show; it takes longer as well.

    >>> from sim import Scenario, Topology
    >>> boot(Scenario(Topology.of([[128, 256, 512], [128, 256]]))).vectors["SVE"].max_vl_bytes
    32
    """
    recorder = CauseRecorder(scenario.seed) if causes else None
    run = BootRun(scenario, recorder or SeededEnvironment(scenario.seed))
    if recorder is not None:
        # The list of events belongs to the boot, which needs its environment first. Nothing happens before it runs.
        recorder.events = run.system.printk.events
    moments = run.system.features.watch() if history else None
    return Outcome(
        run.finish(),
        None if recorder is None else recorder.causes,
        None if moments is None else tuple(moments),
    )


def booted_again(outcome: Outcome, *, causes: bool = False, history: bool = False) -> Outcome | None:
    """Return the same boot with more of it recorded; None for the outcome of a schedule.

    Args:
        outcome: what `boot()` or a schedule ended in.
        causes: as `boot()` takes it.
        history: as `boot()` takes it.
    """
    again = boot(outcome.scenario, causes=causes, history=history)
    # The same scenario boots in the same way, unless a schedule and not the time ordered the outcome's steps.
    return again if again.facts.events == outcome.facts.events else None


class BootRun:
    """A boot under way.

    Args:
        scenario: what to boot.
        env: the environment that lets its steps happen.
    """

    def __init__(self, scenario: Scenario, env: Environment) -> None:
        self.system = System(scenario, env)
        self.guests = Guests(self.system)
        self.hotplug = Hotplug(self.system, self.guests)
        self.suspend = Suspend(self.system, self.hotplug, self.guests)
        self.user_space = UserSpace(self.system, self.hotplug, self.guests, self.suspend)
        env.process(_boot_cpu(self.system, self.hotplug, self.user_space))

    def snapshot(self, *, late_arrivals: bool) -> tuple[object, ...]:
        """Return everything that later steps depend on; locks and awaited steps are the environment's.

        Args:
            late_arrivals: True if a CPU may arrive late and take the boot arguments that another CPU left behind.
        """
        hotplug = self.hotplug.snapshot(late_arrivals=late_arrivals)
        parts = self.system, self.guests, self.suspend, self.user_space
        return *(part.snapshot() for part in parts), hotplug

    def to_the_end(self) -> Outcome:
        """Run everything that happens; a panic of the simulated system is an end as well."""
        return Outcome(self.finish())

    def finish(self) -> Facts:
        """Run everything that happens, and return its facts."""
        system = self.system
        try:
            system.env.run()
        except Panic as panic:
            self._record_panic(panic)
        # Actions that are still under way never end now; without this they would be missing from the facts.
        self.user_space.stop()
        return system.facts()

    def _record_panic(self, panic: Panic) -> None:
        system, of_hypervisor, is_silent = (
            self.system,
            isinstance(panic, HypervisorPanic),
            isinstance(panic, SystemHang),
        )
        kind = EventKind.HANG if is_silent else EventKind.PANIC
        event = system.printk.event(kind, panic.cpu, Words(panic.sentence))
        system.recorder.panic = PanicFact(
            system.env.now_ns, panic.cpu, of_hypervisor, panic.sentence, event, is_silent=is_silent
        )


def _boot_cpu(system: System, hotplug: Hotplug, user_space: UserSpace) -> Steps:
    printk, latencies = system.printk, system.scenario.latencies
    mpidr, core = system.scenario.topology.mpidr(0), system.logical[0].features.core
    # A boot CPU that starts at EL1 has logged its first lines by then, but no console shows them.
    if system.dies_at_start(0):
        return
    printk.event(EventKind.ARRIVED, 0)
    if not core.is_unknown:
        printk.line(f"Booting Linux on physical CPU {mpidr:#012x} [{core.midr:#010x}]")
    for line in system.scenario.banner:
        printk.line(line)
    system.kvm.early_kvm_mode_cfg()
    yield system.wait(latencies.probe, StepKind.PROBE)
    system.features.init_cpu_features()
    system.smp.boot_cpu_online()
    # No other CPU brings the boot CPU up, so what `Hotplug` records of the others is recorded here.
    system.recorder.states[0] = CpuState.ONLINE
    system.recorder.counted.add(0)
    system.recorder.stored.add(0)
    system.recorder.booted_events[0] = printk.event(EventKind.BOOTED, 0, Words("boot CPU"))
    yield from hotplug.smp_init()
    is_checked_last = system.scenario.flags.levels_checked_last
    if not is_checked_last:
        system.hyp.hyp_mode_check(printk)
    yield system.wait(latencies.finalise, StepKind.FINALISE)
    system.features.setup_system_features(system.smp.runs)
    if is_checked_last:
        system.hyp.hyp_mode_check(printk)
        system.features.patch()
    system.features.init_fpsimd()
    for number in system.smp.online():
        system.features.cpu_online(number, system.smp.runs[number], system.smp.runs)
    system.recorder.final_event = printk.event(EventKind.CAPABILITIES_FINAL, 0)
    if system.scenario.kvm_init is KvmInit.ANY_TIME:
        system.env.process(_kvm(system))  # the boot goes on to user space meanwhile
    else:
        yield from _kvm(system)
    yield system.wait(latencies.user_space, StepKind.USER_SPACE)
    printk.event(EventKind.USER_SPACE, 0)
    system.recorder.user_space_begins(system.features)
    user_space.start()


def _kvm(system: System) -> Steps:
    """Run KVM's initcall, and pKVM's last step one initcall stage later."""
    latencies = system.scenario.latencies
    yield system.wait(latencies.kvm_init, StepKind.KVM_INIT)
    system.kvm.kvm_arm_init(system.smp.online(), len(system.logical))
    system.printk.event(EventKind.KVM_INIT, 0)
    yield system.wait(latencies.pkvm_finalise, StepKind.PKVM_FINALISE)
    if system.kvm.pkvm is not None:
        system.kvm.pkvm.finalise()
