from __future__ import annotations

import numpy as np
import pytest

from kaggle_face.competitions.layouts.gallery import GallerySearch
from kaggle_face.competitions.submission.tables import classification_columns, fill_table, gallery_columns
from kaggle_face.errors import DataError
from kaggle_face.records import Predictions

DEV_TABLE = "11-785-f23-hw2p2-verification/verification_dev.csv"


def test_two_archives_side_by_side_are_read_as_one(known_people):
    data = known_people.read()
    assert data.classes.names.tolist() == ["n000002", "n000009"]
    assert data.test_gallery is not None
    assert data.test_gallery.names.tolist() == ["n000103", "n000103", "n000104"]


def test_probes_are_sorted_images_called_by_their_row(known_people):
    gallery = known_people.read().test_gallery
    assert gallery.probe_ids.tolist() == ["0", "1", "2"]
    assert [image_id[-5:] for image_id in gallery.probe_image_ids] == ["d.jpg", "e.jpg", "f.jpg"]
    assert gallery.probe_names.tolist() == ["", "", ""]


def test_dev_labels_belong_to_sorted_images(known_people):
    gallery = known_people.read().dev_gallery
    named = dict(zip(gallery.probe_image_ids.tolist(), gallery.probe_names.tolist(), strict=True))
    folder = "11-785-f23-hw2p2-verification/unknown_dev"
    assert named == {
        f"{folder}/a.jpg": "n000104",
        f"{folder}/b.jpg": "n000000",
        f"{folder}/c.jpg": "n000103",
    }


def test_from_2023_on_a_probe_may_have_no_match(known_people):
    data = known_people.read()
    assert data.dev_gallery.no_match == data.test_gallery.no_match == "n000000"


def test_in_fall_2022_every_probe_has_a_match(known_people):
    known_people.remove(DEV_TABLE)
    table = "11-785-f23-hw2p2-verification/dev_identities.csv"
    known_people.text(table, "label", "n000104", "n000103", "n000103")
    data = known_people.read()
    assert data.test_gallery.no_match is None
    assert data.dev_gallery.probe_names.tolist() == ["n000104", "n000103", "n000103"]


def test_dev_pairs_are_drawn_from_the_dev_gallery(known_people):
    """Three known images: a is the person of one, c of two, b of none; the other combinations differ."""
    data = known_people.read()
    found = {
        (first[-5:], second[-8:]): label
        for first, second, label in zip(
            data.dev_pairs.first_ids, data.dev_pairs.second_ids, data.dev_pairs.labels, strict=True
        )
    }
    assert found == {
        ("a.jpg", "04/4.jpg"): 1,
        ("a.jpg", "03/3.jpg"): 0,
        ("a.jpg", "more.jpg"): 0,
        ("b.jpg", "04/4.jpg"): 0,
        ("b.jpg", "03/3.jpg"): 0,
        ("b.jpg", "more.jpg"): 0,
        ("c.jpg", "04/4.jpg"): 0,
        ("c.jpg", "03/3.jpg"): 1,
        ("c.jpg", "more.jpg"): 1,
    }


def test_spring_2023_writes_five_digits(known_people):
    data = known_people.read(slug="11-785-s23-hw2p2-classification")
    assert data.test_rows.row_ids.tolist() == ["00000.jpg", "00001.jpg"]
    assert data.test_rows.image_ids[0].endswith("test/000000.jpg")


def test_ids_are_written_as_in_the_sample_submission(known_people):
    sample = "11-785-f23-hw2p2-classification/classification_sample_submission.csv"
    known_people.text(sample, "id,label", "0000.jpg,0")
    assert known_people.read().test_rows.row_ids.tolist() == ["0000.jpg", "0001.jpg"]


