"""ROC and DET: thinned curves lie where the whole ones do, and the rates are those of the metrics."""

from __future__ import annotations

import numpy as np

from kaggle_face.metrics.trials import sort_trials
from kaggle_face.metrics.verification import equal_error_rate, tpr_at_fpr
from kaggle_face.report.blocks import Figure, Table
from kaggle_face.report.facts import ReportFacts
from kaggle_face.report.section import LeftOut
from kaggle_face.report.sections.scores.verification import PIXELS, SECTION, error_curve


def test_a_thinned_curve_moves_by_less_than_a_pixel() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(100_000) < 0.5
    scores = rng.normal(size=100_000) + 2.0 * labels
    trials = sort_trials(scores, labels)
    curve = error_curve(trials)
    assert len(curve.fpr) < 12_000  # of 100,001 vertices
    thresholds = np.unique(scores)[::-1]
    fpr, fnr = trials.impostor.accepted_shares(thresholds), 1 - trials.genuine.accepted_shares(thresholds)
    for axis in (lambda x: x, lambda x: 1 + np.log10(np.maximum(x, 1e-5)) / 5):
        # The vertical distance of every vertex from the thinned curve, drawn with straight lines.
        drawn = np.interp(axis(fpr), axis(curve.fpr), axis(curve.fnr))
        steep = np.interp(-axis(fnr), -axis(curve.fnr), axis(curve.fpr))
        distance = np.minimum(np.abs(drawn - axis(fnr)), np.abs(steep - axis(fpr)))
        assert distance.max() * PIXELS <= 1.0


def test_few_trials_keep_every_vertex() -> None:
    curve = error_curve(sort_trials([0.9, 0.8, 0.3, 0.1], [1, 0, 1, 0]))
    assert curve.fpr.tolist() == [0.0, 0.0, 0.5, 0.5, 1.0] and curve.fnr.tolist() == [1.0, 0.5, 0.5, 0.0, 0.0]


def test_the_table_has_the_rates_of_the_metrics(made_up: ReportFacts) -> None:
    blocks = SECTION.build(made_up)
    assert not isinstance(blocks, LeftOut) and made_up.pairs is not None
    table = blocks[2]
    assert isinstance(table, Table)
    scores, labels = made_up.pairs.comparable[0], made_up.pairs.trials.labels
    assert table.rows[0][1] == equal_error_rate(scores, labels).eer
    assert table.rows[0][2] == tpr_at_fpr(scores, labels, 0.1).tpr
    assert table.rows[0][5] is None  # a rate of 1e-4 stands on less than one of the impostor pairs


def test_both_axes_of_the_det_are_logarithmic_and_the_chosen_threshold_is_a_star(
    made_up: ReportFacts,
) -> None:
    blocks = SECTION.build(made_up)
    assert not isinstance(blocks, LeftOut)
    roc, det = blocks[:2]
    assert isinstance(roc, Figure) and isinstance(det, Figure)
    assert det.layout["xaxis"]["type"] == det.layout["yaxis"]["type"] == "log"
    for figure in (roc, det):
        marks = figure.traces[-1]
        place = marks["marker"]["symbol"].index("star")
        assert marks["text"][place].startswith("chosen threshold 2.5000 (fpr=0.001)")
        words = {trace["name"]: trace["hovertemplate"] for trace in figure.traces if "hovertemplate" in trace}
        assert "standardised score" in words["main"] and ", score" in words["fold 0"]
        assert marks["x"][place] > 0  # its FPR of 0 has no place on a log axis but the left edge
    names = [trace["name"] for trace in roc.traces]
    assert names[:4] == ["main", made_up.pairs.members[1], "fold 0", "fold 1"]  # type: ignore[union-attr]
