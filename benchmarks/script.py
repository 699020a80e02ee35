"""Shared parts of the scripts: one-line errors and exit codes as of `kaggle-face`, and Markdown tables."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.face_folders import MARKER_FILE
from kaggle_face.artifacts.files.atomic import write_json, write_text
from kaggle_face.artifacts.files.reading import read_json
from kaggle_face.artifacts.runs import run_folder
from kaggle_face.bench.report import Report
from kaggle_face.cli.arguments import CommandParser
from kaggle_face.cli.main import exit_code_of, stop_of_command
from kaggle_face.cli.terminal import Terminal
from kaggle_face.config import LoadedConfig
from kaggle_face.errors import InputError

AddArguments = Callable[[CommandParser], None]
Work = Callable[[argparse.Namespace, Terminal], None]


def run_script(
    name: str,
    description: str,
    add_arguments: AddArguments,
    work: Work,
    argv: Sequence[str],
    kept: str | None = None,
) -> int:
    """Runs `python -m benchmarks.NAME` and returns its exit code, as that of a `kaggle-face` command.

    Args:
        name: The script below `benchmarks`.
        description: What it does, for `--help`.
        add_arguments: Declares its options.
        work: Does it.
        argv: Its words.
        kept: What a stopped script leaves; None: nothing was changed.
    """
    terminal = Terminal()
    program = ["python", "-m", f"benchmarks.{name}"]

    def parse_and_work() -> int:
        parser = CommandParser(prog=" ".join(program), description=f"{description}.")
        add_arguments(parser)
        arguments = parser.parse(argv)
        try:
            work(arguments, terminal)
        except KeyboardInterrupt as error:
            raise stop_of_command(error, program, argv, arguments, kept) from None
        return 0

    return exit_code_of(parse_and_work, terminal)


def faces_to_lay_out(
    arguments: argparse.Namespace, options: Sequence[str], root: Path
) -> tuple[Path, ...] | None:
    """The folders and files that options name, to be laid out below `root`; None where that was done.

    Raises:
        InputError: An option is missing, or the root holds something else.
    """
    if (root / MARKER_FILE).is_file():
        return None
    missing = [f"--{name}" for name in options if getattr(arguments, name) is None]
    if missing:
        raise InputError(f"{root} has no faces yet; give {', '.join(missing)} to lay them out there")
    if root.exists():
        raise InputError(f"{root} holds something else; choose another folder with data.root=DIR")
    return tuple(Path(getattr(arguments, name)) for name in options)


def describe_machine(info: Mapping[str, Any]) -> dict[str, Any]:
    """The machine and the commit of a run, from its `run.json`, for the lines above a table."""
    return {
        "machine": info["platform"],
        "device": info["device"],
        "torch": info["versions"]["torch"],
        "commit": info.get("commit"),
    }


def describe_faces(root: Path) -> dict[str, str]:
    """The counts of the faces laid out below a root, for the lines above a table; empty without any."""
    marker = root / MARKER_FILE
    found = read_json(marker) if marker.is_file() else {}
    return {
        name.replace("_", " "): ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in found.items()
    }


def train_missing_folds(
    loaded: LoadedConfig, name: str, folds: Sequence[int] | None, resume: bool, terminal: Terminal
) -> None:
    """Trains folds of a run (None: all of them), going on where a training was stopped."""
    from kaggle_face.pipeline.inputs.fold_starts import TrainOptions
    from kaggle_face.pipeline.train import train_folds

    run = run_folder(Path(loaded.config.paths.runs), loaded.name, name)
    train_folds(loaded, run, folds, TrainOptions(resume=resume, kind="experiment"), terminal)


def write_reports(name: str, reports: Sequence[Report], values: Any) -> Path:
    """Writes `NAME.md` with the tables and `NAME.json` with their values; returns the first."""
    path = Path(f"{name}.md")
    write_text(path, "\n".join(map(as_markdown, reports)))
    write_json(path.with_suffix(".json"), values)
    return path


def as_markdown(report: Report) -> str:
    """The table as Markdown, with what it was measured on above it and the sentence below."""
    about = [f"- {name}: {value}" for name, value in report.about.items()]
    header, rule, *rows = report.columns, ["---"] * len(report.columns), *report.as_text()
    table = [f"| {' | '.join(cells)} |" for cells in (header, rule, *rows)]
    return "\n".join([*about, *[""] * bool(about), *table, "", report.sentence, ""])
