"""A copy of /sys/devices/system/cpu and /proc/cpuinfo: which CPUs there are, their cores, and who lies beside whom.

Source: Documentation/ABI/testing/sysfs-devices-system-cpu, Documentation/admin-guide/cputopology.rst;
arch/arm64/kernel/cpuinfo.c.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sim.errors import InputError
from sim.files.bounded_read import read_at_most
from sim.files.toml_tables import at
from sim.importer.clusters import ClusterPath
from sim.importer.seen import SeenCpu
from sim.topology import MOST_CPUS

_LARGEST_FILE_BYTES = 64 * 1024
_LARGEST_CPUINFO_BYTES = 128 * 1024 * 1024
_CPU_FOLDERS = ("sys/devices/system/cpu", ".")
_CPUINFO = ("proc/cpuinfo", "cpuinfo")
_RANGE = re.compile(r"(\d{1,7})(?:-(\d{1,7}))?")
_NO_CLUSTER = {-1, 0xFFFF, 0xFFFF_FFFF}
"""cluster_id where the firmware names none."""


@dataclass(frozen=True, slots=True)
class Sysfs:
    """What sysfs says; numbers are Linux's."""

    possible: tuple[int, ...]
    online: tuple[int, ...]
    cpus: dict[int, SeenCpu]
    paths: dict[int, ClusterPath]
    """The clusters around each CPU that was online: what is offline has no topology."""
    has_sve: bool | None
    """Whether /proc/cpuinfo has sve among the features; None without it."""
    oddities: tuple[str, ...]
    """Sentences on where it contradicts itself."""


def read_sysfs(root: Path) -> Sysfs:
    """Read a copy, or a running machine's own files where the root is ``/``.

    Raises:
        InputError: the files are not there, not as Linux writes them, or not of an arm64 machine.
    """
    folder = next((root / one for one in _CPU_FOLDERS if (root / one / "possible").is_file()), None)
    if folder is None:
        raise InputError(f"{root}: has no sys/devices/system/cpu/possible, and no file possible")
    possible, online = (_cpu_list(folder / name) for name in ("possible", "online"))
    if set(online) - set(possible) or possible != tuple(range(len(possible))):
        raise InputError(f"{folder}: possible must be CPUs from 0 on, and online some of them")
    cpuinfo = next((root / one for one in _CPUINFO if (root / one).is_file()), None)
    midrs, has_sve = ({}, None) if cpuinfo is None else _cpuinfo(cpuinfo)
    own = {one: midr for one in possible if (midr := _midr(folder, one)) is not None}
    odd = [
        f"cpu{one}: cpuinfo says MIDR {midrs[one]:#010x}, midr_el1 {own[one]:#010x}"
        for one in sorted(own)
        if midrs.get(one, own[one]) != own[one]
    ]
    midrs |= own
    if not midrs:
        raise InputError(f"{root}: nothing shows that this is arm64: no proc/cpuinfo, no cpu*/regs/identification")
    if max(midrs) >= len(possible):
        raise InputError(f"{cpuinfo}: CPU{max(midrs)} is not possible: there are {len(possible)} CPUs")
    cpus = {one: SeenCpu(one, midr=midrs.get(one)) for one in possible}
    return Sysfs(possible, online, cpus, _paths(folder, online), has_sve, tuple(odd))


def _text(path: Path) -> str:
    with at(f"{path}"):
        return read_at_most(path, _LARGEST_FILE_BYTES, "file of sysfs").decode("ascii", "replace").strip()


def _cpu_list(path: Path) -> tuple[int, ...]:
    text = _text(path)
    numbers: list[int] = []
    for part in text.split(",") if text else ():
        match = _RANGE.fullmatch(part)
        first, last = (0, -1) if match is None else (int(match[1]), int(match[2] or match[1]))
        if not first <= last < MOST_CPUS or (numbers and first <= numbers[-1]):
            raise InputError(f"{path}: {part[:40]!r} is no range of CPUs after the others, below {MOST_CPUS:,}")
        numbers += range(first, last + 1)
    if not numbers:
        raise InputError(f"{path}: names no CPU")
    return tuple(numbers)


def _number(path: Path) -> int | None:
    """The number that a file holds; None where there is no such file."""
    if not path.is_file():
        return None
    text = _text(path)
    if not re.fullmatch(r"-?\d{1,10}|0x[0-9a-fA-F]{1,16}", text):
        raise InputError(f"{path}: {text[:40]!r} is no number")
    return int(text, 0)


def _midr(folder: Path, number: int) -> int | None:
    midr = _number(folder / f"cpu{number}" / "regs" / "identification" / "midr_el1")
    return None if midr is None else midr & 0xFFFF_FFFF


# Clusters


def _paths(folder: Path, online: tuple[int, ...]) -> dict[int, ClusterPath]:
    places = {one: place for one in online if (place := folder / f"cpu{one}" / "topology").is_dir()}
    packages = {one: _number(place / "physical_package_id") for one, place in places.items()}
    several = len(set(packages.values())) > 1
    return {one: (*((f"socket{packages[one]}",) if several else ()), *_inside(place)) for one, place in places.items()}


def _inside(place: Path) -> Iterator[str]:
    cluster, core = _number(place / "cluster_id"), _number(place / "core_id")
    if cluster is not None and cluster not in _NO_CLUSTER:
        yield f"cluster{cluster}"
    threads = place / "thread_siblings_list"
    if core is not None and threads.is_file() and len(_cpu_list(threads)) > 1:
        yield f"core{core}"


# /proc/cpuinfo


def _cpuinfo(path: Path) -> tuple[dict[int, int], bool]:
    """Each CPU's MIDR, and whether sve is among the features."""
    with at(f"{path}"):
        text = read_at_most(path, _LARGEST_CPUINFO_BYTES, "cpuinfo").decode("ascii", "replace")
        midrs: dict[int, int] = {}
        for block in re.split(r"\n\s*\n", text):
            said = {
                key.strip(): value.strip() for key, _, value in (line.partition(":") for line in block.splitlines())
            }
            if "processor" in said:
                midrs[_processor(said)] = _midr_of(said)
        if not midrs:
            raise InputError("has no CPU as arm64 Linux lists them")
    return midrs, bool(re.search(r"^Features\s*:.*\bsve\b", text, re.MULTILINE))


def _processor(said: dict[str, str]) -> int:
    number = said["processor"]
    if not re.fullmatch(r"\d{1,7}", number):
        raise InputError(f"processor {number[:40]!r} is no number")
    return int(number)


def _midr_of(said: dict[str, str]) -> int:
    architecture = said.get("CPU architecture", "")
    if architecture not in {"8", "AArch64"}:
        has = f"CPU architecture {architecture[:40]!r}" if architecture else "no CPU architecture"
        raise InputError(f"processor {said['processor']} has {has}: arm64 Linux says 8")
    words = [said.get(f"CPU {one}", "") for one in ("implementer", "variant", "part", "revision")]
    try:
        implementer, variant, part, revision = (int(one, 0) for one in words)
    except ValueError:
        raise InputError(
            f"processor {said['processor']}: implementer, variant, part and revision are no numbers"
        ) from None
    return (implementer & 0xFF) << 24 | (variant & 0xF) << 20 | 0xF << 16 | (part & 0xFFF) << 4 | (revision & 0xF)
