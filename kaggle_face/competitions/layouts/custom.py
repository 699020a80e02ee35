"""Own data, whose files the settings name: images from tables, folders or file names, pairs, galleries.

Classes are the identities of the training images, sorted by name; the name is submitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.csv_tables import CsvTable, read_csv_table
from kaggle_face.competitions.files.folders import FolderMap
from kaggle_face.competitions.files.image_index import ImageIndex
from kaggle_face.competitions.files.lists import PairList, repeated
from kaggle_face.competitions.files.named_images import ImageFinder, Mentions, pairs_from_list
from kaggle_face.competitions.layouts.assembly import (
    ImageGroup,
    indexed_classes,
    label_faces,
    unknown_classes_note,
    without_classes,
)
from kaggle_face.competitions.layouts.custom_images import ListedImage, ListedImages, read_images
from kaggle_face.competitions.layouts.gallery import pairs_of_gallery
from kaggle_face.competitions.layouts.layout import Detection, Example, Source
from kaggle_face.competitions.submission.formats import SubmissionFormats, table_format
from kaggle_face.config.competition import CustomConfig, GalleryConfig, PairsConfig
from kaggle_face.errors import ConfigError, DataError, naming_first
from kaggle_face.hints import command_line
from kaggle_face.records import (
    UNKNOWN,
    ClassTable,
    CompetitionData,
    Gallery,
    IntArray,
    Pairs,
    RowList,
    Split,
    no_pairs,
    no_rows,
)

_EXAMPLE = Example(
    """
train.csv    # images: [{table: train.csv, image: id, identity: person, folder: train},
    id;person    #      {split: test, folder: test}]
    0a1b;Ann
    2c3d;Ann
    4e5f;Bob
    6a7b;Bob
