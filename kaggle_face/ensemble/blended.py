"""The blend that was chosen, carried out on the test records: the one record that `submit` takes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.stored import write_embeddings, write_pair_scores, write_prediction_blocks
from kaggle_face.ensemble.blending import ClassSpace, PairSpace, Vote, blend_classes, blend_pairs
from kaggle_face.ensemble.members import Member
from kaggle_face.ensemble.sources import (
    TestLogits,
    open_embeddings,
    open_test_logits,
    open_test_scores,
    shared_rows,
)
from kaggle_face.progress import Progress
from kaggle_face.records import Embeddings, FloatArray, PairScores


@dataclass(frozen=True)
class ClassBlend:
    """Weights (sum 1) and temperatures of the members of a classification blend, and their space."""

    members: tuple[Member, ...]
    weights: tuple[float, ...]
    temperatures: tuple[float, ...]
    space: ClassSpace = "probabilities"

    def __post_init__(self) -> None:
        assert len(self.members) == len(self.weights) == len(self.temperatures)


@dataclass(frozen=True)
class PairBlend:
    """Weights (sum 1) of the members of a verification blend, and the space of their scores."""

    members: tuple[Member, ...]
    weights: tuple[float, ...]
    space: PairSpace = "scores"

    def __post_init__(self) -> None:
        assert len(self.members) == len(self.weights)


def used_members(blend: ClassBlend | PairBlend) -> tuple[Member, ...]:
    """The members whose weight is not zero."""
    return tuple(member for member, weight in zip(blend.members, blend.weights, strict=True) if weight > 0)


def forget_blend(run: RunFolder) -> None:
    """Removes an older blend, so that no record of it is taken for one of the new."""
    shutil.rmtree(run.ensemble_folder, ignore_errors=True)


def write_class_blend(blend: ClassBlend, folder: Path, progress: Progress) -> Path:
    """Blends the test predictions, block by block; the path of the record.

    Raises:
        RunError: A record is missing, or records do not fit together.
        DataError: A record holds NaN.
    """
    test = open_test_logits(used_members(blend))
    chosen = [
        (weight, temperature)
        for weight, temperature in zip(blend.weights, blend.temperatures, strict=True)
        if weight > 0
    ]
    votes = [
        Vote(source, weight / len(sources), temperature)
        for sources, (weight, temperature) in zip(test.members, chosen, strict=True)
        for source in sources
    ]
    path = folder / "predictions"
    blocks = blend_classes(votes, blend.space, len(test.image_ids))
    write_prediction_blocks(path, test.image_ids, test.class_names, _counted(blocks, test, progress))
    return path


def write_pair_blend(blend: PairBlend, folder: Path) -> Path:
    """Blends the scores of the test pairs; the path of the record.

    Raises:
        RunError: A record is missing, or records do not fit together.
        DataError: A record holds NaN.
    """
    test = open_test_scores(used_members(blend))
    weights = [weight for weight in blend.weights if weight > 0]
    votes = [
        Vote(source, weight / len(sources))
        for sources, weight in zip(test.members, weights, strict=True)
        for source in sources
    ]
    path = folder / "pairs"
    write_pair_scores(path, PairScores(test.pair_ids, blend_pairs(votes, blend.space, len(test.pair_ids))))
    return path


def write_embedding_blend(blend: PairBlend, folder: Path) -> Path:
    """Joins the test embeddings of all networks, for galleries; the path of the record.

    Raises:
        RunError: A record is missing, or records do not fit together.
        DataError: An embedding holds NaN.
    """
    parts: list[FloatArray] = []
    members = used_members(blend)
    weights = [weight for weight in blend.weights if weight > 0]
    first = open_embeddings(members[0], members[0].folds[0], "test")
    for member, weight in zip(members, weights, strict=True):
        for fold in member.folds:
            found = open_embeddings(member, fold, "test")
            rows = shared_rows(first.image_ids, found.image_ids, members[0].name, member.network_name(fold))
            vectors = found.vectors if rows is None else found.vectors[rows]
            parts.append(weighted_unit_vectors(vectors, weight / len(member.folds)))
    path = folder / "embeddings"
    write_embeddings(path, Embeddings(first.image_ids, np.concatenate(parts, axis=1)))
    return path


def weighted_unit_vectors(vectors_ND: FloatArray, weight: float) -> FloatArray:
    """Vectors (N, D) of length sqrt(weight), in half precision.

    Joined side by side with those of other networks, whose weights make up 1 together, they are unit
    vectors again, and their cosine is the weighted mean of the networks' cosines: joining normalised
    embeddings and averaging scores are one and the same.
    """
    lengths_N1 = np.linalg.norm(np.asarray(vectors_ND, np.float32), axis=1, keepdims=True)
    scaled = vectors_ND / np.where(lengths_N1 > 0, lengths_N1, 1) * np.float32(np.sqrt(weight))
    return np.asarray(scaled, np.float16)


def _counted(
    blocks: Iterator[tuple[slice, FloatArray]], test: TestLogits, progress: Progress
) -> Iterator[tuple[slice, FloatArray]]:
    with progress.count("blending", len(test.image_ids), "images") as counter:
        for part, block in blocks:
            yield part, block
            counter.advance(part.stop - part.start)


def plain_weights(members: Sequence[Member]) -> tuple[float, ...]:
    """The same weight for each member."""
    return (1 / len(members),) * len(members)
