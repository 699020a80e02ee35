"""Reading a raw competition folder, whichever family it is of."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import assert_never

import numpy as np

from kaggle_face.artifacts.tables import as_text
from kaggle_face.competitions.catalogue.known import find_spec
from kaggle_face.competitions.files.csv_tables import read_csv_table
from kaggle_face.competitions.files.folders import FolderMap, map_folder
from kaggle_face.competitions.layouts.csv_pairs import CsvPairs
from kaggle_face.competitions.layouts.gallery import KnownPeople
from kaggle_face.competitions.layouts.kinship import Kinship
from kaggle_face.competitions.layouts.layout import FAMILY_KEYS, Family, FamilyKey, Recognition, Source
from kaggle_face.competitions.layouts.listed_pairs import ListedPairs
from kaggle_face.competitions.layouts.pair_text import PairText
from kaggle_face.competitions.layouts.thumbnails import Trials
from kaggle_face.competitions.layouts.top_k import TopK
from kaggle_face.competitions.submission.formats import SubmissionFormats, with_settings
from kaggle_face.competitions.submission.samples import find_samples, tasks_named_by
from kaggle_face.config.schema import CompetitionConfig, FamilyName, SubmitConfig
from kaggle_face.errors import ConfigError, DataError, nearest_hint
from kaggle_face.file_names import Spellings
from kaggle_face.records import CompetitionData, RowList

DEMO_SLUG = "demo"


def read_competition(
    root: Path, competition: CompetitionConfig, exclude: Sequence[str] = ()
) -> CompetitionData:
    """Recognises the folder's family, or takes the one that the settings name, and reads it.

    `exclude` names classes that are left out: their images keep their place but have no label. The folder of
    the competition `demo` is written first where it does not exist.

    Raises:
        DataError: The folder is of no known family or not the one named; a list or a folder is broken.
        ConfigError: The variant or an excluded class does not exist.
    """
    if competition.slug == DEMO_SLUG and not root.exists():
        _write_demo(root)
    tree = map_folder(root)
    recognition = recognise_competition(tree, competition)
    variant = variant_of(recognition, competition)
    layout = recognition.variant if competition.variant == "auto" else variant
    source = Source(replace(tree), variant, layout, tuple(exclude))  # whose doubts are those of reading alone
    data = _spelled_as_samples(tree, family_of(recognition.family).read(source))
    return _with_notes(
        data, (*singletons_note(data), *labelled_test_note(data), *source.tree.doubts, *source.images.notes())
    )


def recognise_competition(tree: FolderMap, competition: CompetitionConfig) -> Recognition:
    """The family and the variant of a folder, as the settings say or the files show.

    Raises:
        DataError: The folder does not look like the family; what it looks like and what is missing is said.
        ConfigError: The family has no such variant.
    """
    wanted = _known_family(competition)
    seen = {key: family_of(key).recognise(tree) for key in FAMILY_KEYS}
    chosen = _most_alike(seen) if wanted == "auto" else seen[wanted]
    if wanted == "auto" and not chosen.found:
        raise DataError(
            f"{tree.root} holds nothing of any known family; check data.root, or unpack the archives "
            f"below it ('kaggle-face competitions show SLUG' tells what is expected)"
        )
    if not chosen.fits:
        raise DataError(_misfit(chosen, seen, tree.root))
    return chosen


def submission_formats(root: Path, competition: CompetitionConfig, submit: SubmitConfig) -> SubmissionFormats:
    """The CSVs of a competition: the settings', or those of its family and variant.

    The folder is looked at only where the slug and the settings leave the family or the variant open.

    Raises:
        DataError: The folder is needed and of no known family.
        ConfigError: The settings describe no valid table.
    """
    return formats_of(resolve_competition(root, competition), submit)


def resolve_competition(root: Path, competition: CompetitionConfig) -> CompetitionConfig:
    """The competition with its family and variant: the settings', the slug's, or those that the folder shows.

    The folder is looked at only where the slug and the settings leave the family or the variant open.

    Raises:
        DataError: The folder is needed and of no known family.
        ConfigError: The family has no such variant.
    """
    spec = find_spec(competition.slug)
    family = _known_family(competition)
    variant = competition.variant
    if variant == "auto" and spec is not None and spec.family == family:
        variant = spec.variant
    if family == "auto" or variant == "auto":
        recognition = recognise_competition(map_folder(root), competition)
        family, variant = recognition.family, variant_of(recognition, competition)
    return competition.model_copy(update={"family": family, "variant": variant})


def formats_of(competition: CompetitionConfig, submit: SubmitConfig) -> SubmissionFormats:
    """The CSVs of a competition whose family and variant are known.

    Raises:
        ConfigError: The settings describe no valid table.
    """
    assert competition.family != "auto", "resolve_competition comes first"
    return with_settings(family_of(competition.family).formats(competition.variant), submit)


def family_of(key: FamilyKey) -> Family:
    """The family of a key."""
    match key:
        case "A":
            return Trials()
        case "B":
            return ListedPairs()
        case "C":
            return CsvPairs()
        case "D":
            return KnownPeople()
        case "E":
            return PairText()
        case "kinship":
            return Kinship()
        case "topk":
            return TopK()
        case _:
            assert_never(key)


def singletons_note(data: CompetitionData) -> tuple[str, ...]:
    """A note where identities have a single training image."""
    faces = data.faces.of_split("train")
    counts = np.bincount(faces.labels[faces.labels >= 0], minlength=len(data.classes))
    single = np.flatnonzero(counts == 1)
    if not len(single):
        return ()
    first = data.classes.names[single[0]]
    return (f"{len(single)} of {len(data.classes)} identities have one training image, first: {first}",)


def labelled_test_note(data: CompetitionData) -> tuple[str, ...]:
    """A note where the classes of test images are known."""
    labelled, count = data.labelled_test, len(data.faces.of_split("test"))
    if not len(labelled):
        return ()
    return (
        f"the classes of {len(labelled)} of {count} test images are known: 'predict' measures them, and "
        f"nothing is trained or chosen on them",
    )


def _spelled_as_samples(tree: FolderMap, data: CompetitionData) -> CompetitionData:
    """The test rows with accents spelled as the classification's sample submission spells them.

    A disk that was filled by a Mac spells them otherwise, and what is uploaded must be the sample's.
    """
    rows = data.test_rows
    if all(map(str.isascii, rows.row_ids.tolist())):
        return data
    spellings = Spellings(_ids_of_samples(tree))
    ids = [spellings.find(row_id) or row_id for row_id in rows.row_ids.tolist()]
    changed = [row_id for row_id, old in zip(ids, rows.row_ids.tolist(), strict=True) if row_id != old]
    if not changed:
        return data
    note = f"{len(changed)} test rows spell accents as the sample submission does, first: {changed[0]!a}"
    return _with_notes(replace(data, test_rows=RowList(as_text(ids), rows.image_ids)), (note,))


def _ids_of_samples(tree: FolderMap) -> list[str]:
    """The ids of the sample submissions that are not verification's; of those that can be read."""
    ids: list[str] = []
    for name in find_samples(tree):
        if tasks_named_by(name) <= {"classification"}:
            with suppress(DataError):  # what is wrong with a sample is said where it is compared
                ids += next(iter(read_csv_table(tree.root / name, []).columns.values()))
    return ids


