"""Kaggle beside submissions: downloads, the ledger and the leaderboard, and bundles for notebooks."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.artifacts.files.locking import lock_or_refuse
from kaggle_face.artifacts.plain_values import plain_values
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.competitions.catalogue.known import find_spec
from kaggle_face.competitions.submission.targets import DEMO, lower_is_better, targets
from kaggle_face.config import LoadedConfig
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import InputError, OfflineError, RemoteError
from kaggle_face.kaggle.client.client import connect
from kaggle_face.kaggle.client.clock import SystemClock
from kaggle_face.kaggle.client.credentials import find_credentials
from kaggle_face.kaggle.download import download, plain_slug
from kaggle_face.kaggle.leaderboard import Standing, current_standing
from kaggle_face.kaggle.remote.bundle import BundlePlan, download_wheels, files_to_predict, write_bundle
from kaggle_face.kaggle.remote.kaggle_notebooks import KaggleNotebooks
from kaggle_face.kaggle.unpacking import gigabytes
from kaggle_face.pipeline.inputs.preparing import chosen_folds, settings_of_run
from kaggle_face.progress import Progress
from kaggle_face.submission.ledger.agreement import agreement, agreement_svg, comparable
from kaggle_face.submission.ledger.choosing import Proposal, propose_final
from kaggle_face.submission.ledger.entries import Entry
from kaggle_face.submission.upload.session import KaggleSession, open_ledger, open_session

UNKNOWN_USER = "your-kaggle-name"


@dataclass(frozen=True)
class Download:
    """A competition's files: its slug, their folder and their number."""

    slug: str
    folder: Path
    num_files: int


@dataclass(frozen=True)
class SubmissionHistory:
    """The rows of the ledger of one competition.

    Attributes:
        slug: The competition.
        entries: All rows in the order in which they began.
        comparable: Those with a public score and an out-of-fold score of one metric.
        agreement: The rank correlation of both scores; None: too few.
        proposal: The submissions to select for the final score.
    """

    slug: str
    entries: tuple[Entry, ...]
    comparable: tuple[Entry, ...]
    agreement: float | None
    proposal: Proposal

    def as_values(self) -> dict[str, Any]:
        """The rows, the agreement of both scores and the proposed choice, for JSON."""
        choices = [
            {"file": each.entry.file, "key": each.entry.key, "reason": each.reason}
            for each in self.proposal.choices
        ]
        values: dict[str, Any] = plain_values(
            {
                "competition": self.slug,
                "entries": self.entries,
                "rank_correlation": self.agreement,
                "select": choices,
                "notes": self.proposal.notes,
            }
        )
        return values


@dataclass(frozen=True)
class LeaderboardReading:
    """The leaderboard of a competition now, and what it showed at this and at earlier looks."""

    slug: str
    standing: Standing
    looks: tuple[dict[str, Any], ...]

    def as_values(self) -> dict[str, Any]:
        """The leaderboard and earlier looks at it, for JSON."""
        rows = [
            {"rank": row.rank, "team": row.team, "score": row.score, "is_own": row == self.standing.own}
            for row in self.standing.rows
        ]
        values: dict[str, Any] = plain_values(
            {
                "competition": self.slug,
                "lower_is_better": self.standing.lower_is_better,
                "rows": rows,
                "cutoffs": self.standing.gaps,
                "looks": self.looks,
            }
        )
        return values


@dataclass(frozen=True)
class BundleOptions:
    """Options of a bundle.

    Attributes:
        folds: Folds to put in; None: all that were trained.
        checkpoints: Checkpoints to put in; empty: `best_cls` and `best_ver`.
        folder: Where it is written; None: `bundles/<config>/<run>`.
        wheels: Packages that Kaggle's image lacks, to put in.
        python: Python of Kaggle's image, for the wheels.
        user: The name on Kaggle; None: that of the credentials.
        upload: Whether it is sent as a private dataset and notebook.
    """

    folds: Sequence[int] | None = None
    checkpoints: Sequence[CheckpointName] = ()
    folder: Path | None = None
    wheels: Sequence[str] = ()
    python: str = "3.11"
    user: str | None = None
    upload: bool = False


@dataclass(frozen=True)
class BundleResult:
    """A bundle on disk, and the addresses of dataset and notebook where it was sent."""

    folder: Path
    name: str
    num_bytes: int
    dataset_address: str | None = None
    notebook_address: str | None = None


def slugs_of(loaded: LoadedConfig, slug: str | None) -> list[str]:
    """The competition called `slug`; without one that of the settings, or both of them.

    Raises:
        InputError: `slug` cannot be the name of a competition.
    """
    if slug:
        return [plain_slug(slug)]
    return targets(loaded.config.competition, loaded.config.submit)


def download_competition(
    loaded: LoadedConfig, slug: str | None, folder: Path | None, progress: Progress
) -> list[Download]:
    """Downloads and unpacks the files of a competition, or of both competitions of the settings.

    Args:
        loaded: The settings.
        slug: The competition; None: that of the settings, or both of them.
        folder: Where the files go; None: `data/<slug>`, or `data.root` without a slug.
        progress: Reports lists and sizes.

    Returns:
        One download for each competition; none for the demo, whose data the package makes.

    Raises:
        DataError: The folder holds something else, the disk is too small, or an archive is unsafe.
        RemoteError: Kaggle refuses, or the connection stayed broken.
    """
    slugs = slugs_of(loaded, slug)
    if slugs == [DEMO]:
        return []
    place = folder or Path(f"data/{slugs[0]}" if slug else loaded.config.data.root)
    client = connect(SystemClock(), progress, loaded.config.submit.silent_seconds)
    found = []
    for each in slugs:
        target = place if len(slugs) == 1 else place / plain_slug(each)
        found.append(Download(each, target, download(each, target, client, progress)))
    return found


