from __future__ import annotations

import os
import pickle
from importlib import metadata
from pathlib import Path

import joblib
import numpy as np
import pytest

from kaggle_face.recognition.detection.weights import NetworkName, read_arrays, read_network_arrays


def written(tmp_path: Path, value: object) -> bytes:
    joblib.dump(value, tmp_path / "file")
    return (tmp_path / "file").read_bytes()


@pytest.mark.parametrize("name", ["pnet", "rnet", "onet"])
def test_the_weights_are_those_that_joblib_reads(name: NetworkName) -> None:
    (file,) = [one for one in metadata.files("mtcnn") or [] if one.name == f"{name}.lz4"]
    expected = joblib.load(Path(str(file.locate())))
    found = read_network_arrays(name)
    assert len(found) == len(expected)
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))
    assert {one.dtype for one in found} == {np.dtype(np.float32)}


def test_arrays_of_any_shape_and_order_come_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = [
        rng.normal(size=(2, 3)).astype(np.float32),
        np.asfortranarray(rng.normal(size=(3, 5, 2)).astype(np.float32)),
        np.empty((0, 4), np.float32),
    ]
    found = read_arrays(written(tmp_path, arrays))
    assert [one.shape for one in found] == [(2, 3), (3, 5, 2), (0, 4)]
    assert all(np.array_equal(one, other) for one, other in zip(found, arrays, strict=True))


class _Evil:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_a_function_that_the_file_names_is_not_called(tmp_path: Path) -> None:
    for data in (pickle.dumps([_Evil(tmp_path / "made")]), written(tmp_path, [_Evil(tmp_path / "made")])):
        with pytest.raises(ValueError, match=r"it names posix\.mkdir"):
            read_arrays(data)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1},
        [1.0],
        [np.zeros(2)],
        [np.zeros(2, ">f4")],
        [np.array(["a", None], object)],
        [np.zeros(3_000_000, np.float32)],
        np.zeros(2, np.float32),
    ],
)
def test_anything_but_a_list_of_float32_arrays_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(ValueError, match=r"no list of arrays|an array|it names"):
        read_arrays(written(tmp_path, value))


def test_a_cut_file_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    data = written(tmp_path, [np.ones((2, 3), np.float32), np.ones(4, np.float32)])
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r"no list of arrays|reshape|buffer"):
            read_arrays(data[:length])
