"""Proofs hold in every system, and every counterexample shows in its boot."""

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from sim.designs import DESIGNS, Design
from sim.errors import InputError
from sim.files.scenario_file import read_scenario
from sim.scenario import KvmMode, MemoryLayout, Relay
from sim.study.batch import Batch
from sim.study.column import Sets
from sim.study.evaluation import Evaluation
from sim.study.space_model import SpaceModel
from sim.study.system_space import Setting, Space, legal_vqs, power_of_two_vqs
from sim.vectors import SveRule, why_not_sve
from tests.command_line import Asymboot
from tests.systems import group_of

z3 = pytest.importorskip("z3", reason="Z3 is not installed: the extra asymboot[prove] is not tested")

from sim.prove import design_space, proof, solver  # noqa: E402
from sim.prove.counterexample_boot import hazards_of  # noqa: E402
from sim.prove.design_space import Promises, every_design, prove_every_design  # noqa: E402
from sim.prove.finding import Finding  # noqa: E402
from sim.prove.proof import answers_of, prove_each, prove_property  # noqa: E402
from sim.prove.properties import PROPERTIES, Property, named  # noqa: E402
from sim.prove.question import Answer, Question, System  # noqa: E402
from sim.prove.symbols import Symbol, is_legal  # noqa: E402

SMALL = legal_vqs(512)
ROLES = [(early, cpus - early) for cpus in (1, 2, 3) for early in range(1, cpus + 1)]


def setting(design: str | Design, relay: Relay = Relay.RELAXED, memory: MemoryLayout = MemoryLayout.MAPPED) -> Setting:
    chosen = design if isinstance(design, Design) else DESIGNS[design]
    return Setting(chosen, relay, KvmMode.PROTECTED, memory)


@cache
def batch_of(early: int, late: int, memory: MemoryLayout) -> Batch:
    """All systems of `early` and `late` CPUs over lengths up to 512 bits."""
    groups = [group_of(f"early{n}", SMALL) for n in range(early)] + [
        group_of(f"l{n}", SMALL, late=True) for n in range(late)
    ]
    designs = (*DESIGNS.values(), *every_design())
    points = list(product(SMALL, repeat=early + late))
    columns = [np.array(column, np.uint16) for column in zip(*points, strict=True)]
    space = Space(tuple(groups), "6.12", designs, memories=(memory,))
    return Batch(SpaceModel(space), columns, len(points))


def any_breaks(one: Setting, prop: Property, early: int, late: int) -> bool:
    return bool(breaking(one, prop, early, late).any())


def breaking(one: Setting, prop: Property, early: int, late: int) -> Sets:
    """A value for each system, which is not 0 where it breaks a property."""
    batch = batch_of(early, late, one.memory)
    return np.broadcast_to(prop.broken(Evaluation(batch, one, exact=False)).array, batch.rows)


DRAWN = random.Random(1).sample(list(every_design()), 5)  # noqa: S311


@pytest.mark.no_cover
@pytest.mark.parametrize(
    ("memory", "designs"),
    [
        pytest.param(MemoryLayout.ADJACENT, DESIGNS.values(), id="adjacent-named"),
        pytest.param(MemoryLayout.MAPPED, (*DESIGNS.values(), *DRAWN), id="mapped-named and drawn"),
        pytest.param(
            MemoryLayout.MAPPED,
            (*DESIGNS.values(), *every_design()),
            marks=pytest.mark.slow,
            id="mapped-named and every",
        ),
    ],
)
@pytest.mark.parametrize("roles", ROLES, ids=lambda roles: f"{roles[0]} early, {roles[1]} late")
def test_a_proof_says_what_every_system_of_three_cpus_up_to_512_bits_says(
    roles: tuple[int, int], memory: MemoryLayout, designs: Iterable[Design]
) -> None:
    question = Question(*roles, kernel="6.12", memory=memory, up_to_bits=512)
    refuted = 0
    settings = [setting(design, relay, memory) for design, relay in product(designs, Relay)]
    together = answers_of(question, settings, list(PROPERTIES.values()))
    for one, answers in zip(settings, together, strict=True):
        for prop, answer in zip(PROPERTIES.values(), answers, strict=True):
            assert (answer is Answer.REFUTED) == any_breaks(one, prop, *roles), (one, prop.name)
            refuted += answer is Answer.REFUTED
    assert refuted


