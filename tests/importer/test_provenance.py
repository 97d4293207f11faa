"""The file of an imported scenario: comments on where everything is from, and on what is unknown."""

from pathlib import Path

import pytest

from sim.files.scenario_file import scenario_from_text
from sim.importer.imported import import_machine
from sim.importer.machine_evidence import Sources
from sim.importer.provenance import annotated_text, remarks
from tests.importer.machines import BOOTED, HEAD, dmesg_of, imported_log
from tests.importer.trees import A53, A510, BIG_LITTLE, clusters, core, node, saved, tree


def test_a_file_has_clusters_together_and_names_keep_linux_numbers(tmp_path: Path) -> None:
    nodes = [node(place, phandle=place + 1) for place in range(4)]
    cpu_map = {"cluster0": {"core0": core(1), "core1": core(2), "core2": core(4)}, "cluster1": {"core0": core(3)}}
    imported = import_machine(Sources(tree=saved(tmp_path, tree(*nodes, cpu_map=cpu_map))), {})
    topology = imported.scenario.topology
    assert clusters(topology) == {"cpu0": "cluster0", "cpu1": "cluster0", "cpu3": "cluster0", "cpu2": "cluster1"}
    assert [cpu.name for cpu in topology.logical] == ["cpu0", "cpu1", "cpu3", "cpu2"]
    assert "Linux numbers CPUs as their names do, the simulator does not" in annotated_text(imported)


