"""Creation of the loggers of the settings."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import assert_never

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config, TrainConfig
from kaggle_face.config.training import LoggerName
from kaggle_face.extras import require_extra
from kaggle_face.progress import Progress
from kaggle_face.train.loggers.background import BackgroundLogger
from kaggle_face.train.loggers.csv_file import CsvLogger
from kaggle_face.train.loggers.logger import Logger
from kaggle_face.train.loggers.mlflow_client import MlflowLogger
from kaggle_face.train.loggers.tensorboard import TensorBoardLogger
from kaggle_face.train.loggers.weights_and_biases import WandbLogger


def require_logger_packages(train: TrainConfig) -> None:
    """Checks that the package of each of `train.loggers` is installed; none is imported.

    Raises:
        MissingExtraError: One is not; its extra is named.
    """
    for name in train.loggers:
        require_extra(name)


def create_loggers(config: Config, folder: FoldFolder, progress: Progress) -> tuple[Logger, ...]:
    """The loggers that the settings switch on for a fold; nothing is written or sent yet.

    Raises:
        MissingExtraError: A package is not installed.
    """
    require_logger_packages(config.train)
    for name in config.train.loggers:
        # Here, since no worker process may be forked while a thread imports; what fails now fails there too.
        with suppress(Exception, SystemExit):
            import_module(name)
    loggers: list[Logger] = [CsvLogger(folder.history_file)]
    if config.train.tensorboard:
        try:
            import_module("torch.utils.tensorboard")
            loggers.append(TensorBoardLogger(folder.path / "tensorboard"))
        except Exception as error:  # another protobuf than it was made for raises a TypeError
            progress.warn(
                "TensorBoard cannot be imported and records nothing of this training, which goes on: "
                f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            )
    return (*loggers, *(_service_logger(name, folder, progress) for name in config.train.loggers))


def _service_logger(name: LoggerName, folder: FoldFolder, progress: Progress) -> Logger:
    match name:
        case "wandb":
            return BackgroundLogger(WandbLogger(folder), "Weights & Biases", progress)
        case "mlflow":
            return BackgroundLogger(MlflowLogger(folder), "MLflow", progress)
        case _:
            assert_never(name)
