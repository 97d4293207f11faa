"""A sweep as heat maps: the share of systems with a hazard over two columns of the rows, a map for each setting."""

from collections import Counter
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sim.arguments import checked
from sim.errors import InputError, did_you_mean
from sim.hazard_kinds import HazardKind
from sim.plot import style
from sim.plot.share_cells import draw_shares
from sim.study.verdict_bits import HAZARDS
from sim.sweep.kept_rows import read_rows
from sim.sweep.parted_plan import Keep
from sim.sweep.sweep_folder import Folder
from sim.sweep.sweep_plan import Plan, without_cells
from sim.sweep.sweep_rows import RECORD, SETTING, set_as_text
from sim.sweep.sweep_summary import read_summary
from sim.units import counted
from sim.vectors import bits_from_vq

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_CELL_IN, _BESIDE_IN, _BELOW_IN = 0.52, 0.95, 0.7
_MAX_WIDTH_IN = 11.0
_MAX_MAPS = 12
_MAX_CELLS = 32


@style.styled
@checked
def plot_heat(
    folder: Path, hazard: str, *, x: str | None = None, y: str | None = None, design: str | None = None
) -> style.Picture:
    """Draw the share of a sweep's systems that have a hazard, by weight, over two columns of its rows.

    In a column of sets of lengths, the largest length of each set counts. There is a map for each setting that has the
    hazard, at most twelve.

    Args:
        folder: the folder of a sweep. The counts suffice for the lengths of the first and of the last group; for other
            columns the sweep kept all rows.
        hazard: the name of the hazard's column, such as ``out_of_bounds_write``.
        x: the column from left to right; by default the lengths of the last group.
        y: the column from bottom to top; by default the lengths of the first group or, where there is only one group,
            the maximum that the early CPUs share.
        design: draw the settings of this design only.

    Raises:
        InputError: the folder holds no sweep, its rows were not kept or are not what a sweep writes, or it has no such
            column, hazard or design.

    >>> from tempfile import TemporaryDirectory
    >>> from sim import Group, Space, legal_sets, run_sweep
    >>> space = Space((Group("boot", legal_sets(256)), Group("late", legal_sets(256), late=True)), kernel="6.12")
    >>> with TemporaryDirectory() as folder:
    ...     summary = run_sweep(space, f"{folder}/out", keep="all", jobs=1)
    ...     plot_heat(f"{folder}/out", "allocation_exceeded_silently")  # doctest: +ELLIPSIS
    <Picture size ...>
    """
    return draw_heat(folder, hazard, (x, y), design, _MAX_WIDTH_IN)


@style.styled
def draw_heat(
    folder: Path, hazard: str, columns: tuple[str | None, str | None], design: str | None, most_in: float
) -> style.Picture:
    """Draw what `plot_heat` draws, within a width, or as wide as one map.

    Args:
        folder: the folder of a sweep.
        hazard: the name of the hazard's column.
        columns: the columns from left to right and from bottom to top; None: as `plot_heat` has by default.
        design: the design to draw; None: all designs.
        most_in: the width in inches.

    Raises:
        InputError: as `plot_heat`.
    """
    plan = Folder.open(folder).plan
    _check(plan, folder, hazard, design)
    x, y = columns
    groups = [f"{group.name}_sve_bits" for group in plan.space.groups]
    x = x or groups[-1]
    y = y or (groups[0] if groups[0] != x else "max_vl_bits")
    _check_columns(plan, folder, x, y)
    maps = _maps(plan, heat_counts(folder, hazard, x, y))
    return _draw(plan, [heat for heat in maps if design is None or heat.setting[0] == design], hazard, (x, y), most_in)


Counts = list[dict[str, Any]]
"""Rows of counts, as plain values: from counts alone, a report with heat maps is written without pandas."""


class _Map(NamedTuple):
    """The counts under one setting."""

    setting: tuple[str, ...]
    counts: dict[tuple[int, int], tuple[int, int]]
    """For each place, the number of systems, and the number of these that have the hazard."""

    @property
    def has_hazard(self) -> bool:
        """True if some system has the hazard."""
        return any(with_hazard for _, with_hazard in self.counts.values())


def _maps(plan: Plan, counts: Counts) -> list[_Map]:
    """Return the counts of each setting, in the order of the plan's settings, however they were counted."""
    maps: dict[tuple[str, ...], _Map] = {}
    for row in counts:
        setting = tuple(str(row[name]) for name in SETTING)
        place = int(row["x"]), int(row["y"])
        maps.setdefault(setting, _Map(setting, {})).counts[place] = int(row["systems"]), int(row["with_hazard"])
    settings = (setting.row() for setting in plan.space.settings)
    every = (tuple(setting[name] for name in SETTING) for setting in settings)
    return [maps[setting] for setting in every if setting in maps]


