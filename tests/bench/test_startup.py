"""How fast commands answer."""

from __future__ import annotations

import pytest

from kaggle_face.bench import startup
from kaggle_face.bench.startup import bench_start
from kaggle_face.bench.throughput import Plan
from kaggle_face.progress import SilentProgress


def test_a_command_is_asked_in_a_process_of_its_own() -> None:
    report = bench_start(["", "competitions"], Plan(rounds=1), {}, SilentProgress())
    assert [row[0] for row in report.rows] == ["(overview)", "competitions"]
    assert all(row[4] == "" and isinstance(row[1], float) for row in report.rows)


def test_slow_and_heavy_commands_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("train", 0.1, 0.1, 0.1, ""), ("submit", 0.9, 0.9, 0.9, "")]
    assert startup.explain(rows).endswith("submit (0.90 s)")
    assert "heavy libraries to answer --help: train (torch)" in startup.explain(
        [("train", 0.9, 0.9, 0.9, "torch")]
    )
    assert "imports no heavy library" in startup.explain(rows[:1])
