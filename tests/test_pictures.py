"""Decoding: what a picture file may be, and what is said of one that cannot be read."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from kaggle_face.file_names import PICTURE_SUFFIXES
from kaggle_face.pictures import (
    FORMATS,
    UnreadableImageError,
    decode_photo,
    decode_rgb,
    decode_rgb_into,
    inspect_picture,
    read_file,
    read_picture,
    resized,
    square_pixels,
)

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def photo(size: tuple[int, int], seed: int = 0) -> Image.Image:
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC)


def corners() -> Image.Image:
    """Red top left, green top right, blue bottom left, white bottom right."""
    return Image.fromarray(np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8)).resize((8, 8), 0)


def test_a_picture_of_the_wanted_size_keeps_its_pixels() -> None:
    image = photo((16, 16))
    assert (decode_rgb(encoded(image), 16) == np.asarray(image)).all()


def test_the_result_can_be_written_to() -> None:
    pixels = decode_rgb(encoded(photo((16, 16))), 16)
    assert pixels.shape == (16, 16, 3) and pixels.dtype == np.uint8 and pixels.flags.writeable


def test_decoding_into_an_array_gives_the_same_pixels() -> None:
    data = encoded(photo((30, 20)), "JPEG")
    target = np.zeros((16, 16, 3), np.uint8)
    decode_rgb_into(target, data)
    assert (target == decode_rgb(data, 16)).all()


# Where the stored top left and top right corners are seen, by the table "Orientation" of EXIF 2.32.
SEEN = {
    1: ("top left", "top right"),
    2: ("top right", "top left"),
    3: ("bottom right", "bottom left"),
    4: ("bottom left", "bottom right"),
    5: ("top left", "bottom left"),
    6: ("top right", "bottom right"),
    7: ("bottom right", "top right"),
    8: ("bottom left", "top left"),
}
PLACE = {"top left": (0, 0), "top right": (0, -1), "bottom left": (-1, 0), "bottom right": (-1, -1)}


@pytest.mark.parametrize("orientation", SEEN)
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_is_turned_as_its_exif_says(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    pixels = decode_rgb(encoded(corners(), kind, exif=exif, **options), 8)
    for place, colour in zip(SEEN[orientation], (RED, GREEN), strict=True):
        assert np.abs(pixels[PLACE[place]].astype(int) - colour).max() < 12


def test_a_wide_picture_is_stretched_and_nothing_cut_off() -> None:
    wide = np.zeros((10, 40, 3), np.uint8)
    wide[:, 20:] = 255
    pixels = decode_rgb(encoded(Image.fromarray(wide)), 16)
    assert (pixels[:, :6] == 0).all() and (pixels[:, 10:] == 255).all()


def test_making_smaller_averages_instead_of_picking_pixels() -> None:
    board = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    pixels = decode_rgb(encoded(Image.fromarray(board)), 8)
    assert np.abs(pixels.astype(int) - 127.5).max() < 3  # half black, half white


def test_a_large_photo_decoded_at_a_fraction_looks_like_one_decoded_whole() -> None:
    large = photo((1200, 900))
    whole = np.asarray(large.resize((64, 64), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(decode_rgb(encoded(large, "JPEG", quality=95), 64) - whole).mean() < 1.5


def test_grey_becomes_three_equal_channels() -> None:
    pixels = decode_rgb(encoded(Image.new("L", (8, 8), 77)), 8)
    assert (pixels == 77).all()


@pytest.mark.parametrize(("stored", "seen"), [(0, 0), (65535, 255), (32896, 128)])  # 65535 / 255 = 257 apart
def test_sixteen_bits_of_grey_become_eight(stored: int, seen: int) -> None:
    image = Image.fromarray(np.full((8, 8), stored, np.uint16))
    assert (decode_rgb(encoded(image), 8) == seen).all()


def test_cmyk_becomes_rgb() -> None:
    no_ink, black_ink = Image.new("CMYK", (8, 8), (0, 0, 0, 0)), Image.new("CMYK", (8, 8), (0, 0, 0, 255))
    assert decode_rgb(encoded(no_ink, "JPEG"), 8).min() >= 250
    assert decode_rgb(encoded(black_ink, "JPEG"), 8).max() <= 5


def test_what_is_transparent_becomes_white() -> None:
    assert (decode_rgb(encoded(Image.new("RGBA", (8, 8), (10, 20, 30, 0))), 8) == 255).all()
    assert (decode_rgb(encoded(Image.new("RGBA", (8, 8), (10, 20, 30, 255))), 8) == (10, 20, 30)).all()


def test_a_transparent_palette_colour_becomes_white() -> None:
    image = corners().convert("P", palette=Image.Palette.ADAPTIVE)
    red = image.getpixel((0, 0))
    pixels = decode_rgb(encoded(image, transparency=red), 8)
    assert (pixels[0, 0] == 255).all() and tuple(pixels[0, -1]) == GREEN


@pytest.mark.parametrize("kind", ["WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_other_formats_are_read(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    pixels = decode_rgb(encoded(corners(), kind, **options), 8)
    assert tuple(pixels[0, 0]) == RED and tuple(pixels[-1, 0]) == BLUE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_truncated_file_is_refused(kind: str) -> None:
    data = encoded(photo((64, 64)), kind)
    with pytest.raises(UnreadableImageError):
        decode_rgb(data[: len(data) // 2], 16)


def test_a_truncated_jpeg_says_so() -> None:
    data = encoded(photo((64, 64)), "JPEG")
    with pytest.raises(UnreadableImageError, match=r"^x.jpg cannot be read \(image file is truncated\); fix"):
        decode_rgb(data[: len(data) // 2], 16, "x.jpg")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b"<html>404 Not Found</html>", "not a picture"),
        (b"\x00" * 500, "not a picture"),
        (b"\xff\xd8\xff" + b"\x00" * 500, "not a picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    ],
)
def test_garbage_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImageError) as error:
        decode_rgb(data, 16)
    assert error.value.reason == reason


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_file_is_decoded_or_refused_but_never_anything_else(seed: int) -> None:
    draw = np.random.default_rng(seed)
    data = bytearray(encoded(photo((40, 40)), ("JPEG", "PNG", "WEBP")[seed % 3]))
    for place in draw.integers(len(data), size=8):
        data[place] = draw.integers(256)
    try:
        assert decode_rgb(bytes(data), 16).shape == (16, 16, 3)
    except UnreadableImageError as error:
        assert error.reason and "\n" not in error.reason


def test_fractions_as_pixels_are_refused() -> None:
    with pytest.raises(UnreadableImageError, match="fractions"):
        decode_rgb(encoded(Image.new("F", (8, 8), 0.5), "TIFF"), 8)


@pytest.mark.parametrize("side_px", [12_000, 30_000])
def test_a_picture_of_too_many_pixels_is_refused_before_it_fills_the_memory(side_px: int) -> None:
    def block(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + block(b"IHDR", header) + block(b"IDAT", b"") + block(b"IEND", b"")
    with pytest.raises(UnreadableImageError, match="more than 89 million pixels"):
        decode_rgb(data, 8)


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    content = bytes(range(256)) * 300
    (tmp_path / "x").write_bytes(content)
    assert read_file(str(tmp_path / "x"), len(content)) == content


def test_a_photo_is_not_stretched_and_tells_its_size() -> None:
    pixels, size = decode_photo(encoded(photo((60, 30))), 100)
    assert (pixels == np.asarray(photo((60, 30)))).all()
    assert size == (60, 30)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_photo_is_made_smaller_to_its_longest_side(kind: str) -> None:
    pixels, size = decode_photo(encoded(photo((1000, 400)), kind), 100)
    assert pixels.shape == (40, 100, 3)
    assert size == (1000, 400)


def test_a_photo_that_lies_on_its_side_is_turned_and_so_is_its_size() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # EXIF 2.32: the top of the scene is at the right side of the stored picture
    pixels, size = decode_photo(encoded(corners().resize((80, 40), 0), "PNG", exif=exif), 100)
    assert (pixels.shape, size) == ((80, 40, 3), (40, 80))
    assert tuple(pixels[0, 0]) == BLUE and tuple(pixels[0, -1]) == RED


def test_a_photo_that_cannot_be_read_is_named() -> None:
    with pytest.raises(UnreadableImageError, match=r"ann\.jpg cannot be read"):
        decode_photo(encoded(photo((60, 30)), "JPEG")[:300], 100, "ann.jpg")


def test_a_picture_tells_its_size_its_colours_and_whether_frames_follow() -> None:
    frames = [Image.new("L", (12, 8), grey) for grey in (0, 200)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    facts = inspect_picture(stream.getvalue())
    assert (facts.width, facts.height, facts.is_animated) == (12, 8, True)
    plain = inspect_picture(encoded(Image.new("L", (5, 6))))
    assert (plain.width, plain.height, plain.mode, plain.is_animated) == (5, 6, "L", False)


def test_what_the_packer_refuses_is_refused_when_looked_at() -> None:
    fractions = encoded(Image.new("F", (8, 8)), "TIFF")
    with pytest.raises(UnreadableImageError, match="fractions"):
        decode_rgb(fractions, 8)
    with pytest.raises(UnreadableImageError, match="fractions"):
        inspect_picture(fractions)


def test_no_other_plug_in_of_pillow_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """An EPS file is a program: Pillow hands it to Ghostscript."""

    def started(*_: object, **__: object) -> None:
        raise AssertionError("Ghostscript was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", started)
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "EPS")
    for read in (inspect_picture, lambda data: decode_rgb(data, 8), lambda data: decode_photo(data, 8)):
        with pytest.raises(UnreadableImageError, match="not a picture"):
            read(stream.getvalue())


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_every_suffix_of_the_list_is_one_that_is_decoded(suffix: str, tmp_path: Path) -> None:
    """Saved by Pillow under that suffix (.pgm grey, .pbm bits), which thus knows it too."""
    mode = {".pgm": "L", ".pbm": "1", ".gif": "P"}.get(suffix, "RGB")
    path = tmp_path / f"picture{suffix}"
    Image.new(mode, (8, 8), 1).save(path, "MPO" if suffix == ".mpo" else None)
    assert decode_rgb(read_picture(path), 8).shape == (8, 8, 3)


def test_the_list_has_every_suffix_of_the_formats_that_are_decoded() -> None:
    Image.init()
    known = {suffix for suffix, form in Image.EXTENSION.items() if form in (*FORMATS, "MPO")}
    assert known - set(PICTURE_SUFFIXES) == {".pfm"}  # fractions, which no face has
    assert set(PICTURE_SUFFIXES) - known == set()


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.jpg", tmp_path):
        with pytest.raises(UnreadableImageError, match=f"{path} cannot be read"):
            read_picture(path)


def test_a_file_too_large_for_a_picture_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "film.jpg"
    path.touch()
    os.truncate(path, 300 * 2**20)  # sparse: no byte of it is on the disk
    with pytest.raises(UnreadableImageError, match="the file is too large"):
        read_picture(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe.jpg"
    os.mkfifo(path)
    with pytest.raises(UnreadableImageError, match="it is not a file"):
        read_picture(path)
    assert read_file(str(path), 100) == b""


@pytest.mark.parametrize("shape", [(112, 112, 3), (90, 70, 3), (64, 30, 3), (64, 64, 3)])
def test_pixels_are_resized_as_those_of_a_file(shape: tuple[int, int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    from_file = decode_rgb(encoded(Image.fromarray(pixels)), 64)
    assert np.array_equal(resized(pixels, 64), from_file)
    assert np.array_equal(
        square_pixels(Image.open(io.BytesIO(encoded(Image.fromarray(pixels)))), 64), from_file
    )


def test_a_cut_picture_that_was_opened_is_named() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = encoded(Image.fromarray(noise))
    with pytest.raises(UnreadableImageError, match=r"images\[3\] cannot be read"):
        square_pixels(Image.open(io.BytesIO(data[: len(data) // 2])), 32, "images[3]")
