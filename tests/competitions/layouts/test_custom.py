"""Own data: each shape is read as its settings say, and bad input is one line."""

from __future__ import annotations

from typing import Any

import pytest

from kaggle_face.competitions.reading import formats_of, read_competition
from kaggle_face.config.competition import CompetitionConfig, CustomConfig
from kaggle_face.config.schema import SubmitConfig
from kaggle_face.errors import ConfigError, DataError
from kaggle_face.records import CompetitionData, FaceTable


def read(tree, **custom: Any) -> CompetitionData:
    settings = CompetitionConfig(slug="mine", layout="custom", custom=CustomConfig.model_validate(custom))
    return read_competition(tree.root, settings)


def people(data: CompetitionData, faces: FaceTable) -> dict[str, str]:
    names = [*data.classes.names.tolist(), ""]
    return dict(zip(faces.image_ids.tolist(), (names[label] for label in faces.labels), strict=True))


@pytest.fixture
def landmarks(tree):
    """A table with semicolons, ids without suffix, and an index column; images in folders by their id."""
    tree.images(
        "train/0/a/0a1.jpg", "train/0/b/0b2.jpg", "train/1/c/1c3.png", "test/1/d/1d4.jpg", "test/5.jpg"
    )
    tree.text("train.csv", ";id;person", "0;0b2;Zoe", "1;0a1;Ann", "2;1c3;Zoe")
    tree.text("sample_submission.csv", "id,answer", "5,", "1d4,")
    return tree


TABLE = {"table": "train.csv", "image": "id", "identity": "person", "folder": "train"}
TEST = {"split": "test", "folder": "test"}


def test_a_table_names_images_at_any_depth_and_the_sample_gives_the_rows(landmarks):
    data = read(landmarks, images=[TABLE, TEST], test_rows="sample_submission.csv")
    assert people(data, data.faces.of_split("train")) == {
        "train/0/b/0b2.jpg": "Zoe",
        "train/0/a/0a1.jpg": "Ann",
        "train/1/c/1c3.png": "Zoe",
    }
    assert data.classes.names.tolist() == data.classes.submitted.tolist() == ["Ann", "Zoe"]
    assert data.test_rows.row_ids.tolist() == ["5", "1d4"]
    assert data.test_rows.image_ids.tolist() == ["test/5.jpg", "test/1/d/1d4.jpg"]
    assert (
        "3 of 3 images of train.csv are found by their file names without suffix, first: 0b2 is "
        in "".join(data.notes)
    )


def test_without_a_sample_test_images_are_called_by_their_file(landmarks):
    data = read(landmarks, images=[TABLE, TEST], submitted="index")
    assert data.test_rows.row_ids.tolist() == ["1d4.jpg", "5.jpg"]
    assert data.classes.submitted.tolist() == ["0", "1"]


@pytest.mark.parametrize("header", [None, "File Name"])
def test_names_with_blanks_in_a_list_of_one_column_are_whole_lines(tree, header):
    tree.images(
        "train/Ann/1.jpg", "train/Bob/2.jpg", "pics/my cat.jpg", "pics/my other dog.jpg", "pics/my.jpg"
    )
    tree.text("test.txt", *([] if header is None else [header]), "my cat.jpg", "my other dog.jpg")
    test = {"table": "test.txt", "image": header or "1", "header": header is not None, "folder": "pics"}
    data = read(tree, images=[{"folder": "train", "class_folders": True}, {**test, "split": "test"}])
    assert data.test_rows.image_ids.tolist() == ["pics/my cat.jpg", "pics/my other dog.jpg"]


def test_splits_stand_in_a_column_or_in_another_table(tree):
    tree.images(*(f"all/{name}.jpg" for name in "abcde"))
    rows = [("a", "Ann", "training"), ("b", "Bob", "training"), ("c", "Bob", "valid"), ("d", "Ann", "seen")]
    tree.text("one.csv", "file,who,part", *(f"{a}.jpg,{b},{c}" for a, b, c in rows), "e.jpg,,old")
    tree.text("who.csv", "file,who", *(f"{a}.jpg,{b}" for a, b, _ in rows))
    tree.text("parts.tsv", "name\tpart", *(f"{a}\t{c}" for a, _, c in rows), "e\told")
    words = {"seen": "test", "old": "skip"}
    entry = {"table": "one.csv", "image": "file", "identity": "who", "split_column": "part", "splits": words}
    other = {**entry, "table": "who.csv", "split_table": "parts.tsv", "split_image": "name"}
    for data in (read(tree, images=[entry]), read(tree, images=[other])):
        assert people(data, data.faces) == {
            "all/a.jpg": "Ann",
            "all/b.jpg": "Bob",
            "all/c.jpg": "Bob",
            "all/d.jpg": "Ann",
        }
        assert data.faces.splits.tolist() == ["train", "train", "dev", "test"]
        assert data.test_rows.row_ids.tolist() == ["d.jpg"]


