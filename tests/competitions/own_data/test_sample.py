"""What a sample submission says: its ids, labels by place or name, rankings, and a question where two fit."""

from __future__ import annotations

import pytest

from kaggle_face.competitions.inspection import inspect_folder
from kaggle_face.competitions.own_data.answers import Answers
from kaggle_face.competitions.own_data.guess import guess_settings
from kaggle_face.errors import ConfigError, DataError
from tests.support.own_shapes import draw, write

PEOPLE = ("Ann", "Bob")


@pytest.fixture
def root(tmp_path):
    """Two people in a table, and three test images in a folder."""
    for number in range(6):
        draw(tmp_path / f"pics/{number}a.jpg", number % 2, number)
    for number in range(3):
        draw(tmp_path / f"test/{number}t.jpg", number % 2, 50 + number)
    write(tmp_path / "list.csv", "image,person", *(f"{n}a.jpg,{PEOPLE[n % 2]}" for n in range(6)))
    return tmp_path


def test_a_zero_for_each_label_may_be_a_place_or_stand_for_a_name(root):
    write(root / "sample_submission.csv", "image,person", *(f"{n}t.jpg,0" for n in range(3)))
    with pytest.raises(ConfigError, match="say which with --submitted index or --submitted name"):
        guess_settings(root, Answers())
    assert guess_settings(root, Answers(submitted="index")).custom.submitted == "index"
    assert guess_settings(root, Answers(submitted="name")).custom.submitted == "name"


def test_different_places_are_places(root):
    write(root / "sample_submission.csv", "image,person", "0t.jpg,1", "1t.jpg,0", "2t.jpg,1")
    data = inspect_folder("mine", root).data
    assert data.classes.names.tolist() == ["Ann", "Bob"]
    assert data.classes.submitted.tolist() == ["0", "1"]


def test_a_label_of_unknown_people_is_not_a_class_unless_an_option_says_so(root):
    write(
        root / "list.csv", "image,person", *(f"{n}a.jpg,{('Ann', 'Bob', 'new_one')[n % 3]}" for n in range(6))
    )
    write(root / "sample_submission.csv", "image,people", *(f"{n}t.jpg,Ann new_one Bob" for n in range(3)))
    data = inspect_folder("mine", root).data
    assert data.classes.names.tolist() == ["Ann", "Bob"]
    assert data.test_gallery.no_match == "new_one"
    assert data.test_gallery.probe_ids.tolist() == ["0t.jpg", "1t.jpg", "2t.jpg"]
    data = inspect_folder("mine", root, Answers(unknown="")).data
    assert data.classes.names.tolist() == ["Ann", "Bob", "new_one"]
    assert data.test_gallery is None


def test_other_columns_of_the_sample_are_kept_or_refused(root):
    rows = [f"{n}t.jpg,test/{n}t.jpg,v1,Ann" for n in range(3)]
    write(root / "sample_submission.csv", "image,path,version,person", *rows)
    form = inspect_folder("mine", root).formats.of_task("classification")
    assert form.parts[0].cells == ("{id}", "{path}", "v1", "{label}")
    rows = [f"{n}t.jpg,k{n * 7},v1,Ann" for n in range(3)]
    write(root / "sample_submission.csv", "image,key,version,person", *rows)
    with pytest.raises(
        DataError, match=r"the column 'key' differs from row to row \(k0, ...\) and is neither"
    ):
        inspect_folder("mine", root)
    assert inspect_folder("mine", root, Answers(sample="none")).formats.classification is None


def test_the_sample_is_found_by_what_it_holds_or_by_an_option(root):
    write(root / "fill_me.csv", "image,person", *(f"{n}t.jpg,?" for n in (2, 0, 1)))
    guess = guess_settings(root, Answers())
    assert (guess.custom.test_rows, guess.samples) == ("fill_me.csv", ("fill_me.csv",))
    write(root / "sample_submission.csv", "image,person", *(f"{n}t.jpg,Ann" for n in (1, 0, 2)))
    assert guess_settings(root, Answers()).custom.test_rows == "sample_submission.csv"
    assert guess_settings(root, Answers(sample="fill_me.csv")).custom.test_rows == "fill_me.csv"


def test_ids_of_the_sample_lead_to_images_by_the_table_of_test_images(root):
    write(root / "tests.csv", "key,image", "31,0t.jpg", "12,1t.jpg", "25,2t.jpg")
    write(root / "sample_submission.csv", "key,person", "12,Ann", "25,Ann", "31,Ann")
    data = inspect_folder("mine", root).data
    assert data.test_rows.row_ids.tolist() == ["12", "25", "31"]
    assert data.test_rows.image_ids.tolist() == ["test/1t.jpg", "test/2t.jpg", "test/0t.jpg"]


def _places(root, *labels: str) -> None:
    write(
        root / "sample_submission.csv",
        "image,label",
        *(f"{n}t.jpg,{label}" for n, label in enumerate(labels)),
    )


