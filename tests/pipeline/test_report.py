"""A report of what the chain left, from its files alone."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kaggle_face.artifacts.record_io import read_embeddings, write_gallery
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.config import load_config
from kaggle_face.errors import InputError, RunError
from kaggle_face.metrics.galleries import search_gallery
from kaggle_face.pipeline.evaluate import EvaluateOptions, evaluate_runs
from kaggle_face.pipeline.report import ReportOptions, gather_facts, write_run_report
from kaggle_face.progress import SilentProgress
from kaggle_face.records import Gallery
from kaggle_face.report import page

Workspace = Any
OPTIONS = ReportOptions()


@pytest.fixture(autouse=True)
def short_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """The 5 MB of plotly are not what is tested here."""
    monkeypatch.setattr(page, "plotly_script", lambda: "/* plotly */")


def test_the_figures_are_those_of_evaluate(after: Callable[[str], Workspace]) -> None:
    run = RunFolder(after("submit").run)
    facts = gather_facts(load_config("tiny"), [run], OPTIONS, SilentProgress())
    expected = {
        row.metric: (row.value, row.low)
        for row in evaluate_runs([run], EvaluateOptions(), SilentProgress()).metrics
    }
    assert facts.classes is not None and facts.pairs is not None
    found = {each.metric: each.value for each in (*facts.classes.estimates[0], *facts.pairs.estimates[0])}
    assert found == {metric: value for metric, (value, _) in expected.items()}
    accuracy, eer = expected["accuracy"][0], expected["eer"][0]
    assert facts.score is not None and facts.score.value == pytest.approx(0.5 * accuracy + 0.5 * (1 - eer))
    assert facts.blend is not None and facts.classes.subject == 0  # a blend of one member is that member


def test_a_report_is_written_beside_the_folds(after: Callable[[str], Workspace]) -> None:
    workspace = after("submit")
    result = write_run_report(load_config("tiny"), [RunFolder(workspace.run)], OPTIONS, SilentProgress())
    assert (
        result.path.samefile(workspace.run / "report.html") and result.num_bytes == result.path.stat().st_size
    )
    text = result.path.read_text(encoding="utf-8")
    for key in (
        "learning-curves",
        "verification",
        "accuracy",
        "hardest-pairs",
        "blend",
        "shift",
        "leaderboard",
    ):
        assert f'<section id="{key}"' in text
    pictures = re.findall(r'<img src="(data:image/webp;base64,[^"]*)"', text)
    assert len(pictures) > 10
    assert result.steps


def test_without_the_raw_folder_pictures_are_left_out_with_the_reason(
    after: Callable[[str], Workspace],
) -> None:
    workspace = after("submit")
    shutil.rmtree(workspace.root)
    result = write_run_report(load_config("tiny"), [RunFolder(workspace.run)], OPTIONS, SilentProgress())
    text = result.path.read_text(encoding="utf-8")
    assert '<img src="data:image' not in text and "<strong>Training against test pictures</strong>" in text
    assert "the raw folder data/tiny is not here, so pictures are left out" in text


def test_pictures_that_changed_since_the_training_are_not_shown(after: Callable[[str], Workspace]) -> None:
    workspace = after("submit")
    images = workspace.images("")
    train = [image for image in images if "train" in str(image)]
    shutil.copyfile(train[-1], train[0])
    config = load_config("tiny")
    from kaggle_face.pipeline.inputs.preparing import prepare_images

    prepare_images(config, SilentProgress())
    facts = gather_facts(config, [RunFolder(workspace.run)], OPTIONS, SilentProgress())
    assert facts.cache is None and "training pictures were replaced" in facts.missing["pictures"]


def test_a_blend_that_is_out_of_date_is_left_out(after: Callable[[str], Workspace]) -> None:
    workspace = after("submit")
    path = workspace.run / "ensemble" / "record.json"
    sealed = path.read_text()
    record = workspace.fold / "oof" / "best_ver" / "pairs"
    assert record.is_dir()
    from kaggle_face.artifacts.seals import write_seal

    made_of = dict.fromkeys(json.loads(sealed)["made_of"], "0" * 32)
    write_seal(workspace.run / "ensemble", made_of)
    facts = gather_facts(load_config("tiny"), [RunFolder(workspace.run)], OPTIONS, SilentProgress())
    assert facts.blend is None and "out of date" in facts.missing["blend"]


def test_a_blend_that_is_named_is_shown_or_refused(after: Callable[[str], Workspace]) -> None:
    run = RunFolder(after("submit").run)
    options = ReportOptions(blends=[run])
    assert gather_facts(load_config("tiny"), [run], options, SilentProgress()).blend is not None
    shutil.rmtree(run.ensemble_folder)
    with pytest.raises(RunError, match="tiny/main is not blended; blend it: kaggle-face ensemble"):
        gather_facts(load_config("tiny"), [run], options, SilentProgress())


def test_a_record_that_is_out_of_date_is_refused(after: Callable[[str], Workspace]) -> None:
    workspace = after("submit")
    labels = workspace.fold / "oof" / "labels.csv"
    lines = labels.read_text().splitlines()
    labels.write_text("\n".join([lines[0], *lines[2:], lines[1]]) + "\n")
    with pytest.raises(RunError, match="out-of-fold predictions of tiny/main/fold0@best_cls are out of date"):
        gather_facts(load_config("tiny"), [RunFolder(workspace.run)], OPTIONS, SilentProgress())


def test_a_run_without_a_finished_fold_is_refused(after: Callable[[str], Workspace], tmp_path: Path) -> None:
    after("train")
    with pytest.raises(RunError, match="has no finished fold; train one first: kaggle-face train"):
        gather_facts(load_config("tiny"), [RunFolder(tmp_path / "none")], OPTIONS, SilentProgress())


def test_a_folder_is_no_place_for_the_report(after: Callable[[str], Workspace], tmp_path: Path) -> None:
    workspace = after("submit")
    options = ReportOptions(path=tmp_path)
    with pytest.raises(InputError, match="is a folder; name a file"):
        write_run_report(load_config("tiny"), [RunFolder(workspace.run)], options, SilentProgress())


def test_a_dev_gallery_is_answered_by_the_network_of_the_first_fold(two_runs: Path, tmp_path: Path) -> None:
    shutil.copytree(two_runs, tmp_path / "runs")
    run = RunFolder(tmp_path / "runs" / "demo" / "a")
    fold = run.fold(0)
    ids = [f"test/{number:05d}.jpg" for number in range(30)]
    people = np.arange(30) % 12  # the truth of the made-up test images
    names = np.array([f"n{person:03d}" for person in people])
    known = np.arange(30) < 8  # of identities 0 to 7 one image each; 8 to 11 are unknown
    dev = Gallery(
        np.array(ids)[known],
        names[known],
        np.array(ids)[~known],
        np.array(ids)[~known],
        np.where(people < 8, names, "nobody")[~known],
        "nobody",
    )
    write_gallery(fold.gallery_folder("dev"), dev)
    loaded = load_config("demo", [f"paths.runs={tmp_path / 'runs'}", f"data.root={tmp_path / 'none'}"])
    gallery = gather_facts(loaded, [run], OPTIONS, SilentProgress()).gallery
    assert gallery is not None and gallery.source == "dev gallery of the competition, fold 0"
    best = search_gallery(read_embeddings(fold.record_folder("test", "best_ver", "embeddings")), dev)
    assert gallery.is_correct.tolist() == (best.names == dev.probe_names).tolist()
    assert gallery.is_enrolled.tolist() == (people[~known] < 8).tolist() and gallery.num_enrolled == 8
