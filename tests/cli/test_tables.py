"""Tables fit 100 columns, whatever names they hold, and explain their columns."""

from __future__ import annotations

import ast
import json
import shutil
from pathlib import Path

import pytest

import kaggle_face.cli
from kaggle_face.artifacts.files.atomic import write_json
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.main import main
from kaggle_face.cli.terminal import Terminal
from kaggle_face.kaggle.client.answers import LeaderboardRow
from kaggle_face.kaggle.leaderboard import Gap, Standing
from kaggle_face.pipeline.chain import Link, RunStatus
from kaggle_face.submission.ledger.database import Ledger
from kaggle_face.summaries.kaggle import describe_standing
from kaggle_face.summaries.text_tables import WIDTH

SLUG = "face-verification-and-recognition-spring-2026"
RUN = "model.backbone=convnext_tiny+optim.lr=0.05+train.epochs=60"
PROSE = ("select ", "note: ", "kept in ", "verification: ", "classification: ", "with what is on")
SETTINGS = "competition: {{slug: {slug}}}\n"


def test_every_table_of_a_command_has_a_legend() -> None:
    root = Path(kaggle_face.cli.__file__).parent
    calls = [
        (path.name, node.lineno, len(node.args))
        for path in sorted(root.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "table"
        and path.name != "terminal.py"
    ]
    # The tables of kaggle_face/summaries have no headings but those of their legends.
    assert [(name, count) for name, _, count in calls] == [("bench.py", 3)]


@pytest.fixture
def long_names(demo_folder: Path, two_runs: Path) -> list[RunFolder]:
    """Two runs of long names of settings of a long name, one of them uploaded under a long file name."""
    (demo_folder / "configs" / "demo.yaml").rename(demo_folder / "configs" / f"{SLUG}.yaml")
    shutil.copytree(two_runs / "demo", demo_folder / "runs" / SLUG)
    runs = []
    for name in "ab":
        folder = demo_folder / "runs" / SLUG / name
        runs.append(RunFolder(folder.rename(folder.with_name(f"{RUN}+seed={name}"))))
    for run in runs:
        for fold in run.finished_folds():
            results = {"best_cls": {"accuracy": 0.5 + 0.1 * fold.fold}, "best_ver": {"eer": 0.2}}
            write_json(
                fold.info_file, {**fold.read_info(), "results": results, "num_parameters": 123_456_789}
            )
            fold.config_file.write_text(f"optim: {{lr: 0.05}}\nnotes: {run.path.name} {'word ' * 20}\n")
    return runs


def fits(text: str) -> None:
    """Checks the heading, the rule, the rows and the legend of each table; prose may be longer."""
    lines = text.splitlines()
    rules = [place for place, line in enumerate(lines) if line and set(line) <= {"-", " "}]
    assert rules, "no table was printed"
    for rule in rules:
        end = next((place for place in range(rule, len(lines)) if not lines[place]), len(lines))
        table = [line for line in lines[rule - 1 : end] if not line.startswith((*PROSE, SLUG))]
        assert [line for line in table if len(line) > WIDTH] == []


def test_tables_of_runs_with_long_names_fit(
    long_names: list[RunFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["runs"], ["evaluate", *(run.path.name for run in long_names)]):
        assert main([*words, "-c", SLUG]) == 0
        fits(capsys.readouterr().out)
    for run in long_names:
        for fold in run.finished_folds():
            fold.config_file.unlink()  # its long lines are no settings
    assert main(["ensemble", *(w for run in long_names for w in ("--run", run.path.name)), "-c", SLUG]) == 0
    fits(capsys.readouterr().out)
    assert main(["runs", "--json", "-c", SLUG]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert sorted(row["name"] for row in rows) == sorted(run.name for run in long_names)
    assert rows[0]["classes"] == {"metric": "accuracy", "values": [0.5, 0.6]}


def test_tables_of_submissions_with_long_names_fit(
    demo_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {
        "competition": SLUG,
        "file": f"submissions/{SLUG}/{RUN}_ensemble_verification.csv",
        "message": "five folds of the large network and two of the small one " * 3,
        "status": "COMPLETE",
        "public_score": "0.034567",
        "private_score": "0.034568",
        "reference": 123456789,
        "oof_metric": "eer",
        "oof_score": 0.0345678,
        "oof_higher_is_better": False,
        "sha256": "ab" * 32,
    }
    Ledger(Path("submissions")).add("written", values)
    (demo_folder / "configs" / "long.yaml").write_text(SETTINGS.format(slug=SLUG))
    assert main(["submissions", "--offline", "-c", "long"]) == 0
    fits(capsys.readouterr().out)
    assert main(["submissions", "--offline", "--json", "-c", "long"]) == 0
    (history,) = json.loads(capsys.readouterr().out)
    assert history["entries"][0]["file"] == values["file"]
    assert history["entries"][0]["public_score"] == "0.034567"


def test_a_leaderboard_of_long_team_names_fits(capsys: pytest.CaptureFixture[str]) -> None:
    rows = tuple(LeaderboardRow(rank, f"team {rank} " * 30, 0.9 / rank, None) for rank in (1, 2))
    gaps = (Gap("a grade of a very long name " * 8, 0.9, 0.1), Gap("first place", 0.9, None))
    Terminal().show(describe_standing(SLUG, Standing(rows, rows[1], False, gaps), 10))
    out = capsys.readouterr().out
    fits(out)
    assert "(you)" in out


def test_competitions_keep_their_names_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["competitions"]) == 0
    out = capsys.readouterr().out
    fits(out)
    assert "11785-spring2021-hw2p2s1-face-classification" in out and ".." not in out


def test_a_status_with_long_reasons_fits(capsys: pytest.CaptureFixture[str], monkeypatch) -> None:
    links = (Link(f"submissions/{SLUG}/{RUN}_ensemble_verification.csv", "out of date", "changed " * 60),)
    status = RunStatus(RunFolder(Path("runs") / SLUG / RUN), links)
    monkeypatch.setattr("kaggle_face.pipeline.chain.status_of_run", lambda *_: status)
    assert main(["status"]) == 0
    out = capsys.readouterr().out
    fits(out)
    assert out.count("changed") == 60


@pytest.mark.parametrize("top", ["0", "-1"])
def test_rows_of_a_leaderboard_are_counted_before_credentials_are_read(
    top: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", SLUG, "--top", top]) == 2
    assert capsys.readouterr().err == f"error: --top must be >= 1, got {top}\n"
