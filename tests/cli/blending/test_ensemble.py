"""The command as a person types it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.main import main
from kaggle_face.records import Gallery
from tests.support.worlds import World, make_run, reseal


@pytest.fixture
def runs(demo_folder: Path, two_runs: Path) -> list[RunFolder]:
    shutil.copytree(two_runs, demo_folder / "runs")
    return [RunFolder(demo_folder / "runs" / "demo" / name) for name in "ab"]


def test_a_run_is_blended_over_its_folds(runs: list[RunFolder]) -> None:
    assert main(["ensemble", "--run", "b", "--no-post-process"]) == 0
    folder = runs[1].ensemble_folder
    predictions = record_io.read_predictions(folder / "predictions")
    logits = [
        np.asarray(
            record_io.read_predictions(fold.record_folder("test", "best_cls", "predictions")).logits,
            np.float64,
        )
        for fold in runs[1].finished_folds()
    ]
    odds = [np.exp(each - each.max(axis=1, keepdims=True)) for each in logits]
    shares = [each / each.sum(axis=1, keepdims=True) for each in odds]
    known = [np.isfinite(each) for each in logits]
    expected = sum(shares) / np.sum(known, axis=0)
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.exp(predictions.logits) == pytest.approx(expected, rel=1e-4)
    pairs = record_io.read_pair_scores(folder / "pairs")
    scores = [
        record_io.read_pair_scores(fold.record_folder("test", "best_ver", "pairs")).scores
        for fold in runs[1].finished_folds()
    ]
    assert pairs.scores == pytest.approx(np.mean(scores, axis=0))


def test_the_rule_on_neighbouring_test_images_is_told_and_kept_or_ignored_on_the_record(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["ensemble", "--run", "a", "competition.slug=hw-2-p-2-fall-2026-student-competition"]
    assert main(words) == 0
    assert "the rules leave steps out: no answer may depend on other test images" in capsys.readouterr().out
    summary = json.loads((runs[0].ensemble_folder / "ensemble.json").read_text())
    assert summary["ignored_rules"] == []
    assert not {"expansion", "neighbourhood", "reranking"} & set(json.dumps(summary).split('"'))
    assert main([*words, "--ignore-rules"]) == 0
    told = capsys.readouterr()
    assert "ignored rule: no answer may depend" in told.err and "the rules leave" not in told.out
    summary = json.loads((runs[0].ensemble_folder / "ensemble.json").read_text())
    assert len(summary["ignored_rules"]) == 1


def test_several_runs_are_compared_in_a_table(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ensemble", "--run", "a", "--run", "b"]) == 0
    out = capsys.readouterr().out
    for expected in ("demo/a@best_cls", "demo/b@best_ver", "hill climbing", "95 % interval", "because"):
        assert expected in out
    summary = json.loads((runs[0].ensemble_folder / "ensemble.json").read_text())
    tasks = summary["tasks"]
    assert [member["name"] for member in tasks["classification"]["members"]] == [
        "demo/a@best_cls",
        "demo/b@best_cls",
    ]
    assert sum(member["weight"] for member in tasks["verification"]["members"]) == pytest.approx(1)
    assert summary["formula"] == "0.5*accuracy + 0.5*(1-eer)" and 0 < summary["score"] < 1
    metrics = {**tasks["classification"]["metrics"], **tasks["verification"]["metrics"]}
    assert summary["score"] == pytest.approx(0.5 * metrics["accuracy"] + 0.5 * (1 - metrics["eer"]))


def test_folds_and_checkpoints_can_be_chosen(runs: list[RunFolder]) -> None:
    assert main(["ensemble", "--run", "a", "--folds", "1", "--checkpoints", "best_ver"]) == 0
    blended = record_io.read_predictions(runs[0].ensemble_folder / "predictions")
    record = runs[0].fold(1).record_folder("test", "best_ver", "predictions")
    alone = record_io.read_predictions(record)
    assert np.array_equal(blended.logits.argmax(axis=1), alone.logits.argmax(axis=1))


def test_parameters_of_all_networks_are_counted_once(runs: list[RunFolder]) -> None:
    """Both checkpoints of fold 0 are of one epoch: 3 networks of 1,000 parameters, not 4."""
    for fold in runs[0].finished_folds():
        epochs = {"best_cls": {"epoch": 3}, "best_ver": {"epoch": 3 + fold.fold}}
        fold.write_info({**fold.read_info(), "results": epochs})
    assert main(["ensemble", "--run", "a"]) == 0
    summary = json.loads((runs[0].ensemble_folder / "ensemble.json").read_text())
    assert summary["num_parameters"] == 3000


def test_a_blend_beyond_the_competitions_limit_of_parameters_is_refused(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    for fold in runs[0].finished_folds():
        fold.write_info({**fold.read_info(), "num_parameters": 11_000_000})
    slug = "competition.slug=hw-2-p-2-fall-2026-student-competition"
    assert main(["ensemble", slug, "--run", "a"]) == 2
    error = capsys.readouterr().err
    assert "44,000,000 parameters" in error and "30,000,000" in error and "--folds" in error
    assert not runs[0].ensemble_folder.exists()
    assert main(["ensemble", slug, "--run", "a", "--folds", "0"]) == 0


def test_an_older_blend_does_not_outlive_a_new_one(runs: list[RunFolder]) -> None:
    (runs[0].ensemble_folder / "pairs").mkdir(parents=True)
    (runs[0].ensemble_folder / "stale.txt").write_text("old")
    assert main(["ensemble", "--run", "a", "--method", "mean"]) == 0
    assert not (runs[0].ensemble_folder / "stale.txt").exists()


def test_a_gallery_gets_joined_embeddings(runs: list[RunFolder]) -> None:
    for fold in runs[0].finished_folds():
        shutil.rmtree(fold.record_folder("test", "best_ver", "pairs"))
    assert main(["ensemble", "--run", "a"]) == 0
    joined = record_io.read_embeddings(runs[0].ensemble_folder / "embeddings")
    assert joined.vectors.shape[1] == 16  # two folds of 8
    assert not (runs[0].ensemble_folder / "pairs").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--run", "c"], "there is no run 'c' of 'demo'"),
        (["--run", "a", "--folds", "7"], "demo/a has no finished fold 7; finished are: 0, 1"),
        (["--run", "a", "--checkpoints", "last"], "demo/a has no test predictions"),
        (["--run", "a", "--metric", "acuracy"], "did you mean 'accuracy'"),
    ],
)
def test_wrong_words_are_one_line(
    runs: list[RunFolder], capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    assert main(["ensemble", *words]) == 2
    captured = capsys.readouterr()
    assert expected in captured.err and captured.err.count("\n") == 1


def test_torch_is_not_imported(runs: list[RunFolder], demo_folder: Path) -> None:
    code = (
        "import sys; from kaggle_face.cli.main import main; "
        "code = main(['ensemble', '--run', 'a', '--method', 'mean']); "
        "sys.exit(code or 3 * ('torch' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=demo_folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def gallery_of(world_ids: list[str], truth: list[int], known_people: int) -> Gallery:
    """The first image of each of some people is known; all other images are probes."""
    known = [truth.index(person) for person in range(known_people)]
    probes = [row for row in range(len(truth)) if row not in known]
    names = [f"n{truth[row]:03d}" if truth[row] < known_people else "nobody" for row in probes]
    ids = np.array(world_ids)
    return Gallery(
        ids[known],
        np.array([f"n{person:03d}" for person in range(known_people)]),
        np.array([str(row) for row in range(len(probes))]),
        ids[probes],
        np.array(names),
        "nobody",
    )


def test_a_gallery_is_post_processed_by_what_helps_on_its_dev_probes(
    demo_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    world = World(demo_folder / "runs", people=30, test_images=120, embedding_size=12)
    run = make_run(world, "main", noise=0.4, shared_noise=0.3, checkpoints=("best_cls", "best_ver"))
    ids, truth = world.test_ids().tolist(), world.test_labels().tolist()
    for fold in run.started_folds():
        shutil.rmtree(fold.path / "test" / "best_ver" / "pairs")
        record_io.write_gallery(fold.gallery_folder("dev"), gallery_of(ids, truth, 20))
        unlabelled = gallery_of(ids, truth, 20)
        hidden = replace(unlabelled, probe_names=np.full(len(unlabelled.probe_ids), ""))
        record_io.write_gallery(fold.gallery_folder("test"), hidden)
        drown(fold.record_folder("test", "best_ver", "embeddings"))
        drown(fold.record_folder("oof", "best_ver", "embeddings"))
    reseal(run)
    assert main(["ensemble"]) == 0
    out = capsys.readouterr().out
    assert "augmentation" in out and "reranking" in out and "with what is on: accuracy" in out
    summary = json.loads((run.ensemble_folder / "ensemble.json").read_text())["tasks"]["verification"]
    steps = {step["name"]: step for step in summary["post_processing"]["steps"]}
    assert steps["whitening"]["is_on"] and steps["whitening"]["gain"]["low"] > 0
    probe_ids, names, scores = record_io.read_matches(run.ensemble_folder / "gallery_dev.csv")
    assert np.array_equal(record_io.read_matches(run.ensemble_folder / "gallery_test.csv")[1], names)
    answers = np.array(gallery_of(ids, truth, 20).probe_names)
    known = answers != "nobody"
    assert len(probe_ids) == 100 and np.isfinite(scores).all()
    assert np.mean(names[known] == answers[known]) > 0.25  # chance is 1 of 20


def drown(record: Path) -> None:
    """Makes one direction large that says nothing of the person."""
    found = record_io.read_embeddings(record)
    vectors = np.array(found.vectors)
    vectors[:, 0] = 20 * np.random.default_rng(0).normal(size=len(vectors))
    record_io.write_embeddings(record, replace(found, vectors=vectors))
