"""Pairs in one column or two, with labels in many words, and galleries."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from pathlib import Path

from tests.support.own_shapes import NAMES, Truth, draw, write
from tests.support.twisted.people import training


def _people(root: Path) -> Truth:
    truth = Truth()
    for name, person in training(lambda p, i: f"train/{NAMES[p]}/{p}{i}.jpg", root):
        truth.train[name] = NAMES[person]
    return truth


def _trials(folder: str, count: int, root: Path) -> list[tuple[tuple[str, str], bool]]:
    """Pairs of pictures of a folder, and whether each is of one person."""
    people = {f"{folder[0]}{number}": number % 3 for number in range(count)}
    for name, person in people.items():
        draw(root / folder / f"{name}.jpg", person, 300 + int(name[1:]))
    return [((a, b), people[a] == people[b]) for a, b in combinations(people, 2)]


def joined_by_vs(root: Path) -> Truth:
    """Names of both images in one id with _vs_ between, and labels 1 and -1."""
    truth = _people(root)
    truth.pair_columns = ("comparison", "score")
    rows = [f"{a}_vs_{b};{1 if same else -1}" for (a, b), same in _trials("known_pairs", 6, root)]
    write(root / "labelled.csv", "comparison;target", *rows)
    truth.pairs = {f"{a}_vs_{b}": same for (a, b), same in _trials("open_pairs", 5, root)}
    write(root / "sample_submission.csv", "comparison,score", *(f"{row},0" for row in truth.pairs))
    truth.said = (
        "labelled.csv: labelled pairs by target (-1, 1), for comparison (k0_vs_k1, k0_vs_k2, k0_vs_k3) names "
        "two images with '_vs_' between",
        "sample_submission.csv: pairs to submit",
    )
    return truth


def joined_by_a_hyphen(root: Path) -> Truth:
    """Ids such as a-b in a list and the sample, and labels true and false in two columns."""
    truth = _people(root)
    truth.pair_columns = ("pair", "is_match")
    rows = [f"{str(same).upper()},{a}.jpg,{b}.jpg" for (a, b), same in _trials("dev_faces", 6, root)]
    write(root / "dev.csv", "same_person,img1,img2", *rows)
    truth.pairs = {f"{a}-{b}": same for (a, b), same in _trials("test", 5, root)}
    write(root / "test_pairs.csv", "number,pair", *(f"{n},{row}" for n, row in enumerate(truth.pairs)))
    write(root / "sample_submission.csv", "pair,is_match", *(f"{row},0.5" for row in truth.pairs))
    truth.said = ("dev.csv: labelled pairs by same_person (FALSE, TRUE)",)
    return truth


def joined_by_a_blank(root: Path) -> Truth:
    """Lines of two names with a blank between and a verdict in words; the rows are numbered."""
    truth = _people(root)
    truth.pair_columns = ("row", "p")
    words = {True: "Same", False: "Different"}
    rows = [f"{a}.jpg {b}.jpg {words[same]}" for (a, b), same in _trials("verify", 6, root)]
    write(root / "verify.txt", *rows)
    trials = _trials("test", 5, root)
    write(root / "blind.txt", *(f"{a}.jpg {b}.jpg" for (a, b), _ in trials))
    truth.pairs = {str(row): same for row, (_, same) in enumerate(trials)}
    write(root / "sample_submission.csv", "row,p", *(f"{row},0.0" for row in truth.pairs))
    truth.said = ("verify.txt: labelled pairs by 3 (Different, Same)",)
    return truth


def pairs_that_an_option_names(root: Path) -> Truth:
    """Two lists that both may be submitted; an option names one."""
    truth = _people(root)
    trials = _trials("queries", 5, root)
    for file in ("first_round.csv", "final_round.csv"):
        lines = [f"p{row},{a},{b}" for row, ((a, b), _) in enumerate(trials)]
        write(root / file, "pair_id,left,right", *lines)
    truth.pairs = {f"p{row}": same for row, (_, same) in enumerate(trials)}
    write(root / "sample_submission.csv", "pair_id,similarity", *(f"{row},0.5" for row in truth.pairs))
    truth.options = ("--pairs", "final_round.csv:left,right")
    return truth


PAIRS: tuple[Callable[[Path], Truth], ...] = (
    joined_by_vs,
    joined_by_a_hyphen,
    joined_by_a_blank,
    pairs_that_an_option_names,
)
