"""JSON Schemas: of scenario files, for editors, and of what ``--json`` prints, for programs."""

from typing import Any

import msgspec

from sim.files import scenario_tables
from sim.rows import SCHEMA_VERSION, ComparisonRecord, OutcomeRecord

_SCHEMAS: dict[str, tuple[type[msgspec.Struct], int, str]] = {
    "scenario": (scenario_tables.ScenarioTable, scenario_tables.SCHEMA_VERSION, "scenario file of asymboot"),
    "outcome": (OutcomeRecord, SCHEMA_VERSION, "what asymboot run --json prints"),
    "comparison": (ComparisonRecord, SCHEMA_VERSION, "what asymboot compare --json prints"),
}


def schema_text(what: str) -> str:
    """The JSON Schema (2020-12) of ``scenario``, ``outcome`` or ``comparison``, as text."""
    kind, version, title = _SCHEMAS[what]
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:asymboot:{what}:{version}",
        "title": title,
        **msgspec.json.schema(kind),
    }
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"
