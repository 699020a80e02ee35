"""The data check: records, image files, sample submissions and disk, before time is spent."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.catalogue.known import CompetitionSpec
from kaggle_face.competitions.files.csv_tables import read_csv_table
from kaggle_face.competitions.files.folders import FolderMap
from kaggle_face.competitions.submission.formats import SubmissionFormats
from kaggle_face.competitions.submission.sample_ids import ForeignIdsError
from kaggle_face.competitions.submission.samples import find_samples, infer_format
from kaggle_face.competitions.submission.tables import row_ids
from kaggle_face.errors import DataError, counted, naming_first
from kaggle_face.pictures import UnreadableImageError, inspect_picture, read_picture
from kaggle_face.progress import Progress
from kaggle_face.records import SPLITS, CompetitionData, FaceTable, IntArray, StrArray
from kaggle_face.tasks import Task

_UNBALANCED = 20  # times as many images in the largest class as in the smallest
_AT_ONCE = 256  # images handed to the threads before results are taken


@dataclass(frozen=True)
class CheckResult:
    """One line of the data check; a `problem` stops a competition, a `note` is worth knowing."""

    level: Literal["problem", "note", "good"]
    text: str


@dataclass(frozen=True)
class SplitCount:
    """The images of a split, those with a label, and their classes."""

    split: str
    images: int
    labelled: int
    classes: int


def count_splits(data: CompetitionData) -> list[SplitCount]:
    """The counts of each split that has images."""
    counts = []
    for split in SPLITS:
        faces = data.faces.of_split(split)
        labels = faces.labels[faces.labels >= 0]
        if len(faces):
            counts.append(SplitCount(split, len(faces), len(labels), len(np.unique(labels))))
    return counts


def check_records(data: CompetitionData, spec: CompetitionSpec | None) -> list[CheckResult]:
    """Checks the records alone: notes of the reader, tasks without files, balance of the classes."""
    results = [CheckResult("note", note) for note in data.notes]
    tasks: tuple[Task, ...] = spec.tasks if spec is not None else ()
    has_verification = len(data.test_pairs) > 0 or data.test_gallery is not None
    if "classification" in tasks and not len(data.test_rows):
        results.append(CheckResult("problem", "there is no test image to classify"))
    if "verification" in tasks and not has_verification:
        results.append(CheckResult("problem", "there are no test pairs and no gallery"))
    faces = data.faces.of_split("train")
    counts = np.bincount(faces.labels[faces.labels >= 0], minlength=len(data.classes))
    text = f"images per class: {counts.min()} to {counts.max()}, median {np.median(counts):g}"
    if counts.min() == 0:
        name = data.classes.names[int(counts.argmin())]
        text = f"{counted(int((counts == 0).sum()), 'class', 'have no training image')}, first: {name}"
        return [*results, CheckResult("problem", text)]
    if counts.max() >= _UNBALANCED * counts.min():
        hint = "a balanced sampler or margin.by_class_size may help"
        return [*results, CheckResult("note", f"{text}; {hint}")]
    return [*results, CheckResult("good", text)]


# ---------------------------------------------------------------- image files


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """The inspected image files (N each): hash of the bytes, sides in pixels, colour mode, problem,
    and whether there are more frames than the first, which is taken.

    A file that cannot be read has a `problem` that is not empty, and 0 pixels.
    """

    image_ids: StrArray
    hashes: StrArray
    widths: IntArray
    heights: IntArray
    modes: StrArray
    problems: StrArray
    are_animated: npt.NDArray[np.bool_] | None = None

    @property
    def broken_ids(self) -> StrArray:
        """The images that cannot be read."""
        broken: StrArray = self.image_ids[self.problems != ""]
        return broken


@dataclass(frozen=True)
class _File:
    digest: str = ""
    width: int = 0
    height: int = 0
    mode: str = ""
    problem: str = ""
    is_animated: bool = False


def inspect_images(root: Path, image_ids: StrArray, workers: int, progress: Progress) -> ImageFiles:
    """Decodes every image in `workers` threads; no file stops it.

    Files are opened and decoded as for training: what passes here can be cached, and nothing else is opened.
    """
    files: list[_File] = []
    paths = (root / image_id for image_id in image_ids.tolist())
    with (
        ThreadPoolExecutor(max_workers=workers) as pool,
        progress.track("reading", len(image_ids), "images") as counter,
    ):
        while batch := list(islice(paths, _AT_ONCE)):
            files += pool.map(_inspect_file, batch)
            counter.advance(len(batch))
    return ImageFiles(
        image_ids=image_ids,
        hashes=as_text([file.digest for file in files]),
        widths=np.asarray([file.width for file in files], np.int64),
        heights=np.asarray([file.height for file in files], np.int64),
        modes=as_text([file.mode for file in files]),
        problems=as_text([file.problem for file in files]),
        are_animated=np.asarray([file.is_animated for file in files], np.bool_),
    )


def _inspect_file(path: Path) -> _File:
    try:
        content = read_picture(path)
        picture = inspect_picture(content)
    except UnreadableImageError as error:
        return _File(problem=error.reason)
    digest = blake2b(content, digest_size=16).hexdigest()
    return _File(digest, picture.width, picture.height, picture.mode, is_animated=picture.is_animated)


def check_images(faces: FaceTable, files: ImageFiles, image_size: int) -> list[CheckResult]:
    """Checks the image files: unreadable ones, the same picture in two splits, sizes, colours."""
    broken = files.broken_ids
    result = CheckResult(
        "good", "the image can be read" if len(faces) == 1 else f"all {len(faces)} images can be read"
    )
    if len(broken):
        problem = files.problems[files.problems != ""][0]
        text = naming_first(len(broken), len(faces), "image", "cannot be read", f"{broken[0]} ({problem})")
        result = CheckResult("problem", f"{text}; data.broken_images=skip leaves them out")
    results = [result, *_check_duplicates(faces, files)]
    good = files.widths > 0
    if not good.any():
        return results
    sides = np.maximum(files.widths, files.heights)[good]
    text = f"longer sides of {sides.min()} to {sides.max()} pixels"
    if np.median(sides) < image_size:
        results.append(CheckResult("note", f"{text}; data.image_size={image_size} enlarges most of them"))
    else:
        results.append(CheckResult("good", f"{text}, trained at {image_size}"))
    if files.are_animated is not None and files.are_animated.any():
        several = files.image_ids[files.are_animated]
        results.append(
            CheckResult(
                "note",
                naming_first(
                    len(several),
                    len(good),
                    "picture",
                    "have several frames, of which the first is taken",
                    str(several[0]),
                ),
            )
        )
    grey = files.image_ids[good & (files.modes != "RGB")]
    if len(grey):
        text = naming_first(len(grey), len(good), "image", "are not RGB", str(grey[0]))
        results.append(CheckResult("note", text))
    return results


def _check_duplicates(faces: FaceTable, files: ImageFiles) -> Iterator[CheckResult]:
    """Files with the same bytes in two splits, or with two labels."""
    readable = np.flatnonzero(files.problems == "")
    _, group, sizes = np.unique(files.hashes[readable], return_inverse=True, return_counts=True)
    order = readable[np.argsort(group, kind="stable")]
    first_of: dict[tuple[str, str], tuple[int, str]] = {}
    contradictions: list[str] = []
    for members in np.split(order, np.cumsum(sizes)[:-1]) if len(order) else []:
        if len(members) < 2:
            continue
        inside = set(faces.splits[members].tolist())
        splits = [split for split in SPLITS if split in inside]
        if len(splits) > 1:
            count, example = first_of.get((splits[0], splits[1]), (0, str(faces.image_ids[members[0]])))
            first_of[splits[0], splits[1]] = (count + 1, example)
        labels = faces.labels[members]
        if len(np.unique(labels[labels >= 0])) > 1:
            contradictions.append(str(faces.image_ids[members[0]]))
    for (one, other), (count, example) in first_of.items():
        text = f"{counted(count, 'picture', f'are in {one} and in {other} byte for byte')}, first: {example}"
        yield CheckResult("note", text)
    if contradictions:
        text = f"{counted(len(contradictions), 'picture', 'have two labels')}, first: {contradictions[0]}"
        yield CheckResult("problem", text)
    if not first_of and not contradictions:
        yield CheckResult("good", "no picture is in two splits or has two labels")


# ---------------------------------------------------------------- sample submissions and disk


def check_samples(
    tree: FolderMap, data: CompetitionData, formats: SubmissionFormats | None = None
) -> list[CheckResult]:
    """Compares the rows of the sample submissions with those of the test files.

    `formats` are those that will be written; where a sample is none of these its own are inferred.
    """
    results = []
    known = formats.forms if formats is not None else ()
    for name in find_samples(tree):
        try:
            columns = read_csv_table(tree.root / name, []).columns
            for form in known:
                if (*columns,) != form.columns:
                    continue
                if {*columns[form.id_column]} <= {*row_ids(data, form).tolist()}:
                    break
            else:
                form = infer_format(tree.root / name, data, tree.root)
            ids = columns[form.id_column]
        except ForeignIdsError as error:
            results.append(CheckResult("problem", str(error)))
        except DataError as error:
            results.append(CheckResult("note", str(error)))
        else:
            missing = set(row_ids(data, form).tolist()) - set(ids)
            if not missing:
                text = f"{name} has the rows of the test files ({len(ids)})"
                results.append(CheckResult("good", text))
            else:  # published samples lack rows, which is not a fault of the folder
                rows = counted(len(missing), "row of the test files", "are not in it")
                text = f"{rows}, first: {min(missing)}"
                text = f"{name} is stale: {text}; the test files' rows are written"
                results.append(CheckResult("note", text))
    return results


def check_disk(packs: Path, num_images: int, image_size: int) -> CheckResult:
    """Checks that the decoded images fit on the disk."""
    needed = num_images * image_size**2 * 3
    existing = next(folder for folder in (packs, *packs.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    text = f"the decoded images need {needed / 1e6:,.0f} MB in {packs}, {free / 1e6:,.0f} MB are free"
    if needed < free:
        return CheckResult("good", text)
    return CheckResult("problem", f"{text}; set paths.cache elsewhere")
