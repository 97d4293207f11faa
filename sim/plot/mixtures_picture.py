"""A sweep over mixtures of cores as heat maps: the share of mixtures with an outcome, by boot CPU and another core."""

from collections import Counter
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sim.arguments import checked
from sim.errors import InputError, did_you_mean
from sim.plot import style
from sim.plot.share_cells import draw_shares
from sim.study.mixture_evaluation import OUTCOMES
from sim.sweep.mixture_folder import MixtureFolder
from sim.sweep.mixture_summary import MixtureTotals, mixture_totals
from sim.sweep.mixture_tally import MixtureTally
from sim.titles import title
from sim.units import counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CELL_IN, _ROW_IN, _BESIDE_IN, _ABOVE_IN, _BELOW_IN = 0.32, 0.24, 0.2, 0.4, 0.3
_MAX_WIDTH_IN = 11.0
_MAX_MAPS = 12
MAX_CORES = 32
"""The largest number of cores that a heat map shows."""
_GRAVE = {"lost", "panicked"}


Shares = dict[tuple[int, int], float]
"""The share of mixtures with an outcome, by the places of the other core and of the boot CPU's core in the space."""


class _Kernels(NamedTuple):
    """Kernels with equal shares."""

    names: list[str]
    early: Shares
    """The shares where the other core comes early."""
    late: Shares


@style.styled
@checked
def plot_mixtures(folder: Path, outcome: str) -> style.Picture:
    """Draw the share of a sweep's mixtures that have an outcome, by the core of the boot CPU and another core.

    For each kernel with the outcome there are two maps: the other core comes early, and it comes late. Kernels with
    equal shares are together. In a mixture of more than two clusters each of the others counts.

    Args:
        folder: the folder of a sweep over mixtures of cores.
        outcome: the name of an outcome, such as ``refused``.

    Raises:
        InputError: the folder holds no such sweep, no part of it is done, its space has more than 32 cores, or there is
            no such outcome.

    >>> from tempfile import TemporaryDirectory
    >>> from sim import read_mixture_space, sweep_mixtures
    >>> with TemporaryDirectory() as folder:
    ...     summary = sweep_mixtures(read_mixture_space("core-pairs"), f"{folder}/out", jobs=1)
    ...     plot_mixtures(f"{folder}/out", "refused")  # doctest: +ELLIPSIS
    <Picture size ...>
    """
    begun = MixtureFolder.open(folder)
    if outcome not in OUTCOMES:
        hint = did_you_mean(outcome.replace(" ", "_"), OUTCOMES)
        there_are = f"there are {', '.join(OUTCOMES)}{hint}"
        raise InputError(f"there is no outcome {outcome[:60]!r} of mixtures of cores: {there_are}")
    if len(begun.plan.space.cores) > MAX_CORES:
        raise InputError(f"a heat map has at most {MAX_CORES} cores, and these are {len(begun.plan.space.cores)}")
    totals = mixture_totals(begun)
    if not totals.points:
        raise InputError(f"{folder}: no part of it is done yet")
    return _draw(totals, outcome)


def _kernels(totals: MixtureTotals, outcome: str) -> list[_Kernels]:
    """Return the kernels under which some mixture has the outcome."""
    found: list[_Kernels] = []
    bit = 1 << OUTCOMES.index(outcome)
    for kernel, tally in zip(totals.plan.space.kernels, totals.tallies, strict=True):
        early, late = (_shares(tally, bit, is_late=is_late) for is_late in (False, True))
        alike = next((one for one in found if (one.early, one.late) == (early, late)), None)
        if alike is not None:
            alike.names.append(kernel)
        elif any(early.values()) or any(late.values()):
            found.append(_Kernels([kernel], early, late))
    return found


def _shares(tally: MixtureTally, bit: int, *, is_late: bool) -> Shares:
    mixtures, with_outcome = Counter[tuple[int, int]](), Counter[tuple[int, int]]()
    for (comes_late, boot, other, word), times in tally.pairs.items():
        if comes_late == is_late:
            mixtures[other, boot] += times
            with_outcome[other, boot] += times if word & bit else 0
    return {place: with_outcome[place] / times for place, times in mixtures.items()}


def _draw(totals: MixtureTotals, outcome: str) -> style.Picture:
    space, found = totals.plan.space, _kernels(totals, outcome)
    maps = [
        (f"{space.span(one.names)}: the other core {when}", shares)
        for one in found
        for when, shares in (("early", one.early), ("late", one.late))
    ][:_MAX_MAPS]
    heading, subtitle = f"{space.name or 'sweep'}: {title(outcome)}", _subtitle(totals, found)
    if not maps:
        return style.new_picture(6.0, 0.2, heading, subtitle)
    names = [core.name for core in space.cores]
    label_in = max(style.text_width_in(name, style.SMALL_PT) for name in names) + 0.2
    width_in, height_in = _CELL_IN * len(names), _ROW_IN * len(names)
    whole_in, map_in = label_in + width_in + _BESIDE_IN, _ABOVE_IN + height_in + label_in + _BELOW_IN
    columns = 2 if 2 * whole_in <= _MAX_WIDTH_IN else 1
    lines = ceil(len(maps) / columns)
    picture = style.new_picture(max(6.0, columns * whole_in + 0.2), lines * map_in, heading, subtitle)
    for number, (words, shares) in enumerate(maps):
        line, column = divmod(number, columns)
        left_in, bottom_in = column * whole_in + label_in + 0.2, (lines - 1 - line) * map_in + label_in + _BELOW_IN
        axes = style.axes_at(picture, left_in, bottom_in, width_in, height_in)
        draw_shares(axes, shares, is_grave=outcome in _GRAVE)
        _label(axes, names)
        shown = style.shortened(words, whole_in - _BESIDE_IN, style.SMALL_PT)
        # The words begin above the labels, which are left of the axes.
        place = -label_in / width_in, 1 + 0.12 / height_in
        axes.text(*place, shown, size=style.SMALL_PT, transform=axes.transAxes)
    return picture


def _label(axes: "Axes", names: list[str]) -> None:
    places = range(len(names))
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)  # the first core is at the top
    axes.set_xticks(places, names, rotation=90)
    axes.set_yticks(places, names)
    axes.set_xlabel("other core", size=style.SMALL_PT)


def _subtitle(totals: MixtureTotals, found: list[_Kernels]) -> str:
    kernels, with_outcome = totals.plan.space.kernels, sum(len(one.names) for one in found)
    what = f"a sample of {counted(totals.points, 'draw')}" if totals.plan.sample else "mixtures"
    told = f"share of {what} in percent: the boot CPU's core from top to bottom, another core from left to right"
    if with_outcome < len(kernels):
        told += f"; it occurs under {with_outcome} of {counted(len(kernels), 'kernel')}"
    return told + (f"; {_MAX_MAPS} of {2 * len(found)} maps are shown" if 2 * len(found) > _MAX_MAPS else "")
