"""The choice of a task's blend: opens the records, selects among candidates, tunes the post-processing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Literal, assert_never

import numpy as np

from kaggle_face.ensemble.blended import ClassBlend, PairBlend, plain_weights, used_members
from kaggle_face.ensemble.blending import CLASS_SPACES
from kaggle_face.ensemble.given_weights import is_unmeasured, split_given, with_given_weights
from kaggle_face.ensemble.postprocess.class_neighbours import NeighbourRecipe
from kaggle_face.ensemble.postprocess.class_tuning import ClassTuning, open_class_tuning, tune_classes
from kaggle_face.ensemble.postprocess.gallery_recipes import GalleryRecipe
from kaggle_face.ensemble.postprocess.gallery_tuning import (
    GalleryTuning,
    can_be_tuned,
    open_dev_tuning,
    tune_gallery,
)
from kaggle_face.ensemble.postprocess.pair_recipes import PairRecipe
from kaggle_face.ensemble.postprocess.pair_tuning import FEWEST_PEOPLE, PairTuning, tune_pairs
from kaggle_face.ensemble.postprocess.retrieval import STEPS_BY_TEST_IMAGES
from kaggle_face.ensemble.search.candidates import Candidate, Kind, Selection, select_kind
from kaggle_face.ensemble.search.classification import interval_of_candidate as class_interval
from kaggle_face.ensemble.search.classification import open_class_problem, select_classes
from kaggle_face.ensemble.search.verification import PairProblem, can_be_nested, select_pairs
from kaggle_face.ensemble.search.verification import interval_of_candidate as pair_interval
from kaggle_face.errors import RunError, counted
from kaggle_face.evaluation.held_out_pairs import open_held_out_pairs
from kaggle_face.evaluation.member_scores import (
    MemberScores,
    has_embeddings,
    has_record,
    open_held_out_logits,
    open_test_logits,
    open_test_scores,
)
from kaggle_face.evaluation.members import Member, Method
from kaggle_face.evaluation.objective import task_objective
from kaggle_face.evaluation.pair_scales import PAIR_SPACES
from kaggle_face.metrics.inputs import row_blocks
from kaggle_face.metrics.intervals.bootstrap import Interval, Resampling
from kaggle_face.progress import Progress

RESAMPLING = Resampling(num_resamples=500)
"""A table has up to a dozen intervals, and each takes as many sums over all people."""

_NO_EMBEDDINGS = "without out-of-fold embeddings no post-processing is tried"
Networks = Sequence[MemberScores]
"""The scores of one member, one per fold."""

_SAMPLED_ROWS = 16


@dataclass(frozen=True)
class SelectionOptions:
    """Weighting of members, post-processing and intervals.

    `rule`: why steps that use neighbouring test images are left out; None: they are tried.
    `weights`: Those given to members without out-of-fold records, by the name of their run.
    `as_probabilities`: Whether a classification blend must be one of probabilities, so not of ranks.
    """

    method: Method = "auto"
    post_process: bool = True
    resampling: Resampling = RESAMPLING
    rule: str | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    as_probabilities: bool = False


@dataclass(frozen=True)
class BlendChoice:
    """The blend of a task, its selection (None where nothing is held out), notes, and its post-processing.

    `plain_interval` is that of the selection's metric without post-processing.
    """

    blend: ClassBlend | PairBlend
    selection: Selection | None
    notes: tuple[str, ...] = ()
    tuning: ClassTuning | PairTuning | GalleryTuning | None = None
    plain_interval: Interval | None = None

    @property
    def interval(self) -> Interval | None:
        """That of the main metric with all that is done to the blend; None: too few people are held out."""
        if isinstance(self.tuning, ClassTuning | PairTuning) and not self.tuning.recipe.is_plain:
            return self.tuning.interval
        return self.plain_interval

    @property
    def class_recipe(self) -> NeighbourRecipe:
        """The neighbours' share in classification."""
        return self.tuning.recipe if isinstance(self.tuning, ClassTuning) else NeighbourRecipe()

    @property
    def pair_recipe(self) -> PairRecipe:
        """The post-processing of verification."""
        return self.tuning.recipe if isinstance(self.tuning, PairTuning) else PairRecipe()

    @property
    def gallery_recipe(self) -> GalleryRecipe:
        """The post-processing of a gallery."""
        return self.tuning.recipe if isinstance(self.tuning, GalleryTuning) else GalleryRecipe()

    @property
    def metrics(self) -> Mapping[str, float]:
        """The out-of-fold metrics of the blend with its post-processing; empty where nothing is held out."""
        found = {} if self.selection is None else self.selection.winner.metrics
        if isinstance(self.tuning, GalleryTuning):
            return {**found, "gallery accuracy": self.tuning.metrics["accuracy"]}
        if self.tuning is not None and not self.tuning.recipe.is_plain:
            return self.tuning.metrics
        return found


