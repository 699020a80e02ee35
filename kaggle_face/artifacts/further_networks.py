"""Further networks of a run within a budget: trainings of its only fold with other seeds, in runs beside it.

`main-seed7` beside `main` is one where the record of `main` says that it was begun.
"""

from __future__ import annotations

from kaggle_face.artifacts.files.reading import read_json
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.errors import RunError

BUDGET_FILE = "budget.json"
_MARK = "-seed"


def name_of_seed(seed: int) -> str:
    """What a further network is called in a plan and in its record.

    >>> name_of_seed(7)
    'fold 0, seed 7'
    """
    return f"fold 0, seed {seed}"


def run_of_seed(run: RunFolder, seed: int) -> RunFolder:
    """Where a further network of a run is filed."""
    return RunFolder(run.path.with_name(f"{run.path.name}{_MARK}{seed}"))


def is_further_network(run: RunFolder) -> bool:
    """Whether a run is a further network of another one; not where that one's record cannot be read."""
    first, _, seed = run.path.name.rpartition(_MARK)
    record = run.path.with_name(first) / BUDGET_FILE if first else None
    if record is None or not seed.isdecimal() or not record.is_file():
        return False
    try:
        begun = read_json(record).get("spent")
    except RunError:
        return False
    return isinstance(begun, dict) and name_of_seed(int(seed)) in begun
