"""YAML as people mean it: `1e-3` is a number, `off` and `no` are words, a key stands once."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

# The YAML 1.2 core schema. PyYAML follows 1.1, where 1e-3 is text and `off` is false.
_FLOAT = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")
_INTEGER = re.compile(r"^[-+]?[0-9]+$")
_BOOLEAN = re.compile(r"^(true|True|TRUE|false|False|FALSE)$")


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2 and without duplicate keys or parts that hold themselves."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.deep_construct = True  # a part that holds itself is refused instead of built

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.MarkedYAMLError(problem="a key must be text", problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key '{key}' stands twice", problem_mark=key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", _BOOLEAN, "tTfF"),
    ("tag:yaml.org,2002:int", _INTEGER, "-+0123456789"),
    ("tag:yaml.org,2002:float", _FLOAT, "-+.0123456789"),
    ("tag:yaml.org,2002:null", re.compile(r"^(~|null|Null|NULL|)$"), "~nN\0"),
):
    _Loader.add_implicit_resolver(_tag, _pattern, [*_first, ""] if "~" in _first else list(_first))


def parse_yaml(text: str) -> Any:
    """The value that a YAML text stands for.

    >>> parse_yaml("{lr: 1e-3, amp: off, on: true, epochs: 30}")
    {'lr': 0.001, 'amp': 'off', 'on': True, 'epochs': 30}

    Raises:
        yaml.YAMLError: The text is no YAML, or a key stands twice.
    """
    return yaml.load(text, Loader=_Loader)


def yaml_problem(error: yaml.YAMLError) -> str:
    """What is wrong with a YAML text and where, in one line."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return " ".join(str(error).split())


def dump_yaml(value: Any) -> str:
    """The YAML text of plain values, keys in their given order; `parse_yaml` reads it back unchanged."""
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100)
