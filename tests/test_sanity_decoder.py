"""SANITY CHECK lines decoded: fields, what is lost, what the command line hides, and registers of several kinds."""

import pytest

from sim.cpufeature_tables import kernel_tables
from sim.cpufeature_tables.sanity_decoder import FieldDifference, decode_difference

PFR0 = 0x1301001121110222
WITHOUT_SVE = 0x1301001021110222


def one_field(register: str, boot: int, cpu: int, series: tuple[int, int] = (6, 12)) -> FieldDifference:
    (field,) = decode_difference(register, boot, cpu, kernel_tables(series)).fields
    return field


def test_a_strict_field_that_nothing_depends_on_loses_nothing() -> None:
    field = one_field("ID_AA64MMFR1_EL1", 0x1001111010312122, 0x1001111011312122, (7, 0))
    assert (field.field.name, field.bits, field.boot, field.cpu, field.system) == ("SpecSEI", "27:24", 0, 1, 1)
    assert (field.is_listed, field.is_strict, field.users, field.lost) == (True, True, (), ())


def test_a_feature_that_only_the_boot_cpu_has_is_lost() -> None:
    field = one_field("ID_AA64PFR0_EL1", PFR0, WITHOUT_SVE)
    assert field.lost == ("hwcap sve", "capability 'Scalable Vector Extension'")
    assert one_field("ID_AA64PFR0_EL1", WITHOUT_SVE, PFR0).lost == ()


def test_what_a_larger_value_of_a_field_gives_is_lost_and_no_more() -> None:
    field = one_field("ID_AA64ISAR0_EL1", 0x20, 0x10)
    assert (field.field.name, field.lost) == ("AES", ("hwcap pmull",))


def test_an_erratum_is_not_the_systems_to_lose() -> None:
    field = one_field("ID_AA64PFR0_EL1", PFR0, PFR0 & ~(0xF << 60))
    assert (field.field.name, field.field.strict, field.lost) == ("CSV3", False, ())


def test_a_field_that_alone_differs_was_strict_in_the_kernel_that_logged_it() -> None:
    field = one_field("ID_DFR0_EL1", 0x04011088, 0x05011088, (6, 1))
    assert (field.field.name, field.field.strict, field.is_strict) == ("PerfMon", False, True)
    two = decode_difference("ID_AA64PFR0_EL1", PFR0, WITHOUT_SVE & ~(0xF << 60), kernel_tables((6, 12))).fields
    assert [one.is_strict for one in two] == [False, True]


def test_what_a_late_cpu_changes_is_told_by_what_programs_see() -> None:
    assert one_field("ID_AA64ISAR0_EL1", 0x20, 0x10).late_words.endswith("see 1 from then on")
    fa64 = one_field("SMCR_EL1", 0xF, 0x8000000F, (6, 1))
    assert fa64.late_words == "FA64 (bit 31): 0 on the boot CPU, 1 here: a taint, and nothing changes"


def test_a_signed_field_has_its_least_value_where_it_is_15() -> None:
    field = one_field("ID_AA64PFR0_EL1", PFR0, PFR0 | 0xF << 16)
    assert (field.field.name, field.cpu, field.system) == ("FP", 15, 15)
    assert "hwcap fp" in field.lost


@pytest.mark.parametrize(("bit", "name"), [(4, "TraceVer"), (24, "SEBEP"), (40, "TraceFilt"), (60, "HPMN0")])
def test_an_unlisted_field_is_named_after_the_architecture(bit: int, name: str) -> None:
    field = one_field("ID_AA64DFR0_EL1", 0x6, 0x6 | 1 << bit)
    assert (field.field.name, field.is_listed, field.is_strict, field.system) == (name, False, True, None)
    assert field.has_name


def test_bits_without_a_name_are_told_by_fours() -> None:
    field = one_field("ID_AA64MMFR0_EL1", 0, 1 << 50)
    assert (field.field.name, field.has_name, field.is_strict) == ("bits 51:48", False, True)


def test_a_register_that_no_table_has_is_decoded_by_bits() -> None:
    decoded = decode_difference("MPAMIDR_EL1", 0x240000010006003F, 0, kernel_tables((6, 12)))
    assert not decoded.is_known
    assert {field.is_listed for field in decoded.fields} == {False}
    assert decode_difference("MPAMIDR_EL1", 0x240000010006003F, 0, kernel_tables((6, 18))).is_known


def test_a_field_that_series_list_differently_has_the_series_answer() -> None:
    assert not one_field("ID_AA64MMFR1_EL1", 1 << 40, 0, (6, 1)).is_listed
    assert one_field("ID_AA64MMFR1_EL1", 1 << 40, 0, (6, 12)).lost == ("capability 'HCRX_EL2 register'",)
