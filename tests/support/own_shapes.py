"""Folders of own data in shapes that no layout knows, with the truth of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ("Ann", "Bob Lee", "Zoe")
COLOURS = ((200, 30, 30), (30, 190, 30), (30, 30, 200))
PER_PERSON, TESTS = 8, 6


@dataclass
class Truth:
    """What a shape must be read as, by image id or row id.

    Attributes:
        train: The identity of each training image.
        test: The image and the person of each row of the classification CSV, in the order of its rows.
        pairs: Whether each row of the verification CSV is one person, by its id.
        per_row: Labels in a cell of the classification CSV.
        columns: The header of the classification CSV.
        pair_columns: The header of the verification CSV.
        submitted: What stands in the CSV for an identity, where that is not its name.
        others: What stands in columns of the CSV that are neither ids nor predictions, by their names.
        unknown: The label of unknown people.
        options: What `init` must be given.
        said: Words that `init` must print.
    """

    train: dict[str, str] = field(default_factory=dict)
    test: dict[str, tuple[str, str]] = field(default_factory=dict)
    pairs: dict[str, bool] = field(default_factory=dict)
    per_row: int = 1
    columns: tuple[str, ...] = ("id", "label")
    pair_columns: tuple[str, ...] = ("pair_id", "similarity")
    submitted: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)
    unknown: str | None = None
    options: tuple[str, ...] = ()
    said: tuple[str, ...] = ()


def draw(path: Path, person: int, image: int) -> None:
    """A picture of noise around a person's colour."""
    noise = np.random.default_rng([person, image]).integers(0, 60, (16, 16, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((np.array(COLOURS[person]) + noise).clip(0, 255).astype(np.uint8)).save(path)


def write(path: Path, *lines: str) -> None:
    """A text file of lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _training(path: Callable[[int, int], str], root: Path) -> Iterator[tuple[str, int]]:
    """Draws the training pictures, and yields the id and the person of each, people mixed."""
    for image in range(PER_PERSON):
        for person in range(len(NAMES)):
            name = path(person, image)
            draw(root / name, person, image)
            yield name, person


def _tests(path: Callable[[int], str], root: Path) -> Iterator[tuple[str, int]]:
    for number in range(TESTS):
        person = number * 2 % 3
        draw(root / path(number), person, 100 + number)
        yield path(number), person


def landmarks(root: Path) -> Truth:
    """Semicolons, an index column, ids without suffix in nested folders, a sample with bare ids."""
    truth, rows = Truth(columns=("id", "landmark")), []
    for name, person in _training(lambda p, i: f"train/{p}/{i}/a{i}b{p}.jpg", root):
        truth.train[name] = NAMES[person]
        rows.append(f"{len(rows)};{Path(name).stem};old;{NAMES[person]}")
    write(root / "train.csv", ";id;species;landmark_id", *rows)
    for name, person in _tests(lambda n: f"test/{n}/t{n}.jpg", root):
        truth.test = {Path(name).stem: (name, NAMES[person]), **truth.test}
    write(root / "sample_submission.csv", "id,landmark", *(f"{row}," for row in truth.test))
    truth.said = ("train.csv: train images", "landmark_id (Ann, Bob Lee, Zoe) names their identities")
    return truth


def whales(root: Path) -> Truth:
    """Absolute paths of another machine, a species column, labels as text, test ids with folders."""
    truth, rows = Truth(columns=("path", "who")), []
    for name, person in _training(lambda p, i: f"pics/{i}_{p}x.png", root):
        truth.train[name] = NAMES[person]
        rows.append(f"/home/me/data/{name},{NAMES[person]}")
    write(root / "people.csv", "file,name", *rows)
    for name, person in _tests(lambda n: f"holdout/part{n % 2}/{n}.png", root):
        truth.test[name.partition("/")[2]] = (name, NAMES[person])
    write(root / "sample_submission.csv", "path,who", *(f"{row},?" for row in truth.test))
    truth.said = ("'/home/me/data/' is cut off their paths",)
    return truth


def top_three(root: Path) -> Truth:
    """Three labels a row, as the sample has them; test images lie beside the training images."""
    truth, rows = Truth(columns=("file", "answer"), per_row=3), []
    for name, person in _training(lambda p, i: f"pool/{i}{p}.jpg", root):
        truth.train[name] = NAMES[person].replace(" ", "")
        rows.append(f"{Path(name).name}\t{truth.train[name]}")
    write(root / "labels.tsv", "file\tperson", *rows)
    for name, person in _tests(lambda n: f"pool/t{n}.jpg", root):
        truth.test[Path(name).name] = (name, NAMES[person].replace(" ", ""))
    write(root / "sample_submission.csv", "file,answer", *(f"{row},Zoe Ann BobLee" for row in truth.test))
    truth.said = ("sample_submission.csv: 3 labels a row, as in 'Zoe Ann BobLee'",)
    return truth


def image_folder(root: Path) -> Truth:
    """An ImageFolder with its own words for splits, and no sample submission."""
    truth = Truth()
    for name, person in _training(lambda p, i: f"faces/training/{NAMES[p]}/{i}.jpg", root):
        truth.train[name] = NAMES[person]
    for person, name in enumerate(NAMES):
        draw(root / f"faces/validation/{name}/v.jpg", person, 50)
    for name, person in _tests(lambda n: f"faces/testing/{n}.jpg", root):
        truth.test[Path(name).name] = (name, NAMES[person])
    truth.said = ("faces/training/: train images, a folder per identity", "faces/validation/: dev images")
    return truth


def plain_splits(root: Path) -> Truth:
    """An ImageFolder of train and test, which looks like the plain folders of known layouts."""
    truth = Truth()
    for name, person in _training(lambda p, i: f"train/{NAMES[p]}/{i}.jpg", root):
        truth.train[name] = NAMES[person]
    for name, person in _tests(lambda n: f"test/{n}.jpg", root):
        truth.test[Path(name).name] = (name, NAMES[person])
    return truth


def flat_names(root: Path) -> Truth:
    """One folder of files called by identity and number, and lists of pairs with headings of their own."""
    truth, images = Truth(), []
    for name, person in _training(lambda p, i: f"all/{NAMES[p]}_{i:03}.jpg", root):
        truth.train[name] = NAMES[person]
    draw(root / "queries/x1.jpg", 0, 200)
    draw(root / "queries/x2.jpg", 0, 201)
    draw(root / "queries/x3.jpg", 2, 202)
    people = {"x1": 0, "x2": 0, "x3": 2}
    for number in range(12):
        draw(root / f"trials/t{number}.jpg", number % 3, 300 + number)
        images.append((f"t{number}.jpg", number % 3))
    chosen = [*combinations(images, 2)]
    write(
        root / "dev_pairs.csv",
        "left;right;is_same",
        *(f"{a};{b};{'yes' if p == q else 'no'}" for (a, p), (b, q) in chosen),
    )
    truth.pairs = {f"q{row}": people[a] == people[b] for row, (a, b) in enumerate(combinations(people, 2))}
    rows = zip(truth.pairs, combinations(people, 2), strict=True)
    write(root / "to_answer.csv", "pair_id,a,b", *(f"{row},queries/{a},queries/{b}" for row, (a, b) in rows))
    write(root / "sample_submission.csv", "pair_id,similarity", *(f"{row},0.5" for row in truth.pairs))
    truth.said = (
        "all/: train images, file names as {identity}_{n}",
        "dev_pairs.csv: labelled pairs by is_same",
    )
    return truth


def splits_elsewhere(root: Path) -> Truth:
    """Lists without headers separated by blanks: identities by number, splits 0, 1, 2 in another file."""
    truth, rows, parts = Truth(), [], []
    for name, person in _training(lambda p, i: f"img/{p}{i:04}.jpg", root):
        truth.train[name] = str(person + 10)
        rows.append(f"{Path(name).name} {person + 10}")
        parts.append(f"{Path(name).name} 0")
    for name, person in _tests(lambda n: f"img/9{n:04}.jpg", root):
        truth.test[Path(name).name] = (name, str(person + 10))
        parts.append(f"{Path(name).name} 2")
        rows.append(f"{Path(name).name} {person + 10}")
    write(root / "identity.txt", *rows)
    write(root / "partition.txt", *parts)
    truth.said = ("partition.txt: the splits of identity.txt, by 2 (0, 2)",)
    return truth


SHAPES = (landmarks, whales, top_three, image_folder, plain_splits, flat_names, splits_elsewhere)
