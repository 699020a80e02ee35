"""A preview of an upload: the CSV of each competition, uploads left, expected scores, and equal contents."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.competitions.catalogue.known import find_spec
from kaggle_face.competitions.catalogue.ranking import OwnMetrics
from kaggle_face.competitions.submission.targets import DEMO
from kaggle_face.config import LoadedConfig
from kaggle_face.errors import InputError, RemoteError, counted
from kaggle_face.evaluation.blend_record import read_blend_record
from kaggle_face.evaluation.figures import measure_classes, measure_pairs, open_trials
from kaggle_face.evaluation.held_out_figures import (
    Estimate,
    figure_of_both,
    figure_of_checkpoint,
    has_gallery,
)
from kaggle_face.evaluation.member_scores import has_record
from kaggle_face.evaluation.members import Member
from kaggle_face.kaggle.client.clock import SystemClock
from kaggle_face.pipeline.submit import SubmissionFile, SubmitResult
from kaggle_face.progress import Progress
from kaggle_face.submission.ledger.database import Ledger
from kaggle_face.submission.ledger.entries import ON_KAGGLE, Entry
from kaggle_face.submission.upload.session import KaggleSession, is_tag_of, open_ledger, open_session
from kaggle_face.tasks import TASKS, Task

Source = Literal["Kaggle", "the ledger"]

_OF_CHECKPOINT = re.compile(r"fold(\d+)_(\w+)")


@dataclass(frozen=True)
class ExpectedScore:
    """The score of a CSV's predictions on held-out data, in the metric that the competition ranks by.

    Attributes:
        metric: A name of the table of metrics, or a formula; empty where nothing was measured.
        value: None where nothing was measured.
        low: The end of the 95 % interval for other people; None where there is none.
        high: The other end.
        measured: How it was measured, or why it was not.
    """

    metric: str
    value: float | None
    low: float | None
    high: float | None
    measured: str


@dataclass(frozen=True)
class EarlierUpload:
    """An upload of the same content: its file then, time (UTC), reference, status and public score."""

    file: str
    time: str
    reference: int | None
    status: str
    public_score: str | None


@dataclass(frozen=True)
class PlannedFile:
    """A checked CSV and what would become of it.

    Attributes:
        name: What it was made from.
        path: Where it lies.
        rows: Below the header.
        competition: The one that takes it; None: no competition does.
        is_sent: Whether this call would upload it.
        expected: Its score on held-out data.
        same_as: Names of the other CSVs of this call with the same bytes.
        uploaded: Earlier uploads of the same bytes, the oldest first.
    """

    name: str
    path: Path
    rows: int
    competition: str | None
    is_sent: bool
    expected: ExpectedScore
    same_as: tuple[str, ...]
    uploaded: tuple[EarlierUpload, ...]


@dataclass(frozen=True)
class UploadsLeft:
    """The uploads to a competition that are left today (UTC).

    Attributes:
        competition: The slug.
        left: None where no limit is known.
        limit: Uploads a day; None: not known.
        made: Uploads of today.
        reserve: What `submit.reserve` keeps.
        planned: Uploads of this call.
        source: Where the numbers are from.
    """

    competition: str
    left: int | None
    limit: int | None
    made: int
    reserve: int
    planned: int
    source: Source

    @property
    def is_enough(self) -> bool:
        """Whether all planned uploads may be made, as far as is known."""
        return self.left is None or self.planned <= self.left - self.reserve


@dataclass(frozen=True)
class SubmissionPlan:
    """A planned upload: the CSVs, the blend's first, and the uploads left to each competition."""

    files: tuple[PlannedFile, ...]
    competitions: tuple[UploadsLeft, ...]


def plan_submission(
    loaded: LoadedConfig, result: SubmitResult, chosen: Sequence[SubmissionFile], progress: Progress
) -> SubmissionPlan:
    """Plans an upload of the chosen CSVs; nothing is sent.

    Kaggle is read where it can be reached; else the ledger and the known rules count, with one warning.

    Args:
        loaded: The settings.
        result: All CSVs of the call.
        chosen: Those to upload.
        progress: Where it is reported that Kaggle cannot be reached.
    """
    ledger = open_ledger(loaded.config)
    slugs = dict.fromkeys(file.competition for file in chosen if file.competition not in (None, DEMO))
    session: KaggleSession | None = None
    if slugs:
        try:
            session = open_session(loaded.config, progress)
        except RemoteError as error:
            progress.warn(f"{error}; what follows is from the ledger and the known rules")
    competitions = []
    for slug in filter(None, slugs):
        planned = sum(file.competition == slug for file in chosen)
        left = None
        if session is not None:
            try:
                left = _left_on_kaggle(session, slug, planned, loaded.config.submit.reserve)
            except RemoteError as error:
                progress.warn(f"{error}; what follows is from the ledger and the known rules")
        competitions.append(left or _left_by_ledger(ledger, slug, planned, loaded.config.submit.reserve))
    files = []
    with progress.track("expected scores", len(result.files), "files") as counter:
        for file in result.files:
            files.append(_planned(file, result, file in chosen, ledger, progress))
            counter.advance()
    return SubmissionPlan(tuple(files), tuple(competitions))


