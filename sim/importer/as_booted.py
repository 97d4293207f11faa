"""The scenario of a boot that a kernel log tells of: its kernel, what user space did, what firmware did wrong."""

import re
from collections.abc import Iterator

from sim.importer.kernel_log import Ending, KernelLog
from sim.kernel_series import DEFAULT, OLDEST
from sim.scenario import CPU_ON_ERRORS, Action, Do, Fault, KvmMode, Scenario
from sim.topology import Topology

_NO_HYP = "'HYP mode not available'"


def scenario_of(log: KernelLog, topology: Topology, name: str) -> Scenario:
    """The scenario of a log, on a topology whose CPUs are marked where they come late.

    Raises:
        InputError: the log has more steps than a scenario may have.
    """
    mode = log.command_line.value("kvm-arm.mode")
    return Scenario(
        topology,
        kernel=series_of(log)[0],
        kvm_mode=KvmMode(mode) if mode in set(KvmMode) else KvmMode.DEFAULT,
        el2=log.el2 if log.el2 is not None else log.announced.get("KVM") != _NO_HYP,
        nosve=log.command_line.nosve,
        nosme=log.command_line.nosme,
        actions=tuple(
            Action(Do.OFFLINE if step.ending is Ending.OFFLINE else Do.ONLINE, f"cpu{step.cpu}") for step in log.late
        ),
        faults=tuple(_faults(log)),
        name=name,
    )


def series_of(log: KernelLog) -> tuple[str, str]:
    """The kernel's series, as far as it is modelled, and a sentence on what is not as the log says."""
    match = re.match(r"(\d{1,3})\.(\d{1,3})\b", log.release)
    if match is None:
        return DEFAULT, f"The log does not say which kernel it is: simulated as Linux {DEFAULT}."
    version = int(match[1]), int(match[2])
    if version < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return oldest, f"Linux {version[0]}.{version[1]} is older than what is modelled: simulated as Linux {oldest}."
    return f"{version[0]}.{version[1]}", ""


def _faults(log: KernelLog) -> Iterator[Fault]:
    """Faults of CPUs that never came online, where nothing else explains it."""
    early = {step.cpu for step in log.early}
    came = log.came
    relay = log.command_line.value("kvm-arm.mode") == KvmMode.PROTECTED
    answers = {str(-error): answer for answer, error in reversed(CPU_ON_ERRORS.items())}
    for number, step in sorted({step.cpu: step for step in reversed(log.hotplugs) if step.cpu not in came}.items()):
        if step.ending in {Ending.LOST, Ending.REFUSED_OTHERWISE}:
            yield Fault(f"cpu{number}", never_arrives=True)
        elif step.ending is Ending.NOT_STARTED and step.why in answers and (number in early or not relay):
            yield Fault(f"cpu{number}", answer=answers[step.why])
