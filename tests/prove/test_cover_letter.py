"""Proofs of a scenario's own design, and their text for a cover letter."""

import json

import pytest

from sim.designs import DESIGNS
from sim.prove.proof import prove_each
from sim.prove.properties import named
from sim.prove.question import Question
from sim.scenario import Relay
from sim.show.cover_letter import cover_letter
from tests.command_line import Asymboot


def test_a_letter_has_every_answer_and_fits_kernel_mail() -> None:
    question = Question(up_to_bits=512)
    designs = [DESIGNS["v6.11"], DESIGNS["constrain-v2"]]
    findings = list(prove_each(question, designs, list(Relay), [named("in-its-pages"), named("committed")]))
    letter = cover_letter(question, findings, "1.0", "asymboot prove mine.toml")
    assert max(map(len, letter.splitlines())) <= 72
    assert letter.count("refuted: in-its-pages") + letter.count("proved: in-its-pages") == 4
    flat = " ".join(letter.split())
    assert "Design v6.11, relay enforcing: refuted: in-its-pages" in flat
    assert "smallest system: early {128} {128,256}" in flat
    assert "all systems of any number of early and late CPUs" in flat
    assert letter.endswith("Reproduce: asymboot prove mine.toml")


def test_a_letter_says_which_numbers_of_cpus_it_is_about(asymboot: Asymboot) -> None:
    letter = " ".join(asymboot("prove", "bug", "--property", "in-its-pages").stdout.split())
    assert "all systems of exactly 3 early and 1 late CPUs" in letter
    assert "Each counterexample was booted in its simulator. It is the smallest, and may have fewer CPUs." in letter
    assert "With --memory mapped the answers are for any number of CPUs." in letter
    proved = ("prove", "bug", "--design", "constrain-v2", "--kernel", "6.12", "--memory", "mapped")
    letter = asymboot(*proved, "--property", "in-its-pages").stdout
    assert "refuted: in-its-pages" not in letter
    assert "counterexample was booted" not in letter


def test_a_scenarios_own_design_kernel_relay_and_memory_are_asked_about(asymboot: Asymboot) -> None:
    rows = json.loads(asymboot("prove", "late-cpu-above-maximum", "--property", "in-its-pages", "--json").stdout)
    told = [(row["design"], row["relay"], row["kernel"], row["memory"]) for row in rows]
    assert told == [("brown-v4", "relaxed", "6.12", "adjacent")]


def test_options_replace_what_the_scenario_says(asymboot: Asymboot) -> None:
    given = ("--design", "tabba", "--relay", "enforcing", "--memory", "mapped", "--property", "in-its-pages")
    result = asymboot("prove", "bug", *given)
    assert "Design tabba, relay enforcing:" in result.stdout
    assert " ".join(("Reproduce: asymboot prove bug", *given)) in result.stdout


def test_without_a_scenario_there_is_no_letter(asymboot: Asymboot) -> None:
    assert "cover letter" not in asymboot("prove", "--design", "constrain-v2", "--property", "in-its-pages").stdout


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("bug", "--kernel", "6.1"), "Linux 6.1 has no buffers, and the file no design: --design names one"),
        (("bug", "--all-designs"), "--all-designs takes no FILE"),
        (("bug", "--property", "early-order"), "are about all CPU features"),
        (("late-cpu",), "late-cpu"),
    ],
)
def test_what_cannot_be_asked_is_said(asymboot: Asymboot, command: tuple[str, ...], why: str) -> None:
    result = asymboot("prove", *command)
    assert result.exit_code == 2
    assert why in result.stderr
