"""The kernel that a log's boot is simulated with: its release, and the flags that the log itself shows."""

import re
from itertools import takewhile

import msgspec

from sim.errnos import Errno
from sim.importer.hotplug_history import HotplugResult
from sim.importer.kernel_log import KernelLog
from sim.importer.log_lines import KvmReadyLine
from sim.kernel_flags import KernelFlags, kernel_flags
from sim.kernel_release import DEFAULT, OLDEST, kernel_release
from sim.scenario import PAGE_SIZES
from sim.vectors import VectorType

_DEBIAN = re.compile(r"(-[\d.a-z]+)?(-cloud|-rt)?-arm64(-16k)?")
"""The end of the names of Debian's kernels that do not say that they are Debian's."""
_PAGES = re.compile(r"[-+](16|64)k(?![a-z0-9])")
"""The size of a page in a kernel's name, such as Debian's -arm64-16k, Android's -16k and Fedora's +64k."""
_NUMBERS = re.compile(r"(\d{1,3})\.(\d{1,3})(?:\.\d{1,4})?")


class ModelledKernel(msgspec.Struct, frozen=True):
    """The kernel that a log's boot is simulated with."""

    release: str
    in_log: tuple[int, int] | None
    """The series in the log, which may be older than the model; None where the log does not say."""
    flags: dict[str, bool]
    """The flags that the log shows to be set otherwise than the release has by default."""
    page_bytes: int
    """The size of a page in bytes, as the log or else the kernel's name says."""
    told_by: str
    """The words on what tells it; empty if nothing does."""

    @property
    def stands_for_older(self) -> bool:
        """True if the log's kernel is older than the model, whose oldest series stands for it."""
        return self.in_log is not None and self.in_log < OLDEST


def modelled_kernel(log: KernelLog) -> ModelledKernel:
    """Choose the kernel that a log's boot is simulated with."""
    numbers, (page_bytes, told_by) = _NUMBERS.match(log.release), _page_bytes(log)
    if numbers is None:
        return ModelledKernel(DEFAULT, None, _flags_shown(log, DEFAULT), page_bytes, told_by)
    in_log = int(numbers[1]), int(numbers[2])
    release = release_text(log.release, log.point_release) if in_log >= OLDEST else ".".join(map(str, OLDEST))
    return ModelledKernel(release, in_log, _flags_shown(log, release), page_bytes, told_by)


def _page_bytes(log: KernelLog) -> tuple[int, str]:
    """Return the size of a page in bytes, and the words on what tells it."""
    if log.granule_bytes is not None:
        return log.granule_bytes, "which a CPU does not support"
    if log.page_bytes is not None:
        return log.page_bytes, "as the size of a hash table shows"
    named = _PAGES.search(log.release)
    return (PAGE_SIZES[0], "") if named is None else (int(named[1]) << 10, "as its name says")


def release_text(in_log: str, point_release: str | None) -> str:
    """Return the release of a log's "Linux version" line as `sim.kernel_release` reads it; "" if it is none.

    Args:
        in_log: the release in the line, which may name an ABI and not the point release, such as 6.1.0-27-arm64.
        point_release: the point release that the line names besides; None where it names none.
    """
    numbers = _NUMBERS.match(in_log)
    if numbers is None:
        return ""
    suffix = re.match(r"[-+~][\w.+~-]{1,60}", in_log[len(numbers[0]) :], re.ASCII)
    named, tail = numbers[0], suffix[0] if suffix else ""
    if point_release is not None and point_release.startswith(f"{numbers[1]}.{numbers[2]}."):
        if _DEBIAN.fullmatch(tail):
            return f"{point_release}+deb"
        named = point_release if named.endswith(".0") else named
    return named + tail


def _flags_shown(log: KernelLog, release: str) -> dict[str, bool]:
    """Return the flags that the log shows, where they differ from the release's defaults."""
    flags = kernel_flags(kernel_release(release))
    shown = {}
    if _uses_sme(log) and not flags.sme:
        shown["sme"] = True
    if _survived_return(log) and flags.hyp_panic_on_return:
        shown["hyp_panic_on_return"] = False
    if flags.eperm_is_silent and any(step.error == -Errno.EPERM and not step.is_silent for step in log.steps):
        shown["eperm_is_silent"] = False
    ascends = _suspend_ascends(log)
    if ascends not in {None, flags.suspend_ascends}:
        shown["suspend_ascends"] = bool(ascends)
    return shown | _flags_of_kvm(log, flags)


def _flags_of_kvm(log: KernelLog, flags: KernelFlags) -> dict[str, bool]:
    """Return the flags that KVM's own line shows, where they differ from the release's defaults."""
    if not isinstance(log.kvm, KvmReadyLine):
        return {}
    shown = {}
    names_flavour = log.kvm.names_flavour
    if names_flavour not in {None, flags.hyp_flavour}:
        shown["hyp_flavour"] = bool(names_flavour)
    if log.kvm.is_protected and log.kvm.shows_vhe and not flags.pkvm_hvhe:
        shown["pkvm_hvhe"] = True
    is_told = _has_vhe(log) or log.command_line.value("arm64_sw.hvhe") == "0"
    if log.kvm.is_protected and not log.kvm.shows_vhe and flags.pkvm_hvhe and is_told:
        # Else the CPUs may lack VHE.
        shown["pkvm_hvhe"] = False
    return shown


def _has_vhe(log: KernelLog) -> bool:
    """Return True if the boot CPU is known to have VHE: by its core, or as SVE and SME imply.

    SVE is an extension of Armv8.2, and Armv8.1 has VHE wherever EL2 is (DDI 0487, FEAT_VHE and FEAT_SVE).
    """
    boot = log.cpus[0]
    is_known = boot.core is not None and boot.core.vhe and not boot.core.is_model
    return log.has_vhe or is_known or bool(log.vl_bytes) or any(map(boot.has, VectorType))


def lacks_vhe_under_pkvm(log: KernelLog) -> bool:
    """Return True if pKVM runs without VHE under a kernel that would use it, so that the CPUs have no VHE.

    Source: arch/arm64/kernel/pi/idreg-override.c (``hvhe_filter``), commit 5053c3f0519c.
    """
    kernel = modelled_kernel(log)
    is_without = isinstance(log.kvm, KvmReadyLine) and log.kvm.is_protected and not log.kvm.shows_vhe
    return is_without and kernel_flags(kernel_release(kernel.release), kernel.flags).pkvm_hvhe


def _uses_sme(log: KernelLog) -> bool:
    return any(extension is VectorType.SME for extension, _ in log.vl_bytes)


def _suspend_ascends(log: KernelLog) -> bool | None:
    """Return True if a suspend takes the CPUs down in ascending order, and None if no suspend shows the order."""
    for action in (one for one in log.actions if one.is_suspend):
        down = [step.cpu for step in takewhile(lambda step: not step.is_attempt, action.steps)]
        if len(down) > 1 and down in (sorted(down), sorted(down, reverse=True)):
            return down[0] < down[-1]
    return None


def _survived_return(log: KernelLog) -> bool:
    """Return True if a CPU came back under pKVM with SVE, as it can where the hypervisor does not panic."""
    is_pkvm = isinstance(log.kvm, KvmReadyLine) and log.kvm.is_protected
    has_sve = any(extension is VectorType.SVE for extension, _ in log.vl_bytes)
    came = log.came_early | {0}
    returned = any(step.cpu in came for step in log.late if step.result is HotplugResult.ONLINE)
    return is_pkvm and has_sve and returned
