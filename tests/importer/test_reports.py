"""Tests of public reports, cut to the lines on CPUs: what the importer makes of each."""

import shutil
from pathlib import Path

import pytest

from sim.boot_run import boot
from sim.facts import CpuState
from sim.importer.imported import Imported, import_machine
from sim.importer.machine_evidence import Sources
from sim.importer.provenance import remarks
from sim.scenario import Action, Do, Fault, KvmMode
from sim.vectors import VectorType
from tests.importer.machines import HEAD, imported_log
from tests.systems import results

REPORTS = Path(__file__).parents[1] / "reports"


def imported(name: str) -> Imported:
    """Import a report: a log, or a folder with a copy of sysfs."""
    path = REPORTS / name
    found = import_machine(Sources(sysfs=path) if path.is_dir() else Sources(path), {})
    assert found.contradictions == ()
    return found


def test_sme_that_a_stable_release_has_is_in_use() -> None:
    scenario = imported("sme-on-6.1.115.log").scenario
    assert (scenario.kernel, scenario.flags.sme) == ("6.1.115+deb", True)
    info = boot(scenario).vectors["SME"]
    assert (info.min_vl_bytes, info.max_vl_bytes, info.default_vl_bytes) == (16, 256, 32)


def test_a_phone_s_cpu_goes_and_comes_back_under_pkvm() -> None:
    scenario = imported("pkvm-android-resume.log").scenario
    assert scenario.actions == (Action(Do.SUSPEND),)
    outcome = boot(scenario)
    assert outcome.facts.panic is None
    assert outcome.facts.online == (0, 1)


def test_cpuinfo_with_sme_and_without_sve_is_a_cpu_of_unknown_streaming_lengths() -> None:
    found = imported("m4-guest")
    assert all(cpu.sve_vqs is None and cpu.sme_vqs for cpu in found.scenario.topology.cpus)
    (source,) = {lengths.source for lengths in found.lengths.values()}
    assert source.endswith("SME unknown: SME is there, a length is assumed")
    assert {evidence.core_name for evidence in found.cpus} == {"Apple core, as macOS shows it to guests"}
    assert boot(found.scenario).facts.supports == {VectorType.SVE: False, VectorType.SME: True}


def told_of_features(found: Imported) -> list[str]:
    return [told for told in remarks(found) if "CPU features" in told or " is known;" in told]


UNKNOWN = "what depends on unknown registers is marked as unknown in a boot"
NO_REGISTER = "CPU features are not predicted: the table of cores has no value of an ID register of these cores."


def test_of_cores_without_known_registers_no_feature_is_said_to_be_modelled() -> None:
    apple = "Apple core, as macOS shows it to guests"
    assert told_of_features(imported("m4-guest")) == [NO_REGISTER, f"Of {apple} no ID register is known; {UNKNOWN}."]
    assert told_of_features(imported("sanity-other-register.log")) == [
        "CPU features are modelled as far as the table of cores has the values of ID registers.",
        f"Of arm,cortex-a720 ID_AA64MMFR1_EL1 is known; {UNKNOWN}.",
        f"Of arm,cortex-a520 ID_AA64MMFR1_EL1 is known; {UNKNOWN}.",
    ]


def test_cpuinfo_alone_shows_no_clusters_and_no_lengths() -> None:
    found = imported("oryon-cpuinfo")
    assert {cpu.clusters for cpu in found.scenario.topology.cpus} == {()}
    assert found.clusters.origin == "no source, so that there are none"
    assert {str(unknown) for unknown in found.unknown} == {
        "Qualcomm Oryon, generation 3, of unknown vector lengths: taken to have SVE {128}, SME {128}"
    }
    assert {lengths.source for lengths in found.lengths.values()} == {
        "unknown: what every CPU with SVE has; SME is there, a length is assumed"
    }


def test_a_cpu_that_starts_once_is_lost_at_its_second_cpu_on_and_refused_at_the_third() -> None:
    scenario = imported("pi5-reonline.log").scenario
    assert scenario.faults == (Fault("cpu1", never_arrives=True, first=2, last=2),)
    outcome = boot(scenario)
    assert results(outcome) == [("offline", None), ("failed", "EIO"), ("failed", "EINVAL")]
    assert outcome.cpu_rows()[1].state == CpuState.LOST


def test_a_cpu_that_is_denied_at_first_comes_at_the_second_attempt() -> None:
    scenario = imported("fails-then-comes.log").scenario
    assert scenario.faults == (Fault("cpu1", answer="DENIED", last=1),)
    assert results(boot(scenario)) == [("failed", "EPERM"), ("online", None)]


def test_a_cpu_that_sysfs_does_not_show_is_like_the_others() -> None:
    found = imported("sysfs-offline-v1")
    known, unseen = (found.lengths[cpu] for cpu in (0, 1))
    assert (known.sve_bits, unseen.sve_bits) == ((128, 256), (128, 256))
    assert unseen.source == "inferred: like the CPUs that are known, which are alike"
    assert boot(found.scenario).found == []


def test_the_core_of_a_log_that_ends_early_is_in_the_scenario(tmp_path: Path) -> None:
    lost = "CPU{0}: failed to come online\nCPU{0}: failed in unknown state : 0x0\n"
    log = HEAD.format(cpus=3).replace("411fd403", "410fd034") + lost.format(1) + lost.format(2)
    found = imported_log(log, tmp_path)
    assert {cpu.features.core.name for cpu in found.scenario.topology.cpus} == {"arm,cortex-a53"}
    assert "[0x410fd034]" in boot(found.scenario).log_text
    assert "cpu1-2 is taken to have the core of the CPU before it." in remarks(found)
    assert found.contradictions == ()


