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


def with_pyarrow(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Stands for a pyarrow of that version, which reads every file as `TABLE`."""
    monkeypatch.setattr(files, "import_module", lambda name: SimpleNamespace(__version__=version))
    monkeypatch.setattr(pd, "read_parquet", lambda path, engine: TABLE)


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
        path.touch()
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
    path.touch()

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
        ("id,x,x\n", "the column 'x' stands twice"),
        ('id,x\n"a,1\n', "unexpected end of data"),
    ],
)
def test_a_csv_that_is_no_table_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "oof.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        open_prediction_file(path)


def test_an_array_has_as_many_ids_and_classes_as_rows_and_columns(tmp_path: Path) -> None:
    path = tmp_path / "oof.npy"
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
    with pytest.raises(RunError, match=r"oof\.npy cannot be read"):
        open_prediction_file(path)
