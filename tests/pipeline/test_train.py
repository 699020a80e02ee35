"""Training, soups and searches as calls, without a command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kaggle_face.cli.main import main
from kaggle_face.config import LoadedConfig, load_config
from kaggle_face.errors import ConfigError, InputError, RunError
from kaggle_face.pipeline.improving.soup import SoupOptions, make_soups
from kaggle_face.pipeline.improving.tune import TuneOptions, tune
from kaggle_face.pipeline.inputs.fold_starts import TrainOptions
from kaggle_face.pipeline.inputs.preparing import prepare_images
from kaggle_face.pipeline.predict import PredictOptions, predict_run
from kaggle_face.pipeline.train import RemoteOptions, train_folds, train_on_kaggle
from kaggle_face.progress import SilentCounter, SilentProgress
from tests.pipeline.conftest import begun, run_of
from tests.support.progress import Told

QUIET = SilentProgress()


def test_a_call_trains_stops_resumes_and_skips_and_the_result_names_each(loaded: LoadedConfig) -> None:
    run, small = run_of(loaded), ["train.batch_size=8"]  # several steps an epoch, to stop between two
    limited, loaded = load_config("tiny", [*small, "train.max_hours=1e-9"]), load_config("tiny", small)
    stopped = train_folds(limited, run, [0, 1], TrainOptions(), QUIET)
    assert stopped.outcomes == {0: "stopped"}
    assert stopped.next_command == "kaggle-face train --fold 0,1 --run main -c tiny train.batch_size=8"
    progress = Told()
    finished = train_folds(loaded, run, [0], TrainOptions(resume=True, kind="experiment"), progress)
    assert finished.outcomes == {0: "finished"} and finished.next_command == "" and finished.seconds > 0
    assert "fold 0: goes on at epoch 1, step " in "\n".join(progress.lines)
    assert run.fold(0).read_info()["kind"] == "experiment"
    again = train_folds(loaded, run, [0], TrainOptions(resume=True), QUIET)
    assert again.outcomes == {0: "skipped"}

    soup = make_soups(loaded, [run], SoupOptions(), QUIET)
    assert soup.run == run_of(loaded, "soup") and soup.soups[0].score >= soup.soups[0].best_alone
    with pytest.raises(RunError, match=r"no fold is chosen; there are folds 0 to \d"):
        train_folds(loaded, run, [], TrainOptions(resume=True), QUIET)
    with pytest.raises(RunError, match=r"no fold of .* is chosen; finished are: 0"):
        make_soups(loaded, [run], SoupOptions(folds=[]), QUIET)
    with pytest.raises(RunError, match="choose another --name, or replace it with --overwrite"):
        make_soups(loaded, [run], SoupOptions(), QUIET)


class Tracked(SilentProgress):
    """Remembers counters: label, units, and the units of the call behind them."""

    def __init__(self) -> None:
        self.counters: list[tuple[str, int, float]] = []

    @contextmanager
    def track(
        self, label: str, total: int, unit: str, done: int = 0, later: float = 0.0
    ) -> Iterator[SilentCounter]:
        self.counters.append((label, total, later))
        yield SilentCounter()


def test_the_time_left_is_that_of_all_folds_epochs_and_networks(loaded: LoadedConfig) -> None:
    loaded, progress = load_config("tiny", ["train.epochs=2"]), Tracked()
    train_folds(loaded, run_of(loaded), [0, 1], TrainOptions(), progress)
    epochs = [each for each in progress.counters if "epoch" in each[0]]
    assert [label for label, *_ in epochs] == [f"fold {k} epoch {n}/2" for k in (0, 1) for n in (1, 2)]
    # Three epochs follow the first, then two, one, none; measuring is added where its time is known.
    for (_, images, later), following in zip(epochs, (3, 2, 1, 0), strict=True):
        assert following * images <= later < (following + 2) * images * 20
    assert epochs[0][2] == 3 * epochs[0][1]

    progress.counters.clear()
    predict_run(loaded, run_of(loaded), PredictOptions(checkpoints=["last"]), progress)
    (first, second) = [each for each in progress.counters if each[0].endswith(" last")]
    assert first[2] == second[1] > 0 and second[2] == 0


def test_a_fold_that_does_not_exist_is_refused_before_anything_is_written(loaded: LoadedConfig) -> None:
    for fold in (2, -1):
        with pytest.raises(RunError, match=rf"fold {fold} does not exist; there are folds 0 to 1"):
            train_folds(loaded, run_of(loaded), [fold], TrainOptions(), QUIET)
    assert not Path("runs/tiny").exists()


def test_nothing_goes_to_kaggle_where_every_fold_is_trained(loaded: LoadedConfig) -> None:
    run = run_of(loaded)
    for fold in (0, 1):
        begun(run, fold, loaded, "finished")
    progress = Told()
    result = train_on_kaggle(loaded, run, None, RemoteOptions(), progress)
    assert result.outcomes == {0: "skipped", 1: "skipped"}
    assert progress.lines == ["all 2 folds of tiny/main are trained: there is nothing to do"]
    train_on_kaggle(loaded, run, [1], RemoteOptions(), progress)
    assert progress.lines[1:] == ["fold 1 of tiny/main is trained"]


@pytest.mark.parametrize("hours", ["-1", "0", "nan", "inf"])
def test_hours_on_kaggle_are_refused_before_anyone_is_asked_for_credentials(
    loaded: LoadedConfig, hours: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--on", "kaggle", "--hours", hours, "-c", "tiny"]) == 2
    assert capsys.readouterr().err == f"error: --hours must be > 0, got {hours}\n"


def test_options_of_a_notebook_on_kaggle_are_not_dropped_here(
    loaded: LoadedConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (("hours", "2"), ("accelerator", "NvidiaTeslaP100")):
        assert main(["train", f"--{name}", value, "-c", "tiny"]) == 2
        line = f"error: --{name} is of --on kaggle; here train.max_hours=H limits the time\n"
        assert capsys.readouterr().err == line


def test_a_soup_without_a_finished_fold_names_the_command_that_trains_one(loaded: LoadedConfig) -> None:
    with pytest.raises(RunError, match="tiny/main has no finished fold; train one first: kaggle-face train "):
        make_soups(loaded, [run_of(loaded)], SoupOptions(), QUIET)


def test_a_search_that_cannot_begin_is_refused(loaded: LoadedConfig, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--trials must be >= 1, got 0"):
        TuneOptions(Path("space.yaml"), trials=0)
    with pytest.raises(InputError, match="--hours must be > 0, got nan"):
        TuneOptions(Path("space.yaml"), hours=float("nan"))
    with pytest.raises(ConfigError, match=r"there is no search space space\.yaml"):
        tune(loaded, TuneOptions(Path("space.yaml")), QUIET)
    Path("space.yaml").write_text("folds.seed: [1, 2]")
    with pytest.raises(ConfigError, match=r"space\.yaml: folds.seed cannot be searched"):
        tune(loaded, TuneOptions(Path("space.yaml")), QUIET)


def test_the_image_cache_is_built_once_and_counts_its_images(loaded: LoadedConfig) -> None:
    first, second = prepare_images(loaded, QUIET), prepare_images(loaded, QUIET)
    assert (first.was_built_before, second.was_built_before) == (False, True)
    # 5 people with 6 + 3 + 2 images and 6 with 3, as tests/pipeline/conftest.py says.
    assert len(first.cache) == len(second.cache) == 5 * (6 + 3 + 2) + 6 * 3
    assert first.broken == second.broken == {}
