"""A training with the real packages `wandb` (offline) and `mlflow` (its SQLite store), where they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kaggle_face.cli.main import main
from kaggle_face.synthetic.dataset import EmbeddedSize, write_embedded_dataset

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
SIZE = EmbeddedSize(5, 6, 3, 2, 6, 3, 16, 12, 16)
SETTINGS = """
extends: demo
data: {root: data/tiny, image_size: 16, workers: 0}
folds: {count: 2}
model: {backbone_options: {channels: [8, 8, 8, 8], stem_width: 8}, embedding_size: 8}
train: {epochs: 2, batch_size: 8, tensorboard: false}
device: cpu
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KAGGLE_FACE_CONFIG", "tiny")
    write_embedded_dataset(tmp_path / "data" / "tiny", SIZE, seed=3)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "tiny.yaml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path


def train(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["train", "--fold", "0", "--run", "main", f"train.loggers=[{name}]"]) == 0
    printed = capsys.readouterr()
    return printed.out + printed.err


def test_wandb_records_offline(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(workspace))
    assert "records no more" not in train("wandb", capsys)
    (record,) = workspace.glob("wandb/offline-run-*/run-*.wandb")
    known = json.loads((workspace / "runs/tiny/main/fold0/wandb.json").read_text())["id"]
    assert record.name == f"run-{known}.wandb" and record.stat().st_size > 2000


def test_mlflow_records_in_its_store(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{workspace}/mlflow.db")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    assert "records no more" not in train("mlflow", capsys)
    client = mlflow.MlflowClient(f"sqlite:///{workspace}/mlflow.db")
    known = json.loads((workspace / "runs/tiny/main/fold0/mlflow.json").read_text())["id"]
    run = client.get_run(known)
    assert run.info.status == "FINISHED" and run.data.params["train.epochs"] == "2"
    steps = [each.step for each in client.get_metric_history(known, "step/loss")]
    assert steps == list(range(1, len(steps) + 1)) and len(steps) >= 2
    assert "best_ver/eer" in run.data.metrics
