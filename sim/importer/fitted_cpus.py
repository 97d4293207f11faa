"""The CPUs of a log that came late or were refused, and the registers with which a boot treats them as the log does.

What a refusal implies (`sim.importer.refused_cpus`) is kept if a boot then refuses the CPU for the same. On the way
there the kernel may refuse the CPU for something else, in which the CPU must be like the system: in the log it passed
that check. The same holds for a CPU that came, and that a boot would refuse.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import msgspec

from sim.boot_run import boot
from sim.cpufeature_tables import Capability, Hwcap, KernelTables
from sim.importer.field_editor import FieldEditor, field_words, replaced
from sim.importer.hotplug_history import Hotplug, HotplugResult
from sim.importer.kernel_log import KernelLog, RefusedCpu
from sim.importer.log_reader import parse_kernel_log
from sim.importer.refused_cpus import Refusals
from sim.scenario import Scenario
from sim.topology import cpu_list

_MOST_STEPS = 8
"""The largest number of other refusals that are mended on the way to that of the log."""
_USED_BY_PATCHED_CODE = ("HAS_LSE_ATOMICS", "HAS_ECV")
"""The capabilities of the system without which a late CPU dies before it can log anything."""


class FittedCpus:
    """A search for the registers of late and of refused CPUs.

    Args:
        scenario: the CPUs, with faults that keep the refused CPUs from arriving.
        log: the log.
        tables: the kernel's tables.
    """

    def __init__(self, scenario: Scenario, log: KernelLog, tables: KernelTables) -> None:
        self.scenario = scenario
        self.reasons: list[str] = []
        self._log = log
        self._tables = tables
        self._series = scenario.release.series

    def came(self, steps: Sequence[Hotplug]) -> None:
        """Let CPUs come that came in some steps of the log, and which a boot refuses."""
        first = {step.cpu: step for step in reversed(steps) if step.is_attempt}
        wanted = {cpu: step for cpu, step in first.items() if step.result is HotplugResult.ONLINE}
        if wanted:
            fit = _Fit(self._patched(self.scenario, wanted), wanted, self._tables)
            if fit.reasons:
                self.scenario = fit.scenario
                self.reasons += fit.reasons

    def refused(self) -> None:
        """Take faults away from CPUs that the log has refused, if a boot refuses them for the same."""
        numbers = {cpu.name: number for number, cpu in enumerate(self.scenario.topology.logical)}
        faulty = {numbers[one.cpu] for one in self.scenario.faults if one.never_arrives}
        steps = {cpu: step for cpu, step in first_refusals(self._log).items() if cpu in faulty}
        told = {one.cpu: one for one in reversed(self._log.shown.refused)}
        groups: dict[tuple[str, RefusedCpu | None], dict[int, Hotplug]] = {}
        for cpu, step in steps.items():
            why = msgspec.structs.replace(told[cpu], cpu=0) if cpu in told else None
            groups.setdefault((step.other_reason, why), {})[cpu] = step
        for (_, why), alike in groups.items():
            self._refused_alike(alike, [told[cpu] for cpu in alike if why is not None])

    def _refused_alike(self, steps: dict[int, Hotplug], told: list[RefusedCpu]) -> None:
        """Let CPUs arrive that were refused for the same reason, with registers for which a boot refuses them."""
        left = {cpu: step for cpu, step in steps.items() if cpu not in self._accept(self.scenario, steps, mend=False)}
        refused = [one for one in told if one.cpu in left]
        for implied in Refusals(self.scenario, self._tables, self._log, refused).implied() if refused else ():
            if accepted := self._accept(implied.scenario, left, reasons=implied.reasons):
                left = {cpu: step for cpu, step in left.items() if cpu not in accepted}
                break
        modelled = first_refusals(simulated(arriving(self.scenario, left))) if left else {}
        if refused_anyhow := left.keys() & modelled.keys():
            self.scenario = arriving(self.scenario, refused_anyhow)
            words = ", ".join(f"cpu{cpu} for {modelled[cpu].other_reason!r}" for cpu in sorted(refused_anyhow))
            self.reasons.append(f"the cores are such that the model refuses, as the log for another reason, {words}")

    def _accept(
        self,
        scenario: Scenario,
        steps: Mapping[int, Hotplug],
        *,
        reasons: Callable[[Collection[int]], Iterable[str]] = lambda _cpus: (),
        mend: bool = True,
    ) -> set[int]:
        """Take those CPUs of a scenario over that a boot refuses as the log does, and return them."""
        fit = _Fit(self._patched(arriving(scenario, steps), steps), steps, self._tables, most_steps=_MOST_STEPS * mend)
        if fit.agree:
            logical = self.scenario.topology.logical
            others = {cpu: logical[cpu] for cpu in steps.keys() - fit.agree}
            names = {one.name for one in others.values()}
            faults = (one for one in self.scenario.faults if one.never_arrives and one.cpu in names)
            topology = replaced(fit.scenario.topology, others)
            self.scenario = fit.scenario.but(topology=topology, faults=(*fit.scenario.faults, *faults))
            self.reasons += (*reasons(fit.agree), *fit.reasons)
        return fit.agree

    def _patched(self, scenario: Scenario, cpus: Iterable[int]) -> Scenario:
        """Return late CPUs with what the kernel's code uses by then: without it they could not log anything."""
        editor, late = FieldEditor(scenario, self._tables), [cpu for cpu in cpus if cpu not in scenario.early]
        for one in self._tables.capabilities:
            is_used = one.name in _USED_BY_PATCHED_CODE or (one.name == "HAS_MOPS" and scenario.flags.mops_in_kernel)
            if is_used and one.description in self._log.shown.detected:
                for cpu in late:
                    editor.let(cpu, one, has=True)
        return editor.scenario()


