"""Out-of-fold pair scores of all members: the trials of all folds, their people and sides.

Folds may share trials (the competition's own validation pairs) or have their own (people held out of each).
A shared trial gets the mean of its folds' values, as a test pair does. Letters: M members, P pairs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kaggle_face.artifacts.record_io import read_pairs
from kaggle_face.artifacts.runs import FoldFolder
from kaggle_face.artifacts.tables import read_table
from kaggle_face.errors import RunError
from kaggle_face.evaluation.member_scores import MemberScores, open_pair_scores, shared_rows
from kaggle_face.evaluation.members import Member
from kaggle_face.evaluation.nested_split import BoolArray, people_of_pairs, sides_of_pairs
from kaggle_face.evaluation.pair_scales import PairSpace, pair_values
from kaggle_face.records import UNKNOWN, FloatArray, IntArray, Pairs, PairScores, StrArray


@dataclass(frozen=True, eq=False)
class FoldTrials:
    """One fold's trials: their positions among all, and each member's scores of them."""

    fold: int
    positions: IntArray
    member_scores: tuple[MemberScores, ...]


@dataclass(frozen=True, eq=False)
class HeldOutPairs:
    """All labelled trials (P), sorted by id: truth, the two people (P, 2), and the side or `STRADDLING`."""

    pair_ids: StrArray
    first_ids: StrArray
    second_ids: StrArray
    labels: IntArray
    people: IntArray
    sides: IntArray
    folds: tuple[FoldTrials, ...]

    @property
    def pools(self) -> IntArray:
        """The fold whose network scored each trial (P), or all 0 where folds share trials."""
        if sum(len(fold.positions) for fold in self.folds) > len(self.pair_ids):
            return np.zeros(len(self.pair_ids), np.int64)
        pools = np.empty(len(self.pair_ids), np.int64)
        for fold in self.folds:
            pools[fold.positions] = fold.fold
        return pools

    @property
    def image_ids(self) -> StrArray:
        """Every image of a trial, once, sorted."""
        return np.unique(np.concatenate([self.first_ids, self.second_ids]))

    def restricted_to(self, rows: BoolArray) -> HeldOutPairs:
        """The chosen trials alone; sides stay what they are."""
        place = np.cumsum(rows) - 1
        folds = []
        for fold in self.folds:
            inside = np.flatnonzero(rows[fold.positions])
            member_scores = tuple(source.restricted_to(inside) for source in fold.member_scores)
            folds.append(FoldTrials(fold.fold, place[fold.positions[inside]], member_scores))
        return HeldOutPairs(
            self.pair_ids[rows],
            self.first_ids[rows],
            self.second_ids[rows],
            self.labels[rows],
            self.people[rows],
            self.sides[rows],
            tuple(folds),
        )

    def values(self, space: PairSpace, rows: BoolArray | None = None) -> FloatArray:
        """Each member's values (M, P) of the chosen pairs, from the scores of these pairs alone."""
        chosen = np.ones(len(self.pair_ids), np.bool_) if rows is None else rows
        num_members = len(self.folds[0].member_scores)
        total, count = np.zeros((num_members, len(chosen))), np.zeros(len(chosen))
        for fold in self.folds:
            inside = chosen[fold.positions]
            places = fold.positions[inside]
            count[places] += 1
            for member, source in enumerate(fold.member_scores):
                scores = source.block(slice(0, len(fold.positions)))[inside]
                if len(scores):
                    total[member, places] += pair_values(scores, space)
        return np.asarray(total[:, chosen] / count[chosen])


def open_held_out_pairs(members: Sequence[Member]) -> HeldOutPairs | None:
    """The out-of-fold trials of all members; None where no truth is known of them.

    Raises:
        RunError: A record is missing, or the members were measured on different trials.
        DataError: A score is NaN.
    """
    opened = [
        [(member, fold, open_pair_scores(member, fold, "oof")) for fold in member.folds] for member in members
    ]
    trials = [read_trials(fold, scores) for _, fold, scores in opened[0]]
    keys = _keys_of_trials(trials)
    pair_ids, first_rows = np.unique(np.concatenate(keys), return_index=True)
    first_ids, second_ids, labels = (
        np.concatenate([getattr(pairs, column) for pairs in trials])[first_rows]
        for column in ("first_ids", "second_ids", "labels")
    )
    if not len(labels) or (labels == UNKNOWN).any():
        return None
    known = {image: person for _, fold, _ in opened[0] for image, person in known_people(fold)}
    people, person_keys = people_of_pairs(first_ids, second_ids, labels, known)
    folds = tuple(
        FoldTrials(
            networks[0][1].fold,
            np.searchsorted(pair_ids, fold_keys).astype(np.int64),
            tuple(_sources(networks)),
        )
        for fold_keys, networks in zip(keys, zip(*opened, strict=True), strict=True)
    )
    sides = sides_of_pairs(people, person_keys)
    return HeldOutPairs(pair_ids, first_ids, second_ids, labels, people, sides, folds)


def known_people(fold: FoldFolder) -> Iterator[tuple[str, str]]:
    """The images of the held-out trials and the person in each, where that is known."""
    if fold.people_file.is_file():
        table = read_table(fold.people_file, ["image_id", "person"])
        yield from zip(table["image_id"].tolist(), table["person"].tolist(), strict=True)


def read_trials(fold: FoldFolder, scores: PairScores) -> Pairs:
    """The scored trials of a fold with their images, in the order of the scores.

    Without `oof/pairs.csv` each trial counts as one of people of its own.
    """
    path = fold.pairs_file("oof")
    if not path.is_file():
        first = np.char.add(scores.pair_ids, " (first)")
        second = np.where(scores.labels == 1, first, np.char.add(scores.pair_ids, " (second)"))
        return Pairs(scores.pair_ids, first, second, scores.labels)
    pairs = read_pairs(path)
    rows = shared_rows(scores.pair_ids, pairs.pair_ids, f"the scores of {fold.path}", str(path))
    at = np.arange(len(pairs)) if rows is None else rows
    return Pairs(pairs.pair_ids[at], pairs.first_ids[at], pairs.second_ids[at], pairs.labels[at])


def _keys_of_trials(trials: Sequence[Pairs]) -> list[StrArray]:
    """Keys that are equal for one trial in two folds, and differ for two trials of one id."""
    meanings: dict[str, tuple[str, str]] = {}
    clash = False
    for pairs in trials:
        ids = zip(pairs.pair_ids.tolist(), pairs.first_ids.tolist(), pairs.second_ids.tolist(), strict=True)
        for pair_id, first, second in ids:
            clash |= meanings.setdefault(pair_id, (first, second)) != (first, second)
    if not clash:
        return [pairs.pair_ids for pairs in trials]
    return [np.char.add(f"{number}/", pairs.pair_ids) for number, pairs in enumerate(trials)]


def _sources(networks: Sequence[tuple[Member, FoldFolder, PairScores]]) -> list[MemberScores]:
    first_member, first_fold, first = networks[0]
    first_name = first_member.network_name(first_fold)
    member_scores = []
    for member, fold, scores in networks:
        name = member.network_name(fold)
        rows = shared_rows(first.pair_ids, scores.pair_ids, first_name, name)
        member_scores.append(MemberScores(name, scores.scores, rows))
        labels = scores.labels if rows is None else scores.labels[rows]
        if (labels != first.labels).any():
            raise RunError(
                f"{name} and {first_name} disagree on the truth of pairs; train both on one data set"
            )
    return member_scores
