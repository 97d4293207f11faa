"""A scenario as a shell script that starts it in QEMU: the command line, and QMP commands for each CPU's lengths.

The script's fixed text is qemu.sh; lines ``@@`` in it mark the places of the three generated parts. Live boots use the
same arguments and properties (`sim.conform.live.qemu_args`), so that a script starts the machine that was compared with
the simulator. tests/export/test_qemu.py runs the script.
"""

import shlex
from importlib.resources import files

from sim.conform.live.qemu_args import board_args, kernel_arguments, vector_properties
from sim.conform.live.unsupported import qemu_limits, simulator_only_parts
from sim.designs import Design
from sim.errors import InputError
from sim.export.cpu_comment import describe_lengths
from sim.export.export_formats import Exported
from sim.scenario import EL2, Relay, Scenario
from sim.topology import Topology
from sim.units import counted
from sim.vectors import bits_from_vqs

_MOST_CPUS = 512
"""The limit of QEMU's board. Source: hw/arm/virt.c, max_cpus."""
_ARGUMENTS = "console=ttyAMA0 panic=-1"
"""panic=-1: a panic reboots at once, and QEMU ends instead (-no-reboot)."""
_PROPERTIES_PER_LINE = 8


def export_qemu(scenario: Scenario) -> Exported:
    """Export a scenario as a script for a POSIX shell, which takes KERNEL and INITRD from the environment.

    Raises:
        InputError: QEMU cannot have these CPUs.
    """
    topology = scenario.topology
    reasons = qemu_limits(scenario)
    if len(topology.cpus) > _MOST_CPUS:
        reasons.append(f"{len(topology.cpus):,} CPUs, of at most {_MOST_CPUS}")
    if reasons:
        raise InputError(f"QEMU cannot have it: it has {', '.join(reasons)}")
    lost = _lost(scenario)
    # Three marks divide the template into four parts: the last is followed by nothing.
    generated = (_head_comment(scenario, lost), _give_calls(topology), _qemu_command(scenario), "")
    template = (files("sim.export") / "qemu.sh").read_text(encoding="utf-8").split("@@\n")
    return Exported("".join(text for pair in zip(template, generated, strict=True) for text in pair), lost)


def _head_comment(scenario: Scenario, lost: tuple[str, ...]) -> str:
    lines = [
        f'"{scenario.name}": {counted(len(scenario.topology.cpus), "CPU")} in QEMU.',
        f"KERNEL is an arm64 image of Linux {scenario.kernel_words} with pages of {scenario.page_bytes} bytes, INITRD",
        "its initramfs.",
        *(f"Lost: {part}." for part in lost),
    ]
    return "".join(f"# {line}\n" for line in lines)


def _give_calls(topology: Topology) -> str:
    """Return a call of the script's function `give` for each group of CPUs with the same usable lengths.

    QEMU gets the lengths that firmware leaves usable: this board has no EL3, so that no ZCR_EL3 could limit them.
    """
    groups: dict[tuple[int | None, int | None], list[int]] = {}
    for cpu, spec in enumerate(topology.logical):
        groups.setdefault((spec.usable_sve_vqs, spec.usable_sme_vqs), []).append(cpu)
    return "".join(_give_call(topology, cpus, *lengths) for lengths, cpus in groups.items())


def _give_call(topology: Topology, cpus: list[int], sve_vqs: int | None, sme_vqs: int | None) -> str:
    comments = "".join(f"    # {topology.label(cpu)}: {describe_lengths(topology.logical[cpu])}\n" for cpu in cpus)
    sve_bits, sme_bits = (None if vqs is None else bits_from_vqs(vqs) for vqs in (sve_vqs, sme_vqs))
    properties = [
        f"{name}={'true' if value else 'false'}" for name, value in vector_properties(sve_bits, sme_bits).items()
    ]
    lines = [
        " ".join(properties[start : start + _PROPERTIES_PER_LINE])
        for start in range(0, len(properties), _PROPERTIES_PER_LINE)
    ]
    return comments + " \\\n        ".join([f"    give '{' '.join(map(str, cpus))}'", *lines]) + "\n"


def _qemu_command(scenario: Scenario) -> str:
    """Return the command line without its end, an option a line; the template continues it."""
    sme = any(spec.sme_vqs is not None for spec in scenario.topology.cpus)
    words = board_args(len(scenario.topology.cpus), el2=scenario.el(0) == EL2, sme=sme)
    words += ["-append", " ".join([_ARGUMENTS, *kernel_arguments(scenario)])]
    lines = [f" \\\n    {word}" if word.startswith("-") else f" {word}" for word in map(shlex.quote, words)]
    return "".join(lines).lstrip() + " \\\n"


def _lost(scenario: Scenario) -> tuple[str, ...]:
    """Return the parts of a scenario that the script does not reproduce."""
    design = scenario.design
    assert not isinstance(design, str)  # `Scenario` has replaced a design's name by the design
    lost = {
        # The design "nosve" is not lost: it is a kernel argument.
        "the design, unless KERNEL is patched to it": isinstance(design, Design) and not design.nosve,
        "the relaxed relay": scenario.has_pkvm and scenario.relay is Relay.RELAXED,
        "user space's actions": bool(scenario.actions),
        "clusters": any(spec.clusters for spec in scenario.topology.cpus),
        "MPIDRs, which the board sets": any(spec.mpidr is not None for spec in scenario.topology.cpus),
    }
    return *simulator_only_parts(scenario), *(what for what, is_lost in lost.items() if is_lost)
