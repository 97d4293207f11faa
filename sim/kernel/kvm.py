"""KVM's initialisation, and what it lets guests have.

Source: arch/arm64/kvm/arm.c (``kvm_arm_init``, ``early_kvm_mode_cfg``), reset.c (``kvm_arm_init_sve``).
"""

from dataclasses import dataclass

from sim import rules
from sim.kernel.cpufeature import CpuFeatures
from sim.kernel.pkvm import AllocationFailure, Pkvm
from sim.kernel.printk import Printk
from sim.machine.registers import VectorUnit
from sim.scenario import KvmMode, Scenario
from sim.vectors import VectorType, largest_vq, len_field, vl_bytes_from_vq


@dataclass(frozen=True, slots=True)
class GuestView:
    """What a guest finds on one CPU: the set of lengths it can select there.

    `killed`: KVM's limit is no supported length, so the hardware runs the guest with less than KVM
    expects; the host sees the difference when it saves the guest's registers (``fpsimd_save``), and kills the
    process that runs the guest. A pKVM that saves and restores the registers itself leaves the host
    nothing to see.
    """

    vqs: int
    killed: bool


class Kvm:
    """KVM as initialised for a scenario; limits in bytes, 0 until they are computed.

    They stay 0 without SVE or hypervisor mode and under ``kvm-arm.mode=none``; a failed allocation comes later.
    """

    def __init__(self, scenario: Scenario, features: CpuFeatures, printk: Printk) -> None:
        self._scenario = scenario
        self._features = features
        self._printk = printk
        self.decided = False
        """Whether its initcall is over, however that ended."""
        self.initialised = False
        self.kvm_sve_max_vl_bytes = 0
        self.kvm_host_sve_max_vl_bytes = 0
        self.allocation_failed_at: int | None = None
        self.pkvm: Pkvm | None = None

    def early_kvm_mode_cfg(self) -> None:
        """Read ``kvm-arm.mode=``, before anything else is up."""
        asked = self._scenario.kvm_mode not in {KvmMode.DEFAULT, KvmMode.NONE}
        if asked and not self._scenario.el2:
            self._printk.line("KVM is not available. Ignoring kvm-arm.mode")

    def kvm_arm_init(self, online: list[int], cpus: int) -> None:
        """Initialise KVM; in protected mode allocate a buffer for every possible CPU."""
        self.decided = True
        if not self._scenario.el2:
            self._printk.line("kvm [1]: HYP mode not available")
            return
        if self._scenario.kvm_mode is KvmMode.NONE:
            self._printk.line("kvm [1]: KVM disabled from command line")
            return
        host_vqs = self._kvm_arm_init_sve() if self._features.supports(VectorType.SVE) else 0
        if self._scenario.kvm_mode is KvmMode.PROTECTED:
            pkvm = Pkvm(self._scenario, self._features, self._printk, frozenset(online))
            try:
                pkvm.allocate(cpus, host_vqs)
            except AllocationFailure as failure:
                self.allocation_failed_at = failure.cpu
                self._printk.line("kvm [1]: error initializing Hyp mode: -12")
                return
            self.pkvm = pkvm
        self._printk.line(f"kvm [1]: {self._mode_words()} mode initialized successfully")
        self.initialised = True

    def _kvm_arm_init_sve(self) -> int:
        """Set KVM's limits; the answer is the host's, as a set of one."""
        info = self._features.vl_info[VectorType.SVE]
        self.kvm_sve_max_vl_bytes = info.max_virtualisable_vl_bytes
        if info.max_virtualisable_vl_bytes < info.max_vl_bytes:
            self._printk.line(f"KVM: SVE vector length for guests limited to {self.kvm_sve_max_vl_bytes} bytes")
        host_vqs = rules.largest(info.vq_map)
        design = self._scenario.active_design
        if design is not None:
            host_vqs = design.allocation_vqs(info.vq_map, info.max_cpu_vqs, info.vq_partial_map)
        self.kvm_host_sve_max_vl_bytes = vl_bytes_from_vq(largest_vq(host_vqs))
        return host_vqs

    def _mode_words(self) -> str:
        named = self._scenario.series.names_hyp_flavour
        match self._scenario.kvm_mode:
            case KvmMode.PROTECTED:
                return "Protected hVHE" if named else "Protected nVHE"
            case KvmMode.NVHE:
                return "Hyp nVHE" if named else "Hyp"
            case _:
                return "VHE"

    def offered_vqs(self) -> int:
        """The lengths KVM offers to guests (KVM_REG_ARM64_SVE_VLS)."""
        if not self.initialised or not self._features.supports(VectorType.SVE):
            return 0
        info = self._features.vl_info[VectorType.SVE]
        return rules.guest_lengths(info.vq_map, info.virtualisable_vqs)

    def guest_view(self, unit: VectorUnit) -> GuestView:
        """What a guest with KVM's limit finds on a CPU."""
        if not self.kvm_sve_max_vl_bytes:
            return GuestView(0, killed=False)
        limit = self._features.vl_info[VectorType.SVE].virtualisable_vqs
        vqs = unit.vqs_at_el1_below(len_field(limit))
        differs = vl_bytes_from_vq(largest_vq(vqs)) != self.kvm_sve_max_vl_bytes
        return GuestView(vqs, killed=self.saving_pkvm is None and differs)

    @property
    def saving_pkvm(self) -> Pkvm | None:
        """PKVM, where it keeps buffers and so saves the host's SVE registers."""
        return self.pkvm if self.pkvm is not None and self.pkvm.has_buffers else None
