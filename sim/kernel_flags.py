"""Kernel flags: what differs between kernels, as named switches with defaults by release.

A release is a series, a point release, a configuration and backports. Mainline's releases give each flag its default;
point releases of stable series may have a change that their series began without, and a distribution's build has quirks
of its own. A release candidate has what landed up to it, and so has a tree on top of it, as far as is known. A
scenario's ``[kernel] flags`` sets any flag. This is the only place that compares versions.

A vendor's tree, such as Android's, has the flags of mainline's series, because what else it has is unknown, and its own
choices say nothing of other kernels. A series after the newest recorded series is taken to be like that, and a note of
the boot says so (`KernelRelease.stand_in`). The defaults are held to the releases that were booted or read by
`tests/test_kernel_flags.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import lru_cache

import msgspec

from sim.errors import InputError, closest
from sim.kernel_release import Build, KernelRelease, Series

Landing = Series | tuple[int, int, int]
"""The series in which mainline got a change and, where it is known, the first of its release candidates that has it.

A change of the merge window has 1; 6.12-rc2 is (6, 12, 2).
"""


class Origin(StrEnum):
    """Where a flag's value comes from."""

    SCENARIO = "set by the scenario"
    MAINLINE = "mainline"
    BACKPORT = "backported to the stable series"
    BUILD = "this distribution's build"
    UNKNOWN = "unknown whether this tree has it: mainline's default"
    CANDIDATE = "unknown whether this release candidate has it: as in its release"
    ON_CANDIDATE = "unknown whether what is on top of its release candidate has it: as in the candidate"
    ABI = "unknown which point release it is: as in the newest"


class Backport(msgspec.Struct, frozen=True):
    """A change of a flag within a stable series, from a point release on."""

    series: Series
    since: int
    value: bool


class FlagFacts(msgspec.Struct, frozen=True):
    """The knowledge of a flag: its meaning, mainline's releases, backports, and the builds that have it."""

    meaning: str
    """The effect of the flag where it is on, as tables show it."""
    source: str
    mainline: tuple[tuple[Landing, Landing | None], ...]
    """The changes with which mainline got it and lost it again; None: it has it to this day."""
    backports: tuple[Backport, ...]
    of_builds: Mapping[Build, tuple[Series, Series]]
    """The builds that have it, from which series on and before which, whatever mainline has."""

    def default(self, release: KernelRelease) -> tuple[bool, Origin]:
        """Return the flag's default in a release, and where it comes from."""
        series = release.series
        since, before = self.of_builds.get(release.build, ((0, 0), (0, 0)))
        if since <= series < before:
            return True, Origin.BUILD
        in_mainline = any(
            _has_landed(since, release) and not (before and _has_landed(before, release))
            for since, before in self.mainline
        )
        landings = [one for span in self.mainline for one in span if one is not None]
        if any(_is_unclear(one, release) for one in landings):
            return in_mainline, Origin.CANDIDATE
        if any(_may_be_on_top(one, release) for one in landings):
            return in_mainline, Origin.ON_CANDIDATE
        backport = next((one for one in self.backports if one.series == series), None)
        if backport is not None:
            return _with_backport(in_mainline, backport, release)
        # Ubuntu maintains series that kernel.org has given up, and takes changes from the stable releases of others.
        may_be_ubuntus = bool(self.backports) and any(one[:2] > series for one in landings)
        is_unknown = release.build is Build.UBUNTU and release.names_abi and may_be_ubuntus
        return in_mainline, Origin.UNKNOWN if is_unknown else Origin.MAINLINE


def _with_backport(in_mainline: bool, backport: Backport, release: KernelRelease) -> tuple[bool, Origin]:
    """Return a flag's default in a release of a stable series that got a change, and where it comes from."""
    point = release.backports_up_to
    if release.build is Build.OTHER:
        return in_mainline, Origin.UNKNOWN
    if release.build is Build.UBUNTU and (point is None or point < backport.since):
        return in_mainline, Origin.UNKNOWN
    if release.names_abi and point is None:
        return backport.value, Origin.ABI
    if release.is_stable_candidate and point == backport.since:
        return backport.value, Origin.CANDIDATE
    has_backport = point is None or point >= backport.since
    return (backport.value, Origin.BACKPORT) if has_backport else (in_mainline, Origin.MAINLINE)


