"""A scenario: everything that a boot depends on."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import Any

from sim.arguments import checked_fields
from sim.cpufeature_tables.feature_words import ALIASES, asked_values, check_config, check_options
from sim.designs import DESIGNS, Design, named
from sim.errnos import Errno
from sim.errors import InputError, NamedChoice, check_printable, did_you_mean
from sim.frames import FieldsShown, as_html
from sim.kernel_flags import KernelFlags, flag_words, kernel_flags, kernel_words
from sim.kernel_release import DEFAULT, KernelRelease, kernel_release
from sim.latencies import WAIT_NS, Latencies
from sim.topology import Cpu, EnableMethod, Topology, lacks_el2
from sim.units import MAX_SEED, ordinal
from sim.vector_types import VECTOR_TYPES
from sim.vectors import VectorType


class KvmMode(NamedChoice):
    """``kvm-arm.mode=`` on the kernel's command line; `DEFAULT`: the option is not given.

    >>> from sim import boot, read_scenario
    >>> boot(read_scenario("bug").but(kvm_mode=KvmMode.NONE)).log_text.splitlines()[-1]
    '[    0.030720] kvm [1]: KVM disabled from command line'
    """

    DEFAULT = "default"
    PROTECTED = "protected"
    NVHE = "nvhe"
    NONE = "none"


class Relay(NamedChoice):
    """pKVM's PSCI relay: whether it refuses CPU_ON for CPUs that were not online at KVM's init.

    Real kernels are `ENFORCING`. `RELAXED` is the situation that the thread's warnings guard against.

    >>> from sim import boot, read_scenario
    >>> scenario = read_scenario("late-cpu-refused").but(kvm_mode="protected")
    >>> [boot(scenario.but(relay=relay)).cpu_rows()[2].state for relay in Relay]
    ['not started', 'refused']
    """

    ENFORCING = "enforcing"
    RELAXED = "relaxed"


class MemoryLayout(NamedChoice):
    """The memory around pKVM's buffers at EL2.

    `ADJACENT`: as the kernel allocates them, one run of pages after the other in ascending CPU number, with nothing
    else mapped around them. `ISOLATED`: each run alone. `MAPPED`: 128 KiB of other memory on either side of each.

    >>> from sim import boot, read_scenario
    >>> [len(boot(read_scenario("bug").but(memory=memory)).hazards) for memory in MemoryLayout]
    [4, 2, 4]
    """

    ADJACENT = "adjacent"
    ISOLATED = "isolated"
    MAPPED = "mapped"


class BringUp(NamedChoice):
    """The order in which early secondaries are brought up; Linux on arm64 brings them up one at a time.

    >>> from sim import read_scenario
    >>> read_scenario("bug").but(bring_up="parallel").bring_up is BringUp.PARALLEL
    True
    """

    ONE_AT_A_TIME = "one-at-a-time"
    PARALLEL = "parallel"


class KvmInit(NamedChoice):
    """The time at which KVM and pKVM initialise.

    In every real kernel initcalls come before user space. `ANY_TIME` lets KVM's run beside user space.

    >>> from sim import read_scenario
    >>> read_scenario("bug").but(kvm_init="any-time").kvm_init is KvmInit.ANY_TIME
    True
    """

    IN_ORDER = "in-order"
    ANY_TIME = "any-time"


class Do(NamedChoice):
    """An operation of user space.

    It writes 1 or 0 to a CPU's ``online`` file, runs a guest pinned to a CPU, waits until a CPU is online, or suspends
    the system.

    >>> from sim import Action
    >>> Action("guest", "cpu1").do is Do.GUEST
    True
    """

    ONLINE = "online"
    OFFLINE = "offline"
    GUEST = "guest"
    AWAIT = "await"
    SUSPEND = "suspend"
    """It concerns the whole system, and has no CPU."""


class LateBecause(StrEnum):
    """The reason why a CPU comes when the capabilities are final, so that the kernel verifies it."""

    MAXCPUS = "maxcpus="
    """``maxcpus=`` leaves it out."""
    LISTED_LATER = "listed later"
    """Firmware lists it later: it is not among the CPUs that the kernel finds at first."""
    RETURNS = "brought up again"
    """User space took it down, or a suspend, and it is brought up again."""
    FAILED_EARLY = "failed to come early"
    """Firmware did not start it early, or too late; it came when it was tried again, or by itself."""


_FIELD_BITS = 0xF
EL1, EL2 = 1, 2
"""The exception levels at which firmware starts CPUs."""
PAGE_SIZES = (4096, 16384, 65536)
MOST_ROUNDS = 1000
LONGEST_REASON = 200
"""The most characters of `Fault.stands_for` in a scenario file."""
MOST_STEPS = 200_000
"""The most steps of all actions together; each round of a guest is one."""


@dataclass(frozen=True, slots=True)
@checked_fields
class Action(FieldsShown):
    """An action of user space on a CPU, which is given by its name in the topology, or on the whole system.

    Each agent performs its actions in order. The next starts when the last has ended, and not before `at_ns`
    nanoseconds after user space's start; different agents run at the same time. A guest enters `rounds` times and
    touches SVE each time.

    Args:
        do: the operation, or its name: online, offline, guest, await or suspend.
        cpu: the CPU's name in the topology; None for `Do.SUSPEND`, which concerns the whole system.
        at_ns: the earliest start, in nanoseconds after user space's start.
        agent: the name of the agent that performs it.
        guest: the name of the guest that runs; actions with the same name are visits of the same guest.
        rounds: how often the guest enters, 1 to 1000.

    Raises:
        InputError: an unknown operation, a negative time, too many rounds, a name that cannot be printed, a CPU where
            there must be none, or none where there must be one.

    >>> Action("guest", "cpu1", rounds=2).words
    'guest cpu1'
    """

    do: Do
    cpu: str | None = None
    at_ns: int = 0
    agent: str = "user space"
    guest: str = "guest"
    rounds: int = 1

    def __post_init__(self) -> None:
        if self.cpu is None and self.do is not Do.SUSPEND:
            raise InputError(f"{self.do} concerns a CPU, and none is given")
        if self.cpu is not None and self.do is Do.SUSPEND:
            raise InputError(f"suspend concerns the whole system, not {self.cpu!r:.60}: leave the CPU out")
        check_printable("the agent's name", self.agent)
        check_printable("the guest's name", self.guest)
        if self.at_ns < 0:
            raise InputError(f"{self.words} at a negative time")
        if not 1 <= self.rounds <= MOST_ROUNDS:
            raise InputError(f"a guest makes 1 to {MOST_ROUNDS} rounds, not {self.rounds}")

    @property
    def words(self) -> str:
        """The operation, with the CPU if it concerns one."""
        return str(self.do) if self.cpu is None else f"{self.do} {self.cpu}"


CPU_ON_ERRORS = {
    "DENIED": Errno.EPERM,
    "NOT_SUPPORTED": Errno.EOPNOTSUPP,
    "EINVAL": Errno.EINVAL,
    "INVALID_PARAMETERS": Errno.EINVAL,
    "INVALID_ADDRESS": Errno.EINVAL,
    "ALREADY_ON": Errno.EINVAL,
    "ON_PENDING": Errno.EINVAL,
    "INTERNAL_FAILURE": Errno.EINVAL,
    "NOT_PRESENT": Errno.EINVAL,
    "DISABLED": Errno.EINVAL,
}
"""Answers of PSCI CPU_ON, with the errno that Linux turns each into (drivers/firmware/psci/psci.c).

