"""Export of a run or a blend: files in several precisions, each compared with torch, and a model card."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

import kaggle_face
from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.artifacts.files.atomic import replacing_folder
from kaggle_face.artifacts.provenance import describe_averaging
from kaggle_face.artifacts.record_io import read_classes
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.artifacts.seals import digest_of, read_seal
from kaggle_face.config.schema import PathsConfig
from kaggle_face.errors import InputError, KaggleFaceError
from kaggle_face.exporting.graph import ExportedGraph, trace_graph
from kaggle_face.exporting.parity import (
    Parity,
    compute_all,
    images_per_second,
    measure_parity,
    require_parity,
)
from kaggle_face.exporting.precision import described, half_precision, quantized
from kaggle_face.inference.embedder import preferred_checkpoint
from kaggle_face.inference.network_input import size_without_search
from kaggle_face.inference.onnx_embedder import open_session, run_session
from kaggle_face.inference.onnx_file import (
    EMBEDDINGS,
    LOGITS,
    PRECISIONS,
    OnnxDescription,
    OutputName,
    Precision,
)
from kaggle_face.metrics.similarity import normalized, paired_cosines
from kaggle_face.metrics.verification import equal_error_rate
from kaggle_face.model.cpu import prepare_cpu
from kaggle_face.pipeline.export.card import CARD_FILE, card_text
from kaggle_face.pipeline.export.images import ExportImages, HeldOutTrials, gather_images
from kaggle_face.pipeline.export.plan import BLEND, ExportPlan, plan_blend, plan_network
from kaggle_face.pipeline.export.results import (
    ExportedFile,
    ExportOptions,
    ExportResult,
)
from kaggle_face.pipeline.inputs.preparing import chosen_folds
from kaggle_face.progress import Progress
from kaggle_face.recognition.embedder import read_thresholds, thresholds_of
from kaggle_face.records import PairScores

FILE_NAMES: Mapping[Precision, str] = {
    "fp32": "model.onnx",
    "fp16": "model-fp16.onnx",
    "int8": "model-int8.onnx",
}


@dataclass(frozen=True, eq=False)
class _Checks:
    """The images of an export and torch's outputs for them."""

    images: ExportImages
    expected: Mapping[int, npt.NDArray[np.float32]]
    eer: float | None
    batch_size: int


def export_network(
    paths: PathsConfig, run: RunFolder, options: ExportOptions, progress: Progress
) -> ExportResult:
    """Writes a run's checkpoint, or its blend, as files that onnxruntime computes without torch.

    Args:
        paths: Where image caches lie.
        run: The run.
        options: What of it is exported, and how.
        progress: Shows what is done.

    Raises:
        RunError: The run was not trained, or its blend cannot be one graph.
        InputError: A graph does not compute what torch computes, or the folder holds other files.
        MissingExtraError: onnx or onnxruntime is not installed.
    """
    run.require_networks("to export")
    plan = _plan(run, options)
    folder = options.folder or _usual_folder(plan)
    _require_free(folder)
    prepare_cpu(torch.device("cpu"))
    graph = ExportedGraph([network.load() for network in plan.networks], plan.outputs, plan.space)
    data = trace_graph(graph, plan.image_size)
    images = gather_images(paths, plan, options.parity_images, progress)
    batch_size = size_without_search("auto", plan.image_size)
    progress.log(f"comparing on {len(images.parity)} {images.kind} images")
    expected = compute_all(graph.compute, images.parity, batch_size)
    checks = _Checks(images, expected, _eer_of(plan, graph.compute, images.trials, batch_size), batch_size)
    description = _describe(plan)
    files, rows, abouts, notes = _make_all(plan, data, options.precisions, description, checks)
    placed = (replace(row, path=folder / FILE_NAMES[precision]) for precision, row in rows.items())
    result = ExportResult(
        folder=folder,
        card=folder / CARD_FILE,
        table=(_row_of_torch(graph, checks), *placed),
        num_images=len(images.parity),
        kind=images.kind,
        num_trials=0 if images.trials is None else len(images.trials.labels),
        num_calibration=len(images.calibration) if "int8" in files else 0,
        notes=tuple(notes),
    )
    with replacing_folder(folder) as new:
        for precision, made in files.items():
            (new / FILE_NAMES[precision]).write_bytes(made)
        (new / CARD_FILE).write_text(card_text(plan, next(iter(abouts.values())), result), encoding="utf-8")
    return result


