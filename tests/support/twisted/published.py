"""Shapes of well-known data sets, generated small: VGGFace2, CelebA, LFW, whales, landmarks."""

from __future__ import annotations

from pathlib import Path

from tests.support.own_shapes import NAMES, Truth, draw, write
from tests.support.twisted.people import testing, training


def vggface2(root: Path) -> Truth:
    """Folders n000001 with files 0001_01.jpg, and a table of people that names no image."""
    truth = Truth()
    for name, person in training(lambda p, i: f"train/n{p + 1:06}/{i:04}_01.jpg", root):
        truth.train[name] = f"n{person + 1:06}"
    for name, person in testing(lambda n: f"test/{n:04}_02.jpg", root):
        truth.test[Path(name).name] = (name, f"n{person + 1:06}")
    rows = [f'n{p + 1:06}, "{name}", 8, 1, f' for p, name in enumerate(NAMES)]
    write(root / "identity_meta.csv", "Class_ID, Name, Sample_Num, Flag, Gender", *rows)
    truth.said = (
        "identity_meta.csv: left aside, no column names images: Class_ID (n000001, n000002, n000003)",
    )
    return truth


def celeba(root: Path) -> Truth:
    """identity_CelebA.txt and list_eval_partition.txt without headers, and attributes below a count."""
    truth, people, parts, attributes = Truth(), [], [], []
    number = 0
    for name, person in [
        *training(lambda p, i: f"img_align_celeba/{3 * i + p + 1:06}.jpg", root),
        *testing(lambda n: f"img_align_celeba/{100 + n:06}.jpg", root),
    ]:
        is_test = int(Path(name).stem) >= 100
        if is_test:
            truth.test[Path(name).name] = (name, str(2880 + 7 * person))
        else:
            truth.train[name] = str(2880 + 7 * person)
        people.append(f"{Path(name).name} {2880 + 7 * person}")
        parts.append(f"{Path(name).name} {2 if is_test else 0}")
        attributes.append(f"{Path(name).name} -1  1")
        number += 1
    write(root / "identity_CelebA.txt", *people)
    write(root / "list_eval_partition.txt", *parts)
    write(root / "list_attr_celeba.txt", str(number), "Bald Smiling", *attributes)
    truth.said = ("list_attr_celeba.txt: left aside", "the splits of identity_CelebA.txt, by 2 (0, 2)")
    return truth


def lfw(root: Path) -> Truth:
    """Folders of people whose files are called like them, pairs.txt of LFW, and pairs to submit."""
    truth = Truth(pair_columns=("id", "score"))
    names = ("Ann_Lee", "Bob_Lee", "Zoe_Day")
    for name, person in training(lambda p, i: f"lfw/{names[p]}/{names[p]}_{i + 1:04}.jpg", root):
        truth.train[name] = names[person]
    same = [f"{names[n % 3]}\t{1 + n}\t{2 + n}" for n in range(6)]
    different = [f"{names[n % 3]}\t{1 + n}\t{names[(n + 1) % 3]}\t{2 + n}" for n in range(6)]
    write(root / "pairs.txt", "1\t6", *same, *different)
    for number in range(3):
        draw(root / f"probes_of_test/{number}.jpg", number % 2, 500 + number)
    write(root / "to_compare.csv", "id,a,b", "x,0.jpg,1.jpg", "y,0.jpg,2.jpg")
    truth.pairs = {"x": False, "y": True}
    truth.said = ("pairs.txt: labelled pairs as LFW lists them, of images in lfw/",)
    return truth


def humpback(root: Path) -> Truth:
    """Several labels a row, of which new_whale is that of unknown whales, among training images too."""
    truth = Truth(columns=("Image", "Id"), per_row=3, unknown="new_whale")
    rows, names = [], ("w_1", "w_22", "w_3")
    for name, person in training(lambda p, i: f"photos/{p}{i}e.jpg", root):
        truth.train[name] = names[person]
        rows.append(f"{Path(name).name},{names[person]}")
    for number in range(4):
        draw(root / f"photos/n{number}e.jpg", number % 3, 400 + number)
        truth.train[f"photos/n{number}e.jpg"] = ""
        rows.append(f"n{number}e.jpg,new_whale")
    write(root / "train.csv", "Image,Id", *rows)
    for name, person in testing(lambda n: f"unseen/{n}e.jpg", root):
        truth.test[Path(name).name] = (name, names[person])
    rows = [f"{row},new_whale w_1 w_22" for row in truth.test]
    write(root / "sample_submission.csv", "Image,Id", *rows)
    truth.said = ("'new_whale' is the label of unknown people",)
    return truth


def hashed_landmarks(root: Path) -> Truth:
    """Ids of hexadecimal digits in three levels of folders, numbers as labels, blank labels of the sample."""
    truth, rows = Truth(columns=("id", "landmarks")), []
    names = ("138982", "20409", "7")
    for name, person in training(lambda p, i: _hashed("train", 7919 * (8 * p + i) + 11), root):
        truth.train[name] = names[person]
        rows.append(f"{Path(name).stem},{names[person]}")
    write(root / "train.csv", "id,landmark_id", *rows)
    for name, person in testing(lambda n: _hashed("test", 104729 * (n + 1)), root):
        truth.test[Path(name).stem] = (name, names[person])
    write(root / "sample_submission.csv", "id,landmarks", *(f"{row}," for row in truth.test))
    return truth


def _hashed(folder: str, number: int) -> str:
    name = f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}"
    return f"{folder}/{name[0]}/{name[1]}/{name[2]}/{name}.jpg"


PUBLISHED = (vggface2, celeba, lfw, humpback, hashed_landmarks)
