"""Options of the same meaning are on every command where they make sense, in the same words; helps read as one."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from sim.boot_run import boot
from sim.cli import main, options
from sim.cli.command_group import Command
from sim.errors import InputError
from sim.explore.exploration import explore_orders
from sim.explore.schedule_file import save_schedule
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import folder
from tests.command_line import Asymboot

BUG = (folder() / "bug.toml").read_bytes()
SYSTEM = ["design", "kernel", "relay", "kvm_mode", "memory"]
"""The settings whose options a command that boots a scenario has, in this order."""
LAST = ["--output", "--resume", "--save", "--json", "--log", "--log-only", "--quiet", "--watch"]
"""The options on the output, which are the last in every help, in this order."""
WITHOUT_DEFAULT = {"--output", "--resume", "--save", "--to", "--row", "--replication", "--hazard"}
WITHOUT_DEFAULT |= {"--dmesg", "--sysfs", "--vl", "--record", "--cpus"}
"""The options with a value that name something to read or to write, or that a command needs."""
WITHOUT: dict[str, set[str]] = {
    "show": {*SYSTEM, "seed"},  # a topology depends on none of them
    "check": {*SYSTEM, "seed"},  # it boots nothing
    "prove": {"kvm_mode", "seed"},  # pKVM's designs are proved, for every order of events
    "conform": {"relay", "kvm_mode", "memory"},  # the real kernel's are the scenario's own
}
"""The settings without an option on commands that take a scenario."""
OTHER_MEANING = {
    ("conform", "kernel"),  # the image of a real kernel
    ("conform", "design"),  # the design that the image has
    ("conform", "seed"),  # of the systems that are drawn
    ("explore", "seed"),  # of the orders that are drawn
    ("compare", "relay"),  # "both" compares
    ("compare", "memory"),  # "all" compares
    ("prove", "design"),  # repeatable
    ("prove", "kernel"),  # the file may be left out
    ("prove", "relay"),
    ("prove", "memory"),
}
"""The options that are spelt alike and have another help, because they concern something else as well."""
PARTS = re.compile(
    r"[A-Z][^\n]*\.\n(?:(?!Examples:|Exits).)*Exits with 0.*?\.\n\nExamples:\n(?:  \S[^\n]*\n?)+", re.DOTALL
)


def commands() -> dict[str, Command]:
    context = click.Context(main)
    found = {name: main.get_command(context, name) for name in main.list_commands(context)}
    return {name: command for name, command in found.items() if isinstance(command, Command)}


def takes_scenario(command: Command) -> bool:
    return any(one.type is options.SCENARIO for one in command.params)


def takes_space(command: Command) -> bool:
    return any(one.type is options.SPACE for one in command.params)


def settings_of(command: Command) -> list[str]:
    """Return the settings that a command has options for, in the order of its help."""
    spelt = {options.spelt(name): name for name in (*SYSTEM, "seed")}
    return [spelt[word] for one in command.params for word in one.opts if word in spelt]


SCENARIO_COMMANDS = [name for name, command in commands().items() if takes_scenario(command)]


@pytest.mark.parametrize("name", SCENARIO_COMMANDS)
def test_a_command_that_boots_has_the_option_of_every_setting(name: str) -> None:
    expected = [one for one in (*SYSTEM, "seed") if one not in WITHOUT.get(name, set())]
    assert sorted(settings_of(commands()[name])) == sorted(expected)


@pytest.mark.parametrize("name", [name for name, command in commands().items() if takes_space(command)])
def test_a_command_that_takes_a_space_has_the_option_of_every_setting(name: str) -> None:
    assert settings_of(commands()[name])[: len(SYSTEM)] == SYSTEM


def test_only_commands_that_take_a_scenario_are_exempt() -> None:
    assert set(WITHOUT) <= set(SCENARIO_COMMANDS)


def test_an_option_has_the_same_words_on_every_command() -> None:
    words: dict[str, set[tuple[str | None, str | None]]] = {}
    for name, command in commands().items():
        if takes_scenario(command):
            for one in command.params:
                if one.name in {*SYSTEM, "seed"} and (name, one.name) not in OTHER_MEANING:
                    assert isinstance(one, click.Option)
                    words.setdefault(one.name, set()).add((one.help, one.metavar))
    assert {name: len(found) for name, found in words.items()} == dict.fromkeys((*SYSTEM, "seed"), 1)


@pytest.mark.parametrize("name", list(commands()))
def test_help_has_the_same_parts_in_the_same_order(name: str) -> None:
    text = (commands()[name].help or "").replace("\b\n", "")
    assert PARTS.fullmatch(text.rstrip()), text


def options_of(name: str) -> list[click.Option]:
    return [one for one in commands()[name].params if isinstance(one, click.Option)]


@pytest.mark.parametrize("name", list(commands()))
def test_options_on_settings_come_first_and_those_on_the_output_last(name: str) -> None:
    spelt = [max(one.opts, key=len) for one in options_of(name)]
    first = [options.spelt(one) for one in (*SYSTEM, "seed") if name not in {"conform", "explore", "sweep"}]
    order = [one for one in first if one in spelt]
    order += [one for one in spelt if one not in {*first, *LAST}]
    order += [one for one in LAST if one in spelt]
    assert spelt == order


@pytest.mark.parametrize("name", list(commands()))
def test_an_option_with_a_value_says_its_default(name: str) -> None:
    needless = WITHOUT_DEFAULT | ({"--kernel"} if name == "conform" else set())  # without it nothing is booted
    values = [one for one in options_of(name) if not one.is_flag and not needless.intersection(one.opts)]
    silent = [one.opts[0] for one in values if "default" not in (one.help or "").lower()]
    assert silent == []


def test_the_help_of_all_commands_cuts_no_sentence_short() -> None:
    listed = CliRunner().invoke(main, ["--help"]).stdout.split("Commands:\n")[1]
    assert "..." not in listed


@pytest.mark.parametrize("name", list(commands()))
def test_numbers_and_files_have_a_name_in_the_help(name: str) -> None:
    command = commands()[name]
    assert [one.name for one in command.params if isinstance(one, click.Option) and not _has_name(one)] == []


def _has_name(option: click.Option) -> bool:
    return option.is_flag or option.metavar is not None or isinstance(option.type, click.Choice)


@pytest.mark.parametrize("name", [one for one in SCENARIO_COMMANDS if "kvm_mode" not in WITHOUT.get(one, set())])
def test_the_kvm_mode_has_a_short_option(name: str) -> None:
    (option,) = (one for one in commands()[name].params if one.name == "kvm_mode")
    assert option.opts == ["--kvm-mode", "--kvm"]


@pytest.mark.parametrize(("axis", "name"), [("kvm", "kvm_mode"), ("boot-cpu", "boot_cpu")])
def test_an_axis_may_be_spelt_as_an_option(axis: str, name: str) -> None:
    found = [CliRunner().invoke(main, ["compare", "bug", "--json", "--by", one]).stdout for one in (axis, name)]
    assert found[0] == found[1]
    assert f'"{name}"' in found[0]


def test_an_old_key_is_told_the_new_one(tmp_path: Path) -> None:
    (tmp_path / "old.toml").write_text("topology.cpus = [{}]\nkernel.nosme = true\n")
    assert "did you mean 'arm64_nosme'?" in CliRunner().invoke(main, ["check", str(tmp_path / "old.toml")]).stderr
    with pytest.raises(InputError, match="did you mean 'arm64_nosme'"):
        read_scenario("bug").but(nosme=True)
    with pytest.raises(InputError, match="did you mean 'kvm_mode'"):
        read_scenario("bug").but(kvm="none")


def test_a_file_of_the_wrong_kind_is_named_as_what_it_is() -> None:
    space, scenario = str(folder() / "spaces" / "late-cpu.toml"), str(folder() / "bug.toml")
    assert "is a space, not a scenario" in CliRunner().invoke(main, ["run", space]).stderr
    assert "is a scenario, not a space" in CliRunner().invoke(main, ["space", scenario]).stderr


# "-"


def given(words: list[str], raw: bytes) -> Result:
    return CliRunner().invoke(main, words, input=raw, catch_exceptions=False)


def arguments_of(name: str, folder_: Path) -> Iterator[list[str]]:
    """Yield the words of each call of a command with "-" for its scenario."""
    more = {
        "diff": ["--kernel", "6.12"],
        "export": ["--to", "dot"],
        "plot": ["-o", str(folder_ / "boot.svg")],
        "prove": ["--property", "restored", "--json"],
        "report": ["-o", str(folder_ / "boot.html")],
        "trace": ["--format", "jsonl"],
    }
    yield [name, *(["topology"] if name == "plot" else []), "-", *more.get(name, [])]


@pytest.mark.parametrize("name", [one for one in SCENARIO_COMMANDS if one not in {"conform", "features"}])
def test_a_scenario_comes_through_the_standard_input(name: str, tmp_path: Path) -> None:
    for words in arguments_of(name, tmp_path):
        result = given(words, BUG)
        assert result.exit_code in {0, 1}, result.output


def test_a_scenario_without_settings_of_its_own_is_the_same_through_the_standard_input() -> None:
    piped = json.loads(given(["run", "-", "--json"], BUG).stdout)
    named = json.loads(given(["run", "bug", "--json"], b"").stdout)
    assert piped == named


def test_features_come_through_the_standard_input() -> None:
    raw = (folder() / "big-little.toml").read_bytes()
    assert given(["features", "-"], raw).stdout == given(["features", "big-little"], b"").stdout


def test_a_space_is_checked_through_the_standard_input() -> None:
    raw = (folder() / "spaces" / "late-cpu.toml").read_bytes()
    assert given(["check", "-"], raw).stdout.startswith("-: ok, a space of ")


def test_a_log_is_imported_through_the_standard_input() -> None:
    log = boot(read_scenario("late-cpu-refused")).log_text
    result = given(["import", "--dmesg", "-"], log.encode())
    assert (result.exit_code, "[topology]" in result.stdout) == (0, True), result.output


def test_a_schedule_comes_through_the_standard_input(tmp_path: Path) -> None:
    scenario = read_scenario("late-arrival")
    found = min(explore_orders(scenario).found.values(), key=lambda one: len(one.schedule))
    save_schedule(scenario, found.schedule, tmp_path / "schedule.json")
    piped = given(["replay", "-"], (tmp_path / "schedule.json").read_bytes())
    assert piped.stdout == given(["replay", str(tmp_path / "schedule.json")], b"").stdout


def test_the_standard_input_is_not_both_a_tree_and_a_log() -> None:
    result = given(["import", "-", "--dmesg", "-"], b"")
    assert (result.exit_code, "it can be read once only" in result.stderr) == (2, True)


def test_the_standard_input_is_not_watched() -> None:
    result = given(["run", "-", "--watch"], BUG)
    assert (result.exit_code, "--watch needs a file" in result.stderr) == (2, True)


def test_the_fields_that_differ_may_be_asked_for_by_name(asymboot: Asymboot) -> None:
    by_default, by_name = asymboot("features", "big-little"), asymboot("features", "big-little", "--only-differing")
    assert by_name.stdout == by_default.stdout
    everything = asymboot("features", "big-little", "--only-differing", "--all").stdout
    assert "Fields of ID registers" in everything


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("compare bug --by kernel --kernel 6.12", "--kernel and --by kernel do not go together."),
        ("compare bug --by memory --by relay --relay relaxed", "--relay and --by relay do not go together."),
        ("compare bug --by kvm --kvm none", "--kvm-mode and --by kvm_mode do not go together."),
        ("plot designs bug --design tabba -o new.svg", "plot designs takes no --design: it draws every design."),
    ],
)
def test_an_option_that_would_have_no_effect_is_refused(asymboot: Asymboot, words: str, message: str) -> None:
    result = asymboot(*words.split())
    assert (result.exit_code, result.stdout, message in result.stderr) == (2, "", True)
    assert asymboot("compare", "bug", "--by", "relay", "--kernel", "6.12").exit_code == 0
