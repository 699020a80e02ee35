"""The run of a service is kept, and a changed file is one line or another id of the same form."""

from __future__ import annotations

import json
import re
from pathlib import Path
from random import Random

import pytest

from kaggle_face.errors import RunError
from kaggle_face.train.loggers.service_run import read_service_run, write_service_run
from tests.support.mutating import mutated_json


def test_an_id_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_service_run(tmp_path / "wandb.json") is None
    write_service_run(tmp_path / "wandb.json", "gdfmewie")
    assert read_service_run(tmp_path / "wandb.json") == "gdfmewie"


def test_a_changed_file_is_refused_in_one_line_or_names_an_id(tmp_path: Path) -> None:
    path, random, refused = tmp_path / "wandb.json", Random(0), 0
    for _ in range(100):
        path.write_bytes(mutated_json(random, json.dumps({"id": "ab12"})))
        try:
            found = read_service_run(path)
        except RunError as error:
            refused += "\n" not in str(error)
        else:
            assert found is not None and re.fullmatch("[A-Za-z0-9_-]{1,128}", found)
    assert refused > 20


def test_a_path_is_not_an_id(tmp_path: Path) -> None:
    (tmp_path / "mlflow.json").write_text('{"id": "../x"}', encoding="utf-8")
    with pytest.raises(RunError, match=r"mlflow\.json"):
        read_service_run(tmp_path / "mlflow.json")
