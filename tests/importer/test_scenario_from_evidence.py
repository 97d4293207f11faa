"""Scenarios made of logs: kernel, mode, late CPUs, actions and faults."""

from pathlib import Path

import pytest

from sim import Do, KvmMode, boot, read_running_machine
from sim.hazard_kinds import HazardKind
from sim.importer.provenance import remarks
from sim.scenario import Fault
from tests.importer.machines import BOOTED, HEAD, KILLED, MACHINES, UNKNOWN_CORE, imported_log


def test_a_log_states_the_kernel_its_mode_the_late_cpus_and_what_user_space_did() -> None:
    scenario = read_running_machine(MACHINES / "mixed" / "dmesg")
    assert (scenario.kernel, scenario.kvm_mode, scenario.el2, scenario.maxcpus) == (
        "6.12.117+deb13-arm64",
        KvmMode.NVHE,
        True,
        3,
    )
    assert [(action.do, action.cpu) for action in scenario.actions] == [
        (Do.ONLINE, "cpu3"),
        (Do.OFFLINE, "cpu1"),
        (Do.ONLINE, "cpu4"),
        (Do.ONLINE, "cpu5"),
        (Do.ONLINE, "cpu1"),
    ]
    assert not read_running_machine(MACHINES / "clusters" / "dmesg").el2
    assert read_running_machine(MACHINES / "nosve" / "dmesg").arm64_nosve
    assert read_running_machine(MACHINES / "pkvm" / "dmesg").has_pkvm
    assert read_running_machine(MACHINES / "bookworm" / "dmesg").kernel == "6.1.176+deb"


def test_firmware_that_refuses_or_loses_an_early_cpu_is_a_fault(tmp_path: Path) -> None:
    text = (
        HEAD.format(cpus=4)
        + "psci: failed to boot CPU1 (-1)\nCPU1: failed to boot: -1\n"
        + "CPU2: failed to come online\nCPU2: failed in unknown state : 0x0\n"
        + BOOTED.format(3)
        + "smp: Brought up 1 node, 2 CPUs\n"
    )
    imported = imported_log(text, tmp_path, cluster0=None)
    assert imported.scenario.faults == (Fault("cpu1", answer="DENIED"), Fault("cpu2", never_arrives=True))
    assert imported.contradictions == ()


@pytest.mark.parametrize(("mode", "faults"), [("nvhe", 1), ("protected", 0)])
def test_the_relay_of_pkvm_explains_why_a_late_cpu_is_not_started(mode: str, faults: int, tmp_path: Path) -> None:
    words = f"Kernel command line: maxcpus=1 kvm-arm.mode={mode}\n"
    text = HEAD.format(cpus=2) + words + "smp: Brought up 1 node, 1 CPU\nCPU1: failed to boot: -22\n"
    imported = imported_log(text, tmp_path, cluster0=None)
    assert len(imported.scenario.faults) == faults
    assert imported.contradictions == ()


@pytest.mark.parametrize("level", ["CPU: All CPU(s) started at EL1\n", "kvm [1]: HYP mode not available\n"])
def test_without_el2_there_is_no_relay_to_explain_anything(level: str, tmp_path: Path) -> None:
    words = "Kernel command line: maxcpus=1 kvm-arm.mode=protected\n"
    text = HEAD.format(cpus=2) + words + "smp: Brought up 1 node, 1 CPU\n" + level + "CPU1: failed to boot: -22\n"
    imported = imported_log(text, tmp_path, cluster0=None)
    assert imported.scenario.faults == (Fault("cpu1", answer="EINVAL"),)
    assert imported.contradictions == ()


MAXCPUS_LOG = """\
Booting Linux on physical CPU 0x0 [0x410fd034]
Linux version {release}
{command_line}nr_cpu_ids={possible}
CPU1: failed to come online
CPU1: failed in unknown state : 0x0
{came}smp: Brought up 1 node, {online} CPUs
CPU: All CPU(s) started at EL1
"""


