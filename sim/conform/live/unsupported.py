"""What of a scenario real firmware, a real kernel and QEMU cannot have."""

from sim.scenario import BringUp, KvmInit, Scenario


def not_real(scenario: Scenario) -> list[str]:
    """What real firmware and a real kernel cannot be told to do."""
    reasons = {
        "faults of firmware": bool(scenario.faults),
        "a failing allocation": scenario.allocation_fails_at is not None,
        "CPUs brought up in parallel": scenario.bring_up is not BringUp.ONE_AT_A_TIME,
        "KVM's init at any time": scenario.kvm_init is not KvmInit.IN_ORDER,
    }
    return [reason for reason, is_so in reasons.items() if is_so]


def not_in_qemu(scenario: Scenario) -> list[str]:
    """What a topology has that cannot be had in QEMU: what its CPUs share, and whom ``maxcpus=`` leaves out.

    QEMU fixes when it starts whether CPUs have SME, and ends itself where of those with SME some lack SVE (7.2 and
    10.0, seen).
    """
    topology = scenario.topology
    with_sme = [one for one in topology.cpus if one.sme_vqs is not None]
    reasons = {
        "an early CPU behind a late one, as maxcpus= counts": scenario.early != tuple(range(len(scenario.early))),
        "CPUs with SME and without": 0 < len(with_sme) < len(topology.cpus),
        "CPUs with SME of which some lack SVE": len({one.sve_vqs is None for one in with_sme}) > 1,
    }
    return [reason for reason, is_so in reasons.items() if is_so]
