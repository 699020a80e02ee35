"""Event files hold what they were given, at its step."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from kaggle_face.metrics.trials import sort_trials
from kaggle_face.train.loggers.logger import LoggedPicture, StepValues, TrialScores
from kaggle_face.train.loggers.tensorboard import TensorBoardLogger

GENUINE, IMPOSTOR = np.array([0.9, 0.4]), np.array([0.5, 0.1, 0.0])
ROC = sort_trials([0.9, 0.4, 0.5, 0.1, 0.0], [1, 1, 0, 0, 0]).roc_points()


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> EventAccumulator:
    folder = tmp_path_factory.mktemp("events")
    logger = TensorBoardLogger(folder)
    logger.log_steps([StepValues(1, 2.5, 0.1, 1000.0), StepValues(2, 1.5, 0.2, 2000.0)])
    logger.log_epoch([{"epoch": 1, "eer": 0.5}])
    logger.log_epoch([{"epoch": 1, "eer": 0.5}, {"epoch": 2, "eer": 0.25}])
    logger.log_scores(TrialScores(2, GENUINE, IMPOSTOR, ROC, 0.4))
    pixels = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    logger.log_picture(LoggedPicture("first_batch", pixels, 1, "what it shows"))
    logger.log_results(
        {"optim.lr": 0.1, "model.head": "arcface", "model.pretrained": False}, {"last/eer": 0.2}
    )
    logger.close()
    found = EventAccumulator(str(folder))
    found.Reload()
    return found


def test_each_value_stands_at_its_step_and_time(events: EventAccumulator) -> None:
    found = {
        tag: [(each.step, each.value) for each in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }
    assert found["step/loss"] == [(1, 2.5), (2, 1.5)]
    assert [step for step, _ in found["step/lr"]] == [1, 2]
    assert [each.wall_time for each in events.Scalars("step/loss")] == [1000.0, 2000.0]
    assert found["eer"] == [(1, 0.5), (2, 0.25)]


def test_scores_are_histograms_and_the_roc_a_picture(events: EventAccumulator) -> None:
    (genuine,) = events.Histograms("scores/genuine")
    assert (genuine.step, genuine.histogram_value.num, genuine.histogram_value.max) == (2, 2, 0.9)
    assert events.Histograms("scores/impostor")[0].histogram_value.num == 3
    assert [each.step for each in events.Images("roc")] == [2]


def test_a_picture_has_its_pixels_and_caption(events: EventAccumulator) -> None:
    (picture,) = events.Images("first_batch")
    with Image.open(io.BytesIO(picture.encoded_image_string)) as shown:
        assert np.array_equal(np.asarray(shown).ravel(), np.arange(4 * 6 * 3))
    (text,) = events.Tensors("first_batch/text_summary")
    assert text.tensor_proto.string_val == [b"what it shows"]


def test_hyper_parameters_stand_beside_the_final_metrics_in_the_same_run(events: EventAccumulator) -> None:
    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"optim.lr" in content and b"arcface" in content
    assert b"last/eer" in events.summary_metadata["_hparams_/experiment"].plugin_data.content
    assert [each.value for each in events.Scalars("last/eer")] == [pytest.approx(0.2)]


def test_nothing_is_written_before_the_first_value(tmp_path: Path) -> None:
    TensorBoardLogger(tmp_path / "tensorboard").close()
    assert not (tmp_path / "tensorboard").exists()
