"""A run's or a blend's networks as one graph: from uint8 images to embeddings of length 1, or to logits.

The graph repeats, step by step, what prediction does after a picture was resized: scaling of the pixels,
mirror image and crops, backbone, pooling, neck and head, then the weights of a blend.

Letters: B images, H and W of an image, D embedding size, C classes.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, assert_never, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from kaggle_face.errors import InputError, MissingExtraError
from kaggle_face.inference.onnx_file import EMBEDDINGS, INPUT, LOGITS, OutputName
from kaggle_face.model.network import FaceNetwork

OUTPUTS: tuple[OutputName, ...] = get_args(OutputName)
ClassSpace = Literal["probabilities", "log_probabilities"]
"""In which space the networks of a blend are averaged."""

_OPSET = 17  # the lowest with LayerNormalization, which transformers are made of
_LARGEST_PIXEL = 255.0
_TINY = float(np.finfo(np.float32).tiny)
_LEAST_PROBABILITY = 1e-38  # as blends take logarithms


@dataclass(frozen=True, eq=False)
class Part:
    """A network of a graph, on the CPU, and its share.

    Attributes:
        network: The trained network.
        flip: Whether its embeddings are means over the image and its mirror image.
        crops: Whether they are means over moved crops.
        known: Which classes (C) it was trained on; others get a logit of -inf.
        pair_share: Its weight among the embeddings, >= 0; all sum to 1. 0: it gives none.
        class_share: Its weight among the logits, >= 0; all sum to 1. 0: it gives none.
        temperature: What its logits are divided by.
    """

    network: FaceNetwork
    flip: bool
    crops: bool
    known: npt.NDArray[np.bool_]
    pair_share: float = 1.0
    class_share: float = 1.0
    temperature: float = 1.0


class InputScaling(nn.Module):
    """Scaling of uint8 pixels (B, H, W, 3) to the input of a backbone (B, 3, H, W)."""

    def __init__(self, network: FaceNetwork) -> None:
        super().__init__()
        self.mean = nn.Buffer(_LARGEST_PIXEL * network.backbone.input_mean)
        self.factor = nn.Buffer(1.0 / (_LARGEST_PIXEL * network.backbone.input_std))

    def forward(self, images_BHW3: Tensor) -> Tensor:
        """The output of `FaceNetwork.normalize`."""
        scaled_BHW3 = (images_BHW3.to(torch.float32) - self.mean) * self.factor
        return scaled_BHW3.permute(0, 3, 1, 2)


class NetworkOfGraph(nn.Module):
    """A network with the scaling of its input and its test-time augmentation."""

    def __init__(self, part: Part) -> None:
        super().__init__()
        self.input_scaling = InputScaling(part.network)
        self.network = part.network
        self.network.averages_crops = part.crops
        self.flip = part.flip

    def forward(self, images_BHW3: Tensor) -> Tensor:
        """Embeddings (B, D) of any length."""
        images = self.input_scaling(images_BHW3)
        if not self.flip:
            return self.network(images)  # type: ignore[no-any-return]
        first_BD, second_BD = self.network(torch.cat([images, images.flip(-1)])).chunk(2)
        mean_BD: Tensor = (first_BD + second_BD) / 2.0
        return mean_BD


class JoinedEmbeddings(nn.Module):
    """Embeddings of several networks side by side, of length 1; see `weighted_unit_vectors` of blends."""

    def __init__(self, shares: Sequence[float]) -> None:
        super().__init__()
        self.factors = [share**0.5 for share in shares]

    def forward(self, embeddings: list[Tensor]) -> Tensor:
        """Embeddings (B, sum of D) whose cosines are the weighted means of the networks' cosines."""
        units = [F.normalize(each, dim=1, eps=_TINY) for each in embeddings]
        if len(units) == 1:
            return units[0]
        return torch.cat([unit * factor for unit, factor in zip(units, self.factors, strict=True)], dim=1)


