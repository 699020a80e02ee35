"""The page of a competition's data: gathers the results of the data check, and measures the pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import kaggle_face
from kaggle_face.artifacts.seals import in_words, time_of_now
from kaggle_face.errors import DataError, InputError
from kaggle_face.hints import settings_command
from kaggle_face.pipeline.inputs.preparing import cache_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kaggle_face.competitions.data_check import CheckResult, ImageFiles, SplitCount
    from kaggle_face.config import Config, LoadedConfig
    from kaggle_face.data.cache.image_cache import ImageCache
    from kaggle_face.progress import Progress
    from kaggle_face.records import CompetitionData

FILE_NAME = "data.html"


@dataclass(frozen=True)
class DataPage:
    """The page that was written, and its size."""

    path: Path
    num_bytes: int


def default_page(loaded: LoadedConfig) -> Path:
    """The page beside the runs of some settings."""
    return Path(loaded.config.paths.runs) / loaded.name / FILE_NAME


def require_page_is_possible(path: Path) -> None:
    """Checks the conditions of the page before the work.

    Raises:
        MissingExtraError: The extra `report` is not installed.
        InputError: The path is a folder.
    """
    from kaggle_face.plotly_script import plotly_script

    plotly_script()
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file, such as {path / FILE_NAME}")


def make_data_page(
    config: Config,
    data: CompetitionData,
    files: ImageFiles,
    counts: Sequence[SplitCount],
    results: Sequence[CheckResult],
    path: Path,
    progress: Progress,
) -> DataPage:
    """Measures the pictures of each split, from the image cache, which is built where it is missing.

    Raises:
        DataError: The image cache is damaged.
        DiskError: The page cannot be written.
    """
    from kaggle_face.report.data_page.facts import DataFacts
    from kaggle_face.report.data_page.page import write_data_page
    from kaggle_face.report.document.shell import Origin
    from kaggle_face.report.pictures import measure_pictures

    cache = None if len(files.broken_ids) == len(files.image_ids) else _open_cache(config, data, progress)
    pictures = {}
    if cache is not None:
        for each in counts:
            ids = data.faces.image_ids[data.faces.splits == each.split]
            pictures[each.split] = measure_pictures(cache, ids)
    facts = DataFacts(
        name=config.competition.slug,
        root=config.data.root,
        faces=data.faces,
        class_names=data.classes.names,
        files=files,
        counts=tuple(counts),
        results=tuple(results),
        image_size=config.data.image_size,
        cache=cache,
        pictures=pictures,
        origin=Origin(
            in_words(time_of_now()), kaggle_face.__version__, settings_command("check", "--pictures")
        ),
    )
    return DataPage(path, write_data_page(facts, path, progress))


def _open_cache(config: Config, data: CompetitionData, progress: Progress) -> ImageCache | None:
    """The image cache without the pictures that cannot be read; None where it cannot be built."""
    from kaggle_face.data.cache.image_cache import open_image_cache

    try:
        return open_image_cache(
            cache_plan(config, data), config.competition.slug, "skip", progress, config.data.workers
        )
    except DataError as error:
        progress.warn(f"the page shows no pictures: {error}")
        return None
