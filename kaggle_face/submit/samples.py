"""Finding the sample submission among a competition's files."""

from __future__ import annotations

from pathlib import Path

from kaggle_face.competitions.folders import map_folder
from kaggle_face.competitions.formats import Task


def find_sample(root: Path, task: Task | None) -> Path | None:
    """The sample submission of a task (None: of a combined file) below the data root, if there is one.

    A file that names the other task, as in `verification_sample_submission.csv`, is not taken.
    """
    if not root.is_dir():
        return None
    found = [Path(name) for name in map_folder(root).files if _is_sample(Path(name).name.lower())]
    named = [path for path in found if task is not None and task in path.name.lower()]
    free = [path for path in found if not _names_a_task(path.name.lower())]
    chosen = (named or free)[:1]
    return root / chosen[0] if chosen else None


def _is_sample(name: str) -> bool:
    return name.endswith(".csv") and "sample" in name and "train" not in name


def _names_a_task(name: str) -> bool:
    return "classification" in name or "verification" in name
