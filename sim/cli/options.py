"""Options and types of parameters that commands share, and functions that read what they name."""

import math
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from sim.designs import DESIGNS
from sim.errors import InputError, closest
from sim.files.bounded_read import STANDARD_INPUT
from sim.kernel_release import RECORDED
from sim.units import MAX_SEED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sim.designs import Design
    from sim.scenario import Scenario
    from sim.study.mixture_space import MixtureSpace
    from sim.study.system_space import Space

    Command = Callable[..., None]


class _ShippedFile(click.Path):
    """A path, or the name of a shipped scenario or space.

    Args:
        shipped: the function of `sim.files.shipped_scenarios` that lists the files that ship. It is given by name
            because that module is imported only when a shell asks for completions.
    """

    def __init__(self, shipped: str) -> None:
        # Click does not check whether the path is readable: the command reports that with the system's own reason.
        super().__init__(path_type=Path, readable=False)
        self._shipped = shipped

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the shipped names and the .toml files that begin with the typed text; if there are none, any file."""
        from sim.files import shipped_scenarios

        here = [str(file) for file in sorted(Path().glob("*.toml"))]
        fitting = [
            one
            for one in (*here, *(file.stem for file in getattr(shipped_scenarios, self._shipped)()))
            if one.startswith(incomplete)
        ]
        # The shell itself completes files, in any folder, if no name fits or nothing is typed yet.
        if not incomplete or not fitting:
            return super().shell_complete(ctx, param, incomplete)
        return [CompletionItem(one) for one in fitting]


SCENARIO = _ShippedFile("shipped")
SPACE = _ShippedFile("shipped_spaces")


class _Path(click.Path):
    """A path that is not empty. To pathlib, an empty path is the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an empty path."""
        if value == "":
            self.fail("a path cannot be empty", param, ctx)
        return super().convert(value, param, ctx)


class _Seconds(click.FloatRange):
    """A duration in seconds, 0 or more."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse NaN, which no comparison with a limit would refuse."""
        seconds = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value!r} is not a valid float.", param, ctx)
        return seconds


