"""Mutation testing: draw mutants of the model, and report those that the tests do not notice.

This is code of our own because no maintained tool fits. mutmut changes neither decorated functions nor code outside
functions, and it wraps each function, which changes what exploration sees; cosmic-ray has one test command for all
files and cannot draw a sample of the mutants.

Every mutant is written into a copy of the repository, so that a run neither changes the sources nor sees them change.
"""

import contextlib
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click

from tools.mutations import mutants

ROOT = Path(__file__).parents[1]
EQUIVALENT = Path("tools/equivalent_mutants.toml")
# The tests of the code that judges a batch of systems.
STUDY = tuple(
    f"tests/study/test_{name}.py"
    for name in ("verdict_bits", "ordering", "evaluation", "save_outcomes", "compiled_batch", "batch")
)
# The tests of the model of CPU features; the recorded boots come last.
FEATURES = (
    "tests/kernel",
    "tests/test_feature_hazards.py",
    "tests/test_feature_facts.py",
    "tests/test_feature_notes.py",
    "tests/machine",
    "tests/test_rules_of_fields.py",
    "tests/study/test_mixtures.py",
    "tests/conform/test_recorded_features.py",
)
TESTS = {
    "sim/rules*": ("tests/test_rules.py", "tests/test_rules_symbolic.py", "tests/kernel", *STUDY),
    "sim/machine/*.py": ("tests/machine", "tests/kernel", "tests/processes", "tests/conform/test_conform.py"),
    "sim/kernel/*.py": ("tests/kernel", "tests/test_hazards.py", "tests/processes", "tests/conform/test_conform.py"),
    "sim/kernel/features": FEATURES,
    "sim/feature_hazards.py": FEATURES,
    "sim/hazards*": ("tests/test_hazards.py", "tests/kernel", "tests/processes", *STUDY),
    "sim/processes/*.py": ("tests/processes", "tests/conform/test_conform.py", "tests/causes", "tests/explore"),
    "sim/study/verdict_bits.py": STUDY,
    "sim/study/ordering.py": STUDY,
    "sim/study/evaluation.py": STUDY,
    "sim/study/systems.py": STUDY,
    "sim/study/save_outcomes.py": STUDY,
}
"""The files that are changed, with the tests that concern each. Fast tests come first: the first failure ends a run."""
SHORTEST_LIMIT_S = 60
TIMES_AS_LONG = 5
"""A mutant may loop for ever. It counts as caught after its tests took this many times as long as without a change."""
LEAST_CAUGHT_PERCENT = 95


@dataclass(frozen=True, slots=True)
class Case:
    """A mutant of a file, and the tests that concern it."""

    file: str
    key: str
    line: int
    source: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name in `EQUIVALENT`; it stays the same when lines move."""
        return f"{self.file}: {self.key}"


def every_case() -> Iterator[Case]:
    """Yield every mutant of every file in `TESTS`, in a fixed order."""
    for pattern, tests in TESTS.items():
        for path in sorted(ROOT.glob(pattern)):
            for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
                for mutant in mutants(file.read_text(encoding="utf-8")):
                    yield Case(str(file.relative_to(ROOT)), mutant.key, mutant.line, mutant.source, tests)


class Copy:
    """A copy of the repository's files, in which one mutant after the other is tested."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        command = ["git", "ls-files", "-z"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
        for name in filter(None, listed.stdout.split("\0")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
        # Tests write no bytecode (see `passes`), so without this every run would compile all of `sim` again.
        subprocess.run([sys.executable, "-m", "compileall", "-q", "sim"], cwd=folder, check=True)

    def passes(self, tests: tuple[str, ...], limit_s: float | None = None) -> bool:
        """Return True if the tests pass within the limit."""
        options = ["-x", "-q", "-m", "not slow", "--hypothesis-profile=repeatable"]
        left_out = [f"-pno:{plugin}" for plugin in ("randomly", "xdist", "cov", "cacheprovider")]
        # Bytecode counts as up to date if the source has the size and the modification second that it was compiled
        # from. A mutant may have both, so neither a mutant's bytecode nor that of the original may be found.
        env = {**os.environ, "PYTHONPATH": str(self._folder), "PYTHONDONTWRITEBYTECODE": "1"}
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "pytest", *options, *left_out, *tests],
            cwd=self._folder,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        try:
            return process.wait(limit_s) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            # Tests start processes of their own, which a test that failed or ran out of time leaves behind.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def catches(self, case: Case, limit_s: float) -> bool:
        """Return True if a test fails on a mutant."""
        file = self._folder / case.file
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
            compiled.unlink()
        file.write_text(case.source, encoding="utf-8")
        try:
            return not self.passes(case.tests, limit_s)
        finally:
            shutil.copy2(ROOT / case.file, file)


