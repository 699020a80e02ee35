"""Whatever a command can do, a call can do, with the same defaults: options compared with arguments."""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import kaggle_face as kf
from kaggle_face.cli.arguments import CommandParser
from kaggle_face.cli.main import COMMANDS

GALLERY = (kf.open_gallery,)
CALLS: dict[str, tuple[Callable[..., Any], ...]] = {
    "run": (kf.Project.run,),
    "competitions": (kf.known_competitions, kf.describe_competition),
    "init": (kf.init_project,),
    "check": (kf.Project.check, kf.Project.check_labels),
    "cache": (kf.open_project,),
    "augment": (kf.Project.preview_augmentation, kf.Project.describe_augmentation),
    "train": (kf.Project.train, kf.Project.train_on_kaggle),
    "launch": (kf.Project.slurm_script,),
    "tune": (kf.Project.tune,),
    "evaluate": (kf.Project.evaluate, kf.Project.compare),
    "report": (kf.Project.report,),
    "runs": (kf.Project.run_table, kf.Project.estimates),
    "predict": (kf.Run.predict,),
    "status": (kf.Project.status,),
    "soup": (kf.Project.soup,),
    "import-predictions": (kf.Project.import_member,),
    "ensemble": (kf.Project.ensemble,),
    "pseudo-label": (kf.Project.pseudo_label,),
    "submit": (kf.Project.submit, kf.Project.write_submissions),
    "submissions": (kf.Project.submissions,),
    "leaderboard": (kf.Project.leaderboard,),
    "download": (kf.Project.download,),
    "export": (kf.export,),
    "bundle": (kf.Project.bundle,),
    "enroll": (kf.PeopleGallery.enroll, kf.PeopleGallery.enroll_folder, *GALLERY),
    "verify": (kf.PeopleGallery.verify, *GALLERY),
    "identify": (kf.PeopleGallery.identify, *GALLERY),
    "people": GALLERY,
    "people list": GALLERY,
    "people show": (kf.PeopleGallery.pictures, *GALLERY),
    "people rename": (kf.PeopleGallery.rename, *GALLERY),
    "people remove": (kf.PeopleGallery.remove, *GALLERY),
    "people remove-picture": (kf.PeopleGallery.remove_pictures, *GALLERY),
    "people export": (kf.PeopleGallery.export, *GALLERY),
    "people import": (kf.PeopleGallery.import_people, *GALLERY),
    "people re-embed": (kf.PeopleGallery.re_embed, *GALLERY),
    "people audit": (kf.PeopleGallery.audit, *GALLERY),
    "people evaluate": (kf.PeopleGallery.evaluate, *GALLERY),
}
"""The calls that do what a command does."""

WITHOUT_A_CALL = {
    "demo": "each of its stages is a call; the quickstart notebook is that chain",
    "auth": "a call that needs credentials finds them by itself, and its error names what is missing",
    "app": "a server that occupies its process until it is stopped",
    "bench": "it measures the program in processes of its own, its start among them",
}

RENAMED = {
    "init --force": "replace",
    "check --to": "path",
    "report --to": "path",
    "submit --run": "source",
    "submit --only-ensemble": "only_blend",
    "submit --send": "name",
    "predict --run": "self",
    "run --run": "name",
    "export --out": "folder",
    "competitions words": "name",
    "verify first": "claim",
    "verify image": "picture",
    "identify images": "pictures",
    "enroll words": "pictures",
    "enroll --no-pictures": "keep_pictures",
    "--gallery": "path",
    "--model": "run",
    "--largest": "face",
    "--try-views": "try_tta",
}
"""Arguments that are called otherwise than their option, of one command or of all."""

OTHERWISE = {
    "--config": "settings are those of `open_project`",
    "overrides": "settings are those of `open_project`",
    "--json": "results are objects and frames",
    "run --plan": "`Project.plan`",
    "augment --preview": "`preview_augmentation` beside `describe_augmentation`",
    "augment --to": "the sheet is a picture, which has `save`",
    "check --labels": "`check_labels`",
    "train --on": "`train_on_kaggle`",
    "launch --slurm": "`slurm_script`; there is no other kind",
    "runs --estimates": "`estimates`",
    "submit --wait": "`collect_scores`",
    "leaderboard --top": "the frame has all rows, and `head`",
    "export --blend": "the source is a `Blend`, or the path `<run>/ensemble`",
    "people evaluate --compare": "it is refused, and names the script that it became",
    **{
        f"init --{name}": "an item of `own_data`"
        for name in (
            *("image-column", "identity-column", "split-column", "pairs", "folder", "pattern", "test"),
            *("sample", "id-column", "row-order", "without-identity", "identity-folder", "submitted"),
            *("unknown", "own"),
        )
    },
}
"""Options that are not arguments, and what there is instead."""

