"""`kaggle-face bundle`: everything that a notebook without internet needs to predict."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.artifacts.files.locking import alone
from kaggle_face.artifacts.run_choice import find_own_run
from kaggle_face.artifacts.runs import CHECKPOINTS
from kaggle_face.cli.arguments import (
    add_checkpoints_argument,
    add_config_arguments,
    add_folds_argument,
    add_run_argument,
    load_settings,
)
from kaggle_face.cli.terminal import Terminal
from kaggle_face.competitions.submission.formats import Task
from kaggle_face.kaggle.client.client import KaggleClient, connect
from kaggle_face.kaggle.client.clock import SystemClock
from kaggle_face.kaggle.client.credentials import find_credentials
from kaggle_face.kaggle.remote.workshop import Workshop
from kaggle_face.kaggle.unpacking import gigabytes

if TYPE_CHECKING:
    from kaggle_face.config import Config
    from kaggle_face.kaggle.remote.bundle import Bundle

_NOBODY = "your-kaggle-name"


def add_arguments_bundle(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `bundle`."""
    add_run_argument(parser)
    add_folds_argument(parser, "folds to put in (default: all that were trained)")
    add_checkpoints_argument(parser, "best_cls and best_ver")
    parser.add_argument("--to", metavar="DIR", type=Path, help="default: bundles/<config>/<run>")
    parser.add_argument(
        "--wheels", default="", metavar="NAME,...", help="packages that Kaggle's image lacks, to put in"
    )
    parser.add_argument("--python", default="3.11", help="Python of Kaggle's image, for --wheels")
    parser.add_argument("--user", help="your name on Kaggle (default: that of the credentials)")
    parser.add_argument("--upload", action="store_true", help="send it as a private dataset and notebook")
    add_config_arguments(parser)


def run_bundle(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Writes the bundle and sends it where that is wanted."""
    from kaggle_face.kaggle.remote.bundle import Wanted, download_wheels, files_to_predict, write_bundle
    from kaggle_face.pipeline.preparing import chosen_folds, settings_of_run

    loaded = load_settings(arguments)
    run = find_own_run(loaded, arguments.run, terminal.log)
    folds = chosen_folds(run, arguments.folds)
    config = settings_of_run(arguments.config, run, folds, arguments.overrides).config
    client = _client(config, arguments, terminal)
    user = arguments.user or (client.account.user if client is not None else _NOBODY)
    checkpoints = arguments.checkpoints or [name for name in CHECKPOINTS if name in ("best_cls", "best_ver")]
    numbers = ",".join(str(fold.fold) for fold in folds)
    named = ("--checkpoints", ",".join(checkpoints))
    wanted = Wanted(
        "predict",
        config,
        loaded.name,
        run,
        user,
        (*named, "--folds", numbers),
        _main_task(config),
        blend_words=named if arguments.checkpoints else (),
    )
    folder = arguments.to or Path("bundles") / loaded.name / run.path.name
    lock = folder.with_name(f".{folder.name}.lock")
    with alone(lock, str(folder)), tempfile.TemporaryDirectory() as temporary:
        wheels = None
        if arguments.wheels:
            wheels = download_wheels(arguments.wheels.split(","), arguments.python, Path(temporary))
        bundle = write_bundle(wanted, files_to_predict(folds, checkpoints), folder, wheels)
    terminal.log(f"{folder}: dataset of {gigabytes(bundle.size)} and notebook of {wanted.name}")
    if user == _NOBODY:
        terminal.warn(f"no Kaggle name is known: '{_NOBODY}' stands in its place; give it with --user")
    if arguments.upload and client is not None:
        _send(bundle, Workshop(client, SystemClock()), terminal)


def _main_task(config: Config) -> Task:
    """The task whose CSV becomes `submission.csv` where the notebook writes one for each."""
    from kaggle_face.competitions.catalogue.known import find_facts

    facts = find_facts(config.competition.slug)
    return "verification" if facts is None else facts.tasks[-1]


def _client(config: Config, arguments: argparse.Namespace, terminal: Terminal) -> KaggleClient | None:
    """The client; None where nothing is sent and nobody has to be asked who the user is."""
    if not arguments.upload and (arguments.user or not find_credentials()):
        return None
    return connect(SystemClock(), terminal, config.submit.silent_seconds)


def _send(bundle: Bundle, workshop: Workshop, terminal: Terminal) -> None:
    name = workshop.send_dataset(bundle.dataset, "a new bundle of kaggle-face")
    terminal.log(f"dataset: https://www.kaggle.com/datasets/{name}")
    terminal.log(f"notebook: {workshop.push_notebook(bundle.notebook)}")
