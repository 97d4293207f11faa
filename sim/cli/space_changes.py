"""Settings on the command line of a sweep or of an estimate, instead of those of the space."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import options
from sim.designs import DESIGNS, Design
from sim.errors import InputError, did_you_mean, printable
from sim.titles import title
from sim.units import plural

if TYPE_CHECKING:
    from sim.study.mixture_space import MixtureSpace
    from sim.study.system_space import Space

of_space = options.together(
    click.option(
        "--design",
        "designs",
        multiple=True,
        metavar="NAME|FILE",
        help="A named design, or a scenario file for its own or its kernel's design, by default the space's. "
        "Repeatable.",
    ),
    click.option(
        "--kernel",
        "kernels",
        multiple=True,
        metavar="SERIES",
        help="A kernel series or release, by default the space's. Repeatable for mixtures of cores.",
    ),
    click.option(
        "--relay",
        "relays",
        multiple=True,
        type=options.Choice(["enforcing", "relaxed"]),
        help="pKVM's PSCI relay, by default the space's. Repeatable.",
    ),
    click.option(
        "--kvm-mode",
        "--kvm",
        "kvm_modes",
        multiple=True,
        type=options.Choice(["default", "protected", "nvhe", "none"]),
        help="kvm-arm.mode= on the kernel's command line, by default the space's. Repeatable for vector lengths.",
    ),
    click.option(
        "--memory",
        "memories",
        multiple=True,
        type=options.Choice(["adjacent", "isolated", "mapped"]),
        help="The memory around pKVM's buffers at EL2, by default the space's. Repeatable.",
    ),
)
"""The options that override the settings of a space file."""


@dataclass(frozen=True)
class SpaceChanges:
    """The settings that the command line names; without a value the space's own stay.

    Args:
        designs: names of designs, or scenario files that define a design.
        kernels: kernel series or releases.
        relays: settings of pKVM's relay.
        kvm_modes: modes of KVM.
        memories: kinds of memory around pKVM's buffers.
    """

    designs: tuple[str, ...]
    kernels: tuple[str, ...]
    relays: tuple[str, ...]
    kvm_modes: tuple[str, ...]
    memories: tuple[str, ...]

    @property
    def _named(self) -> dict[str, tuple[str, ...]]:
        """The values that are given, by the name of their option."""
        every = {
            "design": self.designs,
            "kernel": self.kernels,
            "relay": self.relays,
            "kvm_mode": self.kvm_modes,
            "memory": self.memories,
        }
        return {name: values for name, values in every.items() if values}

    @property
    def said(self) -> str:
        """A line that says what the space's own settings were replaced by; empty if nothing was."""
        parts = [
            f"{plural(len(values), title(name))} {', '.join(map(printable, values))}"
            for name, values in self._named.items()
        ]
        return f"instead of the space's own: {'; '.join(parts)}" if parts else ""

    @property
    def given(self) -> list[str]:
        """The options that are given, as the user types them."""
        return [options.spelt(name) for name in self._named]

    def of_lengths(self, space: "Space") -> "Space":
        """Return a space of vector lengths with these settings.

        Raises:
            InputError: a file has no design, or the kernel is unknown, or a setting is there twice.
        """
        from sim.scenario import KvmMode, MemoryLayout, Relay

        if len(self.kernels) > 1:
            raise click.UsageError("a space of vector lengths has one kernel: give --kernel once.")
        return replace(
            space,
            kernel=self.kernels[0] if self.kernels else space.kernel,
            designs=tuple(map(_design, self.designs)) or space.designs,
            relays=tuple(map(Relay, self.relays)) or space.relays,
            kvm_modes=tuple(map(KvmMode, self.kvm_modes)) or space.kvm_modes,
            memories=tuple(map(MemoryLayout, self.memories)) or space.memories,
        )

    def of_mixtures(self, space: "MixtureSpace") -> "MixtureSpace":
        """Return a space of mixtures of cores with these kernels and this mode of KVM.

        Raises:
            InputError: a kernel is unknown, or is there twice, or mixtures do not boot in that mode.
        """
        from sim.scenario import KvmMode

        for name in ("design", "relay", "memory"):
            if name in self._named:
                raise click.UsageError(f"a space of mixtures of cores takes no {options.spelt(name)}.")
        if len(self.kvm_modes) > 1:
            raise click.UsageError("a space of mixtures of cores has one mode of KVM: give --kvm-mode once.")
        return replace(
            space,
            kernels=self.kernels or space.kernels,
            kvm_mode=KvmMode(self.kvm_modes[0]) if self.kvm_modes else space.kvm_mode,
        )


def _design(name: str) -> Design:
    """Return a named design, or that of a scenario file."""
    from sim.files.toml_tables import at

    if name in DESIGNS:
        return DESIGNS[name]
    try:
        scenario = options.load(Path(name))
    except InputError as error:
        hint = did_you_mean(name, DESIGNS)
        raise InputError(f"{error}; a design is a name ({', '.join(DESIGNS)}) or a scenario file{hint}") from None
    with at(name):
        return options.design_of(scenario)
