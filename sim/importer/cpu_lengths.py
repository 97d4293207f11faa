"""The vector lengths of each CPU of an imported system, and the source of each set.

A user's ``--vl`` counts first, then the table of cores. Where neither has a CPU's lengths, they are inferred: the
smallest set with which the simulated kernel logs what the real kernel logged. The inferred set is not the hardware's,
and is marked as unknown wherever it is shown; docs/importing.md says so to users.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec.structs import replace

from sim.cores.core_table import DocumentedCore
from sim.errors import InputError
from sim.importer.cpu_evidence import ClusterPath, CpuEvidence
from sim.importer.hotplug_history import HotplugResult
from sim.importer.kernel_log import KernelLog
from sim.importer.log_lines import Bound, LengthsVerdict
from sim.importer.machine_evidence import MachineEvidence
from sim.vectors import VQ_MAX, VectorType, bits_from_vq

_BITS_PER_BYTE = 8
_MOST_NAMES_SHOWN = 12
_SMALLEST_BITS = bits_from_vq(1)
_VL_OPTION = re.compile(r"([^=]+)=(none|[0-9]{1,6}(?:,[0-9]{1,6})*)")

Vls = Mapping[str, Iterable[int] | None]
"""SVE lengths in bits, or None for no SVE, by the name of a CPU or a cluster."""


class CpuLengths(msgspec.Struct, frozen=True):
    """A CPU's vector lengths in bits, None where it lacks the extension."""

    sve_bits: tuple[int, ...] | None
    sme_bits: tuple[int, ...] | None
    source: str
    """A phrase that says where they are from, for people."""
    is_known: bool = True
    """False where they are inferred or assumed."""

    def __str__(self) -> str:
        sve = "no SVE" if self.sve_bits is None else f"SVE {_braces(self.sve_bits)}"
        return sve if self.sme_bits is None else f"{sve}, SME {_braces(self.sme_bits)}"


def _braces(bits: tuple[int, ...]) -> str:
    return "{" + ",".join(map(str, bits)) + "}"


_UNKNOWN = CpuLengths(None, None, "unknown: taken as none", is_known=False)


def lengths_of(
    cpus: Sequence[CpuEvidence], paths: Mapping[int, ClusterPath], machine: MachineEvidence, vls: Vls
) -> dict[int, CpuLengths]:
    """Return each CPU's lengths, by logical CPU number.

    Args:
        cpus: the CPUs.
        paths: the clusters around each CPU.
        machine: the evidence that lengths are inferred from.
        vls: lengths that the user gives; where several entries mean a CPU, the last one counts.

    Raises:
        InputError: an entry of `vls` means no CPU, or clusters in several places.
    """
    cpus = _as_compared(cpus, machine.log)
    usual = _of_maximum(machine.log, cpus, {} if machine.sysfs is None else machine.sysfs.extensions)
    lengths = {evidence.cpu: _of_core(evidence, usual) for evidence in cpus}
    lengths |= _like_the_others(lengths, cpus, machine.log)
    given: set[int] = set()
    for name, bits in vls.items():
        sve_bits = None if bits is None else tuple(bits) or None  # an empty set means no SVE too
        for cpu in _meant(name, cpus, paths):
            # Streaming lengths are the core's own: an entry gives SVE lengths only.
            lengths[cpu] = CpuLengths(sve_bits, lengths[cpu].sme_bits, f"as given for {name}")
            given.add(cpu)
    if machine.log is not None:
        open_to_inference = [one for one in cpus if one.cpu not in given and _has_unknown_sve(one)]
        lengths |= _of_refusals(machine.log, open_to_inference, lengths)
    return lengths


def _as_compared(cpus: Sequence[CpuEvidence], log: KernelLog | None) -> list[CpuEvidence]:
    """Return CPUs that came without an extension that the boot CPU's core lacks: no line shows that they differ."""
    boot_core = cpus[0].core
    lacks = [one for one in VectorType if boot_core is not None and boot_core.lengths(one) == ()]
    came = set() if log is None else log.came
    found = []
    for evidence in cpus:
        missing = [one for one in lacks if evidence.cpu in came and evidence.has(one) is None]
        extensions = {**evidence.extensions, **dict.fromkeys(missing, False)}
        found.append(replace(evidence, extensions=extensions))
    return found


# Lengths that the user gives


def read_vls(options: Iterable[str]) -> dict[str, tuple[int, ...] | None]:
    """Read the values of ``--vl``; of two values for the same name the later counts.

    Raises:
        InputError: an option is not like ``cluster1=128,256`` or ``cpu3=none``.

    >>> read_vls(["cluster1=128,256", "cpu3=none"])
    {'cluster1': (128, 256), 'cpu3': None}
    """
    vls: dict[str, tuple[int, ...] | None] = {}
    for option in options:
        match = _VL_OPTION.fullmatch(option)
        if match is None:
            raise InputError(f"--vl {option[:60]!r}: must be like cluster1=128,256 or cpu3=none")
        name, lengths = match.groups()
        # The order matters where a cluster and a CPU in it are both named: a repeated name moves to the end.
        vls.pop(name, None)
        vls[name] = None if lengths == "none" else tuple(map(int, lengths.split(",")))
    return vls


