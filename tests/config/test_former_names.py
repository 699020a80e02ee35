"""Former names of settings mean what today's do, with one line for each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kaggle_face.config import Config, load_config, parse_config
from kaggle_face.config.former_names import FORMER_NAMES, FormerNameWarning
from kaggle_face.config.loading import full_key
from kaggle_face.errors import ConfigError

OTHER_VALUES = {"competition.layout": "gallery", "data.placement": "workers", "paths.cache": "elsewhere"}


def value_at(config: Config, key: str) -> object:
    part, name = key.split(".")
    return getattr(getattr(config, part), name)


@pytest.mark.parametrize(("former", "current"), FORMER_NAMES.items())
def test_a_former_name_is_read_as_todays_with_one_line(former: str, current: str) -> None:
    line = f"^{re.escape(former)} is now called {current}; the old name goes with the next release$"
    with pytest.warns(FormerNameWarning, match=line) as warned:
        loaded = load_config("base", [f"{former}={OTHER_VALUES[current]}"])
    assert len(warned) == 1 and value_at(loaded.config, current) == OTHER_VALUES[current]
    assert value_at(Config(), current) != OTHER_VALUES[current] and full_key(former) == current


def test_a_file_may_have_a_former_name_above_a_file_with_todays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("parent.yaml").write_text("extends: base\ndata: {placement: memory_map, workers: 3}\n")
    Path("child.yaml").write_text("extends: parent\ndata: {residence: workers}\n")
    with pytest.warns(FormerNameWarning, match=r"^child.yaml: data.residence is now called data.placement; "):
        data = load_config("child.yaml").config.data
    assert (data.placement, data.workers) == ("workers", 3)


def test_a_part_on_the_command_line_may_have_a_former_name() -> None:
    with pytest.warns(FormerNameWarning, match=r"^data.residence is now called data.placement; "):
        data = load_config("base", ["data={residence: workers, workers: 3}"]).config.data
    assert (data.placement, data.workers) == ("workers", 3)
    with pytest.raises(
        ConfigError, match=r"on the command line: data.residence is a former name of data.placement"
    ):
        load_config("base", ["data={residence: workers, placement: workers}"])


def test_both_names_in_one_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: base\npaths: {packs: a, cache: b}\n")
    with pytest.raises(ConfigError, match=r"paths.packs is a former name of paths.cache; keep one of them"):
        load_config(str(path))


def test_settings_that_an_earlier_release_kept_are_read_without_a_line() -> None:
    config = parse_config("competition: {family: D}\npaths: {packs: mine}\n", "runs/a/config.yaml")
    assert (config.competition.layout, config.paths.cache) == ("gallery", "mine")
