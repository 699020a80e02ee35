"""Training pictures against test pictures: brightness, sharpness, and near-copies of each other."""

from __future__ import annotations

from kaggle_face.errors import counted
from kaggle_face.report.blocks import Block, Card, Cards, Column, Paragraph, Table
from kaggle_face.report.document.histograms import share_histogram
from kaggle_face.report.facts import ReportFacts
from kaggle_face.report.pictures import BRIGHTNESS_UNIT, SHARPNESS_UNIT, PictureStatistics, picture_of
from kaggle_face.report.section import Content, LeftOut, Section

MOST_COPIES = 16
_HOW = "hashes that differ in at most 3 of 64 bits, correlation from 0.95 on"


def build(facts: ReportFacts) -> Content:
    """Histograms of both properties, a table of means, and the copies."""
    train, test = facts.train_pictures, facts.test_pictures
    if train is None or test is None:
        return LeftOut(facts.missing.get("pictures", "the pictures are not at hand"))
    if not len(train) or not len(test):
        return LeftOut("there are no training pictures or no test pictures to compare")
    properties = (
        ("Brightness", BRIGHTNESS_UNIT, train.brightness, test.brightness),
        ("Sharpness", SHARPNESS_UNIT, train.sharpness, test.sharpness),
    )
    blocks: list[Block] = [
        share_histogram(
            title,
            unit,
            (("training", one), ("test", other)),
            f"Mean {one.mean():.3g} of training and {other.mean():.3g} of test pictures.",
        )
        for title, unit, one, other in properties
    ]
    rows = tuple(
        (
            title,
            float(one.mean()),
            float(other.mean()),
            float((other.mean() - one.mean()) / one.std()) if one.std() > 0 else None,
        )
        for title, _, one, other in properties
    )
    columns = (
        Column("property"),
        Column("training", 3, "number"),
        Column("test", 3, "number"),
        Column("shift in deviations", 2, "number"),
    )
    measured = f"{_counted(train)} training and {_counted(test)} test pictures"
    blocks.append(Table("Means", columns, rows, f"Of {measured}."))
    blocks.append(_copies(facts))
    return tuple(blocks)


def _counted(found: PictureStatistics) -> str:
    return f"{len(found):,} of {found.num_images:,}" if len(found) != found.num_images else f"{len(found):,}"


def _copies(facts: ReportFacts) -> Block:
    if not facts.copies:
        return Paragraph(f"No test picture is a near-copy of a training picture ({_HOW}).")
    cards = tuple(
        Card(
            (
                picture_of(facts.cache, first, f"{first}, in training"),
                picture_of(facts.cache, second, f"{second}, in the test set"),
            ),
            second,
            (f"like {first}",),
        )
        for first, second in facts.copies[:MOST_COPIES]
    )
    found = counted(len(facts.copies), "test picture")
    shown = found if len(cards) == len(facts.copies) else f"{len(cards)} of {found}"
    note = f"{shown} like a training picture ({_HOW})."
    return Cards("Near-copies between training and test", cards, note)


SECTION = Section(
    "shift",
    "Training against test pictures",
    "Where the two curves lie apart the test set shows what training did not; augmentation can cover it.",
    build,
)
