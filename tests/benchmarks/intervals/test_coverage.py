from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.intervals.coverage import COLUMNS, Setting, Tally, bench_intervals, explain, resampled_metrics
from benchmarks.intervals.pair_populations import PairList, Population
from kaggle_face.errors import InputError
from kaggle_face.metrics.intervals.bootstrap import Resampling, draw_people
from kaggle_face.metrics.verification import equal_error_rate
from kaggle_face.progress import SilentProgress


def test_each_setting_and_metric_has_a_row_of_shares() -> None:
    settings = [Setting(PairList(13, 2), Population(0.3)), Setting(PairList(13, None), Population(0.3))]
    report = bench_intervals(4, {"simulations": 4}, SilentProgress(), settings)
    assert [row[:4] for row in report.rows] == [
        (13, "2 each", 0.3, "eer"),
        (13, "2 each", 0.3, "auc"),
        (13, "all pairs", 0.3, "eer"),
        (13, "all pairs", 0.3, "auc"),
        (13, "all pairs", 0.3, "tpr@1e-2"),
    ]
    for row in report.rows:
        values = dict(zip(COLUMNS, row, strict=True))
        assert (values["simulations"], values["old: simulations"]) == (4, 1)
        shares = [value for name, value in values.items() if name in ("coverage", "width", "gain found")]
        assert all(isinstance(share, float) and 0 <= share <= 1 for share in shares)
    again = bench_intervals(4, {"simulations": 4}, SilentProgress(), settings)
    assert again == report
    without = bench_intervals(4, {"simulations": 4}, SilentProgress(), settings, with_old=False)
    assert [row[:9] for row in without.rows] == [row[:9] for row in report.rows]
    assert all(row[9:] == (0, None, None, None, None) for row in without.rows)


def test_a_tally_counts_what_the_intervals_hold() -> None:
    tally = Tally()
    tally.add(0.5, (0.4, 0.6), (-0.1, 0.1), (0.1, 0.2))
    tally.add(0.5, (0.6, 0.7), (0.1, 0.2), (-0.1, 0.2))
    assert tally.cells() == pytest.approx((2, 0.5, 0.15, 0.5, 0.5))
    assert Tally().cells() == (0, None, None, None, None)


def test_the_old_resamples_are_those_written_out() -> None:
    rng = np.random.default_rng(0)
    people = PairList(12, 4).draw(rng)
    labels = (people[:, 0] == people[:, 1]).astype(np.int64)
    scores, expected = np.round(rng.normal(size=len(people)) + labels, 1), []
    for drawn in draw_people(12, Resampling(20)):
        rows = [
            row
            for row, (p, q) in enumerate(people.tolist())
            for _ in range(int(drawn[p] if p == q else drawn[p] * drawn[q]))
        ]
        expected.append(
            [equal_error_rate(scores[rows], labels[rows]).eer, roc_auc_score(labels[rows], scores[rows])]
        )
    found = resampled_metrics(scores, people, ["eer", "auc"], Resampling(20))
    assert found == pytest.approx(np.array(expected))


def test_a_sentence_gives_the_range_of_the_coverage() -> None:
    rows = [
        (30, "1 each", 0.1, "eer", 9, share, 0.1, 0.0, 0.0, 2, old, 0.1, 0.0, 0.0)
        for share, old in ((0.94, 1.0), (0.96, None))
    ]
    new, old = explain(rows).split("; ")
    assert new == "coverage lies between 0.940 and 0.960, and should be 0.95"
    assert old == "of the old intervals between 1.000 and 1.000"


def test_few_simulations_are_refused() -> None:
    with pytest.raises(InputError, match="--simulations must be at least 2, got 1"):
        bench_intervals(1, {}, SilentProgress())
