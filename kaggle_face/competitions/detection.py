"""Detecting the layout and the edition of a raw folder."""

from __future__ import annotations

from pathlib import Path

from kaggle_face.competitions.catalogue.known import find_spec
from kaggle_face.competitions.files.folders import FolderMap, map_folder
from kaggle_face.competitions.layouts import named
from kaggle_face.competitions.layouts.layout import Detection
from kaggle_face.config.competition import CompetitionConfig
from kaggle_face.errors import ConfigError, DataError, nearest_hint
from kaggle_face.hints import command_line

DEMO_SLUG = "demo"


def detect_competition(tree: FolderMap, competition: CompetitionConfig) -> Detection:
    """The layout of a folder: the one that the settings or the slug name, or the one that its files fit best.

    Raises:
        DataError: The folder does not have the layout; the line names what is missing and what it looks like.
        ConfigError: The settings name a layout that does not exist.
    """
    wanted = _named_layout(competition)
    if wanted == named.CUSTOM.name:
        return named.CUSTOM.detect(tree)
    seen = [layout.detect(tree) for layout in named.LAYOUTS]
    fitting = sorted((each for each in seen if each.fits), key=lambda each: -len(each.found))
    if wanted != "auto":
        name = named.layout_named(wanted).name
        chosen = next(detection for detection in seen if detection.layout == name)
    else:
        chosen = fitting[0] if fitting else max(seen, key=lambda detection: detection.likeness)
        if not chosen.found:
            raise DataError(
                f"{tree.root} holds nothing of any known layout; check data.root, or unpack the archives "
                f"below it ('kaggle-face competitions show SLUG' shows the expected files)"
            )
    if chosen.fits:
        return chosen
    text = (
        f"{tree.root} does not have the layout {chosen.layout} ({named.layout_named(chosen.layout).title}): "
        f"{chosen.reason}"
    )
    example = f"an example: {command_line('competitions', 'show', chosen.layout)}"
    if not fitting:
        raise DataError(
            f"{text}; check data.root, or unpack all archives of the competition below it; {example}"
        )
    raise DataError(
        f"{text}; it looks like the layout {fitting[0].layout} ({fitting[0].reason}): set "
        f"competition.layout={fitting[0].layout}; {example}"
    )


def resolve_competition(root: Path, competition: CompetitionConfig) -> CompetitionConfig:
    """The competition with its layout and variant: the settings', the slug's, or those that the folder shows.

    The folder is looked at only where the slug and the settings leave the layout or the variant open.

    Raises:
        DataError: The folder is needed and has no known layout.
        ConfigError: The layout does not exist, or has no such variant.
    """
    spec = find_spec(competition.slug)
    layout, variant = _named_layout(competition), competition.variant
    if variant == "auto" and spec is not None and spec.layout == layout:
        variant = spec.variant
    if variant == "auto" and layout == named.CUSTOM.name:
        variant = named.CUSTOM.variants[0]
    if layout == "auto" or variant == "auto":
        detection = detect_competition(map_folder(root), competition)
        layout, variant = detection.layout, variant_of(detection, competition)
    return competition.model_copy(update={"layout": layout, "variant": variant})


def variant_of(detection: Detection, competition: CompetitionConfig) -> str:
    """The variant that the settings force, that belongs to the slug, or whose files these are.

    Raises:
        ConfigError: The layout has no such variant.
    """
    if competition.variant == "auto":
        spec = find_spec(competition.slug)
        is_known = spec is not None and spec.layout == detection.layout and spec.variant != "auto"
        return spec.variant if spec is not None and is_known else detection.variant
    variants = named.layout_named(detection.layout).variants
    if competition.variant not in variants:
        hint = nearest_hint(competition.variant, variants) or f"; known: {', '.join(variants)}"
        raise ConfigError(
            f"competition.variant: the layout {detection.layout} has no variant '{competition.variant}'{hint}"
        )
    return competition.variant


def _named_layout(competition: CompetitionConfig) -> str:
    """The layout that the settings force or that belongs to the slug; the demo's is free."""
    spec = find_spec(competition.slug)
    if competition.layout == "auto" and spec is not None and competition.slug != DEMO_SLUG:
        return spec.layout
    return competition.layout
