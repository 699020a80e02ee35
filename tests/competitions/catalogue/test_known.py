from __future__ import annotations

import pytest

from kaggle_face.competitions.catalogue.known import competition_spec, find_spec, known_slugs
from kaggle_face.competitions.layouts.named import layout_named
from kaggle_face.errors import ConfigError


def test_every_competition_is_known_once():
    assert len(set(known_slugs())) == len(known_slugs()) == 29  # the 28 that are known of, and demo


@pytest.mark.parametrize("slug", known_slugs())
def test_a_competition_has_a_variant_of_its_layout_and_a_csv_for_each_task(slug):
    spec = competition_spec(slug)
    layout = layout_named(spec.layout)
    variant = layout.variants[0] if spec.variant == "auto" else spec.variant
    assert variant in layout.variants
    assert all(layout.formats(variant).of_task(task) for task in spec.tasks)


def test_a_misspelt_slug_gets_the_nearest():
    with pytest.raises(
        ConfigError, match=r"no competition '11-785-s22-hw2p2-verificaton' .*did you mean '11-"
    ):
        competition_spec("11-785-s22-hw2p2-verificaton")


def test_a_foreign_slug_is_pointed_to_the_list():
    with pytest.raises(ConfigError, match=r"'kaggle-face competitions' lists those that are"):
        competition_spec("titanic")
    assert find_spec("titanic") is None


def test_only_an_error_rate_is_better_when_lower():
    lower = {spec.metric for slug in known_slugs() if (spec := competition_spec(slug)).lower_is_better}
    assert lower == {"eer"}
