"""The contradictions between what sources say of a machine, and between them and the model.

The system is booted in the simulator, and the simulated kernel log is read by the reader of the real log. Facts are
compared as values; only a difference becomes a sentence.

A log is incomplete: lines are lost, and a log may end at any line. A missing line is therefore a contradiction only
where the kernel must have logged it, and `_is_lost` and `_is_less_exact` tell lost lines apart. The removal of single
lines from real logs in tests/importer/test_contradictions.py holds this module to that.

In the names of this module, a source's value is *stated* and the model's is *implied*.
"""

from collections.abc import Iterator
from itertools import zip_longest

import msgspec

from sim.cores.core_table import find_core
from sim.importer.cpu_evidence import CpuEvidence
from sim.importer.faults_of_log import simulated_error
from sim.importer.feature_contradictions import of_features
from sim.importer.hotplug_history import Hotplug, HotplugResult
from sim.importer.kernel_log import KernelLog
from sim.importer.kernel_of_log import modelled_kernel
from sim.importer.log_lines import (
    KvmDisabledLine,
    KvmFailedLine,
    KvmLine,
    KvmReadyLine,
    KvmUnavailableLine,
    Phase,
)
from sim.importer.log_reader import parse_kernel_log
from sim.importer.machine_evidence import MachineEvidence
from sim.importer.simulated_steps import SimulatedSteps
from sim.importer.suspends import LateAction
from sim.importer.sysfs import Sysfs
from sim.outcome import Outcome
from sim.topology import cpu_list
from sim.vectors import VectorType

_NOTHING = "nothing"


# Between sources


def between_sources(machine: MachineEvidence) -> Iterator[str]:
    """Yield sentences on the CPUs that two sources describe differently, and on how many CPUs there are.

    Sources come in the order of their trustworthiness. Each value is compared with the first source that has it.
    """
    first: dict[int, CpuEvidence] = {}
    for source, cpus in machine.by_source().items():
        for cpu, evidence in cpus.items():
            known = first.setdefault(cpu, CpuEvidence(cpu))
            for what, value, other in (
                ("MPIDR", evidence.mpidr, known.mpidr),
                ("MIDR", evidence.midr, known.midr),
            ):
                if value is not None and other is not None and value != other:
                    yield f"cpu{cpu}: {source} says {what} {value:#x}, not {what} {other:#x}"
            first[cpu] = known.filled_from(evidence)
    for evidence in first.values():
        if (of_midr := _other_core(evidence)) is not None:
            midr, compatible = evidence.midr, evidence.compatible[0]
            yield f"cpu{evidence.cpu}: MIDR {midr:#010x} is {of_midr}, and the tree says {compatible}"
    counts = machine.possible_by_source()
    if len(set(counts.values())) > 1:
        yield "how many CPUs are possible: " + ", ".join(f"{source} says {count}" for source, count in counts.items())


def _other_core(evidence: CpuEvidence) -> str | None:
    """Return the core of a CPU's MIDR if it is not the core of its compatible string.

    Only Arm's own strings are trusted: a string of another maker, such as qcom,kryo, may stand for several cores.
    """
    of_midr, compatible = evidence.core_of_midr, evidence.compatible
    if of_midr is None or of_midr in compatible or not compatible or not compatible[0].startswith("arm,"):
        return None
    # A string that the table lacks may be another name of the same core.
    return None if find_core(compatible) is None else of_midr


# With the model


def with_log(log: KernelLog, outcome: Outcome, sets: str) -> Iterator[str]:
    """Yield sentences on what a log says and the model does not, or says otherwise.

    Args:
        log: the real log.
        outcome: a boot of the same system, with its CPUs in Linux's order and the log's late steps as its actions.
        sets: the name that sentences give to the CPUs' sets of vector lengths.
    """
    if modelled_kernel(log).stands_for_older:
        # Another series stands for the log's, and says nothing of what that logs. Whether the machine boots it may say.
        yield from _model_panics(log, outcome)
        return
    # Both logs go through the same reader, so that a difference is one of boots and not of their wording.
    simulated = parse_kernel_log(outcome.log_text)
    yield from _of_the_system(log, simulated, outcome, sets)
    yield from _of_cpus(_early_differences(log, simulated), sets)
    yield from _of_cpus(_late_differences(log, outcome), sets)
    yield from _of_cpus(_arrival_differences(log, simulated), sets)
    if outcome.scenario.has_all_features:
        yield from of_features(log, simulated)
    panic = outcome.facts.panic
    if log.panic is not None and panic is None and log.panic.is_modelled:
        yield f"the log ends in {log.panic.message!r}, and the model goes on"
    yield from _model_panics(log, outcome)


