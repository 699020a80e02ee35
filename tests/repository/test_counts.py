"""How long files and functions are, how many files a folder holds, and what is split too finely."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import kaggle_face

PACKAGE = Path(kaggle_face.__file__).parent
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 40
"""Without its docstring."""
MOST_FILES_OF_A_FOLDER = 15
MOST_LINES_OF_COMMANDS = 2_600
"""Of `cli/`, which parses, calls and prints: results are described in `summaries/`."""
MOST_HELPERS_USED_ONCE = 0.20
"""The share of functions that are private and named once in their file."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def trees() -> dict[Path, tuple[ast.AST, ...]]:
    """Functions and names of each file."""
    wanted = ast.FunctionDef | ast.AsyncFunctionDef | ast.Name | ast.Attribute
    return {
        path: tuple(
            node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, wanted)
        )
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def functions(nodes: tuple[ast.AST, ...]) -> Iterator[Function]:
    return (node for node in nodes if isinstance(node, Function))


def lines_of(function: Function) -> int:
    """The lines of a function without its docstring."""
    first = function.body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    text = (first.end_lineno or 0) - first.lineno + 1 if is_text and ast.get_docstring(function) else 0
    return (function.end_lineno or 0) - function.lineno + 1 - text


def names_of(nodes: tuple[ast.AST, ...]) -> Counter[str]:
    """How often each name is used."""
    used = (getattr(node, "id", None) or getattr(node, "attr", None) for node in nodes)
    return Counter(name for name in used if name)


def inside(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def num_lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_a_file_is_read_in_one_sitting() -> None:
    long = {inside(path): num_lines(path) for path in trees() if num_lines(path) > MOST_LINES_OF_A_FILE}
    assert long == {}


def test_a_function_is_one_thought() -> None:
    long = {
        f"{inside(path)}:{each.name}": lines_of(each)
        for path, nodes in trees().items()
        for each in functions(nodes)
        if lines_of(each) > MOST_LINES_OF_A_FUNCTION
    }
    assert long == {}


def test_a_folder_is_seen_at_a_glance() -> None:
    counts = Counter(path.parent for path in trees() if path.name != "__init__.py")
    assert {inside(path): n for path, n in counts.items() if n > MOST_FILES_OF_A_FOLDER} == {}


def test_commands_parse_call_and_print() -> None:
    assert sum(num_lines(path) for path in trees() if path.is_relative_to(PACKAGE / "cli")) <= (
        MOST_LINES_OF_COMMANDS
    )


def test_a_private_function_has_a_second_caller_or_names_a_concept() -> None:
    everything = once = 0
    for nodes in trees().values():
        used = names_of(nodes)
        for each in functions(nodes):
            everything += 1
            is_private = each.name.startswith("_") and not each.name.startswith("__")
            once += is_private and used[each.name] == 1
    assert once / everything <= MOST_HELPERS_USED_ONCE, f"{once} of {everything}"


def test_such_functions_are_counted_as_they_should_be() -> None:
    source = 'def outer():\n    """One.\n\n    Two."""\n    return _once()\n\n\ndef _once():\n    pass\n'
    nodes = tuple(ast.walk(ast.parse(source)))
    assert [lines_of(each) for each in functions(nodes)] == [2, 2]
    assert names_of(nodes)["_once"] == 1