@pytest.mark.parametrize(
    "cores_of",
    [
        {"cluster0": (1, 3), "cluster1": (2,)},
        {"cluster0": (1, 4), "cluster1": (2, 3)},
        {"cluster0": (1,), "cluster1": (2, 3, 4)},
    ],
)
def test_a_boot_cpu_of_any_cluster_leaves_linux_order_as_it_is(
    cores_of: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    nodes = [node(place, phandle=place + 1) for place in range(sum(map(len, cores_of.values())))]
    cpu_map = {
        name: {f"core{place}": core(phandle) for place, phandle in enumerate(phandles)}
        for name, phandles in cores_of.items()
    }
    imported = import_machine(Sources(tree=saved(tmp_path, tree(*nodes, cpu_map=cpu_map))), {})
    assert [cpu.name for cpu in imported.scenario.topology.logical] == [f"cpu{number}" for number in range(len(nodes))]
    assert "Linux numbers CPUs as their names do" not in annotated_text(imported)
    assert scenario_from_text(annotated_text(imported)) == imported.scenario


def test_the_file_is_the_scenario_with_comments_on_its_sources(tmp_path: Path) -> None:
    board = tree(node(0, A510), node(1, "acme,quick\n"), node(2) | {"enable-method": "spin-table"}, node(3, A53))
    del board["cpus"]["cpu@3"]["enable-method"]
    imported = import_machine(Sources(tree=saved(tmp_path, board)), {"cpu2": None})
    text = annotated_text(imported)
    assert scenario_from_text(text) == imported.scenario
    assert text.startswith("# From tiny.dtb: Tiny.\n")
    assert "#   cpu0: arm,cortex-a510, cluster0: SVE {128} (Arm, Cortex-A510 Technical Reference Manual)\n" in text
    assert "#   cpu1: acme,quick\\n, cluster0: no SVE (unknown: taken as none)\n" in text
    assert "#   cpu2: arm,cortex-a53, cluster0: no SVE (as given for cpu2)\n" in text
    assert "# In a spin table, and without hotplug: cpu2.\n" in text
    left_out = "Linux leaves out cpu3, without an enable-method, unless the boot loader adds one"
    assert f"# {left_out}: simulated as if started by PSCI.\n" in text


def test_a_boot_cpu_needs_no_enable_method_and_other_methods_leave_a_cpu_out(tmp_path: Path) -> None:
    board = tree(node(0), node(1) | {"enable-method": "acme,smp"}, node(2) | {"enable-method": "acme,smp"})
    del board["cpus"]["cpu@0"]["enable-method"]
    told = remarks(import_machine(Sources(tree=saved(tmp_path, board)), {}))
    assert "cpu0 has no enable-method, and the boot CPU needs none: simulated with PSCI, and so with hotplug." in told
    assert (
        'Linux leaves out cpu1-2, with enable-method "acme,smp", unless the boot loader adds one: simulated as if '
        "started by PSCI."
    ) in told


def test_remarks_on_a_tree_have_the_numbers_of_the_log(tmp_path: Path) -> None:
    board = tree(node(0x0), node(0x100) | {"enable-method": "spin-table"})
    log = HEAD.format(cpus=2).replace("0x0000000000", "0x0000000100")
    imported = imported_log(log, tmp_path, saved(tmp_path, board))
    assert "In a spin table, and without hotplug: cpu0." in remarks(imported)


def test_of_several_boots_the_last_counts(tmp_path: Path) -> None:
    imported = imported_log(dmesg_of("mixed") + dmesg_of("bookworm"), tmp_path)
    assert imported.scenario.kernel == "6.1.176+deb"
    assert next(remarks(imported)) == "From boot.log: Linux 6.1.0-50-arm64, the last of 2 boots in it."


def test_a_kernel_older_than_the_model_is_simulated_as_the_oldest(tmp_path: Path) -> None:
    imported = imported_log(HEAD.format(cpus=1).replace("6.12.1", "5.10.0"), tmp_path, cpu0=None)
    assert imported.scenario.kernel == "6.1"
    assert "Linux 5.10 is older than the model, whose 6.1 stands for it: its lines are not judged." in remarks(imported)
    oldest = imported_log(HEAD.format(cpus=1).replace("6.12.1", "6.1.0"), tmp_path, cpu0=None)
    assert not any("older" in remark for remark in remarks(oldest))


def test_a_log_that_does_not_say_its_kernel_is_simulated_as_the_default(tmp_path: Path) -> None:
    imported = imported_log(HEAD.format(cpus=1).replace("Linux version", "Linux "), tmp_path, cpu0=None)
    assert imported.scenario.kernel == "6.18"
    assert "The log does not say which kernel it is: simulated as Linux 6.18." in remarks(imported)


def test_a_kernel_that_is_not_known_is_said_to_be_simulated_as_another(tmp_path: Path) -> None:
    imported = imported_log(HEAD.format(cpus=1).replace("6.12.1", "7.9.0"), tmp_path, cpu0=None)
    reason = "it is newer than 7.3, the newest series that is modelled, which stands for it"
    assert f"Nothing is known of Linux 7.9.0 itself: {reason}." in remarks(imported)


def test_a_panic_of_something_else_is_a_remark(tmp_path: Path) -> None:
    text = HEAD.format(cpus=1) + "Kernel panic - not syncing: VFS: Unable to mount root fs\n"
    imported = imported_log(text, tmp_path, cpu0=None)
    assert imported.contradictions == ()
    assert [*remarks(imported)][-1] == "The log ends in 'Kernel panic - not syncing: VFS: Unable to mount root fs'."


def test_a_log_that_is_cut_short_says_nothing_by_what_it_lacks(tmp_path: Path) -> None:
    imported = imported_log(HEAD.format(cpus=4) + BOOTED.format(1), tmp_path)
    assert imported.contradictions == ()
    assert [cpu.sve_vqs for cpu in imported.scenario.topology.cpus] == [0b11] * 4  # like the Neoverse V1 that are known
    assert imported.scenario.maxcpus is None
    untold = "what it does not mention of later CPUs and of the whole system"
    assert f"The log ends before capabilities are final: {untold} is unknown." in remarks(imported)


def test_the_order_of_sources_is_log_sysfs_tree(tmp_path: Path) -> None:
    imported = imported_log(HEAD.format(cpus=3), tmp_path, saved(tmp_path, BIG_LITTLE))
    assert [*remarks(imported)][:2] == ["From boot.log: Linux 6.12.1.", "From tiny.dtb: Tiny."]


def test_what_the_gic_lacks_is_a_remark(tmp_path: Path) -> None:
    lines = (
        "GICv3: CPU 2's redistributor is inaccessible: this CPU can't be brought online\n"
        "CPU1: mpidr 1 has no re-distributor!\n"
    )
    imported = imported_log(HEAD.format(cpus=3) + lines + BOOTED.format(1), tmp_path, cluster0=None)
    told = list(remarks(imported))
    assert "cpu1 has no redistributor of the GIC, and gets no interrupts: simulated as if it had one." in told
    assert "Linux leaves out cpu2, whose redistributor of the GIC it cannot reach." in told
    assert imported.contradictions == ()
