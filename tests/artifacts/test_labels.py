"""Labels and texts of tables: whole numbers within the classes, each image once."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.artifacts.tables import as_text, read_labels
from kaggle_face.errors import DataError, RunError


def test_labels_come_back_by_image(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("label,image_id\n2,b\n0,a\n")
    ids, labels = read_labels(tmp_path / "labels.csv", num_classes=3)
    assert (ids.tolist(), labels.tolist()) == (["b", "a"], [2, 0])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image_id,label\na,3\n", "3 is not from 0 to 2"),
        ("image_id,label\na,-1\n", "-1 is not from 0 to 2"),
        ("image_id,label\na,1.0\n", "invalid literal"),
        ("image_id,label\na,0\na,1\n", "an image appears twice"),
        ("image_id,label\na,\n", "invalid literal"),
    ],
)
def test_a_label_that_is_not_a_class_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(RunError, match=r"labels\.csv cannot be read") as caught:
        read_labels(tmp_path / "labels.csv", num_classes=3)
    assert message in str(caught.value)


def test_a_long_text_among_many_is_refused_before_it_takes_gigabytes() -> None:
    with pytest.raises(DataError, match="a text of 100,000 characters stands among 50,001"):
        as_text(["a" * 100_000, *["b"] * 50_000])
