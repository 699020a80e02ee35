"""Tables of images of own data: which columns hold identities, splits and ids, and where the images lie."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence

from kaggle_face.competitions.files.folders import name_of
from kaggle_face.competitions.layouts.custom_images import SPLIT_WORDS, identity_texts, is_missing_name
from kaggle_face.competitions.own_data.answers import Meaning, meaning_of
from kaggle_face.competitions.own_data.findings import Findings
from kaggle_face.competitions.own_data.folders import split_called
from kaggle_face.competitions.own_data.identities import doubt_on, identity_column
from kaggle_face.competitions.own_data.tables import (
    FALSE_WORDS,
    OwnTable,
    flagged_split,
    folder_of,
    split_columns,
)
from kaggle_face.config.competition import ImagesConfig, ListedSplit
from kaggle_face.errors import ConfigError, counted, naming_first

_NUMBERED_SPLITS: Mapping[str, Meaning] = {"0": "train", "1": "dev", "2": "test"}


def take_image_tables(find: Findings, tables: Sequence[OwnTable], wanted: frozenset[str]) -> None:
    """Takes the tables that name identities, then those that name images alone: splits, or images to submit.

    `wanted` are images that the sample submission names.

    Raises:
        ConfigError: Two readings are equally likely.
    """
    read = [(own, *entry_of_table(find, own)) for own in tables]
    plain = [(own, entry) for own, entry, _ in read if entry.identity is None]
    for own, entry, found in read:
        if entry.identity is None:
            continue
        if entry.split_column is None:
            entry = _with_splits_elsewhere(find, entry, plain, found)
            entry = _with_split_lists(find, entry, plain, found)
        entry = _with_nameless(find, own, entry, found, wanted)
        find.images.append(entry)
        find.covered |= {*found}
        if entry.identity is not None:
            texts = identity_texts(own.cells(entry.identity))
            find.names |= {name for name in texts if not is_missing_name(name)}
            if (doubt := doubt_on(own, entry.identity, find.samples)) is not None:
                find.note(doubt)
        _explain(find, own, entry)
    used = {name for entry in find.images for name in (entry.split_table, *entry.split_lists)}
    for own, entry, found in read:
        if entry.identity is not None or own.name in used:
            continue
        if {*found} <= find.covered:
            shown = own.shown(own.image_columns[0])
            find.note(f"{own.name}: left aside, its images {shown} are known already")
            continue
        if entry.split_column is None and entry.split == "train":
            entry = entry.model_copy(update={"split": "test"})
        find.images.append(entry)
        find.covered |= {*found}
        _explain(find, own, entry)


def entry_of_table(find: Findings, own: OwnTable) -> tuple[ImagesConfig, list[str]]:
    """The entry that reads a table of images, and the images that it names.

    Its split is the one of a column, or else that of a word in the table's name or of its images' folder.

    Raises:
        ConfigError: Two columns may be the identities or the splits, or two folders may hold the images.
    """
    column = _split_column(find, own)
    besides = [] if column is None else [column]
    identity = identity_column(find.answers, own, besides, find.samples)
    for other in own.columns:
        if other not in (*own.image_columns, *besides, identity) and (other or any(own.cells(other))):
            find.alternatives.append(f"{own.name}: column {own.shown(other)} is not used")
    folder, found = locate(find, own, own.image_columns)
    inside = posixpath.commonpath([posixpath.dirname(image_id) for image_id in found]) if found else ""
    of_folder = [word for part in inside.split("/") if (word := split_called(part)) is not None]
    called = "test" if own.name == find.answers.test else _split_called(own.name)
    split: ListedSplit = called if called is not None else of_folder[0] if of_folder else "train"
    entry = ImagesConfig(
        split=split,
        folder=folder,
        table=own.name,
        image=own.image_columns[0],
        identity=identity,
        split_column=column,
        splits=_words_of(find, own, column),
        header=own.has_header,
        cut=own.cut,
    )
    return entry, found


def locate(find: Findings, own: OwnTable, columns: Sequence[str]) -> tuple[str, list[str]]:
    """The folder of the names in columns, and the images named.

    Raises:
        ConfigError: Two folders are equally likely.
    """
    folder = find.answers.folder_of(own.name)
    if folder is None:
        return folder_of(own, columns, find.index)
    names = [cell for column in columns for cell in own.cells(column)]
    matches = (find.index.match(name, (folder,), own.cut) for name in names)
    return folder, [match.image_ids[0] for match in matches if match.image_ids]


def _with_splits_elsewhere(
    find: Findings,
    entry: ImagesConfig,
    plain: Sequence[tuple[OwnTable, ImagesConfig]],
    found: Sequence[str],
) -> ImagesConfig:
    """The entry with its splits from another table that names all of its images."""
    for own, other in plain:
        names = own.cells(own.image_columns[0])
        there = {
            each for name in names for each in find.index.match(name, (entry.folder,), own.cut).image_ids
        }
        if other.split_column is not None and {*found} <= there:
            find.note(f"{own.name}: the splits of {entry.table}, by {own.shown(other.split_column)}")
            return entry.model_copy(
                update={
                    "split_table": own.name,
                    "split_image": other.image,
                    "split_column": other.split_column,
                    "split_header": own.has_header,
                    "splits": other.splits,
                }
            )
    return entry


def _with_split_lists(
    find: Findings,
    entry: ImagesConfig,
    plain: Sequence[tuple[OwnTable, ImagesConfig]],
    found: Sequence[str],
) -> ImagesConfig:
    """The entry with lists of its images that are called like a split, where the table names all splits.

    Raises:
        ConfigError: Such a list has other columns.
    """
    lists: dict[str, ListedSplit] = {}
    for own, other in plain:
        split = _split_called(own.name)
        cells = own.cells(own.image_columns[0])
        images = [find.index.match(cell, (entry.folder,), own.cut).image_ids for cell in cells]
        is_part = all(images) and {image_id for each in images for image_id in each} <= {*found}
        if entry.split_column is not None or split is None or other.split_column is not None or not is_part:
            continue
        if len(own.columns) > 1:
            raise ConfigError(
                f"{own.name}: its images are among those of {entry.table}, and it has other columns; keep "
                f"its column {own.image_columns[0]} alone, or write the splits as a column of {entry.table}"
            )
        lists[own.name] = split
        find.note(f"{own.name}: the {split} images of {entry.table}, as the file is called")
    if not {*lists.values()} - {entry.split}:
        return entry
    return entry.model_copy(update={"split_lists": lists})


def _split_called(name: str) -> ListedSplit | None:
    """The split of a word in a file's name."""
    stem = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", posixpath.splitext(name_of(name))[0])
    words = re.split(r"[^a-z]+", stem.lower())
    return next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), None)


