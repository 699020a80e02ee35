"""The training loop of one fold: epochs, validation, checkpoints, early stop, time limit and signals."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

from kaggle_face.artifacts.files.renaming import put_in_place
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config.schema import CheckpointName
from kaggle_face.data.loading.loader import TrainingBatches
from kaggle_face.data.loading.worker_batches import naming_lost_workers
from kaggle_face.errors import counted
from kaggle_face.inference.network_input import size_without_search
from kaggle_face.metrics.table import METRICS
from kaggle_face.progress import Counter, in_words, rate_in_words
from kaggle_face.stopping import StoppedBySignalError, is_wished, noted, raise_if_wished, raised
from kaggle_face.train.deadline import PaceKeeper
from kaggle_face.train.loggers.observer import TrainingObserver
from kaggle_face.train.optim.pace import Pace
from kaggle_face.train.run_context import Act, RunContext, TimeBudget
from kaggle_face.train.scoring import read_score, score_figures
from kaggle_face.train.settings import FoldData, TrainSettings
from kaggle_face.train.state import TrainingState, save_checkpoint, save_resume_state
from kaggle_face.train.step.divergence import diverged, require_finite_weights
from kaggle_face.train.step.step import StepContext, may_pause, run_steps
from kaggle_face.train.validation import Evaluation, NotFiniteError, measure, predict_held_out

_EVAL_BATCH_ON_GPU = 512

_WORTH_A_LINE = 0.05
"""The change of a training's length, as a share of it, that is reported."""

Outcome = Literal["finished", "stopped", "interrupted"]
"""At its end; at the time limit; by Ctrl-C or SIGTERM."""
_WATCHED: dict[str, CheckpointName] = {
    "accuracy": "best_cls",
    "verification": "best_ver",
    "score": "best",
}
"""The checkpoint whose age is a training's patience, by `train.early_stop_metric`."""


