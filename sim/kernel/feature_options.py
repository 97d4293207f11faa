"""The kernel's command line and flags, as far as they concern CPU features."""

from collections.abc import Mapping

from sim.cpufeature_tables import KernelTables
from sim.cpufeature_tables.feature_words import canonical_words, last_value, truth_value
from sim.kernel.features.id_override import Override, overrides
from sim.kernel.features.mitigations import MitigationOptions
from sim.kernel.features.system_features import FeatureOptions
from sim.scenario import KvmMode, Scenario

_MITIGATIONS = {"off": True, "auto": False, "auto,nosmt": False}
"""The values of ``mitigations=`` (kernel/cpu.c, ``mitigations_parse_cmdline``), and whether they switch them off."""
_SSBD = {"force-on": False, "force-off": True, "kernel": False}
"""The values of ``ssbd=`` (arch/arm64/kernel/proton-pack.c, ``parse_spectre_v4_param``), and whether they do."""


def feature_options(scenario: Scenario) -> FeatureOptions:
    """Return what tells a scenario's kernel from others with the same tables."""
    words, flags, config = canonical_words(scenario.options.split()), scenario.flags, scenario.kernel_config
    is_protected = scenario.has_pkvm
    return FeatureOptions(
        mitigations=MitigationOptions(
            off=bool(last_value(words, "mitigations", _MITIGATIONS.get)),
            no_spectre_v2="nospectre_v2" in words,
            no_spectre_bhb="nospectre_bhb" in words,
            ssbd_off=bool(last_value(words, "ssbd", _SSBD.get)),
            kaslr=scenario.kaslr and "nokaslr" not in words,
            kpti=last_value(words, "kpti", truth_value),
            isolates=config.get("CONFIG_UNMAP_KERNEL_AT_EL0", True),
            mitigates_bhb=config.get("CONFIG_MITIGATE_SPECTRE_BRANCH_HISTORY", True),
            uses_e0pd=config.get("CONFIG_ARM64_E0PD", True),
            knows_cavium_27456=config.get("CONFIG_CAVIUM_ERRATUM_27456", True),
        ),
        pseudo_nmi=bool(last_value(words, "irqchip.gicv3_pseudo_nmi", truth_value)),
        protected_kvm=is_protected,
        hvhe=is_protected and flags.pkvm_hvhe,
        allow_mismatched_32bit_el0="allow_mismatched_32bit_el0" in words,
        knows_vpipt=flags.vpipt_icache,
        dbm_is_logged_at_once=flags.dbm_logged_at_once,
        tells_mitigations_at_once=flags.mitigations_told_together,
        bhb_affects_unlisted=flags.bhb_affects_unlisted,
        bhb_ignores_options=flags.bhb_mitigated_always,
        config={
            "CONFIG_ARM64_SME": flags.sme,
            "CONFIG_ARM64_PSEUDO_NMI": False,
            "CONFIG_ARM64_ERRATUM_4118414": flags.tlbi_erratum_of_big_cores,
            **config,
        },
        uses_bti=config.get("CONFIG_ARM64_BTI_KERNEL", False),
        emulates_pan=config.get("CONFIG_ARM64_SW_TTBR0_PAN", False),
        unknown=scenario.topology.unknown_bits,
        without=frozenset() if flags.icv_dir_trapping else frozenset({"HAS_ICH_HCR_EL2_TDIR"}),
        gmid_follows_overrides=flags.gmid_follows_overrides,
        compares_own_ipa_range=flags.ipa_range_of_cpu,
    )


def override_words(scenario: Scenario) -> list[str]:
    """Return the words of the command line, with that which a mode of KVM stands for."""
    words = scenario.command_line.split()
    # A hypervisor beside the kernel was asked for by hiding VHE, until hVHE came.
    if scenario.kvm_mode is KvmMode.PROTECTED and not scenario.flags.pkvm_hvhe:
        words.append("id_aa64mmfr1.vh=0")
    return words


def id_overrides(scenario: Scenario, tables: KernelTables, boot_cpu: Mapping[str, int]) -> dict[str, Override]:
    """Return the command line's values of ID registers.

    Args:
        scenario: the scenario.
        tables: the kernel's tables.
        boot_cpu: the boot CPU's registers.
    """
    words = override_words(scenario)
    return overrides(words, tables, scenario.release.series, boot_cpu, nosve_hides_sme=scenario.flags.nosve_hides_sme)
