"""Soups of checkpoints, written as a run that every later stage reads like a trained one.

A soup is scored on what none of its ingredients was trained on: the checkpoints of one fold, of one run or of
several, by that fold's held-out images and trials; checkpoints of several folds by the trials that all folds
share, and by nothing else, as each fold's images are in the others' training.

That score chose the soup, so it does not measure the gain, which is measured on people it was not chosen on:
each side of them judges the soup and the best checkpoint that the other side chose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from kaggle_face.artifacts import record_io
from kaggle_face.artifacts.files.atomic import write_text
from kaggle_face.artifacts.provenance import describe_averaging, digest_of_network
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.config import Config, dump_config
from kaggle_face.config.schema import CheckpointName
from kaggle_face.errors import InputError, RunError
from kaggle_face.evaluation.nested_gain import (
    GainPart,
    mean_gain,
)
from kaggle_face.model.network import count_parameters
from kaggle_face.model.weights.checkpoints import save_weights
from kaggle_face.progress import Progress
from kaggle_face.train.averaging.scorer import MeasuredSoup, Source, WeightsScorer
from kaggle_face.train.other_runs.lookup import is_of_several_folds
from kaggle_face.train.out_of_fold import write_records, write_targets
from kaggle_face.train.settings import FoldData
from kaggle_face.train.validation import measure

_NAMES: tuple[CheckpointName, ...] = ("last", "best_cls", "best_ver", "best")
"""A soup is the same network under all of these names, so that no later stage needs to know of soups."""

_KEPT_OF_FIRST = ("config", "settings", "overrides", "folds", "num_folds", "seed", "cpu_amp", "center_crop")


def distinct_sources(folders: Sequence[FoldFolder], checkpoints: Sequence[CheckpointName]) -> list[Source]:
    """The wanted checkpoints of finished folds; those of one epoch are one network and are taken once.

    Raises:
        RunError: A fold has none.
    """
    sources: dict[object, Source] = {}
    for folder in folders:
        results = folder.read_info().get("results", {})
        found = [checkpoint for checkpoint in checkpoints if checkpoint in results]
        if not found:
            what = f"of {', '.join(checkpoints)}" if len(checkpoints) > 1 else checkpoints[0]
            raise RunError(
                f"{folder.path} has no checkpoint {what} (it has {', '.join(results) or 'none'}); "
                "leave it out, or choose others with --checkpoints"
            )
        for checkpoint in found:
            key = (folder.path, results[checkpoint].get("epoch", checkpoint))
            sources.setdefault(key, Source(folder, checkpoint))
    return list(sources.values())


def shared_fold_data(data_of_folds: Sequence[FoldData]) -> FoldData:
    """The data held out of several folds at once: the trials that all of them are measured on.

    Raises:
        RunError: The folds have trials of their own, or none.
    """
    first = min(data_of_folds, key=lambda data: data.fold)
    same = all(np.array_equal(data.pairs.pair_ids, first.pairs.pair_ids) for data in data_of_folds)
    if not same or not first.pairs.are_labelled:
        raise RunError(
            "nothing is held out of all these folds: their images are in each other's training and their "
            "trials differ (folds.verification); make a soup of each fold by itself"
        )
    everyone = np.concatenate([data.train_ids for data in data_of_folds])
    train_ids, rows = np.unique(everyone, return_index=True)
    return replace(
        first,
        train_ids=train_ids,
        train_labels=np.concatenate([data.train_labels for data in data_of_folds])[rows],
        validation_ids=first.validation_ids[:0],
        validation_labels=first.validation_labels[:0],
    )


def make_soup(
    config: Config,
    data: FoldData,
    sources: Sequence[Source],
    target: FoldFolder,
    about: Mapping[str, Any],
    options: Mapping[str, Any],
    progress: Progress,
) -> MeasuredSoup:
    """Makes a soup and writes it as the fold of a run.

    Args:
        config: The settings that the first source was trained with.
        data: What the soup is scored on, and whose training images its norms are measured on.
        sources: The checkpoints.
        target: The new fold's folder.
        about: What is known of this call.
        options: What the soup was chosen by, kept for the command that makes it anew.
        progress: Gets a line for each try.

    Raises:
        RunError: The checkpoints are of different networks, folds or classes.
    """
    _require_equal(sources, data)
    scorer = WeightsScorer(config, data, sources)
    measured, held_out = scorer.choose(progress)
    write_text(target.config_file, dump_config(config))
    record_io.write_classes(target.classes_file, data.classes, data.class_counts)
    write_targets(target, data)
    for checkpoint in _NAMES:
        save_weights(
            scorer.network, target.weights_file(checkpoint), {"soup": ", ".join(measured.soup.names)}
        )
        write_records(target, checkpoint, held_out, describe_averaging(scorer.how.flip, scorer.how.crops))
    figures = measure(held_out, data)
    num_parameters = count_parameters(scorer.network, with_head=True)
    written = _describe(measured, sources, data, figures, num_parameters)
    target.write_info({**about, **written, "soup": {**options, **written["soup"]}})
    return measured


def _describe(
    measured: MeasuredSoup,
    sources: Sequence[Source],
    data: FoldData,
    figures: Mapping[str, float],
    num_parameters: int,
) -> dict[str, Any]:
    """The `run.json` of a soup beside the call: as of a training, and what it is made of."""
    of_first, soup = sources[0].folder.read_info(), measured.soup
    return {
        **{key: of_first[key] for key in _KEPT_OF_FIRST if key in of_first},
        **data.sizes,
        "kind": "soup",
        "status": "finished",
        "seconds": 0.0,
        "num_parameters": num_parameters,
        "soup": {
            "of": list(soup.names),
            "score": soup.score,
            "best_alone": soup.best_alone,
            "formula": measured.formula,
            "measured_on": measured.measured_on,
            **describe_gain(measured.gains, measured.note),
        },
        "networks": {
            name: digest
            for source in sources
            for name, digest in digest_of_network(source.folder, source.checkpoint).items()
        },
        "results": {name: {"epoch": 0, **figures} for name in _NAMES},
    }


def describe_gain(parts: Sequence[GainPart], note: str) -> dict[str, Any]:
    """A gain on people it was not chosen on, for `run.json`."""
    try:
        gain = mean_gain(parts) if parts else None
    except InputError as error:
        gain, note = None, str(error)
    if gain is None:
        return {"gain": None, "note": note}
    return {"gain": {"value": gain.value, "low": gain.low, "high": gain.high}}


def _require_equal(sources: Sequence[Source], data: FoldData) -> None:
    """Checks that checkpoints have the same classes and split into folds, and know no held-out image."""
    first = sources[0]
    if len(data.validation_ids):
        for source in sources:
            if is_of_several_folds(source.folder):
                raise RunError(
                    f"{source.name} is a soup of several folds, so it knows the images held out of fold "
                    f"{data.fold}; leave it out, or make a soup with --across-folds"
                )
    names = record_io.read_classes(first.folder.classes_file).names
    split = first.folder.read_info().get("folds")
    for source in sources[1:]:
        if not np.array_equal(record_io.read_classes(source.folder.classes_file).names, names):
            raise RunError(f"{source.name} and {first.name} have different classes and cannot be averaged")
        if source.folder.read_info().get("folds") != split:
            raise RunError(
                f"{source.name} and {first.name} were trained on different folds: what is held out of "
                "the one is in the other's training"
            )
