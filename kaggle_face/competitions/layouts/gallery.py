"""224-pixel faces and a gallery of known identities, accuracy (fall 2022 to spring 2024; letter D).

An image of `unknown_*` gets the folder name of the known identity that it shows. From spring 2023 on some
show an unknown identity: `n000000`. The submitted class is the index among the sorted folder names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.csv_tables import CsvTable, name_column, read_csv_table, row_numbers
from kaggle_face.competitions.files.folders import FolderMap, name_of, stem_of
from kaggle_face.competitions.files.lists import repeated
from kaggle_face.competitions.files.named_images import ImageFinder, Mentions
from kaggle_face.competitions.layouts.assembly import ImageGroup, label_faces, without_classes
from kaggle_face.competitions.layouts.class_folders import find_training_folder, read_folder_classes
from kaggle_face.competitions.layouts.layout import Detection, Example, Source
from kaggle_face.competitions.submission.formats import SubmissionFormats, table_format
from kaggle_face.errors import DataError, counted, naming_first
from kaggle_face.file_names import Spellings, is_picture_name
from kaggle_face.records import CompetitionData, Gallery, Pairs, no_pairs

_TREE = """
hw2p2-classification/train/n00000{2,9}/{a,b}.jpg    # both archives below one folder, under any names
hw2p2-classification/dev/n00000{2,9}/{a,b}.jpg
hw2p2-classification/test/{000000,000001}.jpg
hw2p2-verification/known/{n000123,n004567}/0001.jpg
hw2p2-verification/unknown_dev/{0,1,2}.jpg
hw2p2-verification/verification_dev.csv             # names of the sorted images of unknown_dev/
    label
    n004567
    n000000
    n000123
