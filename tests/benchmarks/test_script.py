"""Scripts end as commands do."""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path

import pytest

import kaggle_face
from benchmarks.script import run_script
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError

ROOT = Path(kaggle_face.__file__).parents[1]
SCRIPTS = sorted(path.parent.name for path in (ROOT / "benchmarks").glob("*/__main__.py"))


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("word")


def refuse(arguments: argparse.Namespace, terminal: Terminal) -> None:
    raise InputError(f"not {arguments.word}")


def stop(arguments: argparse.Namespace, terminal: Terminal) -> None:
    raise KeyboardInterrupt


def test_wrong_input_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_script("recipes", "nothing", declare, refuse, ["that"]) == 2
    assert run_script("recipes", "nothing", declare, refuse, ["that", "--fast"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "error: not that"
    assert lines[1].startswith("error: python -m benchmarks.recipes: unrecognized arguments: --fast")


def test_a_stopped_script_names_the_command_line_that_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_script("blends", "nothing", declare, stop, ["a b"], "all is kept") == 130
    expected = "stopped: all is kept; go on with: python -m benchmarks.blends 'a b'\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_explains_itself(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    monkeypatch.delitem(sys.modules, f"benchmarks.{name}.__main__", raising=False)  # of other tests
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=True)
    assert not ended.value.code
    assert capsys.readouterr().out.startswith(f"usage: python -m benchmarks.{name} ")
