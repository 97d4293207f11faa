"""The page of a boot, and the page of a sweep."""

from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sim import __name__ as package
from sim.causes.critical_path import CriticalPath
from sim.outcome import Outcome
from sim.plot.buffers_picture import plot_buffers
from sim.plot.designs_picture import plot_designs
from sim.plot.lengths_picture import plot_lengths
from sim.plot.timeline_picture import path_of, plot_boot
from sim.plot.topology_picture import plot_topology
from sim.report.embedded_assets import datatables, picture, plotly
from sim.report.hazard_origin import origin
from sim.report.interactive_timeline import MOST_SPANS, Lanes
from sim.study.comparison import compare
from sim.timeline import hazard_marks, timeline
from sim.units import duration, seconds

if TYPE_CHECKING:
    from sim.sweep.sweep_summary import Summary

MOST_ROWS = 5_000
"""Of a table: a page with more is slow."""
_MOST_COMPARED = 1_024
"""With more CPUs than that, designs are not compared: eight more boots would take long."""


@lru_cache(maxsize=1)
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader(f"{package}.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    templates.filters["duration"] = duration
    templates.filters["seconds"] = seconds
    return templates


def boot_page(outcome: Outcome) -> str:
    """A boot as one HTML page: hazards, timeline, log, topology, lengths, buffers, designs."""
    told = timeline(outcome)
    told.marks.extend(hazard_marks(outcome))
    path = path_of(outcome)
    lanes = Lanes(outcome, told, path) if len(told.spans) <= MOST_SPANS else None
    page = {
        "title": outcome.scenario.name or "a boot",
        "outcome": outcome,
        "settings": _settings(outcome),
        "hazards": _hazards(outcome, path),
        "path": path,
        "lanes": lanes,
        "timeline": _timeline(lanes)
        if lanes is not None
        else picture(plot_boot(outcome), "the boot as lanes over time"),
        "log": outcome.facts.log[:MOST_ROWS],
        "log_lines": len(outcome.facts.log),
        "events": list(enumerate(outcome.facts.events[:MOST_ROWS])),
        "events_in_all": len(outcome.facts.events),
        "topology": picture(plot_topology(outcome.scenario), repr(outcome.scenario.topology)),
        "lengths": picture(plot_lengths(outcome), "CPUs by vector lengths"),
        "buffers": picture(plot_buffers(outcome), "what saves write, beside pKVM's buffers"),
        "has_buffers": outcome.facts.buffers is not None,
        "designs": _designs(outcome),
    }
    return _render("boot.html", page)


def sweep_page(folder: Path) -> str:
    """A sweep as one HTML page: hazards by setting, with heat maps where all rows were kept.

    Raises:
        InputError: no sweep is there.
    """
    from sim.sweep.sweep_summary import read_summary  # the page of a boot needs no packages of sweeps

    summary = read_summary(folder)
    page = {
        "title": summary.plan.space.name or folder.name,
        "summary": summary,
        "rows": summary.hazard_rows[:MOST_ROWS],
        "columns": list(summary.hazards.columns),
        "timings": summary.timing_rows,
        "maps": _maps(folder, summary),
        "lanes": None,
    }
    return _render("sweep.html", page)


def _render(name: str, page: dict[str, Any]) -> str:
    module, style = datatables()
    program = plotly() if page["lanes"] is not None else None
    return _templates().get_template(name).render(page, datatables=module, datatables_style=style, plotly=program)


def _timeline(lanes: Lanes) -> Markup:
    from plotly.io import to_html

    made: str = to_html(
        lanes.figure(),
        include_plotlyjs=False,
        full_html=False,
        div_id="timeline-figure",
        config={"responsive": True, "displaylogo": False, "modeBarButtonsToRemove": ["select2d", "lasso2d"]},
    )
    return Markup(made)  # noqa: S704 (plotly escapes what ends a script, and `Lanes` what it would take for markup)


def _settings(outcome: Outcome) -> list[tuple[str, str]]:
    scenario = outcome.scenario
    design = scenario.active_design
    return [
        ("kernel", f"Linux {scenario.kernel}"),
        ("command line", scenario.command_line or "none"),
        ("KVM", str(scenario.kvm_mode)),
        ("design", "none" if design is None else design.name),
        ("relay", str(scenario.relay)),
        ("memory", str(scenario.memory)),
        ("seed", str(scenario.seed)),
        ("CPUs", f"{len(scenario.topology.cpus):,}, {len(outcome.facts.online):,} online at the end"),
    ]


def _hazards(outcome: Outcome, path: CriticalPath | None) -> list[dict[str, Any]]:
    """The hazards by kind, each with where it comes from."""
    return [
        {"title": kind.title, "members": [(one, origin(one, path)) for one in members]}
        for kind, members in groupby(outcome.found, lambda hazard: hazard.kind)
    ]


def _designs(outcome: Outcome) -> Markup | None:
    if len(outcome.scenario.topology.cpus) > _MOST_COMPARED:
        return None
    return picture(plot_designs(compare(outcome.scenario)), "designs side by side: bytes asked for, and hazards")


def _maps(folder: Path, summary: "Summary") -> list[Markup]:
    """A heat map for each hazard that occurs, where all rows were kept."""
    from sim.plot.heat_picture import plot_heat
    from sim.sweep.sweep_plan import Keep

    if summary.plan.keep is not Keep.ALL:
        return []
    names = dict.fromkeys(row["hazard"] for row in summary.hazard_rows)
    return [picture(plot_heat(folder, name), f"share of systems with {name}") for name in names]
