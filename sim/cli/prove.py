"""``asymboot prove``: prove properties of designs for every legal system."""

import itertools
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from sim.cli import options
from sim.cli.command_group import Command
from sim.cli.stop_signals import TO_END, Stoppable
from sim.units import counted
from sim.vectors import VQ_MAX, bits_from_vq

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sim.designs import Design
    from sim.prove.finding import Finding
    from sim.prove.question import Answer, Question
    from sim.scenario import Scenario

_MOST_BITS = bits_from_vq(VQ_MAX)
"""The largest vector length that the architecture allows, in bits."""


@click.command(cls=Command)
@click.argument("file", metavar="[FILE]", required=False, type=options.SCENARIO)
@click.option(
    "--design",
    "designs",
    multiple=True,
    metavar="NAME",
    help="A named design, by default FILE's, or each in turn. Repeatable.",
)
@click.option(
    "--kernel",
    metavar="SERIES",
    shell_complete=options.recorded_kernels,
    help="The kernel series or release, such as 6.12 or 6.12.117, by default FILE's, or 6.18.",
)
@click.option(
    "--relay",
    type=options.Choice(["enforcing", "relaxed"]),
    help="pKVM's PSCI relay, by default FILE's, or both in turn.",
)
@click.option(
    "--memory",
    type=options.Choice(["adjacent", "isolated", "mapped"]),
    help="The memory around pKVM's buffers at EL2, by default FILE's, or mapped.",
)
@click.option(
    "--property",
    "properties",
    multiple=True,
    metavar="NAME",
    help="A property, by default each that is about designs; `asymboot list properties` has them. Repeatable.",
)
@click.option("--cpus", type=click.IntRange(2), metavar="N", help="N CPUs, half of them late.")
@click.option(
    "--early", type=click.IntRange(1), metavar="N", help="N early CPUs, by default 3, which stand for any number."
)
@click.option(
    "--late", type=click.IntRange(0), metavar="N", help="N late CPUs, by default 1, which stands for any number."
)
@click.option(
    "--up-to",
    "up_to_bits",
    type=click.IntRange(128, _MOST_BITS),
    default=_MOST_BITS,
    metavar="BITS",
    help="The largest vector length in bits, by default 2048.",
)
@click.option(
    "--powers-of-two",
    is_flag=True,
    help="Allow powers of two only, as newer revisions of the architecture do, and as FILE's sve_rule may.",
)
@click.option(
    "--all-designs", is_flag=True, help="Ask about every combination of design choices, instead of the named designs."
)
@click.option(
    "--timeout",
    type=click.IntRange(1, 1_000_000),
    default=60,
    metavar="S",
    help="The limit for each question in seconds, by default 60.",
)
@click.option(
    "-o", "--output", type=options.FILE, metavar="DIR", help="Write the counterexamples to DIR, as scenarios."
)
@click.option("--json", "as_json", is_flag=True, help="Print the answers as JSON.")
def prove(
    file: Path | None,
    designs: tuple[str, ...],
    properties: tuple[str, ...],
    *,
    relay: str | None,
    cpus: int | None,
    early: int | None,
    late: int | None,
    up_to_bits: int,
    powers_of_two: bool,
    memory: str | None,
    kernel: str | None,
    all_designs: bool,
    timeout: int,
    output: Path | None,
    as_json: bool,
) -> None:
    """Prove properties of designs for all legal vector lengths.

    Of FILE, a scenario, the design, the relay, the kernel with its flags, the memory and the rule about SVE lengths are
    taken, and not its CPUs; the answers then end in text for the cover letter of a patch.

    A property that does not hold gets the smallest system that breaks it, and that system is booted to confirm the
    hazard.

    Exits with 0 if all properties are proved, with 1 if any is refuted, and with 2 if the input is wrong or the solver
    gave up. After Ctrl-C the results so far are shown.

    Examples:
      asymboot prove
      asymboot prove bug
      asymboot prove --design constrain-v1 -o examples
      asymboot prove --cpus 64 --property in-its-pages
      asymboot prove --all-designs
      asymboot prove --property late-has-all --kernel 7.3
    """
    from sim.prove.feature_properties import FEATURE_PROPERTIES

    if not FEATURE_PROPERTIES.keys().isdisjoint(properties):
        of_designs = file or designs or relay or memory or all_designs or not {early, late, cpus} <= {None}
        if of_designs or powers_of_two or up_to_bits != _MOST_BITS or not FEATURE_PROPERTIES.keys() >= set(properties):
            raise click.UsageError(
                f"{', '.join(FEATURE_PROPERTIES)} are about all CPU features: they take no FILE, and go with --kernel, "
                "--timeout, --output and --json, and with each other."
            )
        _features(tuple(dict.fromkeys(properties)), kernel, timeout, output=output, as_json=as_json)
        return
    if all_designs and (file or designs or relay or properties or output):
        raise click.UsageError("--all-designs takes no FILE, --design, --relay, --property or --output.")
    scenario = None if file is None else options.load(file, kernel=kernel)
    if scenario is not None:
        from sim.vectors import SveRule

        relay, kernel = relay or str(scenario.relay), kernel or scenario.kernel
        memory = memory or str(scenario.memory)
        powers_of_two = powers_of_two or scenario.topology.sve_rule is SveRule.POWERS_OF_TWO
    question = _question(
        cpus=cpus,
        early=early,
        late=late,
        up_to_bits=up_to_bits,
        powers_of_two=powers_of_two,
        memory=memory or "mapped",
        kernel=kernel,
        flags={} if scenario is None else scenario.kernel_flags,
        timeout=timeout,
    )
    if all_designs:
        _every_design(question, as_json=as_json)
    else:
        asked = _designs(designs, scenario)
        if scenario is not None and not scenario.has_pkvm:
            click.echo(f"asymboot: {file} has no pKVM: asked as if {_without_pkvm(scenario)}", err=True)
        _of_designs(question, asked, relay, properties, output=output, as_json=as_json, has_letter=file is not None)


