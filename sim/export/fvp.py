"""A topology as parameters of Arm's Base Platform FVP, which has two clusters of at most four CPUs.

The FVP takes vector lengths cluster by cluster. `sve.veclen` is the largest SVE length in units of 64 bits, so that 4
means 256 bits; the FVP chooses the lengths below it. `sve.sme_veclens_implemented` is a set of streaming lengths, bit N
for 128 * 2^N bits.

Sources: the Android Open Source Project, device/generic/goldfish, fvpbase/README.md (the unit of veclen); Arm's
Learning Paths, SME, "Matrix multiply example" (the bits of sme_veclens_implemented); Trusted Firmware-A's CI scripts
(parameters of each cluster as `clusterN.sve.`; `sme_only`). They were not tried on an FVP, whose --list-params is
authoritative.
"""

from collections.abc import Callable, Hashable, Iterator

from sim.errors import InputError
from sim.export.cpu_comment import describe_lengths
from sim.export.export_formats import Exported
from sim.scenario import Scenario
from sim.topology import Cpu, Topology
from sim.units import counted
from sim.vectors import POWERS_OF_TWO, bits_from_vq, largest_vq

PLATFORM = "FVP_Base_RevC-2xAEMvA"
_MOST_CLUSTERS, _MOST_CORES = 2, 4
_VECLEN_BITS = 64
"""The unit of veclen, half a quadword."""
_LARGEST_DETERMINED_VQ = 2
"""Up to 256 bits the largest length determines the others: the architecture demands them all."""


def export_fvp(scenario: Scenario) -> Exported:
    """Export a scenario as lines for the FVP's --config-file; each may also follow a -C.

    Raises:
        InputError: the CPUs do not fit the FVP's clusters, or have streaming lengths that are not powers of two.
    """
    topology = scenario.topology
    clusters = _fvp_clusters(topology)
    lost = _lost(scenario, clusters)
    lines = [
        f"# {PLATFORM}: {counted(len(topology.cpus), 'CPU')}",
        f"# For --config-file, or each line behind a -C; veclen counts units of {_VECLEN_BITS} bits.",
        *(f"# Lost: {part}." for part in lost),
    ]
    for cluster, cpus in enumerate(clusters):
        # Comments stand on lines of their own: the FVP reads anything behind a value as part of it.
        lines += [
            f"# cluster{cluster}.cpu{core}: {topology.label(cpu)}, {describe_lengths(topology.logical[cpu])}"
            for core, cpu in enumerate(cpus)
        ]
        lines += _parameters(f"cluster{cluster}", len(cpus), topology.logical[cpus[0]])
    lines += [f"cluster{cluster}.NUM_CORES=0" for cluster in range(len(clusters), _MOST_CLUSTERS)]
    return Exported("".join(f"{line}\n" for line in lines), lost)


def _fvp_lengths(spec: Cpu) -> tuple[int | None, int | None]:
    """Return the lengths that the CPUs of an FVP's cluster share: the largest SVE VQ, and the streaming VQs."""
    return None if spec.usable_sve_vqs is None else largest_vq(spec.usable_sve_vqs), spec.usable_sme_vqs


def _fvp_clusters(topology: Topology) -> list[list[int]]:
    """Return the logical numbers of the CPUs of each FVP cluster; the boot CPU comes first.

    The topology's own clusters are kept if that leaves no more than two. Otherwise CPUs are grouped by lengths only.

    Raises:
        InputError: the CPUs do not fit the FVP's clusters.
    """
    # The second key may mix the topology's clusters in one of the FVP's, which is then reported as lost.
    for key in (lambda spec: (spec.clusters, _fvp_lengths(spec)), _fvp_lengths):
        clusters = list(_group(topology, key))
        if len(clusters) <= _MOST_CLUSTERS:
            return clusters
    raise InputError(
        f"{PLATFORM} has {_MOST_CLUSTERS} clusters of at most {_MOST_CORES} CPUs, each with one largest SVE length and "
        f"one set of streaming lengths: these {counted(len(topology.cpus), 'CPU')} do not fit"
    )


