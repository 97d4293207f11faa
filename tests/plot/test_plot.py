"""Tests of pictures: no text overlaps or is cut off, bytes are reproducible, and the numbers drawn are right."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sim.boot_run import boot
from sim.causes.critical_path import critical_path
from sim.cli.plot import PICTURES
from sim.errors import InputError
from sim.explore.exploration import explore_orders
from sim.explore.schedule_run import follow
from sim.files.mixture_file import mixture_space
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.files.shipped_scenarios import find, shipped
from sim.files.space_file import read_space, space_text
from sim.outcome import Outcome
from sim.plot import style, timeline_picture
from sim.plot.buffers_picture import Written, hits, memory_around, plot_buffers, shown_saves
from sim.plot.designs_picture import plot_designs
from sim.plot.heat_picture import heat_counts, plot_heat, rows_counts
from sim.plot.lengths_picture import Cell, cell, length_rows, plot_lengths, shown_lengths
from sim.plot.mixtures_picture import plot_mixtures
from sim.plot.picture_rows import cpu_rows
from sim.plot.style import Picture, shortened, text_width_in
from sim.plot.time_axis import TimeScale
from sim.plot.timeline_picture import COLOURS, plot_boot
from sim.plot.topology_picture import plot_topology
from sim.report.page import sweep_page
from sim.scenario import Action, Do, KvmMode, Relay, Scenario
from sim.study.comparison import compare
from sim.study.mixture_evaluation import OUTCOMES
from sim.study.system_space import Space
from sim.sweep import sweep_estimate, sweep_plan
from sim.sweep.mixture_folder import MixtureFolder
from sim.sweep.mixture_plan import MixturePlan
from sim.sweep.mixture_sweep import sweep_mixtures
from sim.sweep.parted_plan import Keep
from sim.sweep.sweep_folder import Folder
from sim.sweep.sweep_rows import SETTING
from sim.sweep.sweep_run import run_sweep
from sim.sweep.sweep_summary import read_summary
from sim.timeline import Span, SpanKind, Timeline
from sim.topology import Topology, cpu
from sim.vectors import VectorType
from tests.command_line import Asymboot
from tests.plot.tidy import assert_tidy, boxes
from tests.systems import A64FX, N2, V1, cpu_of, group_of, guest, off, on, under_pkvm

UNTRUSTED = "$x_1^{2}$ \\frac <b>&amp; {} %s 日本 " + "long " * 30


def mixed(cpus: int, **more: Any) -> Scenario:
    """Return a scenario with CPUs of three kinds in clusters, a quarter of them late, each with a guest."""
    sets = [A64FX, V1, N2]
    every = tuple(
        cpu(f"core{number}", sets[number * 3 // cpus], clusters=("package", f"cluster{number * 4 // cpus}"))
        for number in range(cpus)
    )
    late = cpus - cpus // 4
    actions = [*(on(number) for number in range(late, cpus)), *(guest(number) for number in range(cpus))]
    named = tuple(replace(action, cpu=every[int((action.cpu or "")[3:])].name) for action in actions)
    parts = {"kvm_mode": KvmMode.PROTECTED, "relay": Relay.RELAXED, "design": "v6.11", "kernel": "6.12"} | more
    return Scenario(Topology(every), maxcpus=late, actions=named, **parts)


def drawn(picture: str, scenario: Scenario) -> Picture:
    match picture:
        case "boot":
            return plot_boot(boot(scenario))
        case "lengths":
            return plot_lengths(boot(scenario))
        case "buffers":
            return plot_buffers(boot(scenario))
        case "designs":
            return plot_designs(compare(scenario))
        case _:
            return plot_topology(scenario)


SCENARIO_PICTURES = [picture for picture in PICTURES if picture not in {"features", "heat"}]


@pytest.mark.filterwarnings("ignore:Glyph .* missing")
@pytest.mark.parametrize("picture", SCENARIO_PICTURES)
@pytest.mark.parametrize("cpus", [4, 16, 64])
def test_no_text_overlaps_or_is_cut_off(picture: str, cpus: int) -> None:
    assert_tidy(drawn(picture, mixed(cpus, name=f"{cpus} CPUs")))


@pytest.mark.filterwarnings("ignore:Glyph .* missing")
@pytest.mark.parametrize("picture", SCENARIO_PICTURES)
def test_names_are_drawn_as_plain_text(picture: str) -> None:
    name = UNTRUSTED[:190]
    scenario = Scenario(
        Topology((cpu(name[:40], V1, clusters=(name[:60],)), cpu("b", V1, clusters=(name[:60],)))),
        name=name,
        kvm_mode=KvmMode.PROTECTED,
        actions=(guest(0).__class__(guest(0).do, "b"),),
        kernel="6.11",
    )
    made = drawn(picture, scenario)
    assert_tidy(made)
    assert "$x_1^{2}$" in " ".join(text for text, _ in boxes(made))


# Letters that the font lacks

HIRAGANA = "の"
"""A letter that DejaVu Sans lacks and STIXGeneral has, which matplotlib brings along."""


@pytest.fixture
def fallbacks(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[None]:
    """Draw with these fallback fonts alone, whatever is installed."""
    monkeypatch.setitem(style._STYLE, "font.family", style._families(request.param))
    style._font.cache_clear()
    style.text_width_in.cache_clear()
    yield
    style._font.cache_clear()
    style.text_width_in.cache_clear()


@pytest.mark.usefixtures("fallbacks")
@pytest.mark.parametrize("fallbacks", [()], indirect=True)
def test_letters_that_no_font_has_are_told_in_one_line(asymboot: Asymboot, tmp_path: Path) -> None:
    file = tmp_path / "names.toml"
    file.write_text(f'topology = {{ cpus = [{{ name = "{HIRAGANA}\U0001f9ff" }}, {{ name = "Zoë" }}] }}')
    letters = f"{HIRAGANA} \U0001f9ff"
    told = f"asymboot: no font of pictures has {letters}, which are boxes: install a font such as Noto Sans CJK\n"
    for kind in ("png", "svg"):
        assert asymboot("plot", "topology", file, "-o", tmp_path / f"names.{kind}").stderr == told
    assert asymboot("report", file, "-o", tmp_path / "names.html").stderr == told
    with pytest.warns(style.MissingGlyphs, match=HIRAGANA):
        plot_topology(read_scenario(file)).save(tmp_path / "names.pdf")


@pytest.mark.usefixtures("fallbacks")
@pytest.mark.parametrize("fallbacks", [("A Font Of Nowhere", "STIXGeneral")], indirect=True)
def test_a_letter_that_the_font_lacks_is_drawn_in_a_fallback_that_is_installed() -> None:
    assert style.without_glyph(f"a{HIRAGANA}\n\U0001f9ff") == "\U0001f9ff"
    picture = plot_topology(Scenario(Topology((cpu(HIRAGANA, V1),))))
    assert picture.as_bytes("png")  # a warning would be an error
    assert style.text_width_in(HIRAGANA, 10) > 0


@pytest.mark.parametrize("file", shipped(), ids=lambda file: file.stem)
def test_every_shipped_scenario_can_be_drawn(file: Path) -> None:
    outcome = boot(read_scenario(file))
    for made in (plot_boot(outcome), plot_boot(outcome, linear=True)):
        assert_tidy(made)
    if shown_lengths(outcome):
        assert_tidy(plot_lengths(outcome))
    assert_tidy(plot_topology(outcome.scenario))
    if shown_saves(outcome):
        assert_tidy(plot_buffers(outcome))


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_picture_has_the_same_bytes(kind: str) -> None:
    made = [plot_boot(boot(mixed(4))).as_bytes(kind) for _ in range(2)]
    assert made[0] == made[1]
    assert made[0].startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[kind])


def test_the_readmes_picture_is_what_its_command_draws() -> None:
    kept = Path(__file__).parents[2] / "docs" / "pictures" / "late-cpu-refused.svg"
    drawn_now = plot_boot(boot(read_scenario(find(Path("late-cpu-refused"))))).as_bytes("svg")
    assert kept.read_bytes() == drawn_now, "run `make picture`"


def test_a_picture_shows_itself_in_a_notebook() -> None:
    assert plot_topology(Topology.of([V1, V1]))._repr_png_().startswith(b"\x89PNG")


def test_an_unknown_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pictures are png, svg, pdf"):
        plot_topology(Topology.of([V1])).save(tmp_path / "one.gif")


def test_a_picture_is_saved_where_text_says(tmp_path: Path) -> None:
    save: Any = plot_topology(Topology.of([V1])).save
    save(f"{tmp_path}/one.svg")
    assert "<svg" in (tmp_path / "one.svg").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="path"):
        save(1)


# Lanes


def test_many_cpus_share_lanes() -> None:
    clusters = tuple(cpu_of(f"c{n}", 1, clusters=(f"k{n // 64}",)) for n in range(1024))
    labels = [row.label for row in cpu_rows(Topology(clusters))]
    assert labels[:2] == ["k0: cpu0-63 (c0 to c63)", "k1: cpu64-127 (c64 to c127)"]
    flat = cpu_rows(Topology(tuple(cpu_of(f"c{n}", 1) for n in range(65_536))))
    assert (len(flat), flat[0].label, flat[-1].cpus[-1]) == (64, "cpu0-1023 (c0 to c1023)", 65_535)
    assert len(cpu_rows(Topology.of([N2] * 256))) == 256


def test_the_largest_system_gives_a_picture_of_bounded_height() -> None:
    made = plot_boot(boot(Scenario(Topology(tuple(cpu_of(f"c{n}", 1) for n in range(65_536))), maxcpus=1)))
    assert made.get_size_inches()[1] < 30


def test_a_boot_of_one_instant_and_a_schedule_can_be_drawn() -> None:
    scenario = under_pkvm(V1, A64FX, kernel="6.11", actions=(guest(1),)).scenario
    (found, *_) = explore_orders(scenario).found.values()
    assert_tidy(plot_boot(follow(scenario, found.schedule)[0]))
    assert_tidy(plot_boot(follow(scenario, ())[0]))


def test_the_critical_path_is_named_in_the_picture() -> None:
    outcome = under_pkvm(V1, V1, kernel="6.12", actions=(off(1), on(1)))
    assert critical_path(outcome).sentence in " ".join(text for text, _ in boxes(plot_boot(outcome)))


def test_places_are_in_order_and_long_gaps_are_compressed() -> None:
    scale = TimeScale([0, 1_000, 2_000, 5_000_000_000])
    places = [scale.place(ns) for ns in (0, 500, 1_000, 2_000, 2_500_000_000, 5_000_000_000)]
    assert places == sorted(places)
    assert places[-1] == scale.end == scale.place(10**12)
    assert scale.end < 30
    assert scale.ticks(0.5)[0] == 0
    assert scale.ticks(0.5)[-1] == 5_000_000_000
    assert len(scale.ticks(1000)) == 1


def test_each_phase_has_its_share_of_the_axis() -> None:
    moments = [*range(0, 64_000_000, 100_000), 10**9]
    scale = TimeScale(moments, [(0, 63_900_000), (63_900_000, 10**9)])
    assert (scale.end - scale.place(63_900_000)) / scale.end == pytest.approx(0.12)


def test_text_is_shortened_to_its_room() -> None:
    assert shortened("abc", 5, 8) == "abc"
    short = shortened("a long name that has no room", 0.6, 8)
    assert short.endswith("…")
    assert text_width_in(short, 8) <= 0.6


# What is in them


def test_cells_show_the_state_of_a_length() -> None:
    outcome = boot(read_scenario(find(Path("late-cpu-refused"))))
    row = [cell(outcome, VectorType.SVE, number, 4) for number in range(3)]
    assert row == [Cell.SHARED, Cell.SHARED, Cell.MISSING]
    hidden = under_pkvm(V1, A64FX, kernel="6.12")
    assert [cell(hidden, VectorType.SVE, number, 4) for number in range(2)] == [Cell.ABSENT, Cell.HIDDEN]


def test_alike_neighbours_share_a_row_where_there_are_many() -> None:
    rows = length_rows(boot(read_scenario(find(Path("server-1024")))))
    assert [row.label for row in rows] == [
        "cpu0-767",
        "cpu768,1023, late (maxcpus=)",
        "cpu769-1022, late (maxcpus=)",
    ]
    assert sum(len(row.cpus) for row in rows) == 1024


@pytest.mark.parametrize("memory", ["adjacent", "mapped"])
def test_the_bytes_drawn_are_those_written(memory: str) -> None:
    outcome = under_pkvm(V1, A64FX, kernel="6.11", actions=(guest(1), guest(0)), memory=memory)
    buffers = outcome.facts.buffers
    assert buffers is not None
    saves = shown_saves(outcome)
    assert [save.cpu for save in saves] == [1, 0]
    for save in saves:
        written = list(hits(save, buffers))
        assert sum(stretch.end - stretch.first for stretch in written) == sum(extent.bytes for extent in save.touched)
        outside = sum(stretch.end - stretch.first for stretch in written if stretch.kind is Written.OUTSIDE)
        assert outside == sum(extent.bytes for extent in save.outside)
    assert min(stretch.first for stretch in hits(saves[0], buffers)) == -1072
    assert len(list(memory_around(outcome, saves[0], buffers))) == (6 if memory == "adjacent" else 3)


@pytest.mark.parametrize(
    ("outcome", "why"),
    [
        (boot(Scenario(Topology.of([V1]))), "no buffers"),
        (under_pkvm(V1, kernel="6.12"), "no guest made a save"),
    ],
)
def test_nothing_to_draw_is_an_error_that_says_why(outcome: Outcome, why: str) -> None:
    with pytest.raises(InputError, match=why):
        plot_buffers(outcome)


def test_a_neighbours_part_of_memory_has_its_number_and_name() -> None:
    cpus = (cpu_of("a", 0b1), cpu_of("boot", 0b1), cpu_of("b", 0b1011))
    topology = Topology(cpus, boot_cpu="boot")
    enters = Action(Do.GUEST, "b")
    outcome = boot(Scenario(topology, "6.11", kvm_mode=KvmMode.PROTECTED, relay=Relay.RELAXED, actions=(enters,)))
    assert "cpu1 (a)'s slack" in [text for text, _ in boxes(plot_buffers(outcome))]


def test_designs_without_hazards_and_buffers_are_nothing_to_draw() -> None:
    with pytest.raises(InputError, match="no design has a hazard or buffers of pKVM here: nothing to draw"):
        plot_designs(compare(read_scenario("rk3588")))


def test_the_header_is_magnified_and_the_legend_lists_what_occurs() -> None:
    texts = [text for text, _ in boxes(plot_buffers(boot(read_scenario(find(Path("bug"))))))]
    assert "the header, magnified" in texts
    assert Written.OVER_HEADER.label in texts
    fixed = [text for text, _ in boxes(plot_buffers(boot(read_scenario(find(Path("bug"))).but(kernel="6.12"))))]
    assert Written.AS_ASKED.label in fixed
    assert not {Written.OVER_HEADER.label, Written.OUTSIDE.label, Written.IN_SLACK.label} & set(fixed)
    between = boot(
        Scenario(
            Topology.of([[128], [128, 256], [128]]),
            kernel="6.11",
            kvm_mode=KvmMode.PROTECTED,
            actions=(guest(1),),
        )
    )
    assert "unmapped memory" in texts
    assert "unmapped memory" not in [text for text, _ in boxes(plot_buffers(between))]


def test_long_gaps_have_a_break_mark_and_a_duration_unless_time_is_to_scale() -> None:
    outcome = boot(read_scenario(find(Path("late-cpu-refused"))))
    texts = [text for text, _ in boxes(plot_boot(outcome))]
    assert texts.count("//") == 4
    assert {"30 ms", "420 ms", "5 s", "1 ms"} <= set(texts)
    assert "//" not in [text for text, _ in boxes(plot_boot(outcome, linear=True))]


def test_of_gaps_whose_break_marks_would_overlap_the_longest_has_one() -> None:
    texts = boxes(plot_boot(boot(read_scenario(find(Path("suspend-resume"))))))
    signs = [box for text, box in texts if text == "//"]
    assert not any(one.overlaps(other) for one, other in combinations(signs, 2))
    durations = [text for text, _ in texts if text.endswith((" s", " ms"))]
    assert sorted(durations) == ["1 s", "1 s", "2 ms", "20 ms", "30 ms", "4 s", "400 ms"]
    assert len(signs) == len(durations)


def test_the_mark_of_a_hazard_does_not_hide_what_happened_to_the_cpu() -> None:
    made = plot_boot(boot(read_scenario(find(Path("late-cpu-refused")))))
    marks = {
        line.get_marker(): np.asarray(line.get_ydata(), float)[0]
        for line in made.axes[0].lines
        if line.get_marker() in {"x", "^"}
    }
    assert marks["x"] - marks["^"] > 0.3


@pytest.mark.parametrize("name", ["bug", "suspend-resume"])
def test_the_name_of_a_phase_is_whole_or_left_out(name: str) -> None:
    outcome = boot(read_scenario(find(Path(name))))
    for picture in (plot_boot(outcome), plot_boot(outcome, linear=True)):
        assert [text for text, _ in boxes(picture) if text.endswith(("...", "…"))] == []


def bars(picture: Picture, kind: SpanKind) -> Any:
    """Return the bars of a kind that only one lane has."""
    order = 2 + list(COLOURS).index(kind)
    (found,) = [one for one in picture.axes[0].collections if one.get_zorder() == order]
    return found


def test_the_edges_of_many_bars_do_not_hide_the_bars() -> None:
    # The lock is held 767 times in a row at first, which is a single bar here, and twice for 5 s.
    lock = bars(plot_boot(boot(read_scenario("server-1024"))), SpanKind.LOCK_HELD)
    assert len(lock.get_paths()) == 3


def test_time_to_scale_has_an_edge_where_user_space_begins() -> None:
    phases = bars(plot_boot(boot(read_scenario("late-cpu-refused")), linear=True), SpanKind.PHASE)
    edges = [bool(alpha) for alpha in np.asarray(phases.get_edgecolor())[:, 3]]
    assert edges == [False, True, True, True]  # the early CPUs' phase is too narrow to have edges


def test_a_save_does_not_hide_its_guest() -> None:
    picture = plot_boot(boot(read_scenario("bug")))
    guest, save = (bars(picture, kind).get_paths()[0].get_extents() for kind in (SpanKind.GUEST, SpanKind.SAVE))
    assert guest.y0 < save.y0 < save.y1 < guest.y1


def test_a_topology_has_the_names_of_cpus_beside_their_numbers() -> None:
    named = Topology((cpu("big0", V1), cpu("cpu1", V1)), boot_cpu="cpu1")
    picture = plot_topology(named)
    assert_tidy(picture)
    assert {"0 (cpu1)", "1 (big0)"} <= {text for text, _ in boxes(picture)}


def test_many_cpus_that_do_not_follow_each_other_are_not_said_to() -> None:
    every = tuple(cpu(f"c{number}", A64FX if number % 2 else V1) for number in range(128))
    labels = [row.label for row in length_rows(boot(Scenario(Topology(every), kernel="6.12")))]
    assert labels == ["64 CPUs, the first cpu0 (c0)", "64 CPUs, the first cpu1 (c1)"]


def test_cpus_that_differ_in_sme_alone_look_different() -> None:
    labels = {text for text, _ in boxes(plot_topology(read_scenario(find(Path("sme-only")))))}
    assert {"SVE to 128 bits", "SME to 256 bits", "SME to 512 bits", "SME to 1024 bits"} <= labels
    alike = Topology.of([A64FX, [128, 256, 384, 512]])
    labels = {text for text, _ in boxes(plot_topology(alike))}
    assert {"SVE {128,256,512} bits", "SVE {128,256,384,512} bits"} <= labels


def test_designs_are_drawn_with_the_settings_that_they_share() -> None:
    title = " ".join(text for text, _ in boxes(plot_designs(compare(read_scenario(find(Path("bug")))))))
    assert "relay enforcing, memory adjacent" in title
    assert "hypothetical" in title


def test_without_pkvm_designs_have_no_buffers_to_draw() -> None:
    shown = [text for text, _ in boxes(plot_designs(compare(read_scenario(find(Path("late-cpu-refused"))))))]
    assert "no pKVM, so no buffers" in shown
    assert "none" not in shown


def test_a_picture_of_designs_without_hazards_says_so() -> None:
    scenario = Scenario(Topology.of([V1, V1]), kernel="6.12", kvm_mode=KvmMode.PROTECTED)
    made = plot_designs(compare(scenario, designs=["brown-v1", "constrain-v2"]))
    assert "no hazard under any design" in [text for text, _ in boxes(made)]


# Sweeps


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "out"
    run_sweep(read_space(find_space("late-cpu")), folder, keep=Keep.ALL, jobs=1)
    return folder


def find_space(name: str) -> Path:
    return Path(__file__).parents[2] / "topologies" / "spaces" / f"{name}.toml"


def test_a_heat_map_counts_as_the_summary_does(swept: Path) -> None:
    counts = pd.DataFrame(heat_counts(swept, "out_of_bounds_write", "late_sve_bits", "early0_sve_bits"))
    by_setting = counts.groupby(["design", "relay"])[["systems", "with_hazard"]].sum()
    hazards = read_summary(swept).hazards
    expected = hazards[hazards["hazard"] == "out_of_bounds_write"].set_index(["design", "relay"])["systems"]
    found = by_setting["with_hazard"][by_setting["with_hazard"] > 0]
    pd.testing.assert_series_equal(found.sort_index(), expected.sort_index(), check_names=False)
    assert set(by_setting["systems"]) == {read_summary(swept).systems}
    assert sorted(set(counts["x"])) == [128, 256, 384, 512]


def test_heat_maps_are_in_the_order_of_settings_however_they_were_counted(swept: Path) -> None:
    orders = [
        [text for text, _ in boxes(plot_heat(swept, "out_of_bounds_write", y=y)) if "relay" in text]
        for y in ("early0_sve_bits", "max_vl_bits")
    ]
    assert orders[0] == orders[1] != sorted(orders[1])


@pytest.mark.parametrize("hazard", ["out_of_bounds_write", "harmless_cpu_refused", "hypervisor_panic"])
def test_heat_maps_are_tidy(swept: Path, hazard: str) -> None:
    assert_tidy(plot_heat(swept, hazard))
    assert_tidy(plot_heat(swept, hazard, x="max_vl_bits", y="max_cpu_vl_bits", design="constrain-v1"))


def test_heat_maps_of_a_sample_say_so(tmp_path: Path) -> None:
    space = Space((group_of("boot", (1, 3)), group_of("last", (1, 11), late=True)), "6.12")
    run_sweep(space, tmp_path / "out", sample=50, jobs=1)
    shown = [text for text, _ in boxes(plot_heat(tmp_path / "out", "out_of_bounds_write"))]
    assert any(text.startswith("share of a sample of 50 draws in percent, Linux 6.12") for text in shown)
    sweep_mixtures(mixture_space(["arm,cortex-a55", "arm,cortex-a76"]), tmp_path / "mixed", sample=9, jobs=1)
    shown = [text for text, _ in boxes(plot_mixtures(tmp_path / "mixed", "refused"))]
    assert any(text.startswith("share of a sample of 9 draws in percent: the boot CPU's core") for text in shown)


@pytest.fixture(scope="module")
def mixed_cores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixtures") / "out"
    sweep_mixtures(mixture_space(clusters=3, kernels=["6.1", "7.3"], name="triples"), folder, jobs=1)
    return folder


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_heat_maps_of_mixtures_are_tidy(mixed_cores: Path, outcome: str) -> None:
    assert_tidy(plot_mixtures(mixed_cores, outcome))


def test_a_heat_map_of_mixtures_tells_early_from_late(tmp_path: Path) -> None:
    pair = mixture_space(["arm,cortex-a55", "arm,cortex-a76"], kernels=["6.12"])
    sweep_mixtures(pair, tmp_path / "out", jobs=1)
    early, late = plot_mixtures(tmp_path / "out", "refused").axes
    assert [text.get_text() for text in early.texts] == ["0", "0", "6.12: the other core early"]
    assert [text.get_text() for text in late.texts] == ["100", "100", "6.12: the other core late"]
    assert plot_mixtures(tmp_path / "out", "lost").axes == []
    begun = MixtureFolder.create(tmp_path / "begun", MixturePlan(pair))
    with pytest.raises(InputError, match="begun: no part of it is done yet"):
        plot_mixtures(begun.path, "refused")


def test_the_command_draws_a_sweep_over_mixtures(asymboot: Asymboot, mixed_cores: Path, tmp_path: Path) -> None:
    words: list[str | Path] = ["plot", "heat", mixed_cores, "-o", tmp_path / "one.svg"]
    assert "there is no outcome 'x' of mixtures of cores: there are refused, lost" in asymboot.refused(
        *words, "--hazard", "x"
    )
    assert "did you mean 'panicked'?" in asymboot.refused(*words, "--hazard", "panics")
    assert "--x goes with a sweep over vector lengths only" in asymboot.refused(
        *words, "--hazard", "refused", "--x", "max_vl_bits"
    )
    assert asymboot(*words, "--hazard", "refused").exit_code == 0


@pytest.mark.parametrize("picture", SCENARIO_PICTURES)
def test_the_command_writes_a_picture(asymboot: Asymboot, picture: str, tmp_path: Path) -> None:
    result = asymboot("plot", picture, "bug", "-o", tmp_path / "one.svg")
    assert (result.exit_code, result.output) == (0, "")
    assert "<svg" in (tmp_path / "one.svg").read_text()


def test_the_command_draws_a_sweep(asymboot: Asymboot, swept: Path, tmp_path: Path) -> None:
    words: list[str | Path] = [
        "plot",
        "heat",
        swept,
        "--hazard",
        "kernel_panic",
        "--design",
        "brown-v4",
        "-o",
        tmp_path / "one.PNG",
    ]
    assert asymboot(*words).exit_code == 0
    assert asymboot(*words).stderr.strip().endswith("one.PNG: exists already")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["boot", "bug", "-o", "one.gif"], "one.gif: a picture is written as .png, .svg, .pdf"),
        (["boot", "bug", "-o", "one"], "one: a picture is written as"),
        (["boot", "bug", "-o", "nowhere/one.png"], "nowhere: is not a folder"),
        (["boot", "bug"], "Missing option '-o'"),
        (["picture", "bug", "-o", "one.png"], "'picture' is not one of"),
        (["boot", "nosuch.toml", "-o", "one.png"], "nosuch.toml"),
        (["boot", "bug", "--hazard", "x", "-o", "one.png"], "--hazard goes with plot heat only"),
        (["boot", "bug", "--x", "a", "--y", "b", "-o", "one.png"], "--x and --y go with plot heat only"),
        (["heat", "SWEPT", "-o", "one.png"], "a heat map needs --hazard"),
        (["heat", "SWEPT", "--hazard", "x", "-o", "one.png"], "there is no hazard 'x'"),
        (["heat", "SWEPT", "--hazard", "kernel_panic", "--x", "y", "-o", "one.png"], "there is no column 'y' to draw"),
        (["heat", "SWEPT", "--hazard", "out_of_bound_write", "-o", "one.png"], "did you mean 'out_of_bounds_write'?"),
        (
            ["heat", "SWEPT", "--hazard", "kernel_panic", "--x", "late_sve_bit", "-o", "one.png"],
            "did you mean 'late_sve",
        ),
        (
            ["heat", "SWEPT", "--hazard", "kernel_panic", "--kvm-mode", "none", "-o", "one.png"],
            "--kvm-mode goes with a scenario",
        ),
        (["heat", "bug", "--hazard", "kernel_panic", "-o", "one.png"], "bug is a scenario, not a sweep"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    asymboot: Asymboot, words: list[str], message: str, swept: Path, tmp_path: Path, *, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in asymboot.refused("plot", *(str(swept) if word == "SWEPT" else word for word in words))
    assert list(tmp_path.iterdir()) == []


def test_counts_suffice_for_a_heat_map_over_the_first_and_the_last_group(tmp_path: Path) -> None:
    sets = (0, 1, 3, 11)
    groups = (
        group_of("boot", sets[1:]),
        group_of("early", (3, 1)),
        group_of("last", sets, late=True, weights=(1, 2, 3, 4)),
    )
    for number, space in enumerate((Space(groups, "6.12"), Space((group_of("boot", sets, cpus=2),), "6.12"))):
        out = tmp_path / str(number)
        begun = run_sweep(space, out, keep=Keep.ALL, jobs=1).plan
        columns = ["last_sve_bits", "boot_sve_bits"] if number == 0 else ["boot_sve_bits", "max_vl_bits"]
        for x, y in (columns, columns[::-1]):
            for hazard in ("out_of_bounds_write", "host_denied_vl", "kernel_panic"):
                counts, rows = heat_counts(out, hazard, x, y), rows_counts(Folder.open(out), hazard, x, y)
                by = itemgetter(*SETTING, "x", "y")
                assert sorted(counts, key=by) == sorted(rows, key=by)
        assert begun.keep is Keep.ALL
    run_sweep(Space(groups, "6.12"), tmp_path / "counts", jobs=1)
    assert_tidy(plot_heat(tmp_path / "counts", "out_of_bounds_write"))
    with pytest.raises(InputError, match="kept counts, with which heat maps are over boot_sve_bits and last_sve"):
        plot_heat(tmp_path / "counts", "kernel_panic", x="early_sve_bits")


def test_counts_of_too_many_points_have_one_line_on_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asymboot: Asymboot
) -> None:
    monkeypatch.setattr(sweep_plan, "MOST_CELL_POINTS", 10)
    monkeypatch.setattr(sweep_estimate, "MOST_CELL_POINTS", 10)
    space = Space((group_of("boot", (1, 3, 11)), group_of("last", (0, 1, 3, 11), late=True)), "6.12")
    run_sweep(space, tmp_path / "counts", jobs=1)
    run_sweep(space, tmp_path / "all", keep="all", jobs=1)
    assert_tidy(plot_heat(tmp_path / "all", "out_of_bounds_write"))
    told = "12 points are counted without what heat maps need, as more than 10 are: for heat maps sweep with --sample N"
    drawn = asymboot.refused("plot", "heat", tmp_path / "counts", "--hazard", "kernel_panic", "-o", tmp_path / "x.svg")
    assert drawn == f"asymboot: {tmp_path / 'counts'}: {told}"
    of_map = "share of systems with: "
    assert of_map in sweep_page(tmp_path / "all")
    assert of_map not in sweep_page(tmp_path / "counts")
    (tmp_path / "space.toml").write_text(space_text(space), encoding="utf-8")
    begun = asymboot("sweep", tmp_path / "space.toml", "-o", tmp_path / "begun", "--jobs", "1")
    assert begun.stderr.splitlines()[0] == told
    kept = asymboot("sweep", tmp_path / "space.toml", "-o", tmp_path / "kept", "--jobs", "1", "--keep", "all")
    assert told not in kept.stderr
    assert told in " ".join(asymboot("space", tmp_path / "space.toml").stdout.split())


def test_a_topology_of_known_cores_is_coloured_by_core() -> None:
    mixed = scenario_from_text(
        '[topology]\ncpus = [{ core = "arm,cortex-a55" }, { core = "arm,neoverse-v1" }, { core = "arm,cortex-a55" }]\n'
    )
    picture = plot_topology(mixed)
    assert_tidy(picture)
    assert {"arm,cortex-a55", "arm,neoverse-v1", "SVE to 256 bits", "no SVE"} <= {text for text, _ in boxes(picture)}


@pytest.mark.parametrize("cpus", [4, 16, 64, 1024])
def test_labels_of_the_time_axis_have_a_gap_between_them(cpus: int) -> None:
    made = plot_boot(boot(Scenario(Topology.of([[128]] * cpus), kernel="6.12")))
    made.draw_without_rendering()
    labels = [label.get_window_extent() for label in made.axes[0].get_xticklabels()]
    gap_in = min(after.x0 - before.x1 for before, after in pairwise(labels)) / made.dpi
    assert gap_in > 0.075


def test_lengths_that_no_cpu_has_are_not_drawn() -> None:
    with pytest.raises(InputError, match="lengths cannot be drawn: no CPU has SVE or SME"):
        plot_lengths(boot(read_scenario("big-little")))


def test_the_legend_of_a_boot_leaves_out_what_takes_no_time() -> None:
    guests = [Span(0, SpanKind.GUEST, 5, 5), Span(0, SpanKind.ONLINE, 0, 9)]
    handles = timeline_picture._handles(Timeline(guests, [], 9), has_path=False)
    assert [one.get_label() for one in handles] == ["online"]


def test_pictures_are_as_narrow_as_is_asked() -> None:
    bug = boot(read_scenario(find(Path("bug"))))
    many = Topology(tuple(cpu(f"cpu{n}", [128], clusters=(f"cluster{n // 16}",)) for n in range(64)))
    pictures = (
        plot_buffers(bug, width_in=6.3),
        plot_designs(compare(bug.scenario), width_in=6.3),
        plot_topology(many, width_in=6.3),
    )
    for picture in pictures:
        assert_tidy(picture)
        assert picture.get_size_inches()[0] <= 6.35


def test_the_legend_of_lengths_lists_what_occurs() -> None:
    def legend(name: str) -> set[str]:
        return {text for text, _ in boxes(plot_lengths(boot(read_scenario(name))))} & set(labels)

    labels = {state.value[0]: state for state in Cell}
    assert {labels[text] for text in legend("symmetric-2048")} == {Cell.SHARED}
    assert {labels[text] for text in legend("bug")} == {Cell.SHARED, Cell.HIDDEN, Cell.ABSENT}
    assert Cell.MISSING in {labels[text] for text in legend("late-cpu-refused")}
