"""Designs and kernels on the command line of a sweep, instead of those of its space."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import options
from sim.designs import DESIGNS, Design
from sim.errors import InputError, printable
from sim.units import plural

if TYPE_CHECKING:
    from sim.study.mixture_space import MixtureSpace
    from sim.study.system_space import Space


@dataclass(frozen=True)
class SpaceChanges:
    """The designs and kernels that the command line names.

    Args:
        designs: names of designs, or scenario files that define a design.
        kernels: kernel series or releases.
    """

    designs: tuple[str, ...]
    kernels: tuple[str, ...]

    @property
    def said(self) -> str:
        """A line that says what the space's own settings were replaced by; empty if nothing was."""
        parts = [
            f"{plural(len(values), name)} {', '.join(map(printable, values))}"
            for name, values in (("design", self.designs), ("kernel", self.kernels))
            if values
        ]
        return f"instead of the space's own: {'; '.join(parts)}" if parts else ""

    def of_lengths(self, space: "Space") -> "Space":
        """Return a space of vector lengths with these designs and this kernel.

        Raises:
            InputError: a file has no design, or two designs have one name, or the kernel is unknown.
        """
        if len(self.kernels) > 1:
            raise click.UsageError("a space of vector lengths has one kernel: give --kernel once.")
        if self.designs:
            space = replace(space, designs=tuple(map(_design, self.designs)))
        return replace(space, kernel=self.kernels[0]) if self.kernels else space

    def of_mixtures(self, space: "MixtureSpace") -> "MixtureSpace":
        """Return a space of mixtures of cores with these kernels.

        Raises:
            InputError: a kernel is unknown, or is there twice.
        """
        if self.designs:
            raise click.UsageError("a space of mixtures of cores takes no --design.")
        return replace(space, kernels=self.kernels) if self.kernels else space


def _design(name: str) -> Design:
    """Return a named design, or that of a scenario file."""
    if name in DESIGNS:
        return DESIGNS[name]
    try:
        design = options.load(Path(name)).design
    except InputError as error:
        raise InputError(f"{error}; a design is a name ({', '.join(DESIGNS)}) or a scenario file with one") from None
    if not isinstance(design, Design):
        raise InputError(f"{name}: has no design: name a scenario file with a table [design], or a design")
    return design