@pytest.mark.parametrize("possible", [4, 6])
@pytest.mark.parametrize("command_line", ["Kernel command line: maxcpus=3\n", ""])
@pytest.mark.parametrize(("release", "last"), [("6.1.50", 3), ("6.8.1", 2)])
def test_maxcpus_is_that_of_the_command_line_though_an_early_cpu_failed(
    release: str, last: int, command_line: str, possible: int, tmp_path: Path
) -> None:
    """Pin that up to 6.4 the next CPU comes early in the place of a CPU that failed, with the limit unchanged."""
    came = "".join(f"CPU{cpu}: Booted secondary processor 0x{cpu} [0x410fd034]\n" for cpu in range(2, last + 1))
    text = MAXCPUS_LOG.format(release=release, command_line=command_line, possible=possible, came=came, online=last)
    imported = imported_log(text, tmp_path)
    is_shown = command_line or last + 1 < possible
    assert imported.scenario.maxcpus == (3 if is_shown else None)
    assert not any(cpu.late for cpu in imported.scenario.topology.cpus)
    assert imported.contradictions == ()
    assert boot(imported.scenario).facts.early == tuple(range(last + 1))


@pytest.mark.parametrize(("release", "early"), [("6.1.50", (0, 1, 2, 3)), ("6.8.1", (0, 1, 2))])
def test_a_cpu_that_comes_in_the_place_of_a_lost_cpu_is_early_though_the_log_ends_before(
    release: str, early: tuple[int, ...], tmp_path: Path
) -> None:
    came = "CPU2: Booted secondary processor 0x2 [0x410fd034]\n"
    words = "Kernel command line: maxcpus=3\n"
    text = MAXCPUS_LOG.format(release=release, command_line=words, possible=6, came=came, online=2)
    for cut in (text.partition("smp:")[0], text.partition(came)[0]):
        imported = imported_log(cut, tmp_path)
        assert boot(imported.scenario).facts.early == early
        assert imported.contradictions == ()


@pytest.mark.parametrize("parameter", ["nosmp", "maxcpus=0", "maxcpus=2 nosmp"])
def test_nosmp_keeps_every_secondary_out(parameter: str, tmp_path: Path) -> None:
    text = HEAD.format(cpus=4) + f"Kernel command line: {parameter}\nCPU: All CPU(s) started at EL1\n"
    imported = imported_log(text, tmp_path)
    assert (imported.scenario.maxcpus, imported.scenario.early, imported.scenario.actions) == (1, (0,), ())
    assert (
        "The command line keeps cpu1-3 from being present, which user space cannot change: simulated as late, and "
        "never brought up."
    ) in remarks(imported)
    assert imported.contradictions == ()


def test_a_cpu_that_is_refused_went_offline_before_though_no_line_says_so(tmp_path: Path) -> None:
    text = HEAD.format(cpus=2) + BOOTED.format(1) + "smp: Brought up 1 node, 2 CPUs\nCPU1: failed to come online\n"
    imported = imported_log(text, tmp_path, cluster0=None)
    assert [action.do for action in imported.scenario.actions] == [Do.OFFLINE, Do.ONLINE]
    assert imported.contradictions == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("CPU features: CPU1: VMID width mismatch", "VMID width mismatch"),
        ("CPU features: CPU1: IPA range mismatch", "IPA range mismatch"),
        ("CPU1: smaller ASID size(8) than boot CPU (16)", "smaller ASID size (8 bits, 16 on the boot CPU)"),
    ],
)
def test_the_reason_of_a_refusal_is_kept(line: str, reason: str, tmp_path: Path) -> None:
    more = f"smp: Brought up 1 node, 1 CPU\n{line}\nCPU1: will not boot\nCPU1: failed to come online\n"
    imported = imported_log(HEAD.format(cpus=2) + more, tmp_path, cluster0=None)
    assert imported.machine.log is not None
    assert [step.other_reason for step in imported.machine.log.late] == [reason]
    why_not = "which a model of vector lengths alone does not have"
    told = f"cpu1 reached the kernel and was refused there for {reason}, {why_not}: simulated as if it never arrived."
    assert told in remarks(imported)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("CPU1: is stuck in kernel", "is stuck there (is stuck in kernel)"),
        ("CPU1: will not boot", "was refused there, and no line says why"),
    ],
)
def test_a_cpu_that_reached_the_kernel_is_said_to(line: str, words: str, tmp_path: Path) -> None:
    text = HEAD.format(cpus=2) + f"{line}\nCPU1: failed to come online\n"
    for log, why_not in (
        (text, "which no register of its core explains"),
        (text.replace("411fd403", UNKNOWN_CORE), "which a model of vector lengths alone does not have"),
    ):
        told = f"cpu1 reached the kernel and {words}, {why_not}: simulated as if it never arrived."
        assert told in remarks(imported_log(log, tmp_path))


