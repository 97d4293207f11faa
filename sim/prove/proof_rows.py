"""The rows of proofs."""

from typing import Annotated

from msgspec import Meta

from sim.rows import Row


class ProofRow(Row, frozen=True, gc=False):
    """The answer for a property under a setting, over all systems."""

    design: str
    relay: str
    kernel: str
    kernel_flags: Annotated[dict[str, bool], Meta(description="kernel flags that are set otherwise than in it")]
    memory: str
    early_cpus: Annotated[int, Meta(description="number of early CPUs in the question")]
    late_cpus: Annotated[int, Meta(description="number of late CPUs in the question")]
    any_number: Annotated[bool, Meta(description="these CPUs stand for any number of CPUs")]
    property: Annotated[str, Meta(description="name")]
    answer: Annotated[str, Meta(description="proved, refuted, or unknown: the solver gave up")]
    early_sve_bits: Annotated[
        tuple[tuple[int, ...], ...], Meta(description="lengths of the early CPUs of a system that breaks it")
    ]
    late_sve_bits: Annotated[tuple[tuple[int, ...], ...], Meta(description="its late CPUs' lengths")]
    smallest: Annotated[bool | None, Meta(description="no smaller system breaks it; false: the solver gave up on that")]
    hazards: Annotated[tuple[str, ...], Meta(description="names of the hazards of a boot of that system")]
    shown: Annotated[bool | None, Meta(description="one of these hazards breaks the property")]


class PromiseRow(Row, frozen=True, gc=False):
    """The promises of a design, over all systems."""

    design: str
    relay: str
    buffer_sized_by: str
    zcr_el2: str
    ffr_pointer: str
    late_cpu: str
    late_store: str
    answers: Annotated[dict[str, str], Meta(description="for each property: proved, refuted or unknown")]
    safe: Annotated[
        bool, Meta(description="no panic, overwritten memory, lost register or guest that sees other lengths")
    ]
    refuses_nobody_harmless: Annotated[bool, Meta(description="no CPU is refused that would do no harm")]
    denies_nothing: Annotated[bool, Meta(description="the host may use every length that all CPUs have")]
    cost: Annotated[int, Meta(description="rank of its buffers' cost: rank 0 never costs more than 1, nor 1 than 2")]
