"""Post-processing of a gallery, tuned on dev probes: each step is measured, and off unless it helps.

Nobody of a gallery was trained on by any fold. Steps are tried in the order in which they are done. A setting
and its threshold are chosen on the probes of one half of the people and judged on those of the other, each
half with its own probes alone in the pool; a step is switched on if its honest gain in accuracy over the
steps before it lies above zero with its whole interval. Letters: Q probes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from kaggle_face.artifacts.record_io import read_gallery
from kaggle_face.artifacts.runs import FoldFolder, RecordPart
from kaggle_face.ensemble.blended import PairBlend
from kaggle_face.ensemble.postprocess.cohorts import cohort_of
from kaggle_face.ensemble.postprocess.gallery_recipes import GalleryRecipe, GalleryView, best_matches
from kaggle_face.ensemble.postprocess.pair_recipes import describe_step
from kaggle_face.ensemble.postprocess.pair_tuning import FEWEST_PEOPLE, STEPS, TunedStep
from kaggle_face.evaluation.member_scores import open_embeddings
from kaggle_face.evaluation.members import Member
from kaggle_face.evaluation.nested_split import BoolArray, halves_of_people, nested
from kaggle_face.evaluation.thresholds import mock_gallery
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


@dataclass(frozen=True)
class GalleryTuning:
    """The recipe of all steps that help, what each did, and the accuracy on dev with the recipe."""

    recipe: GalleryRecipe
    steps: tuple[TunedStep, ...]
    metrics: dict[str, float]


@dataclass(frozen=True, eq=False)
class GalleryStage:
    """What recipes are tried on: all networks' views, and the truth of each probe.

    Shapes (Q) each: `truth` is the person's number in the gallery, or -1 for somebody unknown; `people` says
    which probes show one person; `halves` is 0 or 1. Where nobody is unknown no threshold is needed.
    """

    views: tuple[GalleryView, ...]
    truth: IntArray
    people: IntArray
    halves: IntArray
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
            self._known[key] = best_matches(recipe, tuple(view.of_probes(chosen) for view in self.views))
        return self._known[key]

    def threshold(self, recipe: GalleryRecipe, rows: BoolArray) -> float:
        """The threshold of most right answers on the chosen probes; -inf where nobody is unknown."""
        if not self.has_unknown:
            return -np.inf
        people, scores = self.best(recipe, rows)
        return best_gallery_threshold(scores, people == self.truth[rows], self.truth[rows] >= 0).threshold

    def hits(self, recipe: GalleryRecipe, rows: BoolArray, threshold: float) -> BoolArray:
        """Which of the chosen probes get the right answer."""
        people, scores = self.best(recipe, rows)
        return np.where(scores >= threshold, people == self.truth[rows], self.truth[rows] < 0)

    def accuracy(self, recipe: GalleryRecipe, rows: BoolArray) -> float:
        """The accuracy on the chosen probes at the threshold that is best there."""
        people, scores = self.best(recipe, rows)
        truth, threshold = self.truth[rows], self.threshold(recipe, rows)
        return gallery_accuracy(scores, people == truth, truth >= 0, threshold)


def open_dev_stage(blend: PairBlend, resampling: Resampling = DEFAULT_RESAMPLING) -> GalleryStage | None:
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
    people, halves = _people_and_halves(gallery, truth)
    views = views_of_gallery(blend, gallery)
    return GalleryStage(views, truth, people, halves, gallery.no_match is not None, resampling)


def open_mock_stage(
    blend: PairBlend, part: RecordPart, image_ids: StrArray, people: IntArray
) -> GalleryStage:
    """Images of people arranged as a gallery: one image of most people is known, the others are probes.

    Args:
        blend: The networks and their weights.
        part: Which records hold the images.
        image_ids: The images (N), of people whom no network was trained on.
        people: A number for the person of each image (N).

    Raises:
        RunError: A network has no embeddings.
        DataError: An image has no embedding.
    """
    mock = mock_gallery(image_ids, people)
    known_people, person_of_image = np.unique(people[mock.enrolled], return_inverse=True)
    probed = people[mock.probes]
    truth = np.where(mock.has_match, np.searchsorted(known_people, probed), -1).astype(np.int64)
    names, codes, counts = np.unique(probed.astype(np.str_), return_inverse=True, return_counts=True)
    halves = halves_of_people(names, counts.astype(np.int64))[codes]
    ids = image_ids[mock.enrolled], image_ids[mock.probes]
    views = _views(blend, part, ids, person_of_image.astype(np.int64))
    return GalleryStage(views, truth, codes.astype(np.int64), halves, has_unknown=True)


def tune_gallery(stage: GalleryStage, progress: Progress, left_out: Collection[str] = ()) -> GalleryTuning:
    """Tries all steps but those left out, each on top of those that were switched on before."""
    recipe = GalleryRecipe()
    steps: list[TunedStep] = []
    tried = [step for step in GALLERY_STEPS if step[0] not in left_out]
    with progress.track("post-processing the gallery", len(tried), "steps") as counter:
        for name, settings in tried:
            step, recipe = _tune_step(stage, recipe, name, settings)
            steps.append(step)
            counter.advance()
    return GalleryTuning(recipe, tuple(steps), {"accuracy": stage.accuracy(recipe, stage.everything)})


def can_be_tuned(stage: GalleryStage) -> bool:
    """Whether there are enough people in both halves to say what helps."""
    counts = [len(np.unique(stage.people[stage.halves == half])) for half in (0, 1)]
    return min(counts) * 2 >= FEWEST_PEOPLE


def fit_gallery_setting(
    stage: GalleryStage, recipe: GalleryRecipe, name: str, settings: Sequence[Any], rows: BoolArray
) -> GalleryRecipe:
    """The recipe with the step's best setting on the chosen probes, or as it was where none is better."""
    candidates = [recipe, *(replace(recipe, **{name: setting}) for setting in settings)]
    return max(candidates, key=lambda each: stage.accuracy(each, rows))


