"""The model card beside exported files."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from kaggle_face.config import dump_config
from kaggle_face.inference.onnx_embedder import OnnxEmbedder
from kaggle_face.inference.onnx_file import Precision
from tests.support.exported import export_run
from tests.support.gallery_stubs import invented_face, write_trained_run


def test_the_card_has_what_people_look_for(exported_once: Path) -> None:
    card = (exported_once / "export" / "model-card.md").read_text(encoding="utf-8")
    about = OnnxEmbedder(exported_once / "export" / "model.onnx").description
    for line in (
        "# faces/main, best_ver",
        "| faces/main/fold0 | demo | 15 | 3 of 3 | test_resnet | all |",  # five images of three people each
        "trained from scratch, without weights of others",
        f"| weights of faces/main/fold0@best_ver | {about.networks[0].weights} |",
        f"| fingerprint of the network in galleries | {about.fingerprint} |",
    ):
        assert line in card
    assert re.search(r"\| EER \| 0\.\d{4} \| 0\.\d{4} to 0\.\d{4} \|", card)
    assert re.search(r"\| fp16 \| 0\.\d \| \d+ \| \d\.\de-\d\d \|", card)


def test_the_card_tells_the_part_that_the_fold_sees(tmp_path: Path) -> None:
    fold = write_trained_run(tmp_path / "runs/faces/main/fold1")
    config = fold.read_config()
    model = config.model.model_copy(update={"further_center_crops": (0.65,)})
    fold.config_file.write_text(dump_config(config.model_copy(update={"model": model})), encoding="utf-8")
    fold.write_info({**fold.read_info(), "fold": 1})
    card = export_run(fold, tmp_path / "export", outputs="embeddings").card.read_text(encoding="utf-8")
    assert "| backbone | sees |" in card and "| test_resnet | 65 % of each side |" in card


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_the_card_names_the_file_that_is_there(tmp_path: Path, precision: Precision) -> None:
    fold = write_trained_run(tmp_path / "runs/faces/main/fold0")
    result = export_run(fold, tmp_path / "export", outputs="embeddings", precisions=[precision])
    (file,) = result.files.values()
    card = result.card.read_text(encoding="utf-8")
    assert f'onnxruntime.InferenceSession("{file.name}")' in card
    assert (
        f"| fingerprint of the network in galleries | {OnnxEmbedder(file).description.fingerprint} |" in card
    )


def test_its_lines_of_onnxruntime_run_and_give_the_score(
    exported_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    card = (exported_once / "export" / "model-card.md").read_text(encoding="utf-8")
    code = card.split("```python")[1].split("```")[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").write_bytes((exported_once / "export" / "model.onnx").read_bytes())
    for number, name in enumerate(("one.jpg", "other.jpg")):
        Image.fromarray(invented_face(number, 0, 32)).save(tmp_path / name)
    exec(compile(code, "card", "exec"), {})
    vectors = OnnxEmbedder(tmp_path / "model.onnx").embed(["one.jpg", "other.jpg"])
    shown = float(capsys.readouterr().out.removeprefix("score: "))
    assert shown == pytest.approx(float(np.dot(vectors[0], vectors[1])), abs=1e-5)