def _has_landed(landing: Landing, release: KernelRelease) -> bool:
    """Return True if a release has a change of mainline's; where that is unclear, if its series has."""
    in_series = landing[:2] <= release.series
    if landing[:2] != release.series or release.candidate is None or _is_unclear(landing, release):
        return in_series
    return release.candidate >= landing[-1]


def _is_unclear(landing: Landing, release: KernelRelease) -> bool:
    """Return True if it is not known whether a release candidate has a change of its own series."""
    if landing[:2] != release.series or release.candidate is None:
        return False
    if landing == release.series:  # the candidate is not known
        return True
    # -rc0, as distributions call it, is from somewhere in the merge window, which ends with -rc1.
    return release.candidate == 0 and landing[-1] == 1


def _may_be_on_top(landing: Landing, release: KernelRelease) -> bool:
    """Return True if a later candidate has a change that a tree on top of a candidate may have as well."""
    if release.build is not Build.ON_CANDIDATE or release.candidate is None:
        return False
    return landing[:2] == release.series != landing and release.candidate < landing[-1]


# The knowledge stands in the field's metadata, and the field has no default, because that depends on the release. So a
# `KernelFlags` is made with every flag given, as `kernel_flags` does.
def _flag(
    meaning: str,
    source: str,
    *mainline: tuple[Landing, Landing | None],
    backports: tuple[Backport, ...] = (),
    of_builds: Mapping[Build, tuple[Series, Series]] | None = None,
) -> bool:
    facts = FlagFacts(meaning, source, mainline, backports, of_builds or {})
    default: bool = field(metadata={"facts": facts})
    return default


_BEFORE = (0, 0)


