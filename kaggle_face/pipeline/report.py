"""The report of runs and blends: gathers what lies in their folders and writes one HTML file."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import kaggle_face
from kaggle_face.artifacts.blends import command_of_blend, why_blend_is_outdated
from kaggle_face.artifacts.record_io import read_embeddings, read_gallery
from kaggle_face.artifacts.run_locks import writing_beside_folds
from kaggle_face.artifacts.runs import FoldFolder, RunFolder, list_runs
from kaggle_face.artifacts.seals import in_words, time_of_now
from kaggle_face.competitions.catalogue.ranking import ClassMetric, OwnMetrics, own_metrics_of
from kaggle_face.config import Config, LoadedConfig
from kaggle_face.ensemble.held_out_blend import blended_logits, blended_scores, members_of_record
from kaggle_face.errors import InputError, KaggleFaceError, RunError, counted
from kaggle_face.evaluation.blend_record import BlendRecord, TaskRecord, read_blend_record
from kaggle_face.evaluation.figures import open_trials
from kaggle_face.evaluation.held_out_figures import matches_of
from kaggle_face.evaluation.held_out_pairs import HeldOutPairs
from kaggle_face.evaluation.member_scores import (
    MemberScores,
    has_record,
    open_held_out_logits,
    open_predictions,
)
from kaggle_face.evaluation.members import Member, default_checkpoint, members_of_task
from kaggle_face.hints import settings_command
from kaggle_face.pipeline.inputs.preparing import chosen_folds
from kaggle_face.pipeline.inputs.report_pictures import ReportPictures, find_pictures
from kaggle_face.pipeline.inputs.report_uploads import newest_looks, uploads_of
from kaggle_face.plotly_script import plotly_script
from kaggle_face.progress import Progress
from kaggle_face.recognition.gallery.model_card import DEFAULT_THRESHOLD
from kaggle_face.records import StrArray, positions_of
from kaggle_face.report.advice import Step, advise
from kaggle_face.report.compared import compare_with, run_before, run_facts
from kaggle_face.report.facts import (
    ClassFacts,
    Comparison,
    GalleryFacts,
    PairFacts,
    ReportFacts,
)
from kaggle_face.report.findings import evidence_of
from kaggle_face.report.headline import headline, task_scores
from kaggle_face.report.measuring import (
    BLEND,
    class_facts,
    embedding_facts,
    pair_facts,
    simulated_gallery_facts,
)
from kaggle_face.report.page import write_report
from kaggle_face.report.pictures import PictureStatistics, measure_pictures
from kaggle_face.report.question import question_of
from kaggle_face.tasks import TASKS

FILE_NAME = "report.html"
BLEND_FOLDER = "ensemble"
"""What follows the name of a run, after a slash, where its blend is meant."""
_RULES = {"fpr-1e-2": "fpr=0.01", "fpr-1e-3": "fpr=0.001", "eer": "eer"}
"""The thresholds of one-shot recognition by the rules of those that runs keep."""


@dataclass(frozen=True)
class ReportOptions:
    """Options of a report.

    Attributes:
        folds: Numbers of folds; None: all finished ones.
        path: The file; None: `report.html` in the folder of the first run.
        blends: Runs whose blend is named: the report is about the first of them, and refuses where that blend
            is missing or out of date. Without one a current blend of the first run is shown.
    """

    folds: Sequence[int] | None = None
    path: Path | None = None
    blends: Sequence[RunFolder] = ()


@dataclass(frozen=True)
class ReportResult:
    """The report that was written.

    Attributes:
        path: The HTML file.
        num_bytes: Its size.
        steps: What to do next, the most urgent first.
        seconds: Time that it took.
    """

    path: Path
    num_bytes: int
    steps: tuple[Step, ...]
    seconds: float


def write_run_report(
    loaded: LoadedConfig, runs: Sequence[RunFolder], options: ReportOptions, progress: Progress
) -> ReportResult:
    """Writes one self-contained HTML file about a run, the blend in its folder, and other runs beside it.

    Args:
        loaded: Settings of today; they name the raw folder, the image cache and the ledger.
        runs: At least one, also where a blend is named; the report is about the first.
        options: Folds and path.
        progress: Shows how far it is.

    Raises:
        RunError: A run has no finished fold, a record or a blend that is named is out of date, or the runs do
            not fit together.
        DataError: A record holds NaN.
        MissingExtraError: The extra `report` is not installed.
    """
    began = time.monotonic()
    plotly_script()  # whoever lacks the extra learns it before the work
    runs = list(dict.fromkeys((*options.blends, *runs)))
    path = options.path or runs[0].path / FILE_NAME
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file, such as {path / FILE_NAME}")
    facts = gather_facts(loaded, runs, options, progress)
    if options.path is None:
        with writing_beside_folds(runs[:1]):
            num_bytes = write_report(facts, path, progress)
    else:
        num_bytes = write_report(facts, path, progress)
    steps, _ = advise(evidence_of(facts))
    return ReportResult(path, num_bytes, steps, time.monotonic() - began)


def gather_facts(
    loaded: LoadedConfig, runs: Sequence[RunFolder], options: ReportOptions, progress: Progress
) -> ReportFacts:
    """Gathers the facts of a report; `write_run_report` describes arguments and errors."""
    run = runs[0]
    first_fold = _first_finished(run, options.folds)
    config = _config_of(loaded, run, first_fold)
    own = own_metrics_of(config)
    missing: dict[str, str] = {}
    blend = _current_blend(run, missing, is_wanted=run in options.blends)
    members = {task: members_of_task(task, runs, None, options.folds) for task in TASKS}
    root = run.path.parent.parent
    classes = _class_facts(members["classification"], blend, root, own.classes, missing)
    pairs = _pair_facts(members["verification"], blend, root, missing)
    pictures = _pictures(config, first_fold, missing, progress)
    first = members["verification"] or members["classification"]
    gallery = _dev_gallery(run, first_fold, blend) or (simulated_gallery_facts(first[0]) if first else None)
    scores = task_scores(classes, pairs, gallery, own)
    uploads, rank_correlation = uploads_of(config)
    train_pictures, test_pictures = _measured(pictures, progress)
    return ReportFacts(
        question=question_of(config, own, newest_looks(config)),
        score=headline(scores, own, blend),
        task_scores=scores,
        runs=tuple(run_facts(each, _finished(each, options.folds)) for each in runs),
        made_at=in_words(time_of_now()),
        command=_command(loaded, runs, options),
        version=kaggle_face.__version__,
        classes=classes,
        pairs=pairs,
        embeddings=embedding_facts(first[0]) if first else None,
        gallery=gallery,
        blend=blend,
        comparison=_comparison(run, own, options.folds, missing),
        cache=pictures.cache,
        train_pictures=train_pictures,
        test_pictures=test_pictures,
        uploads=uploads,
        agreement=rank_correlation,
        missing=missing,
    )


def _first_finished(run: RunFolder, wanted: Sequence[int] | None) -> FoldFolder:
    """The first finished fold of those that are wanted.

    Raises:
        RunError: None is finished.
    """
    found = next((fold for fold in chosen_folds(run, wanted) if fold.is_finished), None)
    if found is None:
        raise RunError(f"{run.name} has no finished fold; train one first: {run.training_command()}")
    return found


def _command(loaded: LoadedConfig, runs: Sequence[RunFolder], options: ReportOptions) -> str:
    """The command line that makes the report anew."""
    names = [each.path.name if each.path.parent.name == loaded.name else each.name for each in runs]
    names = [
        f"{name}/{BLEND_FOLDER}" if run in options.blends else name
        for name, run in zip(names, runs, strict=True)
    ]
    folds = () if options.folds is None else ("--folds", ",".join(map(str, options.folds)))
    path = () if options.path is None else ("--to", str(options.path))
    return settings_command("report", *names, *folds, *path)


def _config_of(loaded: LoadedConfig, run: RunFolder, fold: FoldFolder) -> Config:
    """The settings that the run was trained with, and the folders of this call."""
    if not fold.config_file.is_file():
        return loaded.config
    try:
        config = fold.read_config()
    except KaggleFaceError:
        return loaded.config
    if run.path.parent.name != loaded.name:
        return config.model_copy(update={"paths": loaded.config.paths})
    data = config.data.model_copy(update={"root": loaded.config.data.root})
    return config.model_copy(
        update={"paths": loaded.config.paths, "data": data, "submit": loaded.config.submit}
    )


def _finished(run: RunFolder, wanted: Sequence[int] | None) -> list[FoldFolder]:
    return [fold for fold in run.finished_folds() if wanted is None or fold.fold in wanted]


def _current_blend(run: RunFolder, missing: dict[str, str], is_wanted: bool) -> BlendRecord | None:
    """The blend in the run's folder; None with the reason where there is none or it is out of date.

    Raises:
        RunError: It is wanted and missing or out of date.
    """
    if not run.ensemble_folder.is_dir():
        missing["blend"] = f"{run.name} is not blended; blend it: {run.command('ensemble')}"
    elif (reason := why_blend_is_outdated(run)) is not None:
        missing["blend"] = (
            f"the blend of {run.name} is out of date: {reason}; blend again: {command_of_blend(run)}"
        )
    else:
        return read_blend_record(run)
    if is_wanted:
        raise RunError(missing["blend"])
    return None


def _is_mixed(record: TaskRecord, first: Member) -> bool:
    """Whether a blend is another thing than the first member alone."""
    return [each.name for each in record.members] != [first.name]


def _class_facts(
    members: Sequence[Member],
    blend: BlendRecord | None,
    root: Path,
    own_metric: ClassMetric,
    missing: dict[str, str],
) -> ClassFacts | None:
    if not members or not has_record(members, "oof", "predictions"):
        missing["classes"] = "no run keeps out-of-fold predictions of identities"
        return None
    class_names = open_predictions(members[0], members[0].folds[0], "oof").class_names
    held_out = open_held_out_logits(members)
    names = [member.name for member in members]
    record = None if blend is None else blend.tasks.get("classification")
    if record is not None and _is_mixed(record, members[0]):
        try:
            found = blended_logits(record, members_of_record(record, root), class_names, BLEND)
            held_out = tuple(
                replace(
                    fold, member_scores=(*fold.member_scores, _of_blend(found, fold.fold, fold.image_ids))
                )
                for fold in held_out
            )
            names.append(BLEND)
        except KaggleFaceError as error:
            missing["blended classes"] = f"identities: the blend is not measured beside its members: {error}"
    return class_facts(names, held_out, members[0], own_metric)


def _pair_facts(
    members: Sequence[Member], blend: BlendRecord | None, root: Path, missing: dict[str, str]
) -> PairFacts | None:
    trials = open_trials(members) if members else None
    if trials is None:
        missing["pairs"] = "no run keeps out-of-fold scores of pairs whose truth is known"
        return None
    if len(set(trials.labels.tolist())) < 2:
        kind = "genuine" if trials.labels.all() else "impostor"
        missing["pairs"] = (
            f"all {counted(len(trials.labels), 'held-out pair')} are {kind}, which measures nothing"
        )
        return None
    names = [member.name for member in members]
    record = None if blend is None else blend.tasks.get("verification")
    if record is not None and _is_mixed(record, members[0]):
        try:
            trials = _with_blend(trials, record, members_of_record(record, root))
            names.append(BLEND)
        except KaggleFaceError as error:
            missing["blended pairs"] = f"pairs: the blend is not measured beside its members: {error}"
    return pair_facts(names, trials, members[0], _RULES.get(DEFAULT_THRESHOLD, ""))


def _with_blend(trials: HeldOutPairs, record: TaskRecord, members: tuple[Member, ...]) -> HeldOutPairs:
    """The trials with the blend as a last member."""
    found = blended_scores(record, members, BLEND)
    folds = []
    for fold in trials.folds:
        blended = _of_blend(found, fold.fold, trials.pair_ids[fold.positions])
        folds.append(replace(fold, member_scores=(*fold.member_scores, blended)))
    return replace(trials, folds=tuple(folds))


def _of_blend(found: Mapping[int, tuple[StrArray, MemberScores]], fold: int, ids: StrArray) -> MemberScores:
    """The blend's values of a fold in the order of the ids."""
    if fold not in found:
        raise RunError(f"fold {fold} is not in it")
    known, scores = found[fold]
    rows = positions_of(ids, known, f"images or trials of the blend in fold {fold}")
    return MemberScores(scores.name, scores.values[rows])


