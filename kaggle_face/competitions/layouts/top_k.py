"""Top-k identification with an unknown label: `train.csv` names each image's individual, MAP@5.

An image of the test set gets five labels, the likeliest first; one of them may be the label for individuals
that the training set does not show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.csv_tables import delimiter_of, read_csv_table
from kaggle_face.competitions.files.folders import FolderMap
from kaggle_face.competitions.files.lists import without_repeats
from kaggle_face.competitions.files.named_images import ImageFinder, Mentions
from kaggle_face.competitions.files.text_lines import first_line
from kaggle_face.competitions.layouts.assembly import (
    ImageGroup,
    group_of_test,
    label_faces,
    rows_by_name,
    without_classes,
)
from kaggle_face.competitions.layouts.layout import FamilyKey, Recognition, Source
from kaggle_face.competitions.submission.formats import FormatPart, SubmissionFormat, SubmissionFormats
from kaggle_face.errors import DataError, naming_first
from kaggle_face.records import ClassTable, CompetitionData, Gallery, RowList, no_pairs

LABELS_PER_ROW = 5
_TRAIN_FOLDERS, _TEST_FOLDERS = ("train_images", "train"), ("test_images", "test")


@dataclass(frozen=True)
class _Words:
    """How a competition calls things."""

    image: str
    individual: str
    answer: str
    unknown: str


_WORDS = {
    "happywhale": _Words("image", "individual_id", "predictions", "new_individual"),
    "humpback": _Words("Image", "Id", "Id", "new_whale"),
}


@dataclass(frozen=True)
class TopK:
    """Top-k identification."""

    key: FamilyKey = "topk"
    title: str = "top k: train.csv, train_images/, test_images/"
    variants: Sequence[str] = ("happywhale", "humpback")

    def recognise(self, tree: FolderMap) -> Recognition:
        """How far a folder looks like this family."""
        table = tree.file("train.csv")
        first = first_line(tree.root / table) if table is not None else ""
        header = [name.strip() for name in first.split(delimiter_of(first))]
        variant = next((name for name, words in _WORDS.items() if words.individual in header), None)
        places = {
            "train.csv with individual_id or Id": variant,
            "train_images/": tree.folder(*_TRAIN_FOLDERS),
            "test_images/": tree.folder(*_TEST_FOLDERS),
        }
        found = [name for name, place in places.items() if place is not None]
        missing = [name for name, place in places.items() if place is None]
        return Recognition("topk", variant or "happywhale", tuple(found), tuple(missing))

    def read(self, source: Source) -> CompetitionData:
        """Reads a folder that fits."""
        words = _WORDS[source.layout]
        train, notes = _read_training(source, words)
        names = sorted(set(train.class_names or ()) - {words.unknown, ""})
        classes = without_classes(ClassTable(as_text(names), as_text(names)), source.exclude)
        folder = source.tree.folder(*_TEST_FOLDERS)
        assert folder is not None, "recognised without test images"
        test = source.images.below(folder)
        if not test:
            raise DataError(f"{source.root / folder} holds no image; unpack the archive again")
        group, more = group_of_test(test, folder, names)
        rows = rows_by_name(group)
        return CompetitionData(
            faces=label_faces([train, group], classes),
            classes=classes,
            test_rows=rows,
            dev_pairs=no_pairs(),
            test_pairs=no_pairs(),
            test_gallery=_gallery(train, set(classes.names.tolist()), rows, words.unknown),
            notes=notes + more,
        )

    def formats(self, variant: str) -> SubmissionFormats:
        """The CSV of a variant."""
        words = _WORDS[variant]
        part = FormatPart("classification", ("{id}", "{label}"))
        columns = (words.image, words.answer)
        return SubmissionFormats(SubmissionFormat(columns, (part,), labels_per_row=LABELS_PER_ROW))


def _read_training(source: Source, words: _Words) -> tuple[ImageGroup, tuple[str, ...]]:
    file, folder = source.tree.file("train.csv"), source.tree.folder(*_TRAIN_FOLDERS)
    assert file is not None and folder is not None, "recognised without training images"
    path = source.root / file
    table = read_csv_table(path, [words.image, words.individual])
    images = source.images.below(folder)
    finder = ImageFinder(source.root, (folder,), frozenset(images))
    names, labels = table.columns[words.image], table.columns[words.individual]
    found, notes = finder.find(Mentions(path, names, table.line_numbers))
    kept, twice = without_repeats(found, labels, table.line_numbers, path)
    found, labels = [found[place] for place in kept], [labels[place] for place in kept]
    left = sorted(set(images) - set(found))
    if left:
        what = f"images of {folder} are not in train.csv"
        notes += (naming_first(len(left), len(images), what, left[0]),)
    group = ImageGroup("train", [*found, *left], [*labels, *[""] * len(left)])
    return group, table.notes + notes + twice


def _gallery(train: ImageGroup, known: set[str], probes: RowList, unknown: str) -> Gallery:
    """Every training image of a known individual, against every test image."""
    pairs = zip(train.image_ids, train.class_names or (), strict=True)
    images, names = zip(*((image, name) for image, name in pairs if name in known), strict=True)
    return Gallery(
        image_ids=as_text(images),
        names=as_text(names),
        probe_ids=probes.row_ids,
        probe_image_ids=probes.image_ids,
        probe_names=as_text([""] * len(probes)),
        no_match=unknown,
    )
