"""Scenarios as a real kernel can boot them.

A part that would change the outcome and that no real boot can have is refused: the comparison would say nothing. A part
that does not touch the compared fields, such as latencies, is left out and reported.
"""

from sim.conform.live.kernel_image import Image
from sim.conform.live.unsupported import qemu_limits, simulator_only_parts
from sim.errors import InputError
from sim.scenario import Do, Relay, Scenario
from sim.topology import Topology

_DEFAULTS = Scenario(Topology.of([None]))
"""Any scenario that states nothing: a part with its default value was not asked for, so that it is not omitted."""


def bootable_scenario(scenario: Scenario, image: Image, design: str | None = None) -> Scenario:
    """Return a scenario with the kernel of an image, and with those of its parts that a real boot can have.

    The image decides on the release and with it on the design, unless it is patched, and on the page size. Its relay
    always enforces. Guests are dropped, because the initramfs has no virtual machine monitor.

    Args:
        scenario: the scenario to be booted.
        image: the kernel to boot it with.
        design: name of the design that the kernel is patched to.

    Raises:
        InputError: the scenario has parts that would change its outcome and that no real boot can have.
    """
    reasons = {
        "several agents, whose order is not the scenario's": len({action.agent for action in scenario.actions}) > 1,
        'an action "await", which has no time limit': any(action.do is Do.AWAIT for action in scenario.actions),
    }
    unsupported = [
        *simulator_only_parts(scenario),
        *(reason for reason, applies in reasons.items() if applies),
        *qemu_limits(scenario),
    ]
    if unsupported:
        raise InputError(f"it has {', '.join(unsupported)}")
    actions = tuple(action for action in scenario.actions if action.do is not Do.GUEST)
    return scenario.but(
        kernel=str(image.release),
        page_bytes=image.page_bytes,
        design=design,
        relay=Relay.ENFORCING,
        actions=actions,
    )


def omitted_parts(scenario: Scenario, booted: Scenario) -> list[str]:
    """Return the parts of a scenario that its boot did not have, in words.

    Args:
        scenario: the scenario as it was written.
        booted: the result of `bootable_scenario` for it.
    """
    designs = [None if design is None else design.name for design in (scenario.active_design, booted.active_design)]
    parts = {
        f"kernel {scenario.kernel}": scenario.release.series != booted.release.series,
        f"design {designs[0]}": scenario.design is not None and designs[0] != designs[1],
        f"relay {scenario.relay}": scenario.relay is not booted.relay,
        "guests": any(action.do is Do.GUEST for action in scenario.actions),
        # Of the booted actions only: the times of guests are gone with the guests.
        "the actions' times": any(action.at_ns for action in booted.actions),
        f"page_bytes {scenario.page_bytes}": scenario.page_bytes != booted.page_bytes,
        f"memory {scenario.memory}": scenario.memory is not _DEFAULTS.memory,
        "latencies": scenario.latencies != _DEFAULTS.latencies,
        "seed": scenario.seed != _DEFAULTS.seed,
    }
    return [part for part, omitted in parts.items() if omitted]
