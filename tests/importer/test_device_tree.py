"""Device trees: CPUs, clusters and lengths read from tiny trees, what is refused, and mutated trees."""

import shutil
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import InputError, Scenario, boot, read_device_tree
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.importer import blob as blobs
from sim.importer import source
from sim.importer.annotating import annotated_text
from sim.importer.cores import Core, _table, known_core
from sim.importer.device_tree import import_device_tree
from sim.topology import MOST_CPUS, Topology, cpu
from sim.vectors import bits_from_vqs
from tests.command_line import Asymboot
from tests.examples import examples

libfdt = pytest.importorskip("libfdt", reason="pylibfdt is not installed: the extra asymboot[import] is not tested")
needs_dtc = pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed")

A510, X2, A53 = "arm,cortex-a510", "arm,cortex-x2", "arm,cortex-a53"
Tree = dict[str, Any]
"""Nodes are tables; properties are bytes, text, or numbers, which are a cell each."""


def cells(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in numbers)


def blob(tree: Tree) -> bytes:
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


def node(mpidr: int, core: str = A53, phandle: int = 0, **more: Any) -> Tree:
    told = {"device_type": "cpu", "reg": mpidr, "compatible": core, "enable-method": "psci"}
    return told | ({"phandle": phandle} if phandle else {}) | {key.replace("_", "-"): one for key, one in more.items()}


def tree(*nodes: Tree, cpu_map: Tree | None = None) -> Tree:
    """A tree whose CPUs are called cpu@0, cpu@1, ..."""
    below = {f"cpu@{number:x}": one for number, one in enumerate(nodes)}
    mapped = {} if cpu_map is None else {"cpu-map": cpu_map}
    return {"model": "Tiny", "cpus": {"#address-cells": 1, "#size-cells": 0, **below, **mapped}}


def core(phandle: int) -> Tree:
    return {"cpu": phandle}


BIG_LITTLE = tree(
    node(0x0, A510, 1, capacity_dmips_mhz=400),
    node(0x100, A510, 2, capacity_dmips_mhz=400),
    node(0x200, X2, 3, capacity_dmips_mhz=1024),
    cpu_map={"cluster0": {"core0": core(1), "core1": core(2)}, "cluster1": {"core0": core(3)}},
)


def saved(folder: Path, one: Tree | bytes, name: str = "tiny.dtb") -> Path:
    path = folder / name
    path.write_bytes(one if isinstance(one, bytes) else blob(one))
    return path


def read(folder: Path, one: Tree | bytes, **vls: Any) -> Scenario:
    return read_device_tree(saved(folder, one), vls)


def refusal(folder: Path, one: Tree | bytes, **vls: Any) -> str:
    path = saved(folder, one)
    with pytest.raises(InputError) as caught:
        read_device_tree(path, vls)
    prefix = f"{path}: "
    assert str(caught.value).startswith(prefix)
    return str(caught.value).removeprefix(prefix)


def clusters(topology: Topology) -> dict[str, str]:
    return {one.name: "/".join(one.clusters) for one in topology.cpus}


def sve(topology: Topology) -> dict[str, tuple[int, ...]]:
    return {one.name: bits_from_vqs(one.sve_vqs or 0) for one in topology.cpus}


# CPUs


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


def test_a_failed_cpu_is_left_out_and_a_disabled_one_is_not(tmp_path: Path) -> None:
    nodes = [node(0, phandle=1), node(1, phandle=2, status="fail-sss"), node(2, phandle=3, status="disabled")]
    cpu_map = {"cluster0": {f"core{place}": core(place + 1) for place in range(3)}}
    path = saved(tmp_path, tree(*nodes, cpu_map=cpu_map))
    assert [one.mpidr for one in read_device_tree(path).topology.cpus] == [0, 2]
    text = annotated_text(import_device_tree(path, {}))
    assert "# Left out: cpu@1, whose status is fail-sss.\n" in text
    assert "# Not okay by status, and started by Linux all the same: cpu1.\n" in text


def test_only_cpus_are_read_of_what_is_below_cpus(tmp_path: Path) -> None:
    one = tree(node(0))
    one["cpus"] |= {
        "idle-states": {"cpu": 7},
        "l2-cache": {"compatible": "cache"},
        "cpu": node(1) | {"device_type": ""},
    }
    assert [one.mpidr for one in read(tmp_path, one).topology.cpus] == [0, 1]