def open_gallery(fold: FoldFolder, which: Literal["dev", "test"]) -> Gallery | None:
    """A gallery as `predict` kept it; None where the competition has none."""
    folder = fold.gallery_folder(which)
    return read_gallery(folder) if folder.is_dir() else None


def views_of_gallery(blend: PairBlend, gallery: Gallery) -> tuple[GalleryView, ...]:
    """How each network of a blend sees a gallery.

    Raises:
        RunError: A network has no embeddings.
        DataError: An image of the gallery has no embedding.
    """
    _, person_of_image = np.unique(gallery.names, return_inverse=True)
    ids = gallery.image_ids, gallery.probe_image_ids
    return _views(blend, "test", ids, person_of_image.astype(np.int64))


def _views(
    blend: PairBlend, part: RecordPart, ids: tuple[StrArray, StrArray], person_of_image: IntArray
) -> tuple[GalleryView, ...]:
    """The views of known images and probes, whose ids are given."""
    views = []
    for member, weight in zip(blend.members, blend.weights, strict=True):
        for fold in member.folds if weight > 0 else ():
            known, probes = (_vectors(member, fold, part, wanted) for wanted in ids)
            cohort = cohort_of(member, fold, np.concatenate(ids))
            views.append(GalleryView(known, person_of_image, probes, cohort, weight / len(member.folds)))
    return tuple(views)


def _tune_step(
    stage: GalleryStage, recipe: GalleryRecipe, name: str, settings: Sequence[Any]
) -> tuple[TunedStep, GalleryRecipe]:
    honest, before = np.empty(len(stage.truth), np.bool_), np.empty(len(stage.truth), np.bool_)
    for found_on, judged_on in nested(stage.halves):
        chosen = fit_gallery_setting(stage, recipe, name, settings, found_on)
        honest[judged_on] = stage.hits(chosen, judged_on, stage.threshold(chosen, found_on))
        before[judged_on] = stage.hits(recipe, judged_on, stage.threshold(recipe, found_on))
    gain = clustered_mean_difference(honest, before, stage.people, stage.resampling)
    everything = stage.everything
    best = fit_gallery_setting(stage, recipe, name, settings, everything)
    optimistic = stage.accuracy(best, everything) - stage.accuracy(recipe, everything)
    is_on = best != recipe and gain.low > 0
    setting = describe_step(name, getattr(best, name)) if best != recipe else name
    return TunedStep(name, setting, gain, optimistic, is_on), best if is_on else recipe


def _people_and_halves(gallery: Gallery, truth: IntArray) -> tuple[IntArray, IntArray]:
    """Which probes show one person, and the half of each; each unknown probe counts as a person."""
    keys = np.where(truth >= 0, gallery.probe_names, np.char.add("unknown ", gallery.probe_ids))
    names, people, counts = np.unique(keys, return_inverse=True, return_counts=True)
    halves = halves_of_people(names, counts.astype(np.int64))
    return people.astype(np.int64), halves[people]


def _vectors(member: Member, fold: FoldFolder, part: RecordPart, image_ids: StrArray) -> FloatArray:
    embeddings = open_embeddings(member, fold, part)
    rows = positions_of(image_ids, embeddings.image_ids, f"embeddings of {member.network_name(fold)}")
    return np.asarray(embeddings.vectors[rows], np.float32)
