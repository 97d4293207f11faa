"""The table of cores with known ID registers: choice of steppings, sources, and fields by name."""

import pytest

from sim.cores import core_names, core_values, known_core, named_field, steppings
from sim.cores.core_table import core_of_midr
from sim.errors import InputError


def test_the_best_known_stepping_stands_for_a_core() -> None:
    assert known_core("arm,cortex-a53").midr == 0x410FD034
    assert steppings("arm,cortex-a53")[0] == 0x410FD034
    assert known_core("arm,cortex-a53").is_complete


def test_another_stepping_has_its_own_values_and_those_of_the_core() -> None:
    core = known_core("arm,cortex-a57", 0x411FD071)
    assert core.midr == 0x411FD071
    values = core_values("arm,cortex-a57", 0x411FD071)
    assert values["ID_MMFR0_EL1"].of_midr == 0x411FD071
    assert values["CTR_EL0"].of_midr == 0x411FD070
    assert set(known_core("arm,cortex-a57").id_registers) <= set(core.id_registers)


def test_each_value_has_a_source_and_fits_in_64_bits() -> None:
    for name in core_names():
        for midr in steppings(name):
            for register, one in core_values(name, midr).items():
                assert one.source, (name, register)
                assert 0 <= one.value < 1 << 64
                assert one.value not in one.others


def test_a_core_without_a_published_register_is_known_by_name() -> None:
    core = known_core("arm,cortex-x4")
    assert core.id_registers == {}
    assert not core.is_complete
    assert core.has_all_features


def test_the_cryptography_of_a_core_is_there_where_some_silicon_has_it() -> None:
    value = core_values("arm,cortex-a72", 0x410FD083)["ID_AA64ISAR0_EL1"]
    assert (value.value, value.others) == (0x11120, (0x10000,))


def test_cores_of_one_family_are_told_apart_by_their_part_numbers() -> None:
    gold = core_values("Qualcomm Kryo 4xx Gold", 0x51FF804F)
    silver = core_values("Qualcomm Kryo 4xx Silver", 0x51DF805E)
    assert gold["ID_AA64PFR0_EL1"].value == 0x1100000011111112
    assert silver["ID_AA64PFR0_EL1"].value == 0x11112222
    assert silver["ID_AA64ISAR0_EL1"].source == "/proc/cpuinfo on silicon, decoded"
    assert core_of_midr(0x51AF8014) == "Qualcomm Kryo 2xx Silver"
    assert set(core_values("Qualcomm Kryo 2xx Silver", 0x51AF8014)) == {"ID_AA64MMFR0_EL1"}


def test_every_core_with_values_is_the_one_of_its_midr() -> None:
    """A log names cores by MIDR_EL1, and so gives their values."""
    other = {name: midr for name in core_names() for midr in steppings(name) if core_of_midr(midr) != name}
    assert other == {}


def test_an_unknown_core_has_a_suggestion() -> None:
    with pytest.raises(InputError, match=r"unknown core 'arm,cortex-a56': did you mean 'arm,cortex-a"):
        known_core("arm,cortex-a56")


@pytest.mark.parametrize(
    ("name", "register", "shift"),
    [
        ("MTE", "ID_AA64PFR1_EL1", 8),
        ("AArch32_EL0", "ID_AA64PFR0_EL1", 0),
        ("AES", "ID_AA64ISAR0_EL1", 4),
        ("ID_AA64ZFR0_EL1.AES", "ID_AA64ZFR0_EL1", 4),
        ("HCX", "ID_AA64MMFR1_EL1", 40),
    ],
)
def test_a_field_is_found_by_its_name(name: str, register: str, shift: int) -> None:
    field = named_field(name)
    assert (field.register, field.shift) == (register, shift)


def test_an_unknown_field_has_a_suggestion() -> None:
    with pytest.raises(InputError, match=r"unknown field 'SpecSEL': did you mean 'SpecSEI'"):
        named_field("SpecSEL")
