"""What a person or another program left in a file is read as it stands, or refused in one line."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.files.atomic import write_array
from kaggle_face.artifacts.files.hashing import hash_of_file
from kaggle_face.artifacts.files.reading import array_from_bytes, read_array, read_columns, read_json
from kaggle_face.artifacts.json_types import BlendSummary, RunInfo
from kaggle_face.artifacts.seals import digest_of_file
from kaggle_face.competitions.files.lists import read_lines
from kaggle_face.data.cache.pixels import StoredPixels
from kaggle_face.errors import InputError, RunError
from kaggle_face.inference.onnx_file import read_onnx
from kaggle_face.submission.checks import read_csv

NO_SUMS = np.zeros(0, np.uint32)


def test_an_array_comes_back_as_a_read_only_map(tmp_path: Path) -> None:
    write_array(tmp_path / "a.npy", np.arange(6).reshape(2, 3))
    array = read_array(tmp_path / "a.npy", (2, None))
    assert isinstance(array, np.memmap) and not array.flags.writeable
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": ', "Expecting value"),
        (b"[1]", "expected an object, got list"),
        (b"\xff\xfe", "can't decode byte 0xff"),
        (b"", "Expecting value"),
        (b'{"a": 1, "a": 2}', "the key 'a' appears twice"),
        (b'{"a": NaN}', "NaN is not a number of JSON"),
        (b'{"a": 1e999}', "the number 1e999 is too large"),
        (b'{"a": ' + b"9" * 5000 + b"}", "4300 digits"),
        (b'{"a": ' + b"[" * 100_000, "recursion"),
        (b'{"a": "\0"}', "Invalid control character"),
    ],
)
def test_a_damaged_json_file_is_one_line_with_its_name(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(RunError, match=r"run\.json cannot be read \(.*; copy it again, or delete") as caught:
        read_json(tmp_path / "run.json")
    assert reason in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"seconds": "60"}', "seconds must be a number, got '60'"),
        ('{"results": {"last": {"eer": null}}}', "results.last.eer must be a number, got None"),
        ('{"results": [1]}', "results must be a part with 'key: value' lines, got [1]"),
        ('{"overrides": "a"}', "overrides must be a list, got 'a'"),
        ('{"overrides": [1]}', "overrides.0 must be text, got 1"),
        ('{"num_parameters": 1.5}', "num_parameters must be a whole number, got 1.5"),
        ('{"num_parameters": -1}', "num_parameters must be greater than or equal to 0, got -1"),
        ('{"cpu_amp": "fp8"}', "cpu_amp must be 'off' or 'bf16', got 'fp8'"),
        ('{"versions": {"torch": 2}}', "versions.torch must be text, got 2"),
    ],
)
def test_a_value_of_a_wrong_type_is_told_under_its_full_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(RunError) as caught:
        read_json(tmp_path / "run.json", RunInfo)
    assert str(caught.value).startswith(f"{tmp_path / 'run.json'}: {message}; copy it again")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"tasks": {"classification": {"members": [{"run": "a"}]}}}', "members.0.checkpoint must be there"),
        ('{"tasks": {"classification": []}}', "tasks.classification must be a part"),
        ('{"tasks": {"verification": {"metrics": {"eer": "x"}}}}', "metrics.eer must be a number, got 'x'"),
        ('{"num_parameters": true}', "num_parameters must be a whole number, got True"),
    ],
)
def test_the_summary_of_a_blend_is_read_as_strictly(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "ensemble.json").write_text(text)
    with pytest.raises(RunError) as caught:
        read_json(tmp_path / "ensemble.json", BlendSummary)
    assert message in str(caught.value)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.json")
    for read in (read_json, read_array):
        with pytest.raises(RunError, match="not a regular file"):
            read(tmp_path / "run.json")


@pytest.mark.parametrize(
    "read",
    [hash_of_file, digest_of_file, read_csv, read_onnx, read_lines, lambda path: StoredPixels(path, NO_SUMS)],
)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.parametrize("make", [lambda path: os.mkfifo(path), lambda path: path.symlink_to("/dev/zero")])
def test_no_reader_waits_for_a_pipe_or_reads_a_device(
    tmp_path: Path, read: Callable[[Path], object], make: Callable[[Path], None]
) -> None:
    make(tmp_path / "x")
    with pytest.raises(InputError, match=r"not a (regular )?file"):
        read(tmp_path / "x")


def test_a_long_header_is_refused_without_advice_to_trust_it(tmp_path: Path) -> None:
    header = b"(" * 60_000 + b"\n"
    content = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header
    (tmp_path / "logits.npy").write_bytes(content)
    for read, error in (
        (lambda: read_array(tmp_path / "logits.npy"), RunError),
        (lambda: array_from_bytes(content), ValueError),
    ):
        with pytest.raises(error, match="Header info length") as caught:
            read()
        assert "pickle" not in str(caught.value)


def test_a_pickle_in_place_of_an_array_is_refused_without_advice_to_trust_it(tmp_path: Path) -> None:
    (tmp_path / "logits.npy").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(RunError, match=r"logits\.npy cannot be read") as caught:
        read_array(tmp_path / "logits.npy")
    assert "unsafely" not in str(caught.value)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.zeros(()), r"an array of shape (), expected (3, any)"),
        (np.zeros((2, 4)), r"an array of shape (2, 4), expected (3, any)"),
        (np.zeros(3), r"an array of shape (3,), expected (3, any)"),
        (np.zeros((3, 4), np.int64), "its numbers are of type int64"),
        (np.zeros((3, 4), np.complex64), "its numbers are of type complex64"),
        (np.zeros((3, 4), ">f4"), "its numbers are of type >f4"),
        (np.full((3, 4), "a"), "its numbers are of type <U1"),
        (np.zeros((3, 4), [("a", "f4")]), "its numbers are of type [('a', '<f4')]"),
        (np.zeros((3, 4), object), "Python objects"),
    ],
)
def test_an_array_of_another_shape_or_type_is_refused(tmp_path: Path, array: np.ndarray, reason: str) -> None:
    np.save(tmp_path / "vectors.npy", array)
    with pytest.raises(RunError) as caught:
        read_array(tmp_path / "vectors.npy", (3, None), "f")
    assert reason in str(caught.value)


def test_several_arrays_in_place_of_one_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npy", "w") as archive:
        archive.writestr("a.npy", b"")
    with pytest.raises(RunError, match=r"a\.npy cannot be read"):
        read_array(tmp_path / "a.npy")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n1\n2,3\n", "row 2 has 1 cell, its header has 2"),
        ("a,b\n1,2,3\n4,5,6\n", "row 2 has 3 cells, its header has 2"),  # pandas took a for an index
        ("a,b\n1,2\n3\n", "row 3 has 1 cell, its header has 2"),
        ('a,b\n"1,2\n', "unexpected end of data"),
        ('a,b\n"1"x,2\n', "',' expected after '\"'"),
        ("a,b\n1,\0\n", "a cell ends with a zero byte"),
        ("", "no header"),
        ("a,b\n1," + "x" * 140_000, "field larger than field limit (131072)"),
        ("a,a\n1,2\n", "has two columns 'a'; it has: a, a"),
        ("b,c\n1,2\n", "has no column 'a'; it has: b, c"),
    ],
)
def test_a_table_whose_rows_differ_in_length_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(RunError) as caught:
        read_columns(tmp_path / "t.csv", ["a"])
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_a_table_comes_back_with_its_odd_cells(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b'\xef\xbb\xbfa,b\r\n"x\r\ny",NA\r\n\r\n"",007\r\n')
    assert read_columns(tmp_path / "t.csv", ["b", "a"]) == [("NA", "007"), ("x\r\ny", "")]


@pytest.mark.parametrize(
    "header",
    [
        b"{'descr': '<f4', 'shape': (3,\n",
        b"\0\n",
        b"{'descr': '<f4', 'fortran_order': 0, 'shape': (3L,), }\n",
    ],
)
def test_a_header_that_cannot_be_read_is_an_error_of_its_bytes(header: bytes) -> None:
    data = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(12)
    with pytest.raises(ValueError, match=r"not a \.npy array"):
        array_from_bytes(data)
