"""Own data in many shapes, from raw files to checked CSVs by the command line alone; cells equal the truth.

The answers are those of an imported member that knows the truth, so that a cell differs only where a file was
read or written wrongly.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from kaggle_face.cli.main import main
from tests.support.own_shapes import SHAPES, Truth, write
from tests.support.twisted import TWISTED
from tests.support.twisted.image_tables import quoted_absolute_paths
from tests.support.twisted.pairs import joined_by_vs

QUICK = (quoted_absolute_paths, joined_by_vs)
_SETTINGS = ("folds.count=2", "data.workers=0")


@pytest.mark.parametrize(
    "shape",
    [
        pytest.param(shape, marks=[] if shape in QUICK else [pytest.mark.slow], id=shape.__name__)
        for shape in (*SHAPES, *TWISTED)
    ],
)
def test_the_cells_of_the_csv_equal_the_truth(shape, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    truth = shape(tmp_path / "raw")
    assert main(["init", "mine", "--data", "raw", *truth.options]) == 0
    _require_single_lines(capsys)
    if truth.test:
        _write_likelihoods(truth)
        assert _import_and_submit("classification", capsys) == 0
        header, *rows = _cells("classification")
        assert {len(row[-1].split()) for row in rows} == {truth.per_row} or truth.per_row == 1
        firsts = [[*row[:-1], row[-1].split()[0]] if truth.per_row > 1 else row for row in rows]
        assert [header, *firsts] == _expected_labels(truth)
    if truth.pairs:
        scores = {row: f"{0.75 if same else 0.25:.6f}" for row, same in truth.pairs.items()}
        write(Path("verification.csv"), "id,score", *(f"{row},{score}" for row, score in scores.items()))
        assert _import_and_submit("verification", capsys) == 0
        header, *rows = _cells("verification")
        assert header == [*truth.pair_columns]
        assert rows == [[row, score] for row, score in scores.items()]


def _write_likelihoods(truth: Truth) -> None:
    """The truth as probabilities of the test images, and of the training images, which a ranking needs."""
    names = sorted({*truth.train.values()} - {""})
    files = {"classification.csv": dict(truth.test.values())}
    if truth.unknown is not None:
        files["oof.csv"] = {image: name for image, name in truth.train.items() if name}
    for file, people in files.items():
        with Path(file).open("w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(["id", *names])
            for image, person in people.items():
                likely = 0.9 if "oof" not in file else 0.8
                rest = (1 - likely) / (len(names) - 1)
                table.writerow([image, *(likely if name == person else round(rest, 6) for name in names)])


def _import_and_submit(task: str, capsys: pytest.CaptureFixture[str]) -> int:
    words = ["import-predictions", "-c", "mine", "--task", task, "--test", f"{task}.csv", "truth", *_SETTINGS]
    if Path("oof.csv").exists() and task == "classification":
        words += ["--oof", "oof.csv"]
    blend = ["ensemble", "-c", "mine", "--run", "truth", "--method", "mean", *_SETTINGS]
    submit = ["submit", "-c", "mine", "--run", "truth", "--dry-run", *_SETTINGS]
    if main(words) or main(blend):
        return 1
    capsys.readouterr()
    code = main(submit)
    _require_single_lines(capsys)
    return code


def _require_single_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """Checks that no note on the data was printed twice."""
    streams = capsys.readouterr()
    lines = [line.removeprefix("warning: ") for line in (streams.out + streams.err).splitlines()]
    notes = [line for line in lines if ".csv: " in line or ".txt: " in line or ", first: " in line]
    assert len(notes) == len({*notes}), notes


def _expected_labels(truth: Truth) -> list[list[str]]:
    """The header and the rows of the classification CSV; of a ranking with its first label."""
    place = next(number for number, name in enumerate(truth.columns) if name not in ("", *truth.others))
    rows = []
    for number, (row, (image, person)) in enumerate(truth.test.items()):
        label = truth.submitted.get(person, person)
        cells = [truth.others.get(name, str(number)).format(image=image) for name in truth.columns]
        cells[place], cells[-1] = row, label
        rows.append(cells)
    return [[*truth.columns], *rows]


def _cells(task: str) -> list[list[str]]:
    """The header and the rows of the CSV of a task."""
    with Path(f"submissions/mine/truth_ensemble_{task}.csv").open(encoding="utf-8", newline="") as stream:
        return [*csv.reader(stream)]
