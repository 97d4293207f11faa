"""Every column of every table says what it holds."""

import dataclasses
import pkgutil
from collections.abc import Iterator
from importlib import import_module

import msgspec

import sim
from sim.designs import Design
from sim.hazard_kinds import HazardKind
from sim.rows import Row
from sim.scenario import Scenario

NAMED_ELSEWHERE = {
    *(kind.value for kind in HazardKind),  # docs/hazards.md
    *(field.name for parts in (Scenario, Design) for field in dataclasses.fields(parts)),  # docs/scenario-files.md
}


def tables(base: type[Row]) -> Iterator[type[Row]]:
    for row in base.__subclasses__():
        yield row
        yield from tables(row)


def test_every_column_is_described() -> None:
    for module in pkgutil.walk_packages(sim.__path__, "sim."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    described = {row: msgspec.json.schema(row)["$defs"][row.__name__]["properties"] for row in tables(Row)}
    assert len(described) >= 10
    assert [
        (row.__name__, name)
        for row, columns in described.items()
        for name in row.__struct_fields__
        if name not in NAMED_ELSEWHERE and not columns[name].get("description")
    ] == []