def _model_panics(log: KernelLog, outcome: Outcome) -> Iterator[str]:
    """Yield the sentence on a panic that the log lacks.

    A CPU on which the kernel would run at another level ends in a panic, which a log may lack that was cut.
    """
    panic = outcome.facts.panic
    if log.panic is None and panic is not None and not log.vhe_conflicts:
        yield f"the model ends in a panic, and the log does not: {panic.sentence}"


def with_sysfs(sysfs: Sysfs, outcome: Outcome, sets: str) -> Iterator[str]:
    """Yield sentences on the differences between sysfs and the model at the end of its boot.

    Args:
        sysfs: what sysfs showed after the last line of the log.
        outcome: a boot of the same system, with the log's late steps as its actions.
        sets: the name that sentences give to the CPUs' sets of vector lengths.
    """
    stated, implied = (cpu_list(list(online)) for online in (sysfs.online, outcome.facts.online))
    if stated != implied:
        yield f"sysfs says that cpu{stated} are online, the model that cpu{implied} are"
    for extension, is_listed in sysfs.extensions.items():
        is_supported = outcome.facts.supports[extension]
        if is_listed is not is_supported:
            shown, implied = ("has" if present else "lacks" for present in (is_listed, is_supported))
            yield f"cpuinfo says that the system {shown} {extension}, {sets} imply that it {implied} it"


# Lengths and KVM


class _Claim(msgspec.Struct, frozen=True):
    """A fact on the whole system that a log may state: its name, and its value in words."""

    name: str
    value: str
    extension: VectorType | None = None


def _claims(log: KernelLog) -> Iterator[_Claim]:
    if log.levels_differ:
        yield _Claim("exception levels", "differ")
    for (extension, bound), vl_bytes in log.vl_bytes.items():
        yield _Claim(f"{extension} {bound}", f"{vl_bytes} bytes", extension)
    if log.has_unvirtualisable:
        yield _Claim("unvirtualisable SVE lengths", "are present")
    if log.guests_max_vl_bytes is not None:
        yield _Claim("guests' SVE maximum", f"{log.guests_max_vl_bytes} bytes")


def _of_the_system(log: KernelLog, simulated: KernelLog, outcome: Outcome, sets: str) -> Iterator[str]:
    stated, implied = ({claim.name: claim for claim in _claims(each)} for each in (log, simulated))
    # A log that ends before capabilities are final may end before the kernel logs its lengths.
    expected = implied if log.phase is Phase.FINAL else {}
    for name in dict.fromkeys((*stated, *expected)):
        claim = stated.get(name) or implied[name]
        values = [each[name].value if name in each else _NOTHING for each in (stated, implied)]
        if values[0] == values[1] or (name not in stated and _is_lost(claim, log)):
            continue
        # A kernel that does not use SME logs nothing of it, whatever the sets are: its series implies the difference.
        unused = claim.extension is VectorType.SME and not outcome.scenario.flags.sme
        whose = f"the model of Linux {outcome.scenario.kernel} says" if unused else f"{sets} imply"
        yield f"the log says {name} {values[0]}, {whose} {values[1]}"
    if log.kvm is not None and (said := _kvm(log.kvm)) != (modelled := _kvm(simulated.kvm)):
        yield f"the log says KVM {said}, the model of Linux {outcome.scenario.kernel} says {modelled}"


def _is_lost(claim: _Claim, log: KernelLog) -> bool:
    """Return True if the log shows that the system has the claim's extension.

    The kernel then logs all lengths, so that a line which is not there was lost or cut.
    """
    if claim.extension is None:
        return False
    return bool(log.cpus[0].has(claim.extension)) or any(extension is claim.extension for extension, _ in log.vl_bytes)


