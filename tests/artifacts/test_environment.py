"""What a record keeps of the command that made it."""

from __future__ import annotations

import pytest

from kaggle_face.artifacts.environment import command_line


@pytest.mark.parametrize(
    ("program", "typed"),
    [
        ("/usr/bin/kaggle-face", ["kaggle-face"]),
        ("/site-packages/kaggle_face/__main__.py", ["python", "-m", "kaggle_face"]),
    ],
)
def test_a_command_is_kept_as_it_is_typed(monkeypatch, program, typed):
    monkeypatch.setattr("sys.argv", [program, "train", "--fold", "0", "--proxy=http://me:secret@host"])
    words = command_line()
    assert words[: len(typed)] == typed and words[len(typed) : -1] == ["train", "--fold", "0"]
    assert "secret" not in words[-1]
