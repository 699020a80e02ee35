"""Post-processing of a gallery, tuned on dev probes: each step is measured, and off unless it helps.

No fold was trained on people of a gallery. Steps are tried in the order in which they are done. A setting
and its threshold are chosen on the probes of one side of the people and judged on those of the other, each
side with its own probes alone in the pool; a step is switched on if its nested gain in accuracy over the
steps before it lies above zero with its whole interval. Letters: Q probes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kaggle_face.artifacts.record_io import read_gallery, write_matches
from kaggle_face.artifacts.runs import FoldFolder, RecordPart
from kaggle_face.ensemble.blended import PairBlend
from kaggle_face.ensemble.postprocess.cohorts import STEPS_BY_COHORT, cohort_of
from kaggle_face.ensemble.postprocess.gallery_recipes import GalleryRecipe, NetworkGallery, best_matches
from kaggle_face.ensemble.postprocess.pair_recipes import describe_step
from kaggle_face.ensemble.postprocess.pair_tuning import FEWEST_PEOPLE, STEPS, StepTuning, TunedStep
from kaggle_face.evaluation.member_scores import open_embeddings
from kaggle_face.evaluation.nested_split import BoolArray, nested_split, sides_of_people
from kaggle_face.evaluation.thresholds import simulate_gallery
from kaggle_face.metrics.identification import best_gallery_threshold, gallery_accuracy
from kaggle_face.metrics.intervals.bootstrap import DEFAULT_RESAMPLING, Resampling, clustered_mean_difference
from kaggle_face.progress import Progress
from kaggle_face.records import FloatArray, Gallery, IntArray, StrArray, positions_of

_EXPANSIONS = dict(STEPS)["expansion"]
_BEFORE_POOL, _IN_POOL = ("centring", "whitening"), ("expansion", "neighbourhood", "reranking", "score_norm")
GALLERY_STEPS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    *((name, settings) for name, settings in STEPS if name in _BEFORE_POOL),
    ("augmentation", _EXPANSIONS),
    *((name, settings) for name, settings in STEPS if name in _IN_POOL),
)
_GALLERIES: tuple[Literal["dev", "test"], ...] = ("dev", "test")


@dataclass(frozen=True)
class GalleryTuning(StepTuning):
    """The tuned post-processing of a gallery; `metrics` hold the accuracy on the dev probes."""

    recipe: GalleryRecipe


@dataclass(eq=False)
class GalleryTuningProblem:
    """The tuning problem of a gallery: its embeddings by each network, and the target of each probe.

    Shapes (Q) each: `truth` is the person's number in the gallery, or -1 for an unknown person; `people` says
    which probes show one person; `sides` is 0 or 1. Where nobody is unknown no threshold is needed.
    """

    networks: tuple[NetworkGallery, ...]
    truth: IntArray
    people: IntArray
    sides: IntArray
    has_unknown: bool
    resampling: Resampling = DEFAULT_RESAMPLING
    _known: dict[tuple[GalleryRecipe, int], tuple[IntArray, FloatArray]] = field(default_factory=dict)

    @property
    def everything(self) -> BoolArray:
        """All probes."""
        return np.ones(len(self.truth), np.bool_)

    def best(self, recipe: GalleryRecipe, rows: BoolArray) -> tuple[IntArray, FloatArray]:
        """Best person and score of the chosen probes, with these probes alone in the pool."""
        key = (recipe, hash(rows.tobytes()))
        if key not in self._known:
            chosen = np.flatnonzero(rows)
            self._known[key] = best_matches(
                recipe, tuple(network.of_probes(chosen) for network in self.networks)
            )
        return self._known[key]

    def threshold(self, recipe: GalleryRecipe, rows: BoolArray) -> float:
        """The threshold of most right answers on the chosen probes; -inf where no probe is unknown."""
        if not self.has_unknown:
            return -np.inf
        people, scores = self.best(recipe, rows)
        return best_gallery_threshold(scores, people == self.truth[rows], self.truth[rows] >= 0).threshold

    def hits(self, recipe: GalleryRecipe, rows: BoolArray, threshold: float) -> BoolArray:
        """Whether each of the chosen probes gets the right identity."""
        people, scores = self.best(recipe, rows)
        return np.where(scores >= threshold, people == self.truth[rows], self.truth[rows] < 0)

    def accuracy(self, recipe: GalleryRecipe, rows: BoolArray) -> float:
        """The accuracy on the chosen probes at the threshold that is best there."""
        people, scores = self.best(recipe, rows)
        truth, threshold = self.truth[rows], self.threshold(recipe, rows)
        return gallery_accuracy(scores, people == truth, truth >= 0, threshold)


def open_dev_tuning(
    blend: PairBlend, resampling: Resampling = DEFAULT_RESAMPLING
) -> GalleryTuningProblem | None:
    """The labelled dev gallery as the networks of a blend see it; None where there is none.

    Raises:
        RunError: A network has no test embeddings, or no held-out images to take a cohort from.
        DataError: An image of the gallery has no embedding.
    """
    gallery = open_gallery(blend.members[0].folds[0], "dev")
    if gallery is None or not len(gallery.probe_ids) or (gallery.probe_names == "").any():
        return None
    names = np.unique(gallery.names)
    number = {name: index for index, name in enumerate(names.tolist())}
    truth = np.array([number.get(name, -1) for name in gallery.probe_names.tolist()], np.int64)
    # Each unknown probe counts as a person.
    keys = np.where(truth >= 0, gallery.probe_names, np.char.add("unknown ", gallery.probe_ids))
    keys, people, counts = np.unique(keys, return_inverse=True, return_counts=True)
    sides = sides_of_people(keys, counts.astype(np.int64))[people]
    networks = networks_of_gallery(blend, gallery)
    return GalleryTuningProblem(
        networks, truth, people.astype(np.int64), sides, gallery.no_match is not None, resampling
    )


def open_simulated_tuning(
    blend: PairBlend, part: RecordPart, image_ids: StrArray, people: IntArray
) -> GalleryTuningProblem:
    """Images of people arranged as a gallery: one image of most people is known, the others are probes.

    Args:
        blend: The networks and their weights.
        part: Which records hold the images.
        image_ids: The images (N), of people that the networks were not trained on.
        people: A number for the person of each image (N).

    Raises:
        RunError: A network has no embeddings.
        DataError: An image has no embedding.
    """
    simulated = simulate_gallery(image_ids, people)
    known_people, person_of_image = np.unique(people[simulated.enrolled], return_inverse=True)
    probed = people[simulated.probes]
    truth = np.where(simulated.has_match, np.searchsorted(known_people, probed), -1).astype(np.int64)
    names, codes, counts = np.unique(probed.astype(np.str_), return_inverse=True, return_counts=True)
    sides = sides_of_people(names, counts.astype(np.int64))[codes]
    ids = image_ids[simulated.enrolled], image_ids[simulated.probes]
    networks = _networks(blend, part, ids, person_of_image.astype(np.int64))
    return GalleryTuningProblem(networks, truth, codes.astype(np.int64), sides, has_unknown=True)


def tune_gallery(
    problem: GalleryTuningProblem, progress: Progress, left_out: Collection[str] = ()
) -> GalleryTuning:
    """Tries all steps but those left out, each on top of those that were switched on before."""
    if not all(len(network.cohort) for network in problem.networks):
        left_out = (*left_out, *STEPS_BY_COHORT)
        steps_in_words = ", ".join(STEPS_BY_COHORT)
        progress.log(f"{steps_in_words} are not tried: no image but those of the gallery is held out")
    recipe = GalleryRecipe()
    steps: list[TunedStep] = []
    tried = [step for step in GALLERY_STEPS if step[0] not in left_out]
    with progress.track("post-processing the gallery", len(tried), "steps") as counter:
        for name, settings in tried:
            step, recipe = _tune_step(problem, recipe, name, settings)
            steps.append(step)
            counter.advance()
    return GalleryTuning(recipe, tuple(steps), {"accuracy": problem.accuracy(recipe, problem.everything)})


def can_be_tuned(problem: GalleryTuningProblem) -> bool:
    """Whether both sides have enough people to measure gains."""
    counts = [len(np.unique(problem.people[problem.sides == side])) for side in (0, 1)]
    return min(counts) * 2 >= FEWEST_PEOPLE


def fit_gallery_setting(
    problem: GalleryTuningProblem, recipe: GalleryRecipe, name: str, settings: Sequence[Any], rows: BoolArray
) -> GalleryRecipe:
    """The recipe with the step's best setting on the chosen probes, or as it was where none is better."""
    candidates = [recipe, *(replace(recipe, **{name: setting}) for setting in settings)]
    return max(candidates, key=lambda each: problem.accuracy(each, rows))


