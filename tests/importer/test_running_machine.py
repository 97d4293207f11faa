"""Machines that ran, imported: real logs and sysfs, contradictions, logs of drawn boots, what is refused."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sim import Action, Do, InputError, KvmMode, Scenario, Topology, boot, read_running_machine
from sim.files.scenario_file import read_scenario
from sim.importer.kernel_log import KernelLog
from sim.importer.log_reading import kernel_log, read_kernel_log
from sim.importer.running import import_running_machine
from sim.importer.sysfs import read_sysfs
from sim.scenario import Fault
from sim.testing.strategies import topologies, vl_sets
from sim.vectors import bits_from_vqs
from tests.command_line import Asymboot

MACHINES = Path(__file__).parents[1] / "machines"
SETS: dict[str, list[tuple[int, ...] | None]] = {
    "mixed": [(128, 256, 512)] * 3 + [(128, 256), (128, 256, 512), None],
    "clusters": [(128, 256)] * 6 + [(128, 256, 512), (128, 256)],
    "pkvm": [(128, 256), (128, 256, 512), (128, 256)],
    "nosve": [(128, 256), None],
    "bookworm": [(128, 256), (128, 256), (128, 256, 384), (128, 256)],
}
"""What the CPUs of each machine really had."""
HEAD = (
    "[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x411fd403]\n"
    "[    0.000000] Linux version 6.12.1 (gcc)\n"
    "[    0.000000] SLUB: HWalign=64, Order=0-3, MinObjects=0, CPUs={cpus}, Nodes=1\n"
)
BOOTED = "[    0.1] CPU{0}: Booted secondary processor 0x{0:010x} [0x411fd403]\n"


def vls(sets: list[tuple[int, ...] | None]) -> dict[str, tuple[int, ...] | None]:
    return {f"cpu{number}": one for number, one in enumerate(sets)}


def imported_log(text: str, folder: Path, **given: tuple[int, ...] | None) -> tuple[Scenario, tuple[str, ...]]:
    path = folder / "boot.log"
    path.write_text(text, encoding="utf-8")
    imported = import_running_machine(path, None, None, given)
    return imported.scenario, imported.contradictions


def refusal(text: str | bytes, folder: Path) -> str:
    path = folder / "boot.log"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as caught:
        read_running_machine(path)
    assert str(caught.value).startswith(f"{path}: ")
    return str(caught.value).removeprefix(f"{path}: ")


def big_little(folder: Path) -> Path:
    """A device tree of three CPUs."""
    pytest.importorskip("libfdt", reason="pylibfdt is not installed")
    from tests.importer.test_device_tree import BIG_LITTLE, saved

    return saved(folder, BIG_LITTLE)


def without_stamps(text: str) -> list[str]:
    return [re.sub(r"^\[.*?\] ", "", line) for line in text.splitlines()]


def told(log: KernelLog) -> tuple[object, ...]:
    return (log.announced, [str(one) for one in log.early], [(one.cpu, str(one)) for one in log.late], log.panic)


# Real machines


@pytest.mark.parametrize("machine", SETS)
def test_a_real_machine_with_its_own_sets_contradicts_nothing_and_boots_as_it_did(machine: str) -> None:
    dmesg = MACHINES / machine / "dmesg"
    imported = import_running_machine(dmesg, None, None, vls(SETS[machine]))
    assert imported.contradictions == ()
    outcome = boot(imported.scenario)
    assert told(kernel_log(outcome.log_text)) == told(read_kernel_log(dmesg))
    assert [one.name for one in imported.scenario.topology.logical] == [f"cpu{n}" for n in range(len(SETS[machine]))]


def test_a_log_says_the_kernel_its_mode_who_is_late_and_what_user_space_did() -> None:
    scenario = read_running_machine(MACHINES / "mixed" / "dmesg")
    assert (scenario.kernel, scenario.kvm_mode, scenario.el2, scenario.maxcpus) == ("6.12", KvmMode.NVHE, True, 3)
    assert [(one.do, one.cpu) for one in scenario.actions] == [
        (Do.ONLINE, "cpu3"),
        (Do.OFFLINE, "cpu1"),
        (Do.ONLINE, "cpu4"),
        (Do.ONLINE, "cpu5"),
        (Do.ONLINE, "cpu1"),
    ]
    assert not read_running_machine(MACHINES / "clusters" / "dmesg").el2
    assert read_running_machine(MACHINES / "nosve" / "dmesg").nosve
    assert read_running_machine(MACHINES / "pkvm" / "dmesg").has_pkvm
    assert read_running_machine(MACHINES / "bookworm" / "dmesg").kernel == "6.1"


def test_lengths_that_nobody_knows_are_as_little_as_the_log_implies() -> None:
    imported = import_running_machine(MACHINES / "mixed" / "dmesg", None, None, {})
    has = {one.name: one.sve_vqs for one in imported.scenario.topology.cpus}
    assert has == {"cpu0": 0b1011, "cpu1": 0b1011, "cpu2": 0b1011, "cpu3": 0b1, "cpu4": 0b1011, "cpu5": None}
    assert imported.lengths[3].source == "not known: so that it is refused as in the log"
    assert imported.contradictions == ()
    assert boot(imported.scenario).facts.online == (0, 1, 2, 4)


def test_a_cpu_refused_for_lengths_that_others_lack_is_taken_to_have_one(tmp_path: Path) -> None:
    topology = Topology.of([[128, 256, 512], [128, 256, 384, 512]])
    ran = boot(Scenario(topology, kernel="6.12", maxcpus=1, actions=(Action(Do.ONLINE, "cpu1"),)))
    first, _, rest = ran.log_text.replace("0x000f0510", "0x00000000").partition("\n")
    scenario, odd = imported_log(f"{first}\nLinux version 6.12.0\n{rest}", tmp_path)
    assert [bits_from_vqs(one.sve_vqs or 0) for one in scenario.topology.cpus] == [
        (128, 256, 512),
        (128, 256, 384, 512),
    ]
    assert odd == ()


@pytest.mark.parametrize(
    "lost",
    [
        "SVE: default",
        "SVE: maximum",
        "smp: Brought up",
        "SMP: Total of",
        "CPU: All CPU(s)",
        "psci: CPU1 killed",
        "SVE: cpu3: Required",
        "CPU3: SVE: vector length",
        "CPU3: will not boot",
        "CPU5: will not boot",
        "Hyp nVHE mode",
        "nr_cpu_ids",
        "detected: Scalable",
    ],
)
def test_a_lost_line_makes_no_false_contradiction(lost: str, tmp_path: Path) -> None:
    lines = (MACHINES / "mixed" / "dmesg").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = "".join(line for line in lines if lost not in line)
    assert len(kept) < sum(map(len, lines))
    assert imported_log(kept, tmp_path, **vls(SETS["mixed"]))[1] == ()


def test_lines_that_two_consoles_show_are_heard_once() -> None:
    text = (MACHINES / "mixed" / "dmesg").read_text(encoding="utf-8")
    doubled = "".join(2 * line for line in text.splitlines(keepends=True))
    assert kernel_log(doubled) == kernel_log(text)


def test_sets_that_imply_something_else_are_told() -> None:
    imported = import_running_machine(
        MACHINES / "pkvm" / "dmesg", None, None, vls([(128, 256), (128,), (128, 256, 512)])
    )
    assert imported.contradictions == (
        "the log says SVE maximum 32 bytes, the sets given imply 16 bytes",
        "the log says SVE default 32 bytes, the sets given imply 16 bytes",
    )


def test_sysfs_says_clusters_cores_and_who_is_online() -> None:
    imported = import_running_machine(None, MACHINES / "clusters", None, {})
    topology = imported.scenario.topology
    assert {one.name: "/".join(one.clusters) for one in topology.logical} == {
        "cpu0": "socket0/cluster0",
        "cpu1": "socket0/cluster0",
        "cpu2": "socket0/cluster1",
        "cpu3": "socket0/cluster1",  # offline, and so beside the one before it
        "cpu4": "socket1/cluster0",
        "cpu5": "socket1/cluster0",
        "cpu6": "socket1/cluster1",
        "cpu7": "socket1/cluster1",
    }
    assert [one.name for one in topology.cpus if one.late] == ["cpu3"]
    assert {one.sve_vqs for one in topology.cpus} == {0b1}  # cpuinfo has sve, and no length is known
    assert imported.contradictions == ()


def test_log_and_sysfs_of_one_machine_go_together() -> None:
    mixed = MACHINES / "mixed"
    imported = import_running_machine(mixed / "dmesg", mixed, None, vls(SETS["mixed"]))
    assert imported.contradictions == ()
    assert "sysfs" in imported.clusters.origin
    assert boot(imported.scenario).facts.online == (0, 1, 2, 4)


def test_log_and_sysfs_of_two_machines_contradict_each_other() -> None:
    imported = import_running_machine(MACHINES / "pkvm" / "dmesg", MACHINES / "mixed", None, {})
    assert imported.contradictions[0] == "how many CPUs are possible: the log says 3, sysfs says 6"
    assert imported.contradictions[-1] == "sysfs says that cpu0-2,4 are online, the model that cpu0-1 are"


def test_cpuinfo_with_sve_contradicts_cores_that_have_none(tmp_path: Path) -> None:
    root = sysfs_of(tmp_path, cpuinfo=cpuinfo(part="0xd0c"))
    imported = import_running_machine(None, root, None, {})
    assert imported.contradictions == ("cpuinfo says that the system has SVE, the cores' sets imply that it lacks it",)


def test_cpuinfo_without_the_sve_of_its_cores_is_as_with_nosve(tmp_path: Path) -> None:
    root = sysfs_of(tmp_path, cpuinfo=cpuinfo(part="0xd40", features="fp asimd"))
    imported = import_running_machine(None, root, None, {})
    assert (imported.scenario.nosve, imported.contradictions) == (True, ())
    assert imported.scenario.topology.cpus[0].sve_vqs == 0b11
    assert "cpuinfo has no SVE, and the CPUs' cores have: simulated as with arm64.nosve." in imported.remarks


def test_a_log_without_the_sve_of_its_cores_is_as_with_nosve(tmp_path: Path) -> None:
    text = HEAD.format(cpus=1) + "smp: Brought up 1 node, 1 CPU\nRun /init as init process\n"
    scenario, odd = imported_log(text, tmp_path)
    assert (scenario.nosve, scenario.topology.cpus[0].sve_vqs, odd) == (True, 0b11, ())
    scenario, odd = imported_log(text, tmp_path, cpu0=(128,))
    assert (scenario.nosve, odd) == (
        False,
        (
            "the log says SVE maximum nothing, the sets given imply 16 bytes",
            "the log says SVE default nothing, the sets given imply 16 bytes",
        ),
    )


def test_sve_that_is_detected_is_there_though_no_line_says_its_lengths(tmp_path: Path) -> None:
    text = HEAD.format(cpus=1).replace("411fd403", "000f0510") + "CPU features: detected: Scalable Vector Extension\n"
    scenario, odd = imported_log(text, tmp_path)
    assert (scenario.topology.cpus[0].sve_vqs, odd) == (0b1, ())


def test_a_boot_cpu_that_went_offline_is_early_and_gone(tmp_path: Path) -> None:
    imported = import_running_machine(
        None, sysfs_of(tmp_path, cpuinfo(features="fp"), possible="0-1", online="1"), None, {}
    )
    assert imported.contradictions == ()
    assert boot(imported.scenario).facts.online == (1,)


def test_sysfs_that_contradicts_itself_is_told(tmp_path: Path) -> None:
    root = sysfs_of(tmp_path, cpuinfo(part="0xd0c"), **{"cpu0/regs/identification/midr_el1": "0x411FD411"})
    imported = import_running_machine(None, root, None, {"cpu0": (128,)})
    assert imported.contradictions == ("cpu0: cpuinfo says MIDR 0x411fd0c1, midr_el1 0x411fd411",)


def test_a_cpu_without_topology_in_the_copy_is_put_beside_another(tmp_path: Path) -> None:
    texts = {f"cpu0/topology/{name}": "0" for name in ("physical_package_id", "cluster_id")}
    root = sysfs_of(tmp_path, cpuinfo(), possible="0-1", online="0-1", **texts)
    imported = import_running_machine(None, root, None, {})
    assert [one.clusters for one in imported.scenario.topology.cpus] == [("cluster0",), ("cluster0",)]


def test_a_tree_gives_clusters_and_is_numbered_by_the_cpu_that_booted(tmp_path: Path) -> None:
    log = HEAD.format(cpus=3).replace("0x0000000000", "0x0000000200") + BOOTED.format(1).replace("0001 [", "0000 [")
    (tmp_path / "boot.log").write_text(log)
    tree = big_little(tmp_path)
    imported = import_running_machine(tmp_path / "boot.log", None, tree, {})
    clusters = {one.name: one.clusters for one in imported.scenario.topology.cpus}
    assert clusters == {"cpu0": ("cluster1",), "cpu1": ("cluster0",), "cpu2": ("cluster0",)}
    assert imported.scenario.topology.mpidr(0) == 0x200
    (tmp_path / "boot.log").write_text(HEAD.format(cpus=3).replace("0x0000000000", "0x0000000007"))
    with pytest.raises(InputError, match="MPIDR 0x7, which booted, is none of the tree's"):
        read_running_machine(tmp_path / "boot.log", tree=tree)


# What lines say


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "<6>",
        "[    0.000000] ",
        "[    0.000000][    T1] ",
        "<6>[    0.000000] ",
        "[Thu Nov 26 18:32:36 2026] ",
        "[Nov26 18:32] ",
        "kern  :info  : [    0.000000] ",
        "Nov 26 18:32:36 board kernel: ",
        "Nov  6 18:32:36 board kernel: [    0.000000] ",
        "2026-11-26T18:32:36+0000 board kernel: ",
        "[    0.000000] board kernel: ",
        "6,0,0,-;",
        "2026-11-26T18:32:36,000000+00:00 ",
        "\x1b[32m[    0.000000] \x1b[0m",
        "2026-11-26T18:32:36.123 [    0.000000] ",
        "[    0.000000] c0 0 ",
        "[    0.000000]  (0)[0:swapper]",
        "[    0.000000] I[0:      swapper/0:    0] ",
        "> > [    0.000000] ",
        "12:[    0.000000] ",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r\r\n"])
def test_stamps_of_every_kind_are_passed_over(stamp: str, end: str) -> None:
    text = (MACHINES / "mixed" / "dmesg").read_text(encoding="utf-8")
    stamped = "".join(stamp + line + end for line in without_stamps(text))
    assert kernel_log(stamped) == kernel_log(text)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings_are_read(encoding: str, tmp_path: Path) -> None:
    dmesg = MACHINES / "mixed" / "dmesg"
    (tmp_path / "dmesg").write_text("\0\0" + dmesg.read_text(encoding="utf-8"), encoding=encoding)
    assert read_kernel_log(tmp_path / "dmesg") == read_kernel_log(dmesg)


def test_of_several_boots_the_last_one_counts(tmp_path: Path) -> None:
    text = "".join((MACHINES / one / "dmesg").read_text(encoding="utf-8") for one in ("mixed", "bookworm"))
    path = tmp_path / "console.log"
    path.write_text(text, encoding="utf-8")
    imported = import_running_machine(path, None, None, {})
    assert imported.scenario.kernel == "6.1"
    assert imported.remarks[0] == "From console.log: Linux 6.1.0-50-arm64, the last of 2 boots in it."


def test_a_known_core_is_known_by_its_midr(tmp_path: Path) -> None:
    scenario, odd = imported_log(
        HEAD.format(cpus=1) + "SVE: maximum available vector length 32 bytes per vector\n", tmp_path
    )
    assert [one.sve_vqs for one in scenario.topology.cpus] == [0b11]
    assert odd == ()  # a line that others of its kind are without is lost


def test_a_kernel_older_than_the_model_is_simulated_as_the_oldest(tmp_path: Path) -> None:
    path = tmp_path / "boot.log"
    path.write_text(HEAD.format(cpus=1).replace("6.12.1", "5.10.0"))
    imported = import_running_machine(path, None, None, {"cpu0": None})
    assert imported.scenario.kernel == "6.1"
    assert "Linux 5.10 is older than what is modelled: simulated as Linux 6.1." in imported.remarks


def test_firmware_that_refuses_or_loses_an_early_cpu_is_a_fault(tmp_path: Path) -> None:
    text = (
        HEAD.format(cpus=4)
        + "psci: failed to boot CPU1 (-1)\nCPU1: failed to boot: -1\n"
        + "CPU2: failed to come online\nCPU2: failed in unknown state : 0x0\n"
        + BOOTED.format(3)
        + "smp: Brought up 1 node, 2 CPUs\n"
    )
    scenario, odd = imported_log(text, tmp_path, cluster0=None)
    assert scenario.faults == (Fault("cpu1", answer="DENIED"), Fault("cpu2", never_arrives=True))
    assert odd == ()


def test_a_cpu_refused_for_what_is_not_modelled_is_one_that_never_arrives(tmp_path: Path) -> None:
    text = (
        HEAD.format(cpus=2)
        + "CPU features: CPU1: Detected conflict for capability 9 (32-bit EL0 Support), System: 1, CPU: 0\n"
        + "CPU1: will not boot\nCPU1: failed to come online\npsci: CPU1 killed (polled 0 ms)\n"
        + "CPU1: died during early boot\n"
    )
    scenario, odd = imported_log(text, tmp_path, cluster0=None)
    assert (scenario.faults, odd) == ((Fault("cpu1", never_arrives=True),), ())


def test_a_cpu_that_took_the_place_of_another_is_told(tmp_path: Path) -> None:
    again = BOOTED.format(1).replace("0x0000000001", "0x0000000002")
    text = (
        HEAD.format(cpus=2)
        + BOOTED.format(1)
        + "smp: Brought up 1 node, 2 CPUs\npsci: CPU1 killed (polled 0 ms)\n"
        + again
    )
    _, odd = imported_log(text, tmp_path, cluster0=None)
    assert odd == ("cpu1 came as MPIDR 0x1, MIDR 0x411fd403, and later as MPIDR 0x2, MIDR 0x411fd403",)


def test_streaming_lengths_are_as_little_as_the_log_implies(tmp_path: Path) -> None:
    text = (
        HEAD.format(cpus=1).replace("411fd403", "000f0510").replace("6.12.1", "7.3.0")
        + "SME: minimum available vector length 32 bytes per vector\n"
        + "SME: maximum available vector length 128 bytes per vector\n"
        + "SME: default vector length 32 bytes per vector\n"
    )
    scenario, odd = imported_log(text, tmp_path)
    (one,) = scenario.topology.cpus
    assert (one.sve_vqs, bits_from_vqs(one.sme_vqs or 0)) == (None, (256, 512, 1024))
    assert odd == ()


def test_a_panic_that_the_model_does_not_have_is_told(tmp_path: Path) -> None:
    text = HEAD.format(cpus=1) + "Kernel panic - not syncing: Attempted to kill the idle task!\n"
    _, odd = imported_log(text, tmp_path, cpu0=None)
    assert odd == (
        "the log ends in 'Kernel panic - not syncing: Attempted to kill the idle task!', and the model goes on",
    )


def test_a_panic_of_something_else_is_a_remark(tmp_path: Path) -> None:
    path = tmp_path / "boot.log"
    path.write_text(HEAD.format(cpus=1) + "Kernel panic - not syncing: VFS: Unable to mount root fs\n")
    imported = import_running_machine(path, None, None, {"cpu0": None})
    assert imported.contradictions == ()
    assert imported.remarks[-1] == "The log ends in 'Kernel panic - not syncing: VFS: Unable to mount root fs'."


def test_the_last_of_two_parameters_counts_as_for_linux(tmp_path: Path) -> None:
    words = "kvm-arm.mode=nvhe kvm_arm.mode=protected quiet -- arm64.nosve"
    text = (
        HEAD.format(cpus=1) + f"Kernel command line: {words}\nkvm [1]: Protected nVHE mode initialized successfully\n"
    )
    scenario, odd = imported_log(text, tmp_path, cpu0=None)
    assert (scenario.kvm_mode, scenario.nosve, odd) == (KvmMode.PROTECTED, False, ())


@pytest.mark.parametrize("mode", ["Hyp mode", "Hyp nVHE mode", "VHE mode", "VHE+NV2 mode"])
def test_whether_kvm_uses_vhe_depends_on_cpus_and_is_no_contradiction(mode: str, tmp_path: Path) -> None:
    _, odd = imported_log(HEAD.format(cpus=1) + f"kvm [1]: {mode} initialized successfully\n", tmp_path, cpu0=None)
    assert odd == ()


def test_a_log_that_is_cut_short_says_nothing_by_what_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "boot.log"
    path.write_text(HEAD.format(cpus=4) + BOOTED.format(1))
    imported = import_running_machine(path, None, None, {})
    assert imported.contradictions == ()
    assert [one.sve_vqs for one in imported.scenario.topology.cpus] == [0b11, 0b11, None, None]  # Neoverse V1
    assert imported.scenario.maxcpus is None
    assert "The log ends before capabilities are final: what it does not say is not known." in imported.remarks


def test_a_lost_line_is_seen_by_the_kernels_own_count(tmp_path: Path) -> None:
    text = HEAD.format(cpus=3) + BOOTED.format(2) + "smp: Brought up 1 node, 3 CPUs\n"
    scenario, odd = imported_log(text, tmp_path, cluster0=None)
    assert odd == ("the log says that 3 CPUs were brought up, and shows 2",)
    assert scenario.early == (0, 1, 2)


def test_a_cpu_that_comes_again_went_offline_before_and_cannot_go_twice(tmp_path: Path) -> None:
    off = "[    {}.000001] psci: CPU1 killed (polled 0 ms)\n"
    begins = HEAD.format(cpus=2) + BOOTED.format(1) + "smp: Brought up 1 node, 2 CPUs\n"
    text = begins + BOOTED.format(1).replace("0.1", "9.1") + off.format(11) + off.format(12)
    scenario, odd = imported_log(text, tmp_path, cluster0=None)
    assert [one.do for one in scenario.actions] == [Do.OFFLINE, Do.ONLINE, Do.OFFLINE]
    assert odd == ("the log says that cpu1 goes offline, and it is not online",)


def test_a_cpu_that_came_and_does_not_come_again_is_a_remark(tmp_path: Path) -> None:
    path = tmp_path / "boot.log"
    begins = HEAD.format(cpus=2) + BOOTED.format(1) + "smp: Brought up 1 node, 2 CPUs\n"
    path.write_text(begins + "psci: CPU1 killed (polled 0 ms)\nCPU1: failed to boot: -22\n")
    imported = import_running_machine(path, None, None, {"cluster0": None})
    assert imported.contradictions == ()
    assert "cpu1 is not started though it came before: a fault that comes and goes is not modelled." in imported.remarks


def test_a_log_that_ends_in_a_refusal_has_the_refusal(tmp_path: Path) -> None:
    text = (MACHINES / "mixed" / "dmesg").read_text(encoding="utf-8")
    cut = text[: text.index("CPU3: failed to come online")]
    scenario, odd = imported_log(cut, tmp_path, **vls(SETS["mixed"]))
    assert [one.cpu for one in scenario.actions] == ["cpu3"]
    assert odd == ()


def test_what_a_kernel_does_not_use_is_the_kernels_and_not_the_sets(tmp_path: Path) -> None:
    text = (
        HEAD.format(cpus=1).replace("6.12.1", "6.6.31") + "SME: maximum available vector length 64 bytes per vector\n"
    )
    _, odd = imported_log(text, tmp_path)
    assert odd == ("the log says SME maximum 64 bytes, the model of Linux 6.6 says nothing",)


def test_nr_cpus_leaves_cpus_of_the_tree_out(tmp_path: Path) -> None:
    text = HEAD.format(cpus=1).replace("411fd403", "000f0510") + "Kernel command line: nr_cpus=1\n"
    (tmp_path / "boot.log").write_text(text)
    imported = import_running_machine(tmp_path / "boot.log", None, big_little(tmp_path), {})
    assert ([one.name for one in imported.scenario.topology.cpus], imported.contradictions) == (["cpu0"], ())


def test_a_tree_of_another_board_is_told(tmp_path: Path) -> None:
    (tmp_path / "boot.log").write_text(HEAD.format(cpus=3))
    imported = import_running_machine(tmp_path / "boot.log", None, big_little(tmp_path), {})
    assert imported.contradictions[0] == "cpu0: MIDR 0x411fd403 is arm,neoverse-v1, and the tree says arm,cortex-a510"


def test_a_panic_in_the_middle_of_a_step_leaves_the_step_out() -> None:
    toggled = (Action(Do.OFFLINE, "cpu1"), Action(Do.ONLINE, "cpu1"))
    ran = boot(Scenario(Topology.of([[128], [128]]), kernel="6.1", kvm_mode=KvmMode.PROTECTED, actions=toggled))
    log = kernel_log(ran.log_text)
    assert (log.panic is not None, [str(one) for one in log.late]) == (True, ["goes offline"])


# Any boot


@st.composite
def boots(draw: st.DrawFn) -> Scenario:
    """Scenarios that a log can tell all of: CPUs brought up and taken down, one after the other."""
    system = draw(topologies(sve_bits=st.none() | vl_sets(up_to_bits=512)))
    names = [one.name for one in system.cpus]
    act = st.builds(Action, st.sampled_from([Do.ONLINE, Do.OFFLINE]), st.sampled_from(names))
    return Scenario(
        system,
        kernel=draw(st.sampled_from(["6.1", "6.12", "6.18"])),
        kvm_mode=draw(st.sampled_from(KvmMode)),
        el2=draw(st.booleans()),
        nosve=draw(st.booleans()),
        maxcpus=draw(st.none() | st.integers(1, len(names))),
        actions=tuple(draw(st.lists(act, max_size=5))),
    )


@given(boots())
@settings(deadline=None)
def test_the_log_of_any_boot_makes_the_scenario_that_logs_the_same(
    tmp_path_factory: pytest.TempPathFactory, scenario: Scenario
) -> None:
    outcome = boot(scenario)
    assume(outcome.facts.panic is None)
    more = f"Linux version {scenario.kernel}.0\nnr_cpu_ids={len(scenario.topology.cpus)}\n"
    first, _, rest = outcome.log_text.partition("\n")
    sets = {one.name: bits_from_vqs(one.sve_vqs) if one.sve_vqs else None for one in scenario.topology.cpus}
    imported, odd = imported_log(f"{first}\n{more}{rest}", tmp_path_factory.mktemp("log"), **sets)
    assert odd == ()
    ignored = "Kernel command line"  # maxcpus may be said where all come, or be more than there are
    told, again = (
        [line for line in without_stamps(one.log_text) if not line.startswith(ignored)]
        for one in (outcome, boot(imported))
    )
    assert told == again


# What is refused


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no log of an arm64 kernel: it has no line 'Booting Linux on physical CPU 0x... [0x...]'"),
        ("[    0.0] x86/fpu: Supporting XSAVE feature 0x001\n", "is a log of x86, which cannot be imported"),
        (
            "[    0.0] Booting Linux on physical CPU 0x0\nCPU: ARMv7 Processor [412fc0f1]\n",
            "is a log of 32-bit Arm, which cannot",
        ),
        ("[    0.0] Booting Linux on hartid 0\n", "is a log of RISC-V, which cannot be imported"),
        (
            "Booting Linux on physical CPU 0x0\nBoot CPU: AArch64 Processor [51af8014]\n",
            "is a log of arm64 before Linux 4.17, which cannot be imported",
        ),
        (
            HEAD.format(cpus=1) + "SVE: maximum available vector length 33 bytes per vector\n",
            "line 4: SVE maximum of 33 bytes, which no vector has: 16 to 256",
        ),
        ("[    9.0] CPU3: Booted secondary processor 0x0000000003 [0x411fd403]\n", "begins after the kernel did, and"),
        (b"\x1f\x8b\x08", "is compressed: give it unpacked"),
        ('{"MESSAGE": "Booting Linux on physical CPU 0x0"}', "is JSON: give the log as text"),
        (HEAD.format(cpus=99999), "line 3: 99999 CPUs: a topology has 1 to 65,536"),
        (HEAD.format(cpus=2) + BOOTED.format(2), "line 4: CPU2, and the log says before that there are 2 CPUs"),
        (
            HEAD.format(cpus=3) + BOOTED.format(1) + BOOTED.format(2).replace("002 [", "001 ["),
            "cpu1 and cpu2 have the same",
        ),
        (HEAD.format(cpus=1).replace("0x0000000000", "0x80000000"), "line 1: CPU0: 0x80000000 has bits that are none"),
        (HEAD.format(cpus=2).partition("\n")[0] + "\nCPU70000: will not boot\n", "line 2: CPU70000: a topology has"),
    ],
)
def test_a_log_that_is_none_is_refused_in_one_line(text: str | bytes, message: str, tmp_path: Path) -> None:
    assert refusal(text, tmp_path).startswith(message)


def cpuinfo(part: str = "0xd0c", features: str = "fp asimd sve", architecture: str = "8") -> str:
    return (
        f"processor\t: 0\nFeatures\t: {features}\nCPU implementer\t: 0x41\nCPU architecture: {architecture}\n"
        f"CPU variant\t: 0x1\nCPU part\t: {part}\nCPU revision\t: 1\n\n"
    )


def sysfs_of(folder: Path, cpuinfo: str | None = None, **texts: str) -> Path:
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


@pytest.mark.parametrize(
    ("cpuinfo", "texts", "message"),
    [
        (None, {}, "copy: nothing shows that this is arm64: no proc/cpuinfo, no cpu*/regs/identification"),
        (cpuinfo(), {"possible": "0-x"}, "possible: '0-x' is no range of CPUs after the others"),
        (cpuinfo(), {"possible": "0-1,1-2"}, "possible: '1-2' is no range of CPUs after the others"),
        (cpuinfo(), {"possible": "0-99999"}, "possible: '0-99999' is no range of CPUs after the others, below 65,536"),
        (
            cpuinfo(),
            {"possible": "1-2", "online": "1"},
            "cpu: possible must be CPUs from 0 on, and online some of them",
        ),
        (cpuinfo(), {"online": ""}, "online: names no CPU"),
        (cpuinfo(), {"cpu0/topology/cluster_id": "x"}, "cluster_id: 'x' is no number"),
        (cpuinfo(architecture="7"), {}, "cpuinfo: processor 0 has CPU architecture '7': arm64 Linux says 8"),
        ("processor\t: 0\nvendor_id\t: GenuineIntel\n", {}, "processor 0 has no CPU architecture: arm64 Linux says 8"),
        (cpuinfo(part="cortex"), {}, "processor 0: implementer, variant, part and revision are no numbers"),
        (cpuinfo() + cpuinfo().replace(": 0\n", ": 4\n"), {}, "cpuinfo: CPU4 is not possible: there are 1 CPUs"),
        ("hello\n", {}, "cpuinfo: has no CPU as arm64 Linux lists them"),
    ],
)
def test_a_copy_of_sysfs_that_is_none_is_refused_in_one_line(
    cpuinfo: str | None, texts: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        read_running_machine(sysfs=sysfs_of(tmp_path, cpuinfo, **texts))
    assert message in str(caught.value)


def test_a_folder_without_sysfs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no sys/devices/system/cpu/possible, and no file possible"):
        read_running_machine(sysfs=tmp_path)


def test_the_cpu_folder_itself_will_do(tmp_path: Path) -> None:
    root = sysfs_of(tmp_path, **{"cpu0/regs/identification/midr_el1": "0x00000000411fd403"})
    assert read_sysfs(root / "sys" / "devices" / "system" / "cpu").cpus[0].midr == 0x411FD403


def test_threads_of_a_core_are_a_cluster(tmp_path: Path) -> None:
    threads = {f"cpu{one}/topology/thread_siblings_list": "0-1" for one in (0, 1)}
    cores = {f"cpu{one}/topology/core_id": "5" for one in (0, 1)}
    root = sysfs_of(tmp_path, cpuinfo(), possible="0-1", online="0-1", **threads, **cores)
    assert read_sysfs(root).paths == {0: ("core5",), 1: ("core5",)}


@given(st.data())
@settings(deadline=None)
def test_mutated_logs_are_read_or_refused(data: st.DataObject) -> None:
    lines = (MACHINES / data.draw(st.sampled_from(sorted(SETS))) / "dmesg").read_bytes().splitlines(keepends=True)
    told = [one for one in lines if re.search(rb"CPU|SVE|kvm|smp|Linux", one)]
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(told) - 1))
        line = bytearray(told[place])
        match data.draw(st.sampled_from(["change", "drop", "repeat", "cut"])):
            case "change":
                line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
                told[place] = bytes(line)
            case "drop":
                told[place] = b""
            case "repeat":
                told.insert(data.draw(st.integers(0, len(told))), told[place])
            case "cut":
                told[place] = bytes(line[: data.draw(st.integers(0, len(line)))])
        told = [one for one in told if one] or [b"\n"]
    try:
        log = kernel_log(b"".join(told).decode(errors="replace"))
    except InputError:
        return
    assert log.possible >= 1


# The command


def test_import_writes_the_file_tells_contradictions_and_exits_with_1(asymboot: Asymboot, tmp_path: Path) -> None:
    output = tmp_path / "machine.toml"
    mixed = MACHINES / "mixed"
    result = asymboot("import", "--dmesg", mixed / "dmesg", "--sysfs", mixed, "--vl=cpu3=128,256,512", "-o", output)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "unknown core of MIDR 0x000f0510: taken to have SVE {128,256,512}: cpu0-2,4\n" in result.stderr
    assert "cpu3: the log says 'is refused (SVE: Required vector length(s) missing)'" in result.stderr
    assert read_scenario(output).kernel == "6.12"
    assert "# Contradiction: cpu3: the log says" in output.read_text()


def test_import_without_contradictions_exits_with_0(asymboot: Asymboot) -> None:
    given = [f"--vl=cpu{n}={','.join(map(str, one)) if one else 'none'}" for n, one in enumerate(SETS["mixed"])]
    result = asymboot("import", "--dmesg", MACHINES / "mixed" / "dmesg", *given)
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Nothing to import: give a device tree, --dmesg or --sysfs."),
        (["--dmesg", "missing.log"], "asymboot: missing.log: No such file or directory\n"),
        (["--sysfs", "missing"], "asymboot: missing: has no sys/devices/system/cpu/possible, and no file possible\n"),
        ([".", "--dmesg", "boot.log"], "--dmesg goes with one device tree only."),
    ],
)
def test_import_says_what_it_needs(
    asymboot: Asymboot, words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = asymboot("import", *words)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_log_may_come_through_a_pipe() -> None:
    command = [sys.executable, "-m", "sim.cli", "import", "--dmesg", "/dev/stdin", "--vl=cluster0=128"]
    told = subprocess.run(
        command, input=(MACHINES / "nosve" / "dmesg").read_text(), capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert 'name = "stdin"' in told.stdout


def test_python_wants_a_log_or_sysfs() -> None:
    with pytest.raises(InputError, match="a kernel log or a copy of sysfs must be given"):
        read_running_machine()


def test_a_copy_and_the_machine_itself_are_read_alike(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(MACHINES / "mixed", copy)
    assert read_running_machine(sysfs=copy).topology == read_running_machine(sysfs=MACHINES / "mixed").topology