@dataclass
class Trainer:
    """One fold's training: what it works on, and the state that it moves on.

    Attributes:
        folder: Where it writes: that of the fold, or until a state is saved `FoldFolder.beginning`.
        home: The folder of the fold.
        observer: Hands on to the loggers what happens; its creator closes it.
    """

    data: FoldData
    settings: TrainSettings
    state: TrainingState
    step_context: StepContext
    batches: TrainingBatches
    folder: FoldFolder
    home: FoldFolder
    context: RunContext
    observer: TrainingObserver

    def __post_init__(self) -> None:
        self.time_budget = TimeBudget(self.settings)
        self._act: Act = "train"
        self._on_rank_zero = self.context.distributed.on_rank_zero
        self._swa_epochs = self.settings.train.swa_epochs or 0
        self._keeper: PaceKeeper | None = None
        self._reported_length: float | None = None
        if self.context.deadline is not None:
            size_px = self.data.cache.size_px
            self._keeper = PaceKeeper(self.context.deadline, self.settings.train, size_px, len(self.batches))
        self._score = read_score(self.settings.train, self.data.pairs.are_labelled, self.settings.pair_metric)

    @property
    def pace(self) -> Pace:
        """The pace of the training through its schedule."""
        return self.state.pace_of(self.settings.train.epochs)

    def run(self) -> Outcome:
        """Trains until the last epoch, the early stop, the time limit or a signal; returns which.

        Raises:
            StoppedBySignalError: A signal came, and no state is to be saved, or all were.
            WorkerLostError: A worker process was killed.
        """
        heeding = noted() if self.context.saves_when_stopped else nullcontext()
        with naming_lost_workers(self.batches.plan.workers), heeding:
            outcome = self._run()
        if outcome == "finished":
            raise_if_wished()
        return outcome

    def _run(self) -> Outcome:
        self.observer.begin(self.state)
        # A training that was killed after its early stop stays stopped.
        while self.state.epoch < self.pace.num_epochs and not self._is_out_of_patience():
            ended_by = self._train_epoch()
            if ended_by is not None:
                self._save()
                return ended_by
            if not self._finish_epoch():
                return "interrupted"
            if self.context.on_epoch is not None and "score" in self.state.history[-1]:
                self.context.on_epoch(self.state.history[-1])
        return "finished"

    def _train_epoch(self) -> Outcome | None:
        """Trains to the end of the epoch; what ended the training before, or None."""
        number, epochs = self.state.epoch + 1, self.pace.num_epochs
        images = self._steps_of_epoch * self.batches.images_per_epoch // len(self.batches)
        done = self.state.accumulator.latest.images
        label = f"fold {self.data.fold} epoch {number}/{epochs}"
        self.time_budget.lap()
        later = self._images_later(number)
        with self.context.progress.track(label, images, "images", done, later) as counter:
            for count in run_steps(self.state, self.settings, self.batches, self.step_context):
                self._count(counter, count)
                steps = self._steps_of_epoch
                is_whole = may_pause(self.state, self.settings, steps, self.step_context.device)
                if is_whole:
                    self._keep_pace()
                if is_whole and not self._go_on():
                    steps = self._steps_of_epoch
                    if self._act == "interrupt":
                        return "interrupted"
                    return None if self.state.step == steps else "stopped"
        return None

    def _images_later(self, epoch: int) -> float:
        """The work behind an epoch (from 1) in images: other epochs, those of other folds, and measuring."""
        epochs = self.pace.num_epochs - epoch + self.context.epochs_after
        rate = self.state.history[-1]["images_per_second"] if self.state.history else 0.0
        measurements = (epochs + 1) / self.settings.train.measure_every_epochs
        seconds = measurements * self.time_budget.validation_seconds
        return epochs * self.batches.images_per_epoch + seconds * rate

    @property
    def _steps_of_epoch(self) -> int:
        accumulate = self.settings.train.accumulate_steps
        return self.pace.steps_of_epoch(self.state.epoch, len(self.batches), accumulate)

    def _keep_pace(self) -> None:
        """Re-fits the pace to the deadline where the training would miss it, and saves the state with it."""
        state, before = self.state, self.pace
        if self._keeper is None or state.step == self._steps_of_epoch:
            return
        validation = self.time_budget.validation_seconds
        pace = self._on_rank_zero(self._keeper.check, before, state.epoch, state.step, validation)
        if pace is None:
            return
        state.pace = [list(point) for point in pace.points]
        reported = self._reported_length or before.length
        if abs(pace.length - reported) > _WORTH_A_LINE * reported:
            how = "shortened" if pace.length < reported else "lengthened"
            self.context.progress.log(
                f"fold {self.data.fold}: {how} from {reported:.1f} to {pace.length:.1f} epochs to meet the "
                "deadline; the learning rate still comes to its end"
            )
            self._reported_length = pace.length
        state.epoch_seconds += self.time_budget.lap()
        self._save()

    def _count(self, counter: Counter, images: int) -> None:
        counter.advance(images, f"loss {self.state.accumulator.latest.mean_loss:.3f}")

    def _go_on(self) -> bool:
        """Saves the state when it is time to; false when the time is up or a signal has come."""
        self.state.epoch_seconds += self.time_budget.lap()
        is_stopped = self.context.distributed.note_stop(is_wished())

        def next_act() -> Act:
            return "interrupt" if is_stopped else self.time_budget.next_act()

        self._act = self._on_rank_zero(next_act)
        if self._act == "save":
            self._save()
        return self._act in ("train", "save")

    def _finish_epoch(self) -> bool:
        """Measures and saves the epoch; False if a signal came first, with the last step's state saved."""
        state = self.state
        require_finite_weights(state, self.settings)
        try:
            finished, train = state.epoch + 1, self.settings.train
            is_measured = finished % train.measure_every_epochs == 0 or self.pace.is_last(state.epoch)
            figures = self._measure() if is_measured else None
        except StoppedBySignalError:
            if not self.context.saves_when_stopped:
                raise
            self._save()
            return False
        self._append_row(figures)
        for checkpoint, score in self._scores(figures).items() if figures is not None else ():
            if state.improves(checkpoint, score):
                save_checkpoint(state, self.folder, checkpoint, self.context.distributed)
        save_checkpoint(state, self.folder, "last", self.context.distributed)
        if state.swa is not None and state.epoch >= self.pace.num_epochs - self._swa_epochs:
            state.swa.add(state.network.state_dict())
        state.epoch, state.step, state.epoch_seconds = state.epoch + 1, 0, 0.0
        state.accumulator.begin_epoch()
        self._save()
        return True

    def _measure(self) -> dict[str, float]:
        start = time.monotonic()
        try:
            # Several processes wait for each other: there a signal is heeded after the measurement.
            with nullcontext() if self.context.distributed.is_parallel else raised():
                held_out = predict_held_out(self.state.evaluated_network, self.data, self._how(flip=False))
                figures = self._on_rank_zero(measure, held_out, self.data)
                self.observer.note_scores(held_out.pair_scores, self.state.epoch + 1)
        except NotFiniteError as error:
            raise diverged(self.state, self.settings, f"{error.what} after") from error
        self.time_budget.validation_seconds = time.monotonic() - start
        self.state.seconds += self.time_budget.validation_seconds
        if self._keeper is not None:
            self._keeper.leave_out(self.time_budget.validation_seconds)
        return figures

    def _append_row(self, figures: dict[str, float] | None) -> None:
        state, counts = self.state, self.state.accumulator.read()
        state.seconds += state.epoch_seconds
        images = max(counts.images, 1)
        judged = dict(figures or {})
        if figures is not None:
            judged["score"] = score_figures(self._score, figures)
            judged["plateau_score"] = self._scores(figures)["best_cls"]
        state.history.append(
            {
                "epoch": state.epoch + 1,
                "lr": max(group["lr"] for group in state.optimizer.param_groups),
                "train_loss": counts.mean_loss,
                "train_accuracy": counts.correct / images,
                "skipped_steps": counts.skipped_steps,
                **judged,
                "images_per_second": counts.images / max(state.epoch_seconds, 1e-9),
                "seconds": state.seconds,
            }
        )
        self.context.progress.log(
            describe_epoch(
                self.data.fold,
                state.history[-1],
                self.pace.num_epochs,
                self.context.epochs_after,
            )
        )

    def _scores(self, figures: dict[str, float]) -> dict[CheckpointName, float]:
        """The figure that each of the best checkpoints is chosen by, higher is better."""
        metric = self.settings.train.verification_metric
        scores: dict[CheckpointName, float] = {"best_cls": figures["accuracy"]}
        if metric in figures:
            scores["best_ver"] = METRICS[metric].sign * figures[metric]
        if self.settings.train.score is not None:
            scores["best"] = score_figures(self._score, figures)
        return scores

    def _is_out_of_patience(self) -> bool:
        patience = self.settings.train.early_stop_epochs
        if patience is None:
            return False
        watched = _WATCHED[self.settings.train.early_stop_metric]
        if self.state.epochs_since_best(watched) <= patience:
            return False
        reason = f"no better {watched} for {counted(patience, 'epoch')}, stopped early"
        self.context.progress.log(f"fold {self.data.fold}: {reason}")
        return True

    def _save(self) -> None:
        save_resume_state(self.state, self.folder, self.context.distributed, self.step_context.engine)
        if self.folder != self.home:
            # From now on the new training is the fold's; until now the one before was, whatever happened.
            self._on_rank_zero(put_in_place, self.folder.path, self.home.path)
            self.folder = self.home
        self.observer.saved(self.state)

    def _how(self, flip: bool) -> Evaluation:
        device, setting = self.step_context.device, self.settings.train.eval_batch_size
        if setting == "auto":
            setting = _EVAL_BATCH_ON_GPU if device.type == "cuda" else setting
        batch_size = size_without_search(setting, self.data.cache.size_px)
        return Evaluation(device, self.step_context.amp_dtype, batch_size, flip, self.context.distributed)