@pytest.mark.parametrize(
    ("lines", "origin"),
    [
        ("CPU1: failed to boot: -6\n", "firmware had not prepared the mailbox of ACPI's parking protocol (ENXIO)"),
        ("CPU1: failed to boot: -5\n", "the kernel could not map the mailbox of ACPI's parking protocol (EIO)"),
        ("CPU1: failed to boot: -12\n", "no way in which mainline's arm64 kernels start CPUs gives this errno"),
        ("CPU1: failed to boot: -38\n", "no way in which mainline's arm64 kernels start CPUs gives this errno"),
        ("psci: failed to boot CPU1 (-5)\n", "mainline makes no answer of PSCI this errno"),
        ("psci: failed to boot CPU1 (-5)\nCPU1: failed to boot: -5\n", "mainline makes no answer of PSCI this errno"),
    ],
)
def test_a_cpu_that_something_else_than_psci_could_not_start_has_the_nearest_fault(
    lines: str, origin: str, tmp_path: Path
) -> None:
    imported = imported_log(HEAD.format(cpus=2) + lines + "smp: Brought up 1 node, 1 CPU\n", tmp_path, cluster0=None)
    assert imported.scenario.faults == (Fault("cpu1", answer="EINVAL"),)
    assert imported.contradictions == ()
    (told,) = [one for one in remarks(imported) if "could not be started" in one]
    assert origin in told
    assert "the nearest fault, an answer that becomes EINVAL (-22)" in told


@pytest.mark.parametrize(("error", "answer"), [(-22, "EINVAL"), (-1, "DENIED"), (-95, "NOT_SUPPORTED")])
def test_the_line_of_psci_alone_is_a_fault(error: int, answer: str, tmp_path: Path) -> None:
    text = HEAD.format(cpus=2).replace("6.12.1", "6.10.1") + f"psci: failed to boot CPU1 ({error})\n"
    imported = imported_log(text + "smp: Brought up 1 node, 1 CPU\n", tmp_path, cluster0=None)
    assert imported.scenario.faults == (Fault("cpu1", answer=answer),)
    assert imported.contradictions == ()
    assert list(boot(imported.scenario).facts.online) == [0]


def test_a_conflict_shows_that_the_boot_cpu_has_what_the_system_has(tmp_path: Path) -> None:
    """Pin that the late CPU is refused, although the lines on the system's SVE were cut from the log."""
    more = (
        "smp: Brought up 1 node, 1 CPU\ndevtmpfs: initialized\nCPU features: CPU1: Detected conflict for capability 22 "
        "(Scalable Vector Extension), System: 1, CPU: 0\nCPU1: will not boot\n"
    )
    imported = imported_log(HEAD.format(cpus=2) + more, tmp_path)
    boot_cpu, late = imported.scenario.topology.logical
    assert (boot_cpu.sve_vqs is not None, late.sve_vqs) == (True, None)
    assert imported.contradictions == ()


def test_a_model_that_panics_is_told_of_an_older_kernel_too(tmp_path: Path) -> None:
    text = (
        "Booting Linux on physical CPU 0x0 [0x410fd034]\nLinux version 4.19.113\nnr_cpu_ids=2\n"
        "CPU features: SANITY CHECK: Unexpected variation in SYS_ID_AA64PFR0_EL1. Boot CPU: 0x2222, CPU1: 0x11112222\n"
        "CPU1: Booted secondary processor 0x1 [0x410fd0a0]\nsmp: Brought up 1 node, 2 CPUs\n"
    )
    (told,) = imported_log(text, tmp_path).contradictions
    assert told.startswith("the model ends in a panic, and the log does not: cpu1 has GIC system register CPU")


LOST = "CPU1: failed to come online\nCPU1: failed in unknown state : 0x0\n"
DENIED = "psci: failed to boot CPU1 (-1)\nCPU1: failed to boot: -1\n"
DENIED_AGAIN = "[   60.000001] psci: failed to boot CPU1 (-1)\n[   60.000002] CPU1: failed to boot: -1\n"
INVALID = "psci: failed to boot CPU1 (-22)\nCPU1: failed to boot: -22\n"
NOT_OFF = (
    "psci: CPU1 may not have shut down cleanly (AFFINITY_INFO reports 0)\nCPU1 may not have shut down cleanly: -110\n"
)