@pytest.mark.parametrize(
    ("lines", "labels", "submitted"),
    [
        (("Bob", "Ann"), "010", ["1", "0"]),
        (("Bob", "Cid", "Ann"), "122", ["2", "0"]),
        (("Bob", "Ann"), "121", ["2", "1"]),
        (("name", "Bob", "Ann"), "010", ["1", "0"]),
        (("5 Bob", "7 Ann"), "575", ["7", "5"]),
    ],
)
def test_a_list_of_names_gives_the_labels_in_its_own_order(lines, labels, submitted, root):
    _places(root, *labels)
    write(root / "classes.txt", *lines)
    inspection = inspect_folder("mine", root)
    assert inspection.data.classes.names.tolist() == ["Ann", "Bob"]
    assert inspection.data.classes.submitted.tolist() == submitted
    assert not any("classes.txt: left aside" in line for line in inspection.guess.lines)


def test_a_list_of_names_with_blanks_gives_labels_too(root):
    write(root / "list.csv", "image,person", *(f"{n}a.jpg,{('Bo Lee', 'Ann')[n % 2]}" for n in range(6)))
    write(root / "classes.txt", "Bo Lee", "Ann")
    _places(root, *"010")
    assert inspect_folder("mine", root).data.classes.submitted.tolist() == ["1", "0"]


def test_rows_of_a_table_in_another_order_are_a_question(root):
    _places(root, *"010")
    write(root / "people.csv", "name,age", "Bob,30", "Ann,40")
    with pytest.raises(
        ConfigError, match=r"'0' may be a row of people.csv, whose name .* say --submitted index"
    ):
        guess_settings(root, Answers())
    assert guess_settings(root, Answers(submitted="index")).custom.submitted == "index"


def test_numbers_of_a_sample_are_images_whose_zeros_it_lost(root):
    for number in range(3):
        draw(root / f"asked/00{number + 7}.jpg", number % 2, 60 + number)
        (root / f"test/{number}t.jpg").unlink()
    write(root / "sample_submission.csv", "id,person", "7,Ann", "8,Bob", "9,Ann")
    inspection = inspect_folder("mine", root)
    assert inspection.data.test_rows.image_ids.tolist() == [f"asked/00{n}.jpg" for n in "789"]
    assert inspection.formats.of_task("classification").parts[0].cells == ("{number}", "{label}")


@pytest.mark.parametrize(
    ("header", "row", "cells"),
    [
        ("person,image", "unknown,{n}t.jpg", ("{label}", "{id}")),
        ("person,version,image", "Ann,v1,{n}t", ("{label}", "v1", "{id}")),
        ("person;image", "unknown;{n}t.jpg", ("{label}", "{id}")),
    ],
)
def test_ids_need_not_be_the_first_column(root, header, row, cells):
    write(root / "sample_submission.csv", header, *(row.format(n=n) for n in (2, 0, 1)))
    found = inspect_folder("mine", root)
    form = found.formats.of_task("classification")
    assert form.parts[0].cells == cells
    assert form.id_column == "image"
    assert found.guess is not None and found.guess.custom.test_id == "image"
    assert found.data.test_rows.image_ids.tolist() == ["test/2t.jpg", "test/0t.jpg", "test/1t.jpg"]


def test_ids_of_a_table_of_test_images_may_be_behind_the_labels(root):
    write(root / "test.csv", "image,key", "0t.jpg,K9", "1t.jpg,K8", "2t.jpg,K7")
    write(root / "sample_submission.csv", "name,key", "Ann,K7", "Ann,K8", "Ann,K9")
    found = inspect_folder("mine", root)
    assert found.formats.of_task("classification").parts[0].cells == ("{label}", "{id}")
    rows = dict(
        zip(found.data.test_rows.row_ids.tolist(), found.data.test_rows.image_ids.tolist(), strict=True)
    )
    assert rows == {"K7": "test/2t.jpg", "K8": "test/1t.jpg", "K9": "test/0t.jpg"}


def test_ids_of_pairs_may_be_behind_their_scores(root):
    write(root / "pairs.csv", "pair_id,a,b", "7,0t.jpg,1t.jpg", "9,1t.jpg,2t.jpg")
    write(root / "sample_submission.csv", "a,b,score,pair_id", "0t.jpg,1t.jpg,0,7", "1t.jpg,2t.jpg,0,9")
    form = inspect_folder("mine", root).formats.of_task("verification")
    assert form.parts[0].cells == ("{first}", "{second}", "{score}", "{id}")
    assert form.id_column == "pair_id"


@pytest.mark.parametrize(("ids", "template"), [((11, 12, 13), "{id}"), (("0t", "1t", "2t"), "{stem}")])
def test_ids_of_probes_may_be_behind_the_names(root, ids, template):
    write(root / "gallery.csv", "file,subject", "0a.jpg,Ann", "1a.jpg,Bob", "2a.jpg,Ann")
    write(root / "probes.csv", "number,file", "11,0t.jpg", "12,1t.jpg", "13,2t.jpg")
    write(root / "sample_submission.csv", "name,probe", *zip_rows(("nobody", "Ann", "Ann"), ids))
    found = inspect_folder("mine", root)
    assert found.formats.of_task("verification").parts[0].cells == ("{label}", template)
    assert found.data.test_gallery.no_match == "nobody"


