"""`kaggle-face auth`, `download`, `submissions`, `leaderboard` and `bundle`: Kaggle beside `submit`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import CommandParser, load_settings, options_of, progress_of
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import InputError

if TYPE_CHECKING:
    from kaggle_face.config import LoadedConfig


def add_arguments_auth(parser: CommandParser) -> None:
    """Declares the option of `auth`."""
    parser.add_flag("--offline", "name the credentials that are found, without logging in")


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


def add_arguments_download(parser: CommandParser) -> None:
    """Declares the options of `download`."""
    _add_competition_argument(parser)
    parser.add_to_argument("DIR", "where the files go (default: data/SLUG, or data.root)")
    parser.add_config_arguments()


def run_download(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Downloads and unpacks the files of the competition, or of both of its competitions."""
    from kaggle_face.pipeline.remote import download_competition
    from kaggle_face.summaries.kaggle import describe_downloads

    loaded = _load_settings(arguments)
    terminal.show(describe_downloads(download_competition(loaded, arguments.slug, arguments.to, terminal)))


def add_arguments_submissions(parser: CommandParser) -> None:
    """Declares the options of `submissions`."""
    _add_competition_argument(parser)
    parser.add_flag("--offline", "show the ledger without contacting Kaggle")
    parser.add_argument(
        "--plot",
        metavar="FILE.svg",
        help="write out-of-fold against public scores; of several competitions FILE-SLUG.svg each",
    )
    parser.add_json_argument("the ledger")
    parser.add_config_arguments()


def run_submissions(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Lists the ledger with the scores that came meanwhile, and proposes the final choice."""
    from kaggle_face.pipeline.remote import submissions, svg_file, write_agreement_plots
    from kaggle_face.summaries.kaggle import describe_histories

    picture = None if arguments.plot is None else svg_file(arguments.plot)
    progress = progress_of(arguments, terminal)
    histories = submissions(_load_settings(arguments), arguments.slug, arguments.offline, progress)
    plots = [] if picture is None else write_agreement_plots(histories, picture)
    terminal.result(
        arguments.json,
        lambda: [history.as_values() for history in histories],
        lambda: describe_histories(histories, plots),
    )


def add_arguments_leaderboard(parser: CommandParser) -> None:
    """Declares the options of `leaderboard`."""
    _add_competition_argument(parser)
    parser.add_argument("--top", type=int, default=10, metavar="N", help="rows to show (default: 10)")
    parser.add_json_argument("all rows")
    parser.add_config_arguments()


def run_leaderboard(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Shows the best teams, the own place, the gap to each cut-off, and earlier readings."""
    from kaggle_face.pipeline.remote import leaderboard
    from kaggle_face.summaries.kaggle import describe_readings

    if arguments.top < 1:
        raise InputError(f"--top must be >= 1, got {arguments.top}")
    looks = leaderboard(_load_settings(arguments), arguments.slug, progress_of(arguments, terminal))
    terminal.result(
        arguments.json,
        lambda: [look.as_values() for look in looks],
        lambda: describe_readings(looks, arguments.top),
    )


def add_arguments_bundle(parser: CommandParser) -> None:
    """Declares the options of `bundle`."""
    parser.add_run_argument()
    parser.add_folds_argument("folds to put in (default: all that were trained)")
    parser.add_checkpoints_argument("best_cls and best_ver")
    parser.add_to_argument("DIR", "default: bundles/<config>/<run>", dest="folder")
    parser.add_argument(
        "--wheels", default="", metavar="NAME,...", help="packages that Kaggle's image lacks, to put in"
    )
    parser.add_argument("--python", default="3.11", help="Python of Kaggle's image, for --wheels")
    parser.add_argument("--user", help="your name on Kaggle (default: that of the credentials)")
    parser.add_flag("--upload", "send it as a private dataset and notebook")
    parser.add_config_arguments()


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


def _add_competition_argument(parser: CommandParser) -> None:
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
