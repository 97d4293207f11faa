"""The command line, run in the tests' own process."""

from pathlib import Path

from click.testing import CliRunner, Result

from sim.cli import main


class Asymboot:
    """The command `asymboot` with an exit code, a standard output and a standard error of its own.

    An exception that the command does not handle fails the test.
    """

    def __call__(self, *words: str | Path, columns: str = "80", typed: str | None = None) -> Result:
        """Run it with these words, for an output that is not a terminal.

        Args:
            words: the words of the command.
            columns: the variable COLUMNS.
            typed: the text on the standard input.
        """
        env = {"COLUMNS": columns, "FORCE_COLOR": None, "TTY_COMPATIBLE": None}
        return CliRunner().invoke(main, [str(word) for word in words], typed, env=env, catch_exceptions=False)

    def refused(self, *words: str | Path) -> str:
        """Return the one line that bad input gets, with exit code 2 and nothing on the standard output."""
        result = self(*words)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1), result.output
        return result.stderr.strip()
