"""What of a scenario a real boot can have."""

from sim.conform.live.kernel_image import Image
from sim.conform.live.unsupported import not_in_qemu, not_real
from sim.errors import InputError
from sim.scenario import Do, Relay, Scenario
from sim.topology import Topology

_DEFAULTS = Scenario(Topology.of([None]))


def as_booted(scenario: Scenario, image: Image, design: str | None = None) -> Scenario:
    """The scenario's system and actions under a kernel that is there.

    Series and relay are the kernel's, and the design is its series' own.

    Args:
        scenario: what is to be booted.
        image: the kernel.
        design: the kernel is patched so.

    Raises:
        InputError: what matters of it cannot be had from real firmware and a real kernel.
    """
    reasons = {
        "several agents, whose order is not the scenario's": len({one.agent for one in scenario.actions}) > 1,
        'an action "await", which has no end in real time': any(one.do is Do.AWAIT for one in scenario.actions),
    }
    told = [*not_real(scenario), *(reason for reason, is_so in reasons.items() if is_so), *not_in_qemu(scenario)]
    if told:
        raise InputError(f"it has {', '.join(told)}")
    actions = tuple(one for one in scenario.actions if one.do is not Do.GUEST)
    return scenario.but(kernel=str(image.series), design=design, relay=Relay.ENFORCING, actions=actions)


def left_out(scenario: Scenario, booted: Scenario) -> list[str]:
    """What a scenario asks for and its boot has not, in words.

    Args:
        scenario: as it was written.
        booted: what `as_booted` makes of it.
    """
    designs = [None if one is None else one.name for one in (scenario.active_design, booted.active_design)]
    left = {
        f"series {scenario.kernel}": scenario.kernel != booted.kernel,
        f"design {designs[0]}": scenario.design is not None and designs[0] != designs[1],
        f"relay {scenario.relay}": scenario.relay is not booted.relay,
        "guests": any(one.do is Do.GUEST for one in scenario.actions),
        "the actions' times": any(one.at_ns for one in booted.actions),
        f"page_bytes {scenario.page_bytes}": scenario.page_bytes != _DEFAULTS.page_bytes,
        f"memory {scenario.memory}": scenario.memory is not _DEFAULTS.memory,
        "latencies": scenario.latencies != _DEFAULTS.latencies,
        "seed": scenario.seed != _DEFAULTS.seed,
    }
    return [what for what, is_so in left.items() if is_so]
