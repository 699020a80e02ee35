"""Which CSVs a run gives: one for its blend, and one for each checkpoint of each fold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.files.reading import read_json
from kaggle_face.artifacts.json_types import BlendSummary
from kaggle_face.artifacts.provenance import (
    digest_of_tables,
    records_of,
    renewal,
    why_outdated,
)
from kaggle_face.artifacts.runs import CHECKPOINTS, FoldFolder, RecordKind, RunFolder
from kaggle_face.artifacts.seals import read_seal
from kaggle_face.competitions.submission.formats import SubmissionFormat, SubmissionFormats
from kaggle_face.competitions.submission.tables import SubmissionTable, fill_table
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import RunError
from kaggle_face.progress import Progress
from kaggle_face.records import CompetitionData
from kaggle_face.submission.columns import Question, answers_of, record_kind
from kaggle_face.submission.ledger.entries import Origin
from kaggle_face.submission.out_of_fold import out_of_fold_of
from kaggle_face.tasks import Task

ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class Output:
    """One CSV to write: its format, what it is called, and the folder of the record behind each task."""

    form: SubmissionFormat
    what: str
    records: Mapping[Task, Path]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that the file answers."""
        return tuple(self.records)

    @property
    def file_name(self) -> str:
        """`<what>_<task>.csv`, or `<what>_combined.csv`."""
        return f"{self.what}_{self.tasks[0] if len(self.tasks) == 1 else 'combined'}.csv"


def wanted_forms(formats: SubmissionFormats, tasks: Sequence[Task]) -> list[SubmissionFormat]:
    """The formats of the CSVs to write: a combined one where the competition has it, else one per task.

    Raises:
        ConfigError: No CSV is known for a task.
    """
    if formats.combined is not None and {part.task for part in formats.combined.parts} == set(tasks):
        return [formats.combined]
    return [formats.of_task(task) for task in tasks]


def list_outputs(
    run: RunFolder,
    forms: Sequence[SubmissionFormat],
    data: CompetitionData,
    only_ensemble: bool,
    progress: Progress,
) -> list[Output]:
    """The CSVs that a run's current records allow, the blend's first; what is left out is told.

    Raises:
        RunError: The run has no test predictions, or they were not blended.
    """
    folds = _current_folds(run, progress)
    outputs = []
    for form in forms:
        tasks = tuple(dict.fromkeys(part.task for part in form.parts))
        kinds = {task: record_kind(task, data) for task in tasks}
        blend = {task: _blend(run, folds, task, kind) for task, kind in kinds.items()}
        outputs.append(Output(form, f"{run.path.name}_{ENSEMBLE}", blend))
        outputs += [] if only_ensemble else list(_checkpoints(run, folds, form, kinds, progress))
    return outputs


def build_table(output: Output, question: Question) -> tuple[SubmissionTable, tuple[str, ...]]:
    """The table of a CSV in the competition's own columns, ids and labels, and notes on how it was made.

    Raises:
        DataError: A test image, pair or probe has no prediction.
    """
    answered = [answers_of(task, records, question) for task, records in output.records.items()]
    notes = tuple(note for _, notes in answered for note in notes)
    return fill_table(output.form, [answers for answers, _ in answered]), notes


def origin_of(output: Output, run: RunFolder) -> Origin:
    """The runs, checkpoints, settings and commit behind a CSV, and its score on what was held out."""
    folds = run.started_folds()
    info = folds[0].read_info() if folds else {}
    settings = tuple(str(text) for text in info.get("overrides", ()))
    commit = info.get("commit")
    task = output.tasks[0] if len(output.tasks) == 1 else "combined"
    out_of_fold = out_of_fold_of(output.records, run)
    if output.what != f"{run.path.name}_{ENSEMBLE}":
        checkpoint = output.what.removeprefix(f"{run.path.name}_")
        return Origin(task, (run.name,), (checkpoint,), settings, commit, out_of_fold, made_of(output))
    summary = _summary(run)
    members = [member for each in output.tasks for member in _task_summary(summary, each).get("members", ())]
    runs = tuple(dict.fromkeys(str(member["run"]) for member in members)) or (run.name,)
    checkpoints = tuple(dict.fromkeys(str(member["checkpoint"]) for member in members))
    return Origin(task, runs, checkpoints, settings, commit, out_of_fold, made_of(output))


