"""A run within a time budget, from images to checked CSVs, that meets its deadline also when things are slow.

What protects the deadline, in this order: a training that is late goes through the rest of its schedule
faster (`train/deadline.py`); folds at the end are dropped; a CSV of a plain mean is written before a better
blend is sought. Whatever was killed goes on with what is left of the time when it is called again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.config import LoadedConfig
from kaggle_face.pipeline.budget.clock import Clock
from kaggle_face.pipeline.budget.estimates import add_estimate
from kaggle_face.pipeline.budget.record import BudgetRecord, Course, write_record
from kaggle_face.pipeline.ensemble import EnsembleOptions, ensemble_runs
from kaggle_face.pipeline.evaluate import EvaluateOptions, evaluate_runs
from kaggle_face.pipeline.evaluation_rows import EvaluationResult
from kaggle_face.pipeline.inputs.fold_starts import TrainOptions
from kaggle_face.pipeline.inputs.preparing import prepare_images
from kaggle_face.pipeline.predict import PredictOptions, predict_run
from kaggle_face.pipeline.submit import SubmitOptions, write_submissions
from kaggle_face.pipeline.train import train_folds
from kaggle_face.progress import Progress, in_words
from kaggle_face.train.deadline import WORTH_HAVING, Deadline

_ANOTHER_FOLD = 1.1
"""A fold beyond the plan is begun where there is so many times what one took."""
_ESTIMATED, _MEASURED = 1.3, 1.15
"""What is kept for a stage as a factor of its time: that of the plan, or one that was measured."""
_LATE_WORDS_SECONDS = 1.0


@dataclass(frozen=True)
class StageTime:
    """The planned and the taken time of a stage; None where it was not planned, or not done."""

    name: str
    planned: float | None
    taken: float | None


@dataclass(frozen=True)
class BudgetResult:
    """The result of a run within a budget.

    Attributes:
        run: Its folder.
        settings: The file of its settings.
        plan: What was planned.
        stages: Planned and taken times.
        folds: The trained folds that the CSVs are made of.
        dropped: Folds that were planned and not trained.
        notes: What was done otherwise than planned, a line each.
        paths: The CSVs.
        evaluation: Metrics on held-out data; None where there was no time, or all was done before.
        seconds: From the beginning of the first call to the end of the last.
        budget_seconds: The budget.
    """

    run: RunFolder
    settings: Path
    plan: Course
    stages: tuple[StageTime, ...]
    folds: tuple[int, ...]
    dropped: tuple[int, ...]
    notes: tuple[str, ...]
    paths: tuple[Path, ...]
    evaluation: EvaluationResult | None
    seconds: float
    budget_seconds: float

    @property
    def is_late(self) -> bool:
        """Whether it took longer than its budget."""
        return self.seconds > self.budget_seconds + _LATE_WORDS_SECONDS


class Execution:
    """One call that takes a run from where its record ends to its end."""

    def __init__(
        self,
        loaded: LoadedConfig,
        run: RunFolder,
        record: BudgetRecord,
        ignore_rules: bool,
        clock: Clock,
        progress: Progress,
    ) -> None:
        """Takes the record over.

        Args:
            loaded: The settings of the plan.
            run: Its folder.
            record: How far it came.
            ignore_rules: Whether to go on although a rule of the competition is broken.
            clock: The time.
            progress: What long work reports to.
        """
        assert record.plan is not None
        self._loaded, self._run, self._record, self._plan = loaded, run, record, record.plan
        self._ignores_rules = ignore_rules
        self._clock, self._progress = clock, progress

    def finish(self) -> BudgetResult:
        """Does all that is left.

        Raises:
            InputError: A stage refuses; see its function.
            StoppedBySignalError: A signal came; what is done is kept.
        """
        record = self._record
        self._leave_out_what_is_gone()
        if record.ended_at:
            if record.csv and not all(Path(path).is_file() for path in record.paths):
                self._write(record.csv, record.csv_folds)
            return self._result(None)
        with self._stage("decode"):
            prepare_images(self._loaded, self._progress)
        while (fold := self._next_fold()) is not None:
            self._train(fold)
            if not record.csv and self._next_fold() is not None:
                with self._stage("first CSV"):
                    self._predict([fold])
                    self._write("mean", [fold])
        evaluation = self._finish_csvs()
        record.ended_at = self._clock.now()
        self._save()
        return self._result(evaluation)

    def _leave_out_what_is_gone(self) -> None:
        """Takes folds whose folders were removed for untrained ones."""
        record, there = self._record, {folder.fold for folder in self._run.finished_folds()}
        if there.issuperset(record.trained):
            return
        for fold in set(record.trained) - there:
            record.add(f"fold {fold}, removed", record.spent.pop(f"fold {fold}", 0.0))
        record.trained = [fold for fold in record.trained if fold in there]
        record.predicted = [fold for fold in record.predicted if fold in there]
        record.csv, record.csv_folds, record.ended_at = "", [], 0.0

    def _next_fold(self) -> int | None:
        """The fold to train, dropping those at the end that there is no time for; None: none is left."""
        record, plan = self._record, self._plan
        fold = next(number for number in range(plan.most_folds + 1) if number not in record.trained)
        if fold >= plan.most_folds:
            return None
        needed = self._seconds_needed(fold)
        if fold == 0 or self._run.fold(fold).is_finished:
            return fold  # without a fold there is no CSV; what is finished costs nothing
        left = self._time_for_training(fold)
        if fold >= plan.folds:
            if left < _ANOTHER_FOLD * needed:
                return None
            record.note(f"there was time for fold {fold} beyond the plan")
            return fold
        if left < WORTH_HAVING * needed:
            for late in range(fold, plan.folds):
                if late not in record.dropped:
                    record.dropped.append(late)
            have, want = in_words(max(0.0, left)), in_words(needed)
            record.note(f"fold {fold} was dropped: {have} were left for it, and it takes {want}")
            self._save()
            return None
        return fold

    def _train(self, fold: int) -> None:
        """Trains a fold within its share of the time that is left."""
        record, plan = self._record, self._plan
        later = max(0, plan.folds - fold - 1)
        left, needed = self._time_for_training(fold), self._seconds_needed(fold)
        # Folds at the end give way before the schedules of all become too short.
        while later and left / (later + 1) < WORTH_HAVING * needed:
            later -= 1
        now = self._clock.now()
        at, *put_off = [now + left / (others + 1) for others in range(later, -1, -1)]
        reserve = _ESTIMATED * plan.records_seconds
        deadline = Deadline(at, self._clock.now, reserve, later=tuple(put_off))
        folder = self._run.fold(fold)
        options = TrainOptions(
            resume=folder.info_file.is_file(), ignore_rules=self._ignores_rules, deadline=deadline
        )
        with self._stage(f"fold {fold}"):
            train_folds(self._loaded, self._run, [fold], options, self._progress)
        points = folder.read_info().get("pace") or []
        if points:
            length, epochs = points[-1][0], points[-1][1]
            record.note(f"fold {fold} was trained for {length:.1f} epochs where {epochs:.0f} were planned")
        record.trained.append(fold)
        record.dropped = [number for number in record.dropped if number != fold]
        self._save()

    def _seconds_needed(self, fold: int) -> float:
        """The remaining seconds of a fold that earlier calls may have trained in part."""
        return max(0.0, self._fold_seconds() - self._record.spent.get(f"fold {fold}", 0.0))

    def _fold_seconds(self) -> float:
        """The seconds of a fold with the whole schedule: as the last one took, else as planned."""
        if not self._record.trained:
            return self._plan.stages.get("fold 0", 0.0)
        fold = self._record.trained[-1]
        points = self._run.fold(fold).read_info().get("pace") or [[1.0, 1.0]]
        share = float(points[-1][0]) / float(points[-1][1])
        return self._record.spent.get(f"fold {fold}", 0.0) / share

    def _time_for_training(self, fold: int) -> float:
        """The time that is left until the rest must begin, with this fold trained."""
        record, plan = self._record, self._plan
        kept = plan.stages.get("margin", 0.0) + plan.stages.get("evaluate", 0.0)
        unpredicted = [number for number in (*record.trained, fold) if number not in record.predicted]
        per_fold = plan.stages.get("predict", 0.0) / max(1, plan.folds)
        kept += _ESTIMATED * per_fold * len(unpredicted)
        measured = record.spent.get("first CSV")
        if measured is None:
            kept += _ESTIMATED * plan.stages.get("blend", 0.0)
        else:
            kept += max(plan.stages.get("blend", 0.0), _MEASURED * measured)
        return record.deadline - self._clock.now() - kept

    def _finish_csvs(self) -> EvaluationResult | None:
        """Predicts the remaining folds and writes the CSVs: of a mean first, then of a chosen blend."""
        record = self._record
        folds = sorted(record.trained)
        left = record.deadline - self._clock.now()
        tries_tta = self._plan.tries_tta and left > self._plan.stages.get("predict", 0.0)
        with self._stage("predict"):
            self._predict(
                folds if tries_tta else [fold for fold in folds if fold not in record.predicted], tries_tta
            )
        began = self._clock.now()
        with self._stage("blend"):
            if record.csv_folds != folds or not record.csv:
                self._write("mean", folds)
            mean = self._clock.now() - began
            left = record.deadline - self._clock.now()
            planned = self._plan.stages.get("blend", 0.0)
            if not self._plan.chooses_blend:
                pass
            elif left < max(planned, 2.0 * mean):
                record.note(f"the blend is a plain mean: {in_words(max(0.0, left))} were left to choose one")
            elif record.csv != "chosen":
                self._write("chosen", folds)
        for fold in folds:
            self._add_estimate(fold)
        left = record.deadline - self._clock.now()
        planned = self._plan.stages.get("evaluate", 0.0)
        # Both resample the same records: where blending took long, evaluating will.
        if left < max(planned, record.spent.get("blend", 0.0)):
            again = self._run.path.name
            record.note(f"no time was left to evaluate: kaggle-face evaluate {again} -c {self._loaded.word}")
            return None
        with self._stage("evaluate"):
            return evaluate_runs([self._run], EvaluateOptions(folds=folds), self._progress)

    def _predict(self, folds: Sequence[int], tries_tta: bool = False) -> None:
        if not folds:
            return
        options = PredictOptions(folds=list(folds), try_tta=tries_tta)
        predict_run(self._loaded, self._run, options, self._progress)
        self._record.predicted = sorted({*self._record.predicted, *folds})
        self._save()

    def _write(self, how: str, folds: Sequence[int]) -> None:
        """Writes the CSVs of a blend of folds."""
        is_mean = how == "mean"
        options = EnsembleOptions(
            folds=list(folds),
            method="mean" if is_mean else "auto",
            post_process=not is_mean,
            ignore_rules=self._ignores_rules,
        )
        ensemble_runs(self._loaded, [self._run], options, self._progress)
        submit = SubmitOptions(only_ensemble=True, ignore_rules=self._ignores_rules, leave_out_empty=True)
        result = write_submissions(self._loaded, self._run, submit, self._progress)
        self._record.csv, self._record.csv_folds = how, list(folds)
        self._record.paths = [str(file.file.path) for file in result.files]
        of_folds = f"{how} of fold{'s' * (len(folds) > 1)} {', '.join(map(str, folds))}"
        for file in result.files:
            self._progress.log(f"{file.file.path}: {file.file.rows} rows, {of_folds}")
        self._save()

    def _add_estimate(self, fold: int) -> None:
        record = self._record
        add_estimate(
            Path(self._loaded.config.paths.runs),
            self._run.fold(fold),
            self._progress,
            self._plan.rung,
            self._plan.images_per_second,
            record.spent.get("blend"),
        )

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        """Counts the time of a stage, also of one that is broken off."""
        began = self._clock.now()
        try:
            yield
        finally:
            self._record.add(name, self._clock.now() - began)
            self._save()

    def _save(self) -> None:
        write_record(self._run, self._record)

    def _result(self, evaluation: EvaluationResult | None) -> BudgetResult:
        record = self._record
        names = dict.fromkeys((*self._plan.stages, *record.spent))
        stages = tuple(StageTime(name, self._plan.stages.get(name), record.spent.get(name)) for name in names)
        return BudgetResult(
            run=self._run,
            settings=Path(record.settings),
            plan=self._plan,
            stages=stages,
            folds=tuple(record.csv_folds),
            dropped=tuple(record.dropped),
            notes=tuple(record.notes),
            paths=tuple(map(Path, sorted(record.paths))),
            evaluation=evaluation,
            seconds=record.ended_at - record.began_at,
            budget_seconds=record.seconds,
        )
