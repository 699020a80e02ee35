"""Members without out-of-fold records, which are blended by a weight that is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kaggle_face.artifacts.runs import RecordKind
from kaggle_face.ensemble.blended import ClassBlend, PairBlend
from kaggle_face.errors import RunError
from kaggle_face.evaluation.members import Member


def is_unmeasured(member: Member, kind: RecordKind) -> bool:
    """Whether none of a member's networks has an out-of-fold record of the kind."""
    return not any(fold.record_folder("oof", member.checkpoint, kind).is_dir() for fold in member.folds)


def split_given(
    members: Sequence[Member], weights: Mapping[str, float], kind: RecordKind
) -> tuple[dict[Member, float], tuple[Member, ...]]:
    """The members that have a weight by the name of their run, with it, and the others.

    Raises:
        RunError: One of them has out-of-fold records, or all members are given a weight.
    """
    given = {member: weights[member.run.path.name] for member in members if member.run.path.name in weights}
    for member in given:
        if not is_unmeasured(member, kind):
            raise RunError(
                f"{member.name} has out-of-fold {kind}, by which its weight is found; leave out "
                f"--weight {member.run.path.name}=..."
            )
    others = tuple(member for member in members if member not in given)
    if given and not others:
        raise RunError(
            f"{next(iter(given)).name} is given a weight, and there is no other member to blend it with"
        )
    return given, others


def with_given_weights(
    blend: ClassBlend | PairBlend, given: Mapping[Member, float]
) -> ClassBlend | PairBlend:
    """A blend in which some members have a given weight and the others share the rest as they did.

    Scores of pairs made elsewhere have a scale of their own, so raw scores are standardised.
    """
    rest = 1.0 - sum(given.values())
    members = (*blend.members, *given)
    weights = (*(weight * rest for weight in blend.weights), *given.values())
    if isinstance(blend, PairBlend):
        return PairBlend(members, weights, "z_scores" if blend.space == "scores" else blend.space)
    return replace(
        blend, members=members, weights=weights, temperatures=(*blend.temperatures, *(1.0 for _ in given))
    )
