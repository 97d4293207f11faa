"""``asymboot compare``: one scenario under every named design, or with another boot CPU, early CPUs or kernel."""

from pathlib import Path

import click

from sim.cli import options
from sim.cli.command_group import Command


@click.command(cls=Command)
@click.argument("file", type=options.SCENARIO)
@options.design
@options.kernel
@click.option(
    "--relay",
    type=options.Choice(["enforcing", "relaxed", "both"]),
    help="pKVM's PSCI relay, by default FILE's; both: one after the other.",
)
@options.kvm_mode
@click.option(
    "--memory",
    type=options.Choice(["adjacent", "isolated", "mapped", "all"]),
    help="The memory around pKVM's buffers at EL2, by default FILE's; all: one after the other.",
)
@options.seed
@click.option(
    "--by",
    "axes",
    multiple=True,
    type=options.SettingName(["boot_cpu", "early", "kernel", "kvm_mode", "design", "relay", "memory"]),
    help="What differs: the boot CPU, the CPUs that come early, the kernel, the KVM mode, the design, pKVM's relay, or "
    "the memory at EL2. Repeatable: every combination is booted, and the outcomes make a matrix. By default every "
    "named design is.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the rows as JSON.")
def compare(
    file: Path,
    relay: str | None,
    memory: str | None,
    axes: tuple[str, ...],
    as_json: bool,
    **changes: options.Override,
) -> None:
    """Boot FILE under every named design, and compare the outcomes.

    The table has one row for each design; the file's own design, if it defines one, is the first. With --by the rows
    are variants of FILE instead: with a CPU of another kind as the boot CPU, with other CPUs early and the rest brought
    up late, before FILE's actions on them, or under another kernel or another setting. A CPU that maxcpus= leaves out
    because another CPU boots is brought up late too. Each says what differs first from the last variant above it that
    differs in one of these only.

    Exits with 0 whether or not there are hazards, and with 2 if the input is wrong.

    Examples:
      asymboot compare bug
      asymboot compare late-cpu-above-maximum --relay both
      asymboot compare bug --memory all --json
      asymboot compare big-little --by boot_cpu --by early
      asymboot compare bug --by kernel --by kvm_mode --design tabba
    """
    from rich.console import Console

    from sim.scenario import MemoryLayout, Relay
    from sim.study.comparison import compare as compare_designs

    if axes:
        _compare_variants(file, axes, {"relay": relay, "memory": memory}, changes, as_json=as_json)
        return
    if changes["design"] is not None:
        raise click.UsageError("--design goes with --by only: without it every design is compared.")
    both, every = relay == "both", memory == "all"
    scenario = options.load(file, relay=None if both else relay, memory=None if every else memory, **changes)
    # The spinner is on the standard error, so that it never mixes with the output, and shows on terminals only.
    with Console(stderr=True).status("booting under each design"):
        comparison = compare_designs(
            scenario, relays=tuple(Relay) if both else None, memories=tuple(MemoryLayout) if every else None
        )
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(comparison.record()))
        return
    from sim.show.comparison_text import show
    from sim.show.console import terminal

    show(comparison, terminal())


def _compare_variants(
    file: Path,
    axes: tuple[str, ...],
    settings: dict[str, str | None],
    changes: dict[str, options.Override],
    *,
    as_json: bool,
) -> None:
    """Compare variants of a scenario."""
    from rich.console import Console

    from sim.study.variant_comparison import compare_variants

    if "both" in settings.values() or "all" in settings.values():
        raise click.UsageError("--relay both and --memory all compare designs, and --by compares variants.")
    for axis in axes:
        options.only_one({options.spelt(axis): (settings | changes).get(axis) is not None, f"--by {axis}": True})
    scenario = options.load(file, **settings, **changes)
    with Console(stderr=True).status("booting each variant"):
        comparison = compare_variants(scenario, axes)
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode(comparison.record()))
        return
    from sim.show.console import terminal
    from sim.show.variants_text import show_variants

    show_variants(comparison, terminal())
