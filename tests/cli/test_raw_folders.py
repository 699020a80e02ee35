"""Raw folders as people have them, through the command line: read right, or refused with one line.

The folder of fall 2024 below holds four people. Pictures have every suffix that is decoded and lie at any
depth, accents are spelled otherwise on the disk than in the lists, there is junk, and the test pictures lie
in a folder for each person.
"""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from kaggle_face.artifacts.record_io import read_gallery, read_predictions
from kaggle_face.cli.main import main
from kaggle_face.config import load_config
from kaggle_face.file_names import PICTURE_SUFFIXES

SLUG = "11785-hw-2-p-2-face-verification-fall-2024"
NFC, NFD = "Jos\u00e9", "Jose\u0301"
PEOPLE = ["Ann", "Bob", NFC, "Zoe"]
NUM_TRAINING, NUM_DEV, NUM_TEST = len(PICTURE_SUFFIXES), 4, 4
SETTINGS = """
extends: demo
competition: {slug: SLUG}
data: {root: raw, image_size: 16, workers: 0}
folds: {count: 4, heldout_identities: 0}
augment: {transforms: [{HorizontalFlip: {p: 0.5}}]}
model: {backbone_options: {channels: [8, 8, 16, 16], stem_width: 8}, embedding_size: 16}
train: {epochs: 1, batch_size: 8, tensorboard: false}
device: cpu
"""


