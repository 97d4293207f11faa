"""``asymboot sweep``: compute every system of a space, or a sample of them."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.cli.space_changes import SpaceChanges, of_space
from sim.cli.stop_signals import TO_END, Stoppable

if TYPE_CHECKING:
    from collections.abc import Callable

    from sim.sweep.mixture_summary import MixtureSummary
    from sim.sweep.parts_run import Report
    from sim.sweep.sweep_summary import Summary

F = TypeVar("F")
"""The summary of a sweep of either kind."""


@click.command(cls=Command)
@click.argument("file", type=options.SPACE, required=False)
@of_space
@click.option(
    "--symmetric", is_flag=True, help="Compute one of all systems that differ only by exchanging CPUs that are alike."
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Compute N random systems, drawn by their weights, by default all.",
)
@click.option(
    "--replications",
    type=click.IntRange(min=1),
    metavar="N",
    help="Boot each system N times, with other random latencies, by default not at all: outcomes are computed.",
)
@click.option(
    "--seed",
    type=options.SEED,
    metavar="N",
    help="Seed of the sample and the boots, from 0 to 2^62 - 1, by default 0.",
)
@click.option(
    "--keep",
    type=options.Choice(["all", "hazards", "counts"]),
    help="The rows to keep beside the counts: all, those with hazards, or (by default) none. Counts suffice for the "
    "summary, the report, heat maps over the first and the last group, and DIR:ROW of every row; heat maps over other "
    "columns, and tables of your own, need all.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), metavar="N", help="Compute in N processes, by default one for each core."
)
@click.option("--scheduler", metavar="ADDRESS", help="Compute on the workers of a Dask cluster, by default here.")
@click.option("-o", "--output", type=options.FILE, metavar="DIR", help="The new folder for the results.")
@click.option("--resume", type=options.FILE, metavar="DIR", help="Continue the interrupted sweep in DIR.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing.")
def sweep(
    file: Path | None,
    output: Path | None,
    *,
    resume: Path | None,
    symmetric: bool,
    sample: int | None,
    replications: int | None,
    seed: int | None,
    keep: str | None,
    jobs: int | None,
    scheduler: str | None,
    quiet: bool,
    **settings: tuple[str, ...],
) -> None:
    """Compute every system of a space, or a sample of them.

    FILE is a space file, or the name of a shipped space. A space describes many systems: groups of CPUs with several
    sets of vector lengths, or mixtures of cores. The results of all its settings go into a folder. After Ctrl-C or a
    crash, --resume continues the sweep, and the results are the same to the byte.

    Exits with 0 whether or not there are hazards, and with 2 if the input is wrong.

    Examples:
      asymboot sweep late-cpu -o out
      asymboot sweep late-cpu -o out --symmetric --keep hazards
      asymboot sweep huge.toml -o out --sample 1000000 --seed 1
      asymboot sweep --resume out
      asymboot sweep core-pairs -o out
      asymboot sweep late-cpu -o out --design mine.toml --kernel 6.16
      asymboot sweep late-cpu -o out --relay relaxed --memory isolated
    """
    changes = SpaceChanges(**settings)
    if resume is not None:
        # These belong to the plan, which the folder has. --jobs and --scheduler change neither plan nor results.
        given = {"FILE": file, "--output": output, "--sample": sample, "--seed": seed, "--keep": keep}
        given |= {"--symmetric": symmetric or None, "--replications": replications}
        given |= dict.fromkeys(changes.given, "given")
        for name, value in given.items():
            if value is not None:
                raise click.UsageError(f"--resume continues the sweep as it was begun: leave out {name}.")
        _resume(resume, jobs, scheduler, quiet=quiet)
        return
    if file is None or output is None:
        raise click.UsageError("FILE and --output DIR are needed, or --resume DIR.")
    if seed is not None and sample is None and replications is None:
        raise click.UsageError("--seed goes with --sample or --replications: nothing else is random.")
    from sim.study.mixture_space import MixtureSpace
    from sim.study.points import MOST_POINTS
    from sim.sweep.mixture_sweep import sweep_mixtures
    from sim.sweep.sweep_plan import MOST_CELL_POINTS, without_cells
    from sim.sweep.sweep_run import run_sweep

    space, drawn, kept, start = options.load_space(file), sample or 0, keep or "counts", seed or 0
    if isinstance(space, MixtureSpace):
        for name, is_given in {"--symmetric": symmetric, "--replications": replications is not None}.items():
            if is_given:
                raise click.UsageError(f"a space of mixtures of cores takes no {name}.")
        mixtures, into = changes.of_mixtures(space), output
        _swept(
            output,
            lambda report: sweep_mixtures(
                mixtures, into, sample=drawn, seed=start, keep=kept, jobs=jobs, scheduler=scheduler, report=report
            ),
            _show_mixtures,
            quiet=quiet,
            head=changes.said,
        )
        return
    systems, into = changes.of_lengths(space), output
    visited = drawn or (systems.points_up_to_symmetry if symmetric else systems.points)
    if MOST_CELL_POINTS < visited <= MOST_POINTS and kept != "all" and not quiet:
        click.echo(without_cells(systems, visited), err=True)
    _swept(
        output,
        lambda report: run_sweep(
            systems,
            into,
            symmetric=symmetric,
            sample=drawn,
            seed=start,
            keep=kept,
            replications=replications or 0,
            jobs=jobs,
            scheduler=scheduler,
            report=report,
        ),
        _show_lengths,
        quiet=quiet,
        head=changes.said,
    )


def _resume(folder: Path, jobs: int | None, scheduler: str | None, *, quiet: bool) -> None:
    """Continue a sweep of either kind."""
    from sim.sweep.mixture_folder import is_of_mixtures
    from sim.sweep.mixture_sweep import resume_mixtures
    from sim.sweep.sweep_run import resume_sweep

    if is_of_mixtures(folder):
        _swept(
            folder,
            lambda report: resume_mixtures(folder, jobs=jobs, scheduler=scheduler, report=report),
            _show_mixtures,
            quiet=quiet,
        )
    else:
        _swept(
            folder,
            lambda report: resume_sweep(folder, jobs=jobs, scheduler=scheduler, report=report),
            _show_lengths,
            quiet=quiet,
        )


def _show_lengths(found: "Summary") -> None:
    from sim.show.console import terminal
    from sim.show.sweep_text import show_summary

    show_summary(found, terminal())


def _show_mixtures(found: "MixtureSummary") -> None:
    from sim.show.console import terminal
    from sim.show.mixture_text import show_mixtures

    show_mixtures(found, terminal())


def _swept(
    folder: Path,
    run: "Callable[[Report | None], F]",
    show: "Callable[[F], None]",
    *,
    quiet: bool,
    head: str = "",
) -> None:
    """Run a sweep with a progress bar, and show its summary below the head, if there is a head."""
    from sim.sweep.parts_folder import is_sweep

    # SIGINT is named here because a second Ctrl-C must not interrupt the end of the worker processes.
    work = Stoppable((signal.SIGINT, *TO_END))
    found = None
    with work:
        found = run(None) if quiet else _with_bar(run)
    # A sweep that was stopped before it wrote its plan cannot be resumed.
    if work.stopped_by and not quiet and is_sweep(folder):
        work.exit_if_stopped(f"what is done is kept: asymboot sweep --resume {folder} continues it")
    work.exit_if_stopped("")
    if found is not None and not quiet:
        if head:
            click.echo(head)
        show(found)


def _with_bar(run: "Callable[[Report | None], F]") -> "F":
    from rich.console import Console

    from sim.show.sweep_text import progress_bar

    with progress_bar(Console(stderr=True)) as report:
        return run(report)
