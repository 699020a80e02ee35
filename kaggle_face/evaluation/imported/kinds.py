"""Kinds of values and of class names in a file of predictions; quick to import, for the command line."""

from __future__ import annotations

from typing import Literal

ClassNaming = Literal["name", "submitted", "index"]
CLASS_NAMINGS: tuple[ClassNaming, ...] = ("name", "submitted", "index")
"""How columns name classes: as the folders, as a submission, or by the number of the class from 0."""

ValueKind = Literal["probabilities", "logits", "scores"]
VALUE_KINDS: tuple[ValueKind, ...] = ("probabilities", "logits", "scores")
"""What the numbers are; scores are those of pairs."""
