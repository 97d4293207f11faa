"""The time from a command to its answer, against Python importing SimPy; pytest with and without the plugin."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.timing import hold, in_turns, measured
from sim.boot_run import boot
from sim.files.scenario_file import read_scenario

LIMITS = {
    "run": 3,
    "compare": 3.4,
    "check": 2.2,
    "explain": 4,
    "list": 3.5,
    "diff": 3.2,
    "plot": 15,
    "report": 20,
}
"""The largest ratio of each command."""
PLUGIN_LIMIT_MS = 5
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""The environment of the commands. Bytecode is kept, as it is for users: the first call of each compiles it."""


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        of_commands(Path(folder))
    of_plugin()


def of_commands(folder: Path) -> None:
    """Measure each command; its files go into a folder."""
    log = folder / "boot.log"
    log.write_text(boot(read_scenario("late-cpu-refused")).log_text, encoding="utf-8")
    arguments: dict[str, tuple[str | Path, ...]] = {
        "run": ("bug",),
        "compare": ("bug",),
        "check": ("bug",),
        "explain": (log,),
        "list": (),
        "diff": ("bug", "--kernel", "6.12"),
        "plot": ("boot", "bug", "-o", folder / "boot.svg"),
        "report": ("bug", "-o", folder / "boot.html"),
    }
    for name, limit in LIMITS.items():
        of_command(name, arguments[name], limit, folder)


def of_command(name: str, arguments: tuple[str | Path, ...], limit: float, folder: Path) -> None:
    """Measure a command."""
    asymboot = Path(sys.executable).with_name("asymboot")
    pair = in_turns(
        lambda: answer(folder, asymboot, name, *arguments),
        lambda: command(sys.executable, "-c", "import simpy"),
        calls=1,
        rounds=9,
    )
    print(
        f"asymboot {name}: {pair.first_s * 1e3:.0f} ms; python -c 'import simpy': {pair.second_s * 1e3:.0f} ms; "
        f"ratio {pair.ratio:.2f} (at most {limit})"
    )
    hold(f"asymboot {name}", pair.ratio, limit)


def of_plugin() -> None:
    """Measure pytest on a test that does not use the plugin, against pytest with an empty plugin.

    Plugins of the environment are not loaded, so the difference is the plugin's own. pytest looks for a plugin that it
    is given by name in the metadata of every package, which takes longer than all plugins here: so both runs name one.
    """
    with tempfile.TemporaryDirectory() as folder:
        file, environment = Path(folder) / "test_nothing.py", {**ENVIRONMENT, "PYTHONPATH": folder}
        file.write_text("def test_nothing():\n    pass\n", encoding="utf-8")
        (Path(folder) / "empty_plugin.py").touch()
        words = (
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "--disable-plugin-autoload",
            "-p",
            "no:cacheprovider",
            file,
            "-p",
        )
        pair = in_turns(
            lambda: command(*words, "asymboot_pytest", environment=environment, folder=folder),
            lambda: command(*words, "empty_plugin", environment=environment, folder=folder),
            calls=1,
            rounds=61,
        )
    more_ms = (pair.ratio - 1) * pair.second_s * 1e3  # of the rounds: single runs differ by more than that
    print(
        f"pytest with the plugin unused: {pair.first_s * 1e3:.0f} ms; with an empty one: {pair.second_s * 1e3:.0f} ms; "
        f"difference {more_ms:.1f} ms (at most {PLUGIN_LIMIT_MS})"
    )
    hold("the plugin", more_ms, PLUGIN_LIMIT_MS)


def answer(folder: Path, *words: str | Path) -> None:
    """Run a command whose answer may be bad news. What the last call wrote is removed, since it would be refused."""
    for written in (folder / "boot.svg", folder / "boot.html"):
        written.unlink(missing_ok=True)
    command(*words, allowed=(0, 1))


def command(
    *words: str | Path,
    allowed: tuple[int, ...] = (0,),
    environment: Mapping[str, str] = ENVIRONMENT,
    folder: str | None = None,
) -> None:
    """Run a command and discard its output; its exit code must be allowed."""
    done = subprocess.run(words, check=False, stdout=subprocess.DEVNULL, env=environment, cwd=folder)  # noqa: S603
    if done.returncode not in allowed:
        raise SystemExit(f"{' '.join(map(str, words))}: exit code {done.returncode}")


if __name__ == "__main__":
    measured(main)
