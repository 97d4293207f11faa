"""The pytest plugin: what pytest loads when it starts. Everything of the simulator's is imported when it is used."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sim.files.scenario_tables import ExpectTable
    from sim.outcome import Outcome
    from sim.scenario import Scenario
    from sim.topology import Topology

_MARKERS = (
    "every_design: run the test once under each named design; the fixture design is its name",
    "every_relay: run the test once for each setting of pKVM's PSCI relay; the fixture relay is its name",
)


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "ScenarioFile | None":
    """Collect ``test_*.toml`` where it has a table ``[expect]``."""
    if file_path.suffix != ".toml" or not file_path.name.startswith("test_"):
        return None
    if not _expects(file_path):
        return None
    return ScenarioFile.from_parent(parent, path=file_path)


def _expects(path: Path) -> bool:
    """Whether a file has a table ``[expect]``, or one below it: other people's TOML is none of ours."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return any(line.strip().startswith(("[expect]", "[expect.", "expect.", "expect ")) for line in lines)


class ScenarioFile(pytest.File):
    """A scenario file: a test for each part that it expects something of."""

    _outcome: "Outcome | None" = None

    def collect(self) -> "Iterator[ScenarioItem]":
        """Read the file; what is wrong with it is an error of collection, in one line."""
        from sim.errors import InputError  # noqa: PLC0415
        from sim.files.expectations import read_expected  # noqa: PLC0415
        from sim.testing.expecting import stated  # noqa: PLC0415

        try:
            read = read_expected(self.path)
        except InputError as error:
            raise self.CollectError(str(error)) from None
        if read is not None:
            scenario, expect = read
            for part in stated(expect):
                yield ScenarioItem.from_parent(self, name=part, scenario=scenario, expect=expect)

    def outcome(self, scenario: "Scenario") -> "Outcome":
        """What comes of the scenario, which is booted once."""
        from sim.booting import boot  # noqa: PLC0415

        if self._outcome is None:
            self._outcome = boot(scenario)
        return self._outcome


class Unexpected(Exception):  # noqa: N818 (what pytest shows is its text)
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
        from sim.testing.expecting import differences  # noqa: PLC0415

        assert isinstance(self.parent, ScenarioFile)
        lines = differences(self.parent.outcome(self._scenario), self._expect, self.name)
        if lines:
            raise Unexpected("\n".join(lines))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What differs, and how to see all of it."""
        if not isinstance(excinfo.value, Unexpected):
            return super().repr_failure(excinfo, style)
        return f"{self._expect_of()}\n{excinfo.value}\n\nasymboot run {self.path} shows all of it"

    def _expect_of(self) -> str:
        return f"[expect] {self.name} of {self._scenario.name}:"

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the test is."""
        return self.path, 0, f"{self.path.name}: {self.name}"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test for every design, or every setting of the relay, where it is marked so."""
    if metafunc.definition.get_closest_marker("every_design") is not None:
        from sim.designs import DESIGNS  # noqa: PLC0415

        metafunc.parametrize("design", list(DESIGNS))
    if metafunc.definition.get_closest_marker("every_relay") is not None:
        from sim.scenario import Relay  # noqa: PLC0415

        metafunc.parametrize("relay", [str(one) for one in Relay])


@pytest.fixture
def topology() -> "Callable[..., Topology]":
    """Make a topology from each CPU's SVE lengths in bits: ``topology([128], [128, 256])``; None: no SVE."""
    from sim.topology import Topology  # noqa: PLC0415

    def of(*sve_bits: list[int] | None) -> Topology:
        return Topology.of(sve_bits)

    return of


@pytest.fixture
def kernel_log() -> list[str]:
    """The lines that kernels logged which the fixture boot booted in this test."""
    return []


@pytest.fixture
def boot(kernel_log: list[str]) -> "Callable[..., Outcome]":
    """Boot a scenario, a topology, a scenario file, or one that ships by name; keywords change the scenario."""
    from sim.booting import boot as boot_scenario  # noqa: PLC0415

    def booted(what: "Scenario | Topology | Path | str", **changes: Any) -> "Outcome":
        outcome = boot_scenario(_scenario(what).but(**changes))
        kernel_log.extend(line.text for line in outcome.facts.log)
        return outcome

    return booted


def _scenario(what: "Scenario | Topology | Path | str") -> "Scenario":
    from sim.files.scenario_file import read_scenario  # noqa: PLC0415
    from sim.files.shipped import find  # noqa: PLC0415
    from sim.scenario import Scenario  # noqa: PLC0415
    from sim.topology import Topology  # noqa: PLC0415

    if isinstance(what, Scenario):
        return what
    if isinstance(what, Topology):
        return Scenario(what)
    return read_scenario(find(Path(what)))
