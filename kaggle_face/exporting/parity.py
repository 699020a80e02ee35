"""Parity of a file with torch, and the speed of both.

Letters: N images, D embedding size, C classes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError, counted
from kaggle_face.inference.onnx_file import EMBEDDINGS, LOGITS, Precision

Pixels = npt.NDArray[np.uint8]
Float32 = npt.NDArray[np.float32]
Compute = Callable[[Pixels], Sequence[Float32]]

MOST_DISTANCE: Mapping[Precision, float] = {"fp32": 1e-4, "fp16": 1e-3}
"""The largest cosine distance, 1 - cos, of an image's embeddings by a file and by torch. INT8 has no bound:
its loss is measured instead."""
MOST_PROBABILITY: Mapping[Precision, float] = {"fp32": 1e-3, "fp16": 2e-2}
"""The largest difference of a class's probability."""

_PASSES, _SECONDS = 5, 2.0


@dataclass(frozen=True)
class Parity:
    """The largest differences of a file from torch over all images; None for outputs that it lacks.

    Attributes:
        cosine_distance: 1 - cos of the two embeddings of an image, in [0, 2].
        probability: Difference of a class's probability, in [0, 1].
    """

    cosine_distance: float | None
    probability: float | None


def compute_all(compute: Compute, images_NHW3: Pixels, batch_size: int) -> dict[int, Float32]:
    """Each output for all images, by its place among the outputs."""
    starts = range(0, len(images_NHW3), batch_size)
    parts = [compute(images_NHW3[start : start + batch_size]) for start in starts]
    return {place: np.concatenate([part[place] for part in parts]) for place in range(len(parts[0]))}


def measure_parity(
    outputs: Sequence[str], found: Mapping[int, Float32], expected: Mapping[int, Float32]
) -> Parity:
    """The largest distances of outputs from those of torch; one that is not a number counts most."""
    distance = probability = None
    for place, output in enumerate(outputs):
        if output == EMBEDDINGS:
            distance = _largest(1.0 - _cosines(found[place], expected[place]), 2.0)
        elif output == LOGITS:
            probability = _largest(
                np.abs(_probabilities(found[place]) - _probabilities(expected[place])), 1.0
            )
    return Parity(distance, probability)


def why_not_equal(parity: Parity, precision: Precision) -> str | None:
    """The difference of a file that is larger than allowed, in words; None where none is."""
    if precision not in MOST_DISTANCE:
        return None
    for value, most, what in (
        (parity.cosine_distance, MOST_DISTANCE[precision], "cosine distance of an embedding"),
        (parity.probability, MOST_PROBABILITY[precision], "difference of a probability"),
    ):
        if value is not None and not value <= most:
            return f"the largest {what} is {value:.2g}, at most {most:.0e} is allowed"
    return None


def require_parity(parity: Parity, precision: Precision, num_images: int) -> None:
    """Refuses a file that does not compute what torch computes.

    Raises:
        InputError: A difference is above the bound of the precision.
    """
    reason = why_not_equal(parity, precision)
    if reason is not None:
        raise InputError(
            f"the {precision} graph does not compute what torch computes: over "
            f"{counted(num_images, 'image')} {reason}; nothing was written; export another checkpoint"
        )


def images_per_second(compute: Compute, images_NHW3: Pixels) -> float:
    """The best of a few passes over a batch, after one that is not timed."""
    compute(images_NHW3)
    times: list[float] = []
    while len(times) < _PASSES and sum(times) < _SECONDS:
        began = time.perf_counter()
        compute(images_NHW3)
        times.append(time.perf_counter() - began)
    return len(images_NHW3) / max(min(times), 1e-9)


def _largest(values: npt.NDArray[np.float64], worst: float) -> float:
    return float(np.max(np.where(np.isnan(values), worst, values), initial=0.0))


def _cosines(first_ND: Float32, second_ND: Float32) -> npt.NDArray[np.float64]:
    first, second = first_ND.astype(np.float64), second_ND.astype(np.float64)
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines: npt.NDArray[np.float64] = (first * second).sum(axis=1) / lengths
    return cosines


def _probabilities(logits_NC: Float32) -> npt.NDArray[np.float64]:
    from scipy.special import softmax

    with np.errstate(invalid="ignore"):
        probabilities: npt.NDArray[np.float64] = softmax(logits_NC.astype(np.float64), axis=1)
    return probabilities
