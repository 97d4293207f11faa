"""Contradictions between sources, and between a machine and the model."""

from pathlib import Path

import pytest

from sim import Action, Do, KvmMode, Scenario, Topology, boot
from sim.importer.imported import import_machine
from sim.importer.machine_evidence import Sources
from tests.importer.machines import (
    BOOTED,
    HEAD,
    MACHINES,
    SETS,
    UNKNOWN_CORE,
    cpuinfo,
    dmesg_of,
    imported_log,
    imported_machine,
    imported_sysfs,
    sysfs_of,
    vls,
)
from tests.importer.trees import A510, BIG_LITTLE, node, saved, tree


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
    lines = dmesg_of("mixed").splitlines(keepends=True)
    kept = "".join(line for line in lines if lost not in line)
    assert len(kept) < sum(map(len, lines))
    assert imported_log(kept, tmp_path, **vls(SETS["mixed"])).contradictions == ()


def test_sets_that_imply_something_else_are_contradictions() -> None:
    imported = imported_machine("pkvm", **vls([(128, 256), (128,), (128, 256, 512)]))
    assert imported.contradictions == (
        "the log says SVE maximum 32 bytes, the sets given imply 16 bytes",
        "the log says SVE default 32 bytes, the sets given imply 16 bytes",
    )


def test_a_cpu_that_the_model_treats_otherwise_is_a_contradiction() -> None:
    imported = imported_machine("mixed", **vls([*[(128, 256, 512)] * 4, (128, 256), None]))
    assert imported.contradictions == (
        "cpu3: the log says 'is refused (SVE: Required vector length(s) missing)', the sets given imply 'comes online'",
        "cpu4: the log says 'comes online', the sets given imply 'is refused (SVE: Required vector length(s) missing)'",
    )


def test_an_early_cpu_that_the_model_does_not_bring_up_is_a_contradiction(tmp_path: Path) -> None:
    # No kernel tries an early CPU twice.
    text = HEAD.format(cpus=2) + "CPU1: failed to boot: -22\n" + BOOTED.format(1) + "smp: Brought up 1 node, 2 CPUs\n"
    assert imported_log(text, tmp_path, cluster0=None).contradictions == (
        "cpu1: the log says 'comes online', the sets given imply 'is not started (-22)'",
    )


def test_a_panic_that_only_the_model_has_is_a_contradiction(tmp_path: Path) -> None:
    toggled = (Action(Do.OFFLINE, "cpu1"), Action(Do.ONLINE, "cpu1"))
    ran = boot(
        Scenario(Topology.of([[128], [128]]), kernel="6.1.176+deb12", kvm_mode=KvmMode.PROTECTED, actions=toggled)
    )
    assert ran.facts.panic is not None
    first, _, rest = ran.log_text.partition("\n")
    lines = [f"{first}\nLinux version 6.1.176+deb12", *(line for line in rest.splitlines() if "panic" not in line)]
    lost = "[   99.000001] CPU1: failed to come online"
    imported = imported_log("\n".join([*lines, lost]), tmp_path, cluster0=(128,))
    assert imported.contradictions[-1].startswith("the model ends in a panic, and the log does not: ")


def test_log_and_sysfs_of_two_machines_contradict_each_other() -> None:
    imported = import_machine(Sources(MACHINES / "pkvm" / "dmesg", MACHINES / "mixed"), {})
    assert imported.contradictions[0] == "how many CPUs are possible: the log says 3, sysfs says 6"
    assert imported.contradictions[-1] == "sysfs says that cpu0-2,4 are online, the model that cpu0-1 are"


def test_cpuinfo_with_sve_contradicts_cores_that_have_none(tmp_path: Path) -> None:
    imported = imported_sysfs(sysfs_of(tmp_path, cpuinfo=cpuinfo(part="0xd0c")))
    assert imported.contradictions == ("cpuinfo says that the system has SVE, the cores' sets imply that it lacks it",)


def test_a_tree_of_another_board_is_a_contradiction(tmp_path: Path) -> None:
    imported = imported_log(HEAD.format(cpus=3), tmp_path, saved(tmp_path, BIG_LITTLE))
    assert imported.contradictions[0] == "cpu0: MIDR 0x411fd403 is arm,neoverse-v1, and the tree says arm,cortex-a510"


def test_registers_that_two_sources_state_otherwise_are_contradictions(tmp_path: Path) -> None:
    (tmp_path / "boot.log").write_text(HEAD.format(cpus=2) + BOOTED.format(1))
    root = sysfs_of(tmp_path, possible="0-1", online="0-1", **{"cpu1/regs/identification/midr_el1": "0x411fd400"})
    board = saved(tmp_path, tree(node(0, "acme,a"), node(0x100, "acme,a")))
    imported = import_machine(Sources(tmp_path / "boot.log", root, board), {"cpu0": None, "cpu1": None})
    assert imported.contradictions == (
        "cpu1: sysfs says MIDR 0x411fd400, not MIDR 0x411fd403",
        "cpu1: the tree says MPIDR 0x100, not MPIDR 0x1",
    )
    assert imported.cpus[1].midr == 0x411FD403
    assert imported.cpus[1].mpidr == 0x1


