"""Data: the competitions that are known, settings that were written, the data check, and the image cache."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.errors import counted
from kaggle_face.hints import command_line, settings_command, settings_given_as
from kaggle_face.summaries.summary import Summary, TextTable

if TYPE_CHECKING:
    from kaggle_face.pipeline.inputs.check import DataCheck
    from kaggle_face.pipeline.inputs.init import WrittenSettings
    from kaggle_face.pipeline.inputs.preparing import PreparedImages

_LONG_NAME = 24
"""A longer name is offered to be shortened."""
_MOST_BROKEN_NAMED = 20
_LEVELS = {"problem": "problem:", "note": "note:   ", "good": "ok:     "}
_COMPETITIONS = {
    "competition": "the name in its address",
    "layout": "of its files (see 'competitions show LAYOUT') and its variant, where there are several",
    "task": "what is answered",
    "metric": "of the leaderboard",
    "pixels": "side of its images",
}
_SPLITS = {
    "split": "part of the data",
    "images": "in it",
    "labelled": "those whose identity is known",
    "classes": "different identities among these",
}


def competitions_table() -> TextTable:
    """The table of all competitions of the catalogue."""
    from kaggle_face.competitions.catalogue.known import competition_spec, known_slugs

    rows = [
        (
            spec.slug,
            spec.layout if spec.variant == "auto" else f"{spec.layout} {spec.variant}",
            spec.tasks[0] if len(spec.tasks) == 1 else "both",
            spec.metric,
            str(spec.image_size),
        )
        for spec in map(competition_spec, known_slugs())
    ]
    return TextTable(_COMPETITIONS, rows)


def describe_detection(written: WrittenSettings) -> Summary:
    """The layout of a competition's files, or the reading of own data."""
    from kaggle_face.competitions.own_data.summary import describe_data

    inspection = written.inspection
    detection, guess = inspection.detection, inspection.guess
    if guess is None:
        return [f"layout {detection.layout}, variant {inspection.variant}: {detection.reason}"]
    taken_for = f"layout {detection.layout}: own data, whose files are taken for"
    return [taken_for, *guess.lines, *guess.alternatives, *describe_data(inspection.data)]


def describe_written(written: WrittenSettings, slug: str, root: Path, is_named: bool) -> Summary:
    """The path of the settings, the time of a training, the next commands, and how to get a shorter name.

    Args:
        written: The settings.
        slug: The competition as `init` was given it.
        root: The folder of its files.
        is_named: Whether the settings were given a name of their own.
    """
    from kaggle_face.config.loading import word_for
    from kaggle_face.pipeline.inputs.init import estimate_on_gpus

    estimate = estimate_on_gpus(written)
    with settings_given_as(word_for(written.path)):
        commands = f"next: {settings_command('check')}; {settings_command('train')}"
    lines = [f"wrote {written.path}", *([estimate] if estimate else []), commands]
    if not is_named and len(written.path.stem) > _LONG_NAME:
        again = command_line("init", slug, "--data", str(root), "--name", "faces")
        lines.append(f"for a shorter name in commands and folders, such as faces: {again}")
    return lines


def describe_check(check: DataCheck) -> Summary:
    """The images of each split, the results of the checks, and the page with pictures."""
    rows = [(each.split, str(each.images), str(each.labelled), str(each.classes)) for each in check.counts]
    page = [] if check.page is None else [f"{check.page.path}: {check.page.num_bytes / 1e6:.1f} MB"]
    results = [f"{_LEVELS[result.level]} {result.text}" for result in check.results]
    return [TextTable(_SPLITS, rows), *results, *page]


def describe_images(prepared: PreparedImages) -> Summary:
    """The size of an image cache, the rate, the folder and broken images."""
    cache, seconds, broken = prepared.cache, prepared.seconds, prepared.broken
    what = f"{counted(len(cache), 'image')} of {cache.size_px}x{cache.size_px} px, "
    what += f"{cache.images.nbytes / 1e6:.0f} MB"
    rate = f"{len(cache) / seconds:.0f} images/s"
    how = "built before" if prepared.was_built_before else f"built in {seconds:.1f} s ({rate})"
    lines = [f"{cache.folder}: {what}, {how}"]
    lines += [
        f"left out: {image_id} ({broken[image_id]})" for image_id in sorted(broken)[:_MOST_BROKEN_NAMED]
    ]
    if len(broken) > _MOST_BROKEN_NAMED:
        more = len(broken) - _MOST_BROKEN_NAMED
        lines.append(f"left out: {more} more, listed in {cache.folder}/pack.json")
    return lines