def _left_on_kaggle(session: KaggleSession, slug: str, planned: int, reserve: int) -> UploadsLeft:
    """The numbers that Kaggle gives; its list of submissions goes into the ledger.

    Raises:
        RemoteError: Kaggle refuses, or cannot be reached.
    """
    limits = session.client.limits(slug)
    a_day = session.client.competition(slug).max_daily_submissions or None
    session.fetch(slug)
    left = limits.allowed_now if limits.are_known else a_day
    return UploadsLeft(slug, left, a_day, limits.today, reserve, planned, "Kaggle")


def _left_by_ledger(ledger: Ledger, slug: str, planned: int, reserve: int) -> UploadsLeft:
    """The uploads that this ledger has seen today, and the limit of the catalogue."""
    spec = find_spec(slug)
    limit = None if spec is None else spec.rules.submissions_a_day
    made = ledger.uploads_today(slug, SystemClock().now())
    left = None if limit is None else max(0, limit - made)
    return UploadsLeft(slug, left, limit, made, reserve, planned, "the ledger")


def _planned(
    file: SubmissionFile, result: SubmitResult, is_sent: bool, ledger: Ledger, progress: Progress
) -> PlannedFile:
    sha256 = file.file.sha256
    earlier: list[Entry] = []
    if file.competition is not None:
        earlier = [
            entry
            for entry in ledger.entries(file.competition)
            if entry.status in ON_KAGGLE and (entry.sha256 == sha256 or is_tag_of(entry.tag, sha256))
        ]
    return PlannedFile(
        file.name,
        file.file.path,
        file.file.rows,
        file.competition,
        is_sent,
        _expected(file, result.run, progress),
        tuple(each.name for each in result.files if each is not file and each.file.sha256 == sha256),
        tuple(
            EarlierUpload(entry.file, entry.time, entry.reference, entry.status, entry.public_score)
            for entry in earlier
        ),
    )


def _expected(file: SubmissionFile, run: RunFolder | None, progress: Progress) -> ExpectedScore:
    """The score of a CSV's predictions on held-out data."""
    figure = file.origin.out_of_fold
    if run is None:
        return ExpectedScore("", None, None, None, "not measured: the file was not made here")
    if figure is None:
        why = "not measured: a network behind it has no labelled held-out predictions"
        return ExpectedScore("", None, None, None, why)
    tasks: list[Task] = [task for task in TASKS if file.origin.task in (task, "combined")]
    found = None if file.is_blend else _OF_CHECKPOINT.fullmatch(file.origin.checkpoints[0])
    if found is None:
        measured = _how_blended(run, tasks, figure)
    else:
        measured = f"on what fold {found[1]} held out"
        checkpoint = next((each for each in CHECKPOINTS if each == found[2]), None)
        if checkpoint is not None:
            member = Member(run, checkpoint, (run.fold(int(found[1])),))
            figure = _with_interval(figure, member, tasks, progress)
    low, high = (None, None) if figure.interval is None else (figure.interval.low, figure.interval.high)
    return ExpectedScore(figure.metric, figure.value, low, high, measured)


def _how_blended(run: RunFolder, tasks: Sequence[Task], figure: Estimate) -> str:
    """The folds that a blend's figure is of, and the figure by weights that were found on other people."""
    record = read_blend_record(run)
    known = {} if record is None else {task: record.tasks[task] for task in tasks if task in record.tasks}
    folds = sorted({fold for each in known.values() for member in each.members for fold in member.folds})
    words = f"on what {counted(len(folds), 'fold')} held out" if folds else "on held-out data"
    selections = [each.selection for each in known.values() if each.selection is not None]
    if len(known) == 1 and selections and selections[0].nested is not None:
        nested = selections[0].nested
        if nested != figure.value:
            words += f"; {nested:.4f} by weights found on other people"
    return words


def _with_interval(figure: Estimate, member: Member, tasks: Sequence[Task], progress: Progress) -> Estimate:
    """The figure of a single network with its interval for other people, where there can be one.

    The score of both tasks together has one where both of its halves have.
    """
    if figure.interval is not None or not has_record([member], "oof", "predictions", "pairs"):
        return figure
    try:
        own = member.own_metrics
        measured = {task: _measured(member, task, own) for task in tasks}
    except InputError as error:
        fold = member.folds[0].fold
        progress.log(f"no interval of {member.run.path.name} fold {fold} {member.checkpoint}: {error}")
        return figure
    if len(tasks) == 1:
        found = measured[tasks[0]]
    else:
        found = figure_of_both(measured["classification"], measured["verification"], own)
    if found is None or found.metric != figure.metric:
        return figure
    return replace(figure, interval=found.interval)


def _measured(member: Member, task: Task, own: OwnMetrics) -> Estimate | None:
    """A network's figure in the competition's metric of a task, with its interval."""
    if task == "verification" and (own.names_people or has_gallery(member.folds[0])):
        return figure_of_checkpoint(member.folds[0], member.checkpoint, task, own)
    wanted = own.classes if task == "classification" else own.pairs
    if task == "classification":
        estimates: Sequence[Estimate] = measure_classes([member], own_metric=own.classes)[0]
    else:
        trials = open_trials([member])
        estimates = () if trials is None else measure_pairs(trials, 0)
    return next((each for each in estimates if each.metric == wanted), None)
