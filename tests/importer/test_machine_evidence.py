"""Several sources of one machine: which counts for what, and which CPUs are early."""

from pathlib import Path

import pytest

from sim import InputError, boot, read_running_machine
from sim.importer.imported import import_machine
from sim.importer.machine_evidence import Sources
from sim.importer.provenance import remarks
from tests.importer.machines import (
    BOOTED,
    HEAD,
    SETS,
    UNKNOWN_CORE,
    cpuinfo,
    imported_log,
    imported_machine,
    imported_sysfs,
    sysfs_of,
    vls,
)
from tests.importer.trees import BIG_LITTLE, saved


def test_a_tree_gives_clusters_and_is_numbered_by_the_cpu_that_booted(tmp_path: Path) -> None:
    log = HEAD.format(cpus=3).replace("0x0000000000", "0x0000000200") + BOOTED.format(1).replace("0001 [", "0000 [")
    tree = saved(tmp_path, BIG_LITTLE)
    imported = imported_log(log, tmp_path, tree)
    clusters = {cpu.name: cpu.clusters for cpu in imported.scenario.topology.cpus}
    assert clusters == {"cpu0": ("cluster1",), "cpu1": ("cluster0",), "cpu2": ("cluster0",)}
    assert imported.scenario.topology.mpidr(0) == 0x200
    with pytest.raises(InputError) as caught:
        imported_log(HEAD.format(cpus=3).replace("0x0000000000", "0x0000000007"), tmp_path, tree)
    assert str(caught.value) == f"{tree}: has no CPU with MPIDR 0x7, which booted"


def test_nr_cpus_leaves_cpus_of_the_tree_out(tmp_path: Path) -> None:
    text = HEAD.format(cpus=1).replace("411fd403", UNKNOWN_CORE) + "Kernel command line: nr_cpus=1\n"
    imported = imported_log(text, tmp_path, saved(tmp_path, BIG_LITTLE))
    assert ([cpu.name for cpu in imported.scenario.topology.cpus], imported.contradictions) == (["cpu0"], ())


def test_log_and_sysfs_of_one_machine_go_together() -> None:
    imported = imported_machine("mixed", "both", **vls(SETS["mixed"]))
    assert imported.contradictions == ()
    assert "sysfs" in imported.clusters.origin
    assert list(boot(imported.scenario).facts.online) == [0, 1, 2, 4]


def test_sysfs_without_topology_leaves_clusters_to_the_mpidrs_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "boot.log"
    log.write_text(HEAD.format(cpus=2) + BOOTED.format(1).replace("0x0000000001", "0x0000000100"))
    root = sysfs_of(tmp_path, cpuinfo(), possible="0-1", online="0-1")
    found = import_machine(Sources(log, root), {})
    assert found.clusters.paths == {0: ("cluster0",), 1: ("cluster0",)}
    assert found.clusters.origin.startswith("MPIDR affinity")


def test_a_boot_cpu_that_went_offline_is_early_and_gone(tmp_path: Path) -> None:
    imported = imported_sysfs(sysfs_of(tmp_path, cpuinfo(features="fp"), possible="0-1", online="1"))
    assert imported.contradictions == ()
    assert list(boot(imported.scenario).facts.online) == [1]


def test_cpuinfo_without_the_sve_of_its_cores_is_as_with_nosve(tmp_path: Path) -> None:
    imported = imported_sysfs(sysfs_of(tmp_path, cpuinfo=cpuinfo(part="0xd40", features="fp asimd")))
    assert (imported.scenario.arm64_nosve, imported.contradictions) == (True, ())
    assert imported.scenario.topology.cpus[0].sve_vqs == 0b11
    assert "cpuinfo has no SVE, and the CPUs' cores have: simulated as with arm64.nosve." in remarks(imported)


def test_a_log_without_the_sve_of_its_cores_is_as_with_nosve(tmp_path: Path) -> None:
    text = HEAD.format(cpus=1) + "smp: Brought up 1 node, 1 CPU\nRun /init as init process\n"
    imported = imported_log(text, tmp_path)
    assert (imported.scenario.arm64_nosve, imported.scenario.topology.cpus[0].sve_vqs) == (True, 0b11)
    assert imported.contradictions == ()
    assert "The log has no SVE, and the CPUs' cores have: simulated as with arm64.nosve." in remarks(imported)


def test_a_log_without_the_sve_that_is_given_is_a_contradiction(tmp_path: Path) -> None:
    text = HEAD.format(cpus=1) + "smp: Brought up 1 node, 1 CPU\nRun /init as init process\n"
    imported = imported_log(text, tmp_path, cpu0=(128,))
    assert not imported.scenario.arm64_nosve
    assert imported.contradictions == (
        "the log says SVE maximum nothing, the sets given imply 16 bytes",
        "the log says SVE default nothing, the sets given imply 16 bytes",
    )


@pytest.mark.parametrize(
    ("words", "early"),
    [
        ("", 4),
        ("maxcpus=2", 2),
        ("maxcpus=0", 1),
        ("maxcpus=x", 4),
        ("maxcpus=", 4),
        ("maxcpus=9999999999", 4),
        (f"maxcpus={'9' * 5_000}", 4),
        ("maxcpus=5", 4),
        ("maxcpus=\N{ARABIC-INDIC DIGIT TWO}", 4),
        ('foo="a maxcpus=1 b"', 4),
        ('"maxcpus=1"', 1),
        ('maxcpus="2"', 2),
    ],
    ids=lambda value: str(value)[:20],
)
def test_of_a_log_that_ends_early_the_command_line_says_who_is_early(words: str, early: int, tmp_path: Path) -> None:
    imported = imported_log(f"{HEAD.format(cpus=4)}Kernel command line: {words}\n", tmp_path)
    assert len(imported.scenario.early) == early


def test_python_wants_a_log_or_sysfs(tmp_path: Path) -> None:
    for tree in (None, saved(tmp_path, BIG_LITTLE)):
        with pytest.raises(InputError, match="a kernel log or a copy of sysfs must be given"):
            read_running_machine(tree=tree)
