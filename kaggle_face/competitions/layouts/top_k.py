"""Top-k identification with an unknown label: `train.csv` names each image's individual, MAP@5.

A test image gets five labels, the likeliest first; one of them may be the label of unknown individuals.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.csv_tables import delimiter_of, read_csv_table
from kaggle_face.competitions.files.folders import FolderMap
from kaggle_face.competitions.files.lists import first_line, without_repeats
from kaggle_face.competitions.files.named_images import ImageFinder, Mentions
from kaggle_face.competitions.layouts.assembly import (
    ImageGroup,
    group_of_test,
    label_faces,
    rows_by_name,
    without_classes,
)
from kaggle_face.competitions.layouts.custom_images import is_missing_name
from kaggle_face.competitions.layouts.layout import Detection, Example, Source
from kaggle_face.competitions.submission.formats import FormatPart, SubmissionFormat, SubmissionFormats
from kaggle_face.errors import DataError, naming_first
from kaggle_face.records import ClassTable, CompetitionData, Gallery, no_pairs

_TREE = """
train_images/{0a1b,2c3d,4e5f,6a7b}.jpg
train.csv
    image,species,individual_id
    0a1b.jpg,beluga,37c7aba965a5
    2c3d.jpg,beluga,37c7aba965a5
    4e5f.jpg,beluga,114207cab555
    6a7b.jpg,beluga,114207cab555
test_images/{000110707af0ba,0006287ec424cb}.jpg"""
_TREE_OF_WHALES = _TREE.replace("image,species,individual_id", "Image,Id").replace(",beluga", "")
_KNOWN = "37c7aba965a5 114207cab555 a6e325d8e924"
_ROWS = (
    f"000110707af0ba.jpg,{_KNOWN} new_individual 19fbb960f07d",
    f"0006287ec424cb.jpg,new_individual {_KNOWN} c995c043c353",
)
_EXAMPLES = {
    "happywhale": Example(_TREE, _ROWS),
    "humpback": Example(_TREE_OF_WHALES, tuple(row.replace("_individual", "_whale") for row in _ROWS)),
}

LABELS_PER_ROW = 5
_TRAIN_FOLDERS, _TEST_FOLDERS = ("train_images", "train"), ("test_images", "test")


@dataclass(frozen=True)
class _Names:
    """The names of columns and labels."""

    image: str
    individual: str
    labels: str
    unknown: str


_NAMES = {
    "happywhale": _Names("image", "individual_id", "predictions", "new_individual"),
    "humpback": _Names("Image", "Id", "Id", "new_whale"),
}


def missing_unknown_label(variant: str, tables: Iterable[Iterable[Sequence[str]]]) -> str | None:
    """The label of unknown individuals, where no cell of the columns of these tables has it; else None.

    Without it a folder of this layout may be any list of identities.
    """
    unknown = _NAMES[variant].unknown
    cells = (cell for columns in tables for column in columns for cell in column)
    return None if any(unknown in cell.split() for cell in cells) else unknown


class TopK:
    """The layout `top_k`."""

    name: str = "top_k"
    title: str = "train.csv, train_images/, test_images/"
    variants: Sequence[str] = ("happywhale", "humpback")
    examples: Mapping[str, Example] = _EXAMPLES

    def detect(self, tree: FolderMap) -> Detection:
        """The match of a folder with this layout."""
        table = tree.file("train.csv")
        first = first_line(tree.root / table) if table is not None else ""
        header = [name.strip() for name in first.split(delimiter_of(first))]
        variant = next((name for name, named in _NAMES.items() if named.individual in header), None)
        places = {
            "train.csv with individual_id or Id": variant,
            "train_images/": tree.folder(*_TRAIN_FOLDERS),
            "test_images/": tree.folder(*_TEST_FOLDERS),
        }
        return Detection.of_places(self.name, variant or "happywhale", places, places)

    def read(self, source: Source) -> CompetitionData:
        """Reads a folder that fits."""
        named = _NAMES[source.folder_variant]
        train, notes = _read_training(source, named)
        names = sorted(set(train.class_names or ()) - {named.unknown, ""})
        classes = without_classes(ClassTable(as_text(names), as_text(names)), source.exclude)
        folder = source.tree.folder(*_TEST_FOLDERS)
        assert folder is not None, "detected without test images"
        test = source.images.below(folder)
        if not test:
            raise DataError(f"{source.root / folder} holds no image; unpack the archive again")
        group, more = group_of_test(test, folder, names)
        rows = rows_by_name(group)
        known = set(classes.names.tolist())
        pairs = zip(train.image_ids, train.class_names or (), strict=True)
        images, labels = zip(*((image, name) for image, name in pairs if name in known), strict=True)
        gallery = Gallery(
            image_ids=as_text(images),
            names=as_text(labels),
            probe_ids=rows.row_ids,
            probe_image_ids=rows.image_ids,
            probe_names=as_text([""] * len(rows)),
            no_match=named.unknown,
        )
        return CompetitionData(
            faces=label_faces([train, group], classes),
            classes=classes,
            test_rows=rows,
            dev_pairs=no_pairs(),
            test_pairs=no_pairs(),
            test_gallery=gallery,
            notes=notes + more,
        )

    def formats(self, variant: str) -> SubmissionFormats:
        """The CSV of a variant."""
        named = _NAMES[variant]
        part = FormatPart("classification", ("{id}", "{label}"))
        columns = (named.image, named.labels)
        return SubmissionFormats(SubmissionFormat(columns, (part,), labels_per_row=LABELS_PER_ROW))


def _read_training(source: Source, named: _Names) -> tuple[ImageGroup, tuple[str, ...]]:
    file, folder = source.tree.file("train.csv"), source.tree.folder(*_TRAIN_FOLDERS)
    assert file is not None and folder is not None, "detected without training images"
    path = source.root / file
    table = read_csv_table(path, [named.image, named.individual])
    images = source.images.below(folder)
    finder = ImageFinder(source.root, (folder,), frozenset(images))
    names, labels = table.columns[named.image], table.columns[named.individual]
    nameless = [place for place, label in enumerate(labels) if is_missing_name(label)]
    labels = ["" if is_missing_name(label) else label for label in labels]
    found, notes = finder.find(Mentions(path, names, table.line_numbers))
    kept, twice = without_repeats(found, labels, table.line_numbers, path)
    found, labels = [found[place] for place in kept], [labels[place] for place in kept]
    if nameless:
        line = table.line_numbers[nameless[0]]
        what = naming_first(len(nameless), len(names), "row", "have no individual", f"line {line}")
        notes += (f"{file}: {what}; their images are not trained on",)
    left = sorted(set(images) - set(found))
    if left:
        notes += (
            naming_first(len(left), len(images), f"image of {folder}", "are not in train.csv", left[0]),
        )
    group = ImageGroup("train", [*found, *left], [*labels, *[""] * len(left)])
    return group, table.notes + notes + twice