def test_a_label_that_pandas_reads_as_missing_is_noted(tree):
    tree.images("one/Na/1.jpg", "one/NULL/1.jpg", "one/Bob/1.jpg")
    data = read(tree, images=[{"folder": "one", "class_folders": True}])
    assert data.classes.submitted.tolist() == ["Bob", "NULL", "Na"]
    clause = "has a label that pandas reads as a missing value and no CSV can hold, first: 'NULL'"
    assert f"1 of 3 identities {clause}" in data.notes


def test_class_folders_of_several_roots_and_names_by_a_pattern(tree):
    tree.images("one/Ann/1.jpg", "one/Bob/1.jpg", "two/Bob/1.jpg", "flat/Ann_Lee_1.jpg", "flat/Bob_22.png")
    entries = [{"folder": name, "class_folders": True} for name in ("one", "two")]
    data = read(tree, images=[*entries, {"folder": "flat", "pattern": "{identity}_{n}", "split": "dev"}])
    assert people(data, data.faces.of_split("train")) == {
        "one/Ann/1.jpg": "Ann",
        "one/Bob/1.jpg": "Bob",
        "two/Bob/1.jpg": "Bob",
    }
    assert people(data, data.faces.of_split("dev")) == {"flat/Ann_Lee_1.jpg": "", "flat/Bob_22.png": "Bob"}
    assert any(
        "1 class of the dev images is not in the training set, first: Ann_Lee" in n for n in data.notes
    )


@pytest.fixture
def pairs(tree):
    tree.images("faces/a/1.jpg", "faces/a/2.jpg", "faces/b/1.jpg", "faces/b/2.jpg")
    tree.text("dev.csv", "left;right;verdict", "a/1;a/2;Same", "a/1;b/1;different")
    tree.text("test.txt", "a/2.jpg b/2.jpg", "b/1.jpg b/2.jpg")
    return tree


FACES = {"folder": "faces", "class_folders": True}
DEV = {"file": "dev.csv", "first": "left", "second": "right", "label": "verdict", "folders": ["faces"]}


def test_pairs_have_any_columns_labels_and_separators(pairs):
    test = {"file": "test.txt", "first": "1", "second": "2", "header": False, "folders": ["faces"]}
    data = read(pairs, images=[FACES], pairs=[DEV, test])
    assert data.dev_pairs.labels.tolist() == [1, 0]
    assert data.dev_pairs.second_ids.tolist() == ["faces/a/2.jpg", "faces/b/1.jpg"]
    assert data.test_pairs.pair_ids.tolist() == ["0", "1"]
    assert data.test_pairs.first_ids.tolist() == ["faces/a/2.jpg", "faces/b/1.jpg"]


def test_galleries_are_two_folders_or_two_tables(tree):
    tree.images(
        "t/Ann/1.jpg", "t/Bob/1.jpg", "known/Cy/1.jpg", "known/Di/2.jpg", "probes/x.jpg", "probes/y.jpg"
    )
    tree.text("known.csv", "f,who", "known/Cy/1.jpg,Cy", "known/Di/2.jpg,Di")
    tree.text("probes.csv", "f,who", "x.jpg,Di", "y.jpg,Eve")
    folders = {"known": {"folder": "known", "class_folders": True}, "probes": {"folder": "probes"}}
    tables = {
        "known": {"table": "known.csv", "image": "f", "identity": "who"},
        "probes": {"table": "probes.csv", "image": "f", "identity": "who", "folder": "probes"},
        "no_match": "nobody",
    }
    data = read(tree, images=[{"folder": "t", "class_folders": True}], galleries=[folders, tables])
    assert data.test_gallery.probe_ids.tolist() == ["x.jpg", "y.jpg"]
    assert data.dev_gallery.probe_names.tolist() == ["Di", "nobody"]
    for gallery in (data.test_gallery, data.dev_gallery):
        assert dict(zip(gallery.image_ids.tolist(), gallery.names.tolist(), strict=True)) == {
            "known/Cy/1.jpg": "Cy",
            "known/Di/2.jpg": "Di",
        }
    assert len(data.faces.of_split("verification")) == 4
    assert data.dev_pairs.are_labelled
    del tables["no_match"]
    with pytest.raises(
        DataError, match=r"1 of 2 identities of the probes is not known, first: 'Eve'; set no_m"
    ):
        read(tree, images=[{"folder": "t", "class_folders": True}], galleries=[tables])