def _meant(name: str, cpus: Sequence[CpuEvidence], paths: Mapping[int, ClusterPath]) -> list[int]:
    """Return the CPUs that a name means: a CPU's own, a cluster's path, or the end of the path of a single cluster."""
    by_name = {evidence.name: evidence.cpu for evidence in cpus}
    if name in by_name:
        return [by_name[name]]
    clusters = dict.fromkeys(path[:depth] for path in paths.values() for depth in range(1, len(path) + 1))
    words = tuple(name.split("/"))
    # A whole path wins over longer paths that end in the same names.
    fitting = [words] if words in clusters else [path for path in clusters if path[-len(words) :] == words]
    if len(fitting) > 1:
        raise InputError(f"several clusters are called {name!r}: {_shown(fitting)}")
    if not fitting:
        existing = [f"{cpus[0].name} to {cpus[-1].name}", *([_shown(list(clusters))] if clusters else [])]
        raise InputError(f"there is no CPU or cluster {name[:60]!r}: there are {', '.join(existing)}")
    (cluster,) = fitting
    return [cpu for cpu, path in paths.items() if path[: len(cluster)] == cluster]


def _shown(paths: list[ClusterPath]) -> str:
    shown = ["/".join(path) for path in paths[:_MOST_NAMES_SHOWN]]
    return ", ".join([*shown, "..."] if len(paths) > _MOST_NAMES_SHOWN else shown)


# Lengths of a known core


def _of_core(evidence: CpuEvidence, otherwise: CpuLengths) -> CpuLengths:
    """Return the lengths of a CPU's core, without the extensions that a source says the CPU lacks.

    Args:
        evidence: the CPU.
        otherwise: the lengths for a CPU whose core is unknown.
    """
    core = evidence.core
    found = otherwise if core is None else _as_documented(core, evidence, otherwise)
    if evidence.has(VectorType.SME) is False:
        found = replace(found, sme_bits=None)
    if evidence.has(VectorType.SVE) is False:
        return CpuLengths(None, found.sme_bits, "the log shows that it has none")
    if evidence.has(VectorType.SVE) and found.sve_bits is None and found.is_known:
        words = "unknown: the log shows that it has SVE, and its core's document that it has none"
        return CpuLengths((_SMALLEST_BITS,), found.sme_bits, words, is_known=False)
    return found


def _as_documented(core: DocumentedCore, evidence: CpuEvidence, otherwise: CpuLengths) -> CpuLengths:
    """Return the lengths of a core in the table; those that no document tells are inferred."""
    unknown = [extension for extension in VectorType if _is_unknown(core, evidence, extension)]
    sve_bits = otherwise.sve_bits if VectorType.SVE in unknown else core.sve_bits or None
    sme_bits = otherwise.sme_bits if VectorType.SME in unknown else core.sme_bits or None
    if not unknown:
        return CpuLengths(sve_bits, sme_bits, core.source)
    if len(unknown) == len(VectorType):
        return replace(otherwise, is_known=False)
    bits = sve_bits if VectorType.SVE in unknown else sme_bits
    inferred = _UNKNOWN.source if bits is None else otherwise.source
    return CpuLengths(sve_bits, sme_bits, f"{core.source}; {unknown[0]} {inferred}", is_known=False)


def _is_unknown(core: DocumentedCore, evidence: CpuEvidence, extension: VectorType) -> bool:
    return extension in core.unknown and evidence.has(extension) is not False


# Inferred lengths


def _of_maximum(
    log: KernelLog | None, cpus: Sequence[CpuEvidence], in_cpuinfo: Mapping[VectorType, bool]
) -> CpuLengths:
    """Return the lengths of a CPU whose own are unknown: the smallest set with the log's maximum.

    Where no log states a maximum, CPUs have 128 bits if there is SVE, because every CPU with SVE supports 128 bits.
    """
    of_log = [None if log is None else _up_to_maximum(log, extension) for extension in VectorType]
    # Neither a log without lengths nor cpuinfo tells SME's: streaming mode has no length that every CPU supports.
    has = [
        in_cpuinfo.get(extension, False) or any(evidence.has(extension) for evidence in cpus)
        for extension in VectorType
    ]
    sve_bits, sme_bits = (
        bits or ((_SMALLEST_BITS,) if is_there else None) for bits, is_there in zip(of_log, has, strict=True)
    )
    if any(of_log):
        return CpuLengths(sve_bits, sme_bits, "unknown: as little as the log's maximum implies", is_known=False)
    if not any(has):
        return _UNKNOWN
    sources = ("what every CPU with SVE has", "SME is there, a length is assumed")
    source = "; ".join(words for words, is_there in zip(sources, has, strict=True) if is_there)
    return CpuLengths(sve_bits, sme_bits, f"unknown: {source}", is_known=False)


