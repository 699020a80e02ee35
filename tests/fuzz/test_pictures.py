"""Pictures of every format that hold anything."""

from __future__ import annotations

import io
from random import Random

import numpy as np
import pytest
from PIL import Image

from kaggle_face.pictures import decode_photo, decode_rgb
from tests.support.fuzzing import holds, sizes
from tests.support.mutating import mutated_bytes

SIDE_PX = 40


def picture(name: str, mode: str = "RGB", **options: object) -> bytes:
    rows, columns = np.mgrid[0:SIDE_PX, 0:SIDE_PX]
    pixels = np.stack([rows * 6, columns * 6, (rows + columns) * 3], axis=2).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, name, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return picture("JPEG", exif=exif)


PICTURES = [
    picture("JPEG"), picture("JPEG", progressive=True), picture("JPEG", mode="CMYK"), turned(),
    picture("PNG"), picture("PNG", mode="RGBA"), picture("PNG", mode="P"), picture("PNG", mode="I;16"),
    picture("PNG", mode="LA"), picture("WEBP"), picture("WEBP", lossless=True), picture("GIF"),
    picture("TIFF"), picture("TIFF", compression="tiff_lzw"), picture("TIFF", compression="jpeg"),
    picture("BMP"), picture("PPM"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # of Pillow, of damaged EXIF data and metadata
@sizes(short=200, long=30_000)
def test_a_picture_is_decoded_or_refused_in_one_line(count: int) -> None:
    def decode(random: Random) -> None:
        data = random.choice(PICTURES)
        data = (
            mutated_bytes(random, data) if random.random() < 0.97 else random.randbytes(random.randrange(200))
        )
        if random.random() < 0.5:
            pixels = decode_rgb(data, 16)
            assert pixels.shape == (16, 16, 3) and pixels.dtype == np.uint8
        else:
            pixels, _ = decode_photo(data, 32)
            assert pixels.shape[2:] == (3,) and max(pixels.shape[:2]) <= 32 and pixels.dtype == np.uint8

    holds("pictures", count, decode)
