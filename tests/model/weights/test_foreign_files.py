"""Weight files of other programs: nothing that they ask for is executed, whatever they hold."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from kaggle_face.errors import ConfigError
from kaggle_face.model.weights.foreign_files import read_tensor_sets


class _Call:
    """Asks whoever unpickles it for a call."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self._asked = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._asked


@pytest.mark.parametrize("function", [Path.touch, os.mkdir, eval, exec, os.system])
@pytest.mark.parametrize("is_legacy", [False, True])
def test_nothing_that_a_file_asks_for_is_executed(
    tmp_path: Path, function: Callable[..., object], is_legacy: bool
) -> None:
    mark = tmp_path / "executed"
    arguments: dict[Callable[..., object], tuple[object, ...]] = {
        Path.touch: (mark,),
        os.mkdir: (str(mark),),
        eval: (f"__import__('os').mkdir({str(mark)!r})",),
        exec: (f"__import__('os').mkdir({str(mark)!r})",),
        os.system: (f"touch {mark}",),
    }
    content = {"state_dict": {"a": torch.ones(2)}, "args": _Call(function, *arguments[function])}
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=not is_legacy)
    with pytest.raises(ConfigError, match="holds more than tensors, whose code is not run"):
        read_tensor_sets(tmp_path / "w.pth")
    assert not mark.exists()


def test_numpys_constructors_are_not_called(tmp_path: Path) -> None:
    """A dtype whose state denies that it holds objects would let a scalar be an object of any address."""

    class Dtype:
        def __reduce__(self) -> tuple[object, ...]:
            return np.dtype, ("O8", False, True), (3, "|", None, None, None, -1, -1, 0)

    scalar = np.float64(1.0).__reduce__()[0]
    assert callable(scalar)
    torch.save(
        {"model": {"a": torch.ones(2)}, "loss": _Call(scalar, Dtype(), b"\x08" * 8)}, tmp_path / "w.pth"
    )
    found = read_tensor_sets(tmp_path / "w.pth")
    assert found.keys() == {"model"} and found["model"]["a"].tolist() == [1, 1]


def test_a_mapping_in_itself_ends(tmp_path: Path) -> None:
    content: dict[str, Any] = {"state_dict": {"a": torch.ones(2)}}
    content["state_dict"]["self"] = content
    torch.save(content, tmp_path / "w.pth")
    assert read_tensor_sets(tmp_path / "w.pth").keys() == {"state_dict"}


def test_a_file_nested_beyond_measure_is_refused(tmp_path: Path) -> None:
    torch.save([[] for _ in range(10_001)], tmp_path / "w.pth")
    with pytest.raises(ConfigError, match="nested beyond measure"):
        read_tensor_sets(tmp_path / "w.pth")


def test_words_of_wrappers_are_taken_out_of_names_unless_two_would_be_one(tmp_path: Path) -> None:
    tensors = {"a._orig_mod.b": torch.ones(1), "_fsdp_wrapped_module.c": torch.ones(2)}
    torch.save(tensors, tmp_path / "w.pth")
    assert list(read_tensor_sets(tmp_path / "w.pth")[""]) == ["a.b", "c"]
    torch.save({**tensors, "a.b": torch.ones(3)}, tmp_path / "w.pth")
    assert list(read_tensor_sets(tmp_path / "w.pth")[""]) == [*tensors, "a.b"]


@pytest.mark.parametrize("is_legacy", [False, True])
def test_damaged_files_are_one_line_or_hold_tensors_all_the_same(tmp_path: Path, is_legacy: bool) -> None:
    draw, refusals = np.random.default_rng(0), 0
    content = {"a": torch.zeros(2, 2), "b": np.float64(1.0)}
    torch.save(content, tmp_path / "whole.pth", _use_new_zipfile_serialization=not is_legacy)
    whole = np.frombuffer((tmp_path / "whole.pth").read_bytes(), np.uint8)
    for _ in range(30):
        broken = whole.copy()
        broken[draw.integers(len(broken), size=3)] = draw.integers(256, size=3)
        (tmp_path / "w.pth").write_bytes(broken[: draw.integers(1, len(broken) + 1)].tobytes())
        try:
            assert read_tensor_sets(tmp_path / "w.pth")
        except ConfigError as error:
            assert "\n" not in str(error)
            refusals += 1
    assert refusals > 15
