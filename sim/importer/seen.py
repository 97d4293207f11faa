"""What was seen of a system's CPUs, whoever saw it: a device tree, a kernel log, sysfs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from sim.errors import printable
from sim.importer.cores import Core, compatible_of_midr, known_core

_LONGEST_CORE = 60
_NOTHING = (None, ())


@dataclass(frozen=True, slots=True)
class SeenCpu:
    """One CPU, by Linux's number; None or nothing where nobody said."""

    number: int
    mpidr: int | None = None
    midr: int | None = None
    """MIDR_EL1, which tells the core."""
    compatible: tuple[str, ...] = ()
    has_sve: bool | None = None
    has_sme: bool | None = None
    capacity: int | None = None
    """capacity-dmips-mhz: speed per MHz, relative to the others."""

    @property
    def name(self) -> str:
        """What the scenario calls it."""
        return f"cpu{self.number}"

    @property
    def compatible_of_midr(self) -> tuple[str, ...]:
        """Its core's compatible string by its MIDR; none if that is not known."""
        return () if self.midr is None else compatible_of_midr(self.midr)

    @property
    def core(self) -> Core | None:
        """What is known of its core: by MIDR, which is the silicon's own, else by the compatible strings."""
        return known_core((*self.compatible_of_midr, *self.compatible))

    @property
    def core_name(self) -> str:
        """What its core is called."""
        names = self.compatible or self.compatible_of_midr
        if names:
            return printable(names[0][:_LONGEST_CORE])
        return "(not told)" if self.midr is None else f"of MIDR {self.midr:#010x}"


def merged(sources: Mapping[str, Mapping[int, SeenCpu]]) -> tuple[dict[int, SeenCpu], list[str]]:
    """What several sources, by their names, say of the same CPUs together, and where they contradict each other.

    Of two that contradict each other the first counts.
    """
    cpus: dict[int, SeenCpu] = {}
    contradictions: list[str] = []
    for source, seen in sources.items():
        for number, one in seen.items():
            known = cpus.setdefault(number, SeenCpu(number))
            news: dict[str, Any] = {}
            for name, value in _said(one):
                there = getattr(known, name)
                if there in _NOTHING:
                    news[name] = value
                elif there != value:
                    contradictions.append(f"{one.name}: {source} says {_shown(name, value)}, not {_shown(name, there)}")
            cpus[number] = replace(known, **news)
    contradictions += (said for one in cpus.values() if (said := _two_cores(one)) is not None)
    return dict(sorted(cpus.items())), contradictions


def _two_cores(cpu: SeenCpu) -> str | None:
    """That a CPU's MIDR and its compatible string are two cores' of Arm; others' strings stand for several cores."""
    of_midr = cpu.compatible_of_midr
    if not of_midr or not cpu.compatible or not known_core(cpu.compatible) or not cpu.compatible[0].startswith("arm,"):
        return None
    if of_midr[0] in cpu.compatible:
        return None
    return f"{cpu.name}: MIDR {cpu.midr:#010x} is {of_midr[0]}, and the tree says {cpu.compatible[0]}"


def _said(cpu: SeenCpu) -> Iterator[tuple[str, Any]]:
    for one in fields(SeenCpu):
        value = getattr(cpu, one.name)
        if one.name != "number" and value not in _NOTHING:
            yield one.name, value


def _shown(name: str, value: Any) -> str:
    return f"{name.upper()} {value:#x}" if name in {"mpidr", "midr"} else f"{name} {value}"
