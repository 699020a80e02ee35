"""What becomes of folds whose folders may hold an earlier training."""

from __future__ import annotations

import pytest

from kaggle_face.config import LoadedConfig, load_config
from kaggle_face.errors import RunError
from kaggle_face.pipeline.inputs.fold_starts import TrainOptions, choose_starts, next_command
from tests.pipeline.conftest import begun, run_of


def test_each_fold_starts_as_what_is_there_and_the_options_decide(loaded: LoadedConfig) -> None:
    run, config = run_of(loaded), loaded.config
    begun(run, 0, loaded, "finished")
    begun(run, 1, loaded, "stopped", state=True)
    begun(run, 2, loaded, "running")
    folders = [run.fold(number) for number in range(4)]
    assert choose_starts(folders, config, TrainOptions()) == ["skip", "resume", "new", "new"]
    assert choose_starts(folders, config, TrainOptions(overwrite=True)) == ["new"] * 4
    assert choose_starts(folders[1:2], config, TrainOptions(resume=True)) == ["resume"]
    assert choose_starts(folders[:1], config, TrainOptions(), all_unfinished=True) == ["skip"]
    assert choose_starts(folders[1:2], config, TrainOptions(), all_unfinished=True) == ["resume"]
    for folder, options, message in (
        (
            folders[0],
            TrainOptions(),
            r"fold 0 is trained at .* or train it anew with --overwrite: kaggle-face",
        ),
        (folders[1], TrainOptions(), "or go on with --resume: kaggle-face train --fold 1 --resume"),
        (folders[3], TrainOptions(resume=True), "there is nothing to resume at "),
    ):
        with pytest.raises(RunError, match=message):
            choose_starts([folder], config, options)


def test_the_command_that_goes_on_starts_as_many_processes(loaded: LoadedConfig) -> None:
    folders = [run_of(loaded).fold(0)]
    alone = next_command(folders, True, loaded, TrainOptions())
    assert "--devices" not in alone
    by_two = next_command(folders, True, loaded, TrainOptions(devices=2))
    assert by_two.replace(" --devices 2", "") == alone and "--devices 2" in by_two


def test_a_resumed_training_may_change_what_is_marked_and_nothing_else(loaded: LoadedConfig) -> None:
    run = run_of(loaded)
    begun(run, 0, loaded, "stopped", state=True)
    free = load_config("tiny", ["train.max_hours=2", "data.workers=1", "device=auto", "predict.flip=false"])
    assert choose_starts([run.fold(0)], free.config, TrainOptions(resume=True)) == ["resume"]
    other = load_config("tiny", ["optim.lr=0.5", "data.workers=1"])
    with pytest.raises(RunError, match=r"with other settings: optim\.lr: 0\.003 -> 0\.5; choose another"):
        choose_starts([run.fold(0)], other.config, TrainOptions(resume=True))


def test_what_a_launch_has_begun_goes_on_when_it_starts_its_processes_again(loaded: LoadedConfig) -> None:
    run, config = run_of(loaded), loaded.config
    for number, status in enumerate(("finished", "running", "running", "finished")):
        begun(run, number, loaded, status, state=number == 1)
        folder = run.fold(number)
        folder.write_info({**folder.read_info(), "launch": "abc" if number < 3 else "of last week"})
    folders = [run.fold(number) for number in range(4)]
    for options in (TrainOptions(launch="abc"), TrainOptions(launch="abc", overwrite=True)):
        # One by one, where without a launch an earlier training is an error.
        starts = [choose_starts([folder], config, options) for folder in folders[:3]]
        assert starts == [["skip"], ["resume"], ["new"]]
    assert choose_starts(folders[3:], config, TrainOptions(launch="abc", overwrite=True)) == ["new"]
    with pytest.raises(RunError, match="fold 3 is trained at"):
        choose_starts(folders[3:], config, TrainOptions(launch="abc"))
