"""Mitigations of speculation: what the kernel makes of each CPU, and what it tells programs.

Firmware that offers no mitigation of its own (SMCCC 1.0) is what every recorded boot had. Firmware may also say that a
CPU is not affected; firmware that mitigates is not modelled.

Source: arch/arm64/kernel/proton-pack.c, cpufeature.c (``unmap_kernel_at_el0``, ``cpu_show_meltdown``).
"""

from collections.abc import Callable
from enum import IntEnum

import msgspec

from sim.cpufeature_tables import KernelTables
from sim.cpufeature_tables.tables import Requirement
from sim.kernel.features.core_models import is_in_list, is_listed
from sim.kernel.features.cpu_id import LocalReading
from sim.kernel.features.field_entries import is_met_by
from sim.kernel.features.id_fields import CLRBHB, CSV2, CSV3, E0PD, ECBHB, SSBS
from sim.topology import Weakness


class State(IntEnum):
    """``enum mitigation_state``, from best to worst."""

    UNAFFECTED = 0
    MITIGATED = 1
    VULNERABLE = 2


class MitigationOptions(msgspec.Struct, frozen=True):
    """The part of the command line and of the configuration that concerns mitigations."""

    off: bool
    """``mitigations=off``"""
    no_spectre_v2: bool
    """``nospectre_v2``"""
    no_spectre_bhb: bool
    """``nospectre_bhb``"""
    ssbd_off: bool
    """``ssbd=force-off``"""
    kpti: bool | None
    """``kpti=``; None: not given."""
    kaslr: bool
    """The kernel runs at a random address."""
    isolates: bool
    """The kernel is built with isolation of its page tables (``CONFIG_UNMAP_KERNEL_AT_EL0``)."""
    mitigates_bhb: bool
    """``CONFIG_MITIGATE_SPECTRE_BRANCH_HISTORY``"""
    uses_e0pd: bool
    """``CONFIG_ARM64_E0PD``"""
    knows_cavium_27456: bool
    """``CONFIG_CAVIUM_ERRATUM_27456``"""


MELTDOWN, SPECTRE_V2, SPEC_STORE_BYPASS = "meltdown", "spectre_v2", "spec_store_bypass"
"""The files of /sys/devices/system/cpu/vulnerabilities that are modelled."""
_BHB_LOOPS = tuple(f"spectre_bhb_k{count}_list" for count in (132, 38, 32, 24, 11, 8))
_CAVIUM_27456 = (("430f0a10", "0", "100001"), ("430f0a20", "0", "0"))