def open_gallery(fold: FoldFolder, which: Literal["dev", "test"]) -> Gallery | None:
    """A gallery as `predict` kept it; None where the competition has none."""
    folder = fold.gallery_folder(which)
    return read_gallery(folder) if folder.is_dir() else None


def networks_of_gallery(blend: PairBlend, gallery: Gallery) -> tuple[NetworkGallery, ...]:
    """The gallery embeddings of each network of a blend.

    Raises:
        RunError: A network has no embeddings.
        DataError: An image of the gallery has no embedding.
    """
    _, person_of_image = np.unique(gallery.names, return_inverse=True)
    ids = gallery.image_ids, gallery.probe_image_ids
    return _networks(blend, "test", ids, person_of_image.astype(np.int64))


def write_gallery_blend(blend: PairBlend, folder: Path, recipe: GalleryRecipe) -> list[Path]:
    """Writes the best match of each probe of the dev and the test gallery, as `gallery_<which>.csv`.

    Nothing is written without post-processing: the blended embeddings give the same.

    Raises:
        RunError: A network has no embeddings.
        DataError: An image of a gallery has no embedding.
    """
    paths: list[Path] = []
    for which in () if recipe.is_plain else _GALLERIES:
        gallery = open_gallery(blend.members[0].folds[0], which)
        if gallery is None or not len(gallery.probe_ids):
            continue
        names = np.unique(gallery.names)
        people, scores = best_matches(recipe, networks_of_gallery(blend, gallery))
        paths.append(folder / f"gallery_{which}.csv")
        write_matches(paths[-1], gallery.probe_ids, names[people], scores)
    return paths


