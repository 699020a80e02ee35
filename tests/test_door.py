"""The public names of the package: all there, documented, and loaded when they are first used."""

from __future__ import annotations

import doctest
import inspect
import pydoc
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import kaggle_face as kf

MODULES = ("metrics", "heads", "losses")
DOCUMENTED = [name for name in kf.__all__ if name != "__version__"]


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    found = getattr(kf, name)
    assert (found.__doc__ or "").strip()
    assert name in dir(kf)
    if name not in MODULES:
        assert found.__name__ == name
        assert found.__module__.startswith("kaggle_face.")


@pytest.mark.parametrize("module", MODULES)
def test_what_a_module_exports_is_documented_with_an_example(module: str) -> None:
    exported = getattr(kf, module)
    finder = doctest.DocTestFinder(recurse=False)
    without = []
    for name in exported.__all__:
        found = getattr(exported, name)
        if inspect.isfunction(found) or (inspect.isclass(found) and not inspect.isabstract(found)):
            assert found.__doc__, name
            if inspect.isfunction(found) and not any(test.examples for test in finder.find(found)):
                without.append(name)
    assert without == []


def test_a_name_that_is_not_public_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = kf.nothing


def test_the_help_reads_as_a_tour() -> None:
    text = pydoc.plain(pydoc.render_doc(kf))
    for name in ("open_project", "Project", "metrics", "heads", "KaggleFaceError"):
        assert name in text


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, kaggle_face; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "torch", "pandas", "pydantic", "yaml", "PIL"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: kf.open_project("nosuch"), "there are no settings called 'nosuch'"),
        (lambda: kf.open_project("demo", [3]), "an item of open_project(overrides=...) must be text, got 3"),
        (lambda: kf.metrics.equal_error_rate([1.0, 2.0], [1, 1]), "verification needs pairs of both kinds"),
        (lambda: kf.heads.ArcFace(num_classes=3, embedding_size=4)([1], [0]), "embeddings must be a tensor"),
        (
            lambda: kf.cutmix(torch.zeros(2, 3, 4, 4), [0, 1]),
            "cutmix(labels_B=...) must be a tensor, got [0, 1]",
        ),
        (lambda: kf.mixup(torch.zeros(2, 3, 4, 4), torch.zeros(3)), "2 images and 3 labels"),
        (lambda: kf.cutmix(torch.zeros(2, 3, 4, 4), torch.zeros(2), seed=-1), "seed must be >= 0, got -1"),
        (lambda: kf.losses.TripletLoss(selection="x"), "selection is one of semi_hard, hard, all, got 'x'"),
        (lambda: kf.losses.SupervisedContrastiveLoss(0.0), "temperature must be > 0, got 0.0"),
        (lambda: kf.load_embedder("nosuch"), "nosuch holds no trained run"),
        (lambda: kf.open_gallery("nosuch.sqlite").identify("x.jpg"), "there is no gallery at nosuch.sqlite"),
        (lambda: kf.generate_faces("x", 2), "at least 4 identities, got 2"),
        (lambda: kf.init_project("a/b", "x"), "has no folders in it, got 'a/b'"),
        (lambda: kf.init_project("a", "x"), "there is no folder x; fix data, or download"),
        (lambda: kf.open_project("demo").ensemble(["mate"]), "got 'mate'; project.run(name) gives a Run"),
        (lambda: kf.open_project("demo").evaluate([]), "there is no run to evaluate"),
        (
            lambda: kf.open_project("demo").train(folds=["a"]),
            "an item of train(folds=...) must be a whole number, got 'a'",
        ),
    ],
)
def test_bad_input_is_one_line(
    call, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(kf.InputError, match=re.escape(line)) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert capsys.readouterr() == ("", "")