# Clusters


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


def test_a_file_has_clusters_together_and_names_keep_linux_numbers(tmp_path: Path) -> None:
    nodes = [node(place, phandle=place + 1) for place in range(3)]
    cpu_map = {"cluster0": {"core0": core(1), "core1": core(3)}, "cluster1": {"core0": core(2)}}
    path = saved(tmp_path, tree(*nodes, cpu_map=cpu_map))
    imported = import_device_tree(path, {})
    topology = imported.scenario.topology
    assert clusters(topology) == {"cpu0": "cluster0", "cpu2": "cluster0", "cpu1": "cluster1"}
    assert [one.name for one in topology.logical] == ["cpu0", "cpu2", "cpu1"]
    assert "Linux numbers CPUs as their names do, the simulator does not" in annotated_text(imported)


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
    assert "the tree has no cpu-map" in annotated_text(import_device_tree(path, {}))


def test_a_cpu_map_that_leaves_a_cpu_out_is_dropped(tmp_path: Path) -> None:
    cpu_map = {"cluster0": {"core0": core(1)}}
    path = saved(tmp_path, tree(node(0, phandle=1), node(0x101, phandle=2), cpu_map=cpu_map))
    imported = import_device_tree(path, {})
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
    imported = import_device_tree(path, {})
    assert imported.clusters.origin.endswith(f"{why}, so Linux drops it")
    assert clusters(imported.scenario.topology) == {"cpu0": "cluster0", "cpu1": "cluster1"}


@pytest.mark.parametrize(
    "core",
    [
        "intel,ce4100",
        "PowerPC,e500mc",
        "brcm,bmips5000",
        "loongson,la364",
        "qcom,krait",
        "arm,arm1176jzf-s",
        "arm,cortex-r52",
    ],
)
def test_cores_of_other_architectures_are_refused(core: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, tree(node(0, core))) == f"cpu@0 is {core}, which is not arm64"


def test_cells_of_the_root_count_and_the_first_of_several_threads(tmp_path: Path) -> None:
    one = tree(node(0) | {"reg": cells(0x300, 0x301)}, node(1, status="fail") | {"reg": b""})
    one["#address-cells"] = one["cpus"].pop("#address-cells")
    assert [cpu.mpidr for cpu in read(tmp_path, one).topology.cpus] == [0x300]


def test_a_core_of_an_emulator_is_arm64(tmp_path: Path) -> None:
    assert read(tmp_path, tree(node(0, "arm,armv8"), node(1, "arm,arm-v8"))).topology.cpus


# Vector lengths


def test_given_lengths_override_cores_and_the_last_one_counts(tmp_path: Path) -> None:
    vls = {"cluster0": (128, 256), "cpu1": None, "cluster1": [128, 256, 512]}
    assert sve(read(tmp_path, BIG_LITTLE, **vls).topology) == {"cpu0": (128, 256), "cpu1": (), "cpu2": (128, 256, 512)}


def test_a_cluster_is_named_by_its_path_or_its_end_where_that_is_one(tmp_path: Path) -> None:
    second = {"cluster0": {"core0": core(2)}, "cluster1": {"cluster0": {"core0": core(3)}}}
    cpu_map = {"socket0": {"cluster0": {"core0": core(1)}}, "socket1": second}
    three = tree(*(node(place, phandle=place + 1) for place in range(3)), cpu_map=cpu_map)
    for name in ("cluster1", "socket1/cluster1", "cluster1/cluster0", "socket1/cluster1/cluster0"):
        found = sve(read(tmp_path, three, **{name: (128,)}).topology)
        assert found == {"cpu0": (), "cpu1": (), "cpu2": (128,)}
    assert sve(read(tmp_path, three, socket1=(128,)).topology) == {"cpu0": (), "cpu1": (128,), "cpu2": (128,)}
    told = refusal(tmp_path, three, cluster0=(128,))
    assert told.startswith("several clusters are called 'cluster0': socket0/cluster0, socket1/cluster0, socket1/")


