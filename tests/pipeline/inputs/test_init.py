from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from kaggle_face.competitions.sizing import Machine
from kaggle_face.config import parse_config
from kaggle_face.errors import ConfigError, InputError
from kaggle_face.pipeline.inputs.init import estimate_on_gpus, init_competition


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder in the layout `top_k`."""
    for name in ("train_images/a.png", "train_images/b.png", "test_images/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (24, 12)).save(tmp_path / name)
    (tmp_path / "train.csv").write_text("image,individual_id\na.png,w1\nb.png,w2\n")
    (tmp_path / "sample_submission.csv").write_text("image,predictions\nc.png,new_individual w1\n")
    return tmp_path


def test_settings_are_written_to_the_folder_that_is_given(root):
    written = init_competition("mine", root, folder=root / "settings")
    assert written.path == root / "settings/mine.yaml"
    assert written.path.read_text() == written.text
    config = parse_config(written.text.replace("extends: base\n", ""), "written")
    assert (config.competition.layout, config.competition.variant) == ("top_k", "happywhale")
    assert (config.data.root, config.data.image_size) == (str(root), 24)
    assert written.inspection.detection.layout == "top_k"


def test_settings_that_are_there_are_replaced_only_on_request(root):
    init_competition("mine", root, folder=root)
    with pytest.raises(ConfigError, match=r"mine\.yaml exists already"):
        init_competition("mine", root, folder=root)
    assert init_competition("mine", root, folder=root, replace=True).path == root / "mine.yaml"


def test_a_slug_may_be_an_address(root):
    written = init_competition("https://www.kaggle.com/competitions/mine/overview", root, folder=root)
    assert written.path == root / "mine.yaml"
    assert parse_config(written.text.replace("extends: base\n", ""), "written").competition.slug == "mine"


def test_settings_name_the_machine_that_they_are_sized_for(root):
    written = init_competition("mine", root, folder=root, machine=Machine("NVIDIA H200", 16))
    config = parse_config(written.text.replace("extends: base\n", ""), "written")
    assert "# Sized for NVIDIA H200, and about 1 training images" in written.text
    assert (config.model.backbone, config.train.last_batch) == ("resnet18", "fill")


def test_a_slug_that_leads_to_another_folder_is_refused(root):
    with pytest.raises(InputError, match="a competition's name has no folders in it"):
        init_competition("../mine", root, folder=root)


def test_the_time_on_a_gpu_that_is_not_here_is_calculated(root, monkeypatch):
    written = init_competition("mine", root, folder=root, machine=Machine("", 2))
    sizes = []

    def seconds(config, size, gpu):
        sizes.append((config.model.backbone, config.train.epochs, size.num_classes, size.train_images))
        return {"T4": 75.0, "P100": 7000.0}[gpu.name]

    monkeypatch.setattr("kaggle_face.train.speed.roofline.least_fold_seconds", seconds)
    assert estimate_on_gpus(written, Machine("", 2)) == (
        "with model.backbone=resnet18, data.image_size=24, train.epochs=60 a fold takes at least 75 s "
        "on a T4 and 1.9 h on a P100: calculated, not measured"
    )
    assert sizes == [("resnet18", 60, 2, 2)] * 2
    assert estimate_on_gpus(written, Machine("NVIDIA H200", 16)) == ""


def test_too_few_people_of_a_known_layout_hold_nobody_out(root):
    written = init_competition("mine", root, folder=root)
    config = parse_config(written.text.replace("extends: base\n", ""), "written")
    assert (config.competition.layout, config.folds.heldout_identities) == ("top_k", 0.0)
