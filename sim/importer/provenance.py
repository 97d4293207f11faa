"""The file of an imported scenario: its text, with comments on the provenance of everything in it.

The comments are for people, and nothing reads them: `Imported` has the same knowledge as values.
"""

from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from sim.cores import GICV3
from sim.errors import printable
from sim.files.scenario_text import scenario_text
from sim.flag_notes import as_sentence, name_notes
from sim.id_registers import Core
from sim.importer.cpu_evidence import CpuEvidence
from sim.importer.hotplug_history import HotplugResult
from sim.importer.imported import Imported
from sim.importer.imported_cores import ImportedCores, best_known_revision, revision_words
from sim.importer.kernel_log import KernelLog
from sim.importer.kernel_of_log import lacks_vhe_under_pkvm, modelled_kernel
from sim.importer.log_lines import Phase
from sim.importer.register_differences import register_differences
from sim.importer.start_errors import unmodelled_errors
from sim.importer.start_levels import LevelSource
from sim.kernel_release import kernel_release
from sim.scenario import PAGE_SIZES
from sim.topology import EnableMethod, cpu_list

if TYPE_CHECKING:
    from sim.importer.device_tree import DeviceTree

_OF_BOOT_CPU = {
    LevelSource.VHE: "The boot CPU started at {level}, where the kernel runs.",
    LevelSource.TIMER: "The boot CPU started at {level}, as the kernel's timer shows.",
    LevelSource.ASSUMED: "It is not known at which level the boot CPU started: simulated as {level}.",
}
"""Sentences on the boot CPU's level in a log that says that levels differ."""
_LONGEST_TEXT = 100
_LONGEST_RELEASE = 60
_MOST_REGISTERS_NAMED = 6


def annotated_text(imported: Imported) -> str:
    """Return the text of the scenario's file; its comments say what was read, what was given and what is unknown."""
    comments = "".join(f"# {line}".rstrip() + "\n" for line in _comments(imported))
    return f"{comments}\n{scenario_text(imported.scenario)}"


def _comments(imported: Imported) -> Iterator[str]:
    yield from remarks(imported)
    yield f"Clusters: from {imported.clusters.origin}."
    if [cpu.name for cpu in imported.scenario.topology.logical] != [evidence.name for evidence in imported.cpus]:
        yield "This file has a cluster's CPUs together: Linux numbers CPUs as their names do, the simulator does not."
    yield f"Vector lengths, {_about_lengths(imported)}"
    yield from _cpu_lines(imported)
    yield from (f"Contradiction: {sentence}." for sentence in imported.contradictions)
    yield "Everything else has its default: no source says anything of it."


def _about_lengths(imported: Imported) -> str:
    if imported.machine.log is None and imported.machine.sysfs is None:
        return "which a tree does not state; capacity is capacity-dmips-mhz, which nothing here depends on:"
    return "which a machine does not list; its kernel states the largest that all early CPUs share:"


def _cpu_lines(imported: Imported) -> Iterator[str]:
    """Yield a line for consecutive CPUs of which the same is known."""
    for words, alike in groupby(imported.cpus, lambda evidence: _cpu_words(imported, evidence)):
        yield f"  cpu{cpu_list([evidence.cpu for evidence in alike])}: {words}"


def _cpu_words(imported: Imported, evidence: CpuEvidence) -> str:
    lengths = imported.lengths[evidence.cpu]
    revision = "" if evidence.midr is None or evidence.core_of_midr is None else f" {revision_words(evidence.midr)}"
    taken_for = imported.taken_for(evidence.cpu)
    core = f"taken to be {taken_for}" if taken_for else f"{evidence.core_name}{revision}"
    parts = [core, "/".join(imported.clusters.paths[evidence.cpu]) or "in no cluster"]
    if evidence.capacity is not None:
        parts.append(f"capacity {evidence.capacity}")
    if evidence.cpu in imported.inferred_late:
        parts.append("late (inferred: offline)")
    return f"{', '.join(parts)}: {_short(str(lengths))} ({_short(lengths.source)})"


# Remarks on the sources


