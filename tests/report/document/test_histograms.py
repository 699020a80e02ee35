"""Distributions are shares of their own set, whatever the values."""

from __future__ import annotations

import numpy as np

from kaggle_face.report.document.histograms import share_histogram


def test_each_set_sums_to_one_and_the_marked_value_is_inside() -> None:
    sets = [("train", np.array([1.0, 2.0, 2.0])), ("test", np.array([3.0]))]
    figure = share_histogram("Title", "unit", sets, "words", marked=9.0)
    assert [float(np.sum(trace["y"])) for trace in figure.traces] == [1.0, 1.0]
    assert figure.traces[0]["x"][-1] > 8.5 and figure.layout["shapes"][0]["x0"] == 9.0


def test_equal_values_are_drawn_in_the_middle() -> None:
    trace = share_histogram("Title", "unit", [("all", np.full(5, 64.0))], "words").traces[0]
    assert 20 < int(np.argmax(trace["y"])) < 30 and max(trace["y"]) == 1.0
