"""Starting on a competition: what its folder is, and the settings that fit it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kaggle_face.competitions.catalogue.descriptions import describe_metric, describe_rules
from kaggle_face.competitions.catalogue.known import CompetitionSpec, find_spec, known_slugs
from kaggle_face.competitions.files.folders import FolderMap, map_folder
from kaggle_face.competitions.layouts.layout import Family, Recognition
from kaggle_face.competitions.reading import family_of, read_competition, recognise_competition, variant_of
from kaggle_face.competitions.submission.formats import SubmissionFormat, SubmissionFormats
from kaggle_face.competitions.submission.samples import find_samples, infer_format
from kaggle_face.config.schema import CompetitionConfig
from kaggle_face.config.yaml_text import dump_yaml
from kaggle_face.errors import DataError, nearest_hint
from kaggle_face.pictures import UnreadableImageError, inspect_picture, read_picture
from kaggle_face.records import CompetitionData

_LARGEST_SIDE = 224
_MOST_TRIED = 100  # training images, where the first ones are broken


@dataclass(frozen=True, eq=False)
class Study:
    """What was found out about a data folder."""

    slug: str
    root: Path
    recognition: Recognition
    variant: str
    data: CompetitionData
    spec: CompetitionSpec | None
    image_size: int
    formats: SubmissionFormats
    notes: tuple[str, ...]

    @property
    def family(self) -> Family:
        """The family that the folder is of."""
        return family_of(self.recognition.family)


def study_folder(slug: str, root: Path) -> Study:
    """Recognises and reads a data folder, and compares its sample submissions with what is known.

    Raises:
        DataError: The folder is of no known family, not that of the slug, or broken.
    """
    competition = CompetitionConfig(slug=slug)
    tree = map_folder(root)
    recognition = recognise_competition(tree, competition)
    data = read_competition(root, competition)
    variant = variant_of(recognition, competition)
    preset = family_of(recognition.family).formats(variant)
    formats, notes = _formats_of_samples(tree, data, preset)
    return Study(
        slug=slug,
        root=root,
        recognition=recognition,
        variant=variant,
        data=data,
        spec=find_spec(slug),
        image_size=_side_of_images(root, data),
        formats=formats,
        notes=(*_unknown_slug_note(slug), *data.notes, *notes),
    )


def settings_text(study: Study) -> str:
    """The commented settings of a competition, which extend `base`."""
    lines = [
        *_heading(study),
        "extends: base",
        "",
        "competition:",
        f"  slug: {_quoted(study.slug)}",
        f"  family: {study.recognition.family}",
        f"  variant: {_variant(study)}",
        "",
        "data:",
        f"  root: {_quoted(str(study.root))}",
        f"  image_size: {study.image_size}  # pixels, as the training images are",
        "",
        "model:",
        f"  backbone: {_backbone(study)}",
        "",
        "train:",
        *_metric_lines(study.spec),
        "  epochs: 60",
        "  batch_size: 256",
        "",
        "schedule:",
        "  warmup_epochs: 2.0",
        *_submit_lines(study),
    ]
    return "\n".join(lines) + "\n"


def _heading(study: Study) -> list[str]:
    """Comment lines: what was found, what is known, what the rules are."""
    data, spec = study.data, study.spec
    counts = {split: len(data.faces.of_split(split)) for split in ("train", "dev", "test", "verification")}
    lines = [
        f"{study.slug}: {spec.title if spec else 'a competition that is not in the catalogue'}",
        f"found {', '.join(f'{count} {split}' for split, count in counts.items())} images of "
        f"{len(data.classes)} identities",
        f"verification: {_verification_words(data)}",
    ]
    if spec is not None:
        lines += [f"metric: {describe_metric(spec.metric)}"]
        lines += [f"rule: {rule}" for rule in describe_rules(spec.rules)]
        lines += spec.notes
    lines += [f"note: {note}" for note in study.notes]
    return [f"# {line}" for line in lines]


def _verification_words(data: CompetitionData) -> str:
    if data.test_gallery is not None:
        known, probes = len(set(data.test_gallery.names.tolist())), len(data.test_gallery.probe_ids)
        no_match = data.test_gallery.no_match
        return f"{probes} probes among {known} known people" + (f", or {no_match}" if no_match else "")
    return f"{len(data.dev_pairs)} labelled and {len(data.test_pairs)} test pairs"


def _variant(study: Study) -> str:
    """The variant that the slug does not tell by itself."""
    if study.spec is not None and study.spec.variant != "auto":
        return f"auto  # {study.variant}, as the slug says"
    return study.variant


def _backbone(study: Study) -> str:
    rules = study.spec.rules if study.spec else None
    if rules is not None and rules.forbids_imported_architectures:
        return "iresnet18  # our own files, no attention"
    return "resnet18"


def _metric_lines(spec: CompetitionSpec | None) -> list[str]:
    metric = spec.metrics.get("verification") if spec is not None else None
    if metric not in ("eer", "auc"):
        return []
    return [f"  verification_metric: {metric}", "  early_stop_metric: verification"]


def _formats_of_samples(
    tree: FolderMap, data: CompetitionData, preset: SubmissionFormats
) -> tuple[SubmissionFormats, tuple[str, ...]]:
    """The formats that samples show where they differ from the preset, and what could not be learnt."""
    classification = verification = combined = None
    notes: list[str] = []
    for sample in find_samples(tree):
        try:
            form = infer_format(tree.root / sample, data, tree.root)
        except DataError as error:
            notes.append(str(error))
            continue
        tasks = [part.task for part in form.parts]
        if len(tasks) > 1:
            combined = form
        elif tasks == ["classification"] and not _is_alike(form, preset.classification):
            classification = form
        elif tasks == ["verification"] and not _is_alike(form, preset.verification):
            verification = form
    return SubmissionFormats(classification, verification, combined), tuple(notes)


def _is_alike(form: SubmissionFormat, preset: SubmissionFormat | None) -> bool:
    return preset is not None and (form.columns, form.parts) == (preset.columns, preset.parts)


def _submit_lines(study: Study) -> list[str]:
    """The submit part, where the samples show something that the family does not know."""
    formats = study.formats
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
    return [
        "",
        *dump_yaml({"submit": values}).rstrip("\n").splitlines(),
        "  # as the sample submission shows",
    ]


def _side_of_images(root: Path, data: CompetitionData) -> int:
    """The longer side of the first training image that can be read, in pixels, within what is usual."""
    error = None
    for image_id in data.faces.of_split("train").image_ids[:_MOST_TRIED].tolist():
        try:
            picture = inspect_picture(
                read_picture(root / image_id, str(root / image_id)), str(root / image_id)
            )
        except UnreadableImageError as unreadable:
            error = error or unreadable
        else:
            return max(8, min(_LARGEST_SIDE, max(picture.width, picture.height)))
    raise error or DataError(f"{root} holds no training image; unpack the archive again")


def _unknown_slug_note(slug: str) -> tuple[str, ...]:
    if find_spec(slug) is not None:
        return ()
    return (
        f"'{slug}' is not in the catalogue, so its rules are not known{nearest_hint(slug, known_slugs())}",
    )


def _quoted(text: str) -> str:
    return dump_yaml([text]).strip().removeprefix("[").removesuffix("]").removeprefix("- ")
