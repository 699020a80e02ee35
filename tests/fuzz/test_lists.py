"""Lists and tables of competitions, submissions and records that hold anything."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from random import Random

from PIL import Image

from benchmarks.face_folders import read_trials
from kaggle_face.artifacts.tables import read_labels, read_table
from kaggle_face.competitions.files.csv_tables import read_csv_pairs, read_csv_table
from kaggle_face.competitions.files.lists import read_label_list, read_name_list, read_pair_list
from kaggle_face.competitions.reading import read_competition
from kaggle_face.config.competition import CompetitionConfig
from kaggle_face.submission.checks import read_csv
from tests.support.fuzzing import holds, sizes
from tests.support.mutating import mutated_bytes, mutated_text

NAMES = "".join(f"faces/{number:02}.jpg\n" for number in range(12))
LABELS = "".join(f"faces/{number:02}.jpg {number % 3}\n" for number in range(12))
PAIRS = "".join(f"faces/{number:02}.jpg faces/{number + 1:02}.jpg\n" for number in range(12))
LABELLED_PAIRS = PAIRS.replace("\n", " 1\n")
CSV_PAIRS = "image_A,image_B,match\n" + "".join(f"a{number}.jpg,b{number}.jpg,1\n" for number in range(8))
TABLE = "image_id,label\n" + "".join(f'"x,{number}.jpg",{number % 3}\n' for number in range(8))
TRIALS = "10 300\nAnn 1 2\nAnn 1 Bob 2\n" * 3

READERS: list[tuple[str, Callable[[Path], object]]] = [
    (NAMES, read_name_list),
    (LABELS, read_label_list),
    (PAIRS, lambda path: read_pair_list(path, labelled=False)),
    (LABELLED_PAIRS, lambda path: read_pair_list(path, labelled=True)),
    (CSV_PAIRS, lambda path: read_csv_pairs(path, labelled=True)),
    (TABLE, lambda path: read_csv_table(path, ["image_id"])),
    (TABLE, lambda path: read_table(path, ["image_id", "label"])),
    (TABLE, lambda path: read_labels(path, 3)),
    (TABLE, read_csv),
    (TRIALS, read_trials),
]


@sizes(short=150, long=16_000)
def test_a_list_is_read_or_refused_in_one_line(count: int, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"

    def read(random: Random) -> None:
        text, reader = random.choice(READERS)
        if random.random() < 0.03:
            path.write_bytes(mutated_bytes(random, text.encode("utf-16")))
        else:
            path.write_bytes(mutated_text(random, text, 3))
        reader(path)

    holds("lists and tables", count, read)


def plant(root: Path, files: dict[str, str | bytes]) -> list[Path]:
    """Writes the files of a raw folder; those that are text."""
    texts = []
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content)
            texts.append(path)
        else:
            path.write_bytes(content)
    return texts


def picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (120, 110, 100)).save(stream, "JPEG")
    return stream.getvalue()


def raw_folders() -> list[dict[str, str | bytes]]:
    """Competitions of several layouts in miniature, each with lists of its own."""
    image = picture()
    labelled: dict[str, str | bytes] = {
        f"cls_data/{split}/images/{number}.jpg": image
        for split in ("train", "dev", "test")
        for number in range(4)
    }
    for split in ("train", "dev"):
        labelled[f"cls_data/{split}/labels.txt"] = "".join(
            f"{number}.jpg {number % 2}\n" for number in range(4)
        )
    labelled |= {f"ver_data/{name}.jpg": image for name in "pqrs"}
    labelled["val_pairs.txt"] = "p.jpg q.jpg 1\nr.jpg p.jpg 0\n"
    labelled["test_pairs.txt"] = "s.jpg p.jpg\nq.jpg r.jpg\n"
    base = "classification/classification"
    tables: dict[str, str | bytes] = {
        f"{base}/{split}/n{name}/{number}.jpg": image
        for split in ("train", "dev")
        for name in "29"
        for number in "ab"
    }
    tables |= {f"{base}/test/{number}.jpg": image for number in range(2)}
    tables |= {
        f"verification/verification/{name}.jpg": image for name in ("dev/p", "dev/q", "test/r", "test/s")
    }
    tables["verification/verification/verification_dev.csv"] = (
        "image_A,image_B,match\ndev/p.jpg,dev/q.jpg,1\n"
    )
    tables["verification/verification/verification_test.csv"] = (
        "image_A,image_B\ntest/s.jpg,test/r.jpg\ntest/r.jpg,test/s.jpg\n"
    )
    kin: dict[str, str | bytes] = {
        f"train/F{family:04}/MID{person}/P{number}.jpg": image
        for family in range(11)
        for person in (1, 2)
        for number in (1, 2)
    }
    kin["train_relationships.csv"] = "p1,p2\n" + "".join(
        f"F{family:04}/MID1,F{family:04}/MID2\n" for family in range(11)
    )
    kin |= {f"test/face{number}.jpg": image for number in (1, 2, 3)}
    kin["sample_submission.csv"] = "img_pair,is_related\nface3.jpg-face1.jpg,0\nface1.jpg-face2.jpg,0\n"
    rows = ["a.jpg,whale,w2", "b.jpg,whale,w10", "c.jpg,whale,w2", "d.jpg,whale,new_individual"]
    whales: dict[str, str | bytes] = {f"train_images/{row[:5]}": image for row in rows}
    whales["train.csv"] = "image,species,individual_id\n" + "\n".join(rows) + "\n"
    whales |= {f"test_images/{name}.jpg": image for name in "xy"}
    return [labelled, tables, kin, whales]


@sizes(short=30, long=8_000)
def test_a_raw_folder_is_read_or_refused_in_one_line(count: int, tmp_path: Path) -> None:
    planted = []
    for number, files in enumerate(raw_folders()):
        root = tmp_path / str(number)
        planted.append((root, plant(root, files)))
        read_competition(root, CompetitionConfig(slug="mine"))

    def read(random: Random) -> None:
        root, texts = random.choice(planted)
        path = random.choice(texts)
        content = path.read_bytes()
        path.write_bytes(mutated_text(random, content.decode(), 2))
        try:
            read_competition(root, CompetitionConfig(slug="mine"))
        finally:
            path.write_bytes(content)

    holds("raw folders", count, read)
