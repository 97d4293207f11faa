"""Fields and numbers that the engine knows by name are those of the Arm ARM and of the kernels' tables."""

import pytest

from sim.cpufeature_tables import kernel_tables, unlisted_fields
from sim.id_registers import IdField
from sim.kernel.features import id_fields
from sim.kernel.features.cache_type import NEEDS_CLEANING, effective_ctr, stored_bits
from sim.kernel.features.core_models import is_kryo
from sim.kernel.features.system_features import physical_bits
from tests.feature_systems import A76, cores
from tests.systems import texts

SERIES = ((6, 1), (6, 12), (6, 16), (6, 18), (7, 3))
NAMED = {name: one for name, one in vars(id_fields).items() if isinstance(one, IdField)}
NAMED |= {one.name: one for one in id_fields.SIMD_FIELDS}
IDC = 1 << 28
WITHOUT_AARCH32 = {"ID_AA64PFR0_EL1": A76["ID_AA64PFR0_EL1"] & ~0xF}
# The Arm ARM's: no kernel keeps these registers, so that the tables do not have them.
NOT_IN_TABLES = {
    "LOUIS": ("CLIDR_EL1", "LoUIS", 21, 3),
    "LOC": ("CLIDR_EL1", "LoC", 24, 3),
    "LOUU": ("CLIDR_EL1", "LoUU", 27, 3),
    "MPAMEN": ("MPAM1_EL1", "MPAMEN", 63, 1),
    "REVIDR": ("REVIDR_EL1", "REVIDR_EL1", 0, 32),
}


@pytest.mark.parametrize("name", sorted(NAMED.keys() - NOT_IN_TABLES))
def test_a_named_field_is_that_of_the_tables(name: str) -> None:
    field = NAMED[name]
    registers = [kernel_tables(series).registers.get(field.register) for series in SERIES]
    fields = [*unlisted_fields(field.register), *(one for each in registers if each for one in each.fields)]
    places = {(one.shift, one.width) for one in fields if one.name.lower() == field.name.lower()}
    # Not the sign: the granules' fields have one in the tables, and the code before the MMU takes them without.
    assert (field.shift, field.width) in places


@pytest.mark.parametrize("name", NOT_IN_TABLES)
def test_a_field_of_a_register_that_no_kernel_keeps_is_the_arm_arms(name: str) -> None:
    field = NAMED[name]
    assert (field.register, field.name, field.shift, field.width) == NOT_IN_TABLES[name]


@pytest.mark.parametrize(
    ("clidr", "implies_idc"),
    [
        (0, True),
        (1 << 24, True),  # LoC alone: LoUIS and LoUU are 0
        (1 << 24 | 1 << 21, False),
        (1 << 24 | 1 << 27, False),
        (1 << 21 | 1 << 27, True),  # LoC is 0
        (7 << 24 | 7 << 27, False),
    ],
)
def test_clidr_tells_whether_no_level_of_cache_needs_cleaning(clidr: int, implies_idc: bool) -> None:
    assert effective_ctr(0x8444C004, clidr) == 0x8444C004 | (IDC if implies_idc else 0)
    assert effective_ctr(0xF_8444C004, clidr) & ~IDC == 0x8444C004


def test_a_first_level_of_cache_that_needs_cleaning_does_not_imply_idc() -> None:
    assert effective_ctr(0x8444C004, NEEDS_CLEANING) == 0x8444C004
    assert NEEDS_CLEANING == 1 << 21 | 1 << 24 | 1 << 27


def test_the_kernel_stores_32_bits_of_ctr_el0_and_all_of_other_registers() -> None:
    assert stored_bits("CTR_EL0") == (1 << 32) - 1
    assert stored_bits("ID_AA64PFR0_EL1") == (1 << 64) - 1


def test_a_kryo_is_told_by_implementer_architecture_and_family() -> None:
    assert is_kryo(0x510F2052, "510f2000")
    assert is_kryo(0x51AF2112, "510f2000")
    assert not is_kryo(0x510F8000, "510f2000")
    assert not is_kryo(0x410F2052, "510f2000")


def test_ranges_of_physical_addresses() -> None:
    assert [physical_bits(value) for value in range(8)] == [32, 36, 40, 42, 44, 48, 52, 56]


def test_a_32_bit_cpu_beside_others_promises_hwcaps_to_32_bit_programs() -> None:
    def words(options: str = "") -> tuple[int, ...]:
        state = cores(WITHOUT_AARCH32, {}, kernel="6.12", options=options).facts.features_at_end
        assert state is not None
        return state.compat_hwcap_words

    none = cores(WITHOUT_AARCH32, kernel="6.12").facts.features_at_end
    assert none is not None
    assert words() == none.compat_hwcap_words
    assert words(options="allow_mismatched_32bit_el0") != none.compat_hwcap_words


@pytest.mark.parametrize(
    ("kernel", "policy"), [("6.1", "VPIPT"), ("6.12", "RESERVED/UNKNOWN"), ("7.3", "RESERVED/UNKNOWN")]
)
def test_a_policy_of_instruction_caches_that_newer_kernels_no_longer_know(kernel: str, policy: str) -> None:
    lines = texts(cores({"CTR_EL0": A76["CTR_EL0"] & ~(3 << 14)}, kernel=kernel))
    assert f"Detected {policy} I-cache on CPU0" in lines


def test_an_override_that_is_refused_does_not_end_the_command_line() -> None:
    options = "id_aa64mmfr2.varange=1 id_aa64pfr1.mte=0 id_aa64isar1.apa=0"
    with_mte = {"ID_AA64PFR1_EL1": 0x210}
    state = cores(with_mte, kernel="6.12", options=options).facts.features_at_end
    assert state is not None
    assert state.registers["ID_AA64PFR1_EL1"].system_value == 0x10
