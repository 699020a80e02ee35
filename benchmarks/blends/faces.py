"""Folders of people laid out as a competition whose test set is known, to measure blends on one's own faces.

<root>/cls_data/train/<person>/     the people that are measured, four images of five
       cls_data/test/<person>/      every fifth of their images
       ver_data/judges/, val_pairs.txt    people whom nothing is trained on: blends are chosen by them
       ver_data/strangers/, test_pairs.txt    people by whom nothing is chosen or trained
       truth.csv                    the test pairs with their truth, and their set of the ten-fold protocol
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.face_folders import (
    MARKER_FILE,
    MAX_BYTES_OF_PAIRS,
    Trial,
    images_of_people,
    link_image,
    people_below,
    read_trials,
)
from kaggle_face.artifacts.files.atomic import replacing_folder, write_json, write_text
from kaggle_face.artifacts.files.reading import read_text
from kaggle_face.artifacts.tables import as_integers, read_table, write_table
from kaggle_face.config.values import MOST
from kaggle_face.data.folds.trials import draw_trials
from kaggle_face.errors import DataError
from kaggle_face.records import IntArray, Pairs, StrArray

TRUTH_FILE = "truth.csv"
IMAGES_OF_A_JUDGE = 6
"""Of a person by whom blends are chosen; all couples of these are trials, so each person's images are joined
by trials of the same person and count as one person wherever people are kept together."""

_PART_TESTED = 5
"""One image of so many is a test image."""
_SEED = 0


@dataclass(frozen=True)
class BlendFaces:
    """The folders of the faces, each with one folder per person.

    Attributes:
        measured: People to train on, whose accuracy is measured.
        judges: People of the trials that blends are chosen by; nothing is trained on them.
        verified: People of the trials that nothing is chosen by.
        pairs: Those trials, as LFW's View 2 has them.
    """

    measured: Path
    judges: Path
    verified: Path
    pairs: Path


@dataclass(frozen=True)
class LaidOutBlend:
    """Counts of what was laid out, and the people left out because the trials' folder has the same names."""

    people: int
    train_images: int
    test_images: int
    judging_people: int
    judging_trials: int
    test_trials: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Truth:
    """The truth (P) of the test pairs in their order, and the set (P) of each; -1 where there are no sets."""

    labels: IntArray
    sets: IntArray


def lay_out_blend_faces(folders: BlendFaces, root: Path) -> LaidOutBlend:
    """Links (or copies) the images below a new `root`; people of the verified folder are used nowhere else.

    Raises:
        DataError: A folder or an image is missing, two folders have a person of the same name, or a line of
            the trials cannot be read.
    """
    trials = read_trials(folders.pairs)
    strangers = set(people_below(folders.verified))
    measured = images_of_people([folders.measured])
    judges = images_of_people([folders.judges])
    twice = sorted(set(measured) & set(judges))
    if twice:
        raise DataError(f"'{twice[0]}' is to be trained on and to judge blends; take one of the two out")
    left_out = sorted((set(measured) | set(judges)) & strangers)
    measured, judges = (_without(images, strangers) for images in (measured, judges))
    with replacing_folder(root) as new:
        num_tested = _link_measured(measured, new)
        num_judged = _link_judges(judges, new)
        _link_strangers(trials, folders.verified, new)
        sets = sets_of_trials(folders.pairs, len(trials))
        labels = [same for _, _, same in trials]
        write_table(new / TRUTH_FILE, {"label": labels, "set": sets})
        found = LaidOutBlend(
            people=len(measured),
            train_images=sum(map(len, measured.values())) - num_tested,
            test_images=num_tested,
            judging_people=len(judges),
            judging_trials=num_judged,
            test_trials=len(trials),
            left_out=tuple(left_out),
        )
        write_json(new / MARKER_FILE, vars(found))
    return found


def read_truth(root: Path) -> Truth:
    """The truth of the test pairs of a folder that was laid out."""
    table = read_table(root / TRUTH_FILE, ["label", "set"])
    path = root / TRUTH_FILE
    sets = as_integers(path, table["set"], -1, MOST)
    return Truth(as_integers(path, table["label"], 0, 1), sets)


def sets_of_trials(path: Path, num_trials: int) -> IntArray:
    """The set of each trial, from a first line `SETS PAIRS` of LFW's View 2; -1 where there is none.

    Each set has PAIRS trials of the same person and then as many of different people.
    """
    first = read_text(path, MAX_BYTES_OF_PAIRS).partition("\n")[0].split()
    if len(first) == 2 and all(word.isascii() and word.isdigit() and len(word) < 10 for word in first):
        num_sets, half = map(int, first)
        if num_sets > 1 and num_sets * 2 * half == num_trials:
            return np.repeat(np.arange(num_sets), 2 * half)
    return np.full(num_trials, -1, np.int64)


def _without(images: Mapping[str, list[Path]], people: set[str]) -> dict[str, list[Path]]:
    return {person: files for person, files in images.items() if person not in people}


def _link_measured(images: Mapping[str, list[Path]], root: Path) -> int:
    num_tested = 0
    for person, files in sorted(images.items()):
        for number, image in enumerate(files):
            is_tested = number % _PART_TESTED == _PART_TESTED - 1
            link_image(image, root / "cls_data" / ("test" if is_tested else "train") / person / image.name)
            num_tested += is_tested
    return num_tested


def _link_judges(images: Mapping[str, list[Path]], root: Path) -> int:
    draw = np.random.default_rng(_SEED)
    names, people = [], []
    for person, files in sorted(images.items()):
        for row in sorted(draw.permutation(len(files))[:IMAGES_OF_A_JUDGE]):
            name = f"judges/{person}/{files[row].name}"
            link_image(files[row], root / "ver_data" / name)
            names.append(name)
            people.append(person)
    pairs = _all_same_couples(np.array(names), np.unique(people, return_inverse=True)[1], draw)
    rows = zip(pairs.first_ids.tolist(), pairs.second_ids.tolist(), pairs.labels.tolist(), strict=True)
    write_text(root / "val_pairs.txt", "".join(f"{first} {second} {same}\n" for first, second, same in rows))
    return len(pairs)


def _all_same_couples(names: StrArray, people: IntArray, draw: np.random.Generator) -> Pairs:
    """All trials of the same person among the images, and as many of different people."""
    counts = np.bincount(people)
    num_same = int((counts * (counts - 1) // 2).sum())
    return draw_trials(names, people, 2 * num_same, "judges", draw)


def _link_strangers(trials: Sequence[Trial], verified: Path, root: Path) -> None:
    for name in sorted({name for first, second, _ in trials for name in (first, second)}):
        link_image(verified / name.rpartition("_")[0] / name, root / "ver_data" / "strangers" / name)
    lines = [f"strangers/{first} strangers/{second}\n" for first, second, _ in trials]
    write_text(root / "test_pairs.txt", "".join(lines))