@pytest.mark.parametrize("compatible", ["arm,neoverse-v1", "acme,neoverse", "arm,new"])
def test_only_known_strings_of_arm_contradict_a_midr(compatible: str, tmp_path: Path) -> None:
    imported = imported_log(HEAD.format(cpus=1), tmp_path, saved(tmp_path, tree(node(0, compatible))))
    assert imported.contradictions == ()
    board = tree(node(0, f"{A510}\0{compatible}"))
    imported = imported_log(HEAD.format(cpus=1), tmp_path, saved(tmp_path, board))
    assert len(imported.contradictions) == (compatible != "arm,neoverse-v1")


def test_a_panic_that_the_model_does_not_have_is_a_contradiction(tmp_path: Path) -> None:
    text = HEAD.format(cpus=1) + "Kernel panic - not syncing: Attempted to kill the idle task!\n"
    assert imported_log(text, tmp_path, cpu0=None).contradictions == (
        "the log ends in 'Kernel panic - not syncing: Attempted to kill the idle task!', and the model goes on",
    )


@pytest.mark.parametrize(
    ("release", "mode"),
    [
        ("6.12.1", "Hyp"),
        ("6.12.1", "Hyp nVHE"),
        ("6.12.1", "VHE"),
        ("6.12.1", "Protected nVHE"),
        ("6.12.1", "Protected hVHE"),
        ("6.6.1", "Hyp"),
        ("6.6.1", "Hyp nVHE"),
        ("6.6.1", "Protected nVHE"),
        ("6.6.1", "Protected hVHE"),
    ],
)
@pytest.mark.parametrize("head", [HEAD, HEAD.replace("411fd403", UNKNOWN_CORE)])
def test_the_boot_of_a_log_has_its_mode_of_kvm(release: str, mode: str, head: str, tmp_path: Path) -> None:
    line = f"kvm [1]: {mode} mode initialized successfully\n"
    imported = imported_log(head.format(cpus=1).replace("6.12.1", release) + line, tmp_path, cpu0=None)
    assert imported.contradictions == ()
    assert line in boot(imported.scenario).log_text


def test_nested_virtualisation_is_not_compared(tmp_path: Path) -> None:
    text = HEAD.format(cpus=1) + "kvm [1]: VHE+NV2 mode initialized successfully\n"
    assert imported_log(text, tmp_path, cpu0=None).contradictions == ()


def test_another_mode_of_kvm_is_a_contradiction(tmp_path: Path) -> None:
    text = HEAD.format(cpus=1) + "kvm [1]: Hyp hVHE mode initialized successfully\n"
    assert imported_log(text, tmp_path, cpu0=None).contradictions == (
        "the log says KVM is initialised as 'Hyp hVHE', the model of Linux 6.12.1 says is initialised as 'VHE'",
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("HYP mode not available", "'HYP mode not available'"),
        ("KVM disabled from command line", "'KVM disabled from command line'"),
        ("error initializing Hyp mode: -12", "'error initializing Hyp mode: -12'"),
    ],
)
def test_a_state_of_kvm_that_the_model_does_not_have_is_a_contradiction(line: str, words: str, tmp_path: Path) -> None:
    text = f"{HEAD.format(cpus=1)}CPU: All CPU(s) started at EL2\nkvm [1]: {line}\n"
    assert imported_log(text, tmp_path, cpu0=None).contradictions == (
        f"the log says KVM {words}, the model of Linux 6.12.1 says is initialised as 'VHE'",
    )


def test_protected_mode_contradicts_a_command_line_that_asks_for_another(tmp_path: Path) -> None:
    line = "kvm [1]: Protected hVHE mode initialized successfully\n"
    asked = imported_log(HEAD.format(cpus=1) + "Kernel command line: kvm-arm.mode=nvhe\n" + line, tmp_path, cpu0=None)
    words = "is initialised as 'Protected hVHE', the model of Linux 6.12.1 says is initialised as 'Hyp nVHE'"
    assert asked.contradictions == (f"the log says KVM {words}",)
    lost = imported_log(HEAD.format(cpus=1) + line, tmp_path, cpu0=None)
    assert (lost.contradictions, lost.scenario.kvm_mode) == ((), KvmMode.PROTECTED)


def test_a_log_decides_whether_its_kernel_uses_sme(tmp_path: Path) -> None:
    imported = imported_log(
        HEAD.format(cpus=1) + "SME: maximum available vector length 64 bytes per vector\n", tmp_path
    )
    assert imported.scenario.kernel_flags == {"sme": True}
    assert imported.contradictions == ("the log says SME maximum 64 bytes, the cores' sets imply nothing",)


