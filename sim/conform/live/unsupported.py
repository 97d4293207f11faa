"""Parts of a scenario that real firmware, a real kernel or QEMU cannot have.

Live boots refuse a scenario with such parts. The export to QEMU refuses QEMU's limits, and lists the others as lost.
"""

from sim.scenario import BringUp, KvmInit, Scenario


def simulator_only_parts(scenario: Scenario) -> list[str]:
    """Return the parts of a scenario that no real firmware and kernel can be made to do, in words."""
    parts = {
        "faults of firmware": bool(scenario.faults),
        "EL3 that does not enable SVE or SME": any(spec.firmware.trapped for spec in scenario.topology.cpus),
        "CPUs that start at different exception levels": scenario.starts_at_mixed_levels,
        "CPUs in spin tables": not all(map(scenario.has_hotplug, range(len(scenario.topology.cpus)))),
        "named cores, whose ID registers QEMU's CPUs do not have": any(
            spec.features.core.has_all_features for spec in scenario.topology.cpus
        ),
        "the kernel's configuration, which its image fixes": bool(scenario.kernel_config),
        "CPUs without VHE": not all(spec.features.vhe for spec in scenario.topology.cpus),
        "a failing allocation": scenario.allocation_fails_at is not None,
        "CPUs brought up in parallel": scenario.bring_up is not BringUp.ONE_AT_A_TIME,
        "KVM's init at any time": scenario.kvm_init is not KvmInit.IN_ORDER,
    }
    return [part for part, is_asked in parts.items() if is_asked]


def qemu_limits(scenario: Scenario) -> list[str]:
    """Return the parts of a topology that QEMU cannot have, in words.

    QEMU fixes at its start whether its CPUs have SME. QEMU 7.2 and 10.0 were seen to abort where some of the CPUs with
    SME have SVE and some lack it. ``maxcpus=`` counts CPUs from 0, so that no late CPU can have a lower number than an
    early CPU.
    """
    with_sme = [spec for spec in scenario.topology.cpus if spec.sme_vqs is not None]
    parts = {
        "an early CPU behind a late CPU, as maxcpus= counts": scenario.early != tuple(range(len(scenario.early))),
        "CPUs with SME and without": 0 < len(with_sme) < len(scenario.topology.cpus),
        "CPUs with SME of which some lack SVE": len({spec.sve_vqs is None for spec in with_sme}) > 1,
    }
    return [part for part, is_asked in parts.items() if is_asked]
