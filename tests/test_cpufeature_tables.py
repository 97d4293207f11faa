"""The tables of cpufeature: what each series lists, safe values, and that every entry's field is there."""

import json
import re
from pathlib import Path

import pytest

from sim.cpufeature_tables import Field, SafeType, kernel_tables, unlisted_fields
from sim.cpufeature_tables.feature_words import selected_option
from sim.cpufeature_tables.tables import every_config_option

SERIES = [(6, 1), (6, 12), (6, 16), (6, 18), (7, 3)]
FOLDER = Path(__file__).parents[1] / "sim" / "cpufeature_tables"


@pytest.mark.parametrize(
    ("asked", "found"),
    [((5, 4), "6.1"), ((6, 1), "6.1"), ((6, 6), "6.1"), ((6, 12), "6.12"), ((7, 0), "6.18"), ((9, 9), "7.3")],
)
def test_the_nearest_older_series_stands_for_one_without_tables(asked: tuple[int, int], found: str) -> None:
    assert kernel_tables(asked).series == found


@pytest.mark.parametrize("series", SERIES)
def test_fields_of_a_register_do_not_overlap(series: tuple[int, int]) -> None:
    for register in kernel_tables(series).registers.values():
        listed = 0
        for field in register.fields:
            assert not listed & field.mask, (register.name, field.name)
            listed |= field.mask
        names = [field.name for field in register.fields]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("series", SERIES)
def test_every_requirement_names_a_listed_field(series: tuple[int, int]) -> None:
    tables = kernel_tables(series)
    for one in (*tables.capabilities, *tables.hwcaps):
        # 6.18 asks for a field that it does not list, and so never finds it.
        if one.register is not None and (tables.series, one.field) != ("6.18", "GCIE"):
            assert one.field in {field.name for field in tables.registers[one.register].fields}, one


@pytest.mark.parametrize("series", SERIES)
def test_numbers_ascend_and_are_those_of_the_series(series: tuple[int, int]) -> None:
    numbers = [one.number(series) for one in kernel_tables(series).capabilities]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(
    ("series", "name", "number"),
    [((6, 1), "SVE", 51), ((6, 17), "SVE", 79), ((7, 0), "SVE", 84), ((7, 3), "SME", 79), ((5, 4), "SVE", 51)],
)
def test_a_capability_has_a_number_of_its_own_in_a_series(series: tuple[int, int], name: str, number: int) -> None:
    (one,) = (one for one in kernel_tables(series).capabilities if one.name == name)
    assert one.number(series) == number


def test_pages_of_16_kib_have_another_field_for_52_bit_addresses() -> None:
    fields = [
        next(one.field for one in kernel_tables((7, 3), size).capabilities if one.name == "HAS_VA52")
        for size in (4096, 16384)
    ]
    assert fields == ["TGRAN4", "TGRAN16"]


def test_tables_of_a_few_fields_keep_nothing_else() -> None:
    few = kernel_tables((7, 3)).only([("ID_AA64PFR0_EL1", "SVE")], ["Scalable Vector Extension"])
    assert list(few.registers) == ["ID_AA64PFR0_EL1"]
    assert few.registers["ID_AA64PFR0_EL1"].strict_mask == 0xF << 32
    assert [one.name for one in few.capabilities] == ["SVE"]
    assert few.hwcaps == ()


def test_an_unlisted_field_has_a_place_of_its_own_in_some_series() -> None:
    for entry in json.loads((FOLDER / "unlisted_fields.json").read_text()):
        oldest = kernel_tables(SERIES[0]).registers.get(entry["register"])
        listed = {field.shift for field in oldest.fields} if oldest else set()
        assert entry["shift"] not in listed
        assert entry["name"] in {field.name for field in unlisted_fields(entry["register"])}


@pytest.mark.parametrize(
    ("field", "values", "safe"),
    [
        (Field(name="SVE", shift=32), (1, 0), 0),
        (Field(name="FP", shift=16, signed=True), (15, 0), 15),
        (Field(name="SpecSEI", shift=24, type=SafeType.HIGHER_SAFE), (0, 1), 1),
        (Field(name="CWG", shift=24, type=SafeType.HIGHER_OR_ZERO_SAFE), (4, 0), 0),
        (Field(name="CWG", shift=24, type=SafeType.HIGHER_OR_ZERO_SAFE), (4, 5), 5),
        (Field(name="L1Ip", shift=14, width=2, type=SafeType.EXACT, safe=2), (3, 2), 2),
        (Field(name="L1Ip", shift=14, width=2, type=SafeType.EXACT, safe=2), (3, 3), 3),
    ],
)
def test_the_safe_value_of_two(field: Field, values: tuple[int, int], safe: int) -> None:
    assert field.safe_value(*values) == field.safe_value(*reversed(values)) == safe
    assert field.of(safe << field.shift) == safe


@pytest.mark.parametrize("series", SERIES)
def test_every_erratum_that_a_line_names_has_an_option_or_selects_one(series: tuple[int, int]) -> None:
    for one in kernel_tables(series).capabilities:
        if one.description is not None and one.description.startswith("ARM errat"):
            for number in re.findall(r"\d+", one.description):
                option = f"CONFIG_ARM64_ERRATUM_{number}"
                assert option in every_config_option() or selected_option(option) in one.config, option


SELECTING = """
ARM64_ERRATUM_2457168 ARM64_ERRATUM_819472 NVIDIA_CARMEL_CNP_ERRATUM QCOM_FALKOR_ERRATUM_1009 ARM64_ERRATUM_1530923
ARM64_ERRATUM_3117295 ARM64_ERRATUM_2139208 ARM64_ERRATUM_2224489 ARM64_ERRATUM_2054223
"""


def test_every_option_that_no_user_sets_has_options_that_select_it() -> None:
    workarounds = {option for option in every_config_option() if option.startswith("CONFIG_ARM64_WORKAROUND_")}
    assert {selected_option(f"CONFIG_{name}") for name in SELECTING.split()} == workarounds
