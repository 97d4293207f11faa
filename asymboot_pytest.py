"""The pytest plugin of asymboot.

pytest loads it in every project of an environment that has asymboot, and such a project may have a package ``sim`` of
its own. So the plugin imports nothing from asymboot's ``sim`` before a test uses it, and little else.
"""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from _pytest._code.code import TerminalRepr, TracebackStyle

    from sim.files.scenario_tables import ExpectTable
    from sim.outcome import Outcome
    from sim.scenario import Scenario
    from sim.topology import Topology

_MARKERS = (
    "every_design(*names): run the test once under each of these designs, or each named one (fixture: design)",
    "every_relay(*names): run the test once for each of these settings of the PSCI relay, or both (fixture: relay)",
)
_SIMILARITY = 0.8
"""The least similarity (0 to 1) to ``expect`` at which a table's name is taken for a misspelling of it."""
_MAX_FILE_BYTES = 8 * 1024 * 1024
"""The largest size of a scenario file."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


# Scenario files as tests


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "ScenarioFile | None":
    """Collect a file ``test_*.toml`` if it is a scenario file with expectations."""
    if file_path.suffix != ".toml" or not file_path.name.startswith("test_"):
        return None
    if not _is_ours(file_path):
        return None
    return ScenarioFile.from_parent(parent, path=file_path)


def _is_ours(path: Path) -> bool:
    """Return True if a file is a scenario file with expectations; a project may have other TOML files of that name.

    A file that is not TOML counts if its lines look like a scenario with expectations, and a file that cannot be opened
    always: collecting it then reports the error.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_FILE_BYTES + 1)  # one byte more shows that the file is too large
    except OSError:
        return True
    # A cheap test first: pytest asks about every TOML file of that name, and most projects have no scenarios.
    if len(raw) > _MAX_FILE_BYTES or b"topology" not in raw:
        return False
    text = raw.decode("utf-8-sig", errors="replace")
    import tomllib

    try:
        return _like_a_scenario(tomllib.loads(text))
    # tomllib recurses into nested arrays, and an integer of very many digits is a ValueError.
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        lines = [line.strip() for line in text.splitlines()]
        return all(
            any(line.startswith((f"[{table}]", f"[{table}.")) for line in lines) for table in ("topology", "expect")
        )


def _like_a_scenario(tables: "Mapping[str, object]") -> bool:
    """Return True if there are a scenario's CPUs, and a table that is called ``expect`` or nearly so."""
    import difflib

    topology = tables.get("topology")
    has_cpus = isinstance(topology, dict) and ("cpus" in topology or "clusters" in topology)
    return has_cpus and bool(difflib.get_close_matches("expect", map(str.lower, tables), 1, _SIMILARITY))


class ScenarioFile(pytest.File):
    """A scenario file, with a test for each part of the boot that it states an expectation about."""

    _outcome: "Outcome | None" = None  # pytest's nodes are made by from_parent, and have no __init__ of their own

    def collect(self) -> "Iterator[ScenarioItem]":
        """Read the file and yield its tests; a mistake in it is an error of collection, in one line."""
        _check_that_sim_is_ours()
        from sim.errors import InputError
        from sim.files.expectations import read_expected
        from sim.testing.expectation_diff import stated

        try:
            scenario, expect = read_expected(self.path)
        except InputError as error:
            raise self.CollectError(str(error)) from None
        for part in stated(expect):
            yield ScenarioItem.from_parent(self, name=part, scenario=scenario, expect=expect)

    def outcome(self, scenario: "Scenario") -> "Outcome":
        """Return the outcome of the scenario, which is booted once for all tests of the file."""
        from sim.boot_run import boot

        if self._outcome is None:
            self._outcome = boot(scenario)
        return self._outcome


class Unexpected(Exception):
    """A boot differs from the expectations of its file."""


