"""Every command line in the source can be typed: the command's own parser takes its words."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest

import kaggle_face
from kaggle_face.cli.main import COMMANDS
from tests.support.commands import parser_of

PACKAGE = Path(kaggle_face.__file__).parent
WRITTEN_OUT = re.compile(r"(?<!`)\bkaggle-face ([a-z-]+)((?: [^;,)'\"`\n]*)?)")
OF_AN_OPTION = {"--checkpoint": "last", "--checkpoints": "last", "--task": "verification"}
ANYTHING = "0"
"""Stands for what is known only when the message is made; also a number, where one is wanted."""


def docstrings(nodes: Sequence[ast.AST]) -> set[int]:
    """The ids of the nodes that are docstrings."""
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in nodes if isinstance(node, owners) and node.body]
    return {id(body[0].value) for body in bodies if isinstance(body[0], ast.Expr)}


def texts(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Every string of a module that is no docstring, with `0` in the place of its values."""
    left_out = docstrings(nodes)
    inside = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else ANYTHING for part in node.values
            )
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in inside | left_out
        ):
            yield node.value


def made_here(nodes: Sequence[ast.AST]) -> Iterator[list[str]]:
    """The words of every command line that a module has made by `kaggle_face.hints` or a run's folder."""
    for node in nodes:
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        words = [word for word in node.args if not isinstance(word, ast.Starred)]
        given = [word.value if isinstance(word, ast.Constant) else ANYTHING for word in words]
        if name == "training_command" and isinstance(node.func, ast.Attribute):
            yield ["train", "--fold", ANYTHING, *map(str, given[1:]), "--run", ANYTHING, "-c", ANYTHING]
        elif name == "prediction_command" and isinstance(node.func, ast.Attribute):
            yield ["predict", *map(str, given), "--run", ANYTHING, "-c", ANYTHING]
        elif given and given[0] in COMMANDS:
            settings = ["-c", ANYTHING] if name in ("settings_command", "command") else []
            run = ["--run", ANYTHING] if name == "command" else []
            if name in ("settings_command", "command_line", "command"):
                yield [*map(str, given), *run, *settings, *(["a.b=c"] if name == "settings_command" else [])]


@cache
def commands() -> list[tuple[str, str]]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        source, name = path.read_text(encoding="utf-8"), str(path.relative_to(PACKAGE))
        if "kaggle-" not in source and "command" not in source:
            continue  # neither written out nor made by `command`, `command_line`, `training_command`
        nodes = list(ast.walk(ast.parse(source)))
        for text in texts(nodes):
            matches = [match for match in WRITTEN_OUT.finditer(text) if match[1] in COMMANDS]
            found += [(name, f"{match[1]}{match[2]}".strip()) for match in matches]
        found += [(name, shlex.join(words)) for words in made_here(nodes)]
    return sorted(set(found))


@pytest.mark.parametrize(("path", "command"), commands())
def test_the_parser_takes_every_command_of_the_source(path: str, command: str) -> None:
    name, *words = shlex.split(command)
    for place, option in enumerate(words[:-1]):
        if words[place + 1] == ANYTHING:
            words[place + 1] = OF_AN_OPTION.get(option, ANYTHING)
    if words != ["--help"]:
        parser_of(name).parse(words)


def test_commands_are_found() -> None:
    found = [command for _, command in commands()]
    assert len(found) > 25
    assert "predict --folds 0 --run 0 -c 0" in found and "submit --wait -c 0 a.b=c" in found
