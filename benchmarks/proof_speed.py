"""The time of proofs: each property of each named design for 64 CPUs, and all designs for any number of CPUs.

The limits are seconds rather than ratios: the project promises them, with much room.
"""

import time

from benchmarks.timing import hold
from sim.designs import DESIGNS
from sim.prove.design_space import prove_every_design
from sim.prove.proof import prove_property
from sim.prove.properties import PROPERTIES
from sim.prove.question import Question
from sim.scenario import KvmMode, Relay
from sim.study.system_space import Setting

EARLY = LATE = 32
MOST_S, MOST_ALL_S = 2, 120


def main() -> None:
    """Measure and print."""
    question = Question(EARLY, LATE)
    worst = {}
    for design in DESIGNS.values():
        for prop in PROPERTIES.values():
            setting = Setting(design, Relay.RELAXED, KvmMode.PROTECTED, question.memory)
            began = time.perf_counter()
            # Without the search for the smallest counterexample, which the promise of 2 s leaves out.
            answer = prove_property(question, setting, prop, smallest=False).answer
            worst[design.name, prop.name, str(answer)] = time.perf_counter() - began
    slowest = sorted(worst.items(), key=lambda one: -one[1])
    print(f"{EARLY + LATE} CPUs, {len(worst)} questions: {sum(worst.values()):.1f} s in all; the slowest:")
    for question_asked, seconds in slowest[:5]:
        print(f"  {', '.join(question_asked)}: {seconds:.2f} s (under {MOST_S})")
    began = time.perf_counter()
    promises = list(prove_every_design(Question()))
    taken = time.perf_counter() - began
    print(
        f"{len(promises)} designs and relay settings, {len(PROPERTIES)} properties: {taken:.1f} s (under {MOST_ALL_S})"
    )
    hold("seconds for all designs", taken, MOST_ALL_S)
    hold("seconds for a property", slowest[0][1], MOST_S)


if __name__ == "__main__":
    main()
