"""TensorBoard's event files: scalars by step and by epoch, histograms, pictures, hyper-parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kaggle_face.artifacts.files.disk import explaining
from kaggle_face.train.loggers.charts import draw_roc
from kaggle_face.train.loggers.logger import (
    EpochRow,
    HyperParameter,
    LoggedPicture,
    Logger,
    StepValues,
    TrialScores,
)

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoardLogger(Logger):
    """TensorBoard's event files in a folder; none is written before the first state is saved."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: SummaryWriter | None = None

    def log_steps(self, steps: Sequence[StepValues]) -> None:
        """Writes loss and rate as `step/loss` and `step/lr`."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        with self._writing() as writer:
            for each in steps:  # `add_scalar` takes four times as long
                pair = (("step/loss", each.loss), ("step/lr", each.lr))
                values = [Summary.Value(tag=name, simple_value=value) for name, value in pair]
                writer.file_writer.add_summary(Summary(value=values), each.step, each.time)
            writer.flush()

    def log_epoch(self, history: Sequence[EpochRow]) -> None:
        """Writes the metrics of the last row, each as a scalar at its epoch."""
        row = history[-1]
        with self._writing() as writer:
            for name, value in row.items():
                if name != "epoch":
                    writer.add_scalar(name, value, int(row["epoch"]))
            writer.flush()

    def log_scores(self, scores: TrialScores) -> None:
        """Writes a histogram of each kind of pairs, and the ROC as a picture."""
        with self._writing() as writer:
            writer.add_histogram("scores/genuine", scores.genuine, scores.epoch)
            writer.add_histogram("scores/impostor", scores.impostor, scores.epoch)
            writer.add_image("roc", draw_roc(scores), scores.epoch, dataformats="HWC")

    def log_picture(self, picture: LoggedPicture) -> None:
        """Writes a picture and its caption."""
        with self._writing() as writer:
            writer.add_image(picture.name, picture.pixels, picture.epoch, dataformats="HWC")
            writer.add_text(picture.name, picture.caption, picture.epoch)
            writer.flush()

    def log_results(
        self, hyperparameters: Mapping[str, HyperParameter], results: Mapping[str, float]
    ) -> None:
        """Writes TensorBoard's table of hyper-parameters into the same folder."""
        from torch.utils.tensorboard.summary import hparams

        with self._writing() as writer:
            # `add_hparams` would write them into a folder of their own.
            for summary in hparams(dict(hyperparameters), dict(results)):  # type: ignore[no-untyped-call]
                writer.file_writer.add_summary(summary)
            for name, value in results.items():
                writer.add_scalar(name, value)
            writer.flush()

    def close(self) -> None:
        """Closes the event file."""
        if self._writer is not None:
            with suppress(OSError):  # an earlier call has raised it already
                self._writer.close()

    @contextmanager
    def _writing(self) -> Iterator[Any]:  # torch does not type its file writer
        with explaining(self._folder):
            if self._writer is None:
                from torch.utils.tensorboard import SummaryWriter

                self._writer = SummaryWriter(str(self._folder))
            yield self._writer
