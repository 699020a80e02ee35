"""A contact sheet of each split: an even choice of its pictures."""

from __future__ import annotations

from kaggle_face.report.blocks import Block, Picture, Sheet
from kaggle_face.report.data_page.facts import DataFacts
from kaggle_face.report.pictures import evenly, picture_uris
from kaggle_face.report.section import Content, LeftOut, PageSection

MOST_PICTURES = 60


def build(facts: DataFacts) -> Content:
    """The pictures of each split with the identity, or else the file."""
    if facts.cache is None:
        return LeftOut("no picture can be read")
    blocks: list[Block] = []
    for split in facts.splits:
        rows = (facts.faces.splits == split).nonzero()[0]
        chosen = rows[evenly(len(rows), MOST_PICTURES)].tolist()
        ids = [str(facts.faces.image_ids[row]) for row in chosen]
        names = [
            facts.identity_of(row) or image.rpartition("/")[2] for row, image in zip(chosen, ids, strict=True)
        ]
        texts = [f"picture {image} of the split {split}" for image in ids]
        pictures = map(Picture, picture_uris(facts.cache, ids), texts)
        note = f"{len(chosen):,} of {len(rows):,} pictures."
        blocks.append(Sheet(f"Split {split}", tuple(zip(pictures, names, strict=True)), note))
    return tuple(blocks)


SECTION = PageSection(
    "contact-sheets",
    "Contact sheets",
    "The pictures as they are trained on and predicted, before augmentation: are the faces whole, upright "
    "and of one size, and are all splits of one kind?",
    build,
)
