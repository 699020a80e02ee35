"""Known people and probes of own data: two folders or two tables that are called so."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from kaggle_face.competitions.own_data.findings import Findings
from kaggle_face.competitions.own_data.folders import entries_of_folder
from kaggle_face.competitions.own_data.image_tables import entry_of_table
from kaggle_face.competitions.own_data.tables import OwnTable
from kaggle_face.config.competition import GalleryConfig, ImagesConfig

_KNOWN = frozenset(("known", "gallery", "enrolled", "enrolment", "enrollment", "reference", "references"))
_PROBES = frozenset(("probes", "probe", "query", "queries", "unknown"))


def take_gallery_tables(find: Findings, tables: Sequence[OwnTable]) -> tuple[list[GalleryConfig], set[str]]:
    """Galleries of a table of known people and tables of probes, by the names of the files, and these names.

    Probes may be in two tables, one with their identities and one without.
    """
    named = [own for own in tables if len(own.image_columns) == 1]
    known = [own for own in named if _words(own.name) & _KNOWN]
    probes = [own for own in named if _words(own.name) & _PROBES and own not in known]
    if len(known) != 1 or not probes:
        return [], set()
    entry, found = entry_of_table(find, known[0])
    entry = entry.model_copy(update={"split": "train"})
    if entry.identity is None:
        return [], set()
    galleries = []
    find.covered |= {*found}
    find.note(
        f"{known[0].name}: known people, as the file is called; {known[0].shown(entry.identity)} names them"
    )
    for own in probes:
        searched, images = entry_of_table(find, own)
        find.covered |= {*images}
        find.probes |= set() if searched.identity is not None else {*images}
        galleries.append(GalleryConfig(known=entry, probes=searched.model_copy(update={"split": "train"})))
        kind = (
            "to submit" if searched.identity is None else f"whose people {own.shown(searched.identity)} names"
        )
        find.note(f"{own.name}: probes {kind}, as the file is called")
    return galleries, {own.name for own in (known[0], *probes)}


def take_gallery_folders(find: Findings) -> list[GalleryConfig]:
    """The gallery of a folder of known people and a folder of probes beside it."""
    by_kind = {
        kind: _folders_called(find.left, words) for kind, words in (("known", _KNOWN), ("probes", _PROBES))
    }
    for known, images in by_kind["known"].items():
        for probes, searched in by_kind["probes"].items():
            if posixpath.dirname(known) != posixpath.dirname(probes):
                continue
            first = entries_of_folder(known, images, find.answers)[0]
            second = entries_of_folder(probes, searched, find.answers)[0]
            if len(first) != 1 or not (first[0].class_folders or first[0].pattern):
                continue
            is_labelled = len(second) == 1 and second[0].class_folders
            plain = second[0] if is_labelled else ImagesConfig(folder=probes)
            find.covered |= {*images, *searched}
            find.probes |= set() if is_labelled else {*searched}
            find.note(f"{known}/ and {probes}/: known people and probes, as the folders are called")
            return [
                GalleryConfig(
                    known=first[0].model_copy(update={"split": "train"}),
                    probes=plain.model_copy(update={"split": "train"}),
                )
            ]
    return []


def train_on_known(find: Findings, galleries: Sequence[GalleryConfig]) -> None:
    """Takes the known people as training images where nothing else has identities."""
    if galleries and not find.has_identities:
        find.images.append(galleries[0].known)
        find.note("the known people are the training images too: nothing else has identities")


def _folders_called(image_ids: Sequence[str], words: frozenset[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for image_id in image_ids:
        parts = image_id.split("/")[:-1]
        place = next((place for place, part in enumerate(parts) if part.lower() in words), None)
        if place is not None:
            found.setdefault("/".join(parts[: place + 1]), []).append(image_id)
    return found


def _words(name: str) -> set[str]:
    stem = posixpath.splitext(posixpath.basename(name))[0]
    return {*re.split(r"[^a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem).lower())}
