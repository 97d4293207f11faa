"""Mitigations of speculation: what the kernel makes of each CPU, and what it tells programs.

Firmware that offers no mitigation of its own (SMCCC 1.0) is what every recorded boot had. Firmware may also say that a
CPU is not affected; firmware that mitigates is not modelled.

Source: arch/arm64/kernel/proton-pack.c, cpufeature.c (``unmap_kernel_at_el0``, ``cpu_show_meltdown``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from sim.cpufeature_tables import KernelTables
from sim.cpufeature_tables.tables import Requirement
from sim.kernel.features.core_models import is_in_list, is_listed
from sim.kernel.features.cpu_id import LocalReading
from sim.kernel.features.field_entries import is_met_by
from sim.kernel.features.id_fields import CLRBHB, CSV2, E0PD, ECBHB
from sim.topology import Weakness


class State(IntEnum):
    """``enum mitigation_state``, from best to worst."""

    UNAFFECTED = 0
    MITIGATED = 1
    VULNERABLE = 2


@dataclass(frozen=True, slots=True)
class MitigationOptions:
    """The part of the command line that concerns mitigations."""

    off: bool = False
    """``mitigations=off``"""
    no_spectre_v2: bool = False
    """``nospectre_v2``"""
    no_spectre_bhb: bool = False
    """``nospectre_bhb``"""
    ssbd_off: bool = False
    """``ssbd=force-off``"""
    kpti: bool | None = None
    """``kpti=``; None: not given."""
    kaslr: bool = False
    """The kernel runs at a random address."""


_BHB_LOOPS = tuple(f"spectre_bhb_k{count}_list" for count in (132, 38, 32, 24, 11, 8))
_CAVIUM_27456 = (("430f0a10", "0", "100001"), ("430f0a20", "0", "0"))


class Mitigations:
    """The states of a system's mitigations.

    Args:
        tables: the kernel's tables.
        options: the command line.
        line: writes a line to the log.
        warn: records a warning with its taint.
    """

    def __init__(
        self,
        tables: KernelTables,
        options: MitigationOptions,
        line: Callable[[str], None],
        warn: Callable[[str], None],
    ) -> None:
        self._tables = tables
        self._options = options
        self._line = line
        self._warn = warn
        self._forced = 0 if options.kpti is None else 1 if options.kpti else -1
        self._forced_by = "kpti command line option"
        self._forcing_told = False
        self._bhb_off_told = False
        self.meltdown_safe = True
        self.v2 = State.UNAFFECTED
        self.v4 = State.UNAFFECTED
        self.bhb = State.UNAFFECTED
        self.final = False
        """True once the kernel's capabilities are final."""

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        states = self.v2, self.v4, self.bhb
        return self._forced, self._forced_by, self._forcing_told, self._bhb_off_told, self.meltdown_safe, *states

    def needs_kpti(self, cpu: LocalReading, one: Requirement) -> bool:
        """Return True if page tables must be isolated because of a CPU, or by the command line."""
        has_csv3 = is_met_by(self._tables, one, cpu.register(CSV2.register))
        safe = is_listed(self._tables, "kpti_safe_list", cpu.midr) or has_csv3
        self.meltdown_safe &= safe
        # The erratum makes isolation impossible, whatever is asked for.
        if is_in_list(cpu.midr, _CAVIUM_27456):
            self._forced, self._forced_by = -1, "ARM64_WORKAROUND_CAVIUM_27456"
        if self._options.kaslr and not self._forced and not cpu.field(E0PD):
            self._forced, self._forced_by = 1, "KASLR"
        if self._options.off and not self._forced:
            self._forced, self._forced_by = -1, "mitigations=off"
        if self._forced:
            if not self._forcing_told:
                on_off = "ON" if self._forced > 0 else "OFF"
                self._line(f"CPU features: kernel page table isolation forced {on_off} by {self._forced_by}")
                self._forcing_told = True
            return self._forced > 0
        return not safe

    def print_disabled(self) -> None:
        """Log the mitigations that the command line switches off, as kernels do that tell them all at once."""
        options = self._options
        for name, is_off in (
            ("v2", options.off or options.no_spectre_v2),
            ("v4", options.off or options.ssbd_off),
            ("bhb", options.off or options.no_spectre_bhb),
        ):
            if is_off:
                self._line(f"spectre-{name} mitigation disabled by command-line option")

    def print_v4_disabled(self) -> None:
        """Log that the mitigation of Spectre-v4 is off, as kernels do that tell it when they patch themselves."""
        if self._options.off or self._options.ssbd_off:
            self._line("spectre-v4 mitigation disabled by command-line option")

    def enable_v2(self, cpu: LocalReading) -> None:
        """Mitigate Spectre-v2 on a CPU."""
        listed = is_listed(self._tables, "spectre_v2_safe_list", cpu.midr)
        safe = cpu.field(CSV2) or listed or Weakness.SPECTRE_V2 in cpu.unaffected
        self.v2 = self._worse(self.v2, State.UNAFFECTED if safe else State.VULNERABLE)

    def enable_v4(self, cpu: LocalReading, *, has_ssbs: bool) -> None:
        """Mitigate Spectre-v4 on a CPU."""
        if is_listed(self._tables, "spectre_v4_safe_list", cpu.midr):
            state = State.UNAFFECTED
        elif has_ssbs and not (self._options.off or self._options.ssbd_off):
            state = State.MITIGATED
        elif not has_ssbs and Weakness.SPECTRE_V4 in cpu.unaffected:
            state = State.UNAFFECTED
        else:
            state = State.VULNERABLE
        self.v4 = self._worse(self.v4, state)

    def enable_bhb(self, cpu: LocalReading, *, ignores_options: bool, tells_option: bool) -> None:
        """Mitigate Spectre-BHB on a CPU, which is affected.

        Args:
            cpu: the CPU.
            ignores_options: a kernel of 6.18 mitigates although the command line asks it not to.
            tells_option: the kernel logs here that the command line asks it not to.
        """
        options = self._options
        if self.v2 is State.VULNERABLE:
            state = State.VULNERABLE
        elif (options.off or options.no_spectre_bhb) and not ignores_options:
            if tells_option and not self._bhb_off_told:
                self._bhb_off_told = True
                self._line("spectre-bhb mitigation disabled by command line option")
            state = State.VULNERABLE
        else:
            has_loop = any(is_listed(self._tables, name, cpu.midr) for name in _BHB_LOOPS)
            state = State.MITIGATED if cpu.field(ECBHB) or cpu.field(CLRBHB) or has_loop else State.VULNERABLE
        self.bhb = self._worse(self.bhb, state)

    def _worse(self, state: State, new: State) -> State:
        """Return the state after one more CPU. Once capabilities are final, a worse state is warned of and not kept."""
        if new <= state:
            return state
        if self.final:
            self._warn("update_mitigation_state: a CPU came that makes a mitigation worse")
            return state
        return new

    def vulnerabilities(self, *, has_kpti: bool) -> dict[str, str]:
        """Return what /sys/devices/system/cpu/vulnerabilities tells."""
        meltdown = "Not affected" if self.meltdown_safe else "Mitigation: PTI" if has_kpti else "Vulnerable"
        bhb = ("", ", BHB", ", but not BHB")[self.bhb]
        if self.v2 is State.VULNERABLE:
            spectre_v2 = "Vulnerable"
        elif self.v2 is State.UNAFFECTED and self.bhb is State.UNAFFECTED:
            spectre_v2 = "Not affected"
        else:
            spectre_v2 = f"Mitigation: CSV2{bhb}"
        v4 = ("Not affected", "Mitigation: Speculative Store Bypass disabled via prctl", "Vulnerable")[self.v4]
        return {"meltdown": meltdown, "spectre_v2": spectre_v2, "spec_store_bypass": v4}