def select_class_blend(
    members: Sequence[Member], formula: str, options: SelectionOptions, progress: Progress
) -> BlendChoice:
    """Chooses the blend of the members' class probabilities.

    Raises:
        RunError: A record is missing, or records do not fit together.
        DataError: A record holds NaN.
    """
    given, members = split_given(members, options.weights, "predictions")
    test = open_test_logits([*members, *given])
    if given:
        own = replace(options, weights={}, post_process=False)
        return _with_given(select_class_blend(members, formula, own, progress), given)
    distinct, notes = without_duplicates(members, test.members, len(test.ids))
    if not _are_measured(distinct, "predictions", options.method):
        blend = ClassBlend(distinct, plain_weights(distinct), (1.0,) * len(distinct))
        return BlendChoice(blend, None, (*notes, _unmeasured(distinct)))
    held_out = open_held_out_logits(distinct, test.class_names)
    objective = task_objective(formula, "classification", {})
    problem = open_class_problem(held_out, test.class_names, objective, progress, options.resampling)
    names = [member.name for member in distinct]
    spaces = [space for space in CLASS_SPACES if space != "ranks" or not options.as_probabilities]
    found = select_classes(problem, names, _kinds(options.method), progress, spaces)
    selection = _of_method(found, options.method)
    blend = class_blend(distinct, selection.winner)
    chosen = BlendChoice(blend, selection, notes, None, class_interval(problem, selection.winner))
    if not options.post_process or blend.space == "ranks":
        return chosen
    if not has_embeddings(used_members(blend)):
        return replace(chosen, notes=(*notes, _NO_EMBEDDINGS))
    return replace(chosen, tuning=tune_classes(open_class_tuning(problem, blend, held_out)))


def select_pair_blend(
    members: Sequence[Member], formula: str, options: SelectionOptions, progress: Progress
) -> BlendChoice:
    """Chooses the blend of the members' pair scores.

    Raises:
        RunError: A record is missing, or records do not fit together.
        DataError: A record holds NaN.
    """
    given, members = split_given(members, options.weights, "pairs")
    if given:
        open_test_scores([*members, *given])
        own = replace(options, weights={}, post_process=False)
        return _with_given(select_pair_blend(members, formula, own, progress), given)
    distinct, notes = tuple(members), tuple[str, ...]()
    if has_record(members, "test", "pairs"):
        test = open_test_scores(members)
        distinct, notes = without_duplicates(members, test.members, len(test.ids))
    trials = None
    if _are_measured(distinct, "pairs", options.method):
        trials = open_held_out_pairs(distinct)
    if trials is None:
        return BlendChoice(
            PairBlend(distinct, plain_weights(distinct)), None, (*notes, _unmeasured(distinct))
        )
    problem = PairProblem(trials, task_objective(formula, "verification", {}))
    names = [member.name for member in distinct]
    selection = _of_method(select_pairs(problem, names, _kinds(options.method), progress), options.method)
    blend = pair_blend(distinct, selection.winner)
    chosen = BlendChoice(blend, selection, notes, None, pair_interval(problem, selection.winner))
    if not options.post_process:
        return chosen
    left_out = STEPS_BY_TEST_IMAGES if options.rule is not None else ()
    notes = notes if options.rule is None else (*notes, f"the rules leave steps out: {options.rule}")
    gallery = open_dev_tuning(blend, options.resampling)
    if gallery is not None and can_be_tuned(gallery):
        return replace(chosen, notes=notes, tuning=tune_gallery(gallery, progress, left_out))
    num_people = len(np.unique(trials.people))
    if num_people < FEWEST_PEOPLE or not can_be_nested(problem):
        too_few = counted(num_people, "person", "are too few to try post-processing")
        return replace(chosen, notes=(*notes, too_few))
    if not has_embeddings(used_members(blend)):
        return replace(chosen, notes=(*notes, _NO_EMBEDDINGS))
    return replace(chosen, notes=notes, tuning=tune_pairs(problem, blend, progress, left_out))


def _with_given(choice: BlendChoice, given: Mapping[Member, float]) -> BlendChoice:
    """A choice with members of given weight added: its figures are of the others, and so become notes."""
    notes = list(choice.notes)
    if choice.selection is not None:
        figures = ", ".join(f"{name} {value:.4f}" for name, value in choice.selection.winner.metrics.items())
        notes.append(f"without the members of given weight: {choice.selection.winner.name}, {figures}")
    notes += [
        f"{member.name}: weight {weight:g} as given; it is unmeasured, and so is the blend, "
        "which has no post-processing"
        for member, weight in given.items()
    ]
    return BlendChoice(with_given_weights(choice.blend, given), None, tuple(notes))


