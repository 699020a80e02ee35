"""Choosing the sample submission that a CSV is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kaggle_face.competitions.files.folders import map_folder
from kaggle_face.competitions.submission.samples import find_samples, tasks_named_by
from kaggle_face.tasks import Task


def sample_of(root: Path, tasks: Sequence[Task]) -> Path | None:
    """The sample submission of a CSV that answers these tasks, if there is one below the data root.

    A file that names another task, as in `verification_sample_submission.csv`, is not taken, nor one in a
    folder that does, as where the archives of two competitions lie side by side.
    """
    if not root.is_dir():
        return None
    names = [name for name in find_samples(map_folder(root)) if (root / name).is_file()]
    found = {name: tasks_named_by(name) for name in names}
    exact = [name for name, named in found.items() if named == set(tasks)]
    free = [name for name, named in found.items() if not named]
    chosen = (exact or free)[:1]
    return root / chosen[0] if chosen else None
