"""The test set through the checkpoints of a fold: each image is embedded once for all tasks.

Letters: N images, C classes, D embedding size.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.files.atomic import replacing_folder
from kaggle_face.artifacts.files.row_files import RowFile
from kaggle_face.artifacts.predicted_tables import TestTables, predicted_images, write_test_tables
from kaggle_face.artifacts.provenance import describe_averaging, inputs_of_record
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import PredictConfig
from kaggle_face.config.schema import CheckpointName
from kaggle_face.data.cache.image_cache import ImageCache
from kaggle_face.data.loading.loader import evaluation_batches
from kaggle_face.inference.batch_size import choose_batch_size
from kaggle_face.inference.embedding import embed_batches
from kaggle_face.inference.labelled_test import write_test_labels
from kaggle_face.metrics.similarity import score_pairs
from kaggle_face.model.cpu import prepare_cpu
from kaggle_face.model.network import FaceNetwork
from kaggle_face.model.trained import load_trained_network, trained_amp
from kaggle_face.progress import Counter, Progress
from kaggle_face.records import CompetitionData, Embeddings, FloatArray, StrArray


@dataclass(frozen=True, eq=False)
class TestSet:
    """The test set: images that need logits come first, then those that need embeddings alone."""

    __test__ = False  # the name is the field's word, not a test of pytest's

    data: CompetitionData
    cache: ImageCache
    classified_ids: StrArray
    embedded_ids: StrArray


def gather_test_set(data: CompetitionData, cache: ImageCache) -> TestSet:
    """Every image that a submission or a gallery's threshold needs or whose class is known, once."""
    classified = np.unique(np.concatenate([data.test_rows.image_ids, data.labelled_test.image_ids]))
    others = np.setdiff1d(predicted_images(data), classified)
    return TestSet(data, cache, classified, np.concatenate([classified, others]))


@dataclass(frozen=True, eq=False)
class Predictor:
    """Writes the test records of the networks of folds.

    Attributes:
        test_set: The images.
        tables: What is predicted; it is kept beside the records, so that later stages need no raw folder.
        settings: What embeddings are averaged over, and the batch size.
        device: Where the networks run.
        progress: Shows how many images are done.
    """

    test_set: TestSet
    tables: TestTables
    settings: PredictConfig
    device: torch.device
    progress: Progress

    def predict_fold(
        self, folder: FoldFolder, checkpoints: Sequence[CheckpointName], folds_after: int = 0
    ) -> None:
        """Writes predictions, embeddings and pair scores of each checkpoint into the fold's folder.

        Checkpoints with the same weights are one network, which runs once and whose records are copied.

        Args:
            folder: A trained fold.
            checkpoints: Which of its networks.
            folds_after: Folds that the call predicts with after this one; the time left covers them.

        Raises:
            RunError: The fold or a checkpoint is missing or damaged.
        """
        prepare_cpu(self.device)
        write_test_tables(folder.path / "test", self.tables)
        write_test_labels(folder, self.test_set.data)
        averaging = describe_averaging(self.settings.flip, self.settings.crops)
        done: dict[str, CheckpointName] = {}
        how: _How | None = None
        there = [name for name in checkpoints if folder.weights_file(name).is_file()]
        inputs = {name: inputs_of_record(folder, "test", name, averaging) for name in there}
        num_networks = len({made_of["checkpoint"] for made_of in inputs.values()})
        for checkpoint in checkpoints:
            network = load_trained_network(folder, checkpoint, self.device)
            network.averages_crops = self.settings.crops
            how = how or self._how(network, folder)
            made_of = inputs[checkpoint]
            weights = made_of["checkpoint"]
            target = folder.record_folder("test", checkpoint, "predictions").parent
            if weights in done:
                same = folder.record_folder("test", done[weights], "predictions").parent
                copy_records(same, target)
            else:
                networks_after = num_networks * (1 + folds_after) - len(done) - 1
                self._predict(network, folder, checkpoint, how, made_of, networks_after)
                done[weights] = checkpoint

    def _how(self, network: FaceNetwork, folder: FoldFolder) -> _How:
        place, flip = next(network.parameters()).device, self.settings.flip
        amp_dtype, size_px = trained_amp(folder, place), self.test_set.cache.size_px
        batch_size = choose_batch_size(self.settings.batch_size, network, size_px, place, amp_dtype, flip)
        return _How(place, amp_dtype, batch_size, flip)

    def _predict(
        self,
        network: FaceNetwork,
        folder: FoldFolder,
        checkpoint: CheckpointName,
        how: _How,
        made_of: Mapping[str, str],
        networks_after: int,
    ) -> None:
        test_set = self.test_set
        num_images = len(test_set.embedded_ids)
        label, later = f"fold {folder.fold} {checkpoint}", float(networks_after * num_images)
        with (
            _new_logits(folder, checkpoint, test_set.classified_ids, made_of) as logits_NC,
            self.progress.track(label, num_images, "images", later=later) as counter,
        ):
            vectors_ND = _embed_all(network, folder, test_set, how, logits_NC, counter)
        embeddings = Embeddings(test_set.embedded_ids, vectors_ND)
        target = folder.record_folder("test", checkpoint, "embeddings")
        record_io.write_embeddings(target, embeddings, made_of)
        target = folder.record_folder("test", checkpoint, "pairs")
        if len(test_set.data.test_pairs):
            record_io.write_pair_scores(target, score_pairs(embeddings, test_set.data.test_pairs), made_of)
        else:
            shutil.rmtree(target, ignore_errors=True)  # of an earlier list of pairs


