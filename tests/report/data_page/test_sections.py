"""Each section shows the right numbers, names and pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from kaggle_face.records import FaceTable
from kaggle_face.report.blocks import Block, Cards, Figure, Paragraph, Sheet, Table
from kaggle_face.report.data_page import (
    balance,
    brightness,
    broken,
    checks,
    contact_sheets,
    duplicates,
    sizes,
)
from kaggle_face.report.data_page.facts import DataFacts
from kaggle_face.report.section import Content, LeftOut


def blocks(content: Content) -> tuple[Block, ...]:
    assert not isinstance(content, LeftOut), content
    return content


def test_problems_come_first(made_up_data: DataFacts) -> None:
    counts, results = blocks(checks.build(made_up_data))
    assert isinstance(counts, Table) and counts.rows == (("train", 24, 24, 3), ("test", 8, 0, 0))
    assert isinstance(results, Table) and [row[0] for row in results.rows] == ["problem", "ok"]
    assert results.highlighted == {0}


def test_a_broken_file_is_named_with_its_reason(made_up_data: DataFacts) -> None:
    (table,) = blocks(broken.build(made_up_data))
    assert isinstance(table, Table)
    assert table.rows == (("test/05.jpg", "test", "", "not a picture"),)
    whole = replace(made_up_data.files, problems=np.full(32, ""))
    (line,) = blocks(broken.build(replace(made_up_data, files=whole)))
    assert line == Paragraph("All 32 pictures can be read.")


def test_near_duplicates_are_found_by_kind_and_copies_of_a_file_are_named(made_up_data: DataFacts) -> None:
    table, *galleries = blocks(duplicates.build(made_up_data))
    assert isinstance(table, Table) and [row[1] for row in table.rows] == [1, 1, 1, 0]
    cards = {each.caption: each.cards for each in galleries if isinstance(each, Cards)}
    (two,) = cards["Labelled as two identities"]
    assert two.title == "the same file" and two.lines[1] == "train, Bob: train/09.jpg"
    assert all(picture.uri is not None for picture in two.pictures)
    (across,) = cards["In two splits"]
    assert across.lines[1] == "test: test/00.jpg" and across.title.startswith("correlation 0.99")
    (same,) = cards["Of one identity in one split"]
    assert [line.rpartition(": ")[2] for line in same.lines] == ["train/00.jpg", "train/01.jpg"]


def test_two_people_who_look_alike_are_not_called_copies(made_up_data: DataFacts) -> None:
    train = made_up_data.pictures["train"]
    rows = [train.image_ids.tolist().index(f"train/{number:02d}.jpg") for number in (2, 9)]
    small = train.small.copy()
    apart = np.zeros(256, np.float32)
    apart[0], apart[1] = 1, -1
    small[rows[1]] = 0.96 * small[rows[0]] + 0.28 * apart / np.sqrt(2)  # correlates with it by about 0.96
    found = blocks(duplicates.build(replace(made_up_data, pictures={"train": replace(train, small=small)})))
    assert isinstance(found[0], Table) and [row[1] for row in found[0].rows] == [0, 0, 1, 0]


def test_identities_are_counted_by_their_images(made_up_data: DataFacts) -> None:
    faces = made_up_data.faces
    labels = faces.labels.copy()
    labels[:7] = 2  # the first identity keeps 1 of 8 images, the third has 15
    chart, table = blocks(
        balance.build(replace(made_up_data, faces=FaceTable(faces.image_ids, labels, faces.splits)))
    )
    assert isinstance(chart, Figure) and isinstance(table, Table)
    assert np.sum(chart.traces[0]["y"]) == 3 and chart.summary.startswith("1 to 15 images, median 8.")
    assert [row[1] for row in table.rows] == [15, 8, 1] and table.rows[1][0] == "Bob"


def test_without_labels_there_is_no_balance(made_up_data: DataFacts) -> None:
    faces = made_up_data.faces
    unlabelled = FaceTable(faces.image_ids, np.full(32, -1), faces.splits)
    assert balance.build(replace(made_up_data, faces=unlabelled)) == LeftOut("no image has a label")


def test_sizes_leave_out_what_cannot_be_read(made_up_data: DataFacts) -> None:
    chart, table = blocks(sizes.build(replace(made_up_data, image_size=32)))
    assert isinstance(chart, Figure) and isinstance(table, Table)
    assert table.rows[1] == ("test", 24, 24.0, 24, 1.0, 1.0, "RGB 7")
    assert chart.layout["shapes"][0]["x0"] == 32


def test_the_darkest_picture_comes_first(made_up_data: DataFacts) -> None:
    galleries = [each for each in blocks(brightness.build(made_up_data)) if isinstance(each, Cards)]
    darkest, _, most_blurred = (each.cards[0] for each in galleries)
    assert darkest.lines[0] == most_blurred.lines[0] == "train/05.jpg"
    assert darkest.title == f"brightness {2 / 255:.3g}"


def test_every_split_has_a_contact_sheet(made_up_data: DataFacts) -> None:
    train, test = blocks(contact_sheets.build(made_up_data))
    assert isinstance(train, Sheet) and isinstance(test, Sheet)
    assert len(train.pictures) == 24 and train.pictures[8][1] == "Bob"
    assert test.pictures[0][1] == "00.jpg"
    assert [picture.uri is None for picture, _ in test.pictures].index(True) == 5


def test_without_a_picture_sections_are_left_out(made_up_data: DataFacts) -> None:
    none = replace(
        made_up_data,
        cache=None,
        pictures={},
        files=replace(made_up_data.files, widths=np.zeros(32, int), heights=np.zeros(32, int)),
    )
    for section in (brightness, contact_sheets, duplicates, sizes):
        assert section.build(none) == LeftOut("no picture can be read")
