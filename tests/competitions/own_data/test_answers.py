"""Answers about own data by name, as a notebook gives them."""

from __future__ import annotations

import pytest

from kaggle_face.competitions.own_data.answers import Answers
from kaggle_face.errors import ConfigError


def test_one_list_of_pairs_is_a_list():
    assert Answers.of_mapping({"pairs": "dev.csv:a,b"}).pairs_of("dev.csv") == "a,b"
    assert Answers.of_mapping({}) == Answers()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"image_colum": "id"}, "own data have no answer 'image_colum'; did you mean 'image_column'"),
        ({"submitted": "number"}, "'submitted' of own data must be 'name' or 'index', got 'number'"),
        ({"without_identity": "dev"}, "'without_identity' of own data must be 'test' or 'skip', got 'dev'"),
        ({"identity_column": 3}, "'identity_column' of own data must be text, got 3"),
        ({"pairs": ["dev.csv:a,b", 3]}, "an item of 'pairs' of own data must be text, got 3"),
        ({"folders": 3}, "'folders' of own data must be a list, got 3"),
    ],
)
def test_an_answer_that_does_not_exist_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        Answers.of_mapping(values)


@pytest.mark.parametrize("pattern", ["{identity", "{id}_{n}", "{n}", "{identity}_{identity}"])
def test_a_pattern_names_the_identity_once(pattern):
    with pytest.raises(
        ConfigError, match=r"^--pattern '.*' needs \{identity\} once, such as '\{identity\}_\{n\}.jpg'"
    ):
        Answers(pattern=pattern)