def _with_notes(data: CompetitionData, notes: tuple[str, ...]) -> CompetitionData:
    return replace(data, notes=data.notes + notes) if notes else data


def _most_alike(seen: dict[FamilyKey, Recognition]) -> Recognition:
    fitting = [recognition for recognition in seen.values() if recognition.fits]
    if fitting:
        return max(fitting, key=lambda recognition: len(recognition.found))
    return max(seen.values(), key=lambda recognition: recognition.likeness)


def _misfit(chosen: Recognition, seen: dict[FamilyKey, Recognition], root: Path) -> str:
    title = family_of(chosen.family).title
    text = f"{root} is no folder of family {chosen.family} ({title}): {chosen.reason}"
    others = [other for other in seen.values() if other.fits and other.family != chosen.family]
    if others:
        other = max(others, key=lambda recognition: len(recognition.found))
        return (
            f"{text}; it looks like family {other.family} ({other.reason}): "
            f"set competition.family={other.family}"
        )
    return f"{text}; check data.root, or unpack all archives of the competition below it"


def _known_family(competition: CompetitionConfig) -> FamilyName:
    """The family that the settings force or that belongs to the slug; the demo's layout is free."""
    spec = find_spec(competition.slug)
    if competition.family == "auto" and spec is not None and competition.slug != DEMO_SLUG:
        return spec.family
    return competition.family


def variant_of(recognition: Recognition, competition: CompetitionConfig) -> str:
    """The variant that the settings force, that belongs to the slug, or that the files speak for."""
    spec = find_spec(competition.slug)
    if competition.variant == "auto":
        known = spec is not None and spec.family == recognition.family and spec.variant != "auto"
        return spec.variant if spec is not None and known else recognition.variant
    variants = family_of(recognition.family).variants
    if competition.variant not in variants:
        hint = nearest_hint(competition.variant, variants) or f"; known: {', '.join(variants)}"
        raise ConfigError(
            f"competition.variant: family {recognition.family} has no variant '{competition.variant}'{hint}"
        )
    return competition.variant


def _write_demo(root: Path) -> None:
    from kaggle_face.synthetic import dataset as embedded

    embedded.write_embedded_dataset(root)