def _without_pkvm(scenario: "Scenario") -> str:
    """Return what a proof supposes of a scenario that has no pKVM, in place of what the scenario has."""
    from sim.scenario import EL2, KvmMode

    supposed = [] if scenario.has_kvm else ["its kernel had KVM"]
    supposed += [] if scenario.el(0) == EL2 else ["its boot CPU started at EL2"]
    supposed += [] if scenario.kvm_mode is KvmMode.PROTECTED else ["it had kvm-arm.mode=protected"]
    return " and ".join(supposed)


def _designs(names: tuple[str, ...], scenario: "Scenario | None") -> "list[Design]":
    """Return the designs to ask about: those that are named, else the scenario's, else all.

    Raises:
        InputError: there is no such design, or the scenario's kernel has no buffers.
    """
    from sim.designs import DESIGNS
    from sim.designs import named as named_design

    if names or scenario is None:
        return [named_design(name) for name in dict.fromkeys(names)] or list(DESIGNS.values())
    return [options.design_of(scenario)]


def _question(
    *,
    cpus: int | None,
    early: int | None,
    late: int | None,
    up_to_bits: int,
    powers_of_two: bool,
    memory: str,
    kernel: str | None,
    flags: "Mapping[str, bool]",
    timeout: int,
) -> "Question":
    if cpus is not None and (early is not None or late is not None):
        raise click.UsageError("--cpus takes no --early or --late: half of the CPUs are late.")
    from sim.kernel_release import DEFAULT
    from sim.prove import question
    from sim.scenario import MemoryLayout
    from sim.vectors import SveRule

    if cpus is not None:
        early, late = cpus - cpus // 2, cpus // 2
    return question.Question(
        early=question.EARLY if early is None else early,
        late=question.LATE if late is None else late,
        kernel=kernel or DEFAULT,
        memory=MemoryLayout(memory),
        up_to_bits=up_to_bits,
        rule=SveRule.POWERS_OF_TWO if powers_of_two else SveRule.MULTIPLES,
        longest_s=timeout,
        kernel_flags=flags,
    )


def _of_designs(
    question: "Question",
    designs: "list[Design]",
    relay: str | None,
    properties: tuple[str, ...],
    *,
    output: Path | None,
    as_json: bool,
    has_letter: bool,
) -> None:
    """Prove properties of designs, and show the answers, with text for a cover letter if the question is a file's."""
    from rich.console import Console

    from sim.files.result_folder import check_room
    from sim.prove.counterexample_boot import example_name, hazards_of, save_example
    from sim.prove.proof import prove_each
    from sim.prove.properties import PROPERTIES
    from sim.prove.properties import named as named_property
    from sim.scenario import Relay

    relays = [Relay(relay)] if relay else list(Relay)
    asked = [named_property(name) for name in dict.fromkeys(properties)] or list(PROPERTIES.values())
    if output is not None:
        # Before proofs that may take minutes: a file of any possible counterexample must not exist yet.
        every = itertools.product(designs, relays, asked)
        check_room(output, (example_name(design.name, str(one), prop.name) for design, one, prop in every))
    findings: list[Finding] = []
    with Console(stderr=True).status("proving") as status, Stoppable(TO_END) as search:
        for finding in prove_each(question, designs, relays, asked):
            status.update(f"proving: {finding.setting.design.name}, relay {finding.setting.relay}")
            findings.append(finding)
    hazards = [hazards_of(one) for one in findings]
    if as_json:
        import msgspec

        from sim.prove.finding import proof_row

        rows = [proof_row(question, one, kinds) for one, kinds in zip(findings, hazards, strict=True)]
        click.echo(msgspec.json.encode(rows))
    else:
        from sim.show.console import terminal
        from sim.show.proof_text import show_findings, show_question

        console = terminal()
        show_question(question, console)
        show_findings(findings, hazards, console)
        if has_letter:
            _show_letter(question, findings)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        written = [file for one in findings if (file := save_example(one, output)) is not None]
        click.echo(f"{counted(len(written), 'counterexample')} written to {output}", err=True)
    _end(question, [one.answer for one in findings], sum(not one.is_smallest for one in findings), search)


