"""Search of a gallery of known people: the best match of each probe, and the threshold of a match.

Letters: P probes, K known people, D embedding size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaggle_face.errors import DataError
from kaggle_face.metrics.identification import GalleryThreshold, best_gallery_threshold
from kaggle_face.metrics.similarity import Float32, add_by_group, normalize_in_place, normalized
from kaggle_face.records import Embeddings, Gallery, IntArray, StrArray, positions_of

_PROBES_AT_ONCE = 4096
_PEOPLE_AT_ONCE = 8192
"""A block of cosines takes 128 MiB, however many people are known."""
_IMAGES_AT_ONCE = 16_384


@dataclass(frozen=True, eq=False)
class BestMatches:
    """For each probe (P) of a gallery, the most similar known person and the cosine in [-1, 1]."""

    probe_ids: StrArray
    names: StrArray
    scores: Float32

    def answers(self, threshold: float, no_match: str | None) -> StrArray:
        """The names, with `no_match` where the score is below the threshold (and there is such a word)."""
        if no_match is None:
            return self.names
        return np.where(self.scores >= threshold, self.names, no_match)


def search_gallery(embeddings: Embeddings, gallery: Gallery) -> BestMatches:
    """The known person of the highest cosine for each probe; a person is the mean direction of the images.

    Memory beyond the embeddings: one vector for each person, and blocks of bounded size.

    >>> faces = Embeddings(np.array(["a", "b", "x"]), np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]))
    >>> gallery = Gallery(np.array(["a", "b"]), np.array(["Ann", "Bob"]), np.array(["0"]), np.array(["x"]),
    ...                   np.array([""]))
    >>> best = search_gallery(faces, gallery)
    >>> best.names.tolist(), best.scores.tolist()  # 0.8 with Bob, 0.6 with Ann
    (['Bob'], [0.800000011920929])

    Raises:
        DataError: An image has no embedding, or the gallery is empty.
    """
    if not len(gallery.names):
        raise DataError("the gallery of known people is empty; check the folder of known identities")
    names, person_of_image = np.unique(gallery.names, return_inverse=True)
    known = positions_of(gallery.image_ids, embeddings.image_ids, "embedded images")
    people_KD = np.zeros((len(names), embeddings.vectors.shape[1]), np.float32)
    for start in range(0, len(known), _IMAGES_AT_ONCE):
        part = slice(start, start + _IMAGES_AT_ONCE)
        add_by_group(people_KD, normalized(embeddings.vectors[known[part]]), person_of_image[part])
    normalize_in_place(people_KD)
    rows = positions_of(gallery.probe_image_ids, embeddings.image_ids, "embedded images")
    best = np.empty(len(rows), np.int64)
    scores = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _PROBES_AT_ONCE):
        part = slice(start, start + _PROBES_AT_ONCE)
        best[part], scores[part] = _best_of(normalized(embeddings.vectors[rows[part]]), people_KD)
    return BestMatches(gallery.probe_ids, names[best], scores)


def _best_of(probes_PD: Float32, people_KD: Float32) -> tuple[IntArray, Float32]:
    """The person with the highest cosine for each probe (P), of equals the first, and that cosine."""
    every_probe = np.arange(len(probes_PD))
    best = np.zeros(len(probes_PD), np.int64)
    scores = np.full(len(probes_PD), -np.inf, np.float32)
    for start in range(0, len(people_KD), _PEOPLE_AT_ONCE):
        cosine_PK = probes_PD @ people_KD[start : start + _PEOPLE_AT_ONCE].T
        found = cosine_PK.argmax(axis=1)
        highest = cosine_PK[every_probe, found]
        is_better = highest > scores
        best[is_better] = start + found[is_better]
        scores[is_better] = highest[is_better]
    return best, scores


def choose_threshold(matches: BestMatches, gallery: Gallery) -> GalleryThreshold | None:
    """The threshold of the highest accuracy on probes whose truth is known, with its curve.

    None where every probe has a match (`no_match` is None): then no threshold is needed.

    Raises:
        DataError: The truth of a probe is not known.
    """
    if gallery.no_match is None:
        return None
    truth = gallery.probe_names
    if (truth == "").any():
        raise DataError(f"the true name of probe {gallery.probe_ids[truth == ''][0]} is not known")
    return best_gallery_threshold(matches.scores, matches.names == truth, truth != gallery.no_match)


def accuracy_of(answers: StrArray, gallery: Gallery) -> float:
    """The share of probes whose answer is their true name."""
    return float((answers == gallery.probe_names).mean())
