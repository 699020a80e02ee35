"""The test set through the checkpoints of a fold: each image is embedded once for all tasks.

Letters: N images, C classes, D embedding size.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from kaggle_face.artifacts import stored
from kaggle_face.artifacts.atomic import replacing_folder
from kaggle_face.artifacts.row_files import RowFile
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import PredictConfig
from kaggle_face.config.schema import CheckpointName
from kaggle_face.data.loading import evaluation_batches
from kaggle_face.data.pack import Pack
from kaggle_face.metrics.similarity import score_pairs
from kaggle_face.model.batch_search import choose_batch_size
from kaggle_face.model.cpu import prepare_cpu
from kaggle_face.model.inference import embed_batches, embeddings_of_batches, one_behind
from kaggle_face.model.network import FaceNetwork
from kaggle_face.model.trained import load_trained_network, trained_amp
from kaggle_face.model.weights import read_metadata
from kaggle_face.progress import Counter, Progress
from kaggle_face.records import CompetitionData, Embeddings, FloatArray, StrArray


@dataclass(frozen=True, eq=False)
class TestSet:
    """What has to be predicted: images that need logits come first, then those that need embeddings alone."""

    __test__ = False  # the name is the field's word, not a test of pytest's

    data: CompetitionData
    pack: Pack
    classified_ids: StrArray
    embedded_ids: StrArray


def gather_test_set(data: CompetitionData, pack: Pack) -> TestSet:
    """Every image that a submission or a gallery's threshold needs, once."""
    classified = np.unique(data.test_rows.image_ids)
    named = [data.test_pairs.image_ids]
    for gallery in (data.dev_gallery, data.test_gallery):
        if gallery is not None:
            named += [gallery.image_ids, gallery.probe_image_ids]
    others = np.setdiff1d(np.concatenate(named), classified)
    return TestSet(data, pack, classified, np.concatenate([classified, others]))


def predict_fold(
    folder: FoldFolder,
    checkpoints: Sequence[CheckpointName],
    test_set: TestSet,
    settings: PredictConfig,
    device: torch.device,
    progress: Progress,
) -> None:
    """Writes predictions, embeddings and pair scores of each checkpoint into the fold's folder.

    Checkpoints of one epoch are the same network, so it runs once and its records are copied.

    Raises:
        RunError: The fold or a checkpoint is missing.
    """
    prepare_cpu(device)
    _write_questions(folder, test_set.data)
    done: dict[str, CheckpointName] = {}
    how: _How | None = None
    for checkpoint in checkpoints:
        network = load_trained_network(folder, checkpoint, device)
        network.averages_crops = settings.crops
        how = how or _choose_how(network, folder, test_set.pack, settings)
        epoch = read_metadata(folder.weights_file(checkpoint)).get("epoch", checkpoint)
        target = folder.record_folder("test", checkpoint, "predictions").parent
        if epoch in done:
            same = folder.record_folder("test", done[epoch], "predictions").parent
            copy_records(same, target)
        else:
            _predict(network, folder, checkpoint, test_set, how, progress)
            done[epoch] = checkpoint


def _write_questions(folder: FoldFolder, data: CompetitionData) -> None:
    """Writes the test pairs and the galleries, so that later stages need no raw folder."""
    stored.write_pairs(folder.pairs_file("test"), data.test_pairs)
    if data.dev_gallery is not None:
        stored.write_gallery(folder.gallery_folder("dev"), data.dev_gallery)
    if data.test_gallery is not None:
        stored.write_gallery(folder.gallery_folder("test"), data.test_gallery)


def copy_records(source: Path, target: Path) -> None:
    """Makes `target` hold the records of `source`; a kill leaves it as it was before, or done."""
    with replacing_folder(target) as new:
        shutil.copytree(source, new, dirs_exist_ok=True)


@dataclass(frozen=True)
class _How:
    """How images are embedded."""

    device: torch.device
    amp_dtype: torch.dtype | None
    batch_size: int
    flip: bool


def _choose_how(network: FaceNetwork, folder: FoldFolder, pack: Pack, settings: PredictConfig) -> _How:
    device = next(network.parameters()).device
    amp_dtype = trained_amp(folder, device)
    batch_size = choose_batch_size(
        settings.batch_size, network, pack.size_px, device, amp_dtype, settings.flip
    )
    return _How(device, amp_dtype, batch_size, settings.flip)


def _predict(
    network: FaceNetwork,
    folder: FoldFolder,
    checkpoint: CheckpointName,
    test_set: TestSet,
    how: _How,
    progress: Progress,
) -> None:
    with (
        _new_logits(folder, checkpoint, test_set.classified_ids) as logits_NC,
        progress.count(f"fold {folder.fold} {checkpoint}", len(test_set.embedded_ids), "images") as counter,
    ):
        vectors_ND = _embed_all(network, folder, test_set, how, logits_NC, counter)
    embeddings = Embeddings(test_set.embedded_ids, vectors_ND)
    stored.write_embeddings(folder.record_folder("test", checkpoint, "embeddings"), embeddings)
    if len(test_set.data.test_pairs):
        scores = score_pairs(embeddings, test_set.data.test_pairs)
        stored.write_pair_scores(folder.record_folder("test", checkpoint, "pairs"), scores)


def _embed_all(
    network: FaceNetwork,
    folder: FoldFolder,
    test_set: TestSet,
    how: _How,
    logits_NC: RowFile | FloatArray,
    counter: Counter,
) -> FloatArray:
    """Embeddings (N, D) of all images; fills the logits of those that come first."""
    untrained_C = stored.read_train_images(folder.classes_file) == 0
    ids, num_classified = test_set.embedded_ids, len(test_set.classified_ids)
    vectors_ND = np.empty((len(ids), network.embedding_size), np.float32)
    batches = evaluation_batches(test_set.pack, ids[:num_classified], how.batch_size, how.device)
    row = 0
    for embeddings_BD, logits_BC in one_behind(
        embed_batches(network, batches, how.device, how.amp_dtype, how.flip)
    ):
        rows = slice(row, row + len(embeddings_BD))
        vectors_ND[rows] = embeddings_BD.float().cpu().numpy()
        block_BC = logits_BC.half().cpu().numpy()
        block_BC[:, untrained_C] = -np.inf
        logits_NC[rows] = block_BC
        counter.advance(len(embeddings_BD))
        row = rows.stop
    batches = evaluation_batches(test_set.pack, ids[num_classified:], how.batch_size, how.device)
    for embeddings_BD in one_behind(
        embeddings_of_batches(network, batches, how.device, how.amp_dtype, how.flip)
    ):
        vectors_ND[row : row + len(embeddings_BD)] = embeddings_BD.float().cpu().numpy()
        counter.advance(len(embeddings_BD))
        row += len(embeddings_BD)
    return vectors_ND


@contextmanager
def _new_logits(
    folder: FoldFolder, checkpoint: CheckpointName, image_ids: StrArray
) -> Iterator[RowFile | FloatArray]:
    """Half-precision logits on the disk; none where the competition has no classification."""
    names = stored.read_classes(folder.classes_file).names
    if len(image_ids):
        target = folder.record_folder("test", checkpoint, "predictions")
        with stored.new_predictions(target, image_ids, names) as logits_NC:
            yield logits_NC
    else:
        yield np.empty((0, len(names)), np.float16)
