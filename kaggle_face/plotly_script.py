"""The script of plotly, which HTML files carry inside: the only file that imports the package."""

from __future__ import annotations

import re

from kaggle_face.errors import MissingExtraError

_END_OF_SCRIPT = re.compile("</(script)", re.IGNORECASE)


def plotly_script() -> str:
    """The JavaScript of plotly, about 5 MB, fit for a script element.

    Raises:
        MissingExtraError: The extra `report` is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtraError("plotly", "report") from error
    return _END_OF_SCRIPT.sub(r"<\\/\1", str(get_plotlyjs()))
