"""Exception levels: which CPU of a log started where, what is assumed where the log does not say, and VHE."""

from pathlib import Path

import pytest

from sim.boot_run import boot
from sim.importer.imported import Imported
from sim.importer.log_reader import parse_kernel_log
from sim.importer.provenance import remarks
from sim.importer.start_levels import LevelSource, StartLevels, shows_vhe, start_levels
from tests.importer.machines import BOOTED, HEAD, UNKNOWN_CORE, imported_log

MIXED = "CPU: CPUs started in inconsistent modes\n"
NO_HYP = "kvm [1]: HYP mode not available\n"
VHE = "CPU features: detected: Virtualization Host Extensions\n"
TIMER = "arch_timer: cp15 timer(s) running at 54.00MHz ({}).\n"
LOST = "CPU{0}: failed to come online\nCPU{0}: failed in unknown state : 0x0\n"
CONFLICT = "Detected conflict for capability 51 (Virtualization Host Extensions), System: {}, CPU: {}\n"


def log_of(*lines: str, cpus: int = 3) -> str:
    return HEAD.format(cpus=cpus) + "".join(lines)


def mixed(*lines: str, cpus: int = 3) -> str:
    return log_of(*lines, f"smp: Brought up 1 node, {cpus} CPUs\n", MIXED, "devtmpfs: initialized\n", NO_HYP, cpus=cpus)


TWO_COME = BOOTED.format(1) + BOOTED.format(2)


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        (log_of("CPU: All CPU(s) started at EL2\n"), StartLevels(2, LevelSource.LINE)),
        (log_of("CPU: All CPU(s) started at EL1\n"), StartLevels(1, LevelSource.LINE)),
        (log_of(NO_HYP), StartLevels(1, LevelSource.KVM)),
        (log_of(TIMER.format("virt")), StartLevels(1, LevelSource.TIMER)),
        (log_of(TIMER.format("hyp-phys")), StartLevels(2, LevelSource.TIMER)),
        (log_of(VHE), StartLevels(2, LevelSource.VHE)),
        (mixed(TWO_COME), StartLevels(2, LevelSource.ASSUMED, (1, 2))),
        (mixed(TIMER.format("virt"), TWO_COME), StartLevels(1, LevelSource.TIMER, (1, 2))),
        (mixed(TIMER.format("phys"), BOOTED.format(1), cpus=2), StartLevels(2, LevelSource.TIMER, (1,))),
        # A kernel at EL1 brings up CPUs of both levels, and says nothing of why another is lost.
        (mixed(TIMER.format("phys"), BOOTED.format(1), LOST.format(2)), StartLevels(2, LevelSource.TIMER, (1, 2))),
        # A kernel at EL2 loses exactly those that start at EL1.
        (mixed(VHE, BOOTED.format(1), LOST.format(2)), StartLevels(2, LevelSource.VHE, (2,), are_dead=True)),
        (mixed(TIMER.format("phys"), LOST.format(1)), StartLevels(2, LevelSource.TIMER, (1,), are_dead=True)),
        (mixed(VHE, TWO_COME), StartLevels(2, LevelSource.VHE, are_dead=True)),
        (mixed(cpus=1), StartLevels(2, LevelSource.ASSUMED)),
        (
            log_of("CPU features: CPU1: " + CONFLICT.format(0, 1)),
            StartLevels(1, LevelSource.CONFLICT, (1,), are_dead=True),
        ),
        (log_of("CPU features: CPU1: " + CONFLICT.format(1, 0)), StartLevels(2, LevelSource.VHE, (1,), are_dead=True)),
    ],
)
def test_the_levels_that_a_log_shows(text: str, levels: StartLevels) -> None:
    assert start_levels(parse_kernel_log(text), boot_cpu_can_vhe=True) == levels


def test_a_boot_cpu_without_vhe_need_not_have_started_at_another_level() -> None:
    log = parse_kernel_log(log_of(TIMER.format("phys"), "CPU features: CPU1: " + CONFLICT.format(0, 1)))
    assert start_levels(log, boot_cpu_can_vhe=False) == StartLevels(2, LevelSource.TIMER, have_vhe=(1,))


READY = "kvm [1]: {} mode initialized successfully\n"


@pytest.mark.parametrize(
    ("lines", "vhe"),
    [
        ([VHE], True),
        ([READY.format("VHE+NV2")], True),
        ([READY.format("Protected hVHE")], True),
        ([READY.format("Hyp")], False),
        ([READY.format("Hyp nVHE")], False),
        # From 6.10 on, pKVM uses VHE where CPUs have it, and Neoverse V1 is known to.
        ([READY.format("Protected nVHE")], None),
        (["Kernel command line: kvm-arm.mode=nvhe\n", READY.format("Hyp nVHE")], None),
        (["Kernel command line: id_aa64mmfr1.vh=0\n", READY.format("Hyp")], None),
        ([MIXED], False),
        ([], None),
    ],
)
def test_whether_the_cpus_can_run_a_kernel_at_el2(lines: list[str], vhe: bool | None) -> None:
    assert shows_vhe(parse_kernel_log(log_of(*lines)), boot_cpu_can_vhe=True) is vhe


