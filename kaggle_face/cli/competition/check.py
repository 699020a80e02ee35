"""`check`: the doctor, who looks at the data, the samples, the rules and the disk before time is spent."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from kaggle_face.cli.arguments import DEFAULT_RUN, add_config_arguments, load_settings
from kaggle_face.cli.terminal import Terminal
from kaggle_face.errors import DataError

if TYPE_CHECKING:
    from kaggle_face.competitions.data_check import Finding
    from kaggle_face.config import Config
    from kaggle_face.records import CompetitionData

_SIGNS = {"problem": "problem:", "note": "note:   ", "good": "ok:     "}


def add_arguments_check(parser: argparse.ArgumentParser) -> None:
    """Adds the settings, `--labels` and `--no-images`."""
    add_config_arguments(parser)
    parser.add_argument(
        "--labels",
        nargs="?",
        const="",
        metavar="RUN",
        help="instead: list the training images whose label surprises the networks of a run out of fold "
        f"({DEFAULT_RUN})",
    )
    parser.add_argument("--no-images", action="store_true", help="do not decode the images")


def run_check(arguments: argparse.Namespace, terminal: Terminal) -> None:
    """Tells what is wrong with a competition's data and settings, or with its labels."""
    if arguments.labels is not None:
        from kaggle_face.cli.blending.labels import check_labels

        check_labels(arguments, terminal)
        return
    from kaggle_face.competitions.catalogue.known import find_facts
    from kaggle_face.competitions.data_check import (
        check_disk,
        compare_samples,
        find_data_troubles,
        split_counts,
    )
    from kaggle_face.competitions.files.folders import map_folder
    from kaggle_face.competitions.reading import read_competition, submission_formats

    config = load_settings(arguments).config
    root, facts = Path(config.data.root), find_facts(config.competition.slug)
    data = read_competition(root, config.competition, config.data.exclude)
    terminal.table(("split", "images", "labelled", "classes"), split_counts(data))
    findings = find_data_troubles(data, facts)
    if not arguments.no_images:
        findings += _inspect(root, data, config, terminal)
    formats = submission_formats(root, config.competition, config.submit)
    findings += compare_samples(map_folder(root), data, formats)
    findings += _check_rules(config, data)
    findings += _check_cache(data, config, terminal)
    findings.append(check_disk(Path(config.paths.packs), len(data.faces), config.data.image_size))
    for finding in findings:
        terminal.log(f"{_SIGNS[finding.level]} {finding.text}")
    problems = [finding for finding in findings if finding.level == "problem"]
    if problems:
        raise DataError(f"{len(problems)} problems in {root}, first: {problems[0].text}")


def _inspect(root: Path, data: CompetitionData, config: Config, terminal: Terminal) -> list[Finding]:
    from kaggle_face.competitions.data_check import find_image_troubles
    from kaggle_face.competitions.image_check import inspect_images

    workers = config.data.workers if config.data.workers > 0 else min(16, os.cpu_count() or 1)
    files = inspect_images(root, data.faces.image_ids, workers, terminal)
    return find_image_troubles(data.faces, files, config.data.image_size)


def _check_cache(data: CompetitionData, config: Config, terminal: Terminal) -> list[Finding]:
    """Reads the whole image cache of today's files, where it was made, and compares it with its checksums."""
    from kaggle_face.competitions.data_check import Finding
    from kaggle_face.data.cache.image_cache import packed_before, verify_pack

    packs, root, size_px = Path(config.paths.packs), Path(config.data.root), config.data.image_size
    try:
        pack = packed_before(packs, root, data.faces.image_ids, size_px)
        if pack is None:
            return []
        verify_pack(pack, terminal)
    except DataError as error:
        return [Finding("problem", str(error))]
    return [Finding("good", f"the image cache {pack.folder} holds what was written")]


def _check_rules(config: Config, data: CompetitionData) -> list[Finding]:
    """The rules that the settings break; parameters are counted where a limit is known."""
    from kaggle_face.competitions.catalogue.known import find_facts
    from kaggle_face.competitions.data_check import Finding
    from kaggle_face.pipeline.rules_check import rules_broken_by

    if find_facts(config.competition.slug) is None:
        return [Finding("note", f"the rules of '{config.competition.slug}' are not known here")]
    broken = [Finding("problem", line) for line in rules_broken_by(config, len(data.classes))]
    return broken or [Finding("good", "the settings break no rule that is known here")]
