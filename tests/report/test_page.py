"""The document as a whole: sections, appendix, policy, escaping, and its bound."""

from __future__ import annotations

import base64
import hashlib
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kaggle_face.errors import DataError, MissingExtraError
from kaggle_face.progress import SilentProgress
from kaggle_face.report import page
from kaggle_face.report.blocks import Paragraph
from kaggle_face.report.facts import ReportFacts
from kaggle_face.report.page import render_report, write_report
from kaggle_face.report.section import LeftOut, Section
from kaggle_face.report.sections.listed import SECTIONS


@pytest.fixture(autouse=True)
def short_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """The 5 MB of plotly are not what is tested here."""
    monkeypatch.setattr(page, "plotly_script", lambda: "/* plotly */")


class Elements(HTMLParser):
    """The elements of a document with their attributes, and the addresses in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def document(made_up: ReportFacts) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(page, "plotly_script", lambda: "/* plotly */")
        return render_report(made_up, SilentProgress())


def test_every_section_is_there_and_linked(document: str) -> None:
    ids = re.findall(r'<section id="([a-z-]+)"', document)
    assert ids == ["result", *(section.key for section in SECTIONS), "left-out"]
    links = re.findall(r'href="#([a-z-]+)"', document)
    assert set(links) <= {*ids, "main"} and {*ids} <= set(links)


def test_ids_are_unique(document: str) -> None:
    ids = [attributes["id"] for _, attributes in Elements(document).found if "id" in attributes]
    assert len(ids) == len(set(ids)) > 40


def test_names_with_markup_are_text_everywhere(document: str) -> None:
    found = Elements(document).found
    assert not [attributes for _, attributes in found if "onerror" in attributes]
    assert not [tag for tag, _ in found if tag == "b"]
    assert document.count("&lt;img src=x onerror=alert(1)&gt;") > 20


def test_nothing_is_loaded_from_anywhere(document: str) -> None:
    for tag, attributes in Elements(document).found:
        for name in ("src", "href", "srcset", "data", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, value)
    assert "@import" not in document and "url(" not in document


def test_the_policy_allows_the_scripts_of_the_document_alone(document: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', document)
    assert policy is not None and policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy[1] and "script-src 'unsafe-inline'" not in policy[1]
    for script in re.findall(r"<script>(.*?)</script>", document, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy[1]


def test_without_scripts_the_page_says_what_is_missing(document: str) -> None:
    (words,) = re.findall(r"<noscript>(.*?)</noscript>", document, re.DOTALL)
    assert "the charts are missing" in words and "cannot be sorted" in words


def test_a_section_that_does_not_apply_is_named_with_its_reason(bare: ReportFacts) -> None:
    document = render_report(bare, SilentProgress())
    assert '<section id="verification"' not in document
    assert "<li><strong>Verification: ROC and DET</strong>: no pairs here</li>" in document
    assert "Nothing is held out that could be measured." in document


def test_a_section_is_a_function_and_a_line(bare: ReportFacts) -> None:
    shown = Section("mine", "Mine", "How to read it.", lambda facts: (Paragraph(facts.run.name),))
    hidden = Section("other", "Other", "", lambda facts: LeftOut("never"))
    document = render_report(bare, SilentProgress(), (shown, hidden))
    assert '<section id="mine"' in document and "<p>demo/main</p>" in document
    assert "<strong>Other</strong>: never" in document


def test_a_step_whose_section_is_left_out_is_no_link(bare: ReportFacts) -> None:
    document = render_report(replace(bare, runs=(replace(bare.run, num_folds=5),)), SilentProgress())
    assert "<h4>Train the folds that are missing</h4>" in document


def test_a_report_that_is_too_large_is_refused(
    made_up: ReportFacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "MOST_BYTES", 1000)
    with pytest.raises(DataError, match="are the most; name fewer runs"):
        write_report(made_up, tmp_path / "report.html", SilentProgress())
    assert not (tmp_path / "report.html").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_the_file_is_for_its_owner_alone(bare: ReportFacts, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert write_report(bare, path, SilentProgress()) == path.stat().st_size
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from kaggle_face.plotly_script import plotly_script

    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(MissingExtraError, match=r"pip install \"kaggle-face\[report\]\""):
        plotly_script()
