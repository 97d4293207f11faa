"""The time of proofs: each property of each named design for few CPUs and for 64, and all designs.

Proofs for few CPUs, which stand for any number, are measured against the older program (`benchmarks.older_program`),
the two in turns. The limit for 64 CPUs is in seconds: the project promises it, with much room.
"""

import time
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.older_program import BEFORE, HERE, older_program, python
from benchmarks.timing import hold, in_turns, measured
from sim.designs import DESIGNS
from sim.prove.proof import prove_property
from sim.prove.properties import PROPERTIES
from sim.prove.question import Question
from sim.scenario import KvmMode, Relay
from sim.study.system_space import Setting

EARLY = LATE = 32
MOST_S = 2
ROUNDS = 5
NAMED_LIMIT, ALL_LIMIT = 1 / 3, 0.25
NAMED = """
import time
from sim import DESIGNS, PROPERTIES, Question, Relay, prove_each
began = time.perf_counter()
list(prove_each(Question(), DESIGNS.values(), Relay, PROPERTIES.values()))
print(time.perf_counter() - began)
"""
ALL = """
from contextlib import suppress
import sys
from sim.cli import main
sys.argv = ["asymboot", "prove", "--all-designs"]
with suppress(SystemExit):  # not every design keeps every promise
    main()
"""


def main() -> None:
    """Measure and print."""
    with older_program() as before:
        of_named(before)
        of_all(before)
    of_many_cpus()


def of_named(before: Path) -> None:
    """Measure each property of each named design under both relay settings, with the smallest counterexamples."""
    times = [(float(python(HERE, "-c", NAMED)), float(python(before, "-c", NAMED))) for _ in range(ROUNDS)]
    ratio = median(new_s / old_s for new_s, old_s in times)
    best_s = min(new_s for new_s, _ in times)
    limit = f"at most {NAMED_LIMIT:.2f}"
    print(f"named designs, any number of CPUs: {best_s:.2f} s; ratio to {BEFORE} {ratio:.2f} ({limit})")
    hold("named designs", ratio, NAMED_LIMIT)


def of_all(before: Path) -> None:
    """Measure the command that proves every property of every design, with its start."""
    pair = in_turns(partial(python, HERE, "-c", ALL), partial(python, before, "-c", ALL), calls=1, rounds=ROUNDS)
    print(f"prove --all-designs: {pair.first_s:.1f} s; ratio to {BEFORE} {pair.ratio:.2f} (at most {ALL_LIMIT})")
    hold("all designs", pair.ratio, ALL_LIMIT)


def of_many_cpus() -> None:
    """Measure each property of each named design for 64 CPUs, without the search for the smallest counterexample."""
    question = Question(EARLY, LATE)
    taken = {}
    for design in DESIGNS.values():
        for prop in PROPERTIES.values():
            setting = Setting(design, Relay.RELAXED, KvmMode.PROTECTED, question.memory)
            began = time.perf_counter()
            answer = prove_property(question, setting, prop, smallest=False).answer
            taken[design.name, prop.name, str(answer)] = time.perf_counter() - began
    slowest = sorted(taken.items(), key=lambda one: -one[1])
    print(f"{EARLY + LATE} CPUs, {len(taken)} questions: {sum(taken.values()):.1f} s in all; the slowest:")
    for question_asked, took_s in slowest[:5]:
        print(f"  {', '.join(question_asked)}: {took_s:.2f} s (under {MOST_S})")
    hold("seconds for a property", slowest[0][1], MOST_S)


if __name__ == "__main__":
    measured(main)
