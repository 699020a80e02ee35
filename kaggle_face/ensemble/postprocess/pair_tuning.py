"""Post-processing of verification, tuned out of fold: each step is measured, and off unless it helps.

Steps are tried in the order in which they are done. The settings of a step are chosen on one side of the
people and judged on the other, with neighbours from the side's own images alone; a step is switched on if its
nested gain over the steps before it lies above zero with its whole interval.

Letters: M members, P pairs, D embedding size.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from kaggle_face.ensemble.blended import PairBlend
from kaggle_face.ensemble.postprocess.cohorts import STEPS_BY_COHORT, cohort_of
from kaggle_face.ensemble.postprocess.pair_recipes import (
    Neighbourhood,
    PairRecipe,
    QueryExpansion,
    Recipe,
    Reranking,
    ScoreNorm,
    Whitening,
    describe_step,
    recipe_scores,
)
from kaggle_face.ensemble.search.verification import (
    PairProblem,
    gain_between,
    interval_of_scores,
    judge_scores,
)
from kaggle_face.evaluation.held_out_pairs import HeldOutPairs
from kaggle_face.evaluation.member_scores import open_embeddings
from kaggle_face.evaluation.members import Member
from kaggle_face.evaluation.nested_split import BoolArray, nested_split, stable_order
from kaggle_face.evaluation.pair_scales import PairSpace, pair_values, pooled
from kaggle_face.metrics.intervals.bootstrap import Difference, Interval
from kaggle_face.metrics.table import METRICS
from kaggle_face.metrics.verification import verification_summary
from kaggle_face.progress import Progress
from kaggle_face.records import FloatArray, IntArray, positions_of

FEWEST_PEOPLE = 20
"""With fewer people an interval over people is too wide, and no step is tried."""

MOST_IMAGES = 4000
"""All are compared with all for each of twenty settings and each network, so more would take hours."""

STEPS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("centring", (True,)),
    ("whitening", (Whitening(0.25, 1.0), Whitening(0.5, 1.0), Whitening(1.0, 1.0), Whitening(0.5, 0.5))),
    (
        "expansion",
        (QueryExpansion(1, 1.0), QueryExpansion(3, 1.0), QueryExpansion(3, 3.0), QueryExpansion(8, 3.0)),
    ),
    (
        "neighbourhood",
        (
            Neighbourhood(5, 0.6, 1),
            Neighbourhood(5, 0.4, 1),
            Neighbourhood(5, 0.6, 2),
            Neighbourhood(5, 0.4, 2),
        ),
    ),
    ("reranking", (Reranking(5, 0.7), Reranking(5, 0.3), Reranking(15, 0.7), Reranking(15, 0.3))),
    ("score_norm", (ScoreNorm(30), ScoreNorm(100), ScoreNorm(300))),
)


@dataclass(frozen=True)
class TunedStep:
    """One step: its best setting, its nested and in-sample gain over the steps before, whether it is on."""

    name: str
    setting: str
    gain: Difference
    in_sample_gain: float
    is_on: bool

    def as_json(self) -> dict[str, Any]:
        """The values that `ensemble.json` keeps."""
        return {
            "name": self.name,
            "setting": self.setting,
            "gain": asdict(self.gain),
            "in_sample_gain": self.in_sample_gain,
            "is_on": self.is_on,
        }


@dataclass(frozen=True)
class StepTuning:
    """The recipe of all steps that help, the gain of each, and the metrics with the recipe."""

    recipe: Recipe
    steps: tuple[TunedStep, ...]
    metrics: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """The values that `ensemble.json` keeps."""
        return {
            "recipe": self.recipe.as_json(),
            "steps": [step.as_json() for step in self.steps],
            "metrics": self.metrics,
        }


@dataclass(frozen=True)
class PairTuning(StepTuning):
    """The tuned post-processing of pair scores; `interval` is that of the main metric with the recipe."""

    recipe: PairRecipe
    interval: Interval | None = None


@dataclass(frozen=True, eq=False)
class FoldPool:
    """One fold's scored images as each used member sees them: pool, rows of the pairs, and cohort."""

    positions: IntArray
    first: IntArray
    second: IntArray
    vectors: tuple[FloatArray, ...]
    cohorts: tuple[FloatArray, ...]


