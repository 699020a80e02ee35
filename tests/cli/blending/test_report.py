"""`report` as a person types it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kaggle_face.artifacts.record_io import read_pair_scores, read_pairs, write_pair_scores, write_pairs
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.seals import read_seal
from kaggle_face.cli.main import main
from kaggle_face.config import load_config
from kaggle_face.evaluation.blend_record import read_blend_record
from kaggle_face.pipeline.report import ReportOptions, gather_facts
from kaggle_face.progress import SilentProgress
from kaggle_face.records import Pairs, PairScores
from kaggle_face.report import page
from tests.support.worlds import reseal


@pytest.fixture(autouse=True)
def runs(demo_folder: Path, two_runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs a and b; the 5 MB of plotly are not what is tested here."""
    monkeypatch.setattr(page, "plotly_script", lambda: "/* plotly */")
    shutil.copytree(two_runs, demo_folder / "runs")


def test_two_runs_are_reported_and_the_next_steps_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "a", "b", "--to", "both.html"]) == 0
    out, err = capsys.readouterr()
    assert "next: " in out and out.splitlines()[-1].startswith("both.html: ")
    assert "pictures are left out" in err
    text = Path("both.html").read_text(encoding="utf-8")
    assert "demo/a@best_cls" in text and "demo/b@best_ver" in text


def test_pairs_of_one_kind_are_left_out_with_the_reason(capsys: pytest.CaptureFixture[str]) -> None:
    run = RunFolder(Path("runs/demo/a"))
    for fold in run.finished_folds():
        pairs = read_pairs(fold.pairs_file("oof"))
        kept = pairs.labels == 0
        write_pairs(
            fold.pairs_file("oof"),
            Pairs(pairs.pair_ids[kept], pairs.first_ids[kept], pairs.second_ids[kept], pairs.labels[kept]),
        )
        record = fold.record_folder("oof", "best_ver", "pairs")
        scores = read_pair_scores(record)
        kept_scores = PairScores(scores.pair_ids[kept], scores.scores[kept], scores.labels[kept])
        write_pair_scores(record, kept_scores, read_seal(record).made_of)
    reseal(run)
    assert main(["report", "a", "--to", "a.html"]) == 0
    text = Path("a.html").read_text(encoding="utf-8")
    assert "all 150 held-out pairs are impostor, which measures nothing" in text
    assert "accuracy, out of fold" in text


def test_a_blend_that_is_named_has_to_be_there(refused: Callable[..., str]) -> None:
    line = refused("report", "a/ensemble", "b")
    assert line == "demo/a is not blended; blend it: kaggle-face ensemble --run a -c demo"


def test_a_setting_whose_value_ends_like_a_blend_is_a_setting(refused: Callable[..., str]) -> None:
    assert "there is no run 'nobody'" in refused("report", "nobody", "data.root=a/ensemble")


def test_a_run_that_is_not_there_is_one_line(refused: Callable[..., str]) -> None:
    assert "there is no run 'c' of 'demo'" in refused("report", "c")


def test_a_fold_that_is_not_there_is_one_line(refused: Callable[..., str]) -> None:
    assert "fold 7 of demo/a was not trained" in refused("report", "a", "--folds", "7")


def test_the_blend_is_measured_with_the_figures_of_its_record(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ensemble", "--run", "a", "--run", "b", "--method", "mean"]) == 0
    run = RunFolder(Path("runs/demo/a"))
    facts = gather_facts(load_config("demo"), [run], ReportOptions(blends=[run]), SilentProgress())
    record = read_blend_record(run)
    assert record is not None and facts.classes is not None and facts.pairs is not None
    assert facts.classes.members[facts.classes.subject] == facts.pairs.members[facts.pairs.subject] == "blend"
    for task, estimates in (
        ("classification", facts.classes.estimates[facts.classes.subject]),
        ("verification", facts.pairs.estimates[facts.pairs.subject]),
    ):
        expected = record.tasks[task].metrics  # type: ignore[index]
        found = {each.metric: each.value for each in estimates if each.metric in expected}
        assert len(found) >= 2 and found == pytest.approx({name: expected[name] for name in found})
    assert main(["report", "a/ensemble", "--to", "blend.html"]) == 0
    assert "of blend; higher is better" in Path("blend.html").read_text(encoding="utf-8")
    shutil.rmtree(run.path.parent / "b")
    assert main(["report", "a/ensemble", "--to", "blend.html"]) == 0
    reason = (
        "pairs: the blend is not measured beside its members: demo/b, a member of the blend, is not under"
    )
    assert reason in Path("blend.html").read_text(encoding="utf-8")
