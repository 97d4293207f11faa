"""The state in which firmware starts CPUs: EL3 that does not enable an extension."""

from typing import Any

import pytest

from sim.boot_run import boot
from sim.hazards import HazardKind
from sim.outcome import Outcome
from sim.scenario import Scenario
from sim.topology import Cpu, Topology
from sim.vectors import VectorType
from tests.systems import guest, kinds, on, results, texts

LOST_LOG = ["CPU1: failed to come online", "CPU1: failed in unknown state : 0x0"]
COUNTS_ONLINE = "6.4"
"""The last series whose ``maxcpus=`` counts CPUs that are online."""


def started(*cpus: Cpu, **parts: Any) -> Outcome:
    return boot(Scenario(Topology(cpus), **parts))


def with_both(name: str, trapped: VectorType | None = None) -> Cpu:
    """Return a CPU with SVE and SME, of which EL3 does not enable one."""
    enabled = {one: one is not trapped for one in VectorType}
    return Cpu.of(name, 0b11, 0b11, cptr_el3_ez=enabled[VectorType.SVE], cptr_el3_esm=enabled[VectorType.SME])


@pytest.mark.parametrize(
    ("trapped", "parts", "dies"),
    [
        (VectorType.SVE, {}, True),
        (VectorType.SVE, {"el2": False}, True),
        (VectorType.SVE, {"nosve": True}, False),
        (VectorType.SVE, {"nosme": True}, True),
        (VectorType.SME, {}, True),
        (VectorType.SME, {"nosme": True}, False),
        (VectorType.SME, {"nosve": True}, True),
        (VectorType.SME, {"nosve": True, "kernel": "6.1"}, False),  # it switches SME off as well
        # At EL2 it makes no difference whether the kernel is built to use SME, and at EL1 it does.
        (VectorType.SME, {"kernel": "6.12"}, True),
        (VectorType.SME, {"kernel": "6.12", "el2": False}, False),
        (VectorType.SME, {"el2": False}, True),
    ],
)
def test_a_cpu_dies_when_its_first_use_of_an_extension_traps_to_el3(
    trapped: VectorType, parts: dict[str, Any], dies: bool
) -> None:
    outcome = started(with_both("cpu0"), with_both("cpu1", trapped), **parts)
    assert outcome.facts.online == ((0,) if dies else (0, 1))
    assert (HazardKind.CPU_LOST_TO_FIRMWARE in kinds(outcome)) == dies
    assert [line for line in texts(outcome) if "CPU1: failed" in line] == (LOST_LOG if dies else [])
    silent = started(with_both("cpu0", trapped), with_both("cpu1"), **parts)
    assert (silent.facts.log == ()) == dies
    assert (kinds(silent)[:1] == [HazardKind.DOES_NOT_BOOT]) == dies


def test_a_cpu_without_the_extension_does_not_use_it() -> None:
    outcome = started(Cpu.of("cpu0", None, cptr_el3_ez=False), Cpu.of("cpu1", 1, cptr_el3_ez=False, late=True))
    assert outcome.facts.online == (0,)
    assert outcome.found == []


def test_at_el1_a_cpu_is_probed_only_if_the_system_has_the_extension() -> None:
    trapped = Cpu.of("cpu1", 0b11, cptr_el3_ez=False)
    assert started(Cpu.of("cpu0"), trapped, el2=False).facts.online == (0, 1)
    assert started(Cpu.of("cpu0"), trapped).facts.online == (0,)


def test_a_late_cpu_that_traps_to_el3_is_lost_and_on_already() -> None:
    trapped = Cpu.of("cpu1", 1, cptr_el3_ez=False)
    outcome = started(Cpu.of("cpu0", 1), trapped, maxcpus=1, actions=(on(1), on(1)))
    assert results(outcome) == [("failed", "EIO"), ("failed", "EINVAL")]
    assert [row.detail for row in outcome.event_rows() if row.kind in {"died", "CPU_ON answered"}] == [
        "SUCCESS",
        "its first use of SVE traps to EL3",
        "ALREADY_ON",
    ]
    assert outcome.cpu_rows()[1].state == "lost"
    (hazard,) = outcome.found
    assert hazard.sentence == (
        "cpu1: its first use of SVE traps to EL3, where CPTR_EL3.EZ is 0: it dies without a line"
    )


def test_a_system_that_does_not_boot_does_nothing_else() -> None:
    outcome = started(Cpu.of("cpu0", 1, cptr_el3_ez=False), Cpu.of("cpu1", 1), actions=(on(1), guest(0)))
    assert [(row.kind, row.cpu) for row in outcome.event_rows()] == [("died", 0)]
    assert [row.state for row in outcome.cpu_rows()] == ["lost", "offline"]
    assert outcome.facts.actions == ()


def test_arm64_nosve_denies_nothing_where_el3_does_not_enable_sve() -> None:
    assert started(Cpu.of("cpu0", 0b11, cptr_el3_ez=False), Cpu.of("cpu1", 0b11), nosve=True).found == []


def test_a_cpu_that_traps_to_el3_makes_room_where_maxcpus_counts_online_cpus() -> None:
    cpus = Cpu.of("cpu0", 1), Cpu.of("cpu1", 1, cptr_el3_ez=False), Cpu.of("cpu2", 1)
    outcome = started(*cpus, kernel=COUNTS_ONLINE, maxcpus=2)
    assert (outcome.facts.online, outcome.facts.early, outcome.scenario.early) == ((0, 2), (0, 1, 2), (0, 1, 2))
