"""The data check of a competition: data, images, samples, rules, image cache and disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.competitions.catalogue.known import find_spec
from kaggle_face.competitions.data_check import (
    CheckResult,
    ImageFiles,
    SplitCount,
    check_disk,
    check_images,
    check_records,
    check_samples,
    count_splits,
    inspect_images,
)
from kaggle_face.competitions.files.folders import map_folder
from kaggle_face.competitions.reading import read_competition, submission_formats
from kaggle_face.errors import DataError, InputError, counted
from kaggle_face.pipeline.inputs.data_page import DataPage, make_data_page, require_page_is_possible
from kaggle_face.pipeline.inputs.preparing import cache_plan
from kaggle_face.pipeline.inputs.rules_check import rules_broken_by

if TYPE_CHECKING:
    from kaggle_face.config import Config
    from kaggle_face.progress import Progress
    from kaggle_face.records import CompetitionData


@dataclass(frozen=True)
class DataCheck:
    """The counts of each split of a raw folder, the results of its checks, and the page with its pictures."""

    root: Path
    counts: tuple[SplitCount, ...]
    results: tuple[CheckResult, ...]
    page: DataPage | None = None

    @property
    def problems(self) -> tuple[CheckResult, ...]:
        """The results that stop a competition."""
        return tuple(result for result in self.results if result.level == "problem")

    def require_no_problem(self) -> None:
        """Raises a DataError that names the first problem, where there is one."""
        if self.problems:
            count, first = len(self.problems), self.problems[0].text
            raise DataError(f"{counted(count, 'problem')} in {self.root}, first: {first}")


def check_competition(
    config: Config, progress: Progress, decode_images: bool = True, page: Path | None = None
) -> DataCheck:
    """Checks a competition's data and settings.

    Args:
        config: The settings.
        progress: Counts the images that are read.
        decode_images: Whether every image file is read and decoded.
        page: Where an HTML page with pictures of the data is written; it needs them decoded, and builds the
            image cache. None: nowhere.

    Raises:
        DataError: The folder cannot be read, or has no known layout.
        InputError: A page is requested without decoding images, or its path is a folder.
        MissingExtraError: A page is requested and the extra `report` is not installed.
    """
    if page is not None:
        if not decode_images:
            raise InputError("a page of pictures needs the images decoded; leave out --no-images")
        require_page_is_possible(page)
    root, spec = Path(config.data.root), find_spec(config.competition.slug)
    data = read_competition(root, config.competition, config.data.exclude)
    results = check_records(data, spec)
    files: ImageFiles | None = None
    if decode_images:
        workers = config.data.workers if config.data.workers > 0 else min(16, os.cpu_count() or 1)
        files = inspect_images(root, data.faces.image_ids, workers, progress)
        results += check_images(data.faces, files, config.data.image_size)
    formats = submission_formats(root, config.competition, config.submit)
    results += check_samples(map_folder(root), data, formats)
    if spec is None:
        text = f"the rules of '{config.competition.slug}' are not known here"
        results.append(CheckResult("note", text))
    elif broken := rules_broken_by(config, len(data.classes)):
        results += [CheckResult("problem", line) for line in broken]
    else:
        results.append(CheckResult("good", "the settings break no rule that is known here"))
    results += _check_cache(config, data, progress)
    results.append(_try_training(config, data, any(each.level == "problem" for each in results)))
    results.append(check_disk(Path(config.paths.cache), len(data.faces), config.data.image_size))
    counts, written = tuple(count_splits(data)), None
    if page is not None and files is not None:
        written = make_data_page(config, data, files, counts, results, page, progress)
    return DataCheck(root, counts, tuple(results), written)


def _try_training(config: Config, data: CompetitionData, has_problems: bool) -> CheckResult:
    """The time of a fold on this machine, by a trial of seconds."""
    from kaggle_face.data.folds.split import number_of_folds, require_measurable_trials
    from kaggle_face.progress import in_words
    from kaggle_face.train.speed.estimate import FoldSize, estimate_fold

    if has_problems:
        return CheckResult("note", "how long a fold takes is not tried; the problems come first")
    train, dev = (len(data.faces.of_split(split)) for split in ("train", "dev"))
    count = number_of_folds(config.folds)
    held_out = dev if config.folds.dev == "holdout" else (train + dev) // count
    try:
        require_measurable_trials(data, config.folds)
        size = FoldSize(len(data.classes), train + dev - held_out, held_out)
        estimate = estimate_fold(config, size)
    except InputError as error:
        return CheckResult("problem", str(error))
    if estimate is None:
        text = f"train.batch_size={config.train.batch_size} does not fit the GPU's memory; lower it"
        return CheckResult("problem", text)
    whole = f", all {count} folds {in_words(count * estimate.seconds)}" if count > 1 else ""
    return CheckResult("note", f"a fold trains {estimate}{whole}")


def _check_cache(config: Config, data: CompetitionData, progress: Progress) -> list[CheckResult]:
    """Compares the image cache of today's files with its checksums, where there is one."""
    from kaggle_face.data.cache.image_cache import find_image_cache, verify_image_cache

    try:
        cache = find_image_cache(cache_plan(config, data))
        if cache is None:
            return []
        verify_image_cache(cache, progress)
    except DataError as error:
        return [CheckResult("problem", str(error))]
    return [CheckResult("good", f"the image cache {cache.folder} holds what was written")]
