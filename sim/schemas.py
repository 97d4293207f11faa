"""JSON Schemas: of scenario files, for editors, and of what ``--json`` prints, for programs.

The module stands above the packages whose output it describes, because each of them defines its own rows.
"""

from typing import Any

import msgspec

from sim.conform.conformance_rows import ConformanceRow
from sim.cores.core_rows import CoreRow
from sim.explain.explanation_rows import ExplanationRecord
from sim.explore.exploration_record import ExplorationRecord
from sim.explore.schedule_file import SCHEDULE_VERSION, ScheduleRecord
from sim.feature_rows import FeaturesRecord
from sim.files import scenario_tables, space_tables
from sim.outcome_rows import OutcomeRecord
from sim.prove.proof_rows import PromiseRow, ProofRow
from sim.rows import SCHEMA_VERSION
from sim.study.comparison_rows import ComparisonRecord
from sim.study.difference_rows import DifferenceRecord
from sim.study.variant_rows import VariantRecord
from sim.sweep.summary_rows import MixtureRecord, SummaryRecord

SCHEMAS: dict[str, tuple[Any, int, str]] = {
    "scenario": (scenario_tables.ScenarioTable, scenario_tables.SCHEMA_VERSION, "scenario file of asymboot"),
    "space": (space_tables.SpaceTable, space_tables.SCHEMA_VERSION, "space file of asymboot"),
    "mixtures": (
        space_tables.MixtureTable,
        space_tables.SCHEMA_VERSION,
        "space file of asymboot, of mixtures of cores",
    ),
    "outcome": (OutcomeRecord, SCHEMA_VERSION, "what asymboot run --json prints"),
    "features": (FeaturesRecord, SCHEMA_VERSION, "what asymboot features --json prints"),
    "comparison": (ComparisonRecord, SCHEMA_VERSION, "what asymboot compare --json prints"),
    "variants": (VariantRecord, SCHEMA_VERSION, "what asymboot compare --by ... --json prints"),
    "difference": (DifferenceRecord, SCHEMA_VERSION, "what asymboot diff --json prints"),
    "cores": (list[CoreRow], SCHEMA_VERSION, "what asymboot list cores --json prints"),
    "conformance": (list[ConformanceRow], SCHEMA_VERSION, "what asymboot conform --json prints"),
    "explanation": (ExplanationRecord, SCHEMA_VERSION, "what asymboot explain --json prints"),
    "exploration": (ExplorationRecord, SCHEMA_VERSION, "what asymboot explore --json prints"),
    "schedule": (ScheduleRecord, SCHEDULE_VERSION, "a schedule that asymboot explore writes"),
    "proof": (list[ProofRow], SCHEMA_VERSION, "what asymboot prove --json prints"),
    "promises": (list[PromiseRow], SCHEMA_VERSION, "what asymboot prove --all-designs --json prints"),
    "summary": (SummaryRecord, SCHEMA_VERSION, "what asymboot summary --json prints"),
    "mixture-summary": (MixtureRecord, SCHEMA_VERSION, "what asymboot summary --json prints of mixtures of cores"),
}


def schema_text(what: str) -> str:
    """Return the JSON Schema (2020-12) of an entry of `SCHEMAS`, as text."""
    kind, version, title = SCHEMAS[what]
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:asymboot:{what}:{version}",
        "title": title,
        **msgspec.json.schema(kind),
    }
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"
