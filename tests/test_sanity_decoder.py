"""SANITY CHECK lines decoded: fields, what is lost, what the command line hides, and registers of several kinds."""

import pytest

from sim.cpufeature_tables.field_difference import FieldDifference
from sim.cpufeature_tables.sanity_decoder import (
    RegisterDifference,
    decode_differences,
    decoding_tables,
)
from sim.cpufeature_tables.system_values import LoggedDifference
from sim.kernel_release import Series

PFR0 = 0x1301001121110222
WITHOUT_SVE = 0x1301001021110222


def decoded(
    register: str, boot: int, cpu: int, series: Series = (6, 12), *, is_late: bool = False
) -> RegisterDifference:
    (difference,) = decode_differences(
        [LoggedDifference(register, boot, cpu, is_late=is_late)], decoding_tables(series, (6, 18))
    )
    return difference


def one_field(
    register: str, boot: int, cpu: int, series: Series = (6, 12), *, is_late: bool = False
) -> FieldDifference:
    (field,) = decoded(register, boot, cpu, series, is_late=is_late).fields
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


@pytest.mark.parametrize("series", [(6, 18), (7, 3)])
def test_a_pmu_is_lost_by_the_bits_of_a_field_that_some_kernels_take_for_signed(series: Series) -> None:
    fields = decoded("ID_AA64DFR0_EL1", 0x10305608, 0x10304008, series).fields
    assert [field.lost for field in fields if field.field.name == "PMUVer"] == [("capability 'PMUv3'",)]


def test_an_erratum_is_not_the_systems_to_lose() -> None:
    field = one_field("ID_AA64PFR0_EL1", PFR0, PFR0 & ~(0xF << 60))
    assert (field.field.name, field.field.strict, field.lost) == ("CSV3", False, ())


def test_a_field_that_alone_differs_was_strict_in_the_kernel_that_logged_it() -> None:
    field = one_field("ID_DFR0_EL1", 0x04011088, 0x05011088, (6, 1))
    assert (field.field.name, field.field.strict, field.is_strict) == ("PerfMon", False, True)
    two = decoded("ID_AA64PFR0_EL1", PFR0, WITHOUT_SVE & ~(0xF << 60)).fields
    assert [one.is_strict for one in two] == [False, True]


def test_what_a_late_cpu_changes_is_told_by_what_programs_see() -> None:
    late = one_field("ID_AA64ISAR0_EL1", 0x20, 0x10, is_late=True)
    assert late.words.endswith("see 1 from then on")
    assert (late.changes_reading, late.lost) == (True, ())
    specsei = one_field("ID_AA64MMFR1_EL1", 0, 1 << 24, is_late=True)
    assert specsei.words == (
        "SpecSEI (bits 27:24): 0 on the boot CPU, 1 here: strict; a taint, and capabilities and hwcaps stay as they are"
    )


@pytest.mark.parametrize(
    ("register", "boot", "cpu", "early", "late"),
    [
        ("DCZID_EL0", 4, 5, "memory is in danger", "memory is in danger"),
        ("DCZID_EL0", 4, 4 | 1 << 4, "gets SIGILL on the other", "gets SIGILL on the other"),
        ("ID_AA64DFR0_EL1", 5 << 12, 3 << 12, "", "resets as many breakpoints as it counted"),
        ("ID_AA64DFR0_EL1", 3 << 12, 5 << 12, "", ""),
        ("ID_AA64DFR0_EL1", 3 << 20, 1 << 20, "", "resets as many watchpoints as it counted"),
        ("ID_AA64MMFR0_EL1", 5, 2, "", "refuse every CPU that comes after it"),
        ("ID_AA64MMFR1_EL1", 0, 1 << 24, "", ""),
    ],
)
def test_a_field_that_nothing_makes_up_for_is_a_danger(
    register: str, boot: int, cpu: int, early: str, late: str
) -> None:
    for is_late, danger in ((False, early), (True, late)):
        told = one_field(register, boot, cpu, is_late=is_late).danger
        assert danger in told
        assert bool(told) is bool(danger)


@pytest.mark.parametrize(
    ("register", "boot", "cpu", "lost"),
    [
        ("ID_AA64DFR0_EL1", 5 << 12, 3 << 12, "hardware breakpoints that the boot CPU has more"),
        ("CTR_EL0", 1 << 28, 0, "capability 'Data cache clean to the PoU not required for I/D coherence'"),
        ("CTR_EL0", 1 << 29, 0, "capability 'Instruction cache invalidation not required for I/D coherence'"),
        ("CTR_EL0", 4 << 16, 3 << 16, None),
        ("ID_AA64PFR0_EL1", 2, 1, "32-bit programs"),
        ("ID_AA64PFR0_EL1", 1 << 56, 0, None),
        ("ID_AA64MMFR0_EL1", 5, 2, "the boot CPU's range of physical addresses, for guests"),
        ("ID_AA64MMFR0_EL1", 2, 5, None),
        ("ID_AA64MMFR1_EL1", 2 << 4, 0, "VMIDs of 16 bits, of which KVM uses 8"),
        ("ID_AA64MMFR1_EL1", 2, 0, None),
        ("MVFR1_EL1", 1 << 8 | 1 << 12, 1 << 8, "hwcap neon of 32-bit programs"),
    ],
)
def test_a_field_of_the_kernels_own_code_is_lost_where_that_code_needs_it(
    register: str, boot: int, cpu: int, lost: str | None
) -> None:
    assert one_field(register, boot, cpu).lost == (() if lost is None else (lost,))
    assert one_field(register, boot, cpu, is_late=True).lost == ()