def test_a_log_of_a_kernel_before_the_model_is_not_judged(tmp_path: Path) -> None:
    text = HEAD.format(cpus=1) + "SVE: maximum available vector length 64 bytes per vector\n"
    assert imported_log(text, tmp_path, cpu0=None).contradictions != ()
    assert imported_log(text.replace("6.12.1", "5.10.0"), tmp_path, cpu0=None).contradictions == ()


def test_limits_of_guests_are_compared(tmp_path: Path) -> None:
    text = dmesg_of("clusters")
    for line in (
        "SVE: unvirtualisable vector lengths present",
        "KVM: SVE vector length for guests limited to 16 bytes",
    ):
        text = text.replace("] devtmpfs", f"] {line}\n[    0.9] devtmpfs", 1)
    assert imported_log(text, tmp_path, **vls([(128, 256)] * 8)).contradictions == (
        "the log says unvirtualisable SVE lengths are present, the sets given imply nothing",
        "the log says guests' SVE maximum 16 bytes, the sets given imply nothing",
    )


def test_lengths_that_the_model_calls_unvirtualisable_are_so_in_the_log(tmp_path: Path) -> None:
    text = dmesg_of("clusters")
    assert "unvirtualisable" not in text
    text = text.replace("vector length 32 bytes", "vector length 64 bytes")
    vls_of_cpus = vls([*[(128, 256, 512)] * 7, (128, 256, 384, 512)])
    assert imported_log(text, tmp_path, **vls_of_cpus).contradictions == (
        "the log says unvirtualisable SVE lengths nothing, the sets given imply are present",
    )


def test_a_refusal_without_its_reason_agrees_with_any_reason_of_the_same_extension(tmp_path: Path) -> None:
    text = dmesg_of("mixed").replace("SVE: cpu3: Required vector length(s) missing", "")
    assert imported_log(text, tmp_path, **vls(SETS["mixed"])).contradictions == ()
    lacking = vls([*SETS["mixed"][:3], None, *SETS["mixed"][4:]])
    stated, implied = "is refused (SVE: vector length support mismatch)", "is refused (lacks SVE)"
    assert imported_log(text, tmp_path, **lacking).contradictions == (
        f"cpu3: the log says {stated!r}, the sets given imply {implied!r}",
    )
    other = text.replace("CPU3: SVE: vector length support", "CPU3: SME: vector length support")
    assert len(imported_log(other, tmp_path, **vls(SETS["mixed"])).contradictions) == 1


def test_a_refusal_for_lack_of_sve_shows_that_the_system_has_it(tmp_path: Path) -> None:
    capability = "Detected conflict for capability 22 (Scalable Vector Extension), System: 1, CPU: 0"
    conflict = f"[ 8.0] CPU features: CPU1: {capability}\n"
    log = HEAD.format(cpus=2).replace("411fd403", UNKNOWN_CORE) + "[ 7.0] Run /init as init process\n"
    found = imported_log(log + conflict, tmp_path)
    assert found.scenario.topology.logical[0].features.register("ID_AA64PFR0_EL1") >> 32 & 0xF
    assert found.contradictions == ()


CORES = """\
Booting Linux on physical CPU 0x0000000000 [0x414fd0b1]
Linux version 6.12.1 (gcc)
Detected PIPT I-cache on CPU0
CPU features: detected: Spectre-v4
CPU1: Booted secondary processor 0x0000000001 [0x414fd0b1]
CPU2: Booted secondary processor 0x0000000002 [0x414fd0b1]
"""
CHECK = (
    "CPU features: SANITY CHECK: Unexpected variation in SYS_ID_AA64MMFR1_EL1. Boot CPU: {:#018x}, CPU{}: {:#018x}\n"
)


def test_lines_on_registers_that_the_model_does_not_have_are_contradictions(tmp_path: Path) -> None:
    # The boot CPU cannot have had both values.
    text = CORES + CHECK.format(0x10212122, 1, 0x10212120) + CHECK.format(0x10212121, 2, 0x10212120)
    (sentence,) = imported_log(text, tmp_path).contradictions
    assert sentence == (
        "cpu2: the log says of ID_AA64MMFR1_EL1 0x10212120 beside 0x10212121, "
        "the model says 0x10212120 beside 0x10212122"
    )


def test_a_panic_for_an_unsupported_cpu_that_the_model_does_not_have_is_a_contradiction(tmp_path: Path) -> None:
    panic = "Kernel panic - not syncing: CPU1 detected unsupported configuration"
    found = imported_log(HEAD.format(cpus=2) + f"CPU1: failed to come online\n{panic}\n", tmp_path, cpu0=None)
    assert found.contradictions == (f"the log ends in {panic!r}, and the model goes on",)
