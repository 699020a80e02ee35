"""YAML text is read by the core schema of YAML 1.2, and a short text takes neither long nor much memory."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from random import Random

import pytest
import yaml

from kaggle_face.config import yaml_text
from kaggle_face.config.loading import packaged_configs
from kaggle_face.config.yaml_text import CParser, dump_yaml, parse_yaml, read_yaml, yaml_problem
from kaggle_face.errors import ConfigError
from tests.support.mutating import ODD_TEXTS, mutated_text

LAUGHS = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{below}'] * 10)}]\n"
    for below, name in zip("abcdefghi", "bcdefghij", strict=True)
)


def problem(text: str) -> str:
    with pytest.raises(yaml.YAMLError) as caught:
        parse_yaml(text)
    told = yaml_problem(caught.value)
    assert "\n" not in told
    return told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 5000, "line 1: more than 40 levels"),
        ("{a: " * 3000, "line 1: more than 40 levels"),
        ("- " * 3000, "line 1: more than 40 levels"),
        ("a: " + "9" * 5000, "line 1: a number of 5,000 digits"),
        ("\na: 1e999", "line 2: the number 1e999 is too large"),
        ("a: !!int abc", "line 1: 'abc' is not written as !!int"),
        ("a: !!int {}", "line 1: expected a scalar node|line 1: !!int is the tag of a single value"),
        ("a: !!timestamp 2020-01-01", "line 1: the tag !!timestamp has no meaning here"),
        ("a: !!binary eA==", "line 1: the tag !!binary has no meaning here"),
        ("a: !!set {x}", "line 1: the tag !!set has no meaning here"),
        ("a: !!python/object:os.system x", "line 1: the tag !!python/object:os.system has no meaning here"),
        ("!!merge a: {b: 1}", "line 1: the tag !!merge has no meaning here"),
        ("a: !!map [1]", "line 1: expected 'key: value' lines"),
        ("a: !!bool yes", "line 1: 'yes' is not written as !!bool"),
        ('a: "\\0"', "line 1: text with a control character"),
        ('a: "\\x1b[2J"', "line 1: text with a control character"),
        ('a: "\\uD800"', "line 1: text with a control character"),
        ("? {a: 1}\n: 2", "line 1: a key must be text"),
        ("a: \0", "special characters are not allowed"),
        ("a: 1\n--- \nb: 2", "line 2: but found another document"),
    ],
)
def test_what_settings_never_hold_is_refused_with_its_line(text: str, message: str) -> None:
    told = problem(text)
    assert any(part in told for part in message.split("|")), told


def test_aliases_that_grow_without_end_take_no_time() -> None:
    assert len(LAUGHS) < 1024
    before = time.process_time()
    assert "more than 20,000 values" in problem(LAUGHS)
    assert time.process_time() - before < 1.0


def test_an_alias_is_what_it_repeats() -> None:
    assert parse_yaml("a: &x {p: 0.5}\nb: [*x, *x]") == {"a": {"p": 0.5}, "b": [{"p": 0.5}, {"p": 0.5}]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("010", 10),  # eight in YAML 1.1
        ("08", 8),
        ("-0", 0),
        ("1_000", "1_000"),  # a thousand in YAML 1.1
        ("0x10", "0x10"),
        ("1:30", "1:30"),  # ninety in YAML 1.1
        ("2020-01-01", "2020-01-01"),
        ("1e5", 100000.0),
        ("!!str 12", "12"),
        ("!!float 12", 12.0),
        ("!!null ''", None),
        ("yes", "yes"),
    ],
)
def test_a_value_is_what_yaml_1_2_says(text: str, value: object) -> None:
    found = parse_yaml(f"a: {text}")["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", ["1e5", "010", "true", "null", "off", "2020-01-01", "1_000", "0x1", "~", ""])
def test_text_that_looks_like_something_else_comes_back_as_text(text: str) -> None:
    assert parse_yaml(dump_yaml({"a": text})) == {"a": text}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfea", "save it as UTF-8 text"),
        (b"a: \x00", "special characters are not allowed"),
        (b"#" * (1 << 21), "larger than 1,048,576 bytes"),
    ],
)
def test_a_file_that_is_not_settings_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "mine.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"mine\.yaml") as caught:
        read_yaml(tmp_path / "mine.yaml")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"\xef\xbb\xbfseed: 1\n")
    assert read_yaml(tmp_path / "mine.yaml") == {"seed": 1}


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mine.yaml")
    with pytest.raises(ConfigError, match="is not a file of settings"):
        read_yaml(tmp_path / "mine.yaml")


@pytest.mark.skipif(CParser is None, reason="PyYAML was built without libyaml")
def test_libyaml_reads_what_it_is_given_as_pyyaml_does() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted(packaged_configs().glob("*.yaml"))]
    parts = [part for text in texts for part in re.split(r"\n(?=\w)", text) if len(part) < 400]
    random, equal = Random(5), 0
    for _ in range(300):
        text = mutated_text(random, random.choice((*parts, *ODD_TEXTS[10:])), 3).decode("utf-8", "replace")
        try:
            fast = parse_yaml(text)
        except yaml.YAMLError:
            continue
        assert fast == yaml.load(text, Loader=yaml_text._Loader), text
        equal += 1
    assert equal > 100


@pytest.mark.skipif(CParser is None, reason="PyYAML was built without libyaml")
def test_settings_are_read_by_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml_text, "_Loader")
    yaml_text._parse.cache_clear()
    for path in packaged_configs().glob("*.yaml"):
        assert read_yaml(path)


def test_what_was_read_once_is_a_value_of_its_own_each_time() -> None:
    text = "a: {b: [1, 2]}"
    parse_yaml(text)["a"]["b"].append(3)
    assert parse_yaml(text) == {"a": {"b": [1, 2]}}