hw2p2-verification/unknown_test/{0,1}.jpg"""
_TREE_OF_F22 = _TREE.replace("verification_dev.csv  ", "dev_identities.csv    ").replace(
    "    n000000\n", "    n004567\n"
)
_ROWS = ("000000.jpg,857", "000001.jpg,42")
_MATCHES = ("0,n000123", "1,n000000")
_EXAMPLES = {
    "f23": Example(_TREE, _ROWS, _MATCHES),
    "s23": Example(_TREE, ("00000.jpg,857", "00001.jpg,42"), _MATCHES),
    "f22": Example(_TREE_OF_F22, _ROWS, ("0,n000123", "1,n004567")),
}

NO_MATCH = "n000000"
_OTHERS_PER_PROBE = 20
_DEV_TABLES = ("verification_dev.csv", "dev_identities.csv")


class GallerySearch:
    """The layout `gallery`."""

    name: str = "gallery"
    title: str = "train/<class>/, test/, known/<identity>/, unknown_dev/, unknown_test/"
    variants: Sequence[str] = ("f22", "s23", "f23", "s24")
    examples: Mapping[str, Example] = _EXAMPLES

    def detect(self, tree: FolderMap) -> Detection:
        """The match of a folder with this layout."""
        known, mark = _verification_folder(tree), "train/ beside dev/ or test/"
        places = {mark: find_training_folder(tree), "known/": known}
        if known is not None:
            places["unknown_test/"] = tree.child(known, "unknown_test")
            places["unknown_dev/"] = tree.child(known, "unknown_dev")
        variant = "f22" if tree.file("dev_identities.csv") else "f23"
        return Detection.of_places(self.name, variant, places, (mark,))

    def read(self, source: Source) -> CompetitionData:
        """Reads a folder that fits."""
        train = find_training_folder(source.tree)
        assert train is not None, "detected without train"
        read = read_folder_classes(source, train)
        classes = without_classes(read.classes, source.exclude)
        galleries = _read_galleries(source)
        groups = [*read.groups, ImageGroup("verification", galleries.image_ids)]
        return CompetitionData(
            faces=label_faces(groups, classes),
            classes=classes,
            test_rows=read.test_rows,
            dev_pairs=no_pairs() if galleries.dev is None else pairs_of_gallery(galleries.dev),
            test_pairs=no_pairs(),
            dev_gallery=galleries.dev,
            test_gallery=galleries.test,
            notes=read.notes + galleries.notes,
        )

    def formats(self, variant: str) -> SubmissionFormats:
        """The CSVs of this layout."""
        return SubmissionFormats(
            table_format("classification", ("id", "label"), ("{id}", "{label}")),
            table_format("verification", ("id", "label"), ("{id}", "{label}")),
        )


def pairs_of_gallery(gallery: Gallery) -> Pairs:
    """Labelled pairs of a gallery: each probe with all images of its own name, and with some of others.

    Training can choose a checkpoint by them, so that no class need be held out for that.
    """
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(gallery.names.tolist()):
        rows_of.setdefault(name, []).append(row)
    draw = np.random.default_rng(0)
    probes, rows, labels = [], [], []
    for probe, name in enumerate(gallery.probe_names.tolist()):
        own = rows_of.get(name, [])
        drawn = draw.choice(len(gallery.names), min(_OTHERS_PER_PROBE, len(gallery.names)), replace=False)
        others = [row for row in drawn.tolist() if gallery.names[row] != name]
        probes += [probe] * (len(own) + len(others))
        rows += [*own, *others]
        labels += [1] * len(own) + [0] * len(others)
    ids = as_text([str(row) for row in range(len(rows))])
    return Pairs(ids, gallery.probe_image_ids[probes], gallery.image_ids[rows], np.asarray(labels, np.int64))


@dataclass(frozen=True, eq=False)
class _Galleries:
    image_ids: list[str]
    dev: Gallery | None = None
    test: Gallery | None = None
    notes: tuple[str, ...] = ()


def _verification_folder(tree: FolderMap) -> str | None:
    """The folder that holds `known/` beside unknown identities."""
    for parent in tree.parents_of("known"):
        if tree.child(parent, "unknown_test", "unknown_dev"):
            return parent
    return None


def _read_galleries(source: Source) -> _Galleries:
    parent = _verification_folder(source.tree)
    if parent is None:
        return _Galleries([], notes=("there is no verification folder with known/ and unknown_test/",))
    known_folder = source.tree.child(parent, "known")
    assert known_folder is not None, "found without known"
    known = source.images.of_classes(known_folder)
    dev, test = _probes(source, parent, "unknown_dev"), _probes(source, parent, "unknown_test")
    truth = _read_truth(source, parent, dev, known)
    has_unknown = NO_MATCH in truth.names or source.variant != "f22"
    no_match = NO_MATCH if has_unknown else None
    return _Galleries(
        image_ids=[*(image for images in known.values() for image in images), *dev, *test],
        dev=_gallery(known, truth.image_ids, truth.names, no_match) if truth.names else None,
        test=_gallery(known, test, [""] * len(test), no_match) if test else None,
        notes=truth.notes,
    )


def _probes(source: Source, parent: str, name: str) -> list[str]:
    """The images of `unknown_*`, sorted; their rows are called by their place.

    Raises:
        DataError: They lie in folders, which leaves their place open.
    """
    folder = source.tree.child(parent, name)
    images = [] if folder is None else source.images.below(folder)
    deeper = [image for image in images if "/" in image[len(folder or "") + 1 :]]
    if deeper:
        what = naming_first(
            len(deeper),
            len(images),
            f"image of {folder}",
            "lie in a deeper folder, which leaves the order of rows open",
            deeper[0],
        )
        raise DataError(f"{what}; put all into {folder}")
    return images


@dataclass(frozen=True)
class _Truth:
    """The images of `unknown_dev` whose identity is known, and the names of the identities."""

    image_ids: list[str]
    names: list[str]
    notes: tuple[str, ...]


def _read_truth(source: Source, parent: str, dev: list[str], known: dict[str, list[str]]) -> _Truth:
    """The name of each image of `unknown_dev`: by its file name where the table has it, else in order."""
    file = source.tree.file(*_DEV_TABLES)
    if file is None or not dev:
        note = f"there is no {_DEV_TABLES[0]} or no unknown_dev folder: no threshold can be chosen"
        return _Truth([], [], (note,))
    table = read_csv_table(source.root / file, ["label"])
    spellings = Spellings(known)
    labels = [spellings.find(name) or name for name in table.columns["label"]]
    foreign = [row for row, name in enumerate(labels) if name not in known and name != NO_MATCH]
    if foreign:
        raise DataError(
            f"{table.path}:{table.line_numbers[foreign[0]]}: '{labels[foreign[0]]}' is not a folder of "
            f"known/ ({counted(len(foreign), 'such row')})"
        )
    notes = table.notes
    if labels != table.columns["label"]:
        notes += (f"{file}: names of identities spell accents otherwise than the folders of known/ do",)
    images, more = _images_of_rows(source, table, dev)
    rows = sorted(zip(images, labels, strict=True))
    return _Truth([image for image, _ in rows], [name for _, name in rows], notes + more)


def _images_of_rows(source: Source, table: CsvTable, dev: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """The image that each row is about.

    Raises:
        DataError: A named image does not exist or appears twice, or nothing names images and counts differ.
    """
    folder = dev[0].rpartition("/")[0]
    column = name_column(table, [stem_of(image) for image in dev], besides=["label"])
    if column is None:
        if len(table.columns["label"]) != len(dev):
            raise DataError(
                f"{table.path} has {counted(len(table.columns['label']), 'row')}, but unknown_dev has "
                f"{counted(len(dev), 'image')}, and no column of it names images; unpack {folder} again"
            )
        return [dev[place] for place in row_numbers(table, len(dev), besides=["label"])], ()
    names = table.columns[column]
    if not all(map(is_picture_name, names)):
        by_stem = {stem_of(image): name_of(image) for image in dev}
        names = [by_stem[name] for name in names]
    if places := repeated(names):
        line = table.line_numbers[places[0]]
        raise DataError(f"{table.path}:{line}: '{names[places[0]]}' appears twice; keep one line per image")
    finder = ImageFinder(source.root, (folder, folder.rpartition("/")[0], ""), frozenset(dev))
    found, notes = finder.find(Mentions(table.path, names, table.line_numbers))
    left = sorted(set(dev) - set(found))
    if left:
        notes += (
            naming_first(
                len(left),
                len(dev),
                f"image of {folder}",
                f"are not in {table.path.name}, so without a name",
                left[0],
            ),
        )
    return found, notes


def _gallery(
    known: dict[str, list[str]], probes: Sequence[str], truth: Sequence[str], no_match: str | None
) -> Gallery:
    names = np.repeat(as_text(list(known)), [len(images) for images in known.values()])
    return Gallery(
        image_ids=as_text([image for images in known.values() for image in images]),
        names=names,
        probe_ids=as_text([str(row) for row in range(len(probes))]),
        probe_image_ids=as_text(probes),
        probe_names=as_text(truth),
        no_match=no_match,
    )