class Mitigations:
    """The states of a system's mitigations.

    Args:
        tables: the kernel's tables.
        options: the command line.
        line: writes a line to the log.
        warn: records a warning.
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
        self._isolation_told = False
        self._bhb_off_told = False
        self.meltdown_safe = True
        self.v2 = State.UNAFFECTED
        self.v4 = State.UNAFFECTED
        self.bhb = State.UNAFFECTED
        self.unknown: set[str] = set()
        """The files of sysfs that depend on an early CPU's registers which no source tells."""
        self.has_warned = False
        """A CPU that came late made a mitigation worse."""
        self.final = False
        """True once the kernel's capabilities are final."""

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        forced = self._forced, self._forced_by, self._isolation_told
        states = self.meltdown_safe, self.v2, self.v4, self.bhb
        return *forced, self._bhb_off_told, self.has_warned, *states, *sorted(self.unknown)

    def note_unknown(self, cpu: LocalReading) -> None:
        """Note what depends on registers of an early CPU that no source tells."""
        if not self._is_listed(cpu, "kpti_safe_list") and not cpu.cpu.knows(CSV3):
            self.unknown.add(MELTDOWN)
        if not self._is_v2_known(cpu):
            self.unknown.add(SPECTRE_V2)
        if not self._is_v4_known(cpu):
            self.unknown.add(SPEC_STORE_BYPASS)

    def _is_listed(self, cpu: LocalReading, name: str) -> bool:
        return is_listed(self._tables, name, cpu.midr)

    def _is_v2_known(self, cpu: LocalReading) -> bool:
        listed = self._is_listed(cpu, "spectre_v2_safe_list")
        return listed or Weakness.SPECTRE_V2 in cpu.unaffected or cpu.cpu.knows(CSV2)

    def _is_v4_known(self, cpu: LocalReading) -> bool:
        is_off = (self._options.off or self._options.ssbd_off) and Weakness.SPECTRE_V4 not in cpu.unaffected
        return is_off or self._is_listed(cpu, "spectre_v4_safe_list") or cpu.cpu.knows(SSBS)

    def needs_kpti(self, cpu: LocalReading, one: Requirement, *, knows_e0pd: bool) -> bool:
        """Return True if page tables must be isolated because of a CPU, or by the command line.

        Args:
            cpu: the CPU; a CPU whose CSV3 is unknown needs nothing.
            one: the capability.
            knows_e0pd: False if E0PD, on which it depends under KASLR, is known of no CPU.
        """
        has_csv3 = is_met_by(self._tables, one, cpu.register(CSV3.register))
        safe = self._is_listed(cpu, "kpti_safe_list") or has_csv3 or not cpu.cpu.knows(CSV3)
        self.meltdown_safe &= safe
        self._force_isolation(cpu, knows_e0pd=knows_e0pd)
        if not self._options.isolates:
            self._tell_isolation("disabled by kernel configuration")
            return False
        if self._forced:
            self._tell_isolation(f"forced {'ON' if self._forced > 0 else 'OFF'} by {self._forced_by}")
            return self._forced > 0
        return not safe

    def _force_isolation(self, cpu: LocalReading, *, knows_e0pd: bool) -> None:
        options = self._options
        # The erratum makes isolation impossible, whatever is asked for.
        if options.knows_cavium_27456 and is_in_list(cpu.midr, _CAVIUM_27456):
            self._forced, self._forced_by = -1, "ARM64_WORKAROUND_CAVIUM_27456"
        # E0PD hides the kernel's address as well as isolation does.
        has_e0pd = options.uses_e0pd and bool(cpu.field(E0PD))
        if options.kaslr and not self._forced and (knows_e0pd or not options.uses_e0pd) and not has_e0pd:
            self._forced, self._forced_by = 1, "KASLR"
        if options.off and not self._forced:
            self._forced, self._forced_by = -1, "mitigations=off"

    def _tell_isolation(self, words: str) -> None:
        if not self._isolation_told:
            self._line(f"CPU features: kernel page table isolation {words}")
            self._isolation_told = True

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
        """Mitigate Spectre-v2 on a CPU, if it is known whether the CPU is affected."""
        if not self._is_v2_known(cpu):
            return
        listed = self._is_listed(cpu, "spectre_v2_safe_list")
        safe = cpu.field(CSV2) or listed or Weakness.SPECTRE_V2 in cpu.unaffected
        self.v2 = self._worse(self.v2, State.UNAFFECTED if safe else State.VULNERABLE)

    def enable_v4(self, cpu: LocalReading, *, has_ssbs: bool) -> None:
        """Mitigate Spectre-v4 on a CPU, if it is known how."""
        if not self._is_v4_known(cpu):
            return
        if self._is_listed(cpu, "spectre_v4_safe_list"):
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
            tells_option: the kernel logs here that the command line or its configuration asks it not to. Kernels from
                6.18 on do not, and it is not known what their configuration decides here (commit 165eb13e485c).
        """
        options = self._options
        if self.v2 is State.VULNERABLE:
            state = State.VULNERABLE
        elif not (options.mitigates_bhb or tells_option):
            self.unknown.add(SPECTRE_V2)
            return
        elif not options.mitigates_bhb:
            self._tell_bhb_off("compile time")
            state = State.VULNERABLE
        elif (options.off or options.no_spectre_bhb) and not ignores_options:
            if tells_option:
                self._tell_bhb_off("command line")
            state = State.VULNERABLE
        else:
            mitigated = any(self._is_listed(cpu, name) for name in _BHB_LOOPS) or any(
                cpu.cpu.knows(field) and cpu.field(field) for field in (ECBHB, CLRBHB)
            )
            if not mitigated and not (cpu.cpu.knows(ECBHB) and cpu.cpu.knows(CLRBHB)):
                self.unknown.add(SPECTRE_V2)
                return
            state = State.MITIGATED if mitigated else State.VULNERABLE
        self.bhb = self._worse(self.bhb, state)

    def _tell_bhb_off(self, what: str) -> None:
        if not self._bhb_off_told:
            self._bhb_off_told = True
            self._line(f"spectre-bhb mitigation disabled by {what} option")

    def _worse(self, state: State, new: State) -> State:
        """Return the state after one more CPU. Once capabilities are final, a worse state is warned of and not kept."""
        if new <= state:
            return state
        if self.final:
            self.has_warned = True
            self._warn("update_mitigation_state: a CPU came that makes a mitigation worse")
            return state
        return new

    def vulnerabilities(self, *, has_kpti: bool) -> dict[str, str | None]:
        """Return what /sys/devices/system/cpu/vulnerabilities tells; None where registers that are unknown decide."""
        meltdown = "Not affected" if self.meltdown_safe else "Mitigation: PTI" if has_kpti else "Vulnerable"
        bhb = ("", ", BHB", ", but not BHB")[self.bhb]
        if self.v2 is State.VULNERABLE:
            spectre_v2 = "Vulnerable"
        elif self.v2 is State.UNAFFECTED and self.bhb is State.UNAFFECTED:
            spectre_v2 = "Not affected"
        else:
            spectre_v2 = f"Mitigation: CSV2{bhb}"
        v4 = ("Not affected", "Mitigation: Speculative Store Bypass disabled via prctl", "Vulnerable")[self.v4]
        told = {MELTDOWN: meltdown, SPECTRE_V2: spectre_v2, SPEC_STORE_BYPASS: v4}
        # The worst CPU decides: a CPU that is known to be vulnerable leaves nothing open.
        worst = {MELTDOWN: not self.meltdown_safe}
        worst |= {SPECTRE_V2: self.v2 is State.VULNERABLE, SPEC_STORE_BYPASS: self.v4 is State.VULNERABLE}
        return {name: None if name in self.unknown and not worst[name] else words for name, words in told.items()}
