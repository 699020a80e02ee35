"""`kaggle-face` in a process that stops or kills itself, or a worker, at a chosen moment of its training.

Arguments: the moment (`step N`, `measure N` or `build`), the signals (`TERM`, `INT+INT`, `worker`), and the
command.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from kaggle_face.cli.main import run
from kaggle_face.train import fit, fold

moment, what, *words = sys.argv[1:]
place, _, number = moment.partition(" ")
left = int(number or 1)


def act() -> None:
    """Sends the signals, if it is time to."""
    global left
    left -= 1
    if left:
        return
    if what == "worker":
        os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)
        return
    for name in what.split("+"):
        if os.environ.get("RANK", "0") == os.environ.get("STOPPED_RANK", "0"):
            os.kill(os.getpid(), getattr(signal, f"SIG{name}"))


def before(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that acts first."""

    def acting(*arguments: Any, **named: Any) -> Any:
        act()
        return function(*arguments, **named)

    return acting


if __name__ == "__main__":
    match place:
        case "step":
            fit.Fit._count = before(fit.Fit._count)  # type: ignore[method-assign]
        case "measure":
            fit.predict_held_out = before(fit.predict_held_out)
        case "build":
            fold.create_fold_network = before(fold.create_fold_network)
    run(words)