def heat_counts(folder: Path, hazard: str, x: str, y: str) -> Counts:
    """Count systems by weight, and those with a hazard, for each setting and place of a heat map.

    A row has the keys design, relay, kvm_mode, memory, ``x``, ``y`` (bits or counts), ``systems``, ``with_hazard``.

    Raises:
        InputError: the sweep's parts are not what a sweep writes.
    """
    begun = Folder.open(folder)
    places = _cell_places(begun.plan)
    if {x, y} <= places.keys():
        return _from_counts(folder, hazard, places[x], places[y])
    return rows_counts(begun, hazard, x, y)


def _cell_places(plan: Plan) -> dict[str, int]:
    """Return the columns that the counts know, with their places in a cell of a tally."""
    if not plan.counts_cells:
        return {}
    groups = [f"{group.name}_sve_bits" for group in plan.space.groups]
    # Where there is only one group, all early CPUs have its set, and share its largest length.
    return {groups[0]: 0, groups[-1]: 1} if len(groups) > 1 else {groups[0]: 0, "max_vl_bits": 0}


def _from_counts(folder: Path, hazard: str, x: int, y: int) -> Counts:
    bit = 1 << [kind.value for kind in HAZARDS].index(hazard)
    summary = read_summary(folder)
    rows: Counts = []
    for setting, tally in zip(summary.plan.space.settings, summary.tallies, strict=True):
        systems, with_hazard = Counter[tuple[int, int]](), Counter[tuple[int, int]]()
        for (word, cell), times in tally.cells.items():
            place = cell[x], cell[y]
            systems[place] += times
            with_hazard[place] += times if word & bit else 0
        rows += [
            {**setting.row(), "x": _bits(at[0]), "y": _bits(at[1]), "systems": times, "with_hazard": with_hazard[at]}
            for at, times in sorted(systems.items())
        ]
    if not rows:
        raise InputError(f"{folder}: no part of it is done yet")
    return rows


def _bits(vq: int) -> int:
    return bits_from_vq(vq) if vq else 0


def rows_counts(begun: Folder, hazard: str, x: str, y: str) -> Counts:
    """Return what `heat_counts` returns, from the rows that a sweep kept."""
    import pandas as pd

    plan = begun.plan
    by = [*SETTING, "x", "y"]
    # Part by part, so that the rows of a large sweep are never in memory at once.
    parts = []
    for table in read_rows(begun, [*SETTING, x, y, hazard]):
        rows: pd.DataFrame = table.to_pandas()
        rows = rows.assign(
            x=_numbers(rows[x], plan, x), y=_numbers(rows[y], plan, y), with_hazard=rows["weight"] * (rows[hazard] > 0)
        )
        parts.append(rows.astype(dict.fromkeys(SETTING, "str")).groupby(by)[["weight", "with_hazard"]].sum())
    if not parts:
        raise InputError(f"{begun.path}: no part of it is done yet")
    every: pd.DataFrame = pd.concat(parts).groupby(level=by).sum().rename(columns={"weight": "systems"})
    return [{str(name): value for name, value in row.items()} for row in every.reset_index().to_dict("records")]


def _numbers(column: "pd.Series", plan: Plan, name: str) -> "pd.Series":
    """Return a column as numbers: the largest length of each set of lengths, in bits, and 0 for an empty set.

    Raises:
        InputError: a set is not one of the plan's.
    """
    if name in RECORD:
        return column
    group = next(one for one in plan.space.groups if f"{one.name}_sve_bits" == name)
    largest = {set_as_text(vqs): bits_from_vq(vqs.bit_length()) if vqs else 0 for vqs in group.sets_vqs}
    numbers = column.astype("str").map(largest)
    if numbers.isna().any():
        raise InputError(f"the rows of the sweep have sets in {name} that its space has not")
    return numbers.astype("int64")


def _check(plan: Plan, folder: Path, hazard: str, design: str | None) -> None:
    there = [kind.value for kind in HAZARDS]
    if hazard not in there:
        there_are = f"there are {', '.join(there)}{did_you_mean(hazard, there)}"
        raise InputError(f"there is no hazard {hazard[:60]!r} in a sweep's rows: {there_are}")
    designs = list(dict.fromkeys(setting.design.name for setting in plan.space.settings))
    if design is not None and design not in designs:
        there_are = f"there are {', '.join(designs)}{did_you_mean(design, designs)}"
        raise InputError(f"{folder}: has no design {design[:60]!r}: {there_are}")


