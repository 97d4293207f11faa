"""The fields of ID registers that the engine knows by name; all others are entries of the tables alone.

Source: the Arm Architecture Reference Manual.
"""

from sim.id_registers import IdField

FP = IdField("ID_AA64PFR0_EL1", "FP", shift=16, signed=True)
RAS = IdField("ID_AA64PFR0_EL1", "RAS", shift=28)
SVE = IdField("ID_AA64PFR0_EL1", "SVE", shift=32)
MPAM = IdField("ID_AA64PFR0_EL1", "MPAM", shift=40)
AMU = IdField("ID_AA64PFR0_EL1", "AMU", shift=44)
CSV2 = IdField("ID_AA64PFR0_EL1", "CSV2", shift=56)
CSV3 = IdField("ID_AA64PFR0_EL1", "CSV3", shift=60)
SSBS = IdField("ID_AA64PFR1_EL1", "SSBS", shift=4)
MTE = IdField("ID_AA64PFR1_EL1", "MTE", shift=8)
RAS_FRAC = IdField("ID_AA64PFR1_EL1", "RAS_frac", shift=12)
SME = IdField("ID_AA64PFR1_EL1", "SME", shift=24)
BRPS = IdField("ID_AA64DFR0_EL1", "BRPs", shift=12)
WRPS = IdField("ID_AA64DFR0_EL1", "WRPs", shift=20)
PMUVER = IdField("ID_AA64DFR0_EL1", "PMUVer", shift=8)
ATOMIC = IdField("ID_AA64ISAR0_EL1", "ATOMIC", shift=20)
MOPS = IdField("ID_AA64ISAR2_EL1", "MOPS", shift=16)
CLRBHB = IdField("ID_AA64ISAR2_EL1", "CLRBHB", shift=28)
PARANGE = IdField("ID_AA64MMFR0_EL1", "PARange", shift=0)
ASIDBITS = IdField("ID_AA64MMFR0_EL1", "ASIDBits", shift=4)
TGRAN16 = IdField("ID_AA64MMFR0_EL1", "TGRAN16", shift=20)
TGRAN64 = IdField("ID_AA64MMFR0_EL1", "TGRAN64", shift=24)
TGRAN4 = IdField("ID_AA64MMFR0_EL1", "TGRAN4", shift=28)
TGRAN16_2 = IdField("ID_AA64MMFR0_EL1", "TGRAN16_2", shift=32)
TGRAN64_2 = IdField("ID_AA64MMFR0_EL1", "TGRAN64_2", shift=36)
TGRAN4_2 = IdField("ID_AA64MMFR0_EL1", "TGRAN4_2", shift=40)
ECV = IdField("ID_AA64MMFR0_EL1", "ECV", shift=60)
HAFDBS = IdField("ID_AA64MMFR1_EL1", "HAFDBS", shift=0)
VMIDBITS = IdField("ID_AA64MMFR1_EL1", "VMIDBits", shift=4)
ECBHB = IdField("ID_AA64MMFR1_EL1", "ECBHB", shift=60)
BBM = IdField("ID_AA64MMFR2_EL1", "BBM", shift=52)
E0PD = IdField("ID_AA64MMFR2_EL1", "E0PD", shift=60)
TCRX = IdField("ID_AA64MMFR3_EL1", "TCRX", shift=0)
S1PIE = IdField("ID_AA64MMFR3_EL1", "S1PIE", shift=8)
HAS_HCR = IdField("MPAMIDR_EL1", "HAS_HCR", shift=17, width=1)
MPAMEN = IdField("MPAM1_EL1", "MPAMEN", shift=63, width=1)
BS = IdField("DCZID_EL0", "BS", shift=0)
DZP = IdField("DCZID_EL0", "DZP", shift=4, width=1)
REVIDR = IdField("REVIDR_EL1", "REVIDR_EL1", shift=0, width=32)
IMIN_LINE = IdField("CTR_EL0", "IminLine", shift=0)
CWG = IdField("CTR_EL0", "CWG", shift=24)
LOUIS = IdField("CLIDR_EL1", "LoUIS", shift=21, width=3)
LOC = IdField("CLIDR_EL1", "LoC", shift=24, width=3)
LOUU = IdField("CLIDR_EL1", "LoUU", shift=27, width=3)
SIMD_FIELDS = tuple(
    IdField("MVFR1_EL1", name, shift) for name, shift in (("SIMDLS", 8), ("SIMDInt", 12), ("SIMDSP", 16))
)

MTE_WITH_TAGS = 2
"""The least value of MTE with tags in memory."""
