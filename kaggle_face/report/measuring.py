"""Facts from out-of-fold records: answers to identities, scores of trials, embeddings, and a gallery.

Letters: N images, P trials, M members, D embedding size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kaggle_face.artifacts.record_io import read_train_images
from kaggle_face.artifacts.tables import read_labels
from kaggle_face.competitions.catalogue.ranking import ClassMetric
from kaggle_face.errors import InputError, KaggleFaceError
from kaggle_face.evaluation.balance import meaningless_of_classes, meaningless_of_pairs, without
from kaggle_face.evaluation.figures import (
    compare_classes,
    compare_pairs,
    estimates_of_classes,
    figures_of_logits,
    measure_episodes,
    measure_identification,
    measure_pairs,
    named_embeddings,
)
from kaggle_face.evaluation.held_out_pairs import HeldOutPairs, known_people
from kaggle_face.evaluation.label_noise import LabelGaps, doubtful, measure_gaps
from kaggle_face.evaluation.member_scores import (
    HeldOutLogits,
    has_embeddings,
    open_embeddings,
    open_predictions,
)
from kaggle_face.evaluation.members import Member
from kaggle_face.evaluation.pair_scales import pooled
from kaggle_face.evaluation.thresholds import ScoreThreshold, simulate_gallery, verification_thresholds
from kaggle_face.metrics.galleries import search_gallery
from kaggle_face.records import Embeddings, Gallery, positions_of
from kaggle_face.report.facts import ClassFacts, EmbeddingFacts, GalleryFacts, PairFacts
from kaggle_face.report.pictures import evenly
from kaggle_face.report.sections.data.embedding_map import MOST_POINTS

BLEND = "blend"
"""The name of the blend among the members."""
_FEWEST_POINTS = 10


def class_facts(
    names: Sequence[str], held_out: Sequence[HeldOutLogits], first: Member, own_metric: ClassMetric
) -> ClassFacts:
    """Answers of all members to the held-out images; `first` is the member whose labels are doubted.

    Raises:
        RunError: A record is missing or out of date.
        DataError: A record holds NaN.
    """
    figures = tuple(figures_of_logits(held_out))
    class_names = open_predictions(first, first.folds[0], "oof").class_names
    left_out = meaningless_of_classes(len(class_names))
    estimates = [without(estimates_of_classes(each, own_metric=own_metric), left_out) for each in figures]
    train_images = np.max([read_train_images(each.classes_file) for each in first.folds], axis=0)
    return ClassFacts(
        tuple(names),
        np.concatenate([each.image_ids for each in held_out]),
        class_names,
        np.asarray(train_images, np.int64),
        figures,
        tuple(estimates),
        _doubtful(first),
        len(names) - 1 if BLEND in names else 0,
        tuple(compare_classes(each, figures[0], own_metric=own_metric) for each in figures[1:]),
    )


def pair_facts(names: Sequence[str], trials: HeldOutPairs, first: Member, chosen: str) -> PairFacts:
    """Scores of all members for the trials; `first` is the first of them, `chosen` a rule of thresholds."""
    scores, keeps_embeddings = trials.values("scores"), has_embeddings([first])
    left_out = meaningless_of_pairs(trials.labels)
    estimates = [without(measure_pairs(trials, number), left_out) for number in range(len(names))]
    if keeps_embeddings:
        estimates[0] = (*estimates[0], *measure_episodes(first), *measure_identification(first))
    comparable = np.stack([pooled(each, trials.pools) for each in scores])
    return PairFacts(
        tuple(names),
        trials,
        scores,
        comparable,
        tuple(estimates),
        _thresholds(trials) if keeps_embeddings else (),
        chosen,
        {image: person for fold in first.folds for image, person in known_people(fold)},
        len(names) - 1 if BLEND in names else 0,
        tuple(compare_pairs(trials, number, 0) for number in range(1, len(names))),
    )


def embedding_facts(member: Member) -> EmbeddingFacts | None:
    """Embeddings of the first fold's held-out images whose identity is known; None where there are few.

    Those of identities that the network was not trained on where there are enough, else of its classes.
    """
    fold = member.folds[0]
    if not has_embeddings([Member(member.run, member.checkpoint, (fold,))]):
        return None
    found = open_embeddings(member, fold, "oof")
    person_of = dict(known_people(fold))
    if len(person_of) < _FEWEST_POINTS and fold.labels_file.is_file():
        predictions = fold.record_folder("oof", member.checkpoint, "predictions")
        if predictions.is_dir():
            names = open_predictions(member, fold, "oof").class_names
            ids, labels = read_labels(fold.labels_file, len(names))
            person_of = dict(zip(ids.tolist(), names[labels].tolist(), strict=True))
    known = [image for image in found.image_ids.tolist() if image in person_of]
    if len(known) < _FEWEST_POINTS:
        return None
    chosen = [known[k] for k in evenly(len(known), MOST_POINTS).tolist()]
    ids = np.asarray(chosen, np.str_)
    vectors = found.vectors[positions_of(ids, found.image_ids, "embedded images")]
    people = np.asarray([person_of[image] for image in chosen], np.str_)
    return EmbeddingFacts(member.network_name(fold), ids, np.asarray(vectors, np.float32), people, len(known))


def simulated_gallery_facts(member: Member) -> GalleryFacts | None:
    """Held-out identities of each fold arranged as a gallery; None where too few are known."""
    columns: list[tuple[np.ndarray, ...]] = []
    enrolled = 0
    for fold in member.folds:
        if not has_embeddings([Member(member.run, member.checkpoint, (fold,))]):
            return None
        embeddings, people = named_embeddings(member, fold)
        if not len(people):
            continue
        gallery = simulate_gallery(embeddings.image_ids, people)
        if len(gallery.enrolled) < 2 or not gallery.has_match.any():
            continue
        record = Gallery(
            embeddings.image_ids[gallery.enrolled],
            people[gallery.enrolled].astype(np.str_),
            embeddings.image_ids[gallery.probes],
            embeddings.image_ids[gallery.probes],
            people[gallery.probes].astype(np.str_),
        )
        best = search_gallery(Embeddings(embeddings.image_ids, embeddings.vectors), record)
        columns.append((best.scores.astype(np.float64), best.names == record.probe_names, gallery.has_match))
        enrolled += len(gallery.enrolled)
    if not columns:
        return None
    scores, correct, matched = (np.concatenate(each) for each in zip(*columns, strict=True))
    source = f"held-out identities of {member.name} arranged as a gallery, one image of each enrolled"
    return GalleryFacts(source, scores, correct & matched, matched, enrolled)


def _doubtful(member: Member) -> LabelGaps | None:
    """The doubtful labels of a member; None where it was imported and so has no logits of its own."""
    try:
        return doubtful(measure_gaps(member.folds, member.checkpoint)[0])
    except KaggleFaceError:
        return None


def _thresholds(trials: HeldOutPairs) -> tuple[ScoreThreshold, ...]:
    """The thresholds of single networks' cosines of the first member, as `evaluate` keeps them."""
    scores = [fold.member_scores[0].block(slice(0, len(fold.positions))) for fold in trials.folds]
    at = np.concatenate([fold.positions for fold in trials.folds])
    try:
        return verification_thresholds(np.concatenate(scores), trials.labels[at], trials.people[at])
    except InputError:
        return ()
