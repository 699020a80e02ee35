"""`kaggle-face auth`, `download`, `submissions`, `leaderboard` and `bundle`: Kaggle beside `submit`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import (
    add_checkpoints_argument,
    add_config_arguments,
    add_folds_argument,
    add_json_argument,
    add_run_argument,
    load_settings,
    options_of,
    progress_of,
)
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError, counted

if TYPE_CHECKING:
    from kaggle_face.config import LoadedConfig


def add_arguments_auth(parser: argparse.ArgumentParser) -> None:
    """Declares the option of `auth`."""
    parser.add_argument(
        "--offline", action="store_true", help="name the credentials that are found, without logging in"
    )


def run_auth(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Prints the places of credentials, and unless offline whether the first work; never the credentials."""
    from kaggle_face.kaggle.client.client import connect
    from kaggle_face.kaggle.client.clock import SystemClock
    from kaggle_face.kaggle.client.credentials import require_credentials

    for place, credentials in enumerate(require_credentials()):
        use = "used" if place == 0 else "not used, for the first one found counts"
        terminal.log(f"{credentials.kind} from {credentials.source}: {use}")
        if credentials.warning:
            terminal.warn(credentials.warning)
    if arguments.offline:
        return
    client = connect(SystemClock(), terminal)
    client.check_login()
    terminal.log(f"they work: logged in as {client.account.user}")


def add_arguments_download(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `download`."""
    _add_competition_argument(parser)
    parser.add_argument(
        "--to", metavar="DIR", type=Path, help="where the files go (default: data/SLUG, or data.root)"
    )
    add_config_arguments(parser)


def run_download(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Downloads and unpacks the files of the competition, or of both of its competitions."""
    from kaggle_face.pipeline.remote import download_competition

    loaded = _load_settings(arguments)
    found = download_competition(loaded, arguments.slug, arguments.to, terminal)
    for each in found:
        terminal.log(f"{each.folder}: {counted(each.num_files, 'file')} of '{each.slug}'")
    if not found:
        terminal.log("the demo's data is made by the package; there is nothing to download")


def add_arguments_submissions(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `submissions`."""
    _add_competition_argument(parser)
    parser.add_argument("--offline", action="store_true", help="show the ledger without contacting Kaggle")
    parser.add_argument(
        "--plot",
        metavar="FILE.svg",
        type=_svg_file,
        help="write out-of-fold against public scores; of several competitions FILE-SLUG.svg each",
    )
    add_json_argument(parser, "the ledger")
    add_config_arguments(parser)


def run_submissions(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Lists the ledger with the scores that came meanwhile, and proposes the final choice."""
    from kaggle_face.pipeline.remote import submissions, write_agreement_plots

    progress = progress_of(arguments, terminal)
    histories = submissions(_load_settings(arguments), arguments.slug, arguments.offline, progress)
    plots = [] if arguments.plot is None else write_agreement_plots(histories, arguments.plot)
    if arguments.json:
        terminal.json([history.as_values() for history in histories])
        return
    from kaggle_face.summaries.kaggle import describe_history

    for place, history in enumerate(histories):
        terminal.show(describe_history(history, plots[place] if plots else None))


def _svg_file(text: str) -> Path:
    if not text.lower().endswith(".svg"):
        raise InputError(f"the plot is an SVG picture; call it {Path(text).stem or 'plot'}.svg, not '{text}'")
    return Path(text)


def add_arguments_leaderboard(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `leaderboard`."""
    _add_competition_argument(parser)
    parser.add_argument("--top", type=int, default=10, metavar="N", help="rows to show (default: 10)")
    add_json_argument(parser, "all rows")
    add_config_arguments(parser)


def run_leaderboard(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Shows the best teams, the own place, what is missing to each cut-off, and earlier looks."""
    from kaggle_face.pipeline.remote import leaderboard

    looks = leaderboard(_load_settings(arguments), arguments.slug, progress_of(arguments, terminal))
    if arguments.json:
        terminal.json([look.as_values() for look in looks])
        return
    from kaggle_face.summaries.kaggle import describe_look

    for look in looks:
        terminal.show(describe_look(look, arguments.top))


def add_arguments_bundle(parser: argparse.ArgumentParser) -> None:
    """Declares the options of `bundle`."""
    add_run_argument(parser)
    add_folds_argument(parser, "folds to put in (default: all that were trained)")
    add_checkpoints_argument(parser, "best_cls and best_ver")
    parser.add_argument(
        "--to", dest="folder", metavar="DIR", type=Path, help="default: bundles/<config>/<run>"
    )
    parser.add_argument(
        "--wheels", default="", metavar="NAME,...", help="packages that Kaggle's image lacks, to put in"
    )
    parser.add_argument("--python", default="3.11", help="Python of Kaggle's image, for --wheels")
    parser.add_argument("--user", help="your name on Kaggle (default: that of the credentials)")
    parser.add_argument("--upload", action="store_true", help="send it as a private dataset and notebook")
    add_config_arguments(parser)


def run_bundle(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Writes all that a notebook without internet needs to predict, and sends it where that is wanted."""
    from kaggle_face.artifacts.run_choice import find_own_run
    from kaggle_face.pipeline.remote import BundleOptions, bundle

    loaded = load_settings(arguments)
    run = find_own_run(loaded, arguments.run, terminal.log)
    wheels = arguments.wheels.split(",") if arguments.wheels else ()
    options = options_of(BundleOptions, arguments, checkpoints=arguments.checkpoints or (), wheels=wheels)
    address = bundle(loaded, run, options, terminal).notebook_address
    if address is not None:
        terminal.log(f"notebook: {address}")


def _add_competition_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "slug",
        nargs="?",
        metavar="SLUG",
        help="a competition (default: that of the settings, or both of them)",
    )


def _load_settings(arguments: argparse.Namespace) -> LoadedConfig:
    """The settings; a first word with '=' is one of them and not a competition."""
    if arguments.slug and "=" in arguments.slug:
        arguments.overrides = [arguments.slug, *arguments.overrides]
        arguments.slug = None
    return load_settings(arguments)
