"""Every command that writes to a run: alone while it does, and without loss where it fails."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.artifacts.files.locking import lock_or_refuse
from kaggle_face.artifacts.run_locks import writing_beside_folds, writing_folds, writing_run
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.main import main
from kaggle_face.kaggle.remote import bundle
from kaggle_face.pipeline import ensemble
from kaggle_face.pipeline.improving import soup

RUN = RunFolder(Path("runs/tiny/main"))
SOUP = RunFolder(Path("runs/tiny/soup"))
ON_FOLDS = (
    ("predict",),
    ("predict", "--folds", "0", "--try-tta"),
    ("train", "--fold", "0", "--run", "main", "--overwrite"),
    ("train", "--fold", "0,1", "--run", "main", "--on", "kaggle", "--overwrite"),
)
BESIDE_FOLDS = (
    ("ensemble", "--run", "main"),
    ("evaluate", "main"),
    ("pseudo-label", "--run", "main"),
    ("check", "--labels", "main"),
    ("predict", "--run", "main", "--try-tta"),
)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def chain(workspace: Path) -> Path:
    """A trained fold, its predictions, blend and soup."""
    settings = ["train.epochs=1", "train.swa_epochs=1"]
    assert main(["train", "--fold", "0", "--run", "main", *settings]) == 0
    assert main(["soup", "--run", "main", "--checkpoints", "last,swa"]) == 0
    assert main(["predict", "--run", "main"]) == 0
    assert main(["ensemble", "--run", "main", "--method", "mean"]) == 0
    assert main(["bundle", "--run", "main", "--user", "me"]) == 0
    return workspace


def fail(*arguments: object, **named: object) -> None:
    raise OSError(28, "No space left on device")


def test_two_writers_of_one_thing_are_one_line_and_a_failure_loses_nothing(
    chain: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(chain)

    with writing_folds(RUN, [0]):
        for words in ON_FOLDS:
            line = refused(*words, *(["--run", "main"] if words[0] == "predict" else []))
            assert line.startswith(f"{RUN.fold(0).path} is being written by another process ("), words
    with writing_beside_folds([RUN]):
        for words in BESIDE_FOLDS:
            assert refused(*words).startswith(f"{RUN.path} is being written by another process ("), words
        assert main(["runs"]) == 0  # whoever reads need not wait
    with writing_run(SOUP):
        for words in (("soup", "--run", "main", "--overwrite"), ("predict", "--run", "soup")):
            assert refused(*words).startswith(f"{SOUP.path} is being written by another process ("), words
    with lock_or_refuse(Path("bundles/tiny/.main.lock"), "it"):
        line = refused("bundle", "--run", "main", "--user", "me")
        assert line.startswith("bundles/tiny/main is being written by another process (")
    assert contents(chain) == before

    whole_soup = soup.make_soup
    with monkeypatch.context() as patch:
        patch.setattr(ensemble, "write_blend_record", fail)
        patch.setattr(soup, "make_soup", lambda *given: fail(whole_soup(*given)))
        patch.setattr(bundle, "write_json", fail)
        for words in (
            ("ensemble", "--run", "main", "--method", "mean"),
            ("soup", "--run", "main", "--overwrite"),
            ("bundle", "--run", "main", "--user", "me"),
        ):
            assert "is full; free some room" in refused(*words)
            assert contents(chain) == before, words

    line = refused("bundle", "--run", "main", "--user", "me", "--to", "configs")
    assert line == "configs is not a bundle: it holds tiny.yaml; choose another folder with --to"
    assert contents(chain) == before

    shutil.rmtree(RUN.fold(0).path / "checkpoints")
    refused("soup", "--run", "main", "--overwrite")
    assert contents(SOUP.path) == {
        name.removeprefix("runs/tiny/soup/"): data
        for name, data in before.items()
        if name.startswith("runs/tiny/soup/")
    }
