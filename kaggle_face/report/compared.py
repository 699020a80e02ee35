"""Facts of runs: their folds and settings, and how one does against the run before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kaggle_face.artifacts.files.reading import reading
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.competitions.catalogue.ranking import ClassMetric
from kaggle_face.config import Config, load_config
from kaggle_face.errors import KaggleFaceError
from kaggle_face.evaluation.figures import (
    class_figures,
    compare_classes,
    compare_pairs,
    open_trials,
    values_of_images,
)
from kaggle_face.evaluation.member_scores import has_record
from kaggle_face.evaluation.members import members_of_task
from kaggle_face.evaluation.pair_scales import pooled
from kaggle_face.metrics.verification import verification_summary
from kaggle_face.records import FloatArray
from kaggle_face.report.facts import ComparedMetric, Comparison, FoldFacts, RunFacts

_PLACES = ("paths.", "data.root")
"""Settings that name folders of a machine."""


def run_facts(run: RunFolder, folds: Sequence[FoldFolder]) -> RunFacts:
    """The facts of a run and those of its folds that are shown.

    Raises:
        RunError: A file of a fold is damaged.
    """
    finished = len(run.finished_folds())
    return RunFacts(
        run, tuple(map(_fold_facts, folds)), run.num_folds, finished, tuple(_differences(folds[0]))
    )


def compare_with(
    run: RunFolder, before: RunFolder, metrics: Sequence[str], folds: Sequence[int] | None = None
) -> Comparison:
    """The metrics of a run and of the one before, on the folds that both have, with paired differences.

    `folds` are those that are shown; None: all.
    """
    numbers = {fold.fold for fold in before.finished_folds() if folds is None or fold.fold in folds}
    common = [fold.fold for fold in run.finished_folds() if fold.fold in numbers]
    note = f"on fold{'s' if len(common) > 1 else ''} {', '.join(map(str, common))}, networks against networks"
    if not common:
        return Comparison(before.name, (), "no fold that is shown is finished in both runs")
    rows: list[ComparedMetric] = []
    try:
        rows += _of_classes(run, before, common, "map@5" if "map@5" in metrics else "accuracy")
        rows += _of_pairs(run, before, common)
    except KaggleFaceError as error:
        note = f"not everything is compared: {error}"
    return Comparison(before.name, tuple(row for row in rows if row.metric in metrics), note)


def run_before(run: RunFolder, others: Sequence[RunFolder]) -> RunFolder | None:
    """The newest training that began before a run did; None where there is none."""
    began = _began(run)
    earlier = [
        (_began(each), each)
        for each in others
        if each != run and each.kind in ("training", "imported") and each.finished_folds()
    ]
    dated = [(when, each) for when, each in earlier if when and began and when < began]
    return max(dated, key=lambda pair: pair[0], default=("", None))[1]


def _began(run: RunFolder) -> str:
    return min((str(fold.read_info().get("began_at", "")) for fold in run.started_folds()), default="")


def _fold_facts(fold: FoldFolder) -> FoldFacts:
    weights = sorted((fold.path / "checkpoints").glob("*.safetensors"))
    return FoldFacts(fold.fold, fold.read_info(), _history(fold), weights[0].stat().st_size if weights else 0)


def _history(fold: FoldFolder) -> dict[str, FloatArray]:
    import pandas as pd

    if not fold.history_file.is_file():
        return {}
    with reading(fold.history_file):
        frame = pd.read_csv(fold.history_file)
        return {str(name): frame[name].to_numpy(np.float64) for name in frame.columns}


def _differences(fold: FoldFolder) -> Iterator[tuple[str, str, str]]:
    """Settings of a fold that differ from `configs/base.yaml`; none where they are not kept or are too
    old."""
    try:
        own = _flat(fold.read_config())
    except KaggleFaceError:
        return
    base = _flat(load_config("base").config)
    for key in dict.fromkeys((*base, *own)):
        if base.get(key) != own.get(key) and not key.startswith(_PLACES):
            yield key, base.get(key, ""), own.get(key, "")


def _flat(config: Config) -> dict[str, str]:
    return dict(_leaves(config.model_dump(mode="json"), ""))


def _leaves(value: Any, prefix: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{prefix}.{key}".lstrip("."))
    else:
        yield prefix, str(value)


def _of_classes(
    run: RunFolder, before: RunFolder, folds: Sequence[int], own_metric: ClassMetric
) -> list[ComparedMetric]:
    members = members_of_task("classification", [run, before], None, folds)
    if len(members) != 2 or not has_record(members, "oof", "predictions"):
        return []
    now, then = class_figures(members)
    differences = compare_classes(now, then, own_metric=own_metric)
    values = [
        {name: float(values.mean()) for name, values in values_of_images(each, own_metric).items()}
        for each in (now, then)
    ]
    return [ComparedMetric(name, values[0][name], values[1][name], differences[name]) for name in values[0]]


def _of_pairs(run: RunFolder, before: RunFolder, folds: Sequence[int]) -> list[ComparedMetric]:
    members = members_of_task("verification", [run, before], None, folds)
    trials = open_trials(members) if len(members) == 2 else None
    if trials is None:
        return []
    differences = compare_pairs(trials, 0, 1)
    now, then = (
        verification_summary(pooled(each, trials.pools), trials.labels) for each in trials.values("scores")
    )
    return [ComparedMetric(name, now[name], then[name], differences.get(name)) for name in now]
