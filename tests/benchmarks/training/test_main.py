"""Training beside the baselines, on a small competition."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.training.__main__ import main

SHORT = ["--quick", "--json", "--rounds", "1", "--seconds", "0.001"]


def test_training_is_compared_with_its_limit_and_with_baselines(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(SHORT) == 0
    values = json.loads(capsys.readouterr().out)
    names = ["limit", "loader alone", "end to end", "notebook way", "timm's loader"]
    assert [row["way"] for row in values["rows"]] == names
    assert all(row["images/s"] > 0 for row in values["rows"])
    assert values["about"]["backbone"] == "resnet10t" and values["about"]["batch"] == 8
    assert not list(workspace.glob("runs/tiny/*/fold0"))
