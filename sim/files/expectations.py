"""The expectations that a scenario file has of its boot: the table ``[expect]``.

An expectation that no boot can fail is refused: it would look like a test and check nothing.
"""

from collections.abc import Collection, Iterable
from pathlib import Path

from msgspec import UNSET, Struct, structs

from sim.cpufeature_tables import kernel_tables
from sim.errors import InputError, closest, did_you_mean
from sim.files.scenario_file import scenario_from_table
from sim.files.scenario_tables import HAZARDS, ExpectTable, ScenarioTable
from sim.files.toml_tables import at, read_text, table_from_text
from sim.scenario import Scenario

_OF_FEATURES = ("capabilities", "hwcaps", "taint")
"""The parts that need all features of all CPUs."""


def read_expected(path: Path) -> tuple[Scenario, ExpectTable]:
    """Read a scenario file together with its expectations, of which there must be some.

    Raises:
        InputError: anything in the file is wrong; the line names the file, the place and what is allowed.
    """
    scenario, expect = read_checked(path)
    if expect is None:
        raise InputError(f"{path}: expects nothing: it has no table [expect]")
    return scenario, expect


def read_checked(path: Path) -> tuple[Scenario, ExpectTable | None]:
    """Read a scenario file together with its expectations, if it has any.

    Raises:
        InputError: see `read_expected`.
    """
    with at(f"{path}"):
        table = table_from_text(read_text(path, "scenario"), ScenarioTable)
        scenario = scenario_from_table(table, default_name=path.stem)
        if table.expect is UNSET:
            return scenario, None
        with at("expect"):
            _check(table.expect, scenario)
        return scenario, table.expect


def check_hazards(names: Iterable[str]) -> None:
    """Refuse names that no hazard has.

    Raises:
        InputError: a name is not a hazard's.
    """
    for name in names:
        if name not in HAZARDS:
            there_are = f"there are {', '.join(HAZARDS)}{did_you_mean(name, HAZARDS)}"
            raise InputError(f"there is no hazard {name[:60]!r}: {there_are}")


def _check(expect: ExpectTable, scenario: Scenario) -> None:
    parts = {name: value for name, value in structs.asdict(expect).items() if value is not UNSET}
    if not parts:
        raise InputError("expects nothing: give cpus, log, hazards, capabilities, hwcaps, taint, sve or sme")
    # `hazards = []` is an expectation: that there are none. Of everything else an empty value expects nothing.
    for name, value in parts.items():
        if name not in {"hazards", "taint"} and _is_empty(value):
            raise InputError(f"{name}: expects nothing")
        if name in _OF_FEATURES and not scenario.has_all_features:
            raise InputError(f"{name}: needs the core of every CPU")
    if expect.log is not UNSET and not all(line.strip() for line in expect.log):
        raise InputError("log: an empty line comes in every log")
    for name in expect.cpus if expect.cpus is not UNSET else ():
        with at("cpus"):
            scenario.topology.number(name)
    _check_features(expect, scenario)
    with at("hazards"):
        check_hazards(expect.hazards if expect.hazards is not UNSET else ())


def _check_features(expect: ExpectTable, scenario: Scenario) -> None:
    """Refuse names of capabilities and hwcaps that the kernel does not know."""
    tables = kernel_tables(scenario.release.series, scenario.page_bytes)
    capabilities = {word for one in tables.capabilities for word in (one.label, one.words) if word}
    hwcaps = {one.cpuinfo_name for one in tables.hwcaps if not one.compat} | {"cpuid", "evtstrm"}
    for key, names, known in (
        ("capabilities", expect.capabilities, capabilities),
        ("hwcaps", expect.hwcaps, hwcaps),
    ):
        for name in names if names is not UNSET else ():
            if name not in known:
                near = closest(name, sorted(known))
                meant = f": did you mean {near!r}?" if near else ""
                raise InputError(f"{key}: {scenario.kernel} has no {name[:60]!r}{meant}")


def _is_empty(value: Struct | Collection[object]) -> bool:
    given = structs.asdict(value).values() if isinstance(value, Struct) else value
    # Of a collection nothing is UNSET, so that this is True only if it is empty.
    return all(item is UNSET for item in given)
