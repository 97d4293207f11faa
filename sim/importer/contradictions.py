"""Where what a machine said contradicts the model: the same system is booted, and its log is read as the real one."""

import re
from collections.abc import Iterator

from sim.importer.kernel_log import Ending, Hotplug, KernelLog
from sim.importer.log_reading import hotplugs_of, kernel_log
from sim.importer.sysfs import Sysfs
from sim.outcome import Outcome
from sim.topology import cpu_list
from sim.vectors import VectorType

_NOTHING = "nothing"
_MODELLED_PANIC = re.compile("idle task|HYP panic|hyp panic")
"""Others have nothing to do with what is modelled."""


def of_log(log: KernelLog, outcome: Outcome, sets: str) -> Iterator[str]:
    """Sentences on what a log says and the model does not, or says otherwise.

    Args:
        log: what the log says.
        outcome: of the same system, with its CPUs in Linux's order and the log's late steps as its actions.
        sets: what sentences call the CPUs' sets of vector lengths.
    """
    simulated = kernel_log(outcome.log_text)
    if "KVM" not in log.announced:  # a kernel may be built without it
        simulated.announced.pop("KVM", None)
    expected = simulated.announced if log.final else {}
    for name in dict.fromkeys((*log.announced, *expected)):
        said, implied = (one.announced.get(name, _NOTHING) for one in (log, simulated))
        if said != implied and not (said == _NOTHING and _is_lost(name, log)):
            of_kernel = name == "KVM" or (name.startswith("SME ") and not outcome.scenario.flags.sme)
            whose = f"the model of Linux {outcome.scenario.kernel} says" if of_kernel else f"{sets} imply"
            yield f"the log says {name} {said}, {whose} {implied}"
    yield from _of_cpus(_early(log, simulated), sets)
    yield from _of_cpus(_late(log, outcome), sets)
    panic = outcome.facts.panic
    if log.panic is not None and panic is None and _MODELLED_PANIC.search(log.panic):
        yield f"the log ends in {log.panic!r}, and the model goes on"
    if log.panic is None and panic is not None:
        yield f"the model ends in a panic, and the log does not: {panic.sentence}"


def _is_lost(name: str, log: KernelLog) -> bool:
    """Whether the line that would say a length is missing beside others that say one of the same extension."""
    extension = name.partition(" ")[0]
    return extension in {"SVE", "SME"} and any(one.startswith(f"{extension} ") for one in log.announced)


def of_sysfs(sysfs: Sysfs, outcome: Outcome, sets: str) -> Iterator[str]:
    """Sentences on what sysfs shows, after all that the log tells, and the model does not."""
    online = cpu_list(outcome.facts.online)
    if (seen := cpu_list(list(sysfs.online))) != online:
        yield f"sysfs says that cpu{seen} are online, the model that cpu{online} are"
    has_sve = outcome.facts.supports[VectorType.SVE]
    if sysfs.has_sve not in {None, has_sve}:
        shown, implied = ("has" if one else "lacks" for one in (sysfs.has_sve, has_sve))
        yield f"cpuinfo says that the system {shown} SVE, {sets} imply that it {implied} it"


def _early(log: KernelLog, simulated: KernelLog) -> Iterator[tuple[int, str, str]]:
    said, implied = ({step.cpu: _told(step) for step in each.early} for each in (log, simulated))
    for number in sorted({*said, *implied} if log.brought_up else said):
        yield number, said.get(number, _NOTHING), implied.get(number, _NOTHING)


def _late(log: KernelLog, outcome: Outcome) -> Iterator[tuple[int, str, str]]:
    rows = outcome.action_rows()
    not_modelled = log.returned_not()
    for place, said in enumerate(log.late):
        if said in not_modelled:
            continue
        steps = hotplugs_of(rows[place].log if place < len(rows) else ())
        implied = [one for one in steps if one.cpu == said.cpu][-1:]
        if implied and _is_less_exact(said, implied[0]):
            continue
        yield said.cpu, _told(said), _told(implied[0]) if implied else _NOTHING


def _is_less_exact(said: Hotplug, implied: Hotplug) -> bool:
    """Whether both are refused for lengths, and the line is missing that says for which."""
    both = said.ending is implied.ending is Ending.REFUSED
    return both and said.why.endswith("mismatch") and implied.why.startswith(said.why[:3])


def _told(step: Hotplug) -> str:
    """What a step comes to; who is refused for what is not modelled is simulated as if it never arrived."""
    return str(Ending.LOST if step.ending is Ending.REFUSED_OTHERWISE else step)


def _of_cpus(steps: Iterator[tuple[int, str, str]], sets: str) -> Iterator[str]:
    """A sentence for all CPUs of which the same is said, and the same is implied."""
    alike: dict[tuple[str, str], set[int]] = {}
    for number, said, implied in steps:
        if said != implied:
            alike.setdefault((said, implied), set()).add(number)
    for (said, implied), numbers in alike.items():
        yield f"cpu{cpu_list(sorted(numbers))}: the log says {said!r}, {sets} imply {implied!r}"
