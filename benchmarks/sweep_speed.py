"""The time and memory of a whole sweep: 10^9 systems under every named design and both relay settings, counted.

Measured from the start of `asymboot sweep` to its end, so that the generation of the systems is included: the time, the
memory of all its processes together, the gain of a second core, and the gain of symmetry.
"""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psutil

from benchmarks.timing import hold
from sim import read_space, read_summary
from sim.sweep.workers import usable_cores

MOST_S, MOST_GIB, LEAST_GAIN = 60, 1, 1.7
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


def sweep(space: Path, folder: Path, *options: str) -> Run:
    """Sweep a space into a folder in a separate process."""
    command = [sys.executable, "-m", "sim.cli", "sweep", str(space), "-o", str(folder), "--quiet", *options]
    began, peak = time.perf_counter(), 0
    running = subprocess.Popen(command)  # noqa: S603 (our own command)
    while running.poll() is None:
        peak = max(peak, _memory(running.pid))
        time.sleep(_EVERY_S)
    assert running.returncode == 0
    return Run(time.perf_counter() - began, peak / (1 << 30))


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
    with TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "space.toml"
        file.write_text(SPACE, encoding="utf-8")
        space = read_space(file)
        print(f"{space.points:,} points, {len(space.settings)} settings, {usable_cores()} cores")
        runs: dict[int, list[Run]] = {1: [], 2: []}
        for turn in range(ROUNDS):
            for jobs, done in runs.items():
                done.append(sweep(file, folder / f"{jobs}-{turn}", "--jobs", str(jobs)))
        one, two = (min(run.wall_s for run in runs[jobs]) for jobs in (1, 2))
        peak = max(run.peak_gib for run in runs[2])
        print(
            f"--keep counts, two processes: {two:.1f} s (under {MOST_S}); peak memory {peak:.2f} GiB (under {MOST_GIB})"
        )
        print(f"one process: {one:.1f} s, {one / two:.2f} times as long (at least {LEAST_GAIN})")
        alike = sweep(file, folder / "alike", "--symmetric", "--jobs", "2")
        full, few = read_summary(folder / "2-0"), read_summary(folder / "alike")
        assert full.hazards["systems"].tolist() == few.hazards["systems"].tolist()
        print(
            f"up to symmetry: the same totals from {few.points:,} points, {full.points / few.points:.0f} times fewer, "
            f"in {alike.wall_s:.1f} s"
        )
        hold("seconds", two, MOST_S)
        hold("GiB", peak, MOST_GIB)
        hold("gain of a second core", LEAST_GAIN, one / two)  # a lower limit: figure and limit change places


if __name__ == "__main__":
    main()
