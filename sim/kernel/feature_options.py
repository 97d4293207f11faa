"""The kernel's command line and flags, as far as they concern CPU features."""

from collections.abc import Mapping

from sim.cpufeature_tables import KernelTables
from sim.cpufeature_tables.feature_words import canonical_words
from sim.kernel.features.id_override import Override, overrides
from sim.kernel.features.mitigations import MitigationOptions
from sim.kernel.features.system_features import FeatureOptions
from sim.scenario import KvmMode, Scenario

_ON, _OFF = {"1", "on", "y", "yes", "true"}, {"0", "off", "n", "no", "false"}


def feature_options(scenario: Scenario) -> FeatureOptions:
    """Return what tells a scenario's kernel from others with the same tables."""
    words, flags = canonical_words(scenario.options.split()), scenario.flags
    is_protected = scenario.has_pkvm
    kpti = next((word.partition("=")[2] for word in reversed(words) if word.startswith("kpti=")), "")
    return FeatureOptions(
        mitigations=MitigationOptions(
            off="mitigations=off" in words,
            no_spectre_v2="nospectre_v2" in words,
            no_spectre_bhb="nospectre_bhb" in words,
            ssbd_off="ssbd=force-off" in words,
            kaslr=scenario.kaslr and "nokaslr" not in words,
            kpti=True if kpti in _ON else False if kpti in _OFF else None,
        ),
        pseudo_nmi="irqchip.gicv3_pseudo_nmi=1" in words,
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
            **scenario.kernel_config,
        },
        emulates_pan=scenario.kernel_config.get("CONFIG_ARM64_SW_TTBR0_PAN", False),
        unknown=scenario.topology.unknown_bits,
        without=frozenset() if flags.icv_dir_trapping else frozenset({"HAS_ICH_HCR_EL2_TDIR"}),
        gmid_follows_overrides=flags.gmid_follows_overrides,
        compares_own_ipa_range=flags.ipa_range_of_cpu,
    )


def id_overrides(scenario: Scenario, tables: KernelTables, boot_cpu: Mapping[str, int]) -> dict[str, Override]:
    """Return the command line's values of ID registers.

    Args:
        scenario: the scenario.
        tables: the kernel's tables.
        boot_cpu: the boot CPU's registers.
    """
    words = scenario.command_line.split()
    # A hypervisor beside the kernel was asked for by hiding VHE, until hVHE came.
    if scenario.kvm_mode is KvmMode.PROTECTED and not scenario.flags.pkvm_hvhe:
        words.append("id_aa64mmfr1.vh=0")
    return overrides(words, tables, scenario.release.series, boot_cpu, nosve_hides_sme=scenario.flags.nosve_hides_sme)
