"""The parser of a command, as the command line makes it."""

from __future__ import annotations

from importlib import import_module

from kaggle_face.cli.arguments import CommandParser
from kaggle_face.cli.main import COMMANDS


def parser_of(command: str) -> CommandParser:
    """The parser of a `kaggle-face` command with all of its options."""
    module, summary = COMMANDS[command]
    parser = CommandParser(prog=f"kaggle-face {command}", description=summary)
    name = command.replace("-", "_")
    getattr(import_module(f"kaggle_face.cli.{module}"), f"add_arguments_{name}")(parser)
    return parser
