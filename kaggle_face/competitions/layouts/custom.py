"""Own data, whose files the settings name: images from tables, folders or file names, pairs, galleries.

Classes are the identities of the training images, sorted by name; the name is submitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.files.csv_tables import read_csv_table
from kaggle_face.competitions.files.folders import FolderMap, stem_of
from kaggle_face.competitions.files.image_index import ImageIndex
from kaggle_face.competitions.files.lists import repeated
from kaggle_face.competitions.files.named_images import Mentions
from kaggle_face.competitions.layouts.assembly import (
    ImageGroup,
    indexed_classes,
    label_faces,
    unknown_classes_note,
    without_classes,
)
from kaggle_face.competitions.layouts.custom_images import ListedImage, ListedImages, read_images
from kaggle_face.competitions.layouts.custom_trials import read_gallery, read_pairs
from kaggle_face.competitions.layouts.gallery import pairs_of_gallery
from kaggle_face.competitions.layouts.layout import Detection, Example, Source
from kaggle_face.competitions.submission.formats import SubmissionFormats, table_format
from kaggle_face.config.competition import CustomConfig, ImagesConfig
from kaggle_face.errors import ConfigError, DataError, counted, naming_first
from kaggle_face.hints import command_line
from kaggle_face.records import (
    ClassTable,
    CompetitionData,
    Gallery,
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


@dataclass(frozen=True, eq=False)
class _Trials:
    """Pairs and galleries of all entries."""

    dev_pairs: Pairs = field(default_factory=no_pairs)
    test_pairs: Pairs = field(default_factory=no_pairs)
    dev_gallery: Gallery | None = None
    test_gallery: Gallery | None = None
    notes: tuple[str, ...] = ()

    @property
    def image_ids(self) -> set[str]:
        """The images of all pairs, known people and probes."""
        named = {*self.dev_pairs.image_ids.tolist(), *self.test_pairs.image_ids.tolist()}
        for gallery in (self.dev_gallery, self.test_gallery):
            if gallery is not None:
                named |= {*gallery.image_ids.tolist(), *gallery.probe_image_ids.tolist()}
        return named


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
        root, custom = source.root, source.custom
        if not custom.images:
            command = command_line("init", "NAME", "--data", str(root))
            raise ConfigError(
                f"competition.layout=custom needs competition.custom.images; {command} looks at the files "
                f"and writes it"
            )
        index = ImageIndex(root, source.images.below("", source.tree.files))
        listed = ListedImages()
        for entry in custom.images:
            listed.add(read_images(root, entry, index, _folders_within(entry, custom)))
        groups = _groups(listed, custom.unknown)
        trained = {name for group in groups if group.split == "train" for name in group.class_names or ()}
        classes = without_classes(_classes(root, trained - {""}, custom), source.exclude)
        rows, more = _test_rows(root, custom, listed, index)
        trials = _read_trials(root, custom, index)
        if custom.unknown is not None and custom.labels_per_row > 1 and trials.test_gallery is None:
            trials = replace(trials, test_gallery=_gallery_of_ranking(groups, classes, rows, custom.unknown))
        groups.append(ImageGroup("verification", sorted(trials.image_ids - listed.images.keys())))
        return CompetitionData(
            faces=label_faces(groups, classes),
            classes=classes,
            test_rows=rows,
            dev_pairs=trials.dev_pairs,
            test_pairs=trials.test_pairs,
            dev_gallery=trials.dev_gallery,
            test_gallery=trials.test_gallery,
            notes=(*listed.notes, *unknown_classes_note(groups, trained), *more, *trials.notes),
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
    has_rows = any(
        "test" in (entry.split, entry.without_identity, *entry.split_lists.values())
        or entry.split_column is not None
        for entry in custom.images
    )
    searches = any(
        not (each.probes.identity or each.probes.class_folders or each.probes.pattern)
        for each in custom.galleries
    )
    if searches:
        verification = table_format("verification", ("id", "label"), ("{id}", "{label}"))
    elif all(entry.is_labelled for entry in custom.pairs):
        verification = None
    per_row = replace(classification, labels_per_row=custom.labels_per_row)
    return SubmissionFormats(per_row if has_rows else None, verification)


def _folders_within(entry: ImagesConfig, custom: CustomConfig) -> list[str]:
    """The folders of other entries below an entry's folder, whose images are theirs."""
    start = f"{entry.folder}/" if entry.folder else ""
    others = [other.folder for other in custom.images if other.table is None and other.folder != entry.folder]
    return [folder for folder in others if folder.startswith(start)]


def _read_trials(root: Path, custom: CustomConfig, index: ImageIndex) -> _Trials:
    """Reads all lists of pairs and all galleries; labelled probes make labelled pairs where no list does.

    Raises:
        ConfigError: Two lists or galleries are of one kind, or a submission would hold pairs and probes.
    """
    pairs: dict[Split, Pairs] = {}
    galleries: dict[Split, Gallery] = {}
    notes: list[str] = []
    for entry in custom.pairs:
        split, found, more = read_pairs(root, entry, index)
        if split in pairs:
            raise ConfigError(
                f"competition.custom.pairs names two lists of {split} pairs, of which the second is "
                f"{entry.file}; join them in one file"
            )
        pairs[split] = found
        notes += more
    for entry_of_gallery in custom.galleries:
        split, gallery, more = read_gallery(root, entry_of_gallery, index)
        if split in galleries:
            raise ConfigError(
                f"competition.custom.galleries names two {split} galleries; keep one with identities of "
                f"its probes and one without"
            )
        galleries[split] = gallery
        notes += more
    if "test" in galleries and "test" in pairs:
        raise ConfigError("competition.custom has test pairs and a test gallery; a submission holds one")
    if "dev" in galleries:
        pairs.setdefault("dev", pairs_of_gallery(galleries["dev"]))
    dev, test = pairs.get("dev", no_pairs()), pairs.get("test", no_pairs())
    return _Trials(dev, test, galleries.get("dev"), galleries.get("test"), tuple(notes))


