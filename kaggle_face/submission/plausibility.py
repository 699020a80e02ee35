"""Answers that have the right form and cannot be right: turned scores, decisions, one answer for everything.

Nothing is refused here: each doubt is one line with its figure and what to look at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from kaggle_face.competitions.submission.formats import SubmissionFormat
from kaggle_face.competitions.submission.tables import SubmissionTable
from kaggle_face.errors import counted
from kaggle_face.records import CompetitionData, StrArray, positions_of
from kaggle_face.submission.checks import CheckedTable, in_test_order
from kaggle_face.submission.expectations import CellRule, Expectation, Labels, Probabilities, Scores
from kaggle_face.submission.ledger.agreement import spearman

_FEWEST_ROWS = 5
"""Below, chance alone explains anything."""
_OPPOSITE = -0.5
"""Two networks that both know faces correlate by .3 to .9; scores of chance lie about 0."""
_WEAKLY_OPPOSITE, _DEVIATIONS = -0.2, 4.0
_FEWEST_ROWS_A_VALUE = 20
_USUAL_TIMES = 10.0
_LEAST_LIMIT, _MOST_LIMIT = 0.05, 0.5
_FEW_LABELS = 0.3
_MOST_UNKNOWN = 0.95
_LEAST_AGREEMENT = 0.25


@dataclass(frozen=True)
class Known:
    """Knowledge of the right answers of a task.

    Attributes:
        largest_class_share: The share of the most frequent class among the labelled images; None: not known.
        no_match: The label of an unknown person; None where there is none.
        no_match_share: Its share among the dev probes; None: not known.
    """

    largest_class_share: float | None = None
    no_match: str | None = None
    no_match_share: float | None = None


@dataclass(frozen=True, eq=False)
class OwnBlend:
    """The table of a run's own blend for the same rows, and how far it can be trusted.

    Attributes:
        name: The run.
        table: Its answers in the same format.
        accuracy: Its share of right labels on what was held out; None: not known.
        higher: What a higher score means in this format.
    """

    name: str
    table: SubmissionTable
    accuracy: float | None = None
    higher: str = "same person"


def known_of_parts(data: CompetitionData, form: SubmissionFormat) -> list[Known]:
    """For each part of a CSV how often a label can be right, by the labelled images and the dev gallery."""
    gallery, dev = data.test_gallery, data.dev_gallery
    no_match = None if gallery is None else gallery.no_match
    known = []
    for part in form.parts:
        if part.task == "classification":
            labels = data.faces.labels[data.faces.labels >= 0]
            share = float(np.bincount(labels).max() / len(labels)) if len(labels) else None
            known.append(Known(share, no_match if form.labels_per_row > 1 else None))
        elif dev is None or no_match is None or not len(dev.probe_names) or (dev.probe_names == "").any():
            known.append(Known(None, no_match))
        else:
            known.append(Known(None, no_match, float(np.mean(dev.probe_names == no_match))))
    return known


def with_doubts(
    checked: CheckedTable, expected: Expectation, known: Sequence[Known] = (), blend: OwnBlend | None = None
) -> CheckedTable:
    """A checked table with implausible values among its notes; `known` has one entry for each block."""
    doubts, table = list[str](), in_test_order(checked.table, expected)
    for place, column, rows, rule in _answers(table, expected):
        if isinstance(rule, Probabilities):
            continue
        cells = table.cells[column][rows]
        of_task = known[place] if place < len(known) else Known()
        if isinstance(rule, Scores):
            values = cells.astype(np.float64)
            # The check of a table with rules has a note on equal scores itself.
            is_noted = bool(expected.blocks) and len(np.unique(values)) == 1
            doubts += [] if is_noted else doubts_of_scores(values, column)
        else:
            unknown = of_task.no_match
            names = rule.allowed if unknown is None else rule.allowed[rule.allowed != unknown]
            num_labels = len(np.unique(names)) or None
            doubts += doubts_of_labels(_first_labels(cells, rule), column, num_labels, of_task)
        if blend is None:
            continue
        ids, own = table.ids[rows], blend.table
        others = own.cells[column][positions_of(ids, own.ids, "rows of the blend")]
        if isinstance(rule, Scores):
            own_scores = others.astype(np.float64)
            doubts += doubts_of_direction(values, own_scores, column, blend.name, blend.higher)
        else:
            labels, own_labels = _first_labels(cells, rule), _first_labels(others, rule)
            doubts += doubts_of_agreement(labels, own_labels, column, blend, len(rule.allowed) or None)
    return replace(checked, notes=(*checked.notes, *doubts))


def doubts_of_scores(scores: npt.ArrayLike, column: str) -> list[str]:
    """Scores that rank nothing, or next to nothing.

    >>> doubts_of_scores([0, 1, 1, 0, 1], "Label")[0][:56]
    "the scores of 'Label' take only 2 values in 5 rows: rank"
    """
    values = np.asarray(scores, np.float64)
    if len(values) < _FEWEST_ROWS:
        return []
    distinct = len(np.unique(values))
    if distinct == 1:
        return [f"all {len(values)} scores of '{column}' are {values[0]:g}: they rank nothing"]
    if distinct > 2 and distinct * _FEWEST_ROWS_A_VALUE > len(values):
        return []
    what = (
        "write the similarity, not the decision" if distinct == 2 else "write the similarity with more digits"
    )
    return [
        f"the scores of '{column}' take only {distinct} values in {len(values)} rows: "
        f"ranking metrics such as EER and AUC need graded ones; {what}"
    ]


def doubts_of_labels(
    labels: StrArray, column: str, num_labels: int | None = None, known: Known | None = None
) -> list[str]:
    """Labels whose distribution cannot be that of a test set: one for all, one too often, too few different.

    Args:
        labels: The label of each row (N), of several in a row the first.
        column: The column, for the lines.
        num_labels: How many labels there are, without that of an unknown person; None: not known.
        known: What is known of the right answers.
    """
    known = known or Known()
    count = len(labels)
    if count < 2:
        return []
    values, counts = np.unique(labels, return_counts=True)
    if len(values) == 1:
        return [f"all {count} labels of '{column}' are '{values[0]}': look at what wrote the file"]
    doubts = list(_doubts_of_unknown(labels, column, known)) if known.no_match is not None else []
    named = values != known.no_match if known.no_match is not None else np.ones(len(values), np.bool_)
    if not named.any():
        return doubts
    most = int(counts[named].max())
    limit = _largest_share(num_labels, known)
    if most >= _FEWEST_ROWS and most > limit * count:
        label = str(values[named][counts[named].argmax()])
        usual = "" if num_labels is None else f", of {counted(num_labels, 'label')}"
        doubts.append(
            f"{most:,} of {count:,} labels of '{column}' are '{label}' ({most / count:.0%}{usual}): "
            "no test set shows one person so often; look at the column and at what wrote it"
        )
    if num_labels is not None:
        # Of C classes that are equally likely N rows show C (1 - (1 - 1/C)^N).
        num_named, distinct = int(counts[named].sum()), int(named.sum())
        expected = num_labels * (1.0 - (1.0 - 1.0 / num_labels) ** num_named)
        if num_named >= _FEWEST_ROWS and distinct < _FEW_LABELS * expected:
            doubts.append(
                f"only {distinct} different labels of '{column}' in {num_named} rows, of {num_labels}, where "
                f"about {expected:.0f} are usual: look at the column and at what wrote it"
            )
    return doubts


def doubts_of_direction(
    scores: npt.ArrayLike, blend_scores: npt.ArrayLike, column: str, run: str, higher: str = "same person"
) -> list[str]:
    """Scores that rank the rows against the run's own blend.

    >>> doubts_of_direction([5, 4, 3, 2, 1], [1, 2, 3, 4, 5], "Label", "tiny/main")[0][:74]
    "the scores of 'Label' run against the blend of tiny/main (rank correlation"
    """
    correlation = spearman(scores, blend_scores)
    count = len(np.asarray(scores))
    if correlation is None or count < _FEWEST_ROWS:
        return []
    is_weak = correlation <= _WEAKLY_OPPOSITE and correlation * np.sqrt(count - 1) <= -_DEVIATIONS
    if correlation > _OPPOSITE and not is_weak:
        return []
    return [
        f"the scores of '{column}' run against the blend of {run} (rank correlation {correlation:.2f}): "
        f"is higher = {higher}, as the competition expects it, or are they turned?"
    ]


def doubts_of_agreement(
    labels: StrArray, blend_labels: StrArray, column: str, blend: OwnBlend, num_labels: int | None
) -> list[str]:
    """Labels that agree with the run's own blend far less often than that is right."""
    if blend.accuracy is None or len(labels) < _FEWEST_ROWS:
        return []
    agreement = float(np.mean(labels == blend_labels))
    chance = 1.0 / num_labels if num_labels else 0.0
    if blend.accuracy < 2 * chance or agreement >= _LEAST_AGREEMENT * blend.accuracy:
        return []
    return [
        f"the labels of '{column}' agree with the blend of {blend.name} in {agreement:.1%} of {len(labels)} "
        f"rows, though that is right in {blend.accuracy:.1%} of what was held out: are classes numbered and "
        "rows ordered as the competition does it?"
    ]


