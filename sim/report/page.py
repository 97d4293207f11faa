"""The pages of reports: of a boot, and of a sweep."""

from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sim import __name__ as package
from sim.arguments import checked
from sim.causes.critical_path import CriticalPath
from sim.hazard_kinds import KINDS, Hazard
from sim.outcome import Outcome
from sim.plot.buffers_picture import plot_buffers, shown_saves
from sim.plot.designs_picture import plot_designs
from sim.plot.lengths_picture import plot_lengths
from sim.plot.timeline_picture import path_of, plot_boot
from sim.plot.topology_picture import plot_topology
from sim.report.embedded_assets import datatables, picture, plotly
from sim.report.hazard_origin import Origin, origin
from sim.report.interactive_timeline import MAX_SPANS, Lanes
from sim.study.comparison import compare
from sim.timeline import hazard_marks, timeline
from sim.units import duration, seconds, with_unit

if TYPE_CHECKING:
    from sim.sweep.sweep_summary import Summary

MAX_ROWS = 5_000
"""The largest number of a table's rows: a page with more is slow."""
_MAX_COMPARED_CPUS = 1_024
"""The number of CPUs above which designs are not compared: eight more boots would take long."""
_HEADINGS = {
    "kvm_mode": "KVM mode",
    "share_low": "95 % interval, from",
    "share_high": "95 % interval, to",
    "first_row": "first row",
    "smallest_row": "smallest row",
    "mean_ns": "mean, ns",
    "low_ns": "95 % interval from, ns",
    "high_ns": "95 % interval to, ns",
}
"""The headings of a sweep's columns, where they are not the columns' names."""


class HazardGroup(NamedTuple):
    """The hazards of a kind, each with its origin."""

    title: str
    members: list[tuple[Hazard, Origin | None]]


