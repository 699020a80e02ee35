"""Records of the raw folder, decoded images, folds and the settings of a trained run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.artifacts.run_choice import how_to_get_fold
from kaggle_face.artifacts.runs import FoldFolder, RunFolder
from kaggle_face.config import Config, LoadedConfig, load_config
from kaggle_face.config.comparing import changed_settings
from kaggle_face.errors import RunError
from kaggle_face.progress import Progress
from kaggle_face.records import CompetitionData, Folds

if TYPE_CHECKING:
    from kaggle_face.data.cache.image_cache import ImageCache
    from kaggle_face.data.cache.search import CachePlan


def open_competition(config: Config, progress: Progress | None = None) -> CompetitionData:
    """The records of the raw folder that `data.root` names; `progress` shows oddities and left-out files."""
    from kaggle_face.competitions.reading import read_competition

    data = read_competition(Path(config.data.root), config.competition, config.data.exclude)
    if progress is not None:
        for note in data.notes:
            progress.warn(note)
    return data


def open_images(config: Config, data: CompetitionData, progress: Progress) -> ImageCache:
    """The image cache of a competition; it is built now if it was not before."""
    from kaggle_face.data.cache.image_cache import open_image_cache

    name, broken = config.competition.slug, config.data.broken_images
    return open_image_cache(cache_plan(config, data), name, broken, progress, config.data.workers)


def cache_plan(config: Config, data: CompetitionData) -> CachePlan:
    """The image cache that the settings name."""
    from kaggle_face.data.cache.search import CachePlan

    root, size_px = Path(config.data.root), config.data.image_size
    return CachePlan(Path(config.paths.cache), root, data.faces.image_ids, size_px)


@dataclass(frozen=True, eq=False)
class PreparedImages:
    """The image cache of a competition.

    Attributes:
        cache: The decoded images.
        was_built_before: Whether nothing had to be decoded.
        seconds: Time to build or open it.
        broken: Images that are left out because they cannot be read, with the reason.
    """

    cache: ImageCache
    was_built_before: bool
    seconds: float
    broken: Mapping[str, str]


def prepare_images(loaded: LoadedConfig, progress: Progress) -> PreparedImages:
    """Decodes and resizes all images of a competition once, for everything that reads them later.

    Raises:
        DataError: The raw folder or an image cannot be read.
    """
    from kaggle_face.data.cache.image_cache import broken_images

    data = open_competition(loaded.config, progress)
    before = set(Path(loaded.config.paths.cache).glob("*"))
    began = time.monotonic()
    cache = open_images(loaded.config, data, progress)
    seconds = time.monotonic() - began
    return PreparedImages(cache, cache.folder in before, seconds, broken_images(cache))


def open_folds(loaded: LoadedConfig, data: CompetitionData, cache: ImageCache) -> Folds:
    """The folds of a config, made once and shared by all of its runs."""
    from kaggle_face.data.folds.near_duplicates import near_duplicate_groups
    from kaggle_face.data.folds.split import saved_folds

    settings = loaded.config.folds
    folder = Path(loaded.config.paths.runs) / loaded.name / "folds"
    bits = settings.near_duplicate_bits
    groups = None if bits is None else near_duplicate_groups(cache, data.faces, bits)
    return saved_folds(folder, data, settings, groups)


def settings_of_run(
    config_name: str, run: RunFolder, folds: Sequence[FoldFolder], overrides: Sequence[str]
) -> LoadedConfig:
    """Today's settings for working with a trained run, with the overrides that it was trained with.

    Raises:
        RunError: There is no fold, or today's settings would make another network, or other data, than the
            run was trained with; or a fold's folder has the name of another fold than it was trained as.
    """
    if not folds:
        raise RunError(f"{run.name} has no trained fold; train one first: {run.training_command()}")
    stored = tuple(folds[0].read_info().get("overrides", ()))
    today = load_config(config_name, (*stored, *overrides))
    for fold in folds:
        require_own_number(fold)
    for fold in folds if run.imported_task is None else ():  # its networks are not of these settings
        changes = changed_settings(fold.read_config(), today.config, "predict")
        if changes:
            raise RunError(
                f"the settings changed since fold {fold.fold} of {run.name} was trained: "
                f"{'; '.join(changes)}; put them back, or train again under another name (--run)"
            )
    return today


def require_own_number(fold: FoldFolder) -> None:
    """Refuses a fold's folder that was given another number: what that fold holds out, it was trained on.

    Raises:
        RunError: It was.
    """
    number = fold.read_info().get("fold")
    if isinstance(number, int) and number != fold.fold:
        raise RunError(
            f"{fold.path} was trained as fold {number}: by its name it would be measured on images that it "
            f"was trained on; name its folder fold{number}"
        )


def chosen_folds(run: RunFolder, wanted: Sequence[int] | None) -> list[FoldFolder]:
    """The started folds of a run, or the wanted ones of them.

    Raises:
        RunError: A wanted fold was not trained, or the list of wanted ones is empty.
    """
    folders = {folder.fold: folder for folder in run.started_folds()}
    if wanted is not None and not wanted:
        raise RunError(
            f"no fold of {run.name} is chosen; trained are: {', '.join(map(str, folders)) or 'none'}"
        )
    missing = [fold for fold in wanted or () if fold not in folders]
    if missing:
        trained = ", ".join(map(str, folders)) or "none"
        raise RunError(
            f"fold {missing[0]} of {run.name} was not trained (trained: {trained}); "
            f"{how_to_get_fold(run, missing[0])}"
        )
    return list(folders.values()) if wanted is None else [folders[fold] for fold in wanted]
