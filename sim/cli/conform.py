"""``asymboot conform``: compare the simulator with real kernels."""

import os
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sim.cli import options
from sim.cli.command_group import Command
from sim.cli.stop_signals import exit_if_stopped_by
from sim.errors import InputError
from sim.units import agreeing, counted

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sim.conform.conformance import Conformance
    from sim.conform.conformance_rows import ConformanceRow
    from sim.conform.live.kernel_image import Image
    from sim.conform.live.live_conformance import NotBooted
    from sim.conform.live_cases import Case
    from sim.conform.record_writer import RecordWriter
    from sim.conform.run_records import RecordedBoot

    LiveResult = Conformance[RecordedBoot] | NotBooted
    Booting = Callable[[Callable[[LiveResult], None]], Coroutine[object, object, None]]

_ONLY_LIVE = ("kernel", "busybox", "design", "random", "seed", "record", "jobs")
"""The options that apply to live boots only."""


@click.command(cls=Command)
@click.argument("files", nargs=-1, type=options.SCENARIO, metavar="[FILE]...")
@click.option("--recorded", is_flag=True, help="Compare with recorded runs of real kernels.")
@click.option("--kernel", type=options.FILE, metavar="IMAGE", help="Boot this arm64 kernel under QEMU.")
@click.option(
    "--busybox", type=options.FILE, metavar="FILE", help="The guest's busybox, by default the file beside IMAGE."
)
@click.option(
    "--design", metavar="NAME", help="The design that the kernel is patched with, by default that of its series."
)
@click.option(
    "--random", type=click.IntRange(1, 100_000), metavar="N", help="Boot N random systems as well, by default none."
)
@click.option(
    "--seed", type=options.SEED, metavar="N", help="Seed of the random systems, from 0 to 2^62 - 1, by default 0."
)
@click.option("--record", type=options.FILE, metavar="DIR", help="Add the boots to the recordings in DIR.")
@click.option(
    "--jobs", type=click.IntRange(1, 1024), metavar="N", help="Run N boots at a time, by default one for each core."
)
@click.option("--verbose", is_flag=True, help="Show the fields that agree too, and what was not compared.")
@click.option("--json", "as_json", is_flag=True, help="Print all compared fields as JSON.")
def conform(
    files: tuple[Path, ...],
    *,
    recorded: bool,
    verbose: bool,
    as_json: bool,
    kernel: Path | None,
    busybox: Path | None,
    design: str | None,
    random: int | None,
    seed: int | None,
    record: Path | None,
    jobs: int | None,
) -> None:
    """Compare the simulator with real kernels, field by field.

    With --kernel, each system is booted under QEMU and in the simulator. FILE is a scenario file, or a list of recorded
    boots (.json) to repeat. With --recorded, FILE is a list of recorded boots or saves, or a folder with such lists in
    it and below, and nothing is booted. Each boot has a line, followed by the fields that differ.

    Exits with 0 if all fields agree, with 1 if any differs, and with 2 if the input is wrong or QEMU could not boot all
    systems. After Ctrl-C the results so far are shown.

    Examples:
      asymboot conform --recorded tests/truth
      asymboot conform bug phone --kernel Image
      asymboot conform --random 20 --seed 1 --kernel Image --record recorded
    """
    if verbose and as_json:
        raise click.UsageError("--verbose does not go with --json, which has every field.")
    if recorded:
        for name in _ONLY_LIVE:
            if options.is_given(name):
                raise click.UsageError(f"{options.spelt(name)} is for live boots and does not go with --recorded.")
        _recorded(files, verbose=verbose, as_json=as_json)
    elif kernel is None:
        raise click.UsageError("--kernel IMAGE or --recorded is needed.")
    else:
        _live(
            files,
            verbose=verbose,
            as_json=as_json,
            kernel=kernel,
            busybox=busybox,
            design=design,
            random=random,
            seed=seed,
            record=record,
            jobs=jobs,
        )


def _recorded(files: tuple[Path, ...], *, verbose: bool, as_json: bool) -> None:
    from sim.conform.conformance import replay_files
    from sim.conform.conformance_rows import conformance_row
    from sim.show.conformance_text import show_conformance
    from sim.show.console import terminal

    if not files:
        raise click.UsageError("--recorded needs files of recorded runs, or folders with them.")
    console = terminal()
    total: Counter[str] = Counter()
    agree: Counter[str] = Counter()
    rows = []
    for one in replay_files(files):
        total[one.record.kind] += 1
        agree[one.record.kind] += one.agrees
        if as_json:
            rows.append(conformance_row(one))
        else:
            show_conformance(one, console, verbose=verbose)
    if as_json:
        _print_json(rows)
    else:
        for kind, runs in sorted(total.items()):
            click.echo(f"{counted(runs, kind)}, {agreeing(agree[kind])}")
    click.get_current_context().exit(0 if total == agree else 1)


