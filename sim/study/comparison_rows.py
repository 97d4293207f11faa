"""The rows of a comparison of designs."""

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from sim.hazard_kinds import HazardKind
from sim.outcome_rows import ScenarioRow
from sim.rows import Row


class DesignColumns(Row, frozen=True, gc=False):
    """The outcome of a scenario under a design; the columns of hazards follow in `DesignRow`."""

    design: Annotated[str, Meta(description="the design's name; none if the kernel's own pKVM has no buffers")]
    own: Annotated[bool, Meta(description="true for the scenario's own design, from its file or its kernel")]
    relay: Annotated[str, Meta(description="pKVM's PSCI relay: enforcing or relaxed")]
    memory: Annotated[str, Meta(description="memory around the buffers: adjacent, isolated or mapped")]
    late_cpus: Annotated[int, Meta(description="CPUs that are not brought up early")]
    late_accepted: Annotated[int, Meta(description="late CPUs that came online")]
    late_refused: Annotated[int, Meta(description="late CPUs that the kernel refused")]
    late_refused_by_relay: Annotated[int, Meta(description="late CPUs that pKVM's relay did not start")]
    late_warned: Annotated[int, Meta(description="late CPUs that the log announces as above the maximum")]
    asked_bytes: Annotated[
        int | None, Meta(description="bytes asked for each possible CPU's buffer; missing without buffers")
    ]
    pages: Annotated[int | None, Meta(description="pages in each possible CPU's buffer")]

    def hazards(self, kind: HazardKind) -> int:
        """Return the number of hazards of a kind."""
        count: int = getattr(self, kind.value)
        return count


def _design_row() -> type[DesignColumns]:
    counts = [(kind.value, Annotated[int, Meta(description=f"hazards: {kind.title}")]) for kind in sorted(HazardKind)]
    made = msgspec.defstruct("DesignRow", counts, bases=(DesignColumns,), module=__name__, frozen=True, gc=False)
    assert issubclass(made, DesignColumns)
    made.__doc__ = "The outcome of a scenario under a design. The last columns count hazards by kind, the worst first."
    return made


if TYPE_CHECKING:
    DesignRow = DesignColumns  # the columns of hazards are made at run time
else:
    DesignRow = _design_row()


class ClusterRow(Row, frozen=True, gc=False):
    """The VLs that the host can run with on a cluster, after a scenario under a design."""

    design: Annotated[str, Meta(description="as in the designs' rows")]
    relay: Annotated[str, Meta(description="as in the designs' rows")]
    memory: Annotated[str, Meta(description="as in the designs' rows")]
    cluster: Annotated[
        str,
        Meta(description="its path; CPUs outside clusters are grouped if they are alike, and named by their numbers"),
    ]
    cpus: Annotated[int, Meta(description="CPUs in it, without those in clusters inside it")]
    online: Annotated[int, Meta(description="CPUs of it that are online at the end; none after a panic")]
    least_host_max_vl_bytes: Annotated[
        int | None, Meta(description="smallest of the online CPUs' largest host VLs; missing without an online CPU")
    ]
    host_max_vl_bytes: Annotated[
        int | None, Meta(description="largest of the online CPUs' largest host VLs; missing without an online CPU")
    ]


class ComparisonRecord(msgspec.Struct, frozen=True):
    """Every design on a scenario, as ``asymboot compare --json`` prints it."""

    schema_version: Literal[2]
    scenario: ScenarioRow
    designs: list[DesignRow]
    clusters: list[ClusterRow]
