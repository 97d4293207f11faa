"""Tiny device trees: written with libfdt, read, and refused."""

from pathlib import Path
from typing import Any

import pytest

from sim import InputError, Scenario, Topology, read_device_tree
from sim.files.scenario_file import scenario_from_text
from sim.importer.imported import import_machine
from sim.importer.machine_evidence import Sources
from sim.importer.provenance import annotated_text
from sim.vectors import bits_from_vqs

A510, X2, A53 = "arm,cortex-a510", "arm,cortex-x2", "arm,cortex-a53"
Tree = dict[str, Any]
"""Nodes are tables; properties are bytes, text, or numbers, which are a cell each."""


def cells(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in numbers)


def blob(tree: Tree) -> bytes:
    libfdt = pytest.importorskip("libfdt", reason="pylibfdt is not installed: the extra asymboot[import] is not tested")
    writer = libfdt.FdtSw(1 << 16)
    writer.finish_reservemap()
    _write(writer, "", tree)
    written = writer.as_fdt()
    return bytes(written.as_bytearray()[: written.totalsize()])


def _write(writer: Any, name: str, tree: Tree) -> None:
    with writer.add_node(name):
        for key, value in tree.items():
            if not isinstance(value, dict):
                raw = cells(value) if isinstance(value, int) else value
                writer.property(key, f"{raw}\0".encode() if isinstance(raw, str) else raw)
        for key, value in tree.items():
            if isinstance(value, dict):
                _write(writer, key, value)


def node(mpidr: int, core: str = A53, phandle: int = 0, **more: str | int | bytes) -> Tree:
    """Return the node of a CPU; further properties have _ for - in their names."""
    properties = {"device_type": "cpu", "reg": mpidr, "compatible": core, "enable-method": "psci"}
    return (
        properties
        | ({"phandle": phandle} if phandle else {})
        | {key.replace("_", "-"): value for key, value in more.items()}
    )


def tree(*nodes: Tree, cpu_map: Tree | None = None) -> Tree:
    """Return a tree whose CPUs are called cpu@0, cpu@1, ..."""
    below = {f"cpu@{number:x}": node for number, node in enumerate(nodes)}
    mapped = {} if cpu_map is None else {"cpu-map": cpu_map}
    return {"model": "Tiny", "cpus": {"#address-cells": 1, "#size-cells": 0, **below, **mapped}}


def core(phandle: int) -> Tree:
    return {"cpu": phandle}


def nested(depth: int) -> Tree:
    """Return a tree of one CPU with so deep a cpu-map."""
    inside: Tree = {"core0": core(1)}
    for _ in range(depth):
        inside = {"cluster0": inside}
    return tree(node(0, phandle=1), cpu_map=inside)


BIG_LITTLE = tree(
    node(0x0, A510, 1, capacity_dmips_mhz=400),
    node(0x100, A510, 2, capacity_dmips_mhz=400),
    node(0x200, X2, 3, capacity_dmips_mhz=1024),
    cpu_map={"cluster0": {"core0": core(1), "core1": core(2)}, "cluster1": {"core0": core(3)}},
)
TWO = (node(0, phandle=1), node(1, phandle=2))


def saved(folder: Path, content: Tree | bytes, name: str = "tiny.dtb") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else blob(content))
    return path


# Reading them


def read(folder: Path, content: Tree | bytes, **vls: tuple[int, ...] | None) -> Scenario:
    return read_device_tree(saved(folder, content), vls)


def refusal(folder: Path, content: Tree | bytes, **vls: tuple[int, ...] | None) -> str:
    """Return the message with which a tree is refused, without the file's name."""
    return refusal_of(saved(folder, content), **vls)


def refusal_of(path: Path, **vls: tuple[int, ...] | None) -> str:
    with pytest.raises(InputError) as caught:
        read_device_tree(path, vls)
    prefix = f"{path}: "
    assert str(caught.value).startswith(prefix)
    return str(caught.value).removeprefix(prefix)


def check(path: Path) -> None:
    """Read a tree that may be anything: either its file says the scenario that it is, or it is refused."""
    try:
        imported = import_machine(Sources(tree=path), {})
    except InputError:
        return
    assert scenario_from_text(annotated_text(imported)) == imported.scenario


def clusters(topology: Topology) -> dict[str, str]:
    return {cpu.name: "/".join(cpu.clusters) for cpu in topology.cpus}


def sve(topology: Topology) -> dict[str, tuple[int, ...]]:
    return {cpu.name: bits_from_vqs(cpu.sve_vqs or 0) for cpu in topology.cpus}