def _dev_gallery(run: RunFolder, fold: FoldFolder, blend: BlendRecord | None) -> GalleryFacts | None:
    """The probes of the competition's dev gallery by the blend, or else by the first fold's network."""
    folder = fold.gallery_folder("dev")
    if not folder.is_dir():
        return None
    dev = read_gallery(folder)
    if not len(dev.probe_ids) or (dev.probe_names == "").any():
        return None
    of_blend = run.ensemble_folder / "embeddings"
    of_fold = fold.path / "test" / default_checkpoint("verification", [run]) / "embeddings"
    record, name = (
        (of_blend, BLEND) if blend is not None and of_blend.is_dir() else (of_fold, f"fold {fold.fold}")
    )
    if not record.is_dir():
        return None
    found = matches_of(record.parent / "gallery_dev.csv", read_embeddings(record), dev)
    is_enrolled = np.isin(dev.probe_names, dev.names)
    return GalleryFacts(
        f"dev gallery of the competition, {name}",
        found.scores.astype(np.float64),
        (found.names == dev.probe_names) & is_enrolled,
        is_enrolled,
        len(np.unique(dev.names)),
    )


def _comparison(
    run: RunFolder, own: OwnMetrics, folds: Sequence[int] | None, missing: dict[str, str]
) -> Comparison | None:
    before = run_before(run, list_runs(run.path.parent.parent, run.path.parent.name))
    if before is None:
        missing["comparison"] = "no earlier run of these settings has a finished fold"
        return None
    return compare_with(run, before, (own.classes, own.pairs), folds)


def _pictures(
    config: Config, fold: FoldFolder, missing: dict[str, str], progress: Progress
) -> ReportPictures:
    """The pictures of the run's data, with a warning and the reason where there are none."""
    pictures = find_pictures(config, fold, progress)
    if pictures.cache is None:
        missing["pictures"] = pictures.missing
        progress.warn(pictures.missing)
    return pictures


def _measured(
    pictures: ReportPictures, progress: Progress
) -> tuple[PictureStatistics | None, PictureStatistics | None]:
    if pictures.cache is None:
        return None, None
    with progress.track("measuring pictures", 2, "splits") as counter:
        train = measure_pictures(pictures.cache, pictures.training)
        counter.advance()
        test = measure_pictures(pictures.cache, pictures.test)
        counter.advance()
    return train, test