def draw(path: Path, person: int, image: int) -> None:
    """A picture of noise around a person's colour, in the format of its suffix."""
    noise = np.random.default_rng([person, image]).integers(0, 90, (16, 16, 3))
    pixels = (np.array([(200, 30, 30), (30, 200, 30), (30, 30, 200), (160, 160, 20)])[person] + noise).clip(
        0, 255
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(pixels.astype(np.uint8))
    suffix = path.suffix.lower()
    modes = {".pgm": "L", ".pbm": "1", ".gif": "P"}
    picture.convert(modes.get(suffix, "RGB")).save(path, Image.registered_extensions().get(suffix, "JPEG"))


def write_lines(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_settings(slug: str = SLUG) -> None:
    write_lines(Path("configs/mine.yaml"), SETTINGS.replace("SLUG", slug))


def write_fall_2024(root: Path) -> None:
    for person, name in enumerate(PEOPLE):
        for image, suffix in enumerate(PICTURE_SUFFIXES):
            place = name if image % 3 else f"{name}/2019/party"
            draw(
                root / f"cls_data/train/{place}/{image}{suffix.upper() if image % 2 else suffix}",
                person,
                image,
            )
        spelled = NFD if name == NFC else name
        for image in range(NUM_DEV):
            draw(root / f"cls_data/dev/{spelled}/{image}.jpg", person, 50 + image)
        for image in range(NUM_TEST):
            draw(root / f"cls_data/test/{spelled}/{4 * image + person}.bmp", person, 60 + image)
        for image in range(2):
            draw(root / f"ver_data/{spelled}{image}.{'tif' if image else 'JPG'}", person, 70 + image)
    names = [f"{name}{image}.{'tif' if image else 'JPG'}" for name in PEOPLE for image in range(2)]
    pairs = [*combinations(names, 2)]
    write_lines(root / "val_pairs.txt", *(f"{a} {b} {int(a[:-5] == b[:-5])}" for a, b in pairs))
    write_lines(root / "test_pairs.txt", *(f"{a} {b}" for a, b in pairs[::-1]))


def write_junk(root: Path) -> None:
    for place in ("@eaDir", ".ipynb_checkpoints", "Ann/@eaDir"):
        draw(root / f"cls_data/train/{place}/0.jpg", 0, 0)
    for place in (
        "__MACOSX/cls_data/train/._0.jpg",
        "cls_data/train/Ann/Thumbs.db",
        "cls_data/train/Ann/x.heic",
    ):
        write_lines(root / place, "no picture")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A workspace with a trained, predicted and blended run, and all that the commands said."""
    folder = tmp_path_factory.mktemp("raw") / "workspace"
    folder.mkdir()
    said = folder.parent / "said.txt"
    with pytest.MonkeyPatch.context() as patch, said.open("w", encoding="utf-8") as stream:
        patch.chdir(folder)
        patch.setattr("sys.stdout", stream)
        patch.setattr("sys.stderr", stream)
        write_fall_2024(Path("raw"))
        write_junk(Path("raw"))
        write_settings()
        for words in (["train", "--fold", "0"], ["predict"], ["ensemble", "--method", "mean"], ["evaluate"]):
            assert main([words[0], "-c", "mine", *words[1:]]) == 0, words
    yield folder, said.read_text(encoding="utf-8")


@pytest.fixture
def workspace(finished: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished workspace as working directory."""
    shutil.copytree(finished[0], tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def read_rows(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def submit() -> int:
    return main(["submit", "-c", "mine", "--dry-run", "--only-ensemble"])


def test_everything_that_is_decoded_is_read_at_any_depth_and_nothing_else(
    finished: tuple[Path, str], workspace: Path
) -> None:
    classes = read_rows("runs/mine/main/fold0/classes.csv")
    assert [row["name"] for row in classes] == PEOPLE  # no junk folder among them
    packed = [row for index in Path("packs").glob("*/index.csv") for row in read_rows(str(index))]
    assert len(packed) == len(PEOPLE) * (NUM_TRAINING + NUM_DEV + NUM_TEST + 2)
    assert all(row["valid"] == "1" for row in packed)
    said = finished[1]
    assert "5 junk entries are skipped, first: " in said
    assert "1 of 105 files is left out, whose suffix is not a picture's" in said
    assert "first: cls_data/train/Ann/x.heic" in said
    assert "may hold several frames, of which the first is taken" in said
    assert "1 class of the dev images spells accents otherwise than the training set" in said
    assert "2 of 8 images of test_pairs.txt have accents spelled otherwise than is written there" in said


def test_a_test_folder_for_each_person_is_submitted_and_measured(
    finished: tuple[Path, str], workspace: Path
) -> None:
    assert submit() == 0
    rows = read_rows("submissions/mine/main_ensemble_classification.csv")
    assert [row["id"] for row in rows] == [f"{number}.bmp" for number in range(len(PEOPLE) * NUM_TEST)]
    assert len(read_rows("submissions/mine/main_ensemble_verification.csv")) == 28
    predictions = read_predictions(Path("runs/mine/main/fold0/test/best_cls/predictions"))
    likeliest = predictions.class_names[np.argmax(predictions.logits, axis=1)]
    truth = [name.split("/")[2].replace(NFD, NFC) for name in predictions.image_ids.tolist()]
    accuracy = f"accuracy {100 * np.mean(likeliest == truth):.1f} % on 16 labelled test images"
    said = finished[1]
    assert f"fold 0 best_cls: {accuracy}" in said  # predict
    assert f"mine/main@best_cls fold 0: {accuracy}" in said  # evaluate
    assert "16 of 16 test images have a known class" in said


def test_a_labelled_test_set_gives_no_pseudo_labels(workspace: Path, refused: Callable[..., str]) -> None:
    line = refused("pseudo-label", "-c", "mine", "--confidence", "1e-9")
    assert line.startswith("all of 16 test images have a known class") and "nothing to label" in line
    assert not Path("runs/mine/main/pseudo").exists()


def test_a_sample_with_rows_that_no_test_file_has_is_refused(
    workspace: Path, refused: Callable[..., str]
) -> None:
    rows = [f"{number}.bmp,0" for number in range(17)]
    write_lines(Path("raw/classification_sample_submission.csv"), "id,label", *rows)
    line = refused("submit", "-c", "mine", "--dry-run")
    assert line.startswith(
        "1 of 17 rows of the sample submission raw/classification_sample_submission.csv is"
    )
    assert "first: 16.bmp" in line
    assert not Path("submissions").exists()
    line = refused("check", "-c", "mine", "--no-images")
    assert "1 of 17 rows is of no test file, first: 16.bmp; the test files are incomplete" in line


def test_a_sample_of_more_test_pairs_than_the_list_has_is_refused(
    workspace: Path, refused: Callable[..., str]
) -> None:
    rows = [f"{number},0.5" for number in range(56)]
    write_lines(Path("raw/verification_sample_submission.csv"), "ID,Label", *rows)
    line = refused("submit", "-c", "mine", "--dry-run", "--task", "verification")
    assert line.startswith("28 of 56 rows of the sample submission") and "first: 28" in line


def test_a_sample_that_lacks_rows_is_stale_and_the_test_files_are_right(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{number}.bmp,0" for number in range(15)]
    write_lines(Path("raw/classification_sample_submission.csv"), "id,label", *rows)
    assert submit() == 0
    assert "is stale: 1 of 16 rows of the test files is missing, first: 15.bmp" in capsys.readouterr().err
    assert len(read_rows("submissions/mine/main_ensemble_classification.csv")) == 16


def test_no_format_is_invented_for_an_incomplete_test_folder(
    workspace: Path, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree("raw/cls_data/test")
    for number in range(24):
        draw(Path(f"raw/cls_data/test/{number:06d}.jpg"), number % 4, 60 + number)
    rows = [f"{number:06d}.jpg,0" for number in range(28)]
    write_lines(Path("raw/classification_sample_submission.csv"), "id,label", *rows)
    assert main(["init", SLUG, "--data", "raw"]) == 0
    assert "4 of 28 rows are of no test file, first: 000024.jpg" in capsys.readouterr().err
    settings = load_config(SLUG).config.submit
    assert settings.combined.columns == settings.classification.columns == ()
    assert main(["predict", "-c", "mine"]) == 0
    assert main(["ensemble", "-c", "mine", "--method", "mean"]) == 0
    line = refused("submit", "-c", "mine", "--dry-run")
    assert line.startswith("4 of 28 rows of the sample submission")


def test_settings_that_call_a_picture_by_the_name_of_another_are_refused(
    workspace: Path, refused: Callable[..., str]
) -> None:
    for path in Path("raw/cls_data/test").glob("*/*.bmp"):
        path.rename(path.with_name(f"{int(path.stem) + 1}.bmp"))
    for command in (["predict"], ["ensemble", "--method", "mean"]):
        assert main([*command, "-c", "mine"]) == 0
    cells = "submit.classification.cells=['{row}.bmp','{label}']"
    line = refused("submit", "-c", "mine", "--dry-run", "--task", "classification", cells)
    assert "15 of 16 rows would carry the name of another picture ({row}.bmp calls 2.bmp so)" in line


def test_a_class_folder_unlike_the_others_is_told_by_name(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for split in ("train", "dev", "test"):
        for number, path in enumerate(sorted(Path(f"raw/cls_data/{split}").iterdir())):
            if not path.name.startswith(("@", ".")):
                path.rename(path.with_name(f"n{number:06d}"))
    shutil.copytree("raw/cls_data/train/n000003", "raw/cls_data/train/a_backup")
    assert main(["check", "-c", "mine", "--no-images"]) == 0
    assert "class folders does not look like the others, first: a_backup" in capsys.readouterr().out


def test_two_class_folders_of_one_name_are_refused(workspace: Path, refused: Callable[..., str]) -> None:
    draw(Path(f"raw/cls_data/train/{NFD}/0.jpg"), 2, 0)
    line = refused("check", "-c", "mine", "--no-images")
    assert ascii(NFC) in line and ascii(NFD) in line


def test_check_opens_what_the_packer_opens_and_nothing_else(
    workspace: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An EPS file would start Ghostscript, a pipe would be waited for until somebody writes to it."""

    def started(*_: object, **__: object) -> None:
        raise AssertionError("Ghostscript was started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", started)
    Image.new("RGB", (16, 16)).save("raw/cls_data/train/Ann/evil.jpg", "EPS")
    Path("raw/cls_data/train/Bob/large.jpg").touch()
    os.truncate("raw/cls_data/train/Bob/large.jpg", 300 * 2**20)
    if hasattr(os, "mkfifo"):
        os.mkfifo("raw/cls_data/train/Ann/pipe.jpg")
    line = refused("check", "-c", "mine")
    count = 3 if hasattr(os, "mkfifo") else 2
    assert f"{count} of {len(PEOPLE) * (NUM_TRAINING + NUM_DEV + NUM_TEST + 2) + count} images" in line
    assert "first: cls_data/train/Ann/evil.jpg (not a picture)" in line
    assert refused("cache", "-c", "mine").startswith(f"{count} of ")
    assert main(["init", "mine2", "--data", "raw"]) == 0


def test_dev_probes_are_joined_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for person in range(4):
        for image in range(8):
            draw(Path(f"raw/cls/train/n00000{person}/{image}.jpg"), person, image)
        draw(Path(f"raw/cls/dev/n00000{person}/0.jpg"), person, 20)
        draw(Path(f"raw/cls/test/{person:06d}.jpg"), person, 30)
        draw(Path(f"raw/ver/known/n00010{person}/0.jpg"), person, 40)
        draw(Path(f"raw/ver/unknown_test/{person:06d}.jpg"), person, 50)
        draw(Path(f"raw/ver/unknown_dev/{person:06d}.jpg"), person, 60)
    lines = [f"n00010{person},unknown_dev/{person:06d}.jpg" for person in (2, 0, 3, 1)]
    write_lines(Path("raw/ver/verification_dev.csv"), "label,image", *lines)
    write_settings("11-785-f23-hw2p2-verification")
    assert main(["train", "-c", "mine", "--fold", "0"]) == 0
    assert main(["predict", "-c", "mine"]) == 0
    gallery = read_gallery(Path("runs/mine/main/fold0/test/gallery_dev"))
    named = dict(zip(gallery.probe_image_ids.tolist(), gallery.probe_names.tolist(), strict=True))
    assert named == {f"ver/unknown_dev/{person:06d}.jpg": f"n00010{person}" for person in range(4)}
