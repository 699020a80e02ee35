"""The CSVs of a run: one for its blend, and one for each checkpoint of each fold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, cast

from kaggle_face.artifacts.blends import command_of_blend
from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.artifacts.predicted_tables import digest_of_tables, rows_of_task
from kaggle_face.artifacts.provenance import how_to_renew, records_of, why_outdated
from kaggle_face.artifacts.runs import FoldFolder, RecordKind, RunFolder
from kaggle_face.artifacts.seals import read_seal
from kaggle_face.competitions.submission.formats import SubmissionFormat, SubmissionFormats
from kaggle_face.competitions.submission.tables import SubmissionTable, fill_table
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import ConfigError, RunError, SubmissionError
from kaggle_face.evaluation.blend_record import read_blend_record
from kaggle_face.progress import Progress
from kaggle_face.records import CompetitionData
from kaggle_face.submission.columns import SubmissionTask, columns_of, needs_probabilities, record_kind
from kaggle_face.submission.ledger.entries import Origin
from kaggle_face.submission.out_of_fold import out_of_fold_of
from kaggle_face.tasks import TASKS, Task

ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class Output:
    """One CSV to write: its format, its name, and the folder of the record behind each task."""

    form: SubmissionFormat
    what: str
    records: Mapping[Task, Path]

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks whose rows are in the file."""
        return tuple(self.records)

    @property
    def is_blend(self) -> bool:
        """Whether it holds the blend of its run."""
        return next(iter(self.records.values())).parent.name == ENSEMBLE

    @property
    def network(self) -> tuple[FoldFolder, CheckpointName]:
        """The fold and the checkpoint of a CSV that is not a blend's."""
        record = next(iter(self.records.values()))
        return FoldFolder(record.parents[2]), cast(CheckpointName, record.parent.name)

    @property
    def file_name(self) -> str:
        """`<what>_<task>.csv`, or `<what>_combined.csv`."""
        return f"{self.what}_{self.tasks[0] if len(self.tasks) == 1 else 'combined'}.csv"


def wanted_forms(formats: SubmissionFormats, tasks: Sequence[Task]) -> list[SubmissionFormat]:
    """The formats of the CSVs to write: a combined one where the competition has it, else one per task.

    Raises:
        ConfigError: No CSV is known for a task, or the columns of the only one are not known.
        SubmissionError: One task alone is asked for, and a single CSV answers both.
    """
    if formats.combined is not None:
        if {part.task for part in formats.combined.parts} != set(tasks):
            refuse_one_task(tasks[0])
        return [formats.combined]
    if formats.one_csv:
        raise ConfigError(
            "the competition takes one CSV for both tasks, and its columns are not known here: 'init' infers "
            "them from a sample submission, or describe them with submit.combined.columns and "
            "submit.combined.parts"
        )
    return [formats.of_task(task) for task in tasks]


def refuse_one_task(task: Task) -> NoReturn:
    """Raises the error for a CSV of one task where a single one answers both."""
    raise SubmissionError(f"the competition takes one CSV for both tasks, got --task {task}; leave it out")


def tasks_to_answer(data: CompetitionData, formats: SubmissionFormats) -> tuple[list[Task], list[Task]]:
    """The tasks that have a CSV or a part of one: those with rows in the test files, and those without."""
    combined = formats.combined
    parts = None if combined is None else {part.task for part in combined.parts}
    tasks = [task for task in TASKS if (task in parts if parts else getattr(formats, task) is not None)]
    empty = [task for task in tasks if not rows_of_task(data, task)]
    return [task for task in tasks if task not in empty], empty


def tasks_without_empty(data: CompetitionData, formats: SubmissionFormats, progress: Progress) -> list[Task]:
    """The tasks whose CSV can be filled; a warning names one that has no rows.

    Raises:
        SubmissionError: The rows of a task are missing in a CSV that holds both.
    """
    tasks, empty = tasks_to_answer(data, formats)
    for task in empty if tasks else []:
        nothing = f"the competition has a CSV of {task}, and its files hold nothing to answer for it"
        if formats.combined is not None:
            raise SubmissionError(f"{nothing}: it is one CSV for both tasks; put its files below data.root")
        progress.warn(f"{nothing}: none is written; to have it put its files below data.root")
    return tasks


def list_outputs(
    run: RunFolder,
    forms: Sequence[SubmissionFormat],
    data: CompetitionData,
    only_ensemble: bool,
    progress: Progress,
    outdated: Mapping[FoldFolder, str] | None = None,
) -> list[Output]:
    """The CSVs that a run's current records allow, the blend's first; a warning names those left out.

    Args:
        run: A run with a blend.
        forms: The formats of the CSVs.
        data: What was predicted.
        only_ensemble: Whether the blend's CSVs alone are listed.
        progress: Where a fold that is left out is named.
        outdated: Folds that are left out, with the reason and what to do.

    Raises:
        RunError: The run has no test predictions, they were not blended, or not in a way that a CSV can show.
    """
    blended, folds = digest_of_tables(run.ensemble_folder), []
    for fold in run.started_folds():
        if outdated is not None and fold in outdated:
            progress.warn(f"no CSV of fold {fold.fold} alone: {outdated[fold]}")
        elif digest_of_tables(fold.path / "test") == blended:
            folds.append(fold)
        elif records_of(fold, "test"):
            progress.warn(
                f"no CSV of fold {fold.fold} alone: it predicted other test data than the blend; "
                f"{how_to_renew(fold, 'test')}"
            )
    outputs = []
    for form in forms:
        tasks = tuple(dict.fromkeys(part.task for part in form.parts))
        kinds = {task: record_kind(task, data) for task in tasks}
        blend = {task: _blend(run, folds, task, kind, len(kinds) == 1) for task, kind in kinds.items()}
        if "classification" in tasks and needs_probabilities(data, form):
            _refuse_ranks(run)
        outputs.append(Output(form, f"{run.path.name}_{ENSEMBLE}", blend))
        outputs += [] if only_ensemble else list(_checkpoints(run, folds, form, kinds, progress))
    return outputs