@lru_cache(maxsize=1)
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader(f"{package}.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    templates.filters["duration"] = duration
    templates.filters["seconds"] = seconds
    templates.filters["with_unit"] = with_unit
    return templates


@checked
def boot_page(outcome: Outcome) -> str:
    """Return a boot as an HTML page: hazards, timeline, log, topology, lengths, buffers, designs and events.

    Args:
        outcome: the outcome of `boot()`.

    >>> from sim import boot, read_scenario
    >>> boot_page(boot(read_scenario("bug"))).startswith("<!doctype html>")
    True
    """
    spans_and_marks = timeline(outcome)
    spans_and_marks.marks.extend(hazard_marks(outcome))
    path = path_of(outcome)
    lanes = Lanes(outcome, spans_and_marks, path) if len(spans_and_marks.spans) <= MAX_SPANS else None
    page: dict[str, object] = {
        "title": outcome.scenario.name or "a boot",
        "outcome": outcome,
        "settings": _settings(outcome),
        "hazards": _hazards(outcome, path),
        "path": path,
        "lanes": lanes,
        "timeline": picture(plot_boot(outcome), "the boot as lanes over time") if lanes is None else _timeline(lanes),
        "log": outcome.facts.log[:MAX_ROWS],
        "log_lines": len(outcome.facts.log),
        "events": list(enumerate(outcome.facts.events[:MAX_ROWS])),
        "events_in_all": len(outcome.facts.events),
        "topology": picture(plot_topology(outcome.scenario), repr(outcome.scenario.topology)),
        "lengths": picture(plot_lengths(outcome), "CPUs by vector lengths"),
        "buffers": _buffers(outcome),
        "designs": _designs(outcome),
    }
    return _render("boot.html", page)


def _buffers(outcome: Outcome) -> Markup | None:
    """Return the picture of the saves beside pKVM's buffers; None where there is nothing to draw."""
    if outcome.facts.buffers is None or not shown_saves(outcome):
        return None
    return picture(plot_buffers(outcome), "the bytes that saves write, beside pKVM's buffers")


@checked
def sweep_page(folder: Path) -> str:
    """Return a sweep as an HTML page: hazards by setting, with heat maps if all rows were kept.

    Args:
        folder: the folder of the sweep.

    Raises:
        InputError: the folder holds no sweep.

    >>> from tempfile import TemporaryDirectory
    >>> from sim import Group, Space, legal_sets, run_sweep
    >>> space = Space((Group("boot", legal_sets(256)), Group("late", legal_sets(256), late=True)), kernel="6.12")
    >>> with TemporaryDirectory() as folder:
    ...     summary = run_sweep(space, f"{folder}/out", jobs=1)
    ...     sweep_page(f"{folder}/out").startswith("<!doctype html>")
    True
    """
    from sim.sweep.sweep_summary import read_summary  # here, because the page of a boot needs no packages of sweeps

    summary = read_summary(folder)
    headings = _HEADINGS | {f"{group.name}_sve_bits": f"{group.name}, bits" for group in summary.plan.space.groups}
    page: dict[str, object] = {
        "title": summary.plan.space.name or folder.name,
        "summary": summary,
        "rows": [row | {"hazard": _title(row["hazard"])} for row in summary.hazard_rows[:MAX_ROWS]],
        "columns": list(summary.hazards.columns),
        "headings": headings,
        "timings": summary.timing_rows,
        "maps": _maps(folder, summary),
        "lanes": None,
    }
    return _render("sweep.html", page)


def _title(hazard: str) -> str:
    """Return the title of a hazard that is named as in files."""
    return KINDS[hazard].title


def _render(name: str, page: dict[str, object]) -> str:
    module, style = datatables()
    # Plotly's program is most of a page's size: a page with a picture in place of the timeline goes without.
    program = plotly() if page["lanes"] is not None else None
    return _templates().get_template(name).render(page, datatables=module, datatables_style=style, plotly=program)


def _timeline(lanes: Lanes) -> str:
    """Return the element of a timeline, which the template trusts.

    Plotly escapes text that would end its script element, and `Lanes` escapes all markup in names.
    """
    from plotly.io import to_html

    element: str = to_html(
        lanes.figure(),
        include_plotlyjs=False,
        full_html=False,
        div_id="timeline-figure",
        config={"responsive": True, "displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d"]},
    )
    return element


def _settings(outcome: Outcome) -> list[tuple[str, str]]:
    scenario = outcome.scenario
    design = scenario.active_design
    return [
        ("kernel", f"Linux {scenario.kernel_words}"),
        ("command line", scenario.command_line or "none"),
        ("KVM", str(scenario.kvm_mode)),
        ("design", "none" if design is None else design.name),
        ("relay", str(scenario.relay)),
        ("memory", str(scenario.memory)),
        ("seed", str(scenario.seed)),
        ("CPUs", f"{len(scenario.topology.cpus):,}, {len(outcome.facts.online):,} online at the end"),
    ]


def _hazards(outcome: Outcome, path: CriticalPath | None) -> list[HazardGroup]:
    # Hazards are sorted by kind, worst first, as groupby() needs.
    return [
        HazardGroup(kind.title, [(hazard, origin(hazard, path)) for hazard in members])
        for kind, members in groupby(outcome.found, lambda hazard: hazard.kind)
    ]


def _designs(outcome: Outcome) -> Markup | None:
    if len(outcome.scenario.topology.cpus) > _MAX_COMPARED_CPUS:
        return None
    return picture(plot_designs(compare(outcome.scenario)), "designs side by side: bytes asked for, and hazards")


def _maps(folder: Path, summary: "Summary") -> list[Markup]:
    """Return a heat map for each hazard that occurs; none unless all rows were kept."""
    from sim.plot.heat_picture import plot_heat
    from sim.sweep.sweep_plan import Keep

    if summary.plan.keep is not Keep.ALL:
        return []
    names = dict.fromkeys(row["hazard"] for row in summary.hazard_rows)
    return [picture(plot_heat(folder, name), f"share of systems with: {_title(name)}") for name in names]