@pytest.mark.parametrize(
    ("later", "faults"),
    [
        # After a CPU was lost, firmware answers ON_PENDING by itself.
        (KILLED.format(1) + LOST + INVALID, [Fault("cpu1", never_arrives=True, first=2, last=2)]),
        (KILLED.format(1) + INVALID, [Fault("cpu1", answer="EINVAL", first=2, last=2)]),
        (
            KILLED.format(1) + DENIED + DENIED_AGAIN + BOOTED.format(1),
            [Fault("cpu1", answer="DENIED", first=2, last=3)],
        ),
        (
            KILLED.format(1) + INVALID + LOST,
            [Fault("cpu1", answer="EINVAL", first=2, last=2), Fault("cpu1", never_arrives=True, first=3, last=3)],
        ),
        # A CPU that did not go off is ALREADY_ON; where it comes back, it went off after all.
        (NOT_OFF, [Fault("cpu1", stays_on=True, first=1, last=1)]),
        (NOT_OFF + INVALID, [Fault("cpu1", stays_on=True, first=1, last=1)]),
        (NOT_OFF + BOOTED.format(1).replace("0.1", "9.1"), []),
        (NOT_OFF + LOST, [Fault("cpu1", never_arrives=True, first=2, last=2)]),
    ],
)
def test_a_fault_concerns_the_cpu_on_that_went_wrong(later: str, faults: list[Fault], tmp_path: Path) -> None:
    text = HEAD.format(cpus=2).replace("6.12.1", "6.11.1") + BOOTED.format(1) + "smp: Brought up 1 node, 2 CPUs\n"
    imported = imported_log(text + later, tmp_path, cluster0=None)
    assert list(imported.scenario.faults) == faults
    assert imported.contradictions == ()


def test_a_cpu_that_does_not_go_off_is_reproduced_to_the_line(tmp_path: Path) -> None:
    text = HEAD.format(cpus=2) + BOOTED.format(1) + "smp: Brought up 1 node, 2 CPUs\n" + NOT_OFF + INVALID
    outcome = boot(imported_log(text, tmp_path, cluster0=None).scenario)
    lines = [line.text for line in outcome.facts.log]
    first = lines.index("psci: CPU1 may not have shut down cleanly (AFFINITY_INFO reports 0)")
    assert lines[first : first + 4] == (NOT_OFF + INVALID).splitlines()
    (lost,) = (one for one in outcome.found if one.kind is HazardKind.CPU_LOST_TO_FIRMWARE)
    assert "did not switch it off" in lost.sentence


def test_a_cpu_that_is_lost_and_asked_for_again_has_one_fault(tmp_path: Path) -> None:
    text = HEAD.format(cpus=2) + LOST + "smp: Brought up 1 node, 1 CPU\n" + INVALID
    imported = imported_log(text, tmp_path, cluster0=None)
    assert imported.scenario.faults == (Fault("cpu1", never_arrives=True),)
    assert imported.contradictions == ()


REASON = "reached the kernel and was refused there for conflict of 32-bit EL0 Support"


def test_a_cpu_refused_for_something_that_is_not_modelled_never_arrives(tmp_path: Path) -> None:
    text = (
        HEAD.format(cpus=2)
        + "CPU features: CPU1: Detected conflict for capability 9 (32-bit EL0 Support), System: 1, CPU: 0\n"
        + "CPU1: will not boot\nCPU1: failed to come online\npsci: CPU1 killed (polled 0 ms)\n"
        + "CPU1: died during early boot\n"
    )
    imported = imported_log(text, tmp_path, cluster0=None)
    assert imported.scenario.faults == (Fault("cpu1", never_arrives=True, stands_for=REASON),)
    assert imported.contradictions == ()


def test_the_last_of_two_parameters_counts_as_for_linux(tmp_path: Path) -> None:
    words = "kvm-arm.mode=nvhe kvm_arm.mode=protected quiet -- arm64.nosve"
    kvm = "kvm [1]: Protected nVHE mode initialized successfully\n"
    imported = imported_log(f"{HEAD.format(cpus=1)}Kernel command line: {words}\n{kvm}", tmp_path, cpu0=None)
    assert (imported.scenario.kvm_mode, imported.scenario.arm64_nosve) == (KvmMode.PROTECTED, False)
    assert imported.contradictions == ()


def test_kvm_tells_the_exception_level_where_no_other_line_does(tmp_path: Path) -> None:
    unavailable = HEAD.format(cpus=1) + "kvm [1]: HYP mode not available\n"
    assert not imported_log(unavailable, tmp_path).scenario.el2
    assert imported_log(HEAD.format(cpus=1), tmp_path).scenario.el2
    assert imported_log(unavailable + "CPU: All CPU(s) started at EL2\n", tmp_path).scenario.el2
