"""The table of cores: legal lengths, sources, and what is not arm64."""

import pytest

from sim.cores.core_table import core_of_midr, core_table, find_core, is_arm64
from sim.cores.known_cores import core_names, known_core
from sim.id_registers import AARCH32, EL0, EL1, IdField
from sim.topology import Topology, cpu
from sim.vectors import VectorType

ARM_PARTS = """
d00 d02 d03 d04 d05 d06 d07 d08 d09 d0a d0b d0c d0d d0e d0f d14 d15 d40 d41 d42 d43 d44 d46 d47 d48 d49 d4a d4b d4c d4d
d4e d4f d80 d81 d82 d83 d84 d85 d87 d88 d89 d8a d8b d8c d8e d8f d90
"""
PARTS = {
    0x00: "051",
    0x41: ARM_PARTS,
    0x42: "100 516",
    0x43: "0a1 0a2 0a3 0af 0b1 0b2 0b3 0b4 0b5 0b6",
    0x46: "001 003",
    0x48: "d01 d02 d06 d42",
    0x4E: "000 003 004 010",
    0x50: "000",
    0x51: "001 002 200 201 205 211 800 801 802 803 804 805 c00 c01",
    0x53: "001 002 003 004",
    0x61: "000 022 023 024 025 028 029 032 033 034 035 038 039 042 043 052 053",
    0x6D: "d49",
    0x70: "303 660 661 662 663 664 862",
    0xC0: "ac3 ac4",
}
"""The part numbers of arm64 cores that Linux 7.3 or a public log names, by implementer."""


def test_known_cores_have_legal_lengths_and_a_source() -> None:
    for name, core in core_table().cores.items():
        assert core.source, name
        Topology((cpu(name, core.sve_bits or None, core.sme_bits or None),))
    assert not core_table().not_arm64 & set(core_table().cores)
    assert set(core_table().midrs.values()) <= set(core_table().cores)


@pytest.mark.parametrize(
    ("string", "midr"),
    [
        ("hisilicon,tsv110", 0x481FD010),
        ("ampere,ampere1", 0xC00FAC30),
        ("samsung,exynos-m1", 0x531F0010),
        ("samsung,mongoose-m2", 0x534F0010),
    ],
)
def test_another_string_of_a_core_names_the_core_of_its_midr(string: str, midr: int) -> None:
    name = core_of_midr(midr)
    assert name is not None
    assert find_core([string]) is find_core([name])
    assert (known_core(string).name, known_core(string).midr) == (name, known_core(name).midr)


def test_other_strings_are_of_cores_of_the_table() -> None:
    table = core_table()
    assert set(table.other_strings.values()) <= set(table.cores)
    assert not set(table.other_strings) & set(table.cores)
    assert all(is_arm64(string) for string in table.other_strings)


@pytest.mark.parametrize(("implementer", "parts"), PARTS.items(), ids=map(hex, PARTS))
def test_every_core_that_linux_or_a_public_log_names_has_a_name(implementer: int, parts: str) -> None:
    midrs = [implementer << 24 | 0x10_0001 | int(part, 16) << 4 for part in parts.split()]
    assert [f"{midr:#010x}" for midr in midrs if core_of_midr(midr) is None] == []


@pytest.mark.parametrize(
    ("midr", "name", "sve_bits", "unknown"),
    [
        (0x612F0250, "apple,firestorm", (), set()),
        (0x511F0011, "Qualcomm Oryon", (), set()),
        (0x512F0021, "Qualcomm Oryon, generation 3", (), {VectorType.SVE, VectorType.SME}),
        (0x51AF8014, "Qualcomm Kryo 2xx Silver", (), set()),
        (0x481FD010, "HiSilicon TaiShan v110", (), set()),
        (0xC00FAC30, "AmpereOne", (), set()),
        (0x531F0040, "samsung,mongoose-m5", (), set()),
        (0x701F6633, "Phytium FTC663", (), set()),
        (0x410FD0F0, "Arm's AEM or Base model", (), {VectorType.SVE, VectorType.SME}),
        (0x411FD8B1, "arm,c1-pro", (), {VectorType.SVE, VectorType.SME}),
        (0x410FD811, "arm,cortex-a720", (128,), set()),
    ],
)
def test_what_is_known_of_a_core_and_what_is_not(
    midr: int, name: str, sve_bits: tuple[int, ...], unknown: set[VectorType]
) -> None:
    core = core_table().cores[name]
    assert (core_of_midr(midr), core.sve_bits, set(core.unknown)) == (name, sve_bits, unknown)


def test_lengths_that_are_unknown_are_not_stated_and_armv8_0_has_no_vhe() -> None:
    for name, core in core_table().cores.items():
        stated = {VectorType.SVE: core.sve_bits, VectorType.SME: core.sme_bits}
        assert not any(stated[extension] for extension in core.unknown), name
        assert core.vhe or not core.sve_bits, name
        assert not ("Armv8.0-A" in core.source and core.vhe), name


def test_the_first_compatible_string_in_the_table_counts() -> None:
    assert find_core(("fujitsu,a64fx",)) == core_table().cores["fujitsu,a64fx"]
    assert find_core(("acme,new", "arm,neoverse-v1")) == core_table().cores["arm,neoverse-v1"]
    assert find_core(("qcom,kryo",)) is None


def test_variant_revision_and_architecture_of_a_midr_do_not_matter() -> None:
    assert {core_of_midr(midr) for midr in (0x410FD400, 0x411FD402, 0x4100D40F)} == {"arm,neoverse-v1"}
    assert core_of_midr(0x410FD405 ^ 0x0100_0000) is None


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


@pytest.mark.parametrize(("field", "key"), [(EL0, "aarch32"), (EL1, "aarch32_el1")])
def test_what_the_table_says_of_32_bit_code_is_what_known_registers_say(field: IdField, key: str) -> None:
    known = {
        name: one.id_registers
        for name in core_names()
        for one in [known_core(name)]
        if field.register in one.id_registers
    }
    told = {name: getattr(core, key) for name, core in core_table().cores.items()}
    checked = [name for name in known if told[name] is not None]
    assert len(checked) >= 10
    assert {name: field.of(known[name][field.register]) == AARCH32 for name in checked} == {
        name: told[name] for name in checked
    }


def test_no_core_has_32_bit_kernels_without_32_bit_programs_and_those_of_arm_are_known() -> None:
    for name, core in core_table().cores.items():
        assert not core.aarch32_el1 or core.aarch32, name
        assert (core.aarch32_el1 is None) or core.aarch32 is not False, f"{name}: aarch32 says it already"
        if name.startswith("arm,") and core.aarch32:
            assert core.aarch32_el1 is not None, name
