"""The metrics' benchmark, at sizes that take no time."""

from __future__ import annotations

from kaggle_face.bench.scoring import Sizes, bench_scoring, explain
from kaggle_face.bench.throughput import Plan
from kaggle_face.progress import SilentProgress


def test_every_metric_is_timed() -> None:
    report = bench_scoring(Sizes(500, 20, 60, 30, 40, 7, 25), Plan(rounds=2), {}, SilentProgress())
    names = ["EER", "AUC", "TPR@FPR=1e-3", "interval of a difference", "trials scored", "top-5 labels"]
    names.append("gallery searched")
    assert [row[0] for row in report.rows] == names
    assert report.row("trials scored")["size"] == "60 trials, 20 images"
    assert all(isinstance(row[2], float) for row in report.rows)


def test_what_takes_longer_than_it_must_is_named() -> None:
    in_time = ("EER", "10", 0.1, 0.1, 0.1, 1.0, 0.2)
    late = ("trials scored", "10", 1.5, 1.5, 1.5, 1.0, 1.0)
    assert "keeps within its time" in explain([in_time])
    assert "trials scored (1.50 s, must be 1 s)" in explain([in_time, late])


def test_the_full_sizes_are_those_of_the_largest_competitions() -> None:
    full = Sizes()
    assert (full.trials, full.images) == (900_000, 20_000)
    assert (full.logit_rows, full.classes) == (100_000, 8_631)
