"""Command lines in forked processes, so that the imports are paid for once.

Reads a JSON object a line and answers with the exit code of `kaggle-face WORDS`, negative for a signal; of
several command lines that run at one time, with that of each. At its moment (`step N`, `measure N`, `build`,
`save N`, `seconds S`) the process acts: signals such as `TERM` or `INT+INT` to itself, or `worker`, which
kills one of its workers.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from kaggle_face.cli.main import run
from kaggle_face.train import fold, trainer


def act(what: str) -> None:
    """Sends the signals."""
    if what == "worker":
        os.kill(multiprocessing.active_children()[0].pid or 0, signal.SIGKILL)
        return
    for name in what.split("+"):
        os.kill(os.getpid(), getattr(signal, f"SIG{name}"))


def act_at(moment: str, what: str) -> None:
    """Arranges for the signals to be sent at a moment."""
    place, _, number = moment.partition(" ")
    left = float(number or 1)

    def acting(function: Callable[..., Any], counts: Callable[..., bool] = lambda *words: True) -> Any:
        def acts(*arguments: Any, **named: Any) -> Any:
            nonlocal left
            left -= counts(*arguments)
            if left == 0:
                left -= 1
                act(what)
            return function(*arguments, **named)

        return acts

    match place:
        case "step":
            trainer.Trainer._count = acting(trainer.Trainer._count)  # type: ignore[method-assign]
        case "measure":
            trainer.predict_held_out = acting(trainer.predict_held_out)
        case "build":
            fold.create_fold_network = acting(fold.create_fold_network)
        case "save":
            is_state = lambda old, new: Path(new).name == "resume.pt"  # noqa: E731
            Path.replace = acting(Path.replace, is_state)  # type: ignore[method-assign]
        case "seconds":
            threading.Timer(left, act, [what]).start()


def work(order: dict[str, Any]) -> NoReturn:
    """What a forked process does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(order["folder"])
    os.environ["KAGGLE_FACE_CONFIG"] = order["config"]
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if order["moment"]:
        act_at(order["moment"], order["act"])
    run(order["words"])
    raise AssertionError("run exits")


def serve() -> None:
    """Forks a process for each line."""
    for line in sys.stdin:
        order = json.loads(line)
        began = time.monotonic()
        children = []
        for words in order.get("together") or [order["words"]]:
            child = os.fork()
            if child == 0:
                work({**order, "words": words})
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        answer = {"code": codes[0], "codes": codes, "seconds": time.monotonic() - began}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
