"""The record of a run within a budget."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.errors import RunError
from kaggle_face.pipeline.budget.record import BudgetRecord, Course, read_record, record_file, write_record

COURSE = Course(
    "small-2-both", "both", 7.5, 2, 3, 512.5, 4.0, "not measured", False, True, {"fold 0": 60.0, "blend": 5.0}
)


def test_a_record_reads_back_as_it_was_written(tmp_path: Path) -> None:
    record = BudgetRecord("configs/x.yaml", 1000.0, 480.0, COURSE)
    record.add("fold 0", 20.0)
    record.add("fold 0", 5.0)
    record.note("a line")
    record.note("a line")
    record.trained.append(0)
    write_record(RunFolder(tmp_path / "main"), record)
    found = read_record(RunFolder(tmp_path / "main"))
    assert found == record and found.spent == {"fold 0": 25.0} and found.notes == ["a line"]
    assert found.deadline == 1480.0 and found.ended_at == 0.0


def test_a_record_without_a_plan_keeps_when_the_time_began(tmp_path: Path) -> None:
    write_record(RunFolder(tmp_path), BudgetRecord("configs/x.yaml", 1000.0, 480.0))
    assert read_record(RunFolder(tmp_path)) == BudgetRecord("configs/x.yaml", 1000.0, 480.0)
    assert read_record(RunFolder(tmp_path / "none")) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("began_at", "noon"),
        ("seconds", -1.0),
        ("seconds", 0.0),
        ("plan", 3),
        ("trained", ["0"]),
        ("csv", "best"),
        ("spent", None),
    ],
)
def test_a_value_of_a_wrong_type_is_one_line(tmp_path: Path, key: str, value: object) -> None:
    run = RunFolder(tmp_path)
    write_record(run, BudgetRecord("configs/x.yaml", 1000.0, 480.0, COURSE))
    values = json.loads(record_file(run).read_text(encoding="utf-8"))
    record_file(run).write_text(json.dumps({**values, key: value}), encoding="utf-8")
    with pytest.raises(RunError, match=r"budget\.json"):
        read_record(run)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"plan": {"networks": 0}}, "plan.networks must be greater than or equal to 1, got 0"),
        ({"plan": {"networks": 4}}, "plan.networks=4 is above plan.most_networks=3"),
        (
            {"plan": {"purpose": "eer"}},
            "plan.purpose must be 'accuracy', 'verification' or 'both', got 'eer'",
        ),
        ({"ended_at": 999.0, "csv": "mean"}, "ended_at is before began_at"),
        ({"ended_at": 1100.0}, "ended_at is before began_at, or without a plan or a csv"),
        ({"ended_at": 1100.0, "csv": "mean", "plan": None}, "ended_at is before began_at, or without a plan"),
    ],
)
def test_a_value_that_no_run_has_is_one_line(tmp_path: Path, changes: dict[str, Any], line: str) -> None:
    run = RunFolder(tmp_path)
    write_record(run, BudgetRecord("configs/x.yaml", 1000.0, 480.0, COURSE))
    values = json.loads(record_file(run).read_text(encoding="utf-8"))
    plan = changes.pop("plan", {})
    values = {**values, **changes, "plan": plan if plan is None else {**values["plan"], **plan}}
    record_file(run).write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(RunError, match=rf"budget\.json.*{re.escape(line)}.*delete it and run the command"):
        read_record(run)


def test_a_key_that_is_gone_is_one_line(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    write_record(run, BudgetRecord("configs/x.yaml", 1000.0, 480.0, COURSE))
    values = json.loads(record_file(run).read_text(encoding="utf-8"))
    del values["plan"]["stages"]
    record_file(run).write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(RunError, match=r"budget\.json: .*stages"):
        read_record(run)


def test_a_clock_that_was_set_back_gives_no_time_twice() -> None:
    record = BudgetRecord("configs/x.yaml", 1000.0, 480.0)
    record.add("fold 0", 100.0)
    record.go_on(1200.0)
    assert record.deadline == 1480.0
    record.go_on(-5000.0)  # 100 seconds are spent, 380 are left
    assert record.deadline == -4620.0


def test_a_record_that_was_begun_when_networks_were_called_folds_goes_on(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    record = BudgetRecord("configs/x.yaml", 1000.0, 480.0, COURSE, trained=[0], csv="mean", csv_networks=[0])
    write_record(run, record)
    text = record_file(run).read_text(encoding="utf-8")
    for now, before in (
        ("most_networks", "most_folds"),
        ("csv_networks", "csv_folds"),
        ("networks", "folds"),
    ):
        assert f'"{now}"' in text
        text = text.replace(f'"{now}"', f'"{before}"')
    record_file(run).write_text(text, encoding="utf-8")
    assert "networks" not in text and read_record(run) == record
