"""From the bytes of a picture file to pixels: the only place where pictures are decoded.

A picture that is not square is stretched: the competitions' crops are square or nearly so, and nothing of a
face is cut off. Making a picture smaller averages over the pixels that fall together (bicubic, antialiased).
"""

from __future__ import annotations

import io
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile, UnidentifiedImageError

from kaggle_face.errors import DataError

MAX_FILE_BYTES = 256 * 2**20
MAX_PIXELS = 89_478_485  # Pillow's own limit: a picture of 256 MiB

NO_FILE, NOT_REGULAR = "there is no such file", "it is not a file"
TOO_LARGE, NOT_ALLOWED = "the file is too large", "reading it is not allowed"
"""Why a file is not even opened."""

_OPENED_TO_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_LOOKED_AT_PX = 64
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
_PAPER = (255, 255, 255)  # what is seen through a transparent picture
_ORIENTATION_TAG = 0x0112
# The picture's first row and column lie as EXIF 2.32 numbers them; the value turns them upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING = (5, 6, 7, 8)  # width and height change places


class UnreadableImageError(DataError):
    """A picture cannot be decoded; `reason` has a few words on why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} cannot be read ({reason}); fix or remove it")
        self.reason = reason


@dataclass(frozen=True)
class PictureFacts:
    """The header of a picture file: sides in pixels as stored, colour mode, whether frames follow."""

    width: int
    height: int
    mode: str
    is_animated: bool


def decode_rgb(data: bytes, size_px: int, name: str = "the picture") -> npt.NDArray[np.uint8]:
    """The pixels of a JPEG, PNG, WebP, BMP, GIF, TIFF or PPM file: RGB, uint8, (size_px, size_px, 3).

    It is turned upright by its EXIF data, grey, palette, 16-bit and CMYK pixels become RGB, and what is
    transparent becomes white. Of an animation the first frame is taken. `name` stands in the error.

    Raises:
        UnreadableImageError: The file is empty, truncated, damaged, no picture, or too large.
    """
    return np.array(_decode(data, size_px, name))


def decode_rgb_into(target: npt.NDArray[np.uint8], data: bytes) -> None:
    """Writes the pixels of a picture file to `target` (size, size, 3), as `decode_rgb` gives them.

    Raises:
        UnreadableImageError: As `decode_rgb`; `target` is left as it was.
    """
    target[...] = np.asarray(_decode(data, len(target), "the picture"))


def square_pixels(image: Image.Image, size_px: int, name: str = "the picture") -> npt.NDArray[np.uint8]:
    """The pixels of an opened picture, as `decode_rgb` gives those of a file.

    Raises:
        UnreadableImageError: Its file is damaged, or it has no pixels or too many.
    """
    try:
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        return np.array(_upright_square(image, size_px))
    except MemoryError:
        raise
    except Exception as error:  # as in _decode
        raise UnreadableImageError(name, _reason(error, b"-")) from error


def resized(pixels: npt.NDArray[np.uint8], size_px: int) -> npt.NDArray[np.uint8]:
    """RGB pixels (H, W, 3) stretched to a square, as `decode_rgb` does it."""
    if pixels.shape[:2] == (size_px, size_px):
        return pixels
    picture = Image.fromarray(pixels).resize((size_px, size_px), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.array(picture)


def decode_photo(
    data: bytes, longest_px: int, name: str = "the picture"
) -> tuple[npt.NDArray[np.uint8], tuple[int, int]]:
    """The pixels of a picture of any shape, not stretched, else as `decode_rgb` reads them.

    Returns:
        RGB, uint8, (height, width, 3), no side above `longest_px`, and the width and height before it was
        made smaller, upright.

    Raises:
        UnreadableImageError: As `decode_rgb`.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as header:
            size = header.size
        image = _open(data, longest_px // 2)
        picture = _to_rgb(image)
        picture.thumbnail((longest_px, longest_px), Image.Resampling.BICUBIC, reducing_gap=3.0)
        orientation = _orientation(image)
        turn = _UPRIGHT.get(orientation)
        upright_size = size[::-1] if orientation in _LYING else size
        return np.array(picture if turn is None else picture.transpose(turn)), upright_size
    except MemoryError:
        raise
    except Exception as error:  # as in _decode
        raise UnreadableImageError(name, _reason(error, data)) from error


def inspect_picture(data: bytes, name: str = "the picture") -> PictureFacts:
    """Decodes a picture with all limits of `decode_rgb`, and returns its properties.

    Raises:
        UnreadableImageError: As `decode_rgb`.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            facts = PictureFacts(*image.size, image.mode, getattr(image, "is_animated", False))
        _upright_square(_open(data, _LOOKED_AT_PX), _LOOKED_AT_PX)
    except MemoryError:
        raise
    except Exception as error:  # as in _decode
        raise UnreadableImageError(name, _reason(error, data)) from error
    return facts


def _decode(data: bytes, size_px: int, name: str) -> Image.Image:
    try:
        return _upright_square(_open(data, size_px), size_px)
    except MemoryError:
        raise
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise UnreadableImageError(name, _reason(error, data)) from error


def read_file(path: str, size_bytes: int) -> bytes:
    """The bytes of a file of known size, about four times as fast for small files as `open`.

    A pipe that took the file's place is not waited for.

    Raises:
        OSError: The file is missing or not allowed.
    """
    descriptor = os.open(path, _OPENED_TO_READ)
    try:
        data = os.read(descriptor, size_bytes)
        while len(data) < size_bytes and (more := os.read(descriptor, size_bytes - len(data))):
            data += more
        return data
    finally:
        os.close(descriptor)


def read_picture(path: Path, name: str | None = None) -> bytes:
    """The bytes of a picture file; pipes, devices and files too large for a picture are never opened.

    Raises:
        UnreadableImageError: There is no such file, or it may not be read; its message names it.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise UnreadableImageError(name or str(path), NOT_REGULAR)
        if found.st_size > MAX_FILE_BYTES:
            raise UnreadableImageError(name or str(path), TOO_LARGE)
        return read_file(str(path), found.st_size)
    except PermissionError as error:
        raise UnreadableImageError(name or str(path), NOT_ALLOWED) from error
    except FileNotFoundError as error:
        raise UnreadableImageError(name or str(path), NO_FILE) from error
    except (OSError, ValueError) as error:
        raise UnreadableImageError(
            name or str(path), getattr(error, "strerror", None) or str(error)
        ) from error


def _open(data: bytes, size_px: int) -> ImageFile.ImageFile:
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise Image.DecompressionBombError
    if image.format == "JPEG" and min(image.size) >= 4 * size_px:
        # Lets the decoder skip what would be averaged away; twice the size keeps the resize sharp.
        image.draft(None, (2 * size_px, 2 * size_px))
    image.load()
    return image


def _upright_square(image: Image.Image, size_px: int) -> Image.Image:
    turn = _UPRIGHT.get(_orientation(image))
    picture = _to_rgb(image)
    if picture.size != (size_px, size_px):
        picture = picture.resize((size_px, size_px), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return picture if turn is None else picture.transpose(turn)


def _orientation(image: Image.Image) -> int:
    if image.format == "JPEG" and "exif" not in image.info and "xmp" not in image.info:
        return 1  # reading EXIF from nothing costs as much as a tenth of the decoding
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # the pixels may be whole where EXIF data is damaged
        return 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "I" or image.mode.startswith("I;16"):
        grey = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        return Image.fromarray(((grey * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    if image.mode == "F":
        raise ValueError("its pixels are fractions, not 8 or 16 bits")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        picture = image.convert("RGBA")
        paper = Image.new("RGBA", picture.size, _PAPER)
        return Image.alpha_composite(paper, picture).convert("RGB")
    return image.convert("RGB")


def _reason(error: Exception, data: bytes) -> str:
    if not data:
        return "the file is empty"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return f"more than {MAX_PIXELS // 10**6} million pixels"
    if isinstance(error, UnidentifiedImageError):
        return "not a picture"
    text = re.sub(r"\s*\(.*\)$", "", " ".join(str(error).split()))
    return text or type(error).__name__
