"""Tests of the pytest plugin, the assertions and the strategies, as another project uses them."""

import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from sim.boot_run import boot as boot_scenario
from sim.errors import InputError
from sim.explore.schedule_run import follow
from sim.files.expectations import read_expected
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.hazard_kinds import HazardKind
from sim.scenario import Action, Do, KvmMode, Scenario
from sim.testing.assertions import assert_hazards, assert_log, assert_state
from sim.testing.expectation_diff import PARTS, differences
from sim.testing.strategies import core_mixtures, designs, scenarios, schedules, sme_sets, topologies, vl_sets
from sim.topology import Topology
from sim.vectors import SveRule, vqs_from_bits, why_not_sme, why_not_sve
from tests.examples import examples
from tests.systems import A64FX, V1, booted, guest, on, under_pkvm

FEATURES = {"capabilities", "hwcaps", "taint"}
"""The parts that need the cores of all CPUs."""
BUG = """
name = "the bug"
[topology]
cpus = [{ sve_bits = [128, 256] }, { sve_bits = [128, 256, 512] }]
[kernel]
series = "6.11"
kvm_mode = "protected"
[[actions]]
do = "guest"
cpu = "cpu1"
"""
RIGHT = """
[expect]
cpus = { cpu0 = "online", cpu1 = "online" }
log = ["CPU1: Booted", "SVE: maximum available vector length 32 bytes", "Protected hVHE mode initialized"]
hazards = ["out_of_bounds_write", "not_restored", "header_destroyed", "allocation_exceeded_silently"]
[expect.sve]
max_vl_bytes = 32
vq_partial_map_bits = [128, 256, 512]
[expect.sme]
supported = false
"""
WRONG = """
[expect]
cpus = { cpu1 = "refused" }
log = ["CPU1: Booted", "SVE: maximum available vector length 64 bytes per vector"]
hazards = ["kernel_panic", "not_restored"]
[expect.sve]
max_vl_bytes = 64
vq_map_bits = [128]
"""


