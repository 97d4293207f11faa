"""Tests of reports in a real browser: a page fetches nothing, logs no error, and can be used by keyboard."""

import re
import shutil
import sys
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zlib import decompress

import pytest
from markupsafe import escape
from playwright.sync_api import Browser, Page, sync_playwright

from sim.boot_run import boot
from sim.explore.exploration import explore_orders
from sim.explore.schedule_run import follow
from sim.facts import CpuState
from sim.files.mixture_file import mixture_space, mixtures_from_data
from sim.files.scenario_file import read_scenario, scenario_from_text
from sim.files.shipped_scenarios import find, shipped
from sim.files.space_file import read_space
from sim.outcome import Outcome
from sim.plot.timeline_picture import path_of
from sim.report.boot_frames import Frames
from sim.report.hazard_origin import origin
from sim.report.mixture_cells import verdict
from sim.report.page import boot_page, sweep_page
from sim.scenario import Action, Do, KvmMode, Relay, Scenario
from sim.show.mixture_text import first_examples
from sim.show.sweep_text import percent
from sim.study.system_space import Group, Space
from sim.sweep.mixture_folder import MixtureFolder
from sim.sweep.mixture_plan import MixturePlan
from sim.sweep.mixture_summary import read_mixtures
from sim.sweep.mixture_sweep import sweep_mixtures
from sim.sweep.parted_plan import Keep
from sim.sweep.row_scenario import scenario_of_row
from sim.sweep.sweep_run import run_sweep
from sim.sweep.sweep_summary import read_summary
from sim.timeline import hazard_marks, timeline
from sim.topology import Topology, cpu
from sim.vectors import VectorType, bits_from_vqs
from tests.command_line import Asymboot
from tests.systems import A64FX, V1, cpu_of, guest, under_pkvm

CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 180_000
"""The wait for a page, since a machine may be busy with much else."""
SIZES = [(1280, 800), (820, 1180), (390, 844)]
SHOWN = list(zip(SIZES, ["light", "dark", "light"], strict=True))
"""The sizes and schemes in which every page is shown; `MORE` has the others."""
MORE = list(zip(SIZES, ["dark", "light", "dark"], strict=True))
COVERS = """[...document.querySelectorAll('.legend li')].filter(one => {
  one.scrollIntoView({ block: 'center' });
  const box = one.getBoundingClientRect();
  const there = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return !one.contains(there) || box.right > innerWidth;
}).map(one => one.textContent)"""
"""The entries of the legend that something covers, or that the screen cuts off."""
CUT = """[...document.querySelectorAll('table')].filter(one => {
  const box = one.parentElement;
  return one.offsetParent && box.scrollWidth > box.clientWidth;
}).map(one => one.textContent.trim().slice(0, 200))"""
"""The tables that are wider than the box around them."""
ENDS = {
    CpuState.ONLINE: {"online"},
    CpuState.OFFLINE: {"off"},
    CpuState.REFUSED: {"refused"},
    CpuState.NOT_STARTED: {"CPU_ON"},
    CpuState.LOST: {"lost", "dies", "comes"},
}
"""The first words of the states in which the player leaves CPUs, by their state at the end."""
MOST_BYTES = 1_500_000
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: make system-deps installs it")
MARKUP = "<img src=x onerror=window.hit=1><script>window.hit=1</script><b>bold</b> &lt; {{ 7 * 7 }} $x$"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report of each kind."""
    folder = tmp_path_factory.mktemp("pages")
    space = Path(__file__).parents[2] / "topologies" / "spaces" / "late-cpu.toml"
    run_sweep(read_space(space), folder / "out", keep=Keep.ALL, jobs=1)
    made = {
        "bug": boot_page(booted("bug")),
        "phone": boot_page(booted("phone")),
        "markup": boot_page(boot(marked_up())),
        "features": boot_page(boot(read_scenario(find(Path("big-little"))))),
        "sweep": sweep_page(folder / "out"),
        "mixtures": mixtures_page(folder),
    }
    for name, page in made.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


def mixtures_page(folder: Path) -> str:
    """The report of a sweep over mixtures of cores, of which one is named by markup."""
    cores = ["arm,cortex-a55", {"core": "arm,cortex-a76", "name": MARKUP[:60]}, "arm,neoverse-v1"]
    space = mixtures_from_data({"name": "some cores", "cores": cores, "clusters": 3, "kernels": ["6.12", "7.3"]})
    sweep_mixtures(space, folder / "mixtures", jobs=1)
    return sweep_page(folder / "mixtures", "asymboot report mixtures -o sweep.html")


def booted(name: str) -> Outcome:
    """The outcome of a scenario that ships."""
    return boot(read_scenario(find(Path(name))), history=True)


def marked_up() -> Scenario:
    """A scenario whose names are markup."""
    cpus = (cpu("cpu0", V1, clusters=(MARKUP[:60].replace("/", "|"),)), cpu(f"c{MARKUP[:50]}", A64FX, late=True))
    actions = (
        Action(Do.ONLINE, cpus[1].name, agent=MARKUP[:60]),
        Action(Do.GUEST, cpus[1].name, guest=MARKUP[:60], agent=MARKUP[:60]),
    )
    return Scenario(
        Topology(cpus),
        name=MARKUP,
        kernel="6.11",
        kvm_mode=KvmMode.PROTECTED,
        relay=Relay.RELAXED,
        actions=actions,
    )


class Opened:
    """A page in the browser, with the messages and the requests since it was opened."""

    def __init__(self, browser: Browser, file: Path, size: tuple[int, int] = SIZES[0], scheme: str = "light") -> None:
        self.messages: list[str] = []
        self.asked: list[str] = []
        self.page: Page = browser.new_page(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("dialog", lambda dialog: self.messages.append(dialog.message))
        self.page.on("request", lambda request: self.asked.append(request.url.split(":")[0]))
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.goto(file.as_uri())
        self.page.wait_for_selector("html[data-ready]", state="attached")

    def __enter__(self) -> Page:
        return self.page

    def __exit__(self, *_: object) -> None:
        self.page.close()


@needs_browser
@pytest.mark.parametrize(("size", "scheme"), [*SHOWN, *(pytest.param(*size, marks=pytest.mark.slow) for size in MORE)])
@pytest.mark.parametrize("name", ["bug", "phone", "markup", "features", "sweep", "mixtures"])
def test_a_page_fetches_nothing_says_nothing_and_fits(
    name: str, size: tuple[int, int], scheme: str, browser: Browser, pages: dict[str, Path]
) -> None:
    opened = Opened(browser, pages[name], size, scheme)
    with opened as page:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.evaluate(CUT) == []
        broken = page.evaluate("[...document.images].filter(one => !one.complete || !one.naturalWidth).length")
        assert broken == 0
        assert page.evaluate(COVERS) == []
        pictures_shrink_to_the_screen_as_far_as_they_can_be_read(page)
    assert opened.messages == []
    assert set(opened.asked) <= {"file", "data", "blob"}


def pictures_shrink_to_the_screen_as_far_as_they_can_be_read(page: Page) -> None:
    widths = page.locator("figure img").evaluate_all(
        "all => all.map(one => [one.clientWidth, one.closest('.wide').clientWidth, +one.getAttribute('width')])"
        ".filter(([shown]) => shown)"
    )
    assert widths
    for shown, box, drawn in widths:
        assert shown == pytest.approx(min(drawn, max(box, 0.58 * drawn)), abs=1)
    titles = page.locator("figcaption")
    assert titles.evaluate_all("all => all.every(one => one.scrollWidth <= one.clientWidth)")


@needs_browser
def test_pictures_of_a_boot_fit_on_a_phone(browser: Browser, pages: dict[str, Path], tmp_path: Path) -> None:
    many = tmp_path / "many.html"
    cpus = tuple(
        cpu(f"cpu{n}", V1 if n < 48 else A64FX, clusters=(f"package{n // 32}", f"cluster{n // 16}")) for n in range(64)
    )
    scenario = Scenario(Topology(cpus), kernel="6.11", kvm_mode=KvmMode.PROTECTED, actions=(Action(Do.GUEST, "cpu60"),))
    many.write_text(boot_page(boot(scenario)), encoding="utf-8")
    for file in (pages["bug"], many):
        with Opened(browser, file, (390, 844)) as page:
            boxes = page.locator("figure .wide:visible")
            assert boxes.count() > 3
            assert boxes.evaluate_all("all => all.every(one => one.scrollWidth <= one.clientWidth)")


@needs_browser
def test_above_64_cpus_the_player_names_those_that_act(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "server.html"
    file.write_text(boot_page(booted("server-1024")), encoding="utf-8")
    with Opened(browser, file) as page:
        page.locator("[data-part=forward]").click()
        assert "Now: cpu0 online, cpu1 CPU_ON until it arrives" in page.locator("[data-part=counts]").inner_text()
        page.locator("[data-part=first]").click()
        assert "cpu1 " not in page.locator("[data-part=counts]").inner_text()


@needs_browser
def test_cards_can_be_sorted(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["sweep"], (390, 844)) as page:
        first = page.locator("#hazards ~ .dt-container table tbody tr").first
        before = first.inner_text()
        choice = page.locator("#hazards ~ .dt-container .sorter select")
        assert choice.is_visible()
        choice.select_option(label="hazard, from the end")
        assert first.inner_text() != before
        choice.select_option(label="its own order")
        page.set_viewport_size({"width": 1280, "height": 800})
        page.wait_for_selector("#hazards ~ .dt-container table:not(.cards)")
        assert not choice.is_visible()


@needs_browser
def test_heat_maps_fit_on_a_phone(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["sweep"], (390, 844)) as page:
        boxes = page.locator("#maps ~ figure .wide")
        assert boxes.count() > 3
        assert boxes.evaluate_all("all => all.every(one => one.scrollWidth <= one.clientWidth)")


def test_titles_of_pictures_are_text_of_the_page(pages: dict[str, Path]) -> None:
    page = pages["bug"].read_text(encoding="utf-8")
    drawn = [decompress(b64decode(one)).decode() for one in re.findall('data-svg="([^"]*)"', page)]
    titles = re.findall("<figcaption><strong>(.*?)</strong> (.*?)</figcaption>", page)
    assert len(titles) == 4
    assert len(drawn) == 5  # the buffers twice: once for the screen of a phone
    assert "hypothetical: no system known to us mixes lengths like this" in titles[-1][1]
    for title, _ in titles:
        assert not any(f"<!-- {title} -->" in svg for svg in drawn)


@needs_browser
def test_names_are_text(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["markup"]) as page:
        assert page.inner_text("h1") == MARKUP
        assert page.title().startswith(MARKUP)
        assert page.evaluate("window.hit === undefined")
        assert page.locator("main img:not(picture img), main b, main script:not([type])").count() == 0
        lanes = page.locator("#timeline-figure .lane").all_text_contents()
        assert any("<img src=x" in lane for lane in lanes)
        page.get_by_role("button", name="to the end").click()
        assert "<img src=x" in page.inner_text("[data-part=told]") + page.inner_text("[data-part=cpus]")
        assert "{{ 7 * 7 }}" in page.inner_text("body")


@needs_browser
def test_the_log_can_be_filtered_by_keyboard(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["bug"]) as page:
        rows = page.locator("table.log tbody tr")
        every = rows.count()
        page.get_by_role("searchbox").or_(page.get_by_label("Search:")).first.focus()
        page.keyboard.type("vector length")
        assert 0 < rows.count() < every
        assert all("vector length" in row for row in rows.all_inner_texts())


@needs_browser
def test_the_timeline_is_zoomed_by_keyboard_and_has_details_to_point_at(
    browser: Browser, pages: dict[str, Path]
) -> None:
    with Opened(browser, pages["bug"]) as page:
        figure = page.locator("#timeline-figure")
        whole = shown(page)
        page.get_by_role("button", name="user space", exact=True).focus()
        page.keyboard.press("Enter")
        page.wait_for_function("document.querySelector('button[aria-pressed=true]').textContent === 'user space'")
        near = shown(page)
        assert whole[0] < near[0] < near[1] <= whole[1]
        page.get_by_role("button", name="zoom in", exact=True).press("Enter")
        nearer = shown(page)
        assert nearer[1] - nearer[0] == pytest.approx((near[1] - near[0]) / 2)
        for _ in range(6):
            figure.press("+")
            figure.press("ArrowRight")
        assert page.locator("button[aria-pressed=true]").count() == 0
        far = shown(page)
        assert whole[0] <= far[0] < far[1] <= whole[1]
        assert far[1] - far[0] < nearer[1] - nearer[0]
        figure.press("Home")
        page.wait_for_function("document.querySelector('button[aria-pressed=true]').textContent === 'all'")
        assert figure.locator("line.tick").count() > 3
        assert figure.locator(".length").all_text_contents() == ["400 ms", "30 ms", "20 ms"]
        figure.locator("rect[fill='#56b4e9']").first.hover()
        assert page.inner_text("#timeline-tooltip") == "cpu1: CPU_ON until it arrives\n0.000100 to 0.000320 s, 220 us"


def shown(page: Page) -> list[float]:
    """The part of the time axis that the timeline shows."""
    found: list[float] = page.evaluate("JSON.parse(document.getElementById('timeline-figure').dataset.range)")
    return found


@needs_browser
def test_a_mouse_drags_over_what_to_zoom_to(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["bug"]) as page:
        figure = page.locator("#timeline-figure")
        figure.scroll_into_view_if_needed()
        whole, box = shown(page), figure.bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2
        page.mouse.move(box["x"] + box["width"] / 2, middle)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.75, middle, steps=4)
        page.mouse.up()
        near = shown(page)
        assert whole[0] < near[0] < near[1] < whole[1]
        page.mouse.dblclick(box["x"] + box["width"] / 2, middle)
        assert shown(page) == pytest.approx(whole)


def test_the_keys_of_the_timeline_and_the_player_are_on_the_page() -> None:
    page = boot_page(boot(read_scenario("bug")))
    shown = re.sub(r"<[^>]*>", "", page)
    assert "Keys, after a click into this box: Space plays and pauses, left and right step" in shown
    assert "Keys, after a click into the timeline: left and right move it" in shown


@needs_browser
def test_a_boot_is_watched_by_keyboard(browser: Browser, pages: dict[str, Path]) -> None:
    opened = Opened(browser, pages["bug"], SIZES[2], "dark")
    with opened as page:
        box = page.get_by_role("group", name="Player. Space plays")
        box.focus()
        assert box.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
        states = page.locator("[data-part=cpus] li span")
        assert states.all_inner_texts() == ["probing", "off"]
        for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
            page.keyboard.press(key)
        assert box.get_attribute("data-frame") == "1"
        assert states.all_inner_texts() == ["online", "CPU_ON until it arrives"]
        lines = page.locator(".player-log div:not([hidden])")
        before = lines.count()
        maps = page.locator("[data-part=record] tbody tr", has_text="vq_partial_map").locator("td").first
        assert maps.inner_text() == "{128,256}"  # cpu1 is not counted yet
        page.keyboard.press("End")
        assert maps.inner_text() == "{128,256,512}"
        assert lines.count() > before
        assert states.all_inner_texts() == ["online", "online, hazard"]
        assert page.locator("[data-part=slider]").get_attribute("aria-valuetext") == "0.451224 s, step 12 of 12"
        page.keyboard.press("Home")
        assert lines.count() == 3
        page.locator("[data-part=speed]").select_option("64")
        box.press(" ")
        page.wait_for_selector("#player-box[data-frame='11']")
        assert page.inner_text("[data-part=play]") == "play"  # it stops at the end
        assert page.locator("#timeline-figure .cursor").get_attribute("visibility") == "visible"
    assert opened.messages == []


@needs_browser
def test_a_boot_is_watched_by_touch(browser: Browser, pages: dict[str, Path]) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(pages["phone"].as_uri())
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="step", exact=True).tap()
    assert page.locator("#player-box").get_attribute("data-frame") == "1"
    for button in page.locator("#player-box button").all():
        size = button.bounding_box()
        assert size is not None
        assert size["height"] >= 44
    page.get_by_role("button", name="play", exact=True).tap()
    page.wait_for_selector("#player-box[data-frame='3']")
    page.get_by_role("button", name="pause", exact=True).tap()
    page.locator("#timeline-figure rect[data-span]").first.tap()
    assert page.inner_text("#timeline-tooltip").startswith("cpu0: online\n0.000100 to ")
    context.close()


@needs_browser
def test_capabilities_fill_in_while_a_boot_is_watched(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "features.html"
    file.write_text(boot_page(booted("big-little")), encoding="utf-8")
    with Opened(browser, file) as page:
        before = int(page.inner_text("[data-part=capability-count]"))
        page.get_by_role("button", name="to the end").click()
        after = int(page.inner_text("[data-part=capability-count]"))
        assert before < after == page.locator("[data-part=capabilities] li").count()


@needs_browser
def test_a_hazard_leads_to_its_event(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["bug"]) as page:
        page.locator(".hazards a").first.press("Enter")
        assert page.locator("tr:target").inner_text().split("\t")[2:] == [
            "save",
            "EL2 begins to save the host's registers on cpu1: 512 bits",
        ]
        assert page.locator("tr:target").is_visible()


@needs_browser
def test_everything_can_be_reached_by_tab(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["phone"]) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        reached = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("document.activeElement.textContent.trim()"))
        assert {"Hazards", "Timeline", "all", "zoom in", "right", "play", "step", "Events"} <= reached


@needs_browser
def test_dark_is_dark_and_print_is_light_and_whole(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["phone"], scheme="dark") as page:
        background = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(background) == "rgb(22, 25, 29)"
        dark = page.evaluate("document.querySelector('picture img').currentSrc")
        ink = "getComputedStyle(document.querySelector('#timeline-figure text')).fill"
        assert page.evaluate(ink) == "rgb(230, 232, 234)"
        page.emulate_media(media="print")
        assert page.evaluate(background) == "rgb(254, 254, 254)"
        # The browser chooses a picture's source after it has applied the style.
        page.wait_for_function("dark => document.querySelector('picture img').currentSrc !== dark", arg=dark)
        assert page.evaluate("document.querySelector('picture img').currentSrc") != dark
        assert page.evaluate(ink) == "rgb(26, 26, 26)"
        assert not page.locator("nav").is_visible()
        body = page.locator(".dt-layout-table > div").first
        assert body.evaluate("one => one.scrollHeight <= one.clientHeight + 1")
        assert page.pdf().startswith(b"%PDF")


@needs_browser
def test_a_table_that_does_not_fit_shows_each_row_as_a_card(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["sweep"], (390, 844)) as page:
        table = page.locator("#hazards ~ .dt-container table")
        first = table.locator("tbody tr").first
        headed = "row => [...row.cells].map(one => `${one.dataset.heading}: ${one.textContent}`)"
        assert first.evaluate(headed)[:3] == [
            "design: v6.11",
            "relay: enforcing",
            "hazard: hypervisor panic",
        ]
        assert first.evaluate("row => getComputedStyle(row).display") == "grid"
        page.set_viewport_size({"width": 1280, "height": 800})
        page.wait_for_selector("#hazards ~ .dt-container table:not(.cards)")
        assert first.evaluate("row => getComputedStyle(row).display") == "table-row"


@needs_browser
@pytest.mark.parametrize("name", ["bug", "phone", "features"])
def test_words_on_a_narrow_timeline_are_whole_and_apart(browser: Browser, pages: dict[str, Path], name: str) -> None:
    with Opened(browser, pages[name], (390, 844)) as page:
        figure = page.locator("#timeline-figure")
        assert [text for text in figure.locator(".name, .length").all_text_contents() if "…" in text] == []
        assert figure.locator(".length").count() > 0
        cut = figure.locator(".length").evaluate_all(
            """all => {
              const svg = all[0].ownerSVGElement.getBoundingClientRect();
              const boxes = all.map(one => one.getBoundingClientRect()).sort((one, other) => one.left - other.left);
              const apart = boxes.every((box, place) => place === 0 || boxes[place - 1].right < box.left);
              return !apart || boxes.some(box => box.right > svg.right || box.left < svg.left)
                || all.some(one => one.closest('[clip-path]'));
            }"""
        )
        assert not cut


@needs_browser
def test_a_guest_that_is_narrower_than_a_pixel_can_be_seen(browser: Browser, tmp_path: Path) -> None:
    visits = tuple(Action(Do.GUEST, "cpu1") for _ in range(300))
    file = tmp_path / "guests.html"
    file.write_text(boot_page(boot(replace(read_scenario("bug"), actions=visits))), encoding="utf-8")
    with Opened(browser, file, (390, 844)) as page:
        page.locator("#timeline-figure").scroll_into_view_if_needed()
        guests = page.locator("#timeline-figure rect[fill='#cc79a7']")
        assert guests.count() > 10
        hidden = guests.evaluate_all(
            """all => all.filter(one => {
              const box = one.getBoundingClientRect();
              return document.elementFromPoint(box.left + 0.5, box.top + 2).getAttribute('fill') !== '#cc79a7';
            }).length"""
        )
        assert hidden == 0


# Without a browser


def test_a_sweeps_columns_have_headings_in_words(pages: dict[str, Path]) -> None:
    page = pages["sweep"].read_text(encoding="utf-8")
    headings = re.findall(r"<th>(.*?)</th>", page)
    assert headings[:6] == ["design", "relay", "hazard", "systems", "share", "first row"]
    assert headings[6:10] == ["smallest row", "worst row", "underrun, bytes", "overrun, bytes"]
    assert headings[10:] == ["VLs of the smallest row, bits"]
    assert "<dd>every point: 625 points</dd>" in page
    assert not {"<th>draws</th>", "a sample"} & set(re.findall(r"<th>draws</th>|a sample", page))
    assert "<p>Every row: KVM mode protected, memory adjacent.</p>" in page
    assert "<td>early0 {128}, early1 {128}, early2 {128,256}, late {128}</td>" in page
    assert "<td>out-of-bounds write</td>" in page
    assert "hazards under 9 of 16 settings, worst: kernel panic" in page
    assert '<td data-order="0.576" class="number">57.60 %</td>' in page
    assert 'class="number">2,000</td>' in page
    assert "asymboot sweep space.toml -o out --keep all" in page


def test_the_worst_row_of_a_sweep_has_its_lengths(pages: dict[str, Path]) -> None:
    page = pages["sweep"].read_text(encoding="utf-8")
    summary = read_summary(pages["sweep"].parent / "out")
    worst = next(row["worst_row"] for row in summary.hazard_rows if row["worst_row"] not in {None, row["smallest_row"]})
    booted = scenario_of_row(pages["sweep"].parent / "out", worst).topology.cpus
    shown = re.search(rf'<td data-order="{worst}" class="number">.*?<td>[^<]*; worst: ([^<]*)</td></tr>', page)
    assert shown is not None
    lengths = re.findall(r"\{(.*?)\}", shown[1])
    assert lengths == [",".join(map(str, bits_from_vqs(one.vqs(VectorType.SVE) or 0))) for one in booted]


def test_heat_maps_of_counts_need_no_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sets = [[128], [128, 256]]
    space = Space((Group("early", sets), Group("late", sets, late=True)), "6.11", relays=(Relay.RELAXED,))
    run_sweep(space, tmp_path / "out", jobs=1)
    monkeypatch.setitem(sys.modules, "pandas", None)  # whose import takes half as long as all pictures
    assert "<figure>" in sweep_page(tmp_path / "out")


def test_a_report_of_a_sample_says_what_it_counts(tmp_path: Path) -> None:
    space = Space((Group("boot", [[128], [128, 256]]), Group("late", [[128], [128, 512]], late=True)), "6.11")
    run_sweep(space, tmp_path / "out", sample=50, seed=3, jobs=1)
    page = sweep_page(tmp_path / "out")
    assert "<dd>a sample, seed 3: 50 draws from 4 points</dd>" in page
    assert "<th>draws</th>" in page
    assert "<th>systems</th>" not in page
    assert "All numbers are of the draws: a point that no draw met is not counted" in page
    assert re.search(r"hazards under \d+ of 16 settings, worst: [a-z ]+ in a sample<", page)
    pairs = mixture_space(["arm,cortex-a55", "arm,cortex-a76"])
    sweep_mixtures(pairs, tmp_path / "mixed", sample=9, seed=3, jobs=1)
    mixed = sweep_page(tmp_path / "mixed")
    assert f"<dd>9 of 9 draws from {pairs.points} mixtures, seed 3</dd>" in mixed
    assert "<th>draws</th>" in mixed
    assert "<th>mixtures</th>" not in mixed


def filled(page: str) -> str:
    """Return a page with its packed blocks filled, as the browser fills them."""
    return re.sub(' data-packed="([^"]*)">', lambda block: f">{decompress(b64decode(block[1])).decode()}", page)


def test_a_page_of_many_cpus_with_long_names_is_small() -> None:
    every = tuple(cpu(f"a-cpu-whose-name-is-very-long-{number}", V1) for number in range(1024))
    page = boot_page(boot(Scenario(Topology(every), kernel="6.12")))
    assert len(page.encode()) <= MOST_BYTES / 2
    assert "CPU_ON for cpu9 (a-cpu-whose-name-is-very-long-9) is answered: SUCCESS" in filled(page)


def test_a_page_of_64_cpus_has_its_tables_without_a_program() -> None:
    page = boot_page(boot(Scenario(Topology.of([[128]] * 64), kernel="6.12")))
    assert "data-packed=" not in page
    assert "CPU63: Booted secondary processor" in page


@needs_browser
def test_long_blocks_are_filled_by_the_browser(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "server.html"
    file.write_text(boot_page(booted("server-1024")), encoding="utf-8")
    with Opened(browser, file) as page:
        assert page.locator("#events ~ .scrolled tbody tr").count() > 4000
        assert page.locator("table.log tbody tr").count() > 700
        text = page.locator("#reproduce-file").evaluate("one => one.textContent")
        assert scenario_from_text(text) == booted("server-1024").scenario
        page.locator(".hazards a").first.press("Enter")
        assert "cpu768 is refused: SVE" in page.locator("tr:target").inner_text()


def test_a_sweep_over_mixtures_has_its_outcomes_maps_and_examples(pages: dict[str, Path]) -> None:
    page = pages["mixtures"].read_text(encoding="utf-8")
    folder = pages["mixtures"].parent / "mixtures"
    summary = read_mixtures(folder)
    total = summary.total("7.3")
    assert f"nothing happens in {total.fine} of 24 mixtures; " in page
    assert page.count("<picture>") == len({one.outcome for one in summary.record.examples})
    assert f"<td>{percent(total.refused / 24)}".replace(" ", "\N{NO-BREAK SPACE}") in page
    for one in first_examples(summary):
        assert f"<code>asymboot run {folder}:{one.row}</code>" in page
        assert boot(scenario_of_row(folder, one.row)).scenario.kernel == one.kernel
    assert {one.name for one in summary.record.lost} <= set(re.findall(r'<th scope="row">(.*?)</th>', page))
    assert "asymboot sweep space.toml -o out --keep counts" in page
    assert MARKUP[:60] not in page


def test_the_verdict_on_mixtures_is_one_line(tmp_path: Path) -> None:
    alike = {"cores": ["arm,cortex-a55", {"core": "arm,cortex-a55", "name": "other"}], "kernels": ["6.12"]}
    assert verdict(sweep_mixtures(mixtures_from_data(alike))) == ("nothing happens in any of 4 mixtures", True)
    pairs = sweep_mixtures(mixture_space(["arm,cortex-a55", "arm,cortex-a76"], kernels=["6.12", "7.3"]))
    assert verdict(pairs).text.startswith("Linux 6.12 and every other kernel: nothing happens in ")
    begun = MixtureFolder.create(tmp_path / "out", MixturePlan(pairs.space))
    assert "no part of the sweep is done: asymboot sweep --resume computes it" in sweep_page(begun.path)


@pytest.mark.parametrize("file", shipped(), ids=lambda one: one.stem)
def test_a_page_is_small_and_reproduces_its_boot(file: Path) -> None:
    outcome = boot(read_scenario(file))
    page = boot_page(outcome, "asymboot report x.toml -o x.html")
    assert len(page.encode()) <= MOST_BYTES
    assert f">{escape(outcome.verdict)}</p>" in page
    assert "<code>asymboot report x.toml -o x.html</code>" in page
    assert f"asymboot {version('asymboot')} wrote this page" in page
    text = re.search('id="reproduce-file" tabindex="0">(.*?)</pre>', filled(page), re.DOTALL)
    assert text is not None
    assert scenario_from_text(unescape(text[1])) == outcome.scenario
    the_causes_of_an_event_are_told_once(page, outcome)


def the_causes_of_an_event_are_told_once(page: str, outcome: Outcome) -> None:
    told = re.findall(
        r'<p class="origin">At [0-9.]+ s\s+(?:<a href="#event-\d+">)?event (\d+)(?:</a>)?\s+causes it(:|,)', page
    )
    assert [int(event) for event, _ in told] == [hazard.event for hazard in outcome.found]
    full = [event for event, sign in told if sign == ":"]
    assert full == list(dict.fromkeys(event for event, _ in told))


def test_a_page_calls_cpus_by_number_and_name() -> None:
    page = unescape(
        boot_page(
            boot(
                scenario_from_text(
                    "[kernel]\nseries = '6.12'\n[topology]\nboot_cpu = 'm2'\ncpus = ["
                    "{ name = 'm0', core = 'arm,cortex-a55' }, { name = 'm1', core = 'arm,cortex-a55' }, "
                    "{ name = 'm2', core = 'arm,cortex-a76' }]\n"
                )
            )
        )
    )
    for told in (
        "<th>cpu1-2 (m0 to m1), arm,cortex-a55 [0x412fd050]</th>",
        "<td>cpu1-2 (m0 to m1)</td></tr>",
        "<tr><td>cpu0 (m2)</td><td>ID_AA64PFR0_EL1.CSV2</td>",
    ):
        assert told in page


def test_a_page_leaves_out_settings_that_do_not_apply() -> None:
    told = [re.findall("<dt>(.*?)</dt>", boot_page(booted(name))) for name in ("bug", "server-1024")]
    assert told == [
        ["kernel", "KVM mode", "design", "relay", "memory", "page size", "seed", "command line", "CPUs"],
        ["kernel", "KVM mode", "page size", "seed", "command line", "CPUs"],
    ]


def test_a_page_leaves_out_vector_types_that_the_system_lacks() -> None:
    bug, plain = boot_page(booted("bug")), boot_page(booted("big-little"))
    assert re.findall("<thead><tr><th>field</th>(.*?)</tr>", bug) == ["<th>SVE</th>"]
    assert "No vector lengths: the system has neither SVE nor SME." in plain
    assert "CPUs by vector lengths" not in plain
    assert watched_types(booted("bug")) == ["SVE"]
    assert watched_types(booted("big-little")) == []


def watched_types(outcome: Outcome) -> object:
    """The vector types whose record the player shows."""
    return Frames(outcome, timeline(outcome), None).data(1)["types"]


def test_a_scenario_that_no_file_can_hold_has_a_page() -> None:
    page = boot_page(boot(Scenario(Topology((cpu("cpu0", V1, clusters=("a",)), cpu("cpu1", V1))))))
    assert "No file can hold what it computed." in page


def test_events_say_what_acts_on_which_cpu_by_number_and_name() -> None:
    # The boot CPU is the second of the file, so that numbers and names differ.
    guests = (Action(Do.ONLINE, "cpu2"), Action(Do.GUEST, "cpu2"))
    topology = replace(Topology.of([V1, A64FX, A64FX], late=["cpu2"]), boot_cpu="cpu1")
    scenario = Scenario(topology, kernel="6.11", kvm_mode=KvmMode.PROTECTED, relay=Relay.RELAXED, actions=guests)
    outcome = boot(scenario, history=True)
    page = unescape(boot_page(outcome))
    assert "<td>cpu1 (cpu0) arrives: takes the idle task of cpu1 (cpu0)</td>" in page
    assert "<td>the kernel takes the hotplug lock for cpu1 (cpu0)</td>" in page
    assert "None</td>" not in page
    told = Frames(outcome, timeline(outcome), None).data(1)["frames"]
    assert "CPU_ON for cpu1 (cpu0) is answered: SUCCESS" in str(told)
    assert "for cpu1 (cpu0)" in [span.detail for span in timeline(outcome).spans]
    led = unescape(re.sub(r"\s+", " ", re.sub("<[^>]*>", "", boot_page(booted("bug")))))
    assert "At 0.450720 s event 14 causes it: EL2 begins to save the host's registers on cpu1: 512 bits." in led
    assert "user space begins; cpu1 enters a guest: guest." in led


@pytest.mark.parametrize(
    "name",
    ["late-cpu-refused", "late-arrival", "lost-at-resume", "suspend-resume", "spin-table", "el3-traps-sve", "bug"],
)
def test_frames_end_in_the_states_of_the_outcome(name: str) -> None:
    outcome = booted(name)
    states, frames = watched(outcome)
    for number, state in enumerate(states):
        assert state.partition(" ")[0] in ENDS[outcome.facts.state(number)], (number, state)
    assert frames[-1][4] == len(outcome.facts.log)
    assert frames[-1][5] == len(outcome.history or ()) - 1


def watched(outcome: Outcome) -> tuple[list[str], list[Any]]:
    """The states of all CPUs after the last frame, and the frames."""
    spans = timeline(outcome)
    spans.marks.extend(hazard_marks(outcome))
    data: dict[str, Any] = Frames(outcome, spans, None).data(1000)
    states = ["off" for _ in data["cpus"]]
    for frame in data["frames"]:
        for number, state, _ in frame[3]:
            states[number] = data["states"][state].name
    return states, data["frames"]


def test_a_panic_stays_on_the_cpu_that_panicked() -> None:
    outcome = boot(read_scenario(find(Path("bug"))).but(memory="isolated"))
    states, _ = watched(outcome)
    assert outcome.facts.panic is not None
    assert states[outcome.facts.panic.cpu] == "panic"


def test_the_history_is_what_the_simulator_counted() -> None:
    outcome = booted("bug")
    assert outcome.history is not None
    maps = [(known.lengths[0].vq_map, known.lengths[0].vq_partial_map) for known in outcome.history]
    assert maps == [(0b11, 0b11), (0b11, 0b1011), (0b11, 0b1011)]  # cpu1 has 512 bits too
    last, info = outcome.history[-1].lengths[0], outcome.facts.vectors[VectorType.SVE]
    assert (last.vq_map, last.max_vl_bytes, last.default_vl_bytes) == (
        info.vq_map,
        info.max_vl_bytes,
        info.default_vl_bytes,
    )


def test_a_boot_without_history_is_watched_by_booting_it_again() -> None:
    plain = boot(read_scenario(find(Path("bug"))))
    assert plain.history is None
    assert watched(plain) == watched(booted("bug"))


def test_a_page_tells_of_features_where_they_are_modelled(pages: dict[str, Path]) -> None:
    page = pages["features"].read_text(encoding="utf-8")
    for words in (
        'id="features"',
        "ID_AA64PFR0_EL1.CSV3",
        "arm,cortex-a76",
        "HAS_VIRT_HOST_EXTN",
        "asimddp",
        "spec_store_bypass",
        "<dt>taint</dt>",
    ):
        assert words in page
    assert 'id="features"' not in pages["bug"].read_text(encoding="utf-8")


def test_a_page_of_a_kernel_that_never_starts_has_no_system_values() -> None:
    text = "[topology]\ncpus = [{ core = 'arm,cortex-a53' }, { core = 'arm,cortex-a76' }]\n[kernel]\nseries = '6.12'\n"
    page = boot_page(boot(scenario_from_text(text + "page_bytes = 16384")))
    assert "No field has a system's value: the kernel stopped before it read the boot CPU's ID registers." in page
    assert "<td>?</td>" not in page
    assert boot_page(boot(scenario_from_text(text))).count("the kernel stopped") == 0


def test_the_same_boot_gives_the_same_page() -> None:
    first, second = (boot_page(booted("bug")) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("file", shipped(), ids=lambda one: one.stem)
def test_every_hazard_comes_with_its_event(file: Path) -> None:
    outcome = boot(read_scenario(file))
    path = path_of(outcome)
    for hazard in outcome.found:
        found = origin(hazard, path)
        assert found is not None
        assert found.led[-1] == found.event
        event = outcome.facts.events[found.event]
        assert event.time_ns <= hazard.time_ns
        assert hazard.cpu is None or event.cpu == hazard.cpu


def test_a_schedule_and_a_huge_system_have_pages_too(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = under_pkvm(V1, A64FX, kernel="6.11", actions=(guest(1),)).scenario
    (found, *_) = explore_orders(scenario).found.values()
    assert "critical path" not in boot_page(follow(scenario, found.schedule)[0])
    monkeypatch.setattr("sim.report.page.MAX_SPANS", 400)
    monkeypatch.setattr("sim.report.page.MAX_ROWS", 300)
    huge = Topology(tuple(cpu_of(f"c{number}", 1) for number in range(101)))
    page = boot_page(boot(Scenario(huge)))
    assert "The first 300 of" in page
    assert 'id="timeline-figure"' not in page
    assert 'id="player-box"' in page
    monkeypatch.setattr("sim.report.page.MAX_FRAMES", 10)
    assert 'id="player-box"' not in boot_page(boot(Scenario(huge)))


def test_the_command_writes_a_page(asymboot: Asymboot, tmp_path: Path) -> None:
    words: list[str | Path] = [
        "report",
        "late-cpu-above-maximum",
        "--relay",
        "relaxed",
        "--design",
        "tabba",
        "-o",
        tmp_path / "a.html",
    ]
    assert asymboot(*words).exit_code == 0
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "out-of-bounds write" in page
    assert "asymboot report late-cpu-above-maximum --relay relaxed --design tabba -o" in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bug", "-o", "one.txt"], "one.txt: a report is written as .html"),
        (["bug", "-o", "nowhere/one.html"], "nowhere: is not a folder"),
        (["bug"], "Missing option '-o'"),
        (["nosuch.toml", "-o", "one.html"], "nosuch.toml"),
        ([".", "-o", "one.html"], "holds no sweep"),
        ([".", "--kvm-mode", "none", "-o", "one.html"], "--kvm-mode goes with a scenario only"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    asymboot: Asymboot, words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in asymboot.refused("report", *words)
    assert list(tmp_path.iterdir()) == []