def copy_records(source: Path, target: Path) -> None:
    """Makes `target` hold the records of `source`; a kill leaves it as it was before, or done."""
    with replacing_folder(target) as new:
        shutil.copytree(source, new, dirs_exist_ok=True)


@dataclass(frozen=True)
class _How:
    """The way in which images are embedded."""

    device: torch.device
    amp_dtype: torch.dtype | None
    batch_size: int
    flip: bool


def _embed_all(
    network: FaceNetwork,
    folder: FoldFolder,
    test_set: TestSet,
    how: _How,
    logits_NC: RowFile | FloatArray,
    counter: Counter,
) -> FloatArray:
    """Embeddings (N, D) of all images; fills the logits of those that come first."""
    untrained_C = record_io.read_train_images(folder.classes_file) == 0
    ids, num_classified = test_set.embedded_ids, len(test_set.classified_ids)
    vectors_ND = np.empty((len(ids), network.embedding_size), np.float32)
    for part, with_logits in ((slice(num_classified), True), (slice(num_classified, None), False)):
        batches = evaluation_batches(test_set.cache, ids[part], how.batch_size, how.device)
        vectors_of_part = vectors_ND[part]
        for batch in embed_batches(network, batches, how.device, how.amp_dtype, how.flip, with_logits):
            vectors_of_part[batch.rows] = batch.embeddings
            if with_logits:
                batch.logits[:, untrained_C] = -np.inf
                logits_NC[batch.rows] = batch.logits
            counter.advance(len(batch.embeddings))
    return vectors_ND


@contextmanager
def _new_logits(
    folder: FoldFolder, checkpoint: CheckpointName, image_ids: StrArray, made_of: Mapping[str, str]
) -> Iterator[RowFile | FloatArray]:
    """Logits on the disk, in the precision of out-of-fold ones; none where nothing is classified."""
    names = record_io.read_classes(folder.classes_file).names
    target = folder.record_folder("test", checkpoint, "predictions")
    if len(image_ids):
        with record_io.new_predictions(target, image_ids, names, made_of=made_of) as logits_NC:
            yield logits_NC
    else:
        shutil.rmtree(target, ignore_errors=True)
        yield np.empty((0, len(names)), np.float32)
