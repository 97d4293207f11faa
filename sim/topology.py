"""CPUs and clusters: who has which vector lengths, and who is brought up early.

A topology keeps its CPUs in the order of the file. Linux numbers them: the boot CPU is logical CPU 0, and
the others follow in the file's order. `Topology.graph` gives clusters and CPUs as a networkx graph.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

from sim.errors import InputError, check_printable, choice
from sim.frames import as_html
from sim.vectors import (
    ALL_VQS,
    LEN_FIELD,
    SveRule,
    bits_from_vqs,
    braces,
    vqs_from_bits,
    vqs_up_to_len,
    why_not_sme,
    why_not_sve,
)

if TYPE_CHECKING:
    import networkx as nx

MOST_CPUS = 65_536
MPIDR_AFFINITY = 0xFF_00FF_FFFF
"""The bits of an MPIDR that say where a CPU is (MPIDR_HWID_BITMASK): Aff3, and Aff2 to Aff0."""
_MOST_SETS_TOLD = 4
_MOST_NAMES_TOLD = 8


@dataclass(frozen=True, slots=True, repr=False)
class Cpu:
    """One CPU: what its silicon supports and what its firmware leaves of it.

    `sve_vqs` and `sme_vqs` are sets (`sim.vectors`); None where the CPU has no such extension. The two LEN
    are the firmware's ZCR_EL3.LEN and SMCR_EL3.LEN: firmware that sets them differently on different CPUs
    makes identical silicon asymmetric. A CPU that is `late` is left out of the early bring-up even where
    ``maxcpus=`` would include it. `clusters` is the path of clusters around it, outermost first.
    """

    name: str
    sve_vqs: int | None = None
    sme_vqs: int | None = None
    zcr_el3_len: int = LEN_FIELD
    smcr_el3_len: int = LEN_FIELD
    late: bool = False
    mpidr: int | None = None
    clusters: tuple[str, ...] = ()

    def __repr__(self) -> str:
        place = f" in {'/'.join(self.clusters)}" if self.clusters else ""
        sve, sme = _lengths(self.usable_sve_vqs), _lengths(self.usable_sme_vqs)
        return f"<Cpu {self.name!r}{place}: SVE bits {sve}, SME bits {sme}{', late' if self.late else ''}>"

    @property
    def usable_sve_vqs(self) -> int | None:
        """The SVE lengths that firmware lets the kernel find."""
        return None if self.sve_vqs is None else self.sve_vqs & vqs_up_to_len(self.zcr_el3_len)

    @property
    def usable_sme_vqs(self) -> int | None:
        """The streaming lengths that firmware lets the kernel find.

        A streaming length is always selected: where LEN lets none through, it is the smallest one.
        """
        if self.sme_vqs is None:
            return None
        return self.sme_vqs & vqs_up_to_len(self.smcr_el3_len) or self.sme_vqs & -self.sme_vqs


def cpu(
    name: str,
    sve_bits: Iterable[int] | None = None,
    sme_bits: Iterable[int] | None = None,
    *,
    zcr_el3_len: int = LEN_FIELD,
    smcr_el3_len: int = LEN_FIELD,
    late: bool = False,
    clusters: tuple[str, ...] = (),
) -> Cpu:
    """Make a CPU from lengths in bits; None means that it lacks the extension.

    Raises:
        InputError: a length is none.

    >>> cpu("a64fx", [128, 256, 512]).sve_vqs
    11
    """
    return Cpu(
        name,
        None if sve_bits is None else vqs_from_bits(sve_bits),
        None if sme_bits is None else vqs_from_bits(sme_bits),
        zcr_el3_len,
        smcr_el3_len,
        late,
        None,
        clusters,
    )


@dataclass(frozen=True, repr=False)
class Topology:
    """The CPUs of one system, in the order of the file; 1 to 65,536 of them.

    Raises:
        InputError: no CPU or too many; a name twice; no such boot CPU; a set of lengths that the
            architecture forbids while `any_vls` is False, or one it can never be.
    """

    cpus: tuple[Cpu, ...]
    boot_cpu: str = ""
    """The boot CPU's name; the first CPU, if empty."""
    sve_rule: SveRule = SveRule.MULTIPLES
    any_vls: bool = False
    """Accept sets that the architecture forbids, as they are meant."""
    _index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 1 <= len(self.cpus) <= MOST_CPUS:
            raise InputError(f"a topology has 1 to {MOST_CPUS:,} CPUs, not {len(self.cpus):,}")
        object.__setattr__(self, "sve_rule", choice(SveRule, "sve_rule", self.sve_rule))
        object.__setattr__(self, "_index", {})
        boot_cpu = self.boot_cpu or self.cpus[0].name
        for one in self.cpus:
            if one.name in self._index:
                raise InputError(f"two CPUs are named {one.name!r}")
            self._index[one.name] = -1
            self._check(one)
        if boot_cpu not in self._index:
            raise InputError(f"the boot CPU {boot_cpu!r} is not among the CPUs")
        object.__setattr__(self, "boot_cpu", boot_cpu)
        for number, one in enumerate(self.logical):
            self._index[one.name] = number
        self._check_mpidrs()
        if self.logical[0].late:
            raise InputError(f"{boot_cpu!r} cannot be late: it is the boot CPU")

    def __repr__(self) -> str:
        sets = Counter(_lengths(one.usable_sve_vqs) for one in self.cpus)
        told = ", ".join(f"{count:,} with {lengths}" for lengths, count in sets.most_common(_MOST_SETS_TOLD))
        more = ", ..." if len(sets) > _MOST_SETS_TOLD else ""
        return f"<Topology of {len(self.cpus):,} CPUs: SVE bits of {told}{more}>"

    def _repr_html_(self) -> str:
        rows = [
            {
                "CPU": number,
                "name": one.name,
                "cluster": "/".join(one.clusters),
                "SVE, bits": _lengths(one.usable_sve_vqs),
                "SME, bits": _lengths(one.usable_sme_vqs),
                "late": "late" if one.late else "",
            }
            for number, one in enumerate(self.logical)
        ]
        return as_html(repr(self)[1:-1], rows)

    @classmethod
    def of(
        cls, sve_bits: Sequence[Iterable[int] | None], sme_bits: Sequence[Iterable[int] | None] | None = None
    ) -> "Topology":
        """Make a topology from each CPU's SVE (and SME) lengths in bits; the CPUs are named cpu0, cpu1, ...

        >>> len(Topology.of([[128, 256], [128, 256, 512]]).cpus)
        2
        """
        sme = sme_bits if sme_bits is not None else [None] * len(sve_bits)
        return cls(tuple(cpu(f"cpu{n}", a, b) for n, (a, b) in enumerate(zip(sve_bits, sme, strict=True))))

    def _check(self, one: Cpu) -> None:
        check_printable("the name", one.name)
        for cluster in one.clusters:
            _check_cluster(cluster)
        for vqs in (one.sve_vqs, one.sme_vqs):
            if vqs is not None and not 0 <= vqs <= ALL_VQS:
                raise InputError(f"{one.name}: a set of vector lengths has bits 0 to 15, not {vqs:#x}")
        for what, length in (("zcr_el3_len", one.zcr_el3_len), ("smcr_el3_len", one.smcr_el3_len)):
            if not 0 <= length <= LEN_FIELD:
                raise InputError(f"{one.name}: {what} is {length}: the field holds 0 to {LEN_FIELD}")
        if one.sve_vqs is not None:
            reason = why_not_sve(one.sve_vqs, self.sve_rule)
            if reason is not None and (not self.any_vls or not one.sve_vqs & 1):
                raise InputError(f"{one.name}: SVE lengths {braces(one.sve_vqs)}: {reason}")
        if one.sme_vqs is not None:
            reason = why_not_sme(one.sme_vqs)
            if reason is not None and (not self.any_vls or not one.sme_vqs):
                raise InputError(f"{one.name}: SME lengths {braces(one.sme_vqs)}: {reason}")

    def _check_mpidrs(self) -> None:
        owners: dict[int, str] = {}
        for number, one in enumerate(self.logical):
            other = owners.setdefault(self.mpidr(number), one.name)
            if other != one.name:
                raise InputError(f"{other} and {one.name} have the same MPIDR, {self.mpidr(number):#x}")

    @cached_property
    def logical(self) -> tuple[Cpu, ...]:
        """The CPUs in the order of their logical numbers."""
        boot = next(one for one in self.cpus if one.name == self.boot_cpu)
        return (boot, *(one for one in self.cpus if one is not boot))

    def number(self, name: str) -> int:
        """The logical number of the CPU of that name.

        Raises:
            InputError: there is none.
        """
        if name not in self._index:
            names = [one.name for one in self.logical]
            there = ", ".join(names) if len(names) <= _MOST_NAMES_TOLD else f"{len(names):,}, {names[0]} to {names[-1]}"
            raise InputError(f"there is no CPU {name[:60]!r}: there are {there}")
        return self._index[name]

    @property
    def hypothetical(self) -> bool:
        """Whether its silicon mixes sets of vector lengths, which no shipping system does; firmware may."""
        return len({(one.sve_vqs, one.sme_vqs) for one in self.cpus}) > 1

    def label(self, number: int) -> str:
        """How sentences name a CPU: by its logical number, with the file's name where that differs."""
        name = self.logical[number].name
        return f"cpu{number}" if name == f"cpu{number}" else f"cpu{number} ({name})"

    def mpidr(self, number: int) -> int:
        """MPIDR_EL1 of a logical CPU: as given, else its place in the file, eight bits a level."""
        one = self.logical[number]
        return one.mpidr if one.mpidr is not None else self._place[one.name]

    @cached_property
    def _place(self) -> dict[str, int]:
        """Each CPU's place in the file, past those places that somebody was given as an MPIDR."""
        given = {one.mpidr for one in self.cpus}
        free = (place for place in count() if place not in given)
        return {one.name: next(free) for one in self.cpus if one.mpidr is None}

    @cached_property
    def graph(self) -> "nx.DiGraph[str | tuple[str, ...]]":
        """Clusters and CPUs as a directed graph, whose edges lead from the system over clusters to CPUs.

        A CPU's node is its name. A cluster's is its path, a tuple of names; the system's is the empty path.
        Nodes have ``kind`` (system, cluster, cpu); CPUs also ``number``, ``sve_bits``, ``sme_bits`` and ``late``.
        """
        import networkx as nx

        graph: nx.DiGraph[str | tuple[str, ...]] = nx.DiGraph()
        graph.add_node((), kind="system")
        for number, one in enumerate(self.logical):
            for depth in range(len(one.clusters)):
                graph.add_node(one.clusters[: depth + 1], kind="cluster")
                graph.add_edge(one.clusters[:depth], one.clusters[: depth + 1])
            graph.add_node(
                one.name,
                kind="cpu",
                number=number,
                sve_bits=None if one.sve_vqs is None else bits_from_vqs(one.sve_vqs),
                sme_bits=None if one.sme_vqs is None else bits_from_vqs(one.sme_vqs),
                late=one.late,
            )
            graph.add_edge(one.clusters, one.name)
        return graph


def _check_cluster(name: str) -> None:
    check_printable("the cluster's name", name)
    if "/" in name:
        raise InputError(f"the cluster's name {name[:60]!r} has a /, which stands between clusters in what is shown")


def _lengths(vqs: int | None) -> str:
    return "none" if vqs is None else braces(vqs)


def cpu_list(numbers: list[int]) -> str:
    """Write ascending CPU numbers as sysfs does.

    >>> cpu_list([0, 1, 3, 5, 6, 7])
    '0-1,3,5-7'
    """
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][-1] == number - 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    return ",".join("-".join(map(str, ends)) for ends in ranges)
