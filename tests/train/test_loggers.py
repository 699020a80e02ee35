"""Where the settings and the epochs of a training are recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config, TrainConfig
from kaggle_face.train.loggers import CsvLogger, TensorBoardLogger, create_loggers


def test_history_has_a_row_per_epoch(tmp_path: Path) -> None:
    CsvLogger(tmp_path / "h.csv").log_epoch([{"epoch": 1, "eer": 1 / 3}, {"epoch": 2, "eer": 0.25}])
    assert (tmp_path / "h.csv").read_text() == "epoch,eer\n1,0.333333333\n2,0.25\n"


def test_what_an_epoch_was_not_measured_for_is_empty(tmp_path: Path) -> None:
    CsvLogger(tmp_path / "h.csv").log_epoch([{"epoch": 1}, {"epoch": 2, "eer": 0.25}])
    assert (tmp_path / "h.csv").read_text() == "epoch,eer\n1,\n2,0.25\n"


def test_event_files_hold_each_figure_at_its_epoch(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(tmp_path)
    logger.log_epoch([{"epoch": 1, "eer": 0.5}])
    logger.log_epoch([{"epoch": 1, "eer": 0.5}, {"epoch": 2, "eer": 0.25}])
    logger.close()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert events.Tags()["scalars"] == ["eer"]
    assert [(event.step, event.value) for event in events.Scalars("eer")] == [(1, 0.5), (2, 0.25)]


@pytest.mark.parametrize(
    ("tensorboard", "names"), [(True, ["history.csv", "tensorboard"]), (False, ["history.csv"])]
)
def test_event_files_are_written_only_where_the_settings_say_so(
    tmp_path: Path, tensorboard: bool, names: list[str]
) -> None:
    config = Config(train=TrainConfig(tensorboard=tensorboard))
    for logger in create_loggers(config, FoldFolder(tmp_path)):
        logger.log_settings(config)
        assert list(tmp_path.glob("tensorboard")) == []
        logger.log_epoch([{"epoch": 1, "eer": 0.5}])
        logger.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == names
