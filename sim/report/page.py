"""The pages of reports: of a boot, and of a sweep."""

import json
import shlex
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.metadata import version as distribution_version
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sim import __name__ as package
from sim.arguments import checked
from sim.causes.critical_path import CriticalPath
from sim.errors import InputError
from sim.event_text import event_sentence
from sim.feature_rows import (
    CapabilityRow,
    CpuKind,
    FieldRow,
    UnusedRow,
    capability_rows,
    cpu_kinds,
    field_rows,
    unused_rows,
)
from sim.files.scenario_text import scenario_text
from sim.hazard_kinds import Hazard
from sim.kernel.features.certainty import Certainty
from sim.outcome import Outcome
from sim.plot.buffers_picture import plot_buffers, shown_saves
from sim.plot.designs_picture import has_designs_to_draw, plot_designs
from sim.plot.lengths_picture import plot_lengths, shown_lengths
from sim.plot.style import ON_DARK
from sim.plot.timeline_picture import path_of, plot_boot
from sim.plot.topology_picture import plot_topology
from sim.report.boot_frames import MAX_FRAMES, Frames
from sim.report.embedded_assets import NARROW_IN, datatables, packed, picture
from sim.report.hazard_origin import Origin, origin
from sim.report.interactive_timeline import MAX_SPANS, Lanes
from sim.show.console import lengths
from sim.show.settings_text import settings
from sim.study.comparison import compare
from sim.timeline import hazard_marks, timeline
from sim.titles import title as title_of
from sim.units import seconds
from sim.unknown_features import partly_known_cores

if TYPE_CHECKING:
    from sim.sweep.parted_plan import PlanRecord
    from sim.sweep.sweep_summary import Summary

MAX_ROWS = 5_000
"""The largest number of a table's rows: a page with more is slow."""
_LONGEST_PLAIN = 60_000
"""The number of letters above which a block of a page is packed, which a browser without JavaScript does not show."""
_MAX_COMPARED_CPUS = 1_024
"""The number of CPUs above which designs are not compared: eight more boots would take long."""


class ShownHazard(NamedTuple):
    """A hazard with its origin, and as `tells` whether it is the first of its event, which tells what led to it."""

    hazard: Hazard
    origin: Origin | None
    tells: bool


class HazardGroup(NamedTuple):
    """The hazards of a kind."""

    title: str
    members: list[ShownHazard]


