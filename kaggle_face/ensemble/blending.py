"""Weighted means of the predictions of several networks, in one of several spaces.

A logit of -inf marks a class that a network was never shown. The mean of such a class is taken over the
networks that know it, and probabilities are scaled to sum to one again; so a fold that held a person out
neither counts for nor against that person.

Letters: C classes, B rows of a block, P pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

import numpy as np

from kaggle_face.ensemble.postprocess.neighbours import highest_columns
from kaggle_face.evaluation.member_scores import MemberScores, finite_block, log_softmax
from kaggle_face.evaluation.pair_scales import PairSpace, pair_values
from kaggle_face.metrics.inputs import row_blocks
from kaggle_face.records import FloatArray

ClassSpace = Literal["probabilities", "log_probabilities", "ranks"]
CLASS_SPACES: tuple[ClassSpace, ...] = ("probabilities", "log_probabilities", "ranks")

RANKED_CLASSES = 16
"""Ranks differ down to this one; deeper ones are noise, and sorting 8,631 classes a row is slow."""

_LEAST_PROBABILITY = 1e-38  # float32's smallest normal number: below it the logarithm would be -inf


@dataclass(frozen=True, eq=False)
class WeightedTerm:
    """A network's part in a blend: its weight >= 0, and the temperature by which its logits are divided."""

    source: MemberScores
    weight: float
    temperature: float = 1.0


def blend_classes(
    terms: Sequence[WeightedTerm], space: ClassSpace, num_rows: int
) -> Iterator[tuple[slice, FloatArray]]:
    """The weighted mean of the networks, block by block: log-probabilities (B, C), or mean ranks.

    Raises:
        DataError: A network's logits of an image are all -inf, or +inf.
    """
    voting = [term for term in terms if term.weight > 0]
    num_classes = voting[0].source.values.shape[1]
    for part in row_blocks(num_rows, num_classes * 4):
        yield part, _blended_block(voting, space, part)


def class_values(logits_BC: FloatArray, space: ClassSpace, temperature: float = 1.0) -> FloatArray:
    """Logits in the space in which they are averaged; -inf where the class is unknown to the network.

    Ranks are reciprocal: 1 for the first class, 1/2 for the second, and so on (Cormack, Clarke and
    Buettcher 2009, "Reciprocal rank fusion", without their constant), 0 beyond `RANKED_CLASSES`.

    >>> class_values(np.log([[0.5, 0.25, 0.25]]), "probabilities").round(3).tolist()
    [[0.5, 0.25, 0.25]]
    >>> class_values(np.array([[2.0, 5.0, -np.inf]]), "ranks").tolist()
    [[0.5, 1.0, -inf]]
    """
    match space:
        case "probabilities":
            known_BC = logits_BC > -np.inf
            return np.where(known_BC, np.exp(log_softmax(logits_BC / temperature)), -np.inf)
        case "log_probabilities":
            return log_softmax(logits_BC / temperature)
        case "ranks":
            return _reciprocal_ranks(logits_BC)
        case _:
            assert_never(space)


def blend_pairs(terms: Sequence[WeightedTerm], space: PairSpace, num_pairs: int) -> FloatArray:
    """The weighted mean of the networks' scores (P)."""
    everything = slice(0, num_pairs)
    total_P, total_weight = np.zeros(num_pairs), 0.0
    for term in terms:
        if term.weight > 0:
            total_P += term.weight * pair_values(term.source.block(everything), space)
            total_weight += term.weight
    return np.asarray(total_P / total_weight)


def _blended_block(terms: Sequence[WeightedTerm], space: ClassSpace, part: slice) -> FloatArray:
    total_BC: FloatArray | None = None
    for term in terms:
        values_BC = class_values(finite_block(term.source, part), space, term.temperature)
        known_BC = values_BC > -np.inf
        if total_BC is None:
            total_BC, weight_BC = np.zeros_like(values_BC), np.zeros_like(values_BC)
        np.add(total_BC, term.weight * values_BC, out=total_BC, where=known_BC)
        np.add(weight_BC, term.weight, out=weight_BC, where=known_BC)
    assert total_BC is not None, "a blend without a term"
    known_BC = weight_BC > 0
    mean_BC = np.divide(total_BC, weight_BC, out=np.full_like(total_BC, -np.inf), where=known_BC)
    return _as_logits(mean_BC, space)


def _as_logits(mean_BC: FloatArray, space: ClassSpace) -> FloatArray:
    """A mean in its space, as log-probabilities; ranks stay as they are."""
    match space:
        case "probabilities":
            known_BC = mean_BC > -np.inf
            logs_BC = np.log(np.maximum(mean_BC, _LEAST_PROBABILITY))
            return log_softmax(np.where(known_BC, logs_BC, -np.inf))
        case "log_probabilities":
            return log_softmax(mean_BC)
        case "ranks":
            return mean_BC
        case _:
            assert_never(space)


def _reciprocal_ranks(logits_BC: FloatArray) -> FloatArray:
    depth = min(RANKED_CLASSES, logits_BC.shape[1])
    top_BK = highest_columns(logits_BC, depth)  # ascending, so that of equal logits the lower class is first
    order_BK = np.argsort(-np.take_along_axis(logits_BC, top_BK, axis=1), axis=1, kind="stable")
    top_BK = np.take_along_axis(top_BK, order_BK, axis=1)
    values_BC = np.zeros_like(logits_BC)
    np.put_along_axis(values_BC, top_BK, (1 / np.arange(1, depth + 1)).astype(logits_BC.dtype)[None], axis=1)
    values_BC[logits_BC == -np.inf] = -np.inf
    return values_BC
