"""Images of own data that no table names: folders of splits and identities, galleries, file names."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Mapping, Sequence

from kaggle_face.competitions.files.folders import name_of, stem_of
from kaggle_face.competitions.layouts.custom_images import SPLIT_WORDS
from kaggle_face.competitions.own_data.answers import Answers
from kaggle_face.competitions.own_data.findings import Findings
from kaggle_face.config.competition import ImagesConfig, ListedSplit
from kaggle_face.errors import ConfigError

_WORDS_OF_CONTENT = r"set|data|dataset|split|images?|imgs?|pics|pictures|photos|faces|crops|files"
_HELD = re.compile(_WORDS_OF_CONTENT)
_HELD_BEHIND = re.compile(rf"(?<=[a-z]{{3}})({_WORDS_OF_CONTENT})$")
_NUMBERED = re.compile(r"(.+?)([_\-. ])(\d+)")
_VIEW = re.compile(
    r"left|right|front(al)?|profile|side|back|up|down|top|bottom|smil(e|ing)|neutral|[a-z]", re.I
)
_NUMBER_FIRST = re.compile(r"(\d+)([_\-. ])(.+)")


def split_called(folder: str) -> ListedSplit | None:
    """The split of a folder that is called like one, alone or beside a word for what it holds.

    >>> [split_called(name) for name in ("Val", "test_images", "TRAINING-SET", "TestFaces", "Te Ann")]
    ['dev', 'test', 'train', 'test', None]
    """
    words = re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", folder).lower())
    named = [word for word in words if not _HELD.fullmatch(word)]
    return SPLIT_WORDS.get(_HELD_BEHIND.sub("", named[0])) if len(named) == 1 else None


def split_folders(image_ids: Sequence[str]) -> dict[str, list[str]]:
    """The folder whose name is a word for a split, for each image that lies in one -> its images."""
    found: dict[str, list[str]] = {}
    for image_id in image_ids:
        parts = image_id.split("/")[:-1]
        place = next((place for place, part in enumerate(parts) if split_called(part) is not None), None)
        if place is not None:
            found.setdefault("/".join(parts[: place + 1]), []).append(image_id)
    return found


def entries_of_folder(
    folder: str, image_ids: Sequence[str], answers: Answers
) -> tuple[list[ImagesConfig], str]:
    """The entries that read a folder, and why: folders per identity, a pattern of names, or no identities.

    Raises:
        ConfigError: The file names or the folders can be read in two ways.
    """
    split = split_called(name_of(folder)) or "train"
    folder = _without_single_folders(folder, image_ids)
    start = f"{folder}/" if folder else ""
    paths = [image_id[len(start) :] for image_id in image_ids]
    owners = {path.partition("/")[0] for path in paths if "/" in path}
    if owners and all("/" in path for path in paths):
        return _class_folders(split, folder, paths, answers)
    names = [name_of(path) for path in paths]
    found = answers.pattern if answers.pattern is not None else infer_pattern(names, folder)
    if found is not None and not owners:
        return [ImagesConfig(split=split, folder=folder, pattern=found)], f"file names as {found}"
    return [ImagesConfig(split=split, folder=folder)], "images without identities"


def _class_folders(
    split: ListedSplit, folder: str, paths: Sequence[str], answers: Answers
) -> tuple[list[ImagesConfig], str]:
    """The entries of folders per identity: the folders in `folder`, or those that hold the images.

    Nested folders are views of an identity where the same few stand in each, and parts of the data where
    the same identities stand in several.

    Raises:
        ConfigError: Either level may be the identities; or the pictures of a folder lie in it directly, and
            those of another in folders of it.
    """
    firsts, lasts = {path.split("/")[0] for path in paths}, {path.split("/")[-2] for path in paths}
    which = answers.identity_folder
    if which != "first":
        _refuse_mixed_depths(folder, paths)
    if which is None and any(path.count("/") > 1 for path in paths):
        homes = {path.rpartition("/")[0] for path in paths}
        is_shared = len(homes) > len(lasts)
        if not is_shared or len(lasts) == len(firsts):
            raise ConfigError(
                f"{folder or 'the data folder'}: in {paths[0]} the person may be {paths[0].split('/')[0]} or "
                f"{paths[0].split('/')[-2]}; say which with --identity-folder first or --identity-folder last"
            )
        which = "last" if len(lasts) > len(firsts) else "first"
    if which != "last" or not any(path.count("/") > 1 for path in paths):
        entry = ImagesConfig(split=split, folder=folder, class_folders=True)
        return [entry], f"a folder per identity ({', '.join(sorted(firsts)[:3])})"
    parts = sorted({path.rpartition("/")[0].rpartition("/")[0] for path in paths})
    entries = [
        ImagesConfig(split=split, folder="/".join(filter(None, (folder, part))), class_folders=True)
        for part in parts
    ]
    return entries, f"a folder per identity ({', '.join(sorted(lasts)[:3])})"


def _refuse_mixed_depths(folder: str, paths: Sequence[str]) -> None:
    """Refuses a folder that holds pictures beside folders that hold folders: it is hardly a person."""
    deep = {path.split("/")[0]: path for path in paths if path.count("/") > 1}
    flat = sorted({path.split("/")[0] for path in paths} - deep.keys())
    if deep and flat:
        odd = posixpath.join(folder, flat[0])
        raise ConfigError(
            f"{odd}: its pictures lie directly in it, others in folders such as "
            f"{posixpath.join(folder, posixpath.dirname(min(deep.values())))}; say that they are to be "
            f"submitted with --test '{odd}', or that {flat[0]} is a person with --identity-folder first"
        )


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
            if all(map(_VIEW.fullmatch, identities)):
                readings[f"{{identity}}{next(iter(marks))}{{any}}"] = []
    if readings and (fields := _first_of_several_fields(stems)) is not None:
        readings.setdefault(fields, [])
    if len(readings) > 1:
        raise ConfigError(
            f"{folder or 'the data folder'}: names such as {names[0]} are {' or '.join(readings)}, and which "
            f"is not clear; say it with --pattern '{next(iter(readings))}'"
        )
    return next(iter(readings), None)


def _first_of_several_fields(stems: Sequence[str]) -> str | None:
    """The pattern of names whose first field may be the identity before fields of numbers; else None.

    >>> _first_of_several_fields(["0002_c1s1_00", "0002_c1s2_07", "0007_c3s1_00"])
    '{identity}_c{n}s{n}_{n}'
    """
    parts = [re.fullmatch(r"([^\W_]+)([_\-. ])(.*\D.*)", stem) for stem in stems]
    forms = {f"{{identity}}{part[2]}{re.sub(r'[0-9]+', '{n}', part[3])}" for part in parts if part}
    identities = {part[1] for part in parts if part}
    if not all(parts) or len(forms) != 1 or not 1 < len(identities) < len(stems):
        return None
    return form if "{n}" in (form := forms.pop()) else None


def take_folders(find: Findings) -> None:
    """Takes folders called like splits, or all images that are left where nothing has identities yet."""
    by_folder = split_folders(find.left)
    had_identities, had_test = find.has_identities, find.has_test
    rest = {*find.left}.difference(*by_folder.values())
    if not had_identities:
        for folder in _people_called_like_splits(find, by_folder, rest):
            rest |= {*by_folder.pop(folder)}
    has_train = any(split_called(name_of(folder)) == "train" for folder in by_folder)
    if rest and not had_identities and not has_train:
        by_folder[""] = sorted(rest)
    trained = {
        part
        for folder, images in by_folder.items()
        if split_called(name_of(folder)) in ("train", None)
        for image_id in images
        for part in image_id.split("/")[:-1]
    }
    for folder, images in by_folder.items():
        is_test = split_called(name_of(folder)) == "test"
        if had_identities and (not is_test or had_test):
            continue
        has_owners = any(
            {*image_id.split("/")[:-1]} & (trained - {*folder.split("/")}) for image_id in images
        )
        if is_test and (had_identities or not has_owners):
            entries, reason = [ImagesConfig(split="test", folder=folder)], "images to submit"
        else:
            entries, reason = entries_of_folder(folder, images, find.answers)
        find.images += entries
        find.covered |= {*images}
        places = " and ".join(f"{entry.folder or find.root}/" for entry in entries)
        find.note(f"{places}: {entries[0].split} images, {reason}")


def _people_called_like_splits(
    find: Findings, by_folder: Mapping[str, Sequence[str]], rest: Collection[str]
) -> list[str]:
    """The folders called like a split, as Val and Dev are, that an answer makes people of.

    Their pictures lie directly in them, as those of the folders beside them.

    Raises:
        ConfigError: No option decides it.
    """
    beside = {posixpath.dirname(place): place for image in rest if (place := posixpath.dirname(image))}
    people = [
        folder
        for folder, images in by_folder.items()
        if split_called(name_of(folder)) != "test"
        and posixpath.dirname(folder) in beside
        and {*map(posixpath.dirname, images)} == {folder}
        and not find.of_pairs & {*images}
        and entries_of_folder(folder, images, find.answers)[0][0].pattern is None
    ]
    if people and find.answers.identity_folder is None:
        raise ConfigError(
            f"{people[0]}: it may hold {split_called(name_of(people[0]))} images or be a person, as "
            f"{beside[posixpath.dirname(people[0])]} beside it is; say that it is a person with "
            f"--identity-folder first, or take the folder away, for its images have no identity otherwise"
        )
    return people


def _without_single_folders(folder: str, image_ids: Sequence[str]) -> str:
    """The folder, or the one in it that holds all of its images beside nothing else, and so on."""
    common = posixpath.commonpath([posixpath.dirname(image_id) for image_id in image_ids])
    inside = {image_id[len(common) + 1 if common else 0 :].partition("/")[0] for image_id in image_ids}
    is_one_identity = len(inside) == len(image_ids) and common != folder and len(image_ids) < 2
    return folder if is_one_identity else common
