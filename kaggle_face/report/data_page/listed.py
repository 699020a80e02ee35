"""The sections of the page of the data in order; a new one is a file of this folder and its line here."""

from __future__ import annotations

from kaggle_face.report.data_page import (
    balance,
    brightness,
    broken,
    checks,
    contact_sheets,
    duplicates,
    sizes,
)
from kaggle_face.report.data_page.facts import DataFacts
from kaggle_face.report.section import PageSection

SECTIONS: tuple[PageSection[DataFacts], ...] = (
    checks.SECTION,
    broken.SECTION,
    duplicates.SECTION,
    balance.SECTION,
    sizes.SECTION,
    brightness.SECTION,
    contact_sheets.SECTION,
)