def remarks(imported: Imported) -> Iterator[str]:
    """Yield sentences on the sources, on everything that is unknown, and on what is simulated differently."""
    log, sysfs, tree = imported.machine.log, imported.machine.sysfs, imported.machine.tree
    if log is not None:
        yield from _of_log(imported, log)
    if sysfs is not None and imported.sources.sysfs is not None:
        folder = _short(imported.sources.sysfs.name) or "/"
        yield f"From {folder}: {len(sysfs.possible)} possible CPUs, as sysfs shows them."
        if log is None:
            yield from _of_offline_cpus(imported.inferred_late)
    if tree is not None:
        yield from _of_tree(imported, tree)
    if silent := [cpu.cpu for cpu in imported.cpus if cpu.mpidr is None and cpu.midr is None]:
        yield f"Nothing is known of cpu{cpu_list(silent)}."
    if imported.sve_is_hidden:
        source = "cpuinfo has" if log is None else "The log has"
        yield f"{source} no SVE, and the CPUs' cores have: simulated as with arm64.nosve."
    yield from _of_cores(imported)
    if log is not None:
        yield from _of_registers(imported, log)
        yield from _of_levels(imported, log)
        yield from _of_late_arrivals(log)
        yield from _of_silent_cpus(imported, log)
        yield from _not_as_it_was(imported, log)


def _of_offline_cpus(cpus: tuple[int, ...]) -> Iterator[str]:
    if not cpus:
        yield "Inferred: all CPUs came early, because all are online: sysfs does not tell when a CPU came."
        return
    yield (
        f"Inferred: late, because sysfs shows them offline: cpu{cpu_list(cpus)}. It does not tell whether a CPU was "
        "left out of the boot, failed to come, or went offline afterwards."
    )


def _of_log(imported: Imported, log: KernelLog) -> Iterator[str]:
    name = "" if imported.sources.dmesg is None else imported.sources.dmesg.name
    release = printable(log.release[:_LONGEST_RELEASE]) or "of unknown release"
    which = f", the last of {log.boots} boots in it" if log.boots > 1 else ""
    yield f"From {_short(name)}: Linux {release}{which}."
    kernel = modelled_kernel(log)
    if kernel.in_log is None:
        yield f"The log does not say which kernel it is: simulated as Linux {kernel.release}."
    elif kernel.stands_for_older:
        older = ".".join(map(str, kernel.in_log))
        yield f"Linux {older} is older than the model, whose {kernel.release} stands for it: its lines are not judged."
    elif (stand_in := kernel_release(kernel.release).stand_in) is not None:
        yield f"Nothing is known of Linux {kernel.release} itself: {stand_in}."
    else:
        yield from map(as_sentence, name_notes(kernel_release(kernel.release), kernel.flags))
    if kernel.page_bytes != PAGE_SIZES[0]:
        yield f"The kernel has pages of {kernel.page_bytes >> 10} KiB, {kernel.told_by}."
    for name, value in kernel.flags.items():
        yield f"The kernel's flag {name} is {'on' if value else 'off'}, because the log shows it."


def _of_cores(imported: Imported) -> Iterator[str]:
    """Yield sentences on the model of CPU features: the sources of registers, and what was inferred from the log."""
    cores, log, features = imported.cores, imported.machine.log, imported.features
    if not cores.are_known:
        yield f"Vector lengths alone are modelled, and no other CPU feature: {cores.why_not}."
        yield from _of_revisions(cores)
        return
    kinds = dict.fromkeys(_cores_taken(imported))
    are_stated = any(cpu.features.core.stated_fields for cpu in features.scenario.topology.cpus)
    yield _of_model(kinds, are_stated=are_stated)
    for name in dict.fromkeys(core.name for core in kinds if not core.is_complete):
        known = _registers_of(core for core in kinds if core.name == name)
        is_told_by_others = bool(_registers_of(core for core in kinds if core.name != name) - known)
        unknown = "what depends on unknown registers is marked as unknown in a boot"
        rest = "what is not known is taken to be like the other CPUs here" if is_told_by_others else unknown
        yield f"Of {name} {_known_registers(sorted(known))}; {rest}."
    yield from _of_revisions(cores)
    simulated = [cpu.features.core.midr for cpu in features.scenario.topology.logical]
    have_vhe = _with_vhe_alone(imported)
    if like := [cpu for cpu in cores.like_others if simulated[cpu] == cores.cores[cpu].midr and cpu not in have_vhe]:
        yield f"cpu{cpu_list(like)} is taken to have the core of the CPU before it."
    if cores.of_log:
        yield f"From the log, as SANITY CHECK lines state them: values of {', '.join(sorted(cores.of_log))}."
    yield from (f"Inferred: {sentence}." for sentence in features.reasons)
    if log is not None and log.shown.kaslr is None and not imported.scenario.kaslr:
        yield "The log does not say whether KASLR is on: taken to be off."
    if features.missing:
        yield f"The log names, and the model does not: {', '.join(features.missing)}."
    if features.too_many:
        yield f"The model names, and the log does not: {', '.join(features.too_many)}."


def _cores_taken(imported: Imported) -> Iterator[Core]:
    """Yield the core of each CPU as the sources have it, or the other core that the log shows it to be."""
    cpus = imported.features.scenario.topology.logical
    for cpu, core in imported.cores.cores.items():
        simulated = cpus[cpu].features.core
        yield core if simulated.name == core.name else simulated


