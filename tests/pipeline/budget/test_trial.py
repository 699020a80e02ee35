"""The trial measures real steps on a sample of the competition's pictures, and leaves nothing behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from kaggle_face.config import load_config
from kaggle_face.data.folds.split import make_folds
from kaggle_face.errors import ConfigError
from kaggle_face.pipeline.budget.demand import demand_of, purpose_of
from kaggle_face.pipeline.budget.trial import real_trial
from kaggle_face.pipeline.inputs.preparing import open_competition, prepare_images
from kaggle_face.progress import SilentProgress


def test_a_trial_measures_and_leaves_the_working_directory_as_it_was(
    raw_workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(raw_workspace, tmp_path / "work")
    monkeypatch.chdir(tmp_path / "work")
    loaded = load_config("tiny", ["train.start_image_size=8", "train.epochs=3", "train.grow_epochs=2"])
    data = open_competition(loaded.config)
    folds = make_folds(data, loaded.config.folds)
    demand = demand_of(data, folds, loaded.config.data)
    # tests/pipeline/conftest.py: 5 people with 6 + 3 + 2 images and 6 with 3 each, drawn at 16 pixels
    assert (demand.num_classes, demand.all_images, demand.side_px) == (5, 5 * 11 + 6 * 3, 16)
    assert demand.num_folds == 2 and demand.train_images == len(folds.training_ids(0))
    assert demand.test_images >= 5 * 2 and demand.trials > 12
    first = folds.training_ids(0)[0]
    Path("left_out.txt").write_text(f"{first}\n{folds.validation_ids(0)[0]}\n", encoding="utf-8")
    Path("pseudo.csv").write_text("image_id,class\na,b\nc,d\ne,f\n", encoding="utf-8")
    more = loaded.config.data.model_copy(
        update={"exclude_images": "left_out.txt", "pseudo_labels": "pseudo.csv"}
    )
    assert demand_of(data, folds, more).train_images == demand.train_images - 1 + 3
    with pytest.raises(ConfigError, match=r"data\.pseudo_labels: there is no file gone\.csv"):
        demand_of(data, folds, more.model_copy(update={"pseudo_labels": "gone.csv"}))
    assert purpose_of(loaded.config) == "both"
    random, before = torch.get_rng_state(), sorted(Path().rglob("*"))
    with real_trial(loaded.config, data, folds) as trial:
        rates = trial.network_rates(loaded.config, 0.05)
        decoding = trial.decoding_seconds(16)
    assert rates is not None and 0 < rates.embedding_seconds < 5 and rates.num_parameters > 1000
    assert 0 < rates.first_seconds < 5 and 0 < rates.full_seconds < 5 and 0 < decoding < 5
    assert sorted(Path().rglob("*")) == before and torch.equal(torch.get_rng_state(), random)

    prepare_images(loaded, SilentProgress())
    with real_trial(loaded.config, data, folds) as trial:
        assert trial.decoding_seconds(16) == 0.0, "all images are decoded already"
        assert trial.decoding_seconds(24) > 0.0