def test_questions_have_the_same_answers_one_by_one_and_together() -> None:
    found = prove_each(Question(), DESIGNS.values(), Relay, list(PROPERTIES.values()))
    for one in found:
        alone = prove_property(Question(), one.setting, one.prop)
        assert (alone.answer, alone.example) == (one.answer, one.example)


def test_kernel_flags_decide_as_the_releases_that_have_them() -> None:
    prop = named("no-harmless-refused")
    for kernel, flags in (("6.6", {}), ("6.12", {"pseudo_registers": True})):
        question = Question(early=2, up_to_bits=512, kernel=kernel, kernel_flags=flags)
        found = prove_property(question, setting("tabba"), prop)
        assert str(found.example) == "{128,256,384} {128,256,512} and late {128,256}"
        assert not replace(question, early=3).stands_for_any_number
        assert hazards_of(found) & prop.hazards
    for kernel, flags in (("6.12", {}), ("6.6", {"pseudo_registers": False})):
        question = Question(up_to_bits=512, kernel=kernel, kernel_flags=flags)
        assert question.stands_for_any_number
        assert prove_property(question, setting("tabba"), prop).answer is Answer.PROVED


@pytest.mark.parametrize("is_flushed", [True, False])
def test_an_example_shows_what_its_kernel_flags_make_of_it(is_flushed: bool) -> None:
    question = Question(
        early=2, late=0, up_to_bits=256, kernel="6.12", kernel_flags={"host_fpsimd_flushed": is_flushed}
    )
    for prop in PROPERTIES.values():
        found = prove_property(question, setting("v6.11"), prop)
        assert found.scenario is None or hazards_of(found) & prop.hazards, prop.name
    with pytest.raises(InputError, match="unknown kernel flag 'pseudo_register': did you mean 'pseudo_registers'"):
        Question(kernel_flags={"pseudo_register": True})


@pytest.mark.parametrize(
    ("design", "prop", "smallest"),
    [
        ("v6.11", "in-its-pages", System((1, 3), ())),
        ("v6.11", "announced", System((1, 3), ())),
        ("constrain-v1", "restored", System((0x808B,), ())),
        ("constrain-v1", "in-bytes-asked", System((1, 3), ())),
        ("brown-v4", "no-panic", System((1,), (3,))),
        ("brown-v4-meant", "in-its-pages", System((1,), (0x8B,))),
        ("brown-v4-meant", "in-bytes-asked", System((1,), (3,))),
        ("tabba", "announced", System((1,), (3,))),
        ("nosve", "none-denied", System((1,), ())),
    ],
)
def test_the_smallest_system_is_found_and_its_boot_shows_it(design: str, prop: str, smallest: System) -> None:
    found = prove_property(Question(), setting(design), named(prop))
    assert (found.answer, found.example) == (Answer.REFUTED, smallest)
    assert found.is_smallest
    assert hazards_of(found) & found.prop.hazards


@pytest.mark.parametrize("name", ["brown-v1", "constrain-v2"])
def test_what_is_safe_is_proved(name: str) -> None:
    for relay, prop in product(Relay, PROPERTIES.values()):
        assert prove_property(Question(), setting(name, relay), prop).answer is Answer.PROVED


def test_no_smaller_system_breaks_a_promise() -> None:
    found = prove_property(Question(up_to_bits=512, kernel="6.12"), setting("constrain-v1"), named("in-its-pages"))
    assert found.example is not None
    systems = []
    for early, late in ROLES:
        rows = np.flatnonzero(breaking(setting("constrain-v1"), named("in-its-pages"), early, late))
        columns = [column.array for column in batch_of(early, late, MemoryLayout.MAPPED).vqs]
        for row in rows:
            point = tuple(int(column[row]) for column in columns)
            systems.append(System(point[:early], point[early:]))
    assert min(systems, key=lambda one: one.size) == found.example