def test_the_csvs_have_the_columns_of_the_competition(known_people):
    data = known_people.read()
    formats = GallerySearch().formats("f23")
    predictions = Predictions(
        data.test_rows.image_ids, np.array([[0.0, 1.0], [1.0, 0.0]]), data.classes.names
    )
    classes = fill_table(formats.of_task("classification"), [classification_columns(data, predictions)])
    assert {name: cells.tolist() for name, cells in classes.cells.items()} == {
        "id": ["000000.jpg", "000001.jpg"],
        "label": ["1", "0"],
    }
    found = np.array(["n000104", "n000000", "n000103"])
    table = fill_table(
        formats.of_task("verification"), [gallery_columns(data, np.array(["2", "0", "1"]), found)]
    )
    assert {name: cells.tolist() for name, cells in table.cells.items()} == {
        "id": ["0", "1", "2"],
        "label": ["n000000", "n000103", "n000104"],
    }


def test_a_probe_without_an_answer_is_refused(known_people):
    data = known_people.read()
    form = GallerySearch().formats("f23").of_task("verification")
    with pytest.raises(DataError, match=r"1 of 3 ids is not among the probes .*first: 1"):
        fill_table(form, [gallery_columns(data, np.array(["2", "0"]), np.array(["n000104", "n000000"]))])


def test_a_dev_label_that_is_not_a_known_identity_is_refused(known_people):
    known_people.text(DEV_TABLE, "label", "n000104", "n000999", "n000103")
    with pytest.raises(DataError, match=r"verification_dev.csv:3: 'n000999' is not a folder of known/"):
        known_people.read()


def test_a_dev_table_of_another_length_is_refused(known_people):
    known_people.text(DEV_TABLE, "label", "n000104")
    with pytest.raises(DataError, match=r"verification_dev.csv has 1 row, but unknown_dev has 3 images"):
        known_people.read()


def test_without_the_verification_archive_classification_is_read(known_people):
    (known_people.root / "11-785-f23-hw2p2-verification").rename(known_people.root.parent / "elsewhere")
    data = known_people.read()
    assert data.test_gallery is None
    assert len(data.test_rows) == 2
    assert any("no verification folder" in note for note in data.notes)


DEV = "11-785-f23-hw2p2-verification/unknown_dev"


def dev_names(data) -> dict[str, str]:
    gallery = data.dev_gallery
    names = zip(gallery.probe_image_ids.tolist(), gallery.probe_names.tolist(), strict=True)
    return {image_id.removeprefix(f"{DEV}/"): name for image_id, name in names}


TRUTH = {"a.jpg": "n000104", "b.jpg": "n000000", "c.jpg": "n000103"}


@pytest.mark.parametrize(
    "lines",
    [
        ("image,label", "c.jpg,n000103", "a.jpg,n000104", "b.jpg,n000000"),
        ("label,path", "n000103,unknown_dev/c.jpg", "n000104,unknown_dev/a.jpg", "n000000,unknown_dev/b.jpg"),
        ("id,label", "c,n000103", "a,n000104", "b,n000000"),
        ("id,label", "2,n000103", "0,n000104", "1,n000000"),
        ("file_name,label,note", "b.JPG,n000000,x", "c.JPG,n000103,y", "a.JPG,n000104,z"),
    ],
    ids=["names", "paths", "stems", "rows", "another suffix"],
)
def test_dev_labels_are_joined_by_what_names_the_image(known_people, lines):
    known_people.text(DEV_TABLE, *lines)
    assert dev_names(known_people.read()) == TRUTH


def test_fall_2022s_table_is_joined_by_name_too(known_people):
    known_people.remove(DEV_TABLE)
    table = "11-785-f23-hw2p2-verification/dev_identities.csv"
    known_people.text(table, "image,label", "c.jpg,n000103", "a.jpg,n000104", "b.jpg,n000103")
    assert dev_names(known_people.read()) == {**TRUTH, "b.jpg": "n000103"}


