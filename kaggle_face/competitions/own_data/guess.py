"""The settings of own data inferred from its files, with a reason for each, or a question where two fit."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from kaggle_face.competitions.files.folders import map_folder, name_of
from kaggle_face.competitions.files.image_index import ImageIndex
from kaggle_face.competitions.files.listing import PictureLister
from kaggle_face.competitions.layouts.custom_images import SPLIT_WORDS
from kaggle_face.competitions.own_data.folders import entry_of_folder, gallery_of_folders, split_folders
from kaggle_face.competitions.own_data.pair_lists import PairTable, choose_pairs, pair_table
from kaggle_face.competitions.own_data.tables import (
    TABLE_SUFFIXES,
    OwnTable,
    folder_of,
    identity_columns,
    is_numbering,
    read_own_table,
    split_columns,
)
from kaggle_face.competitions.submission.samples import find_samples
from kaggle_face.config.competition import CustomConfig, ImagesConfig, ListedSplit, PairsConfig
from kaggle_face.errors import ConfigError, DataError, naming_first, nearest_hint

Meaning = ListedSplit | Literal["skip"]
_NUMBERED_SPLITS: Mapping[str, Meaning] = {"0": "train", "1": "dev", "2": "test"}
_MEANINGS: Mapping[str, Meaning] = {"train": "train", "dev": "dev", "test": "test", "skip": "skip"}


@dataclass(frozen=True)
class Answers:
    """What the person at the keyboard decided: columns of tables, pairs as FILE:first,second[,label].

    `folders` are FILE:FOLDER; `split_column` may go on with :word=split,word=split.
    """

    image_column: str | None = None
    identity_column: str | None = None
    split_column: str | None = None
    pairs: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    pattern: str | None = None

    @property
    def are_given(self) -> bool:
        """Whether anything was decided."""
        return self != Answers()


@dataclass
class Guess:
    """The settings, and lines that say what each file was taken for; `alternatives` become comments."""

    custom: CustomConfig = field(default_factory=CustomConfig)
    lines: list[str] = field(default_factory=list)
    alternatives: list[str] = field(default_factory=list)


def guess_settings(root: Path, answers: Answers) -> Guess:
    """Looks at all files below a data root.

    Raises:
        ConfigError: Two readings are equally likely, or an answer names what is not there.
        DataError: There is no image, or none whose identity is known.
    """
    return _Guesser(root, answers).guess()


class _Guesser:
    def __init__(self, root: Path, answers: Answers) -> None:
        tree = map_folder(root)
        self._root, self._answers = root, answers
        self._image_ids = PictureLister(root, tree).below("")
        if not self._image_ids:
            raise DataError(f"{root} holds no images; unpack the archives, or mend --data")
        self._index = ImageIndex(root, self._image_ids)
        self._samples = find_samples(tree)
        self._files = [file for file in tree.files if file.lower().endswith(TABLE_SUFFIXES)]
        self._guess = Guess()
        self._images: list[ImagesConfig] = []
        self._covered: set[str] = set()
        self._of_pairs: set[str] = set()
        self._test_rows: str | None = None
        self._names: set[str] = set()
        self._labels_per_row = 1

    def guess(self) -> Guess:
        """The settings of all files together."""
        tables, samples = self._read_tables()
        self._check_answers(tables)
        pairs = choose_pairs([*self._pair_tables(tables, samples)], self._answers.pairs)
        entries = [self._take_pairs(each) for each in pairs]
        lists = [own for own in tables if own.name not in {each.entry.file for each in pairs}]
        for own in lists:
            if len(own.image_columns) != 1:
                columns = ", ".join(map(own.shown, own.columns[:4]))
                reason = "other pairs are taken" if own.image_columns else "no column names images"
                self._say(f"{own.name}: left aside, {reason}: {columns}")
        self._take_image_tables([own for own in lists if len(own.image_columns) == 1])
        galleries = gallery_of_folders([each for each in self._image_ids if each not in self._covered])
        if galleries is not None:
            self._covered |= {*galleries[1]}
            known, probes = galleries[0].known.folder, galleries[0].probes.folder
            self._say(f"{known}/ and {probes}/: known people and probes, as the folders are called")
        self._take_sample(samples)
        self._take_folders()
        if not any(self._has_identities(entry) for entry in self._images):
            raise DataError(
                f"{self._root} holds {len(self._image_ids)} images, and nothing that gives their identities "
                f"(a table of images and people, a folder per person, file names such as Ann_1.jpg); name "
                f"columns with --image-column and --identity-column, or the file names with --pattern"
            )
        self._guess.custom = CustomConfig(
            images=tuple(self._images),
            pairs=tuple(entries),
            galleries=() if galleries is None else (galleries[0],),
            test_rows=self._test_rows,
            labels_per_row=self._labels_per_row,
        )
        return self._guess

    def _say(self, line: str) -> None:
        self._guess.lines.append(line)

    # ------------------------------------------------------------ tables

    def _read_tables(self) -> tuple[list[OwnTable], list[OwnTable]]:
        tables: list[OwnTable] = []
        samples: list[OwnTable] = []
        for name in self._files:
            try:
                own = read_own_table(self._root, name, self._index)
            except DataError as error:
                self._say(f"{name}: left aside, it is not a table ({error})")
                continue
            wanted = self._answers.image_column
            if wanted in own.columns and own.image_columns != (wanted,) and not self._answers.pairs:
                own = OwnTable(own.name, own.table, own.has_header, (wanted,), own.cut, own.doubts)
            (samples if name in self._samples else tables).append(own)
        return tables, samples

    def _check_answers(self, tables: Sequence[OwnTable]) -> None:
        known = sorted({column for own in tables for column in own.columns})
        for option, column in (
            ("--image-column", self._answers.image_column),
            ("--identity-column", self._answers.identity_column),
            ("--split-column", (self._answers.split_column or "").partition(":")[0] or None),
        ):
            if column is not None and column not in known:
                hint = nearest_hint(column, known) or f"; there are: {', '.join(known) or 'no tables'}"
                raise ConfigError(f"{option}: no table has a column '{column}'{hint}")
        for text in self._answers.folders:
            file, _, folder = text.partition(":")
            if file not in self._files or not (self._root / folder).is_dir():
                raise ConfigError(f"--folder is written FILE:FOLDER, both below {self._root}; got '{text}'")

    def _folder_of(self, own: OwnTable, columns: Sequence[str]) -> tuple[str, list[str]]:
        for text in self._answers.folders:
            file, _, folder = text.partition(":")
            if file == own.name:
                names = [cell for column in columns for cell in own.cells(column)]
                matches = (self._index.match(name, (folder,), own.cut) for name in names)
                return folder, [match.image_ids[0] for match in matches if match.image_ids]
        return folder_of(own, columns, self._index)

    def _pair_tables(self, tables: Sequence[OwnTable], samples: Sequence[OwnTable]) -> Iterable[PairTable]:
        for own in (*tables, *samples):
            answered = [text for text in self._answers.pairs if text.rpartition(":")[0] == own.name]
            if answered or len(own.image_columns) > 1:
                yield pair_table(own, answered[0] if answered else None, own in samples)

    def _take_pairs(self, each: PairTable) -> PairsConfig:
        own, entry = each.own, each.entry
        folder, found = self._folder_of(own, (entry.first, entry.second))
        kind = "pairs to submit" if entry.label is None else f"labelled pairs by {own.shown(entry.label)}"
        self._say(
            f"{own.name}: {kind}, for {own.shown(entry.first)} and {own.shown(entry.second)} name images in "
            f"{folder or 'the data folder'}/"
        )
        self._guess.alternatives += each.alternatives
        place = posixpath.commonpath([posixpath.dirname(image_id) for image_id in found]) if found else ""
        start = f"{place}/" if place else ""
        inside = [image_id for image_id in self._image_ids if image_id.startswith(start)]
        plain, _ = entry_of_folder(place, inside, self._answers.pattern)
        if {*inside} <= {*found} and not plain.class_folders and plain.pattern is None:
            self._covered |= {*found}
        self._of_pairs |= {*found}
        return entry.model_copy(update={"folders": (folder,), "cut": own.cut})

    # ------------------------------------------------------------ images of tables

    def _take_image_tables(self, tables: Sequence[OwnTable]) -> None:
        named: list[tuple[OwnTable, str | None, str | None]] = []
        plain: list[tuple[OwnTable, str | None, str | None]] = []
        for own in tables:
            splits = self._split_column(own)
            identity = self._identity_column(own, [splits] if splits else [])
            (named if identity is not None else plain).append((own, identity, splits))
        for own, identity, column in named:
            folder, found = self._folder_of(own, own.image_columns)
            entry = self._entry(own, folder, identity, column)
            if column is None:
                entry = self._with_splits_elsewhere(entry, [*plain], found)
            self._images.append(entry)
            self._covered |= {*found}
            self._names |= {*own.cells(identity or own.image_columns[0])}
            self._explain(own, entry)
        used = {entry.split_table for entry in self._images}
        for own, _, column in plain:
            if own.name in used:
                continue
            folder, found = self._folder_of(own, own.image_columns)
            if {*found} <= self._covered:
                self._say(
                    f"{own.name}: left aside, its images {own.shown(own.image_columns[0])} are known already"
                )
                continue
            entry = self._entry(own, folder, None, column)
            if column is None and entry.split == "train":
                entry = entry.model_copy(update={"split": "test"})
            self._images.append(entry)
            self._covered |= {*found}
            self._explain(own, entry)

    def _entry(self, own: OwnTable, folder: str, identity: str | None, column: str | None) -> ImagesConfig:
        stem = name_of(own.name).lower().rpartition(".")[0]
        words = "".join(letter if letter.isalnum() else " " for letter in stem).split()
        split: ListedSplit = next((SPLIT_WORDS[word] for word in words if word in SPLIT_WORDS), "train")
        return ImagesConfig(
            split=split,
            folder=folder,
            table=own.name,
            image=own.image_columns[0],
            identity=identity,
            split_column=column,
            splits=self._words_of(own, column),
            header=own.has_header,
            cut=own.cut,
        )

    def _with_splits_elsewhere(
        self, entry: ImagesConfig, plain: list[tuple[OwnTable, str | None, str | None]], found: Sequence[str]
    ) -> ImagesConfig:
        for own, _, column in plain:
            names = own.cells(own.image_columns[0])
            there = {
                each for name in names for each in self._index.match(name, (entry.folder,), own.cut).image_ids
            }
            if column is not None and {*found} <= there:
                self._say(f"{own.name}: the splits of {entry.table}, by {own.shown(column)}")
                return entry.model_copy(
                    update={
                        "split_table": own.name,
                        "split_image": own.image_columns[0],
                        "split_column": column,
                        "split_header": own.has_header,
                        "splits": self._words_of(own, column),
                    }
                )
        return entry

    def _identity_column(self, own: OwnTable, besides: Sequence[str]) -> str | None:
        wanted = self._answers.identity_column
        if wanted in own.columns and wanted not in own.image_columns:
            return wanted
        found = identity_columns(own, besides)
        if len(found) > 1:
            raise ConfigError(
                f"{own.name}: the identities may be {' or '.join(map(own.shown, found))}; say which with "
                f"--identity-column '{found[0]}'"
            )
        for column in own.columns:
            if column not in (*own.image_columns, *besides, *found):
                self._guess.alternatives.append(f"{own.name}: column {own.shown(column)} is not used")
        return found[0] if found else None

    def _split_column(self, own: OwnTable) -> str | None:
        wanted = (self._answers.split_column or "").partition(":")[0]
        if wanted and wanted in own.columns:
            return wanted
        found = split_columns(own)
        if len(found) > 1:
            raise ConfigError(
                f"{own.name}: the splits may be {' or '.join(map(own.shown, found))}; say which with "
                f"--split-column '{found[0]}'"
            )
        return found[0] if found else None

    def _words_of(self, own: OwnTable, column: str | None) -> dict[str, Meaning]:
        """What the words of a split column mean that are not plain.

        Raises:
            ConfigError: A word has no meaning.
        """
        if column is None:
            return {}
        given = (self._answers.split_column or "").partition(":")[2]
        pairs = [pair.partition("=") for pair in given.split(",") if pair]
        meanings = {word: _MEANINGS[text] for word, _, text in pairs if text in _MEANINGS}
        wrong = [text for _, _, text in pairs if text not in _MEANINGS]
        words = sorted({*own.cells(column)} - meanings.keys())
        odd = [word for word in words if word.lower() not in SPLIT_WORDS]
        if {*words} <= _NUMBERED_SPLITS.keys():
            return {word: _NUMBERED_SPLITS[word] for word in words} | meanings
        if odd or wrong:
            example = ",".join(f"{word}=train" for word in odd or meanings)
            raise ConfigError(
                f"{own.name}: '{(wrong or odd)[0]}' of the column '{column}' is not train, dev, test or "
                f"skip; say what it means with --split-column '{column}:{example}'"
            )
        return meanings

    def _explain(self, own: OwnTable, entry: ImagesConfig) -> None:
        reasons = [f"{own.shown(own.image_columns[0])} names images in {entry.folder or 'the data folder'}/"]
        if entry.identity is not None:
            reasons.append(f"{own.shown(entry.identity)} names their identities")
        if entry.split_column is not None and entry.split_table is None:
            reasons.append(f"{own.shown(entry.split_column)} names their splits")
        if own.cut:
            reasons.append(f"'{own.cut}' is cut off their paths")
        kind = "images" if entry.split_column is not None else f"{entry.split} images"
        self._say(f"{own.name}: {kind}, for {'; '.join([*reasons, *own.doubts])}")

    # ------------------------------------------------------------ samples and folders

    def _take_sample(self, samples: Sequence[OwnTable]) -> None:
        for own in samples:
            column = own.columns[0]
            ids = own.cells(column)
            if column not in own.image_columns or len(own.image_columns) > 1 or is_numbering(ids):
                self._say(f"{own.name}: the sample submission, by {own.shown(column)}")
                continue
            folder, found = self._folder_of(own, (column,))
            self._say(f"{own.name}: the sample submission, whose {own.shown(column)} gives the test images")
            self._test_rows = own.name
            self._count_labels(own)
            if not any(entry.split == "test" or entry.split_column for entry in self._images):
                tests = [
                    each
                    for each in split_folders(self._image_ids)
                    if SPLIT_WORDS[name_of(each).lower()] == "test"
                ]
                if any(all(image.startswith(f"{test}/") for image in found) for test in tests):
                    continue
                entry = ImagesConfig(split="test", folder=folder, table=own.name, image=column, cut=own.cut)
                self._images.append(entry)
                self._covered |= {*found}

    def _count_labels(self, own: OwnTable) -> None:
        """Several labels in a cell of the sample, where most of its words are identities and it is none."""
        answers = [own.cells(column)[0] for column in own.columns[1:]]
        for answer in answers:
            words = answer.split()
            known = [word for word in words if word in self._names]
            if answer in self._names or len(words) < 2 or 2 * len(known) <= len(words):
                continue
            self._labels_per_row = len(words)
            others = [word for word in words if word not in self._names]
            odd = f"; '{others[0]}' is not an identity and is never answered" if others else ""
            self._say(f"{own.name}: {len(words)} labels a row, as in '{answer}'{odd}")

    def _take_folders(self) -> None:
        rest = [image_id for image_id in self._image_ids if image_id not in self._covered]
        by_folder = split_folders(rest)
        has_identities = any(self._has_identities(entry) for entry in self._images)
        has_test = any(entry.split == "test" or entry.split_column for entry in self._images)
        if not by_folder and not has_identities and rest:
            by_folder = {"": rest}
        for folder, images in by_folder.items():
            is_test = SPLIT_WORDS.get(name_of(folder).lower()) == "test"
            if has_identities and (not is_test or has_test):
                continue
            pattern = self._answers.pattern if not is_test else None
            entry, reason = entry_of_folder(folder, images, pattern)
            if is_test and (has_identities or entry.pattern):
                entry, reason = ImagesConfig(split="test", folder=entry.folder), "images to submit"
            self._images.append(entry)
            self._covered |= {*images}
            self._say(f"{entry.folder or self._root}/: {entry.split} images, {reason}")
        left = [each for each in self._image_ids if each not in self._covered | self._of_pairs]
        if left:
            what = "images are named by nothing and left out"
            self._say(naming_first(len(left), len(self._image_ids), what, left[0]))

    def _has_identities(self, entry: ImagesConfig) -> bool:
        has_names = entry.identity is not None or entry.class_folders or entry.pattern is not None
        return has_names and (entry.split == "train" or entry.split_column is not None)
