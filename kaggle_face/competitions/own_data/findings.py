"""Facts about own data, gathered while its files are read one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kaggle_face.competitions.files.image_index import ImageIndex
from kaggle_face.competitions.own_data.answers import Answers
from kaggle_face.competitions.own_data.tables import OwnTable
from kaggle_face.config.competition import GalleryConfig, ImagesConfig, LabelsConfig


@dataclass
class Findings:
    """The images and entries found so far, and a line on the reading of each file.

    Attributes:
        root: The data root.
        answers: What a person decided.
        index: All images below the root.
        lines: What each file is taken for, and why.
        alternatives: What else files or columns might be.
        images: The entries of images.
        covered: The images that an entry or a gallery reads.
        of_pairs: The images that lists of pairs name.
        probes: The images of galleries whose people are to be submitted.
        names: The identities that tables and folders name.
        tables: All tables by their names.
        no_tables: Text files that are not tables.
        samples: The sample submissions among them.
        galleries: The galleries.
    """

    root: Path
    answers: Answers
    index: ImageIndex
    lines: list[str] = field(default_factory=list)
    alternatives: list[str] = field(default_factory=list)
    images: list[ImagesConfig] = field(default_factory=list)
    covered: set[str] = field(default_factory=set)
    of_pairs: set[str] = field(default_factory=set)
    probes: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    tables: dict[str, OwnTable] = field(default_factory=dict)
    no_tables: list[str] = field(default_factory=list)
    samples: Sequence[OwnTable] = ()
    galleries: list[GalleryConfig] = field(default_factory=list)

    def note(self, line: str) -> None:
        """Adds a line on the reading of a file."""
        self.lines.append(line)

    @property
    def left(self) -> list[str]:
        """The images that no entry reads."""
        return [image_id for image_id in self.index.image_ids if image_id not in self.covered]

    @property
    def has_identities(self) -> bool:
        """Whether an entry gives training images with their identities."""
        return any(
            (entry.identity is not None or entry.class_folders or entry.pattern is not None)
            and (entry.split == "train" or entry.split_column is not None)
            for entry in self.images
        )

    @property
    def has_test(self) -> bool:
        """Whether an entry gives images to submit."""
        return any(
            "test" in (entry.split, entry.without_identity, *entry.split_lists.values())
            or entry.split_column is not None
            for entry in self.images
        )


@dataclass(frozen=True)
class SampleReading:
    """The reading of a sample: the table of the test rows, its column of ids, and the format of labels."""

    test_rows: str | None = None
    test_id: str | None = None
    labels_per_row: int = 1
    submitted: Literal["name", "index"] = "name"
    unknown: str | None = None
    labels: LabelsConfig | None = None
    row_order: Literal["name", "number"] | None = None
    no_match: str | None = None
