"""What own data are taken for: each shape is read as it was made, or one option is asked for."""

from __future__ import annotations

import pytest

from kaggle_face.cli.arguments import CommandParser
from kaggle_face.cli.competition.init import add_arguments_init, answers_of
from kaggle_face.competitions.inspection import inspect_folder, settings_text
from kaggle_face.competitions.own_data.answers import Answers
from kaggle_face.competitions.own_data.guess import guess_settings
from kaggle_face.competitions.sizing import Machine
from kaggle_face.config import parse_config
from kaggle_face.errors import ConfigError, DataError
from tests.support.own_shapes import draw, write
from tests.support.twisted import ALL

TWO_CORES = Machine("", 2)


def answers_to(options: tuple[str, ...]) -> Answers | None:
    """The answers of options of `init`; None where there are none."""
    parser = CommandParser()
    add_arguments_init(parser)
    answers = answers_of(parser.parse_args(["mine", "--data", "raw", *options]))
    return answers if answers.are_given else None


@pytest.mark.parametrize("shape", ALL)
def test_each_shape_is_read_as_it_was_made(shape, tmp_path):
    truth = shape(tmp_path)
    inspection = inspect_folder("mine", tmp_path, answers_to(truth.options))
    assert inspection.guess is not None
    data = inspection.data
    train = data.faces.of_split("train")
    of_labels = [*data.classes.names.tolist(), ""]  # -1: of nobody who is known
    names = [of_labels[label] for label in train.labels.tolist()]
    assert dict(zip(train.image_ids.tolist(), names, strict=True)) == truth.train
    submitted = dict(zip(data.classes.names.tolist(), data.classes.submitted.tolist(), strict=True))
    assert submitted == {name: truth.submitted.get(name, name) for name in submitted}
    rows = zip(data.test_rows.row_ids.tolist(), data.test_rows.image_ids.tolist(), strict=True)
    assert [*rows] == [(row, image) for row, (image, _) in truth.test.items()]
    assert data.test_pairs.pair_ids.tolist() == [*truth.pairs]
    printed = "\n".join(inspection.guess.lines)
    assert all(words in printed for words in truth.said), printed
    text = settings_text(inspection, TWO_CORES)
    assert (
        parse_config(text.replace("extends: base\n", ""), "mine").competition.custom
        == inspection.guess.custom
    )
    assert all(f"    # {line}" in text for line in inspection.guess.lines)


@pytest.fixture
def root(tmp_path):
    for image in range(4):
        draw(tmp_path / f"pics/{image}.jpg", image % 2, image)
    return tmp_path


def rows(template: str) -> list[str]:
    return [template.format(image=image, who="ab"[image % 2], other="xy"[image % 2]) for image in range(4)]


@pytest.mark.parametrize(
    ("header", "row", "option", "answer"),
    [
        (
            "image,label,class",
            "{image}.jpg,{who}{image},{other}",
            "--identity-column 'label'",
            {"identity_column": "class"},
        ),
        (
            "image,person,split,part",
            "{image}.jpg,{who},train,train",
            "--split-column 'split'",
            {"split_column": "part"},
        ),
        (
            "image,person,split",
            "{image}.jpg,{who},{other}",
            "--split-column 'split:x=train,y=train'",
            {"split_column": "split:x=train,y=test"},
        ),
    ],
)
def test_two_readings_are_a_question_that_an_option_answers(root, header, row, option, answer):
    write(root / "list.csv", header, *rows(row))
    with pytest.raises(ConfigError, match=r"list\.csv: ") as caught:
        guess_settings(root, Answers())
    assert option in str(caught.value)
    assert guess_settings(root, Answers(**answer)).custom.images


def test_images_and_people_that_are_both_numbers_are_a_question(root):
    write(root / "list.csv", "a,b", "0,1", "1,2", "2,1", "3,2")
    with pytest.raises(
        ConfigError, match=r"--image-column a --identity-column b, or with --pairs list.csv:a,b"
    ):
        guess_settings(root, Answers())
    images = guess_settings(root, Answers(image_column="a", identity_column="b")).custom.images
    assert (images[0].image, images[0].identity) == ("a", "b")


