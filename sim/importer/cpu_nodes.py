"""The CPUs of a device tree: the nodes of ``/cpus``, numbered as Linux numbers them.

Source: arch/arm64/kernel/smp.c of_parse_and_init_cpus(), drivers/of/base.c of_get_next_cpu_node(): nodes in the tree's
order, those whose status is "fail" or "fail-..." left out; one that is "disabled" is not.
"""

from dataclasses import dataclass

from sim.errors import InputError
from sim.importer.blob import Node
from sim.importer.cores import is_arm64
from sim.topology import MOST_CPUS, MPIDR_AFFINITY

_CELLS = {1: 4, 2: 8}
"""Bytes of a reg of so many cells."""


@dataclass(frozen=True, slots=True)
class CpuNode:
    """What a tree says of a CPU; `number` counts from 0 in the tree's order, without those that failed."""

    number: int
    node: str
    mpidr: int
    phandle: int
    compatible: tuple[str, ...]
    capacity: int | None
    """capacity-dmips-mhz: speed per MHz, relative to the others."""
    enable_method: str
    """Empty where the tree says none."""
    status: str
    """Empty where the tree says none, which is "okay"."""

    @property
    def name(self) -> str:
        """What the scenario calls it."""
        return f"cpu{self.number}"


@dataclass(frozen=True, slots=True)
class CpuNodes:
    """The CPUs of a tree, and those that it says have failed."""

    cpus: tuple[CpuNode, ...]
    failed: tuple[CpuNode, ...]


def read_cpus(root: Node) -> CpuNodes:
    """The CPUs of a tree.

    Raises:
        InputError: there are none, or too many; one has no legal reg, or another's; they are not arm64.
    """
    folder = root.child("cpus")
    if folder is None:
        raise InputError("has no /cpus")
    cells = folder.cell("#address-cells") or root.cell("#address-cells")
    if cells not in _CELLS:
        raise InputError(f"/cpus: #address-cells must be 1 or 2, and is {'missing' if cells is None else cells}")
    cpus: list[CpuNode] = []
    failed: list[CpuNode] = []
    for node in folder.children():
        if not _is_cpu(node):
            continue
        one = _cpu(len(cpus), node, cells)
        (failed if _is_failed(one.status) else cpus).append(one)
        if len(cpus) + len(failed) > MOST_CPUS:
            raise InputError(f"/cpus has more than {MOST_CPUS:,} CPUs")
    if not cpus:
        raise InputError("/cpus has no CPU")
    _check_alike(cpus)
    return CpuNodes(tuple(cpus), tuple(failed))


def _is_cpu(node: Node) -> bool:
    return node.value("device_type") == b"cpu\0" or node.name.partition("@")[0] == "cpu"


def _is_failed(status: str) -> bool:
    return status == "fail" or status.startswith("fail-")


def _cpu(number: int, node: Node, cells: int) -> CpuNode:
    compatible = node.texts("compatible")
    if other := next((one for one in compatible if not is_arm64(one)), None):
        raise InputError(f"{node.name} is {other}, which is not arm64")
    status = " ".join(node.texts("status"))
    return CpuNode(
        number,
        node.name,
        0 if _is_failed(status) else _mpidr(node, cells),
        node.phandle,
        compatible,
        node.cell("capacity-dmips-mhz"),
        " ".join(node.texts("enable-method")),
        status,
    )


def _mpidr(node: Node, cells: int) -> int:
    reg = node.value("reg")
    if not reg or len(reg) % _CELLS[cells]:
        has = "none" if reg is None else f"{len(reg)} bytes"
        raise InputError(f"{node.name}: reg must have {_CELLS[cells]} bytes, as #address-cells says, and has {has}")
    mpidr = int.from_bytes(reg[: _CELLS[cells]], "big")  # Linux takes the first of several threads'
    if mpidr & ~MPIDR_AFFINITY:
        raise InputError(
            f"{node.name}: reg is {mpidr:#x}, and an MPIDR's affinity has bits in {MPIDR_AFFINITY:#x} only"
        )
    return mpidr


def _check_alike(cpus: list[CpuNode]) -> None:
    """Refuse two CPUs of one reg, or of one phandle."""
    by_mpidr: dict[int, CpuNode] = {}
    by_phandle: dict[int, CpuNode] = {}
    for one in cpus:
        if (other := by_mpidr.setdefault(one.mpidr, one)) is not one:
            raise InputError(f"{other.node} and {one.node} have the same reg, {one.mpidr:#x}")
        if one.phandle and (other := by_phandle.setdefault(one.phandle, one)) is not one:
            raise InputError(f"{other.node} and {one.node} have the same phandle, {one.phandle:#x}")
