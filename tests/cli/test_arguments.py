"""Options of a stage are the arguments of their names."""

from __future__ import annotations

import argparse

import pytest

from kaggle_face.cli.arguments import options_of
from kaggle_face.pipeline.inputs.augmentation import PreviewOptions


def test_each_field_is_the_argument_of_its_name_or_what_the_command_gives() -> None:
    arguments = argparse.Namespace(images=3, versions=7, preview=True)
    assert options_of(PreviewOptions, arguments) == PreviewOptions(3, 7)
    assert options_of(PreviewOptions, arguments, versions=1) == PreviewOptions(3, 1)


def test_a_field_that_a_command_has_no_argument_for_is_noticed() -> None:
    with pytest.raises(AttributeError, match="versions"):
        options_of(PreviewOptions, argparse.Namespace(images=3))
