"""All layouts, by name. A new one is a file beside this one and a line in `LAYOUTS`."""

from __future__ import annotations

from kaggle_face.competitions.layouts.csv_pairs import CsvPairs
from kaggle_face.competitions.layouts.custom import Custom
from kaggle_face.competitions.layouts.gallery import GallerySearch
from kaggle_face.competitions.layouts.kinship import Kinship
from kaggle_face.competitions.layouts.layout import Layout
from kaggle_face.competitions.layouts.listed_pairs import ListedPairs
from kaggle_face.competitions.layouts.pair_text import PairText
from kaggle_face.competitions.layouts.thumbnails import Thumbnails
from kaggle_face.competitions.layouts.top_k import TopK
from kaggle_face.config.competition import layout_name
from kaggle_face.errors import ConfigError, nearest_hint

LAYOUTS: tuple[Layout, ...] = (
    Thumbnails(),
    ListedPairs(),
    # Before CsvPairs: their classification folders look the same, and the four editions of this are likelier.
    GallerySearch(),
    CsvPairs(),
    PairText(),
    Kinship(),
    TopK(),
)
CUSTOM = Custom()
"""The layout of own data, which is never detected: settings name it."""


def find_layout(name: str) -> Layout | None:
    """The layout of a name, or of the letter that it had; None where there is none."""
    return next((layout for layout in (*LAYOUTS, CUSTOM) if layout.name == layout_name(name)), None)


def layout_named(name: str) -> Layout:
    """The layout of a name, or of the letter that it had.

    Raises:
        ConfigError: There is none; the nearest names are offered.
    """
    layout = find_layout(name)
    if layout is None:
        names = [layout.name for layout in (*LAYOUTS, CUSTOM)]
        hint = nearest_hint(name, names) or f"; known: auto, {', '.join(names)}"
        raise ConfigError(f"competition.layout: there is no layout '{name}'{hint}")
    return layout
