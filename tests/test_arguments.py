"""Public calls with arguments of other types, for every callable of the door, and what errors name."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_overloads

import numpy as np
import pandas as pd
import pytest
import torch

import kaggle_face as kf
from kaggle_face.arguments import checked, checked_methods
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.errors import ConfigError, InputError
from kaggle_face.progress import SilentProgress

MADE_BY_OTHERS = {"Blend", "Export", "PeopleGallery"}
"""Classes whose constructor is the pipeline's alone."""
FOLDERS = {"Embedder": FoldFolder(Path("runs/faces/main/fold0")), "PeopleGallery": "people"}
"""A right value of the argument `folder`, where it is not a run's."""
BY_ITSELF = {"embed"}
"""Pictures are checked one by one as they are read: `tests/inference/test_embedder.py`."""


@pytest.fixture(scope="module")
def samples() -> dict[str, Any]:
    """A right value of each argument without a default, by its name."""
    project = kf.open_project("demo")
    return {
        "checkpoint": "best_cls",
        "claim": "Ann",
        "file": "people.zip",
        "data": "data",
        "folder": RunFolder(Path("runs/faces/main")),
        "images_BCHW": torch.zeros(2, 3, 4, 4),
        "labels_B": torch.zeros(2),
        "loaded": project.loaded,
        "name": "mate",
        "names": "mate",
        "new": "Ann",
        "numbers": 1,
        "picture": "a.jpg",
        "pictures": ["a.jpg"],
        "progress": SilentProgress(),
        "project": project,
        "slug": "faces",
        "source": "runs/faces/main",
        "run": "runs/faces/main",
        "runs": [],
        "space": {"optim.lr": [0.1]},
        "task": "classification",
        "test": "test.csv",
        "word": "demo",
    }


def public_callables(name: str) -> list[Any]:
    """A function of the door, or the methods and the constructor of a class."""
    found = getattr(kf, name)
    if inspect.isfunction(found):
        return [found]
    if not inspect.isclass(found) or issubclass(found, Exception):
        return []
    return [
        method
        for member, method in inspect.getmembers(found, inspect.isfunction)
        if not (member.startswith("_") or member in BY_ITSELF)
        or (member == "__init__" and name not in MADE_BY_OTHERS)
    ]


@pytest.mark.parametrize("name", kf.__all__)
def test_a_foreign_object_is_refused_by_the_name_of_its_argument(name: str, samples: dict[str, Any]) -> None:
    for function in public_callables(name):
        parameters = inspect.signature(function).parameters
        needed = [each for each in parameters if parameters[each].default is inspect.Parameter.empty]
        given = {each: samples[each] for each in needed if each != "self"}
        if name in FOLDERS and "folder" in given:
            given["folder"] = FOLDERS[name]
        called = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]
        for argument in parameters.keys() - {"self"}:
            foreign = object()
            receiver = [object()] if "self" in parameters else []
            with pytest.raises(InputError) as caught:
                function(*receiver, **{**given, argument: foreign})
            line = str(caught.value)
            assert line.startswith(f"{called}({argument}=...) must be ")
            assert f", got {foreign!r}" in line
            assert "\n" not in line


@checked
def call(
    folds: int | Sequence[int] | None = None,
    rate: float = 0.0,
    kind: Literal["logits", "scores"] | None = None,
    weights: Mapping[str, float] | None = None,
    overwrite: bool = False,
    runs: Sequence[str] | None = None,
    error: str = "",
) -> Any:
    """A public function."""
    if error:
        raise ConfigError(error)
    return folds, rate


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"folds": "0"}, "call(folds=...) must be a whole number or a list, got '0'"),
        ({"folds": [0, "1"]}, "an item of call(folds=...) must be a whole number, got '1'"),
        ({"folds": True}, "call(folds=...) must be a whole number or a list, got True"),
        ({"rate": "fast"}, "call(rate=...) must be a number, got 'fast'"),
        ({"kind": "votes"}, "call(kind=...) must be 'logits' or 'scores', got 'votes'"),
        ({"weights": {"mate": "all"}}, "an item of call(weights=...) must be a number, got 'all'"),
        ({"weights": "mate"}, "call(weights=...) must be a mapping, got 'mate'"),
        ({"overwrite": 1}, "call(overwrite=...) must be true or false, got 1"),
        ({"rate": "a\nb" * 100}, "call(rate=...) must be a number, got 'a\\nba\\nb"),
    ],
)
def test_a_wrong_type_is_one_line(given: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(line)}") as caught:
        call(**given)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "folds"),
    [
        (np.int64(3), 3),
        (np.array([0, 2]), [0, 2]),
        (pd.Series([1, 2]), [1, 2]),
        ([np.int32(1), 2], [1, 2]),
        (range(2), [0, 1]),
        ((0, 1), (0, 1)),
        ({2, 0}, [0, 2]),
        (frozenset({1}), [1]),
        ({np.int64(3)}, [3]),
    ],
)
def test_numbers_and_arrays_of_numpy_and_pandas_become_those_of_python(given: Any, folds: Any) -> None:
    found, rate = call(given, np.float32(0.5))
    assert found == folds
    assert type(found) is type(folds)
    assert rate == 0.5


