"""Pictures to embeddings with the network of a run folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.errors import DataError, InputError, RunError
from kaggle_face.inference.embedder import load_embedder
from kaggle_face.model.trained import load_trained_network
from tests.support.gallery_stubs import invented_face, write_trained_run


@pytest.fixture
def fold(tmp_path: Path) -> FoldFolder:
    return write_trained_run(tmp_path / "runs" / "faces" / "main" / "fold0")


def test_paths_arrays_and_pil_images_give_one_embedding(fold: FoldFolder, tmp_path: Path) -> None:
    pixels = invented_face(1, 0, 48)
    path = tmp_path / "face.png"
    Image.fromarray(pixels).save(path)
    embedder = load_embedder(fold, device="cpu")
    with Image.open(path) as opened:
        found = embedder.embed([path, str(path), pixels, opened])
    assert found.shape == (4, 16) and found.dtype == np.float32
    # A batch's rows differ in the last bits by their place in it.
    np.testing.assert_allclose(found, np.repeat(found[:1], 4, axis=0), rtol=0, atol=1e-6)
    assert np.array_equal(embedder.embed([path]), embedder.embed([pixels]))


def test_embeddings_are_unit_means_of_the_image_and_its_mirror_image(fold: FoldFolder) -> None:
    crop = invented_face(1, 0, 32)
    network = load_trained_network(fold, "best_ver", torch.device("cpu"))
    with torch.inference_mode():
        both = network(network.normalize(torch.from_numpy(np.stack([crop, crop[:, ::-1]])))).numpy()
    found = load_embedder(fold, device="cpu").embed(crop[None])[0]
    assert found == pytest.approx(both.sum(axis=0) / np.linalg.norm(both.sum(axis=0)), abs=1e-5)


def test_a_run_is_named_by_its_folder_or_that_of_a_fold(fold: FoldFolder) -> None:
    write_trained_run(fold.path.parent / "fold1", seed=1)
    crops = [invented_face(1, 0, 32)]
    first, second = (load_embedder(fold.run.fold(k), device="cpu").embed(crops) for k in (0, 1))
    assert not np.array_equal(first, second)
    for run in (fold.run, fold.run.path, str(fold.run.path), fold.path):
        assert np.array_equal(load_embedder(run, device="cpu").embed(crops), first)
    assert np.array_equal(load_embedder(fold.run, fold=1, device="cpu").embed(crops), second)
    assert repr(load_embedder(fold.run, device="cpu")) == (
        f"Embedder({fold.path}, best_ver, 32 px -> 16 numbers, cpu)"
    )


def test_no_images_give_no_embeddings(fold: FoldFolder) -> None:
    assert load_embedder(fold, device="cpu").embed([]).shape == (0, 16)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        ("a.jpg", r"embed takes a list of images, got one str; write \[image\]"),
        (3, r"embed takes a list of images, got one int; write \[image\]"),
        (["/nowhere/a.jpg"], "/nowhere/a.jpg cannot be read .there is no such file"),
        ([np.zeros((8, 8), np.uint8)], r"images\[0\] must be a path, .* got uint8 of shape \(8, 8\)"),
        ([np.zeros((8, 8, 3))], r"images\[0\] must be .* got float64 of shape \(8, 8, 3\)"),
        ([np.zeros((0, 8, 3), np.uint8)], r"got uint8 of shape \(0, 8, 3\)"),
        ([np.zeros((8, 8, 3), np.uint8), None], r"images\[1\] must be .* got a NoneType"),
        (np.zeros((8, 8, 3), np.uint8), r"images\[0\] must be .* got uint8 of shape \(8, 3\)"),
    ],
)
def test_what_is_not_a_picture_is_one_line(fold: FoldFolder, images: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_embedder(fold, device="cpu").embed(images)


def test_a_file_that_is_not_a_picture_is_named(fold: FoldFolder, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("words")
    with pytest.raises(DataError, match=r"a\.jpg cannot be read \(not a picture\)"):
        load_embedder(fold, device="cpu").embed([tmp_path / "a.jpg"])


def test_a_run_that_was_not_trained_is_one_line(fold: FoldFolder, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no trained run"):
        load_embedder(tmp_path)
    with pytest.raises(RunError, match="fold 3 of faces/main was not trained"):
        load_embedder(RunFolder(fold.path.parent), fold=3)
    with pytest.raises(RunError, match="is one fold and not fold 3"):
        load_embedder(fold, fold=3)
    with pytest.raises(RunError, match="no checkpoint 'best_verr'; did you mean 'best_ver'"):
        load_embedder(fold, checkpoint="best_verr")
    with pytest.raises(RunError, match="has no checkpoint 'last'"):
        load_embedder(fold, checkpoint="last", device="cpu")
    with pytest.raises(InputError, match="device"):
        load_embedder(fold, device="cuda:99")


def test_a_copied_fold_may_have_any_name(fold: FoldFolder, tmp_path: Path) -> None:
    shutil.copytree(fold.path, tmp_path / "my model")
    crops = [invented_face(1, 0, 32)]
    expected = load_embedder(fold, device="cpu").embed(crops)
    assert np.array_equal(load_embedder(tmp_path / "my model", device="cpu").embed(crops), expected)
    (tmp_path / "my model" / "checkpoints" / "best_ver.safetensors").unlink()
    with pytest.raises(RunError, match="is not named fold<number>"):
        load_embedder(tmp_path / "my model", device="cpu")
