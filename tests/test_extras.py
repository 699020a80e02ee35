"""What is printed where an extra is not installed, and how soon."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kaggle_face.errors import MissingExtraError
from kaggle_face.extras import EXTRAS, require_extra

ROOT = Path(__file__).parents[1]
COMMANDS: dict[str, tuple[str, str]] = {
    "export nobody": ("onnx", "onnx"),
    "tune --space space.yaml": ("optuna", "tune"),
    "report": ("plotly", "report"),
    "app": ("flask", "app"),
    "app --aligned-only": ("flask", "app"),
    "enroll Ann ann.jpg": ("mtcnn", "align"),
    "verify Ann ann.jpg": ("mtcnn", "align"),
    "identify ann.jpg": ("mtcnn", "align"),
    "identify --aligned ann.jpg --model model.onnx": ("onnxruntime", "onnx"),
}
"""The package that is named and its extra, by the command that needs it."""

WITHOUT_EXTRAS = """
import json, sys
sys.modules.update(dict.fromkeys(json.loads(sys.argv[1])))
from kaggle_face.cli.main import main
for command in json.loads(sys.argv[2]):
    code = main(command.split())
    heavy = [name for name in ("torch", "pandas", "timm") if name in sys.modules]
    print(json.dumps([code, heavy]))
"""


def test_every_extra_is_known_with_its_packages() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    declared = {
        extra: {re.split(r"[^A-Za-z0-9._-]", line)[0] for line in text.split("\n") if line}
        for extra, text in setup["options.extras_require"].items()
        if extra not in ("compare", "dev", "docs")  # for developers, and for scripts outside the package
    }
    assert {extra: set(packages.values()) for extra, packages in EXTRAS.items()} == declared


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_missing_module_names_its_package_and_its_extra(monkeypatch, extra) -> None:
    for module, package in EXTRAS[extra].items():
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            with pytest.raises(MissingExtraError, match=rf"'{package}'.*\[{extra}\]"):
                require_extra(extra)


def test_commands_name_a_missing_extra_before_anything_heavy_is_imported(tmp_path) -> None:
    hidden = [module for modules in EXTRAS.values() for module in modules]
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRAS, json.dumps(hidden), json.dumps([*COMMANDS])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
    )
    outcomes = [json.loads(line) for line in ended.stdout.splitlines()]
    lines = ended.stderr.splitlines()
    assert len(outcomes) == len(lines) == len(COMMANDS)
    for command, outcome, line in zip(COMMANDS, outcomes, lines, strict=True):
        package, extra = COMMANDS[command]
        assert outcome == [2, []], command
        assert line == f"error: {MissingExtraError(package, extra)}", command