EINVAL is not an answer: it stands for any of those that follow it, where a log shows the errno and no more.
"""


@dataclass(frozen=True, slots=True)
@checked_fields
class Fault(FieldsShown):
    """A fault of firmware when a CPU is started or stopped; exactly one of its four kinds is set.

    A CPU's calls of CPU_ON are counted from 1, as firmware sees them: a call that pKVM's relay refuses is not among
    them, and the boot CPU's first is that of its first return. The fault concerns those from `first` to `last`; a CPU
    that stays on, each CPU_OFF that follows one of them.

    Args:
        cpu: the name of the CPU that is started.
        answer: CPU_ON is answered with this error, a key of `CPU_ON_ERRORS`.
        never_arrives: True if CPU_ON is accepted, and the CPU never arrives in the kernel.
        arrives_after_ns: CPU_ON is accepted, and the CPU arrives this number of nanoseconds later, instead of after
            the usual latency.
        first: the number of the first CPU_ON that it concerns.
        last: the number of the last CPU_ON that it concerns, or None if it concerns all from the first on.
        stays_on: True if firmware goes on reporting the CPU as on after CPU_OFF, and answers later calls with
            ALREADY_ON.
        stands_for: the reason, in words, for which a real kernel kept the CPU out, where the scenario does not have
            that reason and lets the CPU never arrive instead; empty: firmware loses the CPU.

    Raises:
        InputError: none or several kinds are set, the answer is unknown, the time is negative, or the numbers of its
            calls do not ascend.

    >>> Fault("cpu1", answer="DENIED", first=2).which
    'each CPU_ON from the 2nd on'
    """

    cpu: str
    answer: str | None = None
    never_arrives: bool = False
    arrives_after_ns: int | None = None
    first: int = 1
    last: int | None = None
    stays_on: bool = False
    stands_for: str = ""

    def __post_init__(self) -> None:
        if self.stands_for and not self.never_arrives:
            raise InputError(f"a fault of {self.cpu}: stands_for needs never_arrives")
        if self.arrives_after_ns is not None and self.arrives_after_ns < 0:
            raise InputError(f"a fault of {self.cpu}: it arrives after a negative time")
        chosen = (self.answer is not None) + self.never_arrives + (self.arrives_after_ns is not None) + self.stays_on
        if chosen != 1:
            kinds = "answer, never_arrives, arrives_after, stays_on"
            raise InputError(f"a fault of {self.cpu} needs exactly one of {kinds}")
        if self.answer is not None and self.answer not in CPU_ON_ERRORS:
            allowed = f"allowed are {', '.join(CPU_ON_ERRORS)}{did_you_mean(self.answer, CPU_ON_ERRORS)}"
            raise InputError(f"CPU_ON never answers {self.answer[:40]!r}: {allowed}")
        if self.first < 1 or (self.last is not None and self.last < self.first):
            raise InputError(f"a fault of {self.cpu}: its calls of CPU_ON are numbered from 1 on, and ascend")

    def concerns(self, cpu_on: int) -> bool:
        """Return True if the fault concerns a CPU_ON, which is given by its number.

        Args:
            cpu_on: the number of the CPU_ON call of that CPU, counted from 1.
        """
        return self.first <= cpu_on and (self.last is None or cpu_on <= self.last)

    @property
    def lets_arrive_in_time(self) -> bool:
        """True if the CPU arrives before the kernel gives it up."""
        return self.stays_on or (self.arrives_after_ns is not None and self.arrives_after_ns < WAIT_NS)

    @property
    def is_of_every_cpu_on(self) -> bool:
        """True if no CPU_ON of the CPU goes without the fault."""
        return self.first == 1 and self.last is None

    @property
    def which(self) -> str:
        """The calls of CPU_ON that it concerns, in words."""
        if self.is_of_every_cpu_on:
            return "CPU_ON"
        if self.last is None:
            return f"each CPU_ON from the {ordinal(self.first)} on"
        if self.first == self.last:
            return f"the {ordinal(self.first)} CPU_ON"
        return f"the {ordinal(self.first)} to {ordinal(self.last)} CPU_ON"


@dataclass(frozen=True, repr=False)
@checked_fields
class Scenario:
    """A system, its kernel, its design, and what user space and firmware do to it.

    `design` None means the kernel's own. A named design stands for a kernel of that series with the design's patch,
    which then keeps buffers for the host's SVE registers even where the series' own pKVM does not.

    Args:
        topology: the CPUs.
        kernel: the kernel's release, such as 6.12, 6.12.117 or 6.12.117+deb13-arm64; a series stands for its newest
            release.
        design: a design or its name; None: the kernel's own.
        kernel_flags: flags (`sim.kernel_flags`) that this kernel has set otherwise than its release has by default.
        kvm_mode: ``kvm-arm.mode=`` on the kernel's command line, or its name.
        el2: True if the CPUs start at EL2, so that hypervisor mode is available, except those whose firmware or
            registers say otherwise.
        maxcpus: the number of CPUs that are brought up early, ``maxcpus=``; None: all that are not late.
        arm64_nosve: True if ``arm64.nosve`` is on the command line.
        arm64_nosme: True if ``arm64.nosme`` is on the command line.
        options: further words of the kernel's command line, on CPU features
            (`sim.cpufeature_tables.feature_words`).
        kaslr: True if the kernel runs at a random address, for which a boot loader has given it a seed.
        kernel_config: configuration options that decide on CPU features, and whether this kernel is built with
            them.
        relay: pKVM's PSCI relay, or its name.
        memory: the memory around pKVM's buffers at EL2, or its name.
        page_bytes: the size of a page in bytes: 4096, 16384 or 65536.
        allocation_fails_at: the name of the CPU for whose buffer pKVM gets no memory.
        bring_up: the order in which early secondaries are brought up, or its name.
        kvm_init: the time at which KVM and pKVM initialise, or its name.
        actions: what user space does, in the order of each agent.
        faults: the faults of firmware.
        latencies: the duration of each step.
        seed: the seed of random latencies and of the order of simultaneous events, from 0 to 2^62 - 1.
        name: the scenario's name, for people.

    Raises:
        InputError: parts contradict each other, or name a CPU that the topology lacks.

    >>> Scenario(Topology.of([[128, 256], [128]]), kernel="6.12", kvm_mode="protected", name="two CPUs")
    <Scenario 'two CPUs': CPUs 2, kernel 6.12, design constrain-v2, KVM protected, relay enforcing>
    """

    topology: Topology
    kernel: str = DEFAULT
    design: Design | str | None = None
    kernel_flags: Mapping[str, bool] = field(default_factory=dict, hash=False)
    kvm_mode: KvmMode = KvmMode.DEFAULT
    el2: bool = True
    maxcpus: int | None = None
    arm64_nosve: bool = False
    arm64_nosme: bool = False
    options: str = ""
    kaslr: bool = False
    kernel_config: Mapping[str, bool] = field(default_factory=dict, hash=False)
    relay: Relay = Relay.ENFORCING
    memory: MemoryLayout = MemoryLayout.ADJACENT
    page_bytes: int = 4096
    allocation_fails_at: str | None = None
    bring_up: BringUp = BringUp.ONE_AT_A_TIME
    kvm_init: KvmInit = KvmInit.IN_ORDER
    actions: tuple[Action, ...] = ()
    faults: tuple[Fault, ...] = ()
    latencies: Latencies = field(default_factory=Latencies)
    seed: int = 0
    name: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.design, str):
            object.__setattr__(self, "design", named(self.design))
        if self.maxcpus is not None and self.maxcpus < 1:
            raise InputError(f"maxcpus is {self.maxcpus}: it counts the boot CPU, so the least is 1")
        if self.page_bytes not in PAGE_SIZES:
            raise InputError(f"page_bytes is {self.page_bytes}: allowed are {', '.join(map(str, PAGE_SIZES))}")
        if not 0 <= self.seed <= MAX_SEED:
            raise InputError(f"seed is {self.seed}: allowed are 0 to 2^62 - 1")
        self._check_actions()
        self._check_faults()
        if self.allocation_fails_at is not None:
            self.topology.number(self.allocation_fails_at)
        check_printable("the scenario's name", self.name)
        kernel_flags(kernel_release(self.kernel), self.kernel_flags)  # raises if a name is wrong; kept by `flags`
        check_options(self.options, kernel_release(self.kernel).series)
        check_config(self.kernel_config)

    def _check_actions(self) -> None:
        steps = sum(action.rounds for action in self.actions)
        if steps > MOST_STEPS:
            raise InputError(f"actions: {steps:,} steps, rounds of guests counted: the most is {MOST_STEPS:,}")
        for action in self.actions:
            self.cpu_of(action)

    def _check_faults(self) -> None:
        for fault in self.faults:
            number = self.topology.number(fault.cpu)  # raises if there is no such CPU
            if (fault.answer is not None or fault.stays_on) and not self.has_hotplug(number):
                reason = "from which it cannot be stopped" if fault.stays_on else "where nothing is answered"
                raise InputError(f"a fault of {fault.cpu}: it waits in a spin table, {reason}")
        for fault, after in pairwise(sorted(self.faults, key=lambda one: (one.cpu, one.first))):
            if fault.cpu == after.cpu and fault.concerns(after.first):
                raise InputError(f"two faults of {fault.cpu!r} concern the same CPU_ON, number {after.first}")

    def __repr__(self) -> str:
        return f"<Scenario {self.name!r}: {', '.join(f'{key} {value}' for key, value in self._settings().items())}>"

    def _repr_html_(self) -> str:
        settings = [{"setting": key, "value": value} for key, value in self._settings().items()]
        told = as_html(f"Scenario {self.name!r}", settings) + self.topology._repr_html_()
        return told + as_html("Actions", [asdict(one) for one in self.actions]) if self.actions else told

    def _settings(self) -> dict[str, str]:
        """Return the settings that tell scenarios apart at a glance."""
        cpus, late = len(self.topology.cpus), len(self.topology.cpus) - len(self.early)
        told = {
            "CPUs": f"{cpus:,}" + (f" ({late:,} late)" if late else ""),
            "kernel": self.kernel_words,
            "design": "none" if self.active_design is None else self.active_design.name,
            "KVM": str(self.kvm_mode) if self.el(0) == EL2 else "without EL2",
            "relay": str(self.relay) if self.has_pkvm else "",
            "actions": str(len(self.actions) or ""),
            "faults": str(len(self.faults) or ""),
            "seed": str(self.seed or ""),
        }
        return {key: value for key, value in told.items() if value}

    @cached_property
    def release(self) -> KernelRelease:
        """The kernel's release."""
        return kernel_release(self.kernel)

    @cached_property
    def flags(self) -> KernelFlags:
        """The kernel's flags, which are its release's defaults with `kernel_flags` applied."""
        return kernel_flags(self.release, self.kernel_flags)

    @property
    def kernel_words(self) -> str:
        """The kernel with the flags that the scenario sets, such as "6.12 with sme on"."""
        return kernel_words(self.kernel, self.kernel_flags)

    @property
    def flag_words(self) -> str:
        """The flags that the scenario sets, such as "sme on, zcr_el2_constrained off"."""
        return flag_words(self.kernel_flags)

    def cpu_of(self, action: Action) -> int | None:
        """Return the logical number of the CPU that an action concerns; None if it concerns the whole system.

        Args:
            action: an action of the scenario.

        Raises:
            InputError: the topology has no such CPU.
        """
        return None if action.cpu is None else self.topology.number(action.cpu)

    @cached_property
    def active_design(self) -> Design | None:
        """The design in force, which is the chosen design or else the kernel's own; None where there is neither."""
        if self.design is not None:
            assert isinstance(self.design, Design)  # a name has become a design in __post_init__
            return self.design
        own = self.flags.own_design
        return None if own is None else DESIGNS[own]

    @cached_property
    def early_candidates(self) -> tuple[int, ...]:
        """The logical numbers of the CPUs that firmware lists from the beginning, the boot CPU first.

        A CPU that it lists later takes no place among the first `maxcpus`.
        """
        return tuple(number for number, one in enumerate(self.topology.logical) if not one.late)

    @cached_property
    def early(self) -> tuple[int, ...]:
        """The logical numbers of the CPUs that the kernel tries to bring up early, the boot CPU first.

        Where ``maxcpus=`` counts CPUs that are online, a CPU that firmware keeps from coming makes room for the next.
        The facts of a boot (`sim.facts`) say which CPUs it tried.
        """
        if self.maxcpus is None or not self.flags.maxcpus_counts_online:
            return self.early_candidates[: self.maxcpus]
        tried: list[int] = []
        room = self.maxcpus
        for number in self.early_candidates:
            if not room:
                break
            tried.append(number)
            room -= self._comes_early(number)
        return tuple(tried)

    def _comes_early(self, number: int) -> bool:
        """Return True if no fault keeps a CPU from coming when it is brought up early, nor the state it starts in."""
        # The boot CPU is not started by CPU_ON, so its faults concern its return.
        if number and self.topology.logical[number].name in self._failing_early:
            return False
        boot_cpu = self.topology.logical[0]
        supported = [one for one in VectorType if boot_cpu.vqs(one) is not None and self.configured(one)]
        return self.el3_traps(number, supported) is None and self.runs_at_el2(number) >= self.runs_at_el2(0)

    @cached_property
    def _failing_early(self) -> frozenset[str]:
        in_vain = (fault for fault in self.faults if fault.concerns(1) and not fault.lets_arrive_in_time)
        return frozenset(fault.cpu for fault in in_vain)

    def late_because(self, number: int) -> LateBecause | None:
        """Return why a CPU, by its logical number, is not brought up early; None if it is.

        Args:
            number: the CPU's logical number.
        """
        if number in self._early:
            return None
        limit = self.maxcpus_option
        return LateBecause.LISTED_LATER if limit is None or number < limit else LateBecause.MAXCPUS

    @cached_property
    def maxcpus_option(self) -> int | None:
        """The value of ``maxcpus=`` on the command line; None without it.

        Where the scenario gives none, and its late CPUs are the last CPUs, it is the value that leaves out just these.
        Before 6.5 there is none if an early CPU fails, since the kernel would bring up a late CPU in its place.
        """
        if self.maxcpus is not None:
            return self.maxcpus
        early = self.early
        if len(early) == len(self.topology.cpus) or early != tuple(range(len(early))):
            return None
        all_come = not self.flags.maxcpus_counts_online or all(map(self._comes_early, early[1:]))
        return len(early) if all_come else None

    @cached_property
    def _early(self) -> frozenset[int]:
        return frozenset(self.early)

    @cached_property
    def sve_off(self) -> bool:
        """True if the key ``arm64_nosve`` or the design puts ``arm64.nosve`` on the command line."""
        return self.arm64_nosve or (self.active_design is not None and self.active_design.nosve)

    @cached_property
    def _hiding_options(self) -> list[str]:
        """The options that keys or the design put on the command line to switch an extension off."""
        given = {"arm64.nosve": self.sve_off, "arm64.nosme": self.arm64_nosme}
        return [option for option, is_given in given.items() if is_given]

    def el(self, number: int) -> int:
        """Return the exception level at which a CPU starts, by its logical number.

        Args:
            number: the CPU's logical number.
        """
        return self._levels[number]

    @cached_property
    def _levels(self) -> tuple[int, ...]:
        return tuple(self._level(cpu) for cpu in self.topology.logical)

    def _level(self, cpu: Cpu) -> int:
        if cpu.firmware.el is not None:
            return cpu.firmware.el
        return EL2 if self.el2 and not lacks_el2(cpu.features.core) else EL1

    def has_hotplug(self, number: int) -> bool:
        """Return True if a CPU, by its logical number, can be taken down and brought up by user space.

        A CPU that waits in a spin table has no ``online`` file.

        Source: arch/arm64/kernel/setup.c (``topology_init``), smp_spin_table.c, which has no way to stop a CPU.

        Args:
            number: the CPU's logical number.
        """
        return self.topology.logical[number].firmware.enable_method is EnableMethod.PSCI

    @cached_property
    def has_psci(self) -> bool:
        """True if firmware has PSCI, which starts some CPU."""
        return any(self.has_hotplug(number) for number in range(len(self.topology.cpus)))

    @cached_property
    def starts_at_mixed_levels(self) -> bool:
        """True if CPUs start at different exception levels."""
        return len({self.el(number) for number in range(len(self.topology.cpus))}) > 1

    @cached_property
    def has_mixed_levels(self) -> bool:
        """True if CPUs start at different exception levels, or the kernel would run at EL2 on some of them only."""
        cpus = range(len(self.topology.cpus))
        return len({(self.el(number), self.runs_at_el2(number)) for number in cpus}) > 1

    def runs_at_el2(self, number: int) -> bool:
        """Return True if the kernel stays at EL2 on a CPU, by its logical number.

        The CPU must start there and have VHE, and the command line must not ask for a hypervisor beside the kernel.

        Source: arch/arm64/kernel/hyp-stub.S (``__finalise_el2``).

        Args:
            number: the CPU's logical number.
        """
        return self.el(number) == EL2 and self.topology.logical[number].features.vhe and not self._hides_vhe

    @cached_property
    def _hides_vhe(self) -> bool:
        """True if the command line wants a hypervisor beside the kernel, or hides VHE by itself."""
        asks_for_hypervisor = self.kvm_mode in {KvmMode.NVHE, KvmMode.PROTECTED}
        return asks_for_hypervisor or "id_aa64mmfr1.vh" in self._hidden_fields

    @cached_property
    def _hidden_fields(self) -> frozenset[str]:
        """The fields of ID registers that the command line sets to 0, by their names there."""
        words, hides_both = self._feature_options.split(), self.flags.nosve_hides_sme
        asked = dict(asked_values(words, self.release.series, nosve_hides_sme=hides_both))
        return frozenset(name for name, value in asked.items() if not value & _FIELD_BITS)

    def el3_traps(self, number: int, supported: Collection[VectorType]) -> VectorType | None:
        """Return the extension whose first use on a CPU, by its logical number, traps to EL3; None if there is none.

        A CPU that starts at EL2 writes ZCR_EL2 and SMCR_EL2 before anything else, if it has the extension and the
        command line does not switch it off. Whether the kernel is built to use it makes no difference. A CPU that
        starts at EL1 writes ZCR_EL1 and SMCR_EL1 when its lengths are probed, and only if the system has the extension.

        Source: arch/arm64/include/asm/el2_setup.h (``finalise_el2_state``), arch/arm64/kernel/cpufeature.c;
        Documentation/arch/arm64/booting.rst demands that EL3 enables both.

        Args:
            number: the CPU.
            supported: the extensions that the system has so far; of the boot CPU they follow from its own.
        """
        cpu = self.topology.logical[number]
        if not cpu.firmware.trapped:
            return None
        for vector_type in VectorType:
            is_used = cpu.vqs(vector_type) is not None and not self._hides(vector_type)
            is_probed = vector_type in supported or (number == 0 and self.configured(vector_type))
            if is_used and not cpu.is_enabled(vector_type) and (self.el(number) == EL2 or is_probed):
                return vector_type
        return None

    def _hides(self, vector_type: VectorType) -> bool:
        """Return True if the command line hides a vector extension from the kernel."""
        option = VECTOR_TYPES[vector_type].option
        if option not in ALIASES:
            return option in self._hiding_options
        field, _, _ = ALIASES[option].partition("=")
        return field in self._hidden_fields

    def switched_off(self, vector_type: VectorType) -> bool:
        """Return True if the command line switches a vector extension off that the kernel could use.

        Args:
            vector_type: the vector type, or its name.
        """
        return self._hides(vector_type) and self.configured(vector_type)

    def configured(self, vector_type: VectorType) -> bool:
        """Return True if the kernel is built to use a vector extension.

        Args:
            vector_type: the vector type, or its name.
        """
        flag = VECTOR_TYPES[vector_type].flag
        return flag is None or bool(getattr(self.flags, flag))

    @property
    def has_kvm(self) -> bool:
        """True if the kernel is built with KVM."""
        return self.kernel_config.get("CONFIG_KVM", True)

    @property
    def has_pkvm(self) -> bool:
        """True if KVM comes up in protected mode, as pKVM."""
        return self.has_kvm and self.el(0) == EL2 and self.kvm_mode is KvmMode.PROTECTED

    @cached_property
    def has_all_features(self) -> bool:
        """True if every CPU's core states its registers, so that all features are modelled, and not lengths alone."""
        return all(one.features.core.has_all_features for one in self.topology.cpus)

    @cached_property
    def has_mixed_features(self) -> bool:
        """True if all features are modelled, and some CPU's core or firmware is not like another's."""
        kinds = {(id(one.features), id(one.firmware)) for one in self.topology.cpus}
        return self.has_all_features and len(kinds) > 1

    @cached_property
    def command_line(self) -> str:
        """The kernel's command line that the scenario stands for."""
        limit = self.maxcpus_option
        return " ".join(filter(None, ("" if limit is None else f"maxcpus={limit}", self._feature_options)))

    @cached_property
    def _feature_options(self) -> str:
        """The words of the command line that decide on features."""
        mode = "" if self.kvm_mode is KvmMode.DEFAULT else f"kvm-arm.mode={self.kvm_mode}"
        return " ".join(filter(None, (mode, *self._hiding_options, self.options)))

    @property
    def banner(self) -> tuple[str, ...]:
        """The lines of the kernel log that tell the release and the command line."""
        return f"Linux version {self.kernel}", f"Kernel command line: {self.command_line}".rstrip()

    def but(self, **changes: Any) -> "Scenario":
        """Return the same scenario with some parts changed.

        Args:
            changes: the parts by name, with their new values.

        Raises:
            InputError: a scenario has no such part, or the parts contradict each other.

        >>> Scenario(Topology.of([[128]]), name="one").but(kernel="6.12")
        <Scenario 'one': CPUs 1, kernel 6.12, design constrain-v2, KVM default>
        """
        parts = [one.name for one in fields(self)]
        for name in changes:
            if name not in parts:
                there_are = f"there are {', '.join(parts)}{did_you_mean(name, parts)}"
                raise InputError(f"a scenario has no {name[:60]!r}: {there_are}")
        return replace(self, **changes)
