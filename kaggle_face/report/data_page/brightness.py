"""Brightness and sharpness of the pictures, with those at the ends."""

from __future__ import annotations

import numpy as np

from kaggle_face.records import FloatArray
from kaggle_face.report.blocks import Card, Cards, Figure
from kaggle_face.report.data_page.facts import DataFacts
from kaggle_face.report.document.histograms import share_histogram
from kaggle_face.report.pictures import BRIGHTNESS_UNIT, SHARPNESS_UNIT, PictureStatistics, picture_of
from kaggle_face.report.section import Content, LeftOut, PageSection

MOST_CARDS = 10


def build(facts: DataFacts) -> Content:
    """Distributions of both by split, and the darkest, brightest and most blurred pictures."""
    measured = {split: found for split, found in facts.pictures.items() if len(found)}
    if not measured:
        return LeftOut("no picture can be read")
    ids = np.concatenate([found.image_ids for found in measured.values()])
    splits = np.repeat(list(measured), [len(found) for found in measured.values()])
    brightness = np.concatenate([found.brightness for found in measured.values()])
    sharpness = np.concatenate([found.sharpness for found in measured.values()])

    def cards(title: str, order: FloatArray, values: FloatArray, name: str) -> Cards:
        shown = []
        for row in np.argsort(order, kind="stable")[:MOST_CARDS].tolist():
            image, split = str(ids[row]), splits[row]
            picture = picture_of(facts.cache, image, f"{image}, {split}")
            shown.append(Card((picture,), f"{name} {values[row]:.3g}", (image, f"split {split}")))
        return Cards(title, tuple(shown))

    return (
        _chart(measured, "Brightness", BRIGHTNESS_UNIT),
        _chart(measured, "Sharpness", SHARPNESS_UNIT),
        cards("Darkest pictures", brightness, brightness, "brightness"),
        cards("Brightest pictures", -brightness, brightness, "brightness"),
        cards("Most blurred pictures", sharpness, sharpness, "sharpness"),
    )


def _chart(measured: dict[str, PictureStatistics], title: str, unit: str) -> Figure:
    sets = [
        (split, found.brightness if title == "Brightness" else found.sharpness)
        for split, found in measured.items()
    ]
    means = ", ".join(f"{values.mean():.3g} of {split}" for split, values in sets)
    sizes = ", ".join(
        f"{len(found):,} of {found.num_images:,} of {split}" for split, found in measured.items()
    )
    return share_histogram(title, unit, sets, f"Means: {means}. Measured: {sizes}.")


SECTION = PageSection(
    "brightness",
    "Brightness and sharpness",
    "Where the curves of two splits lie apart the test set shows what training did not; augmentation "
    "can cover it. An even picture at an end is often a broken one.",
    build,
)
