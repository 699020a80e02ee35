"""Inspection of a raw folder: its layout, what it holds, and the settings that fit it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaggle_face.competitions.catalogue.descriptions import describe_metric, describe_rules
from kaggle_face.competitions.catalogue.known import CompetitionSpec, find_spec, known_slugs
from kaggle_face.competitions.catalogue.ranking import PAIR_METRICS
from kaggle_face.competitions.detection import detect_competition, variant_of
from kaggle_face.competitions.files.csv_tables import read_csv_table
from kaggle_face.competitions.files.folders import map_folder
from kaggle_face.competitions.files.listing import PictureLister
from kaggle_face.competitions.layouts.custom import formats_of_own_data
from kaggle_face.competitions.layouts.layout import Detection
from kaggle_face.competitions.layouts.named import CUSTOM, layout_named
from kaggle_face.competitions.layouts.top_k import TopK, missing_unknown_label
from kaggle_face.competitions.own_data.answers import Answers
from kaggle_face.competitions.own_data.guess import Guess, guess_settings
from kaggle_face.competitions.own_data.pair_truth import refuse_reversed_labels
from kaggle_face.competitions.own_data.tables import is_numbering
from kaggle_face.competitions.own_data.unread import lines_on_unread
from kaggle_face.competitions.reading import read_competition
from kaggle_face.competitions.sizing import Machine, TrainingSize, image_size_line, training_lines
from kaggle_face.competitions.submission.formats import SubmissionFormats
from kaggle_face.competitions.submission.sample_ids import ForeignIdsError
from kaggle_face.competitions.submission.samples import find_samples, infer_format
from kaggle_face.config.competition import CompetitionConfig
from kaggle_face.config.schema import FoldsConfig
from kaggle_face.config.yaml_text import dump_yaml
from kaggle_face.errors import ConfigError, DataError, counted, nearest_hint, one_line
from kaggle_face.pictures import UnreadableImageError, inspect_picture, read_picture
from kaggle_face.records import CompetitionData

_OF_PLAIN_FOLDERS = ("csv_pairs", "gallery")  # what else they have is read by other names in own data
_LARGEST_SIDE = 224
_MOST_TRIED = 100  # training images, where the first ones are broken


@dataclass(frozen=True, eq=False)
class Inspection:
    """The result of inspecting a data folder.

    `formats` are those that its sample submissions show where they differ from the layout's; `guess` has the
    settings of own data.
    """

    slug: str
    root: Path
    detection: Detection
    variant: str
    data: CompetitionData
    spec: CompetitionSpec | None
    image_size: int
    formats: SubmissionFormats
    notes: tuple[str, ...]
    guess: Guess | None = None


def inspect_folder(slug: str, root: Path, answers: Answers | None = None) -> Inspection:
    """Detects the layout of a data folder, reads it, and compares its sample submissions with what is known.

    A folder of no known layout, whose slug is not known either, is own data: its settings are inferred, as
    where `answers` are given.

    Raises:
        DataError: The folder has not the layout of the slug, is broken, or holds no images with identities.
        ConfigError: Two readings of own data are equally likely; the option that answers is named.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder {root}; fix --data, or download and unpack the data")
    competition, guess = CompetitionConfig(slug=slug), None
    reason = _why_own_data(root, competition) if answers is None and find_spec(slug) is None else None
    if answers is not None or reason is not None:
        guess = guess_settings(root, answers or Answers())
        guess.lines[:0] = [reason] if reason is not None else []
        competition = CompetitionConfig(slug=slug, layout=CUSTOM.name, custom=guess.custom)
    detection = detect_competition(map_folder(root), competition)
    data = read_competition(root, competition)
    if guess is not None:
        refuse_reversed_labels(data, guess.custom, answers or Answers())
    variant = variant_of(detection, competition)
    samples: Sequence[str] = find_samples(map_folder(root)) if guess is None else guess.samples
    if guess is None:
        preset = layout_named(detection.layout).formats(variant)
    else:
        preset = formats_of_own_data(guess.custom)
    id_column = None if answers is None else answers.id_column
    formats, notes_on_samples = _formats_of_samples(root, data, preset, samples, guess, id_column)
    spec = find_spec(slug)
    notes = [*data.notes, *notes_on_samples]
    if spec is None:
        hint = nearest_hint(slug, known_slugs())
        notes.insert(0, f"'{slug}' is not in the catalogue, so its rules are not known{hint}")
    return Inspection(
        slug=slug,
        root=root,
        detection=detection,
        variant=variant,
        data=data,
        spec=spec,
        image_size=_side_of_images(root, data),
        formats=formats,
        notes=tuple(notes),
        guess=guess,
    )


