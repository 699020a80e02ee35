"""Figures of models, soups and blends, out of fold and on a test set whose truth is known.

Weights, spaces and post-processing are chosen on held-out data; the test set measures how they do
on data by which nothing was chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.blends.faces import read_truth
from benchmarks.blends.known_truth import KnownTruth, ScoredPairs, score_class_blend, score_pair_blend
from benchmarks.blends.table import (
    BlendRow,
    Change,
    StepRow,
    mean_and_deviation,
    tabulate_classes,
    tabulate_gallery,
    tabulate_pairs,
    tabulate_steps,
)
from benchmarks.script import describe_faces, describe_machine
from kaggle_face.artifacts.environment import MACHINE
from kaggle_face.artifacts.record_io import read_pairs
from kaggle_face.artifacts.runs import RunFolder
from kaggle_face.bench.report import Cell, Report
from kaggle_face.cli.terminal import Terminal
from kaggle_face.config import LoadedConfig
from kaggle_face.config.schema import CheckpointName
from kaggle_face.ensemble.blended import ClassBlend, PairBlend, used_members
from kaggle_face.ensemble.postprocess.class_tuning import ClassTuning
from kaggle_face.ensemble.postprocess.gallery_recipes import GalleryRecipe
from kaggle_face.ensemble.postprocess.gallery_tuning import open_simulated_tuning, tune_gallery
from kaggle_face.ensemble.postprocess.pair_tuning import PairTuning
from kaggle_face.ensemble.search.candidates import Candidate, Kind
from kaggle_face.ensemble.selection import (
    BlendChoice,
    SelectionOptions,
    class_blend,
    pair_blend,
    select_class_blend,
    select_pair_blend,
)
from kaggle_face.ensemble.summary import count_parameters
from kaggle_face.evaluation.held_out_pairs import open_held_out_pairs
from kaggle_face.evaluation.member_scores import open_predictions
from kaggle_face.evaluation.members import Member, choose_members
from kaggle_face.metrics.intervals.bootstrap import Difference, clustered_mean_difference
from kaggle_face.metrics.table import METRICS

CHECKPOINT: CheckpointName = "last"
"""No checkpoint of a training is chosen by what the blends are judged by."""

_MODELS, _SOUPS, _EVERYTHING = "the models", "the soups", "models and soups"
_KINDS: Mapping[str, tuple[Kind, ...]] = {
    _MODELS: ("equal", "hill", "constrained"),
    _SOUPS: ("equal",),
    _EVERYTHING: ("hill",),
}
"""Which blends of a group are shown."""


@dataclass(frozen=True)
class _Decided:
    """The selection among some members, with its name in the table."""

    whose: str
    members: tuple[Member, ...]
    decision: BlendChoice
    kinds: tuple[Kind, ...]


def measure_blends(
    loaded: LoadedConfig, runs: Sequence[RunFolder], soups: Sequence[RunFolder], terminal: Terminal
) -> list[Report]:
    """Four tables: classification, verification, post-processing, and that of a gallery."""
    models, mixed = (choose_members(found, [CHECKPOINT]) for found in (runs, soups))
    truth = _known_truth(Path(loaded.config.data.root), models)
    groups = ((_MODELS, models), (_SOUPS, mixed), (_EVERYTHING, (*models, *mixed)))
    classes = [_decide(whose, members, True, terminal) for whose, members in groups]
    pairs = [_decide(whose, members, False, terminal) for whose, members in groups]
    return [
        tabulate_classes(list(_class_rows(classes, truth)), _about(loaded, models)),
        tabulate_pairs(list(_pair_rows(pairs, truth))),
        tabulate_steps([*_steps(classes[0].decision), *_steps(pairs[0].decision)]),
        _gallery_report(pairs[0].decision, truth, terminal),
    ]


def _decide(whose: str, members: Sequence[Member], of_classes: bool, terminal: Terminal) -> _Decided:
    """The models with all that `ensemble` does; soups beside them by the plain mean and by hill climbing."""
    decide = select_class_blend if of_classes else select_pair_blend
    formula = "accuracy" if of_classes else "1-eer"
    how = SelectionOptions() if whose == _MODELS else SelectionOptions("hill", post_process=False)
    decision = decide(members, formula, how, terminal)
    return _Decided(whose, decision.blend.members, decision, _KINDS[whose])


def _class_rows(decided: Sequence[_Decided], truth: KnownTruth) -> Iterator[BlendRow]:
    best = _best_single(decided[0].decision)
    best_tested = score_class_blend(class_blend(decided[0].members, best), truth)
    for each in decided:
        for candidate in _shown(each, "probabilities"):
            blend = class_blend(each.members, candidate)
            tested = score_class_blend(blend, truth)
            row = _row(each, candidate, blend, "accuracy", tested.accuracy)
            is_best = candidate is best
            yield row if is_best else replace(row, test_gain=_change(tested.less(best_tested)))
        if each.whose == _MODELS:
            assert isinstance(each.decision.blend, ClassBlend)
            tested = score_class_blend(each.decision.blend, truth, each.decision.class_recipe)
            yield replace(
                _chosen_row(each, "accuracy", tested.accuracy), test_gain=_change(tested.less(best_tested))
            )


def _pair_rows(decided: Sequence[_Decided], truth: KnownTruth) -> Iterator[BlendRow]:
    best = _best_single(decided[0].decision)
    best_tested = score_pair_blend(pair_blend(decided[0].members, best), truth)
    for each in decided:
        for candidate in _shown(each, "scores"):
            blend = pair_blend(each.members, candidate)
            tested = score_pair_blend(blend, truth)
            row = _row(each, candidate, blend, "eer", tested.metrics["eer"])
            is_best = candidate is best
            gain = None if is_best else _change(tested.less(best_tested), -1)
            yield replace(row, test_gain=gain, more=_more(tested, _alone(blend, candidate, truth)))
        if each.whose == _MODELS:
            assert isinstance(each.decision.blend, PairBlend)
            tested = score_pair_blend(each.decision.blend, truth, each.decision.pair_recipe)
            row = _chosen_row(each, "eer", tested.metrics["eer"])
            gain = _change(tested.less(best_tested), -1)
            yield replace(row, test_gain=gain, more=_more(tested, "-"))


def _shown(decided: _Decided, space: str) -> Iterator[Candidate]:
    """The single members (once each), and one blend of each kind: in one space, so that none is chosen."""
    selection = decided.decision.selection
    assert selection is not None, "everything here has out-of-fold records"
    seen: set[Kind] = set()
    for candidate in selection.candidates:
        if candidate.kind == "single":
            if decided.whose != _EVERYTHING:
                yield candidate
        elif candidate.kind in set(decided.kinds) - seen and candidate.space == space:
            seen.add(candidate.kind)
            yield candidate


def _row(
    decided: _Decided, candidate: Candidate, blend: ClassBlend | PairBlend, metric: str, test: float
) -> BlendRow:
    is_single = candidate.kind == "single"
    name = candidate.name.rpartition("/")[2].partition("@")[0] if is_single else _words(decided, candidate)
    return BlendRow(
        name=name,
        num_parameters=count_parameters(used_members(blend)),
        found=candidate.metrics[metric],
        test=test,
        nested=None if is_single else candidate.nested,
        nested_gain=None if candidate.gain is None else _change(candidate.gain),
        in_sample_gain=candidate.in_sample_gain,
    )


def _chosen_row(decided: _Decided, metric: str, test: float) -> BlendRow:
    """The row of the blend that `ensemble` takes, with the post-processing that helps."""
    decision = decided.decision
    assert decision.selection is not None
    winner = decision.selection.winner
    row = _row(decided, winner, decision.blend, metric, test)
    found = decision.metrics[metric]
    return replace(row, name=f"chosen by `ensemble`: {winner.name}", found=found, nested=None)


def _words(decided: _Decided, candidate: Candidate) -> str:
    """The name of a blend in the table.

    The weights stand behind its name where they differ.
    """
    kinds = {"equal": "equal mean", "hill": "hill climbing", "constrained": "constrained weights"}
    weights = " ".join(f"{weight:.2f}" for weight in candidate.weights)
    shown = "" if candidate.kind == "equal" else f" ({weights})"
    return f"{kinds[candidate.kind]} of {decided.whose}{shown}"


def _best_single(decision: BlendChoice) -> Candidate:
    """The model that is best out of fold."""
    assert decision.selection is not None
    singles = [each for each in decision.selection.candidates if each.kind == "single"]
    metric = decision.selection.metric
    return min(singles, key=lambda each: each.metrics[metric] * -METRICS[metric].sign)


def _alone(blend: PairBlend, candidate: Candidate, truth: KnownTruth) -> str:
    """The test EER of each network of a single model by itself: mean and deviation."""
    if candidate.kind != "single":
        return "-"
    (member,) = used_members(blend)
    rates = []
    for fold in member.folds:
        alone = PairBlend((replace(member, folds=(fold,)),), (1.0,))
        rates.append(score_pair_blend(alone, truth).metrics["eer"])
    return mean_and_deviation(rates)


def _more(tested: ScoredPairs, alone: str) -> tuple[Cell, ...]:
    metrics, ten_fold = tested.metrics, tested.ten_fold
    accuracy = "-"
    if ten_fold is not None:
        accuracy = f"{100 * ten_fold.mean:.2f} ± {100 * ten_fold.standard_error:.2f}"
    return alone, f"{metrics['auc']:.4f}", f"{metrics['tpr@1e-2']:.3f}", accuracy


def _steps(decision: BlendChoice) -> Iterator[StepRow]:
    match decision.tuning:
        case ClassTuning() as tuning:
            is_on = not tuning.recipe.is_plain
            gain = _change(tuning.gain)
            yield StepRow("classification", str(tuning.best), is_on, gain, tuning.in_sample_gain)
        case PairTuning() as tuning:
            for step in tuning.steps:
                gain = _change(step.gain)
                yield StepRow("verification", step.setting, step.is_on, gain, step.in_sample_gain)


def _gallery_report(decision: BlendChoice, truth: KnownTruth, terminal: Terminal) -> Report:
    """A gallery of the judging people to tune on, and one of the test people, with one image of each."""
    assert isinstance(decision.blend, PairBlend)
    trials = open_held_out_pairs(decision.blend.members)
    assert trials is not None, "the judging trials are labelled"
    both = np.concatenate([trials.first_ids, trials.second_ids])
    ids, first = np.unique(both, return_index=True)
    dev = open_simulated_tuning(decision.blend, "oof", ids, trials.people.T.ravel()[first])
    tuned = tune_gallery(dev, terminal)
    ids, first = np.unique(np.concatenate([truth.pairs.first_ids, truth.pairs.second_ids]), return_index=True)
    people = np.unique(truth.people.T.ravel()[first], return_inverse=True)[1].astype(np.int64)
    test = open_simulated_tuning(decision.blend, "test", ids, people)
    rows = [
        StepRow("gallery", step.setting, step.is_on, _change(step.gain), step.in_sample_gain)
        for step in tuned.steps
    ]
    plain, chosen = (
        test.hits(recipe, test.everything, dev.threshold(recipe, dev.everything))
        for recipe in (GalleryRecipe(), tuned.recipe)
    )
    gain = clustered_mean_difference(chosen, plain, test.people)
    return tabulate_gallery(rows, len(test.truth), (float(plain.mean()), float(chosen.mean())), _change(gain))


def _change(difference: Difference, sign: int = 1) -> Change:
    """A difference as a gain; sign -1 where lower is better."""
    if sign > 0:
        return Change(difference.value, difference.low, difference.high)
    return Change(0.0 - difference.value, 0.0 - difference.high, 0.0 - difference.low)


def _known_truth(root: Path, members: Sequence[Member]) -> KnownTruth:
    """The truth of the test set, from the folders' names and the file that was kept when laying it out."""
    fold = members[0].folds[0]
    pairs, truth = read_pairs(fold.pairs_file("test")), read_truth(root)
    at = pairs.pair_ids.astype(np.int64)
    people = np.array(
        [
            [image.rpartition("/")[2].rpartition("_")[0] for image in both]
            for both in zip(pairs.first_ids.tolist(), pairs.second_ids.tolist(), strict=True)
        ]
    )
    image_ids = open_predictions(members[0], fold, "test").image_ids.tolist()
    return KnownTruth(
        {image_id: image_id.split("/")[-2] for image_id in image_ids},
        replace(pairs, labels=truth.labels[at]),
        people,
        truth.sets[at],
    )


def _about(loaded: LoadedConfig, members: Sequence[Member]) -> dict[str, Cell]:
    config, info = loaded.config, members[0].folds[0].read_info(*MACHINE)
    minutes = sum(fold.read_info("seconds")["seconds"] for member in members for fold in member.folds) / 60
    return {
        "checkpoint": "the last epoch, image and mirror image averaged",
        **describe_machine(info),
        "image size": f"{config.data.image_size} pixels",
        "folds": config.folds.count,
        "epochs": config.train.epochs,
        "minutes of training": f"{minutes:.0f}",
        **describe_faces(Path(config.data.root)),
    }
