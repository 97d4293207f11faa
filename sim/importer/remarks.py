"""What an imported machine's file says of where it comes from, and of what is not as it was."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from sim.errors import printable
from sim.importer.as_booted import series_of
from sim.importer.kernel_log import Ending
from sim.importer.machine import Machine
from sim.importer.seen import SeenCpu
from sim.topology import cpu_list

_LONGEST_RELEASE = 60


def origin(seen: Machine, dmesg: Path | None, sysfs: Path | None) -> Iterator[str]:
    """Where it comes from."""
    if seen.log is not None and dmesg is not None:
        which = f", the last of {seen.log.boots} boots in it" if seen.log.boots > 1 else ""
        release = printable(seen.log.release[:_LONGEST_RELEASE]) or "of unknown release"
        yield f"From {printable(dmesg.name)}: Linux {release}{which}."
        if not_so := series_of(seen.log)[1]:
            yield not_so
    if seen.sysfs is not None and sysfs is not None:
        yield f"From {printable(sysfs.name) or '/'}: {len(seen.sysfs.possible)} possible CPUs, as sysfs shows them."
    if seen.log is None:
        yield "Who came late is not shown: the CPUs that are offline are taken to be late."
    if seen.tree is not None:
        yield from seen.tree.remarks


def not_so(seen: Machine, cpus: Iterable[SeenCpu], *, sve_hidden: bool) -> Iterator[str]:
    """What is not known, and what is simulated otherwise than it was."""
    if silent := [one.number for one in cpus if one.mpidr is None and one.midr is None]:
        yield f"Nothing is known of cpu{cpu_list(silent)}."
    if sve_hidden:
        whose = "cpuinfo has" if seen.log is None else "The log has"
        yield f"{whose} no SVE, and the CPUs' cores have: simulated as with arm64.nosve."
    if seen.log is None:
        return
    for step in seen.log.returned_not():
        yield f"cpu{step.cpu} {step.ending} though it came before: a fault that comes and goes is not modelled."
    if not seen.log.final:
        yield "The log ends before capabilities are final: what it does not say is not known."
    for step in seen.log.hotplugs:
        if step.ending is Ending.REFUSED_OTHERWISE:
            yield f"cpu{step.cpu} was refused for what is not modelled ({step.why}): simulated as if it never arrived."
    if seen.log.panic is not None:
        yield f"The log ends in {seen.log.panic!r}."