def class_blend(members: Sequence[Member], winner: Candidate) -> ClassBlend:
    """The winner of a selection as a blend of these members."""
    space = next(space for space in CLASS_SPACES if space == winner.space)
    return ClassBlend(tuple(members), winner.weights, winner.temperatures, space)


def pair_blend(members: Sequence[Member], winner: Candidate) -> PairBlend:
    """The winner of a selection as a blend of these members."""
    space = next(space for space in PAIR_SPACES if space == winner.space)
    return PairBlend(tuple(members), winner.weights, space)


def duplicates_of(member_scores: Sequence[Networks], num_rows: int) -> list[int | None]:
    """For each member the earlier one with exactly the same scores, or None."""
    seen: dict[bytes, list[int]] = {}
    found: list[int | None] = []
    for number, networks in enumerate(member_scores):
        digest = _digest(networks, num_rows)
        alike = (
            other for other in seen.get(digest, ()) if _are_equal(member_scores[other], networks, num_rows)
        )
        original = next(alike, None)
        if original is None:
            seen.setdefault(digest, []).append(number)
        found.append(original)
    return found


def without_duplicates(
    members: Sequence[Member], member_scores: Sequence[Networks], num_rows: int
) -> tuple[tuple[Member, ...], tuple[str, ...]]:
    """The members that differ, and a note for each that was left out."""
    originals = duplicates_of(member_scores, num_rows)
    kept = tuple(member for member, original in zip(members, originals, strict=True) if original is None)
    notes = tuple(
        f"{member.name} has the same predictions as {members[original].name} and is left out"
        for member, original in zip(members, originals, strict=True)
        if original is not None
    )
    return kept, notes


def _kinds(method: Method) -> tuple[Kind, ...]:
    match method:
        case "auto":
            return ("equal", "hill", "constrained")
        case "mean":
            return ()
        case "hill":
            return ("hill",)
        case "constrained":
            return ("constrained",)
        case _:
            assert_never(method)


def _of_method(selection: Selection, method: Method) -> Selection:
    match method:
        case "auto":
            return selection
        case "mean":
            return select_kind("equal", selection)
        case "hill" | "constrained":
            return select_kind(method, selection)
        case _:
            assert_never(method)


def _are_measured(members: Sequence[Member], kind: Literal["predictions", "pairs"], method: Method) -> bool:
    """Whether all members have out-of-fold records.

    Where none has any (such as a competition without trials) the plain mean is taken unless weights were
    requested; where some have and others have not, those that lack them are refused.
    """
    networks = [(member, fold) for member in members for fold in member.folds]
    lacking = [
        member.network_name(fold)
        for member, fold in networks
        if not fold.record_folder("oof", member.checkpoint, kind).is_dir()
    ]
    if not lacking:
        return True
    none_has = len(lacking) == len(networks)
    if method == "mean" or len(members) == 1 or (method == "auto" and none_has):
        return False
    imported = [member for member in members if member.run.imported_task and is_unmeasured(member, kind)]
    if imported:
        raise RunError(
            f"{imported[0].name} was imported without out-of-fold {kind}, so its weight cannot be found; "
            f"leave it out, import these too, or give it one: --weight {imported[0].run.path.name}=0.3"
        )
    raise RunError(
        f"{lacking[0]} has no out-of-fold {kind}, so its weight cannot be found; "
        "leave it out, train it again, or take the plain mean: --method mean"
    )


def _unmeasured(members: Sequence[Member]) -> str:
    return f"{members[0].name}: without labelled out-of-fold records nothing is known of the blend's score"


def _digest(networks: Networks, num_rows: int) -> bytes:
    """A hash of some rows: equal for duplicates, and different for almost all others."""
    rows = np.unique(np.linspace(0, max(num_rows - 1, 0), _SAMPLED_ROWS).astype(np.int64))[:num_rows]
    digest = blake2b(digest_size=16)
    for source in networks:
        digest.update(np.ascontiguousarray(source.block(rows), np.float64).tobytes())
    return digest.digest()


def _are_equal(networks: Networks, others: Networks, num_rows: int) -> bool:
    return len(networks) == len(others) and all(
        np.array_equal(source.block(part), other.block(part))
        for source, other in zip(networks, others, strict=True)
        for part in row_blocks(num_rows, source.values.itemsize * (source.values[:1].size or 1))
    )
