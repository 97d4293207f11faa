"""A scenario as a shell script that starts it in QEMU: the command line, and QMP commands for each CPU's lengths."""

import shlex
from importlib.resources import files

from sim.conform.live.qemu_args import board, kernel_words, properties
from sim.conform.live.unsupported import not_in_qemu, not_real
from sim.designs import Design
from sim.errors import InputError
from sim.export.cpu_comment import lengths_of
from sim.export.export_formats import Exported
from sim.scenario import Relay, Scenario
from sim.topology import Topology
from sim.units import counted
from sim.vectors import bits_from_vqs

_MOST_CPUS = 512
"""Of QEMU's board: hw/arm/virt.c, max_cpus."""
_ARGUMENTS = "console=ttyAMA0 panic=-1"
_A_LINE = 8


def qemu(scenario: Scenario) -> Exported:
    """A script for any POSIX shell, which takes KERNEL and INITRD from the environment.

    Raises:
        InputError: QEMU cannot have such CPUs.
    """
    topology = scenario.topology
    reasons = not_in_qemu(scenario)
    if len(topology.cpus) > _MOST_CPUS:
        reasons.append(f"{len(topology.cpus):,} CPUs, of at most {_MOST_CPUS}")
    if reasons:
        raise InputError(f"QEMU cannot have it: it has {', '.join(reasons)}")
    lost = _lost(scenario)
    made = (_about(scenario, lost), _lengths(topology), _started(scenario), "")
    written = (files("sim.export") / "qemu.sh").read_text(encoding="utf-8").split("@@\n")
    return Exported("".join(part for pair in zip(written, made, strict=True) for part in pair), lost)


def _about(scenario: Scenario, lost: tuple[str, ...]) -> str:
    lines = [
        f'"{scenario.name}": {counted(len(scenario.topology.cpus), "CPU")} in QEMU.',
        f"KERNEL is an arm64 image of Linux {scenario.kernel} with pages of {scenario.page_bytes} bytes, INITRD its",
        "initramfs.",
        *(f"Lost: {one}." for one in lost),
    ]
    return "".join(f"# {line}\n" for line in lines)


def _lengths(topology: Topology) -> str:
    """A call for the CPUs that have the same lengths."""
    alike: dict[tuple[int | None, int | None], list[int]] = {}
    for number, one in enumerate(topology.logical):
        alike.setdefault((one.usable_sve_vqs, one.usable_sme_vqs), []).append(number)
    return "".join(_given(topology, numbers, *lengths) for lengths, numbers in alike.items())


def _given(topology: Topology, numbers: list[int], sve_vqs: int | None, sme_vqs: int | None) -> str:
    told = "".join(f"    # {topology.label(one)}: {lengths_of(topology.logical[one])}\n" for one in numbers)
    sve, sme = (None if vqs is None else bits_from_vqs(vqs) for vqs in (sve_vqs, sme_vqs))
    pairs = [f"{name}={'true' if value else 'false'}" for name, value in properties(sve, sme).items()]
    lines = [" ".join(pairs[begin : begin + _A_LINE]) for begin in range(0, len(pairs), _A_LINE)]
    return told + " \\\n        ".join([f"    give '{' '.join(map(str, numbers))}'", *lines]) + "\n"


def _started(scenario: Scenario) -> str:
    """The command line, an option a line; the template ends it."""
    sme = any(one.sme_vqs is not None for one in scenario.topology.cpus)
    words = board(len(scenario.topology.cpus), el2=scenario.el2, sme=sme)
    words += ["-append", " ".join([_ARGUMENTS, *kernel_words(scenario)])]
    lines = [f" \\\n    {one}" if one.startswith("-") else f" {one}" for one in map(shlex.quote, words)]
    return "".join(lines).lstrip() + " \\\n"


def _lost(scenario: Scenario) -> tuple[str, ...]:
    """What the script does not do."""
    design = scenario.design
    assert not isinstance(design, str)
    lost = {
        "the design, unless KERNEL is patched so": isinstance(design, Design) and not design.nosve,
        "the relaxed relay": scenario.has_pkvm and scenario.relay is Relay.RELAXED,
        "user space's actions": bool(scenario.actions),
        "clusters": any(one.clusters for one in scenario.topology.cpus),
        "MPIDRs, which are the board's own": any(one.mpidr is not None for one in scenario.topology.cpus),
    }
    return *not_real(scenario), *(what for what, is_so in lost.items() if is_so)
