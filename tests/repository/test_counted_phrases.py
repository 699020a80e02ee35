"""In every message nouns and verbs agree with their counts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import kaggle_face

PACKAGE = Path(kaggle_face.__file__).parent
TREES = {
    path: ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted([*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "benchmarks").rglob("*.py")])
}

CLAUSE = {"naming_first": 3, "part_of": 3, "counted": 2, "agreeing": 1}
NOUN = {"naming_first": 2, "part_of": 2, "counted": 1}
VERBS = {
    *(
        "are",
        "have",
        "do",
        "were",
        "cannot",
        "would",
        "appear",
        "stand",
        "lie",
        "lead",
        "hold",
        "differ",
        "look",
        "carry",
    ),
    *("show", "spell", "fit", "lack", "use", "make"),
}

# A number and a noun in the plural that the same text puts before a verb.
UNCOUNTED = re.compile(
    r"\{N\} (?:more |[a-z-]+ )?[a-z-]+s (?:are|have|do|were|lie|appear|stand|hold|differ|need|lack)\b"
)
NUMBER = re.compile(r"\blen\(|\bnum_|\bcount\b|\.sum\(\)|\bsum\(")


def arguments_at(tree: ast.AST, places: dict[str, int]) -> Iterator[tuple[ast.Call, str]]:
    """The texts at a place of the calls of some functions; those that a variable holds are not there."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in places:
            place = places[call.func.id]
            if place < len(call.args):
                text = template(call.args[place])
                if text is not None:
                    yield call, text


def template(node: ast.expr) -> str | None:
    """A text with {N} for each number that is counted and {} for all else that is inserted."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = []
    for value in node.values:
        if isinstance(value, ast.Constant):
            parts.append(str(value.value))
        else:
            assert isinstance(value, ast.FormattedValue)
            is_call = isinstance(value.value, ast.Call) and getattr(value.value.func, "id", "") in CLAUSE
            shown = ast.unparse(value.value)
            parts.append("{N}" if NUMBER.search(shown) and not is_call else "{}")
    return "".join(parts)


def test_what_is_counted_begins_with_a_verb_in_the_plural() -> None:
    seen = 0
    for path, tree in TREES.items():
        for call, clause in arguments_at(tree, CLAUSE):
            seen += 1
            assert clause.partition(" ")[0] in VERBS, f"{path}:{call.lineno}: {clause}"
    assert seen > 80


def test_nouns_are_named_in_the_singular() -> None:
    seen = 0
    for path, tree in TREES.items():
        for call, noun in arguments_at(tree, NOUN):
            seen += 1
            head = noun.partition(" of ")[0]
            assert not head.endswith("s") or head.endswith("ss"), f"{path}:{call.lineno}: {noun}"
    assert seen > 150


def test_no_text_holds_a_number_a_plural_and_a_verb_of_its_own() -> None:
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            text = template(node) if isinstance(node, ast.JoinedStr) else None
            assert text is None or not UNCOUNTED.search(text), f"{path}:{node.lineno}: {text}"


def test_such_texts_are_seen() -> None:
    text = ast.parse('f"{len(rows)} test images have no label"', mode="eval").body
    assert UNCOUNTED.search(template(text) or "")
