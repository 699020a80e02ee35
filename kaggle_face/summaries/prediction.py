"""Summaries of test-time augmentation, pseudo-labels, doubtful labels and exports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaggle_face.errors import counted
from kaggle_face.hints import settings_command
from kaggle_face.summaries.summary import Summary, TextTable, interval, signed

if TYPE_CHECKING:
    from kaggle_face.artifacts.runs import RunFolder
    from kaggle_face.pipeline.export.results import ExportResult
    from kaggle_face.pipeline.improving.label_noise import DoubtfulLabels
    from kaggle_face.pipeline.improving.pseudo_label import PseudoLabelOptions, PseudoLabelResult
    from kaggle_face.pipeline.improving.tta import TtaChoice

_MOST_LABELS_SHOWN = 20
_TTA = {
    "TTA": "test-time augmentation",
    "use": "on where the whole interval is above 0",
    "metric": "what is measured",
    "gain": "of the metric on held-out data, positive = better",
    "95 % interval": "of the gain, with other people",
}
_LABELS = {
    "image": "id",
    "label": "its class",
    "looks like": "the class that it is taken for",
    "logit gap": "logit of that class less that of the label",
    "deviations": "of the gap below the usual one",
}
_FILES = {
    "network": "PyTorch's, or the file's precision",
    "MB": "size",
    "images/s": "on this machine's CPU",
    "cosine distance": "largest from PyTorch's embeddings",
    "probability": "largest difference of one",
    "EER": "on held-out trials",
    "loss in EER": "against PyTorch's",
}


def tta_table(choice: TtaChoice) -> TextTable:
    """The gain of each test-time augmentation on held-out data, and whether it is used."""
    rows = [
        [
            each.augmentation,
            "on" if each.is_on else "off",
            each.metric,
            signed(each.gain),
            interval(each.low, each.high, "+"),
        ]
        for each in choice.gains
    ]
    return TextTable(_TTA, rows)


def describe_pseudo_labels(result: PseudoLabelResult, options: PseudoLabelOptions) -> Summary:
    """The number of labelled test images, and the command that trains with them."""
    left_out = [
        f"{counted(result.num_labelled, 'labelled test image', 'are left out')}: "
        "such images measure, and do not train"
    ]
    found = (
        f"{result.num_images} of {counted(result.num_test_images, 'test image')}, "
        f"{counted(result.num_classes, 'person')}, have a "
        f"class of probability {options.min_confidence:g} or more"
    )
    setting = f"data.pseudo_labels={result.path}"
    more = ("--ignore-rules",) if result.ignored_rules else ()
    use = settings_command("train", *more, overrides=[setting])
    return [
        *(left_out if result.num_labelled else []),
        found,
        f"{result.path}: train with {setting}, as in: {use}",
    ]


def describe_doubtful_labels(found: DoubtfulLabels, run: RunFolder) -> Summary:
    """The most doubtful labels of a run, where table, list and contact sheet lie, and how to use them."""
    from kaggle_face.evaluation.label_noise import DEFAULT_DEVIATION

    rows = [
        [each.image_id, each.label, each.looks_like, f"{each.logit_gap:.2f}", f"{each.deviations:.1f}"]
        for each in found.images[:_MOST_LABELS_SHOWN]
    ]
    count = (
        f"{len(found.images)} of {counted(found.num_images, 'image')} held out by "
        f"{counted(found.num_folds, 'fold')} of {run.name} "
        f"are called another person and lie {DEFAULT_DEVIATION:g} deviations below the usual"
    )
    sheet = f"{found.sheet_file}: image, images of its person, images of the other"
    path = found.list_file
    use = settings_command("train", overrides=[f"data.exclude_images={path}"])
    return [
        *([TextTable(_LABELS, rows)] if rows else []),
        count,
        *([] if found.sheet_file is None else [sheet]),
        f"{path}: strike out what is right, then train without the rest: {use}",
    ]


def describe_export(result: ExportResult) -> Summary:
    """The size, speed and loss of each file, and what they were measured on."""
    from kaggle_face.pipeline.export.card import table_cells

    compared = f"differences: the largest from torch on {counted(result.num_images, f'{result.kind} image')}"
    trials = f"; EER: on {counted(result.num_trials, 'held-out trial')}" if result.num_trials else ""
    return [
        TextTable(_FILES, [table_cells(row) for row in result.table]),
        f"{compared}{trials}; speed: on this machine's CPU",
        f"{result.folder}: {', '.join(path.name for path in (*result.files.values(), result.card))}",
    ]
