"""Training pictures against test pictures: brightness, sharpness, and near-copies of each other."""

from __future__ import annotations

from kaggle_face.errors import counted
from kaggle_face.records import FloatArray
from kaggle_face.report.blocks import Block, Card, Cards, Column, Paragraph, Table
from kaggle_face.report.document.histograms import share_histogram
from kaggle_face.report.facts import ReportFacts
from kaggle_face.report.pictures import PictureStatistics, near_copies, picture_of
from kaggle_face.report.section import Content, LeftOut, Section

MOST_COPIES = 16


def build(facts: ReportFacts) -> Content:
    """Histograms of both properties, a table of means, and the copies."""
    train, test = facts.train_pictures, facts.test_pictures
    if train is None or test is None:
        return LeftOut(facts.missing.get("pictures", "the pictures are not at hand"))
    if not len(train) or not len(test):
        return LeftOut("there are no training pictures or no test pictures to compare")
    properties = (
        ("Brightness", "mean grey value, 0 black to 1 white", train.brightness, test.brightness),
        ("Sharpness", "deviation of the Laplacian; lower is more blurred", train.sharpness, test.sharpness),
    )
    blocks: list[Block] = [
        share_histogram(title, unit, (("training", one), ("test", other)), _means(one, other))
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
    blocks.append(_copies(facts, train, test))
    return tuple(blocks)


def _counted(found: PictureStatistics) -> str:
    return f"{len(found):,} of {found.num_images:,}" if len(found) != found.num_images else f"{len(found):,}"


def _means(train: FloatArray, test: FloatArray) -> str:
    return f"Mean {train.mean():.3g} of training and {test.mean():.3g} of test pictures."


def _copies(facts: ReportFacts, train: PictureStatistics, test: PictureStatistics) -> Block:
    copies = near_copies(train, test)
    if not copies:
        return Paragraph(
            "No test picture is a near-copy of a training picture (hashes that differ in at most "
            "3 of 64 bits, correlation from 0.95 on)."
        )
    cards = tuple(
        Card(
            (
                picture_of(facts.cache, first, f"{first}, in training"),
                picture_of(facts.cache, second, f"{second}, in the test set"),
            ),
            second,
            (f"like {first}",),
        )
        for first, second in copies[:MOST_COPIES]
    )
    note = (
        f"{len(cards)} of {counted(len(copies), 'test picture')}, each like a training picture (hashes that "
        "differ in at most 3 of 64 bits, correlation from 0.95 on)."
    )
    return Cards("Near-copies between training and test", cards, note)


SECTION = Section(
    "shift",
    "Training against test pictures",
    "Where the two curves lie apart the test asks for what training did not show; augmentation can cover it.",
    build,
)
