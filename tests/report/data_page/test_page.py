"""The page of the data as a document, and in a real browser."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kaggle_face.errors import DataError
from kaggle_face.progress import SilentProgress
from kaggle_face.report.data_page import page
from kaggle_face.report.data_page.facts import DataFacts
from kaggle_face.report.data_page.listed import SECTIONS
from kaggle_face.report.data_page.page import render_data_page, write_data_page
from tests.report.test_browser import Opened, axe_violations, browser, sizes_of_pictures

__all__ = ["browser"]


@pytest.fixture(scope="module")
def written(made_up_data: DataFacts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("plotly", reason="plotly is not installed")
    path = tmp_path_factory.mktemp("data") / "data.html"
    assert write_data_page(made_up_data, path, SilentProgress()) == path.stat().st_size
    return path


def test_all_sections_are_linked_and_names_are_text(
    made_up_data: DataFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "plotly_script", lambda: "/* plotly */")
    document = render_data_page(made_up_data, SilentProgress())
    keys = [section.key for section in SECTIONS]
    assert re.findall(r'<section id="([a-z-]+)"', document) == [*keys, "left-out"]
    assert re.findall(r'<li><a href="#([a-z-]+)"', document) == [*keys, "left-out"]
    assert "<b>" not in document and document.count("&lt;img src=x onerror=alert(1)&gt;") > 5
    assert "default-src 'none'; script-src 'sha256-" in document


def test_a_page_that_is_too_large_is_refused(
    made_up_data: DataFacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "plotly_script", lambda: "/* plotly */")
    monkeypatch.setattr(page, "MOST_BYTES", 1000)
    with pytest.raises(DataError, match=r"data\.exclude"):
        write_data_page(replace(made_up_data, cache=None), tmp_path / "data.html", SilentProgress())
    assert not (tmp_path / "data.html").exists()


def test_in_a_browser_nothing_is_requested_and_every_picture_loads(browser: Any, written: Path) -> None:
    opened = Opened(browser, written, 390, "dark")
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 390
    sizes = sizes_of_pictures(opened)
    assert len(sizes) > 40 and min(sizes) > 0 and opened.faults == []
    opened.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_chart_is_drawn_and_axe_finds_nothing_in_it(
    browser: Any, written: Path, width: int, scheme: str
) -> None:
    opened = Opened(browser, written, width, scheme)
    assert opened.draw_all() == 4
    assert axe_violations(opened) == [] and opened.faults == []
    opened.context.close()
