"""Known people and probes of own data from two tables or two folders that are called so."""

from __future__ import annotations

import pytest

from kaggle_face.competitions.inspection import inspect_folder
from kaggle_face.competitions.own_data.answers import Answers
from tests.support.own_shapes import draw, write


def _people(root) -> None:
    for person in range(2):
        for image in range(2):
            draw(root / f"train/p{person}/{image}.jpg", person, image)
            draw(root / f"pool/k{person}{image}.jpg", person, 10 + image)
        draw(root / f"pool/d{person}.jpg", person, 20)
        draw(root / f"pool/q{person}.jpg", person, 30)


def test_tables_of_known_people_and_probes_are_galleries(tmp_path):
    _people(tmp_path)
    write(
        tmp_path / "gallery.csv", "name;file", *(f"K{p};pool/k{p}{i}.jpg" for p in range(2) for i in range(2))
    )
    write(tmp_path / "query_dev.csv", "file,name", "d0,K0", "d1,K1")
    write(tmp_path / "query_test.csv", "file", "q1", "q0")
    data = inspect_folder("mine", tmp_path).data
    assert sorted({*data.test_gallery.names.tolist()}) == ["K0", "K1"]
    assert data.test_gallery.probe_ids.tolist() == ["q1", "q0"]
    assert data.dev_gallery.probe_names.tolist() == ["K0", "K1"]
    assert data.classes.names.tolist() == ["p0", "p1"]


def test_known_people_are_trained_on_where_nothing_else_has_identities(tmp_path):
    for person in range(2):
        for image in range(2):
            draw(tmp_path / f"gallery/g{person}/{image}.jpg", person, image)
        draw(tmp_path / f"query/{person}.jpg", person, 20)
    inspection = inspect_folder("mine", tmp_path)
    assert inspection.data.classes.names.tolist() == ["g0", "g1"]
    assert inspection.data.test_gallery.probe_ids.tolist() == ["0.jpg", "1.jpg"]
    assert any(
        line.startswith("the known people are the training images too") for line in inspection.guess.lines
    )


def _searched(root, id_column: str, *answers: str) -> None:
    _people(root)
    write(root / "gallery.csv", "file,who", *(f"k{p}{i}.jpg,{p + 1}" for p in range(2) for i in range(2)))
    write(root / "probes.csv", "probe_id,file", "1001,q0.jpg", "1002,q1.jpg", "1003,q2.jpg")
    draw(root / "pool/q2.jpg", 1, 40)
    ids = {"file": ("q1.jpg", "q0.jpg"), "probe_id": ("1002", "1001")}[id_column]
    write(
        root / "sample_submission.csv",
        f"{id_column},who",
        *(f"{i},{a}" for i, a in zip(ids, answers, strict=True)),
    )


@pytest.mark.parametrize("id_column", ["file", "probe_id"])
def test_a_number_for_nobody_is_named_or_answered(id_column, tmp_path):
    _searched(tmp_path, id_column, "-1", "-1")
    inspection = inspect_folder("mine", tmp_path)
    assert inspection.data.test_gallery.no_match is None
    line = (
        "sample_submission.csv: '-1' of who is not a known person and never answered; if it is the answer for"
    )
    assert any(each.startswith(line) and each.endswith("--unknown -1") for each in inspection.guess.lines)
    gallery = inspect_folder("mine", tmp_path, Answers(unknown="-1")).data.test_gallery
    assert gallery.no_match == "-1"


def test_the_only_word_beside_known_people_is_for_nobody(tmp_path):
    _searched(tmp_path, "file", "?", "2")
    assert inspect_folder("mine", tmp_path).data.test_gallery.no_match == "?"


def test_ids_of_a_sample_may_be_another_column_of_the_probes(tmp_path):
    _searched(tmp_path, "probe_id", "1", "2")
    inspection = inspect_folder("mine", tmp_path)
    gallery = inspection.data.test_gallery
    assert dict(zip(gallery.probe_ids.tolist(), gallery.probe_image_ids.tolist(), strict=True)) == {
        "1001": "pool/q0.jpg",
        "1002": "pool/q1.jpg",
        "1003": "pool/q2.jpg",
    }
    form = inspection.formats.of_task("verification")
    assert (form.columns, form.parts[0].cells) == (("probe_id", "who"), ("{id}", "{label}"))
