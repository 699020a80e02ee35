"""Benchmarks from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kaggle_face.cli.main import main

SHORT = ["--quick", "--json", "--rounds", "1", "--seconds", "0.001"]


def measured(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["bench", *words, *SHORT]) == 0
    values: dict[str, Any] = json.loads(capsys.readouterr().out)
    return values


def test_training_is_compared_with_its_limit(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = measured(capsys, "train")
    assert [row["way"] for row in values["rows"]] == ["limit", "loader alone", "end to end"]
    assert all(row["images/s"] > 0 for row in values["rows"])
    assert values["about"]["backbone"] == "resnet10t" and values["about"]["batch"] == 8
    assert "of the network's own rate" in values["sentence"]
    assert not list(workspace.glob("runs/tiny/*/fold0"))


def test_prediction_is_compared_with_its_limit(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = measured(capsys, "predict", "predict.batch_size=16")
    assert [row["way"] for row in values["rows"]] == ["limit", "loader alone", "end to end"]


def test_packing_is_measured_on_the_competitions_pictures(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = measured(capsys, "pack")
    assert values["about"]["size_px"] == 32 and values["about"]["images"] > 100
    assert values["rows"][0]["way"] == "decoder alone, 1 core"


def test_a_table_and_a_sentence_are_printed_for_people(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "train", *[word for word in SHORT if word != "--json"]]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("processor ") and lines[1].split()[0] == "way"
    assert [line.split("  ")[0] for line in lines[3:6]] == ["limit", "loader alone", "end to end"]
    assert lines[-1].startswith("end to end runs at ")


def test_what_is_a_script_now_names_it(
    workspace: Path, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "python -m benchmarks.intervals" in refused("bench", "intervals")
    assert main(["bench", "train", "--alone", *SHORT]) == 0
    assert "--alone has no effect" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--rounds", "0"], "--rounds must be >= 1"), (["--seconds", "-1"], "--seconds > 0")],
)
def test_a_measurement_without_time_is_refused(
    workspace: Path, refused: Callable[..., str], words: list[str], message: str
) -> None:
    assert message in refused("bench", "pack", *words)


def test_the_device_is_looked_at_on_any_machine(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = measured(capsys, "device")
    assert values["rows"][0]["setting"] == "train.amp=off"
    assert "the network runs on the CPU" in values["sentence"]


@pytest.mark.slow
def test_everything_is_measured_and_kept_in_a_file(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(["bench", "all", "--json", "machine.json", "--quick", "--rounds", "1", "--seconds", "0.01"]) == 0
    )
    values = json.loads((workspace / "machine.json").read_text(encoding="utf-8"))
    parts = list(dict.fromkeys(row["part"] for row in values["rows"]))
    assert parts == ["train, 32 px", "train, 64 px", "train, 112 px", "pack", "predict", "metrics"]
    usual = [row for row in values["rows"] if row["way"] == "notebook way"]
    assert [row["of the notebook way"] for row in usual] == [1.0] * 3
    assert len(values["parts"]) == 6 and "the figures are in machine.json" in capsys.readouterr().out


def test_json_before_a_setting_is_not_a_file(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["device", "--quick", "--rounds", "1", "--json", "train.batch_size=4"]
    assert main(["bench", *words]) == 0
    assert json.loads(capsys.readouterr().out)["about"]["batch"] == 4
    assert not list(workspace.glob("train*"))
