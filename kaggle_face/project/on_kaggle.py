"""Kaggle beside submissions: downloads, ledger, leaderboard, bundles, its GPUs; a part of `Project`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kaggle_face.arguments import checked_methods
from kaggle_face.config.schema import CheckpointName
from kaggle_face.project.frames import frame_of
from kaggle_face.project.run import ProjectCalls, Run

if TYPE_CHECKING:
    from kaggle_face.pipeline.remote import BundleResult


@checked_methods
class OnKaggle:
    """The methods `download`, `submissions`, `leaderboard`, `bundle` and `train_on_kaggle` of a project."""

    def download(self: ProjectCalls, slug: str | None = None, to: str | Path | None = None) -> pd.DataFrame:
        """Downloads and unpacks the files of a competition; what arrived before is not fetched again.

        Args:
            slug: The competition; None: that of the settings, or both of them.
            to: Where the files go; None: `data/<slug>`, or `data.root` without a slug.

        Returns:
            A row for each competition: `slug`, `folder`, `num_files`; none for the demo.

        Raises:
            DataError: The folder holds something else, the disk is too small, or an archive is unsafe.
            RemoteError: There are no working credentials, Kaggle refuses, or the connection stayed broken.
        """
        from kaggle_face.pipeline.remote import download_competition

        with self.call() as progress:
            return frame_of(
                download_competition(self.loaded, slug, None if to is None else Path(to), progress)
            )

    def submissions(
        self: ProjectCalls, slug: str | None = None, offline: bool = False, plot: str | Path | None = None
    ) -> pd.DataFrame:
        """What was written and uploaded, with the scores that came meanwhile, and what to select in the end.

        How far public scores agree with those out of fold goes to the progress.

        Args:
            slug: The competition; None: that of the settings, or both of them.
            offline: Whether the ledger is shown without contacting Kaggle.
            plot: An SVG file of out-of-fold against public scores; of several competitions
                `<plot>-<slug>.svg` each.

        Returns:
            A row for each entry of the ledger; `select` is the reason to choose it for the final score, or
            empty.

        Raises:
            InputError: `plot` is not called `.svg`.
            RemoteError: Kaggle refuses the request, or its answer is not understood.
        """
        from kaggle_face.pipeline.remote import submissions, svg_file, write_agreement_plots
        from kaggle_face.summaries.kaggle import lines_on_history

        picture = None if plot is None else svg_file(str(plot))
        with self.call() as progress:
            histories = submissions(self.loaded, slug, offline, progress)
            if picture is not None:
                write_agreement_plots(histories, picture)
            for line in (line for history in histories for line in lines_on_history(history)):
                progress.log(line)
        frames = []
        for history in histories:
            reasons = {each.entry.key: each.reason for each in history.proposal.choices}
            rows = frame_of(history.entries)
            rows["select"] = [reasons.get(entry.key, "") for entry in history.entries]
            frames.append(rows)
        return pd.concat(frames, ignore_index=True)

    def leaderboard(self: ProjectCalls, slug: str | None = None) -> pd.DataFrame:
        """The public leaderboard, the best first; the reading is kept beside the ledger.

        The own place, and what is missing to each cut-off, go to the progress.

        Args:
            slug: The competition; None: that of the settings, or both of them.

        Returns:
            A row for each team: `competition`, `rank`, `team`, `score`, `is_own`.

        Raises:
            RemoteError: There are no working credentials, or Kaggle cannot be reached.
        """
        from kaggle_face.pipeline.remote import leaderboard
        from kaggle_face.summaries.kaggle import lines_on_place

        rows = []
        with self.call() as progress:
            for reading in leaderboard(self.loaded, slug, progress):
                rows += [{"competition": reading.slug, **row} for row in reading.as_values()["rows"]]
                for line in lines_on_place(reading):
                    progress.log(line)
        return pd.DataFrame(rows, columns=["competition", "rank", "team", "score", "is_own"])

    def bundle(
        self: ProjectCalls,
        run: Run | None = None,
        folds: Sequence[int] | None = None,
        checkpoints: Sequence[CheckpointName] | None = None,
        to: str | Path | None = None,
        wheels: Sequence[str] = (),
        python: str = "3.11",
        user: str | None = None,
        upload: bool = False,
    ) -> BundleResult:
        """Writes all that a notebook without internet needs to predict, ready to upload.

        Args:
            run: The run; None: the one that is clearly meant.
            folds: Folds to put in; None: all that were trained.
            checkpoints: None: `best_cls` and `best_ver`.
            to: Where it goes; None: `bundles/<config>/<run>`.
            wheels: Packages that Kaggle's image lacks, to put in.
            python: Python of Kaggle's image, for the wheels.
            user: The name on Kaggle; None: that of the credentials.
            upload: Whether it is sent as a private dataset and notebook.

        Returns:
            Its folder, name and size, and the addresses of what was sent.

        Raises:
            RunError: A fold has none of the checkpoints, or the folder holds something else.
            RemoteError: Wheels cannot be fetched, or Kaggle refuses the bundle.
        """
        from kaggle_face.pipeline.remote import BundleOptions, bundle

        folder = None if to is None else Path(to)
        options = BundleOptions(folds, checkpoints or (), folder, wheels, python, user, upload)
        chosen = self.run() if run is None else run
        with self.call() as progress:
            return bundle(self.loaded, chosen.folder, options, progress)

    def train_on_kaggle(
        self: ProjectCalls,
        folds: int | Sequence[int] | None = None,
        run: str | None = None,
        overwrite: bool = False,
        hours: float = 11.0,
        accelerator: str = "NvidiaTeslaT4",
        ignore_rules: bool = False,
    ) -> Run:
        """Trains folds on Kaggle's GPUs as `train` does here, and brings their folders home.

        Args:
            folds: Numbers of folds from 0; None: all that are not finished.
            run: Name of the run; None: made of the overrides, or `main`.
            overwrite: Whether folds are trained anew.
            hours: The longest time of one notebook; a training that takes longer goes on in a next one.
            accelerator: Kaggle's name of the GPU.
            ignore_rules: Whether to go on although a rule of the competition is broken; it is recorded.

        Raises:
            RulesError: A rule is broken.
            RemoteError: There are no working credentials, or the GPU quota is spent.
            RunError: Another notebook of this run trains other folds.
            TrainingStoppedError: The notebook failed, or came back no further than before.
        """
        from kaggle_face.artifacts.run_choice import run_to_train
        from kaggle_face.pipeline.train import RemoteOptions, train_on_kaggle

        numbers = [folds] if isinstance(folds, int) else folds
        folder = run_to_train(self.loaded, run)
        options = RemoteOptions(hours, accelerator, overwrite, ignore_rules)
        with self.call() as progress:
            train_on_kaggle(self.loaded, folder, numbers, options, progress)
        return self.run(folder.path.name)