def describe_epoch(fold: int, row: dict[str, float], epochs: int, epochs_after: int = 0) -> str:
    """The line that an epoch leaves on the screen; the time left covers the folds behind it.

    >>> row = {"epoch": 3, "train_loss": 2.5, "accuracy": 0.5, "eer": 0.21, "auc": 0.9,
    ...        "images_per_second": 812.4, "seconds": 60.0}
    >>> describe_epoch(0, row, 30)
    'fold 0 epoch 3/30: loss 2.500, accuracy 50.0 %, EER 21.00 %, AUC 0.9000, 812 images/s, 9 min left'
    >>> describe_epoch(0, row, 30, epochs_after=60).endswith("812 images/s, 29 min left for all folds")
    True
    """
    left = row["seconds"] / row["epoch"] * (epochs - row["epoch"] + epochs_after)
    parts = [f"loss {row['train_loss']:.3f}"]
    if "accuracy" in row:
        parts.append(f"accuracy {100 * row['accuracy']:.1f} %")
    if "eer" in row:
        parts += [f"EER {100 * row['eer']:.2f} %", f"AUC {row['auc']:.4f}"]
    parts.append(rate_in_words(row["images_per_second"]))
    if left > 0:
        parts.append(f"{in_words(left)} left{' for all folds' if epochs_after else ''}")
    if row.get("skipped_steps"):
        parts.append(f"{counted(int(row['skipped_steps']), 'step')} skipped: not finite")
    return f"fold {fold} epoch {row['epoch']:.0f}/{epochs}: {', '.join(parts)}"
