"""Folders and file names instead of tables: words for splits, nested folders, one folder, archives, JSON."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from tests.support.own_shapes import NAMES, Truth, draw, write
from tests.support.twisted.people import testing, training


def train_val_test(root: Path) -> Truth:
    """train, val and test below a folder, upper-case suffixes, test images in hashed folders."""
    truth = Truth(columns=("filename", "label"))
    for name, person in training(lambda p, i: f"set/train/{NAMES[p]}/{i}.JPEG", root):
        truth.train[name] = NAMES[person]
    for person, name in enumerate(NAMES):
        draw(root / f"set/val/{name}/v.JPEG", person, 50)
    for name, person in testing(lambda n: f"set/test/{n % 2}/{n}h.JPEG", root):
        truth.test[name.removeprefix("set/test/")] = (name, NAMES[person])
    write(root / "sample_submission.csv", "filename,label", *(f"{row},Zoe" for row in truth.test))
    return truth


def one_folder(root: Path) -> Truth:
    """A folder per identity, and one beside it whose name says nothing, which an option explains."""
    truth = Truth()
    for name, person in training(lambda p, i: f"people/{NAMES[p]}/{i}.jpg", root):
        truth.train[name] = NAMES[person]
    for name, person in testing(lambda n: f"mystery/{n}.jpg", root):
        truth.test[Path(name).name] = (name, NAMES[person])
    truth.options = ("--test", "mystery")
    truth.said = ("mystery/: test images, as --test says",)
    return truth


def nested_views(root: Path) -> Truth:
    """Folders of views within the folders of people."""
    truth = Truth()
    for name, person in training(
        lambda p, i: f"training/{NAMES[p]}/{('left', 'right')[i % 2]}/{i}.jpg", root
    ):
        truth.train[name] = NAMES[person]
    for name, person in testing(lambda n: f"testing/{n}.jpg", root):
        truth.test[Path(name).name] = (name, NAMES[person])
    truth.said = ("training/: train images, a folder per identity (Ann, Bob Lee, Zoe)",)
    return truth


def several_roots(root: Path) -> Truth:
    """The same people in two folders of cameras."""
    truth = Truth()
    for name, person in training(lambda p, i: f"train/camera{i % 2}/{NAMES[p]}/{i}.jpg", root):
        truth.train[name] = NAMES[person]
    for name, person in testing(lambda n: f"test/{n}.jpg", root):
        truth.test[Path(name).name] = (name, NAMES[person])
    truth.said = (
        "train/camera0/ and train/camera1/: train images, a folder per identity (Ann, Bob Lee, Zoe)",
    )
    return truth


def flat_names_and_a_test_folder(root: Path) -> Truth:
    """Numbers before the names of people, and test images in a folder beside."""
    truth = Truth()
    for name, person in training(lambda p, i: f"all/train/{i:03}-{NAMES[p].replace(' ', '')}.bmp", root):
        truth.train[name] = NAMES[person].replace(" ", "")
    for name, person in testing(lambda n: f"all/test/{n:03}.bmp", root):
        truth.test[Path(name).name] = (name, NAMES[person].replace(" ", ""))
    truth.said = ("all/train/: train images, file names as {n}-{identity}",)
    return truth


def archive_and_json_beside(root: Path) -> Truth:
    """An archive that was unpacked and a list in JSON beside folders of people; both are named."""
    truth = Truth()
    for name, person in training(lambda p, i: f"train/{NAMES[p]}/{i}.jpg", root):
        truth.train[name] = NAMES[person]
    for name, person in testing(lambda n: f"test/{n}.jpg", root):
        truth.test[Path(name).name] = (name, NAMES[person])
    (root / "annotations.json").write_text(json.dumps({"0.jpg": "Ann"}))
    with zipfile.ZipFile(root / "train.zip", "w") as archive:
        archive.writestr("train/Ann/0.jpg", b"")
    truth.said = (
        "annotations.json: left aside, lists are read from .csv, .tsv and .txt; if it names images, write "
        "it as a CSV with a column of images and one of identities",
        "train.zip: left aside, an archive; unpack it where it lies",
    )
    return truth


def places_of_folders(root: Path) -> Truth:
    """The sample holds places among the sorted names of the folders of people."""
    truth = Truth(columns=("file", "class"), submitted={name: str(n) for n, name in enumerate(sorted(NAMES))})
    for name, person in training(lambda p, i: f"train/{NAMES[p]}/{i}.jpg", root):
        truth.train[name] = NAMES[person]
    for name, person in testing(lambda n: f"test/{n}.jpg", root):
        truth.test[Path(name).name] = (name, NAMES[person])
    rows = [f"{row},{number % 3}" for number, row in enumerate(truth.test)]
    write(root / "sample_submission.csv", "file,class", *rows)
    truth.said = ("class (0, 1, 2) are places among the sorted names of identities, from 0",)
    return truth


def people_beside_the_test_images(root: Path) -> Truth:
    """Folders of people in the root, and test images in a folder beside them."""
    truth = Truth()
    for name, person in training(lambda p, i: f"{NAMES[p]}/{i}.jpg", root):
        truth.train[name] = NAMES[person]
    for name, person in testing(lambda n: f"test/{n}.jpg", root):
        truth.test[Path(name).name] = (name, NAMES[person])
    return truth


FOLDERS = (
    people_beside_the_test_images,
    places_of_folders,
    train_val_test,
    one_folder,
    nested_views,
    several_roots,
    flat_names_and_a_test_folder,
    archive_and_json_beside,
)
