"""Predictions that were made elsewhere, as a run: checked, aligned, measured and written as `predict` would.

An imported run has a folder for each fold of the settings. The out-of-fold predictions of a fold are those of
the images or trials that the fold holds out; the test predictions are the same in all of its folds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.files.atomic import replacing_folder, write_text
from kaggle_face.artifacts.predicted_tables import write_test_tables
from kaggle_face.artifacts.provenance import inputs_beside
from kaggle_face.artifacts.run_locks import writing_run
from kaggle_face.artifacts.runs import FoldFolder, RunFolder, list_runs, run_folder
from kaggle_face.artifacts.seals import digest_of_file, digest_of_names
from kaggle_face.competitions.catalogue.ranking import own_metrics_of
from kaggle_face.config import LoadedConfig, dump_config
from kaggle_face.errors import InputError, KaggleFaceError, RunError
from kaggle_face.evaluation.figures import MOST_LOSS
from kaggle_face.evaluation.imported.comparison import correlation_of, held_out_values
from kaggle_face.evaluation.imported.kinds import CLASS_NAMINGS, VALUE_KINDS, ClassNaming, ValueKind
from kaggle_face.evaluation.imported.reading import (
    HeldOutImages,
    ImportedValues,
    Sources,
    read_classes,
    read_pairs,
)
from kaggle_face.evaluation.members import choose_members, imported_checkpoint
from kaggle_face.inference.labelled_test import write_test_labels
from kaggle_face.metrics.classification import log_loss, top_k_accuracy
from kaggle_face.metrics.verification import verification_summary
from kaggle_face.pipeline.evaluate import EvaluateOptions, evaluate_runs
from kaggle_face.pipeline.evaluation_rows import MetricRow
from kaggle_face.pipeline.inputs.fold_starts import TrainOptions
from kaggle_face.pipeline.inputs.preparing import open_competition, open_folds, open_images
from kaggle_face.pipeline.inputs.today import Today, open_today
from kaggle_face.pipeline.train import describe_training
from kaggle_face.progress import Progress
from kaggle_face.records import (
    UNKNOWN,
    CompetitionData,
    Folds,
    Pairs,
    PairScores,
    Predictions,
    StrArray,
    positions_of,
)
from kaggle_face.tasks import TASKS, Task
from kaggle_face.train.out_of_fold import write_targets
from kaggle_face.train.settings import FoldData, select_fold


@dataclass(frozen=True)
class ImportOptions:
    """Options of an import.

    Attributes:
        task: The task that the predictions answer.
        test: The file of test predictions.
        oof: The file of out-of-fold predictions; None: there are none, and nothing is known of the score.
        values: What the numbers are; None: probabilities where they can be, else logits; scores for pairs.
        classes: How the columns name classes; None: as it fits.
        parameters: The parameters of all networks behind it, where a competition limits them.
        overwrite: Whether an imported run of that name is replaced.
    """

    task: Task
    test: Path
    oof: Path | None = None
    values: ValueKind | None = None
    classes: ClassNaming | None = None
    parameters: int | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        for what, value, known in (
            ("task", self.task, TASKS),
            ("kind of values", self.values or VALUE_KINDS[0], VALUE_KINDS),
            ("naming of classes", self.classes or CLASS_NAMINGS[0], CLASS_NAMINGS),
        ):
            if value not in known:
                raise InputError(f"a {what} is one of {', '.join(known)}, got '{value}'")
        if self.parameters is not None and self.parameters < 0:
            raise InputError(f"the number of parameters is at least 0, got {self.parameters}")


@dataclass(frozen=True)
class CorrelationRow:
    """Pearson's correlation of an imported member and another on held-out data.

    It is that of the probabilities of the true class, or of the scores of the trials.
    """

    member: str
    correlation: float
    """NaN where the values of one of them never vary."""


@dataclass(frozen=True)
class ImportResult:
    """An imported run, how its files were read, its held-out figures and its likeness to the runs here."""

    run: RunFolder
    notes: tuple[str, ...]
    metrics: tuple[MetricRow, ...]
    correlations: tuple[CorrelationRow, ...]


@dataclass(frozen=True, eq=False)
class _Competition:
    """The competition that predictions are aligned with."""

    data: CompetitionData
    folds: Folds
    of_folds: tuple[FoldData, ...]
    today: Today

    @property
    def held_out_images(self) -> HeldOutImages:
        """The images of all folds, those of which the class is predicted out of fold."""
        ids = np.concatenate([fold.validation_ids for fold in self.of_folds])
        labels = np.concatenate([fold.validation_labels for fold in self.of_folds])
        folds = np.repeat(
            [fold.fold for fold in self.of_folds], [len(fold.validation_ids) for fold in self.of_folds]
        )
        held_out = self.folds.image_ids[self.folds.fold_of_image >= 0]
        return HeldOutImages(ids, labels, folds, np.setdiff1d(held_out, ids))

    @property
    def unreadable_trials(self) -> list[Pairs]:
        """The trials that each fold leaves out, as an image of them cannot be read."""
        return [
            pairs.where(~np.isin(pairs.pair_ids, fold.pairs.pair_ids))
            for pairs, fold in zip(self.folds.pairs, self.of_folds, strict=True)
        ]


def import_predictions(
    loaded: LoadedConfig, name: str, options: ImportOptions, progress: Progress
) -> ImportResult:
    """Writes predictions made elsewhere as the run `name`; a run of that name that was trained stays.

    Raises:
        RunError: There is a run of that name.
        DataError: A file holds other ids, classes or numbers than the competition and its folds have.
        InputError: A file is of an unknown kind.
    """
    run = run_folder(Path(loaded.config.paths.runs), loaded.name, name)
    _require_free(run, options)
    data = open_competition(loaded.config, progress)
    cache = open_images(loaded.config, data, progress)
    folds = open_folds(loaded, data, cache)
    of_folds = tuple(select_fold(data, folds, cache, number, progress) for number in range(folds.count))
    competition = _Competition(data, folds, of_folds, open_today(loaded.config, data, progress, cache))
    sources = Sources(options.test, options.oof, options.values, options.classes)
    if options.task == "classification":
        oof, test = read_classes(competition.data, competition.held_out_images, sources)
    else:
        trials, unreadable = [fold.pairs for fold in of_folds], competition.unreadable_trials
        oof, test = read_pairs(competition.data, trials, sources, unreadable)
    notes = tuple(answers.note for answers in (oof, test) if answers is not None)
    for note in notes:
        progress.log(note)
    with writing_run(run):
        _require_free(run, options)
        with replacing_folder(run.path) as new:
            for fold in competition.of_folds:
                _write_fold(loaded, RunFolder(new).fold(fold.fold), competition, fold, options, oof, test)
    metrics: tuple[MetricRow, ...] = ()
    if oof is None:
        progress.warn(f"{run.name} is unmeasured: without --oof no score is known and no weight can be found")
    else:
        metrics = evaluate_runs([run], EvaluateOptions(), progress).metrics
    correlations = () if oof is None else tuple(_correlations(run, options.task, progress))
    _show(loaded, run, options.task, metrics, correlations, progress)
    return ImportResult(run, notes, metrics, correlations)


def _require_free(run: RunFolder, options: ImportOptions) -> None:
    if not run.path.exists():
        return
    if run.imported_task is None:
        raise RunError(f"{run.path} is a run of its own, which is not replaced; choose another name")
    if not options.overwrite:
        raise RunError(f"{run.name} was imported before; choose another name, or replace it with --overwrite")


def _write_fold(
    loaded: LoadedConfig,
    folder: FoldFolder,
    competition: _Competition,
    fold: FoldData,
    options: ImportOptions,
    oof: ImportedValues | None,
    test: ImportedValues,
) -> None:
    """Writes a fold: the tables of held-out and test data, and its records."""
    folder.path.mkdir(parents=True)
    write_text(folder.config_file, dump_config(loaded.config))
    record_io.write_classes(folder.classes_file, fold.classes, fold.class_counts)
    write_targets(folder, fold)
    write_test_tables(folder.path / "test", competition.today.tables)
    write_test_labels(folder, competition.data)
    results = {}
    if oof is not None:
        ids = fold.validation_ids if options.task == "classification" else fold.pairs.pair_ids
        results = {imported_checkpoint(options.task): _write_record(folder, "oof", fold, options, oof, ids)}
    _write_record(folder, "test", fold, options, test, test.ids)
    about = describe_training(loaded, competition.folds, competition.today, TrainOptions(kind="imported"))
    folder.write_info(
        {
            **about,
            "imported": _options_kept(options),
            **({} if options.parameters is None else {"num_parameters": options.parameters}),
            **fold.sizes,
            "results": results,
            "status": "finished",
        }
    )


def _write_record(
    folder: FoldFolder,
    part: Any,
    fold: FoldData,
    options: ImportOptions,
    answers: ImportedValues,
    ids: StrArray,
) -> dict[str, float]:
    """Writes one record, sealed with its files; returns its figures where labels are known."""
    made_of = {
        "files": digest_of_names([digest_of_file(path) for path in answers.sources]),
        "settings": answers.note,
        **inputs_beside(folder, part),
    }
    values = answers.values[positions_of(ids, answers.ids, "imported predictions")]
    checkpoint = imported_checkpoint(options.task)
    if options.task == "classification":
        target = folder.record_folder(part, checkpoint, "predictions")
        record_io.write_predictions(target, Predictions(ids, values, fold.classes.names), made_of)
        if part == "test":
            return {}
        top = top_k_accuracy(values, fold.validation_labels, ks=(1, 5))
        return {
            "accuracy": top[1],
            "top5": top[5],
            "log_loss": log_loss(values, fold.validation_labels, most=MOST_LOSS),
        }
    target = folder.record_folder(part, checkpoint, "pairs")
    labels = fold.pairs.labels if part == "oof" else np.full(len(ids), UNKNOWN, np.int64)
    record_io.write_pair_scores(target, PairScores(ids, values, labels), made_of)
    return verification_summary(values, labels) if part == "oof" and fold.pairs.are_labelled else {}


def _options_kept(options: ImportOptions) -> Mapping[str, str]:
    kept = {
        "task": options.task,
        "oof": options.oof,
        "test": options.test,
        "values": options.values,
        "classes": options.classes,
        "parameters": options.parameters,
    }
    return {key: str(value) for key, value in kept.items() if value is not None}


def _correlations(run: RunFolder, task: Task, progress: Progress) -> Iterator[CorrelationRow]:
    """The correlation with each other run of these folds; a run that cannot be compared is reported."""
    member = choose_members([run], [imported_checkpoint(task)])[0]
    own = held_out_values(member, task)
    split = member.folds[0].read_info().get("folds")
    for other in list_runs(run.path.parent.parent, run.path.parent.name):
        folds = other.finished_folds()
        if other.path == run.path or other.imported_task not in (None, task) or not folds:
            continue
        if folds[0].read_info().get("folds") != split:
            progress.log(f"{other.name} is not compared: it is of other folds")
            continue
        try:
            found = choose_members([other], [imported_checkpoint(task)])[0]
            yield CorrelationRow(found.name, correlation_of(own, held_out_values(found, task)))
        except KaggleFaceError as error:
            progress.log(f"{other.name} is not compared: {error}")


def _show(
    loaded: LoadedConfig,
    run: RunFolder,
    task: Task,
    metrics: Sequence[MetricRow],
    correlations: Sequence[CorrelationRow],
    progress: Progress,
) -> None:
    """Logs the figures of an imported run, the competition's own metric first, and its correlations."""
    own = own_metrics_of(loaded.config)
    main = own.classes if task == "classification" else own.pairs
    for row in sorted(metrics, key=lambda row: row.metric != main):
        between = "" if row.low is None or row.high is None else f" ({row.low:.4f} to {row.high:.4f})"
        judged = ", by which the competition ranks" if row.metric == main else ""
        progress.log(f"out of fold: {row.metric} {row.value:.4f}{between}{judged}")
    for each in correlations:
        progress.log(f"correlation with {each.member}: {_correlation_in_words(each.correlation)}")
    progress.log(f"imported as {run.path}")


def _correlation_in_words(correlation: float) -> str:
    """A correlation, or why there is none.

    >>> _correlation_in_words(0.25), _correlation_in_words(float("nan"))
    ('0.250', 'not defined, as the values of one of them never vary')
    """
    return (
        "not defined, as the values of one of them never vary" if isnan(correlation) else f"{correlation:.3f}"
    )