@dataclass(eq=False)
class PairTuningProblem:
    """The tuning problem of pairs: the trials, their embeddings, and the weights of the blend."""

    blend_problem: PairProblem
    pools: tuple[FoldPool, ...]
    weights: tuple[float, ...]
    space: PairSpace
    _known: dict[tuple[PairRecipe, int], FloatArray] = field(default_factory=dict)

    def scores(self, recipe: PairRecipe, rows: BoolArray) -> FloatArray:
        """The blend's scores of the chosen pairs, from the images of these pairs alone, on one scale."""
        key = (recipe, hash(rows.tobytes()))
        if key not in self._known:
            self._known[key] = self._computed(recipe, rows)
        return self._known[key]

    def _computed(self, recipe: PairRecipe, rows: BoolArray) -> FloatArray:
        total, count = np.zeros(len(rows)), np.zeros(len(rows))
        for pool in self.pools:
            inside = rows[pool.positions]
            if not inside.any():
                continue
            places = pool.positions[inside]
            used, codes = np.unique(np.stack([pool.first[inside], pool.second[inside]]), return_inverse=True)
            first, second = codes.reshape(2, -1)
            count[places] += 1
            for vectors, cohort, weight in zip(pool.vectors, pool.cohorts, self.weights, strict=True):
                scores = recipe_scores(recipe, vectors[used], first, second, cohort)
                total[places] += weight * pair_values(scores, self.space)
        return pooled(total[rows] / count[rows], self.blend_problem.trials.pools[rows])


def open_pair_tuning(blend_problem: PairProblem, blend: PairBlend) -> PairTuningProblem:
    """Reads the out-of-fold embeddings of the members that the blend uses.

    Raises:
        RunError: A member has no out-of-fold embeddings.
        DataError: An image of a trial has none.
    """
    used = [
        (member, weight) for member, weight in zip(blend.members, blend.weights, strict=True) if weight > 0
    ]
    pools = tuple(
        _open_pool(blend_problem.trials, number, [member for member, _ in used])
        for number in range(len(blend_problem.trials.folds))
    )
    return PairTuningProblem(blend_problem, pools, tuple(weight for _, weight in used), blend.space)


def tune_pairs(
    blend_problem: PairProblem, blend: PairBlend, progress: Progress, left_out: Collection[str] = ()
) -> PairTuning:
    """Tries all steps but those left out on a blend, each on top of those that were switched on before.

    Where the trials name very many images, the steps are tried on the trials of some of the people.

    Raises:
        RunError: A member has no out-of-fold embeddings.
        DataError: An image of a trial has none.
    """
    num_networks = len(blend_problem.trials.folds) * sum(weight > 0 for weight in blend.weights)
    rows = some_people(blend_problem.trials, round(MOST_IMAGES * min(1.0, (15 / num_networks) ** 0.5)))
    part = (
        blend_problem
        if rows.all()
        else replace(blend_problem, trials=blend_problem.trials.restricted_to(rows))
    )
    recipe, steps = tune_steps(open_pair_tuning(part, blend), progress, left_out)
    problem = open_pair_tuning(blend_problem, blend)
    scores = problem.scores(recipe, blend_problem.everything)
    metrics = verification_summary(scores, blend_problem.trials.labels)
    return PairTuning(recipe, steps, metrics, interval_of_scores(blend_problem, scores))