train/{0a,2c,4e,6a}/{0a1b,2c3d,4e5f,6a7b}.jpg
test/{0011,0022}.jpg
pairs.txt    # pairs: [{file: pairs.txt, header: false, first: "1", second: "2"}]
    0011.jpg 0022.jpg""",
    ("0011,Ann", "0022,Bob"),
    ("0,0.573100",),
)

SAME_WORDS = frozenset(("1", "1.0", "true", "same", "yes", "y", "match", "positive", "genuine"))
DIFFERENT_WORDS = frozenset(
    ("0", "0.0", "-1", "false", "different", "no", "n", "mismatch", "negative", "impostor")
)


class Custom:
    """The layout `custom`."""

    name: str = "custom"
    title: str = "own data, whose files competition.custom names"
    variants: Sequence[str] = ("custom",)
    examples: Mapping[str, Example] = {"custom": _EXAMPLE}

    def detect(self, tree: FolderMap) -> Detection:
        """The layout is never found by itself: the settings name it, and reading looks for its files."""
        return Detection(self.name, "custom", ("competition.custom",), ())

    def read(self, source: Source) -> CompetitionData:
        """Reads the files that the settings name."""
        custom = source.custom
        if not custom.images:
            command = command_line("init", "NAME", "--data", str(source.root))
            raise ConfigError(
                f"competition.family=custom needs competition.custom.images; {command} looks at the files "
                f"and writes it"
            )
        index = ImageIndex(source.root, source.images.below("", source.tree.files))
        listed = ListedImages()
        for entry in custom.images:
            listed.add(read_images(source.root, entry, index))
        groups = _groups(listed)
        trained = {name for group in groups if group.split == "train" for name in group.class_names or ()}
        classes = without_classes(_classes(trained - {""}, custom), source.exclude)
        notes = [*listed.notes, *unknown_classes_note(groups, trained)]
        rows, more = _test_rows(source.root, custom, listed, index)
        notes += more
        pairs = {"dev": no_pairs(), "test": no_pairs()}
        for entry_of_pairs in custom.pairs:
            split, found, more = _read_pairs(source.root, entry_of_pairs, index)
            if len(pairs[split]):
                raise ConfigError(
                    f"competition.custom.pairs names two lists of {split} pairs, of which the second is "
                    f"{entry_of_pairs.file}; join them in one file"
                )
            pairs[split] = found
            notes += more
        galleries: dict[str, Gallery] = {}
        for entry_of_gallery in custom.galleries:
            split, gallery, more = _read_gallery(source.root, entry_of_gallery, index)
            if split in galleries:
                raise ConfigError(
                    f"competition.custom.galleries names two {split} galleries; keep one with identities of "
                    f"its probes and one without"
                )
            galleries[split] = gallery
            notes += more
        dev, test = galleries.get("dev"), galleries.get("test")
        if test is not None and len(pairs["test"]):
            raise ConfigError("competition.custom has test pairs and a test gallery; a submission holds one")
        if dev is not None and not len(pairs["dev"]):
            pairs["dev"] = pairs_of_gallery(dev)
        named = {*pairs["dev"].image_ids.tolist(), *pairs["test"].image_ids.tolist()}
        for gallery in galleries.values():
            named |= {*gallery.image_ids.tolist(), *gallery.probe_image_ids.tolist()}
        groups.append(ImageGroup("verification", sorted(named - listed.images.keys())))
        return CompetitionData(
            faces=label_faces(groups, classes),
            classes=classes,
            test_rows=rows,
            dev_pairs=pairs["dev"],
            test_pairs=pairs["test"],
            dev_gallery=dev,
            test_gallery=test,
            notes=tuple(notes),
        )

    def formats(self, variant: str) -> SubmissionFormats:
        """The CSVs where the settings and the sample submission show no others."""
        return SubmissionFormats(
            table_format("classification", ("id", "label"), ("{id}", "{label}")),
            table_format("verification", ("id", "score"), ("{id}", "{score}")),
        )


def formats_of_own_data(custom: CustomConfig) -> SubmissionFormats:
    """The CSVs of own data: for test images, and for pairs or probes that are to be submitted."""
    formats = Custom().formats("custom")
    classification, verification = formats.classification, formats.verification
    assert classification is not None
    has_rows = any(entry.split == "test" or entry.split_column is not None for entry in custom.images)
    searches = any(
        not (each.probes.identity or each.probes.class_folders or each.probes.pattern)
        for each in custom.galleries
    )
    if searches:
        verification = table_format("verification", ("id", "label"), ("{id}", "{label}"))
    elif all(entry.label is not None for entry in custom.pairs):
        verification = None
    per_row = replace(classification, labels_per_row=custom.labels_per_row)
    return SubmissionFormats(per_row if has_rows else None, verification)


def _groups(listed: ListedImages) -> list[ImageGroup]:
    groups = []
    splits: tuple[Split, ...] = ("train", "dev", "test")
    for split in splits:
        images = [image for image in listed.images.values() if image.split == split]
        if images:
            has_names = any(image.identity for image in images)
            names = [image.identity for image in images] if has_names else None
            groups.append(ImageGroup(split, [image.image_id for image in images], names))
    return groups


def _classes(names: set[str], custom: CustomConfig) -> ClassTable:
    indexed = indexed_classes(names)
    return indexed if custom.submitted == "index" else ClassTable(indexed.names, indexed.names)


def _test_rows(
    root: Path, custom: CustomConfig, listed: ListedImages, index: ImageIndex
) -> tuple[RowList, tuple[str, ...]]:
    """The rows of the CSV: as the table of test rows has them, or all test images as they are called."""
    test = [image for image in listed.images.values() if image.split == "test"]
    if custom.test_rows is None:
        calls = [image.called for image in test]
        if repeated(calls):
            calls = [image.image_id for image in test]
        return RowList(as_text(calls), as_text([image.image_id for image in test])), ()
    path = root / custom.test_rows
    table = read_csv_table(path, [])
    name, ids = next(iter(table.columns.items()))
    if places := repeated(ids):
        raise DataError(
            f"{path}:{table.line_numbers[places[0]]}: the id '{ids[places[0]]}' stands twice in '{name}'; "
            f"keep one row per image"
        )
    notes: tuple[str, ...] = ()
    called = {image.called: image.image_id for image in test}
    if len(called) == len(test) and called.keys() >= set(ids):
        found = [called[text] for text in ids]
    else:
        tests = ImageIndex(root, [image.image_id for image in test])
        found, notes = tests.find(Mentions(path, ids, table.line_numbers))
    left = sorted(set(called.values()) - set(found))
    if left:
        what = f"test images are not in {custom.test_rows}, so the CSV has no row for them"
        notes += (naming_first(len(left), len(test), what, left[0]),)
    return (RowList(as_text(ids), as_text(found)) if ids else no_rows()), notes


def _read_pairs(root: Path, entry: PairsConfig, index: ImageIndex) -> tuple[str, Pairs, tuple[str, ...]]:
    """The split, the pairs and what was odd."""
    path = root / entry.file
    wanted = [name for name in (entry.first, entry.second, entry.label, entry.id) if name is not None]
    table = read_csv_table(path, wanted, entry.header, may_have_blanks=True)
    numbers = [*table.line_numbers]
    names = [*table.columns[entry.first], *table.columns[entry.second]]
    ids, notes = index.find(Mentions(path, names, numbers + numbers), entry.folders, entry.cut)
    count = len(numbers)
    labels = np.full(count, UNKNOWN, np.int64)
    if entry.label is not None:
        labels = _pair_labels(table, entry.label, entry.same)
    called = None if entry.id is None else table.columns[entry.id]
    if called is not None and (places := repeated(called)):
        raise DataError(
            f"{path}:{numbers[places[0]]}: the id '{called[places[0]]}' stands twice; mend this line"
        )
    # As ids of images the names are found as written, whatever the list calls them.
    pair_list = PairList(path, ids[:count], ids[count:], labels, numbers, table.notes, called)
    pairs, more = pairs_from_list(pair_list, ImageFinder(root, ("",), frozenset(ids)), by_text=False)
    return ("test" if entry.label is None else "dev"), pairs, (*notes, *more)


def _pair_labels(table: CsvTable, column: str, same: str | None) -> IntArray:
    """1 for a pair of one person and 0 for two.

    Raises:
        DataError: A label is neither, or `same` stands nowhere or beside several others.
    """
    texts = [text.strip() for text in table.columns[column]]
    if same is not None:
        others = {*texts} - {same}
        if same not in texts or len(others) > 1:
            what = (
                f"does not hold '{same}'" if same not in texts else f"holds {', '.join(sorted(others)[:3])}"
            )
            raise DataError(
                f"{table.path}: the column '{column}' {what} beside the label of same pairs; mend 'same'"
            )
        return np.asarray([text == same for text in texts], np.int64)
    for place, text in enumerate(texts):
        if text.lower() not in SAME_WORDS | DIFFERENT_WORDS:
            raise DataError(
                f"{table.path}:{table.line_numbers[place]}: the label '{text}' of '{column}' is neither "
                f"1 (same) nor 0 (different); give the label of same pairs as 'same' in "
                f"competition.custom.pairs"
            )
    return np.asarray([text.lower() in SAME_WORDS for text in texts], np.int64)


def _read_gallery(
    root: Path, entry: GalleryConfig, index: ImageIndex
) -> tuple[str, Gallery, tuple[str, ...]]:
    """The split, the gallery and what was odd."""
    known, probes = ListedImages(), ListedImages()
    known.add(read_images(root, entry.known, index))
    probes.add(read_images(root, entry.probes, index))
    people = [image for image in known.images.values() if image.identity]
    if not people:
        raise DataError(
            f"the gallery of {root} has no known image with an identity; mend 'known' in competition.custom"
        )
    both = sorted(known.images.keys() & probes.images.keys())
    if both:
        what = "probes are known images too"
        raise DataError(
            f"{root}: {naming_first(len(both), len(probes.images), what, both[0])}; take them out of one"
        )
    names = {image.identity for image in people}
    searched: list[ListedImage] = list(probes.images.values())
    calls = [image.called for image in searched]
    truth = [image.identity for image in searched]
    is_labelled = any(truth)
    notes = known.notes + probes.notes
    if is_labelled:
        foreign = sorted({*truth} - names)
        if foreign and entry.no_match is None:
            what = "identities of the probes are not known"
            raise DataError(
                f"{root}: {naming_first(len(foreign), len({*truth}), what, repr(foreign[0]))}; set "
                f"no_match, the answer for unknown people, in competition.custom.galleries"
            )
        truth = [name if name in names else entry.no_match or "" for name in truth]
    gallery = Gallery(
        image_ids=as_text([image.image_id for image in people]),
        names=as_text([image.identity for image in people]),
        probe_ids=as_text([image.image_id for image in searched] if repeated(calls) else calls),
        probe_image_ids=as_text([image.image_id for image in searched]),
        probe_names=as_text(truth),
        no_match=entry.no_match,
    )
    return ("dev" if is_labelled else "test"), gallery, tuple(notes)