def _networks(
    blend: PairBlend, part: RecordPart, ids: tuple[StrArray, StrArray], person_of_image: IntArray
) -> tuple[NetworkGallery, ...]:
    """The networks of known images and probes, whose ids are given."""
    networks = []
    for member, weight in zip(blend.members, blend.weights, strict=True):
        for fold in member.folds if weight > 0 else ():
            embeddings, name = open_embeddings(member, fold, part), member.network_name(fold)
            rows = [positions_of(wanted, embeddings.image_ids, f"embeddings of {name}") for wanted in ids]
            known, probes = (np.asarray(embeddings.vectors[at], np.float32) for at in rows)
            cohort = cohort_of(member, fold, np.concatenate(ids))
            networks.append(
                NetworkGallery(known, person_of_image, probes, cohort, weight / len(member.folds))
            )
    return tuple(networks)


def _tune_step(
    problem: GalleryTuningProblem, recipe: GalleryRecipe, name: str, settings: Sequence[Any]
) -> tuple[TunedStep, GalleryRecipe]:
    nested, before = np.empty(len(problem.truth), np.bool_), np.empty(len(problem.truth), np.bool_)
    for found_on, judged_on in nested_split(problem.sides):
        chosen = fit_gallery_setting(problem, recipe, name, settings, found_on)
        nested[judged_on] = problem.hits(chosen, judged_on, problem.threshold(chosen, found_on))
        before[judged_on] = problem.hits(recipe, judged_on, problem.threshold(recipe, found_on))
    gain = clustered_mean_difference(nested, before, problem.people, problem.resampling)
    everything = problem.everything
    best = fit_gallery_setting(problem, recipe, name, settings, everything)
    in_sample = problem.accuracy(best, everything) - problem.accuracy(recipe, everything)
    is_on = best != recipe and gain.low > 0
    setting = describe_step(name, getattr(best, name)) if best != recipe else name
    return TunedStep(name, setting, gain, in_sample, is_on), best if is_on else recipe
