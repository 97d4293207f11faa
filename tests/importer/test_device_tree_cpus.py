"""CPUs and clusters of device trees: nodes, cpu-map, and what is refused."""

from pathlib import Path

import pytest

from sim import boot, read_device_tree
from sim.importer.device_tree import read_tree
from sim.importer.imported import import_machine
from sim.importer.machine_evidence import Sources
from sim.importer.provenance import annotated_text
from sim.topology import MOST_CPUS
from tests.importer.trees import (
    BIG_LITTLE,
    TWO,
    Tree,
    cells,
    check,
    clusters,
    core,
    nested,
    node,
    read,
    refusal,
    saved,
    sve,
    tree,
)


def test_cpus_have_regs_as_mpidrs_clusters_of_the_cpu_map_and_lengths_of_their_cores(tmp_path: Path) -> None:
    scenario = read(tmp_path, BIG_LITTLE)
    topology = scenario.topology
    assert scenario.name == "tiny"
    assert topology.boot_cpu == "cpu0"
    assert [topology.mpidr(number) for number in range(3)] == [0x0, 0x100, 0x200]
    assert clusters(topology) == {"cpu0": "cluster0", "cpu1": "cluster0", "cpu2": "cluster1"}
    assert sve(topology) == {"cpu0": (128,), "cpu1": (128,), "cpu2": (128,)}
    assert boot(scenario).vectors["SVE"].max_vl_bytes == 16


def test_a_reg_of_two_cells_has_aff3_in_the_first(tmp_path: Path) -> None:
    two = tree(node(0) | {"reg": cells(0, 0x100)}, node(0) | {"reg": cells(0x7F, 0x80_0001)})
    two["cpus"]["#address-cells"] = 2
    topology = read(tmp_path, two).topology
    assert [topology.mpidr(number) for number in (0, 1)] == [0x100, 0x7F_0080_0001]


def test_a_failed_cpu_is_left_out_and_a_disabled_cpu_is_not(tmp_path: Path) -> None:
    nodes = [node(0, phandle=1), node(1, phandle=2, status="fail-sss"), node(2, phandle=3, status="disabled")]
    cpu_map = {"cluster0": {f"core{place}": core(place + 1) for place in range(3)}}
    path = saved(tmp_path, tree(*nodes, cpu_map=cpu_map))
    assert [cpu.mpidr for cpu in read_device_tree(path).topology.cpus] == [0, 2]
    text = annotated_text(import_machine(Sources(tree=path), {}))
    assert "# Left out: cpu@1, whose status is fail-sss.\n" in text
    assert "# Not okay by status, and started by Linux all the same: cpu1.\n" in text


def test_only_cpus_are_read_of_what_is_below_cpus(tmp_path: Path) -> None:
    board = tree(node(0))
    board["cpus"] |= {
        "idle-states": {"cpu": 7},
        "l2-cache": {"compatible": "cache"},
        "cpu": node(1) | {"device_type": ""},
    }
    assert [cpu.mpidr for cpu in read(tmp_path, board).topology.cpus] == [0, 1]


def test_cells_of_the_root_count_and_the_first_of_several_threads(tmp_path: Path) -> None:
    board = tree(node(0) | {"reg": cells(0x300, 0x301)}, node(1, status="fail") | {"reg": b""})
    board["#address-cells"] = board["cpus"].pop("#address-cells")
    assert [cpu.mpidr for cpu in read(tmp_path, board).topology.cpus] == [0x300]


def test_sockets_nested_clusters_cores_and_threads_are_clusters(tmp_path: Path) -> None:
    threads = {"thread0": core(1), "thread1": core(2)}
    cpu_map = {
        "socket0": {"cluster0": {"cluster0": {"core0": threads}, "cluster1": {"core0": core(3)}}},
        "socket1": {"cluster0": {"core0": core(4), "core1": core(5), "unrelated": core(1)}},
    }
    nodes = [node(place, phandle=place + 1) for place in range(5)]
    assert clusters(read(tmp_path, tree(*nodes, cpu_map=cpu_map)).topology) == {
        "cpu0": "socket0/cluster0/cluster0/core0",
        "cpu1": "socket0/cluster0/cluster0/core0",
        "cpu2": "socket0/cluster0/cluster1",
        "cpu3": "socket1/cluster0",
        "cpu4": "socket1/cluster0",
    }


