"""Real boots beside simulated ones, several at a time."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.boot_run import boot
from sim.conform.compared_fields import Field
from sim.conform.live.bootable_scenario import as_booted, left_out
from sim.conform.live.kernel_image import Image
from sim.conform.live.live_boot import boot_live
from sim.conform.live_cases import Case
from sim.conform.recorded_boot import compare_boot, not_compared
from sim.conform.run_records import RecordedBoot
from sim.errors import InputError


@dataclass(frozen=True)
class Conformance:
    """What a real boot showed, beside what the simulator says."""

    name: str
    record: RecordedBoot
    fields: list[Field]
    not_compared: list[str]
    """What could not be read of this kernel."""
    left_out: list[str]
    """What the case asks for and its boot had not."""
    console: str

    @property
    def agrees(self) -> bool:
        """Whether every field does."""
        return all(field.agrees for field in self.fields)


@dataclass(frozen=True)
class NotBooted:
    """A case of which there is nothing to say: it cannot be booted live, or was not to its end."""

    name: str
    reason: str


async def conform_each(
    cases: Sequence[Case],
    image: Image,
    done: Callable[[Conformance | NotBooted], None],
    *,
    design: str | None = None,
    at_a_time: int,
) -> None:
    """Boot each case, so many at a time, and compare it. What ends it early ends the boots that are under way.

    Args:
        cases: what to boot; of each, what a real kernel can have (`as_booted`).
        image: the kernel.
        done: is called with each as soon as it is done.
        design: the kernel is patched so.
        at_a_time: so many boots.

    Raises:
        Exception: what `done` raises.
    """
    free = asyncio.Semaphore(at_a_time)

    async def conform(case: Case) -> None:
        async with free:
            one = await _conform(case, image, design)
        done(one)

    try:
        async with asyncio.TaskGroup() as booting:
            for case in cases:
                booting.create_task(conform(case))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _conform(case: Case, image: Image, design: str | None) -> Conformance | NotBooted:
    identity = f"{image.series}/{case.name}"
    try:
        scenario = as_booted(case.scenario, image, design)
        live = await boot_live(identity, scenario, image)
    except InputError as error:
        return NotBooted(identity, str(error))
    except OSError as error:
        return NotBooted(identity, error.strerror or str(error))
    fields = list(compare_boot(live.record, boot(scenario)))
    left = left_out(case.scenario, scenario)
    return Conformance(identity, live.record, fields, not_compared(live.record), left, live.console)
