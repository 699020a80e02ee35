"""docs/metrics.md has a section with formula, picture and example for each metric; pictures are current."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.making.metric_examples import CAPTIONS, labelled_images, scored_pairs
from kaggle_face.metrics import METRICS
from tests.support.documents import DOCS

TEXT = (DOCS / "metrics.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `([^`]+)` \| \[([^\]]+)\]\(#[^)]+\)", TEXT, re.MULTILINE))
MORE = ("Calibration error", "Ten-fold accuracy", "Open-set identification")
"""Sections of figures that the commands print and formulas cannot name."""


def section(title: str) -> str:
    return TEXT.split(f"\n### {title}\n")[1].split("\n## ")[0].split("\n### ")[0]


def test_every_metric_of_the_table_has_a_section() -> None:
    assert set(ROWS) == set(METRICS)


def test_every_direction_is_that_of_the_table() -> None:
    for name, metric in METRICS.items():
        direction = "higher" if metric.higher_is_better else "lower"
        assert re.search(rf"^\| `{name}` \|.*\| {direction} \| {metric.needs} \|$", TEXT, re.MULTILINE), name


@pytest.mark.parametrize("title", [*sorted(set(ROWS.values())), *MORE])
def test_a_section_has_a_formula_a_picture_and_an_example(title: str) -> None:
    text = section(title)
    assert "```math\n" in text and "```python\n" in text
    pictures = re.findall(r"\(pictures/metrics/([\w-]+)\.svg\)", text)
    assert len(pictures) == 1 and pictures[0] in CAPTIONS


@pytest.mark.parametrize("name", CAPTIONS)
def test_a_picture_shows_the_figure_that_the_metric_gives_today(name: str) -> None:
    again = "python -m docs.making.metric_pictures  # draws the pictures anew"
    svg = Path(DOCS / "pictures" / "metrics" / f"{name}.svg").read_text(encoding="utf-8")
    assert f">{CAPTIONS[name]()}</text>" in svg, again


def test_the_generated_data_are_what_their_texts_say() -> None:
    images, pairs = labelled_images(), scored_pairs()
    assert images.logits.shape == (400, 30) and images.labels.max() == 29
    assert [int((pairs.is_same == value).sum()) for value in (1, 0)] == [2000, 20000]
    assert pairs.scores[pairs.is_same == 1].mean() == pytest.approx(0.45, abs=0.01)
    assert pairs.scores[pairs.is_same == 0].mean() == pytest.approx(0.10, abs=0.01)


def test_no_picture_is_left_over() -> None:
    assert set(CAPTIONS) == {path.stem for path in (DOCS / "pictures" / "metrics").glob("*.svg")}


@pytest.mark.slow
def test_every_picture_can_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra docs)")
    from docs.making import metric_pictures

    monkeypatch.setattr(metric_pictures, "FOLDER", tmp_path)
    metric_pictures.main()
    for name in CAPTIONS:
        svg = (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
        assert f">{CAPTIONS[name]()}</text>" in svg
