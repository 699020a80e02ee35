"""The inputs of a blend: the records of all its candidates, and whether they are unchanged."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from kaggle_face.artifacts.predicted_tables import (
    ROWS,
    TestTables,
    copy_test_tables,
    digest_of_classes,
    digest_of_tables,
    first_table_difference,
    read_fold_tables,
    read_test_tables,
)
from kaggle_face.artifacts.provenance import how_to_renew, why_outdated
from kaggle_face.artifacts.record_io import read_classes
from kaggle_face.artifacts.runs import FoldFolder, RecordKind, RecordPart, RunFolder
from kaggle_face.artifacts.seals import SEAL_FILE, has_seal, in_words, read_seal, write_seal
from kaggle_face.errors import RunError

if TYPE_CHECKING:
    from kaggle_face.config.schema import CheckpointName

Network = tuple[FoldFolder, "CheckpointName"]
"""A fold and the name of its checkpoint."""

_KINDS: tuple[RecordKind, ...] = get_args(RecordKind)
_PARTS: tuple[RecordPart, ...] = get_args(RecordPart)
CLASSES = "classes.csv"
_OWN = "own/"
"""Begins the name of a record that lies in the blend's own folder."""


def inputs_of_blend(networks: Iterable[Network]) -> dict[str, str]:
    """The digest of each record of these networks, by its path below the folder of all runs.

    Raises:
        RunError: A record is damaged.
    """
    inputs = {}
    for fold, checkpoint in networks:
        for part in _PARTS:
            for kind in _KINDS:
                folder = fold.record_folder(part, checkpoint, kind)
                if folder.is_dir():
                    inputs["/".join(folder.parts[-6:])] = read_seal(folder, check_files=False).digest
    return inputs


def seal_blend(folder: Path, networks: Iterable[Network]) -> None:
    """Seals a blend's folder with the records that it was made of, and with those that it holds.

    What is predicted (the rows of each CSV) and the classes are copied from the first network's fold.
    """
    networks = list(networks)
    source = networks[0][0]
    copy_test_tables(source.path / "test", folder)
    shutil.copyfile(source.classes_file, folder / CLASSES)
    records = [path.parent for path in folder.glob(f"*/{SEAL_FILE}")]
    own = {f"{_OWN}{record.name}": read_seal(record).digest for record in records}
    write_seal(folder, {**inputs_of_blend(networks), **own})


def why_blend_is_outdated(run: RunFolder) -> str | None:
    """The change since a run was blended; None where the blend is current.

    Records of runs that are not at hand are not compared: the blend's folder was copied without them.

    Raises:
        RunError: There is no blend, or it is damaged.
    """
    change = _change_since(run)
    return None if change is None else change[0]


def command_of_blend(run: RunFolder, *words: str, runs: Iterable[RunFolder] | None = None) -> str:
    """The command line that blends some runs into the folder of `run`, which is named first.

    The words are options of `ensemble`. Without `runs` they are those of its blend; one whose seal is missing
    or damaged names none.
    """
    if runs is None:
        names: Iterable[str] = ()
        with suppress(RunError):
            names = read_seal(run.ensemble_folder, check_files=False).made_of
        folder = run.path.parent.parent
        runs = [RunFolder(folder.joinpath(*name.split("/")[:2])) for name in names if _is_of_network(name)]
    return run.command("ensemble", *words, others=[each for each in dict.fromkeys(runs) if each != run])


def require_current_blend(run: RunFolder) -> None:
    """Checks that a run's blend is made of the records that lie there.

    Raises:
        RunError: There is none, or it is not; the message has the change and what to run.
    """
    if not has_seal(run.ensemble_folder):
        raise RunError(f"{run.name} has no blend; make it: {run.command('ensemble')}")
    change = _change_since(run)
    if change is not None:
        reason, first = change
        again = command_of_blend(run)
        how = f"{first}, then blend again: {again}" if first else f"blend again: {again}"
        raise RunError(f"the blend of {run.name} is out of date: {reason}; {how}")


def read_blend_tables(run: RunFolder) -> TestTables:
    """The predicted tables of a blend: the rows of each CSV, with the classes of its networks.

    Raises:
        RunError: There is no blend, or a file is missing or damaged.
    """
    folder = run.ensemble_folder
    return read_test_tables(folder, read_classes(folder / CLASSES))


