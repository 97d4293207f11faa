"""Copies of sysfs and cpuinfo: CPUs, cores and clusters, and what is refused."""

import os
import shutil
from pathlib import Path

import pytest

from sim import InputError, read_running_machine
from sim.importer.provenance import annotated_text
from sim.importer.sysfs import read_sysfs
from tests.importer.machines import MACHINES, cpuinfo, imported_machine, imported_sysfs, sysfs_of


def test_sysfs_shows_clusters_cores_and_the_cpus_that_are_online() -> None:
    imported = imported_machine("clusters", "sysfs")
    topology = imported.scenario.topology
    assert {cpu.name: "/".join(cpu.clusters) for cpu in topology.logical} == {
        "cpu0": "socket0/cluster0",
        "cpu1": "socket0/cluster0",
        "cpu2": "socket0/cluster1",
        "cpu3": "socket0/cluster1",  # offline, and so put beside the CPU before it
        "cpu4": "socket1/cluster0",
        "cpu5": "socket1/cluster0",
        "cpu6": "socket1/cluster1",
        "cpu7": "socket1/cluster1",
    }
    assert [cpu.name for cpu in topology.cpus if cpu.late] == ["cpu3"]
    assert {cpu.sve_vqs for cpu in topology.cpus} == {0b1}  # cpuinfo has sve, and no length is known
    assert imported.contradictions == ()


def test_a_copy_and_the_machine_itself_are_read_alike(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(MACHINES / "mixed", copy)
    assert read_running_machine(sysfs=copy).topology == read_running_machine(sysfs=MACHINES / "mixed").topology


def test_the_cpu_folder_itself_will_do(tmp_path: Path) -> None:
    root = sysfs_of(tmp_path, **{"cpu0/regs/identification/midr_el1": "0x00000000411fd403"})
    assert read_sysfs(root / "sys" / "devices" / "system" / "cpu").cpus[0].midr == 0x411FD403


def test_threads_of_a_core_are_a_cluster(tmp_path: Path) -> None:
    threads = {f"cpu{cpu}/topology/thread_siblings_list": "0-1" for cpu in (0, 1)}
    cores = {f"cpu{cpu}/topology/core_id": "05" for cpu in (0, 1)}
    root = sysfs_of(tmp_path, cpuinfo(), possible="0-1", online="0-1", **threads, **cores)
    assert read_sysfs(root).paths == {0: ("core5",), 1: ("core5",)}


@pytest.mark.parametrize("cluster_id", ["-1", "65535", "4294967295"])
def test_a_cluster_id_that_stands_for_none_is_none(cluster_id: str, tmp_path: Path) -> None:
    root = sysfs_of(tmp_path, cpuinfo(), **{"cpu0/topology/cluster_id": cluster_id})
    assert read_sysfs(root).paths == {0: ()}


def test_a_cpu_without_topology_in_the_copy_is_put_beside_another(tmp_path: Path) -> None:
    texts = {f"cpu0/topology/{name}": "0" for name in ("physical_package_id", "cluster_id")}
    imported = imported_sysfs(sysfs_of(tmp_path, cpuinfo(), possible="0-1", online="0-1", **texts))
    assert [cpu.clusters for cpu in imported.scenario.topology.cpus] == [("cluster0",), ("cluster0",)]


def test_a_cpu_that_is_late_only_because_it_is_offline_is_said_to_be_inferred(tmp_path: Path) -> None:
    imported = imported_sysfs(sysfs_of(tmp_path, cpuinfo(), possible="0-3", online="0,2-3"))
    assert imported.inferred_late == (1,)
    assert [cpu.name for cpu in imported.scenario.topology.cpus if cpu.late] == ["cpu1"]
    text = annotated_text(imported)
    assert (
        "# Inferred: late, because sysfs shows them offline: cpu1. It does not tell whether a CPU was left out" in text
    )
    assert "#   cpu1: taken to be arm,neoverse-n1, in no cluster, late (inferred: offline): " in text


def test_cpus_that_are_all_online_are_inferred_to_be_early(tmp_path: Path) -> None:
    imported = imported_sysfs(sysfs_of(tmp_path, cpuinfo(), possible="0-1", online="0-1"))
    assert imported.inferred_late == ()
    assert "# Inferred: all CPUs came early, because all are online" in annotated_text(imported)


def test_sysfs_that_contradicts_itself_is_a_contradiction(tmp_path: Path) -> None:
    root = sysfs_of(tmp_path, cpuinfo(part="0xd0c"), **{"cpu0/regs/identification/midr_el1": "0x411FD411"})
    imported = imported_sysfs(root, cpu0=(128,))
    assert imported.contradictions == ("cpu0: cpuinfo says MIDR 0x411fd0c1, midr_el1 0x411fd411",)


# What is refused


@pytest.mark.parametrize(
    ("cpuinfo", "texts", "message"),
    [
        (None, {}, "copy: nothing shows that this is arm64: no proc/cpuinfo, no cpu*/regs/identification"),
        (cpuinfo(), {"possible": "0-x"}, "possible: '0-x' is not a range of CPUs after the others"),
        (cpuinfo(), {"possible": "0-1,1-2"}, "possible: '1-2' is not a range of CPUs after the others"),
        (
            cpuinfo(),
            {"possible": "0-99999"},
            "possible: '0-99999' is not a range of CPUs after the others, below 65,536",
        ),
        (
            cpuinfo(),
            {"possible": "1-2", "online": "1"},
            "cpu: possible must be CPUs from 0 on, and online some of them",
        ),
        (cpuinfo(), {"online": ""}, "online: names no CPU"),
        (cpuinfo(), {"cpu0/topology/cluster_id": "x"}, "cluster_id: 'x' is not a number"),
        (cpuinfo(), {"online": "0" * (1 << 21)}, "online: is larger than 1 MiB, which no file of sysfs needs"),
        (cpuinfo(architecture="7"), {}, "cpuinfo: processor 0 has CPU architecture '7': arm64 Linux says 8"),
        ("processor\t: 0\nvendor_id\t: GenuineIntel\n", {}, "processor 0 has no CPU architecture: arm64 Linux says 8"),
        (cpuinfo(part="cortex"), {}, "processor 0: implementer, variant, part and revision must be numbers"),
        (cpuinfo() + cpuinfo().replace(": 0\n", ": 4\n"), {}, "CPU4 is not possible: the possible CPUs end at CPU0"),
        ("hello\n", {}, "cpuinfo: has no CPU as arm64 Linux lists them"),
    ],
)
def test_a_copy_of_sysfs_that_cannot_be_is_refused_in_one_line(
    cpuinfo: str | None, texts: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        read_running_machine(sysfs=sysfs_of(tmp_path, cpuinfo, **texts))
    assert message in str(caught.value)


def test_a_folder_without_sysfs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no sys/devices/system/cpu/possible, and no file possible"):
        read_running_machine(sysfs=tmp_path)


def test_pipes_in_a_copy_are_not_waited_for(tmp_path: Path) -> None:
    root = sysfs_of(tmp_path)
    for name in ("cpuinfo", "cpu0/topology/cluster_id", "cpu0/regs/identification/midr_el1"):
        path = root / "sys" / "devices" / "system" / "cpu" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(path)
    with pytest.raises(InputError, match="nothing shows that this is arm64"):
        read_running_machine(sysfs=root)
