"""From the records of a run to uploaded CSVs, through the command line and from Python."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.blends import seal_blend
from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.artifacts.record_io import (
    read_pair_scores,
)
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.seals import write_seal
from kaggle_face.cli.main import main
from kaggle_face.config import dump_config, load_config
from kaggle_face.errors import SubmissionError
from kaggle_face.evaluation.held_out_figures import Estimate
from kaggle_face.pipeline.submit import (
    SubmitOptions,
    require_scored,
    upload_submissions,
    write_submissions,
)
from kaggle_face.progress import SilentProgress
from kaggle_face.submission.checks import CheckedTable, check_csv
from kaggle_face.submission.expectations import Expectation
from tests.support.blended_run import COMBINED, SETTINGS, make_blended_run
from tests.support.kaggle_server import SLUG, Competition


@pytest.fixture
def run(kaggle, clock, tiny_faces) -> RunFolder:
    """A run with blended predictions and those of one checkpoint; both competitions are there."""
    kaggle.competitions["classes-2026"] = Competition("classes-2026")
    return make_blended_run(tiny_faces)


def reseal(run: RunFolder) -> None:
    """Seals the blend as made of the pair scores that lie there now."""
    write_seal(run.ensemble_folder / "pairs", {})
    seal_blend(run.ensemble_folder, [(run.fold(0), "best_ver")])


def rows() -> dict[str, dict[str, str]]:
    with Path("submissions/ledger.csv").open(newline="") as stream:
        return {row["file"]: row for row in csv.DictReader(stream)}


def test_the_blend_of_each_task_is_uploaded_to_its_competition(kaggle, run):
    assert main(["submit", "-m", "blend"]) == 0
    (verification,) = kaggle.competition.submissions
    (classification,) = kaggle.competitions["classes-2026"].submissions
    folder = Path("submissions/faces")
    assert classification.content == (folder / "main_ensemble_classification.csv").read_bytes()
    assert verification.content == (folder / "main_ensemble_verification.csv").read_bytes()
    assert verification.content.startswith(b"ID,Label\n0,")


def test_a_command_that_was_interrupted_between_two_uploads_is_finished_by_itself(kaggle, run, capsys):
    assert main(["submit", "--task", "classification"]) == 0
    capsys.readouterr()
    assert main(["submit"]) == 0
    assert len(kaggle.competition.submissions) == 1
    assert len(kaggle.competitions["classes-2026"].submissions) == 1
    out = capsys.readouterr().out
    assert "main_ensemble_classification.csv was already submitted to 'classes-2026'" in out
    assert "main_ensemble_verification.csv (reference 5000): public score 0.0312" in out
    assert main(["submit"]) == 2
    assert "was already submitted to 'classes-2026'" in capsys.readouterr().err


def test_an_old_error_of_one_competition_is_none_of_todays_upload_to_the_other(kaggle, run, capsys):
    failed = {"status": "ERROR", "errorDescription": "a column is missing"}
    kaggle.competitions["classes-2026"].next_states = [failed]
    assert main(["submit", "--task", "classification"]) == 2
    capsys.readouterr()
    assert main(["submit"]) == 0
    assert len(kaggle.competition.submissions) == 1


def test_a_competition_that_refuses_holds_up_no_other(kaggle, run, capsys):
    kaggle.competitions["classes-2026"].accepted = False
    assert main(["submit"]) == 2
    assert len(kaggle.competition.submissions) == 1
    message = capsys.readouterr().err
    assert "the score of the others comes with: kaggle-face submit --wait" in message
    assert "accept the rules at https://www.kaggle.com/competitions/classes-2026/rules" in message


def test_the_ledger_says_what_each_file_was_made_from(kaggle, run):
    assert main(["submit"]) == 0
    found = rows()
    blend = found["submissions/faces/main_ensemble_classification.csv"]
    assert (blend["competition"], blend["task"], blend["oof_metric"], blend["oof_score"]) == (
        "classes-2026",
        "classification",
        "accuracy",
        "0.75",
    )
    assert json.loads(blend["runs"]) == ["faces/main"] and json.loads(blend["checkpoints"]) == ["best_ver"]
    assert json.loads(blend["settings"]) == ["optim.lr=0.05"] and blend["commit"] == "abc123"
    assert blend["status"] == "COMPLETE"
    other = found["submissions/faces/main_ensemble_verification.csv"]
    assert (other["oof_metric"], other["oof_score"], other["oof_higher_is_better"]) == (
        "eer",
        "0.125",
        "false",
    )
    single = found["submissions/faces/main_fold0_best_ver_verification.csv"]
    assert single["status"] == "WRITTEN" and json.loads(single["checkpoints"]) == ["fold0_best_ver"]
    assert (single["oof_metric"], single["oof_score"]) == ("eer", "0.25")
    # the checkpoint's classes are those of the blend, whose row stands for the content
    assert "submissions/faces/main_fold0_best_ver_classification.csv" not in found


def test_a_row_of_before_gets_the_figure_of_today(kaggle, run):
    results = {"best_ver": {"accuracy": 0.5, "eer": 0.25}}
    for eer in (0.25, 0.2):
        results["best_ver"]["eer"] = eer
        run.fold(0).write_info({**run.fold(0).read_info(), "results": results})
        assert main(["submit", "--dry-run"]) == 0
    assert len(rows()) == 3
    assert rows()["submissions/faces/main_fold0_best_ver_verification.csv"]["oof_score"] == "0.2"


def test_another_csv_can_be_sent(kaggle, run):
    assert main(["submit", "--task", "verification", "--send", "main_fold0_best_ver"]) == 0
    (made,) = kaggle.competition.submissions
    assert made.content == Path("submissions/faces/main_fold0_best_ver_verification.csv").read_bytes()


def test_a_csv_that_is_not_there_is_told(kaggle, run, capsys):
    assert main(["submit", "--send", "main_fold7_last"]) == 2
    assert "there is no CSV called 'main_fold7_last'" in capsys.readouterr().err


def test_a_blend_of_ranks_gives_no_probabilities(kaggle, run, capsys):
    path = run.ensemble_folder / "ensemble.json"
    record = json.loads(path.read_text())
    record["tasks"]["classification"]["space"] = "ranks"
    path.write_text(json.dumps(record))
    seal_blend(run.ensemble_folder, [(run.fold(0), "best_ver")])
    assert main(["submit", "--dry-run", "--task", "classification"]) == 0
    columns, cells = '[id, label], cells: ["{name}", "{label}"]', '[id, a, p], cells: ["{name}", "{label}", '
    Path("configs/faces.yaml").write_text(SETTINGS.replace(columns, cells + '"{probability}"]'))
    assert main(["submit", "--dry-run", "--task", "classification"]) == 2
    line = capsys.readouterr().err
    assert "the blend of faces/main is one of ranks, and the CSV needs probabilities; make one: " in line
    assert "kaggle-face ensemble --method mean --run main -c faces" in line


def test_a_fold_beside_the_blend_that_was_trained_on_other_images_has_no_csv(kaggle, run, capsys):
    shutil.copytree(run.fold(0).path, run.fold(1).path)
    info = run.fold(1).read_info()
    run.fold(1).write_info({**info, "made_of": {**info["made_of"], "labels": "others"}})
    csvs = Path("submissions/faces")
    assert main(["submit", "--dry-run"]) == 0
    warning = capsys.readouterr().err
    assert "no CSV of fold 1 alone: training images were added, removed, or have another class" in warning
    assert "make it again: kaggle-face train --fold 1 --overwrite --run main -c faces" in warning
    assert not list(csvs.glob("main_fold1_*")) and len(list(csvs.glob("main_fold0_*"))) == 2
    assert main(["submit", "--dry-run", "--ignore-changes"]) == 0
    assert len(list(csvs.glob("main_fold1_*"))) == 2


def test_a_combined_file_holds_both_tasks(kaggle, run):
    Path("configs/faces.yaml").write_text(SETTINGS + COMBINED)
    assert main(["submit", "--only-ensemble"]) == 0
    (made,) = kaggle.competition.submissions
    lines = made.content.decode().splitlines()
    assert lines[0] == "id,answer"
    assert [line.split(",")[0] for line in lines[1:]] == [
        *(f"cls_{row}" for row in range(8)),
        *(f"ver_{row}" for row in range(12)),
    ]
    (row,) = rows().values()
    assert (row["task"], row["oof_score"], row["oof_higher_is_better"]) == ("combined", "0.8125", "true")


def test_no_task_alone_is_sent_where_one_csv_holds_both(kaggle, run, capsys):
    Path("configs/faces.yaml").write_text(SETTINGS + COMBINED)
    refused = "the competition takes one CSV for both tasks, got --task verification; leave it out"
    for more in ([], ["--file", "mine.csv"]):
        assert main(["submit", "--task", "verification", *more]) == 2
        assert refused in capsys.readouterr().err
    assert kaggle.requests == [] and not Path("submissions/faces").exists()


def test_one_csv_of_unknown_columns_is_not_guessed(kaggle, run, capsys):
    fall_2026 = "hw-2-p-2-fall-2026-student-competition"  # one_csv in competitions/catalogue/known.py
    Path("configs/faces.yaml").write_text(SETTINGS.replace(SLUG, fall_2026))
    config = load_config("faces", ["optim.lr=0.05"]).config
    write_text(run.fold(0).config_file, dump_config(config))
    for more in ([], ["--task", "verification"]):
        assert main(["submit", "--dry-run", "--ignore-rules", *more]) == 2
        line = capsys.readouterr().err
        assert "takes one CSV for both tasks, and its columns are not known here" in line
        assert "submit.combined.columns" in line
    assert not Path("submissions/faces").exists()


def test_a_users_csv_is_compared_with_the_test_files(kaggle, run, capsys):
    Path("mine.csv").write_text("ID,Label\n" + "".join(f"{row},0.5\n" for row in range(11)))
    assert main(["submit", "--file", "mine.csv", "--task", "verification"]) == 2
    assert "mine.csv: 1 of 12 rows of the test files is missing, first: 11" in capsys.readouterr().err
    assert kaggle.requests == []


def test_what_is_missing_is_made_by_the_command_that_is_told(kaggle, run, capsys):
    shutil.rmtree(run.ensemble_folder / "predictions")
    assert main(["submit", "--dry-run"]) == 2
    # a blend takes best_cls for classes, and only best_ver was predicted: blending again would not help
    assert "for classification; make them: kaggle-face predict --run main -c faces" in capsys.readouterr().err
    shutil.rmtree(run.ensemble_folder)
    assert main(["submit", "--dry-run", "--task", "verification"]) == 2
    assert "has no blend; make it: kaggle-face ensemble --run main -c faces" in capsys.readouterr().err


def brought(*cells: object) -> list[str]:
    Path("mine.csv").write_text("ID,Label\n" + "".join(f"{row},{cell}\n" for row, cell in enumerate(cells)))
    return ["submit", "--file", "mine.csv", "--task", "verification", "--dry-run"]


def test_a_users_csv_that_is_rewritten_while_it_is_checked_is_refused(kaggle, run, monkeypatch, capsys):
    def checked_then_rewritten(path: Path, expected: Expectation) -> CheckedTable:
        checked = check_csv(path, expected)
        path.write_text("ID,Label\n")
        return checked

    monkeypatch.setattr("kaggle_face.pipeline.submit.check_csv", checked_then_rewritten)
    assert main(brought(*range(12))) == 2
    line = capsys.readouterr().err
    assert "mine.csv changed while it was checked; run the same command again" in line


def test_scores_that_run_against_the_blend_are_warned_about(kaggle, run, capsys):
    scores = read_pair_scores(run.ensemble_folder / "pairs").scores
    assert main(brought(*scores)) == 0
    assert capsys.readouterr().err == ""
    assert main(brought(*(-scores))) == 0
    streams = capsys.readouterr()
    assert "the scores of 'Label' run against the blend of faces/main (rank correlation -1.00)" in streams.err
    assert "mine.csv: 12 rows, checked" in streams.out


def test_decisions_and_one_label_for_all_are_warned_about(kaggle, run, capsys):
    assert main(brought(*[0, 1] * 6)) == 0
    assert "take only 2 values in 12 rows" in capsys.readouterr().err
    Path("mine.csv").write_text("id,label\n" + "".join(f"{row:06d}.jpg,2\n" for row in range(8)))
    assert main(["submit", "--file", "mine.csv", "--task", "classification", "--dry-run"]) == 0
    assert "all 8 labels of 'label' are '2'" in capsys.readouterr().err


def test_without_a_blend_a_csv_is_checked_all_the_same(kaggle, run, capsys):
    shutil.rmtree(run.ensemble_folder)
    assert main(brought(*range(12))) == 0
    streams = capsys.readouterr()
    assert "not compared with the blend of a run: faces/main has no blend; make it: " in streams.out
    assert "mine.csv: 12 rows, checked" in streams.out and streams.err == ""
    shutil.rmtree(run.path.parent)
    assert main(brought(*range(12))) == 0
    assert "not compared" not in capsys.readouterr().out


def test_our_own_csv_is_doubted_too(kaggle, run, capsys):
    np.save(run.ensemble_folder / "pairs" / "scores.npy", np.repeat([0.0, 1.0], 6))
    reseal(run)
    assert main(["submit", "--dry-run", "--only-ensemble", "--task", "verification"]) == 0
    assert "the scores of 'Label' take only 2 values in 12 rows" in capsys.readouterr().err


def test_a_task_must_be_named_where_there_are_two(kaggle, run, capsys):
    Path("mine.csv").write_text("ID,Label\n")
    assert main(["submit", "--file", "mine.csv", "--dry-run"]) == 2
    line = capsys.readouterr().err
    how = "kaggle-face submit --file mine.csv --task verification --dry-run"  # without it, it would upload
    assert f"name the task of the CSV, --task classification or, as in: {how}" in line


def test_nothing_is_written_when_a_check_fails(kaggle, run, capsys):
    broken = run.ensemble_folder / "pairs" / "scores.npy"
    np.save(broken, np.full(12, np.inf))
    reseal(run)
    assert main(["submit"]) == 2
    assert "ensemble/pairs: the pair scores of 0 are infinite" in capsys.readouterr().err
    assert not Path("submissions/faces").exists()


def test_a_csv_that_no_competition_takes_is_written_and_not_sent(kaggle, run, capsys):
    fall_2024 = "11785-hw-2-p-2-face-verification-fall-2024"  # takes verification alone
    settings = SETTINGS.replace(SLUG, fall_2024).replace("slug: classes-2026, ", "")
    Path("configs/faces.yaml").write_text(settings)
    config = load_config("faces", ["optim.lr=0.05"]).config
    write_text(run.fold(0).config_file, dump_config(config))
    assert main(["submit", "--dry-run", "--only-ensemble"]) == 0
    assert "main_ensemble_classification.csv is written but not for upload" in capsys.readouterr().out
    assert Path("submissions/faces/main_ensemble_classification.csv").is_file()
    assert [Path(name).name for name in rows()] == ["main_ensemble_verification.csv"]


def test_the_same_csvs_come_from_python_without_a_print(kaggle, run, capsys):
    assert main(["submit", "--dry-run"]) == 0
    folder = Path("submissions/faces")
    of_command = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree("submissions")
    capsys.readouterr()
    kaggle.requests.clear()
    result = write_submissions(load_config("faces"), run, SubmitOptions(), SilentProgress())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == of_command
    assert capsys.readouterr() == ("", "")
    assert [each.name for each in result.chosen()] == ["main_ensemble", "main_ensemble"]
    classification, *_ = result.files
    assert (classification.competition, classification.file.rows) == ("classes-2026", 8)
    assert classification.origin.out_of_fold == Estimate("accuracy", 0.75)
    assert classification.file.path == folder / "main_ensemble_classification.csv"
    assert kaggle.requests == [] and len(rows()) == 3


def test_an_upload_from_python_returns_its_row(kaggle, run, capsys):
    loaded = load_config("faces")
    options = SubmitOptions(task="verification", only_ensemble=True, message="from Python")
    chosen = write_submissions(loaded, run, options, SilentProgress()).chosen()
    (entry,) = upload_submissions(loaded, chosen, False, SilentProgress())
    assert (entry.status, entry.public_score, entry.message) == ("COMPLETE", "0.0312", "from Python")
    with pytest.raises(SubmissionError, match="was already submitted to"):
        upload_submissions(loaded, chosen, False, SilentProgress())
    assert capsys.readouterr().out == ""


def test_a_refused_score_is_an_error_only_when_it_is_required(kaggle, run):
    loaded = load_config("faces")
    kaggle.competition.next_states = [{"status": "ERROR", "errorDescription": "12 rows are too few"}]
    options = SubmitOptions(task="verification", only_ensemble=True)
    chosen = write_submissions(loaded, run, options, SilentProgress()).chosen()
    entries = upload_submissions(loaded, chosen, False, SilentProgress())
    with pytest.raises(SubmissionError, match="has no score: Kaggle says '12 rows are too few'"):
        require_scored(entries)


def test_notes_of_the_reader_are_printed_for_a_run_and_for_a_users_csv(kaggle, run, tiny_faces, capsys):
    # A copy of all files, and one more in which nothing is read: the run is as current as before.
    Path("data/faces").unlink()
    shutil.copytree(tiny_faces, "data/faces")
    assert main(["submit", "--dry-run", "--only-ensemble"]) == 0
    assert capsys.readouterr().err == ""
    (folder,) = Path("data/faces").rglob("train")
    (next(path for path in folder.iterdir() if path.is_dir()) / "notes.txt").write_text("odd")
    assert main(["submit", "--dry-run", "--only-ensemble"]) == 0
    note = capsys.readouterr().err
    assert "notes.txt" in note
    assert main(brought(*range(12))) == 0
    assert "notes.txt" in capsys.readouterr().err