def _of_revisions(cores: ImportedCores) -> Iterator[str]:
    for name in cores.without_revision:
        known = _registers_of(core for core in cores.cores.values() if core.name == name)
        most = ", of which most is known" * bool(known)
        yield f"No source states the revision of {name}: simulated as {best_known_revision(name)}{most}."


def _of_model(cores: Collection[Core], *, are_stated: bool) -> str:
    """Return a sentence on how far CPU features are modelled.

    Args:
        cores: the cores, with what the table and the log's SANITY CHECK lines tell of them.
        are_stated: True if other lines of the log tell fields of registers that are not known.
    """
    if all(core.is_complete for core in cores):
        return "All CPU features are modelled, with the values of ID registers from the table of cores."
    if _registers_of(cores):
        further = ", or the log shows fields of them" if are_stated else ""
        return f"CPU features are modelled as far as the table of cores has the values of ID registers{further}."
    if are_stated:
        return (
            "CPU features are modelled as far as the log shows fields of ID registers: the table of cores has no value "
            "of an ID register of these cores."
        )
    return "CPU features are not predicted: the table of cores has no value of an ID register of these cores."


def _registers_of(cores: Iterable[Core]) -> set[str]:
    """Return the ID registers of which a value is known for one of the cores."""
    return {register for core in cores for register in core.id_registers}


def _known_registers(known: list[str]) -> str:
    if not known:
        return "no ID register is known"
    if len(known) > _MOST_REGISTERS_NAMED:
        return f"{len(known)} registers are known"
    return f"{', '.join(known)} {'is' if len(known) == 1 else 'are'} known"


def _of_registers(imported: Imported, log: KernelLog) -> Iterator[str]:
    """Yield sentences on ID registers that differ: which fields, and what the system loses."""
    found = register_differences(log)
    for one in found:
        register = f"{one.register.register} differs from the boot CPU's"
        for field in one.register.fields:
            when = " (back online)" if one.is_return else " (late)" if one.is_late else ""
            yield f"cpu{cpu_list(one.cpus)}{when}: {register}: {field.words}."
    for sentence in dict.fromkeys(sentence for one in found for sentence in one.register.inferred):
        yield f"Inferred: {sentence}."
    if not imported.cores.are_known and any(not one.is_simulated for one in found):
        yield "CPUs of a scenario differ in having SVE or SME only: no other difference of registers is simulated."


def _with_vhe_alone(imported: Imported) -> tuple[int, ...]:
    """Return the CPUs of which nothing is known but VHE, and which are otherwise simulated like another CPU."""
    levels = imported.machine.start_levels()
    return () if levels is None else tuple(cpu for cpu in levels.have_vhe if cpu in imported.cores.like_others)


def _of_levels(imported: Imported, log: KernelLog) -> Iterator[str]:
    """Yield sentences on CPUs that started at different exception levels, and on VHE."""
    levels = imported.machine.start_levels()
    if lacks_vhe_under_pkvm(log) and not imported.machine.has_vhe():
        yield "Inferred: the CPUs have no VHE, as pKVM runs without it, and this kernel uses VHE where CPUs have it."
    if levels is None:
        return
    if levels.have_vhe:
        is_like = levels.have_vhe == _with_vhe_alone(imported)
        simulated = ": simulated as the core of the CPU before it, with VHE" if is_like else ""
        yield (
            f"Inferred: cpu{cpu_list(levels.have_vhe)} is another core than the boot CPU, which has no VHE: the kernel "
            f"would run at EL2 on it, for which it panics. Nothing else is known of it{simulated}."
        )
        return
    others, boot, other = f"cpu{cpu_list(levels.others)}", f"EL{levels.boot}", f"EL{levels.other}"
    if log.vhe_conflicts:
        yield f"Inferred: the boot CPU started at {boot} and {others} at {other}, for which the kernel panics."
        return
    if not log.levels_differ:
        return
    yield (
        "CPUs started at different exception levels (CPU: CPUs started in inconsistent modes): hypervisor mode counts "
        "as not available, and KVM is off."
    )
    yield _OF_BOOT_CPU[levels.source].format(level=boot)
    if not levels.others:
        yield f"No CPU in the log can have started at {other}: simulated as if all started at {boot}."
    elif len(levels.others) == 1:
        yield f"Inferred: {others} started at {other}, as no other CPU in the log can have."
    else:
        yield f"Some of {others} started at {other}, and it is not known which: simulated as if all of them did."


