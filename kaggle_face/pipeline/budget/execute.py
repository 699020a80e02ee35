"""A run within a time budget, from images to checked CSVs, that meets its deadline also when things are slow.

What protects the deadline, in this order: a training that is late goes through the rest of its schedule
faster (`train/deadline.py`); networks at the end are dropped; a CSV of a plain mean is written before a
better blend is sought. Whatever was killed goes on with what is left of the time when it is called again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.config import LoadedConfig
from kaggle_face.evaluation.blend_record import BlendRecord
from kaggle_face.pipeline.budget.clock import Clock
from kaggle_face.pipeline.budget.estimates import add_estimate
from kaggle_face.pipeline.budget.networks import Network, folds_of, network_of, runs_of
from kaggle_face.pipeline.budget.record import BudgetRecord, Course, digest_of, write_record
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

_ANOTHER = 1.1
"""A network beyond the plan is trained where there is so many times what one took."""
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
        runs: The folders of the networks that the CSVs are made of: its own, and those of further seeds.
        settings: The file of its settings.
        plan: What was planned.
        stages: Planned and taken times.
        networks: The numbers of the networks that the CSVs are made of.
        dropped: Networks that were planned and not trained, by name.
        notes: What was done otherwise than planned, a line each.
        paths: The CSVs.
        evaluation: Metrics on held-out data; None where there was no time, or all was done before.
        blend: The record of the blend in the CSVs; None where all was done before.
        seconds: From the beginning of the first call to the end of the last.
        budget_seconds: The budget.
    """

    run: RunFolder
    runs: tuple[RunFolder, ...]
    settings: Path
    plan: Course
    stages: tuple[StageTime, ...]
    networks: tuple[int, ...]
    dropped: tuple[str, ...]
    notes: tuple[str, ...]
    paths: tuple[Path, ...]
    evaluation: EvaluationResult | None
    blend: BlendRecord | None
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
        self._network = cache(partial(network_of, loaded, run))
        self._blend: BlendRecord | None = None
        self._ignores_rules = ignore_rules
        self._clock, self._progress = clock, progress

    def finish(self) -> BudgetResult:
        """Does all that is left.

        Raises:
            InputError: A stage refuses; see its function.
            StoppedBySignalError: A signal came; what is done is kept.
        """
        record = self._record
        self._count_what_was_killed()
        self._leave_out_what_is_gone()
        if record.ended_at:
            if record.csv and not all(Path(path).is_file() for path in record.paths):
                self._write(record.csv, record.csv_networks)
            return self._result(None)
        with self._stage("decode"):
            prepare_images(self._loaded, self._progress)
        while (number := self._next()) is not None:
            if record.csv or not record.trained:
                self._train(number)
                continue
            with self._stage("first CSV"):
                self._predict(record.trained[:1])
                self._write("mean", record.trained[:1])
        evaluation = self._finish_csvs()
        record.ended_at = self._clock.now()
        self._save()
        return self._result(evaluation)

    def _count_what_was_killed(self) -> None:
        """Counts the time of a training whose process ended without a word, until its last state."""
        record, networks = self._record, map(self._network, range(self._plan.most_networks))
        network = next((each for each in networks if each.name == record.running), None)
        written = None if network is None else network.last_state
        record.end(min(self._clock.now(), max(written or 0.0, record.running_since)))

    def _leave_out_what_is_gone(self) -> None:
        """Takes networks whose folders were removed for untrained ones."""
        record = self._record
        gone = {number for number in record.trained if not self._is_finished(number)}
        if not gone:
            return
        for name in (self._network(number).name for number in gone):
            record.add(f"{name}, removed", record.spent.pop(name, 0.0))
        record.trained = [number for number in record.trained if number not in gone]
        record.predicted = [number for number in record.predicted if number not in gone]
        record.recorded = [number for number in record.recorded if number not in gone]
        record.csv, record.csv_networks, record.ended_at = "", [], 0.0

    def _is_finished(self, number: int) -> bool:
        """Whether a network is trained to its end."""
        network = self._network(number)
        return network.fold in {folder.fold for folder in network.run.finished_folds()}

    def _next(self) -> int | None:
        """The network to train, dropping those at the end that there is no time for; None: none is left."""
        record, plan = self._record, self._plan
        number = next(each for each in range(plan.most_networks + 1) if each not in record.trained)
        if number >= plan.most_networks:
            return None
        needed = self._seconds_needed(number)
        if number == 0 or self._is_finished(number):
            return number  # without a network there is no CSV; what is finished costs nothing
        left, name = self._time_for_training(number), self._network(number).name
        if number >= plan.networks:
            if left < _ANOTHER * needed:
                return None
            record.note(f"there was time for {name} beyond the plan")
            return number
        if left < WORTH_HAVING * needed:
            for late in range(number, plan.networks):
                if late not in record.dropped:
                    record.dropped.append(late)
            have, want = in_words(max(0.0, left)), in_words(needed)
            record.note(f"{name} was dropped: {have} were left for it, and it takes {want}")
            self._save()
            return None
        return number

    def _train(self, number: int) -> None:
        """Trains a network within its share of the time that is left."""
        record, plan, network = self._record, self._plan, self._network(number)
        later = max(0, plan.networks - number - 1)
        left, needed = self._time_for_training(number), self._seconds_needed(number)
        # Networks at the end give way before the schedules of all become too short.
        while later and left / (later + 1) < WORTH_HAVING * needed:
            later -= 1
        now = self._clock.now()
        at, *put_off = [now + left / (others + 1) for others in range(later, -1, -1)]
        reserve = _ESTIMATED * plan.records_seconds
        deadline = Deadline(at, self._clock.now, reserve, later=tuple(put_off))
        folder = network.folder
        options = TrainOptions(
            resume=folder.info_file.is_file(), ignore_rules=self._ignores_rules, deadline=deadline
        )
        with self._stage(network.name):
            train_folds(network.loaded, network.run, [network.fold], options, self._progress)
        points = folder.read_info().get("pace") or [[network.loaded.config.train.epochs]]
        trained, planned = f"{points[-1][0]:.1f}", f"{plan.length:.1f}"
        if trained != planned:
            record.note(f"{network.name} was trained for {trained} epochs where {planned} were planned")
        record.trained.append(number)
        record.dropped = [each for each in record.dropped if each != number]
        self._save()

    def _seconds_needed(self, number: int) -> float:
        """The remaining seconds of a network that earlier calls may have trained in part."""
        spent = self._record.spent.get(self._network(number).name, 0.0)
        return max(0.0, self._seconds_of_network() - spent)

    def _seconds_of_network(self) -> float:
        """The seconds of a network with the whole schedule: as the last one took, else as planned."""
        if not self._record.trained:
            return self._plan.stages.get(self._network(0).name, 0.0)
        last = self._network(self._record.trained[-1])
        points = last.folder.read_info().get("pace") or [[1.0, 1.0]]
        share = float(points[-1][0]) / float(points[-1][1])
        return self._record.spent.get(last.name, 0.0) / share

    def _time_for_training(self, number: int) -> float:
        """The time that is left until the rest must begin, with this network trained."""
        record, plan = self._record, self._plan
        kept = plan.stages.get("margin", 0.0) + plan.stages.get("evaluate", 0.0)
        unpredicted = [each for each in (*record.trained, number) if each not in record.predicted]
        per_network = plan.stages.get("predict", 0.0) / max(1, plan.networks)
        kept += _ESTIMATED * per_network * len(unpredicted)
        measured = record.spent.get("first CSV")
        if measured is None:
            kept += _ESTIMATED * plan.stages.get("blend", 0.0)
        else:
            kept += max(plan.stages.get("blend", 0.0), _MEASURED * measured)
        return record.deadline - self._clock.now() - kept

    def _finish_csvs(self) -> EvaluationResult | None:
        """Predicts with the remaining networks, and writes the CSVs of a mean, then of a chosen blend."""
        record = self._record
        numbers = sorted(record.trained)
        left = record.deadline - self._clock.now()
        tries_tta = self._plan.tries_tta and left > self._plan.stages.get("predict", 0.0)
        with self._stage("predict"):
            left_out = [number for number in numbers if number not in record.predicted]
            self._predict(numbers if tries_tta else left_out, tries_tta)
        began = self._clock.now()
        with self._stage("blend"):
            if record.csv_networks != numbers or not record.csv:
                self._write("mean", numbers)
            mean = self._clock.now() - began
            left = record.deadline - self._clock.now()
            planned = self._plan.stages.get("blend", 0.0)
            if not self._plan.chooses_blend:
                pass
            elif left < max(planned, 2.0 * mean):
                record.note(f"the blend is a plain mean: {in_words(max(0.0, left))} were left to choose one")
            elif record.csv != "chosen":
                self._write("chosen", numbers)
        networks = self._chosen(numbers)
        for number in numbers:
            if number not in record.recorded:
                self._add_estimate(number, len(runs_of(networks)))
                record.recorded.append(number)
                self._save()
        left = record.deadline - self._clock.now()
        planned = self._plan.stages.get("evaluate", 0.0)
        # Both resample the same records: where blending took long, evaluating will.
        if left < max(planned, record.spent.get("blend", 0.0)):
            again = " ".join(run.path.name for run in runs_of(networks))
            record.note(f"no time was left to evaluate: kaggle-face evaluate {again} -c {self._loaded.word}")
            return None
        with self._stage("evaluate"):
            options = EvaluateOptions(folds=folds_of(networks))
            return evaluate_runs(runs_of(networks), options, self._progress)

    def _predict(self, numbers: Sequence[int], tries_tta: bool = False) -> None:
        chosen = self._chosen(numbers)
        for run in runs_of(chosen):
            of_run = [network for network in chosen if network.run == run]
            options = PredictOptions(folds=folds_of(of_run), try_tta=tries_tta)
            predict_run(of_run[0].loaded, run, options, self._progress)
        self._record.predicted = sorted({*self._record.predicted, *numbers})
        self._save()

    def _chosen(self, numbers: Sequence[int]) -> list[Network]:
        return [self._network(number) for number in numbers]

    def _write(self, how: str, numbers: Sequence[int]) -> None:
        """Writes the CSVs of a blend of networks."""
        is_mean, networks = how == "mean", self._chosen(numbers)
        options = EnsembleOptions(
            folds=folds_of(networks),
            method="mean" if is_mean else "auto",
            post_process=not is_mean,
            ignore_rules=self._ignores_rules,
        )
        blend = ensemble_runs(self._loaded, runs_of(networks), options, self._progress)
        self._blend = blend.record
        submit = SubmitOptions(only_ensemble=True, ignore_rules=self._ignores_rules, leave_out_empty=True)
        result = write_submissions(self._loaded, self._run, submit, self._progress)
        self._record.csv, self._record.csv_networks = how, list(numbers)
        self._record.paths = [str(file.file.path) for file in result.files]
        names = "; ".join(network.name for network in networks)
        for file in result.files:
            self._progress.log(f"{file.file.path}: {file.file.rows} rows, {how} of {names}")
        self._save()

    def _add_estimate(self, number: int, members: int) -> None:
        """Adds a row: not under a recipe that a person changed, nor with the time of a mean for a choice."""
        plan, blend = self._plan, self._record.spent.get("blend")
        add_estimate(
            Path(self._loaded.config.paths.runs),
            self._network(number).folder,
            self._progress,
            "" if plan.is_changed or plan.digest not in ("", digest_of(self._loaded.config)) else plan.rung,
            plan.images_per_second,
            None if blend is None or self._record.csv != "chosen" else blend / members,
            plan.train_images or None,
        )

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        """Counts the time of a stage, also of one that is broken off."""
        self._record.begin(name, self._clock.now())
        self._save()
        try:
            yield
        finally:
            self._record.end(self._clock.now())
            self._save()

    def _save(self) -> None:
        write_record(self._run, self._record)

    def _result(self, evaluation: EvaluationResult | None) -> BudgetResult:
        record = self._record
        names = dict.fromkeys((*self._plan.stages, *record.spent))
        stages = tuple(StageTime(name, self._plan.stages.get(name), record.spent.get(name)) for name in names)
        return BudgetResult(
            run=self._run,
            runs=tuple(runs_of(self._chosen(record.csv_networks))),
            settings=Path(record.settings),
            plan=self._plan,
            stages=stages,
            networks=tuple(record.csv_networks),
            dropped=tuple(self._network(number).name for number in record.dropped),
            notes=tuple(record.notes),
            paths=tuple(map(Path, sorted(record.paths))),
            evaluation=evaluation,
            blend=self._blend,
            seconds=record.ended_at - record.began_at,
            budget_seconds=record.seconds,
        )
