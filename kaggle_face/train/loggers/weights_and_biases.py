"""Weights & Biases: a run per fold, in the group of its run; the only file that imports the package.

Where it records and as whom is the package's own affair: WANDB_MODE, WANDB_PROJECT, WANDB_DIR, and the key
that `wandb login` keeps. Nothing of that is read here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config
from kaggle_face.train.loggers.charts import draw_roc
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

FILE_NAME = "wandb.json"
_BINS = 64


class WandbLogger(Logger):
    """Scalars by step and by epoch, histograms and pictures of a fold, in one run of Weights & Biases."""

    def __init__(self, folder: FoldFolder) -> None:
        self._folder = folder
        self._config, self._resumes = Config(), False
        self._opened: Any = None

    def log_settings(self, config: Config, resumes: bool) -> None:
        """Keeps the settings until the run is opened."""
        self._config, self._resumes = config, resumes

    def log_steps(self, steps: Sequence[StepValues]) -> None:
        """Logs loss and rate by step."""
        run = self._run()
        for each in steps:
            run.log({"step": each.step, "step/loss": each.loss, "step/lr": each.lr})

    def log_epoch(self, history: Sequence[EpochRow]) -> None:
        """Logs the last row by epoch."""
        self._run().log(dict(history[-1]))

    def log_scores(self, scores: TrialScores) -> None:
        """Logs the histograms and the ROC."""
        import wandb

        both = (("scores/genuine", scores.genuine), ("scores/impostor", scores.impostor))
        histograms = {
            name: wandb.Histogram(np_histogram=np.histogram(values, _BINS)) for name, values in both
        }
        self._run().log({"epoch": scores.epoch, "roc": wandb.Image(draw_roc(scores)), **histograms})

    def log_picture(self, picture: LoggedPicture) -> None:
        """Logs the picture with its caption."""
        import wandb

        image = wandb.Image(picture.pixels, caption=picture.caption)
        self._run().log({"epoch": picture.epoch, picture.name: image})

    def log_results(
        self, hyperparameters: Mapping[str, HyperParameter], results: Mapping[str, float]
    ) -> None:
        """Writes the figures into the summary of the run; its settings are there from the beginning."""
        self._run().summary.update(dict(results))

    def close(self) -> None:
        """Ends the run, which uploads pending records."""
        if self._opened is not None:
            self._opened.finish()

    def _run(self) -> Any:
        if self._opened is not None:
            return self._opened
        import wandb

        path = self._folder.path / FILE_NAME
        known = read_service_run(path) if self._resumes else None
        # It needs no key, prints nothing, and sends neither the command line nor the code.
        quiet = wandb.Settings(
            silent=True, console="off", disable_git=True, disable_code=True, x_disable_meta=True
        )
        wandb.setup(settings=quiet)
        self._opened = wandb.init(
            project=None if os.environ.get("WANDB_PROJECT") else self._config.competition.slug,
            group=self._folder.run.name,
            name=f"{self._folder.run.name}/fold{self._folder.fold}",
            config=hyperparameters_of(self._config),
            id=known,
            resume=None if known is None else "allow",
            settings=quiet,
        )
        self._opened.define_metric("epoch")
        self._opened.define_metric("step")
        self._opened.define_metric("*", step_metric="epoch")
        self._opened.define_metric("step/*", step_metric="step")
        write_service_run(path, str(self._opened.id))
        return self._opened
