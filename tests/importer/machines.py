"""Machines that ran: those recorded under tests/machines, and logs and copies of sysfs that tests make up."""

from pathlib import Path

from sim.importer.imported import Imported, import_machine
from sim.importer.machine_evidence import Sources

MACHINES = Path(__file__).parents[1] / "machines"
REPORTS = Path(__file__).parents[1] / "reports"
SETS: dict[str, list[tuple[int, ...] | None]] = {
    "mixed": [(128, 256, 512)] * 3 + [(128, 256), (128, 256, 512), None],
    "clusters": [(128, 256)] * 6 + [(128, 256, 512), (128, 256)],
    "pkvm": [(128, 256), (128, 256, 512), (128, 256)],
    "nosve": [(128, 256), None],
    "bookworm": [(128, 256), (128, 256), (128, 256, 384), (128, 256)],
}
"""The real SVE lengths of each machine's CPUs, in bits."""

HEAD = (
    "[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x411fd403]\n"
    "[    0.000000] Linux version 6.12.1 (gcc)\n"
    "[    0.000000] SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs={cpus}, Nodes=1\n"
)
"""The beginning of a log; 0x411fd403 is Neoverse V1, with {128,256}."""
UNKNOWN_CORE = "410fdff0"
"""A MIDR that the table of cores does not have."""
BOOTED = "[    0.1] CPU{0}: Booted secondary processor 0x{0:010x} [0x411fd403]\n"
KILLED = "psci: CPU{0} killed (polled 0 ms)\n"


def dmesg_of(machine: str) -> str:
    return (MACHINES / machine / "dmesg").read_text(encoding="utf-8")


def vls(sets: list[tuple[int, ...] | None]) -> dict[str, tuple[int, ...] | None]:
    return {f"cpu{cpu}": bits for cpu, bits in enumerate(sets)}


def imported_machine(machine: str, sources: str = "log", /, **vls: tuple[int, ...] | None) -> Imported:
    """Import a recorded machine from its "log", its "sysfs" or "both"."""
    folder = MACHINES / machine
    return import_machine(
        Sources(folder / "dmesg" if sources != "sysfs" else None, folder if sources != "log" else None), vls
    )


def imported_log(text: str, folder: Path, tree: Path | None = None, /, **vls: tuple[int, ...] | None) -> Imported:
    path = folder / "boot.log"
    path.write_text(text, encoding="utf-8")
    return import_machine(Sources(path, tree=tree), vls)


def imported_sysfs(root: Path, /, **vls: tuple[int, ...] | None) -> Imported:
    return import_machine(Sources(sysfs=root), vls)


def cpuinfo(part: str = "0xd0c", features: str = "fp asimd sve", architecture: str = "8") -> str:
    return (
        f"processor\t: 0\nFeatures\t: {features}\nCPU implementer\t: 0x41\nCPU architecture: {architecture}\n"
        f"CPU variant\t: 0x1\nCPU part\t: {part}\nCPU revision\t: 1\n\n"
    )


def sysfs_of(folder: Path, cpuinfo: str | None = None, **texts: str) -> Path:
    """Write a copy of sysfs; `texts` are files of the CPU folder, and CPU 0 is all there is unless they say more."""
    root = folder / "copy"
    files = {"possible": "0", "online": "0"} | texts
    for name, text in files.items():
        path = root / "sys" / "devices" / "system" / "cpu" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    if cpuinfo is not None:
        (root / "proc").mkdir(exist_ok=True)
        (root / "proc" / "cpuinfo").write_text(cpuinfo)
    return root
