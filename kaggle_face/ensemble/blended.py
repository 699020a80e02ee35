"""Application of the chosen blend to the test records: the record that `submit` takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.record_io import (
    read_pairs,
    write_embeddings,
    write_pair_scores,
    write_prediction_blocks,
)
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.ensemble.blending import ClassSpace, WeightedTerm, blend_classes, blend_pairs
from kaggle_face.ensemble.postprocess.class_neighbours import (
    NeighbourRecipe,
    open_voting_networks,
    with_votes,
)
from kaggle_face.ensemble.postprocess.cohorts import cohort_of
from kaggle_face.ensemble.postprocess.pair_recipes import PairRecipe, Recipe, projected, recipe_scores
from kaggle_face.evaluation.member_scores import (
    MemberScores,
    TestScores,
    open_embeddings,
    open_test_logits,
    open_test_scores,
    shared_rows,
)
from kaggle_face.evaluation.members import Member
from kaggle_face.evaluation.pair_scales import PairSpace
from kaggle_face.progress import Progress
from kaggle_face.records import Embeddings, FloatArray, PairScores, StrArray, positions_of

_NO_NEIGHBOURS, _PLAIN_COSINE = NeighbourRecipe(), PairRecipe()


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
    """The members with a weight above zero."""
    return tuple(member for member, weight in zip(blend.members, blend.weights, strict=True) if weight > 0)


def write_class_blend(
    blend: ClassBlend, folder: Path, progress: Progress, recipe: NeighbourRecipe = _NO_NEIGHBOURS
) -> Path:
    """Blends the test predictions, block by block, with the neighbours' share; the path of the record.

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
    terms = [
        WeightedTerm(source, weight / len(member_scores), temperature)
        for member_scores, (weight, temperature) in zip(test.members, chosen, strict=True)
        for source in member_scores
    ]
    path = folder / "predictions"
    blocks = blend_classes(terms, blend.space, len(test.ids))
    if not recipe.is_plain:
        weights = [weight for weight, _ in chosen]
        networks = open_voting_networks(used_members(blend), weights, test.ids, len(test.class_names))
        blocks = with_votes(blocks, networks, recipe)
    write_prediction_blocks(path, test.ids, test.class_names, _counted(blocks, test, progress))
    return path


def write_pair_blend(blend: PairBlend, folder: Path, recipe: PairRecipe = _PLAIN_COSINE) -> Path:
    """Blends the scores of the test pairs, after post-processing; the path of the record.

    Raises:
        RunError: A record is missing, or records do not fit together.
        DataError: A record holds NaN, or an image of a pair has no embedding.
    """
    test = open_test_scores(used_members(blend))
    weights = [weight for weight in blend.weights if weight > 0]
    terms = []
    for member, member_scores, weight in zip(used_members(blend), test.members, weights, strict=True):
        for fold, source in zip(member.folds, member_scores, strict=True):
            if not recipe.is_plain:
                source = MemberScores(source.name, _processed(member, fold, test.ids, recipe))
            terms.append(WeightedTerm(source, weight / len(member_scores)))
    path = folder / "pairs"
    write_pair_scores(path, PairScores(test.ids, blend_pairs(terms, blend.space, len(test.ids))))
    return path


def write_embedding_blend(blend: PairBlend, folder: Path, recipe: Recipe = _PLAIN_COSINE) -> Path:
    """Joins the test embeddings of all networks, for galleries; the path of the record.

    Of the recipe only centring and whitening are done: the other steps depend on what is compared, and what
    they make of a gallery `write_gallery_blend` writes.

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
            if recipe.centring or recipe.whitening is not None:
                vectors, _ = projected(recipe, vectors, cohort_of(member, fold, first.image_ids))
            parts.append(weighted_unit_vectors(vectors, weight / len(member.folds)))
    path = folder / "embeddings"
    write_embeddings(path, Embeddings(first.image_ids, np.concatenate(parts, axis=1)))
    return path


def _processed(member: Member, fold: FoldFolder, pair_ids: StrArray, recipe: PairRecipe) -> FloatArray:
    """A network's scores of the test pairs, in the order of `pair_ids`, after post-processing."""
    pairs = read_pairs(fold.pairs_file("test"))
    rows = positions_of(pair_ids, pairs.pair_ids, f"test pairs of {member.network_name(fold)}")
    image_ids, codes = np.unique(
        np.concatenate([pairs.first_ids[rows], pairs.second_ids[rows]]), return_inverse=True
    )
    vectors = open_embeddings(member, fold, "test").aligned_to(image_ids).vectors
    first, second = codes.reshape(2, -1).astype(np.int64)
    return recipe_scores(recipe, vectors, first, second, cohort_of(member, fold, image_ids))


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
    blocks: Iterator[tuple[slice, FloatArray]], test: TestScores, progress: Progress
) -> Iterator[tuple[slice, FloatArray]]:
    with progress.track("blending", len(test.ids), "images") as counter:
        for part, block in blocks:
            yield part, block
            counter.advance(part.stop - part.start)


def plain_weights(members: Sequence[Member]) -> tuple[float, ...]:
    """The same weight for each member."""
    return (1 / len(members),) * len(members)
