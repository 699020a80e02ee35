from __future__ import annotations

from pathlib import Path

import pytest

from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.errors import RunError
from kaggle_face.evaluation.run_table import read_run_rows

LEDGER = "key,time,runs,public_score,private_score\n"


def run_with(runs: Path, name: str, config: str, *accuracies: float, status: str = "finished") -> RunFolder:
    run = RunFolder(runs / "demo" / name)
    for number, accuracy in enumerate(accuracies):
        fold = run.fold(number)
        results = {"best_cls": {"accuracy": accuracy, "eer": 0.9}, "best_ver": {"accuracy": 0, "eer": 0.1}}
        fold.write_info({"status": status, "num_parameters": 5, "seconds": 60.0, "results": results})
        fold.config_file.write_text(config)
    return run


def test_each_figure_comes_from_the_checkpoint_chosen_by_it(tmp_path: Path) -> None:
    run_with(tmp_path, "a", "seed: 0\n", 0.5, 0.7)
    row = read_run_rows(tmp_path, "demo", tmp_path)[0]
    assert (row.accuracies, row.eers) == ((0.5, 0.7), (0.1, 0.1))
    assert (row.seconds, row.num_parameters, row.finished) == (120.0, 5, 2)


def test_the_most_accurate_run_comes_first(tmp_path: Path) -> None:
    run_with(tmp_path, "a", "seed: 0\n", 0.5)
    run_with(tmp_path, "b", "seed: 0\n", 0.9)
    assert [row.name for row in read_run_rows(tmp_path, "demo", tmp_path)] == ["demo/b", "demo/a"]


@pytest.mark.parametrize(
    ("slug", "first"),
    [
        ("11-785-s20-hw2p2-classification", "a"),  # accuracy
        ("11-785-s20-hw2p2-verification", "b"),  # AUC
        ("11785-hw-2-p-2-face-verification-fall-2024", "a"),  # EER
        ("unheard-of", "a"),  # both tasks: (0.9 + 0.9) / 2 and (0.5 + 0.8) / 2
    ],
)
def test_runs_are_ranked_by_the_competitions_own_metric(tmp_path: Path, slug: str, first: str) -> None:
    figures = {"a": (0.9, 0.1, 0.8), "b": (0.5, 0.2, 0.9)}
    for name, (accuracy, eer, auc) in figures.items():
        fold = run_with(tmp_path, name, f"competition: {{slug: {slug}}}\n", accuracy).fold(0)
        results = {"best_cls": {"accuracy": accuracy}, "best_ver": {"eer": eer, "auc": auc}}
        fold.write_info({**fold.read_info(), "results": results})
    rows = read_run_rows(tmp_path, "demo", tmp_path)
    assert rows[0].name == f"demo/{first}"
    metric = "auc" if "s20" in slug else "eer"
    assert {row.verification.metric for row in rows} == {metric}


def test_own_data_without_pairs_are_ranked_by_accuracy_alone(tmp_path: Path) -> None:
    own = "competition: {slug: '', layout: custom, custom: {images: [{class_folders: true}], pairs: []}}\n"
    run_with(tmp_path, "a", own, 0.7)
    assert read_run_rows(tmp_path, "demo", tmp_path)[0].score == 0.7  # with the EER of .1 it would be .8


def test_trials_and_soups_are_told(tmp_path: Path) -> None:
    for name, kind in (("main", "training"), ("tune-1", "trial"), ("soup", "soup")):
        fold = run_with(tmp_path, name, "seed: 0\n", 0.5).fold(0)
        fold.write_info({**fold.read_info(), "kind": kind})
    kinds = {row.name: row.kind for row in read_run_rows(tmp_path, "demo", tmp_path)}
    assert kinds == {"demo/main": "training", "demo/soup": "soup", "demo/tune-1": "trial"}


def test_settings_that_most_runs_share_are_not_shown(tmp_path: Path) -> None:
    for name, lr in (("a", 0.1), ("b", 0.1), ("c", 0.5)):
        run_with(tmp_path, name, f"optim: {{lr: {lr}, name: sgd}}\ndevice: cpu{name}\n", 0.5)
    rows = {row.name: row.differences for row in read_run_rows(tmp_path, "demo", tmp_path)}
    assert rows == {"demo/a": (), "demo/b": (), "demo/c": ("optim.lr=0.5",)}


def test_an_unfinished_run_is_listed_without_figures(tmp_path: Path) -> None:
    RunFolder(tmp_path / "demo" / "a").fold(0).write_info({"status": "running"})
    row = read_run_rows(tmp_path, "demo", tmp_path)[0]
    assert (row.started, row.finished, row.accuracies, row.num_parameters) == (1, 0, (), None)


def test_runs_of_all_settings_can_be_listed(tmp_path: Path) -> None:
    run_with(tmp_path, "a", "seed: 0\n", 0.5)
    RunFolder(tmp_path / "other" / "a").fold(0).write_info({"status": "running"})
    assert [row.name for row in read_run_rows(tmp_path, None, tmp_path)] == ["demo/a", "other/a"]


def test_the_newest_scored_submission_of_the_run_alone_is_shown(tmp_path: Path) -> None:
    run_with(tmp_path, "a", "seed: 0\n", 0.5)
    (tmp_path / "ledger.csv").write_text(
        LEDGER
        + 'k2,2026-02-01,"[""demo/a""]",0.91,0.90\n'
        + 'k1,2026-01-01,"[""demo/a""]",0.80,\n'
        + 'k3,2026-03-01,"[""demo/a"", ""demo/b""]",0.99,\n'
        + 'k4,2026-04-01,"[""demo/a""]",,\n'
    )
    row = read_run_rows(tmp_path, "demo", tmp_path)[0]
    assert (row.public_score, row.private_score) == ("0.91", "0.90")


def test_a_foreign_ledger_is_named(tmp_path: Path) -> None:
    run_with(tmp_path, "a", "seed: 0\n", 0.5)
    (tmp_path / "ledger.csv").write_text("something\n")
    with pytest.raises(RunError, match="has no column 'time'"):
        read_run_rows(tmp_path, "demo", tmp_path)


@pytest.mark.parametrize("cell", ['"a"', "{", "5", "[1]"])
def test_runs_in_the_ledgers_csv_that_are_no_names_are_refused(tmp_path: Path, cell: str) -> None:
    RunFolder(tmp_path / "runs" / "demo" / "a").fold(0).write_info({"status": "running"})
    quoted = cell.replace('"', '""')
    (tmp_path / "ledger.csv").write_text(f'time,runs,public_score,private_score\nnow,"{quoted}",0.5,\n')
    with pytest.raises(RunError, match=r"ledger\.csv cannot be read"):
        read_run_rows(tmp_path / "runs", "demo", tmp_path)


@pytest.mark.parametrize("info", ['{"results": [1]}', '{"seconds": "long"}', '{"num_parameters": [5]}'])
def test_a_run_whose_record_is_of_wrong_types_is_refused(tmp_path: Path, info: str) -> None:
    folder = RunFolder(tmp_path / "demo" / "a").fold(0)
    folder.write_info({"status": "running"})
    folder.info_file.write_text(info)
    with pytest.raises(RunError, match=r"run\.json: (results|seconds|num_parameters) must be"):
        read_run_rows(tmp_path, "demo", tmp_path)
