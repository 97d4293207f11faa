"""``asymboot report``: write a boot or a sweep as one HTML page."""

import gc
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.cli.quiet_matplotlib import glyphs_told, quiet_matplotlib
from sim.errors import InputError


@click.command(cls=Command)
@click.argument("file", metavar="FILE|DIR", type=options.SCENARIO)
@options.of_scenario
@click.option("-o", "--output", type=options.FILE, metavar="FILE", required=True, help="The new .html file to write.")
def report(file: Path, output: Path, **changes: options.Override) -> None:
    """Write a boot or a sweep as one HTML page.

    FILE is a scenario file, and DIR the folder of a sweep. The page needs no network and no other file.

    Exits with 0, and with 2 if the input is wrong.

    Examples:
      asymboot report bug -o report.html
      asymboot report phone --relay relaxed --design tabba -o phone.html
      asymboot report out -o sweep.html
    """
    _check(output)
    with _no_collection(), glyphs_told():
        page = _page(file, output, changes)
    from sim.files.new_file import write_new

    write_new(output, page)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Stop looking for garbage for a while: importing packages makes many objects, and leaves next to no garbage.

    A page is there a tenth sooner.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _page(file: Path, output: Path, changes: dict[str, options.Override]) -> str:
    if file.is_dir():  # a scenario file never is a folder, so that a folder can only be a sweep
        options.refuse_given(changes, "a scenario")
        from sim.report.page import sweep_page

        return sweep_page(file, _command(file, output, changes))
    scenario = options.load(file, **changes)
    from sim.boot_run import boot
    from sim.report.page import boot_page

    return boot_page(boot(scenario, causes=True, history=True), _command(file, output, changes))


def _command(file: Path, output: Path, changes: Mapping[str, options.Override]) -> str:
    """Return the command as it was given, with the name of the page last."""
    given = [word for name, value in changes.items() if value is not None for word in (options.spelt(name), str(value))]
    return shlex.join(["asymboot", "report", str(file), *given, "-o", str(output)])


def _check(output: Path) -> None:
    """Refuse a file that cannot be a new page, before the boot."""
    quiet_matplotlib()
    if output.suffix.lower() not in {".html", ".htm"}:
        raise InputError(f"{output}: a report is written as .html")
    options.check_new(output)