def _of_late_arrivals(log: KernelLog) -> Iterator[str]:
    """Yield sentences on CPUs that arrived when the kernel had given them up."""
    for cpu, number in dict.fromkeys((step.runs, step.cpu) for step in log.sequence if step.hw_cpu is not None):
        yield f"Inferred: cpu{cpu} arrived late and runs as cpu{number}, as MPIDRs ascend with the numbers of CPUs."
    if log.has_late_arrivals:
        yield "The log tells in which order late CPUs came: the times of their arrival are chosen for that order."


def _of_silent_cpus(imported: Imported, log: KernelLog) -> Iterator[str]:
    """Yield sentences on CPUs that Linux does not use, and on CPUs that no line tells of."""
    yield from (f"Linux leaves out {_short(who)}." for who in log.left_out)
    tried = {0, *(step.cpu for step in log.steps)}
    silent = [cpu for cpu in range(log.possible) if cpu not in tried]
    if not silent or log.phase is Phase.EARLY:
        return
    if log.command_line.is_for_one_cpu:
        yield (
            f"The command line keeps cpu{cpu_list(silent)} from being present, which user space cannot change: "
            "simulated as late, and never brought up."
        )
        return
    untold = f"No line tells of an attempt to start cpu{cpu_list(silent)}"
    if imported.scenario.maxcpus is None:
        yield f"{untold}: taken to be late."
    elif not log.command_line.words:
        yield f"{untold}, and the command line is not in the log: taken to be left out by maxcpus=."


def _not_as_it_was(imported: Imported, log: KernelLog) -> Iterator[str]:
    lost = {fault.cpu for fault in imported.scenario.faults if fault.never_arrives}
    if log.phase is not Phase.FINAL:
        untold = "what it does not mention of later CPUs and of the whole system"
        yield f"The log ends before capabilities are final: {untold} is unknown."
    for step in log.steps:
        is_refused = step.result is HotplugResult.REFUSED_OTHERWISE and step.cpu not in log.vhe_conflicts
        if is_refused and imported.cpus[step.cpu].name in lost:
            why_not = (
                "which no register of its core explains"
                if imported.cores.are_known
                else "which a model of vector lengths alone does not have"
            )
            yield f"cpu{step.cpu} {step.kept_out_words}, {why_not}: simulated as if it never arrived."
    if log.without_redistributor:
        cpus = cpu_list(sorted(log.without_redistributor))
        yield f"cpu{cpus} has no redistributor of the GIC, and gets no interrupts: simulated as if it had one."
    yield from unmodelled_errors(log.steps, log.answered_by_psci)
    if log.panic is not None:
        yield f"The log ends in {log.panic.message!r}."


def _of_tree(imported: Imported, tree: "DeviceTree") -> Iterator[str]:
    name = "" if imported.sources.tree is None else imported.sources.tree.name
    yield f"From {_short(name)}: {_short(tree.model) or 'without a model'}."
    for node in tree.failed:
        yield f"Left out: {_short(node.node)}, whose status is {_short(node.status)}."
    yield from _of_methods(tree)
    if tree.gic is not None and imported.cores.are_known:
        yield f"The tree's GIC: version {tree.gic}{' or later' if tree.gic == GICV3 else ''}."
    if in_spin_table := [node.cpu for node in tree.cpus if node.enable_method == EnableMethod.SPIN_TABLE]:
        yield f"In a spin table, and without hotplug: cpu{cpu_list(in_spin_table)}."
    if disabled := [node.cpu for node in tree.cpus if node.status not in {"", "okay", "ok"}]:
        yield f"Not okay by status, and started by Linux all the same: cpu{cpu_list(disabled)}."
    if imported.machine.log is None and imported.machine.sysfs is None:
        yield "CPUs: as Linux numbers them, in the order of /cpus, if the first one boots; mpidr is reg."


def _of_methods(tree: "DeviceTree") -> Iterator[str]:
    """Yield sentences on CPUs that the tree gives no enable method of the kernel's: boot loaders may add it."""
    by_method: dict[str, list[int]] = {}
    for node in tree.cpus:
        if node.cpu == 0 and not node.enable_method:
            yield "cpu0 has no enable-method, and the boot CPU needs none: simulated with PSCI, and so with hotplug."
        elif node.enable_method not in set(EnableMethod):
            by_method.setdefault(node.enable_method, []).append(node.cpu)
    for method, cpus in by_method.items():
        words = f'with enable-method "{_short(method)}"' if method else "without an enable-method"
        yield (
            f"Linux leaves out cpu{cpu_list(cpus)}, {words}, unless the boot loader adds one: simulated as if started "
            "by PSCI."
        )


def _short(text: str) -> str:
    return printable(text[:_LONGEST_TEXT])
