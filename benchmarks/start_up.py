"""The time of a start: `asymboot run` on 8 CPUs against Python importing SimPy, pytest with and without the plugin."""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import hold, in_turns

LIMIT = 6
PLUGIN_LIMIT_MS = 20
SCENARIO = "[topology]\nclusters = [{ name = 'all', count = 8, sve_bits = [128, 256] }]\n"


def main() -> None:
    """Measure and print."""
    of_run()
    of_plugin()


def of_run() -> None:
    """Measure `asymboot run`."""
    asymboot = Path(sys.executable).with_name("asymboot")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "eight.toml"
        file.write_text(SCENARIO, encoding="utf-8")

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


def of_plugin() -> None:
    """Measure pytest on a test that does not use the plugin."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "test_nothing.py"
        file.write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        # Plugins of the environment are not loaded, so the difference is the plugin's own.
        alone = (sys.executable, "-m", "pytest", "-q", "--disable-plugin-autoload", "-p", "no:cacheprovider", file)
        with_it = (*alone, "-p", "asymboot_pytest")
        pair = in_turns(lambda: command(*with_it), lambda: command(*alone), calls=1, rounds=41)
    more_ms = (pair.first_s - pair.second_s) * 1e3
    print(
        f"pytest with the plugin unused: {pair.first_s * 1e3:.0f} ms; without it: {pair.second_s * 1e3:.0f} ms; "
        f"difference {more_ms:.1f} ms (at most {PLUGIN_LIMIT_MS})"
    )
    hold("the plugin", more_ms, PLUGIN_LIMIT_MS)


def command(*words: str | Path) -> None:
    """Run a command and discard its output."""
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


if __name__ == "__main__":
    main()
