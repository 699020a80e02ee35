"""What cannot be right is told in one line with its figure; what may be right is left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from kaggle_face.competitions.submission.tables import SubmissionTable
from kaggle_face.records import StrArray
from kaggle_face.submission.checks import check_table
from kaggle_face.submission.expectations import Block, Expectation, Labels, Scores
from kaggle_face.submission.plausibility import (
    Known,
    OwnBlend,
    doubts_of_agreement,
    doubts_of_direction,
    doubts_of_labels,
    doubts_of_scores,
    with_doubts,
)

RANDOM = np.random.default_rng(0)


def labels_of(*counts: int) -> StrArray:
    """So many rows of class 0, of class 1, ..."""
    return np.repeat(np.arange(len(counts)), counts).astype(np.str_)


def table(cells: list[str]) -> SubmissionTable:
    ids = np.array([str(row) for row in range(len(cells))])
    return SubmissionTable(("ID", "Label"), {"ID": ids, "Label": np.array(cells)})


def expecting(rows: int, rule: Scores | Labels) -> Expectation:
    return Expectation(np.array([str(row) for row in range(rows)]), (Block(rows, (None, rule)),))


@pytest.mark.parametrize(
    "scores", [RANDOM.random(6000), RANDOM.random(24).round(1), np.arange(5.0), [0.0, 1.0]]
)
def test_graded_scores_are_left_alone(scores: object) -> None:
    assert doubts_of_scores(scores, "Label") == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scores", "figure"),
    [
        ([0, 1] * 3000, "take only 2 values in 6000 rows"),
        ([-1, -1, 1, 1, 1], "take only 2 values in 5 rows"),
        (RANDOM.random(6000).round(1), "take only 11 values in 6000 rows"),
        ([0.5] * 12, "all 12 scores of 'Label' are 0.5"),
    ],
)
def test_decisions_and_rounded_scores_are_doubted(scores: object, figure: str) -> None:
    (line,) = doubts_of_scores(scores, "Label")  # type: ignore[arg-type]
    assert figure in line and "\n" not in line


@pytest.mark.parametrize("count", [5, 24, 6000])
def test_turned_scores_are_doubted_and_their_correlation_told(count: int) -> None:
    blend = RANDOM.random(count)
    noisy = blend + 0.2 * RANDOM.random(count)
    assert doubts_of_direction(noisy, blend, "Label", "tiny/main") == []
    (line,) = doubts_of_direction(1 - noisy, blend, "Label", "tiny/main")
    assert f"(rank correlation {spearmanr(1 - noisy, blend).statistic:.2f})" in line
    assert "blend of tiny/main" in line and "is higher = same person" in line


def test_weakly_turned_scores_are_doubted_where_chance_does_not_make_them() -> None:
    blend = RANDOM.normal(size=2000)
    weak = -0.3 * blend + RANDOM.normal(size=2000)
    assert len(doubts_of_direction(weak, blend, "Label", "r")) == 1
    assert doubts_of_direction(weak[:40], blend[:40], "Label", "r") == []
    assert doubts_of_direction(RANDOM.normal(size=2000), blend, "Label", "r") == []
    assert doubts_of_direction([4, 3, 2, 1], [1, 2, 3, 4], "Label", "r") == []


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (labels_of(3, 2, 2, 2, 1, 2), 6),  # 12 test images of 6 people, a quarter of them one
        (labels_of(*[5] * 8631), 8631),
        (RANDOM.integers(0, 7000, 35_000).astype(np.str_), 7000),
        (labels_of(5, 2), 2),  # two people
        (np.array(["7"]), 100),
    ],
)
def test_labels_of_a_test_set_are_left_alone(labels: StrArray, classes: int) -> None:
    assert doubts_of_labels(labels, "label", classes) == []


@pytest.mark.parametrize(
    ("labels", "classes", "figures"),
    [
        (labels_of(16), 8, ["all 16 labels of 'label' are '0'"]),
        (labels_of(16), None, ["all 16 labels of 'label' are '0'"]),
        (labels_of(12, 2, 2), 8, ["12 of 16 labels of 'label' are '0' (75%, of 8 labels)"]),
        (labels_of(10_000, *[5] * 8000), 8631, ["10,000 of 50,000 labels of 'label' are '0' (20%"]),
        (labels_of(*[100] * 100), 7000, ["only 100 different labels of 'label' in 10000 rows, of 7000"]),
        (labels_of(8, 8), 16, ["only 2 different labels of 'label' in 16 rows, of 16, where about 10"]),
    ],
)
def test_impossible_labels_are_doubted(labels: StrArray, classes: int | None, figures: list[str]) -> None:
    lines = doubts_of_labels(labels, "label", classes)
    assert len(lines) == len(figures)
    assert all(figure in line for figure, line in zip(figures, lines, strict=True))


def test_a_class_that_is_frequent_in_training_may_be_frequent() -> None:
    assert doubts_of_labels(labels_of(70, 15, 15), "label", 3, Known(largest_class_share=0.6)) == []
    assert len(doubts_of_labels(labels_of(70, 15, 15), "label", 3, Known(largest_class_share=0.34))) == 1


@pytest.mark.parametrize(
    ("nobody", "on_dev", "figure"),
    [
        (30, None, "all 30 labels of 'label' are 'n0'"),
        (29, None, "97% of 30 labels of 'label' are 'n0'"),
        (28, 1 / 3, "93% of 30 labels of 'label' are 'n0', on dev 33%"),
        (0, 1 / 3, "no label of 'label' is 'n0', on dev 33% are"),
        (12, 1 / 3, None),
        (0, 0.0, None),
        (0, None, None),
    ],
)
def test_unknown_people_are_as_frequent_as_on_dev(
    nobody: int, on_dev: float | None, figure: str | None
) -> None:
    names = [f"n{1 + row % 20}" for row in range(30 - nobody)]
    lines = doubts_of_labels(np.array([*names, *["n0"] * nobody]), "label", 20, Known(None, "n0", on_dev))
    assert [figure in line for line in lines] == ([True] if figure else [])


def test_labels_that_hardly_agree_with_the_blend_are_doubted() -> None:
    right = RANDOM.integers(0, 50, 400)
    blend = np.where(RANDOM.random(400) < 0.8, right, 0).astype(np.str_)
    own = OwnBlend("tiny/main", table(blend.tolist()), accuracy=0.8)
    assert doubts_of_agreement(right.astype(np.str_), blend, "label", own, 50) == []
    (line,) = doubts_of_agreement((right + 1).astype(np.str_), blend, "label", own, 50)
    assert "agree with the blend of tiny/main in " in line and "80.0%" in line
    unknown = OwnBlend("tiny/main", own.table)
    assert doubts_of_agreement((right + 1).astype(np.str_), blend, "label", unknown, 50) == []


def test_doubts_become_notes_of_a_table() -> None:
    scores = [f"{value:.3f}" for value in RANDOM.random(12)]
    expected = expecting(12, Scores())
    in_order = table(scores)
    backwards = {name: cells[::-1] for name, cells in in_order.cells.items()}  # rows are joined by their ids
    own = OwnBlend("tiny/main", SubmissionTable(in_order.columns, backwards))
    assert with_doubts(check_table(table(scores), expected), expected, (), own).notes == ()
    turned = table([f"{1 - float(score):.3f}" for score in scores])
    (note,) = with_doubts(check_table(turned, expected), expected, (), own).notes
    assert "rank correlation -1.00" in note


@pytest.mark.parametrize(
    ("cells", "figure"),
    [(["0", "1"] * 6, "take only 2 values"), (["0.5"] * 12, "all 12 scores"), (["n1"] * 12, "all 12 labels")],
)
def test_without_test_files_the_cells_say_what_they_are(cells: list[str], figure: str) -> None:
    checked = check_table(table(cells), Expectation())
    (note,) = with_doubts(checked, Expectation()).notes
    assert figure in note


def test_each_block_is_judged_by_what_is_known_of_its_task() -> None:
    labels = Labels(np.array(["a", "b", "c", "d", "n0"]))
    expected = Expectation(
        np.array([str(row) for row in range(40)]), (Block(20, (None, labels)), Block(20, (None, labels)))
    )
    checked = check_table(table(["a", "b", "c", "d"] * 10), expected)
    assert with_doubts(checked, expected).notes == ()
    (note,) = with_doubts(checked, expected, [Known(), Known(None, "n0", 0.4)]).notes
    assert "no label of 'Label' is 'n0', on dev 40% are" in note


def test_rows_of_both_tasks_in_another_order_are_judged_by_their_own(tmp_path: Path) -> None:
    """As of a sample submission in which the rows of the tasks alternate."""
    ids = np.array([f"cls_{row}" for row in range(6)] + [f"ver_{row}" for row in range(6)])
    cells = np.array(["ann"] * 6 + [f"0.{row}" for row in range(1, 7)])
    labels = Labels(np.array(["ann", "bob"]))
    order, sample = np.arange(12).reshape(2, 6).T.ravel(), tmp_path / "sample_submission.csv"
    sample.write_text("\n".join(["id,x", *(f"{row},0" for row in ids[order])]))
    expected = Expectation(ids, (Block(6, (None, labels)), Block(6, (None, Scores()))), sample)
    checked = check_table(SubmissionTable(("id", "x"), {"id": ids[order], "x": cells[order]}), expected)
    (note,) = with_doubts(checked, expected).notes
    assert note.startswith("all 6 labels of 'x' are 'ann'")
    assert checked.table.ids.tolist() == ids[order].tolist()


def test_a_distance_is_turned_the_other_way() -> None:
    (line,) = doubts_of_direction(np.arange(9)[::-1], np.arange(9), "Label", "r", "different people")
    assert "is higher = different people" in line


def test_equal_scores_are_told_once() -> None:
    expected = expecting(12, Scores())
    assert len(with_doubts(check_table(table(["0.5"] * 12), expected), expected).notes) == 1


def test_of_a_ranking_the_first_label_counts() -> None:
    allowed = Labels(np.array(["a", "b", "c", "new"]), 2)
    expected = expecting(8, allowed)
    checked = check_table(table(["new a", "new b"] * 4), expected)
    (note,) = with_doubts(checked, expected, [Known(None, "new")]).notes
    assert "all 8 labels of 'Label' are 'new'" in note
