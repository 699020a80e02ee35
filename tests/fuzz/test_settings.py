"""Settings files, overrides, formulas and search spaces that hold anything."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest

from kaggle_face.config import Config, dump_config, load_config, parse_config
from kaggle_face.config.loading import packaged_configs
from kaggle_face.config.yaml_text import dump_yaml
from kaggle_face.metrics.score import parse_composite
from kaggle_face.train.search.space import read_search_space
from tests.support.fuzzing import holds, sizes
from tests.support.mutating import ODD_TEXTS, mutated_bytes, mutated_text

FILES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(packaged_configs().glob("*.yaml"))}
# The parts of all files, each of which is read in milliseconds.
PARTS = [
    part for text in FILES.values() for part in re.split(r"\n(?=\w)", text) if not part.startswith("extends")
]
FORMULA_PARTS = (
    "accuracy", "eer", "tpr@1e-3", "(", ")", "+", "-", "*", "/", " ", ".", "1", "1e999", "0x", "f" * 60,
    "9" * 60, "@", ",", "[", "]", "{", "}", "'", '"', "lambda", ":", "=", "if", "else", "\\", "\0", "\x1b",
    "é", "\ud800", "~", "not ", "#", "**", "//", "1e308", "or", "\n",
)  # fmt: skip
SPACE = """\
optim.lr: {low: 1e-3, high: 0.3, log: true}
train.batch_size: {low: 64, high: 256, step: 64}
model.head: [linear, cosface, arcface]
"""
PATTERNS = (
    "[" * 3000, "{a: " * 2000, "- " * 3000, "a: &a [1,1,1,1,1,1,1,1,1,1]\n", "? " * 500, "!!int ", "a: |\n",
)  # fmt: skip


DEFAULTS = [
    (f"{part}.{name}", dump_yaml(value).removesuffix("...\n").strip())
    for part, values in Config().model_dump(mode="json").items()
    if isinstance(values, dict)
    for name, value in values.items()
]


def _comes_back(random: Random, config: Config) -> None:
    if random.random() < 0.1:  # it takes as long as ten readings
        assert parse_config(dump_config(config), "what was written") == config


@sizes(short=60, long=16_000)
def test_a_settings_file_is_read_or_refused_in_one_line(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.yaml"

    def read(random: Random) -> None:
        text = "\n".join(random.sample(PARTS, random.randint(1, 3)))
        if random.random() < 0.1:
            text = random.choice(PATTERNS) * random.choice((1, 10)) + text
        path.write_bytes(mutated_text(random, text, 2))
        config = load_config(str(path)).config
        _comes_back(random, config)

    holds("settings files", count, read)


@sizes(short=100, long=16_000)
def test_an_override_is_taken_or_refused_in_one_line(count: int, tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text("seed: 3\n")

    def override(random: Random) -> None:
        key, value = random.choice(DEFAULTS)
        value = random.choice(ODD_TEXTS) if random.random() < 0.7 else value
        if random.random() < 0.4:
            value = random.choice(
                (f"[{value}]", f"{{a: {value}}}", f"{{{value}: 1}}", f"- {value}", f"&a {value}")
            )
        if random.random() < 0.2:
            key = random.choice(
                (f"{key}.{value}", f".{key}", f"{key}.", key[:-1], ".".join("a" * 3000), value)
            )
        text = f"{key}={value}"
        config = load_config(str(tmp_path / "small.yaml"), [text] * random.choice((1, 1, 2))).config
        _comes_back(random, config)

    holds("overrides", count, override)


@sizes(short=200, long=10_000)
def test_a_formula_is_evaluated_or_refused_in_one_line(count: int) -> None:
    def evaluate(random: Random) -> None:
        length = random.choice((3, 8, 40, 200))
        text = "".join(random.choice(FORMULA_PARTS) for _ in range(random.randint(1, length)))
        figures = {"accuracy": random.random(), "eer": random.choice((0.0, 1e308, 0.1)), "tpr@1e-3": 0.3}
        parse_composite(text).evaluate(figures)

    holds("formulas", count, evaluate)


@sizes(short=60, long=4_000)
def test_a_search_space_is_read_or_refused_in_one_line(count: int, tmp_path: Path) -> None:
    path = tmp_path / "space.yaml"

    def read(random: Random) -> None:
        path.write_bytes(
            mutated_text(random, SPACE) if random.random() < 0.9 else mutated_bytes(random, SPACE.encode())
        )
        read_search_space(path)

    holds("search spaces", count, read)