def test_what_fits_is_handed_on_as_it_is() -> None:
    @checked
    def same(values: Sequence[str]) -> Sequence[str]:
        return values

    given = ["a"]
    assert same(given) is given


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("there is a run; replace it with --overwrite", "there is a run; replace it with overwrite=True"),
        ("give it one: --weight mate=0.3", "give it one: weights={'mate': 0.3}"),
        ("choose --folds 0,1, or --run", "choose folds=[0,1], or runs"),
        ("which they are: --kind logits", "which they are: kind='logits'"),
        ("--folds needs a number; --rate R", "folds needs a number; rate=R"),
        ("--nothing of it", "--nothing of it"),
        ("go on: kaggle-face train --overwrite", "go on: kaggle-face train --overwrite"),
    ],
)
def test_an_error_names_arguments_where_it_named_options(error: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        call(error=error)
    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            "say it with --identity-column 'person_id'",
            "say it with own_data={'identity_column': 'person_id'}",
        ),
        ("leave it aside with --sample none", "leave it aside with own_data={'sample': 'none'}"),
        ("it exists already; --force replaces it", "it exists already; replace=True replaces it"),
        ("say which with --folder t.csv:FOLDER", "say which with own_data={'folders': 't.csv:FOLDER'}"),
        ("--pairs is written so", "own_data['pairs'] is written so"),
        ("there is no x; fix --data, or unpack", "there is no x; fix data, or unpack"),
    ],
)
def test_an_error_of_own_data_names_its_answers(error: str, line: str) -> None:
    @checked
    def init(data: str = "", replace: bool = False, own_data: Mapping[str, Any] | None = None) -> None:
        raise ConfigError(error)

    with pytest.raises(ConfigError) as caught:
        init()
    assert str(caught.value) == line


def test_a_checked_function_looks_as_it_did() -> None:
    assert inspect.getdoc(kf.open_project).startswith("Opens the settings")  # type: ignore[union-attr]
    assert [*inspect.signature(kf.Project.train).parameters][:3] == ["self", "folds", "run"]
    assert len(get_overloads(kf.Run.out_of_fold.__wrapped__)) == 2  # type: ignore[attr-defined]


def test_private_methods_and_properties_are_left_alone() -> None:
    @checked_methods
    class Part:
        def _inside(self, number: int) -> int:
            return number

        @property
        def name(self) -> str:
            return "part"

    assert Part()._inside("a") == "a"  # type: ignore[arg-type, comparison-overlap]
    assert Part().name == "part"


@pytest.mark.parametrize("path", ["a\0b", "\ud800", "x" * 300, Path("a") / ("y" * 256)])
def test_what_no_file_can_be_called_is_one_short_line(path: str | Path) -> None:
    calls = (
        lambda: kf.open_gallery(path),
        lambda: kf.export(path),
        lambda: kf.init_project("faces", path),
        lambda: kf.open_gallery("g.sqlite").verify(path, "a.jpg"),
    )
    for call_of_path in calls:
        with pytest.raises(InputError, match=r"cannot be a path: ") as caught:
            call_of_path()
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_a_competition_is_not_called_by_a_long_text() -> None:
    with pytest.raises(InputError, match=r"^a competition's name has at most 100 letters, got 5000$"):
        kf.init_project("x" * 5000, "nodata")


def test_bytes_and_letters_that_are_not_text_are_refused() -> None:
    with pytest.raises(InputError, match=r"'pattern' of .* must be text, got bytes"):
        kf.init_project("faces", "nodata", own_data={"pattern": b"x"})
    with pytest.raises(InputError):
        kf.open_project("demo", {"data.root": "a\0b"}).data  # noqa: B018
    found, rate = call(0, np.float32(0.5))
    assert type(rate) is float and found == 0
