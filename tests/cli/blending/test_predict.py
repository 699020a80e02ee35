"""Test-time augmentation through the command line: measured, and off unless it helps."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.record_io import read_embeddings
from kaggle_face.cli.main import main

RUN = Path("runs/tiny/main")


def embeddings(part: str) -> np.ndarray:
    return np.array(read_embeddings(RUN / "fold0" / part / "last" / "embeddings").vectors)


def test_augmentations_are_measured_and_what_does_not_help_is_off_in_all_records(
    trained_fold: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "predict.flip=false"]) == 0
    plain = {"test": embeddings("test")}
    capsys.readouterr()
    assert main(["predict", "--try-tta"]) == 0
    out = capsys.readouterr().out
    kept = json.loads((RUN / "tta.json").read_text())
    assert [view["view"] for view in kept["measured"]] == ["flip", "crops"]
    assert f"predict.flip={str(kept['flip']).lower()} predict.crops={str(kept['crops']).lower()}" in out
    first = kept["measured"][0]["gains"]["accuracy"]
    interval = f"{first['low']:+.4f} to {first['high']:+.4f}"
    state = "on" if kept["measured"][0]["is_on"] else "off"
    words = ["flip", state, "accuracy", f"{first['value']:+.4f}", *interval.split()]
    assert words in [line.split() for line in out.splitlines()]
    for view in kept["measured"]:
        gains = view["gains"].values()
        helps = any(gain["low"] > 0 for gain in gains) and all(gain["high"] >= 0 for gain in gains)
        assert view["is_on"] == helps
    is_plain = not kept["flip"] and not kept["crops"]
    assert np.allclose(plain["test"], embeddings("test"), atol=1e-5) == is_plain


def test_the_old_name_of_the_option_works_and_names_the_new_one(
    trained_fold: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["predict", "--try-views"]) == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert warnings == [
        "warning: --try-views is now called --try-tta; the old name goes with the next release"
    ]
    assert (RUN / "tta.json").is_file()
    with pytest.raises(SystemExit):
        main(["predict", "--help"])
    shown = capsys.readouterr().out
    assert "--try-tta" in shown and "--try-views" not in shown


def test_crops_change_what_is_predicted(trained_fold: Path) -> None:
    assert main(["predict"]) == 0
    without = embeddings("test")
    assert main(["predict", "predict.crops=true"]) == 0
    assert not np.allclose(without, embeddings("test"), atol=1e-5)