def test_a_wrapped_command_line_is_read_to_its_end() -> None:
    scenario = imported("wrapped-command-line.log").scenario
    assert (scenario.kvm_mode, scenario.maxcpus) == (KvmMode.PROTECTED, 1)


def test_a_missing_hwcap_is_the_reason_of_a_refusal() -> None:
    assert (
        "cpu4 reached the kernel and was refused there for missing HWCAP: SVE2, which a model of vector lengths alone "
        "does not have: simulated as if it never arrived."
    ) in remarks(imported("missing-hwcap.log"))


def test_a_cpu_that_is_lost_at_boot_and_refused_later_has_one_fault() -> None:
    assert imported("late-arrival-guest.log").scenario.faults == (Fault("cpu2", never_arrives=True),)


def test_cpus_at_different_levels_are_said_to_be_and_boot_with_the_kernels_warning() -> None:
    found = imported("mixed-el.log")
    outcome = boot(found.scenario)
    assert "CPU: CPUs started in inconsistent modes" in outcome.log_text
    assert outcome.facts.online == (0, 1, 2, 3)
    assert not outcome.facts.kvm_initialised
    assert any("it is not known which" in remark for remark in remarks(found))


def test_a_register_that_differs_is_named_with_its_field_its_values_and_its_cpus() -> None:
    assert (
        "cpu2-5: ID_AA64MMFR1_EL1 differs from the boot CPU's: SpecSEI (bits 27:24): 0 on the boot CPU, 1 here: "
        "strict in Linux 6.18 and 7.3; a taint, and no hwcap and no capability depends on it."
    ) in remarks(imported("sanity-other-register.log"))


def test_the_timer_shows_at_which_level_the_boot_cpu_started() -> None:
    found = imported("mixed-el-timer.log")
    assert not found.scenario.el2
    assert "The boot CPU started at EL1, as the kernel's timer shows." in remarks(found)
    assert "CPU: CPUs started in inconsistent modes" in boot(found.scenario).log_text


def test_cpus_that_no_line_names_are_late_and_not_left_out_by_the_command_line() -> None:
    found = imported("silent-cpus.log")
    assert found.scenario.maxcpus is None
    assert [cpu.late for cpu in found.scenario.topology.cpus] == [False, False, True, True]
    assert "No line tells of an attempt to start cpu2-3: taken to be late." in remarks(found)


def test_cpus_that_no_line_names_may_be_left_out_by_a_command_line_that_the_log_lacks(tmp_path: Path) -> None:
    text = (REPORTS / "silent-cpus.log").read_text()
    log = tmp_path / "no-command-line.log"
    log.write_text("".join(line for line in text.splitlines(keepends=True) if "command line" not in line))
    found = import_machine(Sources(log), {})
    assert found.scenario.maxcpus == 2
    assert (
        "No line tells of an attempt to start cpu2-3, and the command line is not in the log: taken to be left out by "
        "maxcpus=."
    ) in remarks(found)
    log.write_text(text.replace("console=ttyS0", "console=ttyS0 maxcpus=2"))
    assert not any(told.startswith("No line tells") for told in remarks(import_machine(Sources(log), {})))


def test_cpus_that_linux_does_not_use_are_named_with_the_reason() -> None:
    assert [told for told in remarks(imported("no-enable-method.log")) if told.startswith("Linux leaves out")] == [
        "Linux leaves out /cpus/cpu@1, whose enable-method is missing.",
        "Linux leaves out /cpus/cpu@2, whose enable-method is missing.",
        "Linux leaves out a CPU that the log does not name, whose enable-method is unsupported (acme,smp).",
        "Linux leaves out CPU 3 of the tree, whose cpu-release-addr is missing or invalid.",
    ]


def test_a_cpu_that_firmware_crashes_on_never_arrives() -> None:
    assert imported("firmware-crash.log").scenario.faults == (Fault("cpu4", never_arrives=True),)


def test_a_counter_frequency_that_firmware_did_not_write_loses_no_feature() -> None:
    (told,) = (one for one in remarks(imported("counter-frequency.log")) if "CNTFRQ_EL0 differs" in one)
    assert told.endswith("a taint, and programs that read the register here measure time wrongly.")


def test_a_missing_hwcap_of_sve_shows_that_the_system_has_sve() -> None:
    found = imported("missing-hwcap.log")
    assert [cpu.sve_vqs is not None for cpu in found.scenario.topology.cpus] == [True] * 8


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed: make system-deps")
def test_a_tree_with_a_spin_table_has_no_hotplug() -> None:
    found = import_machine(Sources(tree=REPORTS / "spin-table.dts"), {})
    assert not any(found.scenario.has_hotplug(cpu) for cpu in (0, 1))


@pytest.mark.skipif(shutil.which("dtc") is None, reason="dtc is not installed: make system-deps")
def test_a_64_bit_real_time_core_is_read() -> None:
    found = import_machine(Sources(tree=REPORTS / "cortex-r82.dts"), {})
    assert [evidence.core_name for evidence in found.cpus] == ["arm,cortex-r82"] * 2
    assert "No source states the revision of arm,cortex-r82: simulated as r0p0." in remarks(found)
    assert told_of_features(found) == [NO_REGISTER, f"Of arm,cortex-r82 no ID register is known; {UNKNOWN}."]


def test_a_cpu_that_the_kernel_refused_is_not_said_to_be_lost_to_firmware() -> None:
    outcome = boot(imported("missing-hwcap.log").scenario)
    assert outcome.found == []
    why = "reached the kernel and was refused there for missing HWCAP: SVE2"
    assert f"cpu4 never arrives here, in place of what a real kernel says of it: {why}" in outcome.notes
