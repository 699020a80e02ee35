"""Heads, losses and CutMix compared on one's own faces."""
