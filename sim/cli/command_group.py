"""How commands end: every error is one line on the standard error and an exit code, never a traceback."""

import errno
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click
from click.exceptions import NoArgsIsHelpError

from sim.errors import AsymbootError


class Commands(click.Group):
    """Commands whose errors are one line each."""

    def main(  # click's returns where it is not standalone; this one never does
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: ARG002
        **extra: Any,
    ) -> NoReturn:
        """Run a command and exit."""
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
        except (click.Abort, KeyboardInterrupt):
            sys.exit(130)
        except OSError as error:
            _cannot_write(error)
        sys.exit(code)


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
    """The output could not be written; a pipe whose reader has gone is nobody's mistake."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 (until the process ends)
    if error.errno == errno.EPIPE:
        sys.exit(1)
    _fail(f"asymboot: {error.filename or 'the output'}: {error.strerror or error}")
