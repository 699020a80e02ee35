"""What source files import, read once in a process."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path


def statements(node: ast.AST) -> Iterator[ast.stmt]:
    """All statements below a node, at any depth; their expressions are passed over, which is quick."""
    for name in ("body", "orelse", "finalbody", "handlers", "cases"):
        for each in getattr(node, name, ()):
            if isinstance(each, ast.stmt):
                yield each
            yield from statements(each)


@cache
def imports_of(path: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """The imports of a file, at any place of it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return tuple(each for each in statements(tree) if isinstance(each, ast.Import | ast.ImportFrom))