def _like_the_others(
    lengths: Mapping[int, CpuLengths], cpus: Sequence[CpuEvidence], log: KernelLog | None
) -> dict[int, CpuLengths]:
    """Infer the lengths of CPUs that no source identifies: like the others', if those are known and alike.

    CPUs that the log has refused are left out, because something about them differs.
    """
    known = [(one.sve_bits, one.sme_bits) for evidence in cpus if (one := lengths[evidence.cpu]).is_known]
    unseen = {evidence.cpu for evidence in cpus if evidence.midr is None and not evidence.compatible}
    refused = set() if log is None else {step.cpu for step in log.steps if step.result is HotplugResult.REFUSED}
    if len(set(known)) != 1:
        return {}
    like = CpuLengths(*known[0], "inferred: like the CPUs that are known, which are alike", is_known=False)
    return dict.fromkeys(sorted(unseen - refused), like)


def _up_to_maximum(log: KernelLog, extension: VectorType) -> tuple[int, ...] | None:
    """Return the minimum, its doubles below the maximum, and the maximum; None where the log states no maximum.

    SVE must have every power of two below its maximum, and its minimum is 128 bits, which the kernel does not log.
    """
    maximum, minimum = (
        log.vl_bytes.get((extension, bound), 0) * _BITS_PER_BYTE for bound in (Bound.MAXIMUM, Bound.MINIMUM)
    )
    if not maximum:
        return None
    doubles = ((minimum or _SMALLEST_BITS) << power for power in range(maximum.bit_length()))
    return (*(bits for bits in doubles if bits < maximum), maximum)


def _has_unknown_sve(evidence: CpuEvidence) -> bool:
    return evidence.core is None or _is_unknown(evidence.core, evidence, VectorType.SVE)


def _of_refusals(
    log: KernelLog, cpus: Iterable[CpuEvidence], lengths: Mapping[int, CpuLengths]
) -> dict[int, CpuLengths]:
    """Infer the lengths of each CPU that was refused for its SVE lengths: a set that is refused in the same way.

    Nothing is inferred where no set is refused so, nor of a CPU that also came online, as no set of its own explains.

    Args:
        log: the log with the refusals.
        cpus: the CPUs whose SVE lengths are unknown.
        lengths: the lengths of every CPU.
    """
    shared = _shared_by_early(log, lengths)
    if not shared:
        return {}
    refusals = {step.cpu: step.refusal for step in log.steps if step.result is HotplugResult.REFUSED}
    found = {}
    for cpu in (evidence.cpu for evidence in cpus if evidence.cpu not in log.came):
        refusal = refusals.get(cpu)
        if refusal is None or refusal.lacks_extension or refusal.extension is not VectorType.SVE:
            continue
        bits, source = _refused_set(refusal.verdict, shared)
        if bits != shared:
            found[cpu] = replace(lengths[cpu], sve_bits=bits, source=source, is_known=False)
    return found


def _shared_by_early(log: KernelLog, lengths: Mapping[int, CpuLengths]) -> tuple[int, ...]:
    """Return the SVE lengths in bits that all CPUs have which came online early, ascending."""
    sets = [set(lengths[cpu].sve_bits or ()) for cpu in log.came_early | {0}]
    return tuple(sorted(set.intersection(*sets)))


def _refused_set(verdict: LengthsVerdict | None, shared: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
    """Return a set that the kernel refuses with a verdict beside the lengths of the early CPUs, and its source.

    It is the same set where there is none.
    """
    every = [bits_from_vq(vq) for vq in range(1, VQ_MAX + 1)]
    source = "unknown: so that it is refused as in the log"
    match verdict:
        case LengthsVerdict.UNSUPPORTED:
            # The first that the others lack, below their largest. The kernel accepts a late CPU's lengths above
            # max_virtualisable_vl, which is the largest where early CPUs are alike.
            lacked = [bits for bits in every if bits < shared[-1] and bits not in shared]
            return tuple(sorted((*shared, *lacked[:1]))), source
        case LengthsVerdict.ABOVE_MAXIMUM:
            # No series that is modelled refuses a CPU above the maximum, so that this log contradicts the model.
            above = [bits for bits in every if bits > shared[-1]]
            return (*shared, *above[:1]), "unknown: above the others' maximum, as the log says"
        case _:
            # It lacks a length: a subset must be legal too, and the smallest length alone always is.
            return shared[:1], source
