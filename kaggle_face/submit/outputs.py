"""Which CSVs a run gives: one for its blend, and one for each checkpoint of each fold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.runs import CHECKPOINTS, FoldFolder, RunFolder
from kaggle_face.artifacts.stored import read_pair_scores, read_predictions
from kaggle_face.competitions.formats import SubmissionFormat, Task
from kaggle_face.competitions.tables import SubmissionTable, classification_table, verification_table
from kaggle_face.errors import RunError
from kaggle_face.records import CompetitionData
from kaggle_face.submit.entries import Origin, OutOfFold

ENSEMBLE = "ensemble"


@dataclass(frozen=True)
class Output:
    """One CSV to write: its task, the folder of the records behind it, and what it is called."""

    task: Task
    what: str
    records: Path

    @property
    def file_name(self) -> str:
        """`<what>_<task>.csv`."""
        return f"{self.what}_{self.task}.csv"


def list_outputs(run: RunFolder, tasks: Iterable[Task], only_ensemble: bool) -> list[Output]:
    """The CSVs that a run's records allow, the blend's first.

    Raises:
        RunError: The run has no test predictions, or they were not blended.
    """
    folds = run.started_folds()
    outputs = []
    for task in tasks:
        single = [] if only_ensemble else _checkpoints(run, folds, task)
        outputs += [Output(task, f"{run.path.name}_{ENSEMBLE}", _blend(run, folds, task)), *single]
    return outputs


def build_table(output: Output, data: CompetitionData, form: SubmissionFormat) -> SubmissionTable:
    """The table of a CSV, in the competition's own columns, ids and labels.

    Raises:
        DataError: A test image or pair has no prediction.
    """
    if output.task == "classification":
        return classification_table(data, form, read_predictions(output.records))
    return verification_table(data, form, read_pair_scores(output.records))


def origin_of(output: Output, run: RunFolder) -> Origin:
    """The runs, checkpoints, settings and commit behind a CSV, and its out-of-fold score if one is kept."""
    folds = run.started_folds()
    info = folds[0].read_info() if folds else {}
    settings = tuple(str(text) for text in info.get("overrides", ()))
    commit = info.get("commit")
    if output.records.parent != run.ensemble_folder:
        checkpoint = output.what.removeprefix(f"{run.path.name}_")
        return Origin(output.task, (run.name,), (checkpoint,), settings, commit)
    summary = _summary_of_blend(run, output.task)
    members = summary.get("members", ())
    runs = tuple(dict.fromkeys(str(member["run"]) for member in members)) or (run.name,)
    checkpoints = tuple(dict.fromkeys(str(member["checkpoint"]) for member in members))
    return Origin(output.task, runs, checkpoints, settings, commit, _out_of_fold(summary))


def _summary_of_blend(run: RunFolder, task: Task) -> Mapping[str, Any]:
    path = run.ensemble_folder / "ensemble.json"
    if not path.is_file():
        return {}
    summary: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["tasks"].get(task, {})
    return summary


def _out_of_fold(summary: Mapping[str, Any]) -> OutOfFold | None:
    """The score of a blend on its out-of-fold records, as `ensemble` writes it down."""
    kept = summary.get("out_of_fold")
    if kept is None:
        return None
    return OutOfFold(str(kept["metric"]), float(kept["value"]), bool(kept["higher_is_better"]))


def _kind(task: Task) -> str:
    return "predictions" if task == "classification" else "pairs"


def _blend(run: RunFolder, folds: list[FoldFolder], task: Task) -> Path:
    records = run.ensemble_folder / _kind(task)
    if records.is_dir():
        return records
    if any(_record(fold, name, task).is_dir() for fold in folds for name in CHECKPOINTS):
        raise RunError(
            f"{run.name} has no blend for {task}; make it: kaggle-face ensemble --run {run.path.name}"
        )
    raise RunError(f"{run.name} has no test predictions for {task}; make them: kaggle-face predict")


def _checkpoints(run: RunFolder, folds: list[FoldFolder], task: Task) -> list[Output]:
    return [
        Output(task, f"{run.path.name}_fold{fold.fold}_{name}", _record(fold, name, task))
        for fold in folds
        for name in CHECKPOINTS
        if _record(fold, name, task).is_dir()
    ]


def _record(fold: FoldFolder, checkpoint: str, task: Task) -> Path:
    return fold.path / "test" / checkpoint / _kind(task)
