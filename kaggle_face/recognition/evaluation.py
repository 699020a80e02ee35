"""One-shot accuracy of a model: rank-1, rank-5, DIR at 1 % FPIR, low-shot, episodes.

Any number of models are measured on the same people, enrolled images and probes, drawn from one seed.

Letters: N images, Q probes, G people of a gallery, D embedding size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kaggle_face.errors import InputError
from kaggle_face.metrics.episodes import episode_accuracy
from kaggle_face.metrics.identification import dir_at_fpir, first_mate_ranks
from kaggle_face.metrics.intervals.bootstrap import (
    Interval,
    clustered_mean_difference,
    clustered_mean_interval,
)
from kaggle_face.progress import Progress
from kaggle_face.recognition.compared_models import (
    ComparedModel,
    EmbeddedSet,
    FaceSet,
    Float32,
    embed_set,
)
from kaggle_face.recognition.evaluation_report import (
    Comparison,
    EpisodeResult,
    EvaluationOptions,
    EvaluationReport,
    ShotResult,
    SizeResult,
)
from kaggle_face.records import StrArray

IntArray = npt.NDArray[np.int64]

FPIR = 0.01
_LEAST_STRANGERS = 100


def evaluate_models(
    models: Sequence[ComparedModel], faces: FaceSet, options: EvaluationOptions, progress: Progress
) -> EvaluationReport:
    """Embeds the faces with each model and measures them on the same draws.

    Raises:
        InputError: There are too few people for a size, a number of pictures or an episode.
    """
    embedded = tuple(embed_set(model, faces, options.keep, progress) for model in models)
    sizes = options.sizes or (faces.num_mated,)
    of_sizes, comparisons = measure_sizes(faces, embedded, sizes, options.draws, options.seed)
    of_shots = measure_shots(faces, embedded, options.shots, options.seed)
    of_episodes = measure_episodes(faces, embedded, options.ways, options.seed)
    return EvaluationReport(faces, embedded, of_sizes, comparisons, of_shots, of_episodes)


@dataclass(frozen=True, eq=False)
class _Draw:
    """The rows of the enrolled people, and those of the probes."""

    known: list[IntArray]
    probes: IntArray
    unknown: IntArray


@dataclass(frozen=True, eq=False)
class _Hits:
    """Ranks (Q,) and whose they are (Q,), over all draws; DIR of each draw."""

    ranks: IntArray
    people: StrArray
    rates: list[float]
    num_unknown: int


def measure_sizes(
    faces: FaceSet, models: Sequence[EmbeddedSet], sizes: Sequence[int], draws: int = 10, seed: int = 0
) -> tuple[list[SizeResult], list[Comparison]]:
    """Each person is enrolled with one image; the others are looked for, and images of unknown people too.

    Unknown people are those with a single image, or where they are too few, those who are not enrolled. The
    same draws serve every model; the first model is compared with each of the others.

    Raises:
        InputError: Fewer people have two images than a size needs.
    """
    results, comparisons = [], []
    for size in sizes:
        plans = list(_draws(faces.people, size, draws, seed))
        hits = [_hits(faces.people, embedded, plans) for embedded in models]
        results += [
            _size_result(embedded, one, size, draws) for embedded, one in zip(models, hits, strict=True)
        ]
        for embedded, one in zip(models[1:], hits[1:], strict=True):
            found = clustered_mean_difference(hits[0].ranks <= 1, one.ranks <= 1, hits[0].people)
            names = (models[0].model.name, embedded.model.name)
            comparisons.append(Comparison(*names, size, found.value, found.low, found.high, found.other_sign))
    return results, comparisons


def measure_shots(
    faces: FaceSet, models: Sequence[EmbeddedSet], shots: Sequence[int], seed: int = 0
) -> list[ShotResult]:
    """Everyone with more images than the most shots is enrolled with each number of them; the same probes.

    Raises:
        InputError: Fewer than two people have enough images.
    """
    rows = [rows for rows in _rows_by_person(faces.people).values() if len(rows) > max(shots)]
    if len(rows) < 2:
        raise InputError(f"enrolling {max(shots)} images needs two people with {max(shots) + 1} or more")
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(own) for own in rows]
    probes = np.concatenate([own[max(shots) :] for own in shuffled])
    results = []
    for embedded in models:
        for count in shots:
            known = [own[:count] for own in shuffled]
            by_mean = _shot_interval(faces.people, embedded, known, probes, best=False)
            by_best = _shot_interval(faces.people, embedded, known, probes, best=True)
            results.append(ShotResult(embedded.model.name, count, len(rows), by_mean, by_best))
    return results


def measure_episodes(
    faces: FaceSet, models: Sequence[EmbeddedSet], ways: Sequence[int], seed: int = 0
) -> list[EpisodeResult]:
    """K-way one-shot accuracy; the same episodes for every model.

    Raises:
        InputError: Fewer than K people have two images.
    """
    return [
        EpisodeResult(
            embedded.model.name, count, episode_accuracy(embedded.vectors, faces.people, count, seed=seed)
        )
        for count in ways
        for embedded in models
    ]


def _rows_by_person(people: StrArray) -> dict[str, IntArray]:
    """The rows of each person, by name."""
    order = np.argsort(people, kind="stable").astype(np.int64)
    names, starts = np.unique(people[order], return_index=True)
    return dict(zip(names.tolist(), np.split(order, starts[1:]), strict=True))


def _draws(people: StrArray, size: int, draws: int, seed: int) -> Iterator[_Draw]:
    rows = _rows_by_person(people)
    mated = sorted(name for name, own in rows.items() if len(own) > 1)
    single = [own for own in rows.values() if len(own) == 1]
    if size < 1 or size > len(mated):
        raise InputError(f"a gallery of {size} needs as many people with two images, got {len(mated)}")
    rng = np.random.default_rng([seed, size])
    for _ in range(draws):
        enrolled = {mated[place] for place in rng.choice(len(mated), size, replace=False)}
        known, probes = [], []
        for name in sorted(enrolled):
            shuffled = rng.permutation(rows[name])
            known.append(shuffled[:1])
            probes.append(shuffled[1:])
        others = single
        if sum(map(len, single)) < _LEAST_STRANGERS:
            others = [own for name, own in rows.items() if name not in enrolled]
        unknown = np.concatenate(others) if others else np.empty(0, np.int64)
        yield _Draw(known, np.concatenate(probes), unknown)


def _hits(people: StrArray, embedded: EmbeddedSet, plans: Sequence[_Draw]) -> _Hits:
    ranks, names, rates = [], [], []
    for plan in plans:
        known = _templates(embedded, plan.known)
        gallery_names = people[[rows[0] for rows in plan.known]]
        similarity = embedded.model.similarity(embedded.vectors[plan.probes], known)
        ranks.append(first_mate_ranks(similarity, people[plan.probes], gallery_names))
        names.append(people[plan.probes])
        if len(plan.unknown):
            others = embedded.model.similarity(embedded.vectors[plan.unknown], known)
            rates.append(_detection_rate(similarity, ranks[-1], others))
    return _Hits(np.concatenate(ranks), np.concatenate(names), rates, len(plans[0].unknown))


def _detection_rate(similarity: Float32, ranks: IntArray, others: Float32) -> float:
    """DIR at 1 % FPIR of probes (Q, G) with their ranks (Q,) and of unknown people (S, G)."""
    best = np.concatenate([similarity.max(axis=1), others.max(axis=1)])
    is_enrolled = np.concatenate([np.ones(len(ranks), bool), np.zeros(len(others), bool)])
    is_correct = np.concatenate([ranks == 1, np.zeros(len(others), bool)])
    return dir_at_fpir(best, is_correct, is_enrolled, FPIR).rate


def _templates(embedded: EmbeddedSet, known: Sequence[IntArray]) -> Float32:
    return np.stack([embedded.model.template(embedded.vectors[rows]) for rows in known])


def _size_result(embedded: EmbeddedSet, hits: _Hits, size: int, draws: int) -> SizeResult:
    return SizeResult(
        embedded.model.name,
        size,
        draws,
        len(hits.ranks),
        hits.num_unknown,
        clustered_mean_interval(hits.ranks <= 1, hits.people),
        clustered_mean_interval(hits.ranks <= 5, hits.people),
        float(np.mean(hits.rates)) if hits.rates else float("nan"),
        float(np.std(hits.rates, ddof=1)) if len(hits.rates) > 1 else 0.0,
    )


def _shot_interval(
    people: StrArray, embedded: EmbeddedSet, known: Sequence[IntArray], probes: IntArray, best: bool
) -> Interval:
    """Rank-1 with one entry a person, or with each image an entry of its own."""
    if best:
        rows = np.concatenate(list(known))
        gallery, names = embedded.vectors[rows], people[rows]
    else:
        gallery, names = _templates(embedded, known), people[[own[0] for own in known]]
    similarity = embedded.model.similarity(embedded.vectors[probes], gallery)
    ranks = first_mate_ranks(similarity, people[probes], names)
    return clustered_mean_interval(ranks <= 1, people[probes])