@pytest.mark.parametrize(
    ("vls", "message"),
    [
        ({"gpu": (128,)}, "there is no CPU or cluster 'gpu': there are cpu0 to cpu2, cluster0, cluster1"),
        ({"cpu3": (128,)}, "there is no CPU or cluster 'cpu3'"),
        ({"cpu1": (100,)}, "cpu1: 100 bits is not a vector length"),
        ({"cpu1": (128, 128)}, "cpu1: 128 bits is given twice"),
        ({"cpu1": (128, 512)}, "cpu1: SVE lengths {128,512}: 256 is missing"),
    ],
)
def test_lengths_that_cannot_be_are_refused(tmp_path: Path, vls: dict[str, Any], message: str) -> None:
    assert refusal(tmp_path, BIG_LITTLE, **vls).startswith(message)


def test_known_cores_have_legal_lengths_and_a_source() -> None:
    for name, one in _table().cores.items():
        assert one.source, name
        Topology((cpu(name, one.sve_bits or None, one.sme_bits or None),))
    assert known_core(("fujitsu,a64fx",)) == _table().cores["fujitsu,a64fx"]
    assert known_core(("acme,new", "arm,neoverse-v1")) == _table().cores["arm,neoverse-v1"]
    assert known_core(("qcom,kryo",)) is None
    assert not _table().not_arm64 & set(_table().cores)
    assert set(_table().midrs.values()) <= set(_table().cores)


def test_a_core_with_sme_has_its_streaming_lengths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_table().cores, "acme,sme", Core((128,), "Acme", (512,)))
    path = saved(tmp_path, tree(node(0, "acme,sme")))
    imported = import_device_tree(path, {"cpu0": (128, 256)})
    (one,) = imported.scenario.topology.cpus
    assert (one.sve_vqs, one.sme_vqs) == (0b11, 0b1000)
    assert "acme,sme, cluster0: SVE {128,256}, SME {512} (as given for cpu0)" in annotated_text(imported)


# The file


def test_the_file_is_the_scenario_with_comments_on_what_came_from_where(tmp_path: Path) -> None:
    one = tree(node(0, A510), node(1, "acme,quick\n"), node(2) | {"enable-method": "spin-table"}, node(3, A53))
    del one["cpus"]["cpu@3"]["enable-method"]
    imported = import_device_tree(saved(tmp_path, one), {"cpu2": None})
    text = annotated_text(imported)
    assert scenario_from_text(text) == imported.scenario
    assert text.startswith("# From tiny.dtb: Tiny.\n")
    assert "#   cpu0: arm,cortex-a510, cluster0: SVE {128} (Arm, Cortex-A510 Technical Reference Manual)\n" in text
    assert "#   cpu1: acme,quick\\n, cluster0: no SVE (not known: taken as none)\n" in text
    assert "#   cpu2: arm,cortex-a53, cluster0: no SVE (as given for cpu2)\n" in text
    assert '# Simulated as if started by PSCI: cpu2 with enable-method "spin-table".\n' in text
    assert "# Simulated as if started by PSCI: cpu3 with no enable-method.\n" in text


def test_import_writes_a_new_file_or_prints(asymboot: Asymboot, tmp_path: Path) -> None:
    board, output = saved(tmp_path, BIG_LITTLE), tmp_path / "board.toml"
    printed = asymboot("import", board, "--vl", "cluster0=128,256", "--vl", "cpu1=none")
    assert (printed.exit_code, printed.stderr) == (0, "")
    assert "#   cpu2: arm,cortex-x2, cluster1, capacity 1024: SVE {128}" in printed.stdout
    words = ("import", board, "--vl", "cluster0=128,256", "--vl", "cpu1=none", "-o", output)
    assert asymboot(*words).output == ""
    assert output.read_text(encoding="utf-8") == printed.stdout
    assert sve(read_scenario(output).topology) == {"cpu0": (128, 256), "cpu1": (), "cpu2": (128,)}
    again = asymboot(*words)
    assert (again.exit_code, again.stderr) == (2, f"asymboot: {output}: exists already\n")


def test_import_tells_unknown_cores_unless_their_lengths_are_given(asymboot: Asymboot, tmp_path: Path) -> None:
    board = saved(tmp_path, tree(node(0), node(1, "acme,a"), {"reg": 2, "device_type": "cpu"}, node(3, "acme,a")))
    assert asymboot("import", board).stderr == (
        f"asymboot: {board}: unknown core acme,a: taken to have no SVE: cpu1,3\n"
        f"asymboot: {board}: unknown core (not told): taken to have no SVE: cpu2\n"
    )
    assert asymboot("import", board, "--vl", "cluster0=128").stderr == ""


