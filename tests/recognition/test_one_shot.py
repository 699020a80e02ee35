"""One-shot recognition called from a program: the same answers and errors as on the command line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kaggle_face.errors import DataError, GalleryError, InputError, RunError
from kaggle_face.progress import SilentProgress
from kaggle_face.recognition.compared_models import read_face_set
from kaggle_face.recognition.detection.mtcnn import DetectedFace
from kaggle_face.recognition.detection.pictures import Crop, PictureReader
from kaggle_face.recognition.embedder import ModelChoice
from kaggle_face.recognition.evaluation_report import EvaluationOptions
from kaggle_face.recognition.gallery.export import export_gallery
from kaggle_face.recognition.one_shot import OneShot
from tests.support.gallery_stubs import invented_face, jpeg_of, write_trained_run

SILENT = SilentProgress()


class NoDetector:
    """Finds no face in any picture."""

    def detect(self, photo: Crop) -> list[DetectedFace]:
        return []


@pytest.fixture
def one_shot(tmp_path: Path) -> OneShot:
    """A gallery that is not there yet, of aligned crops, with the model of a trained fold."""
    fold = write_trained_run(tmp_path / "runs" / "demo" / "main" / "fold0")
    return OneShot(tmp_path / "gallery.sqlite", ModelChoice(folder=fold.path, device="cpu"), aligned=True)


@pytest.fixture
def crop(tmp_path: Path) -> Callable[..., Path]:
    """Writes an aligned crop of an invented person."""

    def write(person: int, picture: int = 0, folder: str = ".") -> Path:
        path = tmp_path / folder / f"{person}-{picture}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg_of(invented_face(person, picture, 64)))
        return path

    return write


def test_who_is_enrolled_is_verified_and_identified(one_shot: OneShot, crop: Callable[..., Path]) -> None:
    enrolled = one_shot.enroll("Ann", [crop(1)], SILENT)
    assert (enrolled.outcome.num_added, enrolled.faces[0].place) == (1, None)
    one_shot.enroll("Bob", [crop(2)], SILENT)
    found = one_shot.verify("ann", crop(1), SILENT, threshold="0.99")
    assert (found.claim, found.decision.accepted) == ("Ann", True)
    both = one_shot.identify([crop(2), crop(1)], SILENT, threshold="0.99", k=1)
    assert [answer.known.name for answer in both.answers if answer.known] == ["Bob", "Ann"]
    assert both.num_people == 2 and both.as_json()["pictures"][0]["name"] == "Bob"


def test_pictures_that_cannot_be_used_are_problems_of_the_answer(
    one_shot: OneShot, crop: Callable[..., Path], tmp_path: Path
) -> None:
    one_shot.enroll("Ann", [crop(1)], SILENT)
    letter = tmp_path / "letter.jpg"
    letter.write_text("a letter")
    found = one_shot.identify([letter], SILENT)
    assert found.answers == () and "letter.jpg cannot be read" in found.problems[0]


def test_wrong_input_is_an_error_and_leaves_no_gallery(one_shot: OneShot, crop: Callable[..., Path]) -> None:
    with pytest.raises(GalleryError, match="must not hold '/'"):
        one_shot.enroll("a/b", [crop(1)], SILENT)
    with pytest.raises(DataError, match="and nobody is enrolled"):
        one_shot.verify("Ann", crop(1), SILENT)
    with pytest.raises(InputError, match="there is no export at"):
        one_shot.import_people(Path("none.zip"), SILENT)
    with pytest.raises(RunError, match="fold 7 of"):
        choice = ModelChoice(folder=crop(1).parent / "runs" / "demo" / "main", fold=7)
        replace(one_shot, model=choice).enroll("Ann", [crop(1)], SILENT)
    assert not one_shot.gallery.exists()


def test_a_gallery_moves_to_another_model(one_shot: OneShot, crop: Callable[..., Path]) -> None:
    one_shot.enroll("Ann", [crop(1), crop(1, 1)], SILENT)
    other = write_trained_run(crop(1).parent / "runs" / "demo" / "other" / "fold0", seed=4)
    with pytest.raises(InputError, match="needs the new model"):
        replace(one_shot, model=ModelChoice()).re_embed(SILENT)
    images, card = replace(one_shot, model=ModelChoice(folder=other.path, device="cpu")).re_embed(SILENT)
    assert (images, card.run) == (2, "demo/other")


def test_an_export_becomes_one_of_the_chosen_model_or_is_refused(
    one_shot: OneShot, crop: Callable[..., Path]
) -> None:
    folder = crop(1).parent
    one_shot.enroll("Ann", [crop(1)], SILENT)
    export_gallery(one_shot.open_gallery(SILENT), folder / "all.zip")
    other = write_trained_run(folder / "runs" / "demo" / "other" / "fold0", seed=4)
    with_other = replace(one_shot, model=ModelChoice(folder=other.path, device="cpu"))
    with pytest.raises(GalleryError, match=r"was made by demo/main .*, not by demo/other"):
        with_other.import_people(folder / "all.zip", SILENT, "add")
    new = replace(with_other, gallery=folder / "new.sqlite")
    assert [one.num_added for one in new.import_people(folder / "all.zip", SILENT)] == [1]
    model = new.open_gallery(SILENT).model()
    assert model is not None and model.run == "demo/other"
    with pytest.raises(RunError, match="holds no trained run"):
        replace(new, model=ModelChoice(folder=folder)).import_people(folder / "all.zip", SILENT, "skip")


@pytest.mark.parametrize("aligned", [True, False])
def test_a_folder_of_which_no_picture_can_be_used_is_not_measured(tmp_path: Path, aligned: bool) -> None:
    (tmp_path / "people" / "Ann").mkdir(parents=True)
    (tmp_path / "people" / "Ann" / "1.jpg").write_text("a letter")
    reader = PictureReader(None if aligned else NoDetector(), 112)
    with pytest.raises(DataError, match=r"no picture of .*people could be used") as caught:
        read_face_set(tmp_path / "people", reader, SILENT)
    assert ("--aligned" in str(caught.value)) == (not aligned)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"draws": 0}, "draws must be at least 1, got 0"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"shots": ()}, "shots must be one number or more"),
        ({"shots": (1, 0)}, "shots must be at least 1, got 0"),
        ({"sizes": (0,)}, "sizes must be at least 1, got 0"),
        ({"ways": (5, 1)}, "ways must be at least 2, got 1"),
    ],
)
def test_options_of_an_evaluation_are_refused_before_the_work(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        EvaluationOptions(**options)


def test_a_folder_is_measured_as_tables_and_figures(one_shot: OneShot, crop: Callable[..., Path]) -> None:
    for person in range(5):
        for picture in range(3):
            crop(person, picture, f"crops/p{person}")
    options = EvaluationOptions(sizes=(3,), shots=(1, 2), ways=(2,), draws=2)
    report = one_shot.evaluate(crop(0).parent / "crops", options, SILENT)
    assert [table.header[0] for table in report.tables()] == ["model"] * 3
    assert [row[1] for row in report.tables()[1].rows] == ["1", "2"]
    values = report.as_json()
    assert values["models"][0]["name"] == "demo/main"
    assert values["sizes"][0]["rank1"]["value"] == report.sizes[0].rank1.value
