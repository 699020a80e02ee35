"""The tables of blends."""

from __future__ import annotations

from benchmarks.blends.table import (
    BACKBONES,
    BlendRow,
    Change,
    StepRow,
    settings_of_backbone,
    tabulate_classes,
    tabulate_pairs,
    tabulate_steps,
)
from benchmarks.script import as_markdown
from kaggle_face.config import load_config


def test_each_backbone_is_another_network_of_its_kind() -> None:
    configs = [load_config("blends-table", settings_of_backbone(name)).config for name in BACKBONES]
    assert len({config.model.backbone for config in configs}) == len(BACKBONES) == 3
    assert settings_of_backbone("resnet18")[0] == "model.backbone=resnet18"


def test_a_row_is_in_percent_and_its_gains_in_points() -> None:
    row = BlendRow(
        "mean", 3_200_000, 0.74567, 0.75, 0.74, Change(0.0123, -0.004, 0.0201), 0.02, Change(0.01, 0, 0.02)
    )
    report = tabulate_classes([row], {"device": "cpu"})
    expected = ("mean", "3.20 M", "74.57", "74.00", "+1.23 (-0.40 to +2.01)", "+2.00", "75.00")
    assert report.rows[0][:-1] == expected
    assert report.rows[0][-1] == "+1.00 (+0.00 to +2.00)"
    assert "- device: cpu" in as_markdown(report)


def test_what_does_not_apply_is_a_dash() -> None:
    row = BlendRow("single", 500_000, 0.2, 0.15, more=("15.20 ± 0.30", "0.92", "0.47", "84.40 ± 0.70"))
    cells = tabulate_pairs([row]).rows[0]
    assert cells[:8] == ("single", "0.50 M", "20.00", "-", "-", "-", "15.00", "-")
    assert cells[8:] == ("15.20 ± 0.30", "0.92", "0.47", "84.40 ± 0.70")


def test_a_step_says_whether_it_is_on() -> None:
    rows = [StepRow("verification", "centring", True, Change(0.01, 0.005, 0.02), 0.012)]
    assert tabulate_steps(rows).rows[0][2:] == ("on", "+1.00 (+0.50 to +2.00)", "+1.20")
