"""What `status` says of each link after each kind of change, and that its next command is the right one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from kaggle_face.cli.main import main
from kaggle_face.config import dump_config, load_config

After = Callable[[str], Any]


@pytest.fixture
def status(capsys: pytest.CaptureFixture[str]) -> Callable[[], tuple[dict[str, tuple[str, str]], str]]:
    def read() -> tuple[dict[str, tuple[str, str]], str]:
        capsys.readouterr()
        assert main(["status", "--json"]) == 0
        values = json.loads(capsys.readouterr().out)
        return {link["what"]: (link["state"], link["because"]) for link in values["chain"]}, values["next"]

    return read


Status = Callable[[], tuple[dict[str, tuple[str, str]], str]]


def test_each_stage_leads_to_the_next(after: After, status: Status) -> None:
    after("train")
    links, command = status()
    assert links["images"][0] == links["folds"][0] == links["fold 0"][0] == "current"
    assert links["fold 1"][0] == links["blend"][0] == links["CSV"][0] == "missing"
    assert command == "kaggle-face train --fold 1 --run main -c tiny"
    assert main(["train", "--run", "main", "--fold", "1"]) == 0
    for expected in ("predict", "ensemble", "submit"):
        links, command = status()
        assert command == f"kaggle-face {expected} --run main -c tiny"
        words = command.split()[1:]
        assert main([*words, "--dry-run"] if expected == "submit" else words) == 0
    links, command = status()
    assert {state for what, (state, _) in links.items() if not what.startswith("upload")} == {"current"}


def test_a_replaced_test_picture_puts_predictions_and_all_after_them_out_of_date(
    after: After, status: Status
) -> None:
    work = after("submit")
    images = work.images("cls_data/test")
    images[0].write_bytes(images[1].read_bytes())
    links, _ = status()
    assert links["fold 0"][0] == "current"
    assert links["predictions of fold 0"][0] == links["blend"][0] == "out of date"
    assert " test pictures was replaced, first: " in links["predictions of fold 0"][1]
    assert links["main_ensemble_verification.csv"] == ("out of date", "the blend is out of date")


def test_a_csv_that_was_edited_is_told(after: After, status: Status) -> None:
    work = after("submit")
    path = work.path / "submissions/tiny/main_ensemble_verification.csv"
    path.write_text(path.read_text() + "\n")
    links, _ = status()
    assert links[path.name] == ("out of date", "it is not what was written")


def test_a_csv_of_an_earlier_blend_is_told(after: After, status: Status) -> None:
    after("submit")
    assert main(["train", "--fold", "0", "--run", "main", "--overwrite", "seed=1"]) == 0
    assert main(["predict"]) == 0 and main(["ensemble"]) == 0
    links, _ = status()
    assert links["blend"][0] == "current"
    state, because = links["main_ensemble_classification.csv"]
    assert state == "out of date"
    assert because.startswith("the blend of its classification answers was made again on 20")


def test_without_the_raw_folder_nothing_is_called_current(after: After, status: Status) -> None:
    work = after("submit")
    shutil.rmtree(work.root)
    links, _ = status()
    assert links["images"][0] == "missing"
    assert links["fold 0"][0] == links["predictions of fold 0"][0] == links["blend"][0] == "not compared"


def test_nothing_trained_is_a_table_too(after: After, status: Status) -> None:
    work = after("train")
    shutil.rmtree(work.path / "runs")
    links, _ = status()
    assert links["fold 0"] == ("missing", "it was not trained")


def test_the_table_ends_with_the_next_command(after: After, capsys: pytest.CaptureFixture[str]) -> None:
    after("train")
    capsys.readouterr()
    assert main(["status"]) == 0
    out = capsys.readouterr().out
    assert "fold 1  " in out and "missing: it was not trained" in out
    assert out.splitlines()[-1] == "next: kaggle-face train --fold 1 --run main -c tiny"


def test_a_csv_that_no_competition_takes_is_current_without_a_row(after: After, status: Status) -> None:
    """As one of a competition for verification alone, whose ledger has no row of the classes' CSV."""
    work = after("ensemble")
    settings = work.path / "configs" / "tiny.yaml"
    slug = "11785-hw-2-p-2-face-verification-fall-2024"  # takes verification alone
    settings.write_text(settings.read_text() + f"competition: {{slug: {slug}}}\n")
    (work.fold / "config.yaml").write_text(dump_config(load_config("tiny").config))
    words = ["submit", "--dry-run", "--only-ensemble", "--ignore-rules"]
    assert main(words) == 0
    links, _ = status()
    classes = "main_ensemble_classification.csv"
    assert links[classes] == ("current", "") and f"upload of {classes}" not in links
    assert "upload of main_ensemble_verification.csv" in links
    path = work.path / "submissions/tiny" / classes
    os.utime(path, (0, 0))
    assert status()[0][classes][1].startswith("the blend was made again on 20")


def test_a_csv_below_an_absolute_folder_is_current(after: After, status: Status) -> None:
    work = after("ensemble")
    for folder in (work.path / "sent", work.path.parent / "elsewhere"):
        settings = work.path / "configs" / "tiny.yaml"
        settings.write_text(settings.read_text() + f"paths: {{submissions: {folder}}}\n")
        assert main(["submit", "--dry-run", "--only-ensemble"]) == 0
        links, _ = status()
        assert links["main_ensemble_verification.csv"] == ("current", "")
        settings.write_text("\n".join(settings.read_text().splitlines()[:-1]) + "\n")
