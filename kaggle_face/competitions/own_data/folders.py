"""Images of own data that no table names: folders of splits and identities, galleries, file names."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from kaggle_face.competitions.files.folders import name_of, stem_of
from kaggle_face.competitions.layouts.custom_images import SPLIT_WORDS
from kaggle_face.config.competition import GalleryConfig, ImagesConfig
from kaggle_face.errors import ConfigError

_KNOWN, _PROBES = (
    ("known", "gallery", "enrolled", "references"),
    ("probes", "probe", "query", "queries", "unknown"),
)
_NUMBERED = re.compile(r"(.+?)([_\-. ])(\d+)")
_NUMBER_FIRST = re.compile(r"(\d+)([_\-. ])(.+)")


def split_folders(image_ids: Sequence[str]) -> dict[str, list[str]]:
    """The folder whose name is a word for a split, for each image that lies in one -> its images."""
    found: dict[str, list[str]] = {}
    for image_id in image_ids:
        parts = image_id.split("/")[:-1]
        place = next((place for place, part in enumerate(parts) if part.lower() in SPLIT_WORDS), None)
        if place is not None:
            found.setdefault("/".join(parts[: place + 1]), []).append(image_id)
    return found


def entry_of_folder(folder: str, image_ids: Sequence[str], pattern: str | None) -> tuple[ImagesConfig, str]:
    """The entry that reads a folder, and why: a folder per identity, a pattern of names, or no identities.

    Raises:
        ConfigError: The file names can be read in two ways.
    """
    split = SPLIT_WORDS.get(name_of(folder).lower(), "train")
    folder = _without_single_folders(folder, image_ids)
    start = f"{folder}/" if folder else ""
    owners = {
        image_id[len(start) :].partition("/")[0] for image_id in image_ids if "/" in image_id[len(start) :]
    }
    loose = [image_id for image_id in image_ids if "/" not in image_id[len(start) :]]
    if owners and not loose:
        entry = ImagesConfig(split=split, folder=folder, class_folders=True)
        return entry, f"a folder per identity ({', '.join(sorted(owners)[:3])})"
    found = (
        pattern
        if pattern is not None
        else infer_pattern([name_of(image_id) for image_id in image_ids], folder)
    )
    if found is not None and not owners:
        return ImagesConfig(split=split, folder=folder, pattern=found), f"file names as {found}"
    return ImagesConfig(split=split, folder=folder), "images without identities"


def infer_pattern(names: Sequence[str], folder: str) -> str | None:
    """The pattern in which file names hold an identity and a number; None where they do not.

    Raises:
        ConfigError: Either half may be the identity.

    >>> infer_pattern(["Ann_Lee_1.jpg", "Ann_Lee_2.jpg", "Bob_1.jpg"], "flat")
    '{identity}_{n}'
    """
    stems = [stem_of(name) for name in names]
    readings = {}
    for expression, group, template in (
        (_NUMBERED, 1, "{{identity}}{}{{n}}"),
        (_NUMBER_FIRST, 3, "{{n}}{}{{identity}}"),
    ):
        matches = [expression.fullmatch(stem) for stem in stems]
        marks = {match[2] for match in matches if match}
        identities = {match[group] for match in matches if match}
        if all(matches) and len(marks) == 1 and 1 < len(identities) < len(names):
            readings[template.format(*marks)] = sorted(identities)[:3]
    if len(readings) > 1:
        first, second = readings
        raise ConfigError(
            f"{folder or 'the data folder'}: names such as {names[0]} are {first} or {second}, and which is "
            f"not clear; say it with --pattern '{first}'"
        )
    return next(iter(readings), None)


def gallery_of_folders(image_ids: Sequence[str]) -> tuple[GalleryConfig, list[str]] | None:
    """A folder of known people and one of probes beside it, and their images; None where there are none."""
    by_folder: dict[str, dict[str, list[str]]] = {}
    for image_id in image_ids:
        parts = image_id.split("/")[:-1]
        for place, part in enumerate(parts):
            kind = "known" if part.lower() in _KNOWN else "probes" if part.lower() in _PROBES else None
            if kind is not None:
                by_folder.setdefault(kind, {}).setdefault("/".join(parts[: place + 1]), []).append(image_id)
                break
    for known, images in by_folder.get("known", {}).items():
        for probes, searched in by_folder.get("probes", {}).items():
            if posixpath.dirname(known) == posixpath.dirname(probes):
                first, _ = entry_of_folder(known, images, None)
                second, _ = entry_of_folder(probes, searched, None)
                if first.class_folders or first.pattern:
                    plain = ImagesConfig(folder=second.folder)
                    return GalleryConfig(known=first, probes=second if second.class_folders else plain), [
                        *images,
                        *searched,
                    ]
    return None


def _without_single_folders(folder: str, image_ids: Sequence[str]) -> str:
    """The folder, or the one in it that holds all of its images beside nothing else, and so on."""
    common = posixpath.commonpath([posixpath.dirname(image_id) for image_id in image_ids])
    inside = {image_id[len(common) + 1 if common else 0 :].partition("/")[0] for image_id in image_ids}
    is_one_identity = len(inside) == len(image_ids) and common != folder and len(image_ids) < 2
    return folder if is_one_identity else common
