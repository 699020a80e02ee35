"""The interface of a layout: detecting it in a folder, reading the folder, the columns of its CSVs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from kaggle_face.competitions.files.folders import FolderMap
from kaggle_face.competitions.files.listing import PictureLister
from kaggle_face.competitions.submission.formats import SubmissionFormats
from kaggle_face.config.competition import CustomConfig
from kaggle_face.records import CompetitionData
from kaggle_face.tasks import Task


@dataclass(frozen=True)
class Detection:
    """The match of a folder with a layout: the parts that were found, and those missing to read it.

    `variant` is the edition whose files these are, the first where several look the same.
    """

    layout: str
    variant: str
    found: tuple[str, ...]
    missing: tuple[str, ...]

    @classmethod
    def of_places(
        cls, layout: str, variant: str, places: Mapping[str, str | None], required: Collection[str]
    ) -> Detection:
        """The detection by places of a layout: the path of each, or None where it is not there."""
        found = tuple(name for name, place in places.items() if place is not None)
        missing = tuple(name for name, place in places.items() if place is None and name in required)
        return cls(layout, variant, found, missing)

    @property
    def fits(self) -> bool:
        """Whether everything is there that reading needs."""
        return not self.missing

    @property
    def likeness(self) -> float:
        """The share of the layout's places that were found, in [0, 1]."""
        return len(self.found) / max(1, len(self.found) + len(self.missing))

    @property
    def reason(self) -> str:
        """The parts that were found and those that are missing, in words."""
        found = f"found {', '.join(self.found)}" if self.found else "nothing of it found"
        return f"{found}; missing: {', '.join(self.missing)}" if self.missing else found


@dataclass(eq=False)
class Source:
    """A folder whose layout is known, and how to read it.

    `variant` is the edition whose conventions hold, by the settings, the slug or the files;
    `folder_variant` is the one whose folders these are, by the settings or the files; `custom` names the
    files of own data.
    """

    tree: FolderMap
    variant: str
    folder_variant: str
    exclude: tuple[str, ...] = ()
    custom: CustomConfig = field(default_factory=CustomConfig)

    @property
    def root(self) -> Path:
        """The data root."""
        return self.tree.root

    @cached_property
    def images(self) -> PictureLister:
        """Lists the pictures, and accounts for what is left out."""
        return PictureLister(self.root, self.tree)


@dataclass(frozen=True)
class Example:
    """A small folder of a layout, and the first rows of the CSVs that are submitted for it.

    `tree` has a path per line, with the braces of a shell for several names at once; indented lines are the
    content of the text file above them, and what follows two blanks and `#` is a comment.
    """

    tree: str
    classification: tuple[str, ...] = ()
    verification: tuple[str, ...] = ()

    def rows(self, task: Task) -> tuple[str, ...]:
        """The rows of a task's CSV."""
        return self.classification if task == "classification" else self.verification


class Layout(Protocol):
    """One layout of raw folders; `known.LAYOUTS` lists all of them."""

    @property
    def name(self) -> str:
        """The value of `competition.layout` that forces it."""

    @property
    def title(self) -> str:
        """The places that set it apart, in one line."""

    @property
    def variants(self) -> Sequence[str]:
        """The values of `competition.variant` that may force one."""

    @property
    def examples(self) -> Mapping[str, Example]:
        """An example of each variant whose files differ; the first stands for all variants not named."""

    def detect(self, tree: FolderMap) -> Detection:
        """The match of a folder with this layout."""

    def read(self, source: Source) -> CompetitionData:
        """Reads a folder that fits."""

    def formats(self, variant: str) -> SubmissionFormats:
        """The CSVs of a variant."""


def example_of(layout: Layout, variant: str) -> Example:
    """The example of a variant."""
    return layout.examples.get(variant) or next(iter(layout.examples.values()))
