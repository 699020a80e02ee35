from __future__ import annotations

import io
import os
import struct

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image
from PIL.JpegImagePlugin import JpegImageFile

from kaggle_face.competitions.image_check import inspect_images
from kaggle_face.progress import SilentProgress


def encoded(mode: str, size: tuple[int, int], form: str) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size).save(stream, form)
    return stream.getvalue()


@pytest.fixture
def files(tree):
    tree.content("good.jpg", encoded("RGB", (12, 8), "JPEG"))
    tree.content("grey.png", encoded("L", (5, 6), "PNG"))
    tree.content("same.jpg", encoded("RGB", (12, 8), "JPEG"))
    tree.content("cut.jpg", encoded("RGB", (64, 64), "JPEG")[:-50])
    tree.content("empty.jpg", b"").content("text.jpg", b"not a picture")
    names = np.array(["good.jpg", "grey.png", "same.jpg", "cut.jpg", "empty.jpg", "text.jpg", "gone.jpg"])
    return inspect_images(tree.root, names, workers=3, progress=SilentProgress())


def test_unreadable_files_are_found_whatever_is_wrong_with_them(files):
    assert files.broken_ids.tolist() == ["cut.jpg", "empty.jpg", "text.jpg", "gone.jpg"]


def test_sizes_and_colour_modes_are_told(files):
    assert files.widths.tolist()[:3] == [12, 5, 12]
    assert files.heights.tolist()[:3] == [8, 6, 8]
    assert files.modes.tolist()[:3] == ["RGB", "L", "RGB"]


def test_the_same_bytes_have_the_same_hash(files):
    assert files.hashes[0] == files.hashes[2] != files.hashes[1]


def test_a_truncated_image_is_named_so(files):
    assert "truncated" in files.problems[3]


def test_what_is_no_picture_is_told_in_words(files):
    assert files.problems[4:6].tolist() == ["the file is empty", "not a picture"]
    assert files.problems[6] == "there is no such file"


@pytest.mark.parametrize("error", [struct.error("unpack requires 4 bytes"), IndexError("out of range")])
def test_no_error_of_a_decoder_stops_it(tree, monkeypatch, error):
    def failing(image: Image.Image) -> None:
        raise error

    tree.content("odd.jpg", encoded("RGB", (8, 8), "JPEG"))
    monkeypatch.setattr(JpegImageFile, "load", failing)
    files = inspect_images(tree.root, np.array(["odd.jpg"]), workers=1, progress=SilentProgress())
    assert files.problems.tolist() == [str(error)]


def test_only_regular_files_of_known_formats_are_opened(tree, monkeypatch):
    """An EPS file would start Ghostscript, and a pipe would be waited for."""

    def started(*_, **__):
        raise AssertionError("Ghostscript was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", started)
    tree.content("evil.jpg", encoded("RGB", (8, 8), "EPS")).content("large.jpg", b"")
    os.truncate(tree.root / "large.jpg", 300 * 2**20)
    names = ["evil.jpg", "large.jpg"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tree.root / "pipe.jpg")
        names.append("pipe.jpg")
    files = inspect_images(tree.root, np.array(names), workers=1, progress=SilentProgress())
    assert (
        files.problems.tolist() == ["not a picture", "the file is too large", "it is no file"][: len(names)]
    )
