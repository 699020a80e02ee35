"""Settings of the competition: its layout, and where the files of own data are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer, Strict, model_validator

from kaggle_face.config.values import Names, Part

_LAYOUT_OF_LETTER = {
    "A": "thumbnails",
    "B": "listed_pairs",
    "C": "csv_pairs",
    "D": "gallery",
    "E": "pair_text",
    "topk": "top_k",
}
"""The letters that layouts had before they had names: aliases in settings, and what records hold."""


def layout_name(name: str) -> str:
    """The name of a layout, for its name or its letter.

    >>> layout_name("E"), layout_name("pair_text")
    ('pair_text', 'pair_text')
    """
    return _LAYOUT_OF_LETTER.get(name, name)


def _recorded_name(name: str) -> str:
    """The name of a layout in records: its letter if it has one, so that earlier records stay comparable."""
    return next((letter for letter, named in _LAYOUT_OF_LETTER.items() if named == name), name)


LayoutName = Annotated[str, AfterValidator(layout_name), PlainSerializer(_recorded_name, when_used="json")]
ListedSplit = Literal["train", "dev", "test"]


class ImagesConfig(Part):
    """Images of own data: rows of a table, a folder per identity, or files named by a pattern."""

    split: ListedSplit = "train"
    folder: str = ""
    table: str | None = None
    image: str | None = None
    identity: str | None = None
    split_column: str | None = None
    split_table: str | None = None
    split_image: str | None = None
    split_lists: Mapping[str, ListedSplit] = Field(default_factory=dict)
    splits: Mapping[str, ListedSplit | Literal["skip"]] = Field(default_factory=dict)
    header: bool = True
    split_header: bool = True
    cut: str = ""
    id: str | None = None
    without_identity: Literal["test", "skip"] | None = None
    class_folders: bool = False
    pattern: str | None = None

    @model_validator(mode="after")
    def _one_way_to_name_an_identity(self) -> ImagesConfig:
        ways = {
            "table": self.table is not None,
            "class_folders": self.class_folders,
            "pattern": self.pattern is not None,
        }
        given = [name for name, is_given in ways.items() if is_given]
        if len(given) > 1:
            raise ValueError(f"competition.custom: an entry has {' and '.join(given)}; keep one of them")
        if self.table is not None and self.image is None:
            raise ValueError(
                f"competition.custom: the table {self.table} needs 'image', the column of images"
            )
        if self.table is None and (self.image or self.identity or self.split_column or self.cut or self.id):
            raise ValueError("competition.custom: image, identity, split_column, cut and id need a 'table'")
        if self.without_identity is not None and self.identity is None:
            raise ValueError("competition.custom: without_identity needs 'identity', a column of the table")
        if (self.split_table is None) != (self.split_image is None):
            raise ValueError(
                "competition.custom: split_table and split_image are given together or not at all"
            )
        if self.split_table is not None and self.split_column is None:
            raise ValueError("competition.custom: split_table needs 'split_column', one of its columns")
        if self.split_lists and (self.table is None or self.split_column is not None):
            raise ValueError("competition.custom: split_lists needs a 'table' without 'split_column'")
        if self.pattern is not None and self.pattern.count("{identity}") != 1:
            raise ValueError(
                f"competition.custom: the pattern '{self.pattern}' needs {{identity}} once, such as "
                "{identity}_{n}.jpg"
            )
        return self


class PairsConfig(Part):
    """A list of pairs of own data; with labels the pairs are labelled ones, without they are submitted."""

    file: str
    form: Literal["columns", "lfw"] = "columns"
    first: str = "1"
    second: str | None = None
    joint: str | None = None
    label: str | None = None
    id: str | None = None
    same: str | None = None
    header: bool = True
    folders: Names = ("",)
    cut: str = ""

    @model_validator(mode="after")
    def _one_way_to_name_two_images(self) -> PairsConfig:
        if self.form == "columns" and (self.second is None) == (not self.joint):
            raise ValueError(
                f"competition.custom: the pairs of {self.file} need either 'second', the column of the "
                "second image, or 'joint', the text between two images in the column 'first'"
            )
        return self

    @property
    def is_labelled(self) -> bool:
        """Whether the list names which pairs are of one person."""
        return self.label is not None or self.form == "lfw"


class GalleryConfig(Part):
    """Known people and probes of own data; probes without identities are submitted."""

    known: ImagesConfig
    probes: ImagesConfig
    no_match: str | None = None


class LabelsConfig(Part):
    """A table that gives each identity of own data the label that the CSV holds for it.

    Without `label` it is a list with a name in each line, whose labels count the lines from `first`.
    """

    table: str
    name: str = "1"
    label: str | None = None
    header: bool = True
    first: Annotated[int, Field(ge=0)] = 0


class CustomConfig(Part):
    """The files of own data, all below `data.root`; of `competition.layout: custom`."""

    images: Annotated[tuple[ImagesConfig, ...], Strict(False)] = ()
    pairs: Annotated[tuple[PairsConfig, ...], Strict(False)] = ()
    galleries: Annotated[tuple[GalleryConfig, ...], Strict(False)] = ()
    test_rows: str | None = None
    test_id: str | None = None
    row_order: Literal["name", "number"] | None = None
    unknown: str | None = None
    submitted: Literal["name", "index"] = "name"
    labels: LabelsConfig | None = None
    labels_per_row: Annotated[int, Field(ge=1, le=100)] = 1


class CompetitionConfig(Part):
    """The competition and the layout of its files."""

    slug: str = "demo"
    layout: LayoutName = "auto"
    variant: str = "auto"
    custom: CustomConfig = CustomConfig()
