"""What each section says of made-up facts, and why it is left out of a bare run."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from kaggle_face.evaluation.figures import ClassFigures
from kaggle_face.metrics.classification import calibration_error
from kaggle_face.metrics.identification import dir_at_fpir
from kaggle_face.metrics.intervals.bootstrap import Difference
from kaggle_face.report.blocks import Block, Cards, Figure, Table
from kaggle_face.report.facts import ReportFacts
from kaggle_face.report.section import LeftOut, Section
from kaggle_face.report.sections.data import confusions, embedding_map, hardest_pairs, label_noise, shift
from kaggle_face.report.sections.listed import SECTIONS
from kaggle_face.report.sections.run import cost, learning_curves, settings
from kaggle_face.report.sections.scores import (
    accuracy,
    blend,
    calibration,
    galleries,
    leaderboard,
    members,
    score_histograms,
)
from tests.support.documents import DOCS


def blocks_of(section: Section, facts: ReportFacts) -> tuple[Block, ...]:
    content = section.build(facts)
    assert not isinstance(content, LeftOut), content
    return content


def table_of(section: Section, facts: ReportFacts, number: int = 0) -> Table:
    tables = [block for block in blocks_of(section, facts) if isinstance(block, Table)]
    return tables[number]


def cards_of(section: Section, facts: ReportFacts) -> Cards:
    return next(block for block in blocks_of(section, facts) if isinstance(block, Cards))


def with_figures(facts: ReportFacts, figures: ClassFigures) -> ReportFacts:
    assert facts.classes is not None
    return replace(facts, classes=replace(facts.classes, figures=(figures,)))


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.key)
def test_a_section_that_has_nothing_to_show_gives_one_line(section: Section, bare: ReportFacts) -> None:
    content = section.build(bare)
    if section is settings.SECTION:
        assert not isinstance(content, LeftOut)
    else:
        assert isinstance(content, LeftOut) and content.reason and "\n" not in content.reason


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.key)
def test_every_section_shows_made_up_facts_with_and_without_pictures(
    section: Section, made_up: ReportFacts
) -> None:
    assert blocks_of(section, made_up)
    section.build(replace(made_up, cache=None, train_pictures=None, test_pictures=None))


def test_learning_curves_have_a_line_for_each_fold(made_up: ReportFacts) -> None:
    figures = [block for block in blocks_of(learning_curves.SECTION, made_up) if isinstance(block, Figure)]
    assert [figure.title for figure in figures] == [
        "Losses",
        "Held-out accuracy",
        "Held-out EER",
        "Learning rate",
    ]
    assert len(figures[0].traces) == 4 and [trace["name"] for trace in figures[1].traces] == [
        "fold 0",
        "fold 1",
    ]
    assert all(figure.layout["xaxis"]["dtick"] == 1 for figure in figures)  # of six epochs
    assert figures[1].summary == "Best of each fold: fold 0 0.6000 in epoch 6; fold 1 0.6000 in epoch 6."


def test_a_metric_that_was_never_measured_has_no_curve(made_up: ReportFacts) -> None:
    folds = tuple(
        replace(fold, history={**fold.history, "eer": np.full(6, np.nan)}) for fold in made_up.run.folds
    )
    facts = replace(made_up, runs=(replace(made_up.run, folds=folds),))
    titles = [block.title for block in blocks_of(learning_curves.SECTION, facts) if isinstance(block, Figure)]
    assert titles == ["Losses", "Held-out accuracy", "Learning rate"]


def test_identities_are_listed_by_accuracy(made_up: ReportFacts) -> None:
    rows = table_of(accuracy.SECTION, made_up).rows
    assert made_up.classes is not None
    figures = made_up.classes.answers
    right = figures.predicted == figures.labels
    expected = {str(made_up.classes.class_names[k]): right[figures.labels == k].mean() for k in range(5)}
    assert {row[0]: row[1] for row in rows} == expected
    assert [row[1] for row in rows] == sorted(expected.values())
    assert {row[0]: row[4] for row in rows}["Eve"] == 5


def test_groups_of_few_values_are_those_values(made_up: ReportFacts) -> None:
    figure = blocks_of(accuracy.SECTION, made_up)[1]
    assert isinstance(figure, Figure)
    assert figure.traces[0]["x"] == [5.0, 10.0, 20.0, 30.0]
    assert figure.traces[0]["customdata"] == [12, 24, 12, 12]


def test_confusions_count_both_directions(made_up: ReportFacts) -> None:
    labels, predicted = np.array([0, 0, 1, 2, 2, 3]), np.array([1, 1, 0, 2, 3, 3])
    figures = ClassFigures(
        np.where(labels == predicted, 1, 2), labels, np.zeros(6, int), np.ones(6), predicted, np.full(6, 0.5)
    )
    facts = with_figures(made_up, figures)
    assert facts.classes is not None
    assert confusions.couples_of(facts.classes) == [(0, 1, 2, 1), (2, 3, 1, 0)]


def test_doubtful_labels_are_shown_beside_both_identities(made_up: ReportFacts) -> None:
    shown = cards_of(label_noise.SECTION, made_up)
    card = shown.cards[0]
    assert 2 <= len(card.pictures) <= 3 and card.lines[2] == "5.0 deviations below the usual"
    assert card.mark == "" and "None is marked: at a held-out accuracy of" in shown.note
    # From an accuracy of 0.8 on, a doubt is a sign.
    assert made_up.classes is not None
    figures = made_up.classes.answers
    right = np.where(np.arange(60) < 50, figures.labels, (figures.labels + 1) % 5)
    shown = cards_of(label_noise.SECTION, with_figures(made_up, replace(figures, predicted=right)))
    assert {card.mark for card in shown.cards} == {"possible label noise"} and "marked" not in shown.note


def test_the_hardest_pairs_come_first_and_hold_their_scores(made_up: ReportFacts) -> None:
    pairs = made_up.pairs
    assert pairs is not None
    false_matches, false_non_matches = hardest_pairs.hardest(pairs)
    same, scores = pairs.trials.labels == 1, pairs.comparable[0]
    assert scores[false_matches[0]] == scores[~same].max()
    assert scores[false_non_matches[0]] == scores[same].min()
    card = cards_of(hardest_pairs.SECTION, made_up).cards[0]
    assert card.title == f"score {pairs.scores[0, false_matches[0]]:.4f}"
    unnamed = replace(made_up, cache=None, pairs=replace(pairs, identities={}))  # neither pictures nor people
    first = table_of(hardest_pairs.SECTION, unnamed).rows[0]
    assert first[0] == pairs.trials.first_ids[false_matches[0]]


def test_only_a_good_network_doubts_labels(made_up: ReportFacts) -> None:
    pairs = made_up.pairs
    assert pairs is not None
    assert not hardest_pairs.looks_mislabelled(pairs).any()  # its EER is above 10 %
    same = pairs.trials.labels == 1
    scores = np.where(same, 5.0, 0.0) + np.linspace(0, 1, len(same))
    wrong = int(np.flatnonzero(~same)[0])
    scores[wrong] = 9.0
    found = hardest_pairs.looks_mislabelled(replace(pairs, comparable=scores[None]))
    assert np.flatnonzero(found).tolist() == [wrong]


def test_calibration_shows_the_error_of_the_metric(made_up: ReportFacts) -> None:
    (figure,) = blocks_of(calibration.SECTION, made_up)
    assert isinstance(figure, Figure) and made_up.classes is not None
    answers = made_up.classes.answers
    error = calibration_error(answers.confidences, answers.predicted == answers.labels)
    assert f" {error:.4f}." in figure.summary
    shown = figure.traces[1]["customdata"]
    assert min(shown) >= 10 and sum(shown) < 60
    assert figure.summary.endswith(
        f" {60 - sum(shown)} answers of confidences that fewer than 10 have: no point."
    )


def test_histograms_count_every_pair(made_up: ReportFacts) -> None:
    (figure,) = blocks_of(score_histograms.SECTION, made_up)
    assert isinstance(figure, Figure) and made_up.pairs is not None
    counts = [int(np.sum(trace["customdata"])) for trace in figure.traces]
    assert counts == [int(made_up.pairs.trials.labels.sum()), int((made_up.pairs.trials.labels == 0).sum())]
    assert len(figure.layout["shapes"]) == 1 and "red: fpr=0.001" in figure.summary
    few = replace(made_up, pairs=replace(made_up.pairs, chosen="fpr=0.0001"))  # which needs more impostors
    (figure,) = blocks_of(score_histograms.SECTION, few)
    assert isinstance(figure, Figure) and figure.summary.endswith("thresholds fpr=0.001 at 2.500.")


def test_groups_far_apart_lie_apart_on_the_map_and_points_have_pictures(made_up: ReportFacts) -> None:
    rng = np.random.default_rng(0)
    vectors = np.concatenate([rng.normal(5, 0.1, (30, 8)), rng.normal(-5, 0.1, (30, 8))])
    places = embedding_map.map_of(vectors)
    centres = places[:30].mean(axis=0), places[30:].mean(axis=0)
    spread = np.linalg.norm(places[:30] - centres[0], axis=1).max()
    assert np.linalg.norm(centres[0] - centres[1]) > spread
    (figure,) = blocks_of(embedding_map.SECTION, made_up)
    assert isinstance(figure, Figure) and len(figure.thumbnails) == 40
    assert sorted(number for each in figure.pictures for number in each if number is not None) == list(
        range(40)
    )


def test_galleries_have_the_rates_of_the_metric(made_up: ReportFacts) -> None:
    gallery = made_up.gallery
    assert gallery is not None
    table = table_of(galleries.SECTION, made_up)
    found = dir_at_fpir(gallery.scores, gallery.is_correct, gallery.is_enrolled, 0.1)
    assert table.rows[1] == (0.1, found.rate, found.fpir, found.threshold)


def test_members_have_intervals_and_folds(made_up: ReportFacts) -> None:
    table = table_of(members.SECTION, made_up)
    assert made_up.classes is not None
    accuracy_of_all = made_up.classes.estimates[0][0]
    assert accuracy_of_all.interval is not None
    assert table.rows[0][1:5] == (
        "accuracy",
        accuracy_of_all.value,
        accuracy_of_all.interval.low,
        accuracy_of_all.interval.high,
    )
    assert table_of(members.SECTION, made_up, 1).rows[0][2:] == accuracy_of_all.folds


def test_other_members_are_compared_with_the_first(made_up: ReportFacts) -> None:
    pairs = made_up.pairs
    assert pairs is not None
    found = ({"eer": Difference(-0.02, -0.03, -0.01, 0.0), "auc": Difference(0.01, -0.01, 0.03, 0.3)},)
    table = table_of(
        members.SECTION, replace(made_up, classes=None, pairs=replace(pairs, differences=found)), 1
    )
    assert table.caption == "Pairs: differences from main"
    assert table.rows == (
        (pairs.members[1], "EER", -0.02, -0.03, -0.01, "better"),
        (pairs.members[1], "AUC", 0.01, -0.01, 0.03, "not more than noise"),
    )


def test_the_blend_shows_weights_gains_and_what_was_left_off(made_up: ReportFacts) -> None:
    weights, candidates, steps = (table_of(blend.SECTION, made_up, number) for number in range(3))
    assert weights.rows[0][2] == 0.75
    assert candidates.rows[1] == ("mean", "equal", 0.9, 0.85, 0.05, 0.01, 0.09, 0.1)
    assert candidates.highlighted == {1}
    assert steps.rows == (("whitening", True, 0.02, 0.01, 0.03, 0.04),) and steps.highlighted == {0}


def test_parameters_that_are_not_known_are_an_empty_cell(made_up: ReportFacts) -> None:
    assert made_up.blend is not None
    record = made_up.blend.tasks["classification"]
    imported = replace(record, members=(replace(record.members[0], num_parameters=0),))
    facts = replace(made_up, blend=replace(made_up.blend, tasks={"classification": imported}))
    assert table_of(blend.SECTION, made_up).rows[0][-1] == 2000
    assert table_of(blend.SECTION, facts).rows[0][-1] is None


def test_steps_of_classification_are_read_too() -> None:
    gain = {"value": 0.1, "low": 0.05, "high": 0.2}
    best = {"count": 5, "temperature": 0.1, "share": 0.3}
    tried = {"recipe": best, "best": best, "gain": gain, "in_sample_gain": 0.15}
    assert blend.steps_of(tried) == [
        ("neighbours: count 5, temperature 0.1, share 0.3", True, 0.1, 0.05, 0.2, 0.15)
    ]
    assert blend.steps_of({**tried, "recipe": {"count": 0, "temperature": 0.1, "share": 0.0}})[0][1] is False
    assert blend.steps_of(None) == []


def test_the_shift_is_in_deviations_of_the_training_pictures(
    made_up: ReportFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, test = made_up.train_pictures, made_up.test_pictures
    assert train is not None and test is not None
    row = table_of(shift.SECTION, made_up).rows[0]
    assert row[3] == pytest.approx(
        (test.brightness.mean() - train.brightness.mean()) / train.brightness.std()
    )
    cards = cards_of(shift.SECTION, made_up)
    assert [card.title for card in cards.cards] == [str(name) for name in train.image_ids[35:40]]
    assert cards.note.startswith("5 test pictures like a training picture")
    monkeypatch.setattr(shift, "MOST_COPIES", 2)
    assert cards_of(shift.SECTION, made_up).note.startswith("2 of 5 test pictures like a training picture")


def test_costs_are_those_of_the_folds(made_up: ReportFacts) -> None:
    row = table_of(cost.SECTION, made_up).rows[1]
    assert row[:5] == ("demo/main", 1, 1.0, 6, 101.0) and row[7] == 1.0
    history = {**made_up.run.folds[0].history, "images_per_second": np.full(6, np.nan)}
    run = replace(made_up.run, folds=(replace(made_up.run.folds[0], history=history),))
    (table,) = blocks_of(cost.SECTION, replace(made_up, runs=(run,)))  # without a chart of the throughput
    assert isinstance(table, Table) and table.rows[0][4] is None


def test_uploads_are_shown_newest_first_with_both_scores(made_up: ReportFacts) -> None:
    figure = blocks_of(leaderboard.SECTION, made_up)[0]
    assert isinstance(figure, Figure) and figure.traces[0]["x"] == figure.traces[0]["y"]
    assert "Rank correlation 0.90" in figure.summary
    assert table_of(leaderboard.SECTION, made_up).rows[0][0] == "2026-11-24"


def test_every_section_has_a_row_in_the_page_on_the_report() -> None:
    rows = re.findall(r"^\| ([^|]+) \|", (DOCS / "report.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [section.title for section in SECTIONS] == rows[-len(SECTIONS) :]
