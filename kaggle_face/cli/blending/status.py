"""`kaggle-face status`: what of a run is current, what is out of date and why, and the next command."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from kaggle_face.cli.arguments import add_config_arguments, add_json_argument, add_run_argument, load_settings
from kaggle_face.cli.terminal import BesideDocument, Terminal


def add_arguments_status(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `status`."""
    add_run_argument(parser)
    add_json_argument(parser, "the table")
    add_config_arguments(parser)


def run_status(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the chain of a run as a table, and the next command."""
    from kaggle_face.pipeline.chain import status_of_run

    progress = BesideDocument() if arguments.json else terminal
    status = status_of_run(load_settings(arguments), arguments.run, progress)
    if arguments.json:
        chain = [asdict(link) for link in status.links]
        terminal.json({"run": status.run.name, "chain": chain, "next": status.next_command})
        return
    rows = [
        [link.what, f"{link.state}: {link.because}" if link.because else link.state] for link in status.links
    ]
    legend = {
        "what": "each thing that a stage makes",
        "state": "current, or why it is not; 'not compared': the raw folder is not here",
    }
    terminal.log(f"{status.run.name}:")
    terminal.table(list(legend), rows, legend)
    terminal.log(f"next: {status.next_command}" if status.next_command else "everything is current")
