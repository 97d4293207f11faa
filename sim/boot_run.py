"""A boot from beginning to end.

Its order: the boot CPU; early secondaries; final capabilities; KVM's initcall, with pKVM's allocation; pKVM's
finalisation; user space. A scenario may free KVM's from it.
"""

from sim.environment import Environment, SeededEnvironment
from sim.facts import CpuState, PanicFact
from sim.kernel.printk import HypervisorPanic, Panic
from sim.kernel.smp import MIDR
from sim.outcome import Outcome
from sim.processes.guests import Guests
from sim.processes.hotplug import Hotplug
from sim.processes.system import Steps, System
from sim.processes.user_space import UserSpace
from sim.scenario import KvmInit, Scenario


def boot(scenario: Scenario) -> Outcome:
    """Boot a scenario, and run everything that happens in it.

    The same scenario always has the same outcome. A panic of the simulated system ends its boot and is part
    of the outcome.

    >>> from sim import Scenario, Topology
    >>> boot(Scenario(Topology.of([[128, 256, 512], [128, 256]]))).vectors["SVE"].max_vl_bytes
    32
    """
    return BootRun(scenario, SeededEnvironment(scenario.seed)).to_the_end()


class BootRun:
    """A boot under way.

    Args:
        scenario: what to boot.
        env: what lets its steps happen, and when.
    """

    def __init__(self, scenario: Scenario, env: Environment) -> None:
        self.system = System(scenario, env)
        self.guests = Guests(self.system)
        self.hotplug = Hotplug(self.system, self.guests)
        self.user_space = UserSpace(self.system, self.hotplug, self.guests)
        env.process(_boot_cpu(self.system, self.hotplug, self.user_space))

    def to_the_end(self) -> Outcome:
        """Run everything that happens; a panic of the simulated system is an end as well."""
        system = self.system
        try:
            system.env.run()
        except Panic as panic:
            of_hypervisor = isinstance(panic, HypervisorPanic)
            system.printk.event("panic", panic.cpu, panic.sentence)
            system.facts.panic = PanicFact(system.env.now_ns, panic.cpu, of_hypervisor, panic.sentence)
        self.user_space.stop()
        system.gather()
        return Outcome(system.facts)


def _boot_cpu(system: System, hotplug: Hotplug, user_space: UserSpace) -> Steps:
    latencies = system.scenario.latencies
    mpidr = system.scenario.topology.mpidr(0)
    system.printk.event("arrived", 0)
    system.printk.line(f"Booting Linux on physical CPU {mpidr:#012x} [{MIDR:#010x}]")
    system.printk.line(f"Kernel command line: {system.scenario.command_line}".rstrip())
    system.kvm.early_kvm_mode_cfg()
    yield system.wait(latencies.probe, "probe")
    system.features.init_cpu_features(system.logical[0])
    system.smp.boot_cpu_online()
    system.facts.ever_online.add(0)
    system.facts.states[0] = CpuState.ONLINE
    system.printk.event("booted", 0, "boot CPU")
    yield from hotplug.smp_init()
    yield system.wait(latencies.finalise, "finalise")
    system.features.setup_system_features()
    system.printk.event("capabilities final", 0)
    if system.scenario.kvm_init is KvmInit.ANY_TIME:
        system.env.process(_kvm(system))
    else:
        yield from _kvm(system)
    yield system.wait(latencies.user_space, "user_space")
    system.printk.event("user space", 0)
    user_space.start()


def _kvm(system: System) -> Steps:
    """KVM's initcall, and pKVM's last step, one initcall stage later."""
    latencies = system.scenario.latencies
    yield system.wait(latencies.kvm_init, "kvm_init")
    system.kvm.kvm_arm_init(system.smp.online(), len(system.logical))
    system.printk.event("kvm init", 0)
    yield system.wait(latencies.pkvm_finalise, "pkvm_finalise")
    if system.kvm.pkvm is not None:
        system.kvm.pkvm.finalise()
