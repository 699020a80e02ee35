from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.competitions.detection import detect_competition
from kaggle_face.competitions.files.folders import map_folder
from kaggle_face.competitions.layouts.named import layout_named
from kaggle_face.competitions.submission.formats import SubmissionFormat
from kaggle_face.competitions.submission.sample_ids import ForeignIdsError
from kaggle_face.competitions.submission.samples import find_samples, infer_format
from kaggle_face.competitions.submission.tables import (
    classification_columns,
    fill_table,
    row_ids,
    verification_columns,
)
from kaggle_face.config.competition import CompetitionConfig
from kaggle_face.errors import DataError
from kaggle_face.records import CompetitionData, PairScores, Predictions


@pytest.fixture
def sample(tmp_path: Path):
    def written(*lines: str) -> Path:
        path = tmp_path / "sample_submission.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return written


def cells_of(form: SubmissionFormat) -> list[tuple[str, ...]]:
    return [(part.task, *part.cells) for part in form.parts]


@pytest.mark.parametrize("fixture", ["thumbnails", "listed_pairs", "csv_pairs", "class_folders"])
@pytest.mark.parametrize("task", ["classification", "verification"])
def test_a_preset_is_found_again_in_its_own_sample(request, sample, fixture, task):
    tree = request.getfixturevalue(fixture)
    if fixture == "class_folders":
        tree.images("cls_data/test/000000.jpg", "cls_data/test/000001.jpg", "cls_data/test/000002.jpg")
    data = tree.read()
    seen = detect_competition(map_folder(tree.root), CompetitionConfig(slug="mine"))
    preset = layout_named(seen.layout).formats(seen.variant).of_task(task)
    value = "0" if task == "classification" else "0.5"
    inferred = infer_format(
        sample(",".join(preset.columns), *(f"{i},{value}" for i in row_ids(data, preset))), data
    )
    assert inferred.columns == preset.columns
    assert inferred.parts[0].task == task
    assert row_ids(data, inferred).tolist() == row_ids(data, preset).tolist()
    assert inferred.parts[0].cells[1] == preset.parts[0].cells[1]


def test_a_gallerys_sample_is_told_from_that_of_classification(known_people, sample):
    form = infer_format(sample("id,label", "0,n000103", "1,n000103", "2,n000103"), known_people.read())
    assert cells_of(form) == [("verification", "{id}", "{label}")]


def test_five_labels_in_a_row_are_counted(whales, sample):
    form = infer_format(sample("image,predictions", "x.jpg,a b c d e", "y.jpg,a b c d e"), whales.read())
    assert form.labels_per_row == 5
    assert cells_of(form) == [("classification", "{id}", "{label}")]


def test_padded_numbers_of_the_test_files_are_inferred(labelled_splits, sample):
    form = infer_format(sample("Id,Answer", "0009.jpg,1", "0010.jpg,1"), labelled_splits.read())
    assert cells_of(form) == [("classification", "{number:04d}.jpg", "{label}")]


@pytest.mark.parametrize("ids", [("0000.jpg", "0001.jpg"), ("img_0.png", "img_1.png"), ("0.BMP", "1.BMP")])
def test_ids_that_look_like_pictures_are_not_row_numbers(labelled_splits, sample, ids):
    with pytest.raises(ForeignIdsError, match=f"its ids, such as '{ids[0]}', are not names, numbers or rows"):
        infer_format(sample("Id,Answer", *(f"{row},1" for row in ids)), labelled_splits.read())


def test_plain_rows_are_inferred_only_where_there_is_one_for_each_test_image(class_folders, sample):
    class_folders.images(*(f"cls_data/test/{name}.jpg" for name in "abcdef"))
    rows = [f"{row:02d},1" for row in range(6)]
    data = class_folders.read()
    form = infer_format(sample("Id,Label", *rows), data)
    assert cells_of(form) == [("classification", "{row:02d}", "{label}")]
    with pytest.raises(ForeignIdsError, match="its ids, such as '00'"):
        infer_format(sample("Id,Label", *rows[:5]), data)


