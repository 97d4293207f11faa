"""Saves that stay in their buffers: where none can exceed its own, guests on different CPUs do not meet."""

from collections.abc import Iterator

from sim import rules
from sim.boot_run import BootRun
from sim.vectors import VectorType


def saves_stay_apart(run: BootRun) -> bool:
    """Return True if no save on any CPU can exceed its buffer, now or once KVM is up."""
    own = {cpu.usable_vqs(VectorType.SVE) or 0 for cpu in run.system.scenario.topology.cpus}
    sizes = list(_sizes(run))
    return not any(rules.save_exceeds(vqs, limit, allocation) for vqs in own for limit, allocation in sizes)


def _sizes(run: BootRun) -> Iterator[tuple[int, int]]:
    """Yield what ZCR_EL2 lets through during saves with the length that buffers are for, as it is or may become."""
    area, design = run.system.kvm.save_area, run.system.scenario.active_design
    if area is not None:
        yield area.limit_vqs, area.allocation_vqs
    elif not run.system.kvm.decided and design is not None and run.system.scenario.has_pkvm:
        info = run.system.features.lengths.vl_info[VectorType.SVE]
        late = (cpu.usable_vqs(VectorType.SVE) or 0 for cpu in run.system.scenario.topology.cpus)
        # A late CPU may raise the maximum before KVM's initcall, by which a design may size the buffers.
        for max_cpu_vqs in {info.max_cpu_vqs, *(info.max_cpu_vqs | vqs for vqs in late)}:
            allocation = design.allocation_vqs(info.vq_map, max_cpu_vqs, info.vq_partial_map, rules.ARCHITECTURE_VQS)
            yield design.zcr_el2_limit(info.vq_map, allocation, rules.ARCHITECTURE_VQS), allocation