OTHER_DEFAULTS = {
    "train --fold": "None is `all`",
    "launch --fold": "None is `all`",
    "cache --config": "None is what the command takes, which the environment may set",
    "--gallery": "None is what the command takes, which the environment may set",
    "train --resume": "a cell that is run again goes on",
    "train --hours": "the command's is the same, behind None",
    "train --accelerator": "the command's is the same, behind None",
    "export source": "`project.run()` is the run that is clearly meant, and has `export`",
    "--largest": "`face` is one argument for `--largest` and `--face`",
    "--face": "`face` is one argument for `--largest` and `--face`",
}
"""Options whose argument has another default, and why."""


def parser_of(command: str) -> CommandParser:
    parser = CommandParser(prog=command)
    module = import_module(f"kaggle_face.cli.{COMMANDS[command][0]}")
    getattr(module, f"add_arguments_{command.replace('-', '_')}")(parser)
    return parser


def options_of_parser(parser: argparse.ArgumentParser, command: str) -> Iterator[tuple[str, argparse.Action]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, own in action.choices.items():
                yield from options_of_parser(own, f"{command} {name}")
        elif not isinstance(action, argparse._HelpAction):
            yield command, action


@cache
def all_options() -> tuple[tuple[str, str, argparse.Action], ...]:
    """Command, option and what argparse holds of it."""
    return tuple(
        (name, max(action.option_strings, key=len) if action.option_strings else action.dest, action)
        for command in COMMANDS
        if command not in WITHOUT_A_CALL
        for name, action in options_of_parser(parser_of(command), command)
    )


def first_of(table: dict[str, str], command: str, option: str) -> str | None:
    return table.get(f"{command} {option}", table.get(option))


def arguments_of(command: str) -> dict[str, inspect.Parameter]:
    return {
        name: each
        for call in reversed(CALLS[command])
        for name, each in inspect.signature(call).parameters.items()
    }


def argument_of(command: str, option: str, action: argparse.Action) -> str | None:
    """The argument that an option is; None without one."""
    plain = option.lstrip("-").replace("-", "_")
    names = (first_of(RENAMED, command, option), plain, f"{plain}s", plain.removeprefix("no_"), action.dest)
    return next((name for name in names if name in arguments_of(command)), None)


def plain(default: Any) -> Any:
    """A default by which both sides are compared: nothing, an empty list and an empty text are None."""
    if default in ([], (), {}, ""):
        return None
    return str(default) if isinstance(default, Path) else default


def default_of(option: str, action: argparse.Action) -> Any:
    if action.required or (not action.option_strings and action.nargs not in ("?", "*")):
        return inspect.Parameter.empty
    is_negated = isinstance(action, argparse._StoreTrueAction) and option.startswith("--no-")
    return not action.default if is_negated else plain(action.default)


def test_each_command_has_its_call_or_a_reason() -> None:
    named = {name for name, _, _ in all_options()}
    assert CALLS.keys() == named
    assert not CALLS.keys() & WITHOUT_A_CALL.keys()
    assert COMMANDS.keys() == {name.partition(" ")[0] for name in named} | WITHOUT_A_CALL.keys()


def test_each_option_is_an_argument_or_has_a_reason() -> None:
    lost = [
        f"{command} {option}"
        for command, option, action in all_options()
        if argument_of(command, option, action) is None and first_of(OTHERWISE, command, option) is None
    ]
    assert lost == []


def test_options_and_arguments_have_the_same_defaults() -> None:
    others = []
    for command, option, action in all_options():
        argument = argument_of(command, option, action)
        if (
            argument in (None, "self")
            or action.default == argparse.SUPPRESS
            or first_of(OTHER_DEFAULTS, command, option) is not None
        ):
            continue
        ours, theirs = default_of(option, action), plain(arguments_of(command)[str(argument)].default)
        if ours != theirs:
            others.append(f"{command} {option} is {ours!r}, {argument}={theirs!r}")
    assert others == [], "\n".join(others)


@pytest.mark.parametrize("table", [RENAMED, OTHERWISE, OTHER_DEFAULTS])
def test_no_exception_is_left_over(table: dict[str, str]) -> None:
    known = {word for command, option, _ in all_options() for word in (option, f"{command} {option}")}
    assert table.keys() - known == set()


def test_an_option_without_an_argument_and_another_default_are_noticed() -> None:
    parser = CommandParser(prog="train")
    new, devices = parser.add_argument("--new"), parser.add_argument("--devices", type=int, default=2)
    assert argument_of("train", "--new", new) is None
    assert argument_of("train", "--devices", devices) == "devices"
    assert default_of("--devices", devices) != plain(arguments_of("train")["devices"].default)
