"""``asymboot explain``: what a kernel log says of CPUs, in plain words."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.errors import InputError, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sim.explain.explanation import Explanation


@click.command(cls=Command)
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=options.FILE)
@click.option("--json", is_flag=True, help="Print the explanations as JSON.")
def explain(files: tuple[Path, ...], json: bool) -> None:
    """Explain what a kernel log says of its CPUs, the worst first.

    Lines on CPUs, their features and vector lengths, PSCI and KVM are explained. FILE is a log as it was pasted: the
    output of dmesg or journalctl in any of their modes, a syslog, a serial console, a test lab's or a phone's log, a
    mail. "-" is the standard input; of a folder every log below it is explained.

    Exits with 0 if nothing is wrong, with 1 if there are problems, and with 2 if a FILE is not an arm64 kernel's log.

    Examples:
      dmesg | asymboot explain -
      asymboot explain boot.log serial.log
      asymboot explain logs --json | jq .logs[].findings[].happened
    """
    explanations, failed = [], False
    for file in files:
        try:
            explanations += list(_explained(file))
        except InputError as error:
            failed = True
            click.echo(f"asymboot: {error}", err=True)
    if json:
        import msgspec

        from sim.explain.explanation_rows import explanation_record

        if explanations:
            click.echo(msgspec.json.encode(explanation_record(explanations)))
    else:
        from sim.show.console import terminal
        from sim.show.explanation_text import show

        for index, explanation in enumerate(explanations):
            show(explanation, terminal(), first=index == 0)
    problems = any(explanation.problems for explanation in explanations)
    click.get_current_context().exit(2 if failed else 1 if problems else 0)


def _explained(file: Path) -> "Iterator[Explanation]":
    """Yield the explanation of a file, of the standard input, or of each log below a folder.

    Raises:
        InputError: the file is not a log, or the folder has none.
    """
    from sim.explain.explanation import explain_bytes, explain_log
    from sim.files.bounded_read import STANDARD_INPUT, read_standard_input
    from sim.files.toml_tables import at
    from sim.importer.log_text import LARGEST_LOG_BYTES

    if file == STANDARD_INPUT:
        with at("-"):
            yield explain_bytes(read_standard_input(LARGEST_LOG_BYTES, "kernel log"))
    elif file.is_dir():
        yield from _below(file)
    else:
        yield explain_log(file)


def _below(folder: Path) -> "Iterator[Explanation]":
    """Yield the explanation of each log below a folder; name files that are not logs on the standard error.

    Raises:
        InputError: there is no log.
    """
    from sim.explain.explanation import explain_log

    found = False
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                explanation = explain_log(path)
            except InputError as error:
                click.echo(f"asymboot: passed over: {error}", err=True)
            else:
                found = True
                yield explanation
    if not found:
        raise InputError(f"{printable(str(folder))}: has no log of an arm64 kernel below it")
