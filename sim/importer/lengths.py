"""The vector lengths of CPUs: as somebody gives them for CPUs or clusters, else as their core is known to have."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sim.errors import InputError
from sim.importer.seen import SeenCpu

_MOST_NAMES_TOLD = 12
_WORD = re.compile(r"([^=]+)=(none|[0-9]{1,6}(?:,[0-9]{1,6})*)")

Vls = Mapping[str, Iterable[int] | None]
"""SVE lengths in bits, or None for no SVE, by the name of a CPU or a cluster."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """A CPU's vector lengths in bits, None where it lacks the extension; who says so; whether anybody does."""

    sve_bits: tuple[int, ...] | None
    sme_bits: tuple[int, ...] | None
    source: str
    known: bool = True

    def __str__(self) -> str:
        shown = "no SVE" if self.sve_bits is None else f"SVE {_braces(self.sve_bits)}"
        return shown if self.sme_bits is None else f"{shown}, SME {_braces(self.sme_bits)}"


NOT_KNOWN = Lengths(None, None, "not known: taken as none", known=False)


def read_vls(words: Iterable[str]) -> dict[str, tuple[int, ...] | None]:
    """Lengths as the command line says them; of two for the same name the later one counts.

    Raises:
        InputError: one is not like ``cluster1=128,256`` or ``cpu3=none``.

    >>> read_vls(["cluster1=128,256", "cpu3=none"])
    {'cluster1': (128, 256), 'cpu3': None}
    """
    vls: dict[str, tuple[int, ...] | None] = {}
    for word in words:
        match = _WORD.fullmatch(word)
        if match is None:
            raise InputError(f"--vl {word[:60]!r}: must be like cluster1=128,256 or cpu3=none")
        name, said = match.groups()
        vls.pop(name, None)  # so that it counts where it stands now
        vls[name] = None if said == "none" else tuple(map(int, said.split(",")))
    return vls


def read_lengths(
    cpus: Iterable[SeenCpu],
    paths: Mapping[int, tuple[str, ...]],
    vls: Vls,
    otherwise: Mapping[int, Lengths] | None = None,
) -> dict[int, Lengths]:
    """Each CPU's lengths, by its number; where several of `vls` mean a CPU, the last one counts.

    `otherwise` is taken where nobody knows a CPU's; None: none.

    Raises:
        InputError: one of `vls` means no CPU, or clusters of several places.
    """
    numbers = {one.name: one.number for one in cpus}
    assumed = otherwise or {}
    lengths = {one.number: _unless_given(one, assumed.get(one.number, NOT_KNOWN)) for one in cpus}
    for name, said in vls.items():
        bits = None if said is None else tuple(said)
        for number in _meant(name, numbers, paths):
            lengths[number] = Lengths(bits or None, lengths[number].sme_bits, f"as given for {name}")
    return lengths


def _unless_given(cpu: SeenCpu, otherwise: Lengths) -> Lengths:
    core = cpu.core
    of_core = otherwise if core is None else Lengths(core.sve_bits or None, core.sme_bits or None, core.source)
    if cpu.has_sve is not False:
        return Lengths(of_core.sve_bits, _streaming(cpu, of_core), of_core.source, of_core.known)
    return Lengths(None, _streaming(cpu, of_core), "the log shows that it has none")


def _streaming(cpu: SeenCpu, lengths: Lengths) -> tuple[int, ...] | None:
    return None if cpu.has_sme is False else lengths.sme_bits


def _meant(name: str, numbers: Mapping[str, int], paths: Mapping[int, tuple[str, ...]]) -> list[int]:
    """The numbers of the CPUs that a name means: a CPU, a cluster's path from outside, or the end of just one."""
    if name in numbers:
        return [numbers[name]]
    clusters = dict.fromkeys(path[:depth] for path in paths.values() for depth in range(1, len(path) + 1))
    words = tuple(name.split("/"))
    fitting = [words] if words in clusters else [one for one in clusters if one[-len(words) :] == words]
    if len(fitting) > 1:
        raise InputError(f"several clusters are called {name!r}: {_some(fitting)}")
    if not fitting:
        names = list(numbers)
        there = [f"{names[0]} to {names[-1]}", *([_some(list(clusters))] if clusters else [])]
        raise InputError(f"there is no CPU or cluster {name[:60]!r}: there are {', '.join(there)}")
    (path,) = fitting
    return [number for number, one in paths.items() if one[: len(path)] == path]


def _some(paths: list[tuple[str, ...]]) -> str:
    told = ["/".join(one) for one in paths[:_MOST_NAMES_TOLD]]
    return ", ".join([*told, "..."] if len(paths) > _MOST_NAMES_TOLD else told)


def _braces(bits: tuple[int, ...]) -> str:
    return "{" + ",".join(map(str, bits)) + "}"
