"""The face of a picture file: found, chosen and aligned, or the whole picture where it is a crop already."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from kaggle_face.artifacts.files.private import make_private_folder, write_privately
from kaggle_face.errors import DataError, InputError
from kaggle_face.pictures import decode_photo, decode_rgb, read_picture
from kaggle_face.progress import Progress
from kaggle_face.recognition.detection.alignment import TEMPLATE_PX, aligned_crop

if TYPE_CHECKING:
    from kaggle_face.recognition.detection.mtcnn import DetectedFace, FaceDetector

Crop = npt.NDArray[np.uint8]
Choice = Literal["only", "largest"] | int
"""Which face of a picture: the only one, the largest, or that with this number from the left, from 1."""

LONGEST_SIDE_PX = 2048
"""Larger photos are made smaller before faces are looked for."""


@dataclass(frozen=True, eq=False)
class Place:
    """The box of a face, in pixels of the upright file, and the detector's confidence."""

    left: int
    top: int
    width: int
    height: int
    picture_width: int
    picture_height: int
    confidence: float

    def __str__(self) -> str:
        return f"{self.width}x{self.height} px at ({self.left}, {self.top})"


@dataclass(frozen=True, eq=False)
class Face:
    """A crop (size, size, 3), RGB, ready for a network; `place` is None for a picture that was a crop."""

    crop: Crop
    source: str
    place: Place | None = None

    @property
    def fingerprint(self) -> str:
        """A digest of the pixels, whatever the file's name."""
        return blake2b(repr(self.crop.shape).encode() + self.crop.tobytes(), digest_size=16).hexdigest()

    def __str__(self) -> str:
        if self.place is None:
            return f"{self.source}: taken as an aligned face"
        return f"{self.source}: face of {self.place}, confidence {self.place.confidence:.3f}"

    def as_json(self) -> dict[str, Any]:
        """The face of a picture as values for JSON."""
        place = self.place
        box = None if place is None else [place.left, place.top, place.width, place.height]
        confidence = None if place is None else round(place.confidence, 4)
        return {"picture": self.source, "box": box, "confidence": confidence, "aligned": place is None}


class NoFaceError(DataError):
    """No face was found in a picture."""


class SeveralFacesError(DataError):
    """A picture shows several faces and none was chosen."""


@dataclass(frozen=True)
class PictureReader:
    """Finds the face of a picture file: by a detector, or the file is an aligned crop already."""

    detector: FaceDetector | None
    crop_px: int
    choice: Choice = "only"

    def read(self, path: Path, source: str | None = None) -> Face:
        """The face of a picture file; see `read_face`."""
        # Bytes that are not UTF-8 become escapes: a database and JSON cannot hold them.
        name = (source or str(path)).encode("utf-8", "backslashreplace").decode("utf-8")
        return read_face(read_picture_file(path, name), name, self.detector, self.crop_px, self.choice)


def read_face(
    data: bytes, source: str, detector: FaceDetector | None, size_px: int, choice: Choice = "only"
) -> Face:
    """The face of a picture; of several the one that `choice` picks.

    Args:
        data: The bytes of a picture file.
        source: What the picture is called in errors and in the gallery.
        detector: Finds the faces; None takes the whole picture for an aligned crop.
        size_px: The side of the crop.
        choice: Which face, where there are several.

    Raises:
        UnreadableImageError: The bytes are not a whole picture, or it is too large.
        NoFaceError: No face was found, or fewer than the chosen number.
        SeveralFacesError: There are several, and `choice` is "only".
    """
    if detector is None:
        return Face(decode_rgb(data, size_px, source), source)
    try:
        faces = find_faces(data, source, detector, size_px)
    except NoFaceError as error:
        raise NoFaceError(f"{error} (--aligned)") from None
    if choice == "largest":
        return max(faces, key=lambda face: face.place.width * face.place.height if face.place else 0)
    if choice == "only":
        if len(faces) > 1:
            raise SeveralFacesError(
                f"{source} shows {len(faces)} faces ({_listed(faces)}); choose one with --face NUMBER, or "
                "the largest with --largest"
            )
        return faces[0]
    if not 1 <= choice <= len(faces):
        raise NoFaceError(f"{source} has no face number {choice}; it shows {len(faces)} ({_listed(faces)})")
    return faces[choice - 1]


def find_faces(data: bytes, source: str, detector: FaceDetector, size_px: int) -> list[Face]:
    """All faces of a picture from left to right, at least one.

    Raises:
        UnreadableImageError: The bytes are not a whole picture, or it is too large.
        NoFaceError: No face was found.
    """
    photo, (width, height) = decode_photo(data, LONGEST_SIDE_PX, source)
    scale = max(photo.shape[:2]) / max(width, height)
    found = detector.detect(photo)
    if not found:
        from kaggle_face.recognition.detection.mtcnn import least_face_px

        raise NoFaceError(
            f"no face was found in {source} ({width}x{height} px; a face must be at least "
            f"{round(least_face_px(photo) / scale)} px wide); take a clearer picture, or state "
            "that it is a cropped face already"
        )
    return [
        Face(
            aligned_crop(photo, one.landmarks, size_px),
            source,
            Place(*_scaled_box(one, scale), width, height, one.confidence),
        )
        for one in found
    ]


def read_picture_file(path: Path, name: str | None = None) -> bytes:
    """The bytes of a picture file; `name`, else the path, stands in errors.

    Raises:
        DataError: It is missing, is not a regular file, may not be read, or is too large for a picture.
    """
    if not path.exists():
        raise DataError(f"{name or path} cannot be read: No such file")
    return read_picture(path, name)


def picture_files(folder: Path, progress: Progress) -> list[Path]:
    """The pictures of a folder and of those in it, by path; a warning names what is left out.

    Raises:
        DataError: The folder cannot be read, or two names differ in the spelling of accents alone.
    """
    from kaggle_face.competitions.files.listing import PictureLister

    lister = PictureLister(folder)
    found = [folder / name for name in lister.below("")]
    for note in lister.notes():
        progress.warn(note)
    return found


def crop_size(image_size_px: int) -> int:
    """The side at which crops are kept for a network: its own, but never below the template's."""
    return max(TEMPLATE_PX, image_size_px)


def png_of(crop: Crop) -> bytes:
    """A crop as a PNG file, from which the same pixels come back."""
    stream = io.BytesIO()
    Image.fromarray(crop).save(stream, "PNG")
    return stream.getvalue()


def write_faces(folder: Path, faces: Sequence[Face]) -> None:
    """Writes faces as PNG files named after their pictures, for their owner alone.

    Raises:
        InputError: The folder cannot be written.
    """
    try:
        make_private_folder(folder)
        for number, face in enumerate(faces, start=1):
            write_privately(folder / f"{number:03}-{Path(face.source).stem}.png", png_of(face.crop))
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error.strerror or error}") from error


def is_whole_png(data: bytes) -> bool:
    """Whether a PNG file is what `png_of` made, by the checksums in it."""
    try:
        Image.open(io.BytesIO(data), formats=("PNG",)).verify()
    except MemoryError:
        raise
    except Exception:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        return False
    return True


def _scaled_box(found: DetectedFace, scale: float) -> tuple[int, int, int, int]:
    """Left, top, width and height in pixels of the file."""
    left, top = (round(float(edge) / scale) for edge in found.box[:2])
    return left, top, round(found.width_px / scale), round(found.height_px / scale)


def _listed(faces: Sequence[Face]) -> str:
    return "; ".join(f"{number}: {face.place}" for number, face in enumerate(faces, start=1))
