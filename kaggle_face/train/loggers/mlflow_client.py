"""MLflow: a run per fold in the experiment of the competition; the only file that imports the package.

Where it records is the package's own affair: MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME and the credentials
of its server. Nothing of that is read here.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config
from kaggle_face.train.loggers.charts import draw_histogram, draw_roc
from kaggle_face.train.loggers.logger import (
    EpochRow,
    HyperParameter,
    LoggedPicture,
    Logger,
    StepValues,
    TrialScores,
    hyperparameters_of,
)
from kaggle_face.train.loggers.service_run import read_service_run, write_service_run

if TYPE_CHECKING:
    from mlflow import MlflowClient

FILE_NAME = "mlflow.json"
_MOST_METRICS, _MOST_PARAMETERS = 1000, 100
"""What one request may hold: https://mlflow.org/docs/latest/rest-api.html#log-batch."""
_LONGEST_PARAMETER = 500


class MlflowLogger(Logger):
    """Metrics by step and by epoch, parameters and pictures of a fold, in one run of MLflow."""

    def __init__(self, folder: FoldFolder) -> None:
        self._folder = folder
        self._config, self._resumes = Config(), False
        self._opened: tuple[MlflowClient, str] | None = None

    def log_settings(self, config: Config, resumes: bool) -> None:
        """Keeps the settings until the run is opened."""
        self._config, self._resumes = config, resumes

    def log_steps(self, steps: Sequence[StepValues]) -> None:
        """Logs loss and rate at each step."""
        self._log(
            [
                (name, value, each.step, each.time)
                for each in steps
                for name, value in (("step/loss", each.loss), ("step/lr", each.lr))
            ]
        )

    def log_epoch(self, history: Sequence[EpochRow]) -> None:
        """Logs the metrics of the last row at its epoch."""
        row, now = history[-1], time.time()
        self._log([(name, value, int(row["epoch"]), now) for name, value in row.items() if name != "epoch"])

    def log_scores(self, scores: TrialScores) -> None:
        """Logs ROC and histograms as pictures."""
        client, run_id = self._run()
        client.log_image(run_id, draw_roc(scores), key="roc", step=scores.epoch)
        client.log_image(run_id, draw_histogram(scores), key="scores", step=scores.epoch)

    def log_picture(self, picture: LoggedPicture) -> None:
        """Logs the picture, and its caption as a text beside it."""
        client, run_id = self._run()
        client.log_image(run_id, picture.pixels, artifact_file=f"{picture.name}.png")
        client.log_text(run_id, picture.caption, artifact_file=f"{picture.name}.txt")

    def log_results(
        self, hyperparameters: Mapping[str, HyperParameter], results: Mapping[str, float]
    ) -> None:
        """Logs the figures of each checkpoint, and that the run is finished."""
        now = time.time()
        self._log([(name, value, 0, now) for name, value in results.items()])
        client, run_id = self._run()
        client.set_terminated(run_id, "FINISHED")

    def close(self) -> None:
        """Ends the run, unless it has ended: a stopped one may be resumed."""
        if self._opened is not None:
            client, run_id = self._opened
            if client.get_run(run_id).info.status == "RUNNING":
                client.set_terminated(run_id, "KILLED")

    def _log(self, values: Sequence[tuple[str, float, int, float]]) -> None:
        """Logs name, value, step and Unix time."""
        from mlflow.entities import Metric

        client, run_id = self._run()
        metrics = [
            Metric(_allowed(name), float(value), int(1000 * when), step) for name, value, step, when in values
        ]
        for start in range(0, len(metrics), _MOST_METRICS):
            client.log_batch(run_id, metrics=metrics[start : start + _MOST_METRICS])

    def _run(self) -> tuple[MlflowClient, str]:
        if self._opened is not None:
            return self._opened
        from mlflow import MlflowClient
        from mlflow.entities import Param

        client, path = MlflowClient(), self._folder.path / FILE_NAME
        known = read_service_run(path) if self._resumes else None
        if known is not None:
            client.update_run(known, status="RUNNING")
            self._opened = client, known
            return self._opened
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or self._config.competition.slug
        experiment = client.get_experiment_by_name(name)
        experiment_id = client.create_experiment(name) if experiment is None else experiment.experiment_id
        run = client.create_run(experiment_id, run_name=f"{self._folder.run.name}/fold{self._folder.fold}")
        self._opened = client, str(run.info.run_id)
        parameters = [
            Param(_allowed(key), str(value)[:_LONGEST_PARAMETER])
            for key, value in hyperparameters_of(self._config).items()
        ]
        for start in range(0, len(parameters), _MOST_PARAMETERS):
            client.log_batch(run.info.run_id, params=parameters[start : start + _MOST_PARAMETERS])
        write_service_run(path, str(run.info.run_id))
        return self._opened


def _allowed(name: str) -> str:
    """A name without characters that MLflow refuses.

    >>> _allowed("tpr@1e-2")
    'tpr_at_1e-2'
    """
    return re.sub(r"[^A-Za-z0-9_\-./ ]", "_", name.replace("@", "_at_"))
