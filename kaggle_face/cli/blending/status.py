"""`kaggle-face status`: what of a run is current, what is out of date and why, and the next command."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from kaggle_face.artifacts.run_choice import find_own_run
from kaggle_face.artifacts.runs import list_runs, run_folder
from kaggle_face.cli.arguments import add_config_arguments, add_run_argument, load_settings
from kaggle_face.cli.terminal import Terminal


def add_arguments_status(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `status`."""
    add_run_argument(parser)
    parser.add_argument("--json", action="store_true", help="print the table as JSON, for programs")
    add_config_arguments(parser)


def run_status(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the chain of a run as a table, and the next command."""
    from kaggle_face.pipeline.chain import chain_of_run, next_command
    from kaggle_face.pipeline.preparing import settings_of_run

    loaded = load_settings(arguments)
    runs = Path(loaded.config.paths.runs)
    if list_runs(runs, loaded.name) or arguments.run is not None:
        run = find_own_run(loaded, arguments.run, lambda _: None)
        loaded = settings_of_run(arguments.config, run, run.started_folds(), arguments.overrides)
    else:
        run = run_folder(runs, loaded.name, "main")
    links = chain_of_run(loaded, run, terminal)
    command = next_command(links)
    if arguments.json:
        values = {"run": run.name, "chain": [asdict(link) for link in links], "next": command}
        terminal.json(values)
        return
    rows = [[link.what, f"{link.state}: {link.because}" if link.because else link.state] for link in links]
    terminal.table([run.name, "state"], rows)
    terminal.log(f"next: {command}" if command else "everything is current")