def _kvm(line: KvmLine | None) -> str:
    """Return a log's state of KVM in words, for comparison too.

    Nested virtualisation, which a mode such as "VHE+NV2" names too, is not modelled.
    """
    match line:
        case KvmReadyLine(mode=mode):
            return f"is initialised as {mode.strip().removesuffix('+NV2')!r}"
        case KvmUnavailableLine():
            return "'HYP mode not available'"
        case KvmDisabledLine():
            return "'KVM disabled from command line'"
        case KvmFailedLine(error=error):
            return f"'error initializing Hyp mode: {error}'"
        case _:
            return _NOTHING


# Single CPUs


class _Difference(msgspec.Struct, frozen=True):
    """A CPU's step in the log beside the model's, equal or not; None where there is no step."""

    cpu: int
    stated: Hotplug | None
    implied: Hotplug | None


def _early_differences(log: KernelLog, simulated: KernelLog) -> Iterator[_Difference]:
    stated, implied = ({step.cpu: _as_simulated(step) for step in each.early} for each in (log, simulated))
    # A log that ends during the early bring-up lacks the steps that were still to come.
    for cpu in sorted({*stated, *implied} if log.phase is not Phase.EARLY else stated):
        yield _Difference(cpu, stated.get(cpu), implied.get(cpu))


def _late_differences(log: KernelLog, outcome: Outcome) -> Iterator[_Difference]:
    simulated, actions = SimulatedSteps(outcome.facts), outcome.facts.actions
    for place, action in enumerate(log.actions):
        # After a panic there are fewer results than actions.
        steps = simulated.of_action(actions[place]) if place < len(actions) else []
        for stated, implied in _beside(action, steps):
            if implied is None or not _is_less_exact(stated, implied):
                modelled = None if implied is None else _as_simulated(implied)
                yield _Difference(stated.cpu, _as_simulated(stated), modelled)


def _arrival_differences(log: KernelLog, simulated: KernelLog) -> Iterator[_Difference]:
    """Yield each CPU that arrives late in the log beside the model's; of one CPU they are compared in their order."""
    arrived = [
        [step for step in each.sequence if step.result is HotplugResult.ARRIVED_LATE] for each in (log, simulated)
    ]
    for cpu in sorted({step.cpu for steps in arrived for step in steps}):
        of_cpu = ([step for step in steps if step.cpu == cpu] for steps in arrived)
        for one, other in zip_longest(*of_cpu):
            yield _Difference(cpu, one, other)


def _beside(action: LateAction, steps: list[Hotplug]) -> Iterator[tuple[Hotplug, Hotplug | None]]:
    """Yield each step of an action with the step of the same CPU that its simulation shows in its place."""
    for stated in action.steps:
        of_cpu = [step for step in steps if step.cpu == stated.cpu]
        if action.is_suspend:
            of_cpu = [step for step in of_cpu if step.is_attempt == stated.is_attempt]
        # If an action shows several steps of its CPU, the last is how it ends.
        yield stated, of_cpu[-1] if of_cpu else None


def _as_simulated(step: Hotplug) -> Hotplug:
    """Return a step as it is simulated.

    A refusal that is not modelled is a CPU that never arrives, and an errno that no answer of PSCI becomes is another.
    """
    if step.error is not None:
        return step._replace(error=simulated_error(step.error))
    return Hotplug(step.cpu, HotplugResult.LOST) if step.result is HotplugResult.REFUSED_OTHERWISE else step


def _is_less_exact(stated: Hotplug, implied: Hotplug) -> bool:
    """Return True if both are refused for lengths of the same extension, and the log lacks the reason in detail."""
    if stated.refusal is None or implied.refusal is None or stated.refusal.extension is not implied.refusal.extension:
        return False
    is_detailed = stated.refusal.lacks_extension or stated.refusal.verdict is not None
    return not is_detailed and not implied.refusal.lacks_extension


def _of_cpus(differences: Iterator[_Difference], sets: str) -> Iterator[str]:
    """Yield a sentence for each group of CPUs that differ in the same way."""
    alike: dict[tuple[str, str], set[int]] = {}
    for difference in differences:
        if difference.stated != difference.implied:
            words = (_shown(difference.stated), _shown(difference.implied))
            alike.setdefault(words, set()).add(difference.cpu)
    for (stated, implied), cpus in alike.items():
        yield f"cpu{cpu_list(sorted(cpus))}: the log says {stated!r}, {sets} imply {implied!r}"


def _shown(step: Hotplug | None) -> str:
    return _NOTHING if step is None else str(step)
