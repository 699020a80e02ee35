"""Exports of runs and blends: files, table, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kaggle_face.artifacts.record_io import read_pair_scores, read_pairs, read_predictions
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.cli.main import main
from kaggle_face.config import load_config
from kaggle_face.errors import InputError, RunError
from kaggle_face.evaluation.member_scores import log_softmax
from kaggle_face.exporting.graph import ExportedGraph
from kaggle_face.inference.onnx_embedder import OnnxEmbedder
from kaggle_face.metrics.similarity import paired_cosines
from kaggle_face.pipeline.export.results import ExportOptions
from kaggle_face.pipeline.export.stage import export_network
from kaggle_face.pipeline.inputs.preparing import open_competition, open_images
from kaggle_face.progress import SilentProgress
from kaggle_face.recognition.embedder import RunEmbedder
from kaggle_face.records import positions_of
from tests.support.exported import export_run


def test_files_lie_beside_their_card_and_are_compared(exported_once: Path) -> None:
    folder = exported_once / "export"
    assert sorted(path.name for path in folder.iterdir()) == [
        "model-card.md",
        "model-fp16.onnx",
        "model.onnx",
    ]
    fp32, fp16 = OnnxEmbedder(folder / "model.onnx"), OnnxEmbedder(folder / "model-fp16.onnx")
    card = RunEmbedder(FoldFolder(exported_once / "runs" / "faces" / "main" / "fold0")).card
    assert fp32.description.fingerprint == fp16.description.fingerprint == card.fingerprint
    assert [one["value"] for one in fp32.description.thresholds] == [one.value for one in card.thresholds]


def test_a_run_with_its_images_has_int8_and_an_eer(after) -> None:  # type: ignore[no-untyped-def]
    work = after("train")
    paths, run = load_config("tiny").config.paths, RunFolder(work.run)
    result = export_network(paths, run, ExportOptions(parity_images=20), SilentProgress())
    assert [row.name for row in result.table] == ["torch", "fp32", "fp16", "int8"]
    torch_row, fp32, fp16, int8 = result.table
    assert result.kind == "held-out" and result.num_trials > 0 and result.num_calibration > 0
    assert fp32.cosine_distance is not None and fp32.cosine_distance <= 1e-4
    assert fp16.cosine_distance is not None and fp16.cosine_distance <= 1e-3
    assert fp32.megabytes > fp16.megabytes > 0 and int8.images_per_second > 0
    assert torch_row.eer is not None and int8.eer is not None
    assert int8.eer_loss == pytest.approx(int8.eer - torch_row.eer)
    assert result.folder == Path("exports/tiny/main-fold0-best_ver")
    fingerprints = [OnnxEmbedder(path).description.fingerprint for path in result.files.values()]
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]
    assert "INT8 was calibrated on" in result.card.read_text(encoding="utf-8")


def test_a_blend_is_one_graph_that_scores_as_its_records(after) -> None:  # type: ignore[no-untyped-def]
    work = after("predict")
    assert main(["ensemble", "--checkpoints", "last,best_cls", "--method", "mean", "-c", "tiny"]) == 0
    loaded, run = load_config("tiny"), RunFolder(work.run)
    options = ExportOptions(blend=True, outputs="both", precisions=("fp32",), parity_images=4)
    result = export_network(loaded.config.paths, run, options, SilentProgress())
    assert result.folder.name == "main-blend"
    embedder = OnnxEmbedder(result.files["fp32"])
    data = open_competition(loaded.config)
    cache = open_images(loaded.config, data, SilentProgress())
    blended = read_predictions(run.ensemble_folder / "predictions")
    found = embedder.logits(cache.images[cache.rows_of(blended.image_ids)])
    np.testing.assert_allclose(log_softmax(found), log_softmax(blended.logits.astype(np.float32)), atol=2e-2)
    scores, pairs = (
        read_pair_scores(run.ensemble_folder / "pairs"),
        read_pairs(run.fold(0).pairs_file("test")),
    )
    rows = positions_of(scores.pair_ids, pairs.pair_ids, "pairs")
    vectors = embedder.embed(cache.images[cache.rows_of(pairs.image_ids)])
    first, second = (
        positions_of(ids[rows], pairs.image_ids, "images") for ids in (pairs.first_ids, pairs.second_ids)
    )
    np.testing.assert_allclose(paired_cosines(vectors, first, second), scores.scores, atol=2e-3)


def test_a_graph_that_computes_something_else_is_refused(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = ExportedGraph.compute

    def broken(graph: ExportedGraph, images: np.ndarray) -> list[np.ndarray]:
        vectors, *others = right(graph, images)
        return [vectors + 0.02 * np.eye(1, vectors.shape[1], dtype=np.float32), *others]

    monkeypatch.setattr(ExportedGraph, "compute", broken)
    fold = FoldFolder(exported / "runs" / "faces" / "main" / "fold0")
    with pytest.raises(
        InputError, match="the fp32 graph does not compute what torch computes: over 20 images"
    ):
        export_run(fold, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_an_export_takes_the_place_of_an_earlier_one_alone(exported: Path) -> None:
    fold = FoldFolder(exported / "runs" / "faces" / "main" / "fold0")
    export_run(fold, exported / "export", precisions=("fp32",), flip=False)
    assert sorted(path.name for path in (exported / "export").iterdir()) == ["model-card.md", "model.onnx"]
    (exported / "export" / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"holds other files .thesis\.tex.; name another folder with --out"):
        export_run(fold, exported / "export")
    with pytest.raises(InputError, match="is a file; name a folder"):
        export_run(fold, exported / "export" / "thesis.tex")


@pytest.mark.slow
def test_int8_without_training_images_is_one_line(exported: Path, tmp_path: Path) -> None:
    fold = FoldFolder(exported / "runs" / "faces" / "main" / "fold0")
    with pytest.raises(
        InputError, match="int8 is calibrated on training images; the training images are not used"
    ):
        export_run(fold, tmp_path / "new", precisions=("int8",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"outputs": "faces"}, "outputs are one of embeddings, logits, both, got 'faces'"),
        ({"precisions": ("fp8",)}, "a precision is one of fp32, fp16, int8, got 'fp8'"),
        ({"precisions": ()}, "an export needs a precision"),
        ({"checkpoint": "bset"}, "a checkpoint is one of"),
        ({"format": "tflite"}, "a format is onnx, got 'tflite'"),
        ({"blend": True, "fold": 1}, "a blend has its own folds"),
    ],
)
def test_wrong_options_are_one_line(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ExportOptions(**options)  # type: ignore[arg-type]


def test_a_fold_that_was_not_trained_is_one_line(exported: Path, tmp_path: Path) -> None:
    fold = FoldFolder(exported / "runs" / "faces" / "main" / "fold0")
    with pytest.raises(RunError, match="fold 3 of faces/main was not trained"):
        export_run(fold, tmp_path / "new", fold=3)
    with pytest.raises(RunError, match="has no checkpoint 'last'"):
        export_run(fold, tmp_path / "new", checkpoint="last")
    with pytest.raises(RunError, match="holds no run"):
        export_run(FoldFolder(tmp_path / "runs" / "a" / "b" / "fold0"), tmp_path / "new")
