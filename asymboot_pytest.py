"""The pytest plugin: what pytest loads when it starts, in projects that may have a package ``sim`` of their own.

So nothing of asymboot's is imported before it is used.
"""

import difflib
import importlib.util
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sim.files.scenario_tables import ExpectTable
    from sim.outcome import Outcome
    from sim.scenario import Scenario
    from sim.topology import Topology

_MARKERS = (
    "every_design(*names): run the test once under each of these designs, or each named one (fixture: design)",
    "every_relay(*names): run the test once for each of these settings of the PSCI relay, or both (fixture: relay)",
)
_NEAR = 0.8
_LARGEST_FILE_BYTES = 8 * 1024 * 1024
"""What a scenario file may have."""


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


# Scenario files as tests


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "ScenarioFile | None":
    """Collect ``test_*.toml`` where it is a scenario file that expects something."""
    if file_path.suffix != ".toml" or not file_path.name.startswith("test_"):
        return None
    if not _is_ours(file_path):
        return None
    return ScenarioFile.from_parent(parent, path=file_path)


def _is_ours(path: Path) -> bool:
    """Whether a file is a scenario that is to expect something: other people's TOML is none of ours.

    One that cannot be read is taken for ours where its lines look so: that is an error, and must be told.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST_FILE_BYTES + 1)
    except OSError:
        return True
    if len(raw) > _LARGEST_FILE_BYTES or b"topology" not in raw:
        return False
    text = raw.decode("utf-8-sig", errors="replace")
    try:
        return _like_a_scenario(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        lines = [line.strip() for line in text.splitlines()]
        return all(
            any(line.startswith((f"[{table}]", f"[{table}.")) for line in lines) for table in ("topology", "expect")
        )


def _like_a_scenario(keys: dict[str, Any]) -> bool:
    """Whether it has a scenario's CPUs, and a table that is called ``expect`` or nearly so."""
    topology = keys.get("topology")
    has_cpus = isinstance(topology, dict) and ("cpus" in topology or "clusters" in topology)
    return has_cpus and bool(difflib.get_close_matches("expect", map(str.lower, keys), 1, _NEAR))


class ScenarioFile(pytest.File):
    """A scenario file: a test for each part that it expects something of."""

    _outcome: "Outcome | None" = None

    def collect(self) -> "Iterator[ScenarioItem]":
        """Read the file; what is wrong with it is an error of collection, in one line."""
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
        """What comes of the scenario, which is booted once."""
        from sim.boot_run import boot

        if self._outcome is None:
            self._outcome = boot(scenario)
        return self._outcome


class Unexpected(Exception):
    """Something came of a boot that its file does not expect."""


class ScenarioItem(pytest.Item):
    """One part of what a scenario file expects."""

    def __init__(self, *, scenario: "Scenario", expect: "ExpectTable", **more: Any) -> None:
        super().__init__(**more)
        self._scenario, self._expect = scenario, expect

    def runtest(self) -> None:
        """Boot, and compare.

        Raises:
            Unexpected: something differs.
        """
        from sim.testing.expectation_diff import differences

        assert isinstance(self.parent, ScenarioFile)
        lines = differences(self.parent.outcome(self._scenario), self._expect, self.name)
        if lines:
            raise Unexpected("\n".join(lines))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What differs, first of all, and how to see the rest and try again."""
        if not isinstance(excinfo.value, Unexpected):
            return super().repr_failure(excinfo, style)
        again, shown = shlex.quote(f"{self.path}::{self.name}"), shlex.quote(str(self.path))
        return f"{excinfo.value}\n\nThe whole boot, and this test again:\n  asymboot run {shown}\n  pytest {again}"

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the test is."""
        return self.path, 0, f"{self.path.name}: {self.name}"


# Markers


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test for every design, or every setting of the relay, where it is marked so."""
    _run_for_each(metafunc, "every_design", "design", _design_names)
    _run_for_each(metafunc, "every_relay", "relay", _relay_names)


def _run_for_each(metafunc: pytest.Metafunc, marker: str, fixture: str, allowed: "Callable[[], list[str]]") -> None:
    mark = metafunc.definition.get_closest_marker(marker)
    if mark is None:
        return
    every = allowed()
    wrong = [*(f"{name}=" for name in mark.kwargs), *(str(one) for one in mark.args if str(one) not in every)]
    if wrong:
        pytest.fail(f"{metafunc.definition.nodeid}: {marker}: no {wrong[0]!r}: allowed are {every}", pytrace=False)
    of_function = any(one.name == marker for one in metafunc.definition.own_markers)
    if fixture in metafunc.fixturenames:
        metafunc.parametrize(fixture, [str(one) for one in mark.args] or every)
    elif of_function:
        pytest.fail(f"{metafunc.definition.nodeid}: {marker} needs a parameter {fixture}", pytrace=False)


def _check_that_sim_is_ours() -> None:
    """Say in one line that a project has a package of the same name as asymboot's."""
    if importlib.util.find_spec("sim.boot_run") is None:
        pytest.fail("asymboot's package is called sim, and another one of that name is in its place", pytrace=False)


def _design_names() -> list[str]:
    from sim.designs import DESIGNS

    return list(DESIGNS)


def _relay_names() -> list[str]:
    from sim.scenario import Relay

    return [str(one) for one in Relay]


# Fixtures


@pytest.fixture
def topology() -> "Callable[..., Topology]":
    """Make a topology from each CPU's SVE lengths in bits: ``topology([128], [128, 256])``; None: no SVE."""
    _check_that_sim_is_ours()
    from sim.topology import Topology

    def of(*sve_bits: "Sequence[int] | None") -> Topology:
        return Topology.of(sve_bits)

    return of


@pytest.fixture
def _asymboot_log() -> list[str]:
    return []


@pytest.fixture
def kernel_log(_asymboot_log: list[str]) -> list[str]:
    """The lines that kernels logged which the fixture boot booted in this test."""
    return _asymboot_log


@pytest.fixture
def boot(_asymboot_log: list[str]) -> "Callable[..., Outcome]":
    """Boot a scenario, a topology, a scenario file, or one that ships by name; keywords change the scenario."""
    _check_that_sim_is_ours()
    from sim.boot_run import boot as boot_scenario

    def booted(what: "Scenario | Topology | Path | str", **changes: Any) -> "Outcome":
        outcome = boot_scenario(_scenario(what).but(**changes))
        _asymboot_log.extend(line.text for line in outcome.facts.log)
        return outcome

    return booted


def _scenario(what: "Scenario | Topology | Path | str") -> "Scenario":
    from sim.files.scenario_file import read_scenario
    from sim.files.shipped_scenarios import find
    from sim.scenario import Scenario
    from sim.topology import Topology

    if isinstance(what, Scenario):
        return what
    if isinstance(what, Topology):
        return Scenario(what)
    return read_scenario(find(Path(what)))