@pytest.mark.parametrize(
    ("register", "boot"), [("ID_AA64PFR0_EL1", 1 << 24), ("ID_AA64ISAR1_EL1", 1 << 4), ("ID_AA64PFR1_EL1", 2 << 8)]
)
def test_nothing_is_lost_of_what_the_boot_cpu_decides_on(register: str, boot: int) -> None:
    field = one_field(register, boot, 0)
    assert [name for name in field.lost if name.startswith("capability")] == []
    assert field.boot_decides
    assert "a CPU without is refused before the kernel can log this line" in field.words


def test_a_cache_type_that_differs_is_tied_to_its_capability() -> None:
    assert "'Mismatched cache type (CTR_EL0)'" in one_field("CTR_EL0", 4 << 16, 3 << 16).words


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
    unknown = decoded("MPAMIDR_EL1", 0x240000010006003F, 0)
    assert not unknown.is_known
    assert {field.is_listed for field in unknown.fields} == {False}
    assert decoded("MPAMIDR_EL1", 0x240000010006003F, 0, (6, 18)).is_known


def test_a_field_that_series_list_differently_has_the_series_answer() -> None:
    assert not one_field("ID_AA64MMFR1_EL1", 1 << 40, 0, (6, 1)).is_listed
    assert one_field("ID_AA64MMFR1_EL1", 1 << 40, 0, (6, 12)).boot_decides == ("capability 'HCRX_EL2 register'",)


@pytest.mark.parametrize(
    ("register", "boot", "cpu"),
    [
        ("ID_AA64PFR0_EL1", 0, 1 << 60),  # CSV3: KPTI
        ("ID_AA64PFR0_EL1", 1 << 60, 0),
        ("ID_AA64PFR0_EL1", 1, 2),  # EL0: a capability that the log does not name
        ("ID_AA64MMFR1_EL1", 0, 2 << 4),  # VMIDBits: KVM
        ("ID_AA64MMFR1_EL1", 0, 1 << 8),  # VH: VHE
        ("ID_AA64MMFR2_EL1", 0, 1 << 60),  # E0PD
        ("ID_AA64MMFR2_EL1", 0, 3 << 52),  # BBM
        ("ID_AA64PFR0_EL1", 0, 1 << 40),  # MPAM
        ("ID_AA64DFR0_EL1", 3 << 12, 5 << 12),  # BRPs
        ("ID_AA64MMFR0_EL1", 2, 5),  # PARange
    ],
)
@pytest.mark.parametrize("is_late", [False, True])
def test_a_field_that_something_looks_at_is_never_said_to_have_no_use(
    register: str, boot: int, cpu: int, *, is_late: bool
) -> None:
    for series in ((6, 1), (6, 12), (7, 3)):
        field = one_field(register, boot, cpu, series, is_late=is_late)
        assert field.is_used
        assert "no capability depends" not in field.words


def test_isolated_page_tables_are_told_whichever_cpu_needs_them() -> None:
    assert "KPTI" in one_field("ID_AA64PFR0_EL1", 0, 1 << 60).words
    assert "KPTI" in one_field("ID_AA64PFR0_EL1", 1 << 60, 0).words
    assert "KPTI" in one_field("ID_AA64PFR0_EL1", 0, 1 << 60, is_late=True).words


def in_order(register: str, *lines: tuple[int, int, bool], series: Series = (6, 12)) -> list[RegisterDifference]:
    """Decode lines of a boot: the boot CPU's value, the CPU's, and whether the CPU is late."""
    logged = [LoggedDifference(register, boot, cpu, is_late=is_late) for boot, cpu, is_late in lines]
    return decode_differences(logged, decoding_tables(series, (6, 18)))


RNDR = 1 << 60


def test_a_late_cpu_changes_only_what_earlier_cpus_have_not_changed() -> None:
    early, late, second = in_order("ID_AA64ISAR0_EL1", (RNDR, 0, False), (RNDR, 0, True), (RNDR, 0, True))
    assert early.lost == ("hwcap rng", "capability 'Random Number Generator'")
    assert (late.changed, late.lost) == ((), ())
    assert "the system had 0 already, by a CPU before" in late.fields[0].words
    assert second == late
    first, second = in_order("ID_AA64ISAR0_EL1", (RNDR, 0, True), (RNDR, 0, True))
    assert (first.changed, second.changed) == (("RNDR 1 to 0",), ())


