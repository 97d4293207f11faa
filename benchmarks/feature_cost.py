"""The cost of CPU features: boots, start-up and imports against those before features were modelled.

Both programs run in turns (`benchmarks.older_program`). The best time of a boot counts.
"""

import tempfile
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.older_program import BEFORE, HERE, older_program, python
from benchmarks.timing import hold, in_turns, measured

ROUNDS = 5
LENGTHS_LIMIT = 1.3
FEATURES_LIMIT = 2.5
START_LIMIT = 1.1
LENGTHS_ALONE = "[topology]\nclusters = [{ name = 'all', count = 8, sve_bits = [128, 256] }]\n"
ONE_CORE = "[topology]\nclusters = [{ name = 'all', count = 8, core = 'arm,cortex-a55' }]\n"
TWO_CORES = """[topology]
clusters = [
    { name = 'small', count = 4, core = 'arm,cortex-a55' },
    { name = 'big', count = 4, core = 'arm,cortex-a76' },
]
"""
BOOTS = """
import sys, time
from sim import boot, read_scenario
scenario, best_s = read_scenario(sys.argv[1]), 1.0
for _ in range(300):
    start = time.perf_counter()
    boot(scenario)
    best_s = min(best_s, time.perf_counter() - start)
print(best_s)
"""


def main() -> None:
    """Measure and print."""
    with older_program() as before, tempfile.TemporaryDirectory() as folder:
        files = {"lengths": LENGTHS_ALONE, "one": ONE_CORE, "two": TWO_CORES}
        for name, text in files.items():
            (Path(folder) / f"{name}.toml").write_text(text, encoding="utf-8")
        of_boots(before, Path(folder))
        of_starts(before, Path(folder) / "lengths.toml")


def of_boots(before: Path, folder: Path) -> None:
    """Measure boots of 8 CPUs against boots of lengths alone in the older program."""
    cases = {
        "lengths": ("lengths alone", LENGTHS_LIMIT),
        "one": ("all features, cores of one kind", FEATURES_LIMIT),
        "two": ("all features, cores of two kinds", FEATURES_LIMIT),
    }
    old = partial(python, before, "-c", BOOTS, folder / "lengths.toml")
    for name, (what, limit) in cases.items():
        times = [(float(python(HERE, "-c", BOOTS, folder / f"{name}.toml")), float(old())) for _ in range(ROUNDS)]
        ratio = median(new_s / old_s for new_s, old_s in times)
        best_us = min(new_s for new_s, _ in times) * 1e6
        print(f"boot() of 8 CPUs, {what}: {best_us:.0f} us; ratio to {BEFORE} {ratio:.2f} (at most {limit})")
        hold(what, ratio, limit)


def of_starts(before: Path, file: Path) -> None:
    """Measure the start of Python with the package, and of commands."""
    cases: dict[str, tuple[str | Path, ...]] = {
        "python -c 'import sim'": ("-c", "import sim"),
        "asymboot --version": ("-m", "sim.cli", "--version"),
        "asymboot run": ("-m", "sim.cli", "run", file),
    }
    for what, words in cases.items():
        pair = in_turns(partial(python, HERE, *words), partial(python, before, *words), calls=1, rounds=31)
        print(f"{what}: {pair.first_s * 1e3:.0f} ms; ratio to {BEFORE} {pair.ratio:.2f} (at most {START_LIMIT})")
        hold(what, pair.ratio, START_LIMIT)


if __name__ == "__main__":
    measured(main)
