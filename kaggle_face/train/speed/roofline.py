"""The least time that a training step can take on a GPU, calculated from its data sheet (a roofline).

Williams et al. 2009, doi:10.1145/1498765.1498785: a step takes no less than its operations at the peak of the
arithmetic units, and no less than its bytes at the bandwidth of the memory. Both are counted on the real
network, forward and backward, with tensors that have no memory. What is assumed:

- Operations are those of convolutions and matrix products. The backward pass has twice those of the forward
  pass: one product for the gradient of the weights, one for that of the input.
- Bytes are those of operators that run one by one, as without `torch.compile`: each reads its operands from
  the GPU's memory and writes its results there. A cache that holds a whole feature map would save some of it.
- An update reads weight, gradient and states of the optimiser once and writes weight and states once.
- Decoding, copies from the host and augmentation come on top.

Letters: B images, D embedding size, C classes (3 colours in BCHW), H height, W width.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from kaggle_face.config import Config, MarginConfig, ModelConfig
from kaggle_face.errors import ConfigError
from kaggle_face.model.heads.margin_heads import create_head
from kaggle_face.model.network import FaceNetwork, create_network
from kaggle_face.train.speed.estimate import FoldSize, training_passes
from kaggle_face.train.speed.gpus import Gpu, Precision

Unit = Literal["half", "float32 convolution", "float32 product"]
"""What operations run on: units for half precision, those for float32 convolutions (TF32 where there is any),
or those for float32 products, in which neck and head compute whatever `train.amp` is."""

_BACKWARD = 2
"""Products of the backward pass for each one of the forward pass."""
_WITHOUT_STATES = ("sgd",)
_ATTENTION = torch.ops.aten._scaled_dot_product_flash_attention
_ATTENTION_ON_CPU = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
"""Of which torch has no count; it computes the same."""


@dataclass(frozen=True)
class StepCost:
    """The cost of a training step on any GPU.

    Attributes:
        batch_size: B.
        operations: By unit, forward and backward; a multiplication and an addition are two.
        moved_bytes: That operators and the update read and write.
        lasting_bytes: Of memory for weights, gradients, states of the optimiser and averaged weights.
        saved_bytes: Of memory for what the forward pass keeps for the backward pass.
    """

    batch_size: int
    operations: dict[Unit, float]
    moved_bytes: float
    lasting_bytes: float
    saved_bytes: float

    @property
    def memory_bytes(self) -> float:
        """The memory that a step needs at least."""
        return self.lasting_bytes + self.saved_bytes


@dataclass(frozen=True)
class Floor:
    """The least time of a step on a GPU, in seconds, by its arithmetic and by its memory."""

    batch_size: int
    arithmetic_seconds: float
    memory_seconds: float

    @property
    def images_per_second(self) -> float:
        """The most that a training can reach."""
        return self.batch_size / max(self.arithmetic_seconds, self.memory_seconds)

    @property
    def bound_by(self) -> Literal["arithmetic", "memory"]:
        """The slower of arithmetic and memory."""
        return "arithmetic" if self.arithmetic_seconds >= self.memory_seconds else "memory"


def floor_on(gpu: Gpu, cost: StepCost) -> Floor:
    """The least time of a step on a GPU."""
    peaks: dict[Unit, float] = {
        "half": gpu.half_tflops,
        "float32 convolution": gpu.tf32_tflops or gpu.fp32_tflops,
        "float32 product": gpu.fp32_tflops,
    }
    arithmetic = sum(count / (1e12 * peaks[unit]) for unit, count in cost.operations.items())
    return Floor(cost.batch_size, arithmetic, cost.moved_bytes / (1e9 * gpu.gb_per_second))


def count_step(config: Config, num_classes: int, precision: Precision) -> StepCost:
    """The cost of a training step of the settings.

    Args:
        config: The settings; batch, network, head, optimiser and averaged weights are looked at.
        num_classes: C.
        precision: Of backbone and pooling; neck, head and loss are float32 in any.

    Raises:
        ConfigError: The settings make no network.
    """
    batch, size_px = config.train.batch_size, config.data.image_size
    plain = {"pretrained": False, "weights": None, "weights_key": None, "init_from": None, "head": "linear"}
    model = config.model.model_copy(update=plain).model_dump_json()
    network = _pass_of_network(model, size_px, batch, precision != "fp32")
    head = _pass_of_head(config.model, config.margin, network.embedding_size, num_classes, batch)
    operations: dict[Unit, float] = defaultdict(float)
    for part in (network, head):
        for unit, count in part.forward_operations.items():
            operations[unit] += (1 + _BACKWARD) * count
    states = 2 if config.optim.name not in _WITHOUT_STATES else int(config.optim.momentum > 0.0)
    averages = int(config.train.ema_decay is not None)
    parameters = 4.0 * (network.parameters + head.parameters)
    update = parameters * ((3 + 2 * states) / config.train.accumulate_steps + 3 * averages)
    return StepCost(
        batch,
        {unit: float(count) for unit, count in operations.items()},
        network.moved_bytes + head.moved_bytes + update,
        parameters * (2 + states + averages),
        network.saved_bytes + head.saved_bytes,
    )


def least_fold_seconds(config: Config, size: FoldSize, gpu: Gpu) -> float:
    """The least time of a fold on a GPU in the precision of `train.amp=auto`; nothing is measured.

    Raises:
        ConfigError: The settings make no network.
    """
    floor = floor_on(gpu, count_step(config, size.num_classes, gpu.amp))
    return training_passes(config, size) / floor.images_per_second


@dataclass(frozen=True)
class _Pass:
    """A forward and a backward pass of a part of the network."""

    parameters: int
    forward_operations: dict[Unit, int]
    moved_bytes: float
    saved_bytes: float
    embedding_size: int


@lru_cache(maxsize=16)
def _pass_of_network(model_json: str, size_px: int, batch: int, is_half: bool) -> _Pass:
    """Backbone, pooling and neck; the settings are text, by which the result is kept."""
    fake = FakeTensorMode()
    network = _network_without_memory(ModelConfig.model_validate_json(model_json), size_px, fake).train()
    parameters = sum(each.numel() for each in network.parameters())
    parameters -= sum(each.numel() for each in network.head.parameters())

    def forward() -> Tensor:
        images_BCHW = torch.empty(batch, 3, size_px, size_px).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_half):
            embeddings: Tensor = network(images_BCHW)
        return embeddings

    return _counted(fake, forward, parameters, network.embedding_size)


def _network_without_memory(model: ModelConfig, size_px: int, fake: FakeTensorMode) -> FaceNetwork:
    """A network whose tensors are shapes alone; some of timm are built from values, so really at first."""
    with torch.random.fork_rng([]):
        try:
            with fake:
                return create_network(model, MarginConfig(), 1, size_px, load_weights=False)
        except ConfigError:
            network = create_network(model, MarginConfig(), 1, size_px, load_weights=False)
    _make_fake(network, fake)
    return network


def _pass_of_head(
    model: ModelConfig, margin: MarginConfig, embedding_size: int, num_classes: int, batch: int
) -> _Pass:
    """Head and cross entropy."""
    fake = FakeTensorMode()
    with fake:
        head = create_head(model, margin, embedding_size, num_classes, torch.ones(num_classes)).train()
        embeddings_BD = torch.empty(batch, embedding_size, requires_grad=True)
        labels_B = torch.zeros(batch, dtype=torch.int64)

    def forward() -> Tensor:
        classes = head.choose_classes(labels_B[None], torch.Generator(), batch)
        similarity_BC = head.similarity(embeddings_BD, classes)
        logits_BC = head.margin_logits(similarity_BC, labels_B, embeddings_BD.detach().norm(dim=1), classes)
        return F.cross_entropy(logits_BC, classes.positions(labels_B))

    return _counted(fake, forward, sum(each.numel() for each in head.parameters()), embedding_size)


def _make_fake(network: FaceNetwork, fake: FakeTensorMode) -> None:
    """Gives parameters and buffers no memory."""
    for module in network.modules():
        for name, weight in list(module._parameters.items()):
            if weight is not None:
                without = fake.from_tensor(weight.detach())
                module._parameters[name] = nn.Parameter(without, requires_grad=weight.requires_grad)
        for name, buffer in list(module._buffers.items()):
            if buffer is not None:
                module._buffers[name] = fake.from_tensor(buffer)


def _counted(
    fake: FakeTensorMode, forward: Callable[[], Tensor], parameters: int, embedding_size: int
) -> _Pass:
    saved: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, nn.Parameter):
            storage = tensor.untyped_storage()
            saved[storage._cdata] = storage.nbytes()
        return tensor

    with fake, _Counting() as counting:
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            result = forward()
        counting.is_forward = False
        result.sum().backward()  # type: ignore[no-untyped-call]
    return _Pass(
        parameters, dict(counting.operations), counting.moved_bytes, sum(saved.values()), embedding_size
    )


class _Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of all operators, and the operations of those of the forward pass."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations: Counter[Unit] = Counter()
        self.moved_bytes = 0
        self.is_forward = True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func.namespace != "aten" or func.is_view:
            return result
        operands = [each for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)]
        results = [each for each in tree_leaves(result) if isinstance(each, Tensor)]
        self.moved_bytes += sum(each.numel() * each.element_size() for each in (*operands, *results))
        kind = _ATTENTION if func._overloadpacket is _ATTENTION_ON_CPU else func._overloadpacket
        if self.is_forward and kind in flop_registry:
            count = flop_registry[kind](*args, **kwargs, out_val=result)
            self.operations[_unit_of(func, operands[0])] += count
        return result


def _unit_of(func: Any, operand: Tensor) -> Unit:
    if operand.element_size() == 2:
        return "half"
    is_convolution = "convolution" in func._overloadpacket.__name__
    return "float32 convolution" if is_convolution else "float32 product"
