"""Packing measured against its decoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kaggle_face.bench import packing
from kaggle_face.bench.packing import ALL, DECODER, ONE, OPENING, bench_packing
from kaggle_face.bench.throughput import Plan, Rate
from kaggle_face.errors import DataError
from kaggle_face.progress import SilentProgress


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    for number in range(6):
        Image.fromarray(draw.integers(0, 256, (20, 20, 3), np.uint8)).save(tmp_path / f"{number}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return tmp_path


def test_all_readable_pictures_are_packed_in_each_way(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "available_cpus", lambda: 3)
    ids = np.array(sorted(path.name for path in pictures.iterdir()))
    report = bench_packing(pictures, ids, 16, Plan(rounds=1), {}, SilentProgress())
    assert report.about["images"] == 6
    assert [row[0] for row in report.rows] == [DECODER, ONE, ALL.format(3), OPENING]
    assert report.row(DECODER)["of the decoder per core"] == 1.0
    both = report.row(ALL.format(3))
    share = both["images/s"] / report.row(DECODER)["images/s"] / 3  # type: ignore[operator]
    assert both["of the decoder per core"] == pytest.approx(share)


def test_without_a_readable_picture_there_is_nothing_to_measure(pictures: Path) -> None:
    with pytest.raises(DataError, match="none of 1 picture under"):
        bench_packing(pictures, np.array(["broken.png"]), 16, Plan(rounds=1), {}, SilentProgress())


@pytest.mark.parametrize(("rate", "words"), [(95.0, "decoder is the bottleneck"), (80.0, "a faster disk")])
def test_slow_packing_is_blamed_on_the_disk(rate: float, words: str) -> None:
    assert words in packing.explain({DECODER: Rate((100.0,)), ONE: Rate((rate,))})
