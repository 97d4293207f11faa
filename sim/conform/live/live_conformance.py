"""Live boots compared with simulated boots, several at a time."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.boot_run import boot
from sim.conform.conformance import Conformance
from sim.conform.live.bootable_scenario import bootable_scenario, omitted_parts
from sim.conform.live.kernel_image import Image
from sim.conform.live.live_boot import boot_live
from sim.conform.live_cases import Case
from sim.conform.recorded_boot import compare_boot
from sim.conform.run_records import RecordedBoot
from sim.errors import AsymbootError


@dataclass(frozen=True)
class NotBooted:
    """A case that cannot be booted live, or whose boot did not reach its end."""

    name: str
    reason: str


async def conform_cases(
    cases: Sequence[Case],
    image: Image,
    report: Callable[[Conformance[RecordedBoot] | NotBooted], None],
    *,
    design: str | None = None,
    jobs: int,
) -> None:
    """Boot each case live and in the simulator, and compare. A cancellation or an error ends all boots under way.

    Args:
        cases: the cases; each is booted as `bootable_scenario` returns it.
        image: the kernel to boot.
        report: is called with each result as soon as there is one, in any order.
        design: name of the design that the kernel is patched to.
        jobs: the number of boots at a time.

    Raises:
        Exception: any exception that `report` raises.
    """
    free = asyncio.Semaphore(jobs)

    async def conform(case: Case) -> None:
        async with free:
            result = await _conform(case, image, design)
        report(result)

    try:
        async with asyncio.TaskGroup() as group:
            for case in cases:
                group.create_task(conform(case))
    except ExceptionGroup as errors:  # from `report`: `_conform` returns the errors of boots as results
        # Several reports may fail for one reason, such as a full disk: the caller handles the first.
        raise errors.exceptions[0] from None


async def _conform(case: Case, image: Image, design: str | None) -> Conformance[RecordedBoot] | NotBooted:
    identity = f"{image.name}/{case.name}"
    try:
        scenario = bootable_scenario(case.scenario, image, design)
        live = await boot_live(identity, scenario, image)
    except AsymbootError as error:
        return NotBooted(identity, str(error))
    except OSError as error:
        return NotBooted(identity, error.strerror or str(error))
    fields = list(compare_boot(live.record, boot(scenario)))
    return Conformance(live.record, fields, omitted_parts(case.scenario, scenario), live.console)
