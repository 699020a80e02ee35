"""Python in the documentation: every name and argument exists, and blocks give what they show."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

import kaggle_face
from kaggle_face.project.blend import Blend
from kaggle_face.project.exporting import Export
from kaggle_face.project.project import Project
from kaggle_face.project.run import Run
from tests.support.documents import PAGES, Block, blocks

BLOCKS = [block for page in PAGES for block in blocks(page) if block.language == "python"]
KINDS: dict[str, Any] = {
    "kf": kaggle_face,
    "project": Project,
    "run": Run,
    "mine": Run,
    "blend": Blend,
    "found": Export,
}
"""What the names of the documentation stand for."""


def chain_of(node: ast.expr) -> list[str]:
    """The names of `a.b.c`; empty for anything else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.insert(0, node.attr)
        node = node.value
    return [node.id, *names] if isinstance(node, ast.Name) and node.id in KINDS else []


def named_by(chain: list[str]) -> Any:
    """What a chain of names is: a function, a class, a module; None where only its existence is known."""
    found: Any = KINDS[chain[0]]
    for name in chain[1:]:
        if found is None:
            return None
        if isinstance(found, type) and not hasattr(found, name):
            assert name in inspect.get_annotations(found), f"{'.'.join(chain)} does not exist"
            return None
        found = getattr(found, name)
        if not isinstance(found, (ModuleType, type)) and not callable(found):
            return None
    return found


def test_a_block_names_only_what_exists_with_arguments_that_fit() -> None:
    for block in BLOCKS:
        for node in ast.walk(ast.parse(block.text)):
            if isinstance(node, ast.ImportFrom):
                module = import_module(str(node.module))
                assert all(hasattr(module, alias.name) for alias in node.names), block.name
            elif isinstance(node, ast.Attribute) and (chain := chain_of(node)):
                named_by(chain)
            elif isinstance(node, ast.Call) and len(chain := chain_of(node.func)) > 1:
                check_call(chain, node, block)


def check_call(chain: list[str], node: ast.Call, block: Block) -> None:
    called = named_by(chain)
    if called is None or called in (KINDS["kf"].metrics.METRICS,):
        return
    is_method = isinstance(KINDS[chain[0]], type) and len(chain) == 2
    signature = inspect.signature(called)
    values = [None] * (len(node.args) + is_method)
    try:
        signature.bind(*values, **{str(word.arg): None for word in node.keywords})
    except TypeError as error:
        pytest.fail(f"{block.name}: {'.'.join(chain)}: {error}")


def shown_values(block: Block) -> Iterator[tuple[str, Any]]:
    """Expressions of a block with the value that the comment behind them shows."""
    lines = block.text.splitlines()
    for node in ast.parse(block.text).body:
        if isinstance(node, ast.Expr) and node.end_lineno is not None:
            comment = lines[node.end_lineno - 1][node.end_col_offset :].strip().removeprefix("#").strip()
            try:
                yield ast.unparse(node), ast.literal_eval(comment)
            except (SyntaxError, ValueError):
                continue


def test_the_examples_of_the_metrics_give_what_they_show() -> None:
    names: dict[str, Any] = {}
    shown = 0
    for block in (block for block in BLOCKS if block.page == "metrics.md"):
        exec(compile(block.text, block.name, "exec"), names)
        for expression, value in shown_values(block):
            assert eval(expression, names) == pytest.approx(value), expression
            shown += 1
    assert shown == 12


def test_a_block_that_is_not_run_gives_the_reason() -> None:
    for block in BLOCKS:
        assert block.mark == "" or block.mark.startswith(("not run: ", "run by the slow tests: ")), block.name
