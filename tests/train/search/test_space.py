"""Search spaces: what may be written, and what a trial is offered."""

from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.config import load_config
from kaggle_face.errors import ConfigError
from kaggle_face.train.search.space import Choice, read_search_space, suggest_overrides


class LowestTrial:
    """A trial that always takes the lowest number and the last choice, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, ...]] = []

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None, log: bool) -> float:
        self.asked.append((name, low, high, step, log))
        return low

    def suggest_int(self, name: str, low: int, high: int, *, step: int, log: bool) -> int:
        self.asked.append((name, low, high, step, log))
        return low

    def suggest_categorical(self, name: str, choices: list[Choice]) -> Choice:
        self.asked.append((name, choices))
        return choices[-1]


def write(folder: Path, text: str) -> Path:
    path = folder / "space.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_ranges_and_choices_become_overrides_that_the_settings_take(tmp_path: Path) -> None:
    text = """
    optim.lr: {low: 1e-3, high: 0.3, log: true}
    train.batch_size: {low: 64, high: 256, step: 64}
    augment.cutmix.probability: {low: 0, high: 1.0, step: 0.25}
    model.head: [linear, arcface]
    train.ema_decay: [0.99, null]
    model.pretrained: [true, false]
    """
    trial = LowestTrial()
    overrides = suggest_overrides(read_search_space(write(tmp_path, text)), trial)
    assert trial.asked[:3] == [
        ("optim.lr", 0.001, 0.3, None, True),
        ("train.batch_size", 64, 256, 64, False),
        ("augment.cutmix.probability", 0, 1.0, 0.25, False),
    ]
    config = load_config("base", overrides).config
    assert (config.optim.lr, config.train.batch_size, config.model.head) == (0.001, 64, "arcface")
    assert config.train.ema_decay is None and config.model.pretrained is False


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("optim.lr: 3", "optim.lr: expected a list of choices or"),
        ("optim.lr: {low: 1, hihg: 2}", "unknown 'hihg'; did you mean 'high'"),
        ("optim.lr: {low: 2, high: 1}", "low < high, got 2 and 1"),
        ("optim.lr: {low: 0, high: 1, log: true}", "true needs low > 0 and no step"),
        ("optim.lr: {low: 1, high: 2, step: 5}", "step must be > 0 and <= high - low, got 5"),
        ("model.head: []", "at least one"),
        ("- optim.lr", "lines"),
        ("optim.lr: [", "line"),
    ],
)
def test_a_wrong_entry_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_search_space(write(tmp_path, text))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no search space .*space\.yaml"):
        read_search_space(tmp_path / "space.yaml")
