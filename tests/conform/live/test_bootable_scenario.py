"""Tests of the parts of a scenario that a live boot keeps, leaves out, or refuses."""

from dataclasses import replace

import pytest

from sim import Action, Do, Fault, InputError, KvmInit, Relay, Scenario, Topology, cpu, read_scenario
from sim.conform.live.bootable_scenario import bootable_scenario, omitted_parts
from sim.conform.live.kernel_image import Image
from sim.conform.live_cases import read_cases
from sim.conform.recorded_actions import action_text
from sim.latencies import Latencies, fixed
from tests.conform.samples import DIRECTED, directed_boots


def _scenario(**changes: object) -> Scenario:
    topology = Topology.of([[128], [128, 256], [128]])
    return Scenario(topology, maxcpus=2, kernel="6.18", design="tabba", relay=Relay.RELAXED).but(**changes)


def test_the_image_decides_on_kernel_design_and_relay(image: Image) -> None:
    actions = (Action(Do.ONLINE, "cpu2"), Action(Do.GUEST, "cpu0"))
    booted = bootable_scenario(_scenario(actions=actions), image)
    assert (booted.kernel, booted.design, booted.relay) == ("6.12.9-test", None, Relay.ENFORCING)
    assert booted.actions == actions[:1]
    patched = bootable_scenario(_scenario(), image, "tabba").active_design
    assert patched is not None
    assert patched.name == "tabba"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"faults": (Fault("cpu1", never_arrives=True),)}, "faults of firmware"),
        ({"actions": tuple(Action(Do.ONLINE, "cpu2", agent=agent) for agent in "ab")}, "several agents"),
        ({"actions": (Action(Do.AWAIT, "cpu2"),)}, "await"),
        ({"allocation_fails_at": "cpu1"}, "a failing allocation"),
        ({"topology": read_scenario("rk3588").topology}, "named cores, whose ID registers"),
        ({"kernel_config": {"CONFIG_ARM64_SVE": False}}, "the kernel's configuration, which its image fixes"),
        ({"bring_up": "parallel"}, "in parallel"),
        ({"kvm_init": KvmInit.ANY_TIME}, "at any time"),
        (
            {"topology": Topology((cpu("a", [128]), cpu("b", [128], late=True), cpu("c", [128])))},
            "behind a late CPU",
        ),
        ({"topology": Topology((cpu("a", [128], [128]), cpu("b", [128])))}, "with SME and without"),
        ({"topology": Topology((cpu("a", [128], [128]), cpu("b", None, [128])))}, "of which some lack SVE"),
    ],
)
def test_a_part_that_no_real_boot_can_have_is_refused(image: Image, changes: dict[str, object], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        bootable_scenario(_scenario(**changes), image)


@pytest.mark.parametrize(
    ("changes", "omitted"),
    [
        ({"kernel": "6.12", "design": None, "relay": "enforcing"}, []),
        ({}, ["kernel 6.18", "design tabba", "relay relaxed"]),
        ({"kernel": "6.12", "design": "constrain-v2", "relay": "enforcing", "seed": 1}, ["seed"]),
        (
            {"kernel": "6.12", "design": None, "page_bytes": 4096, "memory": "isolated"},
            ["relay relaxed", "memory isolated"],
        ),
        (
            {"kernel": "6.12", "design": "tabba", "latencies": Latencies(probe=fixed("1us"))},
            ["design tabba", "relay relaxed", "latencies"],
        ),
        (
            {"kernel": "6.11", "design": None, "actions": (Action(Do.ONLINE, "cpu2", 5), Action(Do.GUEST, "cpu0"))},
            ["kernel 6.11", "relay relaxed", "guests", "the actions' times"],
        ),
    ],
)
def test_omitted_parts_are_named(image: Image, changes: dict[str, object], omitted: list[str]) -> None:
    scenario = _scenario(**changes)
    assert omitted_parts(scenario, bootable_scenario(scenario, image)) == omitted


def test_the_page_size_is_the_images(image: Image) -> None:
    large = replace(image, page_bytes=16384)
    for page_bytes, omitted in ((4096, ["page_bytes 4096"]), (16384, [])):
        scenario = _scenario(kernel="6.12", design=None, relay="enforcing", page_bytes=page_bytes)
        booted = bootable_scenario(scenario, large)
        assert (booted.page_bytes, omitted_parts(scenario, booted)) == (16384, omitted)


def test_the_design_that_the_kernel_is_patched_to_is_not_omitted(image: Image) -> None:
    scenario = _scenario(kernel="6.12", relay="enforcing")
    assert omitted_parts(scenario, bootable_scenario(scenario, image, "tabba")) == []


def test_recorded_boots_can_be_booted_again(image: Image) -> None:
    for case, record in zip(read_cases(DIRECTED), directed_boots(), strict=True):
        booted = bootable_scenario(case.scenario, image)
        assert [action_text(action.do, booted.cpu_of(action)) for action in booted.actions] == [
            action.action for action in record.observed.actions
        ]