def _check_columns(plan: Plan, folder: Path, x: str, y: str) -> None:
    counts = _cell_places(plan)
    allowed = [*(f"{group.name}_sve_bits" for group in plan.space.groups), *RECORD]
    for column in (x, y):
        if column not in allowed:
            there_are = f"there are {', '.join(allowed)}{did_you_mean(column, allowed)}"
            raise InputError(f"{folder}: there is no column {column[:60]!r} to draw: {there_are}")
        if column not in counts and plan.keep is not Keep.ALL:
            if not plan.counts_cells:
                raise InputError(f"{folder}: {without_cells(plan.space, plan.visited)}")
            # A share is of all systems, also of those without a hazard, whose rows other choices of --keep leave out.
            raise InputError(
                f"{folder}: kept {plan.keep}, with which heat maps are over {' and '.join(counts)}: {column} needs all "
                "rows: sweep with --keep all"
            )


def _draw(plan: Plan, maps: list[_Map], hazard: str, axes_of: tuple[str, str], most_in: float) -> style.Picture:
    kind = HazardKind[hazard.upper()]
    found = [heat for heat in maps if heat.has_hazard]
    shown = found[:_MAX_MAPS]
    title = f"{plan.space.name or 'sweep'}: {kind.title}"
    subtitle = _subtitle(plan, maps, len(found))
    if not shown:
        return style.new_picture(6.0, 0.2, title, subtitle)
    xs, ys = (sorted({place[axis] for heat in shown for place in heat.counts}) for axis in (0, 1))
    if max(len(xs), len(ys)) > _MAX_CELLS:
        raise InputError(f"a heat map has at most {_MAX_CELLS} values a side, and these are {len(xs)} by {len(ys)}")
    width_in, height_in = max(1.9, _CELL_IN * len(xs)), 0.62 * _CELL_IN * len(ys)
    columns = max(1, min(len(shown), int((most_in - 0.2) / (width_in + _BESIDE_IN))))
    lines = ceil(len(shown) / columns)
    whole_in = max(6.0, columns * (width_in + _BESIDE_IN) + 0.3)
    picture = style.new_picture(whole_in, lines * (height_in + _BELOW_IN) + 0.25, title, subtitle)
    for number, heat in enumerate(shown):
        line, column = divmod(number, columns)
        bottom_in = (lines - 1 - line) * (height_in + _BELOW_IN) + 0.55
        axes = style.axes_at(picture, 0.75 + column * (width_in + _BESIDE_IN), bottom_in, width_in, height_in)
        _draw_map(axes, heat, (xs, ys), kind)
        axes.set_title(
            style.shortened(_setting(heat.setting, maps), width_in + 0.7, style.SMALL_PT),
            size=style.SMALL_PT,
            loc="left",
            parse_math=False,
        )
        axes.set_xlabel(_axis(axes_of[0]) if number + columns >= len(shown) else "", size=style.SMALL_PT)
        axes.set_ylabel(_axis(axes_of[1]) if column == 0 else "", size=style.SMALL_PT)
    return picture


def _subtitle(plan: Plan, maps: list[_Map], found: int) -> str:
    what = "systems"
    if plan.sample:
        # Of a sweep that is not complete, the draws that are done.
        draws = sum(systems for systems, _ in maps[0].counts.values())
        what = f"a sample of {counted(draws, 'draw')}"
    subtitle = f"share of {what} in percent, Linux {plan.space.kernel_words}"
    if found < len(maps):
        subtitle += f"; it occurs under {found} of {counted(len(maps), 'setting')}"
    return subtitle + (f", of which {_MAX_MAPS} are shown" if found > _MAX_MAPS else "")


def _draw_map(axes: "Axes", heat: _Map, values: tuple[list[int], list[int]], kind: HazardKind) -> None:
    xs, ys = values
    shares = {
        (xs.index(x), ys.index(y)): with_hazard / systems for (x, y), (systems, with_hazard) in heat.counts.items()
    }
    draw_shares(axes, shares, is_grave=kind <= HazardKind.HEADER_DESTROYED)
    axes.set_xlim(-0.5, len(xs) - 0.5)
    axes.set_ylim(-0.5, len(ys) - 0.5)
    axes.set_xticks(range(len(xs)), [_value(x) for x in xs])
    axes.set_yticks(range(len(ys)), [_value(y) for y in ys])


def _value(bits: int) -> str:
    return str(bits) if bits else "none"


def _setting(setting: tuple[str, ...], maps: list[_Map]) -> str:
    """Return the parts of a setting in which the maps differ, and always its design."""
    parts = zip(("", "relay ", "KVM ", "memory "), setting, strict=True)
    differing = [
        f"{name}{value}"
        for index, (name, value) in enumerate(parts)
        if index == 0 or len({heat.setting[index] for heat in maps}) > 1
    ]
    return ", ".join(differing)


def _axis(column: str) -> str:
    """Return the label of an axis: the name of its column, without the unit."""
    group = column.removesuffix("_sve_bits")
    if group != column:
        return f"{group}: largest VL, bits"
    return f"{column.removesuffix('_bits')}, bits"