def test_a_dev_image_without_a_row_is_no_probe_and_told(known_people):
    known_people.text(DEV_TABLE, "image,label", "c.jpg,n000103", "a.jpg,n000104")
    data = known_people.read()
    assert dev_names(data) == {"a.jpg": "n000104", "c.jpg": "n000103"}
    note = f"1 of 3 images of {DEV} is not in verification_dev.csv, so without a name, first: {DEV}/b.jpg"
    assert note in data.notes


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ("image,label", "c.jpg,n000103", "x.jpg,n000104"),
            r"verification_dev.csv:3: 1 of 2 named images does",
        ),
        (("image,label", "c.jpg,n000103", "c.jpg,n000104"), r"verification_dev.csv:3: 'c.jpg' appears twice"),
        (("a,b,label", "a.jpg,a.jpg,n000104"), r"the columns a and b both name pictures"),
        (("id,label", "5,n000104", "6,n000000", "7,n000103"), r"'id' neither names the pictures nor numbers"),
    ],
)
def test_a_dev_table_whose_names_do_not_fit_is_refused(known_people, lines, message):
    known_people.text(DEV_TABLE, *lines)
    with pytest.raises(DataError, match=message):
        known_people.read()


def test_a_known_name_may_spell_accents_otherwise_than_its_folder(known_people):
    folder = "11-785-f23-hw2p2-verification/known"
    known_people.images(f"{folder}/Jose\u0301/1.jpg")
    known_people.text(DEV_TABLE, "label", "n000104", "Jos\u00e9", "n000103")
    data = known_people.read()
    assert dev_names(data)["b.jpg"] == "Jose\u0301"
    assert any(
        "names of identities spell accents otherwise than the folders of known/ do" in n for n in data.notes
    )


def test_probes_in_folders_are_refused(known_people):
    known_people.images("11-785-f23-hw2p2-verification/unknown_test/n000103/g.jpg")
    with pytest.raises(DataError, match=r"1 of 4 images of .*unknown_test lies in a deeper folder, which"):
        known_people.read()


SAMPLE = "11-785-f23-hw2p2-classification/classification_sample_submission.csv"


def test_ids_that_the_sample_writes_as_the_files_stay_whatever_its_first_suffix(known_people):
    known_people.images("11-785-f23-hw2p2-classification/test/000002.BMP")
    known_people.text(SAMPLE, "id,label", "000000.jpg,0", "000001.jpg,0", "000002.BMP,0")
    assert known_people.read().test_rows.row_ids.tolist() == ["000000.jpg", "000001.jpg", "000002.BMP"]


def test_ids_of_other_digits_and_suffixes_are_found_by_their_number(known_people):
    known_people.images("11-785-f23-hw2p2-classification/test/000002.bmp")
    known_people.text(SAMPLE, "id,label", "0002.bmp,0", "0000.jpg,0")
    assert known_people.read().test_rows.row_ids.tolist() == ["0000.jpg", "0001.bmp", "0002.bmp"]


def test_a_test_folder_for_each_identity_is_a_labelled_test_set(known_people):
    folder = "11-785-f23-hw2p2-classification/test"
    known_people.remove(f"{folder}/000000.jpg").remove(f"{folder}/000001.jpg")
    known_people.images(f"{folder}/n000009/1.jpg", f"{folder}/n000002/0.jpg", f"{folder}/n000007/2.jpg")
    data = known_people.read()
    test = data.faces.of_split("test")
    assert dict(zip(test.image_ids.tolist(), test.labels.tolist(), strict=True)) == {
        f"{folder}/n000002/0.jpg": 0,
        f"{folder}/n000009/1.jpg": 1,
        f"{folder}/n000007/2.jpg": -1,
    }
    assert sorted(data.test_rows.row_ids.tolist()) == ["0.jpg", "1.jpg", "2.jpg"]
    assert len(data.labelled_test) == 2
    assert any(note.startswith("2 of 3 test images have a known class") for note in data.notes)


def test_test_images_in_folders_of_nobody_are_read_without_a_label(known_people):
    folder = "11-785-f23-hw2p2-classification/test"
    known_people.images(f"{folder}/part two/000002.jpg")
    data = known_people.read()
    assert len(data.test_rows) == 3 and len(data.labelled_test) == 0
    assert any("the folders in" in note and "first: part two" in note for note in data.notes)