def _show_letter(question: "Question", findings: "list[Finding]") -> None:
    from importlib.metadata import version

    from sim.show.cover_letter import cover_letter

    letter = cover_letter(question, findings, version("asymboot"), _command())
    click.echo(f"\nFor a cover letter\n\n{letter}")


def _command() -> str:
    """Return the command as it was given, without the options that say where its answers go."""
    context = click.get_current_context()
    file = context.params["file"]
    words = ["asymboot", "prove", str(options.named(file))]
    for option in context.command.params:
        name = option.name or ""
        is_given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not is_given or name in {"file", "output", "as_json"}:
            continue
        value = context.params[name]
        values = value if isinstance(value, tuple) else (value,)
        words += (word for one in values for word in (option.opts[0], *([] if one is True else [str(one)])))
    return options.saved_first(file, shlex.join(words))


def _features(names: tuple[str, ...], kernel: str | None, timeout: int, *, output: Path | None, as_json: bool) -> None:
    """Prove promises about CPU features."""
    from rich.console import Console

    from sim.files.result_folder import check_room
    from sim.files.scenario_text import save_scenario
    from sim.kernel_release import DEFAULT
    from sim.prove.feature_proofs import FeatureFinding, prove_features
    from sim.prove.feature_properties import feature_property
    from sim.prove.question import Answer

    if output is not None:
        check_room(output, ["*.toml"])
    findings: list[FeatureFinding] = []
    with Console(stderr=True).status("proving"), Stoppable(TO_END) as search:
        for name in names:
            findings += prove_features(feature_property(name), kernel or DEFAULT, longest_s=timeout)
    if as_json:
        import msgspec

        from sim.prove.feature_finding_rows import feature_proof_row

        click.echo(msgspec.json.encode([feature_proof_row(one) for one in findings]))
    else:
        from sim.show.console import terminal
        from sim.show.feature_proof_text import show_feature_findings

        show_feature_findings(findings, terminal())
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        written = 0
        for place, one in enumerate(findings):
            for suffix, scenario in (("", one.scenario), ("-other-order", one.other)):
                if scenario is not None:
                    save_scenario(scenario, output / f"{one.prop.name}-{place}{suffix}.toml")
                    written += 1
        click.echo(f"{counted(written, 'scenario')} written to {output}", err=True)
    search.exit_if_stopped()
    answers = {one.answer for one in findings}
    click.get_current_context().exit(1 if Answer.REFUTED in answers else 2 if Answer.UNKNOWN in answers else 0)


def _every_design(question: "Question", *, as_json: bool) -> None:
    from rich.console import Console

    from sim.prove.design_space import promise_row, prove_every_design

    promises = []
    with Console(stderr=True).status("proving") as status, Stoppable(TO_END) as search:
        for one in prove_every_design(question):
            promises.append(one)
            status.update(f"proving: {counted(len(promises), 'design')} done")
    if as_json:
        import msgspec

        click.echo(msgspec.json.encode([promise_row(one) for one in promises]))
    else:
        from sim.show.console import terminal
        from sim.show.proof_text import show_design_space, show_question

        console = terminal()
        show_question(question, console)
        show_design_space(promises, console)
    _end(question, [answer for one in promises for answer in one.answers.values()], 0, search)


def _end(question: "Question", answers: "list[Answer]", without_smallest: int, search: Stoppable) -> None:
    """Exit with the code that follows from the answers."""
    from sim.prove.question import Answer

    search.exit_if_stopped()
    # An unsettled question decides the exit code even beside a refutation, because the table is not complete.
    given_up = answers.count(Answer.UNKNOWN)
    answered, without = counted(len(answers), "question"), counted(without_smallest, "question")
    longer = f"after {question.longest_s:g} s each: raise --timeout, or ask for fewer CPUs"
    if given_up:
        click.echo(f"asymboot: the solver gave up on {given_up} of {answered} {longer}", err=True)
    if without_smallest:
        click.echo(
            f"asymboot: the solver gave up on the smallest counterexample of {without} {longer}",
            err=True,
        )
    unsettled = given_up or without_smallest
    click.get_current_context().exit(2 if unsettled else 1 if Answer.REFUTED in answers else 0)
