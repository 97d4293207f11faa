"""KVM's initialisation, and the vector lengths that guests get.

Source: arch/arm64/kvm/arm.c (``kvm_arm_init``, ``early_kvm_mode_cfg``), reset.c (``kvm_arm_init_sve``).
"""

import msgspec

from sim import rules
from sim.kernel.cpufeature import CpuFeatures
from sim.kernel.hyp_mode import HypMode
from sim.kernel.pkvm import AllocationFailure, Pkvm
from sim.kernel.printk import Printk
from sim.kernel.save_area import SaveArea
from sim.machine.registers import VectorUnit
from sim.scenario import KvmMode, Scenario
from sim.vectors import VectorType, largest_vq, len_field, vl_bytes_from_vq


class GuestView(msgspec.Struct, frozen=True):
    """The set of lengths that a guest can select on a CPU, and whether the guest survives there.

    `killed` is True if KVM's limit is not a supported length, so the hardware runs the guest with less than KVM
    expects. The host sees the difference when it saves the guest's registers (``fpsimd_save``), and kills the process
    that runs the guest. With a pKVM that saves and restores the registers itself, the host does not see it.
    """

    vqs: int
    killed: bool


class Kvm:
    """KVM; its limits are in bytes, and 0 until they are computed.

    They stay 0 without SVE or hypervisor mode and under ``kvm-arm.mode=none``. If pKVM's allocation fails they keep
    their values, because the kernel computes them before it allocates.

    Args:
        scenario: what is booted.
        features: the system's features.
        printk: the kernel log.
        hyp: the exception levels at which CPUs have started.
    """

    def __init__(self, scenario: Scenario, features: CpuFeatures, printk: Printk, hyp: HypMode) -> None:
        self._scenario = scenario
        self._features = features
        self._printk = printk
        self._hyp = hyp
        self.decided = False
        """True if KVM's initcall is over, whatever its result."""
        self.initialised = False
        self.kvm_sve_max_vl_bytes = 0
        self.kvm_host_sve_max_vl_bytes = 0
        self.allocation_failed_at: int | None = None
        self.pkvm: Pkvm | None = None

    def snapshot(self) -> tuple[object, ...]:
        """Return everything that later steps depend on."""
        limits = self.kvm_sve_max_vl_bytes, self.kvm_host_sve_max_vl_bytes, self.allocation_failed_at
        return self.decided, self.initialised, *limits, None if self.pkvm is None else self.pkvm.snapshot()

    def early_kvm_mode_cfg(self) -> None:
        """Read ``kvm-arm.mode=``, before anything else is up."""
        # The kernel parses "none" before it asks for hypervisor mode, so "none" gives no such line.
        asked = self._scenario.kvm_mode not in {KvmMode.DEFAULT, KvmMode.NONE}
        if self._scenario.has_kvm and asked and not self._hyp.is_available():
            self._printk.line("KVM is not available. Ignoring kvm-arm.mode")

    def kvm_arm_init(self, online: list[int], cpus: int) -> None:
        """Initialise KVM; in protected mode allocate a buffer for every possible CPU.

        Args:
            online: the CPUs that are online now, by logical number: the PSCI relay knows no other CPU.
            cpus: the number of possible CPUs, online or not.
        """
        self.decided = True
        if not self._scenario.has_kvm:
            return
        if not self._hyp.is_available():
            self._printk.line("kvm [1]: HYP mode not available")
            return
        if self._scenario.kvm_mode is KvmMode.NONE:
            self._printk.line("kvm [1]: KVM disabled from command line")
            return
        if not self._features.kvm_set_ipa_limit():
            return
        host_vqs = self._kvm_arm_init_sve() if self._features.supports(VectorType.SVE) else 0
        if self._scenario.kvm_mode is KvmMode.PROTECTED and not self._scenario.has_psci:
            self._printk.line("kvm [1]: Cannot initialize protected mode without PSCI")
            self._printk.line("kvm [1]: error initializing Hyp mode: -19")
            return
        if self._scenario.kvm_mode is KvmMode.PROTECTED:
            pkvm = Pkvm(self._scenario, self._features, self._printk, frozenset(online))
            try:
                pkvm.allocate(cpus, host_vqs)
            except AllocationFailure as failure:
                self.allocation_failed_at = failure.cpu
                self._printk.line("kvm [1]: error initializing Hyp mode: -12")
                return
            self.pkvm = pkvm
            self._hyp.is_protected = True
        self._printk.line(f"kvm [1]: {self._mode_words()} mode initialized successfully")
        self.initialised = True

    def _kvm_arm_init_sve(self) -> int:
        """Set KVM's limits, and return the length that the host's buffers are for, as a set of one."""
        info = self._features.lengths.vl_info[VectorType.SVE]
        self.kvm_sve_max_vl_bytes = info.max_virtualisable_vl_bytes
        if info.max_virtualisable_vl_bytes < info.max_vl_bytes:
            self._printk.line(f"KVM: SVE vector length for guests limited to {self.kvm_sve_max_vl_bytes} bytes")
        host_vqs = rules.largest(info.vq_map)
        design = self._scenario.active_design
        if design is not None:
            host_vqs = design.allocation_vqs(info.vq_map, info.max_cpu_vqs, info.vq_partial_map, rules.ARCHITECTURE_VQS)
        self.kvm_host_sve_max_vl_bytes = vl_bytes_from_vq(largest_vq(host_vqs))
        return host_vqs

    def _mode_words(self) -> str:
        """Return the mode as the kernel's log names it; from 6.9 on the log names nVHE and hVHE too."""
        named, hvhe = self._scenario.flags.hyp_flavour, self._scenario.flags.pkvm_hvhe
        if self._scenario.kvm_mode is KvmMode.PROTECTED:
            has_vhe = self._scenario.topology.logical[0].features.vhe
            return "Protected hVHE" if named and hvhe and has_vhe else "Protected nVHE"
        if self._scenario.runs_at_el2(0):
            return "VHE"
        return "Hyp nVHE" if named else "Hyp"

    def offered_vqs(self) -> int:
        """Return the lengths that KVM offers to guests (KVM_REG_ARM64_SVE_VLS)."""
        if not self.initialised or not self._features.supports(VectorType.SVE):
            return 0
        info = self._features.lengths.vl_info[VectorType.SVE]
        return rules.guest_lengths(info.vq_map, info.virtualisable_vqs)

    def guest_view(self, unit: VectorUnit) -> GuestView:
        """Return the lengths that a guest with KVM's limit can select on a CPU.

        ZCR_EL2.LEN holds KVM's limit while the guest runs. The lengths come from the hardware and not from ``vq_map``,
        because a guest that meets other lengths on another CPU is a hazard.
        """
        if not self.kvm_sve_max_vl_bytes:
            return GuestView(0, killed=False)
        limit = self._features.lengths.vl_info[VectorType.SVE].virtualisable_vqs
        vqs = unit.vqs_at_el1_below(len_field(limit))
        differs = vl_bytes_from_vq(largest_vq(vqs)) != self.kvm_sve_max_vl_bytes
        return GuestView(vqs, killed=self.save_area is None and differs)

    @property
    def save_area(self) -> SaveArea | None:
        """The buffers to which pKVM saves the host's SVE registers; None where it does not."""
        return None if self.pkvm is None else self.pkvm.area
