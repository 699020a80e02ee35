"""A network as its training computes it: its memory, and the gradients of its convolutions."""

from __future__ import annotations

import torch

from kaggle_face.config import TrainConfig
from kaggle_face.model.network import FaceNetwork
from kaggle_face.train.speed.weight_gradient import quicken_weight_gradients


def prepare_for_training(network: FaceNetwork, config: TrainConfig) -> FaceNetwork:
    """The network, on its device, with `train.channels_last` and the quicker gradients of a CPU."""
    if config.channels_last:
        network = network.to(memory_format=torch.channels_last)
    if next(network.parameters()).device.type == "cpu":
        quicken_weight_gradients(network)
    return network