@dataclass(frozen=True, slots=True)
class KernelFlags:
    """The flags of one kernel."""

    pseudo_registers: bool = _flag(
        "a late CPU is first compared with the sanitised pseudo registers ZCR and SMCR",
        "arch/arm64/kernel/cpufeature.c; removed by message 20230913-arm64-vec-len-cpufeature-v1-1; booted",
        (_BEFORE, (6, 7, 1)),
    )
    sme: bool = _flag(
        "SME is configured; ARM64_SME depended on BROKEN for a while",
        "arch/arm64/Kconfig, commit 81235ae0c846 in 6.12-rc7 and the stable releases' announcements; booted: 6.1.176 "
        "and 6.12.117 have no SME, 6.16 has; 6.1.115 has, by a public log",
        ((5, 19), (6, 12, 7)),
        ((6, 16, 1), None),
        backports=(
            Backport((6, 1), 117, value=False),
            Backport((6, 6), 61, value=False),
            Backport((6, 11), 8, value=False),
        ),
    )
    hyp_flavour: bool = _flag(
        "KVM's line says nVHE or hVHE",
        "arch/arm64/kvm/arm.c and the pull request of 6.9; booted: 6.12 has it, 6.1 has not",
        ((6, 9, 1), None),
    )
    pkvm_hvhe: bool = _flag(
        "pKVM runs its hypervisor as hVHE by default on CPUs with VHE",
        "commit 5053c3f0519c and the pull request of 6.10; booted: 6.12",
        ((6, 10, 1), None),
    )
    host_sve_buffers: bool = _flag(
        "pKVM saves the host's SVE registers to buffers",
        "commit 66d5b53e20a6, in a pull request of fixes for 6.10, in 6.10-rc3; read",
        ((6, 10, 3), None),
    )
    zcr_el2_constrained: bool = _flag(
        "ZCR_EL2 is set to the largest shared length while those registers are saved: the bug is fixed",
        "commit a9f41588a902, in 6.12-rc2; in none of 6.11.3 to 6.11.10; read",
        ((6, 12, 2), None),
    )
    host_fpsimd_flushed: bool = _flag(
        "the host's FPSIMD, SVE and SME state is saved before a guest runs, so that no task loses registers at EL2",
        "arch/arm64/kvm/fpsimd.c, commit fbc7e61195e2 in 6.14-rc3 and the stable releases' announcements; read",
        ((6, 14, 3), None),
        backports=(
            Backport((6, 1), 135, value=True),
            Backport((6, 6), 85, value=True),
            Backport((6, 12), 21, value=True),
            Backport((6, 13), 9, value=True),
        ),
    )
    eperm_is_silent: bool = _flag(
        "no line is logged where firmware answers CPU_ON with DENIED",
        "arch/arm64/kernel/psci.c and smp.c, commit 643e12da4a49 in the pull request of 6.11; read: 6.12.95, 7.2 and "
        "7.3 have it, 6.1 has not",
        ((6, 11, 1), None),
    )
    hyp_panic_on_return: bool = _flag(
        "with SVE under pKVM, a CPU that went offline and comes back panics the hypervisor",
        "recorded boots of Debian's 6.1.176 and 6.1.192; neither 6.12 nor Android's 6.1.131 has it",
        of_builds={Build.DEBIAN: ((6, 1), (6, 2))},
    )
    maxcpus_counts_online: bool = _flag(
        "maxcpus= counts CPUs that are online: where an early CPU fails, the next present CPU takes its place",
        "kernel/cpu.c (bringup_nonboot_cpus), changed in the merge window of 6.5; booted: 6.1 has it",
        (_BEFORE, (6, 5, 1)),
    )
    suspend_ascends: bool = _flag(
        "the CPUs go down in ascending order when the system suspends, and not in descending order",
        "kernel/cpu.c (freeze_secondary_cpus), commit fde78e4673af in the pull request of 6.11; booted: 6.1 has it, "
        "6.12 and 7.3 have not",
        (_BEFORE, (6, 11, 1)),
    )
    levels_checked_last: bool = _flag(
        "the line on the exception levels at which CPUs started comes after the lines on vector lengths",
        "arch/arm64/kernel/smp.c (smp_cpus_done), commit 075f48c924be in the pull request of 6.7; booted: 6.1 has it, "
        "6.12 has not",
        (_BEFORE, (6, 7, 1)),
    )
    icv_dir_trapping: bool = _flag(
        "a late CPU is refused if hypervisor mode is not available, because a CPU started at EL1, and was before",
        "arch/arm64/kernel/cpufeature.c (can_trap_icv_dir_el1), commit 2a28810cbb8b, in none of 6.18's tables; booted: "
        "7.3 has it, 6.12 has not",
        ((6, 19), None),
    )
    nosve_hides_sme: bool = _flag(
        "arm64.nosve switches SME off as well",
        "arch/arm64/kernel/idreg-override.c and the pull request of 6.4; booted: 6.1 has it",
        (_BEFORE, (6, 4, 1)),
    )

    vpipt_icache: bool = _flag(
        "CTR_EL0.L1Ip 0 is the policy VPIPT of instruction caches",
        "arch/arm64/kernel/cpuinfo.c; read: 6.1 has it, 6.12 has not",
        (_BEFORE, (6, 8)),
    )
    dbm_logged_at_once: bool = _flag(
        "dirty bit management is logged when the first CPU has it, without a list of CPUs",
        "arch/arm64/kernel/cpufeature.c; booted: 6.1 does, 6.12 does not",
        (_BEFORE, (6, 7)),
    )
    mitigations_told_together: bool = _flag(
        "the log tells together which mitigations the command line switches off, after capabilities are final",
        "arch/arm64/kernel/proton-pack.c (spectre_print_disabled_mitigations), commit 7f1635737823 in 6.18-rc6; "
        "booted: 6.18.15 and 7.3 do, 6.12 does not",
        ((6, 18, 6), None),
    )
    bhb_affects_unlisted: bool = _flag(
        "Spectre-BHB concerns every core not known to be safe, and not only the cores known to be affected",
        "arch/arm64/kernel/proton-pack.c (is_spectre_bhb_affected), commit e403e8538359 in the pull request of 6.15 "
        "and the stable releases' announcements; read: 6.12.117 has it; 6.1.11 has not, by a public log",
        ((6, 15, 1), None),
        backports=(
            Backport((6, 1), 135, value=True),
            Backport((6, 6), 88, value=True),
            Backport((6, 12), 24, value=True),
        ),
    )
    tlbi_erratum_of_big_cores: bool = _flag(
        "broken broadcast TLBI completion concerns Arm's big cores from Cortex-A76 on, as their erratum 4118414",
        "arch/arm64/kernel/cpu_errata.c and the stable releases' announcements; booted: 6.1.176, 6.12.117 and 7.3 have "
        "it, 6.16.12 and 6.18.15 have not; 6.6.63 has not, by a public log",
        ((7, 2), None),
        backports=(
            Backport((6, 1), 176, value=True),
            Backport((6, 12), 94, value=True),
            Backport((7, 1), 1, value=True),
        ),
    )
    bhb_mitigated_always: bool = _flag(
        "Spectre-BHB is mitigated although the command line says mitigations=off",
        "recorded boots of 6.18.15",
        ((6, 18), (6, 19)),
    )
    ipa_range_of_cpu: bool = _flag(
        "a late CPU's own range of physical addresses is compared with KVM's limit, and not the system's",
        "arch/arm64/kernel/cpufeature.c (verify_hyp_capabilities); booted: 6.1, not 6.12",
        (_BEFORE, (6, 12)),
    )
    gmid_follows_overrides: bool = _flag(
        "GMID_EL1 has no first value where the command line hides MTE",
        "recorded boots: 7.3 does, 6.12 does not",
        ((6, 19), None),
    )
    mops_in_kernel: bool = _flag(
        "the kernel copies memory with MOPS instructions where the system has them",
        "arch/arm64/lib/memcpy.S, commit 836ed3c4e473 of 6.13; booted: 7.3 does, 6.12 does not",
        ((6, 13), None),
    )
    pie_writes_tcr2: bool = _flag(
        "a CPU that claims S1PIE writes TCR2_EL1 in its first code, whether or not it has TCRX",
        "arch/arm64/mm/proc.S; the write went in 6.17, and by a fix of commit 7052e808c446 in the stable 6.16; booted: "
        "6.12 has it",
        ((6, 5), (6, 17)),
        backports=(Backport((6, 16), 12, value=False),),
    )

    @property
    def own_design(self) -> str | None:
        """The design of this kernel's own pKVM; None where it keeps no buffers for the host's SVE registers."""
        if not self.host_sve_buffers:
            return None
        return "constrain-v2" if self.zcr_el2_constrained else "v6.11"


