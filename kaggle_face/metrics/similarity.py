"""Cosine scores of trials: each image's embedding is normalised once, however many trials name it.

Letters: N images, D embedding size, P pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.records import Embeddings, Pairs, PairScores, positions_of

Float32 = npt.NDArray[np.float32]


def normalized(vectors_ND: npt.NDArray[np.floating[Any]]) -> Float32:
    """Vectors of length one in float32; a zero vector stays zero.

    >>> normalized(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    vectors = np.asarray(vectors_ND, dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Float32 = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return unit


def score_pairs(embeddings: Embeddings, pairs: Pairs, pairs_at_once: int = 65_536) -> PairScores:
    """The cosine of the two embeddings of each trial, float32 in [-1, 1].

    Memory beyond the embeddings stays bounded: trials are scored in chunks.

    >>> faces = Embeddings(np.array(["a", "b"]), np.array([[1.0, 0.0], [1.0, 1.0]]))
    >>> trial = Pairs(np.array(["0"]), np.array(["a"]), np.array(["b"]), np.array([1]))
    >>> round(float(score_pairs(faces, trial).scores[0]), 6)  # cos 45 degrees
    0.707107

    Raises:
        DataError: A trial names an image without an embedding.
    """
    unit_ND = normalized(embeddings.vectors)
    first = positions_of(pairs.first_ids, embeddings.image_ids, "embedded images")
    second = positions_of(pairs.second_ids, embeddings.image_ids, "embedded images")
    scores = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), pairs_at_once):
        rows = slice(start, start + pairs_at_once)
        np.einsum("pd,pd->p", unit_ND[first[rows]], unit_ND[second[rows]], out=scores[rows])
    np.clip(scores, -1.0, 1.0, out=scores)
    return PairScores(pairs.pair_ids, scores, pairs.labels)