def _with_nameless(
    find: Findings, own: OwnTable, entry: ImagesConfig, found: Sequence[str], wanted: frozenset[str]
) -> ImagesConfig:
    """The entry with what its rows without an identity are: as answered, or the test images of the sample.

    Raises:
        ConfigError: There are such rows, and nothing names what they are.
    """
    assert entry.identity is not None, "only of tables with identities"
    cells = own.cells(entry.identity)
    nameless = [place for place, cell in enumerate(cells) if is_missing_name(cell)]
    if not nameless or entry.split == "test" or entry.split_column is not None:
        return entry
    meaning = find.answers.without_identity
    if meaning is None and len(found) == len(cells) and {found[place] for place in nameless} == wanted:
        meaning = "test"
        clause = f"are without '{entry.identity}' and listed in the sample"
        find.note(f"{own.name}: {counted(len(nameless), 'row', clause)}")
    if meaning is None:
        clause = f"have '{cells[nameless[0]]}' in '{entry.identity}'"
        first = own.cells(own.image_columns[0])[nameless[0]]
        raise ConfigError(
            f"{own.name}: {naming_first(len(nameless), len(cells), 'row', clause, first)}; fix them, or say "
            f"what they are with --without-identity test or --without-identity skip"
        )
    return entry.model_copy(update={"without_identity": meaning})


