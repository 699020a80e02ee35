"""Files of predictions: the same table from CSV, Parquet and `.npy`, and what cannot be one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from kaggle_face.errors import DataError, InputError, RunError
from kaggle_face.evaluation.imported import files
from kaggle_face.evaluation.imported.files import open_prediction_file

TABLE = pd.DataFrame({"id": ["a", "b"], "x": [0.25, 1.0], "y": [-3.5, 1e-20]})


def with_pyarrow(monkeypatch: pytest.MonkeyPatch, version: str, table: pd.DataFrame = TABLE) -> None:
    """Stands for a pyarrow of that version, which reads every file as `table`."""
    monkeypatch.setattr(files, "import_module", lambda name: SimpleNamespace(__version__=version))
    monkeypatch.setattr(pd, "read_parquet", lambda path, engine: table)


@pytest.mark.parametrize(
    "kind", ["comma", "semicolon", "quoted", "parquet", "npy", "npy with a table of ids"]
)
def test_every_kind_of_file_gives_the_same_table(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "oof.csv"
    if kind in ("comma", "semicolon", "quoted"):
        TABLE.to_csv(
            path, index=False, sep=";" if kind == "semicolon" else ",", quoting=int(kind == "quoted")
        )
    elif kind == "parquet":
        path = tmp_path / "oof.parquet"
        path.write_bytes(b"PAR1")
        with_pyarrow(monkeypatch, "23.0.1")
    else:
        path = tmp_path / "oof.npy"
        np.save(path, TABLE[["x", "y"]].to_numpy())
        (tmp_path / "oof.classes.txt").write_text("x\ny\n", encoding="utf-8")
        name, text = ("oof.ids.txt", "a\nb") if kind == "npy" else ("oof.ids.csv", "id\na\nb\n")
        (tmp_path / name).write_text(text, encoding="utf-8")
    file = open_prediction_file(path)
    assert file.header == ("id", "x", "y") and file.text(0).tolist() == ["a", "b"]
    assert file.numbers([2, 1]).tolist() == TABLE[["y", "x"]].to_numpy().tolist()
    assert path in file.sources and len(file.sources) == (3 if path.suffix == ".npy" else 1)


def test_parquet_needs_a_pyarrow_that_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "oof.parquet"
    path.write_bytes(b"PAR1")

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(files, "import_module", missing)
    with pytest.raises(InputError, match="install it with: python3 -m pip install pyarrow"):
        open_prediction_file(path)
    with_pyarrow(monkeypatch, "14.0.0")
    with pytest.raises(InputError, match=r"pyarrow 14\.0\.0 runs code"):
        open_prediction_file(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,x\na,1\nb\n", "line 3 has 1 cell, the header has 2"),
        ("id,x,x\n", "the column 'x' appears twice"),
        ('id,x\n"a,1\n', "unexpected end of data"),
        ("", r"oof\.csv is empty"),
        ("\n", "its first line is empty, where the names of its columns are expected"),
    ],
)
def test_a_csv_that_is_no_table_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "oof.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        open_prediction_file(path)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("high", "row 2 below the header holds 'high' in the column 'y', where a number is expected; fix"),
        ("0,5", "holds '0,5' in the column 'y', where a number is expected; write decimal points"),
        ("12 %", "row 2 below the header holds '12 %' in the column 'y'"),
        ("1_0", "row 2 below the header holds '1_0' in the column 'y'"),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_text_in_the_place_of_a_number_is_found(
    cell: str, message: str, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pd.DataFrame({"id": ["a", "b", "c"], "x": [1, 2, 3], "y": [None, cell, "text"]})
    path = tmp_path / f"oof.{suffix}"
    table.to_csv(path, index=False, sep=";")
    with_pyarrow(monkeypatch, "23.0.1", table)
    with pytest.raises(DataError) as caught:
        open_prediction_file(path).numbers([1, 2])
    assert str(caught.value).startswith(f"{path}: row 2") and message in str(caught.value)
    assert open_prediction_file(path).numbers([1])[:, 0].tolist() == [1.0, 2.0, 3.0]


def test_a_file_of_the_user_has_no_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the file .*gone\.npy does not exist; fix its name"):
        open_prediction_file(tmp_path / "gone.npy")
    (tmp_path / "folder.csv").mkdir()
    path = tmp_path / "oof.csv"
    path.write_bytes("id,x\nä,1\n".encode("latin-1"))
    for wrong in (path, tmp_path / "folder.csv"):
        with pytest.raises(RunError, match=r"cannot be read .*; save it again where it was made"):
            open_prediction_file(wrong)


def test_an_array_has_as_many_ids_and_classes_as_rows_and_columns(tmp_path: Path) -> None:
    path = tmp_path / "oof.npy"
    np.save(path, np.zeros((0, 3)))
    with pytest.raises(DataError, match=r"oof\.npy holds no numbers: its shape is \(0, 3\)"):
        open_prediction_file(path)
    np.save(path, np.zeros((2, 3), ">f4"))
    with pytest.raises(
        RunError, match=r"of type >f4\); save it again where it was made, as an array of float32"
    ):
        open_prediction_file(path)
    np.save(path, np.zeros((2, 3)))
    (tmp_path / "oof.ids.txt").write_text("a\nb\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"needs oof\.classes\.txt beside it"):
        open_prediction_file(path)
    (tmp_path / "oof.classes.txt").write_text("x\ny\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"has 3 columns, and .* names 2"):
        open_prediction_file(path)
    np.save(path, np.zeros(3))
    with pytest.raises(DataError, match=r"has 3 rows, and .* names 2"):
        open_prediction_file(path)
    np.save(path, np.array([object()]), allow_pickle=True)
    with pytest.raises(RunError, match=r"oof\.npy cannot be read \(it holds pickled Python objects"):
        open_prediction_file(path)
