"""``asymboot report``: a boot or a sweep as one page."""

from pathlib import Path
from typing import Any

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.cli.quiet_matplotlib import quiet_matplotlib
from sim.errors import InputError


@click.command(cls=Command)
@click.argument("file", metavar="FILE|DIR", type=options.SCENARIO)
@click.option("-o", "--output", type=options.FILE, metavar="FILE", required=True, help="A new .html.")
@options.of_scenario
def report(file: Path, output: Path, **changes: Any) -> None:
    """Write the boot of FILE, or the sweep in DIR, as one page that needs no network.

    Examples:
      asymboot report bug -o report.html
      asymboot report phone --relay relaxed --design tabba -o phone.html
      asymboot report out -o sweep.html
    """
    _check(output)
    if file.is_dir():
        options.refuse_given(changes, "a scenario")
        from sim.report.page import sweep_page

        made = sweep_page(file)
    else:
        scenario = options.load(file, **changes)
        from sim.boot_run import boot
        from sim.report.page import boot_page

        made = boot_page(boot(scenario))
    from sim.files.new_file import write_new

    write_new(output, made)


def _check(output: Path) -> None:
    """Refuse what cannot be a new page's file, before anything is made."""
    quiet_matplotlib()
    if output.suffix.lower() not in {".html", ".htm"}:
        raise InputError(f"{output}: a report is written as .html")
    options.check_new(output)