@pytest.mark.parametrize(
    "word", ["cpu0", "=128", "cpu0=", "cpu0=a", "cpu0=128,", "cpu0=none,128", "cpu0=" + "1" * 5000]
)
def test_import_refuses_lengths_that_it_cannot_read(asymboot: Asymboot, tmp_path: Path, word: str) -> None:
    result = asymboot("import", saved(tmp_path, BIG_LITTLE), "--vl", word)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "must be like cluster1=128,256 or cpu3=none" in result.stderr


# Folders


def test_import_of_a_folder_reads_every_tree_a_line_each(asymboot: Asymboot, tmp_path: Path) -> None:
    deep = tmp_path / "vendor"
    deep.mkdir()
    board, other = saved(tmp_path, BIG_LITTLE, "a.dtb"), saved(deep, tree(node(0, "acme,a"), node(1, A510)), "b.dtb")
    saved(tmp_path, b"", "no-tree.txt")
    result = asymboot("import", tmp_path)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"{board}: 3 CPUs in 2 clusters, SVE {{128}}",
        f"{other}: 2 CPUs in 1 cluster, 1 with no SVE, 1 with SVE {{128}}; not known: acme,a",
        "2 read; 5 CPUs",
        "not known: acme,a, 1 CPUs",
    ]
    broken = saved(deep, b"", "c.dtb")
    result = asymboot("import", tmp_path)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"asymboot: {broken}: is no device tree blob")
    assert "2 read, 1 could not be read; 5 CPUs\n" in result.stdout


def test_import_of_a_folder_writes_nothing_and_needs_trees(asymboot: Asymboot, tmp_path: Path) -> None:
    for words in (["-o", "x.toml"], ["--vl", "cpu0=128"]):
        assert "goes with one device tree only" in asymboot("import", tmp_path, *words).stderr
    result = asymboot("import", tmp_path)
    assert (result.exit_code, result.stderr) == (2, f"asymboot: {tmp_path}: has no .dtb and no .dts below it\n")


# What is refused


def without(key: str) -> Tree:
    one = tree(node(0), node(1))
    del one["cpus"]["cpu@1"][key]
    return one


def nested(depth: int) -> Tree:
    inside: Tree = {"core0": core(1)}
    for _ in range(depth):
        inside = {"cluster0": inside}
    return tree(node(0, phandle=1), cpu_map=inside)


TWO = (node(0, phandle=1), node(1, phandle=2))


@pytest.mark.parametrize(
    ("one", "message"),
    [
        ({}, "has no /cpus"),
        ({"cpus": {}}, "/cpus: #address-cells must be 1 or 2, and is missing"),
        ({"cpus": {"#address-cells": 3}}, "/cpus: #address-cells must be 1 or 2, and is 3"),
        ({"cpus": {"#address-cells": b""}}, "cpus: #address-cells has 0 bytes, and must be one cell, which is 4"),
        (tree(), "/cpus has no CPU"),
        (tree(node(0, status="fail")), "/cpus has no CPU"),
        (without("reg"), "cpu@1: reg must have 4 bytes, as #address-cells says, and has none"),
        (tree(node(0) | {"reg": b"\0"}), "cpu@0: reg must have 4 bytes, as #address-cells says, and has 1 bytes"),
        (tree(node(0x8000_0000)), "cpu@0: reg is 0x80000000, and an MPIDR's affinity has bits in 0xff00ffffff only"),
        (tree(node(5), node(5)), "cpu@0 and cpu@1 have the same reg, 0x5"),
        (tree(node(0, phandle=1), node(1, phandle=1)), "cpu@0 and cpu@1 have the same phandle, 0x1"),
        (tree(node(0, "arm,cortex-a7")), "cpu@0 is arm,cortex-a7, which is not arm64"),
        (tree(node(0, "sifive,u74\0riscv")), "cpu@0 is sifive,u74, which is not arm64"),
        (tree(*TWO, cpu_map={"cluster0": {"core0": core(1), "core1": core(1)}}), "cluster0/core1: cpu@0 is named a "),
        (tree(*TWO, cpu_map={"cluster0": {"core0": core(9)}}), "cluster0/core0: there is no CPU of the phandle 0x9"),
        (tree(*TWO, cpu_map={"cluster0": {"phandle": 9, "core0": core(9)}}), "there is no CPU of the phandle 0x9"),
        (nested(17), "cpu-map: is nested more than 16 deep"),
    ],
)
def test_a_tree_that_cannot_be_is_refused(tmp_path: Path, one: Tree, message: str) -> None:
    assert message in refusal(tmp_path, one)


