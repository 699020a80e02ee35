"""Reading a raw competition folder, whatever its layout."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.catalogue.known import find_spec
from kaggle_face.competitions.detection import (
    DEMO_SLUG,
    detect_competition,
    resolve_competition,
    variant_of,
)
from kaggle_face.competitions.files.csv_tables import read_csv_table
from kaggle_face.competitions.files.folders import FolderMap, map_folder
from kaggle_face.competitions.layouts.custom import formats_of_own_data
from kaggle_face.competitions.layouts.layout import Source
from kaggle_face.competitions.layouts.named import CUSTOM, layout_named
from kaggle_face.competitions.submission.formats import MISSING_CELLS, SubmissionFormats, with_settings
from kaggle_face.competitions.submission.samples import find_samples, tasks_named_by
from kaggle_face.config.competition import CompetitionConfig
from kaggle_face.config.schema import SubmitConfig
from kaggle_face.errors import DataError, counted, naming_first, part_of
from kaggle_face.file_names import Spellings
from kaggle_face.records import CompetitionData, RowList


def read_competition(
    root: Path, competition: CompetitionConfig, exclude: Sequence[str] = ()
) -> CompetitionData:
    """Detects the folder's layout, or takes the one that the settings name, and reads it.

    `exclude` names classes that are left out: their images keep their place but have no label. The folder of
    the competition `demo` is written first where it does not exist.

    Raises:
        DataError: The folder has no known layout or not the one named; a list or a folder is broken.
        ConfigError: The layout, the variant or an excluded class does not exist.
    """
    if competition.slug == DEMO_SLUG and not root.exists():
        from kaggle_face.synthetic import dataset as embedded

        embedded.write_embedded_dataset(root)
    tree = map_folder(root)
    detection = detect_competition(tree, competition)
    variant = variant_of(detection, competition)
    folder_variant = detection.variant if competition.variant == "auto" else variant
    # The doubts of a fresh map are those of reading alone.
    source = Source(replace(tree), variant, folder_variant, tuple(exclude), competition.custom)
    data = _spelled_as_samples(tree, layout_named(detection.layout).read(source))
    notes = (*_notes_on_images(data), *source.tree.doubts, *source.images.notes())
    return replace(data, notes=data.notes + notes)


def submission_formats(root: Path, competition: CompetitionConfig, submit: SubmitConfig) -> SubmissionFormats:
    """The CSVs of a competition: the settings', or those of its layout and variant.

    The folder is looked at only where the slug and the settings leave the layout or the variant open.

    Raises:
        DataError: The folder is needed and has no known layout.
        ConfigError: The settings describe no valid table.
    """
    return formats_of(resolve_competition(root, competition), submit)


def formats_of(competition: CompetitionConfig, submit: SubmitConfig) -> SubmissionFormats:
    """The CSVs of a competition whose layout and variant are known.

    Raises:
        ConfigError: The settings describe no valid table.
    """
    assert competition.layout != "auto", "resolve_competition comes first"
    if competition.layout == CUSTOM.name:
        preset = formats_of_own_data(competition.custom)
    else:
        preset = layout_named(competition.layout).formats(competition.variant)
    spec = find_spec(competition.slug)
    return replace(with_settings(preset, submit), one_csv=spec is not None and spec.one_csv)


def _notes_on_images(data: CompetitionData) -> list[str]:
    """Notes on labels that no CSV can hold, single training images, and test images whose class is known."""
    notes = []
    missing = [label for label in data.classes.submitted.tolist() if label in MISSING_CELLS]
    if missing:
        clause = "have a label that pandas reads as a missing value and no CSV can hold"
        notes.append(naming_first(len(missing), len(data.classes), "identity", clause, f"'{missing[0]}'"))
    faces = data.faces.of_split("train")
    counts = np.bincount(faces.labels[faces.labels >= 0], minlength=len(data.classes))
    single = np.flatnonzero(counts == 1)
    if len(single):
        first = data.classes.names[single[0]]
        notes.append(
            naming_first(len(single), len(data.classes), "identity", "have one training image", str(first))
        )
    labelled, count = data.labelled_test, len(data.faces.of_split("test"))
    if len(labelled):
        notes.append(
            f"{part_of(len(labelled), count, 'test image', 'have a known class')}: 'predict' measures on "
            f"such images, and nothing is trained or chosen on them"
        )
    return notes


def _spelled_as_samples(tree: FolderMap, data: CompetitionData) -> CompetitionData:
    """The test rows with accents spelled as the classification's sample submission spells them.

    A disk that was filled by a Mac spells them otherwise, and what is uploaded must be the sample's.
    """
    rows = data.test_rows
    if all(map(str.isascii, rows.row_ids.tolist())):
        return data
    samples: list[str] = []
    for name in find_samples(tree):
        if tasks_named_by(name) <= {"classification"}:
            with suppress(DataError):  # what is wrong with a sample is reported where it is compared
                for cells in read_csv_table(tree.root / name, []).columns.values():
                    samples += cells
    spellings = Spellings(samples)
    ids = [spellings.find(row_id) or row_id for row_id in rows.row_ids.tolist()]
    changed = [row_id for row_id, old in zip(ids, rows.row_ids.tolist(), strict=True) if row_id != old]
    if not changed:
        return data
    clause = "spell accents as the sample submission does"
    note = f"{counted(len(changed), 'test row', clause)}, first: {changed[0]!a}"
    return replace(data, test_rows=RowList(as_text(ids), rows.image_ids), notes=(*data.notes, note))
