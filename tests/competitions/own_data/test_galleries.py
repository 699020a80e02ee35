"""Known people and probes of own data from two tables or two folders that are called so."""

from __future__ import annotations

from kaggle_face.competitions.inspection import inspect_folder
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
