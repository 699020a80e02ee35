"""The settings of own data inferred from its files, with a reason for each, or a question where two fit."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kaggle_face.competitions.files.folders import FolderMap, map_folder, name_of
from kaggle_face.competitions.files.image_index import ImageIndex
from kaggle_face.competitions.files.listing import PictureLister
from kaggle_face.competitions.layouts.custom_images import read_images
from kaggle_face.competitions.layouts.custom_trials import halves_of
from kaggle_face.competitions.own_data.answers import Answers, check_answers
from kaggle_face.competitions.own_data.findings import Findings
from kaggle_face.competitions.own_data.folders import entries_of_folder, split_folders, take_folders
from kaggle_face.competitions.own_data.galleries import (
    take_gallery_folders,
    take_gallery_tables,
    train_on_known,
)
from kaggle_face.competitions.own_data.image_tables import locate, take_image_tables
from kaggle_face.competitions.own_data.pair_lists import (
    PairTable,
    choose_pairs,
    lfw_table,
    pair_tables,
    with_ids_of_samples,
)
from kaggle_face.competitions.own_data.sample import (
    read_labels,
    sample_images,
    split_off_samples,
    take_samples,
)
from kaggle_face.competitions.own_data.tables import TABLE_SUFFIXES, OwnTable, read_as_numbers, read_own_table
from kaggle_face.competitions.own_data.unread import lines_on_unread
from kaggle_face.competitions.submission.samples import find_samples
from kaggle_face.config.competition import CustomConfig, GalleryConfig, ImagesConfig, PairsConfig
from kaggle_face.errors import ConfigError, DataError, counted, naming_first


@dataclass
class Guess:
    """The settings, and a line on the reading of each file; `alternatives` become comments.

    `samples` are the sample submissions, by whatever names.
    """

    custom: CustomConfig = field(default_factory=CustomConfig)
    lines: list[str] = field(default_factory=list)
    alternatives: list[str] = field(default_factory=list)
    samples: tuple[str, ...] = ()


def guess_settings(root: Path, answers: Answers) -> Guess:
    """Looks at all files below a data root.

    Raises:
        ConfigError: Two readings are equally likely, or an answer names what is not there.
        DataError: There is no image, or none whose identity is known.
    """
    tree = map_folder(root)
    unread = lines_on_unread(tree.files)
    image_ids = PictureLister(root, tree).below("")
    if not image_ids:
        advice = _first_of(unread) or "unpack the archives, or fix --data"
        raise DataError(f"{root} holds no images; {advice}")
    find = Findings(root, answers, ImageIndex(root, image_ids))
    all_tables, labelled = _read_tables(find, tree)
    tables, samples = split_off_samples(all_tables, find_samples(tree), answers)
    find.samples = samples
    pairs = choose_pairs([*labelled, *pair_tables(find, tables, samples)])
    pairs = [with_ids_of_samples(each, samples, answers.id_column) for each in pairs]
    entries = [_take_pairs(find, each) for each in pairs]
    paired = {each.entry.file for each in pairs}
    find.galleries += _take_images(find, [own for own in tables if own.name not in paired], samples)
    reading = take_samples(find, samples, paired)
    take_folders(find)
    train_on_known(find, find.galleries)
    find.names |= _names_of_folders(find)
    _note_names_alike(find)
    reading = read_labels(find, reading)
    find.lines += unread
    _account_for_the_rest(find, unread, bool(find.galleries or entries))
    custom = CustomConfig(
        images=tuple(find.images),
        pairs=tuple(entries),
        galleries=tuple(each.model_copy(update={"no_match": reading.no_match}) for each in find.galleries),
        test_rows=reading.test_rows,
        test_id=reading.test_id,
        row_order=reading.row_order,
        unknown=reading.unknown,
        submitted=reading.submitted,
        labels=reading.labels,
        labels_per_row=reading.labels_per_row,
    )
    return Guess(custom, find.lines, find.alternatives, tuple(own.name for own in samples))


def _take_images(
    find: Findings, tables: Sequence[OwnTable], samples: Sequence[OwnTable]
) -> list[GalleryConfig]:
    """Takes tables of images and galleries, and returns the galleries."""
    lists = _with_images(find, tables)
    galleries, of_galleries = take_gallery_tables(find, lists)
    _take_answered_test(find)
    rest = [own for own in lists if own.name not in of_galleries]
    take_image_tables(find, rest, frozenset() if find.answers.row_order else sample_images(find, samples))
    return galleries or take_gallery_folders(find)


def _read_tables(find: Findings, tree: FolderMap) -> tuple[list[OwnTable], list[PairTable]]:
    """The tables below the root, and lists of LFW.

    Raises:
        ConfigError: An answer names a table, a column or a folder that is not there.
    """
    tables: list[OwnTable] = []
    labelled: list[PairTable] = []
    for name in tree.files:
        if not name.lower().endswith(TABLE_SUFFIXES):
            continue
        pairs = lfw_table(find, name)
        if pairs is not None:
            labelled.append(pairs)
            continue
        try:
            own = read_own_table(find.root, name, find.index)
        except DataError as error:
            find.note(f"{name}: left aside, it is not a table ({error})")
            find.no_tables.append(name)
            continue
        wanted = find.answers.image_column
        if wanted in own.columns and not find.answers.pairs:
            own = OwnTable(own.name, own.table, own.has_header, (wanted,), own.cut, own.doubts)
        elif len(own.image_columns) > 1 and find.answers.identity_column in own.image_columns:
            left = (each for each in own.image_columns if each != find.answers.identity_column)
            own = replace(own, image_columns=tuple(left))
        tables.append(own)
        find.tables[name] = own
    folders = {image_id.rpartition("/")[0] for image_id in find.index.image_ids} | {*tree.folders}
    columns = {column for own in tables for column in own.columns}
    check_answers(find.answers, columns, [*find.tables], folders)
    _check_identities_are_no_images(find, tables)
    return tables, labelled


def _check_identities_are_no_images(find: Findings, tables: Sequence[OwnTable]) -> None:
    wanted = find.answers.identity_column
    having = [own for own in tables if wanted in own.columns]
    if having and all(wanted in own.image_columns for own in having):
        raise ConfigError(
            f"--identity-column: {having[0].name}: {having[0].shown(wanted or '')} names the images; say "
            f"which column names people, or with --image-column which names the images"
        )


def _with_images(find: Findings, tables: Sequence[OwnTable]) -> list[OwnTable]:
    """The tables with one column of images; a line for each of the others."""
    for own in tables:
        if len(own.image_columns) != 1:
            columns = ", ".join(map(own.shown, own.columns[:4]))
            is_pairs = own.image_columns or own.joint is not None
            reason = "other pairs are taken" if is_pairs else "no column names images"
            if not is_pairs and (numbers := read_as_numbers(own, find.index)) is not None:
                reason = numbers
            find.note(f"{own.name}: left aside, {reason}: {columns}")
    return [own for own in tables if len(own.image_columns) == 1]


def _take_pairs(find: Findings, each: PairTable) -> PairsConfig:
    """The entry of a list of pairs with the folder of its images, and a line on what it was taken for.

    Raises:
        ConfigError: It is a sample submission whose rows have no ids.
    """
    own, entry = each.own, each.entry
    if each.is_sample and entry.second is not None and entry.id is None:
        raise ConfigError(
            f"{entry.file}: its rows have no ids, only the images {entry.first} and {entry.second}; with "
            f"--sample none it is a list of pairs, whose CSV has the columns id and score"
        )
    if own is None:
        place = f"{entry.folders[0]}/" if entry.folders[0] else "the data folder"
        find.note(f"{entry.file}: labelled pairs as LFW lists them, of images in {place}")
        return entry
    kind = "pairs to submit" if entry.label is None else f"labelled pairs by {own.shown(entry.label)}"
    if entry.same is not None:
        kind += f", of which '{entry.same}' means one person"
    if entry.second is None:
        find.note(
            f"{own.name}: {kind}, for {own.shown(entry.first)} names two images with '{entry.joint}' between"
        )
        find.alternatives += each.unused
        _cover_images_of_pairs_alone(find, _images_of_joints(find, own, entry))
        return entry
    folder, found = locate(find, own, (entry.first, entry.second))
    find.note(
        f"{own.name}: {kind}, for {own.shown(entry.first)} and {own.shown(entry.second)} name images in "
        f"{f'{folder}/' if folder else 'the data folder'}"
    )
    find.alternatives += each.unused
    _cover_images_of_pairs_alone(find, found)
    return entry.model_copy(update={"folders": (folder,)})


def _images_of_joints(find: Findings, own: OwnTable, entry: PairsConfig) -> list[str]:
    """The images that a column of two names in each cell names."""
    halves = (halves_of(cell, entry.joint or "", find.index) for cell in own.cells(entry.first))
    names = {name for ways in halves for way in ways for name in way}
    return [image_id for name in sorted(names) for image_id in find.index.match(name).image_ids]


def _cover_images_of_pairs_alone(find: Findings, found: Sequence[str]) -> None:
    """Takes a folder that holds the images of pairs and no identities for theirs alone."""
    place = posixpath.commonpath([posixpath.dirname(image_id) for image_id in found]) if found else ""
    start = f"{place}/" if place else ""
    inside = [image_id for image_id in find.index.image_ids if image_id.startswith(start)]
    find.of_pairs |= {*found}
    if not {*inside} <= {*found}:
        return
    plain, _ = entries_of_folder(place, inside, find.answers)
    if not any(entry.class_folders or entry.pattern for entry in plain):
        find.covered |= {*found}


def _take_answered_test(find: Findings) -> None:
    """Takes the folder that an answer names as that of the images to submit."""
    answer = (find.answers.test or "").rstrip("/")
    images = [image_id for image_id in find.index.image_ids if image_id.startswith(f"{answer}/")]
    if answer and images:
        find.images.append(ImagesConfig(split="test", folder=answer))
        find.covered |= {*images}
        find.note(f"{answer}/: test images, as --test says")


def _names_of_folders(find: Findings) -> set[str]:
    """The identities of training images that folders or file names give."""
    entries = [
        entry
        for entry in find.images
        if entry.split == "train" and (entry.class_folders or entry.pattern is not None)
    ]
    tests = [entry.folder for entry in find.images if entry.split == "test" and entry.table is None]
    return {
        image.identity for entry in entries for image in read_images(find.root, entry, find.index, tests)[0]
    }


def _note_names_alike(find: Findings) -> None:
    """A warning on identities that differ by case alone, which are people of their own."""
    first: dict[str, str] = {}
    alike = [name for name in sorted(find.names) if first.setdefault(name.casefold(), name) != name]
    if alike:
        example = f"{alike[0]} and {first[alike[0].casefold()]}"
        what = naming_first(
            len(alike), len(find.names), "identity", "differ from another by case alone", example
        )
        find.note(f"warning: {what}; fix the names if they are one person's")


def _account_for_the_rest(find: Findings, unread: Sequence[str], has_trials: bool) -> None:
    """Lines on images that nothing names, and on a competition without anything to submit.

    Raises:
        DataError: No training image has an identity.
    """
    if not find.has_identities:
        aside = (line for line in find.lines if "left aside" in line)
        cause = _first_of([*unread, *_splits_within_people(find), *aside])
        advice = "; name columns with --image-column and --identity-column, or the file names with --pattern"
        advice = "" if cause else advice
        raise DataError(
            f"{f'{cause}; so ' if cause else ''}{find.root} holds "
            f"{counted(len(find.index.image_ids), 'image')}, and nothing that gives their identities (a "
            f"table of images and people, a folder per person, file names such as Ann_1.jpg){advice}"
        )
    left = [image_id for image_id in find.left if image_id not in find.of_pairs]
    if left:
        find.note(
            naming_first(
                len(left), len(find.index.image_ids), "image", "are named by nothing and left out", left[0]
            )
        )
    if not find.has_test and not has_trials:
        find.note("nothing is to be submitted; name test images with --test FOLDER, or pairs with --pairs")


def _splits_within_people(find: Findings) -> list[str]:
    """A line on folders of splits that lie in several folders, as Ann/train/ and Bob/train/."""
    places: dict[str, list[str]] = {}
    for folder in split_folders(find.index.image_ids):
        places.setdefault(name_of(folder), []).append(folder)
    name, found = max(places.items(), key=lambda item: len(item[1]), default=("", []))
    if len(found) < 2:
        return []
    example = f"{name}/{name_of(posixpath.dirname(found[0]))}/"
    return [
        f"{found[0]}/ and {found[1]}/ are folders of a split within those of people; move the images so that "
        f"a folder of the split holds the people, as {example}"
    ]


def _first_of(lines: Sequence[str]) -> str:
    return lines[0] if lines else ""
