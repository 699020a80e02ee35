"""A nearest-neighbour classifier of embeddings, blended with the networks' probabilities.

A network has not seen the images of its own fold, so its embeddings of them are like those of the test set;
together the folds' held-out images are the whole training set. Each network searches its own fold: an
out-of-fold image among all others of the fold, a test image among all. Source of the blend: the first place
of the whale identification competition (humpback-whale-identification), 2019.

Letters: Q queries, K neighbours, C classes, J likely classes, M members, N images, B rows of a block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.artifacts.tables import read_table
from kaggle_face.config.values import MOST
from kaggle_face.ensemble.postprocess.neighbours import nearest
from kaggle_face.evaluation.member_scores import open_embeddings, read_labels
from kaggle_face.evaluation.members import Member
from kaggle_face.metrics.similarity import normalized
from kaggle_face.records import FloatArray, IntArray, StrArray, positions_of

MOST_NEIGHBOURS = 20


@dataclass(frozen=True)
class NeighbourRecipe:
    """The number of voting neighbours, their temperature (low: the nearest decides) and their share."""

    count: int = 0
    temperature: float = 0.1
    share: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether the neighbours have no share."""
        return self.share == 0

    def __str__(self) -> str:
        """The settings, as a table shows them."""
        if self.is_plain:
            return "neighbours"
        return f"neighbours(count={self.count}, temperature={self.temperature}, share={self.share})"


RECIPES: tuple[NeighbourRecipe, ...] = tuple(
    NeighbourRecipe(count, temperature, share)
    for count in (5, MOST_NEIGHBOURS)
    for temperature in (0.05, 0.15)
    for share in (0.1, 0.25, 0.4, 0.6)
)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The classes (Q, K) of each query's neighbours, nearest first, and their cosines (Q, K)."""

    labels: IntArray
    cosines: FloatArray

    def votes(self, recipe: NeighbourRecipe) -> FloatArray:
        """The weight (Q, K) of each neighbour: a softmax of the cosines of those that vote."""
        count = min(recipe.count, self.labels.shape[1])
        weights = np.zeros(self.cosines.shape, np.float32)
        odds = np.exp((self.cosines[:, :count] - self.cosines[:, :1]) / recipe.temperature)
        weights[:, :count] = odds / odds.sum(axis=1, keepdims=True)
        return weights


def held_out_neighbours(member: Member, fold: FoldFolder, image_ids: StrArray) -> Neighbours:
    """The neighbours of held-out images among all others of their fold, as the fold's network sees them.

    Raises:
        RunError: The member has no out-of-fold embeddings.
        DataError: An image has none.
    """
    gallery_ids, labels, gallery = _gallery(member, fold)
    own = positions_of(image_ids, gallery_ids, f"held-out images of {member.network_name(fold)}")
    rows, cosines = nearest(gallery[own], gallery, MOST_NEIGHBOURS + 1)
    # The image itself goes to the end and is cut off, wherever duplicates of it put it.
    order = np.argsort(rows == own[:, None], axis=1, kind="stable")
    rows = np.take_along_axis(rows, order, axis=1)[:, :-1]
    cosines = np.take_along_axis(cosines, order, axis=1)[:, :-1]
    return Neighbours(labels[rows], cosines)


def candidate_votes(neighbours: Neighbours, recipe: NeighbourRecipe, classes_QJ: IntArray) -> FloatArray:
    """The votes of the neighbours for each candidate (Q, J + 1); last the most that any other class gets.

    >>> found = Neighbours(np.array([[7, 8]]), np.array([[0.5, 0.5]]))
    >>> candidate_votes(found, NeighbourRecipe(2, 0.1, 0.5), np.array([[3, 7]])).tolist()
    [[0.0, 0.5, 0.5]]
    """
    if neighbours.labels.shape[1] == 0:
        return np.zeros((len(classes_QJ), classes_QJ.shape[1] + 1), np.float32)
    weights_QK = neighbours.votes(recipe)
    is_candidate_QKJ = neighbours.labels[:, :, None] == classes_QJ[:, None, :]
    votes_QJ = np.einsum("qk,qkj->qj", weights_QK, is_candidate_QKJ.astype(np.float32))
    outside_QK = np.where(is_candidate_QKJ.any(axis=2), 0, weights_QK)
    same_QKK = neighbours.labels[:, :, None] == neighbours.labels[:, None, :]
    others_Q1 = np.einsum("qk,qkl->ql", outside_QK, same_QKK.astype(np.float32)).max(axis=1, keepdims=True)
    return np.concatenate([votes_QJ, others_Q1], axis=1)


@dataclass(frozen=True, eq=False)
class VotingNetwork:
    """The test images' neighbours in a network's fold, 1 for each class (C) that it holds, and its weight."""

    neighbours: Neighbours
    known: FloatArray
    weight: float


def open_voting_networks(
    members: Sequence[Member], weights: Sequence[float], image_ids: StrArray, num_classes: int
) -> list[VotingNetwork]:
    """Finds the test images' neighbours in every fold of every member.

    Raises:
        RunError: A member has no embeddings.
        DataError: A test image has none.
    """
    networks = []
    for member, weight in zip(members, weights, strict=True):
        for fold in member.folds:
            _, labels, gallery = _gallery(member, fold, num_classes)
            embeddings = open_embeddings(member, fold, "test")
            rows = positions_of(image_ids, embeddings.image_ids, f"images of {member.network_name(fold)}")
            queries = normalized(embeddings.vectors[rows])
            found, cosines = nearest(queries, gallery, MOST_NEIGHBOURS)
            known_C = np.zeros(num_classes, np.float32)
            known_C[labels] = 1
            networks.append(
                VotingNetwork(Neighbours(labels[found], cosines), known_C, weight / len(member.folds))
            )
    return networks


def with_votes(
    blocks: Iterator[tuple[slice, FloatArray]], networks: Sequence[VotingNetwork], recipe: NeighbourRecipe
) -> Iterator[tuple[slice, FloatArray]]:
    """Log-probabilities of a blend, block by block, with the neighbours' share mixed in."""
    votes = [network.neighbours.votes(recipe) for network in networks]
    heard_C = sum(network.weight * network.known for network in networks)
    for part, logits_BC in blocks:
        total_BC = np.zeros_like(logits_BC)
        for network, weights_QK in zip(networks, votes, strict=True):
            rows = np.arange(part.stop - part.start)[:, None]
            np.add.at(total_BC, (rows, network.neighbours.labels[part]), network.weight * weights_QK[part])
        total_BC = np.divide(total_BC, heard_C, out=np.zeros_like(total_BC), where=heard_C > 0)
        total_BC /= np.maximum(total_BC.sum(axis=1, keepdims=True), 1e-12)
        mixed_BC = (1 - recipe.share) * np.exp(logits_BC) + recipe.share * total_BC
        with np.errstate(divide="ignore"):
            yield part, np.log(mixed_BC)


def _gallery(
    member: Member, fold: FoldFolder, num_classes: int = MOST
) -> tuple[StrArray, IntArray, FloatArray]:
    """Ids, classes and unit embeddings of the labelled images that a fold holds out."""
    ids = np.sort(read_table(fold.labels_file, ["image_id"])["image_id"])
    embeddings = open_embeddings(member, fold, "oof")
    rows = positions_of(ids, embeddings.image_ids, f"embeddings of {member.network_name(fold)}")
    return ids, read_labels(fold, ids, num_classes), normalized(embeddings.vectors[rows])