def limits(copy: Copy, cases: list[Case]) -> dict[tuple[str, ...], float]:
    """Return how long each choice of tests may take, in seconds; without a change all of them must pass."""
    found = {}
    for tests in {case.tests: None for case in cases}:
        start = time.monotonic()
        if not copy.passes(tests):
            raise click.ClickException(f"these tests fail without a mutant: {' '.join(tests)}")
        found[tests] = max(SHORTEST_LIMIT_S, TIMES_AS_LONG * (time.monotonic() - start))
    return found


@click.command()
@click.option("--count", type=click.IntRange(1), default=300, show_default=True, help="How many mutants to draw.")
@click.option("--seed", default=1, show_default=True, help="The seed of the draw.")
@click.option(
    "--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True, help="How many to test at a time."
)
@click.option("--only", default="", metavar="TEXT", help="Draw from the mutants whose name contains this.")
def main(count: int, seed: int, jobs: int, only: str) -> None:
    """Draw mutants of the model, run the tests of each, and list those that no test notices."""
    every = [case for case in every_case() if only in case.name]
    # Equivalent mutants are drawn too and then left out, so that listing one does not change what a seed draws.
    drawn = random.Random(seed).sample(every, min(count, len(every)))  # noqa: S311
    equivalent = {one["mutant"] for one in tomllib.loads((ROOT / EQUIVALENT).read_text("utf-8"))["equivalent"]}
    cases = [case for case in drawn if case.name not in equivalent]
    if not cases:
        # Nothing was tested, which must not look like a success.
        click.echo(f"tools.mutants: no mutant to test: {len(every)} of that name, {len(drawn)} drawn", err=True)
        sys.exit(2)
    click.echo(f"{len(every)} mutants, {len(drawn)} drawn with seed {seed}, {len(drawn) - len(cases)} equivalent")
    with tempfile.TemporaryDirectory() as folder:
        # A thread that tests a mutant takes a copy for itself, and puts it back as it was.
        copies: queue.SimpleQueue[Copy] = queue.SimpleQueue()
        for number in range(jobs):
            copies.put(Copy(Path(folder) / str(number)))
        first = copies.get()
        limit_s = limits(first, cases)
        copies.put(first)

        def caught(case: Case) -> bool:
            copy = copies.get()
            try:
                return copy.catches(case, limit_s[case.tests])
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(jobs) as pool:
            survivors = 0
            for done, (case, is_caught) in enumerate(zip(cases, pool.map(caught, cases), strict=True), 1):
                if not is_caught:
                    survivors += 1
                    click.echo(f"{case.file}:{case.line}: survives\n    {case.name}")
                if done % 50 == 0:
                    click.echo(f"{done} of {len(cases)} tested, {survivors} survive")
    percent = 100 * (1 - survivors / len(cases))
    click.echo(f"{len(cases) - survivors} of {len(cases)} caught: {percent:.1f} %")
    sys.exit(percent < LEAST_CAUGHT_PERCENT)


if __name__ == "__main__":
    main()