def blended_folds(run: RunFolder) -> list[FoldFolder]:
    """The folds of a blend's candidates, as far as they are at hand.

    Raises:
        RunError: There is no blend, or its seal is damaged.
    """
    runs = run.path.parent.parent
    names = read_seal(run.ensemble_folder, check_files=False).made_of
    paths = {runs.joinpath(*name.split("/")[:3]) for name in names if _is_of_network(name)}
    return [fold for path in sorted(paths) if (fold := FoldFolder(path)).info_file.is_file()]


def require_one_question(networks: Iterable[Network], compare_training: bool = True) -> None:
    """Checks that networks predict the same rows, pairs and pictures, for classes with the same labels.

    Args:
        networks: Those of a blend.
        compare_training: Whether they must have been trained on the same images, too.

    Raises:
        RunError: Two of them do not; the message has what differs and what to do.
    """
    folds = list(dict.fromkeys(fold for fold, _ in networks))
    lacking = [fold for fold in folds if not (fold.path / "test" / ROWS).is_file()]
    if lacking:
        how = lacking[0].run.prediction_command("--folds", str(lacking[0].fold))
        raise RunError(f"{lacking[0].name} has no test predictions; make them: {how}")
    first = folds[0]
    for fold in folds[1:]:
        pair = f"{first.name} and {fold.name}"
        if _what_was_predicted(fold, first) != _what_was_predicted(first, fold):
            tables = read_fold_tables(first), read_fold_tables(fold)
            difference = first_table_difference(*tables) or "their galleries"
            commands = dict.fromkeys(each.run.prediction_command() for each in (first, fold))
            raise RunError(
                f"{pair} were predicted on different test data: {difference}; predict both again: "
                f"{' and '.join(commands)}"
            )
        if digest_of_classes(read_classes(fold.classes_file)) != digest_of_classes(
            read_classes(first.classes_file)
        ):
            raise RunError(
                f"{pair} number or submit their classes differently; train both on the same classes"
            )
        if compare_training and _training(fold, first) != _training(first, fold):
            raise RunError(
                f"{pair} were trained on different data (images, their classes or pairs changed between); "
                "blend them all the same with --ignore-changes, or train again what is older, such as: "
                f"{first.run.training_command(first.fold)}"
            )


def _is_of_network(name: str) -> bool:
    """Whether a name in a blend's seal is that of a network's record, `<config>/<run>/fold<k>/...`."""
    return not name.startswith(_OWN)


def _change_since(run: RunFolder) -> tuple[str, str] | None:
    """The change since a run was blended, and what to do before it is blended again; None: there is none.

    Raises:
        RunError: There is no blend, or it is damaged.
    """
    seal = read_seal(run.ensemble_folder)
    runs = run.path.parent.parent
    for name, digest in seal.made_of.items():
        if not _is_of_network(name):
            own = run.ensemble_folder / name.removeprefix(_OWN)
            if own.is_dir() and read_seal(own).digest != digest:  # who needs one that is gone names its task
                return f"{own} is not what was blended", ""
        elif (change := _change_of_input(runs, name, digest)) is not None:
            reason, first = change
            return f"{reason}, since it was made on {in_words(seal.made_at)}", first
    return None


def _change_of_input(runs: Path, name: str, digest: str) -> tuple[str, str] | None:
    """The change of a network's record since it was blended, and the command that makes the record anew."""
    folder = runs / name
    fold = FoldFolder(folder.parents[2])
    if not fold.path.parent.is_dir():
        return None
    part, checkpoint, kind = name.split("/")[-3:]
    if not folder.is_dir():
        return f"{name} is gone", how_to_renew(fold, part)  # type: ignore[arg-type]
    reason = why_outdated(fold, part, checkpoint, kind)  # type: ignore[arg-type]
    if reason is not None:
        return f"{name} is out of date itself: {reason}", how_to_renew(fold, part)  # type: ignore[arg-type]
    return None if read_seal(folder, check_files=False).digest == digest else (f"{name} was made again", "")


def _what_was_predicted(fold: FoldFolder, other: FoldFolder) -> dict[str, str]:
    tables = digest_of_tables(fold.path / "test")
    return tables if _have_one_root(fold, other) else {**tables, "images": ""}


def _training(fold: FoldFolder, other: FoldFolder) -> dict[str, str]:
    made_of = fold.read_info().get("made_of") or {}
    pictures = () if _have_one_root(fold, other) else ("pictures", "trial_pictures")
    return {name: digest for name, digest in made_of.items() if name not in pictures}


def _have_one_root(fold: FoldFolder, other: FoldFolder) -> bool:
    """Whether pictures must be the same: those of two raw folders may be cropped or aligned differently."""
    configs = [each.read_config() for each in (fold, other) if each.config_file.is_file()]
    return len({config.data.root for config in configs}) <= 1