def _why_own_data(root: Path, competition: CompetitionConfig) -> str | None:
    """Why a folder is read as own data; None where it has a known layout.

    Plain folders of training and test images, with nothing else of a known layout, are own data, and so are
    those with a table of identities none of which is unknown.

    Raises:
        DataError: It has no known layout and holds no images.
    """
    tree = map_folder(root)
    try:
        detection = detect_competition(tree, competition)
    except DataError as error:
        if not PictureLister(root, tree).below(""):
            if unread := lines_on_unread(tree.files):
                raise DataError(f"{root} holds no images; {unread[0]}") from error
            raise
        return str(error).partition("; check data.root")[0].partition("; it looks like")[0]
    if detection.layout in _OF_PLAIN_FOLDERS and len(detection.found) == 1:
        return f"of the known layouts {root} has {detection.found[0]} alone"
    if detection.layout == TopK.name:
        files = ["train.csv", *find_samples(tree)]
        tables = (read_csv_table(root / (tree.file(name) or name), []).columns.values() for name in files)
        if (unknown := missing_unknown_label(detection.variant, tables)) is not None:
            return f"neither train.csv nor a sample submission in {root} has '{unknown}'"
    return None


def settings_text(inspection: Inspection, machine: Machine, holds_out: bool = True) -> str:
    """The commented settings of a competition, which extend `base`, sized for a machine.

    `holds_out`: whether there are enough identities for folds to hold some out.
    """
    spec = inspection.spec
    variant = inspection.variant
    if spec is not None and spec.variant != "auto":
        variant = f"auto  # {variant}, as the slug says"
    metric = spec.metrics.get("verification") if spec is not None else None
    metric_lines = [f"  verification_metric: {metric}", "  early_stop_metric: verification"]
    labelled = sum(len(inspection.data.faces.of_split(split)) for split in ("train", "dev"))
    count = FoldsConfig().count  # of `base`
    only_own = spec is not None and spec.rules.forbids_imported_architectures
    size = TrainingSize(labelled * (count - 1) // count, inspection.image_size, only_own)
    lines = [
        *_heading(inspection),
        "extends: base",
        "",
        "competition:",
        f"  slug: {_quoted(inspection.slug)}",
        f"  layout: {inspection.detection.layout}",
        f"  variant: {variant}",
        *_custom_lines(inspection),
        "",
        "data:",
        f"  root: {_quoted(str(inspection.root))}",
        image_size_line(size, machine),
        "",
        *training_lines(size, machine, metric_lines if metric in PAIR_METRICS else []),
        *_fold_lines(inspection, holds_out),
        *_submit_lines(inspection.formats),
    ]
    return "\n".join(lines) + "\n"


def _custom_lines(inspection: Inspection) -> list[str]:
    """The part of own data, and as comments what else its files may be."""
    if inspection.guess is None:
        return []
    values = inspection.guess.custom.model_dump(mode="json", exclude_defaults=True)
    lines = ["  custom:", *(f"    {line}" for line in dump_yaml(values).rstrip("\n").splitlines())]
    custom, comments = inspection.guess.custom, [*inspection.guess.lines, *inspection.guess.alternatives]
    if len(inspection.data.test_rows) and custom.submitted == "name" and custom.labels is None:
        comments.append(
            "submitted: index    # instead of the names, if the competition counts the sorted names"
        )
    return [*lines, *(f"    # {one_line(line)}" for line in comments)]


def _fold_lines(inspection: Inspection, holds_out: bool) -> list[str]:
    """Pairs of other people where those of own data are of training images; none where people are too few."""
    lines = []
    if pairs_are_trained(inspection):
        lines.append("  verification: identities  # the labelled pairs are of training images")
    if not holds_out:
        lines.append(
            "  heldout_identities: 0     # too few people to hold some out, so that pairs are not measured"
        )
    return ["", "folds:", *lines] if lines else []


def pairs_are_trained(inspection: Inspection) -> bool:
    """Whether labelled pairs of own data are of training images: no checkpoint may be chosen by them."""
    data = inspection.data
    if inspection.guess is None:
        return False
    trained = {*data.faces.of_split("train", "dev").image_ids.tolist()}
    return not trained.isdisjoint(data.dev_pairs.image_ids.tolist())


def _heading(inspection: Inspection) -> list[str]:
    """Comment lines: what was found, what is known, what the rules are."""
    data, spec = inspection.data, inspection.spec
    counts = {split: len(data.faces.of_split(split)) for split in ("train", "dev", "test", "verification")}
    verification = f"{len(data.dev_pairs)} labelled and {counted(len(data.test_pairs), 'test pair')}"
    if (gallery := data.test_gallery) is not None:
        known = len(set(gallery.names.tolist()))
        identities = counted(known, "known identity")
        verification = f"{counted(len(gallery.probe_ids), 'probe')} among {identities}"
        verification += f", or {gallery.no_match}" if gallery.no_match else ""
    lines = [
        f"{inspection.slug}: {spec.title if spec else 'a competition that is not in the catalogue'}",
        f"found {', '.join(f'{count} {split}' for split, count in counts.items())} images of "
        f"{counted(len(data.classes), 'class')}",
        f"verification: {verification}",
    ]
    if spec is not None:
        lines += [f"metric: {describe_metric(spec.metric)}"]
        lines += [f"rule: {rule}" for rule in describe_rules(spec.rules)]
        lines += spec.notes
    lines += [f"note: {note}" for note in inspection.notes]
    return [f"# {line}" for line in lines]


def _formats_of_samples(
    root: Path,
    data: CompetitionData,
    preset: SubmissionFormats,
    samples: Sequence[str],
    guess: Guess | None,
    id_column: str | None = None,
) -> tuple[SubmissionFormats, list[str]]:
    """The formats that samples show where they differ from the preset, and what could not be inferred.

    Raises:
        DataError: Nothing could be inferred of a sample of own data.
    """
    found: dict[str, Any] = {}
    notes: list[str] = []
    for sample in samples:
        try:
            form = infer_format(root / sample, data, root, id_column)
            if guess is not None and form.parts[0].cells[form.id_place].startswith("{row"):
                _refuse_counted_files(root / sample, data, guess)
        except DataError as error:
            if guess is not None:
                if isinstance(error, ForeignIdsError):
                    _refuse_counted_files(root / sample, data, guess)
                aside = (line for line in guess.lines if "no column names images" in line)
                cause = next((f"{line}; " for line in aside), "")
                raise DataError(f"{cause}{error}; or leave it aside with --sample none") from error
            notes.append(str(error))
            continue
        if len(form.parts) > 1:
            found["combined"] = form
            continue
        task = form.parts[0].task
        known = preset.classification if task == "classification" else preset.verification
        if known is None or (form.columns, form.parts) != (known.columns, known.parts):
            found[task] = form
    return SubmissionFormats(**found), notes


def _refuse_counted_files(sample: Path, data: CompetitionData, guess: Guess) -> None:
    """Refuses ids that count the test images where these lie in a folder, whose order is not given.

    Raises:
        ConfigError: A column of the sample counts as many rows; the option that answers is named.
    """
    tests = [entry for entry in guess.custom.images if entry.split == "test"]
    if guess.custom.row_order is not None or not tests or any(entry.table is not None for entry in tests):
        return
    for name, cells in read_csv_table(sample, []).columns.items():
        if len(cells) == len(data.test_rows) and is_numbering(cells):
            raise ConfigError(
                f"{sample}: '{name}', from {cells[0]} to {cells[-1]}, may count the test images, in an order "
                f"that no file gives; say which with --row-order name or --row-order number, or with "
                f"--id-column another column of ids"
            )


def _submit_lines(formats: SubmissionFormats) -> list[str]:
    """The submit part, where the samples show something that differs from the layout's formats."""
    values: dict[str, dict[str, Any]] = {
        task: {"columns": list(form.columns), "cells": list(form.parts[0].cells)}
        for task, form in (("classification", formats.classification), ("verification", formats.verification))
        if form is not None
    }
    if formats.combined is not None:
        parts = [{"task": part.task, "cells": list(part.cells)} for part in formats.combined.parts]
        values["combined"] = {"columns": list(formats.combined.columns), "parts": parts}
    if not values:
        return []
    text = dump_yaml({"submit": values}).rstrip("\n")
    return ["", *text.splitlines(), "  # as the sample submission shows"]


def _side_of_images(root: Path, data: CompetitionData) -> int:
    """The longer side of the first training image that can be read, in pixels, within what is usual."""
    error = None
    for image_id in data.faces.of_split("train").image_ids[:_MOST_TRIED].tolist():
        path = root / image_id
        try:
            picture = inspect_picture(read_picture(path, str(path)), str(path))
        except UnreadableImageError as unreadable:
            error = error or unreadable
        else:
            return max(8, min(_LARGEST_SIDE, max(picture.width, picture.height)))
    raise error or DataError(f"{root} holds no training image; unpack the archive again")


def _quoted(text: str) -> str:
    return dump_yaml([text]).strip().removeprefix("[").removesuffix("]").removeprefix("- ")