def incomplete(tree, task="classification"):
    """Nine of the ten test images that the sample has, and nine test pairs beside them."""
    tree.images(*(f"cls_data/test/{number:06d}.jpg" for number in range(9)))
    tree.text("test_pairs.txt", *["s.jpg p.jpg", "q.jpg r.jpg", "p.jpg q.jpg"] * 3)
    rows = [f"{number:06d}.jpg,0" for number in range(10)]
    tree.text(f"{task}_sample_submission.csv", "id,label", *rows)
    return tree.root / f"{task}_sample_submission.csv"


def test_rows_of_missing_test_images_are_counted_and_named(class_folders):
    path = incomplete(class_folders)
    message = r"1 of 10 rows is of no test file, first: 000009.jpg; the test files are incomplete, so unpack"
    with pytest.raises(ForeignIdsError, match=message):
        infer_format(path, class_folders.read())


def test_a_sample_that_names_a_task_is_never_the_other_ones(class_folders):
    path = incomplete(class_folders, task="verification")
    with pytest.raises(ForeignIdsError, match=r"its ids, such as '000000.jpg'"):
        infer_format(path, class_folders.read())


def test_a_folder_names_the_task_of_its_sample_and_the_data_root_does_not(labelled_splits, sample, tmp_path):
    rows = ("cls_0,0", "cls_1,0", "ver_0,0", "ver_1,0", "ver_2,0")
    data = labelled_splits.read()
    root = tmp_path / "face-verification-2031"
    (root / "verification").mkdir(parents=True)
    path = sample("ID,Label", *rows).rename(root / "sample_submission.csv")
    assert len(infer_format(path, data, root).parts) == 2
    with pytest.raises(ForeignIdsError):
        infer_format(path.rename(root / "verification/sample_submission.csv"), data, root)


def test_a_stale_sample_with_a_row_missing_is_understood(thumbnails, sample):
    names = [f"{number}.jpg" for number in range(40)]
    thumbnails.images(*(f"test_classification/medium/{name}" for name in names))
    thumbnails.text("test_order_classification.txt", *names)
    form = infer_format(sample("Id,Category", *(f"{name},1" for name in names[:-1])), thumbnails.read())
    assert cells_of(form) == [("classification", "{id}", "{label}")]


def stacked_cells(data: CompetitionData, form: SubmissionFormat) -> dict[str, list[str]]:
    logits = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)  # 9.jpg shows class 9, 10.jpg class 10
    predictions = Predictions(data.test_rows.image_ids, logits, data.classes.names)
    scores = PairScores(data.test_pairs.pair_ids, np.array([0.1, 0.2, 0.3]))
    answers = [classification_columns(data, predictions), verification_columns(data, scores)]
    return {name: cells.tolist() for name, cells in fill_table(form, answers).cells.items()}


def test_one_file_for_both_tasks_is_told_apart_by_a_word_before_the_id(labelled_splits, sample):
    data = labelled_splits.read()
    rows = ("cls_0,0", "cls_1,0", "ver_0,0", "ver_1,0", "ver_2,0")
    form = infer_format(sample("ID,Label", *rows), data)
    assert stacked_cells(data, form) == {
        "ID": ["cls_0", "cls_1", "ver_0", "ver_1", "ver_2"],
        "Label": ["9", "10", "0.100000", "0.200000", "0.300000"],
    }


def test_one_file_for_both_tasks_is_told_apart_by_the_shape_of_the_ids(labelled_splits, sample):
    data = labelled_splits.read()
    form = infer_format(sample("ID,Label", "9.jpg,0", "10.jpg,0", "0,0.0", "1,0.0", "2,0.0"), data)
    assert stacked_cells(data, form)["ID"] == ["9.jpg", "10.jpg", "0", "1", "2"]


