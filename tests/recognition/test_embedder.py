from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kaggle_face.artifacts.checkpoint_file import weights_digest
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.errors import GalleryError, RunError
from kaggle_face.model.trained import load_trained_network
from kaggle_face.recognition.embedder import RunEmbedder, fingerprint_of, open_embedder_of, thresholds_of
from kaggle_face.records import PairScores
from tests.support.gallery_stubs import invented_face, write_trained_run


@pytest.fixture
def fold(tmp_path: Path) -> FoldFolder:
    return write_trained_run(tmp_path / "runs" / "faces" / "main" / "fold0")


def test_an_embedding_is_the_mean_of_the_image_and_its_mirror_image(fold: FoldFolder) -> None:
    crop = invented_face(1, 0, 32)
    network = load_trained_network(fold, "best_ver", torch.device("cpu"))
    with torch.inference_mode():
        both = network(network.normalize(torch.from_numpy(np.stack([crop, crop[:, ::-1]]))))
    mean = both.numpy().sum(axis=0)
    found = RunEmbedder(fold, device="cpu").embed([crop])[0]
    assert found == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)


def test_crops_of_any_size_are_taken(fold: FoldFolder) -> None:
    found = RunEmbedder(fold, device="cpu").embed([invented_face(1, 0, size) for size in (32, 112, 200)])
    assert found.shape == (3, 16)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_no_crops_give_no_embeddings(fold: FoldFolder) -> None:
    assert RunEmbedder(fold, device="cpu").embed([]).shape == (0, 16)


def test_the_card_names_the_run_and_its_sizes(fold: FoldFolder) -> None:
    card = RunEmbedder(fold, device="cpu").card
    assert (card.run, card.fold, card.checkpoint) == ("faces/main", 0, "best_ver")
    assert (card.image_size, card.embedding_size) == (32, 16)


def test_the_thresholds_are_those_of_the_held_out_pairs(fold: FoldFolder) -> None:
    # 1e-2 of 10,000 are 100: the 99 that score 0.5 and more may pass, and one more, so the lowest score of a
    # pair of one person above 0.4 is 0.9. 1e-3 are 10: the nine at 0.8 may pass, those at 0.5 may not.
    strict = RunEmbedder(fold, device="cpu").card.threshold("fpr-1e-3")
    loose = RunEmbedder(fold, device="cpu").card.threshold("fpr-1e-2")
    assert strict.value == pytest.approx(0.9)
    assert loose.value == pytest.approx(0.9)
    assert (strict.fpr, strict.fnr) == (0.0, 0.001)
    assert (strict.num_different, strict.num_same) == (10_000, 1000)


def test_a_threshold_lies_just_above_all_impostors_where_no_pair_of_one_person_does() -> None:
    scores = np.array([0.1, 0.2, 0.7, 0.6], np.float32)
    found = thresholds_of(PairScores(np.arange(4).astype(np.str_), scores, np.array([1, 1, 0, 0])))
    assert found[1].name == "fpr-1e-3"
    assert 0.7 < found[1].value < 0.700001
    assert (found[1].fpr, found[1].fnr) == (0.0, 1.0)


def test_a_run_without_pairs_has_no_thresholds(tmp_path: Path) -> None:
    fold = write_trained_run(tmp_path / "runs" / "faces" / "bare" / "fold0", with_pairs=False)
    assert RunEmbedder(fold, device="cpu").card.thresholds == ()


def test_the_fingerprint_is_of_the_weights_and_not_of_the_place(fold: FoldFolder, tmp_path: Path) -> None:
    first = RunEmbedder(fold, device="cpu").card
    shutil.copytree(fold.path, tmp_path / "elsewhere" / "fold0")
    other = write_trained_run(tmp_path / "runs" / "faces" / "other" / "fold0", seed=1)
    moved = RunEmbedder(FoldFolder(tmp_path / "elsewhere" / "fold0"), device="cpu").card
    assert moved.fingerprint == first.fingerprint
    assert RunEmbedder(other, device="cpu").card.fingerprint != first.fingerprint


def test_a_setting_that_changes_embeddings_changes_the_fingerprint(fold: FoldFolder) -> None:
    before = RunEmbedder(fold, device="cpu").card.fingerprint
    text = fold.config_file.read_text()
    assert "flip: true" in text
    fold.config_file.write_text(text.replace("flip: true", "flip: false"))
    assert RunEmbedder(fold, device="cpu").card.fingerprint != before


def fingerprint_with(fold: FoldFolder, number: int | None = 0, **model: object) -> str:
    """The fingerprint of the weights as of a fold whose network has other settings."""
    config = fold.read_config()
    changed = config.model_copy(update={"model": config.model.model_copy(update=model)})
    fold.write_info({**fold.read_info(), "fold": number})
    return fingerprint_of(fold, "best_ver", changed)


def test_a_network_that_sees_all_has_the_fingerprint_of_before_crops_were_settings(fold: FoldFolder) -> None:
    config = fold.read_config()
    settings = {
        "model": config.model.model_dump(
            mode="json", exclude={"weights", "pretrained", "center_crop", "further_center_crops"}
        ),
        "image_size": 32,
        "flip": True,
        "crops": False,
        "preparation": "arcface-112, bicubic, 1",
    }
    text = weights_digest(fold.weights_file("best_ver")) + json.dumps(settings, sort_keys=True)
    before = hashlib.sha256(text.encode()).hexdigest()[:32]
    assert RunEmbedder(fold, device="cpu").card.fingerprint == before
    assert fingerprint_with(fold, further_center_crops=(0.5,)) == before
    assert fingerprint_with(fold, number=None) == before  # no fold differs


def test_the_fingerprint_is_of_the_part_that_the_fold_sees(fold: FoldFolder) -> None:
    whole, half = fingerprint_with(fold), fingerprint_with(fold, center_crop=0.5)
    assert whole != half
    assert fingerprint_with(fold, number=1, further_center_crops=(0.5,)) == half
    assert fingerprint_with(fold, number=2, further_center_crops=(0.5,)) == whole
    assert fingerprint_with(fold, number=1, center_crop=0.5, further_center_crops=(1.0,)) == whole


def test_a_gallery_opens_its_model_where_it_lay(fold: FoldFolder) -> None:
    card = RunEmbedder(fold, device="cpu").card
    assert open_embedder_of(card, "cpu").card == card


def test_a_model_that_is_gone_or_trained_again_is_told_with_the_way_out(fold: FoldFolder) -> None:
    card = RunEmbedder(fold, device="cpu").card
    with pytest.raises(GalleryError, match="is gone; name where it is now: --model FOLDER"):
        open_embedder_of(replace(card, folder="/nowhere/fold0"), "cpu")
    write_trained_run(fold.path, seed=5)
    with pytest.raises(
        GalleryError, match="was trained again since; re-embed the gallery: kaggle-face people re-embed"
    ):
        open_embedder_of(card, "cpu")


def test_a_fold_without_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="has no checkpoint"):
        RunEmbedder(FoldFolder(tmp_path / "fold0"))