def test_a_cpu_map_may_be_nested_as_deep_as_a_file(tmp_path: Path) -> None:
    path = saved(tmp_path, nested(16))
    assert len(read_device_tree(path).topology.cpus[0].clusters) == 16
    check(path)


def deep(place: bytes, name: bytes) -> bytes:
    """A blob with 50,000 nodes in each other, which begin in the node called so."""
    depth = 50_000
    raw = blob(tree(node(0, phandle=1), cpu_map={"cluster0": {"core0": core(1)}}))
    start = raw.index(place) + len(place)
    inside = (cells(1) + name) * depth + cells(2) * depth
    header = list(struct.unpack_from(">10I", raw))
    for total_size_strings_offset_or_structs_size in (1, 3, 9):
        header[total_size_strings_offset_or_structs_size] += len(inside)
    return struct.pack(">10I", *header) + raw[40:start] + inside + raw[start:]


def test_no_depth_exhausts_the_stack(tmp_path: Path) -> None:
    root = cells(1, 0)
    assert len(read(tmp_path, deep(root, b"deep\0\0\0\0")).topology.cpus) == 1
    cluster = cells(1) + b"cluster0\0\0\0\0"
    assert refusal(tmp_path, deep(cluster, b"cluster0\0\0\0\0")) == "cpu-map: is nested more than 16 deep"


@pytest.mark.parametrize("kept", [0, 3, 4, 39, 40, 41, 200, -1])
def test_a_tree_cut_short_is_refused(tmp_path: Path, kept: int) -> None:
    told = refusal(tmp_path, blob(BIG_LITTLE)[:kept])
    assert told.startswith("is no device tree blob" if 0 <= kept < 4 else "is cut short")


def test_a_large_file_is_refused(tmp_path: Path) -> None:
    whole = blob(BIG_LITTLE)
    assert refusal(tmp_path, whole + bytes(2 << 20)) == (
        "is larger than 2 MiB, and arm64 Linux takes no such device tree"
    )
    assert refusal(tmp_path, whole + bytes(10 << 20)) == "is larger than 8 MiB, which no device tree needs"


def test_more_cpus_than_a_topology_has_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_CPUS > 2
    monkeypatch.setattr("sim.importer.cpu_nodes.MOST_CPUS", 2)
    assert refusal(tmp_path, tree(*map(node, range(3)))) == "/cpus has more than 2 CPUs"


def test_what_is_no_file_is_refused(asymboot: Asymboot, tmp_path: Path) -> None:
    result = asymboot("import", tmp_path / "none.dtb")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "No such file or directory" in result.stderr


def test_without_pylibfdt_one_line_says_what_to_install(
    asymboot: Asymboot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "libfdt", None)
    result = asymboot("import", saved(tmp_path, b"\xd0\x0d\xfe\xed" + bytes(36)))
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert "`import` needs packages that are not installed: pip install 'asymboot[import]'" in result.stderr


def test_what_libfdt_finds_while_it_reads_is_one_line() -> None:
    with pytest.raises(InputError, match="is a damaged device tree: FDT_ERR_BADOFFSET"), blobs.sound():
        raise libfdt.FdtException(-libfdt.BADOFFSET)


# Source

BOARD = """/dts-v1/;
/ {
    model = "Source";
    cpus {
        #address-cells = <1>;
        #size-cells = <0>;
        one: cpu@0 { device_type = "cpu"; reg = <0x0>; compatible = "arm,cortex-a510"; };
        two: cpu@100 { device_type = "cpu"; reg = <0x100>; compatible = "arm,neoverse-v1"; };
        cpu-map {
            cluster0 { core0 { cpu = <&two>; }; };
            cluster1 { core0 { cpu = <&one>; }; };
        };
    };
};
"""


def from_source(folder: Path, text: str) -> str:
    return refusal_of(saved(folder, text.encode(), "board.dts"))


