"""What every family of competitions does: recognise a folder, read it into records, say what its CSVs are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Protocol

from kaggle_face.competitions.files.folders import FolderMap
from kaggle_face.competitions.files.listing import PictureLister
from kaggle_face.competitions.submission.formats import SubmissionFormats
from kaggle_face.records import CompetitionData

FamilyKey = Literal["A", "B", "C", "D", "E", "kinship", "topk"]
# D before C: their classification folders look the same, and D's four semesters are the likelier ones.
FAMILY_KEYS: tuple[FamilyKey, ...] = ("A", "B", "D", "C", "E", "kinship", "topk")


@dataclass(frozen=True)
class Recognition:
    """How far a folder looks like a family: what of it was found, and what is missing to read it.

    `variant` is the semester that the files speak for, the first where several look the same.
    """

    family: FamilyKey
    variant: str
    found: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def fits(self) -> bool:
        """Whether everything is there that reading needs."""
        return not self.missing

    @property
    def likeness(self) -> float:
        """The share of the family's marks that were found, in [0, 1]."""
        return len(self.found) / max(1, len(self.found) + len(self.missing))

    @property
    def reason(self) -> str:
        """What was found and what is missing, in words."""
        found = f"found {', '.join(self.found)}" if self.found else "nothing of it found"
        return f"{found}; missing: {', '.join(self.missing)}" if self.missing else found


@dataclass(eq=False)
class Source:
    """A folder that was recognised, and how to read it.

    `variant` is the semester whose conventions hold, as the settings, the slug or the files say; `layout` is
    the one whose folders these are, as the settings or the files say.
    """

    tree: FolderMap
    variant: str
    layout: str
    exclude: tuple[str, ...] = ()

    @property
    def root(self) -> Path:
        """The data root."""
        return self.tree.root

    @cached_property
    def images(self) -> PictureLister:
        """Lists the pictures, and knows at the end what was left out."""
        return PictureLister(self.root, self.tree)


class Family(Protocol):
    """One family of competitions."""

    @property
    def key(self) -> FamilyKey:
        """The name that `competition.family` forces it by."""

    @property
    def title(self) -> str:
        """What sets it apart, in a few words."""

    @property
    def variants(self) -> Sequence[str]:
        """The names that `competition.variant` may force."""

    def recognise(self, tree: FolderMap) -> Recognition:
        """How far a folder looks like this family."""

    def read(self, source: Source) -> CompetitionData:
        """Reads a folder that fits."""

    def formats(self, variant: str) -> SubmissionFormats:
        """The CSVs of a variant."""
