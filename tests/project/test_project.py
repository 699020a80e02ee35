"""A project does what the commands do: the same records, the same CSVs, the same lines in errors."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kaggle_face as kf
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.main import main
from kaggle_face.pipeline.export import stage
from kaggle_face.project.blend import Blend
from kaggle_face.project.project import Project
from kaggle_face.project.run import Run

SETTINGS = {
    "image_size": "data.image_size=16",
    "folds": "folds.count=2",
    "epochs": "train.epochs=1",
    "batch": "train.batch_size=8",
    "board": "train.tensorboard=false",
    "workers": "data.workers=0",
    "device": "device=cpu",
    "backbone": "model.backbone_options={channels: [8, 8, 16, 16], stem_width: 8}",
    "embedding": "model.embedding_size=16",
}


@contextmanager
def working_in(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def finished(tiny_faces: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Run, Blend]:
    """A project whose run is trained, predicted and blended."""
    folder = tmp_path_factory.mktemp("notebook")
    with working_in(folder):
        settings = [*SETTINGS.values(), f"data.root={tiny_faces}", f"paths.runs={folder / 'runs'}"]
        settings += [f"paths.cache={folder / 'packs'}", f"paths.submissions={folder / 'submissions'}"]
        project = kf.open_project("demo", settings)
        run = project.train(run="main")
        run.predict()
        blend = project.ensemble([run])
        project.write_submissions(blend)
    return project, run, blend


def test_a_project_writes_the_csvs_of_the_commands(
    finished: tuple[Project, Run, Blend], tiny_faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [*SETTINGS.values(), f"data.root={tiny_faces}"]
    assert main(["train", "--fold", "all", "--run", "main", *words]) == 0
    for command in ("predict", "ensemble"):
        assert main([command, "--run", "main", *words]) == 0
    assert main(["submit", "--dry-run", "--only-ensemble", "--run", "main", *words]) == 0
    ours = Path(finished[0].config.paths.submissions) / "demo"
    theirs = tmp_path / "submissions" / "demo"
    names = sorted(path.name for path in theirs.glob("*.csv"))
    assert len(names) == 2
    for name in names:
        assert (ours / name).read_bytes() == (theirs / name).read_bytes()


def test_a_finished_fold_is_not_trained_again(finished: tuple[Project, Run, Blend]) -> None:
    project, run, _ = finished
    weights = run.folder.fold(0).weights_file("last")
    before = weights.stat().st_mtime_ns
    assert project.train(folds=0, run="main").folds == [0, 1]
    assert project.train(run="main").folds == [0, 1]
    assert weights.stat().st_mtime_ns == before


@pytest.mark.parametrize("folds", [None, [0, 1], 0])
def test_folds_that_are_there_are_refused_where_they_are_not_to_go_on(
    finished: tuple[Project, Run, Blend], folds: list[int] | int | None
) -> None:
    line = r"fold 0 is at .*fold0 already; go on with resume=True, choose another name with run, or train "
    with pytest.raises(kf.RunError, match=line + r"it anew with overwrite=True"):
        finished[0].train(folds, run="main", resume=False)


def test_one_fold_alone_is_begun(finished: tuple[Project, Run, Blend], tmp_path: Path) -> None:
    project = kf.open_project("demo", [*finished[0].loaded.overrides, f"paths.runs={tmp_path}"])
    assert project.train(folds=1, run="main").folds == [1]


def test_the_history_has_a_row_for_each_fold_and_epoch(finished: tuple[Project, Run, Blend]) -> None:
    history = finished[1].history
    assert history[["fold", "epoch"]].to_numpy().tolist() == [[0, 1], [1, 1]]
    assert history["train_loss"].dtype == np.float64


def test_out_of_fold_predictions_are_those_that_training_measured(
    finished: tuple[Project, Run, Blend],
) -> None:
    _, run, _ = finished
    found = run.out_of_fold("classification")
    figures = run.figures.query("checkpoint == 'best_cls'").set_index("fold")
    for fold in (0, 1):
        rows = found.folds == fold
        right = found.probabilities[rows].argmax(axis=1) == found.labels[rows]
        assert right.mean() == pytest.approx(figures.loc[fold, "accuracy"])
    assert found.probabilities.sum(axis=1) == pytest.approx(np.ones(len(found.image_ids)), abs=1e-5)
    assert len(set(found.image_ids.tolist())) == len(found.image_ids) == len(found.frame)


def test_out_of_fold_scores_are_those_that_training_measured(finished: tuple[Project, Run, Blend]) -> None:
    _, run, _ = finished
    found = run.out_of_fold("verification")
    figures = run.figures.query("checkpoint == 'best_ver'").set_index("fold")
    for fold in (0, 1):
        rows = found.folds == fold
        rate = kf.metrics.equal_error_rate(found.scores[rows], found.is_same[rows])
        assert rate.eer == pytest.approx(figures.loc[fold, "eer"])


def test_everything_shows_what_it_is(finished: tuple[Project, Run, Blend]) -> None:
    project, run, blend = finished
    assert repr(project).startswith("project demo (settings that differ: data.image_size=16, ")
    assert repr(run) == "run demo/main: finished folds 0, 1"
    assert repr(run.members[-1]) == "member demo/main@best_ver"
    assert repr(blend).startswith("blend in demo/main (classification: ")
    for shown in (project, run, blend, run.members[0]):
        assert "<table" in shown._repr_html_()
    assert blend.members["weight"].groupby(blend.members["task"]).sum().tolist() == pytest.approx([1.0, 1.0])


def test_results_are_frames(finished: tuple[Project, Run, Blend]) -> None:
    project, run, blend = finished
    frames = [run.history, run.figures, blend.members, blend.candidates, project.run_table()]
    frames += [project.evaluate([run]), run.status(), project.counts()]
    assert all(isinstance(frame, pd.DataFrame) and len(frame) for frame in frames)


def test_doubtful_labels_and_pseudo_labels_are_written(finished: tuple[Project, Run, Blend]) -> None:
    project, run, _ = finished
    labels = project.check_labels(run)
    assert labels.num_folds == 2 and labels.table_file.is_file()
    with pytest.raises(kf.InputError, match=r"^confidence must be > 0 and <= 1, got 2$"):
        project.pseudo_label(run, confidence=2)
    written = project.pseudo_label(run, confidence=1e-6, ignore_rules=True)
    assert len(pd.read_csv(written)) > 0


def test_each_run_is_compared_with_the_first(finished: tuple[Project, Run, Blend], tmp_path: Path) -> None:
    project, run, _ = finished
    same = RunFolder(run.path.with_name("same"))
    shutil.copytree(run.path, same.path)
    try:
        found = project.compare([run, Run(project, same)])
    finally:
        shutil.rmtree(same.path)
    assert "demo/same@best_cls" in set(found["member"]) and set(found["first"]) <= {
        "demo/main@best_cls",
        "demo/main@best_ver",
    }
    assert (found["value"] == 0).all() and set(found["verdict"]) == {"not more than noise"}


def test_a_csv_of_the_user_is_checked(finished: tuple[Project, Run, Blend]) -> None:
    project, run, blend = finished
    written = project.write_submissions(blend)
    assert written["path"].tolist() == project.write_submissions(run, only_blend=True)["path"].tolist()
    every = project.write_submissions(run)
    assert len(every) > len(written) == 2
    single = next(name for name in every["name"] if name not in set(written["name"]))
    plan = project.submit(blend, name=single, dry_run=True)
    assert set(plan["name"][plan["is_sent"]]) == {single}
    for row in written.itertuples():
        task = "classification" if "class" in Path(row.path).name else "verification"
        plan = project.submit(file=row.path, task=task, dry_run=True)
        assert plan["name"].tolist() == [Path(row.path).name]


def test_thresholds_are_kept_for_the_rates_of_a_call(finished: tuple[Project, Run, Blend]) -> None:
    project, run, _ = finished
    project.evaluate([run], fprs=[0.25])
    kept = (run.path / "thresholds.json").read_text(encoding="utf-8")
    assert '"fpr=0.25"' in kept and '"fpr=0.01"' not in kept
    with pytest.raises(kf.InputError, match="a rate is a number between 0 and 1, got 1"):
        project.evaluate([run], fprs=[1.0])
    project.evaluate([run])
    assert '"fpr=0.25"' not in (run.path / "thresholds.json").read_text(encoding="utf-8")


def test_the_run_that_is_clearly_meant_is_found(finished: tuple[Project, Run, Blend]) -> None:
    project, run, _ = finished
    assert project.run().path == run.path == project.run("main").path
    assert [each.name for each in project.runs] == ["demo/main"]


def test_images_are_shown(finished: tuple[Project, Run, Blend]) -> None:
    sheet = finished[0].show_images(3)
    assert sheet.width > 3 * 96
    with pytest.raises(kf.DataError, match="no images of the split 'tests'; there are: train"):
        finished[0].show_images(3, "tests")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda project: project.train(folds=[9]), ["train", "--fold", "9"]),
        (lambda project: project.run("nobody"), ["predict", "--run", "nobody"]),
        (lambda project: project.ensemble(metric="accuracy*"), ["ensemble", "--metric", "accuracy*"]),
        (lambda project: project.ensemble(folds=[7]), ["ensemble", "--folds", "7"]),
        (lambda project: project.run().predict(folds=[5]), ["predict", "--folds", "5"]),
    ],
    ids=["fold", "run", "formula", "folds of a blend", "folds to predict"],
)
def test_an_error_is_the_line_of_the_command(
    finished: tuple[Project, Run, Blend], capsys: pytest.CaptureFixture[str], call, words: list[str]
) -> None:
    project = finished[0]
    with pytest.raises(kf.InputError) as caught:
        call(project)
    assert capsys.readouterr().out == ""
    assert main([*words, "-c", "demo", *project.loaded.overrides]) == 2
    assert capsys.readouterr().err.strip().splitlines()[-1] == f"error: {caught.value}"


@pytest.mark.parametrize(
    ("overrides", "texts"),
    [
        ({"optim.lr": 0.05}, ("optim.lr=0.05",)),
        ({"model.backbone": "resnet18"}, ("model.backbone=resnet18",)),
        ({"device": "cpu", "seed": 3}, ("device=cpu", "seed=3")),
        ({"train.tensorboard": False}, ("train.tensorboard=false",)),
        ({"data.root": "1e3"}, ('data.root="1e3"',)),
        (["seed=3"], ("seed=3",)),
    ],
)
def test_overrides_read_back_equal(overrides: object, texts: tuple[str, ...]) -> None:
    project = kf.open_project("demo", overrides)  # type: ignore[arg-type]
    assert project.loaded.overrides == texts
    if isinstance(overrides, dict) and "data.root" in overrides:
        assert project.config.data.root == "1e3"


@pytest.mark.parametrize("overrides", ["seed=3", {"seed": object()}, {"optim.lr": float("nan")}])
def test_overrides_of_another_type_are_refused(overrides: object) -> None:
    with pytest.raises(kf.InputError):
        kf.open_project("demo", overrides)  # type: ignore[arg-type]


def test_a_run_is_exported(
    finished: tuple[Project, Run, Blend], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = stage.gather_images
    monkeypatch.setattr(stage, "gather_images", lambda paths, plan, _, shown: usual(paths, plan, 8, shown))
    _, run, _ = finished
    found = run.export(tmp_path / "run", precisions=["fp32"])
    assert repr(found) == f"export in {tmp_path / 'run'}: fp32" and "<table" in found._repr_html_()
    assert found.table["name"].tolist() == ["torch", "fp32"]
    faces = [np.full((20, 20, 3), value, np.uint8) for value in (0, 200)]
    of_run = run.embedder(fold=0).embed(faces)
    np.testing.assert_allclose(found.embedder().embed(faces), of_run, atol=1e-5)
    with pytest.raises(kf.RunError, match="there is no int8 file; there are: fp32"):
        found.embedder("int8")


@pytest.mark.slow
def test_a_folder_and_a_blend_are_exported_too(finished: tuple[Project, Run, Blend], tmp_path: Path) -> None:
    _, run, blend = finished
    first, same = (
        kf.export(each, tmp_path / name, precisions=["fp32"]) for each, name in ((run, "a"), (run.path, "b"))
    )
    assert same.files["fp32"].read_bytes() == first.files["fp32"].read_bytes()
    joined = kf.export(blend, tmp_path / "c", outputs="logits", precisions=["fp32"])
    assert joined.embedder().class_names == tuple(run.out_of_fold("classification").class_names.tolist())