def made_of(output: Output) -> tuple[str, ...]:
    """The digests of the records and of the tables behind a CSV, as `name=digest`."""
    digests: dict[str, str] = {
        task: read_seal(folder, check_files=False).digest for task, folder in output.records.items()
    }
    first = next(iter(output.records.values()))
    is_blend = first.parent.name == ENSEMBLE
    tables = digest_of_tables(first.parent if is_blend else first.parent.parent)
    return tuple(f"{name}={digest}" for name, digest in (digests | tables).items())


def parameters_of_blend(run: RunFolder) -> int | None:
    """The parameters of all networks of a run's blend, as `ensemble` counted them; None without a blend."""
    count = _summary(run).get("num_parameters")
    return None if count is None else int(count)


def _summary(run: RunFolder) -> Mapping[str, Any]:
    """What `ensemble` wrote about the blend."""
    path = run.ensemble_folder / "ensemble.json"
    return read_json(path, BlendSummary) if path.is_file() else {}


def _task_summary(summary: Mapping[str, Any], task: Task) -> Mapping[str, Any]:
    values: Mapping[str, Any] = summary.get("tasks", {}).get(task, {})
    return values


def _blend(run: RunFolder, folds: Sequence[FoldFolder], task: Task, kind: RecordKind) -> Path:
    records = run.ensemble_folder / kind
    if records.is_dir():
        return records
    if any(_record(fold, _blended_checkpoint(fold, task), kind).is_dir() for fold in folds):
        raise RunError(f"{run.name} has no blend for {task}; make it: {run.command('ensemble')}")
    raise RunError(f"{run.name} has no test predictions for {task}; make them: {run.command('predict')}")


def _current_folds(run: RunFolder, progress: Progress) -> list[FoldFolder]:
    """The folds that predicted what the blend did."""
    blended = digest_of_tables(run.ensemble_folder)
    folds = []
    for fold in run.started_folds():
        if digest_of_tables(fold.path / "test") == blended:
            folds.append(fold)
        elif records_of(fold, "test"):
            progress.warn(
                f"no CSV of fold {fold.fold} alone: it predicted other test data than the blend; "
                f"{renewal(fold, 'test')}"
            )
    return folds


def _blended_checkpoint(fold: FoldFolder, task: Task) -> CheckpointName:
    """The checkpoint that `ensemble` takes for a task unless others are named."""
    measured = fold.weights_file("best_ver").is_file() or (fold.path / "test" / "best_ver").is_dir()
    return "best_ver" if task == "verification" and measured else "best_cls"


def _checkpoints(
    run: RunFolder,
    folds: Sequence[FoldFolder],
    form: SubmissionFormat,
    kinds: Mapping[Task, RecordKind],
    progress: Progress,
) -> Iterator[Output]:
    """One CSV for each checkpoint that answers every task of the format."""
    for fold in folds:
        for name in CHECKPOINTS:
            records = {task: _record(fold, name, kind) for task, kind in kinds.items()}
            if not all(folder.is_dir() for folder in records.values()):
                continue
            reasons = [why_outdated(fold, "test", name, kind) for kind in kinds.values()]
            reason = next(filter(None, reasons), None)
            if reason is None:
                yield Output(form, f"{run.path.name}_fold{fold.fold}_{name}", records)
            else:
                progress.warn(f"no CSV of fold {fold.fold} {name}: {reason}; {renewal(fold, 'test')}")


def _record(fold: FoldFolder, checkpoint: CheckpointName, kind: RecordKind) -> Path:
    return fold.record_folder("test", checkpoint, kind)