def submissions(
    loaded: LoadedConfig, slug: str | None, offline: bool, progress: Progress
) -> list[SubmissionHistory]:
    """The ledger of a competition with the scores that came meanwhile, and a final choice.

    Where Kaggle cannot be reached, or there are no working credentials, the ledger is as of the last reading,
    with one warning; so it is of a competition that refuses while another answers. With `offline` Kaggle is
    not contacted.

    Raises:
        RemoteError: Kaggle refuses every request, or its answers are not understood.
    """
    slugs = slugs_of(loaded, slug)
    ledger = open_ledger(loaded.config)
    remote = [each for each in slugs if each != DEMO]
    if remote and not offline:
        try:
            _read_submissions(open_session(loaded.config, progress), remote)
        except OfflineError as error:
            progress.warn(f"{error}; what follows is the ledger as of the last reading")
    histories = []
    for each in slugs:
        entries, lower = ledger.entries(each), lower_is_better(each)
        both = comparable(entries)
        if lower is None:  # the out-of-fold score imitates the metric of the leaderboard
            lower = any(entry.oof_higher_is_better is False for entry in both)
        proposal = propose_final(entries, lower)
        correlation = agreement(entries, lower)
        histories.append(SubmissionHistory(each, tuple(entries), tuple(both), correlation, proposal))
    return histories


def _read_submissions(session: KaggleSession, slugs: Sequence[str]) -> None:
    """Writes Kaggle's lists into the ledger; the first refusal is raised where no competition answers."""
    refused = []
    for slug in slugs:
        try:
            session.fetch(slug)
        except OfflineError:
            raise
        except RemoteError as error:
            refused.append(error)
    if len(refused) == len(slugs):
        raise refused[0]
    for refusal in refused:
        session.progress.warn(f"{refusal}; its rows are as of the last reading")


def svg_file(text: str) -> Path:
    """The path of a plot.

    Raises:
        InputError: It is not called `.svg`.
    """
    if not text.lower().endswith(".svg"):
        raise InputError(f"the plot is an SVG picture; call it {Path(text).stem or 'plot'}.svg, not '{text}'")
    return Path(text)


def write_agreement_plots(histories: Sequence[SubmissionHistory], path: Path) -> list[Path]:
    """Writes out-of-fold against public scores as SVG; of several competitions `<stem>-<slug>.svg` each."""
    paths = []
    for history in histories:
        is_one = len(histories) == 1
        paths.append(path if is_one else path.with_name(f"{path.stem}-{plain_slug(history.slug)}.svg"))
        write_text(paths[-1], agreement_svg(history.entries, history.slug))
    return paths


def leaderboard(loaded: LoadedConfig, slug: str | None, progress: Progress) -> list[LeaderboardReading]:
    """The public leaderboard of a competition; the look is kept beside the ledger.

    Raises:
        RemoteError: There are no working credentials, or Kaggle cannot be reached.
    """
    slugs, config = slugs_of(loaded, slug), loaded.config
    session = open_session(config, progress)
    found = []
    for each in slugs:
        is_meant = len(slugs) == 1 or each == config.competition.slug
        standing = current_standing(session.client, each, config.submit.cutoffs if is_meant else {})
        session.ledger.add_standing(each, standing.as_values())
        found.append(LeaderboardReading(each, standing, tuple(session.ledger.standings(each))))
    return found


def bundle(loaded: LoadedConfig, run: RunFolder, options: BundleOptions, progress: Progress) -> BundleResult:
    """Writes all that a notebook without internet needs to predict, and sends it where that is wanted.

    Raises:
        RunError: A fold has none of the checkpoints, or the folder holds something else.
        RemoteError: Wheels cannot be fetched, or Kaggle refuses the bundle.
    """
    folds = chosen_folds(run, options.folds)
    config = settings_of_run(loaded.word, run, folds, loaded.overrides).config
    client = None
    if options.upload or (not options.user and find_credentials()):
        client = connect(SystemClock(), progress, config.submit.silent_seconds)
    user = options.user or (UNKNOWN_USER if client is None else client.account.user)
    checkpoints = options.checkpoints or [name for name in CHECKPOINTS if name in ("best_cls", "best_ver")]
    named = ("--checkpoints", ",".join(checkpoints))
    spec = find_spec(config.competition.slug)
    plan = BundlePlan(
        "predict",
        config,
        loaded.name,
        run,
        user,
        (*named, "--folds", ",".join(str(fold.fold) for fold in folds)),
        "verification" if spec is None else spec.tasks[-1],
        blend_words=named if options.checkpoints else (),
    )
    folder = options.folder or Path("bundles") / loaded.name / run.path.name
    lock = folder.with_name(f".{folder.name}.lock")
    with lock_or_refuse(lock, str(folder)), tempfile.TemporaryDirectory() as temporary:
        wheels = None
        if options.wheels:
            wheels = download_wheels(options.wheels, options.python, Path(temporary))
        made = write_bundle(plan, files_to_predict(folds, checkpoints), folder, wheels)
    progress.log(f"{folder}: dataset of {gigabytes(made.size)} and notebook of {plan.name}")
    if user == UNKNOWN_USER:
        progress.warn(f"no Kaggle name is known: '{user}' stands in its place; give it with --user")
    if client is None or not options.upload:
        return BundleResult(folder, plan.name, made.size)
    notebooks = KaggleNotebooks(client, SystemClock())
    dataset = notebooks.send_dataset(made.dataset, "a new bundle of kaggle-face")
    dataset_address = f"https://www.kaggle.com/datasets/{dataset}"
    progress.log(f"dataset: {dataset_address}")
    address = notebooks.push_notebook(made.notebook)
    return BundleResult(folder, plan.name, made.size, dataset_address, address)
