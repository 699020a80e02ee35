"""Settings that the documentation shows are valid."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from kaggle_face.config import Config, load_config
from kaggle_face.config.yaml_text import dump_yaml, parse_yaml
from tests.support.documents import PAGES, Block, blocks

BLOCKS = [block for page in PAGES for block in blocks(page) if block.language == "yaml"]


def as_settings(values: dict[str, Any]) -> dict[str, Any]:
    """Settings as a whole; keys of no part are some of `competition.custom`."""
    if set(values) <= {*Config.model_fields, "extends"}:
        return {"extends": "base", **values}
    return {"extends": "base", "competition": {"layout": "custom", "variant": "custom", "custom": values}}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_settings_of_a_page_can_be_loaded(block: Block, tmp_path: Path) -> None:
    values = parse_yaml(dedent(block.text))
    assert isinstance(values, dict) and values
    path = tmp_path / "shown.yaml"
    path.write_text(dump_yaml(as_settings(values)), encoding="utf-8")
    assert load_config(str(path)).config != Config()


def test_enough_settings_are_found() -> None:
    assert len(BLOCKS) >= 6
