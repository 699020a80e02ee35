"""The status of a project, its tables and comparisons: the lines of the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

import kaggle_face as kf
from kaggle_face.cli.main import main
from kaggle_face.project.project import Project


@pytest.fixture
def project(tiny_faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return kf.open_project("demo", [f"data.root={tiny_faces}", "data.image_size=16"])


def test_before_a_training_the_status_names_the_first_command(project: Project) -> None:
    links = project.status()
    assert links["command"].str.contains("kaggle-face").any()


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["data.root=disk/faces"], "cache"),
        (["data.root=disk/faces", "competition.slug=faces-2026"], "download"),
    ],
)
def test_the_command_that_brings_the_files_brings_them_where_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    first = kf.open_project("demo", words).status().iloc[0]
    assert (first["because"], first["command"]) == (
        f"there is no folder {Path('disk/faces')}",
        f"kaggle-face {command} -c demo {' '.join(words)}",
    )


@pytest.mark.parametrize("words", [[], ["--all"], ["--estimates"], ["--estimates", "--all"]])
def test_tables_without_a_run_are_refused_as_by_the_command(
    project: Project, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    call = project.estimates if "--estimates" in words else project.run_table
    with pytest.raises(kf.RunError) as caught:
        call(all="--all" in words)
    assert main(["runs", *words, "-c", "demo", *project.loaded.overrides]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1] == f"error: {caught.value}"


def test_one_run_alone_is_not_compared(project: Project) -> None:
    with pytest.raises(kf.RunError, match="a comparison needs two runs, got 0"):
        project.compare([])
