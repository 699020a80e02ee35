"""Evaluation of runs on held-out data, and the run table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from kaggle_face.artifacts.blends import blended_folds, why_blend_is_outdated
from kaggle_face.artifacts.checkpoint_names import require_checkpoints
from kaggle_face.artifacts.run_locks import writing_beside_folds
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.config import LoadedConfig
from kaggle_face.config.schema import CheckpointName
from kaggle_face.ensemble.run_thresholds import (
    WANTED_FPRS,
    thresholds_of_run,
    write_thresholds,
)
from kaggle_face.errors import InputError, RunError
from kaggle_face.evaluation.balance import (
    LeftOut,
    describe_classes,
    describe_pairs,
    describe_people,
    meaningless_of_classes,
    meaningless_of_pairs,
    meaningless_thresholds,
    without,
)
from kaggle_face.evaluation.figures import (
    ClassFigures,
    class_details,
    class_figures,
    compare_classes,
    compare_pairs,
    measure_classes,
    measure_episodes,
    measure_identification,
    measure_pairs,
    open_trials,
)
from kaggle_face.evaluation.held_out_figures import Estimate
from kaggle_face.evaluation.member_scores import has_embeddings, has_record, open_predictions
from kaggle_face.evaluation.members import Member, members_of_task
from kaggle_face.evaluation.run_table import RunRow, read_run_rows
from kaggle_face.hints import settings_command
from kaggle_face.inference.labelled_test import (
    labelled_test_images,
    measure_labelled_blend,
    measure_labelled_test,
)
from kaggle_face.metrics.intervals.bootstrap import Difference
from kaggle_face.pipeline.evaluation_rows import (
    DifferenceRow,
    EvaluationResult,
    LabelledTestRow,
    MetricRow,
    MistakesRow,
    TaskEvaluation,
    ThresholdRow,
    known_or_none,
)
from kaggle_face.progress import Progress
from kaggle_face.tasks import TASKS, Task

_MOST_MISTAKES = 5
"""Classes and confusions that are named for each member."""


@dataclass(frozen=True)
class EvaluateOptions:
    """Options of an evaluation.

    Attributes:
        folds: Numbers of folds; None: all finished ones.
        checkpoints: None: `best_cls` for classification, `best_ver` for verification.
        fprs: False positive rates in (0, 1) to find a threshold for.
    """

    folds: Sequence[int] | None = None
    checkpoints: Sequence[CheckpointName] | None = None
    fprs: Sequence[float] = WANTED_FPRS

    def __post_init__(self) -> None:
        require_checkpoints(self.checkpoints)
        wrong = [fpr for fpr in self.fprs if not 0 < fpr < 1]
        if wrong:
            raise InputError(f"a rate is a number between 0 and 1, got {wrong[0]:g}")


def evaluate_runs(
    runs: Sequence[RunFolder], options: EvaluateOptions, progress: Progress
) -> EvaluationResult:
    """Measures runs on their held-out data, and writes the thresholds of each.

    Args:
        runs: At least one; the others are compared with the first.
        options: Folds, checkpoints and rates.
        progress: Receives a warning about a blend that is out of date.

    Raises:
        RunError: A run has no held-out records, or the runs were trained on different folds or classes.
        DataError: A record holds NaN.
    """
    tasks: list[TaskEvaluation] = []
    labelled_tests: list[LabelledTestRow] = []
    with writing_beside_folds(runs):
        for task in TASKS:
            members = members_of_task(task, runs, options.checkpoints, options.folds)
            if not members:
                continue
            if task == "classification":
                labelled_tests = _measure_labelled_tests(members, runs, progress)
                if has_record(members, "oof", "predictions"):
                    tasks.append(_evaluate_classes(members))
            elif has_record(members, "oof", "pairs"):
                tasks += _evaluate_pairs(members, options.fprs)
    if not tasks:
        again = runs[0].training_command()
        raise RunError(f"{runs[0].name} has no labelled out-of-fold records; train it again: {again}")
    return EvaluationResult(tuple(tasks), tuple(labelled_tests))


def run_table(loaded: LoadedConfig, of_all_settings: bool = False) -> list[RunRow]:
    """A row for each run of these settings or of all, the best in the competition's metric first.

    Raises:
        RunError: There is no run, or the ledger's CSV lacks a column.
    """
    root = Path(loaded.config.paths.runs)
    rows = read_run_rows(
        root, None if of_all_settings else loaded.name, Path(loaded.config.paths.submissions)
    )
    if not rows:
        which = "any settings" if of_all_settings else f"'{loaded.name}'"
        how = settings_command("train")
        raise RunError(f"no run of {which} under {root}; train one first: {how}")
    return rows


def _measure_labelled_tests(
    members: Sequence[Member], runs: Sequence[RunFolder], progress: Progress
) -> list[LabelledTestRow]:
    """Accuracies of each network and each current blend on the labelled test images that `predict` kept."""
    rows = []
    for member in members:
        for fold in member.folds:
            measured = measure_labelled_test(fold, member.checkpoint)
            if measured is not None:
                name = f"{member.name} fold {fold.fold}"
                rows.append(LabelledTestRow(name, measured.accuracy, measured.images))
    for run in runs:
        record = run.ensemble_folder / "predictions"
        if not record.is_dir() or not any(len(labelled_test_images(fold)) for fold in run.started_folds()):
            continue
        try:
            reason = why_blend_is_outdated(run)
            measured = measure_labelled_blend(record, blended_folds(run)) if reason is None else None
        except InputError as error:
            reason, measured = str(error), None
        if reason is not None:
            progress.warn(f"the blend of {run.name} is not measured: {reason}")
        if measured is not None:
            rows.append(LabelledTestRow(f"the blend of {run.name}", measured.accuracy, measured.images))
    return rows


def _mistakes(members: Sequence[Member], figures: Sequence[ClassFigures]) -> tuple[MistakesRow, ...]:
    names = open_predictions(members[0], members[0].folds[0], "oof").class_names
    rows = []
    for member, own in zip(members, figures, strict=True):
        details = class_details(own, len(names), most=_MOST_MISTAKES)
        confusions = [
            (str(names[each.true_label]), str(names[each.predicted_label]), each.count)
            for each in details.confusions
        ]
        accuracies = details.class_accuracies
        weakest = np.argsort(accuracies, kind="stable")[:_MOST_MISTAKES]  # classes without images come last
        rows.append(
            MistakesRow(
                member.name,
                details.calibration_error,
                tuple((str(names[k]), float(accuracies[k])) for k in weakest if accuracies[k] < 1.0),
                tuple(confusions),
            )
        )
    return tuple(rows)


def _evaluate_classes(members: Sequence[Member]) -> TaskEvaluation:
    figures = class_figures(members)
    names = open_predictions(members[0], members[0].folds[0], "oof").class_names.tolist()
    left_out = meaningless_of_classes(len(names))
    own_metric = members[0].own_metrics.classes
    measured = [without(each, left_out) for each in measure_classes(members, own_metric=own_metric)]
    differences = [compare_classes(other, figures[0], own_metric=own_metric) for other in figures[1:]]
    found = _as_evaluation("classification", members, measured, differences, left_out=left_out)
    imbalances = describe_classes(figures[0].labels, names)
    return replace(found, mistakes=_mistakes(members, figures), imbalances=imbalances)


def _evaluate_pairs(members: Sequence[Member], fprs: Sequence[float]) -> list[TaskEvaluation]:
    """One evaluation, or none where the truth of the held-out pairs is not known."""
    trials = open_trials(members)
    if trials is None:
        return []
    left_out = meaningless_of_pairs(trials.labels)
    measured = [
        (
            *without(measure_pairs(trials, number), left_out),
            *(
                (*measure_episodes(member), *measure_identification(member))
                if has_embeddings([member])
                else ()
            ),
        )
        for number, member in enumerate(members)
    ]
    differences = [compare_pairs(trials, number, 0) for number in range(1, len(members))]
    rows: list[ThresholdRow] = []
    files: dict[str, Path] = {}
    no_thresholds: dict[str, tuple[LeftOut, ...]] = {}
    for number, member in enumerate(members):
        if not has_embeddings([member]):
            continue  # thresholds are of the cosines of embeddings
        thresholds = thresholds_of_run(member, trials, number, fprs)
        rows += ThresholdRow.all_of(member.name, thresholds)
        files[member.name] = write_thresholds(member, thresholds)
        rules = [each.rule for each in thresholds.pairs]
        no_thresholds[member.name] = tuple(meaningless_thresholds(rules, fprs, trials.labels))
    found = _as_evaluation("verification", members, measured, differences, tuple(rows), files, left_out)
    imbalances = (*describe_pairs(trials.labels), *describe_people(trials.people, trials.labels))
    return [replace(found, imbalances=imbalances, thresholds_left_out=no_thresholds)]


def _as_evaluation(
    task: Task,
    members: Sequence[Member],
    measured: Sequence[Sequence[Estimate]],
    differences: Sequence[Mapping[str, Difference]],
    thresholds: tuple[ThresholdRow, ...] = (),
    files: Mapping[str, Path] = MappingProxyType({}),
    left_out: tuple[LeftOut, ...] = (),
) -> TaskEvaluation:
    names = tuple(member.name for member in members)
    metric_rows = tuple(
        MetricRow(
            task,
            name,
            each.metric,
            each.value,
            None if each.interval is None else known_or_none(each.interval.low),
            None if each.interval is None else known_or_none(each.interval.high),
            each.mean,
            each.spread,
            each.note,
        )
        for name, of_member in zip(names, measured, strict=True)
        for each in of_member
    )
    difference_rows = tuple(
        DifferenceRow(task, name, names[0], metric, each.value, each.low, each.high)
        for name, of_member in zip(names[1:], differences, strict=True)
        for metric, each in of_member.items()
        if metric not in {each.name for each in left_out}
    )
    return TaskEvaluation(task, names, metric_rows, difference_rows, thresholds, files, left_out=left_out)
