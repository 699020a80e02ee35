"""`python -m tests.support.process_of_two DEVICE FOLDER`: one of two processes that train together.

Each writes its weights after five steps to `FOLDER/<rank>of2.pt`; the first then trains alone, to `0of1.pt`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from kaggle_face.train.distributed import SINGLE_PROCESS, DistributedContext, joined
from tests.support.small_training import Networks, SmallTraining, config_of

_LAYER_NORMS = {"depths": [1, 1, 1, 1], "dims": [8, 8, 16, 16]}
"""Each process would normalise by its own images in batch normalisation."""


def main(device: str, folder: Path) -> None:
    """Trains with the other process, and the first of them alone."""
    torch.set_num_threads(1)
    with joined(os.environ) as distributed:
        _train(distributed, torch.device(distributed.device_setting(device)), folder)
        is_first = distributed.is_rank_zero
        place = torch.device(distributed.device_setting(device))
    if is_first:
        _train(SINGLE_PROCESS, place, folder)


def _train(distributed: DistributedContext, device: torch.device, folder: Path) -> None:
    model = {"backbone": "convnext_atto", "backbone_options": _LAYER_NORMS, "neck": "linear"}
    config = config_of({"model": {**model, "head": "arcface"}})
    some = SmallTraining.on(device, config, Networks.of(config), distributed=distributed)
    some.steps(5)
    weights = {name: tensor.cpu() for name, tensor in some.state.network.state_dict().items()}
    torch.save(weights, folder / f"{distributed.share.rank}of{distributed.share.count}.pt")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
