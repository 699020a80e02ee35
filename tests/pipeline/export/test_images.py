"""The images that an export is checked on."""

from __future__ import annotations

import json

import numpy as np

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.config import load_config
from kaggle_face.pipeline.export.images import gather_images, generated_faces
from kaggle_face.pipeline.export.plan import plan_network
from kaggle_face.pipeline.inputs.preparing import open_competition, open_folds, open_images
from kaggle_face.progress import SilentProgress


def test_generated_faces_are_as_many_as_wanted_and_differ() -> None:
    faces = generated_faces(7, 32)
    assert faces.shape == (7, 32, 32, 3) and faces.dtype == np.uint8
    assert len(np.unique(faces.reshape(7, -1), axis=0)) == 7
    assert generated_faces(0, 32).shape == (0, 32, 32, 3)


def test_calibration_images_were_trained_on_and_measured_ones_were_not(after) -> None:  # type: ignore[no-untyped-def]
    work = after("train")
    loaded = load_config("tiny")
    fold = RunFolder(work.run).fold(0)
    plan = plan_network(fold, "last", ("embeddings",), None, None)
    found = gather_images(loaded.config.paths, plan, 8, SilentProgress())
    assert found.missing == "" and found.kind == "held-out" and len(found.parity) == 8
    data = open_competition(loaded.config)
    cache = open_images(loaded.config, data, SilentProgress())
    folds = open_folds(loaded, data, cache)
    digest_of = {
        image.tobytes(): name for name, image in zip(cache.image_ids.tolist(), cache.images, strict=True)
    }
    trained = set(folds.training_ids(0).tolist())
    assert {digest_of[image.tobytes()] for image in found.calibration} <= trained
    assert not {digest_of[image.tobytes()] for image in found.parity} & trained
    assert found.trials is not None and set(found.trials.labels.tolist()) == {0, 1}
    assert not {digest_of[image.tobytes()] for image in found.trials.images} & trained
    pairs = folds.pairs[0]
    truth = dict(
        zip(zip(pairs.first_ids.tolist(), pairs.second_ids.tolist(), strict=True), pairs.labels, strict=True)
    )
    for first, second, label in zip(
        found.trials.first, found.trials.second, found.trials.labels, strict=True
    ):
        ids = tuple(digest_of[found.trials.images[row].tobytes()] for row in (first, second))
        assert truth[ids] == label


def test_without_the_raw_folder_faces_are_generated(after) -> None:  # type: ignore[no-untyped-def]
    work = after("train")
    work.root.rename(work.path / "elsewhere")
    plan = plan_network(RunFolder(work.run).fold(0), "last", ("embeddings",), None, None)
    found = gather_images(load_config("tiny").config.paths, plan, 4, SilentProgress())
    assert found.kind == "generated" and len(found.parity) == 4 and not len(found.calibration)
    assert found.trials is None and "is not here" in found.missing


def test_a_fold_under_another_number_is_measured_on_no_image_of_the_run(after) -> None:  # type: ignore[no-untyped-def]
    work = after("train")
    record = work.fold / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "fold": 1}))
    plan = plan_network(RunFolder(work.run).fold(0), "last", ("embeddings",), None, None)
    found = gather_images(load_config("tiny").config.paths, plan, 4, SilentProgress())
    assert found.kind == "generated" and found.trials is None and not len(found.calibration)
    assert "fold0 was trained as fold 1" in found.missing