def refusal_of(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_device_tree(path)
    return str(caught.value)


@needs_dtc
def test_source_is_read_by_way_of_dtc(tmp_path: Path) -> None:
    topology = read_device_tree(saved(tmp_path, BOARD.encode(), "board.dts")).topology
    assert sve(topology) == {"cpu0": (128,), "cpu1": (128, 256)}
    assert clusters(topology) == {"cpu0": "cluster1", "cpu1": "cluster0"}


@needs_dtc
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "dtc: "),
        ("/dts-v1/; / { cpus { ", "syntax error"),
        ("\0\xff" * 1000, "dtc: "),
        ('/dts-v1/; /include/ "none.dtsi" / { };', "none.dtsi"),
        ('/dts-v1/; / { all = /incbin/("/dev/zero"); };', "dtc"),
        ("/dts-v1/; / { a = <&none>; };", "dtc: "),
        (BOARD.replace("0x100", "0x0"), "have the same reg, 0x0"),
    ],
)
def test_source_that_is_wrong_is_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in from_source(tmp_path, text)


@needs_dtc
def test_a_compiler_that_takes_too_long_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "_MOST_SECONDS", 0.01)
    monkeypatch.setattr(source, "_BOUNDED", "sleep 60")
    assert from_source(tmp_path, BOARD).endswith("dtc was stopped: it took too much time or memory")


def test_source_for_the_preprocessor_is_refused_with_its_line(tmp_path: Path) -> None:
    told = from_source(tmp_path, "/dts-v1/;\n\n # include <dt-bindings/gpio/gpio.h>\n")
    assert "line 3: #include is the C preprocessor's" in told
    told = from_source(tmp_path, "/dts-v1/; /* \n#include <first.h>\n */\n#include <second.h>\n")
    assert "line 4: #include is the C preprocessor's" in told


def test_without_dtc_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert "is compiled by dtc: install it (Debian: device-tree-compiler)" in from_source(tmp_path, BOARD)


def test_a_blob_that_is_called_source_is_read_as_a_blob(tmp_path: Path) -> None:
    assert len(read_device_tree(saved(tmp_path, BIG_LITTLE, "board.dts")).topology.cpus) == 3


# Any tree, and mutated ones


def check(path: Path) -> None:
    """Read a tree that may be anything: either it is a scenario that its file says too, or it is refused."""
    try:
        imported = import_device_tree(path, {})
    except InputError:
        return
    assert scenario_from_text(annotated_text(imported)) == imported.scenario


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    """Trees whose CPUs and cpu-map are right more often than not."""
    count = draw(st.integers(1, 6))
    phandles = st.integers(1, count + 1)
    strings = st.sampled_from([A53, A510, "acme,a", "", "a\0b", "\t\x7fé"])
    entries = st.dictionaries(st.sampled_from(["core0", "core1", "thread0", "x"]), phandles.map(core), max_size=3)
    maps = st.recursive(
        entries,
        lambda inside: st.dictionaries(
            st.sampled_from(["socket0", "cluster0", "cluster1", "core2"]), inside, max_size=3
        ),
        max_leaves=6,
    )
    nodes = [
        node(draw(st.one_of(st.just(place), st.integers(0, 0xFFFF))), draw(strings), place + 1)
        | draw(st.fixed_dictionaries({}, optional={"status": st.sampled_from(["okay", "fail", "disabled", "\n"])}))
        for place in range(count)
    ]
    mapped = draw(maps)
    if draw(st.booleans()):
        mapped = {"cluster0": {f"core{place}": core(place + 1) for place in range(count)}}
    return tree(*nodes, cpu_map=mapped)


@settings(deadline=None)
@given(trees())
def test_any_tree_is_a_scenario_or_one_line(tmp_path_factory: pytest.TempPathFactory, one: Tree) -> None:
    check(saved(tmp_path_factory.getbasetemp(), one, "any.dtb"))


@examples(4)
@given(
    st.sampled_from([BIG_LITTLE, tree(*TWO), nested(3)]),
    st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8)), max_size=6),
    st.one_of(st.none(), st.floats(0, 1)),
)
def test_a_mutated_tree_is_a_scenario_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, one: Tree, changes: list[tuple[float, bytes]], kept: float | None
) -> None:
    raw = bytearray(blob(one))
    for place, put in changes:
        at = int(place * len(raw))
        raw[at : at + len(put)] = put
    if kept is not None:
        del raw[int(kept * len(raw)) :]
    check(saved(tmp_path_factory.getbasetemp(), bytes(raw), "mutated.dtb"))
