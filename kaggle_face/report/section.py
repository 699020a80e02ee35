"""A section of a page: a function from the facts to blocks, or to the reason why it is left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from kaggle_face.report.blocks import Block
from kaggle_face.report.facts import ReportFacts

Facts = TypeVar("Facts")


@dataclass(frozen=True)
class LeftOut:
    """Why a section does not apply, in one line for the appendix."""

    reason: str


Content = tuple[Block, ...] | LeftOut


@dataclass(frozen=True)
class PageSection(Generic[Facts]):
    """A section of a page.

    Attributes:
        key: Its anchor, of lower-case letters and hyphens.
        title: Its heading.
        reading: How to read it, in one or two sentences.
        build: The blocks of some facts, or why there are none.
    """

    key: str
    title: str
    reading: str
    build: Callable[[Facts], Content]


Section = PageSection[ReportFacts]
"""A section of the report."""
