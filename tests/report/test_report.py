"""Tests of reports in a real browser: a page fetches nothing, logs no error, and can be used by keyboard."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from sim.boot_run import boot
from sim.explore.exploration import explore_orders
from sim.explore.schedule_run import follow
from sim.files.scenario_file import read_scenario
from sim.files.shipped_scenarios import find, shipped
from sim.files.space_file import read_space
from sim.plot.timeline_picture import path_of
from sim.report.hazard_origin import origin
from sim.report.page import boot_page, sweep_page
from sim.scenario import Action, Do, KvmMode, Relay, Scenario
from sim.sweep.sweep_plan import Keep
from sim.sweep.sweep_run import run_sweep
from sim.topology import Cpu, Topology, cpu
from tests.command_line import Asymboot
from tests.systems import A64FX, V1, guest, under_pkvm

CHROMIUM = shutil.which("chromium")
PATIENCE_MS = 180_000
"""The wait for a page, since a machine may be busy with much else."""
SIZES = [(1280, 800), (768, 1024), (375, 800)]
SHOWN = list(zip(SIZES, ["light", "dark", "light"], strict=True))
"""The sizes and schemes in which every page is shown; `MORE` has the others."""
MORE = list(zip(SIZES, ["dark", "light", "dark"], strict=True))
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
        "bug": boot_page(boot(read_scenario(find(Path("bug"))))),
        "phone": boot_page(boot(read_scenario(find(Path("phone"))))),
        "markup": boot_page(boot(marked_up())),
        "sweep": sweep_page(folder / "out"),
    }
    for name, page in made.items():
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in made}


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
@pytest.mark.parametrize("name", ["bug", "phone", "markup", "sweep"])
def test_a_page_fetches_nothing_says_nothing_and_fits(
    name: str, size: tuple[int, int], scheme: str, browser: Browser, pages: dict[str, Path]
) -> None:
    opened = Opened(browser, pages[name], size, scheme)
    with opened as page:
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        broken = page.evaluate("[...document.images].filter(one => !one.complete || !one.naturalWidth).length")
        assert broken == 0
    assert opened.messages == []
    assert set(opened.asked) <= {"file", "data", "blob"}


@needs_browser
def test_names_are_text(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["markup"]) as page:
        assert page.inner_text("h1") == MARKUP
        assert page.title().startswith(MARKUP)
        assert page.evaluate("window.hit === undefined")
        assert page.locator("main img:not(picture img), main b, main script:not([type])").count() == 1  # plotly's own
        lanes = page.locator("#timeline-figure .ytick").all_text_contents()
        assert any("<img src=x" in lane for lane in lanes)
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
        whole = page.evaluate("document.getElementById('timeline-figure').layout.xaxis.range.map(Number)")
        page.get_by_role("button", name="user space", exact=True).focus()
        page.keyboard.press("Enter")
        page.wait_for_function("document.querySelector('button[aria-pressed=true]').textContent === 'user space'")
        near = page.evaluate("document.getElementById('timeline-figure').layout.xaxis.range.map(Number)")
        assert whole[0] < near[0] < near[1] <= whole[1]
        page.get_by_role("button", name="zoom in", exact=True).press("Enter")
        nearer = page.evaluate("document.getElementById('timeline-figure').layout.xaxis.range.map(Number)")
        assert nearer[1] - nearer[0] == pytest.approx((near[1] - near[0]) / 2)
        for _ in range(6):
            page.get_by_role("button", name="zoom in", exact=True).press("Enter")
            page.get_by_role("button", name="right", exact=True).press("Enter")
        assert page.locator("button[aria-pressed=true]").count() == 0
        far = page.evaluate("document.getElementById('timeline-figure').layout.xaxis.range.map(Number)")
        assert whole[0] <= far[0] < far[1] <= whole[1]
        page.get_by_role("button", name="all", exact=True).press("Enter")
        page.wait_for_function("document.querySelector('button[aria-pressed=true]').textContent === 'all'")
        assert page.locator("#timeline-figure .xtick").count() > 3
        bar = page.locator("#timeline-figure .barlayer .trace").nth(1).locator("path").first
        bar.scroll_into_view_if_needed()
        bar.hover(force=True)
        page.wait_for_selector("#timeline-figure .hovertext")
        assert "CPU_ON until it arrives" in str(page.text_content("#timeline-figure .hoverlayer"))


@needs_browser
def test_a_hazard_leads_to_its_event(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["bug"]) as page:
        page.locator(".hazards a").first.press("Enter")
        assert page.locator("tr:target").inner_text().split("\t")[3].strip() == "save"
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
        assert {"Hazards", "Timeline", "all", "zoom in", "right", "Events"} <= reached


@needs_browser
def test_dark_is_dark_and_print_is_light_and_whole(browser: Browser, pages: dict[str, Path]) -> None:
    with Opened(browser, pages["phone"], scheme="dark") as page:
        background = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(background) == "rgb(22, 25, 29)"
        dark = page.evaluate("document.querySelector('picture img').currentSrc")
        page.emulate_media(media="print")
        assert page.evaluate(background) == "rgb(254, 254, 254)"
        # The browser chooses a picture's source after it has applied the style.
        page.wait_for_function("dark => document.querySelector('picture img').currentSrc !== dark", arg=dark)
        assert page.evaluate("document.querySelector('picture img').currentSrc") != dark
        assert not page.locator("nav").is_visible()
        body = page.locator(".dt-scroll-body").first
        assert body.evaluate("one => one.scrollHeight <= one.clientHeight + 1")
        assert page.pdf().startswith(b"%PDF")


# Without a browser


def test_a_sweeps_columns_have_headings_in_words(pages: dict[str, Path]) -> None:
    page = pages["sweep"].read_text(encoding="utf-8")
    headings = re.findall(r"<th>(.*?)</th>", page)
    assert headings[:8] == ["design", "relay", "KVM mode", "memory", "hazard", "systems", "share", "first row"]
    assert headings[8:] == ["smallest row", "early0, bits", "early1, bits", "early2, bits", "late, bits"]
    assert "<td>out-of-bounds write</td>" in page


def test_the_same_boot_gives_the_same_page() -> None:
    first, second = (boot_page(boot(read_scenario(find(Path("bug"))))) for _ in range(2))
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
    huge = Topology(tuple(Cpu.of(f"c{number}", 1) for number in range(101)))
    page = boot_page(boot(Scenario(huge)))
    assert "The first 300 of" in page
    assert 'id="timeline-figure"' not in page


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
    assert "tabba" in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bug", "-o", "one.txt"], "one.txt: a report is written as .html"),
        (["bug", "-o", "nowhere/one.html"], "nowhere: is not a folder"),
        (["bug"], "Missing option '-o'"),
        (["nosuch.toml", "-o", "one.html"], "nosuch.toml"),
        ([".", "-o", "one.html"], "holds no sweep"),
        ([".", "--kvm", "none", "-o", "one.html"], "--kvm goes with a scenario only"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    asymboot: Asymboot, words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in asymboot.refused("report", *words)
    assert list(tmp_path.iterdir()) == []
