"""kaggle-face: from a face competition's download to a scored submission."""

from __future__ import annotations

__version__ = "0.1.0"