def _gallery_of_ranking(
    groups: Sequence[ImageGroup], classes: ClassTable, rows: RowList, unknown: str
) -> Gallery:
    """The training images as known people, and the test rows as probes that may be of unknown ones."""
    known = {*classes.names.tolist()}
    people = [
        (image_id, name)
        for group in groups
        if group.split == "train"
        for image_id, name in zip(group.image_ids, group.class_names or (), strict=True)
        if name in known
    ]
    return Gallery(
        image_ids=as_text([image_id for image_id, _ in people]),
        names=as_text([name for _, name in people]),
        probe_ids=rows.row_ids,
        probe_image_ids=rows.image_ids,
        probe_names=as_text([""] * len(rows)),
        no_match=unknown,
    )


def _groups(listed: ListedImages, unknown: str | None) -> list[ImageGroup]:
    """The images of each split; those of unknown people have no class."""
    groups = []
    splits: tuple[Split, ...] = ("train", "dev", "test")
    for split in splits:
        images = [image for image in listed.images.values() if image.split == split]
        if images:
            names = ["" if image.identity == unknown else image.identity for image in images]
            groups.append(
                ImageGroup(split, [image.image_id for image in images], names if any(names) else None)
            )
    return groups


def _classes(root: Path, names: set[str], custom: CustomConfig) -> ClassTable:
    """The identities, and what is submitted for each.

    Raises:
        DataError: The table of labels lacks an identity, or gives one two labels or two one label.
    """
    indexed = indexed_classes(names)
    if custom.labels is not None:
        path, label = root / custom.labels.table, custom.labels.label
        columns = (custom.labels.name, label or "label")
        wanted = columns[:1] if label is None else columns
        table = read_csv_table(path, wanted, custom.labels.header, may_have_blanks=label is not None)
        listed = [text.strip() for text in table.columns[columns[0]]]
        numbers = [str(number) for number in range(custom.labels.first, custom.labels.first + len(listed))]
        both = [listed, numbers if label is None else table.columns[label]]
        label_of = dict(zip(*both, strict=True))
        lost = [name for name in indexed.names.tolist() if name not in label_of]
        if lost:
            what = naming_first(
                len(lost), len(names), "identity", f"are not in the column '{columns[0]}'", lost[0]
            )
            raise DataError(f"{path}: {what}; add the missing lines")
        for column, cells in zip(columns, both, strict=True):
            if rows := repeated(cells):
                where = f"{path}:{table.line_numbers[rows[0]]}"
                raise DataError(
                    f"{where}: '{cells[rows[0]]}' appears twice in '{column}'; remove one of the lines"
                )
        return ClassTable(indexed.names, as_text([label_of[name] for name in indexed.names.tolist()]))
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
    table = read_csv_table(path, [] if custom.test_id is None else [custom.test_id])
    name = custom.test_id if custom.test_id is not None else next(iter(table.columns))
    ids = table.columns[name]
    if places := repeated(ids):
        raise DataError(
            f"{path}:{table.line_numbers[places[0]]}: the id '{ids[places[0]]}' appears twice in '{name}'; "
            f"keep one row per image"
        )
    if custom.row_order is not None:
        return _counted_rows(path, name, ids, test, custom.row_order), ()
    notes: tuple[str, ...] = ()
    called = {image.called: image.image_id for image in test}
    if len(called) == len(test) and called.keys() >= set(ids):
        found = [called[text] for text in ids]
    else:
        tests = ImageIndex(root, [image.image_id for image in test])
        found, notes = tests.find(Mentions(path, ids, table.line_numbers))
    left = sorted(set(called.values()) - set(found))
    if left:
        notes += (
            naming_first(
                len(left),
                len(test),
                "test image",
                f"are not in {custom.test_rows}, so without a row in the CSV",
                left[0],
            ),
        )
    return (RowList(as_text(ids), as_text(found)) if ids else no_rows()), notes


def _counted_rows(
    path: Path, name: str, ids: Sequence[str], test: Sequence[ListedImage], order: Literal["name", "number"]
) -> RowList:
    """Rows whose ids count the test images from 0 or 1, in the order of their names or numbers.

    Raises:
        DataError: The ids do not count the test images, or these are not called by numbers of their own.
    """
    images = sorted(image.image_id for image in test)
    if order == "number":
        stems = [stem_of(image_id) for image_id in images]
        numbers = {
            int(stem): image_id for stem, image_id in zip(stems, images, strict=True) if stem.isdecimal()
        }
        if len(numbers) < len(images):
            raise DataError(
                f"{path}: the test images, such as {images[0]}, are not called by numbers of their own; "
                f"row_order is name, or the ids must name them"
            )
        images = [numbers[number] for number in sorted(numbers)]
    for first in (0, 1):
        found = {str(number): image_id for number, image_id in enumerate(images, first)}
        if found.keys() == {*ids}:
            return RowList(as_text(ids), as_text([found[text] for text in ids]))
    raise DataError(
        f"{path}: the {counted(len(ids), 'id')} of '{name}', such as {ids[0]}, do not count the "
        f"{counted(len(images), 'test image')} from 0 or 1; leave row_order out if they name the images"
    )
