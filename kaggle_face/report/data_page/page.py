"""The page of a competition's data as one HTML document."""

from __future__ import annotations

from pathlib import Path

from kaggle_face.plotly_script import plotly_script
from kaggle_face.progress import Progress
from kaggle_face.report.data_page.facts import DataFacts
from kaggle_face.report.data_page.listed import SECTIONS
from kaggle_face.report.document.shell import build_sections, render_document, write_document

MOST_BYTES = 30_000_000
"""As of the report."""


def write_data_page(facts: DataFacts, path: Path, progress: Progress) -> int:
    """Writes the page as one file for its owner alone, for it shows people; its size in bytes.

    Raises:
        MissingExtraError: The extra `report` is not installed.
        DataError: It would be larger than 30 MB.
        DiskError: It cannot be written.
    """
    text = render_data_page(facts, progress)
    return write_document(text, path, MOST_BYTES, "the page", "leave classes out with data.exclude")


def render_data_page(facts: DataFacts, progress: Progress) -> str:
    """The whole document.

    Raises:
        MissingExtraError: The extra `report` is not installed.
    """
    plotly = plotly_script()
    return render_document(
        title=f"{facts.name}: data",
        heading=f"Data of {facts.name}",
        first_screen="",
        sections=build_sections(SECTIONS, facts, "pictures", progress),
        origin=facts.origin,
        plotly=plotly,
    )
