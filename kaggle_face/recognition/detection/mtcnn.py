"""Faces in a photograph: boxes and five landmarks by MTCNN's cascade.

Letters: H and W of the photo, N candidates. Boxes are (left, top, right, bottom) in pixels: the edges, so the
whole photo is (0, 0, W, H).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

Photo = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

LEAST_FACE_PX = 20
"""The smallest face that is looked for in a small photo."""
LEAST_FACE_SHARE = 0.02
"""The smallest face that is looked for in a large photo, as a share of its longer side."""

_WINDOW_PX, _STRIDE_PX = 12, 2
_PYRAMID_STEP = 0.709  # about the root of a half: each level has half the pixels of the one before
_PROPOSED, _REFINED, _CONCLUDED = 0.6, 0.7, 0.9
# The published thresholds are 0.6, 0.7 and 0.7; a false face is worse here than a picture to take again.


@dataclass(frozen=True, eq=False)
class DetectedFace:
    """A face in a photo: box (4,), landmarks (5, 2) and the detector's confidence in [0, 1].

    The landmarks are the eye to the left in the picture, that to the right, the tip of the nose, and the
    left and right corner of the mouth.
    """

    box: Floats
    landmarks: Floats
    confidence: float

    @property
    def width_px(self) -> int:
        """The width of the box."""
        return round(float(self.box[2] - self.box[0]))

    @property
    def height_px(self) -> int:
        """The height of the box."""
        return round(float(self.box[3] - self.box[1]))


class FaceDetector(Protocol):
    """Whatever finds faces with landmarks."""

    def detect(self, photo: Photo) -> list[DetectedFace]:
        """The faces of an RGB photo (H, W, 3), from left to right."""


def least_face_px(photo: Photo) -> int:
    """The side of the smallest face that is looked for in a photo."""
    height, width, _ = photo.shape
    return max(LEAST_FACE_PX, round(LEAST_FACE_SHARE * int(max(height, width))))


class MtcnnDetector:
    """MTCNN on the CPU.

    Raises:
        MissingExtraError: The package with its weights is not installed.
    """

    def __init__(self) -> None:
        from kaggle_face.recognition.detection.networks import MtcnnNetworks

        self._networks = MtcnnNetworks()

    def detect(self, photo: Photo) -> list[DetectedFace]:
        """The faces of an RGB photo (H, W, 3), from left to right."""
        picture = Image.fromarray(photo)
        boxes = self._proposed(picture, least_face_px(photo))
        boxes = self._refined(picture, boxes)
        faces = self._concluded(picture, boxes)
        return sorted(faces, key=lambda face: float(face.box[0]))

    def _proposed(self, picture: Image.Image, least_px: int) -> Floats:
        """Square candidate boxes (N, 5): corners and probability of a face."""
        found = []
        scale = _WINDOW_PX / least_px  # at which a face of `least_px` fills PNet's window
        while min(picture.size) * scale >= _WINDOW_PX:
            found.append(self._proposed_at(picture, scale))
            scale *= _PYRAMID_STEP
        boxes = np.concatenate(found) if found else np.empty((0, 9), np.float32)
        boxes = boxes[non_maxima(boxes[:, :5], 0.7)]
        return _squared(_shifted(boxes[:, :5], boxes[:, 5:]))

    def _proposed_at(self, picture: Image.Image, scale: float) -> Floats:
        """Boxes (N, 9: corners, chance and shifts) at one level of the pyramid."""
        size = (int(np.ceil(picture.width * scale)), int(np.ceil(picture.height * scale)))
        level = np.array(picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))
        face_hw, shifts_4hw, _ = self._networks.propose(level)
        rows, columns = np.nonzero(face_hw >= _PROPOSED)
        corners = np.stack([columns, rows, columns, rows], axis=1) * _STRIDE_PX + [
            0,
            0,
            _WINDOW_PX,
            _WINDOW_PX,
        ]
        chance, shifts = face_hw[rows, columns], shifts_4hw[:, rows, columns].T
        boxes = np.concatenate([corners / scale, chance[:, None], shifts], axis=1).astype(np.float32)
        return boxes[non_maxima(boxes[:, :5], 0.5)]

    def _refined(self, picture: Image.Image, boxes: Floats) -> Floats:
        if not len(boxes):
            return boxes
        windows = self._networks.refine(_cut_out(picture, boxes, 24))
        boxes, shifts = _surviving(boxes, windows.face, _REFINED, windows.shifts)
        kept = non_maxima(boxes, 0.7)
        return _squared(_shifted(boxes[kept], shifts[kept]))

    def _concluded(self, picture: Image.Image, boxes: Floats) -> list[DetectedFace]:
        if not len(boxes):
            return []
        windows = self._networks.conclude(_cut_out(picture, boxes, 48))
        assert windows.landmarks is not None
        both = np.concatenate([windows.shifts, windows.landmarks], axis=1)
        boxes, both = _surviving(boxes, windows.face, _CONCLUDED, both)
        shares = np.stack([both[:, 4:9], both[:, 9:]], axis=2)  # five x, five y, of the box
        size = boxes[:, None, 2:4] - boxes[:, None, 0:2]
        landmarks = np.asarray(boxes[:, None, 0:2] + shares * size, np.float32)
        boxes = _shifted(boxes, both[:, :4])
        return [
            DetectedFace(boxes[row, :4], landmarks[row], float(boxes[row, 4]))
            for row in non_maxima(boxes, 0.7, of_smaller=True)
        ]


def non_maxima(boxes: Floats, most_overlap: float, of_smaller: bool = False) -> npt.NDArray[np.int64]:
    """Rows of boxes (N, 5) by falling chance, without those that overlap a better one by more than allowed.

    The overlap is that of intersection and union, or of the intersection and the smaller box.

    >>> boxes = np.array([[0, 0, 9, 9, 0.8], [0, 0, 9, 10, 0.9], [50, 50, 60, 60, 0.7]], np.float32)
    >>> non_maxima(boxes, 0.5).tolist()
    [1, 2]
    """
    left, top, right, bottom = boxes[:, :4].T
    areas = (right - left) * (bottom - top)
    order = np.argsort(-boxes[:, 4], kind="stable")
    kept = []
    while len(order):
        best, others = order[0], order[1:]
        kept.append(int(best))
        width = np.minimum(right[best], right[others]) - np.maximum(left[best], left[others])
        height = np.minimum(bottom[best], bottom[others]) - np.maximum(top[best], top[others])
        common = np.maximum(width, 0) * np.maximum(height, 0)
        if of_smaller:
            overlap = common / np.minimum(areas[best], areas[others])
        else:
            overlap = common / (areas[best] + areas[others] - common)
        order = others[overlap <= most_overlap]
    return np.asarray(kept, np.int64)


def _surviving(boxes: Floats, chance: Floats, least: float, rest: Floats) -> tuple[Floats, Floats]:
    """The boxes whose new chance suffices, with it, and their rows of the rest."""
    passed = chance >= least
    return np.concatenate([boxes[passed, :4], chance[passed, None]], axis=1), rest[passed]


def _shifted(boxes: Floats, shifts: Floats) -> Floats:
    """Boxes whose edges are moved by shares (N, 4) of their width and height."""
    size = boxes[:, 2:4] - boxes[:, 0:2]
    moved = boxes[:, :4] + shifts * np.tile(size, 2)
    return np.concatenate([moved, boxes[:, 4:5]], axis=1).astype(np.float32)


def _squared(boxes: Floats) -> Floats:
    """Boxes grown around their middles to squares of whole pixels."""
    sides = boxes[:, 2:4] - boxes[:, 0:2]
    side = sides.max(axis=1, keepdims=True, initial=0.0)
    corner = boxes[:, 0:2] + (sides - side) / 2
    square = np.trunc(np.concatenate([corner, corner + side], axis=1))
    return np.concatenate([square, boxes[:, 4:5]], axis=1).astype(np.float32)


def _cut_out(picture: Image.Image, boxes: Floats, size_px: int) -> Photo:
    """Windows (N, size, size, 3) of the picture; what lies beyond its edges is black."""
    windows = np.empty((len(boxes), size_px, size_px, 3), np.uint8)
    for row, (left, top, right, bottom) in enumerate(boxes[:, :4].round().astype(int).tolist()):
        window = picture.crop((left, top, max(right, left + 1), max(bottom, top + 1)))
        windows[row] = np.asarray(window.resize((size_px, size_px), Image.Resampling.BILINEAR))
    return windows