def tune_steps(
    problem: PairTuningProblem, progress: Progress, left_out: Collection[str] = ()
) -> tuple[PairRecipe, tuple[TunedStep, ...]]:
    """The recipe of the steps that help, and the gain of each step."""
    recipe = PairRecipe()
    steps: list[TunedStep] = []
    if not all(len(cohort) for pool in problem.pools for cohort in pool.cohorts):
        left_out = (*left_out, *STEPS_BY_COHORT)
        steps_in_words = ", ".join(STEPS_BY_COHORT)
        progress.log(f"{steps_in_words} are not tried: no image but those of the trials is held out")
    tried = [step for step in STEPS if step[0] not in left_out]
    with progress.track("post-processing", len(tried), "steps") as counter:
        for name, settings in tried:
            step, recipe = _tune_step(problem, recipe, name, settings)
            steps.append(step)
            counter.advance()
    return recipe, tuple(steps)


def some_people(trials: HeldOutPairs, most_images: int) -> BoolArray:
    """The trials (P) between people with about `most_images` images in all; they are chosen by a hash."""
    everyone = np.ones(len(trials.labels), np.bool_)
    num_images = len(trials.image_ids)
    if num_images <= most_images:
        return everyone
    numbers = np.unique(trials.people)
    order = sorted(numbers.tolist(), key=lambda number: stable_order(str(number)))
    taken = order[: max(2, round(len(order) * most_images / num_images))]
    return np.isin(trials.people[:, 0], taken) & np.isin(trials.people[:, 1], taken)


def fit_setting(
    problem: PairTuningProblem, recipe: PairRecipe, name: str, settings: Sequence[Any], rows: BoolArray
) -> PairRecipe:
    """The recipe with the step's best setting on the chosen pairs, or as it was where none is better."""
    labels, pools = problem.blend_problem.trials.labels[rows], problem.blend_problem.trials.pools[rows]
    candidates = [recipe, *(replace(recipe, **{name: setting}) for setting in settings)]
    return max(
        candidates,
        key=lambda each: judge_scores(
            problem.scores(each, rows), labels, pools, problem.blend_problem.objective
        ),
    )


def _tune_step(
    problem: PairTuningProblem, recipe: PairRecipe, name: str, settings: Sequence[Any]
) -> tuple[TunedStep, PairRecipe]:
    blend_problem = problem.blend_problem
    nested, before = np.empty(len(blend_problem.trials.labels)), np.empty(len(blend_problem.trials.labels))
    for found_on, judged_on in nested_split(blend_problem.trials.sides):
        chosen = fit_setting(problem, recipe, name, settings, found_on)
        nested[judged_on] = problem.scores(chosen, judged_on)
        before[judged_on] = problem.scores(recipe, judged_on)
    inside = blend_problem.on_one_side
    gain = gain_between(blend_problem, nested[inside], before[inside])
    best = fit_setting(problem, recipe, name, settings, blend_problem.everything)
    is_on = best != recipe and gain.low > 0
    setting = describe_step(name, getattr(best, name)) if best != recipe else name
    main, labels = blend_problem.objective.main_metric, blend_problem.trials.labels
    with_step, without = (
        METRICS[main].sign
        * verification_summary(problem.scores(each, blend_problem.everything), labels)[main]
        for each in (best, recipe)
    )
    return TunedStep(name, setting, gain, with_step - without, is_on), best if is_on else recipe


def _open_pool(trials: HeldOutPairs, number: int, members: Sequence[Member]) -> FoldPool:
    positions = trials.folds[number].positions
    first_ids, second_ids = trials.first_ids[positions], trials.second_ids[positions]
    ids, codes = np.unique(np.concatenate([first_ids, second_ids]), return_inverse=True)
    vectors, cohorts = [], []
    for member in members:
        fold = member.folds[number]
        embeddings = open_embeddings(member, fold, "oof")
        rows = positions_of(ids, embeddings.image_ids, f"embeddings of {member.network_name(fold)}")
        vectors.append(np.asarray(embeddings.vectors[rows], np.float32))
        cohorts.append(cohort_of(member, fold, ids))
    first, second = codes.reshape(2, -1).astype(np.int64)
    return FoldPool(positions, first, second, tuple(vectors), tuple(cohorts))
