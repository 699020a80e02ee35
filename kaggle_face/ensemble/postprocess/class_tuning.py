"""The neighbours' share in classification, tuned out of fold, and off unless it helps.

The setting is chosen on one side of the people and judged on the other; neighbours are always all other
images of the fold, since they are what a test image will have.

Letters: N images, J likely classes, M members.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from kaggle_face.ensemble.blended import ClassBlend, used_members
from kaggle_face.ensemble.postprocess.class_neighbours import (
    RECIPES,
    NeighbourRecipe,
    Neighbours,
    candidate_votes,
    held_out_neighbours,
)
from kaggle_face.ensemble.search.classification import ClassProblem, class_metrics, interval_of_ranks
from kaggle_face.ensemble.search.weights import weighted_mean
from kaggle_face.evaluation.member_scores import HeldOutLogits
from kaggle_face.evaluation.nested_split import BoolArray, nested_split
from kaggle_face.metrics.classification import hits_at_ranks, true_class_ranks
from kaggle_face.metrics.intervals.bootstrap import Difference, Interval, clustered_mean_difference
from kaggle_face.records import FloatArray, IntArray


@dataclass(frozen=True)
class ClassTuning:
    """The recipe (plain where neighbours do not help), its gains, and the blend's metrics with it.

    `interval` is that of the main metric with the recipe, for other people.
    """

    recipe: NeighbourRecipe
    best: NeighbourRecipe
    gain: Difference
    in_sample_gain: float
    metrics: dict[str, float]
    interval: Interval | None = None

    def as_json(self) -> dict[str, Any]:
        """The values that `ensemble.json` keeps."""
        return {
            "recipe": asdict(self.recipe),
            "best": asdict(self.best),
            "gain": asdict(self.gain),
            "in_sample_gain": self.in_sample_gain,
            "metrics": self.metrics,
        }


@dataclass(frozen=True, eq=False)
class ClassTuningProblem:
    """The tuning problem of classes: probabilities of the blend (N, J + 1), neighbours by member (N, K)."""

    blend_problem: ClassProblem
    probabilities: FloatArray
    neighbours: tuple[Neighbours, ...]
    weights: tuple[float, ...]

    def ranks(self, recipe: NeighbourRecipe) -> IntArray:
        """Ranks (N) of the true classes with the neighbours' share."""
        mixed = self.probabilities
        if not recipe.is_plain:
            classes = self.blend_problem.table.classes
            votes = sum(
                weight * candidate_votes(neighbours, recipe, classes)
                for neighbours, weight in zip(self.neighbours, self.weights, strict=True)
            )
            mixed = (1 - recipe.share) * self.probabilities + recipe.share * np.asarray(votes)
        return true_class_ranks(mixed, self.blend_problem.table.true_column)


def open_class_tuning(
    blend_problem: ClassProblem, blend: ClassBlend, held_out: Sequence[HeldOutLogits]
) -> ClassTuningProblem:
    """Finds every held-out image's neighbours as each used member sees them.

    Raises:
        RunError: A member has no out-of-fold embeddings.
        DataError: An image has none.
    """
    from scipy.special import softmax

    assert blend.space != "ranks", "ranks are not probabilities"
    temperature_set = blend_problem.table.temperatures.index(blend.temperatures)
    values = weighted_mean(blend_problem.table.values(blend.space, temperature_set), np.array(blend.weights))
    if blend.space == "log_probabilities":
        values = softmax(values, axis=1)
    probabilities = np.concatenate([np.maximum(values, 0), np.zeros((len(values), 1))], axis=1)
    wanted = blend_problem.table.image_ids
    found = []
    for member in used_members(blend):
        parts = [
            held_out_neighbours(member, fold, part.image_ids[np.isin(part.image_ids, wanted)])
            for fold, part in zip(member.folds, held_out, strict=True)
        ]
        count = min(part.labels.shape[1] for part in parts)
        found.append(
            Neighbours(
                np.concatenate([part.labels[:, :count] for part in parts]),
                np.concatenate([part.cosines[:, :count] for part in parts]),
            )
        )
    weights = tuple(weight for weight in blend.weights if weight > 0)
    return ClassTuningProblem(blend_problem, probabilities, tuple(found), weights)


def tune_classes(problem: ClassTuningProblem) -> ClassTuning:
    """Chooses how many neighbours vote and their share, which is 0 unless they help."""
    blend_problem = problem.blend_problem
    ranks = {recipe: problem.ranks(recipe) for recipe in (NeighbourRecipe(), *RECIPES)}
    plain = ranks[NeighbourRecipe()]
    nested = np.empty_like(plain)
    for found_on, judged_on in nested_split(blend_problem.sides):
        nested[judged_on] = ranks[fit_recipe(blend_problem, ranks, found_on)][judged_on]
    metric = blend_problem.objective.main_metric
    hits, plain_hits = hits_at_ranks(nested, metric), hits_at_ranks(plain, metric)
    gain = clustered_mean_difference(hits, plain_hits, blend_problem.table.labels, blend_problem.resampling)
    best = fit_recipe(blend_problem, ranks, blend_problem.everything)
    helps = not best.is_plain and gain.low > 0
    recipe = best if helps else NeighbourRecipe()
    in_sample = float(np.mean(hits_at_ranks(ranks[best], metric)) - np.mean(plain_hits))
    interval = interval_of_ranks(blend_problem, ranks[recipe])
    return ClassTuning(recipe, best, gain, in_sample, class_metrics(ranks[recipe]), interval)


def fit_recipe(
    blend_problem: ClassProblem, ranks: dict[NeighbourRecipe, IntArray], rows: BoolArray
) -> NeighbourRecipe:
    """The best recipe on the chosen images; of equals the one that comes first, so plain before all."""
    return max(ranks, key=lambda recipe: blend_problem.objective(class_metrics(ranks[recipe][rows])))