def test_absolute_paths_lead_below_the_root_or_lose_their_beginning(tree):
    tree.images("a.jpg", "b.jpg")
    tree.text("train.csv", "id,person", f"{tree.root}/a.jpg,Ann", "/home/me/b.jpg,Bob")
    entry = {**TABLE, "folder": ""}
    with pytest.raises(DataError, match=r"train.csv:3: '/home/me/b.jpg' leads outside the data folder"):
        read(tree, images=[entry])
    data = read(tree, images=[{**entry, "cut": "/home/me/"}])
    assert people(data, data.faces) == {"a.jpg": "Ann", "b.jpg": "Bob"}


def test_there_is_a_csv_for_each_task_that_has_something_to_submit():
    def formats(**custom: Any):
        values = CustomConfig.model_validate(custom)
        return formats_of(CompetitionConfig(layout="custom", variant="custom", custom=values), SubmitConfig())

    train, pairs = {"folder": "a", "class_folders": True}, {"file": "p", "first": "1", "second": "2"}
    both = formats(images=[train, TEST], pairs=[pairs], labels_per_row=5)
    assert both.of_task("classification").labels_per_row == 5
    assert both.of_task("verification").columns == ("id", "score")
    only_pairs = formats(images=[train], pairs=[pairs, {**pairs, "label": "3"}])
    assert only_pairs.classification is None
    only_classes = formats(images=[train, TEST], pairs=[{**pairs, "label": "3"}])
    assert only_classes.verification is None
    searched = formats(images=[train], galleries=[{"known": train, "probes": {"folder": "b"}}])
    assert searched.of_task("verification").columns == ("id", "label")


@pytest.mark.parametrize(
    ("rows", "custom", "message"),
    [
        (["0a1,Ann"], {"image": "pic"}, r"train.csv:1: there is no column 'pic'; it has: id, person"),
        (
            ["0a1,Ann"],
            {"identity": "persn"},
            r"train.csv:1: there is no column 'persn'; did you mean 'person'",
        ),
        (
            ["0a1,Ann", "0b2,Zoe", "0a1,Zoe"],
            {},
            r"train.csv:4: '0a1' is 'Zoe' here and 'Ann' in .*train.csv:2",
        ),
        (["0a1,Ann", "gone,Zoe"], {}, r"train.csv:3: 1 of 2 named images does not exist, first: gone"),
        (["0a1,Ann", "../../x.jpg,Zoe"], {}, r"train.csv:3: '../../x.jpg' leads outside the data folder"),
        (
            ["0a1,Ann", "1d4,Zoe"],
            {"folder": ""},
            r"'1d4.jpg' is a test image here and a train image in .*csv:3",
        ),
        (
            ["0a1,Ann"],
            {"split_column": "person"},
            r"train.csv:2: 'Ann' of the column 'person' is not train, dev",
        ),
    ],
)
def test_a_bad_table_is_one_line(landmarks, rows, custom, message):
    landmarks.text("train.csv", "id,person", *rows)
    with pytest.raises(DataError, match=message):
        read(landmarks, images=[{**TABLE, **custom}, TEST])


def test_bad_rows_of_a_sample_are_one_line(landmarks):
    for rows, message in (
        (["5,", "5,"], r"sample_submission.csv:3: the id '5' appears twice in 'id'"),
        (["5,", "zz,"], r"sample_submission.csv:3: 1 of 2 named images does not exist, first: zz"),
    ):
        landmarks.text("sample_submission.csv", "id,answer", *rows)
        with pytest.raises(DataError, match=message):
            read(landmarks, images=[TABLE, TEST], test_rows="sample_submission.csv")


def test_bad_pairs_are_one_line(pairs):
    for change, message in (
        ({"first": "links"}, r"dev.csv:1: there is no column 'links'"),
        ({"label": "left"}, r"dev.csv:2: the label 'a/1' of 'left' is neither 1"),
        ({"same": "genuine"}, r"dev.csv: the column 'verdict' does not hold 'genuine'"),
        ({"id": "left"}, r"dev.csv:3: the id 'a/1' appears twice"),
    ):
        with pytest.raises(DataError, match=message):
            read(pairs, images=[FACES], pairs=[{**DEV, **change}])
    with pytest.raises(ConfigError, match="names two lists of dev pairs"):
        read(pairs, images=[FACES], pairs=[DEV, DEV])


def test_settings_that_contradict_themselves_are_refused():
    for entry, message in (
        ({"table": "a.csv"}, "the table a.csv needs 'image'"),
        ({"pattern": "{n}.jpg"}, "needs {identity} once"),
        ({"class_folders": True, "pattern": "{identity}.jpg"}, "has class_folders and pattern; keep one"),
        ({"image": "id"}, "need a 'table'"),
    ):
        with pytest.raises(ValueError, match=message):
            CustomConfig.model_validate({"images": [entry]})


def test_own_data_without_settings_names_the_command_that_writes_them(tree):
    tree.images("a.jpg")
    with pytest.raises(ConfigError, match=r"needs competition.custom.images; kaggle-face init NAME --data "):
        read(tree)