def run_pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with the plugin and no other, which is half as long as with all that are installed."""
    command = [sys.executable, "-m", "pytest", "-p", "asymboot_pytest", "-p", "no:cacheprovider", *words]
    env = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "", "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        [*command, "--rootdir", str(folder), "-c", "/dev/null", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**env, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )


def run_pytest_within(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run pytest as a user does in a project's own folder, which comes first on the search path of packages."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", "."]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_each_part_that_a_file_expects_is_a_test(tmp_path: Path) -> None:
    (tmp_path / "test_bug.toml").write_text(BUG + RIGHT)
    (tmp_path / "test_none.toml").write_text(BUG)
    (tmp_path / "test_other.toml").write_text("[tool]\nexpected = 1\n")
    (tmp_path / "bug.toml").write_text(BUG + WRONG)
    result = run_pytest(tmp_path, "--collect-only", "-q")
    assert result.stdout.splitlines()[:5] == [f"test_bug.toml::{part}" for part in PARTS if part not in FEATURES]
    assert "5 tests collected" in result.stdout
    assert "5 passed" in run_pytest(tmp_path, "-p", "xdist", "-n2").stdout


def test_a_failure_shows_differences_and_commands_to_go_on_with(tmp_path: Path) -> None:
    file = tmp_path / "with a blank" / "test_bug.toml"
    file.parent.mkdir()
    file.write_text(BUG + WRONG)
    result = run_pytest(tmp_path)
    assert result.returncode == 1
    for line in (
        "cpu1: expected refused, and it is online",
        "= [    0.000420] CPU1: Booted secondary processor 0x0000000001 [0x000f0510]",
        "the log lacks 1 line there: SVE: maximum available vector length 64 bytes per vector",
        "- SVE: maximum available vector length 64 bytes per vector",
        "? similar: SVE: maximum available vector length 32 bytes per vector",
        "- kernel_panic: expected, and not there",
        "+ out_of_bounds_write: cpu1's save at 512 bits starts 1088 bytes before its registers",
        "SVE vq_map_bits: expected [128], and it is [128, 256]",
        "SVE max_vl_bytes: expected 64, and it is 32",
        f"  asymboot run '{file}'",
        f"  pytest '{file}::log'",
        "test_bug.toml::cpus - cpu1: expected refused, and it is online",
        "test_bug.toml::log - the log lacks 1 line there: SVE: maximum",
        "test_bug.toml::hazards - hazards: 1 missing, 3 unexpected",
    ):
        assert line in result.stdout
    assert "Traceback" not in result.stdout
    assert "4 failed" in result.stdout


@pytest.mark.parametrize(
    ("expect", "message"),
    [
        ('[expect]\nhazards = ["nosuch"]', "expect: hazards: there is no hazard 'nosuch': there are system_silent"),
        ('[expect]\ncpus = { cpu7 = "online" }', "expect: cpus: there is no CPU 'cpu7'"),
        (
            '[expect]\ncpus = { cpu0 = "online", cpu1 = "not_started" }',
            "expect.cpus.cpu1: is 'not_started': allowed are online, offline, refused, not started, lost",
        ),
        ("[expect]\nlog = []", "expect: log: expects nothing"),
        ("[expect]\ncpus = {}", "expect: cpus: expects nothing"),
        ("[expect.sve]", "expect: sve: expects nothing"),
        ("[expect]\nlog = ['']", "expect: log: an empty line comes in every log"),
        ("[expect]\nlog = 1", "log"),
        ("[expect]\nother = 1", "other"),
    ],
)
def test_a_mistake_in_a_file_is_an_error_of_collection(expect: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "test_bug.toml").write_text(BUG + expect)
    result = run_pytest(tmp_path)
    assert result.returncode == 2
    assert message in result.stdout
    assert "Traceback" not in result.stdout


def test_expectations_are_not_part_of_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text(BUG + RIGHT)
    (tmp_path / "other.toml").write_text(BUG)
    assert read_scenario(tmp_path / "one.toml") == read_scenario(tmp_path / "other.toml")
    with pytest.raises(InputError, match=r"other.toml: expects nothing: it has no table \[expect\]"):
        read_expected(tmp_path / "other.toml")


@pytest.mark.parametrize(
    "table", ["[expect]", "[ expect ]", '["expect"]', "[expect.sve]\nmax_vl_bytes = 32\n[expect]", "\ufeff[expect]"]
)
def test_a_table_is_found_however_it_is_written(table: str, tmp_path: Path) -> None:
    text = f'{table}\nhazards = ["kernel_panic"]\n'
    (tmp_path / "test_bug.toml").write_text(text + BUG if table.startswith("\ufeff") else BUG + text)
    if table.startswith("\ufeff"):
        (tmp_path / "test_bug.toml").write_text("\ufeff" + BUG + text[1:])
    assert "test_bug.toml::hazards" in run_pytest(tmp_path, "--collect-only", "-q").stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BUG + "[expects]\nhazards = []", "unknown key 'expects'; did you mean 'expect'?"),
        (BUG + "[Expect]\nhazards = []", "unknown key 'Expect'"),
        (BUG + "[expect]\n", "expect: expects nothing: give cpus, log, hazards, capabilities, hwcaps, taint, sve"),
        (BUG + "[expect]\nhazards = [", "test_bug.toml: is not TOML"),
    ],
)
def test_a_misspelt_or_empty_table_of_expectations_is_an_error(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "test_bug.toml").write_text(text)
    result = run_pytest(tmp_path)
    assert result.returncode == 2
    assert message in result.stdout


@pytest.mark.parametrize(
    "text",
    [
        "[case1]\nexpect = 'b'\n",
        "[[case]]\nexpect = 3\n",
        "expect.status = 200\n",
        "[expect]\nstatus = 200\n[request]\n",
        'doc = """\n[expect]\ntopology\n"""\n',
        "[topology]\nkind = 'ring'\n",
        "[topology]\nnodes = 3\n[expected_results]\nstatus = 200\n",
        "expect = 3\ntopology = 1\n",
        "[topologyX]\n[expect_failure]\n[\n",
        "[expect\n",
        "\x00\xff",
    ],
)
def test_toml_that_is_not_a_scenario_is_not_collected(text: str, tmp_path: Path) -> None:
    (tmp_path / "test_other.toml").write_text(text)
    (tmp_path / "test_one.py").write_text("def test_one(): pass\n")
    assert "1 passed" in run_pytest(tmp_path).stdout


def test_a_project_with_its_own_package_sim_is_not_disturbed(tmp_path: Path) -> None:
    (tmp_path / "sim").mkdir()
    (tmp_path / "sim" / "__init__.py").write_text("THEIRS = 1\n")
    (tmp_path / "test_one.py").write_text("from sim import THEIRS\n\ndef test_one():\n    assert THEIRS\n")
    result = run_pytest_within(tmp_path)
    assert "1 passed" in result.stdout, result.stdout + result.stderr
    (tmp_path / "test_bug.toml").write_text(BUG + RIGHT)
    (tmp_path / "test_two.py").write_text("def test_two(boot):\n    pass\n")
    result = run_pytest_within(tmp_path)
    assert "asymboot's package is called sim, and another package has its place" in result.stdout
    assert "Traceback" not in result.stdout


def test_fixtures_and_markers(tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(
        """