class NothingListed:
    """Systems of which none is listed, so that the solver must search."""

    are_all = False

    def __init__(self, *_: object) -> None:
        pass

    def smallest(self, *_: object) -> None:
        """Find nothing."""


def test_the_solver_finds_the_same_smallest_system_as_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = list(product(["v6.11", "constrain-v1", "brown-v4-meant"], ["in-its-pages", "in-bytes-asked"]))
    listed = [prove_property(Question(), setting(name), named(prop)).example for name, prop in settings]
    monkeypatch.setattr(proof, "listed_systems", NothingListed)
    proof._systems.cache_clear()
    solved = [prove_property(Question(), setting(name), named(prop)).example for name, prop in settings]
    assert solved == listed
    assert None not in listed


@pytest.mark.parametrize("up_to_bits", [128, 640, 2048])
@pytest.mark.parametrize("rule", SveRule)
def test_legal_sets_are_those_that_the_architecture_allows(rule: SveRule, up_to_bits: int) -> None:
    allowed = [vqs for vqs in range(1 << up_to_bits // 128) if why_not_sve(vqs, rule) is None]
    assert list(legal_vqs(up_to_bits, rule)) == allowed


@pytest.mark.parametrize("rule", SveRule)
def test_legal_symbols_are_the_legal_sets(rule: SveRule) -> None:
    one = Symbol.named("one")
    for vqs in [*range(1 << 9), 0x808B, 0x8000, 0xFFFF, 0x808A]:
        expected = 0 < vqs < 1 << 16 and why_not_sve(vqs, rule) is None
        legal = z3.Solver()
        legal.add(one.term == vqs)
        assert (str(legal.check(is_legal(one, rule, 16))) == "sat") == expected, bin(vqs)
    assert power_of_two_vqs(2048)[-1] == 0x808B


def test_what_stands_for_any_number_of_cpus() -> None:
    assert Question().stands_for_any_number
    assert not Question(early=2).stands_for_any_number
    assert not Question(late=0).stands_for_any_number
    assert not Question(kernel="6.1").stands_for_any_number
    assert not Question(memory=MemoryLayout.ADJACENT).stands_for_any_number


@pytest.mark.parametrize("name", DESIGNS)
def test_more_cpus_break_no_promise_that_three_and_one_keep(name: str) -> None:
    for prop in PROPERTIES.values():
        few = prove_property(Question(), setting(name), prop, smallest=False).answer
        assert prove_property(Question(early=6, late=4), setting(name), prop, smallest=False).answer is few


def test_every_design_is_a_combination_of_the_choices() -> None:
    designs = list(every_design())
    assert len({one.name for one in designs}) == len(designs) == 120


@pytest.mark.slow
def test_which_of_every_design_are_safe() -> None:
    promises = list(prove_every_design(Question(early=2, late=1, up_to_bits=256)))
    assert len(promises) == 240
    safe = {one.design.name for one in promises if one.is_safe and one.relay is Relay.RELAXED}
    assert "max_vl; max_vl; buffer; silent" in safe
    assert "max_vl; all-ones; buffer; silent" not in safe
    pointers = {name.replace("; rdvl;", "; buffer;") for name in safe}
    assert all(name.replace("; buffer;", "; rdvl;", 1) in safe or "; buffer; buffer;" in name for name in pointers)


def test_a_question_takes_names() -> None:
    question = Question(memory="adjacent", rule="powers-of-two")  # type: ignore[arg-type]
    assert question == Question(memory=MemoryLayout.ADJACENT, rule=SveRule.POWERS_OF_TWO)
    assert not question.stands_for_any_number
    setting = Setting(DESIGNS["constrain-v1"], Relay.ENFORCING, KvmMode.PROTECTED, MemoryLayout.MAPPED)
    refuted = prove_property(Question(1, 0, rule="powers-of-two"), setting, named("none-denied"))  # type: ignore[arg-type]
    assert str(refuted.example) == "{128,256,512,1024,2048}"
    with pytest.raises(InputError, match="rule"):
        Question(rule="any")  # type: ignore[arg-type]


def test_questions_findings_and_promises_say_what_they_are_in_one_line() -> None:
    setting = Setting(DESIGNS["tabba"], Relay.RELAXED, KvmMode.PROTECTED, MemoryLayout.MAPPED)
    told = "3 early and 1 late CPUs, which stand for any number; lengths multiples-of-128 up to 2048 bits"
    assert repr(Question(kernel="6.12")) == f"<Question: {told}; kernel 6.12, memory mapped>"
    assert "any number" not in repr(Question(early=1))
    assert repr(System((1, 3), (11,))) == "<System: {128} {128,256} and late {128,256,512}>"
    refuted = Finding(named("restored"), setting, Answer.REFUTED, System((1, 3), ()))
    assert repr(refuted) == "<Finding: restored of 'tabba', relay relaxed: refuted by {128} {128,256}>"
    assert "{128} {128,256}" in refuted._repr_html_()
    kept = Promises(DESIGNS["tabba"], Relay.RELAXED, dict.fromkeys(PROPERTIES, Answer.PROVED))
    assert repr(kept) == "<Promises of 'tabba', relay relaxed: 9 of 9 kept, safe>"


def test_questions_that_cannot_be_are_refused() -> None:
    for early, late in ((0, 1), (1, -1), (60, 5)):
        with pytest.raises(InputError, match="allowed are 1 early CPU or more, and 64 CPUs in all"):
            Question(early, late)
    with pytest.raises(InputError, match="unknown property 'x': there are no-panic, in-its-pages"):
        named("x")


def test_a_solver_that_gives_up_is_told_and_what_was_found_is_kept(
    asymboot: Asymboot, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first check asks about both properties at once; where it gives up, each is asked about alone.
    answers = iter([Answer.UNKNOWN, Answer.PROVED])
    monkeypatch.setattr(solver.Solver, "check", lambda _self: next(answers, Answer.UNKNOWN))
    words = ["prove", "--design", "tabba", "--relay", "enforcing", "--property", "no-panic", "--property", "restored"]
    result = asymboot(*words)
    assert result.exit_code == 2
    assert ["design", "proved", "unanswered"] in [line.split() for line in result.stdout.splitlines()]
    assert "tabba 1 of 2 restored " in " ".join(result.stdout.split())
    assert "the solver gave up on 1 of 2 questions after 60 s each" in result.stderr


def test_what_was_refuted_is_kept_where_the_solver_gives_up_on_the_smallest(
    asymboot: Asymboot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def give_up(*_: object) -> None:
        raise solver.SolverGaveUp

    proof._systems.cache_clear()  # an example that another test found would need no search
    monkeypatch.setattr(solver.Solver, "minimise", give_up)
    monkeypatch.setattr(proof, "listed_systems", NothingListed)
    words = ["prove", "--design", "v6.11", "--relay", "enforcing", "--property", "in-its-pages", "-o", str(tmp_path)]
    result = asymboot(*words)
    assert result.exit_code == 2
    assert "the solver gave up on the smallest counterexample of 1 question after 60 s each" in result.stderr
    assert result.stderr.startswith("1 counterexample written to ")
    assert "its example may not be the smallest" in result.stdout
    assert "1 of 1 broken promises show" in result.stdout
    assert asymboot("run", str(tmp_path / "v6.11-enforcing-in-its-pages.toml"), "-q").exit_code == 1


# The command line


_CTRL_C_AFTER_THE_FIRST_ANSWER = """
import os, signal, threading
from sim.cli import main
from sim.prove import proof
from tests.command_line import Asymboot

def find_and_press(*args, **kwargs):
    found = one(*args, **kwargs)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    proof._finding = one
    return found

one, proof._finding = proof._finding, find_and_press
main()
"""


def test_ctrl_c_shows_what_is_known() -> None:
    command = [sys.executable, "-c", _CTRL_C_AFTER_THE_FIRST_ANSWER, "prove", "--cpus", "64"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (130, "asymboot: stopped; what was found until then is above\n")
    assert "v6.11" in result.stdout


@pytest.mark.parametrize("taken", ["a file", "in the way", "in the way/deeper", "old"])
def test_a_folder_that_has_no_room_is_told_before_anything_is_proved(
    asymboot: Asymboot, taken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "prove_each", lambda *_: pytest.fail("proved"))
    (tmp_path / "a file").touch()
    (tmp_path / "in the way").symlink_to("nowhere")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "tabba-relaxed-restored.toml").touch()
    result = asymboot("prove", "--design", "tabba", "-o", str(tmp_path / taken))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1


def test_named_designs_are_proved_and_examples_written(asymboot: Asymboot, tmp_path: Path) -> None:
    words = ["prove", "--design", "constrain-v1", "--relay", "enforcing", "-o", str(tmp_path / "out")]
    result = asymboot(*words)
    assert result.exit_code == 1
    assert "which stand for any number of CPUs" in result.stdout
    told = " ".join(result.stdout.split())
    assert "constrain-v1 4 of 9 in-its-pages, in-bytes-asked, restored, announced, none-denied" in told
    assert "its boot shows registers or VL not restored; host denied a VL that all CPUs have" in told
    assert not re.search(r"hazards? \d", told)
    assert max(map(len, result.stdout.splitlines())) <= 80
    files = sorted(file.name for file in (tmp_path / "out").iterdir())
    broken = ["announced", "in-bytes-asked", "in-its-pages", "none-denied", "restored"]
    assert files == [f"constrain-v1-enforcing-{name}.toml" for name in broken]
    for name in files:
        assert read_scenario(tmp_path / "out" / name).active_design == DESIGNS["constrain-v1"]
        assert asymboot("run", str(tmp_path / "out" / name), "-q").exit_code == 1
    again = asymboot(*words)
    assert again.exit_code == 2
    assert again.stderr.strip().endswith("exists already")


def test_json_has_every_finding(asymboot: Asymboot) -> None:
    words = ["prove", "--design", "tabba", "--property", "announced", "--up-to", "512", "--powers-of-two", "--json"]
    result = asymboot(*words)
    rows = json.loads(result.stdout)
    assert [(row["relay"], row["answer"]) for row in rows] == [("enforcing", "proved"), ("relaxed", "refuted")]
    assert (rows[1]["early_sve_bits"], rows[1]["late_sve_bits"]) == ([[128]], [[128, 256]])
    assert "allocation_exceeded_silently" in rows[1]["hazards"]
    assert (rows[0]["smallest"], rows[0]["shown"], rows[1]["smallest"], rows[1]["shown"]) == (None, None, True, True)
    proved = asymboot("prove", "--design", "constrain-v2", "--property", "restored", "--cpus", "4")
    assert (proved.exit_code, "2 early and 2 late CPUs, or fewer" in proved.stdout) == (0, True)


def test_all_designs_are_rows_of_json(asymboot: Asymboot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(design_space, "every_design", lambda: DRAWN)
    result = asymboot("prove", "--all-designs", "--up-to", "256", "--early", "2", "--json")
    assert result.exit_code == 1
    rows = json.loads(result.stdout)
    assert [row["design"] for row in rows] == [design.name for _ in Relay for design in DRAWN]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", ""], "a path cannot be empty"),
        (["--design", "nosuch"], "unknown design 'nosuch'"),
        (["--property", "nosuch"], "unknown property 'nosuch'"),
        (["--property", "late-has-al"], "did you mean 'late-has-all'?"),
        (["--cpus", "4", "--early", "2"], "--cpus takes no --early or --late"),
        (["--cpus", "65"], "33 early and 32 late CPUs: allowed are 1 early CPU or more, and 64 CPUs in all"),
        (["--up-to", "200"], "200 bits is not a vector length"),
        (["--kernel", "5.10"], "5.10"),
        (["--all-designs", "--design", "tabba"], "--all-designs takes no"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(asymboot: Asymboot, words: list[str], message: str) -> None:
    assert message in asymboot.refused("prove", *words)
