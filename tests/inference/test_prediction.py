"""What has to be embedded for a submission."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.predicted_tables import TestTables, predicted_part
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import dump_config, load_config
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.inference.prediction import Predictor, copy_records, gather_test_set
from kaggle_face.model.network import create_network
from kaggle_face.model.weights.checkpoints import save_weights
from kaggle_face.progress import SilentProgress
from kaggle_face.records import (
    ClassTable,
    CompetitionData,
    FaceTable,
    Gallery,
    Pairs,
    RowList,
    no_pairs,
    no_rows,
)

IDS = np.array(["k1", "k2", "p1", "p2", "t1", "t2", "v1", "v2"])
PACK = ImageCache(IDS, np.zeros((8, 8, 8, 3), np.uint8), np.ones(8, bool), 8)


def make_data(rows: RowList, pairs: Pairs, gallery: Gallery | None = None) -> CompetitionData:
    faces = FaceTable(
        IDS, np.full(8, -1), np.array(["verification"] * 4 + ["test"] * 2 + ["verification"] * 2)
    )
    classes = ClassTable(np.array(["x"]), np.array(["0"]))
    return CompetitionData(faces, classes, rows, no_pairs(), pairs, None, gallery)


def test_each_image_is_embedded_once_and_classified_ones_come_first() -> None:
    rows = RowList(np.array(["0", "1"]), np.array(["t2", "t1"]))
    ids = np.array(["0", "1", "2"])
    pairs = Pairs(ids, np.array(["v1", "v1", "t1"]), np.array(["v2", "t2", "v2"]), np.full(3, -1))
    test_set = gather_test_set(make_data(rows, pairs), PACK)
    assert test_set.classified_ids.tolist() == ["t1", "t2"]
    assert test_set.embedded_ids.tolist() == ["t1", "t2", "v1", "v2"]


def test_a_gallery_needs_its_known_images_and_its_probes() -> None:
    gallery = Gallery(IDS[:2], np.array(["A", "B"]), np.array(["0", "1"]), IDS[2:4], np.array(["", ""]))
    test_set = gather_test_set(make_data(no_rows(), no_pairs(), gallery), PACK)
    assert test_set.embedded_ids.tolist() == ["k1", "k2", "p1", "p2"]
    assert len(test_set.classified_ids) == 0


def test_test_images_whose_class_is_known_are_classified_without_a_row() -> None:
    data = make_data(no_rows(), no_pairs())
    labels = np.array([-1, -1, -1, -1, -1, 0, 0, -1])  # t2 is a test image, v1 is not
    data = replace(data, faces=replace(data.faces, labels=labels))
    assert gather_test_set(data, PACK).classified_ids.tolist() == ["t2"]


def test_a_copy_that_fails_half_way_leaves_the_old_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in (("best_cls", "new"), ("best_ver", "old")):
        for kind in ("embeddings", "predictions"):
            (tmp_path / name / kind).mkdir(parents=True)
            (tmp_path / name / kind / "images.csv").write_text(text)

    def failing(source: Path, target: Path, **_: object) -> None:
        (target / "embeddings").mkdir()
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copytree", failing)
        with pytest.raises(OSError, match="no space left"):
            copy_records(tmp_path / "best_cls", tmp_path / "best_ver")
    held = {path.read_text() for path in (tmp_path / "best_ver").rglob("*.csv")}
    assert held == {"old"} and len(list(tmp_path.iterdir())) == 2
    copy_records(tmp_path / "best_cls", tmp_path / "best_ver")
    assert {path.read_text() for path in (tmp_path / "best_ver").rglob("*.csv")} == {"new"}


def test_test_logits_name_the_class_that_the_embedding_is_nearest_to_at_scale_64(tmp_path: Path) -> None:
    settings = ["model.backbone=test_resnet", "model.neck=bn", "model.head=cosface", "margin.scale=64"]
    settings += ["data.image_size=32", "predict.batch_size=32", "predict.flip=false", "model.small_stem=off"]
    config = load_config("base", settings).config
    torch.manual_seed(0)
    network, draw = create_network(config.model, config.margin, 200, 32), np.random.default_rng(0)
    images = draw.integers(0, 256, (64, 32, 32, 3), np.uint8)
    with torch.no_grad():
        middle = network.eval()(network.normalize(torch.from_numpy(images))).mean(dim=0)
        weight = network.head.get_parameter("weight_CD")
        weight.copy_(middle + 0.02 * middle.norm() * torch.randn(weight.shape) / weight.shape[1] ** 0.5)
    folder = FoldFolder(tmp_path / "fold0")
    names = np.array([f"{number:03d}" for number in range(200)])
    classes = ClassTable(names, names)
    save_weights(network, folder.weights_file("last"), {"epoch": "0"})
    folder.config_file.write_text(dump_config(config))
    folder.write_info({"status": "finished", "cpu_amp": "off"})
    record_io.write_classes(folder.classes_file, classes, np.ones(200, np.int64))
    ids = np.array([f"{number:02d}.jpg" for number in range(64)])
    faces = FaceTable(ids, np.full(64, -1), np.full(64, "test"))
    data = CompetitionData(faces, classes, RowList(ids, ids), no_pairs(), no_pairs(), None, None)
    test_set = gather_test_set(data, ImageCache(ids, images, np.ones(64, np.bool_), 32))
    tables = TestTables(predicted_part(data), np.zeros(64, np.int64), config.competition)
    cpu = torch.device("cpu")
    Predictor(test_set, tables, config.predict, cpu, SilentProgress()).predict_fold(folder, ["last"])

    found = record_io.read_predictions(folder.record_folder("test", "last", "predictions"))
    vectors = record_io.read_embeddings(folder.record_folder("test", "last", "embeddings")).vectors
    units, centres = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True)
        for rows in (vectors.astype(np.float64), weight.detach().double().numpy())
    )
    logits = 64 * units @ centres.T
    second, first = np.sort(logits, axis=1)[:, -2:].T
    assert found.logits.dtype == np.float32  # as out of fold
    assert np.abs(found.logits - logits).max() < 1e-4 < np.median(first - second)
    is_clear = first - second > 2e-4
    assert is_clear.sum() >= 60
    assert np.array_equal(found.logits.argmax(axis=1)[is_clear], logits.argmax(axis=1)[is_clear])
    # Half precision, whose steps are 1/32 up there, would name another class.
    assert (logits.astype(np.float16).argmax(axis=1) != logits.argmax(axis=1)).any()
