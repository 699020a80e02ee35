"""The sentence that names the bottleneck of training."""

from __future__ import annotations

import pytest

from kaggle_face.bench.throughput import Rate
from kaggle_face.bench.training import LIMIT, LOADER, WHOLE, LoaderSummary, explain, report_training

BATCHES = LoaderSummary(per_image=False, reason="", on_cuda=False)
PER_IMAGE = LoaderSummary(per_image=True, reason="MotionBlur has no batched form", on_cuda=True)


def rates(limit: float, loader: float, whole: float) -> dict[str, Rate]:
    return {LIMIT: Rate((limit,)), LOADER: Rate((loader,)), WHOLE: Rate((whole,))}


@pytest.mark.parametrize(
    ("found", "summary", "words"),
    [
        (rates(100, 5000, 96), BATCHES, "96.0 % of the network's own rate: the network is the bottleneck"),
        (
            rates(100, 90, 85),
            PER_IMAGE,
            "the loader is the bottleneck (90 images/s alone); MotionBlur has no",
        ),
        (rates(100, 90, 85), LoaderSummary(True, "", True), "set data.placement=auto"),
        (rates(100, 90, 85), LoaderSummary(True, "", False), "leave out what augment.transforms can spare"),
        (rates(100, 5000, 60), BATCHES, "each step is the bottleneck; raise train.batch_size"),
        (rates(100, 400, 79), BATCHES, "preparing images takes the cores that the network needs (20.0 %"),
        (
            rates(100, 5000, 60),
            LoaderSummary(False, "", True),
            "raise train.batch_size, or set train.compile=true",
        ),
    ],
)
def test_the_bottleneck_is_named(found: dict[str, Rate], summary: LoaderSummary, words: str) -> None:
    assert words in explain(found, summary)


def test_each_way_is_told_as_a_share_of_the_limit() -> None:
    report = report_training(rates(200, 5000, 190), BATCHES, {"cores": 4})
    assert report.row(WHOLE)["of the limit"] == 0.95 and report.row(LIMIT)["of the limit"] == 1.0
