"""Who of the known people is this? The best match of each probe, and from which score on it counts.

Letters: P probes, K known people, D embedding size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kaggle_face.errors import DataError
from kaggle_face.metrics.identification import GalleryThreshold, best_gallery_threshold
from kaggle_face.metrics.similarity import Float32, normalized
from kaggle_face.records import Embeddings, Gallery, StrArray, positions_of

_PROBES_AT_ONCE = 4096


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
    """Compares each probe with each known person, who is the mean direction of the person's images.

    >>> faces = Embeddings(np.array(["a", "b", "x"]), np.array([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]))
    >>> gallery = Gallery(np.array(["a", "b"]), np.array(["Ann", "Bob"]), np.array(["0"]), np.array(["x"]),
    ...                   np.array([""]))
    >>> best = search_gallery(faces, gallery)
    >>> best.names.tolist(), best.scores.tolist()  # 0.8 with Bob, 0.6 with Ann
    (['Bob'], [0.800000011920929])

    Raises:
        DataError: An image has no embedding, or nobody is known.
    """
    if not len(gallery.names):
        raise DataError("the gallery of known people is empty; check the folder of known identities")
    names, person_of_image = np.unique(gallery.names, return_inverse=True)
    known_ID = normalized(embeddings.aligned_to(gallery.image_ids).vectors)
    people_KD = np.zeros((len(names), known_ID.shape[1]), np.float32)
    np.add.at(people_KD, person_of_image, known_ID)
    people_KD = normalized(people_KD)
    rows = positions_of(gallery.probe_image_ids, embeddings.image_ids, "embedded images")
    best = np.empty(len(rows), np.int64)
    scores = np.empty(len(rows), np.float32)
    for start in range(0, len(rows), _PROBES_AT_ONCE):
        part = slice(start, start + _PROBES_AT_ONCE)
        cosine_PK = normalized(embeddings.vectors[rows[part]]) @ people_KD.T
        best[part] = cosine_PK.argmax(axis=1)
        scores[part] = cosine_PK.max(axis=1)
    return BestMatches(gallery.probe_ids, names[best], scores)


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
