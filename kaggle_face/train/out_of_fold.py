"""Out-of-fold records: predictions of each checkpoint for a fold's held-out images and pairs."""

from __future__ import annotations

from collections.abc import Hashable

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.checkpoint_names import CHECKPOINTS
from kaggle_face.artifacts.provenance import describe_averaging, inputs_of_record
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.artifacts.tables import write_table
from kaggle_face.config.schema import CheckpointName
from kaggle_face.model.network import FaceNetwork
from kaggle_face.model.weights.checkpoints import load_weights
from kaggle_face.records import UNKNOWN
from kaggle_face.train.settings import FoldData
from kaggle_face.train.validation import Evaluation, HeldOut, measure, predict_held_out

Results = dict[str, dict[str, float]]
"""The figures of each checkpoint, and the epoch (from 1) that its weights come from."""


def write_out_of_fold(
    folder: FoldFolder,
    data: FoldData,
    network: FaceNetwork,
    epochs: dict[CheckpointName, int | None],
    how: Evaluation,
) -> Results:
    """Writes the records of every checkpoint in the folder, and returns their figures.

    Args:
        folder: Holds the checkpoints.
        data: What is held out.
        network: Takes the weights of one checkpoint after the other.
        epochs: The epoch of each checkpoint, from 1; None where its weights are of no single one. Checkpoints
            of one epoch are one network, which runs once.
        how: How images are embedded.
    """
    on_rank_zero = how.distributed.on_rank_zero
    on_rank_zero(write_targets, folder, data)
    results: Results = {}
    done: dict[Hashable, HeldOut] = {}
    for checkpoint in CHECKPOINTS:
        if not folder.weights_file(checkpoint).is_file():
            continue
        epoch = epochs[checkpoint]
        key = checkpoint if epoch is None else epoch
        if key not in done:
            load_weights(network, folder.weights_file(checkpoint))
            done[key] = predict_held_out(network, data, how)
        on_rank_zero(write_records, folder, checkpoint, done[key], describe_averaging(how.flip, how.crops))
        results[checkpoint] = {} if epoch is None else {"epoch": epoch}
        results[checkpoint].update(on_rank_zero(measure, done[key], data))
    return results


def write_targets(folder: FoldFolder, data: FoldData) -> None:
    """Writes the classes of held-out images, the trials, and the people of their images where known."""
    columns = {"image_id": data.validation_ids, "label": data.validation_labels}
    write_table(folder.labels_file, columns)
    record_io.write_pairs(folder.pairs_file("oof"), data.pairs)
    known = data.pair_labels != UNKNOWN
    if known.any():
        people = data.classes.names[data.pair_labels[known]]
        write_table(folder.people_file, {"image_id": data.pairs.image_ids[known], "person": people})


def write_records(folder: FoldFolder, checkpoint: CheckpointName, held_out: HeldOut, averaging: str) -> None:
    """Writes predictions, embeddings and pair scores, sealed with digests of their inputs.

    Args:
        folder: Holds the checkpoint, the classes and what `write_targets` wrote.
        checkpoint: The network that answered.
        held_out: Its answers.
        averaging: What embeddings are averaged over, as of `describe_averaging`.
    """
    made_of = inputs_of_record(folder, "oof", checkpoint, averaging)
    if len(held_out.predictions.image_ids):
        target = folder.record_folder("oof", checkpoint, "predictions")
        record_io.write_predictions(target, held_out.predictions, made_of)
    target = folder.record_folder("oof", checkpoint, "embeddings")
    record_io.write_embeddings(target, held_out.embeddings, made_of)
    if len(held_out.pair_scores.pair_ids):
        target = folder.record_folder("oof", checkpoint, "pairs")
        record_io.write_pair_scores(target, held_out.pair_scores, made_of)