class ScenarioItem(pytest.Item):
    """A test of one part of a boot, such as its log or its hazards."""

    def __init__(self, name: str, parent: pytest.Collector, *, scenario: "Scenario", expect: "ExpectTable") -> None:
        super().__init__(name, parent)
        self._scenario, self._expect = scenario, expect

    def runtest(self) -> None:
        """Boot the scenario and compare its outcome with the expectations.

        Raises:
            Unexpected: something differs.
        """
        from sim.testing.expectation_diff import differences

        assert isinstance(self.parent, ScenarioFile)
        lines = differences(self.parent.outcome(self._scenario), self._expect, self.name)
        if lines:
            raise Unexpected("\n".join(lines))

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: "TracebackStyle | None" = None
    ) -> "str | TerminalRepr":
        """Return the differences, and the commands that show the whole boot and run the test again."""
        if not isinstance(excinfo.value, Unexpected):
            return super().repr_failure(excinfo, style)
        import shlex

        again, shown = shlex.quote(f"{self.path}::{self.name}"), shlex.quote(str(self.path))
        return f"{excinfo.value}\n\nThe whole boot, and this test again:\n  asymboot run {shown}\n  pytest {again}"

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the place and the name of the test."""
        return self.path, 0, f"{self.path.name}: {self.name}"


# Markers


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that is marked so under each design, or each setting of the relay."""
    _run_for_each(metafunc, "every_design", "design", _design_names)
    _run_for_each(metafunc, "every_relay", "relay", _relay_names)


def _run_for_each(metafunc: pytest.Metafunc, marker: str, fixture: str, allowed: "Callable[[], list[str]]") -> None:
    mark = metafunc.definition.get_closest_marker(marker)
    if mark is None:
        return
    names = [str(name) for name in mark.args]
    every = allowed()  # imports asymboot's sim, so it is called only for a test that is marked
    wrong = [*(f"{keyword}=" for keyword in mark.kwargs), *(name for name in names if name not in every)]
    if wrong:
        pytest.fail(f"{metafunc.definition.nodeid}: {marker}: no {wrong[0]!r}: allowed are {every}", pytrace=False)
    if fixture in metafunc.fixturenames:
        metafunc.parametrize(fixture, names or every)
    elif any(own.name == marker for own in metafunc.definition.own_markers):
        # A test of a marked class may do without the fixture. A marker of the test itself would be without effect.
        pytest.fail(f"{metafunc.definition.nodeid}: {marker} needs a parameter {fixture}", pytrace=False)


def _check_that_sim_is_ours() -> None:
    """Fail in one line if the project has a package of the same name in the place of asymboot's."""
    if importlib.util.find_spec("sim.boot_run") is None:
        pytest.fail("asymboot's package is called sim, and another package has its place", pytrace=False)


def _design_names() -> list[str]:
    from sim.designs import DESIGNS

    return list(DESIGNS)


def _relay_names() -> list[str]:
    from sim.scenario import Relay

    return [str(relay) for relay in Relay]


# Fixtures


@pytest.fixture
def topology() -> "Callable[..., Topology]":
    """Return a function that makes a topology from each CPU's SVE lengths in bits; None is a CPU without SVE.

    For example ``topology([128], [128, 256], None)``.
    """
    _check_that_sim_is_ours()
    from sim.topology import Topology

    def make_topology(*sve_bits: "Sequence[int] | None") -> Topology:
        return Topology.of(sve_bits)

    return make_topology


# Fixtures of one test share a list: `boot` adds to it, and `kernel_log` returns it, whichever the test names first.
@pytest.fixture
def _asymboot_log() -> list[str]:
    return []


@pytest.fixture
def kernel_log(_asymboot_log: list[str]) -> list[str]:
    """Return the lines of the kernel log of every boot that this test made with the fixture `boot`."""
    return _asymboot_log


@pytest.fixture
def boot(_asymboot_log: list[str]) -> "Callable[..., Outcome]":
    """Return a function that boots a scenario, a topology, a scenario file, or a shipped scenario by its name.

    Keywords change parts of the scenario: ``boot("bug", design="tabba")``.
    """
    _check_that_sim_is_ours()
    from sim.boot_run import boot as boot_scenario

    def boot_system(system: "Scenario | Topology | Path | str", **changes: object) -> "Outcome":
        outcome = boot_scenario(_scenario(system).but(**changes))
        _asymboot_log.extend(line.text for line in outcome.facts.log)
        return outcome

    return boot_system


def _scenario(system: "Scenario | Topology | Path | str") -> "Scenario":
    from sim.files.scenario_file import read_scenario
    from sim.files.shipped_scenarios import find
    from sim.scenario import Scenario
    from sim.topology import Topology

    if isinstance(system, Scenario):
        return system
    if isinstance(system, Topology):
        return Scenario(system)
    return read_scenario(find(Path(system)))
