"""A summary of own data in a few lines: splits, images per identity, examples."""

from __future__ import annotations

import numpy as np

from kaggle_face.competitions.data_check import count_splits
from kaggle_face.errors import counted
from kaggle_face.records import CompetitionData

_EXAMPLES = 5
_LABELS = {1: "same", 0: "different", -1: "to submit"}


def describe_data(data: CompetitionData) -> list[str]:
    """Counts per split, images per identity, pairs and galleries, and five examples of each kind of row."""
    lines = [
        f"{each.split}: {counted(each.images, 'image')}, "
        + (
            f"{each.labelled} of them of {counted(each.classes, 'known identity')}"
            if each.labelled
            else "no identity known"
        )
        for each in count_splits(data)
    ]
    train = data.faces.of_split("train")
    sizes = np.bincount(train.labels[train.labels >= 0], minlength=len(data.classes))
    lines.append(
        f"images per identity: {sizes.min()} to {sizes.max()}, median {np.median(sizes):g}, of "
        f"{counted(len(data.classes), 'identity')}"
    )
    for place in _spread(len(train)):
        label = int(train.labels[place])
        name = data.classes.names[label] if label >= 0 else "(not known)"
        lines.append(f"  {train.image_ids[place]}: {name}")
    if len(data.test_rows):
        lines.append(f"rows of the classification CSV: {len(data.test_rows)}")
        rows = zip(data.test_rows.row_ids.tolist(), data.test_rows.image_ids.tolist(), strict=True)
        lines += [f"  {row_id}: {image_id}" for row_id, image_id in [*rows][:_EXAMPLES]]
    for name, pairs in (("labelled pairs", data.dev_pairs), ("pairs to submit", data.test_pairs)):
        if len(pairs):
            same = f", {int((pairs.labels == 1).sum())} of them same" if pairs.are_labelled else ""
            lines.append(f"{name}: {len(pairs)}{same}")
            lines += [
                f"  {pairs.pair_ids[row]}: {pairs.first_ids[row]} {pairs.second_ids[row]} "
                f"({_LABELS[int(pairs.labels[row])]})"
                for row in range(min(_EXAMPLES, len(pairs)))
            ]
    if (gallery := data.test_gallery or data.dev_gallery) is not None:
        people = len(np.unique(gallery.names))
        lines.append(
            f"gallery: {counted(len(gallery.image_ids), 'image')} of {counted(people, 'person')}, "
            f"{counted(len(gallery.probe_ids), 'probe')}"
        )
    return lines


def _spread(count: int) -> list[int]:
    """Up to five places spread over a range."""
    return np.unique(np.linspace(0, count - 1, _EXAMPLES).astype(np.int64)).tolist() if count else []