@lru_cache(maxsize=1)
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader(f"{package}.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    templates.filters["lengths"] = lengths
    templates.filters["seconds"] = seconds
    templates.filters["title_of"] = title_of
    templates.filters["packed"] = packed
    templates.globals["longest_plain"] = _LONGEST_PLAIN
    return templates


@checked
def boot_page(outcome: Outcome, command: str = "") -> str:
    """Return a boot as an HTML page: verdict, hazards, timeline, player, log, pictures, features, events, the scenario.

    Args:
        outcome: the outcome of a boot.
        command: the command that writes the page, which the page shows.

    >>> from sim import boot, read_scenario
    >>> boot_page(boot(read_scenario("bug"))).startswith("<!doctype html>")
    True
    """
    spans_and_marks = timeline(outcome)
    spans_and_marks.marks.extend(hazard_marks(outcome))
    path = path_of(outcome)
    lanes = Lanes(outcome, spans_and_marks, path) if len(spans_and_marks.spans) <= MAX_SPANS else None
    frames = Frames(outcome, spans_and_marks, lanes)
    shows_frames = len(frames) <= MAX_FRAMES
    page: dict[str, object] = {
        "title": outcome.scenario.name or "a boot",
        "outcome": outcome,
        "settings": _settings(outcome),
        "hazards": _hazards(outcome, path),
        "path": path,
        "lanes": lanes,
        "timeline": _packed(lanes.data()) if lanes else picture(plot_boot(outcome), "the boot as lanes over time"),
        "frames": len(frames) if shows_frames else 0,
        "player": _packed(frames.data(MAX_ROWS)) if shows_frames else "",
        "log": outcome.facts.log[:MAX_ROWS],
        "log_lines": len(outcome.facts.log),
        "events": list(enumerate(outcome.facts.events[:MAX_ROWS])),
        "labels": outcome.scenario.topology.labels,
        "told": lambda event: event_sentence(outcome.facts.events[event], outcome.scenario.topology),
        "events_in_all": len(outcome.facts.events),
        "topology": picture(plot_topology(outcome.scenario, width_in=NARROW_IN), repr(outcome.scenario.topology)),
        "lengths": _lengths(outcome),
        "vectors": [row for row in outcome.vector_rows() if row.is_told],
        "features": _features(outcome),
        "buffers": _buffers(outcome),
        "designs": _designs(outcome),
        **_reproduced(lambda: scenario_text(outcome.scenario), command),
    }
    return _render("boot.html", page)


def _packed(data: object) -> str:
    """Return data as packed JSON; letters beyond ASCII are escaped, so that every browser reads them alike."""
    return packed(json.dumps(data, separators=(",", ":")))


def _lengths(outcome: Outcome) -> Markup | None:
    """Return the picture of vector lengths; None where no CPU has any."""
    return picture(plot_lengths(outcome), "CPUs by vector lengths") if shown_lengths(outcome) else None


def _buffers(outcome: Outcome) -> Markup | None:
    """Return the picture of the saves beside pKVM's buffers; None where there is nothing to draw."""
    if outcome.facts.buffers is None or not shown_saves(outcome):
        return None
    alt = "the bytes that saves write, beside pKVM's buffers"
    return picture(plot_buffers(outcome), alt, narrow=plot_buffers(outcome, width_in=NARROW_IN))


@checked
def sweep_page(folder: Path, command: str = "") -> str:
    """Return a sweep as an HTML page: verdict, hazards by setting, heat maps, and the space.

    A sweep over mixtures of cores has its outcomes by kernel instead, and what mixtures lose.

    Args:
        folder: the sweep's folder.
        command: the command that writes the page, which the page shows.

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
    # Here, because the page of a boot needs no packages of sweeps.
    from sim.files.space_file import space_text
    from sim.report.sweep_cells import hazard_table, severity, timing_table, title
    from sim.show.sweep_text import visited
    from sim.sweep.mixture_folder import is_of_mixtures
    from sim.sweep.sweep_summary import read_summary

    if is_of_mixtures(folder):
        return _mixtures_page(folder, command)
    summary = read_summary(folder)
    found = summary.hazard_rows
    settings_with = {(row["design"], row["relay"], row["kvm_mode"], row["memory"]) for row in found}
    page: dict[str, object] = {
        "title": summary.plan.space.name or folder.name,
        "summary": summary,
        "visited": visited(summary),
        "is_sample": bool(summary.plan.sample),
        "worst": title(min((row["hazard"] for row in found), key=severity)) if found else "",
        "settings_with": len(settings_with),
        "hazards": hazard_table(summary, MAX_ROWS),
        "timings": timing_table(summary),
        "maps": _maps(folder, summary),
        "sweeps": _sweep_command(summary.plan.record()),
        **_reproduced(lambda: space_text(summary.plan.space), command),
    }
    return _render("sweep.html", page)


def _mixtures_page(folder: Path, command: str) -> str:
    from sim.files.mixture_file import mixtures_text
    from sim.report.mixture_cells import lost_rows, maps, outcome_rows, verdict
    from sim.show.mixture_text import first_examples
    from sim.study.mixture_evaluation import OUTCOMES
    from sim.sweep.mixture_folder import MixtureFolder
    from sim.sweep.mixture_summary import mixture_totals

    totals = mixture_totals(MixtureFolder.open(folder))
    summary = totals.summary()
    page: dict[str, object] = {
        "title": summary.space.name or folder.name,
        "summary": summary,
        "outcomes": OUTCOMES,
        "verdict": verdict(summary),
        "rows": outcome_rows(summary),
        "lost": lost_rows(summary)[:MAX_ROWS],
        "maps": [picture(drawn, f"share of mixtures: {title_of(outcome)}") for outcome, drawn in maps(folder, summary)],
        "examples": first_examples(summary),
        "runs_row": lambda row: shlex.join(["asymboot", "run", f"{folder}:{row}"]),
        "sweeps": _sweep_command(totals.plan.record()),
        **_reproduced(lambda: mixtures_text(summary.space), command),
    }
    return _render("mixtures.html", page)


def _sweep_command(plan: "PlanRecord") -> str:
    """Return the command that computes a sweep again, from the file of its space."""
    words = ["asymboot sweep space.toml -o out", f"--keep {plan.keep}"]
    if plan.walk == "symmetric":
        words.append("--symmetric")
    if plan.walk == "sample":
        words.append(f"--sample {plan.sample}")
    if plan.replications:
        words.append(f"--replications {plan.replications}")
    if plan.seed:
        words.append(f"--seed {plan.seed}")
    return " ".join(words)


def _reproduced(text_of: Callable[[], str], command: str) -> dict[str, object]:
    """Return what a page needs so that its reader can reproduce it: the file's text, and the command.

    Args:
        text_of: returns the text; it raises an InputError where no file can hold it.
        command: the command that writes the page.
    """
    try:
        text = text_of()
    except InputError:
        text = ""
    return {"command": command, "file_text": text}


def _render(name: str, page: dict[str, object]) -> str:
    program, style = datatables()
    return (
        _templates()
        .get_template(name)
        .render(
            page,
            datatables=program,
            datatables_style=style,
            dark_colours=ON_DARK,
            version=distribution_version("asymboot"),
        )
    )


def _settings(outcome: Outcome) -> list[tuple[str, str]]:
    scenario = outcome.scenario
    told = settings(scenario)
    if scenario.command_line:
        told["command line"] = scenario.command_line
    told["CPUs"] = f"{len(scenario.topology.cpus):,}, {len(outcome.facts.online):,} online at the end"
    return list(told.items())


def _hazards(outcome: Outcome, path: CriticalPath | None) -> list[HazardGroup]:
    first: dict[int | None, Hazard] = {}
    for hazard in outcome.found:
        first.setdefault(hazard.event, hazard)
    # Hazards are sorted by kind, worst first, as groupby() needs.
    return [
        HazardGroup(
            kind.title,
            [ShownHazard(hazard, origin(hazard, path), hazard is first[hazard.event]) for hazard in members],
        )
        for kind, members in groupby(outcome.found, lambda hazard: hazard.kind)
    ]


class FeatureTables(NamedTuple):
    """The tables of CPU features on a page."""

    fields: list[FieldRow]
    """The fields of ID registers in which CPUs differ."""
    capabilities: list[CapabilityRow]
    unused: list[UnusedRow]
    hwcaps: tuple[str, ...] | None
    """None if user space was not reached."""
    vulnerabilities: Mapping[str, str | None]
    certainty: Certainty
    taint: int
    kinds: list[CpuKind]
    """The CPUs that are alike."""
    has_values: bool
    """False if the kernel stopped before there were system's values."""
    partly_known: bool
    """True if some CPU has an ID register that no source tells."""

    @staticmethod
    def written(value: int | None) -> str:
        """Return a field's value as text."""
        return "?" if value is None else f"{value:#x}"


def _features(outcome: Outcome) -> FeatureTables | None:
    """Return the tables of CPU features; None where vector lengths alone are modelled."""
    facts, state = outcome.facts, outcome.facts.features_at_end
    if state is None:
        return None
    has_programs = facts.features_at_user_space is not None
    return FeatureTables(
        field_rows(facts),
        capability_rows(facts),
        unused_rows(facts)[:MAX_ROWS],
        state.hwcaps if has_programs else None,
        state.vulnerabilities if has_programs else {},
        state.certainty,
        state.taint,
        cpu_kinds(outcome.scenario.topology),
        state.has_values,
        bool(partly_known_cores(outcome.scenario)),
    )


def _designs(outcome: Outcome) -> Markup | None:
    if len(outcome.scenario.topology.cpus) > _MAX_COMPARED_CPUS:
        return None
    comparison = compare(outcome.scenario)
    if not has_designs_to_draw(comparison):
        return None
    return picture(plot_designs(comparison, width_in=NARROW_IN), "designs side by side: bytes asked for, and hazards")


def _maps(folder: Path, summary: "Summary") -> list[Markup]:
    """Return a heat map for each hazard that occurs; none where the counts do not suffice and rows were not kept."""
    from sim.plot.heat_picture import draw_heat
    from sim.report.sweep_cells import title
    from sim.sweep.parted_plan import Keep

    if not summary.plan.counts_cells and summary.plan.keep is not Keep.ALL:
        return []
    names = dict.fromkeys(row["hazard"] for row in summary.hazard_rows)
    return [
        picture(draw_heat(folder, name, (None, None), None, NARROW_IN), f"share of systems with: {title(name)}")
        for name in names
    ]
