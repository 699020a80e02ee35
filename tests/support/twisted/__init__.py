"""Own data in shapes nobody planned for, each with a twist, as a table of generated data sets."""

from __future__ import annotations

from tests.support.own_shapes import SHAPES
from tests.support.twisted.folders import FOLDERS
from tests.support.twisted.image_tables import TABLES
from tests.support.twisted.pairs import PAIRS
from tests.support.twisted.published import PUBLISHED

TWISTED = (*TABLES, *FOLDERS, *PAIRS, *PUBLISHED)
ALL = (*SHAPES, *TWISTED)