class ClassScores(nn.Module):
    """The logits of a network, or log-probabilities of a blend; -inf for classes without training images.

    Without a space it is one network, whose logits stay as they are. In a blend the mean of a class is taken
    over the networks that know it, as `blend_classes` does it.
    """

    def __init__(self, parts: Sequence[Part], space: ClassSpace | None) -> None:
        super().__init__()
        self.heads = nn.ModuleList(part.network.head for part in parts)
        self.shares = [part.class_share for part in parts]
        self.temperatures = [part.temperature for part in parts]
        self.space = space
        known_MC = torch.from_numpy(np.stack([part.known for part in parts]))
        weights_C = (torch.tensor(self.shares)[:, None] * known_MC).sum(dim=0)
        self.known = nn.Buffer(known_MC)
        self.weights = nn.Buffer(torch.where(weights_C > 0, weights_C, 1.0))
        self.all_known = bool(known_MC.all())

    def forward(self, embeddings: list[Tensor]) -> Tensor:
        """Logits (B, C)."""
        logits = [
            self._known(head.logits(head.similarity(each)), self.known[number])  # type: ignore[operator]
            for number, (head, each) in enumerate(zip(self.heads, embeddings, strict=True))
        ]
        if self.space is None:
            return logits[0]
        total_BC = sum(
            share * self._finite(_in_space(logits_BC / temperature, self.space), self.known[number])
            for number, (logits_BC, share, temperature) in enumerate(
                zip(logits, self.shares, self.temperatures, strict=True)
            )
        )
        mean_BC: Tensor = total_BC / self.weights
        if self.space == "probabilities":
            mean_BC = mean_BC.clamp(min=_LEAST_PROBABILITY).log()
        return self._known(mean_BC, self.known.any(dim=0)).log_softmax(dim=1)

    def _known(self, values_BC: Tensor, known_C: Tensor) -> Tensor:
        if self.all_known:
            return values_BC
        return torch.where(known_C, values_BC, torch.tensor(-torch.inf))

    def _finite(self, values_BC: Tensor, known_C: Tensor) -> Tensor:
        return values_BC if self.all_known else torch.where(known_C, values_BC, torch.tensor(0.0))


def _in_space(logits_BC: Tensor, space: ClassSpace) -> Tensor:
    match space:
        case "probabilities":
            return logits_BC.softmax(dim=1)
        case "log_probabilities":
            return logits_BC.log_softmax(dim=1)
        case _:
            assert_never(space)


class ExportedGraph(nn.Module):
    """All networks and their combination: the module that is traced, and that parity is measured by."""

    def __init__(
        self, parts: Sequence[Part], outputs: Sequence[OutputName], space: ClassSpace | None
    ) -> None:
        super().__init__()
        self.outputs = tuple(outputs)
        self.networks = nn.ModuleList(NetworkOfGraph(part) for part in parts)
        pairs = [(number, part) for number, part in enumerate(parts) if part.pair_share > 0]
        classes = [(number, part) for number, part in enumerate(parts) if part.class_share > 0]
        self._pair_rows, self._class_rows = [row for row, _ in pairs], [row for row, _ in classes]
        if EMBEDDINGS in outputs:
            self.joined_embeddings = JoinedEmbeddings([part.pair_share for _, part in pairs])
        if LOGITS in outputs:
            self.class_scores = ClassScores([part for _, part in classes], space)
        self.eval()

    def forward(self, images_BHW3: Tensor) -> tuple[Tensor, ...]:
        """The chosen outputs, in the order of `OUTPUTS`."""
        found = [network(images_BHW3) for network in self.networks]
        results = []
        for output in self.outputs:
            if output == EMBEDDINGS:
                results.append(self.joined_embeddings([found[row] for row in self._pair_rows]))
            else:
                results.append(self.class_scores([found[row] for row in self._class_rows]))
        return tuple(results)

    @torch.inference_mode()
    def compute(self, images_BHW3: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
        """The outputs for a batch, by torch."""
        return [each.numpy() for each in self(torch.from_numpy(images_BHW3))]


def trace_graph(graph: ExportedGraph, image_size: int) -> bytes:
    """The graph as an ONNX file, float32, for any number of images.

    torch's older exporter is used: torch 2.6 to 2.14 have it, it needs no further package, and one file of
    it holds weights and graph.

    Raises:
        MissingExtraError: onnx is not installed.
        InputError: torch cannot export a step of the network.
    """
    try:
        import onnx  # noqa: F401 # torch imports it at the end of the work
    except ImportError:
        raise MissingExtraError("onnx", "onnx") from None
    example = torch.zeros((2, image_size, image_size, 3), dtype=torch.uint8)
    names = list(graph.outputs)
    try:
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.no_grad():
            path = Path(folder, "graph.onnx")
            warnings.simplefilter("ignore")  # of tracing; parity shows whether it was right
            torch.onnx.export(
                graph,
                (example,),
                str(path),
                input_names=[INPUT],
                output_names=names,
                dynamic_axes={name: {0: "images"} for name in (INPUT, *names)},
                opset_version=_OPSET,
                dynamo=False,
            )
            return path.read_bytes()
    except OSError:
        raise  # of the disk
    except Exception as error:  # the exporter raises what it likes
        words = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(f"torch cannot export this network to ONNX: {words[:200]}") from error