def test_one_numbering_may_run_through_both_tasks(labelled_splits, sample):
    data = labelled_splits.read()
    form = infer_format(sample("ID,Label", "0,0.5", "1,0.5", "2,0.5", "3,7", "4,7"), data)
    assert stacked_cells(data, form) == {
        "ID": ["0", "1", "2", "3", "4"],
        "Label": ["0.100000", "0.200000", "0.300000", "9", "10"],
    }


def test_a_column_with_the_tasks_name_is_kept(labelled_splits, sample):
    data = labelled_splits.read()
    rows = ("c0,classification,0", "c1,classification,0", *(f"v{row},verification,0" for row in range(3)))
    form = infer_format(sample("ID,Task,Value", *rows), data)
    assert stacked_cells(data, form) == {
        "ID": ["c0", "c1", "v0", "v1", "v2"],
        "Task": ["classification"] * 2 + ["verification"] * 3,
        "Value": ["9", "10", "0.100000", "0.200000", "0.300000"],
    }


def test_columns_of_the_other_task_stay_empty(labelled_splits, sample):
    data = labelled_splits.read()
    form = infer_format(sample("ID,Label,Score", "9.jpg,0,", "10.jpg,0,", "0,,0", "1,,0", "2,,0"), data)
    assert stacked_cells(data, form) == {
        "ID": ["9.jpg", "10.jpg", "0", "1", "2"],
        "Label": ["9", "10", "", "", ""],
        "Score": ["", "", "0.100000", "0.200000", "0.300000"],
    }


def test_ids_of_another_competition_are_refused(labelled_splits, sample):
    with pytest.raises(DataError, match=r"its ids, such as 'PassengerId1', are not names, numbers or rows"):
        infer_format(sample("id,label", "PassengerId1,0", "PassengerId7,0"), labelled_splits.read())


def test_two_columns_that_might_both_be_predicted_are_refused(labelled_splits, sample):
    with pytest.raises(DataError, match=r"which of the columns a, b holds the predictions of classification"):
        infer_format(sample("id,a,b", "9.jpg,0,0", "10.jpg,0,0"), labelled_splits.read())


def test_a_sample_without_an_answer_is_refused(labelled_splits, sample):
    with pytest.raises(DataError, match=r"has the column 'id' alone"):
        infer_format(sample("id", "9.jpg"), labelled_splits.read())


def test_samples_are_found_by_their_names(tree):
    tree.text("a/classification_sample_submission.csv", "id,label").text("sampleSubmission.csv", "x,y")
    tree.text("train.csv", "x,y").text("sample_submission.txt", "x")
    assert find_samples(map_folder(tree.root)) == [
        "sampleSubmission.csv",
        "a/classification_sample_submission.csv",
    ]


def test_a_files_name_says_which_task_its_numbers_answer(known_people, tmp_path):
    path = tmp_path / "verification_sample_submission.csv"
    path.write_text("id,label\n0,n000000\n1,n000000\n")  # stale: a third probe was added later
    form = infer_format(path, known_people.read())
    assert cells_of(form) == [("verification", "{id}", "{label}")]


@pytest.mark.parametrize("cells", [("0,5", "0,25"), ("?", "?"), ("", ""), ("1e-3", "2")])
def test_pairs_are_answered_with_scores(csv_pairs, sample, cells):
    path = sample("id;score", f"0;{cells[0]}", f"1;{cells[1]}").rename(csv_pairs.root / "verification.csv")
    form = infer_format(path, csv_pairs.read())
    assert cells_of(form) == [("verification", "{id}", "{score}")]


def test_pairs_answered_with_words_are_refused(csv_pairs, sample):
    with pytest.raises(DataError, match=r"pairs are answered with scores, and 'same' of 'answer' is not"):
        path = sample("id,answer", "0,same", "1,same").rename(csv_pairs.root / "verification.csv")
        infer_format(path, csv_pairs.read())
