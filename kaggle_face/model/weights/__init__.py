"""Weights on disk: our own checkpoints and those of other programs."""
