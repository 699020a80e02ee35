"""A chain of post-processing steps from embeddings to pair scores.

Letters: N images of the pool, K cohort images, D embedding size, P pairs.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from kaggle_face.ensemble.postprocess.neighbours import Float32
from kaggle_face.ensemble.postprocess.retrieval import blend_neighbourhoods, expand_queries, reciprocal_scores
from kaggle_face.ensemble.postprocess.score_norm import as_norm, fit_centring, fit_whitening
from kaggle_face.metrics.similarity import normalized, paired_products
from kaggle_face.records import FloatArray, IntArray


@dataclass(frozen=True)
class Whitening:
    """Settings of PCA whitening; power 0.5 is half way, kept the share of directions."""

    power: float
    kept: float


@dataclass(frozen=True)
class QueryExpansion:
    """Settings of alpha query expansion."""

    count: int
    alpha: float


@dataclass(frozen=True)
class Neighbourhood:
    """Settings of iterative neighbourhood blending."""

    count: int
    threshold: float
    iterations: int


@dataclass(frozen=True)
class Reranking:
    """Settings of k-reciprocal re-ranking."""

    count: int
    own_share: float


@dataclass(frozen=True)
class ScoreNorm:
    """Settings of AS-norm: the number of nearest cohort images."""

    top: int


STEP_ORDER = (
    "centring", "whitening", "augmentation", "expansion", "neighbourhood", "reranking", "score_norm"
)  # fmt: skip
"""In which steps are done, shown and kept."""


@dataclass(frozen=True)
class Recipe:
    """The steps that are on; all off: the plain cosine.

    Attributes:
        centring: Whether the mean direction is taken out.
        whitening: PCA whitening, which centres too.
        expansion: Alpha query expansion.
        neighbourhood: Iterative neighbourhood blending.
        reranking: k-reciprocal re-ranking.
        score_norm: Adaptive score normalisation.
    """

    centring: bool = False
    whitening: Whitening | None = None
    expansion: QueryExpansion | None = None
    neighbourhood: Neighbourhood | None = None
    reranking: Reranking | None = None
    score_norm: ScoreNorm | None = None

    @property
    def is_plain(self) -> bool:
        """Whether every step is off."""
        return self == type(self)()

    def __str__(self) -> str:
        """The steps that are on.

        >>> print(PairRecipe(centring=True, score_norm=ScoreNorm(200)))
        centring, score_norm(top=200)
        """
        steps = [(name, getattr(self, name, None)) for name in STEP_ORDER]
        return ", ".join(describe_step(name, value) for name, value in steps if value) or "none"

    def as_json(self) -> dict[str, Any]:
        """The values that `ensemble.json` keeps."""
        values = asdict(self)
        return {name: values[name] for name in STEP_ORDER if name in values}


@dataclass(frozen=True)
class PairRecipe(Recipe):
    """The steps between embeddings and pair scores."""


def describe_step(name: str, value: object) -> str:
    """A step with its settings, as a table shows it."""
    if isinstance(value, bool) or value is None:
        return name
    settings = str(value).partition("(")[2].rstrip(")")
    return f"{name}({settings})"


def recipe_scores(
    recipe: PairRecipe, vectors_ND: FloatArray, first_P: IntArray, second_P: IntArray, cohort_KD: FloatArray
) -> FloatArray:
    """Scores (P) of the pairs of rows of one network's embeddings (N, D of any length).

    The cohort (K, D) are embeddings of the same network of people who are not scored; the pool of neighbours
    is `vectors_ND` itself.
    """
    unit_ND, unit_KD = projected(recipe, vectors_ND, cohort_KD)
    if recipe.expansion is not None:
        unit_ND = expand_queries(
            unit_ND, unit_ND, recipe.expansion.count, recipe.expansion.alpha, is_same_set=True
        )
    return pool_scores(recipe, unit_ND, first_P, second_P, unit_KD)


def pool_scores(
    recipe: Recipe, unit_ND: Float32, first_P: IntArray, second_P: IntArray, unit_KD: Float32
) -> FloatArray:
    """Scores (P) of pairs of rows of a pool of unit vectors (N, D): neighbourhoods, re-ranking, AS-norm."""
    if recipe.neighbourhood is not None:
        step = recipe.neighbourhood
        unit_ND = blend_neighbourhoods(unit_ND, step.count, step.threshold, step.iterations)
    if recipe.reranking is not None:
        step_count, own_share = recipe.reranking.count, recipe.reranking.own_share
        scores_P = reciprocal_scores(unit_ND, first_P, second_P, step_count, own_share)
    else:
        scores_P = paired_products(unit_ND, first_P, second_P)
    if recipe.score_norm is not None:
        scores_P = as_norm(scores_P, unit_ND, first_P, second_P, unit_KD, recipe.score_norm.top)
    return scores_P


def projected(recipe: Recipe, vectors_ND: FloatArray, cohort_KD: FloatArray) -> tuple[Float32, Float32]:
    """Pool and cohort as unit vectors after centring or whitening, which centres too."""
    if recipe.whitening is not None:
        projection = fit_whitening(cohort_KD, recipe.whitening.power, recipe.whitening.kept)
    elif recipe.centring:
        projection = fit_centring(cohort_KD)
    else:
        return normalized(vectors_ND), normalized(cohort_KD)
    return projection(vectors_ND), projection(cohort_KD)
