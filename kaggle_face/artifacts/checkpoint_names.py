"""Names of the checkpoints of a fold, in their usual order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kaggle_face.errors import InputError

if TYPE_CHECKING:
    from kaggle_face.config.schema import CheckpointName

CHECKPOINTS: tuple[CheckpointName, ...] = ("last", "best_cls", "best_ver", "best", "swa")


def require_checkpoints(names: Iterable[str]) -> None:
    """Checks names of checkpoints.

    Raises:
        InputError: There is no such checkpoint.
    """
    wrong = [name for name in names if name not in CHECKPOINTS]
    if wrong:
        raise InputError(f"a checkpoint is one of {', '.join(CHECKPOINTS)}, got '{wrong[0]}'")
