"""The table of cores: legal lengths, sources, and what is not arm64."""

import pytest

from sim.importer.core_table import compatible_of_midr, core_table, find_core, is_arm64
from sim.topology import Topology, cpu


def test_known_cores_have_legal_lengths_and_a_source() -> None:
    for name, core in core_table().cores.items():
        assert core.source, name
        Topology((cpu(name, core.sve_bits or None, core.sme_bits or None),))
    assert not core_table().not_arm64 & set(core_table().cores)
    assert set(core_table().midrs.values()) <= set(core_table().cores)


def test_the_first_compatible_string_in_the_table_counts() -> None:
    assert find_core(("fujitsu,a64fx",)) == core_table().cores["fujitsu,a64fx"]
    assert find_core(("acme,new", "arm,neoverse-v1")) == core_table().cores["arm,neoverse-v1"]
    assert find_core(("qcom,kryo",)) is None


def test_variant_revision_and_architecture_of_a_midr_do_not_matter() -> None:
    assert {compatible_of_midr(midr) for midr in (0x410FD400, 0x411FD402, 0x4100D40F)} == {"arm,neoverse-v1"}
    assert compatible_of_midr(0x410FD405 ^ 0x0100_0000) is None


@pytest.mark.parametrize("core", ["arm,armv8", "arm,arm-v8", "arm,cortex-a53", "acme,new"])
def test_a_core_may_be_arm64_unless_it_is_known_to_be_something_else(core: str) -> None:
    assert is_arm64(core)


@pytest.mark.parametrize(
    "core",
    [
        "intel,ce4100",
        "PowerPC,e500mc",
        "brcm,bmips5000",
        "loongson,la364",
        "qcom,krait",
        "arm,arm1176jzf-s",
        "arm,cortex-r52",
    ],
)
def test_a_core_of_another_architecture_is_not_arm64(core: str) -> None:
    assert not is_arm64(core)
