"""The error of a training that diverged: at which step, and which settings to lower."""

from __future__ import annotations

import torch

from kaggle_face.errors import TrainingStoppedError
from kaggle_face.model.weights.checkpoints import first_not_finite
from kaggle_face.train.settings import TrainSettings
from kaggle_face.train.state import TrainingState


def diverged(state: TrainingState, settings: TrainSettings, what: str) -> TrainingStoppedError:
    """The error of a training that diverged; `what` is the symptom, up to the words before the step."""
    kept = "there is no checkpoint yet"
    if state.epoch:
        kept = f"the checkpoints up to epoch {state.epoch} are kept"
    remedies = [f"lower optim.lr (now {settings.optim.lr:g}) or margin.scale"]
    if settings.train.clip_grad_norm is None:
        remedies.append("set train.clip_grad_norm=1")
    if settings.schedule.warmup_epochs == 0.0:
        remedies.append("raise schedule.warmup_epochs")
    if settings.train.amp != "off":
        remedies.append("set train.amp=off")
    return TrainingStoppedError(
        f"training diverged: {what} step {state.step} of epoch {state.epoch + 1}; {kept}; "
        f"train anew: {', or '.join(remedies)}"
    )


@torch.no_grad()
def require_finite_weights(state: TrainingState, settings: TrainSettings) -> None:
    """Checks the weights before a checkpoint is replaced.

    Raises:
        TrainingStoppedError: A weight or a statistic is not finite.
    """
    for network in state.networks:
        name = first_not_finite(network.state_dict())
        if name is not None:
            raise diverged(state, settings, f"weights are not finite (first: {name}) after")