def test_a_label_of_pairs_in_other_words_is_a_question(tmp_path):
    for person in range(2):
        for image in range(3):
            draw(tmp_path / f"faces/p{person}/{image}{person}.jpg", person, image)
    lines = ["00.jpg,10.jpg,ja", "00.jpg,01.jpg,nein", "10.jpg,11.jpg,nein", "01.jpg,11.jpg,ja"]
    write(tmp_path / "list.csv", "a,b,c", *lines)
    with pytest.raises(ConfigError, match=r"say so with --pairs list.csv:a,b,c=ja where ja means the same"):
        guess_settings(tmp_path, Answers())
    pairs = guess_settings(tmp_path, Answers(pairs=("list.csv:a,b,c=ja",))).custom.pairs
    assert (pairs[0].label, pairs[0].same) == ("c", "ja")


def test_names_of_two_numbers_are_a_question(tmp_path):
    for person in range(2):
        for image in range(3):
            draw(tmp_path / f"{person}_{image}.jpg", person, image)
    with pytest.raises(ConfigError, match=r"say it with --pattern '{identity}_{n}'"):
        guess_settings(tmp_path, Answers())
    assert (
        guess_settings(tmp_path, Answers(pattern="{n}_{identity}")).custom.images[0].pattern
        == "{n}_{identity}"
    )


def test_known_people_and_probes_in_two_folders_are_a_gallery(tmp_path):
    for person in range(2):
        for image in range(2):
            draw(tmp_path / f"training/p{person}/{image}.jpg", person, image)
            draw(tmp_path / f"known/q{person}/{image}.jpg", person, 10 + image)
        draw(tmp_path / f"probes/{person}.jpg", person, 20)
    data = inspect_folder("mine", tmp_path).data
    assert sorted(set(data.test_gallery.names.tolist())) == ["q0", "q1"]
    assert data.test_gallery.probe_ids.tolist() == ["0.jpg", "1.jpg"]
    assert data.classes.names.tolist() == ["p0", "p1"]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"image_column": "imag"}, "--image-column: no table has a column 'imag'; did you mean 'image'"),
        ({"pairs": ("other.csv:a,b",)}, "--pairs is written FILE:first,second"),
        ({"folders": ("list.csv:nowhere",)}, "--folder is written FILE:FOLDER"),
    ],
)
def test_an_answer_that_names_what_is_not_there_is_refused(root, answer, message):
    write(root / "list.csv", "image,person", *rows("{image}.jpg,{who}"))
    with pytest.raises(ConfigError, match=message):
        guess_settings(root, Answers(**answer))


def test_images_without_identities_are_refused_with_what_is_looked_for(root):
    with pytest.raises(DataError, match="holds 4 images, and nothing that gives their identities"):
        guess_settings(root, Answers())


def test_what_is_not_taken_is_said(root):
    write(root / "list.csv", "image,person,url", *rows("{image}.jpg,{who},u{image}"))
    write(root / "species.csv", "name,food", "x,fish", "y,krill")
    write(root / "readme.txt", "These are", "the pictures of whales.")
    draw(root / "more/9.jpg", 0, 9)
    guess = guess_settings(root, Answers())
    for line in (
        "species.csv: left aside, no column names images: name (x, y), food (fish, krill)",
        "1 of 5 images is named by nothing and left out, first: more/9.jpg",
    ):
        assert line in guess.lines
    assert any(line.startswith("readme.txt: left aside, it is not a table") for line in guess.lines)
    assert "list.csv: column url (u0, u1, u2) is not used" in guess.alternatives


def test_a_known_layout_that_lacks_a_file_is_named(tmp_path):
    for person in range(2):
        draw(tmp_path / f"cls_data/training/{person}/{person}.jpg", person, 0)
    write(tmp_path / "test_pairs.txt", "0.jpg 1.jpg")
    guess = inspect_folder("mine", tmp_path).guess
    assert guess is not None
    assert "does not have the layout pair_text" in guess.lines[0] and "missing: " in guess.lines[0]


def test_labelled_pairs_of_training_images_choose_no_checkpoint(root):
    write(root / "list.csv", "image,person", *rows("{image}.jpg,{who}"))
    write(root / "pairs.csv", "a,b,same", "0.jpg,1.jpg,0", "0.jpg,2.jpg,1", "1.jpg,3.jpg,1", "1.jpg,2.jpg,0")
    text = settings_text(inspect_folder("mine", root), TWO_CORES)
    config = parse_config(text.replace("extends: base\n", ""), "mine")
    assert config.folds.verification == "identities"
    assert config.competition.custom.pairs[0].label == "same"
