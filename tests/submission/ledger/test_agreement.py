"""Rank correlation against SciPy, and a plot that is well-formed XML."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from kaggle_face.submission.ledger.agreement import agreement, agreement_svg, comparable, spearman
from kaggle_face.submission.ledger.entries import Entry


def entry(number: int, oof: float | None, public: str | None, metric: str = "eer") -> Entry:
    return Entry(
        key=str(number),
        time="2026-11-22T13:00:00Z",
        competition="faces",
        file=f"<{number}>.csv",
        status="COMPLETE",
        oof_metric=metric,
        oof_score=oof,
        oof_higher_is_better=metric != "eer",
        public_score=public,
    )


@pytest.mark.parametrize("seed", range(5))
def test_spearman_equals_scipy_also_with_ties(seed):
    random = np.random.default_rng(seed)
    first, second = random.integers(0, 6, 30), random.integers(0, 6, 30)
    assert spearman(first, second) == pytest.approx(spearmanr(first, second).statistic, abs=1e-12)


@pytest.mark.parametrize(("first", "second"), [([], []), ([1, 2], [2, 1]), ([1, 1, 1], [1, 2, 3])])
def test_too_little_has_no_correlation(first, second):
    assert spearman(first, second) is None


def test_directions_are_turned_before_they_are_compared():
    # out-of-fold accuracy rises while the public EER falls: they agree
    rows = [entry(n, 0.5 + n / 10, f"{0.3 - n / 20}", "accuracy") for n in range(4)]
    assert agreement(rows, public_lower_is_better=True) == pytest.approx(1.0)
    assert agreement(rows, public_lower_is_better=False) == pytest.approx(-1.0)


def test_only_rows_of_the_usual_metric_with_both_scores_are_compared():
    rows = [entry(0, 0.1, "0.1"), entry(1, 0.2, "0.2"), entry(2, 0.9, "0.3", "accuracy")]
    rows += [entry(3, None, "0.4"), entry(4, 0.5, None), entry(5, 0.5, "hidden")]
    assert [row.key for row in comparable(rows)] == ["0", "1"]


@pytest.mark.parametrize("count", [0, 1, 4])
def test_the_plot_has_a_point_for_each_row(count):
    rows = [entry(n, 0.1 * n, str(0.1 * n)) for n in range(count)]
    root = ElementTree.fromstring(agreement_svg(rows, "faces & more"))
    points = root.findall("{http://www.w3.org/2000/svg}circle")
    assert len(points) == count
    for point in points:
        assert 56 <= float(point.get("cx")) <= 464 and 32 <= float(point.get("cy")) <= 304


def test_a_plot_of_what_steers_a_terminal_is_xml_all_the_same():
    rows = [replace(entry(0, 0.1, "0.2"), file="a\x1b[2J\0<b>\u202e.csv\udcff")]
    root = ElementTree.fromstring(agreement_svg(rows, "faces\x1b\n"))
    title = root.find("{http://www.w3.org/2000/svg}circle/{http://www.w3.org/2000/svg}title")
    assert title.text == r"a\x1b[2J\x00<b>\u202e.csv\udcff: 0.1 -> 0.2"
