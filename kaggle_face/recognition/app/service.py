"""The requests of the page, apart from HTTP: plain values in, plain values out.

Faces of uploaded pictures stay in memory under a key, the latest few of them; no upload is written to disk
before it is enrolled.
"""

from __future__ import annotations

import base64
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock
from typing import Any

from kaggle_face.errors import DataError, InputError
from kaggle_face.recognition.detection.mtcnn import FaceDetector
from kaggle_face.recognition.detection.pictures import Face, crop_size, find_faces, png_of, read_face
from kaggle_face.recognition.gallery.images import remove_images, summarize_images
from kaggle_face.recognition.gallery.model_card import DEFAULT_THRESHOLD
from kaggle_face.recognition.gallery.names import folded_name
from kaggle_face.recognition.gallery.tables import OnConflict, Person
from kaggle_face.recognition.recognizer import Recognizer

_KEPT_FACES = 256
_PEOPLE_SHOWN = 60
_NEIGHBOURS = 5
_MOST_DIGITS = 15
_ON_CONFLICT: dict[str, OnConflict] = {"refuse": "refuse", "add": "add", "replace": "replace"}


class Service:
    """Answers the page's requests one at a time.

    Args:
        recognizer: Model and gallery.
        detector: Finds faces in photos; None where only aligned crops are taken.
    """

    def __init__(self, recognizer: Recognizer, detector: FaceDetector | None) -> None:
        self._recognizer = recognizer
        self._detector = detector
        self._faces: OrderedDict[str, Face] = OrderedDict()
        self._lock = Lock()

    def state(self) -> dict[str, Any]:
        """Model, thresholds and how many people there are."""
        card = self._recognizer.embedder.card
        known = [threshold.as_json() for threshold in card.thresholds]
        return {
            "model": card.name,
            "gallery": self._recognizer.gallery.path.name,
            "people": self._recognizer.gallery.count_people(),
            "thresholds": known,
            "default_threshold": DEFAULT_THRESHOLD if known else None,
            "finds_faces": self._detector is not None,
        }

    def find_faces(self, data: bytes, name: str, aligned: bool) -> dict[str, Any]:
        """The faces of a picture: key, box as shares of its sides, confidence and crop as a data URL.

        Raises:
            DataError: No picture, or no face in it.
        """
        card = self._recognizer.embedder.card
        with self._lock:
            if aligned or self._detector is None:
                faces = [read_face(data, name, None, crop_size(card.image_size))]
            else:
                faces = find_faces(data, name, self._detector, crop_size(card.image_size))
            return {"faces": [self._kept(face) for face in faces]}

    def enroll(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Adds a person with the faces of some keys.

        Raises:
            InputError: The name is taken or not allowed, or a key is unknown.
        """
        keys = wanted.get("faces")
        if not isinstance(keys, list) or not keys:
            raise InputError("choose at least one picture with a face")
        with self._lock:
            faces = [self._face(key) for key in keys]
            word = _text(wanted, "on_conflict", "refuse")
            if word not in _ON_CONFLICT:
                raise InputError(f"'on_conflict' must be one of {', '.join(_ON_CONFLICT)}, got {word!r}")
            keep_pictures = wanted.get("keep_pictures", True)
            if not isinstance(keep_pictures, bool):
                raise InputError("'keep_pictures' must be true or false")
            outcome = self._recognizer.enroll(_text(wanted, "name"), faces, _ON_CONFLICT[word], keep_pictures)
            return {
                "person": self._person(outcome.person),
                "added": outcome.num_added,
                "known": outcome.num_known,
            }

    def verify(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Compares a face with another, or with an enrolled person.

        Raises:
            InputError: A key or a name is unknown.
        """
        with self._lock:
            threshold = self._recognizer.threshold(_text(wanted, "threshold", DEFAULT_THRESHOLD))
            face = self._face(wanted.get("face"))
            if wanted.get("name"):
                person, decision = self._recognizer.verify_person(_text(wanted, "name"), face, threshold)
                return {**decision.as_json(), "person": self._person(person)}
            other = self._face(wanted.get("other"))
            return self._recognizer.verify_faces(other, face, threshold).as_json()

    def identify(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """The nearest people to a face, and whether the first is near enough.

        Raises:
            InputError: The key is unknown, or nobody is enrolled.
        """
        with self._lock:
            threshold = self._recognizer.threshold(_text(wanted, "threshold", DEFAULT_THRESHOLD))
            face = self._face(wanted.get("face"))
            answer = self._recognizer.identify([face], threshold, _NEIGHBOURS)[0]
            return {
                **answer.decision.as_json(),
                "person": self._person(answer.known) if answer.known else None,
                "candidates": [
                    {**self._person(candidate.person), "score": round(candidate.score, 6)}
                    for candidate in answer.candidates
                ],
                "people": self._recognizer.num_people(),
                "false_alarm_rate": self._recognizer.false_alarm_rate(threshold),
            }

    def people(self, part_of_name: str) -> dict[str, Any]:
        """The first people whose names hold a text, and how many there are."""
        with self._lock:
            everyone = self._recognizer.gallery.people()
            part = folded_name(part_of_name.strip())
            found = [person for person in everyone if part in folded_name(person.name)]
            shown = [self._person(person) for person in found[:_PEOPLE_SHOWN]]
            return {"people": shown, "found": len(found), "all": len(everyone)}

    def pictures(self, number: str) -> dict[str, Any]:
        """The person of a number with all that is known of their images, oldest first.

        Raises:
            InputError: Nobody has that number.
        """
        is_number = number.isascii() and number.isdigit() and len(number) <= _MOST_DIGITS
        with self._lock:
            gallery = self._recognizer.gallery
            found = gallery.names_of([int(number)]) if is_number else {}
            if not found:
                raise InputError("this person is not enrolled any more; see who is under People")
            person, images = summarize_images(gallery, found[int(number)].name)
            return {"person": self._person(person), "pictures": [one.as_json() for one in images]}

    def remove_picture(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Removes an image of a person.

        Raises:
            InputError: Nobody is called so, the image is not theirs, or it is the only one.
        """
        number = wanted.get("picture")
        if not isinstance(number, int) or isinstance(number, bool):
            raise InputError("'picture' must be the number of a picture")
        with self._lock:
            person = remove_images(self._recognizer.gallery, _text(wanted, "name"), [number])
            return {"removed": number, "person": self._person(person)}

    def rename(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Gives a person another name.

        Raises:
            InputError: Nobody is called so, or the new name is taken or not allowed.
        """
        with self._lock:
            person = self._recognizer.gallery.rename(_text(wanted, "name"), _text(wanted, "new_name"))
            return {"person": self._person(person)}

    def remove(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Removes a person.

        Raises:
            InputError: Nobody is called so.
        """
        with self._lock:
            return {"removed": self._recognizer.gallery.remove(_text(wanted, "name")).name}

    def picture(self, image: int) -> bytes | None:
        """The crop of an enrolled image as PNG."""
        return self._recognizer.gallery.picture(image) if image < 2**63 else None

    def _person(self, person: Person) -> dict[str, Any]:
        images = self._recognizer.gallery.images(person)
        pictures = [image.number for image in images if image.has_picture]
        return {
            "name": person.name,
            "number": person.number,
            "images": person.num_images,
            "added": person.added,
            "picture": pictures[0] if pictures else None,
        }

    def _kept(self, face: Face) -> dict[str, Any]:
        key = secrets.token_urlsafe(12)
        self._faces[key] = face
        while len(self._faces) > _KEPT_FACES:
            self._faces.popitem(last=False)
        crop = base64.b64encode(png_of(face.crop)).decode("ascii")
        return {"key": key, "crop": f"data:image/png;base64,{crop}", **_shares(face)}

    def _face(self, key: object) -> Face:
        face = self._faces.get(key) if isinstance(key, str) else None
        if face is None:
            raise DataError("choose a picture first (one from before is no longer in memory)")
        return face


def _shares(face: Face) -> dict[str, Any]:
    """The box of the face, in shares of the picture's width and height."""
    if face.place is None:
        return {"box": None, "confidence": None, "size": None}
    place = face.place
    # A detector draws the box of a face at the edge beyond the picture.
    left, right = (min(max(x / place.picture_width, 0), 1) for x in (place.left, place.left + place.width))
    top, bottom = (min(max(y / place.picture_height, 0), 1) for y in (place.top, place.top + place.height))
    return {
        "box": [round(share, 5) for share in (left, top, right - left, bottom - top)],
        "confidence": round(place.confidence, 4),
        "size": f"{place.width} by {place.height} pixels",
    }


def _text(wanted: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = wanted.get(key, default)
    if not isinstance(value, str):
        raise InputError(f"'{key}' must be a text")
    return value
