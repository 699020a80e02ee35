"""The table of networks, sizes and GPUs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.roofline.__main__ import main


@pytest.mark.slow
@pytest.mark.ci
def test_a_row_is_calculated_for_each_network_and_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--networks", "resnet10t", "--sizes", "32", "64", "--batch", "64", "--classes", "10"]
    assert main(words) == 0
    small, large = json.loads((tmp_path / "roofline.json").read_text(encoding="utf-8"))["rows"]
    assert (small["network"], small["pixels"], large["pixels"]) == ("resnet10t", 32, 64)
    # A convolutional network does four times the work on four times the pixels; neck and head stay.
    assert large["GFLOP an image"] / small["GFLOP an image"] == pytest.approx(4.0, abs=0.05)
    assert large["T4 fp16"].endswith(" m") or large["T4 fp16"].endswith(" a")
    assert "| resnet10t | 64 |" in (tmp_path / "roofline.md").read_text(encoding="utf-8")