@pytest.mark.parametrize(
    ("mpidrs", "expected"),
    [
        ([0x0, 0x1, 0x100, 0x101], ["cluster0", "cluster0", "cluster1", "cluster1"]),
        ([0x0, 0x100, 0x200, 0x10000], ["cluster0", "cluster0", "cluster0", "cluster1"]),
        ([0x10001, 0x1, 0x10000], ["cluster0", "cluster1", "cluster0"]),
        ([0x80000000 >> 8], ["cluster0"]),
    ],
)
def test_without_a_cpu_map_the_affinity_says_the_cluster(
    tmp_path: Path, mpidrs: list[int], expected: list[str]
) -> None:
    path = saved(tmp_path, tree(*map(node, mpidrs)))
    found = clusters(read_device_tree(path).topology)
    assert [found[f"cpu{number}"] for number in range(len(mpidrs))] == expected
    assert "the tree has no cpu-map" in annotated_text(import_machine(Sources(tree=path), {}))


def test_a_cpu_map_that_leaves_a_cpu_out_is_dropped(tmp_path: Path) -> None:
    cpu_map = {"cluster0": {"core0": core(1)}}
    path = saved(tmp_path, tree(node(0, phandle=1), node(0x101, phandle=2), cpu_map=cpu_map))
    imported = import_machine(Sources(tree=path), {})
    assert imported.clusters.origin.endswith("the cpu-map leaves out cpu1, so Linux drops it")
    assert clusters(imported.scenario.topology) == {"cpu0": "cluster0", "cpu1": "cluster1"}


@pytest.mark.parametrize(
    ("cpu_map", "why"),
    [
        ({"cluster0": {"core0": core(1)}, "cluster2": {"core0": core(2)}}, "the cpu-map leaves out cpu1"),
        ({"cluster1": {"core0": core(1), "core1": core(2)}}, "the cpu-map leaves out cpu0"),
        ({"cluster0": {"core0": core(1), "core2": core(2)}}, "the cpu-map leaves out cpu1"),
        ({"core0": core(1), "core1": core(2)}, "in the cpu-map cores lie outside any cluster (core0)"),
        (
            {"cluster0": {"cluster0": {"core0": core(1)}, "core0": core(2)}},
            "in the cpu-map clusters and cores lie in one node (cluster0/core0)",
        ),
        (
            {"cluster0": {"core0": {"thread0": core(1)} | core(2)}},
            "in the cpu-map cluster0/core0 has threads and a cpu",
        ),
        ({"cluster0": {"core0": {}}}, "in the cpu-map cluster0/core0 has no cpu"),
        ({"socket0": {"cluster0": {"core0": core(1)}}, "cluster0": {"core0": core(2)}}, "the cpu-map leaves out cpu1"),
    ],
)
def test_a_cpu_map_that_linux_does_not_take_is_dropped(cpu_map: Tree, why: str, tmp_path: Path) -> None:
    path = saved(tmp_path, tree(node(0, phandle=1), node(0x101, phandle=2), cpu_map=cpu_map))
    imported = import_machine(Sources(tree=path), {})
    assert imported.clusters.origin.endswith(f"{why}, so Linux drops it")
    assert clusters(imported.scenario.topology) == {"cpu0": "cluster0", "cpu1": "cluster1"}


def without(key: str) -> Tree:
    board = tree(node(0), node(1))
    del board["cpus"]["cpu@1"][key]
    return board


