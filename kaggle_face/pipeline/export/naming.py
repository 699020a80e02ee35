"""The run or blend to export, where it is named by a folder."""

from __future__ import annotations

from pathlib import Path

from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.errors import InputError, RunError
from kaggle_face.evaluation.blend_record import FILE_NAME


def is_folder(source: str | None) -> bool:
    """Whether a word means a folder on disk rather than the name of a run."""
    if source is None or not Path(source).is_dir():
        return False
    return "/" in source or "\\" in source or bool(RunFolder(Path(source)).started_folds())


def folder_of(path: Path, fold: int | None, blend: bool) -> tuple[RunFolder, int | None, bool]:
    """The run and fold of a folder of a run, a fold or a blend, and whether it is a blend.

    Raises:
        InputError: The folder is a fold, and another fold or a blend is named beside it.
        RunError: The folder holds no trained run.
    """
    if (path / FILE_NAME).is_file():
        return RunFolder(path.resolve().parent), fold, True
    if (path / "run.json").is_file():
        number = FoldFolder(path.resolve()).fold
        if blend or fold not in (None, number):
            raise InputError(f"{path} is fold {number} alone; name the folder of the run")
        return RunFolder(path.resolve().parent), number, False
    run = RunFolder(path.resolve())
    if not run.started_folds():
        raise RunError(f"{path} holds no trained run; name the folder of a run, a fold or a blend")
    return run, fold, blend
