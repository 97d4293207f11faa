"""The rows of a comparison of variants."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sim.outcome_rows import ScenarioRow
from sim.rows import Row


class VariantRow(Row, frozen=True, gc=False):
    """The outcome of one variant of a scenario."""

    boot_cpu: Annotated[str | None, Meta(description="the boot CPU; missing if variants do not differ in it")]
    early: Annotated[str | None, Meta(description="the early CPUs; missing if variants do not differ in them")]
    kernel: Annotated[str | None, Meta(description="the kernel; missing if variants do not differ in it")]
    kvm_mode: Annotated[str | None, Meta(description="kvm-arm.mode=; missing if variants do not differ in it")]
    design: Annotated[str | None, Meta(description="the design; missing if variants do not differ in it")]
    relay: Annotated[str | None, Meta(description="pKVM's relay; missing if variants do not differ in it")]
    memory: Annotated[str | None, Meta(description="the memory at EL2; missing if variants do not differ in it")]
    online: Annotated[int, Meta(description="CPUs that are online at the end; 0 after a panic")]
    refused: Annotated[
        tuple[str, ...], Meta(description="the CPUs that the kernel or pKVM's relay refused, with the reason")
    ]
    refused_cpus: Annotated[int, Meta(description="the number of these CPUs")]
    lost: Annotated[tuple[str, ...], Meta(description="the CPUs that were lost, with the reason")]
    lost_cpus: Annotated[int, Meta(description="the number of these CPUs")]
    panic: Annotated[str | None, Meta(description="why the system stopped; missing if it did not")]
    capabilities_lost: Annotated[
        tuple[str, ...], Meta(description="capabilities that another variant has, and this has not")
    ]
    hwcaps_lost: Annotated[tuple[str, ...], Meta(description="hwcaps that another variant has, and this has not")]
    taint: Annotated[int | None, Meta(description="the kernel's taint; missing where lengths alone are modelled")]
    hazards: Annotated[int, Meta(description="the number of hazards")]
    hazard_kinds: Annotated[tuple[str, ...], Meta(description="their kinds, by the names of files, worst first")]
    compared_with: Annotated[
        int | None,
        Meta(
            description="number, from 1, of the last variant above that differs in one axis only; missing if none does"
        ),
    ]
    differs_first: Annotated[
        str | None,
        Meta(description="what differs first from that variant, called a; missing if nothing does"),
    ]
    worst_hazard: Annotated[
        str | None,
        Meta(description="the worst hazard that that variant, a, or this, b, has alone; missing if it differs first"),
    ]


class VariantRecord(msgspec.Struct, frozen=True):
    """A comparison of variants, as JSON has it."""

    schema_version: Literal[2]
    scenario: ScenarioRow
    without_effect: list[str]
    variants: list[VariantRow]
