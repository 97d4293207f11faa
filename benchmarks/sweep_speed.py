"""The time and memory of a whole sweep: 10^9 systems under every named design and both relay settings, counted.

Measured from the start of `asymboot sweep` to its end, so that the generation of the systems is included: the time
against the older program's (`benchmarks.older_program`), the memory of all its processes together, the gain of a second
core, and the gain of symmetry.

Two processes can at most gain what two sweeps gain that run side by side and know nothing of each other: that is
measured too.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import psutil

from benchmarks.older_program import BEFORE, HERE, older_program, started
from benchmarks.timing import hold, hold_at_least, measured
from sim import read_space, read_summary
from sim.sweep.workers import usable_cores

if TYPE_CHECKING:
    from subprocess import Popen

MOST_RATIO, MOST_GIB, LEAST_GAIN = 0.5, 1, 1.5
ROUNDS = 2
_EVERY_S = 0.05
"""The time between two readings of memory, in seconds."""
SETS = """[
    [], [128], [128, 256], [128, 256, 384], [128, 256, 512], [128, 256, 384, 512], [128, 256, 512, 1024],
    [128, 256, 384, 512, 1024], [128, 256, 512, 1024, 2048], [128, 256, 384, 512, 1024, 2048],
]"""
SPACE = f"""
kernel = "6.12"
[[groups]]
name = "early"
count = 5
sets = {SETS}
[[groups]]
name = "late"
count = 4
late = true
sets = {SETS}
"""


class Run(NamedTuple):
    """The time of one sweep in seconds, and the peak memory of all its processes in GiB."""

    wall_s: float
    peak_gib: float


class Sweeps:
    """Sweeps of one space, each in a process of its own and into a folder of its own.

    Args:
        folder: the folder of the space's file and of all sweeps.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "space.toml"
        self.file.write_text(SPACE, encoding="utf-8")

    def start(self, name: str, *options: str, program: Path = HERE) -> "Popen[str]":
        """Start a sweep."""
        return started(program, "-m", "sim.cli", "sweep", self.file, "-o", self.folder / name, "--quiet", *options)

    def run(self, name: str, *options: str, program: Path = HERE) -> Run:
        """Run a sweep to its end."""
        began, peak = time.perf_counter(), 0
        running = self.start(name, *options, program=program)
        while running.poll() is None:
            peak = max(peak, _memory(running.pid))
            time.sleep(_EVERY_S)
        assert running.returncode == 0
        return Run(time.perf_counter() - began, peak / (1 << 30))

    def side_by_side_s(self) -> float:
        """Return the time of two sweeps that run beside each other, each in one process."""
        began = time.perf_counter()
        both = [self.start(f"beside-{number}", "--jobs", "1") for number in range(2)]
        assert [one.wait() for one in both] == [0, 0]
        return time.perf_counter() - began


def _memory(pid: int) -> int:
    """Return the resident memory in bytes of a process and its descendants.

    Shared pages count for each process, so the figure is an upper bound.
    """
    total = 0
    try:
        for one in (process := psutil.Process(pid), *process.children(recursive=True)):
            total += one.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def main() -> None:
    """Measure and print."""
    with TemporaryDirectory() as name, older_program() as before:
        sweeps = Sweeps(Path(name))
        space = read_space(sweeps.file)
        print(f"{space.points:,} points, {len(space.settings)} settings, {usable_cores()} cores")
        one, two, old = list[Run](), list[Run](), list[Run]()
        for turn in range(ROUNDS):
            one.append(sweeps.run(f"one-{turn}", "--jobs", "1"))
            two.append(sweeps.run(f"two-{turn}", "--jobs", "2"))
            old.append(sweeps.run(f"old-{turn}", "--jobs", "2", program=before))
        of_time(two, old)
        of_gain(sweeps, _least(one), _least(two))
        of_symmetry(sweeps)


def _least(runs: list[Run]) -> float:
    return min(run.wall_s for run in runs)


def of_time(two: list[Run], old: list[Run]) -> None:
    """Compare sweeps of two processes with the older program's."""
    ratio, peak = _least(two) / _least(old), max(run.peak_gib for run in two)
    print(
        f"two processes: {_least(two):.1f} s; {BEFORE}: {_least(old):.1f} s; ratio {ratio:.2f} (at most {MOST_RATIO}); "
        f"peak memory {peak:.2f} GiB (at most {MOST_GIB})"
    )
    hold(f"time against {BEFORE}", ratio, MOST_RATIO)
    hold("GiB", peak, MOST_GIB)


def of_gain(sweeps: Sweeps, one_s: float, two_s: float) -> None:
    """Compare one process with two, and the gain with that of two sweeps side by side."""
    gain, most = one_s / two_s, 2 * one_s / sweeps.side_by_side_s()
    print(
        f"one process: {one_s:.1f} s, {gain:.2f} times as long (at least {LEAST_GAIN}); two sweeps side by side gain "
        f"{most:.2f}"
    )
    hold_at_least("gain of a second process", gain, LEAST_GAIN)


def of_symmetry(sweeps: Sweeps) -> None:
    """Sweep up to symmetry, with the counts for heat maps, which more than 2^28 points do not have."""
    alike = sweeps.run("alike", "--symmetric", "--jobs", "2")
    full, few = read_summary(sweeps.folder / "two-0"), read_summary(sweeps.folder / "alike")
    assert full.hazards["systems"].tolist() == few.hazards["systems"].tolist()
    print(
        f"up to symmetry: the same totals from {few.points:,} points, {full.points / few.points:.0f} times fewer, "
        f"in {alike.wall_s:.1f} s, with the counts for heat maps"
    )


if __name__ == "__main__":
    measured(main)