def _group(topology: Topology, key: Callable[[Cpu], Hashable]) -> Iterator[list[int]]:
    """Yield CPUs with equal keys together, at most four at a time, in the order of their logical numbers."""
    groups: dict[Hashable, list[int]] = {}
    for cpu, spec in enumerate(topology.logical):
        groups.setdefault(key(spec), []).append(cpu)
    for cpus in groups.values():
        yield from (cpus[start : start + _MOST_CORES] for start in range(0, len(cpus), _MOST_CORES))


def _parameters(cluster: str, cores: int, spec: Cpu) -> Iterator[str]:
    """Yield a cluster's parameters; `spec` is any of its CPUs, which are alike as far as the parameters can tell."""
    sve_vqs, sme_vqs = spec.usable_sve_vqs, spec.usable_sme_vqs
    yield f"{cluster}.NUM_CORES={cores}"
    # The parameters of SME belong to the component "sve", which has_sve loads: it is needed for SME alone as well.
    yield f"{cluster}.has_sve={int(sve_vqs is not None or sme_vqs is not None)}"
    if sve_vqs is not None:
        yield f"{cluster}.sve.veclen={bits_from_vq(largest_vq(sve_vqs)) // _VECLEN_BITS}"
    if sve_vqs is not None or sme_vqs is not None:
        yield f"{cluster}.sve.has_sme={int(sme_vqs is not None)}"
    if sme_vqs is not None:
        yield f"{cluster}.sve.sme_only={int(sve_vqs is None)}"
        yield f"{cluster}.sve.sme_veclens_implemented={_sme_veclens(spec.name, sme_vqs)}"


def _sme_veclens(name: str, vqs: int) -> int:
    """Return a set of powers of two as sme_veclens_implemented: bit N for a VQ of 2^N.

    Raises:
        InputError: the set has another length.
    """
    if vqs & ~POWERS_OF_TWO:
        raise InputError(f"{name}: streaming lengths of {PLATFORM} are powers of two only")
    return sum(1 << power for power in range(5) if vqs >> ((1 << power) - 1) & 1)


def _lost(scenario: Scenario, clusters: list[list[int]]) -> tuple[str, ...]:
    """Return the parts of a scenario that the FVP's parameters cannot hold."""
    topology = scenario.topology
    paths = [[topology.logical[cpu].clusters for cpu in cpus] for cpus in clusters]
    order = [cpu for cpus in clusters for cpu in cpus]
    mixed = any(len(set(cluster)) > 1 for cluster in paths)  # CPUs of several clusters in one of the FVP's
    split = len({cluster[0] for cluster in paths}) < len(paths)  # CPUs of one cluster in both of the FVP's
    lost = {
        f"SVE lengths below the largest, where that is above {bits_from_vq(_LARGEST_DETERMINED_VQ)} bits": any(
            largest_vq(spec.usable_sve_vqs or 0) > _LARGEST_DETERMINED_VQ for spec in topology.cpus
        ),
        "clusters of the topology": mixed or split,
        "EL3 that does not enable SVE or SME": any(spec.firmware.trapped for spec in topology.cpus),
        "CPUs that start at different exception levels": scenario.starts_at_mixed_levels,
        "named cores, whose ID registers the FVP's CPUs do not have": any(
            spec.features.core.has_all_features for spec in topology.cpus
        ),
        "spin tables": not all(map(scenario.has_hotplug, range(len(topology.cpus)))),
        "late CPUs": len(scenario.early) < len(topology.cpus),
        "the order of CPUs": order != sorted(order),
        "MPIDRs, which the FVP sets": any(spec.mpidr is not None for spec in topology.cpus),
    }
    return tuple(what for what, is_lost in lost.items() if is_lost)
