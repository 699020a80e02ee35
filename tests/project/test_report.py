"""A report as an object: where it lies, what to do next, and its frame in a notebook."""

from __future__ import annotations

import html
from pathlib import Path

import pytest

from kaggle_face.pipeline.report import ReportResult
from kaggle_face.project.report import Report
from kaggle_face.report.advice import Step


@pytest.fixture
def report(tmp_path: Path) -> Report:
    path = tmp_path / "report.html"
    path.write_text('<p title="x">&lt;b&gt;</p>', encoding="utf-8")
    return Report(ReportResult(path, 2_500_000, (Step("Do this", "because", "members"),), 1.0))


def test_a_notebook_shows_the_whole_report_in_a_frame(report: Report) -> None:
    shown = report._repr_html_()
    assert 'sandbox="allow-scripts"' in shown and "allow-same-origin" not in shown
    document = shown[shown.index('srcdoc="') + 8 : shown.rindex('"></iframe>')]
    assert html.unescape(document) == '<p title="x">&lt;b&gt;</p>' and '"' not in document


def test_a_report_names_its_file_and_the_next_steps(report: Report) -> None:
    assert repr(report) == f"report {report.path} (2.5 MB)"
    assert report.steps == (("Do this", "because"),)