class _Seed(click.ParamType[int]):
    """A seed. Its range is in the words of the help, where click would write a number of 19 digits."""

    name = "integer"
    _range = click.IntRange(0, MAX_SEED)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse what is not a whole number of the range."""
        return self._range.convert(value, param, ctx)


class Choice(click.Choice[str]):
    """A choice of names, with a suggestion where a name is wrong."""

    def get_invalid_choice_message(self, value: object, ctx: click.Context | None) -> str:
        """Return what is allowed, and the name that is most like what was given."""
        message, close = super().get_invalid_choice_message(value, ctx), closest(str(value), self.choices)
        return message if close is None else f"{message} Did you mean {close!r}?"


class SettingName(Choice):
    """The names of settings, spelt as in scenario files. Hyphens are accepted as well, and `kvm` for the KVM mode."""

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:
        """Return the name as scenario files spell it."""
        name = super().normalize_choice(choice, ctx).replace("-", "_")
        return "kvm_mode" if name == "kvm" else name


SECONDS = _Seconds(0)
SEED = _Seed()
FILE = _Path(path_type=Path, readable=False)


def only_one(asked: dict[str, bool]) -> str | None:
    """Return the name of the option that was given, or None.

    Args:
        asked: by the name of each option, as the user types it, True if it was given.

    Raises:
        click.UsageError: more than one option was given.
    """
    given = [name for name, is_given in asked.items() if is_given]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(given)} do not go together.")
    return given[0] if given else None


def recorded_kernels(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[CompletionItem]:
    """Return the series of which boots are recorded that begin with the typed text."""
    return [CompletionItem(one) for one in RECORDED if one.startswith(typed)]


kernel = click.option(
    "--kernel",
    metavar="SERIES",
    shell_complete=recorded_kernels,
    help="The kernel series or release, such as 6.12 or 6.12.117, by default FILE's.",
)
kvm_mode = click.option(
    "--kvm-mode",
    "--kvm",
    type=Choice(["default", "protected", "nvhe", "none"]),
    help="kvm-arm.mode= on the kernel's command line, by default FILE's; default leaves it out.",
)
seed = click.option(
    "--seed",
    type=SEED,
    metavar="N",
    help="Seed of random latencies and of the order of simultaneous events, from 0 to 2^62 - 1, by default FILE's.",
)


def together(*added: "Callable[[Command], Command]") -> "Callable[[Command], Command]":
    """Combine options into one decorator, in the order in which the help shows them."""

    def decorated(command: "Command") -> "Command":
        for option in reversed(added):  # as stacked decorators: the last is applied first
            command = option(command)
        return command

    return decorated


Override = str | int | None
"""The value of an option that overrides a setting of a scenario; None where the option was not given."""

design = click.option(
    "--design",
    type=Choice(list(DESIGNS)),
    metavar="NAME",
    help="A named design, by default FILE's; `asymboot list designs` has them.",
)
of_system = together(
    design,
    kernel,
    click.option(
        "--relay",
        type=Choice(["enforcing", "relaxed"]),
        help="pKVM's PSCI relay, by default FILE's: enforcing refuses to start a CPU that was offline at KVM's init, "
        "relaxed lets it start.",
    ),
    kvm_mode,
    click.option(
        "--memory",
        type=Choice(["adjacent", "isolated", "mapped"]),
        help="The memory around pKVM's buffers at EL2, by default FILE's: other CPUs' buffers (adjacent), "
        "unmapped memory (isolated), or mapped memory (mapped).",
    ),
)
"""The options that override the settings of a scenario file, without the seed."""
of_scenario = together(of_system, seed)
"""The options that override the settings of a scenario file."""


def is_given(name: str) -> bool:
    """Return True if the command line has an option, even with its default value."""
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def spelt(name: str) -> str:
    """Return an option as the user types it, by the name of its setting."""
    return f"--{name.replace('_', '-')}"


def refuse_given(asked: "Mapping[str, object]", goes_with: str) -> None:
    """Refuse options that do not apply to what the user asks for.

    Args:
        asked: the options' values by name; None where the option was not given.
        goes_with: what the options apply to, for the message.

    Raises:
        click.UsageError: any of the options was given.
    """
    given = [spelt(name) for name, value in asked.items() if value is not None]
    if given:
        verb = "goes" if len(given) == 1 else "go"
        raise click.UsageError(f"{' and '.join(given)} {verb} with {goes_with} only.")


def check_new(file: Path) -> None:
    """Refuse a file that exists or cannot be created, before its content is computed.

    Raises:
        InputError: the file exists, or its folder does not.
    """
    if file.exists() or file.is_symlink():  # of a broken link, exists() is False
        raise InputError(f"{file}: exists already")
    if not file.absolute().parent.is_dir():
        raise InputError(f"{file.parent}: is not a folder")


_SAVED = Path("scenario.toml")
"""The name of the file of a scenario that came through the standard input, in the command that repeats a command."""


def named(file: Path) -> Path:
    """Return the file that a command names so that others can run it: the standard input has to be saved."""
    return _SAVED if file == STANDARD_INPUT else file


def saved_first(file: Path, command: str) -> str:
    """Return a command, after the advice to save what came through the standard input."""
    return f"save the scenario as {_SAVED}, then: {command}" if file == STANDARD_INPUT else command


def load(file: Path, **options: Override) -> "Scenario":
    """Read a scenario, and override its settings by the options that are not None.

    The scenario is a file, ships under that name, or is a row of a sweep, as ``DIR:ROW``.
    """
    return changed(_scenario(file), **options)


def _scenario(file: Path) -> "Scenario":
    from sim.files.shipped_scenarios import find
    from sim.sweep.named_scenario import read_scenario, row_of

    if file.is_dir():
        from sim.sweep.parts_folder import is_sweep

        if is_sweep(file):
            raise InputError(f"{file}: is a folder, and no scenario: {file}:ROW names a row of the sweep in it")

    found = file if row_of(file) is not None else find(file)
    with reading(file, "scenario", found):
        return read_scenario(found)


@contextmanager
def reading(file: Path, wanted: str, found: Path | None = None) -> "Iterator[None]":
    """Say what a file is that cannot be read, if it is of another kind than the command reads.

    Args:
        file: the file as it was named.
        wanted: the kind that is read.
        found: the file that is read, where its name is not its path, as of what ships.

    Raises:
        InputError: the file is of another kind, and the message names a command that takes it; or what the reader said.
    """
    try:
        yield
    except (InputError, OSError):
        from sim.files.shipped_scenarios import kind_of, wrong_kind

        kind = kind_of(found or file)
        if kind is None or kind == wanted:
            raise
        raise InputError(wrong_kind(file, kind, wanted)) from None


def design_of(scenario: "Scenario") -> "Design":
    """Return the design of a scenario: its file's own, else that of its kernel's series.

    Raises:
        InputError: the file has no design, and neither has the kernel.
    """
    if scenario.active_design is None:
        raise InputError(f"Linux {scenario.kernel} has no buffers, and the file no design: --design names one")
    return scenario.active_design


def changed(scenario: "Scenario", **options: Override) -> "Scenario":
    """Override a scenario's settings by the options that are not None, and say which of these do nothing."""
    made = scenario.but(**{key: value for key, value in options.items() if value is not None})
    idle = without_effect(scenario, made)
    if idle:
        click.echo(f"asymboot: without effect, since there is no pKVM: {', '.join(map(spelt, idle))}", err=True)
    return made


def without_effect(scenario: "Scenario", made: "Scenario") -> list[str]:
    """Return the settings in which two scenarios differ and which do nothing in the second: it has no pKVM."""
    of_pkvm = () if made.has_pkvm else ("design", "relay", "memory")
    return [name for name in of_pkvm if getattr(made, name) != getattr(scenario, name)]


def load_space(file: Path) -> "Space | MixtureSpace":
    """Read a space file of either kind, or a shipped space by its name."""
    from sim.files.mixture_file import read_any_space
    from sim.files.shipped_scenarios import find_space

    found = find_space(file)
    with reading(file, "space", found):
        return read_any_space(found)