def test_a_late_cpu_lowers_a_value_that_early_cpus_lowered_before() -> None:
    aes_and_pmull, aes = 0x20, 0x10
    _, late = in_order("ID_AA64ISAR0_EL1", (aes_and_pmull, aes, False), (aes_and_pmull, 0, True))
    assert late.changed == ("AES 1 to 0",)


def test_early_cpus_with_one_value_are_told_alike_and_the_system_has_the_least_of_all() -> None:
    least, alike, more = in_order(
        "ID_AA64DFR0_EL1", (5 << 12, 3 << 12, False), (5 << 12, 3 << 12, False), (5 << 12, 4 << 12, False)
    )
    assert least == alike
    assert [one.fields[0].system for one in (least, more)] == [3, 3]


def test_breakpoints_are_those_that_the_early_cpus_left() -> None:
    boot = 5 << 12
    for late, panics in ((3, False), (4, False), (2, True)):
        _, found = in_order("ID_AA64DFR0_EL1", (boot, 3 << 12, False), (boot, late << 12, True))
        assert bool(found.dangers) is panics


def test_a_cpu_that_came_online_did_not_panic_the_kernel() -> None:
    line = LoggedDifference("ID_AA64DFR0_EL1", 5 << 12, 3 << 12, is_late=True, came_online=True)
    (found,) = decode_differences([line], decoding_tables((6, 12), (6, 18)))
    assert not found.dangers
    assert "this kernel did not: the CPU came online" in found.fields[0].words


@pytest.mark.parametrize(
    ("compares_own", "others_came", "is_danger"), [(True, False, False), (False, False, True), (False, True, False)]
)
def test_only_a_kernel_that_looks_at_the_systems_range_refuses_cpus_after_one_with_less(
    *, compares_own: bool, others_came: bool, is_danger: bool
) -> None:
    line = LoggedDifference("ID_AA64MMFR0_EL1", 5, 2, is_late=True, came_online=True, others_came=others_came)
    decoding = decoding_tables((6, 12), (6, 18), compares_own_range=compares_own)
    (found,) = decode_differences([line], decoding)
    assert bool(found.dangers) is is_danger


DIC = 1 << 29


def test_the_trap_of_the_cache_type_is_on_cpus_without_the_systems_value() -> None:
    def trapped(*lines: tuple[int, int, bool]) -> list[str]:
        return [
            one.fields[0].words.partition("programs on ")[2].partition(" read")[0]
            for one in in_order("CTR_EL0", *lines)
        ]

    on_others = "the CPUs that differ from it, such as the boot CPU,"
    assert trapped((DIC, 0, False)) == [on_others]
    assert trapped((0, DIC, False)) == ["this CPU"]
    assert trapped((DIC, 0, False), (DIC, 0, True)) == [on_others, on_others]
    dminline = [DIC | 4 << 16, 3 << 16, DIC | 3 << 16]
    assert trapped((dminline[0], dminline[1], False), (dminline[0], dminline[2], False)) == [
        on_others,
        "this CPU, and on the boot CPU,",
    ]


@pytest.mark.parametrize(
    ("series", "tables"),
    [((6, 8), "6.1 and 6.12"), ((6, 14), "6.12 and 6.16"), ((7, 0), "6.18 and 7.3"), ((7, 9), "7.3")],
)
def test_a_kernel_without_a_table_has_its_neighbours(series: Series, tables: str) -> None:
    found = decoded("ID_AA64PFR0_EL1", PFR0, WITHOUT_SVE, series)
    assert (found.is_own, found.tables_words) == (False, tables)
    assert f"Linux {tables}" in found.inferred[0]
    assert "may have been otherwise" in found.inferred[0]


def test_a_register_that_only_the_newer_neighbour_has_is_decoded_by_that() -> None:
    found = decoded("ID_AA64FPFR0_EL1", 1 << 31, 0, (6, 8))
    assert (found.is_known, found.told_by) == (True, ("6.12",))


def test_neighbours_that_differ_are_said_to() -> None:
    found = decoded("ID_AA64MMFR1_EL1", 1 << 40, 0, (6, 8))  # HCX: not in 6.1
    assert found.told_by == ("6.1",)
    assert found.inferred[0].endswith("may have been otherwise, as Linux 6.12 has it")


def test_nothing_is_said_to_be_lost_or_kept_by_a_register_that_no_table_has() -> None:
    (field,) = decoded("ACME_EL1", 0, 0xA0).fields
    assert field.words.endswith("what depends on it is not known")


def test_what_the_command_line_hides_is_not_changed_by_a_late_cpu() -> None:
    line = LoggedDifference("ID_AA64PFR0_EL1", PFR0, WITHOUT_SVE, is_late=True)
    (found,) = decode_differences([line], decoding_tables((6, 12), (6, 18)), {"ID_AA64PFR0_EL1": {32}})
    assert found.changed == ()
    assert "the command line hides it on all CPUs" in found.fields[0].words
