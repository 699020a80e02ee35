"""Texts are read and written as UTF-8 on every system."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import kaggle_face

PACKAGE = Path(kaggle_face.__file__).parent
FILES = sorted([*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "benchmarks").rglob("*.py")])


def names_no_encoding(call: ast.Call) -> bool:
    """Whether a call reads or writes text in the encoding that the system prefers."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    if name in ("run", "Popen", "check_output"):
        return any(key in named for key in ("text", "universal_newlines")) and "encoding" not in named
    if not isinstance(call.func, ast.Attribute) and name != "open":
        return False
    if name in ("read_text", "write_text"):
        return "encoding" not in named
    modes = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    is_text = name == "open" and any(set(mode) <= set("rwax+t") for mode in modes)
    return is_text and "encoding" not in named


def test_no_text_depends_on_the_encoding_of_the_system() -> None:
    places = []
    for path in FILES:
        source = path.read_text(encoding="utf-8")
        if not re.search(r"open|run|check_output|_text", source):
            continue
        calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
        inside = path.relative_to(PACKAGE.parent).as_posix()
        places += [f"{inside}:{call.lineno}" for call in calls if names_no_encoding(call)]
    assert places == []


def test_such_calls_are_seen() -> None:
    for text in ("p.read_text()", "p.open('w')", "open('a', 'r')", "subprocess.run(x, text=True)"):
        call = ast.parse(text, mode="eval").body
        assert isinstance(call, ast.Call) and names_no_encoding(call), text