def _answers(table: SubmissionTable, expected: Expectation) -> Iterator[tuple[int, str, slice, CellRule]]:
    """The parts of a table that hold scores or labels: by each block's rules, else by their looks."""
    if not expected.blocks:
        column = [table.columns[table.id_place], *(name for _, name in table.other_columns)][-1]
        try:
            values = table.cells[column].astype(np.float64)
            # Scores are numbers that are not all whole, or zeros and ones.
            are_scores = bool((values != np.round(values)).any() or np.isin(values, (0, 1)).all())
        except ValueError:
            are_scores = False
        rule = Scores() if are_scores else Labels(np.empty(0, np.str_))
        yield 0, column, slice(0, len(table)), rule
        return
    start = 0
    for place, block in enumerate(expected.blocks):
        for column_place, column in table.other_columns:
            rule_of_cell = block.rules[column_place]
            if rule_of_cell is not None:
                yield place, column, slice(start, start + block.rows), rule_of_cell
        start += block.rows


def _first_labels(cells: StrArray, rule: Labels) -> StrArray:
    if rule.per_row == 1:
        return cells
    return np.array([cell.partition(" ")[0] for cell in cells.tolist()], np.str_)


def _largest_share(num_labels: int | None, known: Known) -> float:
    """The share of rows that one label may have."""
    usual = max(1.0 / num_labels if num_labels else 0.0, known.largest_class_share or 0.0)
    if usual == 0.0:
        return _MOST_LIMIT
    tolerated = min(max(_USUAL_TIMES * usual, _LEAST_LIMIT), _MOST_LIMIT)
    return max(tolerated, min(1.5 * usual, _MOST_UNKNOWN))


def _doubts_of_unknown(labels: StrArray, column: str, known: Known) -> Iterator[str]:
    """The label of an unknown person far more or less often than on dev."""
    share, usual = float(np.mean(labels == known.no_match)), known.no_match_share
    how = "choose the threshold of unknown people on dev"
    if share > (_MOST_UNKNOWN if usual is None else min(usual + 0.5, _MOST_UNKNOWN)):
        on_dev = "" if usual is None else f", on dev {usual:.0%}"
        yield f"{share:.0%} of {len(labels)} labels of '{column}' are '{known.no_match}'{on_dev}: {how}"
    elif share == 0.0 and usual is not None and usual * len(labels) >= _FEWEST_ROWS and usual >= 0.05:
        yield f"no label of '{column}' is '{known.no_match}', on dev {usual:.0%} are: {how}"
