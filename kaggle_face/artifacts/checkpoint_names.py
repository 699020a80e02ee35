"""Names of the checkpoints of a fold, in their usual order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kaggle_face.errors import InputError

if TYPE_CHECKING:
    from kaggle_face.config.schema import CheckpointName

CHECKPOINTS: tuple[CheckpointName, ...] = ("last", "best_cls", "best_ver", "best", "swa")


def require_checkpoints(names: Sequence[str] | None) -> None:
    """Checks names of checkpoints; None stands for a default.

    Raises:
        InputError: There is no such checkpoint, or the list is empty.
    """
    if names is not None and not names:
        raise InputError(f"no checkpoint is chosen; there are {', '.join(CHECKPOINTS)}")
    wrong = [name for name in names or () if name not in CHECKPOINTS]
    if wrong:
        raise InputError(f"a checkpoint is one of {', '.join(CHECKPOINTS)}, got '{wrong[0]}'")
