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
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import folder

BUG = (folder() / "bug.toml").read_bytes()
SYSTEM = ["design", "kernel", "relay", "kvm_mode", "memory"]
"""The settings whose options a command that boots a scenario has, in this order."""
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
    ("prove", "relay"),  # without a file both
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


def settings_of(command: Command) -> list[str]:
    """Return the settings that a command has options for, in the order of its help."""
    spelt = {options.spelt(name): name for name in (*SYSTEM, "seed")}
    return [spelt[word] for one in command.params for word in one.opts if word in spelt]


SCENARIO_COMMANDS = [name for name, command in commands().items() if takes_scenario(command)]


@pytest.mark.parametrize("name", SCENARIO_COMMANDS)
def test_a_command_that_boots_has_the_option_of_every_setting(name: str) -> None:
    expected = [one for one in (*SYSTEM, "seed") if one not in WITHOUT.get(name, set())]
    assert sorted(settings_of(commands()[name])) == sorted(expected)


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


@pytest.mark.parametrize("name", list(commands()))
def test_numbers_and_files_have_a_name_in_the_help(name: str) -> None:
    command = commands()[name]
    assert [one.name for one in command.params if isinstance(one, click.Option) and not _has_name(one)] == []


def _has_name(option: click.Option) -> bool:
    return option.is_flag or option.metavar is not None or isinstance(option.type, click.Choice)


def test_an_old_spelling_is_told_the_new_one() -> None:
    assert "Did you mean '--kvm-mode'?" in CliRunner().invoke(main, ["run", "bug", "--kvm", "none"]).stderr


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


def test_the_standard_input_is_not_watched() -> None:
    result = given(["run", "-", "--watch"], BUG)
    assert (result.exit_code, "--watch needs a file" in result.stderr) == (2, True)
