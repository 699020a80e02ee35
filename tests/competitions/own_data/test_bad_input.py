"""Own data that are wrong: `init` prints one line, names the place and what to do, and writes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.cli.main import main
from kaggle_face.competitions.inspection import inspect_folder
from kaggle_face.competitions.own_data.answers import Answers
from tests.support.own_shapes import draw, write

PEOPLE = ("Ann", "Bob")
TRAIN = [f"{image}{person}.jpg,{PEOPLE[person]}" for image in range(3) for person in range(2)]
TESTS = ["t0.jpg", "t1.jpg", "t2.jpg"]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two people in a table, three test images in a folder, pairs and a sample; all of it is right."""
    monkeypatch.chdir(tmp_path)
    for number, line in enumerate(TRAIN):
        draw(tmp_path / "raw/pics" / line.partition(",")[0], number % 2, number)
    for number, name in enumerate(TESTS):
        draw(tmp_path / "raw/test" / name, number % 2, 50 + number)
    write(tmp_path / "raw/list.csv", "image,person", *TRAIN)
    write(tmp_path / "raw/sample_submission.csv", "image,person", *(f"{name},Ann" for name in TESTS))
    return tmp_path / "raw"


def _refused(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert main(["init", "mine", "--data", "raw", *options]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    assert not Path("configs/mine.yaml").exists()
    return error


@pytest.mark.parametrize(
    ("file", "lines", "options", "message"),
    [
        (
            "list.csv",
            ["image,person", *TRAIN],
            ("--image-column", "pic"),
            "no table has a column 'pic'; there are:",
        ),
        ("list.csv", ["image,person", *TRAIN], ("--identity-column", "persn"), "did you mean 'person'"),
        (
            "list.csv",
            ["image,person", *TRAIN, "00.jpg,Bob"],
            (),
            "list.csv:8: '00.jpg' is 'Bob' here and 'Ann' in raw/list.csv:2; remove one of the lines",
        ),
        (
            "list.csv",
            ["image,person", *TRAIN, "t1.jpg,Bob"],
            (),
            "raw/test: 't1.jpg' is a test image here and a train image in raw/list.csv:8; take it out of",
        ),
        (
            "list.csv",
            ["image,person", *TRAIN[:-1], "21.jpg,NaN"],
            (),
            "list.csv: 1 of 6 rows has 'NaN' in 'person', first: 21.jpg; fix them, or say what they are "
            "with --without-identity test or --without-identity skip",
        ),
        (
            "list.csv",
            ["image,person", *TRAIN[:-1], "21.jpg,"],
            (),
            "list.csv: 1 of 6 rows has '' in 'person', first: 21.jpg",
        ),
        (
            "list.csv",
            ["image,person", *TRAIN, "zz.jpg,Bob"],
            (),
            "list.csv:8: 1 of 7 named images does not exist, first: zz.jpg",
        ),
        (
            "sample_submission.csv",
            ["image,person", *(f"{name},Ann" for name in [*TESTS, "t1.jpg"])],
            (),
            "sample_submission.csv:5: the id 't1.jpg' appears twice in 'image'; keep one row per image",
        ),
        (
            "sample_submission.csv",
            ["image,person", *(f"{name},Ann" for name in [*TESTS, "t9.jpg"])],
            (),
            "sample_submission.csv:5: 1 of 4 named images does not exist, first: t9.jpg",
        ),
        (
            "sample_submission.csv",
            ["image,person", *(f"x{number},Ann" for number in range(3))],
            (),
            "its ids, such as 'x0', are not names, numbers or rows of the test files",
        ),
        (
            "pairs.csv",
            ["a,b,same", "t0.jpg,t1.jpg,0", "t0.jpg,t8.jpg,1", "t1.jpg,t2.jpg,0"],
            (),
            "pairs.csv:3: 1 of 4 named images does not exist, first: t8.jpg",
        ),
        (
            "pairs.csv",
            ["pair,same", "t0_vs_t1,0", "t0_vs_t8,1", "t1_vs_t2,0"],
            (),
            "pairs.csv:3: 't0_vs_t8' of the column 'pair' is not two images with '_vs_' between them",
        ),
        (
            "pairs.csv",
            ["id,a,b", "p,t0.jpg,t1.jpg", "p,t0.jpg,t2.jpg"],
            (),
            "pairs.csv:3: the id 'p' appears twice; fix this line",
        ),
    ],
)
def test_a_fault_is_one_line(root, capsys, file, lines, options, message):
    write(root / file, *lines)
    assert message in _refused(capsys, *options)


def test_images_in_an_archive_and_a_list_in_json_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/images.zip").write_bytes(b"PK")
    write(tmp_path / "raw/train.csv", "image,person", "0.jpg,Ann")
    assert "raw holds no images; images.zip: left aside, an archive; unpack it where it lies" in _refused(
        capsys
    )
    for number in range(2):
        draw(tmp_path / f"raw/pics/{number}.jpg", number, number)
    (tmp_path / "raw/images.zip").unlink()
    (tmp_path / "raw/train.csv").unlink()
    write(tmp_path / "raw/people.json", '{"0.jpg": "Ann"}')
    assert "nothing that gives their identities" in (error := _refused(capsys))
    assert (
        "people.json: left aside, lists are read from .csv, .tsv and .txt; if it names images, write" in error
    )


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["image,Ann,Bob,Zoe", *(f"{name},0.5,0.5,0" for name in TESTS)],
            "for a probability of each, and the column 'Zoe' is not a class; there must be a column for each",
        ),
        (
            ["who,image", *(f"{row},{name}" for row, name in enumerate(TESTS))],
            "who and image both hold ids of the test files, and no other is there for predictions; "
            "name that of the ids: --id-column 'image'",
        ),
        (
            ["id,person", *(f"{row},Ann" for row in range(1, 4))],
            "'id', from 1 to 3, may count the test images, in an order that no file gives; say which with "
            "--row-order name or --row-order number",
        ),
        (
            ["id,person", "x,Ann", "y,Ann", "z,Ann"],
            "its ids, such as 'x', are not names, numbers or rows of the test files, nor does another column "
            "hold each of them once: person (Ann)",
        ),
    ],
)
def test_a_sample_that_cannot_be_written_is_named(root, capsys, lines, message):
    write(root / "sample_submission.csv", *lines)
    assert message in _refused(capsys)


