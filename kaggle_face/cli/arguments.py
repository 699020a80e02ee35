"""The parser of every command, shared arguments, and their reading."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from kaggle_face.arguments import default_config
from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS, require_checkpoints
from kaggle_face.cli.terminal import BesideDocument, Terminal
from kaggle_face.errors import InputError, nearest_hint

if TYPE_CHECKING:
    from kaggle_face.config import LoadedConfig
    from kaggle_face.config.schema import CheckpointName

Options = TypeVar("Options")

DEFAULT_RUN = (
    "default: the only trained one; of several the only one with all folds finished, or else with a finished "
    "fold; never a trial or a soup"
)


class CommandParser(argparse.ArgumentParser):
    """A parser whose errors are one line, whose words may stand between the options; with shared options."""

    _has_subcommands = False

    def error(self, message: str) -> NoReturn:
        """Raises the error as an `InputError`."""
        found = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message)
        hint = nearest_hint(found[1], re.findall("'([^']*)'", found[2])) if found else ""
        raise InputError(f"{self.prog}: {message}{hint}; see {self.prog} --help")

    def add_subparsers(self, **options: Any) -> Any:
        """As in argparse; a sub-command's own parser is another `CommandParser`."""
        self._has_subcommands = True
        return super().add_subparsers(**options)

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """The values of a command line. argparse intermixes words and options only without sub-commands."""
        return self.parse_args(words) if self._has_subcommands else self.parse_intermixed_args(words)

    def add_flag(self, name: str, meaning: str) -> None:
        """Adds an option without a value."""
        self.add_argument(name, action="store_true", help=meaning)

    def add_config_arguments(
        self,
        metavar: str = "key=value",
        help_text: str = "settings that differ, such as optim.lr=0.1",
    ) -> None:
        """Adds `-c` and the `key=value` overrides, which a command may call and describe in its own way."""
        self.add_settings_argument("settings: configs/NAME.yaml, a name of the package, or a path")
        self.add_argument("overrides", nargs="*", default=[], metavar=metavar, help=help_text)

    def add_settings_argument(self, meaning: str) -> None:
        """Adds `-c` alone."""
        default, help_text = default_config(), f"{meaning} (now: {default_config()})"
        self.add_argument("-c", "--config", default=default, metavar="NAME_OR_PATH", help=help_text)

    def add_json_argument(self, what: str) -> None:
        """Adds `--json`."""
        self.add_flag("--json", f"print {what} as JSON, for programs")

    def add_run_argument(self) -> None:
        """Adds `--run`."""
        self.add_argument("--run", metavar="NAME", help=f"name of the run ({DEFAULT_RUN})")

    def add_runs_argument(self, meaning: str) -> None:
        """Adds `--run`, which may be repeated."""
        self.add_argument(
            "--run", action="append", metavar="NAME", help=f"{meaning}; repeat it for several ({DEFAULT_RUN})"
        )

    def add_new_run_argument(self) -> None:
        """Adds `--run` of a command that makes the run."""
        self.add_argument(
            "--run", metavar="NAME", help="name of the run (default: made of the overrides, or 'main')"
        )

    def add_fold_argument(self, help_text: str) -> None:
        """Adds `--fold` of a training: `all`, or numbers separated by commas."""
        self.add_argument("--fold", metavar="K", default="all", help=help_text)

    def add_folds_argument(self, help_text: str) -> None:
        """Adds `--folds`, numbers separated by commas (a list of words would swallow the overrides)."""
        self.add_argument("--folds", type=fold_numbers, metavar="K,...", help=help_text)

    def add_checkpoints_argument(self, default: str) -> None:
        """Adds `--checkpoints`, names separated by commas."""
        known = ",".join(CHECKPOINTS)
        self.add_argument(
            "--checkpoints",
            type=checkpoint_names,
            metavar="NAME,...",
            help=f"of {known} (default: {default})",
        )

    def add_to_argument(self, metavar: str, meaning: str, dest: str = "to") -> None:
        """Adds `--to`, the file or folder that is written."""
        self.add_argument("--to", dest=dest, metavar=metavar, type=Path, help=meaning)

    def add_changes_argument(self) -> None:
        """Adds `--ignore-changes`."""
        self.add_flag(
            "--ignore-changes", "go on though the training images changed since the run was trained"
        )

    def add_rules_argument(self) -> None:
        """Adds `--ignore-rules`."""
        self.add_flag("--ignore-rules", "go on although a rule is broken; this is recorded")


def options_of(kind: Callable[..., Options], arguments: argparse.Namespace, /, **others: Any) -> Options:
    """The options of a stage: each field is the argument of its name, unless it is one of `others`.

    A field without either is our own mistake: whatever a call can do, its command can do.
    """
    names = [each.name for each in fields(kind) if each.name not in others]  # type: ignore[arg-type]
    return kind(**{name: getattr(arguments, name) for name in names}, **others)


def load_settings(arguments: argparse.Namespace) -> LoadedConfig:
    """The settings that `-c` and the overrides name."""
    from kaggle_face.config import load_config

    return load_config(arguments.config, arguments.overrides)


def progress_of(arguments: argparse.Namespace, terminal: Terminal) -> Terminal:
    """The terminal; where JSON is printed, other lines go to standard error."""
    return BesideDocument() if arguments.json else terminal


def chosen_folds(arguments: argparse.Namespace) -> list[int] | None:
    """The folds that `--fold` of a training names; None: all that are not finished."""
    return None if arguments.fold == "all" else fold_numbers(arguments.fold)


def split_list(text: str, is_right: Callable[[str], bool], refusal: str) -> list[str]:
    """The words of a list whose separators are commas.

    >>> split_list("1,2", str.isdecimal, "numbers are needed, got '{word}' in '{text}'")
    ['1', '2']

    Raises:
        InputError: A word is not right; the line is `refusal` with `word` and `text` in it.
    """
    words = text.split(",")
    wrong = [word for word in words if not is_right(word)]
    if wrong:
        raise InputError(refusal.format(word=wrong[0], text=text))
    return words


def fold_numbers(text: str) -> list[int]:
    """Numbers of folds, each once, ascending.

    >>> fold_numbers("2,0")
    [0, 2]

    Raises:
        InputError: A word is not a number from 0.
    """
    refusal = "folds are numbers from 0, separated by commas, got '{word}' in '{text}'"
    return sorted(set(map(int, split_list(text, str.isdecimal, refusal))))


def checkpoint_names(text: str) -> list[CheckpointName]:
    """Names of checkpoints, in their usual order.

    Raises:
        InputError: There is no such checkpoint.
    """
    words = text.split(",")
    require_checkpoints(words)
    return [name for name in CHECKPOINTS if name in words]