FLAGS: dict[str, FlagFacts] = {one.name: one.metadata["facts"] for one in fields(KernelFlags)}
"""The knowledge of every flag, by its name."""


def kernel_flags(release: KernelRelease, overrides: Mapping[str, bool] | None = None) -> KernelFlags:
    """Return the flags of a release, some of them set otherwise.

    Args:
        release: the kernel's release.
        overrides: values by the names of flags; the release gives the others.

    Raises:
        InputError: an override has the name of no flag.
    """
    given = dict(overrides or {})
    for name in given:
        if name not in FLAGS:
            close = closest(name, FLAGS)
            hint = f"did you mean {close!r}? There" if close else "there"
            raise InputError(f"unknown kernel flag {name[:60]!r}: {hint} are {', '.join(FLAGS)}")
    return KernelFlags(**{**_defaults(release), **given})


@lru_cache(maxsize=64)
def _defaults(release: KernelRelease) -> dict[str, bool]:
    return {name: facts.default(release)[0] for name, facts in FLAGS.items()}


def kernel_words(kernel: str, overrides: Mapping[str, bool]) -> str:
    """Return a kernel with the flags that are set, such as "6.12 with sme on"."""
    return f"{kernel} with {flag_words(overrides)}" if overrides else kernel


def flag_words(overrides: Mapping[str, bool]) -> str:
    """Return the flags that are set.

    >>> flag_words({"zcr_el2_constrained": False, "sme": True})
    'sme on, zcr_el2_constrained off'
    """
    return ", ".join(f"{name} {'on' if value else 'off'}" for name, value in sorted(overrides.items()))


def flag_origins(release: KernelRelease, overrides: Mapping[str, bool] | None = None) -> dict[str, Origin]:
    """Return where the value of each flag comes from, by its name."""
    given = overrides or {}
    return {name: Origin.SCENARIO if name in given else facts.default(release)[1] for name, facts in FLAGS.items()}
