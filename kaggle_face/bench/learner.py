"""A network that learns in the plainest way, apart from this package's training: what others compare with.

Letters: B images, D embedding size, C classes (3 colours in BCHW), H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from kaggle_face.config import Config
from kaggle_face.model.amp import resolve_amp
from kaggle_face.model.backbones.timm_library import create_optimizer
from kaggle_face.model.network import FaceNetwork, create_network


@dataclass(frozen=True, eq=False)
class Learner:
    """A network with its optimiser and precision."""

    network: FaceNetwork
    forward: Callable[[Tensor], Tensor]
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    amp_dtype: torch.dtype | None
    device: torch.device
    label_smoothing: float
    generator: torch.Generator

    def step(self, images_BCHW: Tensor, labels_B: Tensor) -> tuple[Tensor, Tensor]:
        """Forward, backward and update on normalised images; the loss and the number of right answers."""
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(self.device.type, self.amp_dtype, enabled=self.amp_dtype is not None):
            embeddings_BD = self.forward(images_BCHW)
        head = self.network.head
        classes = head.choose_classes(labels_B[None], self.generator)
        similarity_BC = head.similarity(embeddings_BD, classes)
        norms_B = embeddings_BD.detach().float().norm(dim=1)
        logits_BC = head.margin_logits(similarity_BC, labels_B, norms_B, classes)
        positions_B = classes.positions(labels_B)
        loss = F.cross_entropy(logits_BC, positions_B, label_smoothing=self.label_smoothing)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss.detach(), (similarity_BC.detach().argmax(dim=1) == positions_B).sum()


def create_learner(
    config: Config, num_classes: int, device: torch.device, channels_last: bool, compiled: bool = False
) -> Learner:
    """A learner with the network, optimiser and precision of the settings, and fresh weights."""
    torch.manual_seed(config.seed)
    model = config.model.model_copy(update={"pretrained": False, "weights": None})
    counts_C = torch.ones(num_classes)
    network = create_network(model, config.margin, num_classes, config.data.image_size, counts_C)
    network = network.to(device)
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
    amp_dtype = resolve_amp(config.train.amp, device)
    optimizer = create_optimizer(list(network.parameters()), config.optim)
    scaler = torch.amp.GradScaler(device.type, enabled=amp_dtype == torch.float16)
    network.train()
    generator = torch.Generator(device).manual_seed(config.seed)
    forward = torch.compile(network) if compiled else network
    smoothing = config.loss.label_smoothing
    return Learner(network, forward, optimizer, scaler, amp_dtype, device, smoothing, generator)


def resident_steps(config: Config, num_classes: int, device: torch.device) -> Generator[int]:
    """The limit: steps on one batch of random images that lies on the device, normalised already."""
    compiled = config.train.compile is True
    learner = create_learner(config, num_classes, device, config.train.channels_last, compiled)
    size_px, batch_size = config.data.image_size, config.train.batch_size
    images_BCHW = torch.randn(batch_size, 3, size_px, size_px, device=device)
    if config.train.channels_last:
        images_BCHW = images_BCHW.contiguous(memory_format=torch.channels_last)
    labels_B = torch.randint(num_classes, (batch_size,), device=device)
    while True:
        learner.step(images_BCHW, labels_B)
        yield batch_size
