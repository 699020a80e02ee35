"""Files made elsewhere, aligned with the rows of a competition and the held-out data of its folds.

Letters: N images or pairs, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.tables import as_text
from kaggle_face.errors import DataError, InputError, naming_first
from kaggle_face.evaluation.imported.columns import Columns, class_columns, score_columns
from kaggle_face.evaluation.imported.files import PredictionFile, open_prediction_file
from kaggle_face.evaluation.imported.ids import (
    WayToName,
    each_couple_once,
    match_rows,
    ways_to_name_couples,
    ways_to_name_images,
)
from kaggle_face.evaluation.imported.kinds import ClassNaming, ValueKind
from kaggle_face.evaluation.imported.values import (
    as_logits,
    kind_of_classes,
    kind_of_scores,
    require_class_order,
    require_direction,
    require_finite,
)
from kaggle_face.records import CompetitionData, FloatArray, IntArray, Pairs, StrArray, no_pairs

_ROW_IDS = "row ids of the submission"
_NO_PAIRS = no_pairs()


@dataclass(frozen=True)
class Sources:
    """The files of a member, and their meaning; None: as they look, or no out-of-fold predictions."""

    test: Path
    oof: Path | None = None
    values: ValueKind | None = None
    classes: ClassNaming | None = None


@dataclass(frozen=True, eq=False)
class HeldOutImages:
    """The images that all folds hold out (N), their classes and folds, and those that cannot be read."""

    ids: StrArray
    labels: IntArray
    folds: IntArray
    unreadable: StrArray


@dataclass(frozen=True, eq=False)
class ImportedValues:
    """Aligned answers: logits (N, C) or scores (N), the id of each row, the files, and how they were read."""

    ids: StrArray
    values: FloatArray
    sources: tuple[Path, ...]
    kind: ValueKind
    note: str


def read_classes(
    data: CompetitionData, held_out: HeldOutImages, sources: Sources
) -> tuple[ImportedValues | None, ImportedValues]:
    """The out-of-fold and the test predictions of classes, in the order of the ids that are wanted.

    Raises:
        DataError: A file does not fit.
        InputError: The competition has no images to classify, or a file is of an unknown kind.
    """
    oof = None
    wanted = np.unique(np.concatenate([data.test_rows.image_ids, data.labelled_test.image_ids]))
    if not len(wanted):
        raise InputError("the competition has no test images to classify; import for --task verification")
    if sources.oof is not None:
        ids, labels, folds = held_out.ids, held_out.labels, held_out.folds
        file = open_prediction_file(sources.oof)
        columns = class_columns(file, data.classes, sources.classes)
        given = file.text(columns.ids[0])
        ways = ways_to_name_images(ids, given, held_out.unreadable)
        rows, naming = match_rows(file.path, ways, "images that the folds hold out")
        _require_folds(file, columns, rows, folds, ids)
        values, kind = _class_values(file, columns, given, sources)
        require_class_order(file.path, values[rows], labels, data.classes.names)
        oof = ImportedValues(
            ids, as_logits(values[rows], kind), file.sources, kind, _note(file, columns, naming, kind)
        )
    file = open_prediction_file(sources.test)
    columns = class_columns(file, data.classes, sources.classes)
    given = file.text(columns.ids[0])
    ways = [*_way_to_name_rows(data, wanted, given), *ways_to_name_images(wanted, given, as_text([]))]
    rows, naming = match_rows(file.path, ways, "test images")
    values, kind = _class_values(file, columns, given, sources)
    _require_equal_rows(file.path, data, given, values, naming)
    if oof is not None and kind != oof.kind:
        raise DataError(
            f"{file.path} looks like {kind} and {sources.oof} does not; write which they are: --values {kind}"
        )
    return oof, ImportedValues(
        wanted, as_logits(values[rows], kind), file.sources, kind, _note(file, columns, naming, kind)
    )


def _class_values(
    file: PredictionFile, columns: Columns, ids: StrArray, sources: Sources
) -> tuple[FloatArray, ValueKind]:
    values = file.numbers(columns.values)
    require_finite(file.path, ids, values)
    return values, kind_of_classes(file.path, ids, values, sources.values)


def _way_to_name_rows(data: CompetitionData, wanted: StrArray, given: StrArray) -> Iterator[WayToName]:
    """By the ids of the submission's rows, where each image that is wanted has a row."""
    rows, images = data.test_rows.row_ids.tolist(), data.test_rows.image_ids.tolist()
    row_of = dict(zip(reversed(images), reversed(rows), strict=True))
    if row_of.keys() >= {*wanted.tolist()}:
        keys = [row_of[image] for image in wanted.tolist()]
        yield WayToName(_ROW_IDS, keys, given.tolist(), frozenset(rows) - {*keys})


def _require_equal_rows(
    path: Path, data: CompetitionData, given: StrArray, values: FloatArray, naming: str
) -> None:
    """Checks that rows of one image, where a submission has it twice, have the same values."""
    if naming != _ROW_IDS:
        return
    place_of = {key: place for place, key in enumerate(given.tolist())}
    first: dict[str, int] = {}
    for row, image in zip(data.test_rows.row_ids.tolist(), data.test_rows.image_ids.tolist(), strict=True):
        place = place_of.get(row)
        if place is not None and not np.array_equal(values[first.setdefault(image, place)], values[place]):
            raise DataError(f"{path}: two rows of the image {image} differ, one of them is {row}")