@pytest.mark.parametrize("word", ["", "arm64_sw.hvhe=0"])
@pytest.mark.parametrize("release", ["6.12.1", "6.6.1"])
@pytest.mark.parametrize("extension", ["", "SVE: maximum available vector length 32 bytes per vector\n"])
def test_pkvm_without_vhe_is_inferred_from_cpus_or_kernel(
    word: str, release: str, extension: str, tmp_path: Path
) -> None:
    text = log_of(f"Kernel command line: {word}\n", extension, READY.format("Protected nVHE"), cpus=1)
    text = text.replace("411fd403", UNKNOWN_CORE).replace("6.12.1", release)
    imported = imported_log(text, tmp_path)
    has_vhe = bool(word or extension or release == "6.6.1")
    (cpu,) = imported.scenario.topology.cpus
    assert cpu.features.vhe is has_vhe
    assert imported.scenario.kernel_flags == ({"pkvm_hvhe": False} if has_vhe and release == "6.12.1" else {})
    told = "Inferred: the CPUs have no VHE, as pKVM runs without it, and this kernel uses VHE where CPUs have it."
    assert (told in remarks(imported)) is not has_vhe


def booted_as_in_the_log(text: str, folder: Path) -> Imported:
    """Import a log whose scenario must log that levels differ, and must agree with the log in everything else."""
    imported = imported_log(text, folder)
    assert imported.contradictions == ()
    outcome = boot(imported.scenario)
    assert MIXED in outcome.log_text
    assert "HYP mode not available" in outcome.log_text
    return imported


def test_cpus_at_both_levels_all_of_which_come(tmp_path: Path) -> None:
    imported = booted_as_in_the_log(mixed(TWO_COME), tmp_path)
    assert [cpu.firmware.el for cpu in imported.scenario.topology.cpus] == [None, 1, 1]
    assert not any(cpu.features.vhe for cpu in imported.scenario.topology.cpus)
    assert imported.scenario.faults == ()
    first, *others = [*remarks(imported)][-3:]
    assert first.startswith("CPUs started at different exception levels")
    assert first.endswith("and KVM is off.")
    assert others == [
        "It is not known at which level the boot CPU started: simulated as EL2.",
        "Some of cpu1-2 started at EL1, and it is not known which: simulated as if all of them did.",
    ]


def test_a_cpu_that_can_only_be_the_cause_is_inferred_to_be(tmp_path: Path) -> None:
    imported = booted_as_in_the_log(mixed(TIMER.format("virt"), BOOTED.format(1), cpus=2), tmp_path)
    assert (imported.scenario.el2, imported.scenario.topology.cpus[1].firmware.el) == (False, 2)
    assert [*remarks(imported)][-2:] == [
        "The boot CPU started at EL1, as the kernel's timer shows.",
        "Inferred: cpu1 started at EL2, as no other CPU in the log can have.",
    ]


def test_a_cpu_that_dies_of_its_level_has_no_fault(tmp_path: Path) -> None:
    text = mixed(VHE, BOOTED.format(1), LOST.format(2)).replace("3 CPUs\n", "2 CPUs\n")
    imported = booted_as_in_the_log(text, tmp_path)
    assert imported.scenario.faults == ()
    assert [cpu.firmware.el for cpu in imported.scenario.topology.cpus] == [None, None, 1]
    assert "The boot CPU started at EL2, where the kernel runs." in remarks(imported)


def test_levels_that_no_cpu_explains_are_a_contradiction(tmp_path: Path) -> None:
    imported = imported_log(mixed().replace("3 CPUs\n", "1 CPU\n"), tmp_path)
    assert imported.contradictions[0] == (
        "the log says exception levels differ, the sets, of which some are assumed, imply nothing"
    )
    assert "No CPU in the log can have started at EL1: simulated as if all started at EL2." in remarks(imported)


@pytest.mark.parametrize("end", ["", "Kernel panic - not syncing: CPU1 detected unsupported configuration\n"])
def test_a_cpu_on_which_alone_the_kernel_would_run_at_el2_panics(end: str, tmp_path: Path) -> None:
    lines = "CPU features: CPU1: " + CONFLICT.format(0, 1) + "CPU1: failed to come online\n" + end
    imported = imported_log(log_of(lines, cpus=2), tmp_path)
    assert (imported.contradictions, imported.scenario.faults) == ((), ())
    assert "Inferred: the boot CPU started at EL1 and cpu1 at EL2, for which the kernel panics." in remarks(imported)
    assert not any("not modelled" in remark for remark in remarks(imported))
    panic = boot(imported.scenario).facts.panic
    assert panic is not None
    assert "EL2" in panic.sentence