def zip_rows(*columns):
    return [",".join(map(str, cells)) for cells in zip(*columns, strict=True)]


def test_an_answer_names_the_column_of_ids(root):
    rows = [f"{n},{n}t.jpg" for n in range(3)]
    write(root / "sample_submission.csv", "guess,image", *rows)
    form = inspect_folder("mine", root, Answers(id_column="image")).formats.of_task("classification")
    assert form.parts[0].cells == ("{label}", "{id}")
    with pytest.raises(ConfigError, match="--id-column: no table has a column 'imag'; did you mean 'image'"):
        inspect_folder("mine", root, Answers(id_column="imag"))
    write(root / "other.csv", "image,source", *(f"{n}a.jpg,web" for n in range(6)))
    with pytest.raises(
        ConfigError, match="--id-column: no sample submission has a column 'source'; there are"
    ):
        inspect_folder("mine", root, Answers(id_column="source"))


@pytest.mark.parametrize(("first", "order"), [(0, "name"), (1, "name"), (1, "number")])
def test_ids_count_the_test_images_in_the_order_that_is_given(tmp_path, first, order):
    for number in range(6):
        draw(tmp_path / f"train/{PEOPLE[number % 2]}/{number}.jpg", number % 2, number)
    for name in ("2", "10", "9"):
        draw(tmp_path / f"test/{name}.jpg", 0, 50 + int(name))
    write(tmp_path / "sample_submission.csv", "person,id", *(f"Ann,{first + n}" for n in (2, 0, 1)))
    data = inspect_folder("mine", tmp_path, Answers(row_order=order, id_column="id")).data
    in_order = {"name": ("10", "2", "9"), "number": ("2", "9", "10")}[order]
    assert data.test_rows.row_ids.tolist() == [str(first + n) for n in (2, 0, 1)]
    assert data.test_rows.image_ids.tolist() == [f"test/{in_order[n]}.jpg" for n in (2, 0, 1)]


def test_an_order_by_numbers_needs_numbers(root):
    write(root / "sample_submission.csv", "id,person", *(f"{n},Ann" for n in range(3)))
    with pytest.raises(DataError, match=r"such as test/0t\.jpg, are not called by numbers of their own"):
        inspect_folder("mine", root, Answers(row_order="number"))
    write(root / "sample_submission.csv", "id,person", "0,Ann", "2,Ann", "3,Ann")
    with pytest.raises(DataError, match="such as 0, do not count the 3 test images from 0 or 1"):
        inspect_folder("mine", root, Answers(row_order="name"))


@pytest.mark.parametrize(
    ("header", "submitted"),
    [("Bob,image,Ann", ["Ann", "Bob"]), ("1,image,0", ["0", "1"])],
)
def test_a_column_for_each_identity_holds_its_probability(root, header, submitted):
    write(root / "sample_submission.csv", header, *(f"0.5,{n}t.jpg,0.5" for n in range(3)))
    found = inspect_folder("mine", root)
    form = found.formats.of_task("classification")
    assert form.parts[0].cells == ("{probability}", "{id}", "{probability}")
    assert found.data.classes.submitted.tolist() == submitted


def test_labels_may_have_their_probabilities_beside_them(root):
    write(root / "sample_submission.csv", "image,people", *(f"{n}t.jpg,Ann 0.5" for n in range(3)))
    found = inspect_folder("mine", root)
    form = found.formats.of_task("classification")
    assert form.parts[0].cells == ("{id}", "{label} {probability}")
    assert form.labels_per_row == 1 and found.guess.custom.labels_per_row == 1


@pytest.mark.parametrize(("unknown", "layout"), [("new_whale", "top_k"), ("Bob", "custom")])
def test_a_table_like_that_of_whales_is_own_data_where_nobody_is_unknown(tmp_path, unknown, layout):
    for number in range(4):
        draw(tmp_path / f"train/{number}a.jpg", number % 2, number)
        draw(tmp_path / f"test/{number}t.jpg", number % 2, 50 + number)
    write(tmp_path / "train.csv", "Image,Id", *(f"{n}a.jpg,{('Ann', unknown)[n % 2]}" for n in range(4)))
    write(tmp_path / "sample_submission.csv", "Id,Image", *(f"Ann,{n}t.jpg" for n in range(4)))
    if layout == "top_k":
        write(tmp_path / "sample_submission.csv", "Image,Id", *(f"{n}t.jpg,{unknown} Ann" for n in range(4)))
    inspection = inspect_folder("mine", tmp_path)
    assert inspection.detection.layout == layout
    gallery = inspection.data.test_gallery
    assert (None if gallery is None else gallery.no_match) == ("new_whale" if layout == "top_k" else None)
    form = inspection.formats.classification  # where it differs from the layout's own
    assert form is None if layout == "top_k" else (form.columns, form.labels_per_row) == (("Id", "Image"), 1)
