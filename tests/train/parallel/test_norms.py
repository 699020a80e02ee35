"""Batch normalisation by the whole batch of several processes."""

from __future__ import annotations

import copy

import torch
from timm.layers import BatchNormAct2d  # type: ignore[attr-defined] # re-exported silently
from torch import Tensor, nn

from kaggle_face.train.distributed import SINGLE_PROCESS, DistributedContext
from kaggle_face.train.parallel.norms import statistics_in_training, synchronise_norms
from tests.support.processes import Processes
from tests.support.shared_training import WITH_BATCH_NORM, farthest, trained

IMAGES = torch.randn(7, 4, 3, 3, generator=torch.Generator().manual_seed(0)).mul(3.0).add(5.0)


def _layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(4, 4, 1),
        nn.BatchNorm2d(4),
        BatchNormAct2d(4, act_layer=nn.SiLU),
        nn.Flatten(),
        nn.BatchNorm1d(36, affine=False, momentum=None),
    )


def _passed(group: DistributedContext) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
    layers = _layers()
    if group.is_parallel:
        synchronise_norms(layers)
        assert statistics_in_training(layers) == []  # all processes have the same already
    own = IMAGES[group.share.of(len(IMAGES))]
    for _ in range(2):
        output = layers(own)
    (output.square() * torch.linspace(0, 1, 36)).sum().backward()
    gradients = {name: p.grad for name, p in layers.named_parameters() if p.grad is not None}
    assert torch.isfinite(copy.deepcopy(layers).eval()(own)).all()
    return output.detach(), gradients, layers.state_dict()


def test_layers_normalise_by_the_whole_batch(processes: Processes) -> None:
    results = processes(3, _passed)
    output, gradients, state = _passed(SINGLE_PROCESS)
    torch.testing.assert_close(torch.cat([found for found, _, _ in results]), output, rtol=1e-5, atol=1e-5)
    for name, gradient in gradients.items():
        total = sum(found[name] for _, found, _ in results)
        torch.testing.assert_close(total, gradient, rtol=1e-4, atol=1e-4)
    for name, tensor in state.items():
        for _, _, found in results:
            torch.testing.assert_close(found[name], tensor, rtol=1e-5, atol=1e-5)


def test_a_training_with_batch_norm_ends_where_one_process_ends(processes: Processes) -> None:
    case = (*WITH_BATCH_NORM, "train.sync_batchnorm=true", "augment.cutmix.probability=0.5")
    (first,), (second,) = processes(2, trained, [case], 4)
    (alone,) = trained(SINGLE_PROCESS, [case], 4)
    assert farthest(first, alone) < 1e-5
    assert farthest(first, second) == 0.0