def test_the_cause_stands_before_what_is_missing(root, capsys):
    (root / "list.csv").write_bytes("image,person\n00.jpg,Jos\u00e9\n".encode("latin-1"))
    error = _refused(capsys)
    assert "this is not UTF-8 text (byte 0xe9); save it as UTF-8" in error
    assert error.index("save it as UTF-8") < error.index("nothing that gives their identities")


def test_a_folder_that_is_not_there_is_that_of_the_option(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert "there is no folder raw; fix --data, or download" in _refused(capsys)


def test_lost_zeros_of_ids_are_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number in range(4):
        draw(tmp_path / f"raw/pics/{number:03}.jpg", number % 2, number)
    write(tmp_path / "raw/list.csv", "id,person", *(f"{n},{PEOPLE[n % 2]}" for n in range(4)))
    assert "0 of id may be pics/000.jpg without its zeros; write its ids with their zeros" in _refused(capsys)
    write(tmp_path / "raw/list.csv", "id,person", *(f"{n}.0,{PEOPLE[n % 2]}" for n in range(4)))
    assert "0.0 of id may be pics/000.jpg; write its ids as the files are called" in _refused(capsys)
    write(tmp_path / "raw/list.csv", "id,person", *(f"{n:03},{PEOPLE[n % 2]}" for n in range(4)))
    assert inspect_folder("mine", Path("raw"), Answers()).data.classes.names.tolist() == [*PEOPLE]


def test_numbers_of_rows_that_are_names_in_several_folders_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        for person in PEOPLE:
            draw(tmp_path / f"raw/train/{person}/{number}.jpg", PEOPLE.index(person), number)
        draw(tmp_path / f"raw/test/{number + 1}.jpg", 0, 50 + number)
    write(tmp_path / "raw/sample_submission.csv", "row_id,person", *(f"{n},Ann" for n in range(3)))
    assert "row_id (0, 1, 2) may number its rows, and no folder of test images has all" in _refused(capsys)


def test_names_that_only_folders_tell_apart_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    images = [(person, f"{number}.jpg") for number in range(2) for person in PEOPLE]
    for number, (person, name) in enumerate(images):
        draw(tmp_path / "raw/train" / person / name, PEOPLE.index(person), number)
    write(tmp_path / "raw/train.csv", "person,file", *(",".join(row) for row in images))
    line = "'0.jpg' may be train/Ann/0.jpg or train/Bob/0.jpg, and names of its column file stand in several"
    assert f"{line} rows; write the folder before each name, such as train/Ann/0.jpg" in _refused(capsys)
    write(tmp_path / "raw/train.csv", "person,file", *(f"{row[0]},train/{'/'.join(row)}" for row in images))
    assert inspect_folder("mine", Path("raw"), Answers()).data.classes.names.tolist() == [*PEOPLE]


def test_a_list_of_labelled_pairs_and_pairs_to_submit_is_refused(root, capsys):
    pairs = ("1,t0,t1,1,dev", "2,t0,t2,0,dev", "3,t1,t2,,test")
    write(root / "pairs.csv", "id,a,b,same,part", *pairs)
    assert (
        "pairs.csv: 1 of 3 rows has no label in same (1, 0, ); write the labelled pairs and those to submit"
        in _refused(capsys)
    )


def test_a_list_that_names_no_images_stands_before_the_ids_that_only_it_has(root, capsys):
    write(root / "pairs.csv", "pair,a,b", "p,90,91", "q,91,92", "r,90,92")
    write(root / "sample_submission.csv", "pair,score", "p,0.5", "q,0.5", "r,0.5")
    error = _refused(capsys)
    assert error.index("pairs.csv: left aside, no column names images") < error.index("its ids, such as 'p'")


def test_words_for_splits_are_answered_by_the_split_in_them(root, capsys):
    usage = [f"{line},Training" for line in TRAIN] + [f"{name},Ann,PrivateTest" for name in TESTS]
    write(root / "list.csv", "image,person,usage", *usage)
    assert "--split-column 'usage:PrivateTest=test'" in _refused(capsys)
