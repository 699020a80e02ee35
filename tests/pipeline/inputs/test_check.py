from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kaggle_face.competitions.data_check import SplitCount
from kaggle_face.config import Config, parse_config
from kaggle_face.errors import DataError
from kaggle_face.pipeline.inputs.check import check_competition
from kaggle_face.progress import SilentProgress


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A folder in the layout `pair_text` of fall 2024, and settings for it."""
    root = tmp_path / "data"
    names = [f"cls_data/{split}/n{c}/{i}.png" for split in ("train", "dev") for c in (1, 2) for i in (1, 2)]
    for grey, name in enumerate([*names, "ver_data/1.png", "ver_data/2.png"]):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 16, 3), 9 * grey, np.uint8)).save(root / name)
    (root / "val_pairs.txt").write_text("1.png 1.png 1\n1.png 2.png 0\n")
    (root / "test_pairs.txt").write_text("2.png 1.png\n")
    return parse_config(
        f"competition: {{slug: mine}}\ndata: {{root: {root}, image_size: 16, workers: 2}}\n"
        f"paths: {{cache: {tmp_path}}}\n",
        "test",
    )


def test_a_good_folder_has_counts_and_no_problem(config):
    check = check_competition(config, SilentProgress())
    assert check.counts == (
        SplitCount("train", 4, 4, 2),
        SplitCount("dev", 4, 4, 2),
        SplitCount("verification", 2, 0, 0),
    )
    assert check.problems == ()
    check.require_no_problem()
    assert "all 10 images can be read" in [result.text for result in check.results if result.level == "good"]


def test_labelled_pairs_that_measure_nothing_are_a_problem(config):
    (Path(config.data.root) / "val_pairs.txt").write_text("1.png 2.png 1\n")
    (problem,) = check_competition(config, SilentProgress(), decode_images=False).problems
    assert "1 of 1 labelled pair shows one person (label 1), first: " in problem.text
    assert problem.text.endswith("or set folds.verification=identities")


def test_a_broken_image_is_a_problem_where_images_are_decoded(config):
    (Path(config.data.root) / "ver_data/2.png").write_bytes(b"nothing")
    assert check_competition(config, SilentProgress(), decode_images=False).problems == ()
    check = check_competition(config, SilentProgress())
    assert [result.text[:29] for result in check.problems] == ["1 of 10 images cannot be read"]
    with pytest.raises(DataError, match=r"1 problem in .*data, first: 1 of 10 images cannot be read"):
        check.require_no_problem()