def _live(
    files: tuple[Path, ...],
    *,
    verbose: bool,
    as_json: bool,
    kernel: Path,
    busybox: Path | None,
    design: str | None,
    random: int | None,
    seed: int | None,
    record: Path | None,
    jobs: int | None,
) -> None:
    from sim.conform.conformance import Conformance
    from sim.conform.live.kernel_image import Image
    from sim.conform.live.live_conformance import conform_cases
    from sim.conform.record_writer import RecordWriter
    from sim.designs import named

    if seed is not None and random is None:
        raise click.UsageError("--seed goes with --random N only.")
    if design is not None:
        named(design)  # an unknown name is refused before anything is booted
    image = Image.load(kernel, busybox)
    cases = _cases(files, random or 0, seed or 0, image)
    recording = None if record is None else RecordWriter(record, image.name, [case.name for case in cases])
    booting = partial(conform_cases, cases, image, design=design, jobs=jobs or os.cpu_count() or 1)
    done, stopped_by = _boot(booting, len(cases), recording, verbose=verbose, as_json=as_json)
    # Boots end in any order; the output has the order of the cases. A boot that a signal cancelled has no result.
    in_order = [one for case in cases if (one := done.get(f"{image.name}/{case.name}")) is not None]
    booted = [one for one in in_order if isinstance(one, Conformance)]
    if as_json:
        _print_json([_row(one) for one in in_order])
    else:
        click.echo(f"{counted(len(booted), 'boot')}, {agreeing(sum(one.agrees for one in booted))}")
    exit_if_stopped_by(stopped_by)
    # A difference is a result whatever happened to the other boots, so it decides the exit code first.
    differ = not all(one.agrees for one in booted)
    click.get_current_context().exit(1 if differ else 2 if len(booted) < len(cases) else 0)


def _row(one: "LiveResult") -> "ConformanceRow":
    from sim.conform.conformance_rows import conformance_row, not_booted_row
    from sim.conform.live.live_conformance import NotBooted

    if isinstance(one, NotBooted):
        return not_booted_row(one.name, one.reason)
    return conformance_row(one)


def _cases(files: tuple[Path, ...], random: int, seed: int, image: "Image") -> "list[Case]":
    from sim.conform.live_cases import read_cases
    from sim.conform.random_cases import random_cases

    cases = [case for file in files for case in read_cases(file)] + random_cases(random, seed, image.release)
    if not cases:
        raise click.UsageError("nothing to boot: give a FILE or --random N.")
    # Results and recordings are kept by name.
    twice = [name for name, times in Counter(case.name for case in cases).items() if times > 1]
    if twice:
        raise InputError(f"two boots named {twice[0]!r}: rename a file")
    return cases


def _boot(
    booting: "Booting", count: int, recording: "RecordWriter | None", *, verbose: bool, as_json: bool
) -> "tuple[dict[str, LiveResult], int]":
    """Boot cases, and record and show each result as soon as it is there.

    Returns:
        The results by the name of the case, and the number of the signal that stopped the boots, or 0.
    """
    from rich.console import Console

    from sim.cli.cancellation import Cancellable

    done: dict[str, LiveResult] = {}

    def keep(one: "LiveResult") -> None:
        done[one.name] = one
        status.update(f"{len(done)} of {counted(count, 'boot')}")
        _keep(one, recording, verbose=verbose, as_json=as_json)

    cancellable = Cancellable()
    with Console(stderr=True).status(f"0 of {counted(count, 'boot')}") as status:
        cancellable.run(booting(keep))
    return done, cancellable.stopped_by


def _keep(one: "LiveResult", recording: "RecordWriter | None", *, verbose: bool, as_json: bool) -> None:
    """Record and show a result, or report that a case was not booted."""
    from sim.conform.live.live_conformance import NotBooted
    from sim.show.conformance_text import show_conformance
    from sim.show.console import terminal

    if isinstance(one, NotBooted):
        click.echo(f"asymboot: {one.name}: not booted: {one.reason}", err=True)
        return
    if recording is not None:
        recording.add(one.record)
    if not as_json:
        show_conformance(one, terminal(), verbose=verbose)


def _print_json(rows: "list[ConformanceRow]") -> None:
    import msgspec

    click.echo(msgspec.json.encode(rows))
