"""Folders of people laid out as a competition, to measure recipes on one's own faces.

<root>/cls_data/train/<person>/     all people; of those that are measured, four images of five
       cls_data/dev/<person>/       every fifth image of the people that are measured
       ver_data/, val_pairs.txt     the labelled trials
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kaggle_face.artifacts.files.atomic import replacing_folder, write_json, write_text
from kaggle_face.artifacts.files.reading import read_text
from kaggle_face.competitions.files.listing import PictureLister
from kaggle_face.errors import DataError
from kaggle_face.file_names import is_junk

MARKER_FILE = "faces.json"
MAX_BYTES_OF_PAIRS = 1 << 28
_MOST_DIGITS = 10
_PART_HELD_OUT = 5
"""One image of so many is held out."""


@dataclass(frozen=True)
class FaceFolders:
    """The folders of the faces, each with one folder per person.

    Attributes:
        measured: People whose accuracy is measured on a fifth of their images.
        others: Folders of further people to train on.
        verified: Folder of the people whom the trials name; none of them is trained on.
        pairs: The trials, as LFW's View 2 has them: `name i j` is the same person, `name i name j` is not;
            the image is `name/name_0001.jpg`. A first line of one or two numbers does not count.
    """

    measured: Path
    others: tuple[Path, ...]
    verified: Path
    pairs: Path


@dataclass(frozen=True)
class LaidOut:
    """Counts of what was laid out, and the people left out because the trials have the same names."""

    train_images: int
    dev_images: int
    trials: int
    left_out: tuple[str, ...]


Trial = tuple[str, str, int]


def lay_out_faces(folders: FaceFolders, root: Path) -> LaidOut:
    """Links (or copies) the images below a new `root`; people in the verified folder are left out.

    Raises:
        DataError: A folder or an image is missing, two folders have a person of the same name, or a line of
            the trials cannot be read.
    """
    trials = read_trials(folders.pairs)
    strangers = set(people_below(folders.verified))
    images = images_of_people((folders.measured, *folders.others))
    left_out = sorted(set(images) & strangers)
    measured = set(people_below(folders.measured))
    counts = {"train": 0, "dev": 0}
    with replacing_folder(root) as new:
        for person in sorted(set(images) - strangers):
            for number, image in enumerate(images[person]):
                held_out = person in measured and number % _PART_HELD_OUT == _PART_HELD_OUT - 1
                split = "dev" if held_out else "train"
                link_image(image, new / "cls_data" / split / person / image.name)
                counts[split] += 1
        _write_trials(trials, folders.verified, new)
        found = LaidOut(counts["train"], counts["dev"], len(trials), tuple(left_out))
        write_json(new / MARKER_FILE, vars(found))
    return found


def read_trials(path: Path) -> list[Trial]:
    """The trials of a file: two images, and 1 for the same person or 0.

    Raises:
        DataError: The file is missing, or a line is neither form.
    """
    if not path.is_file():
        raise DataError(f"there is no file of pairs {path}")
    trials: list[Trial] = []
    for number, line in enumerate(read_text(path, MAX_BYTES_OF_PAIRS).splitlines(), 1):
        words = line.split("\t") if "\t" in line else line.split()
        is_header = number == 1 and len(words) < 3 and all(word.isdigit() for word in words)
        if not words or is_header:
            continue
        trials.append(_read_trial(words, f"{path}, line {number}"))
    return trials


def _read_trial(words: Sequence[str], where: str) -> Trial:
    if len(words) == 3 and _is_number(words[1]) and _is_number(words[2]):
        return _image_name(words[0], words[1]), _image_name(words[0], words[2]), 1
    if len(words) == 4 and _is_number(words[1]) and _is_number(words[3]):
        return _image_name(words[0], words[1]), _image_name(words[2], words[3]), 0
    raise DataError(f"{where}: expected 'name i j' or 'name i name j', got '{' '.join(words)}'")


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < _MOST_DIGITS


def _image_name(person: str, number: str) -> str:
    return f"{person}_{int(number):04d}.jpg"


def _write_trials(trials: Sequence[Trial], verified: Path, root: Path) -> None:
    for name in sorted({name for first, second, _ in trials for name in (first, second)}):
        link_image(verified / name.rpartition("_")[0] / name, root / "ver_data" / name)
    lines = [f"{first} {second} {same}\n" for first, second, same in trials]
    write_text(root / "val_pairs.txt", "".join(lines))


def images_of_people(folders: Sequence[Path]) -> Mapping[str, list[Path]]:
    """The images of each person, sorted; people without one are left out.

    Raises:
        DataError: A folder is missing, two have a person of the same name, or pictures lie deeper.
    """
    images: dict[str, list[Path]] = {}
    for folder in folders:
        for person in people_below(folder):
            if person in images:
                raise DataError(f"two folders have a person '{person}', the second is {folder}; rename one")
            names = PictureLister(folder).below(person)
            deeper = [name for name in names if name.count("/") > 1]
            if deeper:
                raise DataError(f"{folder / deeper[0]} lies too deep; expected {folder}/<person>/<picture>")
            images[person] = [folder / name for name in names]
    return {person: files for person, files in images.items() if files}


def people_below(folder: Path) -> list[str]:
    """The names of the folders of people, sorted.

    Raises:
        DataError: The folder is missing.
    """
    if not folder.is_dir():
        raise DataError(f"there is no folder of people {folder}")
    names = (path.name for path in folder.iterdir() if path.is_dir())
    return sorted(name for name in names if not name.startswith(".") and not is_junk(name))


def link_image(source: Path, target: Path) -> None:
    """A hard link, or a copy where the file system has none.

    Raises:
        DataError: There is no such image.
    """
    if not source.is_file():
        raise DataError(f"there is no image {source}")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
