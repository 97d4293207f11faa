"""A topology as parameters of Arm's Base Platform FVP, which has two clusters of at most four CPUs.

The FVP takes vector lengths by the cluster: `sve.veclen` is the largest SVE length in units of 64 bits, so 4 are 256
bits; `sve.sme_veclens_implemented` is a set of streaming lengths, bit N for 128 * 2^N bits.

Sources: the Android Open Source Project, device/generic/goldfish, fvpbase/README.md (the unit of veclen); Arm's
Learning Paths, SME, "Matrix multiply example" (the bits of sme_veclens_implemented); Trusted Firmware-A's CI scripts
(each cluster has these as `clusterN.sve.`; `sme_only`). The FVP's own --list-params has the last word.
"""

from collections.abc import Callable, Hashable, Iterator

from sim.errors import InputError
from sim.export.cpu_comment import lengths_of
from sim.export.export_formats import Exported
from sim.scenario import Scenario
from sim.topology import Cpu, Topology
from sim.units import counted
from sim.vectors import POWERS_OF_TWO, bits_from_vq, largest_vq

PLATFORM = "FVP_Base_RevC-2xAEMvA"
_MOST_CLUSTERS, _MOST_CORES = 2, 4
_VECLEN_BITS = 64
_LARGEST_KNOWN_VQ = 2
"""Up to 256 bits the largest length says which others there are: the architecture demands them all."""


def fvp(scenario: Scenario) -> Exported:
    """A parameter a line, as the FVP's --config-file has them, and as they stand behind each -C.

    Raises:
        InputError: the CPUs do not fit the FVP's clusters, or have streaming lengths that are no powers of two.
    """
    topology = scenario.topology
    clusters = _clusters(topology)
    lost = _lost(scenario, clusters)
    lines = [
        f"# {PLATFORM}: {counted(len(topology.cpus), 'CPU')}",
        f"# For --config-file, or each line behind a -C; veclen counts units of {_VECLEN_BITS} bits.",
        *(f"# Lost: {one}." for one in lost),
    ]
    for cluster, numbers in enumerate(clusters):
        names = (f"# cluster{cluster}.cpu{core}: {_told(topology, one)}" for core, one in enumerate(numbers))
        lines += [*names, *_parameters(f"cluster{cluster}", len(numbers), topology.logical[numbers[0]])]
    lines += [f"cluster{cluster}.NUM_CORES=0" for cluster in range(len(clusters), _MOST_CLUSTERS)]
    return Exported("".join(f"{line}\n" for line in lines), lost)


def _told(topology: Topology, number: int) -> str:
    return f"{topology.label(number)}, {lengths_of(topology.logical[number])}"


def _sort(one: Cpu) -> tuple[int | None, int | None]:
    """What the CPUs of one of the FVP's clusters have in common: the largest SVE length, and the streaming ones."""
    return None if one.usable_sve_vqs is None else largest_vq(one.usable_sve_vqs), one.usable_sme_vqs


def _clusters(topology: Topology) -> list[list[int]]:
    """The logical numbers of the CPUs in each of the FVP's clusters; the boot CPU comes first.

    They follow the topology's clusters where those fit, and else only lengths.
    """
    for alike in (lambda one: (one.clusters, _sort(one)), _sort):
        clusters = list(_split(topology, alike))
        if len(clusters) <= _MOST_CLUSTERS:
            return clusters
    raise InputError(
        f"{PLATFORM} has {_MOST_CLUSTERS} clusters of at most {_MOST_CORES} CPUs, each of one largest SVE length and "
        f"one set of streaming lengths: these {counted(len(topology.cpus), 'CPU')} do not fit"
    )


def _split(topology: Topology, alike: Callable[[Cpu], Hashable]) -> Iterator[list[int]]:
    groups: dict[Hashable, list[int]] = {}
    for number, one in enumerate(topology.logical):
        groups.setdefault(alike(one), []).append(number)
    for numbers in groups.values():
        yield from (numbers[begin : begin + _MOST_CORES] for begin in range(0, len(numbers), _MOST_CORES))


def _parameters(cluster: str, cores: int, one: Cpu) -> Iterator[str]:
    sve_vqs, sme_vqs = one.usable_sve_vqs, one.usable_sme_vqs
    yield f"{cluster}.NUM_CORES={cores}"
    yield f"{cluster}.has_sve={int(sve_vqs is not None or sme_vqs is not None)}"
    if sve_vqs is not None:
        yield f"{cluster}.sve.veclen={bits_from_vq(largest_vq(sve_vqs)) // _VECLEN_BITS}"
    if sve_vqs is not None or sme_vqs is not None:
        yield f"{cluster}.sve.has_sme={int(sme_vqs is not None)}"
    if sme_vqs is not None:
        yield f"{cluster}.sve.sme_only={int(sve_vqs is None)}"
        yield f"{cluster}.sve.sme_veclens_implemented={_power_bits(one.name, sme_vqs)}"


def _power_bits(name: str, vqs: int) -> int:
    """A set of powers of two, a bit each: 128 bits is bit 0, 256 bit 1, 512 bit 2.

    Raises:
        InputError: it has another length.
    """
    if vqs & ~POWERS_OF_TWO:
        raise InputError(f"{name}: {PLATFORM} has no streaming lengths but powers of two")
    return sum(1 << power for power in range(5) if vqs >> ((1 << power) - 1) & 1)


def _lost(scenario: Scenario, clusters: list[list[int]]) -> tuple[str, ...]:
    """What the FVP cannot be told."""
    topology = scenario.topology
    paths = [[topology.logical[one].clusters for one in numbers] for numbers in clusters]
    order = [one for numbers in clusters for one in numbers]
    lost = {
        f"SVE lengths below a largest one above {bits_from_vq(_LARGEST_KNOWN_VQ)} bits": any(
            largest_vq(one.usable_sve_vqs or 0) > _LARGEST_KNOWN_VQ for one in topology.cpus
        ),
        "which CPUs share a cluster": any(len(set(one)) > 1 for one in paths)
        or len({one[0] for one in paths}) < len(paths),
        "late CPUs": len(scenario.early) < len(topology.cpus),
        "the order of CPUs": order != sorted(order),
        "MPIDRs, which are the FVP's own": any(one.mpidr is not None for one in topology.cpus),
    }
    return tuple(what for what, is_so in lost.items() if is_so)
