"""What a section of the report is: a function from the facts to blocks, or to the reason why it is left
out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from kaggle_face.report.blocks import Block
from kaggle_face.report.facts import ReportFacts


@dataclass(frozen=True)
class LeftOut:
    """Why a section does not apply, in one line for the appendix."""

    reason: str


Content = tuple[Block, ...] | LeftOut


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes:
        key: Its anchor, of lower-case letters and hyphens.
        title: Its heading.
        reading: How to read it, in one or two sentences.
        build: The blocks of some facts, or why there are none.
    """

    key: str
    title: str
    reading: str
    build: Callable[[ReportFacts], Content]
