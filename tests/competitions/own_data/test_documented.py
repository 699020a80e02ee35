"""The three shapes of docs/own-competition.md: `init` writes the settings that the page shows."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

from kaggle_face.competitions.inspection import inspect_folder
from kaggle_face.config.yaml_text import parse_yaml
from tests.support.own_shapes import draw, write

PAGE = Path(__file__).parents[3] / "docs" / "own-competition.md"
PEOPLE = ("Ann", "Bob", "Zoe")


def table_competition(root: Path) -> None:
    rows = []
    for number, name in enumerate(("0b2", "0a1", "1c3")):
        draw(root / f"train/{name[0]}/{name[1]}/{name}.jpg", number, 0)
        rows.append(f"{name},{('Zoe', 'Ann', 'Bob')[number]}")
    write(root / "train.csv", "id,landmark_id", *rows, "")
    draw(root / "test/1/d/1d4.jpg", 0, 50)
    write(root / "sample_submission.csv", "id,landmark", "1d4,")


def image_folder(root: Path) -> None:
    for person, name in enumerate(PEOPLE):
        draw(root / f"faces/training/{name}/0.jpg", person, 0)
        draw(root / f"faces/validation/{name}/7.jpg", person, 7)
    draw(root / "faces/testing/0.jpg", 0, 50)


def pair_list(root: Path) -> None:
    for person, name in enumerate(PEOPLE):
        for image in range(2):
            draw(root / f"all/{name}_{image:03}.jpg", person, image)
    for number in (1, 2):
        draw(root / f"queries/x{number}.jpg", 0, 50 + number)
    write(root / "dev_pairs.csv", "left;right;is_same", "Ann_000;Ann_001;1", "Ann_000;Bob_000;0")
    write(root / "to_answer.csv", "pair_id,a,b", "k1,x1,x2")
    write(root / "sample_submission.csv", "pair_id,similarity", "k1,0.5")


@pytest.mark.parametrize(("place", "shape"), [(0, table_competition), (1, image_folder), (2, pair_list)])
def test_the_page_shows_what_init_writes(place, shape, tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    shown = parse_yaml(dedent(blocks[place]))
    shape(tmp_path)
    inspection = inspect_folder("mine", tmp_path)
    assert inspection.guess is not None
    written = inspection.guess.custom.model_dump(mode="json", exclude_defaults=True)
    custom = shown["competition"]["custom"] if "competition" in shown else shown
    assert custom == written
    if place == 2:
        form = inspection.formats.of_task("verification")
        submit = parse_yaml(blocks[place + 1])["submit"]["verification"]
        assert submit == {"columns": [*form.columns], "cells": [*form.parts[0].cells]}