def read_pairs(
    data: CompetitionData, trials: Sequence[Pairs], sources: Sources, unreadable: Sequence[Pairs] = ()
) -> tuple[ImportedValues | None, ImportedValues]:
    """The out-of-fold and the test scores of pairs, in the order of the pairs that are wanted.

    The out-of-fold file may have `unreadable` trials too, those that a fold leaves out for their images.

    Raises:
        DataError: A file does not fit.
        InputError: The competition has no test pairs or the folds no trials, or a file is of an unknown kind.
    """
    oof = None
    if sources.classes is not None:
        raise InputError("--classes is for classification; pairs have scores")
    if not len(data.test_pairs) or data.test_gallery is not None:
        raise InputError("the competition has no test pairs whose scores could be imported")
    if sources.oof is not None:
        if not sum(map(len, trials)):
            raise InputError("the folds hold out no trials (folds.verification); leave --oof out")
        pairs, folds = _each_trial_once(trials)
        others = _each_trial_once(unreadable)[0] if unreadable else _NO_PAIRS
        what = "trials that the folds hold out"
        oof, scores = _scores_of(sources.oof, pairs, what, sources, folds, others)
        require_direction(sources.oof, scores, pairs.labels)
    test, _ = _scores_of(sources.test, data.test_pairs, "test pairs", sources)
    return oof, test


def _each_trial_once(trials: Sequence[Pairs]) -> tuple[Pairs, IntArray | None]:
    """All trials, and the fold of each; None where folds share trials."""
    columns = [
        np.concatenate([getattr(pairs, name) for pairs in trials])
        for name in ("pair_ids", "first_ids", "second_ids", "labels")
    ]
    _, rows = np.unique(columns[0], return_index=True)
    rows = np.sort(rows)
    folds = np.repeat(np.arange(len(trials)), [len(pairs) for pairs in trials])
    return Pairs(*(column[rows] for column in columns)), folds if len(rows) == len(folds) else None


def _scores_of(
    path: Path,
    pairs: Pairs,
    what: str,
    sources: Sources,
    folds: IntArray | None = None,
    allowed: Pairs = _NO_PAIRS,
) -> tuple[ImportedValues, FloatArray]:
    """Scores of pairs; the file may have those of `allowed` pairs too."""
    file = open_prediction_file(path)
    columns = score_columns(file)
    given = [file.text(place) for place in columns.ids]
    values = file.numbers(columns.values)[:, 0]
    require_finite(file.path, given[0], values)
    if len(given) == 1:
        others = frozenset(allowed.pair_ids.tolist())
        ways = [WayToName("pair ids", pairs.pair_ids.tolist(), given[0].tolist(), others)]
        rows, naming = match_rows(file.path, ways, what)
    else:
        try:
            first, second, kept = each_couple_once(file.path, given[0], given[1], values)
            ways = ways_to_name_couples(pairs.first_ids, pairs.second_ids, first, second, allowed)
            rows, naming = match_rows(file.path, ways, what)
        except DataError:
            _refuse_column_beside_ids(file, columns, given, pairs)
            raise
        rows = kept[rows]
    if folds is not None:
        _require_folds(file, columns, rows, folds, pairs.pair_ids)
    kind = kind_of_scores(file.path, given[0], values, sources.values)
    with np.errstate(over="ignore"):  # infinite as float32, which the next line names
        scores = np.asarray(values[rows], np.float32)
    require_finite(file.path, pairs.pair_ids, scores)
    return ImportedValues(
        pairs.pair_ids, scores, file.sources, kind, _note(file, columns, naming, kind)
    ), scores


def _refuse_column_beside_ids(
    file: PredictionFile, columns: Columns, given: Sequence[StrArray], pairs: Pairs
) -> None:
    """Checks that two columns are not ids of the pairs and something else.

    Raises:
        DataError: One of them holds the id of every pair.
    """
    wanted = {*pairs.pair_ids.tolist()}
    for place, cells in enumerate(given):
        if wanted <= {*cells.tolist()}:
            own, other = (file.header[columns.ids[each]] for each in (place, 1 - place))
            score = file.header[columns.values[0]]
            raise DataError(
                f"{file.path}: '{own}' holds the pair ids and '{score}' the scores, so '{other}' is one "
                f"column too many; remove it, or call the column of scores 'score'"
            )


def _require_folds(
    file: PredictionFile, columns: Columns, rows: IntArray, folds: IntArray, ids: StrArray
) -> None:
    """Checks that a column of folds, where there is one, names the fold that holds each row out.

    Raises:
        DataError: It names others: a model may have been trained on what it is measured on.
    """
    if columns.fold is None:
        return
    found = as_text([text.removesuffix(".0") for text in file.text(columns.fold)[rows].tolist()])
    wrong = found != folds.astype(np.str_)
    if wrong.all() and np.array_equal(found, (folds + 1).astype(np.str_)):
        raise DataError(f"{file.path}: its folds are counted from 1, here from 0; subtract 1 from each")
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"{file.path}: "
            + naming_first(int(wrong.sum()), len(ids), "row", "are of another fold", str(ids[row]))
            + f" (fold {found[row]}, here {folds[row]}); the models must be trained on these folds"
        )


def _note(file: PredictionFile, columns: Columns, naming: str, kind: ValueKind) -> str:
    return f"{file.path}: {columns.about}, which are {naming}, {kind}"