def build_table(output: Output, wanted: SubmissionTask) -> tuple[SubmissionTable, tuple[str, ...]]:
    """The table of a CSV in the competition's own columns, ids and labels, and notes on how it was made.

    Raises:
        DataError: A test image, pair or probe has no prediction.
    """
    answered = [columns_of(task, records, wanted) for task, records in output.records.items()]
    notes = tuple(note for _, notes in answered for note in notes)
    return fill_table(output.form, [answers for answers, _ in answered]), notes


def origin_of(output: Output, run: RunFolder) -> Origin:
    """The runs, checkpoints, settings and commit behind a CSV, and its out-of-fold score."""
    folds = run.started_folds()
    info = folds[0].read_info() if folds else {}
    settings = tuple(str(text) for text in info.get("overrides", ()))
    commit = info.get("commit")
    task = output.tasks[0] if len(output.tasks) == 1 else "combined"
    out_of_fold = out_of_fold_of(output.records, run)
    if not output.is_blend:
        checkpoint = output.what.removeprefix(f"{run.path.name}_")
        return Origin(task, (run.name,), (checkpoint,), settings, commit, out_of_fold, made_of(output))
    blend = read_blend_record(run)
    tasks = {} if blend is None else blend.tasks
    members = [member for task in output.tasks if task in tasks for member in tasks[task].members]
    runs = tuple(dict.fromkeys(member.run for member in members)) or (run.name,)
    checkpoints = tuple(dict.fromkeys(member.checkpoint for member in members))
    return Origin(task, runs, checkpoints, settings, commit, out_of_fold, made_of(output))


def made_of(output: Output) -> tuple[str, ...]:
    """The digests of the records and of the tables behind a CSV, as `name=digest`."""
    digests: dict[str, str] = {
        task: read_seal(folder, check_files=False).digest for task, folder in output.records.items()
    }
    first = next(iter(output.records.values()))
    tables = digest_of_tables(first.parent if output.is_blend else first.parent.parent)
    return tuple(f"{name}={digest}" for name, digest in (digests | tables).items())


def parameters_of_blend(run: RunFolder) -> int | None:
    """The parameters of all networks of a run's blend, as `ensemble` counted them; None without a blend."""
    blend = read_blend_record(run)
    return None if blend is None else blend.num_parameters


def _blend(run: RunFolder, folds: Sequence[FoldFolder], task: Task, kind: RecordKind, is_alone: bool) -> Path:
    """The record of a blend; `is_alone` tells that its CSV answers this task alone.

    Raises:
        RunError: There is none; the command that makes what is missing is named.
    """
    records = run.ensemble_folder / kind
    if records.is_dir():
        return records
    for fold in folds:
        # The checkpoint that `ensemble` takes for a task unless others are named.
        is_measured = fold.weights_file("best_ver").is_file() or (fold.path / "test" / "best_ver").is_dir()
        name: CheckpointName = "best_ver" if task == "verification" and is_measured else "best_cls"
        if fold.record_folder("test", name, kind).is_dir():
            raise RunError(f"{run.name} has no blend for {task}; make it: {command_of_blend(run)}")
    if run.imported_task not in (None, task):
        write = run.command("submit", "--dry-run", "--task", run.imported_task or "")
        other = f", or write the CSV of its task alone: {write}" if is_alone else ""
        raise RunError(
            f"{run.name} was imported for {run.imported_task} and has nothing for {task}; blend it with a "
            f"run that has{other}"
        )
    raise RunError(f"{run.name} has no test predictions for {task}; make them: {run.prediction_command()}")


def _refuse_ranks(run: RunFolder) -> None:
    """Checks that the blend of a run is one of probabilities.

    Raises:
        RunError: It is one of ranks, of which neither probabilities nor a threshold can be made.
    """
    blend = read_blend_record(run)
    record = None if blend is None else blend.tasks.get("classification")
    if record is not None and record.space == "ranks":
        how = command_of_blend(run, "--method", "mean")
        raise RunError(
            f"the blend of {run.name} is one of ranks, and the CSV needs probabilities; make one: {how}"
        )


def _checkpoints(
    run: RunFolder,
    folds: Sequence[FoldFolder],
    form: SubmissionFormat,
    kinds: Mapping[Task, RecordKind],
    progress: Progress,
) -> Iterator[Output]:
    """One CSV for each checkpoint that has a record for every task of the format."""
    for fold in folds:
        for name in CHECKPOINTS:
            records = {task: fold.record_folder("test", name, kind) for task, kind in kinds.items()}
            if not all(folder.is_dir() for folder in records.values()):
                continue
            reasons = [why_outdated(fold, "test", name, kind) for kind in kinds.values()]
            reason = next(filter(None, reasons), None)
            if reason is None:
                yield Output(form, f"{run.path.name}_fold{fold.fold}_{name}", records)
            else:
                progress.warn(f"no CSV of fold {fold.fold} {name}: {reason}; {how_to_renew(fold, 'test')}")
