"""The classes of `asymboot` and of its commands: lazy import, help texts, and errors as one line with an exit code."""

import atexit
import errno
import gc
import inspect
import io
import sys
from collections import UserDict
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from sim.errors import AsymbootError
from sim.extras import needed_by

_OBJECTS_BETWEEN_COLLECTIONS = 200_000
"""More objects than the modules of a boot have: until then a search for garbage finds none, and takes time."""
_READER_GONE = 128 + 13
"""The exit code of a program that SIGPIPE, signal 13, ends."""


class Command(click.Command):
    """A command whose help keeps its blocks, and whose error names the extra that is not installed."""

    def __init__(self, name: str | None, **more: Any) -> None:
        super().__init__(name, **_with_blocks(more))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            MissingExtra: it needs packages that are not installed.
        """
        with needed_by(self.name or ""):
            return super().invoke(ctx)


class _Unloaded(click.Command):
    """A placeholder for a command whose module is not imported yet, with the first sentence of its help."""

    def __init__(self, name: str, place: str, first_sentence: str) -> None:
        super().__init__(name, help=first_sentence)
        self._place = place

    def load(self) -> Command:
        """Import the command from its ``module:attribute``."""
        module, _, attribute = self._place.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, Command)
        return command


class _LazyCommands(UserDict[str, click.Command]):
    """Commands by name: looking up a command imports its module, iterating over the names imports nothing."""

    # A subclass of dict would not do: click looks commands up with get(), which dict does not route through
    # __getitem__, and UserDict does.

    def __getitem__(self, name: str) -> click.Command:
        command = self.data[name]
        if isinstance(command, _Unloaded):
            command = self.data[name] = command.load()
        return command


class Commands(click.Group):
    """A group that imports a command when it is used, and whose errors are one line each."""

    def __init__(self, name: str, *, lazy: Mapping[str, tuple[str, str]], **more: Any) -> None:
        """Make the group.

        Args:
            name: as users type it.
            lazy: the commands by name; for each its ``module:attribute`` and the first sentence of its help, which is
                given here so that the help of the group imports no command.
            more: for click.
        """
        self._lazy = _LazyCommands({command: _Unloaded(command, *of_one) for command, of_one in lazy.items()})
        super().__init__(name, commands=self._lazy, **_with_blocks(more))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands. Click's own method would look up, and so import, each of them."""
        limit = formatter.width - 6 - max(map(len, self._lazy))  # the formula of click's own format_commands()
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, self._lazy.data[name].get_short_help_str(limit)) for name in self.list_commands(ctx)]
            )

    # Where the reader of the output has gone, click itself would exit with 1, which is bad news. The group's own help
    # and version are printed while the context is made, everything else by a command.

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the words before the command, and print the help or the version where these ask for it."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except BrokenPipeError as error:
            _cannot_write(error)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            _cannot_write(error)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and exit; without `standalone_mode`, return its exit code and let its errors pass."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        _prepare_output()
        # Python's last search for garbage looks at every object and takes a fifth of a short command's time. The system
        # takes back the memory of a process anyway. A caller that passes words has a process that does more.
        if args is None:
            gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
            atexit.register(gc.freeze)
        try:
            # In click's own standalone mode an error is several lines, with the usage, and other errors are tracebacks.
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
            # A full disk shows when buffered output is written. Python's own flush at the exit comes too late to be an
            # error in one line.
            sys.stdout.flush()
        except NoArgsIsHelpError as error:  # a UsageError whose message is the whole help, not one line
            error.show()
            sys.exit(2)
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx is not None else "asymboot"
            _fail(f"{where}: {error.format_message()} (see {where} --help)")
        except AsymbootError as error:
            _fail(f"asymboot: {error}")
        except ImportError as error:
            # A missing package of an extra is a MissingExtra by now, so the package is installed and broken.
            _fail(f"asymboot: an installed package cannot be imported: {error}")
        except (click.Abort, KeyboardInterrupt):
            sys.exit(130)
        except OSError as error:
            _cannot_write(error)
        sys.exit(code)  # None, which a command returns that ends without ctx.exit(), is exit code 0


def _with_blocks(more: dict[str, Any]) -> dict[str, Any]:
    """Mark the blocks of a help text whose lines click must not fill: a heading with a colon, and indented lines.

    Click's mark is a line with nothing but a backspace character, which docstrings should not have to hold.
    """
    paragraphs = inspect.cleandoc(more["help"]).split("\n\n")
    return more | {"help": "\n\n".join(f"\b\n{one}" if _is_block(one) else one for one in paragraphs)}


def _is_block(paragraph: str) -> bool:
    """Return True if a paragraph is a heading with a colon above lines that are indented by two spaces."""
    heading, *lines = paragraph.split("\n")
    return heading.endswith(":") and bool(lines) and all(line.startswith("  ") for line in lines)


def _prepare_output() -> None:
    """Let the output escape characters that its encoding lacks, such as a name in a terminal that is not UTF-8."""
    if sys.stdout is None:  # the shell closed it, as `>&-` does
        _fail("asymboot: the output: it is closed")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _fail(line: str) -> NoReturn:
    """Print an error and exit with 2. Usage and import errors, too, become printable and of bounded length."""
    click.echo(str(AsymbootError(line)), err=True)
    sys.exit(2)


def _cannot_write(error: OSError) -> NoReturn:
    """End a command whose output could not be written.

    If the reader has gone, as `head` does, that is not an error and tells nothing of the answer: no line is printed,
    and the exit code is that of a program which the signal SIGPIPE ends, as Ctrl-C's is that of SIGINT.
    """
    sys.stdout = io.StringIO()  # Python flushes the output once more at its end, which would fail again
    if error.errno == errno.EPIPE:
        sys.exit(_READER_GONE)
    _fail(f"asymboot: {error.filename or 'the output'}: {error.strerror or error}")
