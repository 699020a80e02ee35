"""Every command line of the documentation can be typed, and every option and setting it names exists."""

from __future__ import annotations

import argparse
import configparser
import re
import shlex
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from pydantic import BaseModel

from kaggle_face.cli.arguments import CommandParser
from kaggle_face.cli.main import COMMANDS
from kaggle_face.config import Config, load_config
from kaggle_face.config.loading import full_key
from tests.support.commands import parser_of
from tests.support.documents import PAGES, ROOT, code_spans, command_lines

OTHER_OPTIONS = {
    "--nproc-per-node": "torchrun",
    "--standalone": "torchrun",
    "--max-restarts": "torchrun",
    "--rdzv-id": "torchrun",
    "--keep-going": "sphinx",
    "--logdir": "tensorboard",
}
FILE_ENDINGS = {"py", "md", "yaml", "yml", "csv", "json", "onnx", "npy", "txt", "pt", "safetensors", "html"}


ALL = [(page.name, words) for page in PAGES for words in command_lines(page)]


def of_package(words: list[str]) -> list[str]:
    """The words behind `kaggle-face`, also where torchrun starts it; none for others."""
    if words[0] == "kaggle-face":
        return words[1:]
    return words[words.index("kaggle_face") + 1 :] if "kaggle_face" in words else []


def of_benchmark(words: list[str]) -> list[str]:
    """The module of a script of this checkout and its words; none for other programs."""
    is_script = words[0].startswith("python") and words[1] == "-m" and words[2].startswith("benchmarks.")
    return words[2:] if is_script else []


def parser_of_benchmark(module: str) -> CommandParser:
    parser = CommandParser(prog=module)
    import_module(f"{module}.__main__")._add_arguments(parser)
    return parser


OF_PACKAGE = sorted({(page, shlex.join(given)) for page, words in ALL if (given := of_package(words))})
OF_BENCHMARKS = sorted({(page, shlex.join(given)) for page, words in ALL if (given := of_benchmark(words))})


@pytest.mark.parametrize(("page", "command"), OF_PACKAGE)
def test_the_parser_takes_a_command_of_the_documentation(page: str, command: str) -> None:
    name, *words = shlex.split(command)
    if name in ("--help", "--version") or words == ["--help"]:
        return
    assert name in COMMANDS
    arguments = parser_of(name).parse([word for word in words if word != "..."])
    settings = [word for word in getattr(arguments, "overrides", ()) if "=" in word and "..." not in word]
    load_config("base", settings)


@pytest.mark.parametrize(("page", "command"), OF_BENCHMARKS)
def test_the_parser_takes_a_script_of_the_documentation(page: str, command: str) -> None:
    module, *words = shlex.split(command)
    parser_of_benchmark(module).parse([word for word in words if not word.endswith("...")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_exists(page: Path) -> None:
    named = {name for span in code_spans(page) for name in re.findall(r"kaggle-face ([a-z][a-z-]*)", span)}
    assert named <= set(COMMANDS)


def test_every_extra_that_is_installed_exists() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = set(setup["options.extras_require"])
    installed = [words for _, words in ALL if "install" in words and words[0] in ("pip", "python3")]
    named = {name for words in installed for name in re.findall(r"\[([\w,]+)\]", " ".join(words))}
    assert len(installed) > 4
    assert {extra for names in named for extra in names.split(",")} <= extras


def test_enough_commands_are_found() -> None:
    assert len(OF_PACKAGE) > 90 and len(OF_BENCHMARKS) > 5
    assert ("README.md", "report") in OF_PACKAGE


@cache
def options() -> set[str]:
    parsers: list[argparse.ArgumentParser] = [parser_of(name) for name in COMMANDS]
    modules = [path.parent.name for path in (ROOT / "benchmarks").glob("*/__main__.py")]
    parsers += [parser_of_benchmark(f"benchmarks.{name}") for name in modules]
    found: set[str] = set()
    while parsers:
        parser = parsers.pop()
        found |= set(parser._option_string_actions)
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                parsers += action.choices.values()
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_option_that_a_page_names_exists(page: Path) -> None:
    named = {word for span in code_spans(page) for word in re.findall(r"(?<![\w-])--[a-z][a-z-]*", span)}
    assert named - options() - set(OTHER_OPTIONS) == set()


def has_setting(key: str) -> bool:
    """Whether the schema has a key; below a free mapping every key is one."""
    part: object = Config
    for name in full_key(key).split("."):
        if not (isinstance(part, type) and issubclass(part, BaseModel)):
            return True
        if name not in part.model_fields:
            return False
        part = part.model_fields[name].annotation
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_setting_that_a_page_names_exists(page: Path) -> None:
    sections = "|".join(Config.model_fields)
    key = re.compile(rf"(?<![\w/.-])((?:{sections})(?:\.[a-z_0-9]+)+)(?![\w/.(-])")
    named = {name for span in code_spans(page) for name in key.findall(span)}
    settings = {name for name in named if name.rpartition(".")[2] not in FILE_ENDINGS}
    assert {name for name in settings if not has_setting(name)} == set()


def test_a_setting_that_does_not_exist_is_seen() -> None:
    assert has_setting("optim.lr") and has_setting("model.backbone_options.channels")
    assert not has_setting("optim.rate") and not has_setting("loss.triplet.size")
