from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kaggle_face.pictures import UnreadableImageError
from kaggle_face.progress import SilentProgress
from kaggle_face.recognition.detection.mtcnn import MtcnnDetector
from kaggle_face.recognition.detection.pictures import (
    Face,
    NoFaceError,
    SeveralFacesError,
    picture_files,
    png_of,
    read_face,
)
from tests.support.gallery_stubs import invented_face


def saved(picture: Image.Image, form: str, **options: object) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def alike(first: np.ndarray, second: np.ndarray) -> float:
    """The correlation of two crops."""
    return float(np.corrcoef(first.mean(axis=2).ravel(), second.mean(axis=2).ravel())[0, 1])


@pytest.fixture(scope="module")
def portrait(seen_people: list[int]) -> Image.Image:
    return Image.fromarray(invented_face(seen_people[0], 1))


@pytest.fixture(scope="module")
def crop(portrait: Image.Image, detector: MtcnnDetector) -> np.ndarray:
    return read_face(saved(portrait, "PNG"), "portrait", detector, 112).crop


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP"])
def test_the_same_face_comes_out_of_every_format(
    portrait: Image.Image, crop: np.ndarray, detector: MtcnnDetector, form: str
) -> None:
    assert alike(read_face(saved(portrait, form), form, detector, 112).crop, crop) > 0.85


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_photo_of_a_turned_camera_is_turned_upright(
    portrait: Image.Image, crop: np.ndarray, detector: MtcnnDetector, orientation: int
) -> None:
    # EXIF 2.32: 3 = upside down, 6 = the picture's top is at its right side, 8 = at its left side.
    turned = portrait.rotate({3: 180, 6: 90, 8: -90}[orientation], expand=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = read_face(saved(turned, "JPEG", quality=95, exif=exif), "turned", detector, 112)
    assert alike(found.crop, crop) > 0.85
    assert found.place is not None
    assert (found.place.picture_width, found.place.picture_height) == portrait.size


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK"])
def test_grey_transparent_and_palette_pictures_are_read(
    portrait: Image.Image, crop: np.ndarray, detector: MtcnnDetector, mode: str
) -> None:
    data = saved(portrait.convert(mode), "TIFF" if mode == "CMYK" else "PNG")
    found = read_face(data, mode, detector, 112)
    assert found.crop.shape == (112, 112, 3)
    assert alike(found.crop, crop) > 0.85


def test_a_photo_of_sixty_megapixels_gives_its_face(portrait: Image.Image, detector: MtcnnDetector) -> None:
    photo = Image.new("RGB", (9000, 6700), (120, 130, 125))
    photo.paste(portrait.resize((1600, 1600)), (5000, 3000))
    found = read_face(saved(photo, "JPEG", quality=80), "large.jpg", detector, 112)
    assert found.place is not None
    assert (found.place.picture_width, found.place.picture_height) == (9000, 6700)
    assert 5000 < found.place.left < found.place.left + found.place.width < 6600


def test_a_picture_without_a_face_is_refused_with_the_way_out(detector: MtcnnDetector) -> None:
    sky = saved(Image.new("RGB", (640, 480), (100, 150, 220)), "PNG")
    with pytest.raises(NoFaceError, match=r"no face was found in sky.png \(640x480 px.*--aligned"):
        read_face(sky, "sky.png", detector, 112)


@pytest.fixture(scope="module")
def group(seen_people: list[int]) -> bytes:
    small, large = invented_face(seen_people[0], 1), invented_face(seen_people[1], 1)
    photo = Image.new("RGB", (700, 400), (90, 110, 140))
    photo.paste(Image.fromarray(small), (20, 80))
    photo.paste(Image.fromarray(large).resize((360, 360)), (320, 20))
    return saved(photo, "PNG")


def test_several_faces_are_listed_and_none_is_guessed(group: bytes, detector: MtcnnDetector) -> None:
    with pytest.raises(SeveralFacesError, match=r"shows 2 faces \(1: .* px at .*; 2: .*--largest") as caught:
        read_face(group, "group.png", detector, 112)
    assert "\n" not in str(caught.value)


def test_the_largest_face_or_a_numbered_one_can_be_chosen(group: bytes, detector: MtcnnDetector) -> None:
    first, second = (read_face(group, "group.png", detector, 112, number) for number in (1, 2))
    largest = read_face(group, "group.png", detector, 112, "largest")
    assert np.array_equal(largest.crop, second.crop)
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_face_that_is_not_there_cannot_be_chosen(
    group: bytes, detector: MtcnnDetector, number: int
) -> None:
    with pytest.raises(NoFaceError, match=f"has no face number {number}; it shows 2"):
        read_face(group, "group.png", detector, 112, number)


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("what", ["empty", "text", "truncated", "half a PNG"])
def test_a_file_that_is_no_whole_picture_is_named(
    portrait: Image.Image, detector: MtcnnDetector, what: str, aligned: bool
) -> None:
    jpeg, png = saved(portrait, "JPEG"), saved(portrait, "PNG")
    data = {
        "empty": b"",
        "text": b"this is a letter, not a picture\n" * 40,
        "truncated": jpeg[: len(jpeg) // 2],
        "half a PNG": png[: len(png) // 2],
    }[what]
    with pytest.raises(UnreadableImageError, match=r"ann\.jpg cannot be read"):
        read_face(data, "ann.jpg", None if aligned else detector, 112)


def test_a_crop_that_is_aligned_already_is_taken_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (112, 112, 3)).astype(np.uint8)
    found = read_face(saved(Image.fromarray(pixels), "PNG"), "crop.png", None, 112)
    assert np.array_equal(found.crop, pixels)
    assert found.place is None


def test_the_pixels_of_a_kept_crop_come_back() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (112, 112, 3)).astype(np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png_of(pixels)))), pixels)


def test_the_fingerprint_is_of_the_pixels_and_not_of_the_name() -> None:
    pixels = np.zeros((112, 112, 3), np.uint8)
    assert Face(pixels, "a.jpg").fingerprint == Face(pixels.copy(), "b.png").fingerprint
    assert Face(pixels, "a.jpg").fingerprint != Face(pixels + np.uint8(1), "a.jpg").fingerprint


def test_a_folder_lists_pictures_alone(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", "notes.txt", ".hidden.jpg"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder.jpg").mkdir()
    assert [path.name for path in picture_files(tmp_path, SilentProgress())] == ["a.png", "b.JPG"]
