"""Decisions about own data: options of `init`, and where each stands in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from kaggle_face.arguments import check_fields
from kaggle_face.config.competition import ListedSplit
from kaggle_face.errors import ConfigError, nearest_hint

Meaning = ListedSplit | Literal["skip"]
_MEANINGS: Mapping[str, Meaning] = {"train": "train", "dev": "dev", "test": "test", "skip": "skip"}
_LISTS = ("pairs", "folders")


@dataclass(frozen=True)
class Answers:
    """Decisions about own data; None or empty: it is inferred.

    Attributes:
        image_column: The column that names images.
        identity_column: The column of the people.
        split_column: The column of the splits, which may go on with `:word=split,word=split`.
        pairs: Lists of pairs, as `FILE:first,second[,label[=same]]`, or `FILE:joint[,label]` where a column
            holds both images.
        folders: Where the images of tables lie, as `FILE:FOLDER`.
        pattern: What file names mean.
        test: The images to submit: a folder, or a table that names them.
        sample: The sample submission; `none`: there is none.
        id_column: The column of the sample submission with the ids of the rows.
        row_order: What the sample's ids count, where they are numbers from 0 or 1: the test images sorted by
            their names as text, or by the numbers that they are called.
        without_identity: What rows of a table without an identity are.
        identity_folder: Which of several nested folders is called like the person.
        submitted: Whether the CSV holds names of identities or their places among the sorted names.
        unknown: The label of unknown people, in rankings and galleries.
    """

    image_column: str | None = None
    identity_column: str | None = None
    split_column: str | None = None
    pairs: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    pattern: str | None = None
    test: str | None = None
    sample: str | None = None
    id_column: str | None = None
    row_order: Literal["name", "number"] | None = None
    without_identity: Literal["test", "skip"] | None = None
    identity_folder: Literal["first", "last"] | None = None
    submitted: Literal["name", "index"] | None = None
    unknown: str | None = None

    @classmethod
    def of_mapping(cls, values: Mapping[str, Any]) -> Answers:
        """The answers of a mapping from their names, such as `{"image_column": "id"}`.

        Raises:
            ConfigError: A name does not exist, or a value is not of its type.
        """
        known = [each.name for each in fields(cls)]
        for name in values:
            if name not in known:
                hint = nearest_hint(name, known) or f"; known: {', '.join(known)}"
                raise ConfigError(f"own data have no answer '{name}'{hint}")
        of_one = {name: (values[name],) for name in _LISTS if isinstance(values.get(name), str)}
        values = {**values, **of_one}
        check_fields(values, cls, "own data")
        return cls(**{**values, **{name: tuple(values[name]) for name in _LISTS if name in values}})

    def __post_init__(self) -> None:
        if self.pattern is not None and self.pattern.count("{identity}") != 1:
            raise ConfigError(
                f"--pattern '{self.pattern}' needs {{identity}} once, such as '{{identity}}_{{n}}.jpg'; "
                "{n} is a number, {any} any text"
            )

    @property
    def are_given(self) -> bool:
        """Whether anything was decided."""
        return self != Answers()

    @property
    def split_words(self) -> tuple[str, Mapping[str, str]]:
        """The column of the splits, and the meaning of its words by the answer."""
        column, _, text = (self.split_column or "").partition(":")
        pairs = [pair.partition("=") for pair in text.split(",") if pair]
        return column, {word: meaning for word, _, meaning in pairs}

    def pairs_of(self, file: str) -> str | None:
        """The columns given for a list of pairs: what stands behind the file's name."""
        return next((text[len(file) + 1 :] for text in self.pairs if text.startswith(f"{file}:")), None)

    def folder_of(self, file: str) -> str | None:
        """The folder given for the images of a table."""
        return next((text[len(file) + 1 :] for text in self.folders if text.startswith(f"{file}:")), None)


def check_answers(
    answers: Answers, columns: Collection[str], files: Collection[str], folders: Collection[str]
) -> None:
    """Checks that answers name columns, tables and folders that are there.

    Raises:
        ConfigError: An answer names what is not there; the nearest name is shown.
    """
    for option, column in (
        ("--image-column", answers.image_column),
        ("--identity-column", answers.identity_column),
        ("--id-column", answers.id_column),
        ("--split-column", answers.split_words[0] or None),
    ):
        if column is not None and column not in columns:
            known = ", ".join(sorted(columns)) or "no tables"
            hint = nearest_hint(column, sorted(columns)) or f"; there are: {known}"
            raise ConfigError(f"{option}: no table has a column '{column}'{hint}")
    for text in answers.pairs:
        if not any(text.startswith(f"{file}:") for file in files):
            hint = nearest_hint(text.rpartition(":")[0], sorted(files))
            raise ConfigError(
                f"--pairs is written FILE:first,second[,label], FILE below the data; got '{text}'{hint}"
            )
    for text in answers.folders:
        if not any(text.startswith(f"{file}:") and text[len(file) + 1 :] in folders for file in files):
            raise ConfigError(f"--folder is written FILE:FOLDER, both below the data; got '{text}'")
    if answers.test is not None and answers.test.rstrip("/") not in {*files, *folders}:
        hint = nearest_hint(answers.test, [*files, *folders])
        raise ConfigError(f"--test names a folder or a table below the data; got '{answers.test}'{hint}")
    if answers.sample not in (None, "none", *files):
        hint = nearest_hint(answers.sample or "", sorted(files))
        raise ConfigError(f"--sample names a table below the data, or none; got '{answers.sample}'{hint}")


def meaning_of(word: str, text: str, own: str) -> Meaning:
    """The meaning of a word of a split column by the answer.

    Raises:
        ConfigError: It is not train, dev, test or skip.
    """
    if text not in _MEANINGS:
        raise ConfigError(
            f"{own}: '{text}' of --split-column is not train, dev, test or skip; say what '{word}' means as "
            f"{word}=train"
        )
    return _MEANINGS[text]
