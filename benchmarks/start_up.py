"""What a run from the command line costs: `asymboot run` on 8 CPUs against Python importing SimPy."""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import hold, in_turns

LIMIT = 6
SCENARIO = "[topology]\nclusters = [{ name = 'all', count = 8, sve_bits = [128, 256] }]\n"


def main() -> None:
    """Measure and print."""
    asymboot = Path(sys.executable).with_name("asymboot")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "eight.toml"
        file.write_text(SCENARIO, encoding="utf-8")

        def command(*words: str | Path) -> None:
            subprocess.run(words, check=True, stdout=subprocess.DEVNULL)  # noqa: S603

        pair = in_turns(
            lambda: command(asymboot, "run", file),
            lambda: command(sys.executable, "-c", "import simpy"),
            calls=1,
            rounds=21,
        )
    print(
        f"asymboot run on 8 CPUs: {pair.first_s * 1e3:.0f} ms; python -c 'import simpy': {pair.second_s * 1e3:.0f} ms; "
        f"ratio {pair.ratio:.2f} (at most {LIMIT})"
    )
    hold("asymboot run", pair.ratio, LIMIT)


if __name__ == "__main__":
    main()
