"""`kaggle-face train --on kaggle` against a server whose notebooks are scripted."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

import kaggle_face as kf
from kaggle_face.artifacts.files.hashing import hash_of_file
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.cli.main import main
from kaggle_face.config import dump_config, load_config, parse_config
from kaggle_face.errors import RemoteError, RulesError, RunError
from kaggle_face.kaggle.remote import kaggle_notebooks
from kaggle_face.kaggle.remote.training import _check_whole, _read_manifest, read_job
from tests.support.kaggle_server import SLUG, Fault, KaggleServer

NAME = "alice/kaggle-face-train-faces-main"
RUN = RunFolder(Path("runs/faces/main"))


class Notebook:
    """What stands in for Kaggle's machine: it answers each push with the next outcome of its script.

    An outcome is the status of each fold, such as {0: "stopped"}, or a failure message.
    """

    def __init__(self, kaggle: KaggleServer) -> None:
        self.kaggle = kaggle
        self.outcomes: list[dict[int, str] | str] = [{0: "finished"}]
        self.about: list[dict[str, Any]] = []
        self.received: list[set[str]] = []
        kaggle.on_push = self.run

    def run(self, name: str, body: dict[str, Any]) -> None:
        files = self.kaggle.datasets[name]["versions"][-1]
        about = json.loads(files["bundle.json"])
        self.about.append(about)
        archives = {
            key: zipfile.ZipFile(io.BytesIO(data)) for key, data in files.items() if key.endswith(".zip")
        }
        self.received.append(set(archives["runs.zip"].namelist()) if "runs.zip" in archives else set())
        kernel, outcome = self.kaggle.kernels[name], self.outcomes.pop(0)
        if isinstance(outcome, str):
            kernel["states"] = [{"status": "RUNNING"}, {"status": "ERROR", "failureMessage": outcome}]
            return
        kernel["states"] = [{"status": "QUEUED"}, {"status": "RUNNING"}, {"status": "COMPLETE"}]
        pieces = [{"stream_name": "stdout", "time": 1.0, "data": "epoch 1 of 2\nepoch 2 of 2\n"}]
        kernel["log"] = json.dumps(pieces)
        kernel["output"] = self.output(about, outcome)

    def output(self, about: dict[str, Any], outcome: dict[int, str]) -> dict[str, bytes]:
        there = ["data.root=/kaggle/input/x", "paths.runs=/kaggle/working/runs", *about["train"][-1:]]
        config = dump_config(load_config("faces", there).config)
        files: dict[str, bytes] = {"runs/faces/folds/five/images.csv": b"image_id,fold\n"}
        for fold, status in outcome.items():
            folder = f"runs/faces/main/fold{fold}"
            files[f"{folder}/run.json"] = json.dumps({"status": status, "overrides": there}).encode()
            files[f"{folder}/config.yaml"] = config.encode()
            files[f"{folder}/checkpoints/best_ver.safetensors"] = b"weights"
            if status == "stopped":
                files[f"{folder}/resume.pt"] = f"state {len(self.about)}".encode()
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        files["manifest.json"] = json.dumps({"job": about["job"], "files": digests}).encode()
        return files


@pytest.fixture
def notebook(kaggle, clock) -> Notebook:
    return Notebook(kaggle)


def train(*words: str) -> int:
    return main(["train", "--fold", "0", "--on", "kaggle", *words])


def test_a_fold_is_trained_and_comes_home(kaggle, notebook, capsys):
    assert train("optim.lr=0.05", "--run", "main") == 0
    info = RUN.fold(0).read_info()
    assert (info["status"], info["overrides"], info["trained_on"]) == (
        "finished",
        ["optim.lr=0.05"],
        "kaggle",
    )
    config = parse_config(RUN.fold(0).config_file.read_text(), "here")
    assert (config.data.root, config.paths.runs, config.train.max_hours) == ("data/faces", "runs", None)
    assert RUN.fold(0).weights_file("best_ver").read_bytes() == b"weights"
    assert Path("runs/faces/folds/five/images.csv").is_file()
    out = capsys.readouterr().out
    assert "3.0 of 30 GPU hours are used; the next week begins at 2026-11-28 00:00 UTC" in out
    for line in ("queued", "running", "complete"):
        assert f"{NAME}: {line}" in out
    assert "  epoch 1 of 2\n" in out and out.count("epoch 2 of 2") == 1
    assert sorted(path.name for path in RUN.path.iterdir()) == ["fold0", "kaggle.json"]


def test_dataset_and_notebook_are_private_and_without_internet(kaggle, notebook):
    assert train() == 0
    assert kaggle.datasets[NAME]["private"] is True
    (pushed,) = kaggle.kernels[NAME]["versions"]
    assert (pushed["isPrivate"], pushed["enableGpu"], pushed["enableInternet"]) == (True, True, False)
    assert pushed["datasetDataSources"] == [NAME] and pushed["competitionDataSources"] == [SLUG]
    assert pushed["sessionTimeoutSeconds"] == 11 * 3600 and pushed["machineShape"] == "NvidiaTeslaT4"
    assert notebook.about[0]["train"] == ["--fold", "0", "train.max_hours=10.6"]
    assert set(kaggle.datasets[NAME]["versions"][0]) == {"bundle.json", "faces.yaml", "wheels.zip"}


def test_a_broken_rule_is_told_before_anything_is_sent_and_ignored_by_the_notebook_too(
    kaggle, notebook, capsys
):
    rule = "competition.slug=hw-2-p-2-fall-2026-student-competition"  # allows no imported architecture
    words = (rule, "model.backbone=resnet10t", "--run", "main")
    assert train(*words) == 2
    assert "no imported architecture is allowed" in capsys.readouterr().err
    with pytest.raises(RulesError, match="no imported architecture is allowed"):
        kf.open_project("faces", words[:2]).train_on_kaggle(folds=0, run="main")
    assert kaggle.datasets == {} and kaggle.requests == []
    assert train(*words, "--ignore-rules") == 0
    assert notebook.about[0]["train"] == ["--fold", "0", "--ignore-rules", "train.max_hours=10.6"]
    assert "ignored rule: no imported architecture" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--resume"], ["--timeout", "5"]])
def test_an_option_of_this_machine_is_refused(kaggle, words, capsys):
    assert train(*words) == 2
    assert f"{words[0]} is of this machine, --on kaggle of another" in capsys.readouterr().err


def test_a_fold_that_hit_the_time_limit_goes_on_in_a_second_notebook(kaggle, notebook):
    notebook.outcomes = [{0: "stopped"}, {0: "finished"}]
    assert train() == 0
    assert RUN.fold(0).is_finished
    assert [about["train"][:3] for about in notebook.about] == [
        ["--fold", "0", "train.max_hours=10.6"],
        ["--fold", "0", "--resume"],
    ]
    assert "faces/main/fold0/resume.pt" in notebook.received[1]
    assert "faces/folds/five/images.csv" in notebook.received[1]
    assert len(kaggle.datasets[NAME]["versions"]) == 2, "a new version of the same dataset"


def test_several_folds_are_named_again_until_all_are_finished(kaggle, notebook):
    notebook.outcomes = [{0: "finished", 1: "stopped"}, {1: "finished", 2: "stopped"}, {2: "finished"}]
    assert main(["train", "--fold", "0,1,2", "--on", "kaggle"]) == 0
    assert [about["train"][1] for about in notebook.about] == ["0,1,2", "1,2", "2"]


def test_a_notebook_that_comes_back_no_further_is_not_repeated_forever(kaggle, notebook, capsys):
    notebook.outcomes = [{0: "stopped"}, {0: "stopped"}]
    original = notebook.output

    def same_state(about, outcome):
        files = original(about, outcome)
        files["runs/faces/main/fold0/resume.pt"] = b"same"
        manifest = json.loads(files["manifest.json"])
        manifest["files"]["runs/faces/main/fold0/resume.pt"] = hashlib.sha256(b"same").hexdigest()
        return files | {"manifest.json": json.dumps(manifest).encode()}

    notebook.output = same_state
    assert train() == 1
    assert "came back no further than it began; give it more time with --hours" in capsys.readouterr().err


def test_a_failing_notebook_is_told_in_kaggles_words(kaggle, notebook, capsys):
    notebook.outcomes = ["Your notebook was stopped because it ran out of memory"]
    assert train() == 1
    assert "ended with 'error': Your notebook was stopped because it ran out" in capsys.readouterr().err
    notebook.outcomes = [{0: "finished"}]
    assert train() == 0, "the next call starts anew"


def test_a_spent_quota_is_told_before_anything_is_sent(kaggle, notebook, capsys):
    kaggle.gpu_hours_used = 29.9
    assert train() == 2
    message = capsys.readouterr().err
    assert "too little GPU time is left to train: 29.9 of 30 GPU hours are used" in message
    assert kaggle.datasets == {} and kaggle.kernels == {}


def test_what_is_left_of_the_quota_limits_the_session(kaggle, notebook):
    kaggle.gpu_hours_used = 26.0
    assert train() == 0
    assert kaggle.kernels[NAME]["versions"][0]["sessionTimeoutSeconds"] == 4 * 3600
    assert notebook.about[0]["train"][-1] == "train.max_hours=3.6"


def test_a_push_that_kaggle_refuses_is_told_in_its_words(kaggle, notebook, capsys):
    kaggle.kernels[NAME] = {
        "versions": [],
        "states": [{"status": "COMPLETE"}],
        "output": {},
        "log": "",
        "push_answer": {"error": "Maximum weekly GPU quota of 30.00 hours reached."},
    }
    assert train() == 2
    assert "Kaggle says 'Maximum weekly GPU quota of 30.00 hours reached.'" in capsys.readouterr().err


@pytest.mark.slow
def test_watching_is_taken_up_again_after_a_kill(kaggle, notebook, clock, kill_before_answer, capsys):
    kaggle.dataset_states = ["READY"]
    kill_before_answer("GetKernelSessionStatus", "train", "--fold", "0", "--on", "kaggle")
    assert train() == 0
    assert f"taking up {NAME} again" in capsys.readouterr().out
    assert len(kaggle.kernels[NAME]["versions"]) == 1, "nothing was started twice"
    assert RUN.fold(0).is_finished


def test_a_kill_before_the_push_starts_the_notebook_anew(kaggle, notebook, capsys):
    notebook.outcomes = ["stopped by hand"]
    assert train() == 1
    # as if the process had died after it wrote a job down and before it pushed the notebook
    job = json.loads((RUN.path / "kaggle.json").read_text())
    (RUN.path / "kaggle.json").write_text(json.dumps({**job, "key": "0" * 16, "is_running": True}))
    kaggle.kernels[NAME]["states"] = [{"status": "COMPLETE"}]
    kaggle.kernels[NAME]["output"] = notebook.output(notebook.about[0], {0: "stopped"})
    notebook.outcomes = [{0: "finished"}]
    assert train() == 0
    assert "starting anew" in capsys.readouterr().err
    assert len(kaggle.kernels[NAME]["versions"]) == 2 and RUN.fold(0).is_finished


def interrupt_before_the_push(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> str:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(kaggle_notebooks.KaggleNotebooks, "push_notebook", interrupted)
        assert train() == 130


@pytest.mark.parametrize("status", [403, 404])
def test_a_notebook_that_was_never_started_is_started_by_the_next_call(
    kaggle, notebook, monkeypatch, capsys, status
):
    interrupt_before_the_push(monkeypatch)
    assert kaggle.kernels == {}
    kaggle.fail("GetKernelSessionStatus", Fault(status, "Permission 'kernels.get' was denied"))
    assert train() == 0
    assert f"Kaggle has no notebook {NAME}: it was never started; starting anew" in capsys.readouterr().err
    assert len(kaggle.kernels[NAME]["versions"]) == 1 and RUN.fold(0).is_finished


def test_a_notebook_of_another_account_is_not_started_again(kaggle, notebook, monkeypatch, capsys):
    interrupt_before_the_push(monkeypatch)
    job = json.loads((RUN.path / "kaggle.json").read_text())
    (RUN.path / "kaggle.json").write_text(json.dumps({**job, "notebook": "bob/training"}))
    assert train() == 2
    assert "shows the account alice no notebook bob/training; see the account: kaggle-face auth" in (
        capsys.readouterr().err
    )
    assert kaggle.kernels == {}


def test_a_dataset_is_waited_for_through_a_passing_failure(kaggle, notebook):
    failure = Fault(503, "Overloaded")
    kaggle.before_answer["CreateDataset"] = lambda: kaggle.fail("GetDatasetStatus", failure, failure)
    assert train() == 0


def test_a_file_that_does_not_arrive_whole_is_told_and_nothing_replaced(kaggle, notebook, capsys):
    original = notebook.output

    def damaged(about, outcome):
        files = original(about, outcome)
        return files | {"runs/faces/main/fold0/checkpoints/best_ver.safetensors": b"half"}

    notebook.output = damaged
    assert train() == 2
    assert "best_ver.safetensors of alice/kaggle-face-train-faces-main did not arrive whole" in (
        capsys.readouterr().err
    )
    assert not RUN.fold(0).path.exists()
    # the notebook has run: the next call fetches again and trains nothing twice
    whole = original(notebook.about[0], {0: "finished"})
    kaggle.kernels[NAME]["output"] = whole
    assert train() == 0
    assert len(kaggle.kernels[NAME]["versions"]) == 1


def test_an_output_that_leads_out_of_the_folder_is_not_fetched(kaggle, notebook, tmp_path):
    original = notebook.output

    def evil(about, outcome):
        return original(about, outcome) | {"runs/../../../../../evil.txt": b"evil"}

    notebook.output = evil
    assert train() == 0
    assert not list(tmp_path.rglob("evil.txt"))


def test_a_finished_fold_is_not_trained_again(kaggle, notebook, capsys):
    assert train() == 0
    assert train() == 0
    assert "fold 0 of faces/main is trained" in capsys.readouterr().out
    assert len(kaggle.kernels[NAME]["versions"]) == 1
    notebook.outcomes = [{0: "finished"}]
    assert train("--overwrite") == 0
    assert len(kaggle.kernels[NAME]["versions"]) == 2


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"job": 5, "files": {}}',
        '{"job": "a"}',
        '{"job": "a", "files": []}',
        '{"job": "a", "files": {"x": 5}}',
    ],
)
def test_a_manifest_that_is_none_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(RemoteError, match=r"the manifest.json of alice/x is not one of kaggle-face"):
        _read_manifest(tmp_path, "alice/x")


@pytest.mark.parametrize("name", ["/etc/passwd", "../runs/x", "missing.csv"])
def test_a_file_of_the_manifest_that_lies_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RemoteError, match="did not arrive whole"):
        _check_whole(tmp_path, {name: hash_of_file(Path("/etc/passwd"))}, "alice/x")


@pytest.mark.parametrize(
    "text",
    ["{}", '{"key": 1, "notebook": "a", "folds": [0], "is_running": true}',
     '{"key": "k", "notebook": "a", "folds": ["0"], "is_running": true}',
     '{"key": "k", "notebook": "a", "folds": 0, "is_running": true}'],
)  # fmt: skip
def test_a_record_of_a_notebook_that_is_none_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "kaggle.json").write_text(text)
    with pytest.raises(RunError, match="names no notebook that was started; delete it to start anew"):
        read_job(RunFolder(tmp_path))


@pytest.mark.parametrize(
    "name", ["runs/../x", "runs/a\n/../../x", "../runs/x", "x/runs/y", "manifest.json\n", "a\nruns/x"]
)
def test_no_other_output_of_a_notebook_is_fetched(name: str) -> None:
    wanted = re.compile(kaggle_notebooks._OUTPUT_OF_RUNS)
    assert wanted.search(name) is None
    assert all(map(wanted.search, ("runs/demo/main/fold0/run.json", "manifest.json")))