import pytest
from pathlib import Path
from sim import Scenario

seen = set()

@pytest.mark.every_design
@pytest.mark.every_relay
def test_all(boot, design, relay, kernel_log):
    outcome = boot("bug", design=design, relay=relay)
    assert outcome.scenario.active_design.name == design
    assert str(outcome.scenario.relay) == relay
    assert len(kernel_log) == len(outcome.log)

def test_topology(boot, topology, kernel_log):
    system = topology([128], [128, 256], None)
    first, second = boot(system), boot(Scenario(system), kernel="6.1")
    assert kernel_log == first.log["text"].tolist() + second.log["text"].tolist()

def test_apart(kernel_log):
    assert kernel_log == []

@pytest.mark.every_relay
class TestSome:
    def test_with(self, relay):
        assert relay

    def test_without(self):
        pass

@pytest.mark.every_design("tabba", "v6.11")
def test_two(design):
    assert design in {"tabba", "v6.11"}

class TestOwn:
    @pytest.fixture
    def kernel_log(self):
        return "mine"

    def test_own(self, boot, kernel_log):
        assert kernel_log == "mine"
        assert len(boot("bug").log)
"""
    )
    result = run_pytest(tmp_path, "--strict-markers", "-W", "error")
    assert "24 passed" in result.stdout, result.stdout


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("@pytest.mark.every_design('v7')\ndef test_one(design): pass", "every_design: no 'v7': allowed are ['v6.11'"),
        ("@pytest.mark.every_relay(only='relaxed')\ndef test_one(relay): pass", "every_relay: no 'only=': allowed are"),
        ("@pytest.mark.every_relay\ndef test_one(): pass", "every_relay needs a parameter relay"),
    ],
)
def test_a_wrong_marker_is_an_error_of_collection(test: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(f"import pytest\n\n{test}\n")
    result = run_pytest(tmp_path)
    assert result.returncode == 2
    assert message in result.stdout


def test_the_plugin_alone_imports_nothing_from_the_simulator() -> None:
    script = "import sys, asymboot_pytest; print([name for name in sys.modules if name.partition('.')[0] in HEAVY])"
    heavy = {"sim", "simpy", "pandas", "networkx", "msgspec", "hypothesis", "numpy"}
    result = subprocess.run(
        [sys.executable, "-c", script.replace("HEAVY", repr(heavy))], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


# Assertions


def test_assertions_pass_if_they_hold() -> None:
    outcome = booted(A64FX, V1, kernel="6.12", maxcpus=1, actions=(on(1),))
    assert_state(outcome, "cpu1", "refused")
    assert_log(outcome, "Bringing up", "Required vector length(s) missing", "CPU1: failed to come online")
    assert_hazards(outcome, HazardKind.CPU_REFUSED)
    assert_hazards(booted(A64FX, V1, kernel="6.12", maxcpus=1))
    assert_hazards(under_pkvm(V1, kernel="6.12", arm64_nosve=True), HazardKind.HOST_DENIED_VL)
    assert_log(outcome)


def test_failed_assertions_show_what_the_boot_did_instead() -> None:
    outcome = booted(A64FX, V1, kernel="6.12", maxcpus=1, actions=(on(1),), name="late")
    with pytest.raises(AssertionError, match=r"cpu1: expected online, and it is refused\n.*SVE: cpu1: Required"):
        assert_state(outcome, "cpu1", "online")
    with pytest.raises(AssertionError, match=r"the log lacks 1 line there: Bringing up\n(.*\n)*- Bringing up"):
        assert_log(outcome, "CPU1: failed to come online", "Bringing up")
    with pytest.raises(AssertionError, match=r"- kernel_panic: expected, and not there"):
        assert_hazards(outcome, "kernel_panic")
    with pytest.raises(InputError, match=r"there is no hazard 'kernel_pnaic': .*did you mean 'kernel_panic'\?"):
        assert_hazards(outcome, "kernel_pnaic")
    with pytest.raises(InputError, match="the state is 'Online': allowed are online, offline, refused"):
        assert_state(outcome, "cpu1", "Online")


def test_lines_about_cpu10_are_not_lines_about_cpu1() -> None:
    outcome = booted(*[V1] * 12, kernel="6.12")
    with pytest.raises(AssertionError) as caught:
        assert_state(outcome, "cpu1", "lost")
    assert re.findall(r"CPU\d+", str(caught.value)) == ["CPU1"]


def test_every_missing_line_is_shown_with_little_of_the_log() -> None:
    outcome = booted(*[V1] * 100, kernel="6.12")
    with pytest.raises(AssertionError) as caught:
        assert_log(outcome, "CPU50: Booted", "CPU10: Booted", "SVE: nothing\x1b[31m", "VHE mode")
    lines = str(caught.value).splitlines()
    assert lines[0] == "the log lacks 2 lines there: CPU10: Booted"
    assert [line for line in lines if line.startswith("-")] == ["- CPU10: Booted", "- SVE: nothing\\x1b[31m"]
    assert [line[-40:] for line in lines if line.startswith("=")] == [
        "secondary processor 0x0000000032 [0x000f0510]"[-40:],
        "kvm [1]: VHE mode initialized successfully"[-40:],
    ]
    assert len(lines) < 30


# Strategies


@given(vl_sets(), vl_sets(up_to_bits=512, rule="powers-of-two"), sme_sets())
def test_sets_are_legal(sve: tuple[int, ...], powers: tuple[int, ...], sme: tuple[int, ...]) -> None:
    assert why_not_sve(vqs_from_bits(sve), SveRule.MULTIPLES) is None
    assert why_not_sve(vqs_from_bits(powers), SveRule.POWERS_OF_TWO) is None
    assert why_not_sme(vqs_from_bits(sme)) is None
    assert max(powers) <= 512


def test_the_smallest_system_that_shows_the_bug_has_two_cpus() -> None:
    def corrupts(topology: Topology) -> bool:
        guests = tuple(Action(Do.GUEST, cpu.name) for cpu in topology.cpus)
        outcome = boot_scenario(Scenario(topology, kernel="6.11", kvm_mode=KvmMode.PROTECTED, actions=guests))
        return any(hazard.kind is HazardKind.OUT_OF_BOUNDS_WRITE for hazard in outcome.found)

    smallest = find(
        topologies(most_cpus=8), corrupts, settings=settings(max_examples=500, derandomize=True, deadline=None)
    )
    assert [cpu.sve_vqs for cpu in smallest.cpus] == [0b1, 0b11]


@examples(0.5)
@given(scenarios(design=designs(named=False), topology=topologies(sme_bits=sme_sets())))
def test_scenarios_boot(scenario: Scenario) -> None:
    assert boot_scenario(scenario).facts.events


@pytest.mark.parametrize("seed", range(3))
def test_the_smallest_scenario_that_shows_the_bug_has_two_cpus_and_a_guest(seed: int) -> None:
    def corrupts(scenario: Scenario) -> bool:
        return any(hazard.kind is HazardKind.OUT_OF_BOUNDS_WRITE for hazard in boot_scenario(scenario).found)

    drawn = scenarios(kernel=st.just("6.11"), design=st.none(), topology=topologies(most_cpus=6))
    chance = random.Random(seed)  # noqa: S311
    smallest = find(drawn, corrupts, settings=settings(max_examples=2000, database=None, deadline=None), random=chance)
    assert [cpu.sve_vqs for cpu in smallest.topology.cpus] == [0b1, 0b11]
    assert [action.do for action in smallest.actions] == [Do.GUEST]


def test_drawn_scenarios_can_show_hazards_other_than_those_of_nosve() -> None:
    searched = settings(derandomize=True, max_examples=3000, deadline=None)
    found = boot_scenario(
        find(scenarios(), lambda scenario: boot_scenario(scenario).found != [], settings=searched)
    ).found
    assert HazardKind.HOST_DENIED_VL not in {hazard.kind for hazard in found}


def test_strategies_refuse_wrong_lengths_at_once() -> None:
    with pytest.raises(InputError, match="64 bits is not a vector length"):
        sme_sets(up_to_bits=64)
    with pytest.raises(InputError, match="rule is 'any': allowed are"):
        vl_sets(rule="any")


def test_the_smallest_scenario_is_one_cpu_without_actions() -> None:
    smallest = find(scenarios(), lambda _: True, settings=settings(derandomize=True, deadline=None))
    assert (len(smallest.topology.cpus), smallest.actions, smallest.early) == (1, (), (0,))


@examples(0.5)
@given(st.data())
def test_schedules_can_be_followed_to_the_end(data: st.DataObject) -> None:
    scenario = under_pkvm(V1, A64FX, kernel="6.11", maxcpus=1, actions=(on(1, agent="a"), guest(1), guest(0))).scenario
    schedule = data.draw(schedules(scenario))
    outcome, done = follow(scenario, schedule)
    assert done == schedule
    assert not outcome.facts.left_early


CORES = """
schema_version = 1
[topology]
cpus = [{ core = "arm,cortex-a55" }, { core = "arm,cortex-a76" }]
[kernel]
series = "6.12"
[expect]
"""


@pytest.mark.parametrize(
    ("expect", "part", "wrong"),
    [
        ('capabilities = ["LSE atomic instructions", "HAS_CRC32"]', "capabilities", []),
        ('capabilities = ["32-bit EL0 Support", "HAS_32BIT_EL0_DO_NOT_USE"]', "capabilities", []),
        ('capabilities = ["32-bit EL1 Support"]', "capabilities", ["- 32-bit EL1 Support: expected, and not there"]),
        ("taint = 0", "taint", []),
        ("taint = 4", "taint", ["taint: expected 4, and it is 0"]),
        ('hwcaps = ["fp"]', "hwcaps", ["+ asimd: not expected, and there"]),
        ('hwcaps = ["sve"]', "hwcaps", ["- sve: expected, and not there"]),
    ],
)
def test_capabilities_hwcaps_and_taint_are_expected(expect: str, part: str, wrong: list[str], tmp_path: Path) -> None:
    file = tmp_path / "test_cores.toml"
    file.write_text(CORES + expect, encoding="utf-8")
    scenario, table = read_expected(file)
    found = differences(boot_scenario(scenario), table, part)
    assert found[: len(wrong)] == wrong
    assert bool(found) == bool(wrong)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            CORES + 'capabilities = ["LSE atomic instruction"]',
            "capabilities: 6.12 has no 'LSE atomic instruction': did",
        ),
        (CORES + 'hwcaps = ["sve3"]', "hwcaps: 6.12 has no 'sve3'"),
        (CORES + "hwcaps = []", "hwcaps: expects nothing"),
        (CORES.replace('core = "arm,cortex-a55"', "sve_bits = [128]") + "taint = 4", "taint: needs the core of every"),
    ],
)
def test_expectations_of_features_that_no_boot_can_meet_are_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "test_cores.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_expected(file)
    assert f"expect: {message}" in str(error.value)


def test_mixtures_are_drawn_of_cpus_with_fields_of_their_own() -> None:
    text = '[topology]\ncpus = [{ core = "arm,cortex-a55", features = { MTE = 2 }, hides = ["AES"] }]\n'
    changed = scenario_from_text(text).topology.cpus[0]
    topology = find(core_mixtures(cores=[changed, "arm,cortex-a76"]), lambda drawn: len(drawn.kinds) > 1)
    alike = [cpu for cpu in topology.cpus if cpu.features.core.name == "arm,cortex-a55"]
    assert {(cpu.features, cpu.firmware) for cpu in alike} == {(changed.features, changed.firmware)}


@given(core_mixtures())
@examples(0.3)
def test_drawn_mixtures_of_cores_boot_with_all_their_features(topology: Topology) -> None:
    state = boot_scenario(Scenario(topology, kernel="6.12")).facts.features_at_end
    assert state is not None
    assert not topology.logical[0].late
