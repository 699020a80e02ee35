"""YAML as people mean it: `1e-3` is a number, `off` and `no` are words, a key stands once.

What a text may hold is bounded, so that a short one takes neither long nor much memory.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Hashable
from contextlib import suppress
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import yaml
from yaml.composer import Composer
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

try:
    from yaml.cyaml import CParser  # type: ignore[attr-defined] # named in its stubs, not exported
except ImportError:  # a PyYAML that was built without libyaml
    CParser = None  # type: ignore[assignment,misc]

from kaggle_face.errors import ConfigError

# The YAML 1.2 core schema. PyYAML follows 1.1, where 1e-3 is text, 010 is eight and `off` is false.
_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_INTEGER = re.compile(r"^[-+]?[0-9]+$")
_BOOLEAN = re.compile(r"^(true|True|TRUE|false|False|FALSE)$")
_NULL = re.compile(r"^(~|null|Null|NULL|)$")

_PREFIX = "tag:yaml.org,2002:"
_WRITTEN_AS = {"int": _INTEGER, "float": _FLOAT, "bool": _BOOLEAN, "null": _NULL}
_CORE_TAGS = frozenset(_PREFIX + name for name in (*_WRITTEN_AS, "str", "map", "seq"))

_MAX_BYTES = 1 << 20
_MAX_DEPTH = 40
_MAX_VALUES = 20_000
"""Values in all; one that an alias repeats counts each time."""
_MAX_DIGITS = 40
_READ_DIFFERENTLY = re.compile("[^\n -~\xa1-\u1fff\u2030-\ud7ff]|[!?]")
"""Tabs, byte order marks, line separators, tags, `?`: PyYAML and libyaml do not take them for the same."""
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class _CoreSchema(Composer, SafeConstructor, Resolver):
    """Nodes and values of YAML 1.2's core schema, each key once, and bounds; a parser is mixed in."""

    def __init__(self) -> None:
        Composer.__init__(self)
        SafeConstructor.__init__(self)
        Resolver.__init__(self)
        self.deep_construct = True  # a part that holds itself is refused instead of built
        self._depth = 0
        self._sizes: dict[int, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            assert parent is not None
            _refuse(parent, f"more than {_MAX_DEPTH} levels")
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None:
            self._count(node)
        return node

    def _count(self, node: yaml.Node) -> None:
        """Bounds the values of a node; inside itself, which is refused later, a node counts as one."""
        if id(node) in self._sizes:
            return
        children = [part for entry in _entries(node) for part in entry]
        size = 1 + sum(self._sizes.get(id(child), 1) for child in children)
        if size > _MAX_VALUES:
            _refuse(node, f"more than {_MAX_VALUES:,} values")
        self._sizes[id(node)] = size

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag not in _CORE_TAGS:
            _refuse(node, f"the tag {node.tag.replace(_PREFIX, '!!')} has no meaning here")
        return super().construct_object(node, deep)

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Hashable, Any]:
        if not isinstance(node, yaml.MappingNode):
            _refuse(node, "expected 'key: value' lines")
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                _refuse(key_node, "a key must be text")
            if key in seen:
                _refuse(key_node, f"the key '{key}' appears twice")
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_plain(self, node: yaml.Node) -> Any:
        """A number, truth value, null or text."""
        if not isinstance(node, yaml.ScalarNode):
            _refuse(node, f"{node.tag.replace(_PREFIX, '!!')} is the tag of a single value")
        kind, text = node.tag.removeprefix(_PREFIX), str(node.value)
        if kind in _WRITTEN_AS and not _WRITTEN_AS[kind].match(text):
            _refuse(node, f"'{text[:40]}' is not written as {node.tag.replace(_PREFIX, '!!')}")
        match kind:
            case "int":
                if len(text) > _MAX_DIGITS:
                    _refuse(node, f"a number of {len(text):,} digits")
                return int(text)
            case "float":
                value = float(text)
                if value - value != 0.0:
                    _refuse(node, f"the number {text[:40]} is too large")
                return value
            case "bool":
                return text.lower() == "true"
            case "null":
                return None
        if _UNPRINTABLE.search(text):
            _refuse(node, "text with a control character")
        return text


class _Loader(_CoreSchema, yaml.SafeLoader):
    """The core schema behind PyYAML's own parser, whose messages people read."""

    def __init__(self, stream: str) -> None:
        yaml.SafeLoader.__init__(self, stream)
        _CoreSchema.__init__(self)


if CParser is not None:

    class _FastLoader(_CoreSchema, CParser):
        """The core schema behind libyaml's parser: ten times as fast."""

        def __init__(self, stream: str) -> None:
            CParser.__init__(self, stream)
            _CoreSchema.__init__(self)


class _Dumper(yaml.SafeDumper):
    """SafeDumper that quotes text that YAML 1.1 or 1.2 reads as another type."""


_CoreSchema.yaml_implicit_resolvers = {}
for _kind, _first in (
    ("bool", "tTfF"),
    ("int", "-+0123456789"),
    ("float", "-+.0123456789"),
    ("null", "~nN\0"),
):
    _firsts = [*_first, ""] if _kind == "null" else list(_first)
    for _class in (_CoreSchema, _Dumper):
        _class.add_implicit_resolver(_PREFIX + _kind, _WRITTEN_AS[_kind], _firsts)
for _kind in (*_WRITTEN_AS, "str"):
    _CoreSchema.add_constructor(_PREFIX + _kind, _CoreSchema.construct_plain)  # type: ignore[type-var]


def parse_yaml(text: str) -> Any:
    """The value that a YAML text stands for.

    >>> parse_yaml("{lr: 1e-3, amp: off, on: true, epochs: 30, seed: 010}")
    {'lr': 0.001, 'amp': 'off', 'on': True, 'epochs': 30, 'seed': 10}

    Raises:
        yaml.YAMLError: The text is not YAML, a key appears twice, or it holds more than it may.
    """
    return deepcopy(_parse(text))


@lru_cache(maxsize=32)  # the same settings lie beside every fold: a copy takes a thirtieth of the time
def _parse(text: str) -> Any:
    if CParser is not None and not _READ_DIFFERENTLY.search(text):
        with suppress(yaml.YAMLError):  # refused below, in PyYAML's words
            return yaml.load(text, Loader=_FastLoader)  # type: ignore[arg-type]
    return yaml.load(text, Loader=_Loader)


def read_yaml(path: Path) -> Any:
    """The value that a YAML file stands for.

    Raises:
        ConfigError: The file cannot be read, is not UTF-8 text, too large, or no YAML.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode) or about.st_size > _MAX_BYTES:
            raise ConfigError(f"{path} is not a file of settings, or larger than {_MAX_BYTES:,} bytes")
        return parse_yaml(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # UnicodeDecodeError, or a zero byte in the path
        raise ConfigError(f"{path} cannot be read: {error}; save it as UTF-8 text") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {yaml_problem(error)}") from error


def yaml_problem(error: yaml.YAMLError) -> str:
    """The fault of a YAML text and its place, in one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())


def dump_yaml(value: Any) -> str:
    """The YAML text of plain values, keys in their given order; `parse_yaml` reads it back unchanged."""
    return yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100
    )


def _entries(node: yaml.Node) -> list[tuple[yaml.Node, ...]]:
    match node:
        case yaml.MappingNode():
            return list(node.value)
        case yaml.SequenceNode():
            return [(child,) for child in node.value]
        case _:
            return []


def _refuse(node: yaml.Node, problem: str) -> NoReturn:
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
