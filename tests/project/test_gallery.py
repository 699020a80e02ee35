"""A gallery from Python does what `enroll`, `verify`, `identify` and `people` do."""

from __future__ import annotations

from pathlib import Path

import pytest

import kaggle_face as kf
from tests.support.gallery_stubs import invented_face, jpeg_of, write_trained_run


@pytest.fixture
def gallery(tmp_path: Path) -> kf.PeopleGallery:
    """A gallery of aligned crops, of Ann and Bob with two pictures each, that saves the faces it uses."""
    for person, name in enumerate(("Ann", "Bob")):
        (tmp_path / "people" / name).mkdir(parents=True)
        for picture in (0, 1):
            path = tmp_path / "people" / name / f"{picture}.jpg"
            path.write_bytes(jpeg_of(invented_face(person, picture, 64)))
    fold = write_trained_run(tmp_path / "runs" / "demo" / "main" / "fold0")
    options = {"aligned": True, "device": "cpu", "save_faces": tmp_path / "faces"}
    return kf.open_gallery(tmp_path / "gallery.sqlite", fold.path, **options)


def test_the_environment_names_settings_and_gallery_for_calls_too(
    gallery: kf.PeopleGallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("KAGGLE_FACE_CONFIG", "KAGGLE_FACE_GALLERY"):
        monkeypatch.delenv(name, raising=False)
    assert (kf.open_project().name, kf.open_gallery().path) == ("demo", Path("gallery.sqlite"))
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "mine.yaml").write_text("extends: demo\n", encoding="utf-8")
    (tmp_path / "runs" / "demo").rename(tmp_path / "runs" / "mine")
    monkeypatch.setenv("KAGGLE_FACE_CONFIG", "mine")
    monkeypatch.setenv("KAGGLE_FACE_GALLERY", "elsewhere.sqlite")
    assert repr(kf.open_project(overrides=["seed=3"])) == "project mine (settings that differ: seed=3)"
    found = kf.open_gallery(aligned=True, device="cpu").enroll("Ann", tmp_path / "people" / "Ann")
    assert found.path == Path("elsewhere.sqlite") and found.path.is_file()


def test_a_folder_is_enrolled_and_people_are_renamed_removed_exported_and_imported(
    gallery: kf.PeopleGallery, tmp_path: Path
) -> None:
    report = gallery.enroll_folder(tmp_path / "people")
    assert (report.num_people, report.num_images, report.left_out) == (2, 4, [])
    assert gallery.export(tmp_path / "people.zip") == 2
    gallery.rename("Ann", "Anna").remove("Bob")
    assert gallery.people["name"].tolist() == ["Anna"]
    gallery.rename("Anna", "Ann").import_people(tmp_path / "people.zip", "skip")
    assert gallery.people["name"].tolist() == ["Ann", "Bob"]
    assert {"rename", "remove"} <= set(gallery.audit()["action"])
    assert gallery.identify(tmp_path / "people" / "Ann" / "0.jpg", exact=True, k=1).num_people == 2


def test_pictures_that_were_kept_are_saved(gallery: kf.PeopleGallery, tmp_path: Path) -> None:
    gallery.enroll("Ann", tmp_path / "people" / "Ann")
    before = set((tmp_path / "faces").iterdir())
    assert len(gallery.pictures("Ann")) == 2
    assert {path.name for path in set((tmp_path / "faces").iterdir()) - before} == {
        "0000001.png",
        "0000002.png",
    }


def test_the_network_is_evaluated_on_a_folder(gallery: kf.PeopleGallery, tmp_path: Path) -> None:
    found = gallery.evaluate(tmp_path / "people", shots=[1], ways=[2], draws=2)
    assert found["sizes"][["size", "draws"]].to_numpy().tolist() == [[2, 2]]
    assert found["shots"]["shots"].tolist() == [1] and found["episodes"]["ways"].tolist() == [2]


def test_a_gallery_without_a_network_is_not_embedded_anew(gallery: kf.PeopleGallery, tmp_path: Path) -> None:
    gallery.enroll("Ann", tmp_path / "people" / "Ann")
    with pytest.raises(kf.InputError, match="needs the new model"):
        kf.open_gallery(gallery.path).re_embed()
    assert gallery.re_embed().people["images"].tolist() == [2]
