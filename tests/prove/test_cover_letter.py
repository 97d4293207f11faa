"""Proofs of a scenario's own design, and their text for a cover letter."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from sim.designs import DESIGNS, LateCpu, LateStore, Pointer, Sizing, ZcrEl2
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import folder
from sim.prove.proof import prove_each
from sim.prove.properties import named
from sim.prove.question import Question
from sim.scenario import Relay
from sim.show.cover_letter import cover_letter
from sim.show.design_words import choices
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


MINE = """
[kernel]
series = "6.12"
kvm_mode = "protected"
[pkvm]
relay = "relaxed"
[design]
base = "brown-v4"
name = "mine"
zcr_el2 = "buffer"
[topology]
cpus = [{ sve_bits = [128] }]
"""


def test_a_letter_says_what_a_design_is_that_is_in_a_file_only(asymboot: Asymboot, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(MINE)
    shown = asymboot("prove", str(tmp_path / "mine.toml"), "--property", "no-panic").stdout
    letter = " ".join(shown.partition("For a cover letter")[2].split())
    assert "Design mine, of how pKVM saves the host's SVE registers (brown-v4, changed):" in letter
    for choice in (
        "buffer_sized_by max_cpu_vl: the largest length of any CPU that the kernel has counted so far",
        "zcr_el2 buffer, during save and restore: LEN is VQ - 1 of the length that the buffer is for",
        "ffr_pointer rdvl: placed by the length that the CPU runs with at the save",
        "late_cpu warned-and-raised, of a late CPU above max_cpu_vl: logged, comes online, and raises the maximum",
        "late_store read-only: the variable is read-only: the store panics the kernel",
        "Relay relaxed: pKVM starts a CPU that was offline at KVM's init, which no real kernel does.",
        "The numbers of CPUs are exact: in this memory a save outside its buffer may panic, or hit another CPU's",
    ):
        assert choice in letter


def test_each_choice_of_a_design_has_words() -> None:
    own = DESIGNS["v6.11"]
    for sized_by, zcr_el2, pointer in product(Sizing, ZcrEl2, Pointer):
        changed = replace(own, buffer_sized_by=sized_by, zcr_el2=zcr_el2, ffr_pointer=pointer)
        assert len(list(choices(changed))) == 4
    for late_cpu, late_store in product(LateCpu, LateStore):
        told = list(choices(replace(own, late_cpu=late_cpu, late_store=late_store)))
        assert any(one.startswith("late_store ") for one in told) == (late_cpu is LateCpu.RAISES)
    assert len(list(choices(DESIGNS["nosve"]))) == 1


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


def test_a_letter_on_a_typed_scenario_says_to_save_it(asymboot: Asymboot) -> None:
    bug = (folder() / "bug.toml").read_text()
    result = asymboot("prove", "-", "--property", "no-panic", "--kernel", "6.12", typed=bug)
    saved = "Reproduce: save the scenario as scenario.toml, then: asymboot prove scenario.toml"
    assert f"{saved} --kernel 6.12 --property no-panic" in result.stdout


def test_options_replace_what_the_scenario_says(asymboot: Asymboot) -> None:
    given = ("--design", "tabba", "--relay", "enforcing", "--memory", "mapped", "--property", "in-its-pages")
    result = asymboot("prove", "bug", *given)
    assert "Design tabba, relay enforcing:" in result.stdout
    assert " ".join(("Reproduce: asymboot prove bug", *given)) in result.stdout


PLAIN = """
kernel = {{ series = "6.12", flags = {{ {flags} }} }}
topology = {{ sve_rule = "{rule}", cpus = [{{ sve_bits = [128] }}] }}
"""


def test_the_flags_that_a_scenario_sets_are_those_of_the_proof(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "flags.toml"
    told = {}
    for value in ("true", "false"):
        file.write_text(
            PLAIN.format(flags=f"zcr_el2_constrained = false, pseudo_registers = {value}", rule="powers-of-two")
        )
        told[value] = asymboot("prove", str(file), "--property", "no-harmless-refused", "--memory", "mapped").stdout
    header, _, letter = told["true"].partition("For a cover letter")
    for part in (header, letter):
        assert "6.12 with pseudo_registers on, zcr_el2_constrained off," in " ".join(part.split())
    assert "pseudo_registers says that a late CPU is first compared with" in " ".join(letter.split())
    assert "Design v6.11" in letter
    # The answers for a kernel with pseudo registers are not for any number of CPUs (docs/proofs.md).
    assert ["any number" in one for one in told.values()] == [False, True]


def test_the_flags_of_a_proof_are_in_its_rows_and_its_scenarios(asymboot: Asymboot, tmp_path: Path) -> None:
    file, examples = tmp_path / "flags.toml", tmp_path / "examples"
    file.write_text(PLAIN.format(flags="pseudo_registers = true", rule="multiples-of-128"))
    asked = ("prove", str(file), "--property", "no-harmless-refused", "--up-to", "512", "--relay", "relaxed")
    (row,) = json.loads(asymboot(*asked, "--json", "-o", str(examples)).stdout)
    assert (row["design"], row["answer"], row["shown"]) == ("constrain-v2", "refuted", True)
    assert row["kernel_flags"] == {"pseudo_registers": True}
    (example,) = examples.iterdir()
    assert read_scenario(example).kernel_flags == {"pseudo_registers": True}


@pytest.mark.parametrize(
    ("changes", "supposed"),
    [
        ("", "it had kvm-arm.mode=protected"),
        (', kvm_mode = "protected", el2 = false', "its boot CPU started at EL2"),
        (", el2 = false", "its boot CPU started at EL2 and it had kvm-arm.mode=protected"),
    ],
)
def test_a_scenario_without_pkvm_is_told_what_is_supposed(
    asymboot: Asymboot, tmp_path: Path, changes: str, supposed: str
) -> None:
    file = tmp_path / "plain.toml"
    file.write_text(f'kernel = {{ series = "6.12"{changes} }}\ntopology = {{ cpus = [{{ sve_bits = [128] }}] }}')
    result = asymboot("prove", str(file), "--property", "no-panic")
    assert f"plain.toml has no pKVM: asked as if {supposed}\n" in result.stderr
    assert "has no pKVM" not in asymboot("prove", "bug", "--property", "no-panic").stderr


def test_a_scenarios_rule_is_taken(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "plain.toml"
    for rule in ("multiples-of-128", "powers-of-two"):
        file.write_text(PLAIN.format(flags="", rule=rule))
        result = asymboot("prove", str(file), "--property", "no-panic", columns="300")
        assert f"every legal set up to 2048 bits, {rule};" in result.stdout


def test_without_a_scenario_there_is_no_letter(asymboot: Asymboot) -> None:
    assert "cover letter" not in asymboot("prove", "--design", "constrain-v2", "--property", "in-its-pages").stdout


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (("bug", "--kernel", "6.1"), "Linux 6.1 has no buffers, and the file no design: --design names one"),
        (("bug", "--all-designs"), "--all-designs takes no FILE"),
        (("bug", "--property", "early-order"), "are about all CPU features: they take no FILE"),
        (("--memory", "mapped", "--property", "early-order"), "are about all CPU features"),
        (("--up-to", "256", "--property", "early-order"), "are about all CPU features"),
        (("--powers-of-two", "--property", "early-order"), "are about all CPU features"),
        (("late-cpu",), "late-cpu"),
    ],
)
def test_what_cannot_be_asked_is_said(asymboot: Asymboot, command: tuple[str, ...], why: str) -> None:
    result = asymboot("prove", *command)
    assert result.exit_code == 2
    assert why in result.stderr
