"""The doctor's findings about a competition's data: what is wrong, and what is worth knowing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from kaggle_face.competitions.catalogue.known import CompetitionFacts
from kaggle_face.competitions.files.csv_tables import read_csv_table
from kaggle_face.competitions.files.folders import FolderMap
from kaggle_face.competitions.image_check import ImageFiles
from kaggle_face.competitions.submission.formats import SubmissionFormat, SubmissionFormats
from kaggle_face.competitions.submission.samples import ForeignIdsError, find_samples, infer_format
from kaggle_face.competitions.submission.tables import row_ids
from kaggle_face.errors import DataError, naming_first
from kaggle_face.records import SPLITS, CompetitionData, FaceTable, StrArray
from kaggle_face.tasks import Task

_UNBALANCED = 20  # times as many images in the largest class as in the smallest


@dataclass(frozen=True)
class Finding:
    """One line of the doctor; a `problem` stops a competition, a `note` is worth knowing."""

    level: Literal["problem", "note", "good"]
    text: str


def split_counts(data: CompetitionData) -> list[tuple[str, str, str, str]]:
    """Split, images, images with a label, classes: one row per split."""
    rows: list[tuple[str, str, str, str]] = []
    for split in SPLITS:
        faces = data.faces.of_split(split)
        labels = faces.labels[faces.labels >= 0]
        if len(faces):
            rows.append((split, str(len(faces)), str(len(labels)), str(len(np.unique(labels)))))
    return rows


def find_data_troubles(data: CompetitionData, facts: CompetitionFacts | None) -> list[Finding]:
    """What the records alone show: notes of the reader, tasks without files, balance of the classes."""
    findings = [Finding("note", note) for note in data.notes]
    tasks: tuple[Task, ...] = facts.tasks if facts is not None else ()
    has_verification = len(data.test_pairs) > 0 or data.test_gallery is not None
    if "classification" in tasks and not len(data.test_rows):
        findings.append(Finding("problem", "there is no test image to classify"))
    if "verification" in tasks and not has_verification:
        findings.append(Finding("problem", "there are no test pairs and no gallery to answer"))
    return [*findings, *_balance(data)]


def find_image_troubles(faces: FaceTable, files: ImageFiles, image_size: int) -> list[Finding]:
    """What the files show: unreadable ones, the same picture in two splits, sizes, colours."""
    findings = []
    broken = files.broken_ids
    if len(broken):
        problem = files.problems[files.problems != ""][0]
        text = naming_first(len(broken), len(faces), "images cannot be read", f"{broken[0]} ({problem})")
        findings.append(Finding("problem", f"{text}; data.broken_images=skip leaves them out"))
    else:
        findings.append(Finding("good", f"all {len(faces)} images can be read"))
    return [*findings, *_duplicates(faces, files), *_sizes(files, image_size)]


def compare_samples(
    tree: FolderMap, data: CompetitionData, formats: SubmissionFormats | None = None
) -> list[Finding]:
    """How the rows of the sample submissions differ from those of the test files.

    `formats` are those that will be written; where a sample is none of these its own are inferred.
    """
    findings = []
    known = [form for form in (vars(formats).values() if formats else ()) if form is not None]
    for name in find_samples(tree):
        try:
            table = read_csv_table(tree.root / name, [])
            ids = next(iter(table.columns.values()))
            form = next((form for form in known if _covers(data, form, table.columns)), None)
            form = form or infer_format(tree.root / name, data, tree.root)
        except ForeignIdsError as error:
            findings.append(Finding("problem", str(error)))
        except DataError as error:
            findings.append(Finding("note", str(error)))
        else:
            findings.append(_compare_rows(name, ids, row_ids(data, form)))
    return findings


def _covers(data: CompetitionData, form: SubmissionFormat, columns: Mapping[str, Sequence[str]]) -> bool:
    """Whether a format gives the columns of a sample and all of its ids."""
    return (*columns,) == form.columns and set(columns[form.columns[0]]) <= set(row_ids(data, form).tolist())


def check_disk(packs: Path, num_images: int, image_size: int) -> Finding:
    """Whether the decoded images fit on the disk."""
    needed = num_images * image_size**2 * 3
    existing = next(folder for folder in (packs, *packs.absolute().parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    text = f"the decoded images need {needed / 1e6:,.0f} MB in {packs}, {free / 1e6:,.0f} MB are free"
    return (
        Finding("good", text) if needed < free else Finding("problem", f"{text}; set paths.packs elsewhere")
    )


def _balance(data: CompetitionData) -> Iterator[Finding]:
    faces = data.faces.of_split("train")
    counts = np.bincount(faces.labels[faces.labels >= 0], minlength=len(data.classes))
    text = f"images per class: {counts.min()} to {counts.max()}, median {np.median(counts):g}"
    if counts.min() == 0:
        name = data.classes.names[int(counts.argmin())]
        yield Finding("problem", f"{(counts == 0).sum()} classes have no training image, first: {name}")
    elif counts.max() >= _UNBALANCED * counts.min():
        yield Finding("note", f"{text}; a balanced sampler or margin.by_class_size may help")
    else:
        yield Finding("good", text)


def _duplicates(faces: FaceTable, files: ImageFiles) -> Iterator[Finding]:
    """Files with the same bytes in two splits, or with two labels."""
    readable = np.flatnonzero(files.problems == "")
    _, group, sizes = np.unique(files.hashes[readable], return_inverse=True, return_counts=True)
    order = readable[np.argsort(group, kind="stable")]
    first_of: dict[tuple[str, str], tuple[int, str]] = {}
    contradictions: list[str] = []
    for members in np.split(order, np.cumsum(sizes)[:-1]) if len(order) else []:
        if len(members) < 2:
            continue
        splits = sorted({str(split) for split in faces.splits[members]}, key=_split_place)
        if len(splits) > 1:
            count, example = first_of.get((splits[0], splits[1]), (0, str(faces.image_ids[members[0]])))
            first_of[splits[0], splits[1]] = (count + 1, example)
        labels = faces.labels[members]
        if len(np.unique(labels[labels >= 0])) > 1:
            contradictions.append(str(faces.image_ids[members[0]]))
    for (one, other), (count, example) in first_of.items():
        yield Finding("note", f"{count} pictures are in {one} and in {other} byte for byte, first: {example}")
    if contradictions:
        text = f"{len(contradictions)} pictures have two labels, first: {contradictions[0]}"
        yield Finding("problem", text)
    if not first_of and not contradictions:
        yield Finding("good", "no picture is in two splits or has two labels")


def _split_place(split: str) -> int:
    return [*SPLITS].index(split)  # type: ignore[arg-type]


def _sizes(files: ImageFiles, image_size: int) -> Iterator[Finding]:
    good = files.widths > 0
    if not good.any():
        return
    sides = np.maximum(files.widths, files.heights)[good]
    text = f"longer sides of {sides.min()} to {sides.max()} pixels"
    if np.median(sides) < image_size:
        yield Finding("note", f"{text}; data.image_size={image_size} enlarges most of them")
    else:
        yield Finding("good", f"{text}, trained at {image_size}")
    if files.are_animated is not None and files.are_animated.any():
        several = files.image_ids[files.are_animated]
        what = "pictures have several frames, of which the first is taken"
        yield Finding("note", naming_first(len(several), len(good), what, str(several[0])))
    grey = files.image_ids[good & (files.modes != "RGB")]
    if len(grey):
        yield Finding("note", naming_first(len(grey), len(good), "images are not RGB", str(grey[0])))


def _compare_rows(name: str, ids: Sequence[str], wanted: StrArray) -> Finding:
    """All ids of the sample are among the rows of the test files; some rows may be missing in it."""
    missing = set(wanted.tolist()) - set(ids)
    if not missing:
        return Finding("good", f"{name} has the rows of the test files ({len(ids)})")
    text = f"{len(missing)} rows of the test files are not in it, first: {min(missing)}"
    return Finding("note", f"{name} is stale: {text}; the test files' rows are written")