@pytest.mark.parametrize(
    ("board", "message"),
    [
        ({}, "has no /cpus"),
        ({"cpus": {}}, "/cpus: #address-cells must be 1 or 2, and is missing"),
        ({"cpus": {"#address-cells": 3}}, "/cpus: #address-cells must be 1 or 2, and is 3"),
        ({"cpus": {"#address-cells": b""}}, "cpus: #address-cells has 0 bytes, and must have 4, which is one cell"),
        (tree(), "/cpus has no CPU"),
        (tree(node(0, status="fail")), "/cpus has no CPU"),
        (without("reg"), "cpu@1: reg must have 4 bytes, as #address-cells says, and has none"),
        (tree(node(0) | {"reg": b"\0"}), "cpu@0: reg must have 4 bytes, as #address-cells says, and has 1 byte"),
        (tree(node(0x8000_0000)), "cpu@0: reg is 0x80000000, and an MPIDR's affinity has bits in 0xff00ffffff only"),
        (tree(node(5), node(5)), "cpu@0 and cpu@1 have the same reg, 0x5"),
        (tree(node(0, phandle=1), node(1, phandle=1)), "cpu@0 and cpu@1 have the same phandle, 0x1"),
        (tree(node(0, "arm,cortex-a7")), "cpu@0 is arm,cortex-a7, which is not arm64"),
        (tree(node(0, "sifive,u74\0riscv")), "cpu@0 is sifive,u74, which is not arm64"),
        (tree(*TWO, cpu_map={"cluster0": {"core0": core(1), "core1": core(1)}}), "cluster0/core1: cpu@0 is named a "),
        (tree(*TWO, cpu_map={"cluster0": {"core0": core(9)}}), "cluster0/core0: there is no CPU with the phandle 0x9"),
        (tree(*TWO, cpu_map={"cluster0": {"phandle": 9, "core0": core(9)}}), "there is no CPU with the phandle 0x9"),
        (nested(17), "cpu-map: is nested more than 16 deep"),
    ],
)
def test_a_tree_that_cannot_be_is_refused(tmp_path: Path, board: Tree, message: str) -> None:
    assert message in refusal(tmp_path, board)


def test_a_cpu_map_may_be_nested_as_deep_as_a_file(tmp_path: Path) -> None:
    path = saved(tmp_path, nested(16))
    assert len(read_device_tree(path).topology.cpus[0].clusters) == 16
    check(path)


def test_more_cpus_than_a_topology_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_CPUS > 2
    monkeypatch.setattr("sim.importer.device_tree_cpus.MOST_CPUS", 2)
    assert refusal(tmp_path, tree(*map(node, range(3)))) == "/cpus has more than 2 CPUs"


def _with_controllers(**compatible: str) -> Tree:
    """Return a tree without interrupt-parent, with these interrupt controllers by the names of their nodes."""
    return tree(node(0)) | {name: {"compatible": one, "interrupt-controller": b""} for name, one in compatible.items()}


def _gic_of(content: Tree, folder: Path) -> int | None:
    return read_tree(saved(folder, content)).gic


def test_a_gic_to_which_no_property_refers_is_found(tmp_path: Path) -> None:
    assert _gic_of(_with_controllers(intc="arm,gic-400", pmic="acme,pmic"), tmp_path) == 2
    text = annotated_text(import_machine(Sources(tree=saved(tmp_path, _with_controllers(intc="arm,gic-400"))), {}))
    assert "gic = 2" in text
    assert "# The tree's GIC: version 2.\n" in text


def test_gics_of_two_versions_without_a_reference_tell_nothing(tmp_path: Path) -> None:
    assert _gic_of(_with_controllers(one="arm,gic-400", two="arm,gic-v3"), tmp_path) is None


def test_a_disabled_gic_is_not_the_systems(tmp_path: Path) -> None:
    content = _with_controllers(one="arm,gic-400", two="arm,gic-v3")
    content["one"]["status"] = "disabled"
    assert _gic_of(content, tmp_path) == 3


def test_an_unknown_core_takes_nothing_from_the_cores_that_are_known(tmp_path: Path) -> None:
    cores = ("arm,cortex-a55", "arm,cortex-a55", "arm,cortex-a76", "arm,cortex-a99")
    path = saved(tmp_path, tree(*(node(place << 8, name) for place, name in enumerate(cores))))
    text = annotated_text(imported := import_machine(Sources(tree=path), {}))
    check(path)
    known = [cpu.features.core.name for cpu in imported.scenario.topology.cpus if cpu.features.core.has_all_features]
    assert known == list(cores[:3])
    assert not imported.scenario.has_all_features
    assert "the table of ID registers has no core of cpu3 (arm,cortex-a99, perhaps " in text
    assert "# No source states the revision of arm,cortex-a76: simulated as r4p1, of which most is known.\n" in text
    log = boot(imported.scenario).log_text
    assert "[0x412fd050]" in log
    assert "CPU3: Booted" not in log
