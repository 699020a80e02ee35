"""`kaggle-face train` in one of several processes; the second kills or stops itself after three steps.

It does so once: torchrun may start the processes again.
"""

from __future__ import annotations

import os
import signal

from kaggle_face.cli.main import run
from kaggle_face.train.trainer import Trainer

go_on_really = Trainer._go_on


def go_on(trainer: Trainer) -> bool:
    """Has the state saved first."""
    goes_on = go_on_really(trainer)
    is_first_life = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
    is_moment = trainer.state.step == 3 and trainer.state.epoch == 0
    if os.environ["RANK"] == "1" and is_first_life and is_moment:
        os.kill(os.getpid(), getattr(signal, os.environ.get("SENT_TO_ITSELF", "SIGKILL")))
    return goes_on


if __name__ == "__main__":
    Trainer._go_on = go_on  # type: ignore[method-assign]
    run()