class _Fit:
    """Some CPUs of a scenario, changed until a boot treats them as a log does, as far as that succeeds.

    Args:
        scenario: the scenario.
        wanted: the result of each CPU's first attempt to come, or its first refusal, in the log.
        tables: the kernel's tables.
        most_steps: the largest number of other refusals that are mended on the way.
    """

    def __init__(
        self,
        scenario: Scenario,
        wanted: Mapping[int, Hotplug],
        tables: KernelTables,
        most_steps: int = _MOST_STEPS,
    ) -> None:
        self.scenario = scenario
        self.agree: set[int] = set()
        """The CPUs that a boot of the scenario treats as the log does."""
        self._tables = tables
        self._mended: dict[str, list[int]] = {}
        for step in range(most_steps + 1):
            log = simulated(self.scenario)
            self.agree = {cpu for cpu, result in wanted.items() if _result(log, result) == result}
            if step == most_steps or self.agree == wanted.keys() or not self._mend(log, wanted.keys() - self.agree):
                break

    @property
    def reasons(self) -> list[str]:
        """Sentences on the refusals that were mended."""
        told: dict[tuple[int, ...], list[str]] = {}
        for fields, cpus in self._mended.items():
            if those := tuple(sorted(self.agree.intersection(cpus))):
                told.setdefault(those, []).append(fields)
        passed = "the kernel refuses a CPU without it, and in the log the CPU passed that check"
        return [f"cpu{cpu_list(cpus)} is taken to have {', '.join(fields)}: {passed}" for cpus, fields in told.items()]

    def _mend(self, log: KernelLog, cpus: Collection[int]) -> bool:
        """Let CPUs agree with the system in what a boot refuses them for, and return True if any changed."""
        editor, is_changed = FieldEditor(self.scenario, self._tables), False
        for one in log.shown.refused:
            entry = self._entry(one) if one.cpu in cpus else None
            if entry is not None and (changes := editor.agree(one.cpu, entry, has=one.in_system)):
                self._mended.setdefault(field_words(changes), []).append(one.cpu)
                is_changed = True
        self.scenario = editor.scenario()
        return is_changed

    def _entry(self, one: RefusedCpu) -> Capability | Hwcap | None:
        """Return the entry of the tables for which a boot refused a CPU."""
        if one.hwcap:
            found: Iterator[Capability | Hwcap] = (
                each for each in self._tables.hwcaps if each.name == one.hwcap and each.compat is one.is_compat
            )
        else:
            series = self.scenario.release.series
            found = (each for each in self._tables.capabilities if one.capability and each.number(series) == one.number)
        return next(found, None)


def simulated(scenario: Scenario) -> KernelLog:
    """Return the log of a boot, as the reader of real logs reads it."""
    return parse_kernel_log(boot(scenario).log_text)


def arriving(scenario: Scenario, cpus: Iterable[int]) -> Scenario:
    """Return a scenario without the faults that keep some CPUs from arriving."""
    names = {scenario.topology.logical[cpu].name for cpu in cpus}
    return scenario.but(faults=tuple(one for one in scenario.faults if not (one.never_arrives and one.cpu in names)))


def first_refusals(log: KernelLog) -> dict[int, Hotplug]:
    """Return the first refusal of each CPU that was refused for what is not a vector extension."""
    steps = (step for step in reversed(log.steps) if step.result is HotplugResult.REFUSED_OTHERWISE)
    return {step.cpu: step for step in steps}


def _result(log: KernelLog, like: Hotplug) -> Hotplug | None:
    """Return a CPU's first refusal, or its first attempt to come, whichever another log's result is."""
    if like.result is HotplugResult.REFUSED_OTHERWISE:
        return first_refusals(log).get(like.cpu)
    return next((step for step in log.steps if step.cpu == like.cpu and step.is_attempt), None)
