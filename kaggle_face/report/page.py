"""The report as one HTML document: first screen, sections, appendix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kaggle_face.plotly_script import plotly_script
from kaggle_face.progress import Progress
from kaggle_face.report.advice import advise
from kaggle_face.report.document.shell import Origin, build_sections, render_document, write_document
from kaggle_face.report.facts import ReportFacts
from kaggle_face.report.findings import evidence_of
from kaggle_face.report.first_screen import render_first_screen
from kaggle_face.report.section import Section
from kaggle_face.report.sections.listed import SECTIONS

MOST_BYTES = 30_000_000
"""A report that is larger opens slowly and passes no mail server; the bounds of the sections keep below."""


def write_report(facts: ReportFacts, path: Path, progress: Progress) -> int:
    """Writes the report as one file for its owner alone, for it shows people; its size in bytes.

    Raises:
        MissingExtraError: The extra `report` is not installed.
        DataError: It would be larger than 30 MB.
        DiskError: It cannot be written.
    """
    return write_document(render_report(facts, progress), path, MOST_BYTES, "the report", "name fewer runs")


def render_report(facts: ReportFacts, progress: Progress, sections: Sequence[Section] = SECTIONS) -> str:
    """The whole document.

    Raises:
        MissingExtraError: The extra `report` is not installed.
    """
    plotly = plotly_script()
    built = build_sections(sections, facts, "report", progress)
    steps, num_rules = advise(evidence_of(facts))
    others = ", ".join(run.name for run in facts.runs[1:])
    return render_document(
        title=f"{facts.run.name}: report",
        heading=f"{facts.run.name} with {others}" if others else facts.run.name,
        first_screen=render_first_screen(facts, steps, num_rules, built.keys),
        sections=built,
        origin=Origin(facts.made_at, facts.version, facts.command),
        plotly=plotly,
    )
