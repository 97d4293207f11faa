"""The classes of `asymboot` and of its commands: lazy import, help texts, and errors as one line with an exit code."""

import errno
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


class Command(click.Command):
    """A command whose help keeps its blocks, and which names the extra that it lacks."""

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
    """Commands by name: looking one up imports its module, going through the names imports nothing."""

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
            lazy: by the command's name, its ``module:attribute`` and the first sentence of its help, which is repeated
                here so that the help of the group imports no command.
            more: for click.
        """
        self._lazy = _LazyCommands({command: _Unloaded(command, *of_one) for command, of_one in lazy.items()})
        super().__init__(name, commands=self._lazy, **_with_blocks(more))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands. Click's own method would look up, and so import, each of them."""
        limit = formatter.width - 6 - max(map(len, self._lazy))  # as click has it
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, self._lazy.data[name].get_short_help_str(limit)) for name in self.list_commands(ctx)]
            )

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
        _print_anything()
        try:
            code = super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
            sys.stdout.flush()
        except NoArgsIsHelpError as error:
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
        sys.exit(code)


def _with_blocks(more: dict[str, Any]) -> dict[str, Any]:
    """Mark the blocks of a help text whose lines click must not fill: a heading with a colon, and indented lines.

    Click's mark is a line with nothing but a backspace character, which docstrings should not have to hold.
    """
    paragraphs = inspect.cleandoc(more["help"]).split("\n\n")
    return more | {"help": "\n\n".join(f"\b\n{one}" if _is_block(one) else one for one in paragraphs)}


def _is_block(paragraph: str) -> bool:
    heading, *lines = paragraph.split("\n")
    return heading.endswith(":") and bool(lines) and all(line.startswith("  ") for line in lines)


def _print_anything() -> None:
    """Escape what the output's encoding lacks, where that is not UTF-8; and see that there is an output."""
    if sys.stdout is None:
        _fail("asymboot: the output: it is closed")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _fail(line: str) -> NoReturn:
    click.echo(str(AsymbootError(line)), err=True)
    sys.exit(2)


def _cannot_write(error: OSError) -> NoReturn:
    """End the command whose output could not be written; a reader that has gone, such as `head`, is not an error."""
    sys.stdout = io.StringIO()  # Python flushes the output once more at its end, which would fail again
    if error.errno == errno.EPIPE:
        sys.exit(1)
    _fail(f"asymboot: {error.filename or 'the output'}: {error.strerror or error}")