def _split_column(find: Findings, own: OwnTable) -> str | None:
    wanted = find.answers.split_words[0]
    if wanted and wanted in own.columns:
        return wanted
    found = split_columns(own)
    if len(found) > 1:
        raise ConfigError(
            f"{own.name}: the splits may be {' or '.join(map(own.shown, found))}; say which with "
            f"--split-column '{found[0]}'"
        )
    return found[0] if found else None


def _words_of(find: Findings, own: OwnTable, column: str | None) -> dict[str, Meaning]:
    """The meaning of the words of a split column that are not plain.

    Raises:
        ConfigError: A word has no meaning.
    """
    if column is None:
        return {}
    answered = find.answers.split_words[1].items()
    meanings = {word: meaning_of(word, text, own.name) for word, text in answered}
    words = sorted({*own.cells(column)} - meanings.keys())
    odd = [word for word in words if word.lower() not in SPLIT_WORDS]
    flagged = flagged_split(own, column)
    if flagged is not None:
        return _words_of_flag(own, column, flagged, words) | meanings
    if "0" in words and {*words} <= _NUMBERED_SPLITS.keys():
        return {word: _NUMBERED_SPLITS[word] for word in words} | meanings
    if odd:
        meant: tuple[str, ...] = ("train", "test") if len(odd) == 2 else ("train", "dev", "test")
        if odd != [*map(str, range(1, len(meant) + 1))]:
            meant = tuple(_split_called(word) or "train" for word in odd)
        example = ",".join(f"{word}={split}" for word, split in zip(odd, meant, strict=True))
        raise ConfigError(
            f"{own.name}: '{odd[0]}' of the column '{column}' is not train, dev, test or skip; say what it "
            f"means with --split-column '{column}:{example}'"
        )
    return meanings


def _words_of_flag(own: OwnTable, column: str, flagged: str, words: Sequence[str]) -> dict[str, Meaning]:
    """The meaning of true and false in a column that marks a split.

    Raises:
        ConfigError: It marks the training images, and the others may be dev or test images; or it marks most
            rows as dev images, and may mean rows that are of use.
    """
    others = [word for word in words if word.lower() in FALSE_WORDS]
    if flagged == "train" and others:
        trained = "".join(f"{word}=train," for word in words if word not in others)
        raise ConfigError(
            f"{own.name}: '{others[0]}' of the column '{column}' may be dev or test; say it with "
            f"--split-column '{column}:{trained}{others[0]}=test'"
        )
    marked = [word for word in words if word not in others]
    if (
        flagged == "dev"
        and marked
        and 2 * sum(cell in marked for cell in own.cells(column)) > len(own.cells(column))
    ):
        skipped, kept = (",".join(f"{word}={split}" for word in others) for split in ("skip", "train"))
        raise ConfigError(
            f"{own.name}: '{marked[0]}' of the column '{column}' is in most rows, and may mean dev images "
            f"or rows that are of use; say it with --split-column '{column}:{marked[0]}=dev,{kept}' or "
            f"--split-column '{column}:{marked[0]}=train,{skipped}'"
        )
    return {word: meaning_of(word, "train" if word in others else flagged, own.name) for word in words}


def _explain(find: Findings, own: OwnTable, entry: ImagesConfig) -> None:
    place = f"{entry.folder}/" if entry.folder else "the data folder"
    reasons = [f"{own.shown(own.image_columns[0])} names images in {place}"]
    if entry.identity is not None:
        cells = own.cells(entry.identity)
        changed = [pair for pair in zip(cells, identity_texts(cells), strict=True) if pair[0] != pair[1]]
        whole = f", {changed[0][0]} read as {changed[0][1]}" if changed else ""
        reasons.append(f"{own.shown(entry.identity)} names their identities{whole}")
    if entry.split_column is not None and entry.split_table is None:
        reasons.append(f"{own.shown(entry.split_column)} names their splits")
    if own.cut:
        reasons.append(f"'{own.cut}' is cut off their paths")
    kind = "images" if entry.split_column is not None else f"{entry.split} images"
    find.note(f"{own.name}: {kind}, for {'; '.join([*reasons, *own.doubts])}")
