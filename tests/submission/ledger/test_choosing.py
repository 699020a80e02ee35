"""The proposal of the two final submissions never follows the leaderboard alone."""

from __future__ import annotations

from dataclasses import replace

from kaggle_face.submission.ledger.choosing import propose_final
from kaggle_face.submission.ledger.entries import Entry


def entry(
    name: str, oof: float | None, public: str, sha: str | None = None, status: str = "COMPLETE"
) -> Entry:
    return Entry(
        key=name,
        time="2026-11-22T13:00:00Z",
        competition="faces",
        file=name,
        sha256=sha,
        status=status,
        oof_metric=None if oof is None else "accuracy",
        oof_score=oof,
        oof_higher_is_better=None if oof is None else True,
        public_score=public,
    )


def chosen(*entries: Entry) -> list[str]:
    return [choice.entry.file for choice in propose_final(entries, False).choices]


def test_the_best_out_of_fold_and_the_best_public_one_that_the_folds_support():
    rows = [entry("a", 0.93, "0.90"), entry("b", 0.92, "0.91"), entry("c", 0.91, "0.94")]
    rows += [entry("d", 0.80, "0.97"), entry("e", 0.79, "0.96"), entry("f", 0.70, "0.95")]
    assert chosen(*rows) == ["a", "c"]


def test_a_leaderboard_leader_without_folds_is_never_chosen():
    proposal = propose_final([entry("mine", 0.9, "0.5"), entry("by hand", None, "0.99")], False)
    assert [choice.entry.file for choice in proposal.choices] == ["mine"]
    assert "belongs to by hand (0.99); it is not chosen for that alone" in " ".join(proposal.notes)


def test_nothing_is_proposed_without_a_score():
    assert chosen(entry("a", 0.9, "", status="PENDING")) == []
    assert chosen() == []


def test_the_same_content_is_not_proposed_twice():
    rows = [entry("a", 0.93, "0.90", "x"), entry("a again", 0.93, "0.90", "x"), entry("b", 0.92, "0.91", "y")]
    assert chosen(*rows) == ["a again", "b"]


def test_lower_is_better_where_it_is():
    rows = [
        entry("a", 0.93, "0.04"),
        entry("b", 0.92, "0.02"),
        entry("c", 0.91, "0.03"),
        entry("d", 0.2, "0.01"),
    ]
    assert [choice.entry.file for choice in propose_final(rows, True).choices] == ["a", "b"]


def test_a_competition_goes_by_its_own_metric():
    gallery = "11-785-f23-hw2p2-verification"
    own = [
        replace(entry("a", 0.6, "0.55"), competition=gallery),
        replace(entry("b", 0.5, "0.50"), competition=gallery),
    ]
    of_before = [
        replace(
            entry(f"eer {n}", 0.01 * n, "0.9"),
            competition=gallery,
            oof_metric="eer",
            oof_higher_is_better=False,
        )
        for n in range(3)
    ]
    proposal = propose_final([*own, *of_before], False)
    assert [choice.entry.file for choice in proposal.choices] == ["a", "b"]
    assert proposal.choices[0].reason == "best out-of-fold accuracy: 0.6 of 2"
    assert propose_final(of_before, False).choices == ()


def test_scores_that_do_not_agree_are_warned_of():
    rows = [entry(str(n), 0.9 - n / 100, str(0.5 + n / 100)) for n in range(5)]
    notes = " ".join(propose_final(rows, False).notes)
    assert "agree little (rank correlation -1.00)" in notes and "look for a leak" in notes
