"""The page of settings is that of today's base.yaml."""

from __future__ import annotations

import pytest

from docs.making import settings
from kaggle_face.config import Config


def keys_of(values: object, above: str = "") -> list[str]:
    """The full keys of all settings, a mapping without fixed keys counted as one."""
    found = []
    for name, value in dict(values).items():
        key = f"{above}{name}"
        is_part = hasattr(type(value), "model_fields")
        found += keys_of(value, f"{key}.") if is_part else [key]
    return found


def test_the_page_is_made_of_the_settings_file() -> None:
    expected = settings.page(settings.SOURCE.read_text(encoding="utf-8"))
    again = "python -m docs.making.settings  # writes docs/settings.md anew"
    assert settings.PAGE.read_text(encoding="utf-8") == expected, again


def test_the_page_has_a_row_for_every_setting_of_the_schema() -> None:
    page = settings.PAGE.read_text(encoding="utf-8")
    missing = [key for key in keys_of(Config()) if f"| `{key}` |" not in page]
    assert missing == [] and len(keys_of(Config())) > 120


def test_comments_go_on_over_lines_and_special_characters_are_shown() -> None:
    text = (
        "a:                        # of all\n  b: 1 # first * part_one,\n"
        + " " * 26
        + "# `x_y` then | more\n"
    )
    assert settings.page(text).endswith(
        "## a\n\nOf all.\n\n| setting | default | meaning |\n|---|---|---|\n"
        "| `a.b` | `1` | first \\* part\\_one, `x_y` then \\| more |\n"
    )


def test_a_line_that_is_no_setting_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot read: what is this"):
        settings.page("a: 1 # fine\nwhat is this\n")
