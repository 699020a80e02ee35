"""Verification 1:1, and identification 1:K against all enrolled people.

A score is the cosine of two embeddings in [-1, 1]. A person's prototype is the mean of the normalised
embeddings of all their images (`search`), so more pictures of a person make one better prototype, never more
chances to match. `score >= threshold` means "the same person".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError
from kaggle_face.metrics.similarity import mean_directions, normalized, paired_cosines
from kaggle_face.recognition.detection.pictures import Face, png_of
from kaggle_face.recognition.embedder import Embedder
from kaggle_face.recognition.gallery.model_card import ModelCard, Threshold
from kaggle_face.recognition.gallery.people import Gallery
from kaggle_face.recognition.gallery.tables import (
    NewImage,
    NewPerson,
    OnConflict,
    Outcome,
    Person,
    other_model_error,
)
from kaggle_face.recognition.search import Index, Prototypes, open_index, read_prototypes, search_people

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Decision:
    """A score against a threshold."""

    score: float
    threshold: Threshold

    @property
    def accepted(self) -> bool:
        """Whether both are the same person."""
        return self.score >= self.threshold.value

    def __str__(self) -> str:
        return f"score {self.score:.4f}, threshold {self.threshold}, margin {self.margin:+z.4f}"

    @property
    def margin(self) -> float:
        """The score less the threshold."""
        return self.score - self.threshold.value

    def as_json(self) -> dict[str, Any]:
        """Score, threshold, margin and decision."""
        return {
            "accepted": self.accepted,
            "score": round(self.score, 6),
            "margin": round(self.margin, 6),
            "threshold": self.threshold.as_json(),
        }


@dataclass(frozen=True)
class Candidate:
    """An enrolled person and the score with the face that is looked for."""

    person: Person
    score: float


@dataclass(frozen=True)
class Identification:
    """The most similar people of a face, best first; `known` is the first where the score suffices."""

    candidates: tuple[Candidate, ...]
    decision: Decision

    @property
    def known(self) -> Person | None:
        """The identity, or None for "unknown"."""
        return self.candidates[0].person if self.candidates and self.decision.accepted else None

    def as_json(self) -> dict[str, Any]:
        """The name or None, the decision, and the candidates with their scores."""
        candidates = [
            {**candidate.person.as_json(), "score": round(candidate.score, 6)}
            for candidate in self.candidates
        ]
        name = self.known.name if self.known else None
        return {"name": name, **self.decision.as_json(), "candidates": candidates}


class Recognizer:
    """Compares faces with each other and with a gallery.

    Args:
        embedder: The model.
        gallery: Who is enrolled; None compares pictures only.
        exact: Exact search also among more than a million people.
        keep_pictures: Whether the crops of who is enrolled are kept beside their embeddings.
    """

    def __init__(
        self,
        embedder: Embedder,
        gallery: Gallery | None = None,
        exact: bool = False,
        keep_pictures: bool = True,
    ) -> None:
        self.embedder = embedder
        self._keep_pictures = keep_pictures
        self._gallery = gallery
        self._exact = exact
        self._prototypes: Prototypes | None = None
        self._index: Index | None = None

    @property
    def gallery(self) -> Gallery:
        """The gallery of the enrolled people."""
        assert self._gallery is not None, "this recognizer compares pictures only"
        return self._gallery

    def threshold(self, wanted: str) -> Threshold:
        """The threshold of a name, or a number as one; see `ModelCard.threshold`."""
        return self.embedder.card.threshold(wanted)

    def enroll(
        self,
        name: str,
        faces: Sequence[Face],
        on_conflict: OnConflict = "refuse",
        keep_pictures: bool | None = None,
    ) -> Outcome:
        """Adds a person with the faces of one or more pictures; `keep_pictures` as for all where it is None.

        Raises:
            GalleryError: See `Gallery.enroll`.
        """
        new = NewPerson(name, self.new_images(faces, keep_pictures))
        return self.gallery.enroll([new], self.embedder.card, on_conflict)[0]

    def new_images(self, faces: Sequence[Face], keep_pictures: bool | None = None) -> tuple[NewImage, ...]:
        """Faces with their embeddings, ready to be enrolled."""
        keeps = self._keep_pictures if keep_pictures is None else keep_pictures
        vectors = self.embedder.embed([face.crop for face in faces])
        return tuple(
            NewImage(face.source, face.fingerprint, vector, png_of(face.crop) if keeps else None)
            for face, vector in zip(faces, vectors, strict=True)
        )

    def verify_person(self, name: str, face: Face, threshold: Threshold) -> tuple[Person, Decision]:
        """Whether a face is the enrolled person of that name.

        Raises:
            GalleryError: Nobody is called so, or the gallery is of another model.
        """
        person = self.gallery.person(name)
        known = normalized(self.gallery.embeddings_of(person, self.embedder.card))
        prototype = mean_directions(known, np.zeros(len(known), np.int64), 1)
        decision = Decision(_cosine(prototype, self.embedder.embed([face.crop])), threshold)
        self.gallery.write_down("verify", [(person, decision.as_json())])
        return person, decision

    def verify_faces(self, first: Face, second: Face, threshold: Threshold) -> Decision:
        """Whether two faces show the same person."""
        vectors = self.embedder.embed([first.crop, second.crop])
        return Decision(_cosine(vectors[:1], vectors[1:]), threshold)

    def identify(self, faces: Sequence[Face], threshold: Threshold, k: int = 5) -> list[Identification]:
        """Identifies faces among all enrolled people; one answer for each.

        Raises:
            InputError: k is below 1.
            GalleryError: Nobody is enrolled, or the gallery is of another model.
        """
        if k < 1:
            raise InputError(f"the number of candidates must be at least 1, got {k}")
        prototypes, index = self._search()
        queries = self.embedder.embed([face.crop for face in faces])
        found = search_people(prototypes, index, queries, k)
        people = self.gallery.names_of(found.numbers.flatten().tolist())
        answers = [
            _answer(numbers, scores, people, threshold)
            for numbers, scores in zip(found.numbers.tolist(), found.scores.tolist(), strict=True)
        ]
        self.gallery.write_down("identify", [(answer.known, answer.decision.as_json()) for answer in answers])
        return answers

    def false_alarm_rate(self, threshold: Threshold) -> float | None:
        """The share of unknown people that would be accepted; see `Prototypes.false_alarm_rate`."""
        return self._search()[0].false_alarm_rate(threshold.value)

    def num_people(self) -> int:
        """The number of people that a face is compared with."""
        return len(self._search()[0])

    def _search(self) -> tuple[Prototypes, Index]:
        """Prototypes and index of the gallery as it is now."""
        if self._prototypes is None or self._prototypes.state != self.gallery.state():
            self._require_own_model(self.gallery.model())
            found = read_prototypes(self.gallery)
            self._require_own_model(found.model)  # it may have been re-embedded meanwhile
            self._prototypes, self._index = found, open_index(found, self._exact)
        assert self._index is not None
        return self._prototypes, self._index

    def _require_own_model(self, known: ModelCard | None) -> None:
        if known is not None and known.fingerprint != self.embedder.card.fingerprint:
            raise other_model_error(self.gallery.path, known, self.embedder.card)


def _answer(
    numbers: Sequence[int], scores: Sequence[float], people: dict[int, Person], threshold: Threshold
) -> Identification:
    candidates = tuple(
        Candidate(people[number], score)
        for number, score in zip(numbers, scores, strict=True)
        if number in people  # not removed since the search
    )
    best = candidates[0].score if candidates else -1.0
    return Identification(candidates, Decision(best, threshold))


def _cosine(first: Float32, second: Float32) -> float:
    """The cosine of two vectors (1, D)."""
    unit_2D = normalized(np.concatenate([first, second]))
    return float(paired_cosines(unit_2D, np.array([0]), np.array([1]))[0])
