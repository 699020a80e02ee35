"""The report in a real browser: no error, no request, pictures, keyboard, themes, and axe-core."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from kaggle_face.progress import SilentProgress
from kaggle_face.report.facts import ReportFacts
from kaggle_face.report.page import render_report, write_report
from kaggle_face.report.sections.data import confusions, embedding_map
from kaggle_face.report.sections.scores import accuracy, score_histograms

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("plotly", reason="plotly is not installed")

OPTIONS = [
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
]
PATIENCE_MS = 60_000
MARKUP = "<img src=x onerror=alert(1)><b>Ann</b>&amp;%{x}"


@pytest.fixture(scope="module")
def browser(browser_driver: Any) -> Iterator[Any]:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("Chromium is not installed: apt-get install -y chromium")
    opened = browser_driver.chromium.launch(executable_path=path, args=OPTIONS, timeout=PATIENCE_MS)
    yield opened
    opened.close()


SOME = (accuracy.SECTION, confusions.SECTION, score_histograms.SECTION, embedding_map.SECTION)
"""Sections with each kind of block, for the quick tests; the slow ones open all."""


@pytest.fixture(scope="module")
def short_report(made_up: ReportFacts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("short") / "report.html"
    path.write_text(render_report(made_up, SilentProgress(), SOME), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def report(made_up: ReportFacts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(made_up, path, SilentProgress())
    return path


class Opened:
    """A page with the report, and what went wrong on it."""

    def __init__(self, browser: Any, path: Path, width: int = 1280, scheme: str = "light") -> None:
        self.faults: list[str] = []
        size = {"width": width, "height": 800}
        self.context = browser.new_context(viewport=size, color_scheme=scheme)
        self.context.set_default_timeout(PATIENCE_MS)
        self.page = self.context.new_page()
        address = path.as_uri()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda line: self.faults.append(f"{line.type}: {line.text}"))
        self.page.on("request", lambda one: self._note(one.url, address))
        self.page.goto(address)
        self.page.wait_for_selector("body[data-ready]")

    def _note(self, url: str, address: str) -> None:
        if url != address and not url.startswith(("data:", "blob:")):
            self.faults.append(url)

    def draw_all(self) -> int:
        """Scrolls to every chart and waits until it is drawn; how many there are."""
        charts = self.page.locator("[data-chart]")
        for number in range(charts.count()):
            charts.nth(number).scroll_into_view_if_needed()
        end = time.monotonic() + PATIENCE_MS / 1000
        while self.page.locator("[data-chart]:not([data-drawn])").count():
            assert time.monotonic() < end, "a chart was not drawn"
            time.sleep(0.1)
        return int(charts.count())


@pytest.fixture(scope="module")
def opened(browser: Any, short_report: Path) -> Iterator[Opened]:
    """Some sections at 1280 pixels with every chart drawn."""
    found = Opened(browser, short_report)
    assert found.draw_all() == 5
    yield found
    found.context.close()


def sizes_of_pictures(opened: Opened) -> list[int]:
    """The width of each picture of the page, 0 for one that did not load."""
    found = opened.page.evaluate(
        "[...document.images].filter(i => !i.closest('[hidden]')).map(i => i.naturalWidth)"
    )
    return [int(each) for each in found]


def test_nothing_fails_nothing_is_requested_and_every_picture_loads(opened: Opened) -> None:
    assert opened.faults == []
    sizes = sizes_of_pictures(opened)
    assert len(sizes) >= 10 and min(sizes) > 0


def test_names_with_markup_are_shown_as_they_are(opened: Opened) -> None:
    page = opened.page
    assert page.locator("img[onerror]").count() == 0 and page.locator("main b").count() == 0
    assert page.locator("#confusions").get_by_text(MARKUP).count() > 0
    legends = page.locator("#embedding-map .legendtext").all_text_contents()
    assert MARKUP in legends


def test_a_legend_lies_below_the_title_of_its_axis_and_inside_its_chart(opened: Opened) -> None:
    ends = "([name, end]) => document.querySelector(`#scores ${name}`).getBoundingClientRect()[end]"
    title, legend, lowest, chart = (
        float(opened.page.evaluate(ends, [name, end]))
        for name, end in (
            (".xtitle", "bottom"),
            (".legend", "top"),
            (".legend", "bottom"),
            (".chart", "bottom"),
        )
    )
    assert title <= legend + 0.5 and lowest <= chart + 0.5


def axe_violations(opened: Opened, leave_out: str = "") -> list[tuple[str, str]]:
    """Rules of axe-core that are broken, each with its first element; `leave_out` is a selector."""
    script = files(pytest.importorskip("axe_playwright_python")).joinpath("axe.min.js").read_text("utf-8")
    opened.page.evaluate(script)
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]}
    context = {"include": ["html"], "exclude": [leave_out] if leave_out else []}
    found = opened.page.evaluate("([context, rules]) => axe.run(context, rules)", [context, rules])
    return [(each["id"], each["nodes"][0]["html"][:200]) for each in found["violations"]]


def test_axe_finds_nothing_outside_the_drawings(opened: Opened) -> None:
    assert axe_violations(opened, ".chart svg") == []  # whose thousands of parts take it a minute


def test_a_table_is_sorted_by_keyboard(opened: Opened) -> None:
    table = opened.page.locator("#accuracy table")
    head = table.get_by_role("button", name="accuracy")
    head.focus()
    for order in ("ascending", "descending"):
        opened.page.keyboard.press("Enter")
        assert table.locator("th[aria-sort]").get_attribute("aria-sort") == order
        cells = table.locator("td:nth-child(2)").all_text_contents()
        values = [float(cell.split()[0]) for cell in cells]
        assert values == sorted(values, reverse=order == "descending") and len(set(values)) > 1


def test_a_missing_number_is_sorted_behind_all_others_in_either_order(opened: Opened) -> None:
    table = opened.page.locator("#accuracy table")
    missing = table.evaluate(
        "table => { const row = table.tBodies[0].rows[1]; delete row.cells[1].dataset.value;"
        "row.cells[1].textContent = '-'; return row.cells[0].textContent; }"
    )
    for _ in ("ascending", "descending"):
        table.get_by_role("button", name="accuracy").click()
        assert table.locator("tbody tr").last.locator("td").first.text_content() == missing


def test_the_keyboard_reaches_sections_and_the_pictures_of_the_map(opened: Opened) -> None:
    page = opened.page
    page.evaluate("document.body.tabIndex = -1; document.body.focus(); window.scrollTo(0, 0)")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the sections"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#contents[open] a").count() == len(SOME) + 2
    page.keyboard.press("Escape")
    assert page.locator("#contents[open]").count() == 0
    page.locator("#embedding-map .chart").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#hover-picture:not([hidden])")
    assert page.locator("#hover-picture img").get_attribute("src").startswith("data:image/webp")
    page.keyboard.press("Escape")
    page.wait_for_selector("#hover-picture[hidden]", state="attached")


@pytest.mark.slow
def test_a_phone_in_the_dark_shows_all_of_it(browser: Any, report: Path) -> None:
    found = Opened(browser, report, 390, "dark")
    page = found.page
    page.locator("#scores .chart").scroll_into_view_if_needed()
    page.wait_for_selector("#scores [data-drawn]")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    legends = "[...document.querySelectorAll('#scores .legendtext')].map(one => one.getBoundingClientRect())"
    assert page.evaluate(f"Math.max(...{legends}.map(box => box.right))") <= 390
    colour = "getComputedStyle(document.querySelector('#scores .main-svg')).backgroundColor"
    assert page.evaluate(colour) == "rgb(20, 23, 27)"
    page.emulate_media(color_scheme="light")
    page.wait_for_timeout(300)
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
    assert found.faults == []
    found.context.close()


@pytest.mark.slow
def test_every_chart_is_printed_on_white(browser: Any, report: Path, tmp_path: Path) -> None:
    found = Opened(browser, report, 1280, "dark")
    found.page.pdf(path=str(tmp_path / "report.pdf"))
    assert found.page.locator("[data-chart]:not([data-drawn])").count() == 0
    assert (tmp_path / "report.pdf").stat().st_size > 50_000 and found.faults == []
    found.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_at_any_width_and_theme(
    browser: Any, report: Path, width: int, scheme: str
) -> None:
    found = Opened(browser, report, width, scheme)
    assert found.draw_all() >= 15
    assert axe_violations(found) == []
    sizes = sizes_of_pictures(found)
    assert len(sizes) > 50 and min(sizes) > 0 and found.faults == []
    found.context.close()
