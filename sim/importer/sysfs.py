"""The evidence of sysfs: the CPUs that there are, their cores, and the clusters that they lie in.

It is read from copies of /sys/devices/system/cpu and /proc/cpuinfo, or from a running machine's own.

Sources: Documentation/ABI/testing/sysfs-devices-system-cpu, Documentation/admin-guide/cputopology.rst,
arch/arm64/kernel/cpuinfo.c.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from sim.errors import InputError
from sim.files.bounded_read import read_at_most
from sim.files.toml_tables import at
from sim.importer.cpu_evidence import ClusterPath, CpuEvidence
from sim.topology import MOST_CPUS
from sim.vectors import VectorType

_LARGEST_FILE_BYTES = 1 << 20
_LARGEST_CPUINFO_BYTES = 128 << 20
_CPU_FOLDERS = ("sys/devices/system/cpu", ".")
_CPUINFO = ("proc/cpuinfo", "cpuinfo")
_RANGE = re.compile(r"(\d{1,7})(?:-(\d{1,7}))?")
_NO_CLUSTER = {-1, 0xFFFF, 0xFFFF_FFFF}
"""Values of cluster_id where the firmware describes no clusters."""


class Sysfs(msgspec.Struct, frozen=True):
    """The facts that sysfs and cpuinfo state, by logical CPU number."""

    possible: tuple[int, ...]
    online: tuple[int, ...]
    cpus: Mapping[int, CpuEvidence]
    paths: Mapping[int, ClusterPath]
    """The clusters around each CPU that was online; the kernel shows no topology of a CPU that is offline."""
    extensions: Mapping[VectorType, bool]
    """True if /proc/cpuinfo lists a vector extension among the features; empty without a cpuinfo."""
    oddities: tuple[str, ...]
    """Sentences on files that contradict each other."""


def read_sysfs(root: Path) -> Sysfs:
    """Read a folder with copies, or a running machine's own files where the folder is ``/``.

    Raises:
        InputError: the files are missing, not as Linux writes them, or not of an arm64 machine.
    """
    folder = next((root / name for name in _CPU_FOLDERS if (root / name / "possible").is_file()), None)
    if folder is None:
        raise InputError(f"{root}: has no sys/devices/system/cpu/possible, and no file possible")
    possible, online = (_cpu_list(folder / name) for name in ("possible", "online"))
    if set(online) - set(possible) or possible != tuple(range(len(possible))):
        raise InputError(f"{folder}: possible must be CPUs from 0 on, and online some of them")
    cpuinfo = next((root / name for name in _CPUINFO if (root / name).is_file()), None)
    midrs, extensions = ({}, {}) if cpuinfo is None else _cpuinfo(cpuinfo)
    # cpu*/regs/identification/midr_el1 counts before /proc/cpuinfo, which lacks the CPUs that are offline. Old kernels
    # lack these files.
    own = {cpu: midr for cpu in possible if (midr := _midr_el1(folder, cpu)) is not None}
    oddities = [
        f"cpu{cpu}: cpuinfo says MIDR {midrs[cpu]:#010x}, midr_el1 {own[cpu]:#010x}"
        for cpu in sorted(own)
        if midrs.get(cpu, own[cpu]) != own[cpu]
    ]
    midrs |= own
    if not midrs:
        raise InputError(f"{root}: nothing shows that this is arm64: no proc/cpuinfo, no cpu*/regs/identification")
    if max(midrs) >= len(possible):
        raise InputError(f"{cpuinfo}: CPU{max(midrs)} is not possible: the possible CPUs end at CPU{len(possible) - 1}")
    cpus = {cpu: CpuEvidence(cpu, midr=midrs.get(cpu)) for cpu in possible}
    return Sysfs(possible, online, cpus, _paths(folder, online), extensions, tuple(oddities))


def _text(path: Path) -> str:
    with at(f"{path}"):
        return read_at_most(path, _LARGEST_FILE_BYTES, "file of sysfs").decode("ascii", "replace").strip()


def _cpu_list(path: Path) -> tuple[int, ...]:
    text = _text(path)
    cpus: list[int] = []
    for part in text.split(",") if text else ():
        match = _RANGE.fullmatch(part)
        first, last = (0, -1) if match is None else (int(match[1]), int(match[2] or match[1]))
        if not first <= last < MOST_CPUS or (cpus and first <= cpus[-1]):
            raise InputError(f"{path}: {part[:40]!r} is not a range of CPUs after the others, below {MOST_CPUS:,}")
        cpus += range(first, last + 1)
    if not cpus:
        raise InputError(f"{path}: names no CPU")
    return tuple(cpus)


def _number(path: Path) -> int | None:
    """Read a file that holds a number; None where there is no such file."""
    if not path.is_file():
        return None
    text = _text(path)
    if not re.fullmatch(r"-?\d{1,10}|0x[0-9a-fA-F]{1,16}", text):
        raise InputError(f"{path}: {text[:40]!r} is not a number")
    return int(text, 16) if text.startswith("0x") else int(text)


def _midr_el1(folder: Path, cpu: int) -> int | None:
    # The file shows 64 bits, of which the upper 32 are reserved; logs and the table of cores have the lower.
    midr = _number(folder / f"cpu{cpu}" / "regs" / "identification" / "midr_el1")
    return None if midr is None else midr & 0xFFFF_FFFF


# Clusters


def _paths(folder: Path, online: tuple[int, ...]) -> dict[int, ClusterPath]:
    topologies = {cpu: place for cpu in online if (place := folder / f"cpu{cpu}" / "topology").is_dir()}
    packages = {cpu: _number(place / "physical_package_id") for cpu, place in topologies.items()}
    # Where all CPUs are in one package the level says nothing, and is left out.
    has_sockets = len(set(packages.values())) > 1
    return {
        cpu: (*((f"socket{packages[cpu]}",) if has_sockets else ()), *_inside_socket(place))
        for cpu, place in topologies.items()
    }


def _inside_socket(topology: Path) -> Iterator[str]:
    cluster, core = _number(topology / "cluster_id"), _number(topology / "core_id")
    if cluster is not None and cluster not in _NO_CLUSTER:
        yield f"cluster{cluster}"
    # A core of several threads is a cluster of them, as in a cpu-map; a CPU that is alone in its core needs no cluster.
    threads = topology / "thread_siblings_list"
    if core is not None and threads.is_file() and len(_cpu_list(threads)) > 1:
        yield f"core{core}"


# /proc/cpuinfo


def _cpuinfo(path: Path) -> tuple[dict[int, int], dict[VectorType, bool]]:
    """Read each CPU's MIDR, and which vector extensions are among the features."""
    with at(f"{path}"):
        text = read_at_most(path, _LARGEST_CPUINFO_BYTES, "cpuinfo").decode("ascii", "replace")
        midrs: dict[int, int] = {}
        for block in re.split(r"\n\s*\n", text):
            pairs = (line.partition(":") for line in block.splitlines())
            values = {key.strip(): value.strip() for key, _, value in pairs}
            if "processor" in values:
                midrs[_processor(values)] = _midr(values)
        if not midrs:
            raise InputError("has no CPU as arm64 Linux lists them")
    features = " ".join(re.findall(r"^Features\s*:(.*)", text, re.MULTILINE)).split()
    return midrs, {extension: extension.lower() in features for extension in VectorType}


def _processor(values: Mapping[str, str]) -> int:
    number = values["processor"]
    if not re.fullmatch(r"\d{1,7}", number):
        raise InputError(f"processor {number[:40]!r} is not a number")
    return int(number)


def _midr(values: Mapping[str, str]) -> int:
    """Return MIDR_EL1 as the fields of cpuinfo give it: Implementer, Variant, Architecture (0xf), PartNum, Revision."""
    architecture = values.get("CPU architecture", "")
    if architecture not in {"8", "AArch64"}:
        has = f"CPU architecture {architecture[:40]!r}" if architecture else "no CPU architecture"
        raise InputError(f"processor {values['processor']} has {has}: arm64 Linux says 8")
    words = [values.get(f"CPU {field}", "") for field in ("implementer", "variant", "part", "revision")]
    try:
        implementer, variant, part, revision = (int(word, 0) for word in words)
    except ValueError:
        raise InputError(
            f"processor {values['processor']}: implementer, variant, part and revision must be numbers"
        ) from None
    return (implementer & 0xFF) << 24 | (variant & 0xF) << 20 | 0xF << 16 | (part & 0xFFF) << 4 | (revision & 0xF)