def _plan(run: RunFolder, options: ExportOptions) -> ExportPlan:
    if options.blend:
        return plan_blend(run, options.output_names, options.flip, options.crops)
    wanted = None if options.fold is None else [options.fold]
    folds = chosen_folds(run, wanted)
    finished = [fold for fold in folds if fold.is_finished] or folds
    if not finished:
        run.fold(0).read_info()  # whose error names the command that trains one
    fold = finished[0]
    checkpoint = next((known for known in CHECKPOINTS if known == options.checkpoint), None)
    if checkpoint is None:
        is_for_classes = options.outputs == "logits" and fold.weights_file("best_cls").is_file()
        checkpoint = "best_cls" if is_for_classes else preferred_checkpoint(fold)
    return plan_network(fold, checkpoint, options.output_names, options.flip, options.crops)


def _usual_folder(plan: ExportPlan) -> Path:
    run = plan.run.path.resolve()
    which = BLEND if plan.is_blend else f"fold{plan.first.fold}-{plan.checkpoint}"
    return Path("exports", run.parent.name, f"{run.name}-{which}")


def _require_free(folder: Path) -> None:
    """Checks that a folder may be replaced: it is not there, or holds an earlier export alone.

    Raises:
        InputError: It holds anything else.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder with --out")
    others = sorted({path.name for path in folder.iterdir()} - {*FILE_NAMES.values(), CARD_FILE})
    if others:
        raise InputError(f"{folder} holds other files ({others[0]}); name another folder with --out")


def _describe(plan: ExportPlan) -> OnnxDescription:
    """The description of all files; precision and quantised weights are added to each."""
    first = plan.networks[0]
    classes = read_classes(plan.first.classes_file).names.tolist() if LOGITS in plan.outputs else []
    thresholds: list[Mapping[str, Any]] = []
    if not plan.is_blend and EMBEDDINGS in plan.outputs and _were_scored_so(plan):
        thresholds = [one.as_json() for one in read_thresholds(first.fold, first.checkpoint)]
    run = plan.run.path.resolve()
    return OnnxDescription(
        run=f"{run.parent.name}/{run.name}",
        fold=first.fold.fold,
        checkpoint=plan.checkpoint,
        precision="fp32",
        fingerprint=plan.fingerprint(),
        networks=tuple(
            replace(network.digest(), share=network.pair_share or network.class_share)
            for network in plan.networks
        ),
        averaging=plan.averaging,
        image_size=plan.image_size,
        embedding_size=0,
        classes=tuple(classes),
        thresholds=tuple(thresholds),
        version=kaggle_face.__version__,
    )


def _were_scored_so(plan: ExportPlan) -> bool:
    """Whether the held-out scores, which thresholds are found on, averaged embeddings as the graph does."""
    network = plan.networks[0]
    record = network.fold.record_folder("oof", network.checkpoint, "pairs")
    if not record.is_dir():
        return False
    made = read_seal(record, check_files=False).made_of.get("settings")
    return made == describe_averaging(network.flip, network.crops)


def _make_all(
    plan: ExportPlan,
    data: bytes,
    wanted: Sequence[Precision] | None,
    description: OnnxDescription,
    checks: _Checks,
) -> tuple[
    dict[Precision, bytes], dict[Precision, ExportedFile], dict[Precision, OnnxDescription], list[str]
]:
    """The bytes, row and description of each file, and why others are left out where none is named.

    Raises:
        InputError: A file that is wanted, or the one in fp32, cannot be made.
    """
    files: dict[Precision, bytes] = {}
    rows: dict[Precision, ExportedFile] = {}
    abouts: dict[Precision, OnnxDescription] = {}
    notes = []
    for precision in wanted or PRECISIONS:
        try:
            made = _make(plan, data, precision, description, checks)
            files[precision], rows[precision], abouts[precision] = made
        except KaggleFaceError as error:
            if wanted is not None or precision == "fp32":
                raise
            notes.append(f"{precision} is left out: {error}")
    return files, rows, abouts, notes


def _make(
    plan: ExportPlan, data: bytes, precision: Precision, description: OnnxDescription, checks: _Checks
) -> tuple[bytes, ExportedFile, OnnxDescription]:
    """The bytes of a file, compared with torch, its row without a path, and what it says of itself.

    Raises:
        InputError: It does not compute what torch computes, or cannot be made.
    """
    images = checks.images
    match precision:
        case "fp32":
            converted = data
        case "fp16":
            converted = half_precision(data)
        case "int8":
            if not len(images.calibration):
                raise InputError(f"int8 is calibrated on training images; {images.missing}")
            converted = quantized(data, images.calibration)
    session = open_session(converted, f"the {precision} graph")
    compute: Callable[[npt.NDArray[np.uint8]], Sequence[npt.NDArray[np.float32]]] = partial(
        _computed, session, plan.outputs, f"the {precision} graph"
    )
    found = compute_all(compute, images.parity, checks.batch_size)
    parity = measure_parity(plan.outputs, found, checks.expected)
    require_parity(parity, precision, len(images.parity))
    eer = _eer_of(plan, compute, images.trials, checks.batch_size)
    if precision == "int8":
        # Its scores differ: a gallery takes it for another network, with thresholds of its own.
        fingerprint = digest_of(description.fingerprint, converted)
        description = replace(
            description, fingerprint=fingerprint, thresholds=_thresholds(plan, compute, checks)
        )
    embedding_size = found[0].shape[1] if EMBEDDINGS in plan.outputs else 0
    about = replace(description, precision=precision, embedding_size=embedding_size)
    made = described(converted, about)
    speed = images_per_second(compute, images.parity[: checks.batch_size])
    return made, _row(precision, len(made), speed, parity, eer, checks.eer), about


def _computed(
    session: Any, outputs: tuple[OutputName, ...], name: str, images_BHW3: npt.NDArray[np.uint8]
) -> list[npt.NDArray[np.float32]]:
    return run_session(session, images_BHW3, outputs, name)


def _thresholds(plan: ExportPlan, compute: Any, checks: _Checks) -> tuple[Mapping[str, Any], ...]:
    """The thresholds of quantised embeddings on the held-out trials; none where there are none."""
    trials = checks.images.trials
    if trials is None or EMBEDDINGS not in plan.outputs or plan.is_blend:
        return ()
    scores = _scores_of(compute, trials, checks.batch_size)
    ids = np.arange(len(scores)).astype(np.str_)
    found = thresholds_of(PairScores(ids, scores, trials.labels))
    return tuple(one.as_json() for one in found)


def _row_of_torch(graph: ExportedGraph, checks: _Checks) -> ExportedFile:
    weights = sum(each.numel() * each.element_size() for each in graph.parameters())
    speed = images_per_second(graph.compute, checks.images.parity[: checks.batch_size])
    return _row("torch", weights, speed, Parity(None, None), checks.eer, None)


def _row(
    name: str, size: int, speed: float, parity: Parity, eer: float | None, before: float | None
) -> ExportedFile:
    loss = None if eer is None or before is None else eer - before
    return ExportedFile(name, None, size / 1e6, speed, parity.cosine_distance, parity.probability, eer, loss)


def _eer_of(plan: ExportPlan, compute: Any, trials: HeldOutTrials | None, batch_size: int) -> float | None:
    if trials is None or EMBEDDINGS not in plan.outputs:
        return None
    return equal_error_rate(_scores_of(compute, trials, batch_size), trials.labels).eer


def _scores_of(compute: Any, trials: HeldOutTrials, batch_size: int) -> npt.NDArray[np.float32]:
    vectors = normalized(compute_all(compute, trials.images, batch_size)[0])
    return paired_cosines(vectors, trials.first, trials.second)
